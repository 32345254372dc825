// What value sets and code hierarchies come to: lists of codes, for the modifiers :in, :not-in,
// :below and :above of tokens.
// Spec: FHIR R4 "ValueSet" (compose), "CodeSystem" (hierarchy), "Search" 3.1.1.5.7. Those of R4 are
// built in (docs/internals/definitions.md); others come from whom the caller asks.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"

namespace tarn::fhir {

inline constexpr size_t kExpansionCodesMax = 10'000;    // Beyond: kTooLarge.
inline constexpr size_t kExpansionDepthMax = 10;        // Value sets within value sets; kTooLarge.
inline constexpr size_t kExpansionResourcesMax = 1000;  // Read for one expansion; kTooLarge.

struct SystemCode {
  std::string system;
  std::string code;
  friend auto operator<=>(const SystemCode&, const SystemCode&) = default;
};

// The codes of a set, ascending and each once: single ones, and all codes of whole systems whose
// content is not known here ("all of LOINC").
struct CodeSet {
  std::vector<SystemCode> codes;
  std::vector<std::string> systems;
};

// The newest ValueSet or CodeSystem of that url (of that version, if one is given) as JSON text;
// nothing: there is none. Errors: the storage's.
using FindCanonical = std::function<Result<std::optional<std::string>>(
    TypeId type, std::string_view url, std::string_view version)>;

// R4's own. The text lives for ever.
std::optional<std::string_view> FindBuiltInCanonical(TypeId type, std::string_view url,
                                                     std::string_view version);

// `stored` is asked before what is built in. Errors of all: kNotFound: a value set or code system
// that nobody has, named; kUnsupported: a filter, or another part of a definition; kTooLarge: a
// bound above; kInvalid: a stored definition is malformed.
Result<CodeSet> ExpandValueSet(std::string_view url, std::string_view version,
                               const FindCanonical& stored);
// The code, and what its system has below or above it, at any distance. A code that the system does
// not have is alone.
Result<CodeSet> CodesBelow(const SystemCode& code, const FindCanonical& stored);
Result<CodeSet> CodesAbove(const SystemCode& code, const FindCanonical& stored);

}  // namespace tarn::fhir
