#include "fhir_store/internal/posting_writer.h"

#include <algorithm>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "fhir/date_range.h"
#include "fhir/resource.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/limits.h"
#include "kv/bits.h"

namespace tarn::fhir_store {
namespace {

struct RangeKinds {
  PostingKind point, low, high;
};
constexpr RangeKinds kPlainKinds = {PostingKind::kPoint, PostingKind::kLow, PostingKind::kHigh};
constexpr RangeKinds kCanonicalKinds = {PostingKind::kCanonicalPoint, PostingKind::kCanonicalLow,
                                        PostingKind::kCanonicalHigh};

// Values that count for `several`; the others accompany one of these.
bool IsPrimary(const fhir::IndexValue& value) {
  return !std::holds_alternative<fhir::TokenTextValue>(value.value) &&
         !std::holds_alternative<fhir::TypedIdentifierValue>(value.value) &&
         !std::holds_alternative<fhir::ReferenceIdentifierValue>(value.value);
}

std::string TimeKey(int64_t time_us) {
  std::string key;
  fhir::AppendTimeKey(&key, time_us);
  return key;
}

Error TooManyValues() {
  return {ErrorKind::kTooLarge, "the resource has too many values to be found by"};
}

}  // namespace

bool HasPairs(const fhir::SearchParameterSet& parameters, const fhir::ParameterInfo& composite) {
  if (composite.components.size() != 2) return false;
  const auto first = parameters.Find(composite.components[0].parameter);
  return first.has_value() && first->type == fhir::SearchType::kToken;
}

StampedParameters::StampedParameters(const fhir::SearchParameterSet& parameters) {
  // Every type has them, under the same numbers.
  const auto number = [&](std::string_view code) {
    const auto found = parameters.Find(fhir::FindType("Patient"), code);
    return found.has_value() ? found->number : fhir::kNoParameter;
  };
  id = number("_id");
  last_updated = number("_lastUpdated");
}

// Writes the keys of one resource.
class PostingWriter::Resource {
 public:
  Resource(const PostingHash& hash, fhir::TypeId type, PostingKeys* keys)
      : hash_(hash), type_(type), keys_(*keys) {}

  void Plain(fhir::ParameterNumber parameter, PostingKind kind) {
    Begin(parameter, kind);
    keys_.Add();
  }
  void Stamp(fhir::ParameterNumber parameter, int64_t unix_ms) {
    const int64_t us = unix_ms * 1000;
    Range(parameter, kPlainKinds, BucketAxis(BucketAxis::kInstant), TimeKey(us), TimeKey(us + 999));
  }
  void Contains(std::string_view type_name) {
    parameter_ = fhir::kParameterContained;
    Hash(PostingKind::kHash, type_name, {});
  }
  // Until EndPair keys are of what is beside this token in the composite.
  const std::string& BeginPair(fhir::ParameterNumber composite, const fhir::TokenValue& token) {
    pair_.clear();
    AppendPostingPrefix(&pair_, type_, composite, PostingKind::kPair);
    hash_.AppendHead(&pair_, TokenHead(token.key, token.case_sensitive));
    hash_.AppendTail(&pair_, token.system);
    return pair_;
  }
  void EndPair() { pair_.clear(); }
  void Value(const fhir::IndexValue& value) {
    parameter_ = value.parameter;
    std::visit([this](const auto& v) { Write(v); }, value.value);
  }

