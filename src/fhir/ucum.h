// Units of measure (UCUM) brought to one canonical unit per kind, exactly, for search.
// Spec: "The Unified Code for Units of Measure" 2.1, case-sensitive codes; FHIR R4 "Search",
// section quantity (canonical units).
//
// Known: metric prefixes, products, quotients and powers (mg/dL, kg.m-2, 10*3/uL), {annotations},
// and the atoms of the table in ucum.cc: mass, length, volume, time, temperature (K, Cel, [degF]),
// pressure, energy, amount of substance, counts, percent, arbitrary units, frequencies, electrics.
// What can be converted without knowing the substance is comparable: mg/dL with g/L, mmol/L with
// mol/L, never one with the other. [iU] and other arbitrary units compare with themselves only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fhir/decimal.h"

namespace tarn::fhir {

inline constexpr std::string_view kUcumSystem = "http://unitsofmeasure.org";
inline constexpr size_t kUnitBytesMax = 64;  // A longer code is not known.

// canonical = (value + offset) x numerator / denominator.
struct CanonicalUnit {
  std::string unit;  // In base units, one spelling each: "g.m-3"; "1" for pure numbers.
  Decimal offset;    // Not zero for temperatures alone.
  Decimal numerator = {1, 0};
  Decimal denominator = {1, 0};
};

// nullopt: not a UCUM code, or with an atom or form that the table lacks; such quantities are found
// by their own unit only.
std::optional<CanonicalUnit> FindUnit(std::string_view code);

// Exact to kDecimalDigitsMax digits.
Decimal ToCanonical(const Decimal& value, const CanonicalUnit& unit);

}  // namespace tarn::fhir
