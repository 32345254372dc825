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
         EncodeJournalLine(Event(
             "answer",
             R"({"request":0,"workflow":"w","step":"a","status":200,"headers":[["A","b"]],"body":"{\"é\":\n1}"})")) +
         EncodeJournalLine(Event("wait", R"({"wait_ms":5})")) +
         EncodeJournalLine(Event("send", R"({"request":1,"step":"b"})")) +
         EncodeJournalLine(Event(
             "answer",
             R"({"request":1,"workflow":"w","step":"b","status":204,"headers":[],"body_base64":"/w=="})")) +
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
  EXPECT_EQ(content.recorded[""][0].reply.body, "{\"é\":\n1}");
  EXPECT_EQ(content.recorded[""][0].reply.headers, (Fields{{"A", "b"}}));
  EXPECT_EQ(content.recorded[""][1].workflow, "w");
  EXPECT_EQ(content.recorded[""][1].step, "b");
  EXPECT_EQ(content.recorded[""][1].reply.body, "\xff");
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

// A request without an answer counts as one that was not recorded, unless another one followed it.
TEST(Journal, WhatGotNoAnswerIsAskedForAgain) {
  const auto send = [](std::string_view number) {
    return EncodeJournalLine(Event("send", R"({"request":)" + std::string(number) + "}"));
  };
  const auto answer = [](std::string_view number, std::string_view rest) {
    return EncodeJournalLine(Event("answer", R"({"request":)" + std::string(number) +
                                                 R"(,"workflow":"w","step":"s","headers":[],)" +
                                                 std::string(rest) + "}"));
  };
  constexpr std::string_view kDone = R"("status":200,"body":"")";
  constexpr std::string_view kRefused = R"("status":0,"in_doubt":false,"body":"refused")";
  constexpr std::string_view kTimeout = R"("status":0,"in_doubt":true,"body":"too late")";
  const std::string end = EncodeJournalLine(Event("end", R"({"status":"failed"})"));
  struct Row {
    std::string text;
    size_t recorded;
    bool in_doubt;
  };
  for (const Row& row : {
           Row{send("0") + answer("0", kDone) + send("1") + answer("1", kRefused), 1, false},
           Row{send("0") + answer("0", kDone) + send("1") + answer("1", kTimeout), 1, true},
           Row{send("0") + answer("0", kDone) + send("1") + answer("1", kTimeout) + end, 1, true},
           Row{send("0") + answer("0", R"("status":0,"body":"?")"), 0, true},  // Not known.
           // The document went on after it.
           Row{send("0") + answer("0", kRefused) + send("1"), 1, true},
           Row{send("0") + answer("0", kTimeout) + send("1") + answer("1", kDone), 2, false},
           // A resumed run asked again, or the user knew the answer.
           Row{send("0") + answer("0", kRefused) + end + send("0"), 0, true},
           Row{send("0") + answer("0", kRefused) + end + send("0") + answer("0", kRefused), 0,
               false},
           Row{send("0") + answer("0", kTimeout) + end + send("0") + answer("0", kDone), 1, false},
           Row{send("0") + answer("0", kTimeout) + end + answer("0", kDone), 1, false},
       }) {
    SCOPED_TRACE(row.text);
    auto content = ReadJournal(row.text);
    ASSERT_TRUE(content.ok()) << content.error().detail;
    EXPECT_EQ(content.value().recorded[""].size(), row.recorded);
    EXPECT_EQ(content.value().in_doubt.contains(""), row.in_doubt);
  }
}

// Requests are numbered in each branch, whatever comes between them.
TEST(Journal, KeepsBranchesApart) {
  const std::string answer = R"("workflow":"w","step":"s","status":200,"headers":[],"body":")";
  const std::string text =
      EncodeJournalLine(Event("send", R"({"request":0,"branch":"w/a"})")) +
      EncodeJournalLine(Event("send", R"({"request":0,"branch":"w/b"})")) +
      EncodeJournalLine(Event("answer", R"({"request":0,"branch":"w/b",)" + answer + "b\"}")) +
      EncodeJournalLine(Event("send", R"({"request":1,"branch":"w/b"})")) +
      EncodeJournalLine(Event("answer", R"({"request":0,"branch":"w/a",)" + answer + "a\"}"));
  JournalContent content = ReadJournal(text).value();
  ASSERT_EQ(content.recorded["w/a"].size(), 1u);
  EXPECT_EQ(content.recorded["w/a"][0].reply.body, "a");
  ASSERT_EQ(content.recorded["w/b"].size(), 1u);
  EXPECT_EQ(content.recorded["w/b"][0].reply.body, "b");
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
       {R"("headers":[])", R"("status":1000,"headers":[])", R"("status":200,"headers":[1])",
        R"("status":200,"headers":[],"body_base64":"!")"}) {
    const std::string data =
        R"({"request":0,"workflow":"w","step":"s",)" + std::string(answer) + "}";
    EXPECT_FALSE(ReadJournal(send + EncodeJournalLine(Event("answer", data))).ok()) << answer;
  }
  const std::string of_no_step = R"({"request":0,"status":200,"headers":[],"body":""})";
  EXPECT_FALSE(ReadJournal(send + EncodeJournalLine(Event("answer", of_no_step))).ok());
  EXPECT_TRUE(ReadJournal("not a journal\n").value().events.empty());
}

}  // namespace
}  // namespace tarn::arazzo
