#include "synth/ndjson_files.h"

#include <algorithm>

#include "base/check.h"

namespace tarn::synth {

void NdjsonBlocks::Add(std::string_view type, std::string_view json, const BlockSink& sink) {
  const auto found = std::lower_bound(kPatientTypes.begin(), kPatientTypes.end(), type);
  CHECK(found != kPatientTypes.end() && *found == type);
  std::string& block = blocks_[static_cast<size_t>(found - kPatientTypes.begin())];
  if (!block.empty() && block.size() + json.size() + 1 > block_bytes_) {
    sink(type, block);
    block.clear();
  }
  block.append(json);
  block.push_back('\n');
}

void NdjsonBlocks::Flush(const BlockSink& sink) {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i].empty()) continue;
    sink(kPatientTypes[i], blocks_[i]);
    blocks_[i].clear();
  }
}

}  // namespace tarn::synth
