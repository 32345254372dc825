#include "healthlake/healthlake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "healthlake/internal/model.h"
#include "healthlake/internal/wire.h"
#include "json/value.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"
#include "service_model/request.h"
#include "service_model/validator.h"

namespace tarn::healthlake {
namespace {

using json::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kRole = "arn:aws:iam::123456789012:role/data";

struct Answer {
  int status = 0;
  std::string exception;  // Empty when it went well.
  Value body;
};

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    ConfigureLog(LogLevel::kOff, LogFormat::kText);
    char name[] = "/tmp/tarn-healthlake-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder_ = name;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    CHECK(objects::WriteObject(*objects_, {"data", "in/a.ndjson"},
                               "{\"resourceType\":\"Patient\",\"id\":\"p\"}\n{broken\n", "")
              .ok());
    keyring_ = crypto::Keyring::Open(folder_ + "/keys", clock_, random_).value();
    Start();
  }
  ~ControlPlaneTest() override {
    Stop();
    (void)RemoveFolder(folder_);
  }

  void Start() {
    catalogue_ = engine_.Open("catalogue", jobs::CatalogueSchema()).value();
    events_ = jobs::EventLog::Open({.folder = folder_ + "/events"}, *catalogue_, 1, clock_, random_,
                                   metrics_)
                  .value();
    fhir_store::DataStoresOptions options;
    options.region = "eu-west-1";
    options.account = "123456789012";
    options.make_unknown_keys = true;
    options.retry_first_ms = 1;
    options.fhir.import_threads = 1;
    options.preload = [] { return [](std::string*) { return false; }; };
    stores_ = fhir_store::DataStores::Open(options, {engine_, *catalogue_, *objects_, *keyring_,
                                                     *events_, clock_, random_, metrics_})
                  .value();
    stores_->SetEndpointBase("http://127.0.0.1:1");
    stores_->Start();
    const std::string secret =
        service_model::ReadOrMakeSecret(folder_ + "/secret", random_).value();
    plane_ =
        std::make_unique<ControlPlane>(ControlPlaneOptions{.page_token_secret = secret}, *stores_);
  }
  void Stop() {
    plane_.reset();
    stores_.reset();
    events_.reset();
    catalogue_.reset();
  }

  // Calls an operation; what is answered must keep to the service model.
  Answer Call(std::string_view operation, const std::string& body, const std::string& query = "") {
    http::Request request;
    request.method = http::Method::kPost;
    request.headers.Add("X-Amz-Target", "HealthLake." + std::string(operation));
    request.headers.Add("Content-Type", "application/x-amz-json-1.0");
    request.request_id = "request-1";
    request.body = body;
    request.query = query;
    const http::Response response = plane_->Handle(request);
    EXPECT_EQ(response.headers.Get("x-amzn-RequestId"), "request-1");
    EXPECT_EQ(response.headers.Get("Content-Type"), "application/x-amz-json-1.0");
    Answer answer{response.status, std::string(response.headers.Get("x-amzn-ErrorType")), Value()};
    auto parsed = json::ParseValue(response.body);
    CHECK(parsed.ok());
    answer.body = std::move(parsed).value();
    if (answer.exception.empty()) {
      EXPECT_EQ(response.status, 200);
      const auto* found = service_model::FindOperation(internal::ServiceModel(), operation);
      CHECK(found != nullptr);
      const auto refusal = validator_.Check(found->output_shape, answer.body,
                                            service_model::UnknownMembers::kRefuse);
      EXPECT_FALSE(refusal) << refusal->message << "\n" << response.body;
    } else {
      EXPECT_EQ(answer.body.Find("__type")->AsString(), answer.exception);
      EXPECT_FALSE(answer.body.Find("Message")->AsString().empty());
    }
    return answer;
  }
  std::string CreateActive(const std::string& more = "") {
    const Answer answer =
        Call("CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4")" + more + "}");
    CHECK(answer.status == 200);
    std::string id = answer.body.Find("DatastoreId")->AsString();
    WaitFor(id, "ACTIVE");
    return id;
  }
  Value WaitFor(const std::string& id, std::string_view status) {
    for (;;) {
      const Answer answer = Call("DescribeFHIRDatastore", Id(id));
      const Value& properties = *answer.body.Find("DatastoreProperties");
      if (properties.Find("DatastoreStatus")->AsString() == status) return properties;
      std::this_thread::yield();
    }
  }
  Value WaitForJob(const std::string& which, const std::string& id, const std::string& job_id) {
    for (;;) {
      const Answer answer = Call("DescribeFHIR" + which + "Job",
                                 R"({"DatastoreId":")" + id + R"(","JobId":")" + job_id + "\"}");
      CHECK(answer.status == 200);
      const Value& properties = *answer.body.Find(which + "JobProperties");
      const auto state = jobs::ParseJobState(properties.Find("JobStatus")->AsString());
      if (jobs::IsFinal(*state)) return properties;
      std::this_thread::yield();
    }
  }
  static std::string Id(const std::string& id) { return R"({"DatastoreId":")" + id + "\"}"; }
  static std::string Import(const std::string& id, const std::string& more = "") {
    return R"({"DatastoreId":")" + id + R"(","DataAccessRoleArn":")" + std::string(kRole) +
           R"(","InputDataConfig":{"S3Uri":"s3://data/in/"},"JobOutputDataConfig":)" +
           R"({"S3Configuration":{"S3Uri":"s3://data/out/","KmsKeyId":"alias/k"}})" + more + "}";
  }
  static std::string Export(const std::string& id, const std::string& more = "") {
    return R"({"DatastoreId":")" + id + R"(","DataAccessRoleArn":")" + std::string(kRole) +
           R"(","OutputDataConfig":{"S3Configuration":)" +
           R"({"S3Uri":"s3://data/out","KmsKeyId":"alias/k"}})" + more + "}";
  }

  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  service_model::Validator validator_{internal::ServiceModel()};
  kv::FakeEngine engine_;
  std::string folder_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<crypto::Keyring> keyring_;
  std::unique_ptr<kv::Store> catalogue_;
  std::unique_ptr<jobs::EventLog> events_;
  std::unique_ptr<fhir_store::DataStores> stores_;
  std::unique_ptr<ControlPlane> plane_;
};

