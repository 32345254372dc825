// SearchParameter resources of a data store: in force once the index is filled, under numbers that
// are never used again, also over restarts and while others write.
#include "fhir_store/internal/custom_parameters.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "fhir/search_query.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/test_store.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");
const fhir::TypeId kOwn = fhir::FindType("SearchParameter");

std::string Parameter(const std::string& id, const std::string& code, const std::string& expression,
                      const std::string& more = "") {
  return R"({"resourceType":"SearchParameter","id":")" + id + R"(","url":"https://example.org/)" +
         id + R"(","name":"x","status":"active","description":"x","code":")" + code +
         R"(","base":["Patient"],"type":"string","expression":")" + expression + "\"" + more + "}";
}

class CustomParametersTest : public ::testing::Test {
 protected:
  CustomParametersTest() : store_(TestEngine::kRocksDb) {}

  static std::string Text(const std::string& id, const std::string& nick) {
    return R"({"resourceType":"Patient","id":")" + id +
           R"(","name":[{"use":"nickname","given":[")" + nick +
           R"("]},{"use":"official","given":["Official)" + nick + R"("]}]})";
  }
  void PutPatient(const std::string& id, const std::string& nick) {
    ASSERT_TRUE(store_->Update(kPatient, id, Text(id, nick), {}).ok());
  }
  // Patients p0, p1 ..., as an import writes them; every seventh has another name.
  void Load(const std::string& prefix, int count, const std::string& nick,
            const std::string& seventh) {
    std::string block;
    for (int i = 0; i < count; ++i) {
      block += Text(prefix + std::to_string(i), i % 7 == 0 ? seventh : nick) + "\n";
    }
    bool more = true;
    ASSERT_TRUE(store_
                    ->Load([&](std::string* out) {
                      *out = std::exchange(block, {});
                      return std::exchange(more, false);
                    })
                    .ok());
  }
  Status Put(const std::string& id, const std::string& text) {
    const auto written = store_->Update(kOwn, id, text, {});
    return written.ok() ? Ok() : Status(written.error());
  }
  bool IsKnown(const std::string& code) {
    return store_->search_definitions()->parameters.Find(kPatient, code).has_value();
  }
  fhir::ParameterNumber NumberOf(const std::string& code) {
    return store_->search_definitions()->parameters.Find(kPatient, code)->number;
  }
  template <typename Condition>
  static void WaitFor(const Condition& condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(condition());
  }
  uint64_t Count(const std::string& text) {
    const auto definitions = store_->search_definitions();
    const auto parsed =
        fhir::ParseSearch(text + "&_summary=count", "", {.type = kPatient, .compartment = {}},
                          {.parameters = &definitions->parameters});
    EXPECT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
    if (!parsed.errors.empty()) return UINT64_MAX;
    const auto page = store_->Search({.query = &parsed.query, .definitions = definitions});
    EXPECT_TRUE(page.ok()) << page.error().detail;
    return page.ok() ? page.value().total.value_or(UINT64_MAX) : UINT64_MAX;
  }
  uint64_t PostingsOf(fhir::ParameterNumber number) {
    const auto snapshot = store_.kv().GetSnapshot();
    std::string prefix;
    AppendParameterPrefix(&prefix, kPatient, number);
    uint64_t count = 0;
    for (auto cursor = snapshot->Scan(kPosting, kv::PrefixRange(prefix)); cursor->Valid();
         cursor->Next()) {
      count += kv::Bits::Decode(cursor->value()).value().Count();
    }
    return count;
  }

  TestStore store_;
};

constexpr const char* kNicknames = "Patient.name.where(use = 'nickname').given";

TEST_F(CustomParametersTest, IsInForceOnceFilledAndFollowsWrites) {
  Load("p", 700, "Other", "Zed");
  EXPECT_FALSE(IsKnown("nickname"));
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
  WaitFor([&] { return IsKnown("nickname"); });
  EXPECT_GE(NumberOf("nickname"), fhir::kCustomParameterFirst);
  EXPECT_EQ(Count("nickname=zed"), 100u);
  EXPECT_EQ(Count("nickname=official"), 0u);
  EXPECT_EQ(Count("nickname:missing=true"), 0u);
  PutPatient("p0", "Other");
  PutPatient("q", "Zed");
  PutPatient("r", "Zed");
  EXPECT_EQ(Count("nickname=zed"), 101u);
  ASSERT_TRUE(store_->Delete(kPatient, "r", {}).ok());
  EXPECT_EQ(Count("nickname=zed"), 100u);
  store_.Reopen();
  EXPECT_EQ(Count("nickname=zed"), 100u);
}

TEST_F(CustomParametersTest, ChangedOneGetsANewNumberAndTheOldOneStaysUntilThen) {
  Load("p", 300, "Zed", "Zed");
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
  WaitFor([&] { return IsKnown("nickname"); });
  const fhir::ParameterNumber first = NumberOf("nickname");
  std::atomic<bool> stop{false};
  std::atomic<bool> unknown{false};
  std::thread reader([&] {
    while (!stop) unknown = unknown || !IsKnown("nickname");
  });
  const std::string official = "Patient.name.where(use = 'official').given";
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", official)).ok());
  WaitFor([&] { return NumberOf("nickname") != first; });
  stop = true;
  reader.join();
  EXPECT_FALSE(unknown);
  EXPECT_EQ(Count("nickname=zed"), 0u);
  EXPECT_EQ(Count("nickname=officialzed"), 300u);
  WaitFor([&] { return PostingsOf(first) == 0; });
}

