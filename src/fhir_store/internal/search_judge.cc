#include "fhir_store/internal/search_judge.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/stored_versions.h"

namespace tarn::fhir_store {

SearchJudge::SearchJudge(const StoreState& state, const SearchDefinitions& definitions,
                         const kv::Snapshot& snapshot, SearchBudget& budget,
                         const RelatedSets& related, fhir::Compatibility compatibility)
    : state_(state),
      definitions_(definitions),
      snapshot_(snapshot),
      budget_(budget),
      related_(related),
      context_{.compatibility = compatibility,
               .related =
                   [this](const fhir::Criterion& criterion, const fhir::IndexValues& values) {
                     return Related(criterion, values, nullptr);
                   }},
      versions_(snapshot.Scan(kVersion, {})) {}

Result<bool> SearchJudge::Load(fhir::TypeId type, Ordinal ordinal,
                               std::optional<uint32_t> version) {
  TRY(budget_.SpendBody());
  document_is_current_ = false;
  values_are_current_ = false;
  inner_count_.reset();
  loaded_ = {};
  loaded_.type = type;
  ordinal_ = ordinal;
  std::string_view body;
  std::string value;
  if (version.has_value()) {
    TRY(const bool found, snapshot_.Get(kVersion, VersionKey(type, ordinal, *version), &value));
    if (!found) return false;
    loaded_.version_id = *version;
    body = value;
  } else {
    // The newest version sorts first.
    versions_->Seek(IdentKey(type, ordinal));
    TRY(versions_->status());
    if (!versions_->Valid()) return false;
    TRY(const VersionKeyParts parts, ParseVersionKey(versions_->key()));
    if (parts.type != type || parts.ordinal != ordinal) return false;
    loaded_.version_id = parts.version;
    body = versions_->value();
  }
  TRY(const BodyHeader header, DecodeBody(body, *state_.dictionaries, &loaded_.body));
  loaded_.last_updated_unix_ms = header.last_updated_unix_ms;
  return !header.deleted;
}

Result<Version> SearchJudge::TakeVersion() {
  TRY(loaded_.id, IdOf(loaded_.type, ordinal_));
  document_is_current_ = false;
  values_are_current_ = false;
  return std::move(loaded_);
}

Status SearchJudge::ReadLoaded() {
  if (document_is_current_) return Ok();
  values_are_current_ = false;  // They look into the text.
  const Status read = reader_.Read(loaded_.body);
  if (!read.ok()) return Error{ErrorKind::kCorrupt, "a stored body is not a resource"};
  document_is_current_ = true;
  return Ok();
}

Result<const fhir::IndexValues*> SearchJudge::Values() {
  if (values_are_current_) return &values_;
  TRY(ReadLoaded());
  fhir::ResourceTimes times;
  times.own_path = state_.own_path;
  if (loaded_.version_id == 1) {
    times.created_us = loaded_.last_updated_unix_ms * 1000;
  } else {
    TRY(const int64_t created, CreationTime(state_, snapshot_, loaded_.type, ordinal_));
    times.created_us = created * 1000;
  }
  TRY(definitions_.extractor->Extract(reader_.document(), loaded_.type, times, &values_));
  values_are_current_ = true;
  return &values_;
}

Result<bool> SearchJudge::Matches(const fhir::Criterion& criterion) {
  TRY(const fhir::IndexValues* values, Values());
  return fhir::Matches(criterion, *values, context_);
}

Result<bool> SearchJudge::Matches(const fhir::SearchQuery& query) {
  if (query.compartment.has_value()) {
    TRY(const bool inside, InCompartment(*query.compartment));
    if (!inside) return false;
  }
  for (const fhir::StatedCriterion& stated : query.criteria) {
    TRY(const bool matches, Matches(stated.criterion));
    if (!matches) return false;
  }
  return true;
}

// ---- Within the loaded resource ----

Status SearchJudge::ReadInners() {
  if (inner_count_.has_value()) return Ok();
  TRY(ReadLoaded());
  const json::Document& document = reader_.document();
  size_t count = 0;
  const uint32_t contained = document.Find(json::kRoot, "contained");
  for (uint32_t item = contained == json::kNoNode ? json::kNoNode : document.FirstChild(contained);
       item != json::kNoNode; item = document.NextSibling(contained, item)) {
    if (count == inners_.size()) inners_.push_back(std::make_unique<Inner>());
    Inner& inner = *inners_[count];
    inner.has_values = false;
    inner.text = document.Raw(item);
    if (inner.reader.Read(inner.text).ok()) ++count;  // Else no resource: nothing to find.
  }
  inner_count_ = count;
  return Ok();
}

Result<const fhir::IndexValues*> SearchJudge::ValuesOf(Inner* inner) {
  if (inner->has_values) return &inner->values;
  fhir::ResourceTimes times;
  times.own_path = state_.own_path;
  TRY(definitions_.extractor->Extract(inner->reader.document(), inner->envelope().type, times,
                                      &inner->values));
  inner->has_values = true;
  return &inner->values;
}

fhir::MatchContext SearchJudge::ContextOf(Inner* self) {
  fhir::MatchContext context = context_;
  context.related = [this, self](const fhir::Criterion& criterion,
                                 const fhir::IndexValues& values) {
    return Related(criterion, values, self);
  };
  return context;
}

Result<std::vector<SearchJudge::Contained>> SearchJudge::MatchingContained(
    const fhir::SearchQuery& query) {
  std::vector<Contained> out;
  TRY(ReadInners());
  for (size_t i = 0; i < *inner_count_; ++i) {
    Inner& inner = *inners_[i];
    const fhir::Envelope& envelope = inner.envelope();
    const bool asked = query.types.empty() || std::find(query.types.begin(), query.types.end(),
                                                        envelope.type) != query.types.end();
    if (!asked) continue;
    TRY(const fhir::IndexValues* values, ValuesOf(&inner));
    const fhir::MatchContext context = ContextOf(&inner);
    bool matches = true;
    for (const fhir::StatedCriterion& stated : query.criteria) {
      if (!matches) break;
      TRY(matches, fhir::Matches(stated.criterion, *values, context));
    }
    if (matches) out.push_back({envelope.id, std::string(inner.text)});
  }
  return out;
}

// "#p" is what the resource contains under that id; "#", in what is contained, is the resource
// itself. Recursion with Related: a chain's operand is within it, kQueryDepthMax deep.
Result<bool> SearchJudge::LeadsWithin(const fhir::Criterion& chain,
                                      const fhir::ReferenceValue& reference, const Inner* self) {
  for (const fhir::Criterion& operand : chain.operands) {
    if (reference.id.empty()) {
      if (self == nullptr || operand.type != loaded_.type) continue;
      TRY(const fhir::IndexValues* values, Values());
      TRY(const bool met, fhir::Matches(operand, *values, context_));
      if (met) return true;
      continue;
    }
    TRY(ReadInners());
    for (size_t i = 0; i < *inner_count_; ++i) {
      Inner& inner = *inners_[i];
      if (inner.envelope().type != operand.type || inner.envelope().id != reference.id) continue;
      TRY(const fhir::IndexValues* values, ValuesOf(&inner));
      TRY(const bool met, fhir::Matches(operand, *values, ContextOf(&inner)));
      if (met) return true;
    }
  }
  return false;
}

// What is contained is referred to by its container and by what that contains, and by nobody else.
Result<bool> SearchJudge::IsReferredWithin(const fhir::Criterion& has, const Inner& self) {
  const fhir::Criterion& operand = has.operands.at(0);
  const auto refers = [&has, &self](const fhir::IndexValues& values) {
    const auto of = values.Of(has.parameter);
    return std::any_of(of.begin(), of.end(), [&self](const fhir::IndexValue& value) {
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      return reference != nullptr && reference->form == fhir::ReferenceForm::kContained &&
             !reference->id.empty() && reference->id == self.envelope().id;
    });
  };
  if (operand.type == loaded_.type) {
    TRY(const fhir::IndexValues* values, Values());
    if (refers(*values)) {
      TRY(const bool met, fhir::Matches(operand, *values, context_));
      if (met) return true;
    }
  }
  for (size_t i = 0; i < *inner_count_; ++i) {
    Inner& inner = *inners_[i];
    if (inner.envelope().type != operand.type) continue;
    TRY(const fhir::IndexValues* values, ValuesOf(&inner));
    if (!refers(*values)) continue;
    TRY(const bool met, fhir::Matches(operand, *values, ContextOf(&inner)));
    if (met) return true;
  }
  return false;
}

Result<bool> SearchJudge::InCompartment(const fhir::Compartment& compartment) {
  if (loaded_.type == compartment.type) {
    TRY(const std::string id, IdOf(loaded_.type, ordinal_));
    if (id == compartment.id) return true;
  }
  TRY(const fhir::IndexValues* values, Values());
  for (const uint16_t index : fhir::CompartmentParameters(compartment.type, loaded_.type)) {
    for (const fhir::IndexValue& value : values->Of(fhir::SearchParameters()[index].number)) {
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      if (reference != nullptr && reference->form == fhir::ReferenceForm::kLocal &&
          reference->type == compartment.type && reference->id == compartment.id) {
        return true;
      }
    }
  }
  return false;
}

Result<bool> SearchJudge::Related(const fhir::Criterion& criterion, const fhir::IndexValues& values,
                                  Inner* self) {
  if (criterion.kind == fhir::Criterion::Kind::kHas) {
    if (self != nullptr) return IsReferredWithin(criterion, *self);
    const auto found = related_.referred.find({&criterion, loaded_.type});
    if (found != related_.referred.end()) return found->second.Contains(ordinal_);
    return related_.is_referred(criterion, loaded_.type, ordinal_);
  }
  if (criterion.kind != fhir::Criterion::Kind::kChain) {
    return Error{ErrorKind::kUnsupported, criterion.code + ": hierarchies are not supported"};
  }
  const auto found = related_.targets.find(&criterion);
  CHECK(found != related_.targets.end());
  for (const fhir::IndexValue& value : values.Of(criterion.parameter)) {
    const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
    if (reference == nullptr) continue;
    if (reference->form == fhir::ReferenceForm::kContained) {
      TRY(const bool leads, LeadsWithin(criterion, *reference, self));
      if (leads) return true;
    }
    if (reference->form != fhir::ReferenceForm::kLocal) continue;
    for (const auto& [type, targets] : found->second) {
      if (type != reference->type) continue;
      TRY(const auto ordinal, FindLive(type, reference->id));
      if (ordinal.has_value() && targets.Contains(*ordinal)) return true;
    }
  }
  return false;
}

Result<std::optional<Ordinal>> SearchJudge::FindLive(fhir::TypeId type, std::string_view id) const {
  if (!fhir::IsValidId(id)) return std::optional<Ordinal>();
  std::string value;
  TRY(const bool found, snapshot_.Get(kCurrent, CurrentKey(type, id), &value));
  if (!found) return std::optional<Ordinal>();
  TRY(const CurrentRecord current, DecodeCurrent(value));
  if (current.deleted) return std::optional<Ordinal>();
  return std::optional<Ordinal>(current.ordinal);
}

Result<std::string> SearchJudge::IdOf(fhir::TypeId type, Ordinal ordinal) const {
  std::string packed;
  TRY(const bool found, snapshot_.Get(kIdent, IdentKey(type, ordinal), &packed));
  if (!found) return Error{ErrorKind::kCorrupt, "an ordinal without an id"};
  return UnpackId(packed);
}

}  // namespace tarn::fhir_store
