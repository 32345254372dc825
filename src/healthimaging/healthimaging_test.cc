// The surface in one process, over HTTP: what each operation answers, checked against the service
// model, and which exception says what. Real clients: test/clients/healthimaging.test.mjs.
#include "healthimaging/healthimaging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/keyring.h"
#include "dicom/metadata.h"
#include "dicom/test_files.h"
#include "dicom/transfer_syntax.h"
#include "healthimaging/internal/model.h"
#include "http/client.h"
#include "http/server.h"
#include "image_store/p10_reader.h"
#include "json/value.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"
#include "pixels/htj2k.h"
#include "service_model/validator.h"

namespace tarn::healthimaging {
namespace {

using json::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kRole = "arn:aws:iam::123456789012:role/data";

class NoDecoder : public pixels::ForeignDecoder {
 public:
  Result<pixels::NativeFrame> Decode(const pixels::ForeignFrame&) override {
    return Error{ErrorKind::kUnavailable, "no decoder here"};
  }
};

struct Answer {
  int status = 0;
  std::string exception;  // Empty when it went well.
  Value body;             // Null when it is no JSON.
  http::ClientResponse raw;
};

std::string SliceFile(uint16_t sides, const std::string& samples) {
  dicom::test::DataSet data = dicom::test::Identity();
  dicom::test::AddImage({sides, sides, 8, 8}, &data);
  data.Bytes(dicom::kPixelData, "OB", samples);
  return dicom::test::File(dicom::uid::kExplicitVrLittleEndian, data);
}

class HealthImagingTest : public ::testing::Test {
 protected:
  HealthImagingTest() {
    ConfigureLog(LogLevel::kOff, LogFormat::kText);
    char name[] = "/tmp/tarn-healthimaging-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder_ = name;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    Put("in/a.dcm", SliceFile(4, "abcdefghijklmnop"));
    keyring_ = crypto::Keyring::Open(folder_ + "/keys", clock_, random_).value();
    catalogue_ = engine_.Open("catalogue", jobs::CatalogueSchema()).value();
    events_ = jobs::EventLog::Open({.folder = folder_ + "/events"}, *catalogue_,
                                   jobs::kCatalogueEvents, clock_, random_, metrics_)
                  .value();
    Start();
  }
  ~HealthImagingTest() override {
    Stop();
    events_.reset();
    catalogue_.reset();
    (void)RemoveFolder(folder_);
  }

  void Start(std::function<Status(const http::Request&)> authorize = {}) {
    image_store::DataStoresOptions options;
    options.region = "eu-west-1";
    options.account = "123456789012";
    options.frames_folder = folder_ + "/frames";
    options.data_stores_max = 2;
    options.imports_max = 2;
    options.make_unknown_keys = true;
    options.retry_first_ms = 1;
    options.images.copy_frames_max = 2;
    options.make_reader = [this](pixels::LosslessFormat format) {
      return Result<std::unique_ptr<image_store::InstanceReader>>(
          std::make_unique<image_store::P10Reader>(format, decoder_));
    };
    stores_ = image_store::DataStores::Open(options, {engine_, *catalogue_, *objects_, *keyring_,
                                                      *events_, clock_, random_, metrics_})
                  .value();
    imaging_ = std::make_unique<HealthImaging>(
        HealthImagingOptions{.page_token_secret = std::string(32, 's'),
                             .authorize = std::move(authorize)},
        *stores_, clock_);
    http::Router router;
    router.SetErrorFormatter(ErrorResponse);
    imaging_->AddRoutes(&router);
    http::ServerOptions server_options;
    server_options.name = "test";
    server_ =
        http::Server::Start(server_options, std::move(router), metrics_, clock_, random_).value();
    if (run_stores_) stores_->Start();
  }
  void Stop() {
    server_.reset();
    imaging_.reset();
    stores_.reset();
  }

  void Put(const std::string& key, const std::string& bytes) {
    CHECK(objects::WriteObject(*objects_, {"data", key}, bytes, "").ok());
  }