 private:
  std::string* Begin(fhir::ParameterNumber parameter, PostingKind kind) {
    if (pair_.empty()) {
      AppendPostingPrefix(keys_.bytes(), type_, parameter, kind);
    } else {
      keys_.bytes()->append(pair_).push_back(static_cast<char>(kind));
    }
    return keys_.bytes();
  }
  void Hash(PostingKind kind, std::string_view head, std::string_view tail) {
    std::string* const out = Begin(parameter_, kind);
    hash_.AppendHead(out, head);
    hash_.AppendTail(out, tail);
    keys_.Add();
  }
  void Text(std::string_view folded, const std::string_view* exact) {
    AppendTextValue(Begin(parameter_, PostingKind::kText), folded, exact, hash_);
    keys_.Add();
  }
  void Bucket(fhir::ParameterNumber parameter, PostingKind kind, const std::string& bucket) {
    Begin(parameter, kind)->append(bucket);
    keys_.Add();
  }
  void Range(fhir::ParameterNumber parameter, const RangeKinds& kinds, const BucketAxis& axis,
             std::string_view low, std::string_view high) {
    const bool point =
        axis.Bucket(axis.point_level(), low) == axis.Bucket(axis.point_level(), high);
    for (int level = 0; level < axis.levels(); ++level) {
      const std::string bucket = axis.Bucket(level, low);
      if (point && (level <= axis.point_level() || axis.Bucket(level, high) == bucket)) {
        Bucket(parameter, kinds.point, bucket);
      } else if (!point && level <= axis.point_level()) {
        Bucket(parameter, kinds.low, bucket);
        Bucket(parameter, kinds.high, axis.Bucket(level, high));
      }
    }
  }

  void Write(const fhir::TokenValue& token) {
    Hash(PostingKind::kHash, TokenHead(token.key, token.case_sensitive), token.system);
  }
  void Write(const fhir::TokenTextValue& text) { Text(text.folded, nullptr); }
  void Write(const fhir::TypedIdentifierValue& identifier) {
    Hash(PostingKind::kTypedIdentifier, TypedIdentifierHead(identifier.type_code, identifier.key),
         identifier.type_system);
  }
  void Write(const fhir::ReferenceValue& reference) {
    switch (reference.form) {
      case fhir::ReferenceForm::kLocal:
        return Hash(PostingKind::kHash, reference.id, fhir::TypeName(reference.type));
      case fhir::ReferenceForm::kUrl:
        return Hash(PostingKind::kHash, reference.url, {});
      case fhir::ReferenceForm::kCanonical:
        return Hash(PostingKind::kHash, reference.url, reference.version);
      case fhir::ReferenceForm::kContained:
        return;  // Nobody outside the resource can name it.
    }
  }
  void Write(const fhir::ReferenceIdentifierValue& identifier) {
    Hash(PostingKind::kIdentifier, identifier.key, identifier.system);
  }
  void Write(const fhir::UriValue& uri) { Hash(PostingKind::kHash, uri.uri, {}); }
  void Write(const fhir::StringValue& string) {
    Text(string.folded, string.exact.empty() ? nullptr : &string.exact);
  }
  void Write(const fhir::DateValue& date) {
    const int64_t last =
        date.range.high_us == fhir::kTimeMax ? fhir::kTimeMax : date.range.high_us - 1;
    Range(parameter_, kPlainKinds, BucketAxis(BucketAxis::kDate), TimeKey(date.range.low_us),
          TimeKey(last));
  }
  void Write(const fhir::NumberValue& number) {
    Range(parameter_, kPlainKinds, BucketAxis(BucketAxis::kNumber), number.low, number.high);
  }
  void Write(const fhir::QuantityValue& quantity) {
    Write(quantity.value);
    Hash(PostingKind::kHash, quantity.code, quantity.system);
    if (!quantity.unit.empty() && quantity.unit != quantity.code) {
      Hash(PostingKind::kHash, UnitTextHead(quantity.unit), {});
    }
    if (quantity.canonical_unit.empty()) return;
    Range(parameter_, kCanonicalKinds, BucketAxis(BucketAxis::kNumber), quantity.canonical.low,
          quantity.canonical.high);
    Hash(PostingKind::kHash, CanonicalUnitHead(quantity.canonical_unit), {});
  }
  void Write(const fhir::PositionValue&) {}  // `near` is decided by bodies.
  void Write(const fhir::WordValue& word) {
    Begin(parameter_, PostingKind::kWord)->append(word.word).push_back('\0');
    keys_.Add();
  }
  void Write(const fhir::CompositeValue&) {}  // The conjunction of its components, or pairs.

