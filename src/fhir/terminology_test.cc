#include "fhir/terminology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhir/internal/canonical_tables.h"
#include "json/document.h"

namespace tarn::fhir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

// Stored definitions of a test, by url; versions are not looked at.
class Store {
 public:
  void ValueSet(const std::string& url, const std::string& compose) {
    texts_[{FindType("ValueSet"), url}] =
        R"({"resourceType":"ValueSet","compose":)" + compose + "}";
  }
  void CodeSystem(const std::string& url, const std::string& concepts,
                  const std::string& content = "complete") {
    texts_[{FindType("CodeSystem"), url}] = R"({"resourceType":"CodeSystem","content":")" +
                                            content + R"(","concept":)" + concepts + "}";
  }
  void Text(const std::string& type, const std::string& url, const std::string& text) {
    texts_[{FindType(type), url}] = text;
  }
  FindCanonical find() const {
    return [this](TypeId type, std::string_view url,
                  std::string_view) -> Result<std::optional<std::string>> {
      const auto found = texts_.find({type, std::string(url)});
      if (found == texts_.end()) return std::optional<std::string>();
      return std::optional<std::string>(found->second);
    };
  }

 private:
  std::map<std::pair<TypeId, std::string>, std::string> texts_;
};

std::vector<std::string> Names(const CodeSet& set) {
  std::vector<std::string> names;
  for (const SystemCode& code : set.codes) names.push_back(code.system + "|" + code.code);
  for (const std::string& system : set.systems) names.push_back(system + "|*");
  return names;
}
std::vector<std::string> Expansion(const Store& store, std::string_view url) {
  const auto set = ExpandValueSet(url, "", store.find());
  EXPECT_TRUE(set.ok()) << set.error().detail;
  return set.ok() ? Names(set.value()) : std::vector<std::string>();
}

constexpr std::string_view kAnimals =
    R"([{"code":"animal","concept":[{"code":"cat","concept":[{"code":"lion"}]},{"code":"dog"}]},
    {"code":"plant"},{"code":"sealion","property":[{"code":"parent","valueCode":"animal"}]}])";

TEST(Terminology, HasR4sOwn) {
  const Store none;
  EXPECT_THAT(Expansion(none, "http://hl7.org/fhir/ValueSet/administrative-gender"),
              ElementsAre("http://hl7.org/fhir/administrative-gender|female",
                          "http://hl7.org/fhir/administrative-gender|male",
                          "http://hl7.org/fhir/administrative-gender|other",
                          "http://hl7.org/fhir/administrative-gender|unknown"));
  // Of a code system that nobody has.
  EXPECT_THAT(Expansion(none, "http://hl7.org/fhir/ValueSet/observation-codes"),
              ElementsAre("http://loinc.org|*"));
  // By a filter over a hierarchy, of other value sets, and with codes left out.
  EXPECT_THAT(Expansion(none, "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"),
              IsSupersetOf({"http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB",
                            "http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP"}));
  const auto versioned =
      ExpandValueSet("http://hl7.org/fhir/ValueSet/administrative-gender", "4.0.1", none.find());
  EXPECT_TRUE(versioned.ok());
  EXPECT_EQ(ExpandValueSet("http://hl7.org/fhir/ValueSet/administrative-gender", "9", none.find())
                .error()
                .kind,
            ErrorKind::kNotFound);
}

// Each either expands or says why not, and none is malformed.
TEST(Terminology, EveryBuiltInValueSetExpandsOrSaysWhy) {
  const Store none;
  int expanded = 0;
  int refused = 0;
  for (uint16_t i = 0; i < internal::kCanonicalRowsCount; ++i) {
    const internal::CanonicalRow& row = internal::kCanonicalRows[i];
    if (std::string_view(row.type) != "ValueSet") continue;
    SCOPED_TRACE(row.url);
    const auto set = ExpandValueSet(row.url, "", none.find());
    if (set.ok()) {
      ++expanded;
      continue;
    }
    ++refused;
    EXPECT_THAT(set.error().kind, testing::AnyOf(ErrorKind::kNotFound, ErrorKind::kUnsupported,
                                                 ErrorKind::kTooLarge));
    EXPECT_NE(set.error().detail, "");
  }
  EXPECT_GT(expanded, 1200);
  EXPECT_LT(refused, 60);
}