TEST_F(CustomParametersTest, RetiredAndDeletedOnesDisappearAndNumbersAreNotUsedAgain) {
  PutPatient("p", "Zed");
  std::set<fhir::ParameterNumber> numbers;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
    WaitFor([&] { return IsKnown("nickname"); });
    EXPECT_EQ(Count("nickname=zed"), 1u);
    const fhir::ParameterNumber number = NumberOf("nickname");
    EXPECT_TRUE(numbers.insert(number).second);
    if (round == 1) {
      ASSERT_TRUE(store_->Delete(kOwn, "nick", {}).ok());
    } else {
      std::string retired = Parameter("nick", "nickname", kNicknames);
      retired.replace(retired.find("active"), 6, "retired");
      ASSERT_TRUE(Put("nick", retired).ok());
    }
    WaitFor([&] { return !IsKnown("nickname"); });
    WaitFor([&] { return PostingsOf(number) == 0; });
    if (round == 0) store_.Reopen();
    EXPECT_FALSE(IsKnown("nickname"));
  }
}

TEST_F(CustomParametersTest, RestartInMidFillFillsAgain) {
  Load("p", 20'000, "Zed", "Zed");
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
  const auto has_begun = [&] {
    const auto filling = store_->FillingParameters();
    return IsKnown("nickname") || (!filling.empty() && filling[0].done > 0);
  };
  for (int i = 0; i < 3; ++i) {
    WaitFor(has_begun);
    store_.Reopen();
    PutPatient("w" + std::to_string(i), "Zed");
  }
  WaitFor([&] { return IsKnown("nickname"); });
  EXPECT_EQ(Count("nickname=zed"), 20'003u);
}

TEST_F(CustomParametersTest, WritersOfEveryKindGoOnWhileItIsFilled) {
  Load("p", 2'000, "Old", "Old");
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      PutPatient("p" + std::to_string(i * 7 % 2000), "Zed");
      PutPatient("n" + std::to_string(i), "Zed");
      if (i % 5 == 0) (void)store_->Delete(kPatient, "p" + std::to_string(i % 2000), {});
      ++written;
    }
  });
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
  Load("i", 500, "Zed", "Old");
  WaitFor([&] { return IsKnown("nickname"); });
  stop = true;
  writer.join();
  EXPECT_GT(written, 0);
  EXPECT_EQ(Count("nickname=zed") + Count("nickname=old"), Count("_id:missing=false"));
  EXPECT_EQ(Count("nickname=zed"), Count("given:exact=Zed"));
  EXPECT_EQ(Count("nickname=old"), Count("given:exact=Old"));
}

TEST_F(CustomParametersTest, BadOnesAreRefusedByElement) {
  ASSERT_TRUE(Put("nick", Parameter("nick", "nickname", kNicknames)).ok());
  WaitFor([&] { return IsKnown("nickname"); });
  struct Case {
    std::string text;
    std::string says;
  };
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string text = Parameter("x", "other", kNicknames);
    return text.replace(text.find(from), from.size(), to);
  };
  for (const Case& c :
       {Case{Parameter("x", "other", "Patient.name.where("), "SearchParameter.expression: "},
        Case{Parameter("x", "other", "Patient.nonsense"), "nonsense"},
        Case{Parameter("x", "birthdate", kNicknames), "SearchParameter.code: 'birthdate'"},
        Case{Parameter("x", "nickname", kNicknames), "SearchParameter/nick"},
        Case{Parameter("x", "a b", kNicknames), "SearchParameter.code: "},
        Case{changed(R"("Patient")", R"("Patients")"), "SearchParameter.base: 'Patients'"},
        Case{changed(R"("string")", R"("text")"), "SearchParameter.type: "},
        Case{changed(R"("string")", R"("composite")"), "SearchParameter.component: "}}) {
    SCOPED_TRACE(c.text);
    const Status put = Put("x", c.text);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(put.error().detail.find(c.says), std::string::npos) << put.error().detail;
  }
  // A draft may say anything.
  std::string draft = Parameter("x", "other", "Patient.nonsense");
  EXPECT_TRUE(Put("x", draft.replace(draft.find("active"), 6, "draft")).ok());
}

TEST_F(CustomParametersTest, DocumentReadsBackAndRefusesOthers) {
  StoredParameters stored;
  stored.next_number = 32770;
  stored.parameters.push_back({.state = ParameterState::kActive,
                               .id = "a",
                               .definition = {.number = 32769,
                                              .type = fhir::SearchType::kComposite,
                                              .code = "c",
                                              .url = "u",
                                              .expression = "Patient.name",
                                              .bases = {kPatient},
                                              .targets = {kPatient},
                                              .components = {{7, "given"}}}});
  const std::string text = EncodeStoredParameters(stored);
  const auto read = DecodeStoredParameters(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(EncodeStoredParameters(read.value()), text);
  for (const std::string& wrong : {std::string("{}"), std::string("[]"), text.substr(1),
                                   std::string(R"({"next":1,"parameters":[]})"),
                                   std::string(text).replace(text.find("32770"), 5, "32769")}) {
    EXPECT_FALSE(DecodeStoredParameters(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace tarn::fhir_store
