// The CapabilityStatement, and that everything which it claims is answered.
#include "fhir_api/internal/capability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/uri.h"
#include "fhir/definitions.h"
#include "fhir/search_parameters.h"
#include "fhir_api/internal/capability_cache.h"
#include "fhir_api/internal/test_api.h"
#include "fhir_api/limits.h"
#include "json/value.h"

namespace tarn::fhir_api {
namespace {

using json::Value;
using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;

class CapabilityTest : public FhirApiTest {
 protected:
  Value Statement(std::string_view store = kPlainStore) {
    const Response response = Send({.path = "metadata", .store = std::string(store)});
    EXPECT_EQ(response.status, 200);
    auto value = json::ParseValue(response.body);
    EXPECT_TRUE(value.ok());
    return value.value();
  }
  static const Value& Rest(const Value& statement) { return statement.Find("rest")->items()[0]; }
  static std::vector<std::string> Codes(const Value& holder) {
    std::vector<std::string> codes;
    for (const Value& interaction : holder.Find("interaction")->items()) {
      codes.push_back(interaction.Find("code")->AsString());
    }
    return codes;
  }
  static std::vector<std::string> Texts(const Value& holder, std::string_view name) {
    std::vector<std::string> texts;
    const Value* list = holder.Find(name);
    if (list == nullptr) return texts;
    for (const Value& text : list->items()) texts.push_back(text.AsString());
    return texts;
  }
};

// A value that a parameter of the type takes.
std::string Sample(const fhir::SearchParameterSet& parameters, const fhir::ParameterInfo& info) {
  switch (info.type) {
    case fhir::SearchType::kNumber:
    case fhir::SearchType::kQuantity:
      return "1";
    case fhir::SearchType::kDate:
      return "2020";
    case fhir::SearchType::kUri:
      return "urn:x";
    case fhir::SearchType::kComposite: {
      std::string out;
      for (const fhir::ParameterComponent& component : info.components) {
        out += (out.empty() ? "" : "$") + Sample(parameters, *parameters.Find(component.parameter));
      }
      return out;
    }
    case fhir::SearchType::kSpecial:
      return info.code == "near" ? "1|1" : "x";
    default:
      return "x";
  }
}

TEST_F(CapabilityTest, SaysWhatIsServed) {
  const Value statement = Statement();
  EXPECT_EQ(statement.Find("resourceType")->AsString(), "CapabilityStatement");
  EXPECT_EQ(statement.Find("fhirVersion")->AsString(), "4.0.1");
  EXPECT_EQ(statement.Find("implementation")->Find("url")->AsString(), kBase);
  EXPECT_THAT(Codes(Rest(statement)), ElementsAre("search-system", "transaction", "batch"));
  ASSERT_EQ(Rest(statement).Find("resource")->items().size(), 146u);
  for (const Value& resource : Rest(statement).Find("resource")->items()) {
    const std::string type = resource.Find("type")->AsString();
    SCOPED_TRACE(type);
    EXPECT_THAT(Codes(resource),
                IsSupersetOf({"read", "vread", "history-instance", "create", "search-type"}));
    const bool audit = type == "AuditEvent";
    EXPECT_EQ(testing::Value(Codes(resource), Contains("update")), !audit);
    std::set<std::string> codes;
    for (const Value& parameter : resource.Find("searchParam")->items()) {
      codes.insert(parameter.Find("name")->AsString());
    }
    EXPECT_EQ(codes.size(), resource.Find("searchParam")->items().size());
    EXPECT_THAT(codes, IsSupersetOf({"_id", "_lastUpdated", "createdAt", "_has", "_filter"}));
    EXPECT_THAT(codes, Not(Contains("_query")));
  }
  EXPECT_THAT(Texts(Rest(statement), "compartment"),
              Contains("http://hl7.org/fhir/CompartmentDefinition/relatedPerson"));
  EXPECT_EQ(Rest(statement).Find("security"), nullptr);
  const Value smart = Statement(kSmartStore);
  EXPECT_NE(Rest(smart).Find("security"), nullptr);
}

TEST_F(CapabilityTest, EveryFormatIsAnswered) {
  for (const std::string& format : Texts(Statement(), "format")) {
    EXPECT_EQ(Get("metadata?_format=" + PercentEncode(format)).status, 200) << format;
  }
}

TEST_F(CapabilityTest, EveryInteractionIsAnswered) {
  const Value statement = Statement();
  for (const Value& resource : Rest(statement).Find("resource")->items()) {
    const std::string type = resource.Find("type")->AsString();
    SCOPED_TRACE(type);
    const std::string body = R"({"resourceType":")" + type + R"(","id":"x"})";
    const std::set<int> done = {200, 201, 204};
    const auto status_of = [&](std::string_view code) {
      if (code == "create") return Post(type, body).status;
      if (code == "search-type") return Get(type + "?_count=1").status;
      // AuditEvent cannot be put: its first one is what create has made.
      std::string path = type + "/x";
      if (type == "AuditEvent") {
        const auto made = json::ParseValue(Post(type, body).body);
        path = type + "/" + made.value().Find("id")->AsString();
      } else if (code != "update") {
        Put(path, body);
      }
      if (code == "read") return Get(path).status;
      if (code == "vread") return Get(path + "/_history/1").status;
      if (code == "history-instance") return Get(path + "/_history").status;
      if (code == "update") return Put(path, body).status;
      if (code == "delete") return Remove(path).status;
      return 0;  // A claim without a call here fails.
    };
    for (const std::string& code : Codes(resource)) {
      EXPECT_THAT(done, Contains(status_of(code))) << code;
    }
    // Conditional forms: served as claimed.
    const bool update = resource.Find("conditionalUpdate")->AsBool();
    const Response put = Put(type + "?_id=x", body);
    EXPECT_EQ(put.status == 200 || put.status == 201, update) << put.status;
    const bool deletes = resource.Find("conditionalDelete")->AsString() != "not-supported";
    EXPECT_EQ(Remove(type + "?_id=x").status == 204, deletes);
    const Response create = Post(type, body, {"If-None-Exist", "_id=none"});
    EXPECT_EQ(create.status == 201, resource.Find("conditionalCreate")->AsBool());
  }
  const auto bundle = [this](std::string_view type) {
    return Post("", R"({"resourceType":"Bundle","type":")" + std::string(type) + R"("})").status;
  };
  for (const std::string& code : Codes(Rest(Statement()))) {
    const int status = code == "search-system" ? Get("?_count=1").status : bundle(code);
    EXPECT_EQ(status, 200) << code;
  }
  for (const std::string& url : Texts(Rest(Statement()), "compartment")) {
    std::string type = url.substr(url.rfind('/') + 1);
    type[0] = static_cast<char>(type[0] - 'a' + 'A');
    EXPECT_EQ(Get(type + "/x/*").status, 200) << type;
  }
}

// Shows: parameter every parameter of R4, createdAt, _list, _filter; interaction
//   capabilities
TEST_F(CapabilityTest, EverySearchParameterIsAnswered) {
  const auto definitions = store_->search_definitions();
  const fhir::SearchParameterSet& parameters = definitions->parameters;
  for (const std::string_view store : {kPlainStore, kLakeStore}) {
    const auto status_of = [&](const std::string& query) {
      return Send({.path = query, .store = std::string(store)}).status;
    };
    const Value statement = Statement(store);
    for (const Value& resource : Rest(statement).Find("resource")->items()) {
      const std::string type = resource.Find("type")->AsString();
      for (const Value& parameter : resource.Find("searchParam")->items()) {
        const std::string name = parameter.Find("name")->AsString();
        const auto info = parameters.Find(fhir::FindType(type), name);
        std::string query = name + "=";
        if (info) {
          EXPECT_EQ(parameter.Find("type")->AsString(), fhir::SearchTypeName(info->type));
          query += PercentEncode(Sample(parameters, *info));
        } else if (name == "_filter") {
          query += "_id%20eq%20x";
        } else if (name == "_list") {
          query += "x";
        } else if (name == "_has") {
          continue;  // By the reverse includes below.
        }
        EXPECT_EQ(status_of(type + "?" + query), 200) << store << " " << type << "?" << query;
      }
    }
  }
}

// Shows: result parameter _include, _revinclude; parameter _has
TEST_F(CapabilityTest, EveryIncludeIsAnswered) {
  const Value statement = Statement();
  for (const Value& resource : Rest(statement).Find("resource")->items()) {
    const std::string type = resource.Find("type")->AsString();
    for (const std::string& include : Texts(resource, "searchInclude")) {
      EXPECT_EQ(Get(type + "?_id=x&_include=" + include).status, 200) << include;
    }
    for (const std::string& include : Texts(resource, "searchRevInclude")) {
      EXPECT_EQ(Get(type + "?_id=x&_revinclude=" + include).status, 200) << include;
      EXPECT_EQ(Get(type + "?_has:" + include + ":_id=x").status, 200) << include;
    }
  }
}

TEST_F(CapabilityTest, HealthLakesParametersAreLeftOutWhereTheyAreNotServed) {
  const Value statement = Statement(kLakeStore);
  for (const Value& resource : Rest(statement).Find("resource")->items()) {
    std::set<std::string> codes;
    for (const Value& parameter : resource.Find("searchParam")->items()) {
      codes.insert(parameter.Find("name")->AsString());
    }
    EXPECT_THAT(codes, Not(Contains("_filter")));
    EXPECT_THAT(codes, Not(Contains("_content")));
    EXPECT_THAT(codes, Not(Contains("near")));
  }
}

// A rendering is used again until what it tells of is another, and only so many are kept.
TEST_F(CapabilityTest, RenderingsAreKeptWhileTheyHold) {
  const auto first = fhir_store::SearchDefinitions::Make().value();
  const auto second = fhir_store::SearchDefinitions::Make().value();
  internal::CapabilityCache cache;
  const auto text = [&cache](std::string_view endpoint, const auto& definitions,
                             std::vector<fhir_store::ParameterProgress> filling = {}) {
    return cache.Text({.endpoint = endpoint,
                       .software_version = "1",
                       .parameters = definitions->parameters,
                       .filling = std::move(filling)},
                      definitions);
  };
  const auto kept = text("http://a/", first);
  EXPECT_EQ(text("http://a/", first), kept);
  EXPECT_NE(text("http://b/", first), kept);
  EXPECT_NE(text("http://a/", second), kept);  // Takes the place of the first.
  EXPECT_NE(text("http://a/", first), kept);
  fhir_store::ParameterProgress filling;
  filling.code = "being-filled";
  filling.bases = {fhir::FindType("Patient")};
  for (const uint64_t done : {1, 2}) {
    filling.done = done;
    filling.all = 3;
    EXPECT_THAT(*text("http://a/", first, {filling}),
                testing::HasSubstr(std::to_string(done) + " of 3 resources"));
  }
  const auto again = text("http://a/", first);
  for (size_t i = 0; i + 1 < kStatementsKeptMax; ++i) {
    text("http://other/" + std::to_string(i), first);
  }
  EXPECT_EQ(text("http://a/", first), again);
  for (size_t i = 0; i < kStatementsKeptMax; ++i) text("http://more/" + std::to_string(i), first);
  EXPECT_NE(text("http://a/", first), again);
  EXPECT_EQ(*text("http://a/", first), *again);
}

}  // namespace
}  // namespace tarn::fhir_api
