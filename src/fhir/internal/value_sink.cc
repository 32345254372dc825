#include "fhir/internal/value_sink.h"

#include <array>

#include "fhir/text_fold.h"

namespace tarn::fhir::internal {
namespace {

struct TypeRow {
  TypeIndex type;
  DataType data_type;
};

DataType Classify(TypeIndex type) {
  // Narrow types before the wide ones that they specialise.
  const std::array rows = {
      TypeRow{kTypes.boolean, DataType::kBoolean},
      TypeRow{kTypes.system_boolean, DataType::kBoolean},
      TypeRow{kTypes.integer, DataType::kNumber},
      TypeRow{kTypes.decimal, DataType::kNumber},
      TypeRow{kTypes.system_integer, DataType::kNumber},
      TypeRow{kTypes.system_decimal, DataType::kNumber},
      TypeRow{kTypes.id, DataType::kId},
      TypeRow{kTypes.code, DataType::kCode},
      TypeRow{kTypes.string, DataType::kString},
      TypeRow{kTypes.markdown, DataType::kString},
      TypeRow{kTypes.system_string, DataType::kString},
      TypeRow{kTypes.canonical, DataType::kCanonical},
      TypeRow{kTypes.uri, DataType::kUri},
      TypeRow{kTypes.instant, DataType::kInstant},
      TypeRow{kTypes.date, DataType::kDate},
      TypeRow{kTypes.date_time, DataType::kDate},
      TypeRow{kTypes.system_date, DataType::kDate},
      TypeRow{kTypes.system_date_time, DataType::kDate},
      TypeRow{kTypes.coding, DataType::kCoding},
      TypeRow{kTypes.codeable_concept, DataType::kCodeableConcept},
      TypeRow{kTypes.identifier, DataType::kIdentifier},
      TypeRow{kTypes.contact_point, DataType::kContactPoint},
      TypeRow{kTypes.human_name, DataType::kHumanName},
      TypeRow{kTypes.address, DataType::kAddress},
      TypeRow{kTypes.period, DataType::kPeriod},
      TypeRow{kTypes.timing, DataType::kTiming},
      TypeRow{kTypes.reference, DataType::kReference},
      TypeRow{kTypes.money, DataType::kMoney},
      TypeRow{kTypes.quantity, DataType::kQuantity},
      TypeRow{kTypes.range, DataType::kRange},
      TypeRow{kTypes.sampled_data, DataType::kSampledData},
      TypeRow{FindFhirType("Location.position"), DataType::kPosition},
  };
  for (const TypeRow& row : rows) {
    if (row.type != kUnknownType && IsSubtype(type, row.type)) return row.data_type;
  }
  return IsResource(type) ? DataType::kResource : DataType::kOther;
}

std::vector<DataType> ClassifyAll() {
  std::vector<DataType> out(TypeIndexCount());
  for (TypeIndex type = 0; type < TypeIndexCount(); ++type) out[type] = Classify(type);
  out[kUnknownType] = DataType::kOther;
  return out;
}

bool IsCaseFolded(std::string_view text) {
  for (const char c : text) {
    if ((c >= 'A' && c <= 'Z') || static_cast<uint8_t>(c) >= 128) return false;
  }
  return true;
}

// One more segment of a relative reference, up to '/'; empty at the end.
std::string_view TakeSegment(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view segment = path->substr(0, slash);
  path->remove_prefix(slash == path->npos ? path->size() : slash + 1);
  return segment;
}

// "Patient/1" and "Patient/1/_history/2"; false for anything else.
bool ParseRelative(std::string_view path, ReferenceValue* out) {
  const std::string_view type = TakeSegment(&path);
  const std::string_view id = TakeSegment(&path);
  out->type = FindType(type);
  if (out->type == kNoType || !IsValidId(id)) return false;
  out->id = id;
  if (path.empty()) return true;
  if (TakeSegment(&path) != "_history") return false;
  out->version = TakeSegment(&path);
  return path.empty() && IsValidId(out->version);
}

// The type in ".../Patient/1" or ".../Patient/1/_history/2".
TypeId TypeInUrl(std::string_view url) {
  size_t at = url.size();
  for (int i = 0; i < 4 && at != url.npos && at > 0; ++i) {
    at = url.rfind('/', at - 1);
    ReferenceValue parts;
    if (at != url.npos && i > 0 && ParseRelative(url.substr(at + 1), &parts)) return parts.type;
  }
  return kNoType;
}

}  // namespace

DataType DataTypeOf(TypeIndex type) {
  static const std::vector<DataType> data_types = ClassifyAll();
  return data_types[type];
}

const std::optional<CanonicalUnit>& UnitMemo::Find(std::string_view code) {
  const auto found = units_.find(std::string(code));
  if (found != units_.end()) return found->second;
  return units_.emplace(code, FindUnit(code)).first->second;
}

void UnitMemo::Trim() {
  constexpr size_t kUnitsMax = 1000;
  if (units_.size() > kUnitsMax) units_.clear();
}

std::string_view ValueSink::Text(const json::Document& document, uint32_t node) {
  if (node == json::kNoNode) return {};
  switch (document.kind(node)) {
    case json::Kind::kString: {
      bool escaped = false;
      const std::string_view plain = document.PlainString(node, &escaped);
      return escaped ? arena->Copy(document.String(node)) : plain;
    }
    case json::Kind::kNumber:
    case json::Kind::kTrue:
    case json::Kind::kFalse:
      return document.Raw(node);
    default:
      return {};
  }
}

std::string_view ValueSink::MemberText(const json::Document& document, uint32_t object,
                                       std::string_view name) {
  return Text(document, document.Find(object, name));
}

std::string_view ValueSink::CaseKey(std::string_view code) {
  if (IsCaseFolded(code)) return code;
  scratch.clear();
  AppendCaseFolded(&scratch, code);
  return arena->Copy(scratch);
}

std::string_view ValueSink::Fold(std::string_view text) {
  scratch.clear();
  AppendFolded(&scratch, text);
  return arena->Copy(scratch);
}

std::pair<std::string_view, std::string_view> SplitCanonical(std::string_view canonical) {
  const size_t bar = canonical.find('|');
  if (bar == canonical.npos) return {canonical, {}};
  return {canonical.substr(0, bar), canonical.substr(bar + 1)};
}

std::vector<std::string> NormalBaseUrls(const std::vector<std::string>& base_urls) {
  std::vector<std::string> out;
  out.reserve(base_urls.size());
  for (const std::string& url : base_urls) {
    out.push_back(url.ends_with('/') ? url : url + '/');
  }
  return out;
}

ReferenceValue ParseReference(std::string_view text, const std::vector<std::string>& base_urls,
                              std::string_view own_path) {
  ReferenceValue out;
  if (text.starts_with('#')) {
    out.form = ReferenceForm::kContained;
    out.id = text.substr(1);
    return out;
  }
  std::string_view path = text;
  for (const std::string& base : base_urls) {
    if (text.starts_with(base)) path = text.substr(base.size());
  }
  if (!own_path.empty() && text.find("://") != text.npos) {
    const size_t own = text.find(own_path);
    if (own != text.npos) path = text.substr(own + own_path.size());
  }
  if (ParseRelative(path, &out)) return out;
  out = {};
  out.form = ReferenceForm::kUrl;
  out.url = text;
  out.type = TypeInUrl(text);
  return out;
}

}  // namespace tarn::fhir::internal
