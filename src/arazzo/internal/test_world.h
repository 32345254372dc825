// What tests of runs share: a library of documents, and a world with a scripted server, a virtual
// clock and a record of every event. World may be used by several branches at once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arazzo/program.h"
#include "arazzo/runner.h"
#include "base/check.h"
#include "base/mutex.h"

namespace tarn::arazzo {

inline json::Value ParseJson(std::string_view text) {
  auto value = json::ParseValue(text);
  CHECK(value.ok());
  return std::move(value).value();
}

// Documents by the end of their URL.
class Library final : public DocumentFetcher {
 public:
  std::map<std::string, std::string> documents;
  Result<FetchedDocument> Fetch(const std::string&, const std::string& url) override {
    for (const auto& [name, bytes] : documents) {
      if (url.ends_with(name)) return FetchedDocument{url, bytes};
    }
    return NotFound("nothing at " + url);
  }
};

// Answers from a function; a virtual clock; all events kept.
class World final : public HttpPort, public TimePort, public EventPort {
 public:
  std::function<Result<HttpReply>(const OutgoingRequest&, const ApiOperation&)> server;
  std::vector<OutgoingRequest> requests;
  std::vector<RunEvent> events;
  std::vector<Durability> durabilities;
  std::vector<int64_t> sleeps;
  std::map<std::string, std::string> files;  // Binary bodies by what stands for them.
  int64_t now_ms = 1'000'000;
  bool may_send_again = false;
  std::atomic<bool> stop_wanted = false;
  size_t events_max = SIZE_MAX;  // Beyond: the journal fails.
  Mutex mutex;                   // Over requests, sleeps and the clock; events come one by one.

  Result<HttpReply> Send(const OutgoingRequest& request, const ApiOperation& operation,
                         uint64_t) override {
    {
      const MutexLock lock(mutex);
      requests.push_back(request);
    }
    return server(request, operation);
  }
  int64_t NowMs() override {
    const MutexLock lock(mutex);
    return now_ms;
  }
  Status SleepMs(int64_t ms) override {
    const MutexLock lock(mutex);
    sleeps.push_back(ms);
    now_ms += ms;
    return Ok();
  }
  bool StopWanted() override { return stop_wanted; }
  double Jitter() override { return 0.5; }
  Status Take(const RunEvent& event, Durability durability) override {
    if (events.size() >= events_max) return Error{ErrorKind::kUnavailable, "killed"};
    events.push_back(event);
    durabilities.push_back(durability);
    return Ok();
  }
  Result<json::Value> KeepBinary(std::string_view bytes, std::string_view type) override {
    const std::string name = "file:" + std::to_string(bytes.size()) + ":" + std::string(type);
    files[name] = bytes;
    return json::Value::String(name);
  }
  Result<std::optional<std::string>> ReadBinary(const json::Value& value) override {
    const auto found = value.IsString() ? files.find(value.AsString()) : files.end();
    if (found == files.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
  bool MaySendAgain(std::string_view) override { return may_send_again; }

  std::string Texts(std::string_view type, std::string_view member) const {
    std::string out;
    for (const RunEvent& event : events) {
      const json::Value* value = event.data.Find(member);
      if (event.type == type && value != nullptr) out += AsText(*value) + "\n";
    }
    return out;
  }
};

inline HttpReply Json(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

// Answers each state once, the last one for ever.
inline auto States(std::vector<std::string> states, Fields headers = {}) {
  return [=, n = size_t{0}](const OutgoingRequest&, const ApiOperation&) mutable {
    HttpReply reply = Json(200, R"({"state":")" + states[std::min(n, states.size() - 1)] + "\"}");
    ++n;
    for (const auto& header : headers) reply.headers.push_back(header);
    return Result<HttpReply>(reply);
  };
}

inline constexpr std::string_view kApi = R"(
openapi: 3.0.0
info: {title: t, version: '1'}
servers: [{url: 'https://h'}]
paths:
  /a/{id}: {get: {operationId: getA}, post: {operationId: postA}}
  /b: {get: {operationId: getB}, post: {operationId: postB}, put: {operationId: createB}}
)";

struct Case {
  Program program;
  World world;
  RunOptions options;
  json::Value inputs = json::Value::MakeObject();

  // `other`: workflows of the source `other`, beside its own `far`.
  explicit Case(const std::string& workflows, const std::string& other = "") {
    Library library;
    library.documents["api.yaml"] = kApi;
    library.documents["other.yaml"] =
        "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
        "sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]\n"
        "workflows:\n- {workflowId: far, steps: [{stepId: s, operationId: getB, "
        "outputs: {n: $response.body#/n}}], outputs: {n: $steps.s.outputs.n}}\n" +
        other;
    program = LoadProgram(
        "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
        "sourceDescriptions:\n- {name: api, url: ./api.yaml, type: openapi}\n"
        "- {name: other, url: ./other.yaml, type: arazzo}\nworkflows:\n" +
            workflows,
        "https://docs/dir/w.yaml", Reading::kLenient, library);
    options.run_id = "run-1";
    world.server = [](const OutgoingRequest&, const ApiOperation&) {
      return Json(200, R"({"n":5})");
    };
  }

  RunResult Run(std::string_view workflow = "") {
    for (const Diagnostic& d : program.diagnostics) {
      if (d.severity == Severity::kError) ADD_FAILURE() << ToText(d);
    }
    CHECK(program.root != nullptr);
    auto result = RunWorkflow(program, workflow, inputs, options, {world, world, world});
    CHECK(result.ok());
    return std::move(result).value();
  }
};

}  // namespace tarn::arazzo