TEST_F(ControlPlaneTest, CreatesDescribesAndDeletesStores) {
  const std::string id =
      CreateActive(R"(,"DatastoreName":"n","SseConfiguration":{"KmsEncryptionConfig":{"CmkType":)"
                   R"("CUSTOMER_MANAGED_KMS_KEY","KmsKeyId":"alias/a"}},"PreloadDataConfig":)"
                   R"({"PreloadDataType":"SYNTHEA"},"IdentityProviderConfiguration":)"
                   R"({"AuthorizationStrategy":"AWS_AUTH"},"Tags":[{"Key":"a","Value":"1"}])");
  const Value properties = WaitFor(id, "ACTIVE");
  EXPECT_EQ(properties.Find("DatastoreName")->AsString(), "n");
  EXPECT_EQ(properties.Find("DatastoreArn")->AsString(),
            "arn:aws:healthlake:eu-west-1:123456789012:datastore/fhir/" + id);
  EXPECT_EQ(properties.Find("DatastoreEndpoint")->AsString(),
            "http://127.0.0.1:1/datastore/" + id + "/r4/");
  EXPECT_EQ(
      json::ToText(*properties.Find("SseConfiguration")),
      R"({"KmsEncryptionConfig":{"CmkType":"CUSTOMER_MANAGED_KMS_KEY","KmsKeyId":"alias/a"}})");
  EXPECT_EQ(properties.Find("PreloadDataConfig")->Find("PreloadDataType")->AsString(), "SYNTHEA");
  EXPECT_THAT(properties.Find("CreatedAt")->NumberToken(), HasSubstr("."));
  EXPECT_EQ(Call("DeleteFHIRDatastore", Id(id)).body.Find("DatastoreStatus")->AsString(),
            "DELETING");
  WaitFor(id, "DELETED");
  EXPECT_EQ(Call("DeleteFHIRDatastore", Id(id)).exception, "ResourceNotFoundException");
  EXPECT_EQ(Call("StartFHIRExportJob", Export(id)).exception, "ResourceNotFoundException");
  EXPECT_EQ(Call("ListFHIRExportJobs", Id(id)).exception, "ResourceNotFoundException");
}

