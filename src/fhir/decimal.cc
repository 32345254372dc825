#include "fhir/decimal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace tarn::fhir {
namespace {

using Wide = unsigned __int128;

// Keys and ranges hold a few digits more than what is read: half units of the last digit.
constexpr int kKeyDigitsMax = 38;
constexpr int kHeaderBias = 0xC000;
constexpr uint16_t kHeaderZero = 0x8000;
constexpr uint8_t kPairBias = 3;  // Above the edge bytes, so that longer mantissas sort later.

constexpr std::array<Wide, kKeyDigitsMax + 1> MakePowers() {
  std::array<Wide, kKeyDigitsMax + 1> out{};
  Wide power = 1;
  for (Wide& entry : out) {
    entry = power;
    power *= 10;
  }
  return out;
}
constexpr std::array<Wide, kKeyDigitsMax + 1> kPowers = MakePowers();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Wide Magnitude(__int128 value) { return value < 0 ? -static_cast<Wide>(value) : value; }

int DigitCount(Wide value) {
  int low = 0;
  if (value >= kPowers[19]) low = 19;
  while (low < kKeyDigitsMax && value >= kPowers[low]) ++low;
  return low;
}

// Without trailing zeros; zero is {0, 0}.
Decimal Stripped(const Decimal& value) {
  if (value.coefficient == 0) return {};
  Decimal out = {value.coefficient, value.exponent};
  while (out.coefficient % 10 == 0) {
    out.coefficient /= 10;
    ++out.exponent;
  }
  return out;
}

// Rounds half to even, given whether digits below those of `magnitude` were lost.
Wide DropDigits(Wide magnitude, int digits, bool lost) {
  if (digits == 0) return magnitude;
  if (digits > kKeyDigitsMax) return 0;
  const Wide unit = kPowers[digits];
  const Wide rest = magnitude % unit;
  Wide out = magnitude / unit;
  const Wide half = unit / 2;
  if (rest > half || (rest == half && (lost || (out & 1) != 0))) ++out;
  return out;
}

Decimal Rounded(bool negative, Wide magnitude, int64_t exponent, bool lost = false) {
  const int excess = std::max(0, DigitCount(magnitude) - kDecimalDigitsMax);
  magnitude = DropDigits(magnitude, excess, lost);
  Decimal out;
  out.coefficient = negative ? -static_cast<__int128>(magnitude) : static_cast<__int128>(magnitude);
  out.exponent = static_cast<int32_t>(exponent + excess);
  return out;
}

// The product of two magnitudes below 10^38 as limbs of 64 bits, least significant first.
struct Product {
  std::array<uint64_t, 4> limbs{};
};

Product MultiplyWide(Wide a, Wide b) {
  const std::array<uint64_t, 2> x = {static_cast<uint64_t>(a), static_cast<uint64_t>(a >> 64)};
  const std::array<uint64_t, 2> y = {static_cast<uint64_t>(b), static_cast<uint64_t>(b >> 64)};
  Product out;
  for (size_t i = 0; i < 2; ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < 2; ++j) {
      const Wide sum = static_cast<Wide>(x[i]) * y[j] + out.limbs[i + j] + carry;
      out.limbs[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    out.limbs[i + 2] = carry;
  }
  return out;
}

uint32_t DivideByTen(Product* product) {
  Wide rest = 0;
  for (size_t i = product->limbs.size(); i-- > 0;) {
    const Wide part = (rest << 64) | product->limbs[i];
    product->limbs[i] = static_cast<uint64_t>(part / 10);
    rest = part % 10;
  }
  return static_cast<uint32_t>(rest);
}

struct Scan {
  Wide magnitude = 0;
  int digits = 0;  // Significant ones taken.
  int64_t exponent = 0;
};

void TakeDigit(Scan* scan, char c, bool fraction) {
  if (scan->digits == 0 && c == '0') {
    scan->exponent -= fraction ? 1 : 0;
    return;
  }
  if (scan->digits == kDecimalDigitsMax) {
    scan->exponent += fraction ? 0 : 1;
    return;
  }
  scan->magnitude = scan->magnitude * 10 + static_cast<unsigned>(c - '0');
  ++scan->digits;
  scan->exponent -= fraction ? 1 : 0;
}

// Consumes digits; the number of them.
size_t TakeDigits(std::string_view* text, Scan* scan, bool fraction) {
  size_t count = 0;
  for (; count < text->size() && IsDigit((*text)[count]); ++count) {
    TakeDigit(scan, (*text)[count], fraction);
  }
  text->remove_prefix(count);
  return count;
}

// "e-3": false when it is malformed. Magnitudes are cut far beyond what is accepted.
bool TakeExponent(std::string_view* text, int64_t* exponent) {
  text->remove_prefix(1);
  const bool minus = text->starts_with('-');
  if (minus || text->starts_with('+')) text->remove_prefix(1);
  int64_t value = 0;
  size_t count = 0;
  for (; count < text->size() && IsDigit((*text)[count]); ++count) {
    value = std::min<int64_t>(value * 10 + ((*text)[count] - '0'), 1'000'000'000);
  }
  text->remove_prefix(count);
  *exponent += minus ? -value : value;
  return count > 0;
}

uint16_t LoadHeader(std::string_view key) {
  return static_cast<uint16_t>(static_cast<uint8_t>(key[0]) << 8 | static_cast<uint8_t>(key[1]));
}

}  // namespace

Result<Decimal> ParseDecimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  Scan scan;
  if (TakeDigits(&text, &scan, false) == 0) return Invalid("not a number");
  bool fraction = false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = true;
    if (TakeDigits(&text, &scan, true) == 0) return Invalid("digits are missing after the point");
  }
  Decimal out;
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    out.exponential = !fraction;
    if (!TakeExponent(&text, &scan.exponent)) return Invalid("not an exponent");
  }
  if (!text.empty()) return Invalid("not a number");
  const int64_t magnitude = scan.exponent + scan.digits;
  const bool within = magnitude >= -kDecimalExponentMax && magnitude <= kDecimalExponentMax;
  if (!within) return Invalid("the number is too large or too near zero");
  out.exponent = static_cast<int32_t>(scan.exponent);
  const auto coefficient = static_cast<__int128>(scan.magnitude);
  out.coefficient = negative ? -coefficient : coefficient;
  return out;
}

