// What conditional interactions do with what their criteria match: the rules that single requests
// and entries of Bundles share, and the single requests themselves.
// Spec: FHIR R4 "RESTful API", sections 3.1.0.4.1 (conditional update), 3.1.0.7.1 (conditional
// delete), 3.1.0.8.1 (conditional create). What differs: docs/reference/fhir-api.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fhir_api/internal/matching.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_store/fhir_store.h"

namespace tarn::fhir_api::internal {

// What a conditional interaction turned out to mean.
struct Decision {
  enum class Action : uint8_t {
    kWrite,    // `id` is created, replaced or deleted.
    kMatched,  // A conditional creation whose resource is there: nothing is written.
  };
  Action action = Action::kWrite;
  std::string id;
  std::optional<uint64_t> decided_on;          // As ResourceWrite's.
  bool is_new = false;                         // `id` never existed.
  std::optional<fhir_store::Version> matched;  // The resource that the criteria match.
};

// Each answers what is wrong instead, and then `decision` says nothing. The criteria are held, or
// the decision is out of date at once.
std::optional<Fault> DecideCreate(const MatchScope& scope, const Criteria& criteria,
                                  Decision* decision);
// `body_id`: the id of the resource that is sent; empty: it has none.
std::optional<Fault> DecideUpdate(const MatchScope& scope, const Criteria& criteria,
                                  std::string_view body_id, Decision* decision);
std::optional<Fault> DecideDelete(const MatchScope& scope, const Criteria& criteria,
                                  Decision* decision);

// The one resource that a conditional reference means; none and several are faults.
std::optional<Fault> FindReferenced(const MatchScope& scope, fhir::TypeId type,
                                    std::string_view criteria, std::string* id);

// A single request that depends on criteria, on a token, or on both.
struct ConditionalWrite {
  enum class What : uint8_t { kCreate, kUpdate, kDelete };
  What what = What::kCreate;
  fhir::TypeId type = fhir::kNoType;
  std::optional<std::string_view> criteria;  // Percent-encoded, without '?'.
  std::string_view once;                     // As WriteOptions::once.
  std::string_view text;                     // The resource; empty: a deletion.
  fhir_store::Precondition precondition;     // Of the resource that is written.
};

struct ConditionalOutcome {
  std::optional<Fault> fault;
  // The resource that was written; with `matched`, or the code "duplicate", the one that was there.
  fhir_store::WriteOutcome written;
  bool matched = false;
};

// Decides and writes; again, when what it was decided by has changed meanwhile.
ConditionalOutcome RunConditional(const MatchScope& scope, fhir_store::FhirStore* store,
                                  const ConditionalWrite& write);

}  // namespace tarn::fhir_api::internal
