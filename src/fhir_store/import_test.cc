// Import jobs over both engines: what is stored, what is counted, what is written out.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/test_store.h"
#include "fhir_store/limits.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");
const fhir::TypeId kObservation = fhir::FindType("Observation");
const std::string kFolder =
    "out/" + std::string(kStoreId) + "-FHIR_IMPORT-" + std::string(kJobId) + "/";

std::string Success(int line, std::string_view type_and_id, int version, int status) {
  const size_t slash = type_and_id.find('/');
  return R"({"lineId":)" + std::to_string(line) +
         R"(,"UpdateResourceResponse":{"jsonBlob":{"resourceType":")" +
         std::string(type_and_id.substr(0, slash)) + R"(","id":")" +
         std::string(type_and_id.substr(slash + 1)) + R"(","meta":{"versionId":")" +
         std::to_string(version) + R"("}},"statusCode":)" + std::to_string(status) + "}}\n";
}

class Import : public testing::TestWithParam<TestEngine> {
 protected:
  TestStore store_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Import, testing::Values(TestEngine::kFake, TestEngine::kRocksDb),
                         TestEngineName);

TEST_P(Import, StoresCountsAndReports) {
  const std::string patients = Patient("a", "A") + "\n" + Patient("b", "B") + "\n";
  const std::string observations = Observation("o", "1.00") + "\r\n\n" +
                                   R"({"resourceType":"Observation","status":"final"})" + "\n" +
                                   Observation("p", "01");  // No line feed at the end.
  store_.PutObject("d/Observation.ndjson", observations);
  store_.PutObject("d/Patient.ndjson", patients);
  const jobs::Job job = store_.Import("d");
  EXPECT_EQ(job.state, jobs::JobState::kCompletedWithErrors) << job.message;
  const ImportProgress progress = store_->Progress(job).value();
  EXPECT_EQ(progress.files_scanned, 2u);
  EXPECT_EQ(progress.files_imported, 2u);
  EXPECT_EQ(progress.bytes_scanned, patients.size() + observations.size());
  EXPECT_EQ(progress.resources_scanned, 5u);
  EXPECT_EQ(progress.resources_imported, 3u);
  EXPECT_EQ(progress.resources_with_customer_error, 2u);
  EXPECT_EQ(progress.files_with_customer_error, 0u);

  // Numbers and order of members stay; meta is added.
  const std::string body = store_->Read(kObservation, "o").value().body;
  EXPECT_NE(body.find(R"("valueQuantity":{"value":1.00})"), std::string::npos);
  EXPECT_NE(body.find(R"("versionId":"1")"), std::string::npos);
  EXPECT_EQ(store_->CountLive(kPatient), 2u);
  EXPECT_EQ(store_->CountLive(kObservation), 1u);

  const auto outputs = store_.Outputs();
  std::set<std::string> names;
  for (const auto& [key, bytes] : outputs) names.insert(key);
  EXPECT_EQ(names,
            (std::set<std::string>{
                "out/.healthlake_write_access_check_file.temp",
                kFolder + "FAILURE/Observation.ndjson", kFolder + "Manifest.json",
                kFolder + "SUCCESS/Observation.ndjson", kFolder + "SUCCESS/Patient.ndjson"}));
  EXPECT_EQ(outputs.at(kFolder + "SUCCESS/Patient.ndjson"),
            Success(1, "Patient/a", 1, 201) + Success(2, "Patient/b", 1, 201));
  EXPECT_EQ(outputs.at(kFolder + "SUCCESS/Observation.ndjson"),
            Success(1, "Observation/o", 1, 201));
  const std::string& failures = outputs.at(kFolder + "FAILURE/Observation.ndjson");
  const std::string first = failures.substr(0, failures.find('\n'));
  const auto failure = json::ParseValue(first).value();
  EXPECT_EQ(failure.Find("lineId")->AsInt(), 3);
  const auto* response = failure.Find("UpdateResourceResponse");
  EXPECT_EQ(response->Find("statusCode")->AsInt(), 400);
  const auto* outcome = response->Find("jsonBlob");
  EXPECT_EQ(outcome->Find("resourceType")->AsString(), "OperationOutcome");
  EXPECT_EQ(outcome->Find("issue")->items()[0].Find("diagnostics")->AsString(),
            "Missing required id field in resource json");
  EXPECT_NE(failures.find(R"("lineId":4)"), std::string::npos);
  EXPECT_NE(failures.find("column"), std::string::npos);

  const auto manifest = json::ParseValue(outputs.at(kFolder + "Manifest.json")).value();
  EXPECT_EQ(manifest.Find("inputDataConfig")->Find("s3Uri")->AsString(), "s3://in-bucket/d");
  EXPECT_EQ(manifest.Find("outputDataConfig")->Find("s3Uri")->AsString(),
            "s3://out-bucket/" + kFolder);
  EXPECT_EQ(manifest.Find("successOutput")->Find("successOutputS3Uri")->AsString(),
            "s3://out-bucket/" + kFolder + "SUCCESS/");
  EXPECT_EQ(manifest.Find("numberOfScannedFiles")->AsInt(), 2);
  EXPECT_EQ(manifest.Find("numberOfResourcesScanned")->AsInt(), 5);
  EXPECT_EQ(manifest.Find("numberOfResourcesImportedSuccessfully")->AsInt(), 3);
  EXPECT_EQ(manifest.Find("numberOfResourcesWithCustomerError")->AsInt(), 2);
  EXPECT_EQ(JobOutputFolder(kStoreId, job).value().key, kFolder);
}

