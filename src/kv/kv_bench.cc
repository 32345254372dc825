// Point reads, commits, scans and bitmap merges of the embedded engine, each with its answer
// checked. Counters are per operation; the CPU column is the one to compare.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "base/random.h"
#include "kv/bits_operand.h"
#include "kv/rocksdb_engine.h"

namespace tarn::kv {
namespace {

constexpr uint32_t kKeys = 100'000;

std::string KeyOf(uint64_t i) {
  char key[40];
  const int length = snprintf(key, sizeof key, "\1%012llx-%06llu",
                              static_cast<unsigned long long>(i * 0x9e3779b97f4a7c15 >> 16),
                              static_cast<unsigned long long>(i));
  return {key, static_cast<size_t>(length)};
}

// 100,000 values of 200 bytes, settled in sorted files.
class Data {
 public:
  Data() {
    std::string path = "/tmp/tarn-kv-bench-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr);
    path_ = path;
    auto engine = OpenRocksDbEngine(path_);
    CHECK(engine.ok());
    engine_ = std::move(engine).value();
    auto store = engine_->Open("bench", {{{.name = "point", .point_lookups = true},
                                          {.name = "packed", .values_compressed = true},
                                          {.name = "bits", .kind = FamilyKind::kBits}}});
    CHECK(store.ok());
    store_ = std::move(store).value();
    for (uint32_t i = 0; i < kKeys;) {
      Batch batch;
      for (uint32_t end = i + 10'000; i < end; ++i) {
        batch.Put(0, KeyOf(i), ValueOf(i));
        batch.Put(1, KeyOf(i), ValueOf(i));
      }
      CHECK(store_->Commit(batch).ok());
    }
    CHECK(store_->Settle().ok());
  }
  ~Data() {
    store_.reset();
    engine_.reset();
    CHECK(RemoveFolder(path_).ok());
  }
  static std::string ValueOf(uint32_t i) {
    SeededRandom random(i);
    std::string value(200, '\0');
    random.Fill({value.data(), value.size()});
    return value;
  }
  Store& store() { return *store_; }

 private:
  std::string path_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Store> store_;
};

Data& SharedData() {
  static Data data;
  return data;
}

void BenchGet(benchmark::State& state) {
  Store& store = SharedData().store();
  const auto family = static_cast<Family>(state.range(0));
  SeededRandom random(1);
  std::string value;
  const auto snapshot = store.GetSnapshot();
  for (auto _ : state) {
    const auto i = static_cast<uint32_t>(random.Below(kKeys));
    CHECK(snapshot->Get(family, KeyOf(i), &value).value());
    benchmark::DoNotOptimize(value);
    CHECK(value.size() == 200);
  }
  CHECK(snapshot->Get(family, KeyOf(77), &value).value() && value == Data::ValueOf(77));
}
BENCHMARK(BenchGet)->Arg(0)->Arg(1);

void BenchGetMissing(benchmark::State& state) {
  const auto snapshot = SharedData().store().GetSnapshot();
  std::string value;
  uint32_t i = 0;
  for (auto _ : state) CHECK(!snapshot->Get(0, KeyOf(kKeys + ++i), &value).value());
}
BENCHMARK(BenchGetMissing);

void BenchSnapshotAndGet(benchmark::State& state) {
  Store& store = SharedData().store();
  SeededRandom random(1);
  std::string value;
  for (auto _ : state) {
    const auto snapshot = store.GetSnapshot();
    CHECK(snapshot->Get(0, KeyOf(random.Below(kKeys)), &value).value());
  }
}
BENCHMARK(BenchSnapshotAndGet)->Threads(1)->Threads(2);

void BenchShortScan(benchmark::State& state) {
  const auto snapshot = SharedData().store().GetSnapshot();
  SeededRandom random(1);
  for (auto _ : state) {
    const auto cursor = snapshot->Scan(0, {KeyOf(random.Below(kKeys)), ""});
    for (int i = 0; i < 10 && cursor->Valid(); ++i) cursor->Next();
    benchmark::DoNotOptimize(cursor->Valid());
  }
}
BENCHMARK(BenchShortScan);

void BenchLongScan(benchmark::State& state) {
  const auto snapshot = SharedData().store().GetSnapshot();
  uint64_t keys = 0;
  for (auto _ : state) {
    uint32_t found = 0;
    for (const auto cursor = snapshot->Scan(0, {}); cursor->Valid(); cursor->Next()) ++found;
    CHECK(found == kKeys);
    keys += found;
  }
  state.SetItemsProcessed(static_cast<int64_t>(keys));
}
BENCHMARK(BenchLongScan)->Unit(benchmark::kMillisecond);

void BenchCommit(benchmark::State& state) {
  Store& store = SharedData().store();
  uint32_t i = 0;
  for (auto _ : state) {
    Batch batch;
    const std::string key = "c" + std::to_string(state.thread_index()) + std::to_string(++i);
    batch.ExpectAbsent(0, key);
    batch.PutSequenced(0, key, std::string(200, 'v'), {.value_offset = 0});
    batch.MergeBits(2, "chunk", Bits({static_cast<uint16_t>(i)}), Bits());
    benchmark::DoNotOptimize(store.Commit(batch));
  }
}
BENCHMARK(BenchCommit)->Threads(1)->Threads(8)->UseRealTime();

// A chunk whose operands have not been compacted yet.
void BenchApplyOperands(benchmark::State& state) {
  std::vector<std::string> operands;
  for (int64_t i = 0; i < state.range(0); ++i) {
    operands.push_back(EncodeBitsOperand(Bits({static_cast<uint16_t>(i)}), Bits()));
  }
  const std::vector<std::string_view> views(operands.begin(), operands.end());
  for (auto _ : state) {
    const Result<std::string> merged = ApplyBitsOperands({}, views);
    CHECK(merged.ok());
    benchmark::DoNotOptimize(merged.value());
  }
}
BENCHMARK(BenchApplyOperands)->Arg(1)->Arg(60'000);

}  // namespace
}  // namespace tarn::kv