TEST(Terminology, ComposesSets) {
  Store store;
  store.CodeSystem("urn:a", std::string(kAnimals));
  store.ValueSet("all", R"({"include":[{"system":"urn:a"}]})");
  store.ValueSet("cats", R"({"include":[{"system":"urn:a","filter":[
                 {"property":"concept","op":"is-a","value":"cat"}]}]})");
  store.ValueSet("below", R"({"include":[{"system":"urn:a","filter":[
                 {"property":"concept","op":"descendent-of","value":"animal"}]}]})");
  store.ValueSet("not-cats", R"({"include":[{"system":"urn:a","filter":[
                 {"property":"concept","op":"is-not-a","value":"cat"}]}]})");
  store.ValueSet("above", R"({"include":[{"system":"urn:a","filter":[
                 {"property":"concept","op":"generalizes","value":"lion"}]}]})");
  store.ValueSet("some", R"({"include":[{"system":"urn:a","filter":[
                 {"property":"code","op":"in","value":"dog,plant,none"},
                 {"property":"parent","op":"=","value":"animal"}]}]})");
  store.ValueSet("union", R"({"include":[{"valueSet":["cats"]},
                 {"system":"urn:b","concept":[{"code":"x"}]},{"system":"urn:c"}]})");
  store.ValueSet("both", R"({"include":[{"system":"urn:a","valueSet":["cats","below"]}]})");
  store.ValueSet("less", R"({"include":[{"system":"urn:a"}],"exclude":[{"valueSet":["cats"]}]})");
  store.ValueSet("whole", R"({"include":[{"system":"urn:b"},{"system":"urn:c"}],
                 "exclude":[{"system":"urn:c"}]})");
  store.Text("ValueSet", "expanded", R"({"expansion":{"contains":[{"system":"urn:z","code":"1",
             "contains":[{"system":"urn:z","code":"2"}]}]}})");
  store.Text("ValueSet", "empty", "{}");
  EXPECT_THAT(Expansion(store, "all"), ElementsAre("urn:a|animal", "urn:a|cat", "urn:a|dog",
                                                   "urn:a|lion", "urn:a|plant", "urn:a|sealion"));
  EXPECT_THAT(Expansion(store, "cats"), ElementsAre("urn:a|cat", "urn:a|lion"));
  EXPECT_THAT(Expansion(store, "below"),
              ElementsAre("urn:a|cat", "urn:a|dog", "urn:a|lion", "urn:a|sealion"));
  EXPECT_THAT(Expansion(store, "not-cats"),
              ElementsAre("urn:a|animal", "urn:a|dog", "urn:a|plant", "urn:a|sealion"));
  EXPECT_THAT(Expansion(store, "above"), ElementsAre("urn:a|animal", "urn:a|cat", "urn:a|lion"));
  EXPECT_THAT(Expansion(store, "some"), ElementsAre("urn:a|dog"));
  EXPECT_THAT(Expansion(store, "union"),
              ElementsAre("urn:a|cat", "urn:a|lion", "urn:b|x", "urn:c|*"));
  EXPECT_THAT(Expansion(store, "both"), ElementsAre("urn:a|cat", "urn:a|lion"));
  EXPECT_THAT(Expansion(store, "less"),
              ElementsAre("urn:a|animal", "urn:a|dog", "urn:a|plant", "urn:a|sealion"));
  EXPECT_THAT(Expansion(store, "whole"), ElementsAre("urn:b|*"));
  EXPECT_THAT(Expansion(store, "expanded"), ElementsAre("urn:z|1", "urn:z|2"));
  EXPECT_THAT(Expansion(store, "empty"), IsEmpty());
}

