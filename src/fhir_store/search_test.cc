// What a search answers beside its matches: includes, tokens, bounds, plans, and stores that were
// written without an index. That matches are the right ones: search_oracle_test.cc.
#include "fhir_store/search.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/test_store.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

class SearchTest : public testing::Test {
 protected:
  void SetUp() override {
    Put("Patient", "p1",
        R"("gender":"male","managingOrganization":{"reference":"Organization/o"})");
    Put("Patient", "p2", R"("gender":"female")");
    Put("Organization", "o", R"("name":"Clinic","partOf":{"reference":"Organization/top"})");
    Put("Organization", "top", R"("name":"Trust")");
    for (int i = 0; i < 20; ++i) {
      Put("Observation", "b" + std::to_string(i),
          R"("status":"final","code":{"coding":[{"system":"urn:c","code":")" +
              std::to_string(i % 2) + R"("}]},"subject":{"reference":"Patient/p)" +
              std::to_string(1 + i % 2) + R"("},"effectiveDateTime":"2020-01-)" +
              std::to_string(10 + i) + "\"");
    }
  }
  void Put(const std::string& type, const std::string& id, const std::string& rest) {
    const auto put =
        store_->Update(fhir::FindType(type), id,
                       R"({"resourceType":")" + type + R"(","id":")" + id + "\"," + rest + "}", {});
    ASSERT_TRUE(put.ok()) << put.error().detail;
  }
  fhir::SearchQuery Parse(const std::string& type, const std::string& text) {
    const auto parsed =
        fhir::ParseSearch(text, "", {.type = fhir::FindType(type), .compartment = {}},
                          {.parameters = &store_->search_definitions()->parameters});
    EXPECT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
    return parsed.query;
  }
  Result<SearchPage> Search(const std::string& type, const std::string& text,
                            const SearchLimits& limits = {}) {
    const fhir::SearchQuery query = Parse(type, text);
    return store_->Search({.query = &query, .limits = limits, .plan = &plan_});
  }
  static std::vector<std::string> Names(const std::vector<Version>& versions) {
    std::vector<std::string> names;
    for (const Version& version : versions) {
      names.push_back(std::string(fhir::TypeName(version.type)) + "/" + version.id);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TestStore store_{TestEngine::kFake};
  std::string plan_;
};

TEST_F(SearchTest, AnswersWithStoredBytes) {
  const auto page = Search("Patient", "gender=female");
  ASSERT_TRUE(page.ok()) << page.error().detail;
  ASSERT_EQ(page.value().matches.size(), 1u);
  EXPECT_EQ(page.value().matches[0].body,
            store_->Read(fhir::FindType("Patient"), "p2").value().body);
  EXPECT_EQ(page.value().total, 1u);
  EXPECT_EQ(page.value().next_token, "");
}

// Shows: result parameter _include, _include=*, _include:iterate, _revinclude
TEST_F(SearchTest, IncludesBothWaysAndFurther) {
  struct Case {
    std::string_view text;
    std::vector<std::string> includes;
  };
  for (const Case& c :
       {Case{"_id=p1&_include=Patient:organization", {"Organization/o"}},
        Case{"_id=p1&_include=Patient:organization&_include:iterate=Organization:partof",
             {"Organization/o", "Organization/top"}},
        Case{"_id=p1&_include=*", {"Organization/o"}},
        Case{"_id=p2&_include=Patient:organization", {}}}) {
    SCOPED_TRACE(c.text);
    const auto page = Search("Patient", std::string(c.text));
    ASSERT_TRUE(page.ok()) << page.error().detail;
    EXPECT_EQ(Names(page.value().includes), c.includes);
  }
  const auto reverse = Search("Patient", "_id=p1&_revinclude=Observation:subject");
  ASSERT_TRUE(reverse.ok());
  EXPECT_EQ(reverse.value().includes.size(), 10u);
  const auto cut = Search("Patient", "_id=p1&_revinclude=Observation:subject", {.includes_max = 3});
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(cut.value().includes.size(), 3u);
  ASSERT_EQ(cut.value().notes.size(), 1u);
  EXPECT_EQ(cut.value().notes[0].code, "incomplete");
}

// Shows: interaction search-system, search of a compartment; parameter _type
TEST_F(SearchTest, SearchesTypesAndCompartments) {
  fhir::SearchContext context;
  context.parameters = &store_->search_definitions()->parameters;
  auto parsed = fhir::ParseSearch("_type=Patient,Organization&_count=3", "", {}, context);
  ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
  auto page = store_->Search({.query = &parsed.query});
  ASSERT_TRUE(page.ok()) << page.error().detail;
  EXPECT_EQ(page.value().matches.size(), 3u);
  EXPECT_EQ(page.value().total, 4u);
  parsed.query.page_token = page.value().next_token;
  const auto last = store_->Search({.query = &parsed.query});
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last.value().matches.size(), 1u);
  EXPECT_EQ(last.value().next_token, "");
  const auto compartment =
      fhir::ParseSearch("code=0", "",
                        {.type = fhir::FindType("Observation"),
                         .compartment = fhir::Compartment{fhir::FindType("Patient"), "p1"}},
                        context);
  ASSERT_TRUE(compartment.errors.empty());
  const auto inside = store_->Search({.query = &compartment.query});
  ASSERT_TRUE(inside.ok());
  EXPECT_EQ(inside.value().total, 10u);
}

