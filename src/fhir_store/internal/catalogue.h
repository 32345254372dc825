// Keys and documents of the catalogue: descriptions of data stores and their order.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir_store/data_stores.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class Catalogue {
 public:
  explicit Catalogue(kv::Store& store) : store_(store) {}  // Must outlive this object.

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

}  // namespace tarn::fhir_store
