// A read by id without HTTP: what the handler adds to the store's own work. Verifies its answers.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/random.h"
#include "fhir_api/fhir_api.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"

namespace tarn::fhir_api {
namespace {

void BM_Read(benchmark::State& state) {
  std::string folder = "fhir_api_bench_XXXXXX";
  CHECK(mkdtemp(folder.data()) != nullptr);
  {
    const SystemClock clock;
    SeededRandom random(1);
    MetricsRegistry metrics;
    kv::FakeEngine engine;
    auto objects = objects::OpenFolderStore(folder, clock, random);
    CHECK(objects.ok());
    auto kv = engine.Open("store", fhir_store::DataStoreSchema());
    CHECK(kv.ok());
    auto store = fhir_store::FhirStore::Open({.data_store_id = "x"}, *kv.value(), *objects.value(),
                                             clock, random, metrics);
    CHECK(store.ok());
    const std::string body =
        R"({"resourceType":"Patient","id":"p1","note":")" + std::string(1000, 'x') + "\"}";
    CHECK(store.value()->Update(fhir::FindType("Patient"), "p1", body, {}).ok());
    auto found = std::make_shared<DataStore>();
    found->store = std::move(store).value();
    const FhirApi api({.find = [&](std::string_view) -> Result<std::shared_ptr<const DataStore>> {
                         return std::shared_ptr<const DataStore>(found);
                       },
                       .clock = &clock});
    http::Request request;
    request.path = "/datastore/x/r4/Patient/p1";
    request.headers.Add("Host", "127.0.0.1:8080");
    request.headers.Add("Accept", "application/fhir+json");
    request.path_parameters = {{"id", "x"}, {"type", "Patient"}, {"rid", "p1"}};
    for (auto _ : state) {
      const http::Response response = api.Read(request);
      CHECK(response.status == 200 && response.body.size() > body.size());
    }
    state.SetItemsProcessed(state.iterations());
    found->store.reset();
  }
  CHECK(RemoveFolder(folder).ok());
}
BENCHMARK(BM_Read);

}  // namespace
}  // namespace tarn::fhir_api
