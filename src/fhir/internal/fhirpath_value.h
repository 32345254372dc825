// FHIRPath's System values: decimals, dates and times of partial precision, quantities.
// Spec: FHIRPath N1 "Literals", "Date/Time Arithmetic", "Conversion".
//
// A PathItem holds small values in itself; quantities and made strings live in a PathArena, which
// the evaluator empties before each evaluation.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/decimal.h"
#include "fhir/fhirpath.h"

namespace tarn::fhir {

// A number with a unit. Calendar durations written as a keyword (7 days) are not UCUM's: a year and
// a month have no length of their own.
struct PathItem::QuantityValue {
  Decimal128 value;
  uint8_t digits;  // After the point of `value`.
  bool calendar;   // `unit` is a keyword: "year", "days".
  Text unit;       // UCUM code or keyword; "1" for none.
};

namespace internal {

// Precision of dates and times, PathItem::detail. A fraction of a second is one unit with it.
enum TimePrecision : uint8_t {
  kYear = 1,
  kMonth = 2,
  kDay = 3,
  kHour = 4,
  kMinute = 5,
  kSecond = 6,
  kMillisecond = 7,
};

inline constexpr int kDecimalDigitsAfterPointMax = 100;

// Texts and quantities made by an evaluation or held by a program.
class PathArena {
 public:
  explicit PathArena(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // False when the memory limit is passed; *out is then empty.
  bool Keep(std::string text, std::string_view* out);
  const PathItem::QuantityValue* Keep(const PathItem::QuantityValue& quantity);
  void Clear();
  bool full() const { return bytes_ > bytes_max_; }

 private:
  uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  std::deque<std::string> texts_;
  std::deque<PathItem::QuantityValue> quantities_;
};

PathItem BooleanItem(bool value);
PathItem IntegerItem(int64_t value);
PathItem TextItem(std::string_view value);  // `value` must outlive the item.
// nullopt when the value has too many digits after the point for an item.
std::optional<PathItem> DecimalItem(const Decimal& value);
Decimal DecimalOfItem(const PathItem& item);  // kInteger or kDecimal.
Decimal DecimalOfQuantity(const PathItem::QuantityValue& quantity);
std::optional<PathItem> QuantityItem(const Decimal& value, std::string_view unit, bool calendar,
                                     PathArena* arena);
std::string_view TextOf(const PathItem::Text& text);

// `value` rounded to that many digits after the point, half away from zero.
Decimal RoundDecimal(const Decimal& value, int digits);
Decimal FloorDecimal(const Decimal& value, int digits);         // Towards minus infinity.
Decimal TruncateDecimal(const Decimal& value);                  // To an integer, towards zero.
std::optional<int64_t> IntegerOfDecimal(const Decimal& value);  // When it is one and fits.
double DoubleOfDecimal(const Decimal& value);
std::optional<Decimal> DecimalOfDouble(double value);  // Shortest text; nullopt: not finite.
Decimal StripZeros(const Decimal& value);              // 1.500 becomes 1.5, 100 stays.
int DigitsAfterPoint(const Decimal& value);
// Plain notation, never an exponent: "1.50".
std::string PlainDecimalText(const Decimal& value);

// "2014", "2014-01", "2014-01-25", "2014-01-25T14", "...:30", ":12", ".345", with Z or +hh:mm after
// a time of day; kTime: from "14" on, without a zone. `kind` says which forms are allowed: a kDate
// ends at the day. nullopt: not of that form.
std::optional<PathItem> ParseTimeItem(std::string_view text, PathKind kind);
std::string TimeItemText(const PathItem& item);  // Without "@" and "T" before.
// Start of the item's range in UTC microseconds; without a zone as if it were UTC.
int64_t InstantUs(const PathItem& item);
// -1, 0, 1, or nullopt when the common precision does not decide. Both dates and times of day are
// fine, but not mixed.
std::optional<int> CompareTimes(const PathItem& a, const PathItem& b);
PathItem NowItem(PathKind kind, int64_t now_unix_us, int16_t zone_minutes);

// Units of date and time arithmetic, in the order of precision.
enum class TimeUnit : uint8_t { kNone, kYear, kMonth, kWeek, kDay, kHour, kMinute, kSecond, kMs };
TimeUnit FindTimeKeyword(std::string_view word);  // "year", "years" ... "milliseconds"
// The keyword's unit, or that of UCUM's code for what has a definite length ("wk", "d", "h", "min",
// "s", "ms"); kNone for "a", "mo" and all else.
TimeUnit TimeUnitOf(const PathItem::QuantityValue& quantity);
// `item` and `sign` times the quantity. nullopt: the year leaves 1 to 9999.
std::optional<PathItem> AddTime(const PathItem& item, const Decimal& amount, TimeUnit unit,
                                int sign);

// A quantity in the canonical unit of its kind: comparable quantities have equal `unit`.
struct ComparableQuantity {
  Decimal value;
  std::string unit;
};
// `definite`: years and months count as UCUM's a and mo, for equivalence; else they are a kind of
// their own. An unknown unit is comparable with itself.
ComparableQuantity ToComparable(const PathItem::QuantityValue& quantity, bool definite);

}  // namespace internal
}  // namespace tarn::fhir
