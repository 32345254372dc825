#include "fhir_api/internal/conditional.h"

#include <utility>

#include "fhir/resource.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/limits.h"
#include "json/document.h"

namespace tarn::fhir_api::internal {
namespace {

// One resource or none; several are a fault.
std::optional<Fault> MatchOne(const MatchScope& scope, const Criteria& criteria,
                              std::optional<fhir_store::Version>* matched) {
  auto found = Match(scope, criteria);
  if (!found.ok()) return FaultOf(found.error());
  if (found.value().size() > 1) {
    return Fault{412, "multiple-matches", "the criteria match more than one resource"};
  }
  if (!found.value().empty()) *matched = std::move(found.value()[0]);
  return std::nullopt;
}

// The id that the criteria ask for beside other things; null: none.
const std::string* IdAmong(const Criteria& criteria) {
  if (criteria.query.criteria.size() < 2) return nullptr;
  for (const fhir::StatedCriterion& stated : criteria.query.criteria) {
    if (stated.name != "_id" || stated.criterion.terms.size() != 1) continue;
    const auto* token = std::get_if<fhir::TokenTerm>(&stated.criterion.terms[0].value);
    if (token != nullptr) return &token->code;
  }
  return nullptr;
}

void TakeMatched(std::optional<fhir_store::Version> matched, Decision* decision) {
  decision->id = matched->id;
  decision->decided_on = matched->version_id;
  decision->matched = std::move(matched);
}

// The member `id` of the resource, if it has one. Errors: kInvalid, kTooLarge.
Result<std::string> IdOf(std::string_view text) {
  json::Parser parser(fhir::ResourceLimits());
  TRY(const json::Document document, parser.Parse(text));
  TRY(const fhir::Envelope envelope, fhir::ReadEnvelope(document));
  return std::string(envelope.id);
}

std::optional<Fault> Decide(const MatchScope& scope, const ConditionalWrite& write,
                            const Criteria& criteria, Decision* decision) {
  if (write.what == ConditionalWrite::What::kCreate) {
    return DecideCreate(scope, criteria, decision);
  }
  if (write.what == ConditionalWrite::What::kDelete) {
    return DecideDelete(scope, criteria, decision);
  }
  const auto id = IdOf(write.text);
  if (!id.ok()) return FaultOf(id.error());
  return DecideUpdate(scope, criteria, id.value(), decision);
}

ConditionalOutcome FaultOutcome(Fault fault) { return {.fault = std::move(fault), .written = {}}; }

fhir_store::Version VersionOf(const fhir_store::WrittenOnce& once) {
  fhir_store::Version version;
  version.type = once.type;
  version.id = once.id;
  version.version_id = once.version_id;
  return version;
}

// One try. Nothing: what it was decided by has changed.
std::optional<ConditionalOutcome> TryConditional(const MatchScope& scope,
                                                 fhir_store::FhirStore* store,
                                                 const ConditionalWrite& write,
                                                 const std::optional<Criteria>& criteria) {
  if (!write.once.empty()) {
    auto before = store->FindOnce(write.once);
    if (!before.ok()) return FaultOutcome(FaultOf(before.error()));
    if (before.value().has_value()) {
      auto outcome = FaultOutcome({409, "duplicate", "the idempotency key was used before"});
      outcome.written.version = VersionOf(*before.value());
      return outcome;
    }
  }
  Decision decision;
  decision.is_new = true;
  std::optional<fhir_store::CriteriaHold> hold;
  if (criteria.has_value()) {
    auto held = store->HoldCriteria({&criteria->name, 1});
    if (!held.ok()) return FaultOutcome(FaultOf(held.error()));
    hold.emplace(std::move(held).value());
    decision.is_new = false;
    if (auto fault = Decide(scope, write, *criteria, &decision)) {
      return FaultOutcome(*std::move(fault));
    }
  } else {
    decision.id = store->NewId();
  }
  if (decision.action == Decision::Action::kMatched) {
    return ConditionalOutcome{
        .fault = {}, .written = {.version = *std::move(decision.matched)}, .matched = true};
  }
  fhir_store::ResourceWrite one = {.type = write.type, .id = decision.id};
  if (write.what != ConditionalWrite::What::kDelete) one.text = write.text;
  one.precondition = write.precondition;
  one.precondition.if_none_match_any |= decision.is_new;
  one.decided_on = decision.decided_on;
  size_t failed = 0;
  auto outcomes =
      store->WriteAll({&one, 1}, &failed, {.hold = hold ? &*hold : nullptr, .once = write.once});
  if (outcomes.ok()) {
    return ConditionalOutcome{.fault = {}, .written = std::move(outcomes.value()[0])};
  }
  if (outcomes.error().kind == ErrorKind::kConflict) return std::nullopt;
  return FaultOutcome(FaultOf(outcomes.error()));
}

}  // namespace

std::optional<Fault> DecideCreate(const MatchScope& scope, const Criteria& criteria,
                                  Decision* decision) {
  std::optional<fhir_store::Version> matched;
  if (auto fault = MatchOne(scope, criteria, &matched)) return fault;
  if (matched.has_value()) {
    decision->action = Decision::Action::kMatched;
    TakeMatched(std::move(matched), decision);
    return std::nullopt;
  }
  decision->id = scope.store->NewId();
  decision->is_new = true;
  return std::nullopt;
}

std::optional<Fault> DecideUpdate(const MatchScope& scope, const Criteria& criteria,
                                  std::string_view body_id, Decision* decision) {
  std::optional<fhir_store::Version> matched;
  if (auto fault = MatchOne(scope, criteria, &matched)) return fault;
  if (matched.has_value()) {
    if (!body_id.empty() && body_id != matched->id) {
      return Fault{400, "invalid", "resource.id: is not that of the resource that matches"};
    }
    TakeMatched(std::move(matched), decision);
    return std::nullopt;
  }
  if (body_id.empty()) {
    decision->id = scope.store->NewId();
    decision->is_new = true;
    return std::nullopt;
  }
  // As an update that creates: under the resource's own id, which may have been deleted.
  decision->id = body_id;
  decision->decided_on = 0;
  const auto existing = scope.store->Read(criteria.type, body_id);
  if (existing.ok()) {
    return Fault{409, "conflict", "resource.id: exists, and does not match the criteria"};
  }
  return std::nullopt;
}

std::optional<Fault> DecideDelete(const MatchScope& scope, const Criteria& criteria,
                                  Decision* decision) {
  std::optional<fhir_store::Version> matched;
  if (auto fault = MatchOne(scope, criteria, &matched)) return fault;
  if (matched.has_value()) {
    TakeMatched(std::move(matched), decision);
    return std::nullopt;
  }
  // HealthLake tells a resource that is not as it was thought to be from one that is not there.
  const std::string* const id = IdAmong(criteria);
  if (id != nullptr && scope.store->Read(criteria.type, *id).ok()) {
    return Fault{409, "conflict", "the resource of that id does not meet the other criteria"};
  }
  return Fault{404, "not-found", "no resource meets the criteria"};
}

std::optional<Fault> FindReferenced(const MatchScope& scope, fhir::TypeId type,
                                    std::string_view criteria, std::string* id) {
  const auto read = ReadCriteria(scope, type, criteria);
  if (!read.ok()) return FaultOf(read.error());
  std::optional<fhir_store::Version> matched;
  if (auto fault = MatchOne(scope, read.value(), &matched)) return fault;
  if (!matched.has_value()) return Fault{412, "not-found", "no resource meets the criteria"};
  *id = std::move(matched->id);
  return std::nullopt;
}

ConditionalOutcome RunConditional(const MatchScope& scope, fhir_store::FhirStore* store,
                                  const ConditionalWrite& write) {
  std::optional<Criteria> criteria;
  if (write.criteria.has_value()) {
    auto read = ReadCriteria(scope, write.type, *write.criteria);
    if (!read.ok()) return FaultOutcome(FaultOf(read.error()));
    criteria = std::move(read).value();
  }
  for (int attempt = 1; attempt <= kConditionalAttemptsMax; ++attempt) {
    if (auto outcome = TryConditional(scope, store, write, criteria)) return *std::move(outcome);
  }
  return FaultOutcome({409, "conflict", "other writes of the same resources won too often"});
}

}  // namespace tarn::fhir_api::internal
