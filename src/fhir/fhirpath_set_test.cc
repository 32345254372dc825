// Sets of expressions: the walk gives what the machine gives, for every search parameter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fhir/fhirpath.h"

namespace tarn::fhir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Extracted {
  json::Parser parser{ResourceLimits()};
  PathEvaluator evaluator;

  // "0.0 "text"": expression, component, JSON.
  std::vector<std::string> Run(std::string_view text, std::vector<PathSet::Entry> entries) {
    const auto document = parser.Parse(text);
    EXPECT_TRUE(document.ok());
    const TypeIndex type = ResourceItem(document.value()).value().type;
    const auto set = PathSet::Compile(type, entries);
    EXPECT_TRUE(set.ok()) << set.error().detail;
    const auto matches = evaluator.Extract(set.value(), document.value(), {});
    EXPECT_TRUE(matches.ok());
    std::vector<std::string> out;
    for (const PathMatch& match : matches.value()) {
      std::string text_of =
          std::to_string(match.expression) + "." + std::to_string(match.component) + " ";
      text_of += match.item.is_node() ? std::string(match.item.raw()) : PathItemText(match.item);
      if (match.component != 0) text_of += " of " + std::string(document.value().Raw(match.group));
      out.push_back(text_of);
    }
    return out;
  }
};

constexpr std::string_view kObservation = R"({"resourceType":"Observation","id":"o1",
"code":{"text":"c"},"subject":{"reference":"Patient/p1"},"focus":[{"reference":"#d"},
{"reference":"http://x/fhir/Patient/2/_history/1"},{"type":"Patient"}],
"contained":[{"resourceType":"Device","id":"d"}],
"valueQuantity":{"value":1.50},"component":[{"code":{"text":"a"},"valueString":"x"},
{"code":{"text":"b"},"valueQuantity":{"value":2}}],"note":[null]})";

TEST(PathSet, WalksPathsChoicesAndFilters) {
  Extracted run;
  EXPECT_THAT(
      run.Run(kObservation, {{"Observation.code.text", {}},
                             {"(Observation.value as Quantity)", {}},
                             {"Observation.component.value.ofType(string)", {}},
                             {"Observation.subject.where(resolve() is Patient).reference", {}},
                             {"Observation.focus.where(resolve() is Patient)", {}},
                             {"Observation.focus.where(resolve() is Device)", {}},
                             {"Resource.id | Patient.id", {}},
                             {"Observation.value.ofType(string)", {}}}),
      UnorderedElementsAre("0.0 \"c\"", R"(1.0 {"value":1.50})", "2.0 \"x\"", "3.0 \"Patient/p1\"",
                           R"(4.0 {"reference":"http://x/fhir/Patient/2/_history/1"})",
                           R"(4.0 {"type":"Patient"})", R"(5.0 {"reference":"#d"})", "6.0 \"o1\""));
}

TEST(PathSet, GroupsComponentsOfComposites) {
  Extracted run;
  EXPECT_THAT(run.Run(R"({"resourceType":"Observation","component":[{"code":{"text":"a"},
"valueString":"x"},{"code":{"text":"b"}}]})",
                      {{"Observation.component", {"code.text", "value.ofType(string)"}}}),
              ElementsAre("0.1 \"a\" of {\"code\":{\"text\":\"a\"},\n\"valueString\":\"x\"}",
                          "0.2 \"x\" of {\"code\":{\"text\":\"a\"},\n\"valueString\":\"x\"}",
                          "0.1 \"b\" of {\"code\":{\"text\":\"b\"}}"));
}

TEST(PathSet, EvaluatesWhatIsNoPlainPath) {
  Extracted run;
  const std::string_view patient =
      R"({"resourceType":"Patient","deceasedBoolean":true,"name":[{"family":"A","given":["x"]},
{"family":"B"}]})";
  EXPECT_THAT(run.Run(patient, {{"Patient.deceased.exists() and Patient.deceased != false", {}},
                                {"Patient.name[1].family", {}},
                                {"Patient.name.where(given.exists())", {"family", "given"}}}),
              ElementsAre("0.0 true", "1.0 \"B\"", R"(2.1 "A" of {"family":"A","given":["x"]})",
                          R"(2.2 "x" of {"family":"A","given":["x"]})"));
}

TEST(PathSet, FindsExtensionsByUrlAndEscapedNames) {
  Extracted run;
  EXPECT_THAT(
      run.Run(R"({"resourceType":"Patient","extension":[{"url":"http:\/\/a","valueCode":"y"},
{"url":"http://b","valueCode":"n"}],"gen\u0064er":"male"})",
              {{"Patient.extension('http://a').value.ofType(code)", {}},
               {"Patient.extension.where(url = 'http://b').value", {}},
               {"Patient.gender", {}}}),
      UnorderedElementsAre("0.0 \"y\"", "1.0 \"n\"", "2.0 \"male\""));
}

TEST(PathSet, RefusesWhatTheTypeDoesNotHave) {
  const std::vector<PathSet::Entry> entries = {{"Patient.nam", {}}};
  const auto set = PathSet::Compile(kTypes.patient, entries);
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(set.error().detail, HasSubstr("in 'Patient.nam': line 1, column 9"));
  const std::vector<PathSet::Entry> fine = {{"Patient.name", {}}};
  Extracted run;
  const auto device = run.parser.Parse(R"({"resourceType":"Device"})");
  const auto matches =
      run.evaluator.Extract(PathSet::Compile(kTypes.patient, fine).value(), device.value(), {});
  ASSERT_FALSE(matches.ok());
  EXPECT_THAT(matches.error().detail, HasSubstr("no Patient"));
}

