// What a data store keeps about its search index: the secret that hashes are made with, and how far
// the index is complete. Documents "index-secret" and "index-state"; docs/internals/fhir-search.md.
// Threads: every method may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "fhir_store/internal/posting_keys.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class SearchIndex {
 public:
  // Makes the documents when the store has none: a store without resources is then complete, one
  // with resources is not, and must be filled. Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<SearchIndex>> Open(kv::Store& kv, RandomSource& random);

  const PostingHash& hash() const { return *hash_; }
  // For signing page tokens; 16 bytes.
  const std::string& page_secret() const { return page_secret_; }
  // Whether every resource of the store is in the index, under the present rules.
  bool complete() const { return complete_; }
  // Adds to `batch` that it is, and says so from when the batch is committed on.
  static void AddCompletion(kv::Batch* batch);
  void SetComplete() { complete_ = true; }

  // How far a pass that fills the index is: resources.
  void SetProgress(uint64_t done, uint64_t all) {
    done_ = done;
    all_ = all;
  }
  uint64_t done() const { return done_; }
  uint64_t all() const { return all_; }

 private:
  SearchIndex() = default;

  std::optional<const PostingHash> hash_;
  std::string page_secret_;
  std::atomic<bool> complete_{false};
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> all_{0};
};

}  // namespace tarn::fhir_store
