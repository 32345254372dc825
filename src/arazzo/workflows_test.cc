// The workflows of this repository, workflows/: no finding under the strict reading, and run
// against a scripted service through every state that it may pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "arazzo/internal/test_world.h"
#include "base/file.h"

namespace tarn::arazzo {
namespace {

using testing::HasSubstr;

constexpr std::string_view kFolder = TARN_SOURCE_DIR "/workflows/";

class Files final : public DocumentFetcher {
 public:
  Result<FetchedDocument> Fetch(const std::string&, const std::string& url) override {
    TRY(std::string bytes, ReadFile(url, 1u << 20));
    return FetchedDocument{url, std::move(bytes)};
  }
};

Program Load(const std::string& name) {
  Files files;
  const std::string path = std::string(kFolder) + name;
  return LoadProgram(ReadFile(path, 1u << 20).value(), path, Reading::kStrict, files);
}

TEST(Workflows, AreWithoutFindings) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".yaml") continue;
    const Program program = Load(entry.path().filename().string());
    for (const Diagnostic& diagnostic : program.diagnostics) ADD_FAILURE() << ToText(diagnostic);
    ++count;
  }
  EXPECT_EQ(count, 7u);
}

// Answers by operation; what is described takes the states in turn, the last one for ever.
class Service {
 public:
  explicit Service(std::vector<std::string> states) : states_(std::move(states)) {}

  Result<HttpReply> Answer(const OutgoingRequest& request, const ApiOperation& operation) {
    (void)request;
    const std::string& id = operation.id;
    if (id.starts_with("Describe") || id == "GetDatastore" || id == "GetDICOMImportJob") {
      const std::string state = states_[std::min(described_++, states_.size() - 1)];
      if (state == "GONE") {
        HttpReply reply = Json(400, R"({"__type":"ResourceNotFoundException"})");
        reply.headers.emplace_back("x-amzn-ErrorType", "ResourceNotFoundException");
        return reply;
      }
      if (id.find("Job") != id.npos) {
        return Json(200, R"({"ImportJobProperties":{"JobStatus":")" + state +
                             R"(","JobProgressReport":{}},"ExportJobProperties":{"JobStatus":")" +
                             state + R"(","OutputDataConfig":{"S3Configuration":{"S3Uri":"u"}}},)" +
                             R"("jobProperties":{"jobStatus":")" + state + "\"}}");
      }
      return Json(200,
                  R"({"DatastoreProperties":{"DatastoreStatus":")" + state +
                      R"(","DatastoreEndpoint":"e"},"datastoreProperties":{"datastoreStatus":")" +
                      state + "\"}}");
    }
    if (id == "ListFHIRDatastores") {
      return Json(200, R"({"DatastorePropertiesList":[{"DatastoreId":"d"}]})");
    }
    if (id == "ListTagsForResource") return Json(200, R"({"Tags":[{"Key":"k","Value":"v"}]})");
    return Json(200, R"({"DatastoreId":"d","DatastoreArn":"a","JobId":"j","datastoreId":"d",)"
                     R"("jobId":"j"})");
  }

 private:
  std::vector<std::string> states_;
  size_t described_ = 0;
};

constexpr std::string_view kJob =
    R"({"DatastoreId":"d","InputS3Uri":"s3://b/i","OutputS3Uri":"s3://b/o/","KmsKeyId":"k",
        "DataAccessRoleArn":"r","DatastoreName":"n","Date":"2026-01-31"})";
constexpr std::string_view kImaging =
    R"({"datastoreName":"n","datastoreId":"d","dataAccessRoleArn":"r","inputS3Uri":"i/",
        "outputS3Uri":"o/"})";