TEST(PathSet, EverySearchParameterOfEveryTypeCompiles) {
  std::set<std::string> programs;
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    std::vector<PathSet::Entry> entries;
    for (uint16_t index : SearchParametersOf(type)) {
      const SearchParameter& parameter = SearchParameters()[index];
      if (parameter.expression.empty()) continue;
      PathSet::Entry entry{parameter.expression, {}};
      for (const SearchComponent& component : ComponentsOf(parameter)) {
        entry.components.push_back(component.expression);
      }
      entries.push_back(std::move(entry));
    }
    const auto set = PathSet::Compile(type, entries);
    ASSERT_TRUE(set.ok()) << TypeName(type) << ": " << set.error().detail;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!set.value().IsWalked(i)) programs.emplace(entries[i].expression);
    }
  }
  EXPECT_THAT(programs,
              UnorderedElementsAre("Bundle.entry[0].resource",
                                   "MolecularSequence.variant",  // Components from %resource.
                                   "Patient.deceased.exists() and Patient.deceased != false"));
}

// A resource with random elements, as the definitions have them.
class RandomResource {
 public:
  explicit RandomResource(uint64_t seed) : random_(seed) {}

  std::string Make(TypeId type) {
    out_ = R"({"resourceType":")" + std::string(TypeName(type)) + "\"";
    Elements(type, 0);
    return out_ + "}";
  }

 private:
  bool Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

  void Elements(TypeIndex type, int depth) {
    for (const ElementDefinition& element : ElementsOf(type)) {
      if (element.name.view() == "contained" || !Chance(depth < 2 ? 60 : 30)) continue;
      const auto members = MembersOf(type);
      std::vector<const MemberDefinition*> own;
      for (const MemberDefinition& member : members) {
        const auto place = static_cast<uint16_t>(&element - ElementsOf(type).data());
        if (member.element == place && !TypeAt(member.type).abstract) own.push_back(&member);
      }
      if (own.empty()) continue;
      const MemberDefinition& member = *own[random_() % own.size()];
      if (out_.back() != '{') out_ += ',';
      out_ += "\"" + std::string(member.name.view()) + "\":";
      if (element.array) out_ += '[';
      const size_t count = element.array ? random_() % 3 : 1;
      for (size_t i = 0; i < count; ++i) {
        if (i > 0) out_ += ',';
        Value(member.type, depth + 1);
      }
      if (element.array) out_ += ']';
    }
  }

  void Value(TypeIndex type, int depth) {
    static constexpr std::string_view kTexts[] = {
        "Patient/1", "Practitioner/2", "phone",     "email",
        "2020-01",   "composed-of",    "a\\u0062c", "#x"};
    if (type == kTypes.boolean) {
      out_ += Chance(50) ? "true" : "false";
    } else if (type == kTypes.decimal || IsSubtype(type, kTypes.integer)) {
      out_ += std::to_string(random_() % 5);
    } else if (TypeAt(type).kind == TypeKind::kPrimitive) {
      out_ += "\"" + std::string(kTexts[random_() % std::size(kTexts)]) + "\"";
    } else {
      out_ += '{';
      if (depth < 5) Elements(type, depth);
      out_ += '}';
    }
  }

  std::mt19937_64 random_;
  std::string out_;
};

TEST(PathSet, WalksGiveWhatTheMachineGives) {
  json::Parser parser(ResourceLimits());
  PathEvaluator evaluator;
  size_t compared = 0;
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    std::vector<PathSet::Entry> entries;
    std::vector<PathProgram> programs;
    for (uint16_t index : SearchParametersOf(type)) {
      const SearchParameter& parameter = SearchParameters()[index];
      if (parameter.expression.empty() || !ComponentsOf(parameter).empty()) continue;
      entries.push_back({parameter.expression, {}});
      PathOptions options;
      options.context = type;
      options.other_types_are_empty = true;
      programs.push_back(CompilePath(parameter.expression, options).value());
    }
    const auto set = PathSet::Compile(type, entries);
    ASSERT_TRUE(set.ok());
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const std::string text = RandomResource(seed * 1000 + type).Make(type);
      const auto document = parser.Parse(text);
      ASSERT_TRUE(document.ok()) << document.error().detail << "\n" << text;
      std::vector<std::set<std::string>> walked(entries.size());
      const auto matches = evaluator.Extract(set.value(), document.value(), {});
      ASSERT_TRUE(matches.ok()) << matches.error().detail;
      for (const PathMatch& match : matches.value()) {
        walked[match.expression].insert(PathItemTypeName(match.item) + PathItemText(match.item));
      }
      for (size_t i = 0; i < programs.size(); ++i) {
        const auto items = evaluator.Evaluate(programs[i], document.value(), {});
        ASSERT_TRUE(items.ok()) << items.error().detail << "\n" << text;
        std::set<std::string> evaluated;
        for (const PathItem& item : items.value()) {
          evaluated.insert(PathItemTypeName(item) + PathItemText(item));
        }
        EXPECT_EQ(walked[i], evaluated) << entries[i].expression << "\n" << text;
        compared += evaluated.size();
      }
    }
  }
  EXPECT_GT(compared, 3000U);  // Most parameters found something.
}

}  // namespace
}  // namespace tarn::fhir