TEST(Terminology, FiltersByProperties) {
  Store store;
  store.CodeSystem("urn:a", R"([
      {"code":"a1","display":"One","property":[{"code":"kind","valueCode":"x"},
       {"code":"rank","valueInteger":7},{"code":"kind","valueCode":"y"}],
       "concept":[{"code":"a2","property":[{"code":"kind","valueCoding":{"code":"y"}},
       {"code":"old","valueBoolean":true}]}]},
      {"code":"b1","display":"Oneness","definition":"The one","property":[
       {"code":"name","valueString":"x, y"}]},{"code":"b2"}])");
  struct Case {
    std::string property, op, value;
    std::vector<std::string> codes;
  };
  for (const Case& c :
       {Case{"code", "regex", "a.", {"a1", "a2"}}, Case{"concept", "regex", "[a-z]1", {"a1", "b1"}},
        Case{"code", "regex", "a", {}}, Case{"display", "regex", "One", {"a1"}},
        Case{"display", "=", "Oneness", {"b1"}}, Case{"definition", "exists", "true", {"b1"}},
        Case{"kind", "=", "x", {"a1"}}, Case{"kind", "in", "y,z", {"a1", "a2"}},
        Case{"kind", "not-in", "x", {"a2", "b1", "b2"}}, Case{"rank", "=", "7", {"a1"}},
        Case{"old", "=", "true", {"a2"}}, Case{"old", "exists", "false", {"a1", "b1", "b2"}},
        Case{"name", "regex", "x, .*", {"b1"}}, Case{"code", "exists", "false", {}},
        Case{"parent", "exists", "false", {"a1", "b1", "b2"}},
        Case{"child", "regex", "a2", {"a1"}}}) {
    SCOPED_TRACE(c.property + " " + c.op + " " + c.value);
    store.ValueSet("v", R"({"include":[{"system":"urn:a","filter":[{"property":")" + c.property +
                            R"(","op":")" + c.op + R"(","value":")" + c.value + R"("}]}]})");
    std::vector<std::string> expected;
    for (const std::string& code : c.codes) expected.push_back("urn:a|" + code);
    EXPECT_EQ(Expansion(store, "v"), expected);
  }
  // Of R4's own the codes, their hierarchy and properties are kept.
  store.ValueSet("gender", R"({"include":[{"system":"http://hl7.org/fhir/administrative-gender",
                 "filter":[{"property":"code","op":"regex","value":".*male"}]}]})");
  EXPECT_THAT(Expansion(store, "gender"),
              ElementsAre("http://hl7.org/fhir/administrative-gender|female",
                          "http://hl7.org/fhir/administrative-gender|male"));
  store.ValueSet("abstract", R"({"include":[{"system":
                 "http://terminology.hl7.org/CodeSystem/v3-ActCode","filter":[
                 {"property":"notSelectable","op":"=","value":"true"}]}]})");
  EXPECT_THAT(Expansion(store, "abstract"),
              Contains("http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActAccountCode"));
}

TEST(Terminology, FollowsHierarchies) {
  Store store;
  store.CodeSystem("urn:a", std::string(kAnimals));
  store.CodeSystem("urn:round", R"([{"code":"x","concept":[{"code":"y","property":[
                   {"code":"child","valueCode":"x"}]}]}])");
  EXPECT_THAT(Names(CodesBelow({"urn:a", "cat"}, store.find()).value()),
              ElementsAre("urn:a|cat", "urn:a|lion"));
  EXPECT_THAT(Names(CodesAbove({"urn:a", "lion"}, store.find()).value()),
              ElementsAre("urn:a|animal", "urn:a|cat", "urn:a|lion"));
  EXPECT_THAT(Names(CodesBelow({"urn:a", "none"}, store.find()).value()),
              ElementsAre("urn:a|none"));
  EXPECT_THAT(Names(CodesAbove({"urn:round", "x"}, store.find()).value()),
              ElementsAre("urn:round|x", "urn:round|y"));
  EXPECT_EQ(CodesBelow({"http://snomed.info/sct", "1"}, store.find()).error().kind,
            ErrorKind::kNotFound);
}