TEST_P(Import, SpoolIsEmptyAfterwards) {
  store_.PutObject("d/a.ndjson", Patient("a", "A") + "\nbad\n");
  store_.Import("d");
  const auto snapshot = store_.kv().GetSnapshot();
  const auto cursor = snapshot->Scan(kSpool, {});
  EXPECT_FALSE(cursor->Valid());
}

TEST_P(Import, SecondImportChangesOnlyWhatDiffers) {
  store_.PutObject("d/a.ndjson", Patient("a", "A") + "\n" + Patient("b", "B") + "\n");
  EXPECT_EQ(store_.Import("d").state, jobs::JobState::kCompleted);
  store_.clock().AdvanceMs(5000);
  store_.PutObject("d/a.ndjson",
                   Patient("a", "A") + "\n" + Patient("b", "other") + "\n" + Patient("c", "C"));
  const std::string second_id = "ffeeddccbbaa99887766554433221100";
  const jobs::Job job = store_.Import("d", second_id);
  EXPECT_EQ(job.state, jobs::JobState::kCompleted);
  EXPECT_EQ(store_->Progress(job).value().resources_imported, 3u);
  EXPECT_EQ(store_->Read(kPatient, "a").value().version_id, 1u);
  EXPECT_EQ(store_->Read(kPatient, "b").value().version_id, 2u);
  EXPECT_EQ(store_->Read(kPatient, "b").value().last_updated_unix_ms, store_.clock().UnixMs());
  EXPECT_EQ(store_->Read(kPatient, "c").value().version_id, 1u);
  EXPECT_TRUE(store_->ReadVersion(kPatient, "b", 1).ok());
  EXPECT_EQ(store_.GetObject("out/" + std::string(kStoreId) + "-FHIR_IMPORT-" + second_id +
                             "/SUCCESS/a.ndjson"),
            Success(1, "Patient/a", 1, 200) + Success(2, "Patient/b", 2, 200) +
                Success(3, "Patient/c", 1, 201));
}

TEST_P(Import, MetaOfTheInputIsKeptButForTheServersMembers) {
  store_.PutObject("a.ndjson",
                   R"({"resourceType":"Patient","id":"a","meta":{"versionId":"77",)"
                   R"("lastUpdated":"2001-01-01T00:00:00Z","tag":[{"code":"t"}]},"active":true})");
  ASSERT_EQ(store_.Import("a.ndjson").state, jobs::JobState::kCompleted);
  const auto value = json::ParseValue(store_->Read(kPatient, "a").value().body).value();
  EXPECT_EQ(value.Find("meta")->Find("versionId")->AsString(), "1");
  EXPECT_EQ(value.Find("meta")->Find("tag")->items().size(), 1u);
  // What the server wrote comes back unchanged: no new version.
  store_.PutObject("a.ndjson", store_->Read(kPatient, "a").value().body);
  store_.Import("a.ndjson", "ffeeddccbbaa99887766554433221100");
  EXPECT_EQ(store_->Read(kPatient, "a").value().version_id, 1u);
}