  // Calls an operation; what is answered must keep to the service model, and so must an exception.
  Answer Call(std::string_view operation, const std::string& path, const std::string& body = "") {
    const auto& model = internal::ServiceModel();
    const auto* found = service_model::FindOperation(model, operation);
    CHECK(found != nullptr);
    Answer answer = Send(found->method == "GET"      ? http::Method::kGet
                         : found->method == "DELETE" ? http::Method::kDelete
                                                     : http::Method::kPost,
                         path, body);
    EXPECT_NE(answer.raw.headers.Get("x-amzn-RequestId"), "");
    if (!answer.exception.empty()) {
      EXPECT_THAT(Names(found->errors), ::testing::Contains(answer.exception)) << operation;
      EXPECT_FALSE(answer.body.Find("message")->AsString().empty());
    } else if (answer.body.IsObject()) {
      EXPECT_EQ(answer.status, 200);
      const auto refusal = validator_.Check(found->output_shape, answer.body,
                                            service_model::UnknownMembers::kRefuse);
      EXPECT_FALSE(refusal) << operation << ": " << refusal->message << "\n" << answer.raw.body;
    }
    return answer;
  }
  static std::vector<std::string> Names(std::span<const std::string_view> names) {
    return {names.begin(), names.end()};
  }
  Answer Send(http::Method method, const std::string& path, const std::string& body = "") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(server_->port()) + path;
    request.body = body;
    Answer answer;
    answer.raw = client_.Send(request).value();
    answer.status = answer.raw.status;
    answer.exception = answer.raw.headers.Get("x-amzn-ErrorType");
    if (answer.raw.headers.Get("Content-Encoding").empty()) {
      auto parsed = json::ParseValue(answer.raw.body);
      if (parsed.ok()) answer.body = std::move(parsed).value();
    }
    return answer;
  }
  static std::string TextAt(const Value& value, std::string_view name) {
    const Value* found = value.Find(name);
    return found == nullptr || !found->IsString() ? "" : found->AsString();
  }

