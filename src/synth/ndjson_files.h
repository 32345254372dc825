// Gathers generated resources into blocks of NDJSON by type, ready to be appended to one file for
// each type. Pure: where blocks go is the caller's business.
// Spec: newline-delimited JSON: every line, the last one too, ends with a line feed.
// Threads: one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "synth/patients.h"

namespace tarn::synth {

class NdjsonBlocks {
 public:
  // Receives whole lines of one type. `block` is valid during the call.
  using BlockSink = std::function<void(std::string_view type, std::string_view block)>;

  // Holds at most `block_bytes` for each type, or one line when that is longer.
  explicit NdjsonBlocks(size_t block_bytes = size_t{256} << 10) : block_bytes_(block_bytes) {}

  // Adds a line; passes the type's block on first if the line does not fit into it. `type` must be
  // of kPatientTypes (CHECK).
  void Add(std::string_view type, std::string_view json, const BlockSink& sink);
  // Passes on what is left.
  void Flush(const BlockSink& sink);

 private:
  const size_t block_bytes_;
  std::array<std::string, kPatientTypes.size()> blocks_;
};

}  // namespace tarn::synth
