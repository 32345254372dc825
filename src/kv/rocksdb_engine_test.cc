#include "kv/rocksdb_engine.h"

#include <gmock/gmock.h>
#include <rocksdb/db.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/bytes.h"
#include "base/file.h"
#include "kv/conformance.h"
#include "kv/internal/rocksdb_bits.h"

namespace tarn::kv {
namespace {

class TempFolder {
 public:
  TempFolder() {
    std::string path = testing::TempDir() + "tarn-kv-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TempFolder() { EXPECT_TRUE(RemoveFolder(path_).ok()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RocksDbHarness final : public EngineHarness {
 public:
  RocksDbHarness() { Reopen(); }
  Engine& engine() override { return *engine_; }
  void Reopen() override {
    engine_.reset();
    auto opened = OpenRocksDbEngine(folder_.path());
    CHECK(opened.ok());
    engine_ = std::move(opened).value();
  }

 private:
  TempFolder folder_;
  std::unique_ptr<Engine> engine_;
};

std::unique_ptr<EngineHarness> NewRocksDbHarness() { return std::make_unique<RocksDbHarness>(); }
INSTANTIATE_TEST_SUITE_P(RocksDb, EngineConformance, testing::Values(&NewRocksDbHarness));

Schema OneFamily() { return {{{.name = "f"}}}; }

TEST(RocksDbEngine, OneProcessAtATime) {
  const TempFolder folder;
  auto engine = OpenRocksDbEngine(folder.path());
  ASSERT_TRUE(engine.ok());
  EXPECT_FALSE(OpenRocksDbEngine(folder.path()).ok());
}

TEST(RocksDbEngine, DropRemovesEveryFile) {
  const TempFolder folder;
  auto engine = OpenRocksDbEngine(folder.path());
  ASSERT_TRUE(engine.ok());
  auto store = engine.value()->Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  Batch batch;
  batch.Put(0, "a", "1");
  ASSERT_TRUE(store.value()->Commit(batch).ok());
  EXPECT_GT(store.value()->Stats().disk_bytes, 0u);
  std::move(store).value().reset();
  ASSERT_TRUE(engine.value()->Drop("s").ok());
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    left.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(left, testing::ElementsAre("LOCK"));
}

// What a store of format 1 holds is read and merged with, and the store is one of the present
// format once it was opened; one of a format to come is left alone.
TEST(RocksDbEngine, OpensStoresOfFormerFormats) {
  const TempFolder folder;
  const Schema schema = {{{.name = "bits", .kind = FamilyKind::kBits}}};
  ASSERT_TRUE(OpenRocksDbEngine(folder.path()).value()->Open("s", schema).ok());
  // Format 1 wrote {9} and the run {7, ..., 106} like this.
  const std::string nine = HexDecode("3a3000000100000000000000100000000900").value();
  const std::string run = HexDecode("3b3000000100006300010007006300").value();
  std::string format;
  const auto edit = [&](char number) {
    std::vector<rocksdb::ColumnFamilyDescriptor> families(2);
    families[0].name = rocksdb::kDefaultColumnFamilyName;
    families[1].name = "bits";
    families[1].options.merge_operator = NewBitsMergeOperator();
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, folder.path() + "/s/db", families, &handles, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    ASSERT_TRUE(db->Get({}, handles[0], "format", &format).ok());
    ASSERT_TRUE(db->Put({}, handles[0], "format", rocksdb::Slice(&number, 1)).ok());
    if (number == 1) {
      ASSERT_TRUE(db->Put({}, handles[1], "x", nine).ok());
      ASSERT_TRUE(db->Put({}, handles[1], "y", run).ok());
    }
    for (rocksdb::ColumnFamilyHandle* const handle : handles) {
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
  };
  edit(1);
  EXPECT_EQ(format, "\2");
  {
    auto engine = OpenRocksDbEngine(folder.path());
    auto store = engine.value()->Open("s", schema).value();
    Batch batch;
    batch.MergeBits(0, "x", Bits({3}), Bits());
    batch.MergeBits(0, "y", Bits({5}), Bits({7}));
    ASSERT_TRUE(store->Commit(batch).ok());
    ASSERT_TRUE(store->Settle().ok());
    std::string value;
    ASSERT_TRUE(store->GetSnapshot()->Get(0, "x", &value).value());
    EXPECT_EQ(Bits::Decode(value).value(), Bits({3, 9}));
    ASSERT_TRUE(store->GetSnapshot()->Get(0, "y", &value).value());
    EXPECT_EQ(Bits::Decode(value).value().Count(), 100u);
  }
  edit(3);
  EXPECT_EQ(format, "\2");
  auto engine = OpenRocksDbEngine(folder.path());
  EXPECT_EQ(engine.value()->Open("s", schema).error().kind, ErrorKind::kUnsupported);
}

// There may be many stores that hold next to nothing.
TEST(RocksDbEngine, EmptyStoresTakeLittleOfTheDisk) {
  const TempFolder folder;
  auto engine = OpenRocksDbEngine(folder.path());
  ASSERT_TRUE(engine.ok());
  auto store = engine.value()->Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  Batch batch;
  batch.Put(0, "key", "value");
  ASSERT_TRUE(store.value()->Commit(batch).ok());
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    struct stat status;
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    bytes += static_cast<uint64_t>(status.st_blocks) * 512;
  }
  EXPECT_LT(bytes, 512u << 10);
}

// A store that has lost its CURRENT is not taken for one that was never completed.
TEST(RocksDbEngine, ADamagedStoreIsNotMadeAnew) {
  const TempFolder folder;
  auto engine = OpenRocksDbEngine(folder.path());
  ASSERT_TRUE(engine.ok());
  {
    auto store = engine.value()->Open("s", OneFamily());
    ASSERT_TRUE(store.ok());
    Batch batch;
    batch.Put(0, "key", "value");
    ASSERT_TRUE(store.value()->Commit(batch).ok());
    ASSERT_TRUE(store.value()->Settle().ok());
  }
  const std::string current = folder.path() + "/s/db/CURRENT";
  const std::string bytes = ReadFile(current, 100).value();
  std::filesystem::remove(current);
  EXPECT_EQ(engine.value()->Open("s", OneFamily()).error().kind, ErrorKind::kCorrupt);
  ASSERT_TRUE(WriteFileAtomic(current, bytes).ok());
  auto store = engine.value()->Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  std::string value;
  EXPECT_TRUE(store.value()->GetSnapshot()->Get(0, "key", &value).value());
}

// The manifest of the store "s" below `folder`.
std::string ManifestOf(const std::string& folder) {
  const std::string database = folder + "/s/db/";
  std::string name = ReadFile(database + "CURRENT", 100).value();
  name.pop_back();
  return database + name;
}

TEST(RocksDbEngine, AManifestThatEndsInZerosIsCut) {
  const TempFolder folder;
  ASSERT_TRUE(OpenRocksDbEngine(folder.path()).value()->Open("s", OneFamily()).ok());
  const std::string whole = ReadFile(ManifestOf(folder.path()), 1 << 20).value();
  // A record as the last one, whose second half never reached the disk.
  const std::string record = whole.substr(0, 7) + std::string(32, 'x');
  std::string torn = whole + record;
  torn[whole.size() + 4] = 32;
  torn[whole.size() + 5] = 0;
  std::fill(torn.end() - 16, torn.end(), '\0');
  ASSERT_TRUE(WriteFileAtomic(ManifestOf(folder.path()), torn).ok());
  auto store = OpenRocksDbEngine(folder.path()).value()->Open("s", OneFamily());
  EXPECT_TRUE(store.ok()) << store.error().detail;
}

// What is wrong elsewhere is no power cut's doing, and nothing is cut.
TEST(RocksDbEngine, AManifestThatIsDamagedElsewhereIsRefused) {
  const TempFolder folder;
  ASSERT_TRUE(OpenRocksDbEngine(folder.path()).value()->Open("s", OneFamily()).ok());
  std::string damaged = ReadFile(ManifestOf(folder.path()), 1 << 20).value();
  damaged[12] = static_cast<char>(damaged[12] ^ 1);
  ASSERT_TRUE(WriteFileAtomic(ManifestOf(folder.path()), damaged).ok());
  EXPECT_FALSE(OpenRocksDbEngine(folder.path()).value()->Open("s", OneFamily()).ok());
  EXPECT_EQ(ReadFile(ManifestOf(folder.path()), 1 << 20).value(), damaged);
}

TEST(RocksDbEngine, FinishesInterruptedDrops) {
  const TempFolder folder;
  ASSERT_TRUE(MakeFolders(folder.path() + "/.dropped-s/db").ok());
  ASSERT_TRUE(OpenRocksDbEngine(folder.path()).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/.dropped-s"));
}

TEST(RocksDbEngine, RemovesRunsOfAnEndedProcess) {
  const TempFolder folder;
  const std::string left = folder.path() + "/s/runs/3";
  ASSERT_TRUE(MakeFolders(left).ok());
  ASSERT_TRUE(WriteFileAtomic(left + "/0-0.sst", "half a file").ok());
  auto engine = OpenRocksDbEngine(folder.path());
  ASSERT_TRUE(engine.ok());
  EXPECT_THAT(engine.value()->List().value(), testing::IsEmpty());
  auto store = engine.value()->Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  EXPECT_FALSE(std::filesystem::exists(left));
}

// Memory for unflushed writes is shared: a store that was written once must not keep most of it
// from the stores that are written now.
TEST(RocksDbEngine, IdleStoresGiveTheirMemoryBack) {
  const TempFolder folder;
  auto engine = OpenRocksDbEngine(folder.path(),
                                  {.block_cache_bytes = 16u << 20, .memtable_bytes = 8u << 20});
  ASSERT_TRUE(engine.ok());
  auto idle = engine.value()->Open("idle", OneFamily());
  auto busy = engine.value()->Open("busy", OneFamily());
  ASSERT_TRUE(idle.ok() && busy.ok());
  const auto write = [](Store& store, int keys) {
    Batch batch;
    for (int i = 0; i < keys; ++i) batch.Put(0, std::to_string(i), std::string(1000, 'v'));
    return store.Commit(batch).ok();
  };
  ASSERT_TRUE(write(*idle.value(), 5000));
  ASSERT_GT(idle.value()->Stats().memory_bytes, 4u << 20);
  // A write begins the flush, a thread of RocksDB ends it.
  for (int i = 0; i < 2000 && idle.value()->Stats().memory_bytes > 1u << 20; ++i) {
    ASSERT_TRUE(write(*busy.value(), 100));
  }
  EXPECT_LT(idle.value()->Stats().memory_bytes, 1u << 20);
  std::string value;
  EXPECT_TRUE(idle.value()->GetSnapshot()->Get(0, "4999", &value).value());
}

}  // namespace
}  // namespace tarn::kv
