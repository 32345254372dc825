// Every official example of R4 is found by each of its own index values: values, queries and
// matches agree with one another over all types and parameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/uri.h"
#include "fhir/decimal.h"
#include "fhir/internal/query_parser.h"
#include "fhir/internal/value_lines.h"
#include "fhir/resource.h"
#include "fhir/search_match.h"

namespace tarn::fhir {
namespace {

constexpr const char* kFolder = TARN_SOURCE_DIR "/test/examples/node_modules/hl7.fhir.r4.examples";

std::string Escaped(std::string_view text) {
  return internal::EscapeTerm(text, internal::Bars::kEscape);
}

struct Asked {
  std::string modifier;  // ":exact"
  std::string value;     // Empty: nothing can be asked.
};

// What one value can be asked by.
struct QueriesOf {
  const IndexValues& values;
  using Queries = std::vector<Asked>;

  Queries operator()(const TokenValue& v) const {
    const std::string code = Escaped(v.code);
    const std::string both = Escaped(v.system) + "|" + code;
    if (v.code.empty()) return {{"", both}};
    return {{"", code}, {"", both}};
  }
  Queries operator()(const TokenTextValue& v) const { return {{":text", Escaped(v.folded)}}; }
  Queries operator()(const TypedIdentifierValue& v) const {
    return {
        {":of-type", Escaped(v.type_system) + "|" + Escaped(v.type_code) + "|" + Escaped(v.key)}};
  }
  Queries operator()(const ReferenceValue& v) const {
    switch (v.form) {
      case ReferenceForm::kLocal:
        return {{"", std::string(TypeName(v.type)) + "/" + std::string(v.id)},
                {"", std::string(v.id)}};
      case ReferenceForm::kUrl:
        // What is neither a URL nor an id cannot be asked for.
        if (v.url.find(':') == v.url.npos) return {};
        return {{"", Escaped(v.url)}};
      case ReferenceForm::kCanonical:
        if (v.url.find(':') == v.url.npos) return {};
        if (v.version.empty()) return {{"", Escaped(v.url)}};
        return {{"", Escaped(v.url)}, {"", Escaped(v.url) + "|" + Escaped(v.version)}};
      case ReferenceForm::kContained:
        break;
    }
    return {};
  }
  Queries operator()(const ReferenceIdentifierValue& v) const {
    return {{":identifier", Escaped(v.system) + "|" + Escaped(v.key)}};
  }
  Queries operator()(const UriValue& v) const {
    return {{"", Escaped(v.uri)}, {":below", Escaped(v.uri)}};
  }
  Queries operator()(const StringValue& v) const {
    if (v.folded.empty()) return {{":exact", Escaped(v.exact)}};
    if (v.exact.empty()) return {{"", Escaped(v.folded)}};
    return {{"", Escaped(v.exact)}, {":exact", Escaped(v.exact)}, {":contains", Escaped(v.folded)}};
  }
  Queries operator()(const DateValue& v) const {
    const bool low = v.range.low_us != kTimeMin;
    const bool high = v.range.high_us != kTimeMax;
    Queries out;
    if (low) out.push_back({"", "ge" + TimeText(v.range.low_us)});
    if (high) out.push_back({"", "le" + TimeText(v.range.high_us)});
    if (low) out.push_back({"", "gt" + TimeText(v.range.low_us - 2'000'000)});
    return out;
  }
  static std::string Number(const NumberValue& v) {
    const auto low = DecodeDecimalKey(v.low);
    const auto high = DecodeDecimalKey(v.high);
    if (v.low == v.high) return DecimalText(low.value());
    return low.ok() ? "ge" + DecimalText(low.value()) : "le" + DecimalText(high.value());
  }
  Queries operator()(const NumberValue& v) const { return {{"", Number(v)}}; }
  Queries operator()(const QuantityValue& v) const {
    const std::string number = Number(v.value);
    Queries out = {{"", number}, {"", number + "|" + Escaped(v.system) + "|" + Escaped(v.code)}};
    if (!v.unit.empty()) out.push_back({"", number + "||" + Escaped(v.unit)});
    return out;
  }
  Queries operator()(const PositionValue& v) const {
    return {{"", std::to_string(v.latitude) + "|" + std::to_string(v.longitude) + "|1|m"}};
  }
  Queries operator()(const WordValue& v) const {
    const bool keyword = v.word == "and" || v.word == "or" || v.word == "not";
    const bool operators = v.word.find_first_of("()\"*") != v.word.npos;
    if (keyword || operators) return {};
    return {{"", Escaped(v.word)}};
  }
  Queries operator()(const CompositeValue& v) const {
    std::string out;
    int next = 0;
    for (const IndexValue& component : values.Components(v)) {
      if (component.component != next) continue;
      const Queries queries = std::visit(*this, component.value);
      if (queries.empty() || !queries[0].modifier.empty()) continue;
      out += (next > 0 ? "$" : "") + queries[0].value;
      ++next;
    }
    const auto count = static_cast<int>(values.Components(v).back().component) + 1;
    if (next < count) return {};
    return {{"", out}};
  }
};

struct Totals {
  size_t refused = 0;
  size_t resources = 0;
  size_t values = 0;
  size_t queries = 0;
};

class Examples : public ::testing::Test {
 protected:
  Examples() {
    auto made = Extractor::Make(parameters_, {});
    CHECK(made.ok());
    extractor_ = std::move(made).value();
    context_.parameters = &parameters_;
  }

