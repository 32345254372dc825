// Runs on disk, the network's refusals, HAR, and the texts of views.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/file.h"
#include "runner_host/event_text.h"
#include "runner_host/har.h"
#include "runner_host/internal/test_folder.h"
#include "runner_host/limits.h"
#include "runner_host/network.h"
#include "runner_host/run_events.h"
#include "runner_host/run_folder.h"
#include "runner_host/run_view.h"

namespace tarn::runner_host {
namespace {

using arazzo::Durability;
using arazzo::RunEvent;
using json::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

RunEvent Event(const std::string& type, std::string_view data) {
  return {type, json::ParseValue(data).value()};
}

RunRecord Record(std::string id) {
  RunRecord out;
  out.id = std::move(id);
  out.started_unix_ms = 1'700'000'000'123;
  out.file = "w.yaml";
  out.workflow = "w";
  out.choices.poll_s = 0.5;
  out.choices.timeout_s = 90;
  out.choices.wait_on = {"PAUSED"};
  out.choices.server_variables = {{"region", "x"}};
  out.choices.strict = true;
  out.root = {"", "/w.yaml", {"/w.yaml", "arazzo: 1.0.0"}};
  arazzo::FetchedDocument found{"/a.yaml", "openapi: 3.0.0"};
  found.server = "http://s";
  found.others = {{"/b.yaml", "openapi: 3.1.0"}};
  out.sources = {{"api", "/asked.yaml", found}};
  return out;
}

TEST(RunRecord, ComesBackAsItWas) {
  const RunRecord record = Record("one");
  const std::string text = EncodeRecord(record);
  const auto back = DecodeRecord(text);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(EncodeRecord(back.value()), text);
  EXPECT_EQ(back.value().sources[0].found.others[0].bytes, "openapi: 3.1.0");
  EXPECT_EQ(back.value().choices.ToOptions().timeout_ms, 90'000);
  for (const std::string& damaged :
       {std::string("{}"), text.substr(0, text.size() / 2), std::string()}) {
    EXPECT_EQ(DecodeRecord(damaged).error().kind, ErrorKind::kCorrupt);
  }
}

TEST(RunFolder, IsHeldByOneAndGoesOnWhereTheJournalIsWhole) {
  const Folder folder_of_runs;
  const std::string runs = folder_of_runs.path() + "/runs";
  {
    auto run = CreateRun(runs, Record("20260101-000000-000aaa"));
    ASSERT_TRUE(run.ok()) << run.error().detail;
    EXPECT_EQ(ReopenRun(run.value().folder).error().kind, ErrorKind::kConflict);
    EXPECT_EQ(Summarize(runs, "20260101-000000-000aaa").status, "running");
    auto journal = JournalFile::Open(run.value().folder, 0);
    ASSERT_TRUE(journal.ok());
    ASSERT_TRUE(journal.value()
                    .Append(Event("run", R"({"run":"x","workflow":"w"})"), Durability::kLazy)
                    .ok());
    ASSERT_TRUE(
        journal.value().Append(Event("send", R"({"request":0})"), Durability::kSynced).ok());
  }
  EXPECT_EQ(CreateRun(runs, Record("20260101-000000-000aaa")).error().kind, ErrorKind::kConflict);
  const auto folder = FindRun(runs, "last");
  ASSERT_TRUE(folder.ok());
  // A torn line is cut when the run goes on.
  const auto bytes = ReadFile(folder.value() + "/journal", 1 << 20);
  ASSERT_TRUE(WriteFileAtomic(folder.value() + "/journal", bytes.value() + "0000").ok());
  auto again = ReopenRun(folder.value());
  ASSERT_TRUE(again.ok()) << again.error().detail;
  EXPECT_EQ(again.value().journal.valid_bytes, bytes.value().size());
  EXPECT_EQ(again.value().journal.in_doubt.size(), 1u);
  auto journal = JournalFile::Open(folder.value(), again.value().journal.valid_bytes);
  ASSERT_TRUE(
      journal.value()
          .Append(
              Event(
                  "answer",
                  R"({"request":0,"workflow":"w","step":"s","status":200,"headers":[],"body":""})"),
              Durability::kLazy)
          .ok());
  ASSERT_TRUE(
      journal.value().Append(Event("end", R"({"status":"ended"})"), Durability::kLazy).ok());
  EXPECT_EQ(ReadJournalOf(folder.value()).value().recorded.at("").size(), 1u);
  again.value().lock = FileLock::Acquire(runs + "/other").value();  // Lets the run's lock go.
  EXPECT_EQ(Summarize(runs, "20260101-000000-000aaa").status, "ended");
}

// A journal that could not be written takes nothing further, though the disk would by then: a torn
// line in the middle would hide what follows it.
TEST(RunFolder, AJournalThatFailedTakesNothingFurther) {
  const Folder folder;
  auto run = CreateRun(folder.path(), Record("r"));
  ASSERT_TRUE(run.ok());
  auto journal = JournalFile::Open(run.value().folder, 0);
  ASSERT_TRUE(journal.ok());
  const RunEvent start = Event("run", R"({"run":"r","workflow":"w"})");
  ASSERT_TRUE(journal.value().Append(start, Durability::kLazy).ok());
  const std::string path = run.value().folder + "/journal";
  const std::string whole = ReadFile(path, 1 << 20).value();

  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = whole.size() + 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const RunEvent send = Event("send", R"({"request":0,"workflow":"w","step":"s"})");
  const Status refused = journal.value().Append(send, Durability::kLazy);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(refused.ok());

  const Status later = journal.value().Append(send, Durability::kSynced);
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().detail, refused.error().detail);
  const std::string torn = ReadFile(path, 1 << 20).value();
  EXPECT_EQ(torn.size(), whole.size() + 10);
  // Cut where it is whole, it goes on.
  const auto content = ReadJournalOf(run.value().folder);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content.value().valid_bytes, whole.size());
  auto again = JournalFile::Open(run.value().folder, content.value().valid_bytes);
  ASSERT_TRUE(again.value().Append(send, Durability::kSynced).ok());
  EXPECT_EQ(ReadJournalOf(run.value().folder).value().events.size(), 2u);
}

// What can be written can be read: no journal grows beyond what a resume reads, and a request is
// begun only where there is room for its answer.
TEST(RunFolder, AJournalIsBoundedAsItIsWritten) {
  const Folder folder;
  auto run = CreateRun(folder.path(), Record("r"));
  ASSERT_TRUE(run.ok());
  const RunEvent wait = Event("wait", R"({"wait_ms":1})");
  const RunEvent send = Event("send", R"({"request":0,"workflow":"w","step":"s"})");
  struct Row {
    const RunEvent* event;
    uint64_t most;
  };
  for (const Row& row :
       {Row{&wait, arazzo::kJournalBytesMax}, Row{&send, arazzo::kJournalRequestBytesMax}}) {
    const uint64_t fits = row.most - arazzo::EncodeJournalLine(*row.event).size();
    // The file is made that long without being written: it has a hole.
    auto full = JournalFile::Open(run.value().folder, fits + 1);
    ASSERT_TRUE(full.ok());
    const Status refused = full.value().Append(*row.event, Durability::kLazy);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
    EXPECT_THAT(refused.error().detail, HasSubstr("may have " + std::to_string(row.most)));
    auto room = JournalFile::Open(run.value().folder, fits);
    EXPECT_TRUE(room.value().Append(*row.event, Durability::kLazy).ok());
  }
  // Beyond the bound of requests everything else has room.
  auto beyond = JournalFile::Open(run.value().folder, arazzo::kJournalRequestBytesMax);
  EXPECT_TRUE(beyond.value().Append(wait, Durability::kLazy).ok());
}

TEST(RunFolder, FindsByTheBeginning) {
  const Folder folder_of_runs;
  const std::string& runs = folder_of_runs.path();
  for (const char* id :
       {"20260101-000000-000aaa", "20260101-000000-001aaa", "20260202-000000-000bbb"}) {
    ASSERT_TRUE(CreateRun(runs, Record(id)).ok());
  }
  EXPECT_THAT(
      ListRunIds(runs).value(),
      ElementsAre("20260202-000000-000bbb", "20260101-000000-001aaa", "20260101-000000-000aaa"));
  EXPECT_THAT(FindRun(runs, "last").value(), HasSubstr("20260202"));
  EXPECT_THAT(FindRun(runs, "202602").value(), HasSubstr("20260202"));
  EXPECT_EQ(FindRun(runs, "202601").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(FindRun(runs, "x").error().kind, ErrorKind::kNotFound);
  SeededRandom random(1);
  EXPECT_LT(NewRunId(1'700'000'000'009, random), NewRunId(1'700'000'000'010, random));
  EXPECT_THAT(NewRunId(1'700'000'000'999, random), testing::MatchesRegex("20231114-221320-3e7..."));
}

TEST(Network, RefusesBeforeItSends) {
  arazzo::SecretMask mask;
  mask.Add("input", "hush-hush");
  const FakeClock clock;
  NetworkOptions options;
  options.origins = {"http://192.0.2.1:80", "https://healthlake.us-east-1.amazonaws.com:443"};
  NetworkPort port(options, &mask, &clock, nullptr);
  arazzo::ApiOperation plain, is_signed;
  is_signed.sigv4 = true;
  is_signed.signing_name = "healthlake";
  struct Case {
    arazzo::OutgoingRequest request;
    const arazzo::ApiOperation* operation;
    std::string_view expected;
  };
  for (const Case& c : {
           Case{{"GET", "http://192.0.2.2/", {}, "", false}, &plain, "192.0.2.2 is not named"},
           Case{{"GET", "http://192.0.2.1:81/", {}, "", false}, &plain, "is not named"},
           Case{{"GET", "https://192.0.2.1/", {}, "", false}, &plain, "is not named"},
           Case{{"GET", "http://192.0.2.1/", {{"cookie", "a=b"}}, "", false},
                &plain,
                "the header cookie"},
           Case{{"GET", "http://192.0.2.1/", {{"X", "hush-hush"}}, "", false}, &plain, "a secret"},
           Case{{"GET", "http://192.0.2.1/?q=hush-hush", {}, "", false}, &plain, "a secret"},
           Case{{"POST", "http://192.0.2.1/", {}, "hush-hush", true}, &plain, "a secret"},
           Case{{"POST", "https://healthlake.us-east-1.amazonaws.com/", {}, "", true},
                &is_signed,
                "there are no AWS credentials"},
       }) {
    const auto reply = port.Send(c.request, *c.operation, 0);
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().kind, ErrorKind::kForbidden);
    EXPECT_THAT(reply.error().detail, HasSubstr(c.expected));
    EXPECT_THAT(reply.error().detail, Not(HasSubstr("hush")));
  }
  options.aws.credentials = {"key", "secret", ""};
  NetworkPort with_keys(options, &mask, &clock, nullptr);
  EXPECT_THAT(
      with_keys.Send({"POST", "http://192.0.2.1/", {}, "", true}, is_signed, 0).error().detail,
      HasSubstr("plain http"));
}

// Accepts, reads what comes, and closes without an answer.
class Silent {
 public:
  Silent() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    CHECK(listen(listener_, 8) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int connection = accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        char buffer[4096];
        static_cast<void>(recv(connection, buffer, sizeof buffer, 0));
        close(connection);
      }
    });
  }
  ~Silent() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  const int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Network, TellsWhatWasNotSentFromWhatMayHaveBeenDone) {
  const arazzo::SecretMask mask;
  const SystemClock clock;
  const arazzo::ApiOperation operation;
  std::string nobody;
  {
    const Silent silent;
    NetworkOptions options;
    options.origins = {silent.origin()};
    NetworkPort port(options, &mask, &clock, nullptr);
    const auto reply = port.Send({"POST", silent.origin() + "/", {}, "x", true}, operation, 0);
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().kind, ErrorKind::kTimeout) << reply.error().detail;
    nobody = silent.origin();
  }
  NetworkOptions options;
  options.origins = {nobody};
  NetworkPort port(options, &mask, &clock, nullptr);
  const auto refused = port.Send({"POST", nobody + "/", {}, "x", true}, operation, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable) << refused.error().detail;
}

