// Searches against a plain list that is filtered and sorted, page by page.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "image_store/internal/search_index.h"
#include "image_store/internal/test_store.h"

namespace tarn::image_store {
namespace {

SearchFilter Equal(SearchKey key, const std::string& text) {
  return {.key = key, .op = SearchOperator::kEqual, .values = {{.text = text}}};
}
SearchFilter Primary(bool flag) {
  SearchValue value;
  value.flag = flag;
  return {.key = SearchKey::kIsPrimary, .op = SearchOperator::kEqual, .values = {value}};
}
SearchFilter Between(SearchKey key, int64_t lower, int64_t upper) {
  SearchValue from;
  SearchValue to;
  from.unix_ms = lower;
  to.unix_ms = upper;
  return {.key = key, .op = SearchOperator::kBetween, .values = {from, to}};
}
SearchFilter StudyTimes(const std::string& from_date, const std::string& from_time,
                        const std::string& to_date, const std::string& to_time) {
  SearchValue from;
  SearchValue to;
  from.study_date = from_date;
  from.study_time = from_time;
  to.study_date = to_date;
  to.study_time = to_time;
  return {
      .key = SearchKey::kStudyDateAndTime, .op = SearchOperator::kBetween, .values = {from, to}};
}

class SearchTest : public testing::Test {
 protected:
  static constexpr int kSets = 60;
  static constexpr int kJobs = 6;

  void SetUp() override {
    SeededRandom random(3);
    for (int i = 0; i < kSets; ++i) {
      const std::string n = std::to_string(i);
      std::string text = "patient=P" + std::to_string(i % 7) + ";accession=A" +
                         std::to_string(i % 5) + ";study=1." + std::to_string(i % 20) +
                         ";series=2." + std::to_string(i % 40) + ";sop=3." + n + ";date=202401" +
                         std::to_string(10 + random.Below(15));
      if (i % 3 == 0) text += ";time=1200" + std::to_string(10 + i % 40);
      store_.PutObject("in" + std::to_string(i % kJobs) + "/" + n, text);
    }
    for (int i = 0; i < kJobs; ++i) {
      store_.clock().AdvanceMs(1 + static_cast<int64_t>(random.Below(3)));
      store_.Import("in" + std::to_string(i));
    }
    // Updates part updatedAt from createdAt.
    for (int i = 0; i < 10; ++i) {
      const auto page = Page({.max = 50});
      const auto& one = page.image_sets[random.Below(page.image_sets.size())];
      store_.clock().AdvanceMs(2);
      UpdateRequest update;
      update.latest_version = one.properties.version;
      update.updatable_attributes =
          R"({"SchemaVersion":"1.1","Patient":{"DICOM":{"PatientName":"N"}}})";
      ASSERT_TRUE(store_->Update(one.properties.image_set_id, update).ok());
      store_->WaitUntilIdle();
    }
    SearchRequest all;
    all.max = 50;
    all_ = Pages(all);
    ASSERT_GT(all_.size(), 40u);
  }

  SearchPage Page(const SearchRequest& request) {
    auto page = store_->Search(request);
    EXPECT_TRUE(page.ok()) << page.error().detail;
    return page.ok() ? std::move(page).value() : SearchPage();
  }
  std::vector<ImageSetSummary> Pages(SearchRequest request) {
    std::vector<ImageSetSummary> found;
    for (int pages = 0; pages < 1000; ++pages) {
      SearchPage page = Page(request);
      EXPECT_LE(page.image_sets.size(), request.max);
      for (auto& one : page.image_sets) found.push_back(std::move(one));
      if (page.next_page_token.empty()) return found;
      request.page_token = page.next_page_token;
    }
    ADD_FAILURE() << "the pages do not end";
    return found;
  }

