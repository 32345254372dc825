// Judges one resource against criteria by its index values alone: the meaning of every comparison,
// written to be obviously right. Used where a plan leaves a residue, for conditional references,
// and in tests as what the index is compared with.
#pragma once

#include <functional>
#include <string_view>

#include "fhir/index_values.h"
#include "fhir/search_query.h"

namespace tarn::fhir {

struct MatchContext {
  Compatibility compatibility = Compatibility::kFhir;
  // Answers what other resources decide: kChain, kHas, and kBelow and kAbove of references within a
  // hierarchy; unset: they are kUnsupported.
  std::function<Result<bool>(const Criterion& criterion, const IndexValues& values)> related;
  // Answers kIn and kNotIn (is this coding in that value set?), and kBelow and kAbove of tokens
  // other than MIME types; unset: they are kUnsupported.
  std::function<Result<bool>(Modifier modifier, const QueryTerm& term, const TokenValue& token)>
      terminology;
};

// Errors: kUnsupported, naming the parameter.
Result<bool> Matches(const Criterion& criterion, const IndexValues& values,
                     const MatchContext& context);

// One term against one value, without modifiers that concern the whole resource (missing, not).
Result<bool> TermMatches(const QueryTerm& term, Modifier modifier, const IndexValue& value,
                         const IndexValues& values, const MatchContext& context);

}  // namespace tarn::fhir