TEST(Har, IsWholeAfterEveryExchange) {
  const Folder kept_until_the_end;
  const std::string path = kept_until_the_end.path() + "/x.har";
  arazzo::SecretMask mask;
  mask.Add("input", "hush-hush");
  auto har = HarFile::Create(path, &mask);
  ASSERT_TRUE(har.ok());
  const auto entries = [&] {
    const auto value = json::ParseValue(ReadFile(path, 64u << 20).value());
    CHECK(value.ok());
    return value.value().Find("log")->Find("entries")->items();
  };
  EXPECT_TRUE(entries().empty());
  const std::string binary = "\xff\x01";
  HarExchange exchange;
  exchange.url = "http://h/?q=hush-hush";
  exchange.request_headers = {{"Authorization", "Bearer hush-hush"}};
  exchange.response_body = binary;
  ASSERT_TRUE(har.value()->Add(exchange).ok());
  EXPECT_EQ(entries().size(), 1u);
  const std::string large(kHarBodyBytesMax + 1, 'x');
  exchange.response_body = large;
  ASSERT_TRUE(har.value()->Add(exchange).ok());
  exchange.response_body = std::string_view(large).substr(1);
  ASSERT_TRUE(har.value()->Add(exchange).ok());
  const auto all = entries();
  ASSERT_EQ(all.size(), 3u);
  const auto content = [&](size_t i) { return *all[i].Find("response")->Find("content"); };
  EXPECT_EQ(content(0).Find("text")->AsString(), "/wE=");
  EXPECT_EQ(content(1).Find("text")->AsString().size(), kHarBodyBytesMax);
  EXPECT_NE(content(1).Find("comment"), nullptr);
  EXPECT_EQ(content(2).Find("comment"), nullptr);
  EXPECT_THAT(ReadFile(path, 64u << 20).value(), Not(HasSubstr("hush")));
}