  static std::string TimeOf(const ImageSetSummary& one) {
    return StudyTimeDigits(one.tags.study_date, one.tags.study_time);
  }
  static bool Holds(const SearchFilter& filter, const ImageSetSummary& one) {
    const SearchValue& first = filter.values.front();
    const SearchValue& last = filter.values.back();
    const auto within = [&](int64_t time) { return time >= first.unix_ms && time <= last.unix_ms; };
    switch (filter.key) {
      case SearchKey::kPatientId:
        return one.tags.patient_id == first.text;
      case SearchKey::kAccessionNumber:
        return one.tags.accession_number == first.text;
      case SearchKey::kStudyId:
        return one.tags.study_id == first.text;
      case SearchKey::kStudyInstanceUid:
        return one.tags.study_instance_uid == first.text;
      case SearchKey::kSeriesInstanceUid:
        return one.tags.series_instance_uid == first.text;
      case SearchKey::kCreatedAt:
        return within(one.properties.created_unix_ms);
      case SearchKey::kUpdatedAt:
        return within(one.properties.updated_unix_ms);
      case SearchKey::kStudyDateAndTime:
        return TimeOf(one) >= StudyTimeDigits(first.study_date, first.study_time) &&
               TimeOf(one) <= StudyTimeDigits(last.study_date, last.study_time);
      case SearchKey::kIsPrimary:
        return one.properties.is_primary == first.flag;
    }
    return false;
  }
  static std::string SortText(const ImageSetSummary& one, SortField field) {
    if (field == SortField::kStudyDateAndTime) return TimeOf(one) + one.properties.image_set_id;
    return TimeValue(field == SortField::kCreatedAt ? one.properties.created_unix_ms
                                                    : one.properties.updated_unix_ms) +
           one.properties.image_set_id;
  }
  std::vector<std::string> Expected(const SearchRequest& request) const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const ImageSetSummary& one : all_) {
      const bool holds = std::all_of(request.filters.begin(), request.filters.end(),
                                     [&](const auto& filter) { return Holds(filter, one); });
      if (holds) found.emplace_back(SortText(one, request.sort), one.properties.image_set_id);
    }
    std::sort(found.begin(), found.end());
    if (!request.ascending) std::reverse(found.begin(), found.end());
    std::vector<std::string> ids;
    for (auto& [text, id] : found) ids.push_back(id);
    return ids;
  }
  SearchFilter RandomFilter(SeededRandom& random) const {
    const ImageSetSummary& a = all_[random.Below(all_.size())];
    const ImageSetSummary& b = all_[random.Below(all_.size())];
    switch (random.Below(8)) {
      case 0:
        return Equal(SearchKey::kPatientId, a.tags.patient_id);
      case 1:
        return Equal(SearchKey::kAccessionNumber, a.tags.accession_number);
      case 2:
        return Equal(SearchKey::kStudyInstanceUid, a.tags.study_instance_uid);
      case 3:
        return Equal(SearchKey::kSeriesInstanceUid, a.tags.series_instance_uid);
      case 4:
        return Between(SearchKey::kCreatedAt, a.properties.created_unix_ms,
                       b.properties.created_unix_ms);
      case 5:
        return Between(SearchKey::kUpdatedAt, a.properties.updated_unix_ms,
                       b.properties.updated_unix_ms);
      case 6:
        return StudyTimes(a.tags.study_date, a.tags.study_time, b.tags.study_date,
                          b.tags.study_time);
      default:
        return Primary(random.Below(2) == 0);
    }
  }

  TestStore store_{TestEngine::kFake};
  std::vector<ImageSetSummary> all_;
};

TEST_F(SearchTest, AgreesWithAList) {
  SeededRandom random(11);
  size_t hits = 0;
  for (int i = 0; i < 600; ++i) {
    SearchRequest request;
    for (uint64_t filters = random.Below(3); filters > 0; --filters) {
      request.filters.push_back(RandomFilter(random));
    }
    request.sort = static_cast<SortField>(random.Below(3));
    request.ascending = random.Below(2) == 0;
    request.max = static_cast<uint32_t>(1 + random.Below(9));
    std::vector<std::string> found;
    for (const auto& one : Pages(request)) found.push_back(one.properties.image_set_id);
    const auto expected = Expected(request);
    ASSERT_EQ(found, expected) << "query " << i;
    hits += found.size();
  }
  EXPECT_GT(hits, 1000u);
}

TEST_F(SearchTest, DefaultIsTheNewestChangeFirst) {
  const SearchPage page = Page({});
  for (size_t i = 1; i < page.image_sets.size(); ++i) {
    EXPECT_GE(page.image_sets[i - 1].properties.updated_unix_ms,
              page.image_sets[i].properties.updated_unix_ms);
  }
}