TEST_P(Import, OfTwoLinesTheLastWinsAndEachDifferenceIsAVersion) {
  store_.PutObject("d/1.ndjson", Patient("a", "1") + "\n" + Patient("a", "1") + "\n" +
                                     Patient("b", "1") + "\n" + Patient("a", "2") + "\n");
  store_.PutObject("d/2.ndjson", Patient("a", "3") + "\n" + Patient("a", "3") + "\n");
  ASSERT_EQ(store_.Import("d").state, jobs::JobState::kCompleted);
  EXPECT_EQ(store_->Read(kPatient, "a").value().version_id, 3u);
  EXPECT_NE(store_->Read(kPatient, "a").value().body.find(R"("family":"3")"), std::string::npos);
  EXPECT_NE(store_->ReadVersion(kPatient, "a", 2).value().body.find(R"("family":"2")"),
            std::string::npos);
  EXPECT_EQ(store_.GetObject(kFolder + "SUCCESS/1.ndjson"),
            Success(1, "Patient/a", 1, 201) + Success(2, "Patient/a", 1, 200) +
                Success(3, "Patient/b", 1, 201) + Success(4, "Patient/a", 2, 200));
  EXPECT_EQ(store_->CountLive(kPatient), 2u);
}

// Importing an input again makes no version, also when it holds several lines of one id, in one run
// or in several.
TEST_P(Import, OfTheSameInputAgainMakesNoVersion) {
  for (const uint64_t run_bytes_max : {uint64_t{64} << 20, uint64_t{1}}) {
    SCOPED_TRACE(run_bytes_max);
    TestStore store(GetParam(), {.import_run_bytes_max = run_bytes_max});
    store.PutObject("d/1.ndjson",
                    Patient("a", "1") + "\n" + Patient("b", "1") + "\n" + Patient("a", "2") + "\n");
    store.PutObject("d/2.ndjson", Patient("b", "2") + "\n" + Patient("b", "1") + "\n" +
                                      Patient("c", "1") + "\n" + Patient("b", "2") + "\n");
    const std::vector<std::pair<std::string, std::string>> ids = {
        {"Patient", "a"}, {"Patient", "b"}, {"Patient", "c"}};
    ASSERT_EQ(store.Import("d").state, jobs::JobState::kCompleted);
    EXPECT_EQ(store->Read(kPatient, "a").value().version_id, 2u);
    EXPECT_EQ(store->Read(kPatient, "b").value().version_id, 2u);
    const auto before = store.Dump(ids);
    for (char n = '1'; n <= '3'; ++n) {
      store.clock().AdvanceMs(1000);
      const std::string id = std::string(31, '0') + n;
      const jobs::Job again = store.Import("d", id);
      EXPECT_EQ(again.state, jobs::JobState::kCompleted) << again.message;
      EXPECT_EQ(store->Progress(again).value().resources_imported, 7u);
      EXPECT_EQ(store.Dump(ids), before);
      // A line tells the version that says what it says.
      EXPECT_EQ(store.GetObject("out/" + std::string(kStoreId) + "-FHIR_IMPORT-" + id +
                                "/SUCCESS/1.ndjson"),
                Success(1, "Patient/a", 1, 200) + Success(2, "Patient/b", 1, 200) +
                    Success(3, "Patient/a", 2, 200));
    }
    const auto snapshot = store.kv().GetSnapshot();
    EXPECT_FALSE(snapshot->Scan(kSpool, {})->Valid());
  }
}

// An old content that no later line replaces is the newest again.
TEST_P(Import, OldContentComesBackWhenItIsTheLastLine) {
  for (const uint64_t run_bytes_max : {uint64_t{64} << 20, uint64_t{1}}) {
    SCOPED_TRACE(run_bytes_max);
    TestStore store(GetParam(), {.import_run_bytes_max = run_bytes_max});
    for (const char* family : {"1", "2", "3"}) {
      ASSERT_TRUE(store->Update(kPatient, "a", Patient("a", family), {}).ok());
      ASSERT_TRUE(store->Update(kPatient, "b", Patient("b", family), {}).ok());
    }
    store.PutObject("d/1.ndjson", Patient("a", "1") + "\n" + Patient("b", "1") + "\n");
    store.PutObject("d/2.ndjson", Patient("b", "4") + "\n" + Patient("a", "2") + "\n");
    ASSERT_EQ(store.Import("d").state, jobs::JobState::kCompleted);
    EXPECT_EQ(store->Read(kPatient, "a").value().version_id, 4u);
    EXPECT_NE(store->Read(kPatient, "a").value().body.find(R"("family":"2")"), std::string::npos);
    EXPECT_EQ(store->Read(kPatient, "b").value().version_id, 4u);
    EXPECT_NE(store->Read(kPatient, "b").value().body.find(R"("family":"4")"), std::string::npos);
  }
}