  std::string CreateActive(const std::string& name = "one") {
    const Answer made = Call("CreateDatastore", "/datastore",
                             R"({"clientToken":")" + name + R"(","datastoreName":")" + name +
                                 R"(","tags":{"team":"x"}})");
    CHECK(made.status == 200);
    std::string id = TextAt(made.body, "datastoreId");
    WaitFor(id, "ACTIVE");
    return id;
  }
  Value WaitFor(const std::string& id, std::string_view status) {
    for (;;) {
      const Answer answer = Call("GetDatastore", "/datastore/" + id);
      const Value& properties = *answer.body.Find("datastoreProperties");
      if (TextAt(properties, "datastoreStatus") == status) return properties;
      std::this_thread::yield();
    }
  }
  static std::string Import(const std::string& token, const std::string& more = "") {
    return R"({"clientToken":")" + token + R"(","dataAccessRoleArn":")" + std::string(kRole) +
           R"(","inputS3Uri":"s3://data/in/","outputS3Uri":"s3://data/out")" + more + "}";
  }
  Value ImportAll(const std::string& id, const std::string& token) {
    const Answer started =
        Call("StartDICOMImportJob", "/startDICOMImportJob/datastore/" + id, Import(token));
    CHECK(started.status == 200);
    EXPECT_EQ(TextAt(started.body, "jobStatus"), "SUBMITTED");
    for (;;) {
      const Answer job = Call("GetDICOMImportJob", "/getDICOMImportJob/datastore/" + id + "/job/" +
                                                       TextAt(started.body, "jobId"));
      const Value& properties = *job.body.Find("jobProperties");
      const std::string status = TextAt(properties, "jobStatus");
      if (status == "COMPLETED" || status == "FAILED") return properties;
      std::this_thread::yield();
    }
  }
  // The paths of the operations of one image set, and its id.
  std::string OnlyImageSet(const std::string& id) {
    const Answer found = Call("SearchImageSets", "/datastore/" + id + "/searchImageSets", "{}");
    const auto& sets = found.body.Find("imageSetsMetadataSummaries")->items();
    CHECK(sets.size() == 1);
    return TextAt(sets[0], "imageSetId");
  }
  Value Settled(const std::string& set_path) {
    for (;;) {
      const Answer answer = Call("GetImageSet", set_path + "/getImageSet");
      if (TextAt(answer.body, "imageSetState") != "LOCKED") return answer.body;
      std::this_thread::yield();
    }
  }

  std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  NoDecoder decoder_;
  service_model::Validator validator_{internal::ServiceModel()};
  http::Client client_{{.egress = http::Egress::kLoopbackOnly}};
  kv::FakeEngine engine_;
  bool run_stores_ = true;
  std::string primary_;  // The image set that copies are made of.
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<crypto::Keyring> keyring_;
  std::unique_ptr<kv::Store> catalogue_;
  std::unique_ptr<jobs::EventLog> events_;
  std::unique_ptr<image_store::DataStores> stores_;
  std::unique_ptr<HealthImaging> imaging_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HealthImagingTest, ALifeThroughAllOperations) {
  const std::string id = CreateActive();
  const Answer listed = Call("ListDatastores", "/datastore?datastoreStatus=ACTIVE&maxResults=1");
  ASSERT_EQ(listed.body.Find("datastoreSummaries")->items().size(), 1u);
  const Value job = ImportAll(id, "t1");
  EXPECT_EQ(TextAt(job, "jobStatus"), "COMPLETED");
  EXPECT_EQ(TextAt(job, "outputS3Uri"),
            "s3://data/out/" + id + "-DicomImport-" + TextAt(job, "jobId") + "/");
  const Answer jobs = Call("ListDICOMImportJobs", "/listDICOMImportJobs/datastore/" + id);
  EXPECT_EQ(jobs.body.Find("jobSummaries")->items().size(), 1u);

  const std::string set = OnlyImageSet(id);
  const std::string path = "/datastore/" + id + "/imageSet/" + set;
  Answer got = Call("GetImageSet", path + "/getImageSet");
  EXPECT_EQ(TextAt(got.body, "versionId"), "1");
  EXPECT_EQ(TextAt(got.body, "imageSetWorkflowStatus"), "CREATED");
  const std::string arn = TextAt(got.body, "imageSetArn");

  const std::string updates =
      Base64Encode(R"({"SchemaVersion":1.1,"Patient":{"DICOM":{"PatientName":"OTHER^ONE"}}})");
  const Answer updating =
      Call("UpdateImageSetMetadata", path + "/updateImageSetMetadata?latestVersion=1",
           R"({"DICOMUpdates":{"updatableAttributes":")" + updates + "\"}}");
  EXPECT_EQ(TextAt(updating.body, "latestVersionId"), "2");
  EXPECT_EQ(TextAt(updating.body, "imageSetState"), "LOCKED");
  EXPECT_EQ(TextAt(Settled(path), "imageSetWorkflowStatus"), "UPDATED");
  const Answer versions = Call("ListImageSetVersions", path + "/listImageSetVersions", "{}");
  const auto& list = versions.body.Find("imageSetPropertiesList")->items();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(TextAt(list[0], "ImageSetWorkflowStatus"), "UPDATED");

  const Answer copying =
      Call("CopyImageSet", path + "/copyImageSet", R"({"sourceImageSet":{"latestVersionId":"2"}})");
  const std::string copy =
      TextAt(*copying.body.Find("destinationImageSetProperties"), "imageSetId");
  const std::string copy_path = "/datastore/" + id + "/imageSet/" + copy;
  EXPECT_EQ(TextAt(Settled(copy_path), "imageSetWorkflowStatus"), "COPIED");
  Settled(path);

  EXPECT_EQ(Call("TagResource", "/tags/" + arn, R"({"tags":{"a":"1","b":"2"}})").status, 200);
  EXPECT_EQ(Call("UntagResource", "/tags/" + arn + "?tagKeys=a").status, 200);
  const Answer tags = Call("ListTagsForResource", "/tags/" + arn);
  EXPECT_EQ(json::ToText(*tags.body.Find("tags")), R"({"b":"2"})");

  EXPECT_EQ(Call("DeleteDatastore", "/datastore/" + id).exception, "ConflictException");
  for (const std::string& each : {path, copy_path}) {
    const Answer deleting = Call("DeleteImageSet", each + "/deleteImageSet", "{}");
    EXPECT_EQ(TextAt(deleting.body, "imageSetWorkflowStatus"), "DELETING");
    EXPECT_EQ(TextAt(Settled(each), "imageSetState"), "DELETED");
  }
  EXPECT_EQ(Call("DeleteDatastore", "/datastore/" + id).status, 200);
  WaitFor(id, "DELETED");
}

