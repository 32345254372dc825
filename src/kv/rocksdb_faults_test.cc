// Disks that are full or fail: what was acknowledged stays, what was not is said, reads go on, and
// a failed sync is never tried again.
#include <gmock/gmock.h>
#include <rocksdb/file_system.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "kv/internal/rocksdb_engine_on.h"
#include "kv/internal/rocksdb_start.h"

namespace tarn::kv {
namespace {

// Not every test is about syncs that take their time: in memory, where that is possible.
std::string MemoryFolder() {
  return access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir();
}

class TempFolder {
 public:
  explicit TempFolder(const std::string& parent = testing::TempDir()) {
    std::string path = parent + "tarn-kv-faults-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TempFolder() { EXPECT_TRUE(RemoveFolder(path_).ok()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class Operation { kAppend, kSync, kCreate, kRename };

// Fails operations on files whose name ends in `suffix`, from the n-th on, `times` times.
class FaultPlan {
 public:
  struct Fault {
    Operation operation;
    std::string suffix;
    int64_t from = 1;
    int64_t times = INT64_MAX;
    bool disk_full = false;
  };
  void Set(const Fault& fault) {
    MutexLock lock(mutex_);
    fault_ = fault;
    seen_ = 0;
  }
  void Clear() {
    MutexLock lock(mutex_);
    fault_.reset();
  }
  // How often a matching operation was tried since Set.
  int64_t seen() {
    MutexLock lock(mutex_);
    return seen_;
  }
  // Syncs of files whose sync had failed before.
  int64_t repeated_syncs() {
    MutexLock lock(mutex_);
    return repeated_syncs_;
  }
  // Syncs of files whose path holds `part` wait until Release.
  void Hold(std::string part) {
    MutexLock lock(mutex_);
    held_part_ = std::move(part);
  }
  void WaitUntilHeld() {
    MutexLock lock(mutex_);
    while (holding_ == 0) changed_.Wait(mutex_);
  }
  void Release() {
    MutexLock lock(mutex_);
    held_part_.clear();
    changed_.NotifyAll();
  }
  void WaitIfHeld(std::string_view path) {
    MutexLock lock(mutex_);
    if (held_part_.empty() || path.find(held_part_) == std::string_view::npos) return;
    ++holding_;
    changed_.NotifyAll();
    while (!held_part_.empty()) changed_.Wait(mutex_);
    --holding_;
  }
  // NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks): it does not see IOStatus free its text.
  rocksdb::IOStatus Next(Operation operation, std::string_view path) {
    MutexLock lock(mutex_);
    if (operation == Operation::kSync && unsynced_.contains(path)) ++repeated_syncs_;
    if (!fault_ || fault_->operation != operation || !path.ends_with(fault_->suffix)) {
      return rocksdb::IOStatus::OK();
    }
    ++seen_;
    if (seen_ < fault_->from || seen_ - fault_->from >= fault_->times) {
      return rocksdb::IOStatus::OK();
    }
    if (operation == Operation::kSync) unsynced_.emplace(path);
    return fault_->disk_full ? rocksdb::IOStatus::NoSpace("injected")
                             : rocksdb::IOStatus::IOError("injected");
  }
  // NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

 private:
  Mutex mutex_;
  std::optional<Fault> fault_ GUARDED_BY(mutex_);
  int64_t seen_ GUARDED_BY(mutex_) = 0;
  std::set<std::string, std::less<>> unsynced_ GUARDED_BY(mutex_);
  int64_t repeated_syncs_ GUARDED_BY(mutex_) = 0;
  CondVar changed_;
  std::string held_part_ GUARDED_BY(mutex_);  // Empty: none.
  int holding_ GUARDED_BY(mutex_) = 0;
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string path, FaultPlan* plan)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), plan_(plan) {}

  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus fault = plan_->Next(Operation::kAppend, path_);
    if (!fault.ok()) {
      // As a real disk: part of the bytes are there.
      const rocksdb::Slice part(data.data(), data.size() / 2);
      FSWritableFileOwnerWrapper::Append(part, options, debug).PermitUncheckedError();
      return fault;
    }
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    plan_->WaitIfHeld(path_);
    rocksdb::IOStatus fault = plan_->Next(Operation::kSync, path_);
    return fault.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : fault;
  }

