// The embedded engine on a disk that loses its power: a child commits and ingests and reports each
// acknowledgement over a pipe until the cut; then the store is opened and compared. Nothing
// acknowledged may be missing, and what was not acknowledged is there as a whole or not at all.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "base/random.h"
#include "kv/rocksdb_engine.h"

namespace tarn::kv {
namespace {

constexpr int kExitCut = 137;
constexpr int kPipe = 3;
constexpr uint32_t kWriters = 3;
constexpr uint32_t kIngestEvery = 6;  // Of the first writer.
constexpr Family kCounters = 0;       // One key a writer.
constexpr Family kChunks = 1;
constexpr Family kLog = 2;   // One key a write.
constexpr Family kBulk = 3;  // One key an ingestion.

Schema TestSchema() {
  return {{{.name = "counters", .point_lookups = true},
           {.name = "chunks", .kind = FamilyKind::kBits},
           {.name = "log"},
           {.name = "bulk", .values_compressed = true}}};
}

struct Acknowledgement {
  uint64_t sequence;
  uint32_t writer;
  uint32_t count;  // Of this writer, from 1.
};

std::string WriterKey(uint32_t writer) { return "writer" + std::to_string(writer); }

std::string LogKey(uint32_t writer, uint32_t count) {
  std::string key = WriterKey(writer);
  AppendBe32(&key, count);
  return key;
}

uint32_t StoredCount(const Snapshot& snapshot, uint32_t writer) {
  std::string value;
  const Result<bool> found = snapshot.Get(kCounters, WriterKey(writer), &value);
  CHECK(found.ok());
  return found.value() ? LoadBe32(std::string_view(value).substr(8)) : 0;
}

Result<uint64_t> WriteNext(Store& store, uint32_t writer, uint32_t count) {
  Batch batch;
  std::string counter(kSequenceBytes);
  AppendBe32(&counter, count);
  batch.PutSequenced(kCounters, WriterKey(writer), counter, {.value_offset = 0});
  batch.PutSequenced(kLog, LogKey(writer, count),
                     std::string(kSequenceBytes) + std::string(300, 'l'), {.value_offset = 0});
  const Bits bit({static_cast<uint16_t>(count)});
  if (writer != 0 || count % kIngestEvery != 0) {
    batch.MergeBits(kChunks, WriterKey(writer), bit, Bits());
    return store.Commit(batch);
  }
  TRY(std::unique_ptr<Run> run, store.NewRun());
  TRY(run->MergeBits(kChunks, WriterKey(writer), bit, Bits()));
  TRY(run->Put(kBulk, LogKey(writer, count), std::string(3000, 'b')));
  return store.Ingest(std::move(run), batch);
}

// Ends by the power cut only.
[[noreturn]] void RunChild(const std::string& folder) {
  auto engine = OpenRocksDbEngine(folder, {.memtable_bytes = 1u << 20});
  CHECK(engine.ok());
  auto store = engine.value()->Open("s", TestSchema());
  CHECK(store.ok());
  std::vector<std::thread> threads;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&store, writer] {
      uint32_t count = StoredCount(*store.value()->GetSnapshot(), writer);
      for (;;) {
        const Result<uint64_t> sequence = WriteNext(*store.value(), writer, ++count);
        CHECK(sequence.ok());
        const Acknowledgement said{sequence.value(), writer, count};
        CHECK(write(kPipe, &said, sizeof said) == sizeof said);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  abort();
}

struct CutAt {
  uint64_t call;
  uint64_t tear;
  const char* model;
};

using Ledger = std::map<uint64_t, Acknowledgement>;

// Runs a child until its power is cut, and enters what it acknowledged.
void RunUntilCut(const std::string& folder, const CutAt& cut, Ledger* ledger) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const std::vector<std::string> variables = {std::string("LD_PRELOAD=") + TARN_POWERCUT,
                                              "TARN_POWERCUT_FOLDER=" + folder,
                                              "TARN_POWERCUT_SYNC_US=50",
                                              "TARN_POWERCUT_AFTER=" + std::to_string(cut.call),
                                              "TARN_POWERCUT_TEAR=" + std::to_string(cut.tear),
                                              std::string("TARN_POWERCUT_MODEL=") + cut.model};
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (const std::string& variable : variables) {
    environment.push_back(const_cast<char*>(variable.c_str()));
  }
  environment.push_back(nullptr);
  const char* const arguments[] = {"kv_powercut_test", "child", folder.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], kPipe) == 0);
  pid_t child = 0;
  CHECK(posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                    const_cast<char* const*>(arguments), environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Acknowledgement said;
  while (read(ends[0], &said, sizeof said) == sizeof said) ledger->emplace(said.sequence, said);
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  ASSERT_EQ(WEXITSTATUS(status), kExitCut);
}

// How many acknowledged writes are missing or differ.
size_t CountLost(const Snapshot& snapshot, const Ledger& ledger) {
  size_t lost = 0;
  for (const auto& [sequence, said] : ledger) {
    std::string value;
    const Result<bool> found = snapshot.Get(kLog, LogKey(said.writer, said.count), &value);
    CHECK(found.ok());
    lost += !found.value() || LoadBe64(value) != sequence;
  }
  return lost;
}

void VerifyWhole(const Snapshot& snapshot) {
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    // The counter says how many writes there were: all parts of each, and none beyond.
    const uint32_t count = StoredCount(snapshot, writer);
    uint32_t logged = 0;
    const KeyRange range = PrefixRange(WriterKey(writer));
    for (auto cursor = snapshot.Scan(kLog, range); cursor->Valid(); cursor->Next()) ++logged;
    EXPECT_EQ(logged, count);
    std::string value;
    const bool found = snapshot.Get(kChunks, WriterKey(writer), &value).value();
    EXPECT_EQ(found ? Bits::Decode(value).value().Count() : 0, count);
    uint32_t bulk = 0;
    for (auto cursor = snapshot.Scan(kBulk, range); cursor->Valid(); cursor->Next()) ++bulk;
    EXPECT_EQ(bulk, writer == 0 ? count / kIngestEvery : 0);
  }
}

