#include "kv/rocksdb_engine.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "base/file.h"
#include "kv/conformance.h"

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

}  // namespace
}  // namespace tarn::kv
