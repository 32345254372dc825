#include <algorithm>
#include <array>

#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/wire.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

using image_store::SearchKey;
using image_store::SortField;
using json::Value;
using service_model::Present;
using service_model::TextOf;

constexpr std::array<std::pair<std::string_view, SearchKey>, 9> kKeys = {{
    {"DICOMPatientId", SearchKey::kPatientId},
    {"DICOMAccessionNumber", SearchKey::kAccessionNumber},
    {"DICOMStudyId", SearchKey::kStudyId},
    {"DICOMStudyInstanceUID", SearchKey::kStudyInstanceUid},
    {"DICOMSeriesInstanceUID", SearchKey::kSeriesInstanceUid},
    {"createdAt", SearchKey::kCreatedAt},
    {"updatedAt", SearchKey::kUpdatedAt},
    {"DICOMStudyDateAndTime", SearchKey::kStudyDateAndTime},
    {"isPrimary", SearchKey::kIsPrimary},
}};
constexpr std::array<std::pair<std::string_view, SortField>, 3> kSortFields = {{
    {"updatedAt", SortField::kUpdatedAt},
    {"createdAt", SortField::kCreatedAt},
    {"DICOMStudyDateAndTime", SortField::kStudyDateAndTime},
}};

constexpr size_t kDateDigits = 8;
constexpr size_t kTimeDigitsMax = 12;

// One value, of which the model says that it has exactly one of the members.
image_store::SearchValue ReadValue(const Value& value, SearchKey key, std::string_view name) {
  const Value& found = *Present(value, name);
  image_store::SearchValue out;
  switch (key) {
    case SearchKey::kPatientId:
    case SearchKey::kAccessionNumber:
    case SearchKey::kStudyId:
    case SearchKey::kStudyInstanceUid:
    case SearchKey::kSeriesInstanceUid:
      out.text = found.AsString();
      break;
    case SearchKey::kCreatedAt:
    case SearchKey::kUpdatedAt:
      out.unix_ms = service_model::TimestampMs(found).value();  // Validated.
      break;
    case SearchKey::kStudyDateAndTime:
      out.study_date = TextOf(found, "DICOMStudyDate");
      out.study_time = TextOf(found, "DICOMStudyTime");
      break;
    case SearchKey::kIsPrimary:
      out.flag = found.AsBool();
      break;
  }
  return out;
}

// Whether the text is digits, but for the separators that old files have in dates and times.
bool IsDateOrTime(std::string_view text, size_t digits_min, size_t digits_max) {
  size_t digits = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      ++digits;
    } else if (c != '.' && c != '-' && c != ':') {
      return false;
    }
  }
  return digits >= digits_min && digits <= digits_max;
}

// A date that is none would silently be the first or the last of all.
Status CheckStudyTime(const image_store::SearchValue& value, const std::string& path) {
  if (!IsDateOrTime(value.study_date, kDateDigits, kDateDigits)) {
    return service_model::Violation(path + ".DICOMStudyDateAndTime.DICOMStudyDate",
                                    "must be a date, YYYYMMDD");
  }
  if (!IsDateOrTime(value.study_time, 0, kTimeDigitsMax)) {
    return service_model::Violation(path + ".DICOMStudyDateAndTime.DICOMStudyTime",
                                    "must be a time, HHMMSS.FFFFFF");
  }
  return Ok();
}

Result<image_store::SearchFilter> ReadFilter(const Value& filter, const std::string& path) {
  image_store::SearchFilter out;
  out.op = TextOf(filter, "operator") == "BETWEEN" ? image_store::SearchOperator::kBetween
                                                   : image_store::SearchOperator::kEqual;
  for (const Value& value : Present(filter, "values")->items()) {
    const auto* key = std::find_if(kKeys.begin(), kKeys.end(), [&value](const auto& known) {
      return Present(value, known.first) != nullptr;
    });
    CHECK(key != kKeys.end());  // A union has one member.
    if (!out.values.empty() && out.key != key->second) {
      return service_model::Violation(path + ".values", "must have values of one attribute");
    }
    out.key = key->second;
    out.values.push_back(ReadValue(value, key->second, key->first));
    if (out.key == SearchKey::kStudyDateAndTime) {
      TRY(CheckStudyTime(out.values.back(), path + ".values"));
    }
  }
  return out;
}