 private:
  const std::string path_;
  FaultPlan* const plan_;
};

std::shared_ptr<rocksdb::FileSystem> DefaultFileSystem() {
  StartRocksDb();
  return rocksdb::FileSystem::Default();
}

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(FaultPlan* plan)
      : FileSystemWrapper(DefaultFileSystem()), plan_(plan) {}
  const char* Name() const override { return "tarn.Faulty"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = plan_->Next(Operation::kCreate, path);
    if (status.ok()) status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<FaultyFile>(std::move(*file), path, plan_);
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = plan_->Next(Operation::kRename, to);
    return status.ok() ? target()->RenameFile(from, to, options, debug) : status;
  }

 private:
  FaultPlan* const plan_;
};

// A store that can be reopened, and the ledger of what it acknowledged.
class Ledger {
 public:
  Ledger(std::string folder, std::shared_ptr<rocksdb::FileSystem> file_system)
      : folder_(std::move(folder)), file_system_(std::move(file_system)) {
    Open();
  }

  void Open() {
    store_.reset();
    engine_.reset();
    auto engine = OpenRocksDbEngineOn(file_system_, folder_,
                                      {.block_cache_bytes = 4u << 20, .memtable_bytes = 2u << 20});
    ASSERT_TRUE(engine.ok()) << engine.error().detail;
    engine_ = std::move(engine).value();
    auto store = engine_->Open("s", {{{.name = "f"}, {.name = "log"}}});
    ASSERT_TRUE(store.ok()) << store.error().detail;
    store_ = std::move(store).value();
  }
  Store& store() { return *store_; }

  // Puts the next key; on success it enters the ledger.
  Status Put(size_t value_bytes = 100) {
    const std::string key = "key" + std::to_string(++tried_);
    Batch batch;
    batch.PutSequenced(0, key, std::string(8 + value_bytes, 'v'), {.value_offset = 0});
    TRY(const uint64_t sequence, store_->Commit(batch));
    EXPECT_TRUE(acknowledged_.empty() || sequence > newest_);
    newest_ = sequence;
    acknowledged_[key] = sequence;
    return Ok();
  }
  Status IngestOne() {
    const std::string key = "run" + std::to_string(++tried_);
    TRY(std::unique_ptr<Run> run, store_->NewRun());
    TRY(run->Put(0, key, std::string(1000, 'r')));
    Batch publish;
    publish.Put(1, key, "");
    TRY(newest_, store_->Ingest(std::move(run), publish));
    ingested_.push_back(key);
    return Ok();
  }
  // Everything acknowledged is there with its sequence.
  void Verify() {
    const auto snapshot = store_->GetSnapshot();
    EXPECT_GE(snapshot->sequence(), acknowledged_.empty() ? 0 : newest_);
    std::string value;
    for (const auto& [key, sequence] : acknowledged_) {
      const Result<bool> found = snapshot->Get(0, key, &value);
      ASSERT_TRUE(found.ok() && found.value()) << key;
      ASSERT_EQ(LoadBe64(value), sequence);
    }
    for (const std::string& key : ingested_) {
      ASSERT_TRUE(snapshot->Get(0, key, &value).value()) << key;
      ASSERT_TRUE(snapshot->Get(1, key, &value).value()) << key;
    }
    // Runs are there with their publish batch or not at all.
    for (const auto cursor = snapshot->Scan(0, PrefixRange("run")); cursor->Valid();
         cursor->Next()) {
      EXPECT_TRUE(snapshot->Get(1, cursor->key(), &value).value());
    }
  }
  size_t acknowledged() const { return acknowledged_.size(); }

 private:
  const std::string folder_;
  const std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Store> store_;
  uint64_t tried_ = 0;
  uint64_t newest_ = 0;
  std::map<std::string, uint64_t> acknowledged_;
  std::vector<std::string> ingested_;
};

class RocksDbFaults : public testing::Test {
 protected:
  RocksDbFaults() { ConfigureLog(LogLevel::kOff, LogFormat::kText); }
  ~RocksDbFaults() override { ConfigureLog(LogLevel::kInfo, LogFormat::kText); }

  const TempFolder folder_;
  FaultPlan plan_;
  const std::shared_ptr<rocksdb::FileSystem> file_system_ =
      std::make_shared<FaultyFileSystem>(&plan_);
};

