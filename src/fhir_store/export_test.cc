// Exports over both engines.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "fhir_store/internal/synthea_data.h"
#include "fhir_store/internal/test_store.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");
const std::string kFolder =
    "out/" + std::string(kStoreId) + "-FHIR_EXPORT-" + std::string(kJobId) + "/";

// "Type/id" -> line, of all exported objects; every object holds its folder's type only.
std::map<std::string, std::string> Lines(const std::map<std::string, std::string>& outputs) {
  std::map<std::string, std::string> lines;
  for (const auto& [key, bytes] : outputs) {
    if (!key.starts_with(kFolder) || key == kFolder + "Manifest.json") continue;
    const std::string rest = key.substr(kFolder.size());
    const std::string type = rest.substr(0, rest.find('/'));
    EXPECT_TRUE(rest.starts_with(type + "/" + type + "-")) << key;
    EXPECT_TRUE(bytes.ends_with('\n'));
    std::istringstream stream(bytes);
    for (std::string line; std::getline(stream, line);) {
      const auto value = json::ParseValue(line).value();
      EXPECT_EQ(value.Find("resourceType")->AsString(), type);
      EXPECT_TRUE(lines.emplace(type + "/" + value.Find("id")->AsString(), line).second);
    }
  }
  return lines;
}

class Export : public testing::TestWithParam<TestEngine> {
 protected:
  TestStore store_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Export, testing::Values(TestEngine::kFake, TestEngine::kRocksDb),
                         TestEngineName);

TEST_P(Export, OfAnEmptyStoreIsCompletedWithoutFiles) {
  const jobs::Job job = store_.Export();
  EXPECT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  EXPECT_TRUE(ParseExportReport(job).value().files.empty());
  EXPECT_TRUE(Lines(store_.Outputs()).empty());
  const auto manifest = json::ParseValue(store_.GetObject(kFolder + "Manifest.json")).value();
  EXPECT_TRUE(manifest.Find("output")->items().empty());
}

TEST_P(Export, WritesTheNewestVersionOfWhatLives) {
  ASSERT_TRUE(store_->Update(kPatient, "a", Patient("a", "1"), {}).ok());
  ASSERT_TRUE(store_->Update(kPatient, "a", Patient("a", "2"), {}).ok());
  ASSERT_TRUE(store_->Update(kPatient, "gone", Patient("gone", "1"), {}).ok());
  ASSERT_TRUE(store_->Delete(kPatient, "gone", {}).ok());
  ASSERT_TRUE(store_->Update(kPatient, "b", Patient("b", "1"), {}).ok());
  ASSERT_TRUE(
      store_->Update(fhir::FindType("Observation"), "o", Observation("o", "1.50"), {}).ok());
  const jobs::Job job = store_.Export();
  ASSERT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  const auto lines = Lines(store_.Outputs());
  EXPECT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines.at("Patient/a"), store_->Read(kPatient, "a").value().body);
  EXPECT_NE(lines.at("Observation/o").find("1.50"), std::string::npos);

  const ExportReport report = ParseExportReport(job).value();
  ASSERT_EQ(report.files.size(), 2u);
  EXPECT_EQ(report.transaction_unix_ms, store_.clock().UnixMs());
  EXPECT_EQ(report.files[0].type, "Observation");
  EXPECT_EQ(report.files[0].count, 1u);
  EXPECT_EQ(report.files[1].type, "Patient");
  EXPECT_EQ(report.files[1].count, 2u);
  EXPECT_TRUE(store_.objects().Head("out-bucket", report.files[1].uri.key).ok());
  EXPECT_EQ(JobOutputFolder(kStoreId, job).value().key, kFolder);

  const auto manifest = json::ParseValue(store_.GetObject(kFolder + "Manifest.json")).value();
  EXPECT_EQ(manifest.Find("transactionTime")->AsString(),
            FormatFhirInstant(store_.clock().UnixMs()));
  const auto& files = manifest.Find("output")->items();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1].Find("type")->AsString(), "Patient");
  EXPECT_EQ(files[1].Find("url")->AsString(), objects::ToText(report.files[1].uri));
  EXPECT_EQ(files[1].Find("count")->AsInt(), 2);
}

// What was exported can be imported as it lies there.
TEST_P(Export, CanBeImported) {
  ASSERT_TRUE(store_->Update(kPatient, "a", Patient("a", "1"), {}).ok());
  ExportRequest request;
  request.output = {"in-bucket", "export"};
  ASSERT_TRUE(store_->SubmitExport(request, {}, kJobId).ok());
  store_->RunJobs(
      kExportKind, [] { return false; }, [](const jobs::Job&) {});
  ASSERT_TRUE(store_->Update(kPatient, "a", Patient("a", "2"), {}).ok());
  const jobs::Job job = store_.Import("export");
  EXPECT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  EXPECT_EQ(store_->Progress(job).value().files_scanned, 1u);
  EXPECT_NE(store_->Read(kPatient, "a").value().body.find(R"("family":"1")"), std::string::npos);
}