// The bounds: how many old versions are looked at, and how many lines may wait.
TEST_P(Import, OldVersionsAndPostponedLinesAreBounded) {
  TestStore store(GetParam(), {.import_postponed_max = 1});
  for (size_t family = 0; family <= kImportOldVersionsMax + 1; ++family) {
    ASSERT_TRUE(store->Update(kPatient, "a", Patient("a", std::to_string(family)), {}).ok());
  }
  const uint64_t versions = kImportOldVersionsMax + 2;
  const std::string last = "\n" + Patient("a", std::to_string(versions - 1)) + "\n";
  store.PutObject("d", Patient("a", "1") + last);
  store.Import("d", "00000000000000000000000000000001");
  EXPECT_EQ(store->Read(kPatient, "a").value().version_id, versions);
  store.PutObject("d", Patient("a", "0") + last);  // One version too far back: written at once,
  store.Import("d", "00000000000000000000000000000002");
  EXPECT_NE(store->ReadVersion(kPatient, "a", versions + 1).value().body.find(R"("family":"0")"),
            std::string::npos);
  EXPECT_EQ(store->Read(kPatient, "a").value().version_id, versions + 2);

  for (const char* id : {"p", "q"}) {
    for (const char* family : {"1", "2"}) {
      ASSERT_TRUE(store->Update(kPatient, id, Patient(id, family), {}).ok());
    }
  }
  store.PutObject("d", Patient("p", "1") + "\n" + Patient("q", "1") + "\n" + Patient("p", "2") +
                           "\n" + Patient("q", "2") + "\n");
  store.Import("d", "00000000000000000000000000000003");
  EXPECT_EQ(store->Read(kPatient, "p").value().version_id, 2u);
  EXPECT_EQ(store->Read(kPatient, "q").value().version_id, 4u);  // There was room for one line.
}

TEST_P(Import, TakesDeletedResourcesBack) {
  ASSERT_TRUE(store_->Update(kPatient, "a", Patient("a", "A"), {}).ok());
  ASSERT_TRUE(store_->Delete(kPatient, "a", {}).ok());
  store_.PutObject("a.ndjson", Patient("a", "A"));
  ASSERT_EQ(store_.Import().state, jobs::JobState::kCompleted);
  EXPECT_EQ(store_->Read(kPatient, "a").value().version_id, 3u);
  EXPECT_EQ(store_->CountLive(kPatient), 1u);
}

TEST_P(Import, ReadsGzip) {
  const std::string lines = Patient("a", "A") + "\n" + Patient("b", "B") + "\nbad\n";
  store_.PutObject("x.ndjson.gz", GzipMember(lines.substr(0, 20)) + GzipMember(lines.substr(20)));
  const jobs::Job job = store_.Import();
  EXPECT_EQ(job.state, jobs::JobState::kCompletedWithErrors);
  EXPECT_EQ(store_->CountLive(kPatient), 2u);
  // The output is compressed as the input was, and so deserves the same name.
  Inflater inflater;
  const std::string packed = store_.GetObject(kFolder + "SUCCESS/x.ndjson.gz");
  inflater.Feed(packed);
  std::string text(1000, '\0');
  text.resize(inflater.Read(text).value());
  EXPECT_EQ(text, Success(1, "Patient/a", 1, 201) + Success(2, "Patient/b", 1, 201));
}

TEST_P(Import, FilesThatCannotBeReadAreSaidAndTheOthersGoOn) {
  std::string cut = GzipMember(Patient("a", "A") + "\n" + std::string(5000, ' '));
  cut.resize(cut.size() - 12);
  store_.PutObject("1.ndjson.gz", cut);
  store_.PutObject("2.ndjson.gz", "\x1f\x8b nonsense");
  store_.PutObject("3.ndjson", Patient("b", "B"));
  const jobs::Job job = store_.Import();
  EXPECT_EQ(job.state, jobs::JobState::kCompletedWithErrors);
  EXPECT_NE(job.message.find("1.ndjson.gz"), std::string::npos) << job.message;
  EXPECT_NE(job.message.find("gzip"), std::string::npos) << job.message;
  const ImportProgress progress = store_->Progress(job).value();
  EXPECT_EQ(progress.files_with_customer_error, 2u);
  EXPECT_EQ(progress.files_imported, 1u);
  EXPECT_EQ(store_->CountLive(kPatient), 1u);
  EXPECT_EQ(store_.Outputs().count(kFolder + "FAILURE/2.ndjson.gz"), 1u);
}

