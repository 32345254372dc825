// What SearchImageSets asks and finds.
// Spec: HealthImaging API, SearchImageSets; Developer Guide, "Searching image sets".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image_store/properties.h"

namespace tarn::image_store {

enum class SearchKey : uint8_t {
  kPatientId,
  kAccessionNumber,
  kStudyId,
  kStudyInstanceUid,
  kSeriesInstanceUid,
  kCreatedAt,
  kUpdatedAt,
  kStudyDateAndTime,
  kIsPrimary,
};

// One value, of the member that its key asks for.
struct SearchValue {
  std::string text;        // kPatientId to kSeriesInstanceUid.
  int64_t unix_ms = 0;     // kCreatedAt, kUpdatedAt.
  std::string study_date;  // kStudyDateAndTime: YYYYMMDD
  std::string study_time;  // and HHMMSS.FFFFFF, or a part of it; empty: midnight.
  bool flag = false;       // kIsPrimary.
};

enum class SearchOperator : uint8_t { kEqual, kBetween };

// EQUAL takes one value, BETWEEN the lower and the upper bound, both inclusive, and only of keys
// that are times (kInvalid).
struct SearchFilter {
  SearchKey key = SearchKey::kPatientId;
  SearchOperator op = SearchOperator::kEqual;
  std::vector<SearchValue> values;
};

enum class SortField : uint8_t { kUpdatedAt, kCreatedAt, kStudyDateAndTime };

struct SearchRequest {
  std::vector<SearchFilter> filters;  // All must hold; at most kSearchFiltersMax (kInvalid).
  SortField sort = SortField::kUpdatedAt;
  bool ascending = false;
  uint32_t max = 50;       // 1 to kSearchPageMax (kInvalid).
  std::string page_token;  // From a page of the same request; empty: the first page.
};

struct ImageSetSummary {
  ImageSetProperties properties;  // Of the latest version.
  DicomTags tags;
};

struct SearchPage {
  std::vector<ImageSetSummary> image_sets;
  std::string next_page_token;  // Printable ASCII; empty: this is the last page.
};

}  // namespace tarn::image_store