TEST_F(SearchTest, RefusesForeignTokens) {
  const auto first = Search("Observation", "code=0&_count=2");
  ASSERT_TRUE(first.ok());
  const std::string token = first.value().next_token;
  ASSERT_FALSE(token.empty());
  fhir::SearchQuery query = Parse("Observation", "code=0&_count=2");
  query.page_token = token;
  EXPECT_TRUE(store_->Search({.query = &query}).ok());
  for (size_t i = 0; i < token.size(); ++i) {
    query.page_token = token;
    query.page_token[i] = token[i] == 'A' ? 'B' : 'A';
    const auto page = store_->Search({.query = &query});
    ASSERT_FALSE(page.ok()) << i;
    EXPECT_EQ(page.error().kind, ErrorKind::kInvalid);
  }
  query = Parse("Observation", "code=1&_count=2");
  query.page_token = token;
  EXPECT_EQ(store_->Search({.query = &query}).error().kind, ErrorKind::kInvalid);
}

// Shows: general too-costly with the plan
TEST_F(SearchTest, StopsAtItsBounds) {
  struct Case {
    SearchLimits limits;
    std::string_view names;
  };
  for (const Case& c : {Case{{.keys_max = 3}, "keys"}, Case{{.bodies_max = 3}, "one by one"},
                        Case{{.memory_bytes_max = 10}, "memory"}}) {
    plan_.clear();
    const auto page = Search("Observation", "date=gt2020-01-12T10:00:00Z&_sort=code", c.limits);
    ASSERT_FALSE(page.ok());
    EXPECT_EQ(page.error().kind, ErrorKind::kTooLarge);
    EXPECT_NE(page.error().detail.find(c.names), std::string::npos) << page.error().detail;
    EXPECT_TRUE(json::ParseValue(plan_).ok()) << plan_;
  }
  const fhir::SearchQuery query = Parse("Observation", "code=0");
  const auto cancelled = store_->Search({.query = &query, .cancelled = [] { return true; }});
  EXPECT_EQ(cancelled.error().kind, ErrorKind::kTimeout);
}

// Which value stands beside which code is told by keys, not by bodies, also where there are
// several. Shows: parameter type composite
TEST_F(SearchTest, CountsPairsWithoutBodies) {
  const auto component = [](const char* code, int value) {
    return R"({"code":{"coding":[{"system":"urn:c","code":")" + std::string(code) +
           R"("}]},"valueQuantity":{"value":)" + std::to_string(value) +
           R"(,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}})";
  };
  for (int i = 0; i < 30; ++i) {
    Put("Observation", "pressure" + std::to_string(i),
        R"("status":"final","code":{"text":"pressure"},"component":[)" +
            component("systolic", 110 + i) + "," + component("diastolic", 150 - i) + "]");
  }
  const auto count = [&](const std::string& text) -> uint64_t {
    const auto page =
        Search("Observation", "component-code-value-quantity=" + text + "&_summary=count",
               {.bodies_max = 2});  // Those that an end of the range cuts.
    EXPECT_TRUE(page.ok()) << text << ": " << page.error().detail;
    return page.ok() ? page.value().total.value_or(UINT64_MAX) : UINT64_MAX;
  };
  EXPECT_EQ(count("urn:c|systolic$gt130"), 9u);
  EXPECT_EQ(count("systolic$gt130"), 9u);
  EXPECT_EQ(count("urn:c|diastolic$gt130"), 20u);
  EXPECT_EQ(count("urn:c|diastolic$le130"), 10u);
  EXPECT_EQ(count("urn:c|systolic$gt130|http://unitsofmeasure.org|mm[Hg]"), 9u);
  EXPECT_EQ(count("|systolic$gt130"), 0u);
  EXPECT_EQ(count("urn:other|systolic$gt130"), 0u);
  // An update takes away what it had.
  Put("Observation", "pressure29",
      R"("status":"final","code":{"text":"pressure"},"component":[)" + component("systolic", 90) +
          "," + component("diastolic", 139) + "]");
  EXPECT_EQ(count("systolic$gt130"), 8u);
}