TEST_P(Import, ListsFoldersObjectsAndLeavesItsOwnOutputAlone) {
  store_.PutObject("d/a.ndjson", Patient("a", "A"));
  store_.PutObject("d/sub/b.ndjson", Patient("b", "B"));
  store_.PutObject("d2/c.ndjson", Patient("c", "C"));
  store_.PutObject("d/empty/", "");
  ImportRequest request;
  request.input = {"in-bucket", "d"};
  request.output = {"in-bucket", "d/out"};
  ASSERT_TRUE(store_->SubmitImport(request, {}, kJobId).ok());
  store_.RunImports();
  const jobs::Job job = store_->queue().Get(kImportKind, kJobId).value();
  EXPECT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  EXPECT_EQ(store_->Progress(job).value().files_scanned, 2u);
  EXPECT_EQ(store_->CountLive(kPatient), 2u);
  const std::string folder =
      "d/out/" + std::string(kStoreId) + "-FHIR_IMPORT-" + std::string(kJobId) + "/SUCCESS/";
  EXPECT_TRUE(store_.objects().Head("in-bucket", folder + "sub/b.ndjson").ok());
  EXPECT_EQ(store_.Import("d/a.ndjson", "ffeeddccbbaa99887766554433221100").state,
            jobs::JobState::kCompleted);
}

TEST_P(Import, FailsWithAMessage) {
  struct Case {
    std::string_view name;
    objects::S3Uri input, output;
    std::string_view message;
  };
  int number = 0;
  store_.PutObject("a.ndjson", Patient("a", "A"));
  for (const Case& c :
       {Case{"no input bucket", {"missing-bucket", ""}, {"out-bucket", ""}, "missing-bucket"},
        Case{"no files", {"in-bucket", "none/"}, {"out-bucket", ""}, "no files"},
        Case{"no output bucket", {"in-bucket", ""}, {"missing-out", "x"}, "missing-out"}}) {
    SCOPED_TRACE(c.name);
    ImportRequest request;
    request.input = c.input;
    request.output = c.output;
    const std::string id = "0000000000000000000000000000000" + std::to_string(number++);
    ASSERT_TRUE(store_->SubmitImport(request, {}, id).ok());
    store_.RunImports();
    const jobs::Job job = store_->queue().Get(kImportKind, id).value();
    EXPECT_EQ(job.state, jobs::JobState::kFailed);
    EXPECT_NE(job.message.find(c.message), std::string::npos) << job.message;
  }
  EXPECT_EQ(store_->CountLive(kPatient), 0u);
}

