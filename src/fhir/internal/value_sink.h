// From one found value of a FHIR data type to index values: one function for each type of search
// parameter. Shared by the files value_*.cc.
// Spec: FHIR R4 "Search", the table that maps data types to parameter types.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/index_values.h"
#include "fhir/internal/arena.h"
#include "fhir/ucum.h"
#include "json/document.h"

namespace tarn::fhir::internal {

// Data types as search tells them apart: Age is a Quantity, oid a uri, integer a number.
enum class DataType : uint8_t {
  kOther,  // Gives no value.
  kBoolean,
  kNumber,
  kString,
  kCode,
  kId,
  kUri,
  kCanonical,
  kDate,  // date and dateTime
  kInstant,
  kCoding,
  kCodeableConcept,
  kIdentifier,
  kContactPoint,
  kHumanName,
  kAddress,
  kPeriod,
  kTiming,
  kReference,
  kQuantity,
  kMoney,
  kRange,
  kSampledData,
  kPosition,
  kResource,
};
DataType DataTypeOf(TypeIndex type);

// One value that an expression found. Primitives have a text, unescaped; others a node.
struct Found {
  DataType type = DataType::kOther;
  std::string_view text;
  const json::Document* document = nullptr;
  uint32_t node = json::kNoNode;
};

// Canonical units by code: records use few. Entries stay where they are until Trim.
class UnitMemo {
 public:
  const std::optional<CanonicalUnit>& Find(std::string_view code);
  void Trim();  // Empties it when it has grown large.

 private:
  std::unordered_map<std::string, std::optional<CanonicalUnit>> units_;
};

// Where values go, and with what they are made.
struct ValueSink {
  Arena* arena = nullptr;
  UnitMemo* units = nullptr;
  std::vector<IndexValue>* values = nullptr;
  const std::vector<std::string>* base_urls = nullptr;  // Each ends in '/'.
  std::string_view own_path;                            // See ResourceTimes.
  const ElementDefinition* code_element = nullptr;      // Of a `code` element; may be null.
  std::span<const TypeId> targets;                      // Of the parameter; empty: any.
  ParameterNumber parameter = kNoParameter;
  uint8_t component = 0;
  bool family = false;  // Later words of a text are found, too.
  std::string scratch;
  std::optional<Error> error;  // The first one.

  template <typename Value>
  void Add(Value value) {
    values->push_back({parameter, component, std::move(value)});
  }
  // The text of a primitive node, unescaped; empty for anything else.
  std::string_view Text(const json::Document& document, uint32_t node);
  std::string_view MemberText(const json::Document& document, uint32_t object,
                              std::string_view name);
  std::string_view CaseKey(std::string_view code);  // CaseFolded, in the arena when it differs.
  std::string_view Fold(std::string_view text);
};

void AddToken(const Found& found, ValueSink* sink);
void AddReference(const Found& found, ValueSink* sink);
void AddUri(const Found& found, ValueSink* sink);
void AddString(const Found& found, ValueSink* sink);
void AddDate(const Found& found, ValueSink* sink);
void AddNumber(const Found& found, ValueSink* sink);
void AddQuantity(const Found& found, ValueSink* sink);
void AddPosition(const Found& found, ValueSink* sink);

// The distinct words of Narrative.div, or of all texts of the resource: what people read, not ids,
// references, addresses of systems and binary data. Appends views into sink->arena, sorted.
// Errors: kTooLarge.
Status CollectWords(const json::Document& document, bool narrative_only, ValueSink* sink,
                    std::vector<std::string_view>* words);

// How a literal reference is understood, in a resource and in a query: "Patient/1",
// "Patient/1/_history/2", "#p1", absolute ones below a base URL, or below `own_path` of any host,
// as if they were relative.
ReferenceValue ParseReference(std::string_view text, const std::vector<std::string>& base_urls,
                              std::string_view own_path);
// "url|version" in two.
std::pair<std::string_view, std::string_view> SplitCanonical(std::string_view canonical);
// Each with '/' at the end.
std::vector<std::string> NormalBaseUrls(const std::vector<std::string>& base_urls);

}  // namespace tarn::fhir::internal