Decimal DecimalOf(int64_t value) { return {value, 0}; }

std::string DecimalText(const Decimal& value) {
  std::string digits;
  for (Wide rest = Magnitude(value.coefficient); rest != 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  if (digits.empty()) digits = "0";
  const std::string sign = value.coefficient < 0 ? "-" : "";
  constexpr int32_t kPlainPlacesMax = 100;
  const bool plain = value.exponent <= 0 && value.exponent >= -kPlainPlacesMax;
  if (!plain) return sign + digits + "e" + std::to_string(value.exponent);
  const auto places = static_cast<size_t>(-value.exponent);
  if (places == 0) return sign + digits;
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, ".");
  return sign + digits;
}

std::strong_ordering Compare(const Decimal& a, const Decimal& b) {
  std::string x;
  std::string y;
  AppendDecimalKey(&x, a);
  AppendDecimalKey(&y, b);
  return x.compare(y) <=> 0;
}

Decimal Add(const Decimal& a, const Decimal& b) {
  if (a.coefficient == 0) return {b.coefficient, b.exponent};
  if (b.coefficient == 0) return {a.coefficient, a.exponent};
  const Decimal& high = a.exponent >= b.exponent ? a : b;
  const Decimal& low = a.exponent >= b.exponent ? b : a;
  // Bring the one with the larger exponent down as far as there is room, and the other one up.
  constexpr int kRoom = kKeyDigitsMax - 1;
  const int64_t gap = static_cast<int64_t>(high.exponent) - low.exponent;
  const int room = kRoom - DigitCount(Magnitude(high.coefficient));
  const int down = static_cast<int>(std::min<int64_t>(gap, room));
  const auto scaled = high.coefficient * static_cast<__int128>(kPowers[down]);
  const auto up = static_cast<int>(std::min<int64_t>(gap - down, kKeyDigitsMax + 1));
  const Wide kept = DropDigits(Magnitude(low.coefficient), up, false);
  const auto other =
      low.coefficient < 0 ? -static_cast<__int128>(kept) : static_cast<__int128>(kept);
  const __int128 sum = scaled + other;
  return Rounded(sum < 0, Magnitude(sum), static_cast<int64_t>(high.exponent) - down);
}

Decimal Subtract(const Decimal& a, const Decimal& b) {
  return Add(a, {-b.coefficient, b.exponent});
}

Decimal Multiply(const Decimal& a, const Decimal& b) {
  const bool negative = (a.coefficient < 0) != (b.coefficient < 0);
  Product product = MultiplyWide(Magnitude(a.coefficient), Magnitude(b.coefficient));
  int64_t exponent = static_cast<int64_t>(a.exponent) + b.exponent;
  bool lost = false;
  const auto wide = [&] { return static_cast<Wide>(product.limbs[1]) << 64 | product.limbs[0]; };
  while (product.limbs[3] != 0 || product.limbs[2] != 0 || wide() >= kPowers[kKeyDigitsMax]) {
    lost |= DivideByTen(&product) != 0;
    ++exponent;
  }
  return Rounded(negative, wide(), exponent, lost);
}

