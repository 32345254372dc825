// The order of results: sort keys of resources, and how they compare.
//
// A resource sorts by the least of its values when ascending, by the greatest when descending;
// without a value it comes last in both. Tokens compare by their code without case. References
// compare by type and id of what they lead to; those that lead to nothing in the store are none.
// Threads: functions may be called from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/index_values.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/keys.h"

namespace tarn::fhir_store {

// Bytes of all sort values of one resource together; longer ones are cut, and ordinals decide.
inline constexpr size_t kSortBytesMax = 160;

// Where a result is in the order of its query.
struct ResultPlace {
  std::vector<std::optional<std::string>> values;  // One for each sort key.
  fhir::TypeId type = fhir::kNoType;
  Ordinal ordinal = 0;
};

struct ResultItem {
  ResultPlace place;
  std::optional<uint32_t> version;  // Not the newest one: what held when paging began.
};

// Whether the store has or had a resource.
using Exists = std::function<Result<bool>(fhir::TypeId type, std::string_view id)>;
// The values that a resource sorts by. Errors: those of `exists`.
Result<std::vector<std::optional<std::string>>> SortValuesOf(const std::vector<fhir::SortKey>& sort,
                                                             const fhir::IndexValues& values,
                                                             const Exists& exists);
// The sort value of a reference to a resource.
std::string ReferenceSortValue(fhir::TypeId type, std::string_view id);
// Whether `a` comes before `b`.
bool ComesBefore(const std::vector<fhir::SortKey>& sort, const ResultPlace& a,
                 const ResultPlace& b);

}  // namespace tarn::fhir_store
