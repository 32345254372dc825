// kill -9 at random moments: a child commits and ingests and reports each acknowledgement over a
// pipe; the parent kills it, opens the store and compares. Nothing acknowledged may be missing, and
// what was not acknowledged is there as a whole or not at all.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "base/random.h"
#include "kv/rocksdb_engine.h"

namespace tarn::kv {
namespace {

constexpr int kKills = 20;
constexpr int kWriters = 3;
constexpr Family kCounters = 0;  // One key a writer, guarded by its revision.
constexpr Family kChunks = 1;
constexpr Family kLog = 2;  // One key a commit or ingestion.
constexpr Family kBulk = 3;

Schema TestSchema() {
  return {{{.name = "counters", .point_lookups = true},
           {.name = "chunks", .kind = FamilyKind::kBits},
           {.name = "log"},
           {.name = "bulk", .values_compressed = true}}};
}

// What the child says after each acknowledgement; small enough that a pipe write is atomic.
struct Acknowledgement {
  uint64_t sequence;
  uint32_t writer;
  uint32_t count;  // Of this writer, from 1.
};

std::string CounterKey(uint32_t writer) { return "writer" + std::to_string(writer); }

uint32_t StoredCount(const Snapshot& snapshot, uint32_t writer) {
  std::string value;
  const Result<bool> found = snapshot.Get(kCounters, CounterKey(writer), &value);
  CHECK(found.ok());
  return found.value() ? LoadBe32(std::string_view(value).substr(8)) : 0;
}

// Each write counts up: a log entry, a bit, the counter, and for ingestions a bulk key as well.
Result<uint64_t> WriteNext(Store& store, uint32_t writer, uint32_t count, bool ingest) {
  const std::string key = CounterKey(writer);
  Batch batch;
  std::string counter(kSequenceBytes);
  AppendBe32(&counter, count);
  std::string stored;
  TRY(const bool found, store.GetSnapshot()->Get(kCounters, key, &stored));
  if (found) {
    batch.ExpectRevision(kCounters, key, LoadBe64(stored));
  } else {
    batch.ExpectAbsent(kCounters, key);
  }
  batch.PutSequenced(kCounters, key, counter, {.value_offset = 0});
  std::string log = key;
  AppendBe32(&log, count);
  batch.PutSequenced(kLog, log, kSequenceBytes, {.value_offset = 0});
  if (!ingest) {
    batch.MergeBits(kChunks, key, Bits({static_cast<uint16_t>(count)}), Bits());
    return store.Commit(batch);
  }
  TRY(std::unique_ptr<Run> run, store.NewRun());
  TRY(run->MergeBits(kChunks, key, Bits({static_cast<uint16_t>(count)}), Bits()));
  TRY(run->Put(kBulk, log, std::string(500, 'b')));
  return store.Ingest(std::move(run), batch);
}

// The child is this program again, not a fork: RocksDB's threads would be missing in a fork.
constexpr const char* kFolderVariable = "TARN_KV_CRASH_FOLDER";
constexpr int kPipe = 3;

[[noreturn]] void RunChild(const std::string& folder, int pipe) {
  auto engine = OpenRocksDbEngine(folder, {.memtable_bytes = 1u << 20});
  CHECK(engine.ok());
  auto store = engine.value()->Open("s", TestSchema());
  CHECK(store.ok());
  std::vector<std::thread> threads;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      uint32_t count = StoredCount(*store.value()->GetSnapshot(), writer);
      for (;;) {
        ++count;
        const bool ingest = writer == 0 && count % 4 == 0;
        const Result<uint64_t> sequence = WriteNext(*store.value(), writer, count, ingest);
        CHECK(sequence.ok());
        const Acknowledgement said{sequence.value(), writer, count};
        CHECK(write(pipe, &said, sizeof said) == sizeof said);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  abort();
}

// Reads until the child is gone, killing it some time after so many acknowledgements.
void KillAfter(pid_t child, int pipe, uint64_t acknowledgements, uint64_t delay_ns,
               std::map<uint64_t, Acknowledgement>* ledger) {
  Acknowledgement said;
  uint64_t heard = 0;
  while (read(pipe, &said, sizeof said) == sizeof said) {
    CHECK(ledger->emplace(said.sequence, said).second);
    if (++heard == acknowledgements) {
      const timespec delay{0, static_cast<long>(delay_ns)};
      nanosleep(&delay, nullptr);
      kill(child, SIGKILL);
    }
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void Verify(const std::string& folder, const std::map<uint64_t, Acknowledgement>& ledger) {
  auto engine = OpenRocksDbEngine(folder);
  ASSERT_TRUE(engine.ok());
  auto store = engine.value()->Open("s", TestSchema());
  ASSERT_TRUE(store.ok()) << store.error().detail;
  const auto snapshot = store.value()->GetSnapshot();
  if (!ledger.empty()) {
    ASSERT_GE(snapshot->sequence(), ledger.rbegin()->first);
  }
  for (const auto& [sequence, said] : ledger) {
    std::string log = CounterKey(said.writer), value;
    AppendBe32(&log, said.count);
    ASSERT_TRUE(snapshot->Get(kLog, log, &value).value()) << sequence;
    ASSERT_EQ(LoadBe64(value), sequence);
  }
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    // The counter says how many writes there were: all of each, and none beyond.
    const uint32_t count = StoredCount(*snapshot, writer);
    uint32_t logged = 0;
    for (auto cursor = snapshot->Scan(kLog, PrefixRange(CounterKey(writer))); cursor->Valid();
         cursor->Next()) {
      ++logged;
      ASSERT_LE(LoadBe64(cursor->value()), snapshot->sequence());
    }
    ASSERT_EQ(logged, count);
    std::string value;
    const bool found = snapshot->Get(kChunks, CounterKey(writer), &value).value();
    ASSERT_EQ(found ? Bits::Decode(value).value().Count() : 0, count);
    if (writer != 0) continue;
    uint32_t bulk = 0;
    for (auto cursor = snapshot->Scan(kBulk, {}); cursor->Valid(); cursor->Next()) ++bulk;
    ASSERT_EQ(bulk, count / 4);
  }
}

TEST(RocksDbCrash, ChildOfKillsLoseNothing) {
  const char* const folder = getenv(kFolderVariable);  // NOLINT(concurrency-mt-unsafe): one thread.
  if (folder == nullptr) GTEST_SKIP() << "runs only as a child of the next test";
  RunChild(folder, kPipe);
}

// Returns the child and the end of the pipe to read from.
std::pair<pid_t, int> StartChild(const std::string& folder) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const std::string variable = std::string(kFolderVariable) + "=" + folder;
  const char* const arguments[] = {"kv_test", "--gtest_filter=RocksDbCrash.ChildOf*", nullptr};
  const char* const environment[] = {variable.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], kPipe) == 0);
  CHECK(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
  pid_t child = 0;
  CHECK(posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                    const_cast<char* const*>(arguments),
                    const_cast<char* const*>(environment)) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  return {child, ends[0]};
}

TEST(RocksDbCrash, KillsLoseNothing) {
  std::string folder = testing::TempDir() + "tarn-kv-crash-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const uint64_t seed = static_cast<uint64_t>(getpid());
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  std::map<uint64_t, Acknowledgement> ledger;
  for (int round = 0; round < kKills; ++round) {
    SCOPED_TRACE(round);
    const auto [child, pipe] = StartChild(folder);
    KillAfter(child, pipe, 1 + random.Below(60), random.Below(3'000'000), &ledger);
    close(pipe);
    Verify(folder, ledger);
    if (HasFatalFailure()) break;
  }
  EXPECT_GT(ledger.size(), static_cast<size_t>(kKills));
  RecordProperty("acknowledged", static_cast<int>(ledger.size()));
  EXPECT_TRUE(RemoveFolder(folder).ok());
}

}  // namespace
}  // namespace tarn::kv
