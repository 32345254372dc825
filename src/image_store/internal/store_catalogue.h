// Descriptions of image data stores and their order, as documents of the catalogue; and tags of
// image sets, as documents of the data store that holds them. Threads: every method may be called
// from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image_store/data_stores.h"
#include "kv/store.h"

namespace tarn::image_store {

class StoreCatalogue {
 public:
  explicit StoreCatalogue(kv::Store& store) : store_(store) {}  // Must outlive this object.

  // Errors: kNotFound, kCorrupt, kUnavailable.
  Result<DataStore> Read(std::string_view id) const;
  Result<DataStorePage> List(const DataStoreFilter& filter) const;
  // Data stores in a status that counts against the limit.
  Result<uint32_t> CountLiving() const;

  // Adds a new description, with its place in the order.
  static void AddNew(const DataStore& store, kv::Batch* batch);
  // Replaces the description whose revision is `store.revision`.
  static void AddChange(const DataStore& store, kv::Batch* batch);

  Result<uint64_t> Commit(const kv::Batch& batch) { return store_.Commit(batch); }

 private:
  kv::Store& store_;
};

struct ImageSetTags {
  std::vector<Tag> tags;  // By key.
  uint64_t revision = 0;  // 0: there is no document.
};
// Errors: kCorrupt, kUnavailable.
Result<ImageSetTags> ReadImageSetTags(const kv::Snapshot& snapshot, std::string_view image_set_id);
// Writes tags over those that were read with `revision`; no tags, no document.
void AddImageSetTags(std::string_view image_set_id, const ImageSetTags& tags, kv::Batch* batch);

}  // namespace tarn::image_store
