#include "fhir/ucum.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iterator>

namespace tarn::fhir {
namespace {

// What is never converted into one another. SI's base units, and units that only a substance or a
// procedure would relate to them: equivalents, osmoles, international units, fields of view. Gray
// and sievert, degree and radian are kept apart for the same reason.
enum Dimension : uint8_t {
  kGram,
  kMole,
  kEquivalent,
  kOsmole,
  kInternationalUnit,
  kArbitraryUnit,
  kUspUnit,
  kColony,
  kPlaque,
  kMetre,
  kSecond,
  kKelvin,
  kAmpere,
  kCandela,
  kRadian,
  kDegree,
  kSievert,
  kHighPowerField,
  kLowPowerField,
  kAcidity,
  kDimensionCount,
};

constexpr std::array<std::string_view, kDimensionCount> kDimensionNames = {
    "g", "mol", "eq", "osm", "[IU]", "[arb'U]", "[USP'U]", "[CFU]", "[PFU]", "m",
    "s", "K",   "A",  "cd",  "rad",  "deg",     "Sv",      "[HPF]", "[LPF]", "[pH]"};

using Powers = std::array<int8_t, kDimensionCount>;

enum class Form : uint8_t { kMetric, kPlain, kSpecial };

struct Power {
  Dimension dimension;
  int8_t exponent;
};

// `factor` x 10^`exponent` / `divisor` of the base units.
struct Atom {
  std::string_view code;
  Form form;
  int64_t factor;
  int exponent;
  int64_t divisor;
  std::array<Power, 4> powers;  // Those with exponent 0 do not count.
};

constexpr std::array<Power, 4> kNumber = {};
constexpr std::array<Power, 4> kLength = {{{kMetre, 1}}};
constexpr std::array<Power, 4> kVolume = {{{kMetre, 3}}};
constexpr std::array<Power, 4> kMass = {{{kGram, 1}}};
constexpr std::array<Power, 4> kTime = {{{kSecond, 1}}};
constexpr std::array<Power, 4> kRate = {{{kSecond, -1}}};
constexpr std::array<Power, 4> kTemperature = {{{kKelvin, 1}}};
constexpr std::array<Power, 4> kCatalysis = {{{kMole, 1}, {kSecond, -1}}};
constexpr std::array<Power, 4> kPressure = {{{kGram, 1}, {kMetre, -1}, {kSecond, -2}}};
constexpr std::array<Power, 4> kForce = {{{kGram, 1}, {kMetre, 1}, {kSecond, -2}}};
constexpr std::array<Power, 4> kEnergy = {{{kGram, 1}, {kMetre, 2}, {kSecond, -2}}};
constexpr std::array<Power, 4> kWork = {{{kGram, 1}, {kMetre, 2}, {kSecond, -3}}};
constexpr std::array<Power, 4> kDose = {{{kMetre, 2}, {kSecond, -2}}};
constexpr std::array<Power, 4> kCharge = {{{kAmpere, 1}, {kSecond, 1}}};
constexpr std::array<Power, 4> kVoltage = {{{kGram, 1}, {kMetre, 2}, {kSecond, -3}, {kAmpere, -1}}};
constexpr std::array<Power, 4> kResistance = {
    {{kGram, 1}, {kMetre, 2}, {kSecond, -3}, {kAmpere, -2}}};
constexpr std::array<Power, 4> kConductance = {
    {{kGram, -1}, {kMetre, -2}, {kSecond, 3}, {kAmpere, 2}}};
constexpr std::array<Power, 4> kCapacity = {
    {{kGram, -1}, {kMetre, -2}, {kSecond, 4}, {kAmpere, 2}}};
constexpr std::array<Power, 4> kOptical = {{{kMetre, -1}}};

constexpr std::array<Power, 4> Own(Dimension dimension) { return {{{dimension, 1}}}; }

// UCUM 2.1, tables 2 to 20, as far as they are used in records. Sorted by code.
constexpr Atom kAtoms[] = {
    {"%", Form::kPlain, 1, -2, 1, kNumber},
    {"A", Form::kMetric, 1, 0, 1, Own(kAmpere)},
    {"Ao", Form::kPlain, 1, -10, 1, kLength},
    {"Bq", Form::kMetric, 1, 0, 1, kRate},
    {"C", Form::kMetric, 1, 0, 1, kCharge},
    {"Cel", Form::kSpecial, 1, 0, 1, kTemperature},
    {"Ci", Form::kMetric, 37, 9, 1, kRate},
    {"F", Form::kMetric, 1, -3, 1, kCapacity},
    {"Gy", Form::kMetric, 1, 0, 1, kDose},
    {"Hz", Form::kMetric, 1, 0, 1, kRate},
    {"J", Form::kMetric, 1, 3, 1, kEnergy},
    {"K", Form::kMetric, 1, 0, 1, kTemperature},
    {"L", Form::kMetric, 1, -3, 1, kVolume},
    {"N", Form::kMetric, 1, 3, 1, kForce},
    {"Ohm", Form::kMetric, 1, 3, 1, kResistance},
    {"Pa", Form::kMetric, 1, 3, 1, kPressure},
    {"S", Form::kMetric, 1, -3, 1, kConductance},
    {"Sv", Form::kMetric, 1, 0, 1, Own(kSievert)},
    {"U", Form::kMetric, 1, -6, 60, kCatalysis},
    {"V", Form::kMetric, 1, 3, 1, kVoltage},
    {"W", Form::kMetric, 1, 3, 1, kWork},
    {"[CFU]", Form::kMetric, 1, 0, 1, Own(kColony)},
    {"[Cal]", Form::kPlain, 4184, 3, 1, kEnergy},
    {"[HPF]", Form::kPlain, 1, 0, 1, Own(kHighPowerField)},
    {"[IU]", Form::kMetric, 1, 0, 1, Own(kInternationalUnit)},
    {"[LPF]", Form::kPlain, 1, 0, 1, Own(kLowPowerField)},
    {"[PFU]", Form::kMetric, 1, 0, 1, Own(kPlaque)},
    {"[USP'U]", Form::kMetric, 1, 0, 1, Own(kUspUnit)},
    {"[arb'U]", Form::kMetric, 1, 0, 1, Own(kArbitraryUnit)},
    {"[cup_us]", Form::kPlain, 2'365'882'365, -13, 1, kVolume},
    {"[degF]", Form::kSpecial, 5, 0, 9, kTemperature},
    {"[diop]", Form::kPlain, 1, 0, 1, kOptical},
    {"[drp]", Form::kPlain, 5, -8, 1, kVolume},
    {"[foz_us]", Form::kPlain, 295'735'295'625, -16, 1, kVolume},
    {"[ft_i]", Form::kPlain, 3048, -4, 1, kLength},
    {"[gal_us]", Form::kPlain, 3'785'411'784, -12, 1, kVolume},
    {"[gr]", Form::kPlain, 6'479'891, -8, 1, kMass},
    {"[iU]", Form::kMetric, 1, 0, 1, Own(kInternationalUnit)},
    {"[in_i]", Form::kPlain, 254, -4, 1, kLength},
    {"[lb_av]", Form::kPlain, 45'359'237, -5, 1, kMass},
    {"[mi_i]", Form::kPlain, 1'609'344, -3, 1, kLength},
    {"[oz_av]", Form::kPlain, 28'349'523'125, -9, 1, kMass},
    {"[pH]", Form::kPlain, 1, 0, 1, Own(kAcidity)},
    {"[ppb]", Form::kPlain, 1, -9, 1, kNumber},
    {"[ppm]", Form::kPlain, 1, -6, 1, kNumber},
    {"[ppth]", Form::kPlain, 1, -3, 1, kNumber},
    {"[psi]", Form::kPlain, 44'482'216'152'605, -2, 64'516, kPressure},
    {"[pt_us]", Form::kPlain, 473'176'473, -12, 1, kVolume},
    {"[qt_us]", Form::kPlain, 946'352'946, -12, 1, kVolume},
    {"[stone_av]", Form::kPlain, 635'029'318, -5, 1, kMass},
    {"[tbs_us]", Form::kPlain, 1'478'676'478'125, -17, 1, kVolume},
    {"[tsp_us]", Form::kPlain, 492'892'159'375, -17, 1, kVolume},
    {"[yd_i]", Form::kPlain, 9144, -4, 1, kLength},
    {"a", Form::kPlain, 31'557'600, 0, 1, kTime},
    {"atm", Form::kPlain, 101'325, 3, 1, kPressure},
    {"bar", Form::kMetric, 1, 8, 1, kPressure},
    {"cal", Form::kMetric, 4184, 0, 1, kEnergy},
    {"cd", Form::kMetric, 1, 0, 1, Own(kCandela)},
    {"d", Form::kPlain, 86'400, 0, 1, kTime},
    {"deg", Form::kPlain, 1, 0, 1, Own(kDegree)},
    {"eq", Form::kMetric, 1, 0, 1, Own(kEquivalent)},
    {"g", Form::kMetric, 1, 0, 1, kMass},
    {"h", Form::kPlain, 3600, 0, 1, kTime},
    {"kat", Form::kMetric, 1, 0, 1, kCatalysis},
    {"l", Form::kMetric, 1, -3, 1, kVolume},
    {"m", Form::kMetric, 1, 0, 1, kLength},
    {"m[H2O]", Form::kMetric, 980'665, 1, 1, kPressure},
    {"m[Hg]", Form::kMetric, 133'322, 3, 1, kPressure},
    {"min", Form::kPlain, 60, 0, 1, kTime},
    {"mo", Form::kPlain, 2'629'800, 0, 1, kTime},
    {"mol", Form::kMetric, 1, 0, 1, Own(kMole)},
    {"osm", Form::kMetric, 1, 0, 1, Own(kOsmole)},
    {"rad", Form::kMetric, 1, 0, 1, Own(kRadian)},
    {"s", Form::kMetric, 1, 0, 1, kTime},
    {"t", Form::kMetric, 1, 6, 1, kMass},
    {"wk", Form::kPlain, 604'800, 0, 1, kTime},
};

static_assert(std::is_sorted(std::begin(kAtoms), std::end(kAtoms),
                             [](const Atom& a, const Atom& b) { return a.code < b.code; }));

struct MetricPrefix {
  std::string_view code;
  int exponent;
};
// "da" before "d".
constexpr MetricPrefix kPrefixes[] = {{"da", 1},  {"Y", 24},  {"Z", 21},  {"E", 18},  {"P", 15},
                                      {"T", 12},  {"G", 9},   {"M", 6},   {"k", 3},   {"h", 2},
                                      {"d", -1},  {"c", -2},  {"m", -3},  {"u", -6},  {"n", -9},
                                      {"p", -12}, {"f", -15}, {"a", -18}, {"z", -21}, {"y", -24}};

constexpr int kExponentMax = 9;
constexpr int kScaleMax = 300;  // Powers of ten of a whole unit: keeps canonical values encodable.
constexpr int kNestingMax = 8;

const Atom* FindAtom(std::string_view code) {
  const auto* const found =
      std::lower_bound(std::begin(kAtoms), std::end(kAtoms), code,
                       [](const Atom& atom, std::string_view name) { return atom.code < name; });
  return found != std::end(kAtoms) && found->code == code ? found : nullptr;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct Unit {
  Decimal numerator = {1, 0};
  Decimal denominator = {1, 0};
  Powers powers{};
  const Atom* special = nullptr;  // A temperature scale, alone.
  int components = 0;
};

bool IsSmall(const Decimal& value) { return std::abs(value.exponent) <= kScaleMax; }

// `unit` x `other`^`exponent`; false beyond the bounds.
bool MultiplyIn(Unit* unit, const Unit& other, int exponent) {
  if (other.special != nullptr) unit->special = other.special;
  unit->components += other.components;
  for (int i = 0; i < std::abs(exponent); ++i) {
    const bool up = exponent > 0;
    unit->numerator = Multiply(unit->numerator, up ? other.numerator : other.denominator);
    unit->denominator = Multiply(unit->denominator, up ? other.denominator : other.numerator);
    if (!IsSmall(unit->numerator) || !IsSmall(unit->denominator)) return false;
  }
  for (size_t i = 0; i < unit->powers.size(); ++i) {
    const int power = unit->powers[i] + other.powers[i] * exponent;
    if (std::abs(power) > 2 * kExponentMax) return false;
    unit->powers[i] = static_cast<int8_t>(power);
  }
  return true;
}

Unit UnitOf(const Atom& atom, int prefix) {
  Unit out;
  out.numerator = {atom.factor, atom.exponent + prefix};
  out.denominator = {atom.divisor, 0};
  for (const Power& power : atom.powers) out.powers[power.dimension] += power.exponent;
  if (atom.form == Form::kSpecial) out.special = &atom;
  out.components = 1;
  return out;
}

std::optional<Unit> SimpleUnit(std::string_view symbol) {
  if (const Atom* atom = FindAtom(symbol)) return UnitOf(*atom, 0);
  for (const MetricPrefix& prefix : kPrefixes) {
    if (!symbol.starts_with(prefix.code)) continue;
    const Atom* atom = FindAtom(symbol.substr(prefix.code.size()));
    if (atom != nullptr && atom->form == Form::kMetric) return UnitOf(*atom, prefix.exponent);
  }
  return std::nullopt;
}

class UnitParser {
 public:
  explicit UnitParser(std::string_view code) : rest_(code) {}

  std::optional<Unit> Parse() {
    Unit out;
    int sign = 1;
    if (rest_.starts_with('/')) {
      rest_.remove_prefix(1);
      sign = -1;
    }
    if (!Term(&out, sign) || !rest_.empty()) return std::nullopt;
    return out;
  }

 private:
  bool Term(Unit* out, int sign) {
    for (;;) {
      if (!Component(out, sign)) return false;
      if (rest_.empty() || (rest_[0] != '.' && rest_[0] != '/')) return true;
      sign = rest_[0] == '/' ? -1 : 1;
      rest_.remove_prefix(1);
    }
  }

  bool Component(Unit* out, int sign) {
    if (rest_.starts_with('(')) return Group(out, sign);
    if (rest_.starts_with('{')) return Annotation();
    const std::string_view symbol = TakeSymbol();
    if (symbol.empty()) return false;
    if (!Simple(symbol, out, sign)) return false;
    return !rest_.starts_with('{') || Annotation();
  }

  bool Group(Unit* out, int sign) {
    if (++nesting_ > kNestingMax) return false;
    rest_.remove_prefix(1);
    Unit inner;
    if (!Term(&inner, 1) || !rest_.starts_with(')')) return false;
    rest_.remove_prefix(1);
    --nesting_;
    return MultiplyIn(out, inner, sign);
  }

  // "{cells}" is a remark: the number one.
  bool Annotation() {
    const size_t end = rest_.find('}');
    if (end == rest_.npos || rest_.substr(1, end - 1).find('{') != rest_.npos) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  // Up to the next operator; what stands in brackets belongs to it.
  std::string_view TakeSymbol() {
    size_t end = 0;
    bool bracket = false;
    for (; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && std::string_view("./(){}").find(c) != std::string_view::npos) break;
    }
    const std::string_view symbol = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return symbol;
  }

  static bool Simple(std::string_view symbol, Unit* out, int sign) {
    if (symbol.starts_with("10*") || symbol.starts_with("10^"))
      return PowerOfTen(symbol, out, sign);
    if (std::all_of(symbol.begin(), symbol.end(), IsDigit)) return Factor(symbol, out, sign);
    size_t name = symbol.size();
    while (name > 0 && IsDigit(symbol[name - 1])) --name;
    int exponent = 1;
    if (name < symbol.size()) {
      if (name > 0 && (symbol[name - 1] == '-' || symbol[name - 1] == '+')) --name;
      exponent = Exponent(symbol.substr(name));
    }
    if (exponent == 0 || std::abs(exponent) > kExponentMax) return false;
    const std::optional<Unit> unit = SimpleUnit(symbol.substr(0, name));
    if (!unit || (unit->special != nullptr && exponent != 1)) return false;
    return MultiplyIn(out, *unit, sign * exponent);
  }

  static int Exponent(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    int value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && result.ptr == text.data() + text.size() ? value : 0;
  }

  static bool PowerOfTen(std::string_view symbol, Unit* out, int sign) {
    const std::string_view text = symbol.substr(3);
    const int exponent = text.empty() ? 1 : Exponent(text);
    if (exponent == 0 || std::abs(exponent) > 30) return false;
    Unit unit;
    unit.numerator = {1, exponent};
    unit.components = 1;
    return MultiplyIn(out, unit, sign);
  }

  static bool Factor(std::string_view symbol, Unit* out, int sign) {
    if (symbol.size() > 9) return false;
    Unit unit;
    unit.numerator = DecimalOf(Exponent(symbol));
    unit.components = 1;
    return unit.numerator.coefficient != 0 && MultiplyIn(out, unit, sign);
  }

  std::string_view rest_;
  int nesting_ = 0;
};

std::string NameOf(const Powers& powers) {
  std::string out;
  for (size_t i = 0; i < powers.size(); ++i) {
    if (powers[i] == 0) continue;
    if (!out.empty()) out += '.';
    out += kDimensionNames[i];
    if (powers[i] != 1) out += std::to_string(powers[i]);
  }
  return out.empty() ? "1" : out;
}

bool IsPrintable(std::string_view code) {
  return std::all_of(code.begin(), code.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

std::optional<CanonicalUnit> FindUnit(std::string_view code) {
  if (code.empty() || code.size() > kUnitBytesMax || !IsPrintable(code)) return std::nullopt;
  const std::optional<Unit> unit = UnitParser(code).Parse();
  if (!unit) return std::nullopt;
  CanonicalUnit out;
  if (unit->special != nullptr) {
    // "Cel" has a zero of its own: it means something else within a product.
    if (unit->components != 1 || unit->powers[kKelvin] != 1) return std::nullopt;
    out.offset = unit->special->code == "Cel" ? Decimal{27315, -2} : Decimal{45967, -2};
  }
  out.unit = NameOf(unit->powers);
  out.numerator = unit->numerator;
  out.denominator = unit->denominator;
  return out;
}

Decimal ToCanonical(const Decimal& value, const CanonicalUnit& unit) {
  const Decimal scaled = Multiply(Add(value, unit.offset), unit.numerator);
  if (unit.denominator.coefficient == 1) {
    return {scaled.coefficient, scaled.exponent - unit.denominator.exponent};
  }
  return Divide(scaled, unit.denominator);
}

}  // namespace tarn::fhir
