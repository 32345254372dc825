// What one data store does over the RocksDB engine and a folder of objects, without HTTP: CPU per
// resource of import, export and read, and bytes on disk. Data: real Synthea when it lies beside
// the repository, else our generator's patients. Every figure comes from work that was checked.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
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
  // Every resource, files by name.
  std::vector<std::string_view> Lines() const {
    std::vector<std::string_view> lines;
    for (const auto& [name, text] : files_) {
      for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at);
        lines.push_back(std::string_view(text).substr(at, end - at));
        at = end + 1;
      }
    }
    return lines;
  }

 private:
  void Fill() {
    files_ = ReadSynthea(folder_);
    if (files_.empty()) {
      synth::PatientGenerator generator({.patients = 300});
      while (generator.Next([&](std::string_view type, std::string_view json) {
        files_[std::string(type) + ".ndjson"].append(json).append("\n");
      })) {
      }
    }
    for (const auto& [name, text] : files_) {
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
  std::map<std::string, std::string> files_;
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

// The value of the member in a generated or exported line, which has no white space.
std::string_view MemberOf(std::string_view line, std::string_view name) {
  const std::string start = "\"" + std::string(name) + "\":\"";
  const size_t at = line.find(start) + start.size();
  return line.substr(at, line.find('"', at) - at);
}

// Milliseconds that single creations take one after the other until `stop`.
std::vector<double> TimeCreations(FhirStore& store, std::string_view text,
                                  const std::atomic<bool>& stop) {
  const fhir::TypeId type = fhir::FindType(MemberOf(text, "resourceType"));
  std::vector<double> times;
  while (!stop) {
    const int64_t begin_ns = SystemClock().MonotonicNs();
    CHECK(store.Create(type, text).ok());
    times.push_back(static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e6);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::sort(times.begin(), times.end());
  return times;
}

// Transactions of so many resources, then the same with single creations beside them.
void MeasureWriteAll(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    World world;
    const std::vector<std::string_view> lines = world.Lines();
    // As bundles are: some of everything.
    std::vector<ResourceWrite> writes;
    const size_t stride = lines.size() / size + 1;
    for (size_t first = 0; first < stride; ++first) {
      for (size_t i = first; i < lines.size(); i += stride) {
        ResourceWrite write;
        write.type = fhir::FindType(MemberOf(lines[i], "resourceType"));
        write.id = MemberOf(lines[i], "id");
        write.text = lines[i];
        writes.push_back(write);
      }
    }
    const auto write_some = [&](size_t begin, size_t end) {
      for (size_t at = begin; at < end; at += size) {
        size_t failed = 0;
        const size_t count = std::min(size, end - at);
        CHECK(world.store().WriteAll({&writes[at], count}, &failed).ok());
      }
    };
    const size_t alone = writes.size() * 3 / 4;
    const double before = CpuSeconds();
    write_some(0, alone);
    state.counters["per_cpu_s"] = static_cast<double>(alone) / (CpuSeconds() - before);
    CHECK(world.kv().Settle().ok());
    state.counters["per_cpu_s_compacted"] = static_cast<double>(alone) / (CpuSeconds() - before);
    std::atomic<bool> stop{false};
    std::vector<double> times;
    std::thread single([&] { times = TimeCreations(world.store(), lines[0], stop); });
    write_some(alone, writes.size());
    stop = true;
    single.join();
    state.counters["single_ms_p50"] = times[times.size() / 2];
    state.counters["single_ms_p99"] = times[times.size() * 99 / 100];
    state.counters["single_ms_max"] = times.back();
    const std::string_view last = writes.back().id;
    CHECK(world.store().Read(writes.back().type, last).ok());
  }
}
BENCHMARK(MeasureWriteAll)->Arg(500)->Arg(5000)->Iterations(1)->Unit(benchmark::kMillisecond);

// Single creations while an import runs.
void MeasureCreateBesideImport(benchmark::State& state) {
  for (auto _ : state) {
    World world;
    const std::vector<std::string_view> lines = world.Lines();
    std::atomic<bool> stop{false};
    std::vector<double> times;
    std::thread single([&] { times = TimeCreations(world.store(), lines[0], stop); });
    world.Import();
    stop = true;
    single.join();
    state.counters["single_ms_p50"] = times[times.size() / 2];
    state.counters["single_ms_p99"] = times[times.size() * 99 / 100];
    state.counters["single_ms_max"] = times.back();
    state.counters["singles"] = static_cast<double>(times.size());
  }
}
BENCHMARK(MeasureCreateBesideImport)->Iterations(1)->Unit(benchmark::kMillisecond);

// Single creations from so many threads, each durable when it returns.
void MeasureCreate(benchmark::State& state) {
  const auto threads = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    World world;
    const std::vector<std::string_view> lines = world.Lines();
    constexpr size_t kCreations = 16'000;
    std::atomic<size_t> next{0};
    const auto create = [&] {
      for (size_t i = next++; i < kCreations; i = next++) {
        const std::string_view line = lines[i * 131 % lines.size()];
        CHECK(world.store().Create(fhir::FindType(MemberOf(line, "resourceType")), line).ok());
      }
    };
    const double before = CpuSeconds();
    const int64_t begin_ns = SystemClock().MonotonicNs();
    std::vector<std::thread> clients;
    for (size_t i = 0; i < threads; ++i) clients.emplace_back(create);
    for (std::thread& client : clients) client.join();
    const double wall = static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e9;
    state.counters["per_cpu_s"] = kCreations / (CpuSeconds() - before);
    state.counters["per_wall_s"] = kCreations / wall;
  }
}
BENCHMARK(MeasureCreate)->Arg(1)->Arg(8)->Arg(64)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn::fhir_store