TEST(Har, MasksBeforeItCutsAndEncodes) {
  const Folder folder;
  const std::string path = folder.path() + "/x.har";
  arazzo::SecretMask mask;
  mask.Add("input", "hush-hush");
  auto har = HarFile::Create(path, &mask);
  ASSERT_TRUE(har.ok());
  const auto text_of = [&](std::string_view body) {
    HarExchange exchange;
    exchange.request_headers = {{"Content-Type", "text/hush-hush"}};
    exchange.request_body = body;
    exchange.response_body = body;
    EXPECT_TRUE(har.value()->Add(exchange).ok());
    const std::string file = ReadFile(path, 64u << 20).value();
    EXPECT_THAT(file, Not(HasSubstr("hush")));
    const Value value = json::ParseValue(file).value();
    const Value& last = value.Find("log")->Find("entries")->items().back();
    const std::string text = last.Find("response")->Find("content")->Find("text")->AsString();
    EXPECT_EQ(last.Find("request")->Find("postData")->Find("text")->AsString(), text);
    return text;
  };
  // Half of it is before the cut.
  const std::string at_the_cut = std::string(kHarBodyBytesMax - 4, 'x') + "hush-hush";
  EXPECT_THAT(text_of(at_the_cut), testing::EndsWith("xxx***"));
  EXPECT_EQ(Base64Decode(text_of("\xff hush-hush \x01")).value(), "\xff *** \x01");
}