TEST_P(Import, PoisonLinesAreReportedOneByOneAndNothingElseIsLost) {
  SeededRandom random(7);
  const std::vector<std::string> poison = {
      "{",
      "[]",
      "null",
      R"({"resourceType":"Patient","id":"x","a":01})",
      R"({"resourceType":"Patient","id":"x","id":"y"})",
      R"({"resourceType":"Nothing","id":"x"})",
      R"({"resourceType":"Patient"})",
      R"({"resourceType":"Patient","id":"with space"})",
      R"({"resourceType":"Patient","id":"x","meta":1})",
      "{\"resourceType\":\"Patient\",\"id\":\"x\",\"a\":\"\xff\"}",
      R"({"resourceType":"Patient","id":"x","a":)" + std::string(200, '[') + "}",
      R"({"resourceType":"Patient","id":"x"} {})",
  };
  std::map<std::string, std::string> good;
  std::set<int> bad_lines;
  std::string lines;
  for (int n = 1; n <= 20'000; ++n) {
    if (random.Below(100) == 0) {
      lines += poison[random.Below(poison.size())] + "\n";
      bad_lines.insert(n);
    } else {
      const std::string id = NewUuid(random);
      good[id] = Patient(id, "family " + std::to_string(n));
      lines += good[id] + "\n";
    }
  }
  store_.PutObject("big.ndjson", lines);
  const jobs::Job job = store_.Import();
  EXPECT_EQ(job.state, jobs::JobState::kCompletedWithErrors);
  const ImportProgress progress = store_->Progress(job).value();
  EXPECT_EQ(progress.resources_scanned, 20'000u);
  EXPECT_EQ(progress.resources_imported, good.size());
  EXPECT_EQ(progress.resources_with_customer_error, bad_lines.size());
  EXPECT_EQ(store_->CountLive(kPatient), good.size());
  for (const auto& [id, text] : good) {
    const auto read = store_->Read(kPatient, id);
    ASSERT_TRUE(read.ok());
    auto value = json::ParseValue(read.value().body).value();
    value.Remove("meta");
    ASSERT_EQ(value, json::ParseValue(text).value());
  }
  std::set<int> reported;
  const std::string failures = store_.GetObject(kFolder + "FAILURE/big.ndjson");
  for (size_t at = 0; at < failures.size();) {
    const size_t end = failures.find('\n', at);
    const auto value = json::ParseValue(failures.substr(at, end - at)).value();
    EXPECT_TRUE(reported.insert(static_cast<int>(*value.Find("lineId")->AsInt())).second);
    at = end + 1;
  }
  EXPECT_EQ(reported, bad_lines);
}

TEST_P(Import, LoadStoresWithoutAJob) {
  int made = 0;
  const auto next = [&made](std::string* block) {
    if (made == 10'000) return false;
    for (int i = 0; i < 100; ++i, ++made) {
      *block += Patient("p" + std::to_string(made), "x") + "\n";
    }
    return true;
  };
  ASSERT_TRUE(store_->Load(next).ok());
  EXPECT_EQ(store_->CountLive(kPatient), 10'000u);
  made = 9'000;  // Again: nothing changes.
  ASSERT_TRUE(store_->Load(next).ok());
  EXPECT_EQ(store_->CountLive(kPatient), 10'000u);
  EXPECT_EQ(store_->Read(kPatient, "p9500").value().version_id, 1u);
  bool done = false;
  EXPECT_FALSE(store_
                   ->Load([&done](std::string* block) {
                     *block = "nonsense";
                     return !std::exchange(done, true);
                   })
                   .ok());
}

// Single writes of resources that are being imported: each import line and each write is a version
// of its own, in some order, and none is lost.
TEST_P(Import, GoesOnBesideSingleWrites) {
  // The fake engine copies a family for the first write after each snapshot.
  const int resources = GetParam() == TestEngine::kFake ? 400 : 4000;
  std::string lines;
  for (int pass = 0; pass < 3; ++pass) {
    for (int i = 0; i < resources; ++i) {
      lines += Patient("p" + std::to_string(i), "import " + std::to_string(pass)) + "\n";
    }
  }
  store_.PutObject("a.ndjson", lines);
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  writers.reserve(2);
  std::vector<std::map<std::string, int>> written(2);
  for (int t = 0; t < 2; ++t) {
    writers.emplace_back([&, t] {
      SeededRandom random(t);
      while (!done) {
        const std::string id = "p" + std::to_string(random.Below(resources));
        const std::string family = "single " + std::to_string(random.Next());
        const auto updated = store_->Update(kPatient, id, Patient(id, family), {});
        ASSERT_TRUE(updated.ok()) << updated.error().detail;
        ++written[t][id];
      }
    });
  }
  const jobs::Job job = store_.Import();
  done = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(job.state, jobs::JobState::kCompleted);
  EXPECT_EQ(store_->CountLive(kPatient), static_cast<uint64_t>(resources));
  for (int i = 0; i < resources; ++i) {
    const std::string id = "p" + std::to_string(i);
    const uint64_t versions = store_->Read(kPatient, id).value().version_id;
    EXPECT_EQ(versions, 3u + written[0][id] + written[1][id]) << id;
    for (uint64_t v = 1; v <= versions; ++v) {
      ASSERT_TRUE(store_->ReadVersion(kPatient, id, v).ok());
    }
  }
}

TEST_P(Import, LogNamesWhatItCreated) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += Patient("p" + std::to_string(i), "x") + "\n";
  store_.PutObject("a.ndjson", lines);
  store_.Import();
  const auto snapshot = store_.kv().GetSnapshot();
  const auto cursor = snapshot->Scan(kLog, {});
  uint32_t created = 0;
  for (; cursor->Valid(); cursor->Next()) {
    const auto entries = DecodeLog(cursor->value()).value();
    for (const LogEntry& entry : entries) {
      EXPECT_EQ(entry.op, LogOp::kCreated);
      EXPECT_EQ(entry.ordinal, created);
      created += entry.count;
    }
  }
  EXPECT_EQ(created, 5000u);
}

}  // namespace
}  // namespace tarn::fhir_store