// Shows: result parameter _explain
TEST_F(SearchTest, ExplainsItsPlan) {
  ASSERT_TRUE(Search("Observation", "code=0&date=2020-01-12&_explain=true").ok());
  const auto plan = json::ParseValue(plan_);
  ASSERT_TRUE(plan.ok()) << plan_;
  EXPECT_NE(plan_.find("\"what\":\"code\""), std::string::npos) << plan_;
  EXPECT_NE(plan_.find("\"sure\":1,"), std::string::npos) << plan_;
}

// Shows: refused sorting by relevance, unknown value sets and code systems,
//   hierarchies that R4 does not define, _contained with sort, compartments,
//   _containedType=contained with totals and includes
TEST_F(SearchTest, NamesWhatItDoesNotServe) {
  struct Case {
    std::string text;
    ErrorKind kind;
    std::string_view names;
  };
  for (const Case& c :
       {Case{"code:below=urn:c|0", ErrorKind::kNotFound, "code:below: the code system urn:c"},
        Case{"code:below=0", ErrorKind::kInvalid, "code:below: expected system|code"},
        Case{"_sort=_score", ErrorKind::kUnsupported, "_score"},
        Case{"code:in=urn:vs", ErrorKind::kNotFound, "code:in: the value set urn:vs"},
        Case{"subject:above=Patient/1", ErrorKind::kUnsupported, "subject:above: "},
        Case{"code=0&_contained=true&_sort=date", ErrorKind::kUnsupported, "_sort"},
        Case{"_contained=true&_containedType=contained&_total=accurate", ErrorKind::kUnsupported,
             "total"},
        Case{"_contained=true&_containedType=contained&_include=*", ErrorKind::kUnsupported,
             "_include"}}) {
    SCOPED_TRACE(c.text);
    const fhir::SearchQuery query = Parse("Observation", c.text);
    const auto page = store_->Search({.query = &query});
    ASSERT_FALSE(page.ok());
    EXPECT_EQ(page.error().kind, c.kind);
    EXPECT_NE(page.error().detail.find(c.names), std::string::npos) << page.error().detail;
  }
}

// Shows: result parameter _summary=count
TEST_F(SearchTest, CountsWithoutMatches) {
  const auto page = Search("Observation", "subject=Patient/p1&_summary=count");
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page.value().matches.empty());
  EXPECT_EQ(page.value().total, 10u);
}

// A store of before the index: without its documents it gets another secret, so that what is found
// by hashes is what the pass added.
TEST_F(SearchTest, FillsTheIndexOfAnOlderStore) {
  kv::Batch batch;
  batch.Delete(kDocument, "index-secret");
  batch.Delete(kDocument, "index-state");
  ASSERT_TRUE(store_.kv().Commit(batch).ok());
  for (int opening = 0; opening < 2; ++opening) {
    store_.Reopen();
    Put("Observation", "b0", R"("status":"final","code":{"coding":[{"code":"9"}]})");
    std::optional<SearchPage> page;
    while (!page.has_value()) {
      auto answer = Search("Observation", "code=0&_count=100");
      if (answer.ok()) {
        page = std::move(answer).value();
      } else {
        ASSERT_EQ(answer.error().kind, ErrorKind::kUnavailable);
        std::this_thread::yield();
      }
    }
    EXPECT_EQ(page->matches.size(), 9u);
    EXPECT_EQ(Search("Observation", "code=9").value().matches.size(), 1u);
    EXPECT_EQ(Search("Patient", "_has:Observation:subject:code=1").value().matches.size(), 1u);
  }
}

}  // namespace
}  // namespace tarn::fhir_store
