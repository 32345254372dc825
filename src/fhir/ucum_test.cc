#include "fhir/ucum.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tarn::fhir {
namespace {

struct Case {
  std::string_view value, code, canonical, unit;
};

TEST(Ucum, ConvertsExactly) {
  for (const Case& c : {
           Case{"72.5", "kg", "72500", "g"},
           Case{"1", "[lb_av]", "453.59237", "g"},
           Case{"1", "[oz_av]", "28.349523125", "g"},
           Case{"5.4", "mg", "0.0054", "g"},
           Case{"3", "ug", "0.000003", "g"},
           Case{"180", "cm", "1.8", "m"},
           Case{"1", "[in_i]", "0.0254", "m"},
           Case{"6", "[ft_i]", "1.8288", "m"},
           Case{"2", "L", "0.002", "m3"},
           Case{"2", "l", "0.002", "m3"},
           Case{"2", "dm3", "0.002", "m3"},
           Case{"1", "[foz_us]", "0.0000295735295625", "m3"},
           Case{"1", "[tsp_us]", "0.00000492892159375", "m3"},
           Case{"1.5", "h", "5400", "s"},
           Case{"2", "wk", "1209600", "s"},
           Case{"1", "a", "31557600", "s"},
           Case{"12", "mo", "31557600", "s"},
           Case{"37", "Cel", "310.15", "K"},
           Case{"98.6", "[degF]", "310.15", "K"},
           Case{"-40", "[degF]", "233.15", "K"},
           Case{"-40", "Cel", "233.15", "K"},
           Case{"310.15", "K", "310.15", "K"},
           Case{"120", "mm[Hg]", "15998640", "g.m-1.s-2"},
           Case{"15.99864", "kPa", "15998640", "g.m-1.s-2"},
           Case{"1", "cm[H2O]", "98066.5", "g.m-1.s-2"},
           Case{"1", "[psi]", "6894757.293168361336722673445346891", "g.m-1.s-2"},
           Case{"90", "mg/dL", "900", "g.m-3"},
           Case{"0.9", "g/L", "900", "g.m-3"},
           Case{"5", "mmol/L", "5", "mol.m-3"},
           Case{"4.5", "10*3/uL", "4500000000000", "m-3"},
           Case{"4.5", "10*9/L", "4500000000000", "m-3"},
           Case{"4500", "/uL", "4500000000000", "m-3"},
           Case{"4500", "{cells}/uL", "4500000000000", "m-3"},
           Case{"72", "/min", "1.2", "s-1"},
           Case{"72", "{beats}/min", "1.2", "s-1"},
           Case{"1.2", "Hz", "1.2", "s-1"},
           Case{"23.4", "kg/m2", "23400", "g.m-2"},
           Case{"23.4", "kg.m-2", "23400", "g.m-2"},
           Case{"55", "%", "0.55", "1"},
           Case{"3", "{score}", "3", "1"},
           Case{"3", "1", "3", "1"},
           Case{"1", "kcal", "4184000", "g.m2.s-2"},
           Case{"60", "U/L", "0.001", "mol.m-3.s-1"},
           Case{"5", "m[IU]/mL", "5000", "[IU].m-3"},
           Case{"5", "[iU]/L", "5000", "[IU].m-3"},
           Case{"7.4", "[pH]", "7.4", "[pH]"},
           Case{"140", "meq/L", "140", "eq.m-3"},
           Case{"90", "mL/min/{1.73_m2}", "0.0000015", "m3.s-1"},
           Case{"90", "mL/(min.m2)", "0.0000015", "m.s-1"},
           Case{"23", "mm/h", "0.000006388888888888888888888888888888889", "m.s-1"},
           Case{"9", "/[HPF]", "9", "[HPF]-1"},
           Case{"3", "/100{WBC}", "0.03", "1"},
       }) {
    SCOPED_TRACE(std::string(c.value) + " " + std::string(c.code));
    const auto unit = FindUnit(c.code);
    ASSERT_TRUE(unit.has_value());
    EXPECT_EQ(unit->unit, c.unit);
    const Decimal canonical = ToCanonical(ParseDecimal(c.value).value(), *unit);
    EXPECT_EQ(Compare(canonical, ParseDecimal(c.canonical).value()), std::strong_ordering::equal)
        << DecimalText(canonical);
  }
}

TEST(Ucum, NeverMixesWhatOnlyASubstanceRelates) {
  struct Pair {
    std::string_view a, b;
  };
  for (const Pair& p : {Pair{"mg/dL", "mmol/L"}, Pair{"meq/L", "mmol/L"}, Pair{"[IU]", "mg"},
                        Pair{"[IU]", "[arb'U]"}, Pair{"/[HPF]", "/[LPF]"}, Pair{"Gy", "Sv"},
                        Pair{"deg", "rad"}, Pair{"osm", "mol"}}) {
    SCOPED_TRACE(p.a);
    ASSERT_TRUE(FindUnit(p.a).has_value());
    ASSERT_TRUE(FindUnit(p.b).has_value());
    EXPECT_NE(FindUnit(p.a)->unit, FindUnit(p.b)->unit);
  }
}

TEST(Ucum, KnowsWhatItDoesNotKnow) {
  for (const std::string_view code :
       {"",        "mmHg",      "Kg",   "MG",    "lbs",        "Cel/min", "mCel",
        "Cel2",    "/Cel",      "kmin", "m//s",  "m/",         ".m",      "m.",
        "(m",      "m)",        "{x",   "x}",    "{a{b}}",     "m10",     "m0",
        "g g",     "[unknown]", "10*",  "10*31", "1234567890", "0",       "((((((((((m))))))))))",
        "Ym9.Ym9", "\xC2\xB5g"}) {
    SCOPED_TRACE(code);
    if (code == "10*") {
      EXPECT_TRUE(FindUnit(code).has_value());
      continue;
    }
    EXPECT_FALSE(FindUnit(code).has_value());
  }
  EXPECT_TRUE(FindUnit("{" + std::string(kUnitBytesMax - 2, 'x') + "}").has_value());
  EXPECT_FALSE(FindUnit("{" + std::string(kUnitBytesMax - 1, 'x') + "}").has_value());
}

}  // namespace
}  // namespace tarn::fhir