TEST_F(RocksDbFaults, FullDiskStopsWritesUntilResume) {
  Ledger ledger(folder_.path(), file_system_);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(ledger.Put().ok());
  plan_.Set({.operation = Operation::kAppend, .suffix = ".log", .disk_full = true});
  EXPECT_EQ(ledger.Put().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(ledger.Put().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(ledger.IngestOne().error().kind, ErrorKind::kUnavailable);
  ledger.Verify();
  plan_.Clear();
  const Status resumed = ledger.store().Resume();
  ASSERT_TRUE(resumed.ok()) << resumed.error().detail;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(ledger.Put().ok());
  ASSERT_TRUE(ledger.IngestOne().ok());
  ledger.Verify();
  ledger.Open();
  ledger.Verify();
  ASSERT_TRUE(ledger.Put().ok());
}

TEST_F(RocksDbFaults, WritesResumeByThemselvesOnceThereIsSpace) {
  Ledger ledger(folder_.path(), file_system_);
  ASSERT_TRUE(ledger.Put().ok());
  plan_.Set({.operation = Operation::kAppend, .suffix = ".log", .disk_full = true});
  EXPECT_FALSE(ledger.Put().ok());
  plan_.Clear();
  bool resumed = false;
  for (int i = 0; i < 3'000 && !resumed; ++i) {
    resumed = ledger.Put().ok();
    if (!resumed) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(resumed);
  ledger.Open();
  ledger.Verify();
}

TEST_F(RocksDbFaults, ResumeFailsWhileTheDiskIsFull) {
  Ledger ledger(folder_.path(), file_system_);
  ASSERT_TRUE(ledger.Put().ok());
  plan_.Set({.operation = Operation::kAppend, .suffix = "", .disk_full = true});
  EXPECT_FALSE(ledger.Put().ok());
  EXPECT_EQ(ledger.store().Resume().error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(ledger.Put().ok());
  plan_.Clear();
  const Status resumed = ledger.store().Resume();
  ASSERT_TRUE(resumed.ok()) << resumed.error().detail;
  ASSERT_TRUE(ledger.Put().ok());
  ledger.Open();
  ledger.Verify();
}

TEST_F(RocksDbFaults, FailedLogSyncIsNeverTriedAgain) {
  Ledger ledger(folder_.path(), file_system_);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ledger.Put().ok());
  plan_.Set({.operation = Operation::kSync, .suffix = ".log"});
  EXPECT_EQ(ledger.Put().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(ledger.Put().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(plan_.seen(), 1);
  ledger.Verify();
  // What the log holds goes into new files; the log itself is only read.
  const Status resumed = ledger.store().Resume();
  ASSERT_TRUE(resumed.ok()) << resumed.error().detail;
  EXPECT_EQ(ledger.Put().error().kind, ErrorKind::kUnavailable);
  plan_.Clear();
  ASSERT_TRUE(ledger.store().Resume().ok());
  ASSERT_TRUE(ledger.Put().ok());
  EXPECT_EQ(plan_.repeated_syncs(), 0);
  ledger.Verify();
  ledger.Open();
  ledger.Verify();
}

// A request that began before Resume goes on reading its state, and ends without touching what the
// store has written since.
TEST_F(RocksDbFaults, SnapshotsOutliveResume) {
  Ledger ledger(folder_.path(), file_system_);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ledger.Put().ok());
  auto snapshot = ledger.store().GetSnapshot();
  auto cursor = snapshot->Scan(0, {});
  plan_.Set({.operation = Operation::kAppend, .suffix = ".log", .disk_full = true});
  EXPECT_FALSE(ledger.Put().ok());
  plan_.Clear();
  ASSERT_TRUE(ledger.store().Resume().ok());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ledger.Put().ok());
    ASSERT_TRUE(ledger.store().Settle().ok());
  }
  int keys = 0;
  for (; cursor->Valid(); cursor->Next()) ++keys;
  EXPECT_TRUE(cursor->status().ok());
  EXPECT_EQ(keys, 5);
  cursor.reset();
  snapshot.reset();
  ledger.Verify();
  ledger.Open();
  ledger.Verify();
}

// Each operation of each kind of file fails once, at its n-th time, while commits, flushes and
// ingestions go on; after that the store is resumed or opened again and has all that it said.
TEST_F(RocksDbFaults, AnyOperationMayFailOnce) {
  struct Case {
    Operation operation;
    std::string suffix;
  };
  for (const Case& c : {Case{Operation::kAppend, ".log"}, Case{Operation::kSync, ".log"},
                        Case{Operation::kAppend, ".sst"}, Case{Operation::kSync, ".sst"},
                        Case{Operation::kCreate, ".sst"}, Case{Operation::kAppend, ""},
                        Case{Operation::kCreate, ""}, Case{Operation::kSync, ""}}) {
    for (const int64_t n : {1, 2, 5}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(c.operation)) + c.suffix + std::to_string(n));
      const TempFolder folder(MemoryFolder());
      Ledger ledger(folder.path(), file_system_);
      plan_.Set({.operation = c.operation, .suffix = c.suffix, .from = n, .times = 1});
      bool failed = false;
      for (int i = 0; i < 4; ++i) {
        failed |= !ledger.Put().ok();
        failed |= !ledger.store().Settle().ok();
        failed |= !ledger.IngestOne().ok();
      }
      plan_.Clear();
      if (failed) {
        const Status resumed = ledger.store().Resume();
        EXPECT_TRUE(resumed.ok()) << resumed.error().detail;
      }
      ledger.Verify();
      EXPECT_TRUE(ledger.Put().ok());
      EXPECT_TRUE(ledger.IngestOne().ok());
      ledger.Open();
      ledger.Verify();
    }
  }
}

