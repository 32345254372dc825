// The values that a resource is found by: what each search parameter extracts from it.
// Spec: FHIR R4 "Search", section 3.1.1.4 (parameter types and the data types they apply to).
//
// Values say what was found, normalised so that an index only compares bytes: tokens with their
// case folded, texts folded, times as ranges, numbers as keys, quantities also in canonical units.
// docs/internals/fhir-search.md has the table of data types and parameter types.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "fhir/date_range.h"
#include "fhir/search_parameters.h"
#include "json/document.h"

namespace tarn::fhir {

// Bounds of one extraction. Beyond: kTooLarge, naming the parameter.
inline constexpr size_t kIndexValuesMax = 200'000;        // Values, components included.
inline constexpr size_t kIndexArenaBytesMax = 64u << 20;  // Bytes that normalisation makes.
inline constexpr size_t kIndexFamilyPartsMax = 8;  // Later words found by themselves; not an error.
inline constexpr size_t kIndexWordsMax = 100'000;  // Distinct words of _text and of _content.

// Coding, CodeableConcept (one per coding), Identifier, ContactPoint, code, boolean, string, id,
// uri. `key` is what is compared: `code` itself when `case_sensitive` (id, uri and its kin, UCUM
// codes), else with its case folded (CaseFolded), as the specification asks when in doubt. An index
// must keep the two apart: a query "ABC" asks for the sensitive "ABC" and the folded "abc".
struct TokenValue {
  std::string_view system;  // Empty: none. Of a `code` element: what its required binding says.
  std::string_view code;    // As written. Empty: a system without code.
  std::string_view key;
  bool case_sensitive = false;
};

// What `:text` searches: CodeableConcept.text, Coding.display, Identifier.type.text.
struct TokenTextValue {
  std::string_view folded;
};

// What `:of-type` searches: an Identifier under each coding of its type.
struct TypedIdentifierValue {
  std::string_view type_system;
  std::string_view type_code;  // As written.
  std::string_view key;        // Identifier.value, case folded.
};

enum class ReferenceForm : uint8_t {
  kLocal,      // "Patient/1", or absolute below one of this server's own base URLs.
  kUrl,        // Any other URL or URN.
  kCanonical,  // canonical: `url`, with `version` what follows "|".
  kContained,  // "#p1": `id` is "p1".
};

struct ReferenceValue {
  ReferenceForm form = ReferenceForm::kLocal;
  TypeId type = kNoType;     // kLocal: always; kUrl: when its path or Reference.type tells.
  std::string_view id;       // kLocal, kContained.
  std::string_view version;  // "Patient/1/_history/3": "3". Empty: none.
  std::string_view url;      // kUrl, kCanonical: without version.
};

// What `:identifier` searches: Reference.identifier, with or without a literal reference beside it.
struct ReferenceIdentifierValue {
  std::string_view system;
  std::string_view key;  // Identifier.value, case folded.
};

struct UriValue {
  std::string_view uri;      // As written; of a canonical without "|" and version.
  std::string_view version;  // Of a canonical. Empty: none.
};

// string, markdown, and each part of HumanName and Address.
struct StringValue {
  std::string_view folded;  // See Folded. May be empty ("--"): found by :exact alone.
  std::string_view exact;   // As written. Empty: a later word of a family name ("quinones" of
                            // "Carreno Quinones"), which neither :exact nor :contains look at.
};

// date, dateTime, instant (a microsecond), Period, Timing (its outer limits).
struct DateValue {
  TimeRange range;
};

// integer, decimal: low equals high. Range: open ends are kDecimalKeyMin and kDecimalKeyMax. Keys
// of decimal.h, both included.
struct NumberValue {
  std::string_view low;
  std::string_view high;
};

// Quantity and its kin, Money (unit: the currency), Range (each bound's unit must agree, else the
// bounds are two values), SampledData (the range of its data). A comparator opens a side: "<5" is
// from kDecimalKeyMin to just below 5.
struct QuantityValue {
  std::string_view system;
  std::string_view code;
  std::string_view unit;  // As written for people.
  NumberValue value;
  std::string_view canonical_unit;  // See ucum.h. Empty: not convertible, `canonical` is empty too.
  NumberValue canonical;
};

// Location.position. Degrees; |latitude| <= 90, |longitude| <= 180.
struct PositionValue {
  double latitude = 0;
  double longitude = 0;
};

// One distinct word of the narrative (_text) or of all texts (_content), folded.
struct WordValue {
  std::string_view word;
};

// One item of a composite: IndexValues::Components gives the values of its components, sorted by
// IndexValue::component, at least one for each. Several of one component are alternatives: a code
// with two codings beside one quantity is two values of component 0 and one of component 1.
struct CompositeValue {
  uint32_t first = 0;
  uint32_t count = 0;
};

struct IndexValue {
  ParameterNumber parameter = kNoParameter;
  uint8_t component = 0;  // Within a composite: 0, 1, 2.
  std::variant<TokenValue, TokenTextValue, TypedIdentifierValue, ReferenceValue,
               ReferenceIdentifierValue, UriValue, StringValue, DateValue, NumberValue,
               QuantityValue, PositionValue, WordValue, CompositeValue>
      value;
};

// The values of one resource. Views point into the resource's text or into this object: they are
// valid until it is filled again or dies, and while the text lives. Reuse one per thread.
class IndexValues {
 public:
  IndexValues();
  ~IndexValues();
  IndexValues(const IndexValues&) = delete;
  IndexValues& operator=(const IndexValues&) = delete;

  // Grouped by parameter, ascending numbers. A parameter without values here is missing
  // (`:missing=true`).
  std::span<const IndexValue> values() const;
  TypeId type() const;  // Of the resource. kNoType: nothing was extracted yet.
  std::span<const IndexValue> Of(ParameterNumber parameter) const;
  std::span<const IndexValue> Components(const CompositeValue& composite) const;

  struct State;  // Of index_values.cc alone.

 private:
  friend class Extractor;
  std::unique_ptr<State> state_;
};

struct ExtractorOptions {
  // Base URLs of this server, with or without '/' at the end: absolute references below one of them
  // are local.
  std::vector<std::string> base_urls;
  bool text_words = true;     // Words of the narrative, for _text.
  bool content_words = true;  // Words of all texts, for _content.
};

// What the store knows and the text need not say.
struct ResourceTimes {
  int64_t created_us = kTimeMin;  // Of version 1; kTimeMin: unknown, `createdAt` is missing.
  // What meta.lastUpdated will be; kTimeMin: the text's own is taken.
  int64_t last_updated_us = kTimeMin;
  // Where resources of this data store are, whatever the host: "/datastore/{id}/r4/". References
  // with an absolute URL below it are local, so that they stay so when the server moves. Empty:
  // none.
  std::string_view own_path;
};

// All search parameters of all types, each type compiled once, at its first use. Threads: Extract
// may be called from any thread with an IndexValues of its own.
class Extractor {
 public:
  // Errors: kInvalid: an expression of a custom parameter; the detail names it.
  static Result<std::unique_ptr<Extractor>> Make(const SearchParameterSet& parameters,
                                                 ExtractorOptions options);
  ~Extractor();

  // Fills `out` with the values of the resource that the document holds. Elements of another form
  // than R4 defines give no value. Errors: kTooLarge: a bound above, or one of FHIRPath's;
  // kInvalid: a number beyond decimal.h. The detail names the parameter, never the resource's
  // content.
  Status Extract(const json::Document& document, TypeId type, const ResourceTimes& times,
                 IndexValues* out) const;

 private:
  Extractor();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::fhir