TEST_F(ControlPlaneTest, AnswersUnknownResourcesWithTheModelsError) {
  const std::string id(32, 'f');
  const std::string job = R"({"DatastoreId":")" + id + R"(","JobId":")" + id + "\"}";
  const std::string arn =
      R"({"ResourceARN":"arn:aws:healthlake:eu-west-1:123456789012:datastore/fhir/)" + id + "\"";
  for (const auto& [operation, body] : std::vector<std::pair<std::string, std::string>>{
           {"DescribeFHIRDatastore", Id(id)},
           {"DescribeFHIRDatastore", Id("short")},
           {"DeleteFHIRDatastore", Id(id)},
           {"StartFHIRImportJob", Import(id)},
           {"StartFHIRExportJob", Export(id)},
           {"DescribeFHIRImportJob", job},
           {"DescribeFHIRExportJob", job},
           {"ListFHIRImportJobs", Id(id)},
           {"ListFHIRExportJobs", Id(id)},
           {"ListTagsForResource", arn + "}"},
           {"TagResource", arn + R"(,"Tags":[]})"},
           {"UntagResource", arn + R"(,"TagKeys":[]})"},
       }) {
    SCOPED_TRACE(operation);
    const Answer answer = Call(operation, body);
    EXPECT_EQ(answer.exception, "ResourceNotFoundException");
    EXPECT_EQ(answer.status, 400);
  }
  const std::string store = CreateActive();
  EXPECT_EQ(
      Call("DescribeFHIRImportJob", R"({"DatastoreId":")" + store + R"(","JobId":"x"})").exception,
      "ResourceNotFoundException");
  EXPECT_EQ(Call("ListTagsForResource",
                 R"({"ResourceARN":"arn:aws:healthlake:us-east-1:123456789012:datastore/fhir/)" +
                     store + "\"}")
                .exception,
            "ResourceNotFoundException");
}

TEST_F(ControlPlaneTest, RunsJobsAndDescribesThem) {
  const std::string id = CreateActive();
  const Answer started = Call("StartFHIRImportJob",
                              Import(id, R"(,"JobName":"one","ValidationLevel":"structure-only")"));
  EXPECT_EQ(started.body.Find("JobStatus")->AsString(), "SUBMITTED");
  const Value import = WaitForJob("Import", id, started.body.Find("JobId")->AsString());
  EXPECT_EQ(import.Find("JobStatus")->AsString(), "COMPLETED_WITH_ERRORS");
  EXPECT_EQ(import.Find("JobName")->AsString(), "one");
  EXPECT_EQ(import.Find("ValidationLevel")->AsString(), "structure-only");
  EXPECT_EQ(import.Find("DataAccessRoleArn")->AsString(), kRole);
  EXPECT_EQ(import.Find("InputDataConfig")->Find("S3Uri")->AsString(), "s3://data/in/");
  const Value* report = import.Find("JobProgressReport");
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->Find("TotalNumberOfResourcesScanned")->AsInt(), 2);
  EXPECT_EQ(report->Find("TotalNumberOfResourcesImported")->AsInt(), 1);
  EXPECT_EQ(report->Find("TotalNumberOfResourcesWithCustomerError")->AsInt(), 1);
  const Answer exporting = Call("StartFHIRExportJob", Export(id));
  const std::string export_id = exporting.body.Find("JobId")->AsString();
  const Value exported = WaitForJob("Export", id, export_id);
  EXPECT_EQ(exported.Find("JobStatus")->AsString(), "COMPLETED");
  EXPECT_EQ(exported.Find("OutputDataConfig")->Find("S3Configuration")->Find("S3Uri")->AsString(),
            "s3://data/out/" + id + "-FHIR_EXPORT-" + export_id + "/");
  // A job that fails says why, in the model's letters.
  std::string missing = Export(id);
  missing.replace(missing.find("s3://data"), 9, "s3://none");
  const Value failed =
      WaitForJob("Export", id, Call("StartFHIRExportJob", missing).body.Find("JobId")->AsString());
  EXPECT_EQ(failed.Find("JobStatus")->AsString(), "FAILED");
  EXPECT_FALSE(failed.Find("Message")->AsString().empty());
}