TEST_F(HealthImagingTest, ContentIsServedAsItIsStored) {
  const std::string id = CreateActive();
  ImportAll(id, "t1");
  const std::string path = "/datastore/" + id + "/imageSet/" + OnlyImageSet(id);
  const Answer metadata = Call("GetImageSetMetadata", path + "/getImageSetMetadata", "{}");
  EXPECT_EQ(metadata.raw.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(metadata.raw.headers.Get("Content-Encoding"), "gzip");
  const auto tree = dicom::MetadataTree::FromGzip(metadata.raw.body);
  ASSERT_TRUE(tree.ok());
  const dicom::PixelRecord pixels = tree.value().Pixels("1.2.3.4", "1.2.3.4.5").value();
  ASSERT_EQ(pixels.frames.size(), 1u);

  const std::string& frame_id = pixels.frames[0].id;
  const Answer frame =
      Call("GetImageFrame", path + "/getImageFrame", R"({"imageFrameId":")" + frame_id + "\"}");
  EXPECT_EQ(frame.status, 200);
  EXPECT_EQ(frame.raw.headers.Get("Content-Type"), "image/jph");
  EXPECT_EQ(frame.raw.body.size(), pixels.frames[0].frame_bytes);
  EXPECT_EQ(pixels::DecodeOwnHtj2k(frame.raw.body).value().samples, "abcdefghijklmnop");
  const Answer by_url = Send(http::Method::kGet, path + "/getImageFrame?imageFrameId=" + frame_id);
  EXPECT_EQ(by_url.raw.body, frame.raw.body);
  EXPECT_EQ(by_url.raw.headers.Get("ETag"), "\"" + frame_id + "\"");
  const Answer no_frame = Call("GetImageFrame", path + "/getImageFrame",
                               R"({"imageFrameId":")" + std::string(32, '0') + "\"}");
  EXPECT_EQ(no_frame.exception, "ResourceNotFoundException");
}

TEST_F(HealthImagingTest, ExceptionsSayWhatIsWrong) {
  const std::string id = CreateActive();
  ImportAll(id, "t1");
  const std::string nobody(32, '0');
  const std::string path = "/datastore/" + id + "/imageSet/" + OnlyImageSet(id);
  struct Case {
    const char* operation;
    std::string path, body;
    int status;
    const char* exception;
  };
  const std::string copy_of_old = R"({"sourceImageSet":{"latestVersionId":"7"}})";
  for (const Case& c : {
           Case{"GetDatastore", "/datastore/" + nobody, "", 404, "ResourceNotFoundException"},
           Case{"GetDatastore", "/datastore/short", "", 400, "ValidationException"},
           Case{"CreateDatastore", "/datastore", "{}", 400, "ValidationException"},
           Case{"CreateDatastore", "/datastore", "{", 400, "ValidationException"},
           Case{"StartDICOMImportJob", "/startDICOMImportJob/datastore/" + id,
                Import("t9", R"(,"importConfiguration":{})"), 400, "ValidationException"},
           Case{"GetDICOMImportJob", "/getDICOMImportJob/datastore/" + id + "/job/none", "", 404,
                "ResourceNotFoundException"},
           Case{"GetImageSet", path + "/getImageSet?version=9", "", 404,
                "ResourceNotFoundException"},
           Case{"GetImageFrame", path + "/getImageFrame", "{}", 400, "ValidationException"},
           Case{"CopyImageSet", path + "/copyImageSet", copy_of_old, 404,
                "ResourceNotFoundException"},
           Case{"SearchImageSets", "/datastore/" + id + "/searchImageSets?maxResults=51", "{}", 400,
                "ValidationException"},
           Case{"ListTagsForResource",
                "/tags/arn:aws:medical-imaging:eu-west-1:123456789012:" +
                    std::string("datastore/") + nobody,
                "", 404, "ResourceNotFoundException"},
       }) {
    SCOPED_TRACE(c.path + " " + c.body);
    const Answer answer = Call(c.operation, c.path, c.body);
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.exception, c.exception);
  }
}