  void CheckResource(const std::string& text) {
    json::Parser parser(ResourceLimits());
    const auto document = parser.Parse(text);
    ASSERT_TRUE(document.ok());
    const auto envelope = ReadEnvelope(document.value());
    if (!envelope.ok()) {
      // One example has an id of 67 characters, which R4 does not allow.
      ++totals_.refused;
      return;
    }
    const TypeId type = envelope.value().type;
    const Status status = extractor_->Extract(document.value(), type, {}, &values_);
    ASSERT_TRUE(status.ok()) << status.error().detail;
    ++totals_.resources;
    // Of a parameter with many values the first ones will do.
    constexpr size_t kAskedMax = 50;
    size_t asked = 0;
    const IndexValue* before = nullptr;
    for (const IndexValue& value : values_.values()) {
      asked = before != nullptr && before->parameter == value.parameter ? asked + 1 : 0;
      before = &value;
      if (asked < kAskedMax) CheckValue(type, value);
    }
  }

  // A bare id means one of the parameter's targets; some examples refer to other types.
  static bool IsAskable(const ParameterInfo& parameter, const IndexValue& value,
                        const Asked& asked) {
    const auto* reference = std::get_if<ReferenceValue>(&value.value);
    if (reference == nullptr || asked.value != reference->id) return true;
    const auto& targets = parameter.targets;
    return targets.empty() ||
           std::find(targets.begin(), targets.end(), reference->type) != targets.end();
  }

  void CheckValue(TypeId type, const IndexValue& value) {
    ++totals_.values;
    const auto parameter = parameters_.Find(value.parameter);
    ASSERT_TRUE(parameter.has_value());
    for (const Asked& asked : std::visit(QueriesOf{values_}, value.value)) {
      if (!IsAskable(*parameter, value, asked)) continue;
      ++totals_.queries;
      const std::string name = std::string(parameter->code) + asked.modifier;
      SCOPED_TRACE(name + " " + asked.value + " of " + internal::ValueLine(value, values_));
      const ParsedSearch parsed =
          ParseCriteria(PercentEncode(name) + "=" + PercentEncode(asked.value), type, context_);
      ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
      const auto found = Matches(parsed.query.criteria[0].criterion, values_, {});
      ASSERT_TRUE(found.ok()) << found.error().detail;
      EXPECT_TRUE(found.value());
    }
  }

  SearchParameterSet parameters_;
  std::unique_ptr<Extractor> extractor_;
  SearchContext context_;
  IndexValues values_;
  Totals totals_;
};

// Shows: parameter every parameter of R4, _tag, _profile, _security, _source
TEST_F(Examples, AreFoundByTheirOwnValues) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "test/examples is not installed";
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    if (entry.path().extension() != ".json" || name == "package.json" || name[0] == '.') continue;
    SCOPED_TRACE(name);
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    CheckResource(text.str());
    if (HasFatalFailure()) break;
  }
  EXPECT_EQ(totals_.resources, 5305u);
  EXPECT_EQ(totals_.refused, 1u);
  EXPECT_GT(totals_.queries, totals_.values);
  RecordProperty("values", static_cast<int>(totals_.values));
}

}  // namespace
}  // namespace tarn::fhir