TEST(Terminology, SaysWhatItCannotDo) {
  Store store;
  store.ValueSet("a", R"({"include":[{"valueSet":["b"]}]})");
  store.ValueSet("b", R"({"include":[{"valueSet":["a"]}]})");
  store.ValueSet("unknown", R"({"include":[{"valueSet":["nowhere"]}]})");
  store.ValueSet("filtered", R"({"include":[{"system":"http://loinc.org","filter":[
                 {"property":"concept","op":"is-a","value":"x"}]}]})");
  store.CodeSystem("urn:a", std::string(kAnimals));
  store.CodeSystem("urn:part", R"([{"code":"x"}])", "fragment");
  const auto filtered = [&store](const std::string& name, const std::string& filter,
                                 const std::string& system = "urn:a") {
    store.ValueSet(name,
                   R"({"include":[{"system":")" + system + R"(","filter":[)" + filter + "]}]}");
  };
  filtered("regex", R"({"property":"code","op":"regex","value":"(?=a)b"})");
  filtered("operator", R"({"property":"code","op":"similar","value":"x"})");
  filtered("below", R"({"property":"status","op":"is-a","value":"x"})");
  filtered("property", R"({"property":"none","op":"=","value":"x"})");
  filtered("text", R"({"property":"display","op":"regex","value":".*"})",
           "http://hl7.org/fhir/administrative-gender");
  store.ValueSet("part", R"({"include":[{"system":"urn:part"}]})");
  store.ValueSet("but", R"({"include":[{"system":"urn:part"}],
                 "exclude":[{"system":"urn:part","concept":[{"code":"x"}]}]})");
  store.Text("ValueSet", "broken", "{");
  struct Case {
    std::string_view url;
    ErrorKind kind;
    std::string_view detail;
  };
  for (const Case& c :
       {Case{"a", ErrorKind::kTooLarge, "nested"}, Case{"unknown", ErrorKind::kNotFound, "nowhere"},
        Case{"filtered", ErrorKind::kNotFound, "http://loinc.org"},
        Case{"regex", ErrorKind::kUnsupported, "code regex, not a regular expression"},
        Case{"operator", ErrorKind::kUnsupported, "code similar, which is not supported"},
        Case{"below", ErrorKind::kUnsupported, "status is-a, which is not supported"},
        Case{"property", ErrorKind::kUnsupported, "none =, a property that no concept"},
        Case{"text", ErrorKind::kUnsupported, "display regex, which R4's own"},
        Case{"but", ErrorKind::kUnsupported, "urn:part"},
        Case{"broken", ErrorKind::kInvalid, "malformed"}}) {
    SCOPED_TRACE(c.url);
    const auto set = ExpandValueSet(c.url, "", store.find());
    ASSERT_FALSE(set.ok());
    EXPECT_EQ(set.error().kind, c.kind);
    EXPECT_THAT(set.error().detail, HasSubstr(c.detail));
  }
  EXPECT_THAT(Expansion(store, "part"), ElementsAre("urn:part|*"));
}

TEST(Terminology, IsBounded) {
  Store store;
  const auto concepts = [](size_t count) {
    std::string text = "[";
    for (size_t i = 0; i < count; ++i) {
      text.append(i == 0 ? "" : ",").append(R"({"code":")").append(std::to_string(i)).append("\"}");
    }
    return text + "]";
  };
  store.CodeSystem("urn:most", concepts(kExpansionCodesMax));
  store.CodeSystem("urn:more", concepts(kExpansionCodesMax + 1));
  store.ValueSet("most", R"({"include":[{"system":"urn:most"}]})");
  store.ValueSet("more", R"({"include":[{"system":"urn:more"}]})");
  EXPECT_EQ(Expansion(store, "most").size(), kExpansionCodesMax);
  EXPECT_EQ(ExpandValueSet("more", "", store.find()).error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace tarn::fhir