TEST(Workflows, RunThroughTheirStates) {
  struct Row {
    std::string file, workflow;
    std::string_view inputs;
    std::vector<std::string> states;
    RunStatus status;
    std::string outputs;
    size_t requests;
  };
  for (
      const Row& row : {
          Row{"healthlake-provision-datastore.yaml",
              "",
              R"({"DatastoreName":"n"})",
              {"CREATING", "CREATING", "ACTIVE"},
              RunStatus::kEnded,
              R"({"DatastoreId":"d","DatastoreArn":"a","DatastoreStatus":"ACTIVE","DatastoreEndpoint":"e"})",
              4},
          Row{"healthlake-provision-datastore.yaml",
              "",
              R"({"DatastoreName":"n"})",
              {"CREATING", "CREATE_FAILED"},
              RunStatus::kStepFailed,
              "",
              3},
          Row{"healthlake-provision-datastore.yaml",
              "",
              R"({"DatastoreName":"n"})",
              {"DELETING"},
              RunStatus::kUnhandledState,
              "",
              2},
          Row{"healthlake-import.yaml",
              "",
              kJob,
              {"SUBMITTED", "QUEUED", "IN_PROGRESS", "CANCEL_SUBMITTED", "COMPLETED_WITH_ERRORS"},
              RunStatus::kEnded,
              R"({"JobId":"j","JobStatus":"COMPLETED_WITH_ERRORS","JobProgressReport":{}})",
              6},
          Row{"healthlake-import.yaml", "", kJob, {"FAILED"}, RunStatus::kStepFailed, "", 2},
          Row{"healthlake-import.yaml",
              "",
              kJob,
              {"CANCEL_IN_PROGRESS", "CANCEL_COMPLETED"},
              RunStatus::kStepFailed,
              "",
              3},
          Row{"healthlake-export.yaml",
              "",
              kJob,
              {"SUBMITTED", "COMPLETED"},
              RunStatus::kEnded,
              R"({"JobId":"j","JobStatus":"COMPLETED","OutputS3Uri":"u"})",
              3},
          Row{"healthlake-export.yaml",
              "",
              kJob,
              {"CANCEL_FAILED"},
              RunStatus::kUnhandledState,
              "",
              2},
          Row{"healthlake-nightly-export.yaml",
              "",
              kJob,
              {"IN_PROGRESS", "COMPLETED"},
              RunStatus::kEnded,
              R"({"DatastoreId":"d","JobId":"j","JobStatus":"COMPLETED","OutputS3Uri":"u"})",
              4},
          Row{"healthlake-nightly-export.yaml",
              "",
              kJob,
              {"FAILED"},
              RunStatus::kStepFailed,
              "",
              3},
          Row{"healthlake-delete-datastore.yaml",
              "",
              R"({"DatastoreId":"d"})",
              {"DELETING", "DELETED"},
              RunStatus::kEnded,
              R"({"DatastoreStatus":"DELETED"})",
              3},
          Row{"healthlake-delete-datastore.yaml",
              "",
              R"({"DatastoreId":"d"})",
              {"DELETING", "GONE"},
              RunStatus::kEnded,
              "{}",
              3},
          Row{"healthlake-tag-datastore.yaml",
              "",
              R"({"DatastoreArn":"a"})",
              {"-"},
              RunStatus::kEnded,
              R"({"Tags":[{"Key":"k","Value":"v"}]})",
              3},
          Row{"healthimaging-import.yaml",
              "provision-datastore",
              kImaging,
              {"CREATING", "ACTIVE"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","datastoreStatus":"ACTIVE"})",
              3},
          Row{"healthimaging-import.yaml",
              "provision-datastore",
              kImaging,
              {"CREATE_FAILED"},
              RunStatus::kStepFailed,
              "",
              2},
          Row{"healthimaging-import.yaml",
              "import",
              kImaging,
              {"SUBMITTED", "IN_PROGRESS", "COMPLETED"},
              RunStatus::kEnded,
              R"({"jobId":"j","jobStatus":"COMPLETED"})",
              4},
          Row{"healthimaging-import.yaml",
              "import",
              kImaging,
              {"SUBMITTED", "FAILED"},
              RunStatus::kStepFailed,
              "",
              3},
          Row{"healthimaging-import.yaml",
              "onboard",
              kImaging,
              {"ACTIVE", "SUBMITTED", "COMPLETED"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","jobId":"j","jobStatus":"COMPLETED"})",
              5},
      }) {
    SCOPED_TRACE(row.file + " " + row.workflow + " " + row.states.back());
    const Program program = Load(row.file);
    ASSERT_NE(program.root, nullptr);
    World world;
    Service service(row.states);
    world.server = [&](const OutgoingRequest& request, const ApiOperation& operation) {
      return service.Answer(request, operation);
    };
    RunOptions options;
    options.run_id = "r";
    options.server = "http://127.0.0.1";
    options.reading = Reading::kStrict;
    const RunResult result =
        RunWorkflow(program, row.workflow, ParseJson(row.inputs), options, {world, world, world})
            .value();
    EXPECT_EQ(result.status, row.status) << result.message;
    EXPECT_EQ(world.requests.size(), row.requests);
    // The last state seen is the one that is told, also of a run that failed.
    if (row.status == RunStatus::kStepFailed && row.states.back() != "CREATE_FAILED") {
      EXPECT_THAT(json::ToText(result.outputs),
                  testing::AnyOf(HasSubstr(row.states.back()), testing::Eq("{}")));
    }
    if (row.status == RunStatus::kEnded) {
      EXPECT_EQ(json::ToText(result.outputs), row.outputs);
    }
  }
}

// What has an effect carries a token, so that a repeated run does it once.
TEST(Workflows, NightlyExportIsOneJobANight) {
  const Program program = Load("healthlake-nightly-export.yaml");
  World world;
  Service service({"COMPLETED"});
  world.server = [&](const OutgoingRequest& request, const ApiOperation& operation) {
    return service.Answer(request, operation);
  };
  RunOptions options;
  options.server = "http://127.0.0.1";
  for (const std::string_view run : {"first", "second"}) {
    options.run_id = run;
    ASSERT_TRUE(RunWorkflow(program, "", ParseJson(kJob), options, {world, world, world}).ok());
  }
  ASSERT_EQ(world.requests.size(), 6u);
  EXPECT_THAT(world.requests[1].body, HasSubstr(R"("ClientToken":"nightly-n-2026-01-31")"));
  EXPECT_THAT(world.requests[1].body, HasSubstr(R"("S3Uri":"s3://b/o/2026-01-31/")"));
  EXPECT_EQ(world.requests[1].body, world.requests[4].body);
}

}  // namespace
}  // namespace tarn::arazzo