class KvPowerCut : public testing::Test {
 protected:
  KvPowerCut() {
    std::string path = testing::TempDir() + "tarn-kv-powercut-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr);
    root_ = path;
    folder_ = path + "/data";
    CHECK(MakeFolders(folder_).ok());
  }
  ~KvPowerCut() override { EXPECT_TRUE(RemoveFolder(root_).ok()); }

  // Returns how many acknowledged writes are lost.
  size_t OpenAndCompare(const Ledger& ledger) {
    auto engine = OpenRocksDbEngine(folder_);
    CHECK(engine.ok());
    auto store = engine.value()->Open("s", TestSchema());
    if (!store.ok()) {
      ADD_FAILURE() << store.error().detail;
      return ledger.size();
    }
    const auto snapshot = store.value()->GetSnapshot();
    VerifyWhole(*snapshot);
    EXPECT_GE(snapshot->sequence(), ledger.empty() ? 0 : ledger.rbegin()->first);
    return CountLost(*snapshot, ledger);
  }

  // Cuts one store again and again. The first calls make the store, the later ones write: both are
  // cut often.
  void CutMany(int cuts, bool torn) {
    const auto seed = static_cast<uint64_t>(getpid());
    SeededRandom random(seed);
    Ledger ledger;
    for (int i = 0; i < cuts; ++i) {
      const CutAt cut{1 + random.Below(i % 3 == 0 ? 120 : 1500),
                      torn ? 1 + random.Below(1 << 30) : 0, "strict"};
      SCOPED_TRACE("seed " + std::to_string(seed) + ", cut " + std::to_string(i) + ", call " +
                   std::to_string(cut.call) + ", tear " + std::to_string(cut.tear));
      RunUntilCut(folder_, cut, &ledger);
      ASSERT_EQ(OpenAndCompare(ledger), 0u);
      if (HasFailure()) return;
    }
    std::printf("%d cuts, %zu acknowledged writes, 0 lost\n", cuts, ledger.size());
    EXPECT_GT(ledger.size(), static_cast<size_t>(cuts));
  }

  std::string root_;
  std::string folder_;
};

TEST_F(KvPowerCut, LosesNothingAcknowledged) { CutMany(50, /*torn=*/false); }

TEST_F(KvPowerCut, LosesNothingAcknowledgedOnATornDisk) { CutMany(50, /*torn=*/true); }

// The making of a store, cut at each of its first calls.
TEST_F(KvPowerCut, StoresAreMadeWhollyOrNotAtAll) {
  for (uint64_t call = 1; call <= 60; call += 4) {
    SCOPED_TRACE(call);
    Ledger ledger;
    ASSERT_NO_FATAL_FAILURE(
        RunUntilCut(folder_, {call, call % 8 == 1 ? call : 0, "strict"}, &ledger));
    EXPECT_EQ(OpenAndCompare(ledger), 0u);
    ASSERT_TRUE(RemoveFolder(folder_).ok());
    ASSERT_TRUE(MakeFolders(folder_).ok());
  }
}

// The control: the same account sees losses when syncs do nothing.
TEST_F(KvPowerCut, ALyingDiskIsNoticed) {
  {
    auto engine = OpenRocksDbEngine(folder_);
    CHECK(engine.ok() && engine.value()->Open("s", TestSchema()).ok());
  }
  Ledger ledger;
  ASSERT_NO_FATAL_FAILURE(RunUntilCut(folder_, {900, 0, "lying"}, &ledger));
  EXPECT_GT(ledger.size(), 10u);
  auto engine = OpenRocksDbEngine(folder_);
  ASSERT_TRUE(engine.ok());
  auto store = engine.value()->Open("s", TestSchema());
  ASSERT_TRUE(store.ok()) << store.error().detail;
  EXPECT_EQ(CountLost(*store.value()->GetSnapshot(), ledger), ledger.size());
}

}  // namespace
}  // namespace tarn::kv

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "child") tarn::kv::RunChild(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
