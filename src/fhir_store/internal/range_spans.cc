#include "fhir_store/internal/range_spans.h"

#include <utility>

#include "base/check.h"

namespace tarn::fhir_store {
namespace {

// The spans of one kind, made level by level.
class Cover {
 public:
  Cover(const BucketAxis& axis, const BucketKind& kind, PlanNode* node)
      : axis_(axis), kind_(kind), node_(*node) {}

  // Both ends are in one bucket of the level above; at level 0 either may be missing.
  void Between(int level, const std::optional<RangeEnd>& low, const std::optional<RangeEnd>& high) {
    if (!low && !high) return Sure(LevelByte(level), LevelByte(level));
    if (!high) return From(level, *low, Limit{LevelByte(level), true});
    if (!low) return To(level, LevelByte(level), *high);
    const std::string first = axis_.Bucket(level, low->value);
    const std::string last = axis_.Bucket(level, high->value);
    if (first > last) return;
    if (first < last) {
      From(level, *low, Before(last));
      return CutEnd(level, *high);
    }
    const bool from_start = low->included && axis_.IsFirstIn(level, low->value);
    const bool to_end = high->included && axis_.IsLastIn(level, high->value);
    if (from_start && to_end) return Sure(first, first);
    if (IsEmptyAt(level, *low) || IsEmptyAt(level, *high)) return;
    Open(level, first);
    if (level + 1 < kind_.levels) Between(level + 1, low, high);
  }

 private:
  struct Limit {
    std::string bucket;
    bool included = true;
  };
  static std::string LevelByte(int level) { return std::string(1, static_cast<char>(level)); }
  static Limit Before(std::string bucket) { return {std::move(bucket), false}; }

  // Buckets of the level from the low end up to `last`; a level byte alone stands for all.
  void From(int level, const RangeEnd& low, Limit last) {
    const std::string bucket = axis_.Bucket(level, low.value);
    const bool whole = low.included && axis_.IsFirstIn(level, low.value);
    Span(whole ? Limit{bucket, true} : Limit{bucket, false}, std::move(last));
    if (whole || IsEmptyAt(level, low)) return;
    Open(level, bucket);
    if (level + 1 == kind_.levels) return;
    From(level + 1, low, Limit{axis_.LastBucketWithin(level + 1, low.value), true});
  }
  void To(int level, std::string all, const RangeEnd& high) {
    const std::string bucket = axis_.Bucket(level, high.value);
    Span({std::move(all), true}, {bucket, false});
    CutEnd(level, high);
  }
  // The bucket of the high end: whole, or what is in it up to the end.
  void CutEnd(int level, const RangeEnd& high) {
    const std::string bucket = axis_.Bucket(level, high.value);
    if (high.included && axis_.IsLastIn(level, high.value)) return Sure(bucket, bucket);
    if (IsEmptyAt(level, high)) return;
    Open(level, bucket);
    if (level + 1 == kind_.levels) return;
    Span({axis_.FirstBucketWithin(level + 1, high.value), true},
         {axis_.Bucket(level + 1, high.value), false});
    CutEnd(level + 1, high);
  }

  // An excluded end that is alone in its bucket leaves nothing of it.
  bool IsEmptyAt(int level, const RangeEnd& end) const {
    return !end.included && axis_.IsFirstIn(level, end.value) && axis_.IsLastIn(level, end.value);
  }

  void Span(const Limit& first, const Limit& last) {
    KeySpan span;
    const std::string prefix(kind_.prefix);
    span.begin =
        first.included ? prefix + first.bucket : kv::PrefixRange(prefix + first.bucket).end;
    span.end = last.included ? kv::PrefixRange(prefix + last.bucket).end : prefix + last.bucket;
    if (span.begin < span.end) node_.sure_spans.push_back(std::move(span));
  }
  void Sure(const std::string& first, const std::string& last) {
    if (first == last && first.size() > 1) {
      node_.sure_spans.push_back(SpanOfPosting(std::string(kind_.prefix) + first));
    } else {
      Span({first, true}, {last, true});
    }
  }
  void Open(int level, const std::string& bucket) {
    if (level != kind_.cut_level) return;
    node_.open_spans.push_back(SpanOfPosting(std::string(kind_.prefix) + bucket));
  }

  const BucketAxis& axis_;
  const BucketKind& kind_;
  PlanNode& node_;
};

AxisRange AtLeast(const std::string& value) { return {.low = RangeEnd{value, true}, .high = {}}; }
AxisRange Above(const std::string& value) { return {.low = RangeEnd{value, false}, .high = {}}; }
AxisRange AtMost(const std::string& value) { return {.low = {}, .high = RangeEnd{value, true}}; }
AxisRange Below(const std::string& value) { return {.low = {}, .high = RangeEnd{value, false}}; }

}  // namespace

void AddRangeSpans(const BucketAxis& axis, const BucketKind& kind, const AxisRange& range,
                   PlanNode* node) {
  if (range.low && range.high && range.low->value > range.high->value) return;
  Cover(axis, kind, node).Between(0, range.low, range.high);
}

EndConditions ConditionsOf(fhir::Prefix prefix, const std::string& low, const std::string& high) {
  switch (prefix) {
    case fhir::Prefix::kEq:
      return {.of_low = AtLeast(low), .of_high = AtMost(high), .both = true};
    case fhir::Prefix::kNe:
      return {.of_low = Below(low), .of_high = Above(high), .both = false};
    case fhir::Prefix::kGt:
      return {.of_low = {}, .of_high = Above(high), .both = false};
    case fhir::Prefix::kLt:
      return {.of_low = Below(low), .of_high = {}, .both = false};
    case fhir::Prefix::kGe:
      return {.of_low = {}, .of_high = AtLeast(low), .both = false};
    case fhir::Prefix::kLe:
      return {.of_low = AtMost(high), .of_high = {}, .both = false};
    case fhir::Prefix::kSa:
      return {.of_low = Above(high), .of_high = {}, .both = false};
    case fhir::Prefix::kEb:
      return {.of_low = {}, .of_high = Below(low), .both = false};
    case fhir::Prefix::kAp:
      return {.of_low = AtMost(high), .of_high = AtLeast(low), .both = true};
  }
  return {};
}

}  // namespace tarn::fhir_store