TEST_F(SearchTest, DeletedImageSetsAreNotFound) {
  const std::string id = all_[5].properties.image_set_id;
  ASSERT_TRUE(store_->Delete(id).ok());
  store_->WaitUntilIdle();
  for (const auto& one : Pages({})) EXPECT_NE(one.properties.image_set_id, id);
  EXPECT_EQ(Pages({}).size(), all_.size() - 1);
}

TEST_F(SearchTest, RefusesWhatItCannotMean) {
  const auto kind = [this](const SearchRequest& request) {
    const auto page = store_->Search(request);
    return page.ok() ? std::string("ok") : std::string(ErrorKindName(page.error().kind));
  };
  SearchRequest request;
  request.max = 0;
  EXPECT_EQ(kind(request), "invalid");
  request.max = kSearchPageMax;
  EXPECT_EQ(kind(request), "ok");
  request.max = kSearchPageMax + 1;
  EXPECT_EQ(kind(request), "invalid");
  request.max = 1;
  request.filters = {Primary(true), Primary(true)};
  EXPECT_EQ(kind(request), "ok");
  request.filters.push_back(Primary(true));
  EXPECT_EQ(kind(request), "invalid");
  request.filters = {Equal(SearchKey::kPatientId, "P1")};
  request.filters[0].op = SearchOperator::kBetween;
  EXPECT_EQ(kind(request), "invalid");
  request.filters[0].values.push_back({});
  EXPECT_EQ(kind(request), "invalid");
  request.filters = {Between(SearchKey::kCreatedAt, 9, 3)};
  EXPECT_TRUE(Page(request).image_sets.empty());
}

TEST_F(SearchTest, TokensBelongToTheirSearch) {
  SearchRequest request;
  request.max = 3;
  request.page_token = Page(request).next_page_token;
  ASSERT_FALSE(request.page_token.empty());
  EXPECT_TRUE(store_->Search(request).ok());
  SearchRequest other = request;
  other.ascending = true;
  EXPECT_EQ(store_->Search(other).error().kind, ErrorKind::kInvalid);
  for (const std::string bad : {"x", "AAAA", "*", "%%%"}) {
    other = request;
    other.page_token = bad;
    EXPECT_EQ(store_->Search(other).error().kind, ErrorKind::kInvalid) << bad;
  }
}

TEST(StudyTime, DigitsCompareAsTimes) {
  EXPECT_EQ(StudyTimeDigits("20240102", ""), "20240102000000000000");
  EXPECT_EQ(StudyTimeDigits("20240102", "0930"), "20240102093000000000");
  EXPECT_EQ(StudyTimeDigits("2024.01.02", "093015.25"), "20240102093015250000");
  EXPECT_EQ(StudyTimeDigits("", "120000"), "00000000000000000000");
}

// NumberOfStudyRelatedSeries and -Instances are of the study, whichever image set is found.
TEST(SearchCounts, AreOfTheStudy) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  store.PutObject("in/2", Text("1.2", "1.2.2", "bbbb"));
  store.PutObject("in/3", Text("1.3", "1.3.1", "cccc"));
  // In conflict with the first series: not primary, and not counted.
  store.PutObject("in/4", Text("1.2", "1.2.9", "dddd", "accession=other"));
  store.PutObject("in/5", "patient=P2;study=1.7;series=1.8;sop=1.9");
  ASSERT_EQ(store.SetsOf(store.Import("in")).size(), 4u);
  const auto counts = [&store] {
    std::map<std::string, std::string> out;
    for (const ImageSetSummary& one : store->Search({.max = 50}).value().image_sets) {
      out[one.tags.series_instance_uid + (one.properties.is_primary ? "" : " not primary")] =
          std::to_string(one.tags.study_related_series) + " " +
          std::to_string(one.tags.study_related_instances);
    }
    return out;
  };
  using Counts = std::map<std::string, std::string>;
  EXPECT_EQ(counts(),
            (Counts{{"1.2", "2 3"}, {"1.2 not primary", "2 3"}, {"1.3", "2 3"}, {"1.8", "1 1"}}));
  // Without the primary ones, what is left counts itself.
  for (const ImageSetSummary& one : store->Search({.max = 50}).value().image_sets) {
    if (!one.properties.is_primary) continue;
    ASSERT_TRUE(store->Delete(one.properties.image_set_id).ok());
  }
  store->WaitUntilIdle();
  EXPECT_EQ(counts(), (Counts{{"1.2 not primary", "1 1"}}));
}

}  // namespace
}  // namespace tarn::image_store
