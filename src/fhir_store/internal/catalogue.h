// Keys and documents of the catalogue: descriptions of data stores, their order, client tokens.
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

inline constexpr kv::Family kCatalogueDocument = 0;

// What a token made: for a data store its own id, for a job the store's and the job's.
struct TokenRecord {
  std::string fingerprint;
  std::string store_id;
  std::string job_id;
  uint64_t revision = 0;
};

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

  // Empty when the token was never used. `operation`: "create", "import", "export".
  Result<std::optional<TokenRecord>> ReadToken(std::string_view operation,
                                               std::string_view token) const;
  // Writes a record over the one that was read (`previous`), if any.
  static void AddToken(std::string_view operation, std::string_view token,
                       const TokenRecord& record, const std::optional<TokenRecord>& previous,
                       kv::Batch* batch);
  static void RemoveToken(std::string_view operation, std::string_view token,
                          const TokenRecord& record, kv::Batch* batch);

  Result<uint64_t> Commit(const kv::Batch& batch) { return store_.Commit(batch); }

 private:
  kv::Store& store_;
};

}  // namespace tarn::fhir_store
