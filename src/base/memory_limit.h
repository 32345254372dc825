// How much memory this process may take: the smallest limit of its control groups (version 1 or 2,
// its own and those above it) and the machine's own size.
#pragma once

#include <cstdint>
#include <string>

namespace tarn {

// In bytes; UINT64_MAX when nothing can be read. `root` is put before every path that is read: for
// tests.
uint64_t MemoryLimitBytes(const std::string& root = "");

}  // namespace tarn
