// What one image store does over the RocksDB engine and a folder of objects, without HTTP: CPU of
// import, frames, metadata and searches, bytes on disk, memory. Data: the CT series that lies
// beside the repository, else a generated one. Every figure comes from work that was checked.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "image_store/image_sets.h"
#include "image_store/instance_reader.h"
#include "image_store/p10_reader.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"
#include "pixels/foreign_decoder.h"

namespace tarn::image_store {
namespace {

constexpr int kInstances = 300;
constexpr int kSearchSets = 20'000;
constexpr const char* kSeries = "../shared/data/dicom/ct-series-ge/";

// User and system time of all threads so far.
double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

// CT slices need no foreign decoder.
class NoDecoder final : public pixels::ForeignDecoder {
 public:
  Result<pixels::NativeFrame> Decode(const pixels::ForeignFrame&) override {
    return Error{ErrorKind::kUnavailable, "no decoder here"};
  }
};

// One image set a line of "series;patient;date", without frames: for searches.
class LineReader final : public InstanceReader {
 public:
  Result<InstanceContent> Read(const FileBytes& file, pixels::FrameSink&) override {
    const std::string n(file.memory);
    const int number = std::stoi(n);
    const auto json = [](const std::string& value) { return "\"" + value + "\""; };
    InstanceContent content;
    auto& m = content.metadata;
    m.study_instance_uid = "1.2." + std::to_string(number / 4);
    m.series_instance_uid = "1.3." + n;
    m.sop_instance_uid = "1.4." + n;
    m.patient.push_back({"PatientID", json("P" + std::to_string(number / 10))});
    m.study.push_back({"StudyInstanceUID", json(m.study_instance_uid)});
    m.study.push_back({"StudyDate", json("2024" + std::to_string(1010 + number % 20))});
    m.series.push_back({"SeriesInstanceUID", json(m.series_instance_uid)});
    m.dicom = R"({"SOPInstanceUID":")" + m.sop_instance_uid + "\"}";
    return content;
  }
};

std::string PutElement(uint16_t group, uint16_t element, std::string_view vr, std::string value) {
  if (value.size() % 2 != 0) value += vr == "UI" ? '\0' : ' ';
  const auto put16 = [](uint16_t n) {
    return std::string{static_cast<char>(n & 0xff), static_cast<char>(n >> 8)};
  };
  std::string out = put16(group) + put16(element) + std::string(vr);
  if (vr == "OW" || vr == "OB") {
    const auto size = static_cast<uint32_t>(value.size());
    out += put16(0) + put16(static_cast<uint16_t>(size)) + put16(static_cast<uint16_t>(size >> 16));
  } else {
    out += put16(static_cast<uint16_t>(value.size()));
  }
  return out + value;
}

// A slice of smooth shapes and noise, as CT has them.
std::string GeneratedSlice(int slice) {
  SeededRandom random(static_cast<uint64_t>(slice));
  std::string pixels;
  for (int y = 0; y < 512; ++y) {
    for (int x = 0; x < 512; ++x) {
      const double r = std::hypot(x - 256, y - 256);
      const int value =
          r > 230 ? 0 : 1000 + static_cast<int>(60 * std::sin(x * 0.03 + slice) + random.Below(12));
      pixels += static_cast<char>(value & 0xff);
      pixels += static_cast<char>(value >> 8);
    }
  }
  const auto us = [](uint16_t n) {
    return std::string{static_cast<char>(n & 0xff), static_cast<char>(n >> 8)};
  };
  std::string out(128, '\0');
  out += "DICM";
  out += PutElement(2, 0x10, "UI", "1.2.840.10008.1.2.1");
  out += PutElement(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.2");
  out += PutElement(8, 0x18, "UI", "1.2.3.4.5.1000");
  out += PutElement(0x20, 0xd, "UI", "1.2.3.4.5.1");
  out += PutElement(0x20, 0xe, "UI", "1.2.3.4.5.2");
  out += PutElement(0x28, 0x2, "US", us(1)) + PutElement(0x28, 0x4, "CS", "MONOCHROME2");
  out += PutElement(0x28, 0x10, "US", us(512)) + PutElement(0x28, 0x11, "US", us(512));
  out += PutElement(0x28, 0x100, "US", us(16)) + PutElement(0x28, 0x101, "US", us(12));
  out += PutElement(0x28, 0x102, "US", us(11)) + PutElement(0x28, 0x103, "US", us(0));
  return out + PutElement(0x7fe0, 0x10, "OW", pixels);
}

// The value of (0008,0018) in the data set, replaced by another of its length.
std::string WithSopUid(std::string file, int number) {
  const size_t at = file.find(std::string_view("\x08\x00\x18\x00UI", 6));
  CHECK(at != std::string::npos);
  const size_t length = static_cast<unsigned char>(file[at + 6]);
  std::string uid = "1.2.826.0.1." + std::to_string(1'000'000 + number);
  CHECK(uid.size() <= length);
  while (uid.size() < length) uid += uid.size() + 1 < length || uid.size() % 2 != 0 ? '1' : '\0';
  return file.replace(at + 8, length, uid);
}

std::vector<std::string> Slices() {
  std::vector<std::string> slices;
  if (std::filesystem::exists(kSeries)) {
    for (const auto& entry : std::filesystem::directory_iterator(kSeries)) {
      slices.push_back(ReadFile(entry.path(), 64u << 20).value());
    }
  } else {
    for (int i = 0; i < 6; ++i) slices.push_back(GeneratedSlice(i));
  }
  return slices;
}

class World {
 public:
  explicit World(InstanceReader& reader) {
    ConfigureLog(LogLevel::kWarning, LogFormat::kText);
    std::string pattern = "/tmp/image_store_bench_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    engine_ = kv::OpenRocksDbEngine(folder_ + "/kv",
                                    {.block_cache_bytes = 64u << 20, .memtable_bytes = 64u << 20})
                  .value();
    kv_ = engine_->Open("store", ImageStoreSchema()).value();
    ImageSetsOptions options;
    options.data_store_id = "0123456789abcdef0123456789abcdef";
    options.frames_folder = folder_ + "/frames";
    options.import_files_max = kSearchSets;
    store_ = ImageSets::Open(options, {.kv = *kv_,
                                       .objects = *objects_,
                                       .clock = clock_,
                                       .random = random_,
                                       .metrics = metrics_,
                                       .reader = reader})
                 .value();
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

  void Put(const std::string& key, std::string_view bytes) {
    CHECK(objects::WriteObject(*objects_, {"data", key}, bytes, "").ok());
  }
  // As a person would, with cp: without a sync for each file.
  void PutUnsynced(const std::string& key, std::string_view bytes) {
    const std::filesystem::path path = folder_ + "/s3/data/" + key;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << bytes;
  }
  ImportProgress Import(const std::string& folder) {
    ImportRequest request;
    request.input = {"data", folder};
    request.output = {"data", "out"};
    const std::string id = store_->SubmitImport(request, {}).value().id;
    store_->RunImportJobs([] { return false; }, [](const jobs::Job&) {});
    const jobs::Job job = store_->queue().Get(kImportKind, id).value();
    CHECK(job.state == jobs::JobState::kCompleted);
    return ParseImportProgress(job).value();
  }
  ImageSets& operator*() { return *store_; }
  ImageSets* operator->() { return store_.get(); }

 private:
  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  std::string folder_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<kv::Engine> engine_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<ImageSets> store_;
};

void PutSeries(World& world, int instances, uint64_t* raw_bytes) {
  const std::vector<std::string> slices = Slices();
  for (int i = 0; i < instances; ++i) {
    const std::string& slice = slices[static_cast<size_t>(i) % slices.size()];
    *raw_bytes += slice.size();
    world.Put("ct/" + std::to_string(10'000 + i), WithSopUid(slice, i));
  }
}

void BM_ImportCt(benchmark::State& state) {
  NoDecoder decoder;
  P10Reader reader(pixels::LosslessFormat::kHtj2k, decoder);
  for (auto _ : state) {
    World world(reader);
    uint64_t raw = 0;
    PutSeries(world, kInstances, &raw);
    const double before = CpuSeconds();
    const ImportProgress progress = world.Import("ct");
    const double cpu = CpuSeconds() - before;
    CHECK(progress.files_imported == kInstances);
    const auto frames = world->Frames().value();
    state.counters["instances_per_cpu_s"] = kInstances / cpu;
    state.counters["stored_to_raw"] =
        static_cast<double>(frames.file_bytes) / static_cast<double>(raw);
    state.counters["peak_rss_mb"] = PeakMegabytes();
  }
}
BENCHMARK(BM_ImportCt)->Iterations(1)->Unit(benchmark::kMillisecond);

struct OneSeries {
  OneSeries() : reader(pixels::LosslessFormat::kHtj2k, decoder), world(reader) {
    uint64_t raw = 0;
    PutSeries(world, 60, &raw);
    world.Import("ct");
    for (const auto& one : world->Search({.max = 50}).value().image_sets) {
      if (one.tags.study_related_instances > best) {
        best = one.tags.study_related_instances;
        id = one.properties.image_set_id;
      }
    }
    const auto tree = dicom::MetadataTree::FromGzip(world->GetMetadata(id).value().gzip).value();
    for (const auto& [series, content] : tree.series()) {
      for (const auto& [sop, text] : content.instances) {
        for (const auto& frame : tree.Pixels(series, sop).value().frames) {
          frames.push_back(frame.id);
        }
      }
    }
    CHECK(!frames.empty());
  }
  NoDecoder decoder;
  P10Reader reader;
  World world;
  uint32_t best = 0;
  std::string id;
  std::vector<std::string> frames;
};

void BM_ReadFrame(benchmark::State& state) {
  OneSeries series;
  std::string buffer(1u << 20, '\0');
  uint64_t bytes = 0;
  size_t next = 0;
  for (auto _ : state) {
    const auto reader = series.world->OpenFrame(series.id, series.frames[next], {});
    CHECK(reader.ok());
    const auto count = reader.value()->Read({buffer.data(), buffer.size()});
    CHECK(count.ok() && count.value() == reader.value()->info().frame_bytes);
    bytes += count.value();
    next = (next + 1) % series.frames.size();
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["frame_kb"] =
      static_cast<double>(bytes) / 1024 / static_cast<double>(state.iterations());
}
BENCHMARK(BM_ReadFrame);

void BM_GetMetadata(benchmark::State& state) {
  OneSeries series;
  uint64_t bytes = 0;
  for (auto _ : state) {
    const auto metadata = series.world->GetMetadata(series.id);
    CHECK(metadata.ok());
    bytes += metadata.value().gzip.size();
  }
  state.counters["gzip_kb"] =
      static_cast<double>(bytes) / 1024 / static_cast<double>(state.iterations());
}
BENCHMARK(BM_GetMetadata);

struct ManySets {
  ManySets() : world(reader) {
    for (int i = 0; i < kSearchSets; ++i) {
      world.PutUnsynced("in/" + std::to_string(i), std::to_string(i));
    }
    CHECK(world.Import("in").image_sets == kSearchSets);
  }
  LineReader reader;
  World world;
};
ManySets& Many() {
  static ManySets many;
  return many;
}

void BM_SearchByPatient(benchmark::State& state) {
  ManySets& many = Many();
  SeededRandom random(1);
  std::vector<double> times;
  const SystemClock clock;
  for (auto _ : state) {
    SearchRequest request;
    request.filters = {{.key = SearchKey::kPatientId,
                        .op = SearchOperator::kEqual,
                        .values = {{.text = "P" + std::to_string(random.Below(2'000))}}}};
    const int64_t begin = clock.MonotonicNs();
    const auto page = many.world->Search(request);
    times.push_back(static_cast<double>(clock.MonotonicNs() - begin) / 1e3);
    CHECK(page.ok() && page.value().image_sets.size() == 10);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  state.counters["p50_us"] = times[times.size() / 2];
}
BENCHMARK(BM_SearchByPatient);

// The slowest kind: a date range, sorted by another time.
void BM_SearchByStudyDates(benchmark::State& state) {
  ManySets& many = Many();
  for (auto _ : state) {
    SearchValue from;
    SearchValue to;
    from.study_date = "20241010";
    to.study_date = "20241012";
    SearchRequest request;
    request.filters = {{.key = SearchKey::kStudyDateAndTime,
                        .op = SearchOperator::kBetween,
                        .values = {from, to}}};
    const auto page = many.world->Search(request);
    CHECK(page.ok() && page.value().image_sets.size() == 50);
  }
}
BENCHMARK(BM_SearchByStudyDates);

}  // namespace
}  // namespace tarn::image_store
