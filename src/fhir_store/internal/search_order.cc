#include "fhir_store/internal/search_order.h"

#include <variant>

#include "fhir/date_range.h"

namespace tarn::fhir_store {
namespace {

std::string TimeKey(int64_t time_us) {
  std::string key;
  fhir::AppendTimeKey(&key, time_us);
  return key;
}

// One value as bytes that compare as values of its parameter do; nullopt: it has no order.
class SortBytes {
 public:
  explicit SortBytes(bool descending) : descending_(descending) {}

  using Bytes = std::optional<std::string>;
  Bytes operator()(const fhir::TokenValue& token) const { return std::string(token.key); }
  Bytes operator()(const fhir::UriValue& uri) const { return std::string(uri.uri); }
  Bytes operator()(const fhir::StringValue& string) const { return std::string(string.folded); }
  Bytes operator()(const fhir::ReferenceValue& reference) const {
    if (reference.form != fhir::ReferenceForm::kLocal) return std::nullopt;
    return ReferenceSortValue(reference.type, reference.id);
  }
  Bytes operator()(const fhir::DateValue& date) const {
    const int64_t high = date.range.high_us;
    if (!descending_) return TimeKey(date.range.low_us);
    return TimeKey(high == fhir::kTimeMax ? high : high - 1);
  }
  Bytes operator()(const fhir::NumberValue& number) const {
    return std::string(descending_ ? number.high : number.low);
  }
  Bytes operator()(const fhir::QuantityValue& quantity) const { return (*this)(quantity.value); }
  template <typename Other>
  Bytes operator()(const Other&) const {
    return std::nullopt;
  }

 private:
  const bool descending_;
};

}  // namespace

std::string ReferenceSortValue(fhir::TypeId type, std::string_view id) {
  return std::string(fhir::TypeName(type)).append("/").append(id);
}

Result<std::vector<std::optional<std::string>>> SortValuesOf(const std::vector<fhir::SortKey>& sort,
                                                             const fhir::IndexValues& values,
                                                             const Exists& exists) {
  std::vector<std::optional<std::string>> out;
  out.reserve(sort.size());
  for (const fhir::SortKey& key : sort) {
    std::optional<std::string> best;
    for (const fhir::IndexValue& value : values.Of(key.parameter)) {
      std::optional<std::string> bytes = std::visit(SortBytes(key.descending), value.value);
      if (!bytes.has_value()) continue;
      if (const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value)) {
        TRY(const bool there, exists(reference->type, reference->id));
        if (!there) continue;
      }
      if (bytes->size() > kSortBytesMax / sort.size()) bytes->resize(kSortBytesMax / sort.size());
      if (!best.has_value() || (key.descending ? *best < *bytes : *bytes < *best)) {
        best = std::move(bytes);
      }
    }
    out.push_back(std::move(best));
  }
  return out;
}

bool ComesBefore(const std::vector<fhir::SortKey>& sort, const ResultPlace& a,
                 const ResultPlace& b) {
  for (size_t i = 0; i < sort.size(); ++i) {
    const auto& x = a.values[i];
    const auto& y = b.values[i];
    if (x == y) continue;
    if (!x.has_value() || !y.has_value()) return x.has_value();
    return sort[i].descending ? *y < *x : *x < *y;
  }
  return a.type != b.type ? a.type < b.type : a.ordinal < b.ordinal;
}

}  // namespace tarn::fhir_store