TEST(ExportParts, AreBounded) {
  FhirStoreOptions options;
  options.export_part_bytes_max = 1;  // A part ends at the first flush after it.
  TestStore store(TestEngine::kRocksDb, options);
  int made = 0;
  ASSERT_TRUE(store
                  ->Load([&made](std::string* block) {
                    for (int i = 0; i < 100 && made < 5000; ++i, ++made) {
                      *block += Patient("p" + std::to_string(made), std::string(1000, 'x')) + "\n";
                    }
                    return !block->empty();
                  })
                  .ok());
  const jobs::Job job = store.Export();
  const ExportReport report = ParseExportReport(job).value();
  EXPECT_GE(report.files.size(), 4u);
  uint64_t count = 0;
  for (const ExportedFile& file : report.files) count += file.count;
  EXPECT_EQ(count, 5000u);
  EXPECT_EQ(Lines(store.Outputs()).size(), 5000u);
}

TEST(ExportRepeated, BeginsAnewAndRemovesWhatItLeft) {
  TestStore store(TestEngine::kFake);
  ASSERT_TRUE(store->Update(kPatient, "a", Patient("a", "1"), {}).ok());
  ASSERT_TRUE(objects::WriteObject(store.objects(),
                                   {"out-bucket", kFolder + "Patient/Patient-1-9-9.ndjson"},
                                   "left by a crash", "")
                  .ok());
  ASSERT_EQ(store.Export().state, jobs::JobState::kCompleted);
  EXPECT_EQ(Lines(store.Outputs()).size(), 1u);
}

TEST(ExportFails, WithAMessage) {
  TestStore store(TestEngine::kFake);
  ExportRequest request;
  request.output = {"missing-bucket", ""};
  ASSERT_TRUE(store->SubmitExport(request, {}, kJobId).ok());
  store->RunJobs(
      kExportKind, [] { return false; }, [](const jobs::Job&) {});
  const jobs::Job job = store->queue().Get(kExportKind, kJobId).value();
  EXPECT_EQ(job.state, jobs::JobState::kFailed);
  EXPECT_NE(job.message.find("missing-bucket"), std::string::npos) << job.message;
}

TEST(ExportFails, WhenItsManifestCannotBeWritten) {
  TestStore store(TestEngine::kFake);
  const std::string bucket = store.folder() + "/s3/out-bucket/";
  std::filesystem::create_directories(bucket + "elsewhere");
  std::filesystem::create_directories(bucket + "out");
  std::filesystem::create_directory_symlink(bucket + "elsewhere",
                                            bucket + kFolder.substr(0, kFolder.size() - 1));
  const jobs::Job job = store.Export();
  EXPECT_EQ(job.state, jobs::JobState::kFailed);
  EXPECT_NE(job.message.find("symbolic link"), std::string::npos) << job.message;
}

TEST(ExportStops, AndTheNextCallBeginsAgain) {
  TestStore store(TestEngine::kFake);
  ASSERT_TRUE(store->Update(kPatient, "a", Patient("a", "1"), {}).ok());
  ExportRequest request;
  request.output = {"out-bucket", "out"};
  ASSERT_TRUE(store->SubmitExport(request, {}, kJobId).ok());
  int asked = 0;
  store->RunJobs(
      kExportKind, [&asked] { return ++asked > 1; }, [](const jobs::Job&) {});
  store->RunJobs(
      kExportKind, [] { return false; }, [](const jobs::Job&) {});
  EXPECT_EQ(store->queue().Get(kExportKind, kJobId).value().state, jobs::JobState::kCompleted);
  EXPECT_EQ(Lines(store.Outputs()).size(), 1u);
}

// The whole way on real data: imported, exported, equal as JSON but for the server's meta members.
TEST(Synthea, ComesBackEqual) {
  TestStore store(TestEngine::kRocksDb);
  std::string folder = testing::TempDir() + "synthea_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto files = ReadSynthea(folder);
  ASSERT_TRUE(RemoveFolder(folder).ok());
  if (files.empty()) GTEST_SKIP() << "no Synthea data beside the repository";
  for (const auto& [name, text] : files) store.PutObject("synthea/" + name, text);
  const jobs::Job import = store.Import("synthea", "ffeeddccbbaa99887766554433221100");
  ASSERT_EQ(import.state, jobs::JobState::kCompleted) << import.message;
  EXPECT_EQ(store->Progress(import).value().resources_imported, 92'057u);
  const jobs::Job job = store.Export();
  ASSERT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  std::map<std::string, std::string> outputs;
  const ExportReport report = ParseExportReport(job).value();
  for (const ExportedFile& file : report.files) {
    outputs[file.uri.key] = store.GetObject(file.uri.key);
  }
  const auto lines = Lines(outputs);
  EXPECT_EQ(lines.size(), 92'057u);
  for (const auto& [name, text] : files) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      auto before = json::ParseValue(line).value();
      const std::string key =
          before.Find("resourceType")->AsString() + "/" + before.Find("id")->AsString();
      const auto found = lines.find(key);
      ASSERT_NE(found, lines.end()) << name;
      auto after = json::ParseValue(found->second).value();
      for (json::Value* value : {&before, &after}) {
        json::Value* meta = value->Find("meta");
        if (meta == nullptr) continue;
        meta->Remove("versionId");
        meta->Remove("lastUpdated");
        if (meta->members().empty()) value->Remove("meta");
      }
      ASSERT_EQ(before, after) << name;
    }
  }
}

}  // namespace
}  // namespace tarn::fhir_store
