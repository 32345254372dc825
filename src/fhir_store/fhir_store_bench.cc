// What one data store does over the RocksDB engine and a folder of objects, without HTTP: CPU per
// resource of import, export and read, and bytes on disk. Data: real Synthea when it lies beside
// the repository, else our generator's patients. Every figure comes from work that was checked.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/synthea_data.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"
#include "synth/patients.h"

namespace tarn::fhir_store {
namespace {

// User and system time of all threads so far.
double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A store with the data as objects, imported when asked for.
class World {
 public:
  World() {
    ConfigureLog(LogLevel::kWarning, LogFormat::kText);
    std::string pattern = "/tmp/fhir_store_bench_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    Fill();
    engine_ = kv::OpenRocksDbEngine(folder_ + "/kv").value();
    kv_ = engine_->Open("store", DataStoreSchema()).value();
    FhirStoreOptions options;
    options.data_store_id = "0123456789abcdef0123456789abcdef";
    store_ = FhirStore::Open(options, *kv_, *objects_, clock_, random_, metrics_).value();
  }
  ~World() {
    store_.reset();
    kv_.reset();
    engine_.reset();
    objects_.reset();
    CHECK(RemoveFolder(folder_).ok());
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  jobs::Job Import() {
    ImportRequest request;
    request.input = {"data", "in/"};
    request.output = {"data", "out/"};
    const std::string id = store_->SubmitImport(request, {}).value().id;
    store_->RunJobs(
        kImportKind, [] { return false; }, [](const jobs::Job&) {});
    jobs::Job job = store_->queue().Get(kImportKind, id).value();
    CHECK(job.state == jobs::JobState::kCompleted);
    CHECK(store_->Progress(job).value().resources_imported == resources_);
    return job;
  }
  uint64_t Export() {
    ExportRequest request;
    request.output = {"data", "out/"};
    const std::string id = store_->SubmitExport(request, {}).value().id;
    store_->RunJobs(
        kExportKind, [] { return false; }, [](const jobs::Job&) {});
    uint64_t count = 0;
    const ExportReport report =
        ParseExportReport(store_->queue().Get(kExportKind, id).value()).value();
    for (const ExportedFile& file : report.files) count += file.count;
    return count;
  }

  FhirStore& store() { return *store_; }
  kv::Store& kv() { return *kv_; }
  uint64_t resources() const { return resources_; }
  uint64_t bytes() const { return bytes_; }
  const std::vector<std::string>& observation_ids() const { return observation_ids_; }

 private:
  void Fill() {
    auto files = ReadSynthea(folder_);
    if (files.empty()) {
      synth::PatientGenerator generator({.patients = 300});
      while (generator.Next([&](std::string_view type, std::string_view json) {
        files[std::string(type) + ".ndjson"].append(json).append("\n");
      })) {
      }
    }
    for (const auto& [name, text] : files) {
      CHECK(objects::WriteObject(*objects_, {"data", "in/" + name}, text, "").ok());
      bytes_ += text.size();
      for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        ++resources_;
        if (name != "Observation.ndjson") continue;
        const size_t id = text.find("\"id\":\"", at) + 6;
        observation_ids_.push_back(text.substr(id, text.find('"', id) - id));
      }
    }
  }

  std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<kv::Engine> engine_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<FhirStore> store_;
  uint64_t resources_ = 0;
  uint64_t bytes_ = 0;
  std::vector<std::string> observation_ids_;
};

// A world that has imported already, shared by the benchmarks that only read.
World& Imported() {
  static World& world = *[] {
    auto made = std::make_unique<World>();
    made->Import();
    CHECK(made->kv().Settle().ok());
    static std::unique_ptr<World> keeper;
    keeper = std::move(made);
    return keeper.get();
  }();
  return world;
}

void MeasureImport(benchmark::State& state) {
  for (auto _ : state) {
    World world;
    const double before = CpuSeconds();
    const int64_t begin_ns = SystemClock().MonotonicNs();
    world.Import();
    const double wall = static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e9;
    const double cpu = CpuSeconds() - before;
    CHECK(world.kv().Settle().ok());
    const double settled = CpuSeconds() - before;
    const auto n = static_cast<double>(world.resources());
    state.counters["per_cpu_s"] = n / cpu;
    state.counters["per_cpu_s_compacted"] = n / settled;
    state.counters["per_wall_s"] = n / wall;
    state.counters["disk_bytes"] = static_cast<double>(world.store().Stats().disk_bytes) / n;
    state.counters["text_bytes"] = static_cast<double>(world.bytes()) / n;
  }
}
BENCHMARK(MeasureImport)->Iterations(1)->Unit(benchmark::kMillisecond);

void MeasureImportAgain(benchmark::State& state) {
  World& world = Imported();
  for (auto _ : state) {
    const double before = CpuSeconds();
    world.Import();
    state.counters["per_cpu_s"] = static_cast<double>(world.resources()) / (CpuSeconds() - before);
  }
}
BENCHMARK(MeasureImportAgain)->Iterations(1)->Unit(benchmark::kMillisecond);

void MeasureExport(benchmark::State& state) {
  World& world = Imported();
  for (auto _ : state) {
    const double before = CpuSeconds();
    CHECK(world.Export() == world.resources());
    state.counters["per_cpu_s"] = static_cast<double>(world.resources()) / (CpuSeconds() - before);
  }
}
BENCHMARK(MeasureExport)->Iterations(3)->Unit(benchmark::kMillisecond);

void MeasureRead(benchmark::State& state) {
  World& world = Imported();
  const fhir::TypeId type = fhir::FindType("Observation");
  SeededRandom random(1);
  size_t bytes = 0;
  for (auto _ : state) {
    const std::string& id = world.observation_ids()[random.Below(world.observation_ids().size())];
    const auto read = world.store().Read(type, id);
    CHECK(read.ok());
    bytes += read.value().body.size();
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(MeasureRead);

void MeasureUpdate(benchmark::State& state) {
  World& world = Imported();
  const fhir::TypeId type = fhir::FindType("Observation");
  const std::string& id = world.observation_ids()[0];
  const std::string body = world.store().Read(type, id).value().body;
  for (auto _ : state) CHECK(world.store().Update(type, id, body, {}).ok());
}
BENCHMARK(MeasureUpdate);

}  // namespace
}  // namespace tarn::fhir_store