TEST_F(ControlPlaneTest, PagesThroughListsWithTokensBoundToTheRequest) {
  std::set<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.insert(CreateActive(R"(,"DatastoreName":"page")"));
  std::set<std::string> seen;
  std::string token;
  for (int pages = 1;; ++pages) {
    const std::string filter = R"({"Filter":{"DatastoreName":"page"},"MaxResults":2)";
    const Answer page = Call("ListFHIRDatastores",
                             filter + (token.empty() ? "}" : R"(,"NextToken":")" + token + "\"}"));
    for (const Value& store : page.body.Find("DatastorePropertiesList")->items()) {
      EXPECT_TRUE(seen.insert(store.Find("DatastoreId")->AsString()).second);
    }
    const Value* next = page.body.Find("NextToken");
    EXPECT_EQ(next == nullptr, pages == 3);
    if (next == nullptr) break;
    token = next->AsString();
    // In the query as well, and with another page size.
    EXPECT_EQ(Call("ListFHIRDatastores", R"({"Filter":{"DatastoreName":"page"}})",
                   "MaxResults=1&NextToken=" + token)
                  .status,
              200);
    for (const std::string& other :
         {R"({"NextToken":")" + token + "\"}",
          R"({"Filter":{"DatastoreName":"other"},"NextToken":")" + token + "\"}",
          R"({"Filter":{"DatastoreName":"page"},"NextToken":")" + token + "x\"}"}) {
      const Answer refused = Call("ListFHIRDatastores", other);
      EXPECT_EQ(refused.exception, "ValidationException");
      EXPECT_THAT(refused.body.Find("Message")->AsString(), HasSubstr("'nextToken'"));
    }
  }
  EXPECT_EQ(seen, ids);
}

TEST_F(ControlPlaneTest, ListsJobsNewestFirstWithFilters) {
  const std::string id = CreateActive();
  std::vector<std::string> ids;
  for (const char* name : {"a", "b", "a"}) {
    const Answer started =
        Call("StartFHIRExportJob", Export(id, R"(,"JobName":")" + std::string(name) + "\""));
    ids.push_back(started.body.Find("JobId")->AsString());
    WaitForJob("Export", id, ids.back());
  }
  const auto list = [&](const std::string& more) {
    const Answer answer =
        Call("ListFHIRExportJobs", R"({"DatastoreId":")" + id + "\"" + more + "}");
    std::vector<std::string> out;
    if (answer.status != 200) return std::vector<std::string>{answer.exception};
    for (const Value& job : answer.body.Find("ExportJobPropertiesList")->items()) {
      out.push_back(job.Find("JobId")->AsString());
    }
    if (answer.body.Find("NextToken") != nullptr) out.emplace_back("more");
    return out;
  };
  EXPECT_THAT(list(""), ElementsAre(ids[2], ids[1], ids[0]));
  EXPECT_THAT(list(R"(,"JobName":"a")"), ElementsAre(ids[2], ids[0]));
  EXPECT_THAT(list(R"(,"JobStatus":"COMPLETED","MaxResults":1)"), ElementsAre(ids[2], "more"));
  EXPECT_THAT(list(R"(,"JobStatus":"FAILED")"), ElementsAre());
  EXPECT_THAT(list(R"(,"SubmittedAfter":4102444800)"), ElementsAre());
  EXPECT_THAT(list(R"(,"SubmittedBefore":"2100-01-01T00:00:00Z")"),
              ElementsAre(ids[2], ids[1], ids[0]));
  EXPECT_EQ(Call("ListFHIRImportJobs", Id(id)).body.Find("ImportJobPropertiesList")->items().size(),
            0u);
}

TEST_F(ControlPlaneTest, TagsAndUntags) {
  const std::string id = CreateActive();
  const std::string arn = R"({"ResourceARN":")" + stores_->ArnOf(id) + "\"";
  EXPECT_EQ(
      Call("TagResource", arn + R"(,"Tags":[{"Key":"b","Value":"2"},{"Key":"a","Value":""}]})")
          .status,
      200);
  EXPECT_EQ(json::ToText(Call("ListTagsForResource", arn + "}").body),
            R"({"Tags":[{"Key":"a","Value":""},{"Key":"b","Value":"2"}]})");
  EXPECT_EQ(Call("UntagResource", arn + R"(,"TagKeys":["a","c"]})").status, 200);
  EXPECT_EQ(json::ToText(Call("ListTagsForResource", arn + "}").body),
            R"({"Tags":[{"Key":"b","Value":"2"}]})");
  EXPECT_EQ(Call("TagResource", arn + R"(,"Tags":[{"Key":"aws:x","Value":"2"}]})").exception,
            "ValidationException");
}

