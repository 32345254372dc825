#include "fhir/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tarn::fhir {
namespace {

Decimal Parse(std::string_view text) {
  const auto parsed = ParseDecimal(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? parsed.value() : Decimal{};
}

std::string Key(std::string_view text, Edge edge = Edge::kAt) {
  std::string out;
  AppendDecimalKey(&out, Parse(text), edge);
  return out;
}

TEST(Decimal, KeepsWhatWasWritten) {
  struct Case {
    std::string_view text;
    int64_t coefficient;
    int32_t exponent;
    bool exponential;
  };
  for (const Case& c :
       {Case{"0", 0, 0, false}, Case{"1.00", 100, -2, false}, Case{"-0.5", -5, -1, false},
        Case{"+007", 7, 0, false}, Case{"1e2", 1, 2, true}, Case{"1.0E-3", 10, -4, false},
        Case{"0.00120", 120, -5, false}, Case{"0e0", 0, 0, true}}) {
    SCOPED_TRACE(c.text);
    const Decimal value = Parse(c.text);
    EXPECT_TRUE(value.coefficient == c.coefficient);
    EXPECT_EQ(value.exponent, c.exponent);
    EXPECT_EQ(value.exponential, c.exponential);
  }
}

TEST(Decimal, RefusesWhatIsNone) {
  for (const std::string_view text : {"", "-", ".5", "5.", "1e", "1e+", "1.2.3", "0x1", "1 ", " 1",
                                      "NaN", "1e4000", "1e-4002", "1e99999999999999999999"}) {
    SCOPED_TRACE(text);
    const auto parsed = ParseDecimal(text);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_TRUE(ParseDecimal("1e3999").ok());
  EXPECT_TRUE(ParseDecimal("1e-4001").ok());
  EXPECT_TRUE(ParseDecimal("0e99999").ok() == false)
      << "an exponent beyond the bound, even of zero";
}

TEST(Decimal, DropsDigitsBeyondTheBound) {
  const std::string digits(kDecimalDigitsMax, '7');
  EXPECT_EQ(Key(digits + "123"), Key(digits + "e3"));
  EXPECT_EQ(Key("0." + digits), Key("0." + digits + "123"));
  EXPECT_EQ(Key("0.000" + digits), Key(digits + "e-37"));
}

TEST(Decimal, PrintsWhatReadsBackEqual) {
  for (const std::string_view text : {"0", "1.00", "-12.5", "0.001", "1e7", "-3e-200", "100"}) {
    SCOPED_TRACE(text);
    const Decimal value = Parse(text);
    const Decimal again = Parse(DecimalText(value));
    EXPECT_TRUE(value.coefficient == again.coefficient);
    EXPECT_EQ(value.exponent, again.exponent);
  }
  EXPECT_EQ(DecimalText(Parse("0.0500")), "0.0500");
  EXPECT_EQ(DecimalText(Parse("-12.5")), "-12.5");
}

TEST(Decimal, Calculates) {
  struct Case {
    std::string_view a, b, sum, difference, product, quotient;
  };
  for (const Case& c : {Case{"1.5", "0.5", "2", "1", "0.75", "3"},
                        Case{"98.6", "459.67", "558.27", "-361.07", "45323.462",
                             "0.2145017077468618791741901799116758"},
                        Case{"-1", "3", "2", "-4", "-3", "-0.3333333333333333333333333333333333"},
                        Case{"2", "3", "5", "-1", "6", "0.6666666666666666666666666666666667"},
                        Case{"1e40", "1", "1e40", "1e40", "1e40", "1e40"},
                        Case{"1e30", "1e-3", "1000000000000000000000000000000.001",
                             "999999999999999999999999999999.999", "1e27", "1e33"}}) {
    SCOPED_TRACE(std::string(c.a) + " " + std::string(c.b));
    const Decimal a = Parse(c.a);
    const Decimal b = Parse(c.b);
    EXPECT_EQ(Compare(Add(a, b), Parse(c.sum)), std::strong_ordering::equal)
        << DecimalText(Add(a, b));
    EXPECT_EQ(Compare(Subtract(a, b), Parse(c.difference)), std::strong_ordering::equal)
        << DecimalText(Subtract(a, b));
    EXPECT_EQ(Compare(Multiply(a, b), Parse(c.product)), std::strong_ordering::equal)
        << DecimalText(Multiply(a, b));
    EXPECT_EQ(Compare(Divide(a, b), Parse(c.quotient)), std::strong_ordering::equal)
        << DecimalText(Divide(a, b));
  }
}

TEST(Decimal, MultipliesLongNumbersWithRounding) {
  const std::string nines(kDecimalDigitsMax, '9');
  // (10^34 - 1)^2 = 10^68 - 2 * 10^34 + 1.
  const Decimal square = Multiply(Parse(nines), Parse(nines));
  EXPECT_EQ(DecimalText(square), "9999999999999999999999999999999998e34");
}

TEST(Decimal, ImpliesHalfAUnitOfTheLastDigit) {
  struct Case {
    std::string_view text, low, high;
  };
  for (const Case& c : {Case{"100", "99.5", "100.5"}, Case{"100.00", "99.995", "100.005"},
                        Case{"1e2", "95", "105"}, Case{"5.4", "5.35", "5.45"},
                        Case{"5.40e-3", "0.005395", "0.005405"}, Case{"-2.0", "-2.05", "-1.95"},
                        Case{"0", "-0.5", "0.5"}, Case{"1.00e2", "99.5", "100.5"}}) {
    SCOPED_TRACE(c.text);
    const DecimalRange range = ImpliedRange(Parse(c.text));
    EXPECT_EQ(Compare(range.low, Parse(c.low)), std::strong_ordering::equal);
    EXPECT_EQ(Compare(range.high, Parse(c.high)), std::strong_ordering::equal);
  }
}

TEST(DecimalKey, IsDocumented) {
  EXPECT_EQ(Key("72.5"), std::string("\xC0\x02\x4B\x35\x01", 5));
  EXPECT_EQ(Key("0"), std::string("\x80\x00\x01", 3));
  EXPECT_EQ(Key("-72.5"), std::string("\x3F\xFD\xB4\xCA\xFE", 5));
  EXPECT_EQ(DecimalKeyOrder(Key("72.5")), 0xC0024B3501000000u);
}

TEST(DecimalKey, OrdersLikeNumbers) {
  const std::vector<std::string_view> ascending = {
      "-1e3000", "-100.5", "-100",   "-99.99", "-1",  "-0.5",  "-0.05", "-1e-3000", "0",
      "1e-3000", "0.001",  "0.0099", "0.01",   "0.1", "1",     "1.01",  "1.1",      "5",
      "9",       "9.99",   "10",     "99",     "100", "100.5", "1e9",   "1e3000"};
  std::vector<std::string> keys = {std::string(kDecimalKeyMin)};
  for (const std::string_view text : ascending) {
    for (const Edge edge : {Edge::kBelow, Edge::kAt, Edge::kAbove}) keys.push_back(Key(text, edge));
  }
  keys.emplace_back(kDecimalKeyMax);
  for (size_t i = 1; i < keys.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_LT(keys[i - 1], keys[i]);
    EXPECT_LE(DecimalKeyOrder(keys[i - 1]), DecimalKeyOrder(keys[i]));
    EXPECT_EQ(DecimalKeyBytes(keys[i] + "\x01\xff"), keys[i].size());
  }
}

TEST(DecimalKey, RefusesWhatIsNone) {
  for (const std::string_view bytes :
       {std::string_view("\xC0", 1), std::string_view("\xC0\x02", 2),
        std::string_view("\xC0\x02\x4B", 3), std::string_view("\xC0\x02\xFF\x01", 4)}) {
    EXPECT_EQ(DecimalKeyBytes(bytes), 0u);
    EXPECT_EQ(DecodeDecimalKey(bytes).error().kind, ErrorKind::kCorrupt);
  }
  EXPECT_EQ(DecodeDecimalKey(kDecimalKeyMax).error().kind, ErrorKind::kInvalid);
}

RC_GTEST_PROP(DecimalKey, OrderAndInverse, (int64_t a, int64_t b)) {
  const int32_t exponent_a = *rc::gen::inRange(-30, 30);
  const int32_t exponent_b = *rc::gen::inRange(-3, 3) + exponent_a;
  const Decimal x = {a, exponent_a};
  const Decimal y = {b, exponent_b};
  std::string key_x;
  std::string key_y;
  AppendDecimalKey(&key_x, x);
  AppendDecimalKey(&key_y, y);
  const long double value_x = static_cast<long double>(a) * __builtin_powl(10, exponent_a);
  const long double value_y = static_cast<long double>(b) * __builtin_powl(10, exponent_b);
  if (value_x < value_y * (value_y < 0 ? 1.0000001L : 0.9999999L)) RC_ASSERT(key_x < key_y);
  const auto decoded = DecodeDecimalKey(key_x);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(Compare(decoded.value(), x) == std::strong_ordering::equal);
  RC_ASSERT(key_x.size() <= kDecimalKeyBytesMax);
}

}  // namespace
}  // namespace tarn::fhir
