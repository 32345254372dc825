// What a search of a data store is asked and answers: FhirStore::Search (fhir_store.h).
// Spec: FHIR R4 "Search". How it works, bounds and costs: docs/internals/fhir-search.md.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/index_values.h"
#include "fhir/operation_outcome.h"
#include "fhir/resource.h"
#include "fhir/search_parameters.h"
#include "fhir/search_query.h"

namespace tarn::fhir_store {

struct Version {
  fhir::TypeId type = fhir::kNoType;
  std::string id;
  uint64_t version_id = 0;
  int64_t last_updated_unix_ms = 0;
  bool deleted = false;
  std::string body;  // JSON as served; empty when deleted.
  // Of a search with _containedType=contained: the id of what is found within this resource, which
  // `body` then is.
  std::string contained_id = {};
};

// What resources are found by. Made once and shared by all data stores that have no parameters of
// their own: compiling it takes a moment.
struct SearchDefinitions {
  fhir::SearchParameterSet parameters;
  std::unique_ptr<const fhir::Extractor> extractor;  // Not null.

  // The search parameters of R4. Errors: kInternal.
  static Result<std::shared_ptr<const SearchDefinitions>> Make();
};

// A SearchParameter of the store's own that is not in force yet: the index is being filled for it.
struct ParameterProgress {
  std::string code;
  std::string url;
  fhir::SearchType type = fhir::SearchType::kSpecial;
  std::vector<fhir::TypeId> bases;
  uint64_t done = 0;  // Resources.
  uint64_t all = 0;
};

// Bounds of one query. Beyond any of them: kTooLarge, naming it ("too-costly" in FHIR's words).
struct SearchLimits {
  uint64_t keys_max = 2'000'000;           // Posting keys read.
  uint64_t bodies_max = 100'000;           // Bodies read to decide or to sort.
  uint64_t memory_bytes_max = 256u << 20;  // Of bitmaps.
  int64_t time_ms_max = 10'000;
  uint32_t includes_max = 1'000;  // Included resources of a page; the rest is left out, and said.
};

inline constexpr uint64_t kHealthLakeChainMax = 100;

// When a page is looked for piece by piece, and when resources are read instead of keys. The
// defaults were measured; tests set them so that small stores take every way.
struct SearchTuning {
  // Keys that the sets of all results may take. Beyond, windows of ordinals are worked on until the
  // page is full, and the page has no total.
  uint64_t keys_at_once = 100;
  // Of the first window; each one is four times as large as the one before it.
  uint64_t window_ordinals = 65'536;
  // Conditions that take more keys than this in a window are left open at first: that many results
  // are looked at one by one before their sets are read after all.
  uint64_t keys_of_a_condition = 64;
  uint64_t looks_instead = 100;
  // Up to here results are read one by one to sort them; beyond, the index is walked in order.
  uint64_t few_to_sort = 400;
  // Whether chains and reverse chains may be left to be decided result by result, where many pass.
  bool defer_chains = true;
  // Chains are left open whatever it costs.
  bool always_defer = false;
};

struct SearchRequest {
  // As parsed, without errors; `page_token` and `count` are taken from it. Must outlive the call.
  const fhir::SearchQuery* query = nullptr;
  // HealthLake's: strings are compared with case and accents, and no step of a chain may find more
  // than kHealthLakeChainMax resources (kTooLarge).
  fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
  // What it was parsed with (FhirStore::search_definitions); null: what is in force now.
  std::shared_ptr<const SearchDefinitions> definitions;
  uint32_t count_default = 10;  // Matches of a page when the query states none.
  uint32_t count_max = 1'000;   // A larger `count` is taken as this.
  SearchLimits limits;
  SearchTuning tuning;
  // Asked often; true ends the search with kTimeout. Empty: never.
  std::function<bool()> cancelled;
  // Receives the plan with estimated and actual numbers as one JSON object, when the query asks for
  // it or when it is too costly. May be null.
  std::string* plan = nullptr;
};

struct SearchPage {
  // In the order asked for; of a first `_summary=count` page: none.
  std::vector<Version> matches;
  // Resources that includes add, each once and none that is a match of this page.
  std::vector<Version> includes;
  // Matches of all pages. Stated when the query asks for `_total=accurate` or `estimate`, when it
  // is `_summary=count`, or when it is known without further cost.
  std::optional<uint64_t> total;
  bool total_is_estimate = false;
  // For the next page's `page` parameter, URL-safe, at most 400 characters. Empty: the last page.
  std::string next_token;
  // What the reader should know: includes that were left out, membership that was given up.
  std::vector<fhir::Issue> notes;
};

}  // namespace tarn::fhir_store