  const PostingHash& hash_;
  const fhir::TypeId type_;
  PostingKeys& keys_;
  fhir::ParameterNumber parameter_ = fhir::kNoParameter;
  std::string pair_;
};

const PostingWriter::Components& PostingWriter::PairedComponents(fhir::ParameterNumber composite) {
  const auto [place, added] = paired_.try_emplace(composite);
  if (!added) return place->second;
  const auto info = definitions_->parameters.Find(composite);
  if (info.has_value() && HasPairs(definitions_->parameters, *info)) {
    for (const auto& component : info->components) place->second.push_back(component.parameter);
  }
  return place->second;
}

Status PostingWriter::AppendPairs(fhir::ParameterNumber composite, size_t keys_max,
                                  Resource* resource, PostingKeys* keys) {
  const Components& components = PairedComponents(composite);
  const bool several =
      std::any_of(components.begin(), components.end(), [this](fhir::ParameterNumber component) {
        const auto values = values_.Of(component);
        return std::count_if(values.begin(), values.end(), IsPrimary) > 1;
      });
  if (!several) return Ok();  // The conjunction of the components tells it.
  std::map<std::string, size_t> primary;
  for (const fhir::IndexValue& item : values_.Of(composite)) {
    const auto values = values_.Components(std::get<fhir::CompositeValue>(item.value));
    for (const fhir::IndexValue& first : values) {
      const auto* token = std::get_if<fhir::TokenValue>(&first.value);
      if (first.component != 0 || token == nullptr) continue;
      const auto [beside, added] = primary.try_emplace(resource->BeginPair(composite, *token), 0);
      if (added) resource->Plain(composite, PostingKind::kPresent);
      for (const fhir::IndexValue& second : values) {
        if (second.component != 1) continue;
        if (IsPrimary(second) && ++beside->second == 2) {
          resource->Plain(composite, PostingKind::kSeveral);
        }
        resource->Value(second);
        if (keys->size() > keys_max) return TooManyValues();
      }
    }
  }
  resource->EndPair();
  return Ok();
}

Status PostingWriter::Append(const json::Document& document, fhir::TypeId type,
                             const PostingTimes& times, PostingKeys* keys) {
  const size_t before = keys->size();
  TRY(definitions_->extractor->Extract(document, type, {.own_path = own_path_}, &values_));
  Resource resource(hash_, type, keys);
  fhir::ParameterNumber parameter = fhir::kNoParameter;
  size_t primary = 0;
  for (const fhir::IndexValue& value : values_.values()) {
    if (value.parameter == stamped_.id || value.parameter == stamped_.last_updated ||
        value.parameter == fhir::kParameterCreatedAt) {
      continue;
    }
    if (value.parameter != parameter) {
      parameter = value.parameter;
      primary = 0;
      resource.Plain(parameter, PostingKind::kPresent);
      if (std::holds_alternative<fhir::CompositeValue>(value.value)) {
        TRY(AppendPairs(parameter, before + kPostingKeysMax, &resource, keys));
      }
    }
    if (IsPrimary(value) && ++primary == 2) resource.Plain(parameter, PostingKind::kSeveral);
    resource.Value(value);
  }
  for (const fhir::TypeId contained : fhir::ContainedTypes(document)) {
    resource.Contains(fhir::TypeName(contained));
  }
  resource.Stamp(stamped_.last_updated, times.last_updated_unix_ms);
  if (times.created_unix_ms.has_value()) {
    resource.Stamp(fhir::kParameterCreatedAt, *times.created_unix_ms);
  }
  if (keys->size() - before > kPostingKeysMax) return TooManyValues();
  return Ok();
}

void AddPostingDifference(const PostingKeys& before, const PostingKeys& after, Ordinal ordinal,
                          kv::Batch* batch) {
  const uint16_t low[] = {static_cast<uint16_t>(ordinal % kChunkOrdinals)};
  ForEachDifference(before, after, [&](std::string_view key, bool added) {
    kv::BitsDelta delta;
    (added ? delta.add : delta.remove) = low;
    batch->MergeBits(kPosting, PostingChunkKey(key, ordinal / kChunkOrdinals), delta);
  });
}

}  // namespace tarn::fhir_store