Result<image_store::SearchRequest> ReadSearch(const Value& request) {
  image_store::SearchRequest out;
  const Value* criteria = Present(request, "searchCriteria");
  if (criteria == nullptr) return out;
  if (const Value* filters = Present(*criteria, "filters")) {
    size_t number = 0;
    for (const Value& filter : filters->items()) {
      const std::string path = "searchCriteria.filters." + std::to_string(++number) + ".member";
      TRY(image_store::SearchFilter read, ReadFilter(filter, path));
      out.filters.push_back(std::move(read));
    }
  }
  if (const Value* sort = Present(*criteria, "sort")) {
    const std::string field = TextOf(*sort, "sortField");
    const auto* found = std::find_if(kSortFields.begin(), kSortFields.end(),
                                     [&field](const auto& known) { return known.first == field; });
    out.sort = found->second;  // Of the enumeration.
    out.ascending = TextOf(*sort, "sortOrder") == "ASC";
  }
  return out;
}

Value SortOf(const image_store::SearchRequest& search) {
  const auto* field = std::find_if(kSortFields.begin(), kSortFields.end(),
                                   [&](const auto& known) { return known.second == search.sort; });
  Value out = Value::MakeObject();
  out.Set("sortOrder", Text(search.ascending ? "ASC" : "DESC"));
  out.Set("sortField", Text(field->first));
  return out;
}

Value TagsOf(const image_store::DicomTags& tags) {
  Value out = Value::MakeObject();
  const auto set = [&out](std::string_view name, const std::string& text) {
    if (!text.empty()) out.Set(name, Value::String(text));
  };
  set("DICOMPatientId", tags.patient_id);
  set("DICOMPatientName", tags.patient_name);
  set("DICOMPatientBirthDate", tags.patient_birth_date);
  set("DICOMPatientSex", tags.patient_sex);
  set("DICOMStudyInstanceUID", tags.study_instance_uid);
  set("DICOMStudyId", tags.study_id);
  set("DICOMStudyDescription", tags.study_description);
  out.Set("DICOMNumberOfStudyRelatedSeries", Value::Int(tags.study_related_series));
  out.Set("DICOMNumberOfStudyRelatedInstances", Value::Int(tags.study_related_instances));
  set("DICOMAccessionNumber", tags.accession_number);
  set("DICOMSeriesInstanceUID", tags.series_instance_uid);
  set("DICOMSeriesModality", tags.series_modality);
  set("DICOMSeriesBodyPart", tags.series_body_part);
  if (tags.series_number) out.Set("DICOMSeriesNumber", Value::Int(*tags.series_number));
  set("DICOMStudyDate", tags.study_date);
  set("DICOMStudyTime", tags.study_time);
  return out;
}

}  // namespace

Result<http::Response> Operations::SearchImageSets(const Call& call) const {
  TRY(const auto store, Use(call));
  TRY(image_store::SearchRequest search, ReadSearch(call.request));
  search.max = PageSize(call);
  TRY(search.page_token, PositionOf(call));
  TRY(const image_store::SearchPage page, store->images->Search(search));
  Value list = Value::MakeArray();
  for (const image_store::ImageSetSummary& found : page.image_sets) {
    Value item = Value::MakeObject();
    item.Set("imageSetId", Text(found.properties.image_set_id));
    item.Set("version", Value::Int(found.properties.version));  // An integer only here.
    item.Set("createdAt", Timestamp(found.properties.created_unix_ms));
    item.Set("updatedAt", Timestamp(found.properties.updated_unix_ms));
    if (found.properties.last_accessed_unix_ms != 0) {
      item.Set("lastAccessedAt", Timestamp(found.properties.last_accessed_unix_ms));
      item.Set("storageTier", Text(StorageTier(found.properties)));
    }
    item.Set("DICOMTags", TagsOf(found.tags));
    item.Set("isPrimary", Value::Bool(found.properties.is_primary));
    list.Append(std::move(item));
  }
  Value out = Value::MakeObject();
  out.Set("imageSetsMetadataSummaries", std::move(list));
  out.Set("sort", SortOf(search));
  if (!page.next_page_token.empty()) SetNextToken(call, page.next_page_token, &out);
  return JsonResponse(json::ToText(out), call.http);
}

}  // namespace tarn::healthimaging::internal
