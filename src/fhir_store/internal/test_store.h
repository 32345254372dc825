// A data store over a fake or a real engine in a folder of its own, for this module's tests.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "fhir_store/fhir_store.h"
#include "kv/fake_engine.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"

namespace tarn::fhir_store {

// SeededRandom for several threads.
class TestRandom final : public RandomSource {
 public:
  void Fill(std::span<char> out) override {
    MutexLock lock(mutex_);
    random_.Fill(out);
  }

 private:
  Mutex mutex_;
  SeededRandom random_ GUARDED_BY(mutex_){20260101};
};

enum class TestEngine { kFake, kRocksDb };
inline std::string TestEngineName(const testing::TestParamInfo<TestEngine>& info) {
  return info.param == TestEngine::kFake ? "Fake" : "RocksDb";
}

inline constexpr std::string_view kStoreId = "0123456789abcdef0123456789abcdef";
inline constexpr std::string_view kJobId = "00112233445566778899aabbccddeeff";

class TestStore {
 public:
  explicit TestStore(TestEngine engine, FhirStoreOptions options = {})
      : options_(std::move(options)) {
    options_.data_store_id = kStoreId;
    std::string pattern = testing::TempDir() + "fhir_store_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    if (engine == TestEngine::kFake) {
      auto fake = std::make_unique<kv::FakeEngine>();
      fake_ = fake.get();
      engine_ = std::move(fake);
    } else {
      engine_ = kv::OpenRocksDbEngine(folder_ + "/kv",
                                      {.block_cache_bytes = 8u << 20, .memtable_bytes = 8u << 20})
                    .value();
    }
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("in-bucket").ok());
    CHECK(objects_->CreateBucket("out-bucket").ok());
    Open();
  }
  ~TestStore() {
    Close();
    objects_.reset();
    engine_.reset();
    const Status removed = RemoveFolder(folder_);
    EXPECT_TRUE(removed.ok());
  }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  void Open() {
    kv_ = engine_->Open("store", DataStoreSchema()).value();
    store_ = FhirStore::Open(options_, *kv_, *objects_, clock_, random_, metrics_).value();
  }
  void Close() {
    store_.reset();
    kv_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  FhirStore& operator*() { return *store_; }
  FhirStore* operator->() { return store_.get(); }
  kv::FakeEngine& fake() { return *fake_; }
  kv::Store& kv() { return *kv_; }
  objects::ObjectStore& objects() { return *objects_; }
  FakeClock& clock() { return clock_; }
  const std::string& folder() const { return folder_; }  // Its objects are below "/s3".

  void PutObject(const std::string& key, std::string_view bytes) {
    const auto put = objects::WriteObject(*objects_, {"in-bucket", key}, bytes, "");
    ASSERT_TRUE(put.ok()) << put.error().detail;
  }
  std::string GetObject(const std::string& key) {
    auto bytes = objects::ReadObject(*objects_, {"out-bucket", key}, 1u << 30);
    return bytes.ok() ? std::move(bytes).value() : "(no object: " + bytes.error().detail + ")";
  }
  // Every object of the output bucket, by key.
  std::map<std::string, std::string> Outputs() {
    std::map<std::string, std::string> out;
    const auto page = objects_->List("out-bucket", {}).value();
    EXPECT_EQ(page.next_start_after, "");
    for (const auto& object : page.objects) out[object.key] = GetObject(object.key);
    return out;
  }

  jobs::Job Submit(const std::string& input_key = "", std::string_view id = kJobId) {
    ImportRequest request;
    request.input = {"in-bucket", input_key};
    request.output = {"out-bucket", "out"};
    return store_->SubmitImport(request, {}, id).value();
  }
  void RunImports() {
    store_->RunJobs(
        kImportKind, [] { return false; }, [](const jobs::Job&) {});
  }
  jobs::Job Import(const std::string& input_key = "", std::string_view id = kJobId) {
    Submit(input_key, id);
    RunImports();
    return store_->queue().Get(kImportKind, id).value();
  }
  jobs::Job Export(std::string_view id = kJobId) {
    ExportRequest request;
    request.output = {"out-bucket", "out"};
    EXPECT_TRUE(store_->SubmitExport(request, {}, id).ok());
    store_->RunJobs(
        kExportKind, [] { return false; }, [](const jobs::Job&) {});
    return store_->queue().Get(kExportKind, id).value();
  }

  // Every version of every resource, as "Type/id/version" -> body, with "live" or "deleted".
  std::map<std::string, std::string> Dump(
      const std::vector<std::pair<std::string, std::string>>& resources) {
    std::map<std::string, std::string> out;
    for (const auto& [type_name, id] : resources) {
      const fhir::TypeId type = fhir::FindType(type_name);
      const std::string name = type_name + "/" + id;
      const auto newest = store_->Read(type, id);
      out[name] = newest.ok() ? newest.value().body : ErrorKindName(newest.error().kind).data();
      for (uint64_t version = 1;; ++version) {
        const auto one = store_->ReadVersion(type, id, version);
        if (!one.ok() && one.error().kind == ErrorKind::kNotFound) break;
        out[name + "/" + std::to_string(version)] = one.ok() ? one.value().body : "deleted";
      }
    }
    return out;
  }

 private:
  FhirStoreOptions options_;
  std::string folder_;
  FakeClock clock_;
  TestRandom random_;
  MetricsRegistry metrics_;
  kv::FakeEngine* fake_ = nullptr;
  std::unique_ptr<kv::Engine> engine_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<FhirStore> store_;
};

inline std::string Patient(std::string_view id, std::string_view family) {
  return R"({"resourceType":"Patient","id":")" + std::string(id) + R"(","name":[{"family":")" +
         std::string(family) + R"("}]})";
}
inline std::string Observation(std::string_view id, std::string_view value) {
  return R"({"resourceType":"Observation","id":")" + std::string(id) +
         R"(","status":"final","code":{"text":"c"},"valueQuantity":{"value":)" +
         std::string(value) + "}}";
}

}  // namespace tarn::fhir_store