// At each bound the request is taken, one beyond it is refused or ends as the service ends it.
TEST_F(HealthImagingTest, QuotasHoldAtTheirBounds) {
  const std::string id = CreateActive("one");
  CreateActive("two");
  const Answer third = Call("CreateDatastore", "/datastore", R"({"clientToken":"three"})");
  EXPECT_EQ(third.status, 402);
  EXPECT_EQ(third.exception, "ServiceQuotaExceededException");

  // Two frames may be copied, three may not.
  for (const uint32_t frames : {2u, 3u}) {
    SCOPED_TRACE(frames);
    dicom::test::DataSet data = dicom::test::Identity();
    dicom::test::AddImage({2, 2, 8, 8, frames}, &data);
    std::string samples(4 * frames, 'x');
    data.Bytes(dicom::kPixelData, "OB", samples);
    Put("in/a.dcm", dicom::test::File(dicom::uid::kExplicitVrLittleEndian, data));
    const std::string token = "frames-" + std::to_string(frames);
    EXPECT_EQ(TextAt(ImportAll(id, token), "jobStatus"), "COMPLETED");
    const std::string set = primary_.empty() ? OnlyImageSet(id) : primary_;
    primary_ = set;
    const std::string path = "/datastore/" + id + "/imageSet/" + set;
    const std::string version = TextAt(Settled(path), "versionId");
    const Answer copying = Call("CopyImageSet", path + "/copyImageSet",
                                R"({"sourceImageSet":{"latestVersionId":")" + version + "\"}}");
    ASSERT_EQ(copying.status, 200);
    const Value source = Settled(path);
    EXPECT_EQ(TextAt(source, "imageSetWorkflowStatus"), frames == 2 ? "COPIED" : "COPY_FAILED");
    EXPECT_EQ(TextAt(source, "message").empty(), frames == 2);
  }

  // Two jobs wait, since nothing runs them; a third one is refused.
  Stop();
  run_stores_ = false;
  Start();
  for (const char* token : {"w1", "w2", "w3"}) {
    SCOPED_TRACE(token);
    const Answer started =
        Call("StartDICOMImportJob", "/startDICOMImportJob/datastore/" + id, Import(token));
    const bool refused = std::string_view(token) == "w3";
    EXPECT_EQ(started.status, refused ? 402 : 200);
    EXPECT_EQ(started.exception, refused ? "ServiceQuotaExceededException" : "");
  }
}

TEST_F(HealthImagingTest, PagesAreBoundToTheirRequest) {
  CreateActive("one");
  CreateActive("two");
  const Answer first = Call("ListDatastores", "/datastore?maxResults=1");
  const std::string token = TextAt(first.body, "nextToken");
  ASSERT_FALSE(token.empty());
  const Answer second = Call("ListDatastores", "/datastore?maxResults=1&nextToken=" + token);
  EXPECT_EQ(second.body.Find("nextToken"), nullptr);
  EXPECT_NE(first.body.Find("datastoreSummaries")->items().at(0).Find("datastoreId")->AsString(),
            second.body.Find("datastoreSummaries")->items().at(0).Find("datastoreId")->AsString());
  EXPECT_EQ(
      Call("ListDatastores", "/datastore?datastoreStatus=ACTIVE&nextToken=" + token).exception,
      "ValidationException");
}

TEST_F(HealthImagingTest, AsksForAuthorizationFirst) {
  Stop();
  Start([](const http::Request& request) -> Status {
    if (request.headers.Get("authorization").empty()) {
      return Error{ErrorKind::kUnauthenticated, "no signature"};
    }
    return Ok();
  });
  EXPECT_EQ(Call("ListDatastores", "/datastore").exception, "AccessDeniedException");
  const Answer by_url = Send(http::Method::kGet, "/datastore/x/imageSet/y/getImageFrame");
  EXPECT_EQ(by_url.exception, "AccessDeniedException");
}

TEST(ImagingPaths, AreTold) {
  for (const char* path : {"/datastore", "/datastore/x", "/startDICOMImportJob/y", "/tags/arn"}) {
    EXPECT_TRUE(IsImagingPath(path)) << path;
  }
  for (const char* path : {"/", "/datastores", "/health", "/tag"}) {
    EXPECT_FALSE(IsImagingPath(path)) << path;
  }
}

}  // namespace
}  // namespace tarn::healthimaging
