// Which buckets a range of an ordered parameter is made of: coarse ones inside, finer ones towards
// its ends, and the ones that an end cuts, whose members are open.
// Threads: functions may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fhir/search_query.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/search_plan.h"

namespace tarn::fhir_store {

// One end of a range, as a value of the axis (BucketAxis).
struct RangeEnd {
  std::string value;
  bool included = true;
};

// The range from `low` to `high`; an empty end is open.
struct AxisRange {
  std::optional<RangeEnd> low;
  std::optional<RangeEnd> high;
};

// Adds to `node` the spans of one kind of keys: those of `prefix`, an AppendPostingPrefix.
// `levels`: how many the kind has; `cut_level`: the level at which every member has a bucket, so
// that what an end cuts is found there.
struct BucketKind {
  std::string_view prefix;
  int levels = 0;
  int cut_level = 0;
};
void AddRangeSpans(const BucketAxis& axis, const BucketKind& kind, const AxisRange& range,
                   PlanNode* node);

// What a prefix asks of a resource's value [l, e], both ends included, for a query [low, high].
struct EndConditions {
  std::optional<AxisRange> of_low;   // l lies in it.
  std::optional<AxisRange> of_high;  // e lies in it.
  bool both = false;                 // Both must hold, of one value; else either.
};
EndConditions ConditionsOf(fhir::Prefix prefix, const std::string& low, const std::string& high);

}  // namespace tarn::fhir_store
