// Tasks that need each other, on a few threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace tarn::arazzo {

// Calls run(i) for every i once, after all of needs[i] (indices below i), the lowest first; returns
// when all have ended. When one returns false, no further one is begun. The caller's thread takes
// part; others are started while *threads, which counts those of the whole process part, is below
// `threads_max`. What a task wrote is seen by those that need it and by the caller.
void RunTasks(const std::vector<std::vector<size_t>>& needs, uint32_t threads_max,
              std::atomic<uint32_t>* threads, const std::function<bool(size_t)>& run);

}  // namespace tarn::arazzo
