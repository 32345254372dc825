// How long it takes to be ready to run, and how fast a poll loop turns without a network.
#include <benchmark/benchmark.h>

#include <string>

#include "arazzo/runner.h"

namespace tarn::arazzo {
namespace {

// An OpenAPI description of about 100 kB, as the AWS ones are.
std::string LargeApi() {
  std::string out =
      "openapi: 3.0.0\ninfo: {title: t, version: '1'}\nservers: [{url: 'https://h'}]\npaths:\n";
  for (int i = 0; i < 400; ++i) {
    const std::string n = std::to_string(i);
    out += "  /p" + n + "/{id}:\n    get:\n      operationId: get" + n +
           "\n      description: 'Reads one thing of the kind number " + n +
           " and answers with it.'\n      parameters:\n      - name: id\n        in: path\n"
           "        required: true\n        schema:\n          type: string\n";
  }
  return out;
}

constexpr std::string_view kWorkflow = R"(
arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]
workflows:
- workflowId: w
  inputs: {type: object, properties: {id: {type: string, default: a}}}
  steps:
  - stepId: poll
    operationId: get7
    parameters: [{name: id, in: path, value: $inputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {state: $response.body#/Properties/Status}
    onSuccess:
    - {name: done, type: end, criteria: [{context: $response.body, type: jsonpath, condition: '$.Properties.Status == "DONE"'}]}
    - {name: again, type: goto, stepId: poll, criteria: [{context: $response.body, type: jsonpath, condition: '$.Properties.Status == "BUSY"'}]}
  outputs: {state: $steps.poll.outputs.state}
)";

class OneApi final : public DocumentFetcher {
 public:
  explicit OneApi(std::string text) : text_(std::move(text)) {}
  Result<FetchedDocument> Fetch(const std::string&, const std::string& url) override {
    return FetchedDocument{url, text_};
  }

 private:
  std::string text_;
};

class Ports final : public HttpPort, public TimePort, public EventPort {
 public:
  explicit Ports(int64_t polls) : polls_(polls) {}
  Result<HttpReply> Send(const OutgoingRequest&, const ApiOperation&, uint64_t) override {
    const bool done = ++sent_ >= polls_;
    return HttpReply{
        200,
        {{"Content-Type", "application/json"}},
        done ? R"({"Properties":{"Status":"DONE"}})" : R"({"Properties":{"Status":"BUSY"}})"};
  }
  int64_t NowMs() override { return 0; }
  Status SleepMs(int64_t) override { return Ok(); }
  bool StopWanted() override { return false; }
  double Jitter() override { return 0; }
  Status Take(const RunEvent&, Durability) override { return Ok(); }
  Result<json::Value> KeepBinary(std::string_view, std::string_view) override {
    return json::Value();
  }
  bool MaySendAgain(std::string_view) override { return false; }
  int64_t sent() const { return sent_; }

 private:
  int64_t polls_;
  int64_t sent_ = 0;
};

void BM_Load(benchmark::State& state) {
  OneApi fetcher(LargeApi());
  for (auto _ : state) {
    const Program program = LoadProgram(kWorkflow, "https://h/w.yaml", Reading::kLenient, fetcher);
    CHECK(program.root != nullptr);
  }
}
BENCHMARK(BM_Load)->Unit(benchmark::kMillisecond);

void BM_Poll(benchmark::State& state) {
  constexpr int64_t kPolls = 1000;
  OneApi fetcher(LargeApi());
  const Program program = LoadProgram(kWorkflow, "https://h/w.yaml", Reading::kLenient, fetcher);
  CHECK(program.root != nullptr);
  RunOptions options;
  options.poll_s = 0;
  for (auto _ : state) {
    Ports ports(kPolls);
    const auto result =
        RunWorkflow(program, "", json::Value::MakeObject(), options, {ports, ports, ports});
    CHECK(result.ok() && result.value().status == RunStatus::kEnded && ports.sent() == kPolls);
  }
  state.SetItemsProcessed(state.iterations() * kPolls);
}
BENCHMARK(BM_Poll)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn::arazzo
