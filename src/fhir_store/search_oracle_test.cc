// Search through the index against a search that looks at every resource: random data, random
// queries, writes of every kind between, several pages, after reopening.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "fhir_store/internal/search_model.h"
#include "fhir_store/internal/search_order.h"
#include "fhir_store/internal/search_words.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/internal/test_store.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

class Oracle {
 public:
  explicit Oracle(uint64_t seed)
      : random_(seed),
        words_(random_),
        definitions_(SearchDefinitions::Make().value()),
        store_(TestEngine::kRocksDb, Options(definitions_)),
        model_(*definitions_, std::string(store_->own_path())) {}

  void Fill() {
    for (const Definition& definition : kModelDefinitions) {
      const fhir::TypeId type = fhir::FindType(definition.type);
      ASSERT_TRUE(store_->Update(type, definition.id, definition.text, {}).ok());
      const auto text = json::ParseValue(definition.text);
      ASSERT_TRUE(text.ok());
      model_.Define(text.value().Find("url")->AsString(), definition.text);
      model_.Define(std::string(definition.type) + "/" + std::string(definition.id),
                    definition.text);
    }
    Import(60);
    for (int i = 0; i < 30; ++i) Write();
  }

  void Write() {
    store_.clock().AdvanceMs(static_cast<int64_t>(random_.Below(90'000)));
    const std::string_view type_name = kModelTypes[random_.Below(std::size(kModelTypes))];
    const fhir::TypeId type = fhir::FindType(type_name);
    const std::string id = IdOf(type_name);
    if (random_.Below(12) == 0) return Import(1 + random_.Below(30));
    if (random_.Below(12) == 0) return WriteSeveral();
    if (random_.Below(4) == 0) {
      const auto deleted = store_->Delete(type, id, {});
      if (deleted.ok()) model_.Remove(type, id);
      return;
    }
    const auto written = store_->Update(type, id, RandomResource(type_name, id, words_), {});
    ASSERT_TRUE(written.ok()) << written.error().detail;
    Remember(written.value().version);
  }

  // A query, all its pages; now and then with writes between the pages.
  void Ask() {
    const std::string_view type_name = kModelTypes[random_.Below(std::size(kModelTypes))];
    const fhir::TypeId type = fhir::FindType(type_name);
    std::string text = RandomCriterion(type_name, words_);
    while (random_.Below(2) == 0) text += "&" + RandomCriterion(type_name, words_);
    // Chains are answered from the newest state, so no writes between their pages.
    const bool chained = text.find('.') != text.npos || text.find("_has") != text.npos;
    if (type_name == "Patient" && random_.Below(3) == 0) {
      text += words_.Of({"&_contained=true", "&_contained=both"});
    } else if (random_.Below(3) == 0) {
      text += "&_sort=" + RandomSort(type_name, words_);
    }
    if (random_.Below(3) == 0) text += "&_total=accurate";
    text += "&_count=" + std::to_string(1 + random_.Below(random_.Below(2) == 0 ? 4 : 40));
    SCOPED_TRACE(std::string(type_name) + "?" + text);
    compatibility_ =
        random_.Below(8) == 0 ? fhir::Compatibility::kHealthLake : fhir::Compatibility::kFhir;
    const auto parsed = fhir::ParseSearch(text, "", {.type = type, .compartment = {}},
                                          {.parameters = &definitions_->parameters,
                                           .compatibility = compatibility_,
                                           .now_us = store_.clock().UnixMs() * 1000,
                                           .own_path = std::string(store_->own_path())});
    // HealthLake has less.
    if (compatibility_ == fhir::Compatibility::kHealthLake && !parsed.errors.empty()) return;
    ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
    model_.set_compatibility(compatibility_);
    // What hierarchies and value sets come to is newest, too.
    const bool resolved = text.find(":below") != text.npos || text.find(":above") != text.npos;
    AskPages(parsed.query, !chained && !resolved && random_.Below(4) == 0);
  }

  void Reopen() { store_.Reopen(); }
  // Queries that had results.
  int found_some() const { return found_some_; }

 private:
  static FhirStoreOptions Options(std::shared_ptr<const SearchDefinitions> definitions) {
    FhirStoreOptions options;
    options.search = std::move(definitions);
    return options;
  }

  std::string IdOf(std::string_view type_name) {
    return words_.Id(std::string(1, static_cast<char>(type_name[0] + 32)), kModelIds);
  }

  void WriteSeveral() {
    std::map<std::string, std::string> texts;
    for (uint64_t i = random_.Below(6); i > 0; --i) {
      const std::string id = IdOf("Patient");
      texts[id] = RandomResource("Patient", id, words_);
    }
    std::vector<ResourceWrite> writes;
    for (const auto& [id, text] : texts) {
      writes.push_back({.type = fhir::FindType("Patient"), .id = id, .text = text});
    }
    size_t failed = 0;
    const auto written = store_->WriteAll(writes, &failed);
    ASSERT_TRUE(written.ok()) << written.error().detail;
    for (const WriteOutcome& outcome : written.value()) Remember(outcome.version);
  }

  void Remember(const Version& version) {
    const auto [place, added] =
        created_.try_emplace({version.type, version.id}, version.last_updated_unix_ms);
    model_.Put(version, place->second);
  }

  void Import(uint64_t lines) {
    std::string block;
    std::vector<std::pair<fhir::TypeId, std::string>> names;
    for (uint64_t i = 0; i < lines; ++i) {
      const std::string_view type_name = kModelTypes[random_.Below(std::size(kModelTypes))];
      const std::string id = IdOf(type_name);
      block += RandomResource(type_name, id, words_) + "\n";
      names.emplace_back(fhir::FindType(type_name), id);
    }
    bool more = true;
    const Status loaded = store_->Load([&](std::string* out) {
      *out = std::exchange(block, {});
      return std::exchange(more, false);
    });
    ASSERT_TRUE(loaded.ok()) << loaded.error().detail;
    for (const auto& [type, id] : names) {
      const auto first = store_->ReadVersion(type, id, 1);
      ASSERT_TRUE(first.ok());
      created_.try_emplace({type, id}, first.value().last_updated_unix_ms);
      Remember(store_->Read(type, id).value());
    }
  }

  // Half of the searches go the ways that are meant for large stores.
  SearchTuning RandomTuning() {
    SearchTuning tuning;
    if (random_.Below(2) == 0) return tuning;
    tuning.keys_at_once = 1 + random_.Below(30);
    tuning.window_ordinals = 1 + random_.Below(30);
    tuning.keys_of_a_condition = random_.Below(3);
    tuning.looks_instead = random_.Below(6);
    tuning.few_to_sort = random_.Below(4);
    tuning.defer_chains = random_.Below(4) > 0;
    tuning.always_defer = random_.Below(2) == 0;
    return tuning;
  }

  void AskPages(const fhir::SearchQuery& first, bool writes_between) {
    const SearchModel before = model_;
    const auto created = created_;
    const Exists exists = [&](fhir::TypeId type, std::string_view id) {
      return Result<bool>(created.contains({type, std::string(id)}));
    };
    const std::vector<std::string> expected = before.Search(first);
    if (!expected.empty()) ++found_some_;
    std::vector<std::string> found;
    fhir::SearchQuery query = first;
    std::vector<std::optional<std::string>> last_values;
    for (int page_number = 1;; ++page_number) {
      ASSERT_LT(page_number, 200);
      const auto page = store_->Search(
          {.query = &query, .compatibility = compatibility_, .tuning = RandomTuning()});
      ASSERT_TRUE(page.ok()) << page.error().detail;
      ASSERT_LE(page.value().matches.size(), *query.count);
      if (query.total == fhir::Total::kAccurate) {
        ASSERT_TRUE(page.value().total.has_value());
      }
      EXPECT_EQ(page.value().total.value_or(expected.size()), expected.size());
      for (const Version& match : page.value().matches) {
        found.push_back(std::string(fhir::TypeName(match.type)) + "/" + match.id + "/" +
                        std::to_string(match.version_id));
        ASSERT_TRUE(before.Has(match.type, match.id)) << match.id;
        if (query.sort.empty()) continue;
        auto values =
            SortValuesOf(query.sort, before.ValuesOf(match.type, match.id), exists).value();
        if (!last_values.empty()) {
          EXPECT_FALSE(ComesBefore(query.sort, {.values = values}, {.values = last_values}))
              << match.id;
        }
        last_values = std::move(values);
      }
      EXPECT_LE(page.value().next_token.size(), 400u);
      if (page.value().next_token.empty()) break;
      query.page_token = page.value().next_token;
      if (writes_between) Write();
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> sorted = expected;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(found, sorted);
  }

  SeededRandom random_;
  RandomWords words_;
  const std::shared_ptr<const SearchDefinitions> definitions_;
  TestStore store_;
  SearchModel model_;
  std::map<std::pair<fhir::TypeId, std::string>, int64_t> created_;
  fhir::Compatibility compatibility_ = fhir::Compatibility::kFhir;
  int found_some_ = 0;
};

// Shows: parameter type number, date, string, token, reference, composite, quantity; prefix eq,
//   ne, gt, lt, ge, le, sa, eb, ap; modifier :missing, :exact, :contains, :not, :text, :of-type,
//   :identifier, :[type], :in, :not-in, :below of tokens, :above of tokens, :below of references,
//   :above of references; parameter _id, _lastUpdated, _tag, _has, chains, chains into contained
//   resources, references by this server's address; result parameter _sort, _count, _total,
//   _contained, page
TEST(SearchOracle, FindsWhatALookAtEverythingFinds) {
  const bool slow = getenv("TARN_SLOW") != nullptr;
  const uint64_t seed = slow ? static_cast<uint64_t>(getpid()) : 20260104;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Oracle oracle(seed);
  oracle.Fill();
  const int queries = slow ? 20'000 : 600;
  for (int i = 0; i < queries; ++i) {
    SCOPED_TRACE("query " + std::to_string(i));
    if (i % 5 == 0) oracle.Write();
    if (i % 200 == 100) oracle.Reopen();
    oracle.Ask();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(oracle.found_some(), queries / 4);
}

}  // namespace
}  // namespace tarn::fhir_store
