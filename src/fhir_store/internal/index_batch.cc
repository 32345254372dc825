#include "fhir_store/internal/index_batch.h"

#include <algorithm>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_writer.h"
#include "kv/bits.h"

namespace tarn::fhir_store {

void IndexBatch::Create(fhir::TypeId type, Ordinal ordinal, const PostingKeys& keys) {
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view key = keys[i];
    created_.AddNew(key, hash_(key), ordinal);
  }
  SetLive(type, ordinal, true);
}

void IndexBatch::Change(Ordinal ordinal, const PostingKeys& before, const PostingKeys& after) {
  ForEachDifference(before, after, [&](std::string_view key, bool added) {
    changed_.Change(key, ordinal, added);
  });
}

void IndexBatch::SetLive(fhir::TypeId type, Ordinal ordinal, bool live) {
  Chunk& chunk = live_[LiveKey(type, ordinal / kChunkOrdinals)];
  (live ? chunk.add : chunk.remove).push_back(static_cast<uint16_t>(ordinal % kChunkOrdinals));
}

Status IndexBatch::AppendCreated(kv::Batch* batch, const std::function<Status()>& take) const {
  return created_.ForEachChunk([&](std::string_view key, const kv::BitsDelta& delta) -> Status {
    batch->MergeBits(kPosting, key, delta);
    return take();
  });
}

Status IndexBatch::AppendChanged(kv::Batch* batch) const {
  for (const auto& [key, chunk] : live_) {
    std::vector<uint16_t> add = chunk.add;
    std::vector<uint16_t> remove = chunk.remove;
    std::sort(add.begin(), add.end());
    std::sort(remove.begin(), remove.end());
    batch->MergeBits(kLive, key, {.add = add, .remove = remove});
  }
  return changed_.ForEachChunk([batch](std::string_view key, const kv::BitsDelta& delta) {
    batch->MergeBits(kPosting, key, delta);
    return Ok();
  });
}

}  // namespace tarn::fhir_store