// A snapshot that is taken while an ingestion writes does not wait for it, and never sees any of
// it; not even when there was no snapshot before and the files' keys are below all others.
TEST_F(RocksDbFaults, SnapshotsDoNotWaitForIngestions) {
  Ledger ledger(folder_.path(), file_system_);
  ASSERT_TRUE(ledger.IngestOne().ok());
  const uint64_t before = ledger.store().GetSnapshot()->sequence();
  const auto holds = [](const Snapshot& snapshot, std::string_view key) {
    std::string value;
    const bool in_run = snapshot.Get(0, key, &value).value();
    EXPECT_EQ(snapshot.Get(1, key, &value).value(), in_run);
    return in_run;
  };
  auto run = ledger.store().NewRun().value();
  ASSERT_TRUE(run->Put(0, "a", "run").ok());
  Batch publish;
  publish.Put(1, "a", "published");
  plan_.Hold("MANIFEST-");
  std::thread ingesting([&] { EXPECT_TRUE(ledger.store().Ingest(std::move(run), publish).ok()); });
  plan_.WaitUntilHeld();
  const auto during = ledger.store().GetSnapshot();
  EXPECT_EQ(during->sequence(), before);
  EXPECT_FALSE(holds(*during, "a"));
  EXPECT_TRUE(holds(*during, "run1"));
  plan_.Release();
  ingesting.join();
  const auto after = ledger.store().GetSnapshot();
  EXPECT_GT(after->sequence(), before);
  EXPECT_TRUE(holds(*after, "a"));
  EXPECT_FALSE(holds(*during, "a"));
  ASSERT_TRUE(ledger.store().Settle().ok());
  EXPECT_FALSE(holds(*during, "a"));
}

// A small file system, for as long as the object lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=12m") == 0;
  }
  ~SmallDisk() {
    // Detached, whatever a failed test has left open.
    if (!mounted_) return;
    EXPECT_EQ(umount2(path_.c_str(), MNT_DETACH), 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  const std::string path_;
  bool mounted_ = false;
};

// The same on a real file system: a small tmpfs, filled up by the store itself.
TEST_F(RocksDbFaults, RealDiskRunsFull) {
  const std::string disk = folder_.path() + "/disk";
  ASSERT_TRUE(MakeFolders(disk).ok());
  const SmallDisk small(disk);
  if (!small.mounted()) GTEST_SKIP() << "mounting a small file system needs root";
  {
    ASSERT_TRUE(WriteFileAtomic(disk + "/ballast", std::string(5u << 20, 'b')).ok());
    Ledger ledger(disk + "/kv", DefaultFileSystem());
    Status put = Ok();
    while (put.ok()) put = ledger.Put(20'000);
    EXPECT_EQ(put.error().kind, ErrorKind::kUnavailable);
    EXPECT_GT(ledger.acknowledged(), 50u);
    ledger.Verify();
    std::filesystem::remove(disk + "/ballast");
    const Status resumed = ledger.store().Resume();
    ASSERT_TRUE(resumed.ok()) << resumed.error().detail;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(ledger.Put(20'000).ok());
    ledger.Verify();
    ledger.Open();
    ledger.Verify();
    ASSERT_TRUE(ledger.Put().ok());
  }
}

}  // namespace
}  // namespace tarn::kv