TEST(EventText, NothingThatATerminalObeys) {
  struct Row {
    std::string_view text, shown;
  };
  for (const Row& row : {
           Row{"plain é «x»", "plain é «x»"},
           Row{"a\tb\r\nc", "a b  c"},
           Row{"\x1b[2J\a", "\\x1b[2J\\x07"},
           Row{"\x7f|\xc2\x9b"
               "31m|\xc2\x80",
               "\\x7f|\\x9b31m|\\x80"},
           Row{"\x9b|\xff|\xc2", "\\x9b|\\xff|\\xc2"},  // No UTF-8.
           Row{"\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"},
           Row{"\u2029 \u00a0 \U0001f600", "\u2029 \u00a0 \U0001f600"},
           Row{"\\x1b", "\\x1b"},
       }) {
    EXPECT_EQ(Printable(row.text), row.shown);
    EXPECT_EQ(Printable(row.shown), row.shown);
  }
  EXPECT_EQ(PrintableJson("{\"a\":\"\\u001b\x7f\xc2\x9b é\u202e\"}"),
            "{\"a\":\"\\u001b\\u007f\\u009b é\\u202e\"}");
}

// Wherever a server or a document can put a text, views show it without what a terminal obeys.
TEST(EventText, ViewsShowNoControlCharacters) {
  constexpr std::string_view kData =
      R"({"workflow":"w\u001b[1m","run":"r\u009b","step":"s\u001b]0;x\u0007","method":"GET\u001b",)"
      R"("url":"http://h/\u001b[2J","status":200,"body":"\u001b[31m\u202e","observed":"\u001bc",)"
      R"("action":"\u001b","reason":"\u001b","message":"\u001b[8m\u007f","wait_ms":5,"count":1,)"
      R"("outputs":{"o\u001b":"\u009b\u001b"},"at":1,"headers":[["a\u001b","b\u001b"]]})";
  const arazzo::SecretMask mask;
  std::string out;
  const WriteText write = [&](std::string_view text) { out += text; };
  std::vector<std::unique_ptr<RunView>> views;
  views.push_back(MakePlainView(write, &mask, true));
  views.push_back(MakeJsonView(write, &mask, true));
  views.push_back(MakeLiveView(write, &mask, {true, false, 200}));
  for (const auto& view : views) {
    for (const char* type : {"run", "workflow", "send", "answer", "criterion", "action", "wait",
                             "warning", "send", "answer", "workflow_end", "end"}) {
      view->Show(Event(type, kData));
    }
    view->Tick(2);
  }
  views.clear();
  // The live view draws over itself with these.
  for (const std::string_view own : {"\r\x1b[K", "\x1b[A"}) {
    for (size_t at = out.find(own); at != out.npos; at = out.find(own)) out.erase(at, own.size());
  }
  EXPECT_GT(out.size(), 1000u);
  for (const std::string_view bad : {"\x1b", "\x7f", "\xc2\x9b", "\a", "\u202e"}) {
    EXPECT_THAT(out, Not(HasSubstr(std::string(bad))));
  }
}

TEST(EventText, SpansAndOrdinals) {
  EXPECT_EQ(FormatSpan(0), "0 ms");
  EXPECT_EQ(FormatSpan(999), "999 ms");
  EXPECT_EQ(FormatSpan(1499), "1 s");
  EXPECT_EQ(FormatSpan(119'499), "119 s");
  EXPECT_EQ(FormatSpan(3'600'000), "60 min");
  EXPECT_EQ(FormatSpan(4 * 3'600'000), "4 h");
  EXPECT_EQ(Ordinal(1) + Ordinal(2) + Ordinal(3) + Ordinal(4), "1st2nd3rd4th");
  EXPECT_EQ(Ordinal(11) + Ordinal(12) + Ordinal(13) + Ordinal(21) + Ordinal(111),
            "11th12th13th21st111th");
}

constexpr std::string_view kWait =
    R"({"workflow":"w","step":"poll","wait_ms":4000,"count":3,"elapsed_ms":12000,"timeout_ms":3600000,"observed":"CREATING","at":1000})";

TEST(EventText, AWaitIsExplained) {
  EXPECT_EQ(WaitLine(Event("wait", kWait), 3100),
            "poll                 CREATING, again in 4 s, 3rd poll, 12 s of 60 min");
}

TEST(EventText, AStepOfAnotherWorkflowIsNamedWithItsWay) {
  EXPECT_EQ(StepName(Event("wait", R"({"workflow":"main","step":"a"})")), "a");
  EXPECT_EQ(StepName(Event("wait", R"({"workflow":"main/left/b","step":"a"})")), "left/b/a");
}

TEST(LiveView, DrawsOverItselfAndLeavesOneLineForAStep) {
  std::string out;
  const arazzo::SecretMask mask;
  const auto view =
      MakeLiveView([&](std::string_view text) { out += text; }, &mask, {false, false, 40});
  view->Show(Event("run", R"({"run":"r","workflow":"w","at":1})"));
  view->Show(Event(
      "send",
      R"({"workflow":"w","step":"poll","method":"GET","url":"http://h/a/very/long/path","at":1})"));
  view->Show(Event("answer", R"({"workflow":"w","step":"poll","status":200,"at":5})"));
  view->Show(Event("wait", kWait));
  out.clear();
  view->Tick(3000);
  EXPECT_EQ(out, "\r\x1b[Kpoll                 CREATING, again...");
  view->Show(Event("send",
                   R"({"workflow":"w","step":"poll","method":"GET","url":"http://h/","at":5000})"));
  view->Show(Event("answer", R"({"workflow":"w","step":"poll","status":200,"at":5001})"));
  view->Show(Event(
      "action", R"({"workflow":"w","step":"poll","action":"done","observed":"ACTIVE","at":5001})"));
  out.clear();
  view->Show(Event("end", R"({"status":"ended","outputs":{"id":"x"},"at":5002})"));
  EXPECT_EQ(out,
            "\r\x1b[Kpoll                 GET http://h/ -> 200, 1 ms; ACTIVE after 2 polls in 4 s\n"
            "ended after 5 s, 2 requests\n"
            "  id                   x\n");
}

TEST(JsonView, HidesContentUnlessVerboseAndUnsealsNothing) {
  const arazzo::SecretMask mask;
  const RunEvent answer =
      Event("answer", R"({"status":200,"headers":[["Set-Cookie","a"]],"body":"«secret x#0»«=»"})");
  std::string out;
  MakeJsonView([&](std::string_view text) { out = text; }, &mask, false)->Show(answer);
  EXPECT_EQ(out, "{\"event\":\"answer\",\"status\":200}\n");
  MakeJsonView([&](std::string_view text) { out = text; }, &mask, true)->Show(answer);
  EXPECT_THAT(out, HasSubstr(R"(["Set-Cookie","***"])"));
  EXPECT_THAT(out, HasSubstr(R"("body":"***)"));
  EXPECT_THAT(out, Not(HasSubstr("x#0")));
}

TEST(RunEvents, KeepsBinaryBodiesByContent) {
  const Folder kept_until_the_end;
  const std::string& folder = kept_until_the_end.path();
  ASSERT_TRUE(CreateRun(folder, Record("r")).ok());
  auto journal = JournalFile::Open(folder + "/r", 0);
  const arazzo::SecretMask mask;
  const auto view = MakePlainView([](std::string_view) {}, &mask, false);
  const FakeClock clock;
  RunEvents events({&journal.value(), view.get(), &clock, folder + "/r/files", false, nullptr});
  const auto kept = events.KeepBinary("\xff\x00", "image/png");
  ASSERT_TRUE(kept.ok());
  EXPECT_THAT(kept.value().AsString(), testing::EndsWith(".png"));
  EXPECT_EQ(events.KeepBinary("\xff\x00", "image/png").value(), kept.value());
  EXPECT_EQ(events.ReadBinary(kept.value()).value(), std::string("\xff"));
  // No other file can be named.
  for (const std::string& path :
       {folder + "/r/run.json", folder + "/r/files/../run.json", std::string("x")}) {
    EXPECT_EQ(events.ReadBinary(Value::String(path)).value(), std::nullopt) << path;
  }
  RunEvents aws({&journal.value(), view.get(), &clock, folder + "/r/files", true, nullptr});
  const auto blob = aws.KeepBinary("\xff\x00", "image/jph");
  EXPECT_NE(blob.value().Find("imageFrameBlob"), nullptr);
  EXPECT_EQ(aws.ReadBinary(blob.value()).value(), std::string("\xff"));
}

}  // namespace
}  // namespace tarn::runner_host
