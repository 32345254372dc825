#include "arazzo/journal.h"

#include <gtest/gtest.h>

#include <string>

namespace tarn::arazzo {
namespace {

using json::Value;

RunEvent Event(std::string type, std::string_view data) {
  auto value = json::ParseValue(data);
  CHECK(value.ok());
  return {std::move(type), std::move(value).value()};
}

std::string Sample() {
  return EncodeJournalLine(
             Event("run", R"({"run":"r1","workflow":"w","inputs":{"a":1},"secrets":["/b"]})")) +
         EncodeJournalLine(Event("send", R"({"request":0,"step":"a"})")) +
         EncodeJournalLine(
             Event("answer",
                   R"({"request":0,"status":200,"headers":[["A","b"]],"body":"{\"é\":\n1}"})")) +
         EncodeJournalLine(Event("wait", R"({"wait_ms":5})")) +
         EncodeJournalLine(Event("send", R"({"request":1,"step":"b"})")) +
         EncodeJournalLine(
             Event("answer", R"({"request":1,"status":0,"headers":[],"body_base64":"/w=="})")) +
         EncodeJournalLine(Event("end", R"({"status":"ended"})"));
}

TEST(Journal, ReadsBackWhatItWrote) {
  const std::string text = Sample();
  JournalContent content = ReadJournal(text).value();
  EXPECT_EQ(content.events.size(), 7u);
  EXPECT_EQ(content.valid_bytes, text.size());
  EXPECT_EQ(content.run_id, "r1");
  EXPECT_EQ(content.workflow_id, "w");
  EXPECT_EQ(json::ToText(content.inputs), R"({"a":1})");
  EXPECT_EQ(content.secret_inputs, std::vector<std::string>{"/b"});
  ASSERT_EQ(content.recorded[""].size(), 2u);
  EXPECT_EQ(content.recorded[""][0].body, "{\"é\":\n1}");
  EXPECT_EQ(content.recorded[""][0].headers, (Fields{{"A", "b"}}));
  EXPECT_EQ(content.recorded[""][1].body, "\xff");
  EXPECT_TRUE(content.in_doubt.empty());
  EXPECT_EQ(content.status, "ended");
}

// A crash may leave any prefix: whole lines count, the torn one does not.
TEST(Journal, EveryPrefixIsAJournal) {
  const std::string text = Sample();
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto content = ReadJournal(std::string_view(text).substr(0, length));
    ASSERT_TRUE(content.ok()) << length;
    EXPECT_LE(content.value().valid_bytes, length);
    EXPECT_TRUE(content.value().valid_bytes == 0 || text[content.value().valid_bytes - 1] == '\n');
    size_t sends = 0;
    for (const RunEvent& event : content.value().events) sends += event.type == "send";
    const auto recorded = content.value().recorded.find("");
    const size_t answers = recorded == content.value().recorded.end() ? 0 : recorded->second.size();
    EXPECT_EQ(content.value().in_doubt.contains(""), sends > answers);
  }
}

// Requests are numbered in each branch, whatever comes between them.
TEST(Journal, KeepsBranchesApart) {
  const std::string answer = R"("status":200,"headers":[],"body":")";
  const std::string text =
      EncodeJournalLine(Event("send", R"({"request":0,"branch":"w/a"})")) +
      EncodeJournalLine(Event("send", R"({"request":0,"branch":"w/b"})")) +
      EncodeJournalLine(Event("answer", R"({"request":0,"branch":"w/b",)" + answer + "b\"}")) +
      EncodeJournalLine(Event("send", R"({"request":1,"branch":"w/b"})")) +
      EncodeJournalLine(Event("answer", R"({"request":0,"branch":"w/a",)" + answer + "a\"}"));
  JournalContent content = ReadJournal(text).value();
  ASSERT_EQ(content.recorded["w/a"].size(), 1u);
  EXPECT_EQ(content.recorded["w/a"][0].body, "a");
  ASSERT_EQ(content.recorded["w/b"].size(), 1u);
  EXPECT_EQ(content.recorded["w/b"][0].body, "b");
  EXPECT_EQ(content.in_doubt, std::set<std::string>{"w/b"});
}

TEST(Journal, DamageEndsOrIsNamed) {
  std::string flipped = Sample();
  flipped[flipped.find("\"b\"")] = 'x';
  EXPECT_EQ(ReadJournal(flipped).value().events.size(), 2u);  // Up to the damaged line.
  for (const RunEvent& bad : {Event("answer", R"({"request":0,"status":200,"headers":[]})"),
                              Event("send", R"({"request":1})"), Event("send", "{}")}) {
    const auto content = ReadJournal(EncodeJournalLine(bad));
    ASSERT_FALSE(content.ok());
    EXPECT_EQ(content.error().kind, ErrorKind::kCorrupt);
  }
  const std::string send = EncodeJournalLine(Event("send", R"({"request":0})"));
  for (const std::string_view answer :
       {R"({"request":0,"headers":[]})", R"({"request":0,"status":1000,"headers":[]})",
        R"({"request":0,"status":200,"headers":[1]})",
        R"({"request":0,"status":200,"headers":[],"body_base64":"!"})"}) {
    EXPECT_FALSE(ReadJournal(send + EncodeJournalLine(Event("answer", answer))).ok()) << answer;
  }
  EXPECT_TRUE(ReadJournal("not a journal\n").value().events.empty());
}

}  // namespace
}  // namespace tarn::arazzo