TEST_F(ControlPlaneTest, RepeatsTheFirstAnswerForAToken) {
  const std::string create = R"({"DatastoreTypeVersion":"R4","ClientToken":"t")";
  const Answer first = Call("CreateFHIRDatastore", create + "}");
  const std::string id = first.body.Find("DatastoreId")->AsString();
  WaitFor(id, "ACTIVE");
  EXPECT_EQ(Call("CreateFHIRDatastore", create + "}").body, first.body);
  const Answer other = Call("CreateFHIRDatastore", create + R"(,"DatastoreName":"n"})");
  EXPECT_EQ(other.exception, "ValidationException");
  EXPECT_THAT(other.body.Find("Message")->AsString(), HasSubstr("client token"));
  const std::string exporting = Export(id, R"(,"ClientToken":"t")");
  const Answer job = Call("StartFHIRExportJob", exporting);
  WaitForJob("Export", id, job.body.Find("JobId")->AsString());
  Stop();
  Start();
  EXPECT_EQ(Call("StartFHIRExportJob", exporting).body, job.body);
  EXPECT_EQ(Call("StartFHIRExportJob", Export(id, R"(,"ClientToken":"t","JobName":"x")")).exception,
            "ValidationException");
}

TEST_F(ControlPlaneTest, RefusesWhatTheModelSaysInWordsOnly) {
  const std::string customer =
      R"({"DatastoreTypeVersion":"R4","SseConfiguration":{"KmsEncryptionConfig":)"
      R"({"CmkType":"CUSTOMER_MANAGED_KMS_KEY"}}})";
  EXPECT_THAT(Call("CreateFHIRDatastore", customer).body.Find("Message")->AsString(),
              HasSubstr("'sseConfiguration.kmsEncryptionConfig.kmsKeyId'"));
  const std::string smart = R"({"DatastoreTypeVersion":"R4","IdentityProviderConfiguration":)"
                            R"({"AuthorizationStrategy":"SMART_ON_FHIR","Metadata":"{}"}})";
  EXPECT_THAT(Call("CreateFHIRDatastore", smart).body.Find("Message")->AsString(),
              HasSubstr("authorization_endpoint"));
  for (const std::string strategy : {"SMART_ON_FHIR", "SMART_ON_FHIR_V1"}) {
    for (const std::string metadata : {"", R"(,"Metadata":null)"}) {
      const Answer without = Call(
          "CreateFHIRDatastore",
          R"({"DatastoreTypeVersion":"R4","IdentityProviderConfiguration":{"AuthorizationStrategy":")" +
              strategy + "\"" + metadata + "}}");
      EXPECT_EQ(without.exception, "ValidationException");
      EXPECT_THAT(without.body.Find("Message")->AsString(),
                  HasSubstr("'identityProviderConfiguration.metadata'"));
    }
  }
}

TEST_F(ControlPlaneTest, KeepsOperationsApartFromEachOther) {
  EXPECT_EQ(internal::ServiceModel().operations.size(), 13u);
  for (const service_model::Operation& operation : internal::ServiceModel().operations) {
    // Every operation has a handler: an empty request reaches it or its members are missed.
    const Answer answer = Call(operation.name, "{}");
    EXPECT_TRUE(answer.exception.empty() || answer.exception == "ValidationException")
        << operation.name;
  }
  const Answer unknown = Call("UpdateFHIRDatastore", "{}");
  EXPECT_EQ(unknown.exception, "UnknownOperationException");
  EXPECT_EQ(unknown.status, 400);
}

TEST_F(ControlPlaneTest, AsksForAuthorizationFirst) {
  const ControlPlane guarded({.page_token_secret = std::string(32, 's'),
                              .authorize = [](const http::Request&) -> Status {
                                return Error{ErrorKind::kUnauthenticated, "who are you"};
                              }},
                             *stores_);
  const http::Response response = guarded.Handle({});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers.Get("x-amzn-ErrorType"), "AccessDeniedException");
}

TEST_F(ControlPlaneTest, FormatsErrorsOfTheServer) {
  const http::Response busy = ErrorResponse(503, {}, "busy");
  EXPECT_EQ(busy.status, 503);
  EXPECT_THAT(busy.body, HasSubstr("ThrottlingException"));
  EXPECT_THAT(ErrorResponse(413, {}, "large").body, HasSubstr("ValidationException"));
  EXPECT_THAT(ErrorResponse(500, {}, "bad").body, HasSubstr("InternalServerException"));
}

TEST(Secret, IsMadeOnceAndChecked) {
  char name[] = "/tmp/tarn-secret-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/key";
  SystemRandom random;
  const auto made = service_model::ReadOrMakeSecret(path, random);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(service_model::ReadOrMakeSecret(path, random).value(), made.value());
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ASSERT_TRUE(WriteFileAtomic(path, "short").ok());
  EXPECT_EQ(service_model::ReadOrMakeSecret(path, random).error().kind, ErrorKind::kCorrupt);
  EXPECT_TRUE(RemoveFolder(name).ok());
}

}  // namespace
}  // namespace tarn::healthlake
