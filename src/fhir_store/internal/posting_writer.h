// From the values of a resource to the posting keys that name the sets it is in.
// Which value gives which keys: docs/internals/fhir-search.md, "What is written".
// Threads: a PostingWriter belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/index_values.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/search.h"
#include "json/document.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// Parameters whose values the store knows better than the text, or needs no keys for.
struct StampedParameters {
  fhir::ParameterNumber id = fhir::kNoParameter;
  fhir::ParameterNumber last_updated = fhir::kNoParameter;

  explicit StampedParameters(const fhir::SearchParameterSet& parameters);
};

// Whether what is beside a token in this composite may have keys of its own: it has two components,
// of which the first one is a token.
bool HasPairs(const fhir::SearchParameterSet& parameters, const fhir::ParameterInfo& composite);

struct PostingTimes {
  int64_t last_updated_unix_ms = 0;
  // Of version 1. Empty: keys of `createdAt` are left out, as for both sides of a difference.
  std::optional<int64_t> created_unix_ms;
};

class PostingWriter {
 public:
  // The arguments must outlive the writer. `values`: what extraction works in; making one costs
  // more than a resource does, so writers that come and go share their thread's.
  PostingWriter(const SearchDefinitions& definitions, const PostingHash& hash,
                std::string_view own_path, fhir::IndexValues& values)
      : definitions_(&definitions),
        hash_(hash),
        own_path_(own_path),
        stamped_(definitions.parameters),
        values_(values) {}

  // From now on by these; they must outlive the next calls.
  void Use(const SearchDefinitions& definitions) {
    definitions_ = &definitions;
    paired_.clear();
  }

  // Appends the keys of the resource that the document holds, whatever its own meta.lastUpdated is.
  // Errors: kTooLarge, kInvalid (the resource cannot be indexed; the detail names the parameter).
  Status Append(const json::Document& document, fhir::TypeId type, const PostingTimes& times,
                PostingKeys* keys);

 private:
  class Resource;
  // The components of a composite that may have pairs.
  using Components = std::vector<fhir::ParameterNumber>;

  const Components& PairedComponents(fhir::ParameterNumber composite);
  Status AppendPairs(fhir::ParameterNumber composite, size_t keys_max, Resource* resource,
                     PostingKeys* keys);

  const SearchDefinitions* definitions_;
  const PostingHash& hash_;
  const std::string_view own_path_;  // Of the store's StoreState. See fhir::ResourceTimes.
  const StampedParameters stamped_;
  fhir::IndexValues& values_;
  std::map<fhir::ParameterNumber, Components> paired_;  // Empty components: none.
};

// Adds to `batch` what turns the sets named by `before` into those named by `after` for one
// ordinal.
void AddPostingDifference(const PostingKeys& before, const PostingKeys& after, Ordinal ordinal,
                          kv::Batch* batch);

// Calls `visit(key, added)` for every key that only one of the lists has.
template <typename Visit>
void ForEachDifference(const PostingKeys& before, const PostingKeys& after, const Visit& visit) {
  const auto old_keys = before.Sorted();
  const auto new_keys = after.Sorted();
  auto old_key = old_keys.begin();
  auto new_key = new_keys.begin();
  while (old_key != old_keys.end() || new_key != new_keys.end()) {
    if (new_key == new_keys.end() || (old_key != old_keys.end() && *old_key < *new_key)) {
      visit(*old_key++, false);
    } else if (old_key == old_keys.end() || *new_key < *old_key) {
      visit(*new_key++, true);
    } else {
      ++old_key;
      ++new_key;
    }
  }
}

}  // namespace tarn::fhir_store