Decimal Divide(const Decimal& a, const Decimal& b) {
  CHECK(b.coefficient != 0);
  const bool negative = (a.coefficient < 0) != (b.coefficient < 0);
  const Wide divisor = Magnitude(b.coefficient);
  Wide quotient = Magnitude(a.coefficient) / divisor;
  Wide rest = Magnitude(a.coefficient) % divisor;
  int64_t exponent = static_cast<int64_t>(a.exponent) - b.exponent;
  // One digit more than is kept, for rounding; what is still left only breaks ties.
  while (rest != 0 && quotient < kPowers[kDecimalDigitsMax]) {
    rest *= 10;
    quotient = quotient * 10 + rest / divisor;
    rest %= divisor;
    --exponent;
  }
  return Rounded(negative, quotient, exponent, rest != 0);
}

DecimalRange ImpliedRange(const Decimal& value) {
  const int scale = value.exponential ? 2 : 1;
  const __int128 scaled = value.coefficient * static_cast<__int128>(kPowers[scale]);
  const int32_t exponent = value.exponent - scale;
  return {{scaled - 5, exponent}, {scaled + 5, exponent}};
}

void AppendDecimalKey(std::string* out, const Decimal& value, Edge edge) {
  const auto edge_byte = static_cast<uint8_t>(edge);
  if (value.coefficient == 0) {
    const char zero[] = {static_cast<char>(kHeaderZero >> 8), 0, static_cast<char>(edge_byte)};
    out->append(zero, sizeof(zero));
    return;
  }
  const Decimal stripped = Stripped(value);
  Wide rest = Magnitude(stripped.coefficient);
  int digits = DigitCount(rest);
  const int header = kHeaderBias + digits + stripped.exponent;
  if (digits % 2 != 0) {
    rest *= 10;
    ++digits;
  }
  const int pairs = digits / 2;
  std::array<uint8_t, 2 + kKeyDigitsMax / 2 + 1> key{};
  key[0] = static_cast<uint8_t>(header >> 8);
  key[1] = static_cast<uint8_t>(header);
  for (int i = pairs; i-- > 0; rest /= 100) {
    key[2 + i] = static_cast<uint8_t>(static_cast<uint8_t>(rest % 100) + kPairBias);
  }
  const bool negative = stripped.coefficient < 0;
  // Inverted bytes turn "below" into "above".
  key[2 + pairs] = negative ? static_cast<uint8_t>(2 - edge_byte) : edge_byte;
  const size_t bytes = 3 + static_cast<size_t>(pairs);
  for (size_t i = 0; negative && i < bytes; ++i) key[i] = static_cast<uint8_t>(~key[i]);
  out->append(reinterpret_cast<const char*>(key.data()), bytes);
}

uint64_t DecimalKeyOrder(std::string_view key) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) {
    out = out << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0u);
  }
  return out;
}

size_t DecimalKeyBytes(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  if (bytes.starts_with(kDecimalKeyMin) || bytes.starts_with(kDecimalKeyMax)) return 2;
  const uint8_t flip = LoadHeader(bytes) < kHeaderZero ? 0xff : 0;
  constexpr size_t kEnd = 2 + kKeyDigitsMax / 2 + 1;
  for (size_t i = 2; i < std::min(bytes.size(), kEnd); ++i) {
    const uint8_t byte = static_cast<uint8_t>(bytes[i]) ^ flip;
    if (byte < kPairBias) return i + 1;
    if (byte >= kPairBias + 100) return 0;
  }
  return 0;
}

Result<Decimal> DecodeDecimalKey(std::string_view key) {
  if (key == kDecimalKeyMin || key == kDecimalKeyMax) return Invalid("an infinity has no value");
  const Error corrupt = {ErrorKind::kCorrupt, "not a decimal's key"};
  if (DecimalKeyBytes(key) != key.size() || key.size() < 3) return corrupt;
  uint16_t header = LoadHeader(key);
  const bool negative = header < kHeaderZero;
  const uint8_t flip = negative ? 0xff : 0;
  if (negative) header = static_cast<uint16_t>(~header);
  const size_t pairs = key.size() - 3;
  if (header == kHeaderZero) return pairs == 0 ? Result<Decimal>(Decimal{}) : corrupt;
  if (pairs == 0) return corrupt;
  __int128 coefficient = 0;
  for (size_t i = 0; i < pairs; ++i) {
    const auto pair = static_cast<uint8_t>((static_cast<uint8_t>(key[2 + i]) ^ flip) - kPairBias);
    coefficient = coefficient * 100 + pair;
  }
  const int exponent = header - kHeaderBias - static_cast<int>(2 * pairs);
  return Stripped({negative ? -coefficient : coefficient, exponent});
}

}  // namespace tarn::fhir
