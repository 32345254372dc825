// `tarn demo`: a first session against a server of its own, over the same wire as any client:
// synthetic patients into s3://demo/, a data store, an import, an export, and what they came to.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "cli/progress.h"
#include "cli/serve_options.h"
#include "cli/services.h"
#include "cli/verbs.h"
#include "http/client.h"
#include "json/value.h"
#include "synth/ndjson_files.h"
#include "synth/patients.h"

namespace tarn::cli {
namespace {

using json::Value;

constexpr std::string_view kBucket = "demo";
constexpr std::string_view kStoreName = "demo";
// Written last, so that its presence says that the upload was whole.
constexpr std::string_view kMarkerKey = "patients.uploaded";
// One object of patients; at most one for each type is in memory.
constexpr size_t kPieceBytes = 4u << 20;
constexpr uint64_t kManifestBytesMax = 16u << 20;
constexpr auto kPollInterval = std::chrono::milliseconds(50);
constexpr std::string_view kRole = "arn:aws:iam::000000000000:role/demo";
constexpr std::string_view kKey = "alias/demo";

struct DemoOptions {
  ServeOptions serve;
  uint64_t patients = 200;
  bool once = false;
};

Value Text(std::string_view text) { return Value::String(std::string(text)); }

// The endpoints of one server and the calls that the session makes.
class Session {
 public:
  Session(std::string api_url, std::string s3_url)
      : api_url_(std::move(api_url)), s3_url_(std::move(s3_url)), client_({}) {}

  // One HealthLake operation (awsJson1_0).
  Result<Value> Call(std::string_view operation, const Value& request) {
    http::ClientRequest http;
    http.method = http::Method::kPost;
    http.url = api_url_ + "/";
    http.headers.Add("content-type", "application/x-amz-json-1.0");
    http.headers.Add("x-amz-target", "HealthLake." + std::string(operation));
    http.body = json::ToText(request);
    TRY(const http::ClientResponse response, client_.Send(http));
    if (response.status != 200) {
      return Error{ErrorKind::kUnavailable, std::string(operation) + ": " + response.body};
    }
    return json::ParseValue(response.body);
  }

  // One S3 request; errors for a status of 300 and more.
  Result<int> S3(http::Method method, std::string_view path, std::string body) {
    http::ClientRequest http;
    http.method = method;
    http.url = s3_url_ + std::string(path);
    http.body = std::move(body);
    TRY(const http::ClientResponse response, client_.Send(http));
    return response.status;
  }

  // The bytes of an object.
  Result<std::string> Get(const std::string& path) {
    http::ClientRequest http;
    http.url = s3_url_ + path;
    http.response_bytes_max = kManifestBytesMax;
    TRY(http::ClientResponse response, client_.Send(http));
    if (response.status != 200) {
      return Internal("GET " + path + ": status " + std::to_string(response.status));
    }
    return std::move(response.body);
  }

  // Calls a Describe operation until `status_of` gives none of the passing states.
  template <typename StatusOf>
  Result<Value> Poll(std::string_view operation, const Value& request, StatusOf status_of) {
    for (;;) {
      TRY(Value answer, Call(operation, request));
      const std::string status = status_of(answer);
      if (status != "CREATING" && status != "SUBMITTED" && status != "QUEUED" &&
          status != "IN_PROGRESS") {
        return answer;
      }
      std::this_thread::sleep_for(kPollInterval);
    }
  }

 private:
  const std::string api_url_;
  const std::string s3_url_;
  http::Client client_;
};

std::string TextOf(const Value* value) {
  return value != nullptr && value->IsString() ? value->AsString() : std::string();
}

double NumberOf(const Value* value) {
  return value != nullptr && value->IsNumber() ? value->AsDouble() : 0;
}

Status Put(Session* session, std::string_view key, std::string body) {
  const std::string path = "/" + std::string(kBucket) + "/" + std::string(key);
  TRY(const int status, session->S3(http::Method::kPut, path, std::move(body)));
  if (status != 200) return Internal("PUT " + path + ": status " + std::to_string(status));
  return Ok();
}

// Makes the patients and puts them as NDJSON objects of one type each, unless they are there.
// Returns how many resources that were; 0: they are there, and nobody counted.
Result<uint64_t> Upload(Session* session, uint64_t patients) {
  const std::string marker = "/" + std::string(kBucket) + "/" + std::string(kMarkerKey);
  TRY(const int present, session->S3(http::Method::kHead, marker, ""));
  if (present == 200) {
    std::printf("patients are in s3://%s/ already\n", std::string(kBucket).c_str());
    return uint64_t{0};
  }
  TRY(const int made, session->S3(http::Method::kPut, "/" + std::string(kBucket), ""));
  if (made != 200 && made != 409) return Internal("cannot make the bucket demo");
  std::map<std::string, uint32_t, std::less<>> pieces;  // By type.
  uint64_t resources = 0;
  uint64_t bytes = 0;
  Status sent = Ok();
  const synth::NdjsonBlocks::BlockSink send = [&](std::string_view type, std::string_view block) {
    if (!sent.ok()) return;
    char number[16];
    std::snprintf(number, sizeof number, "-%04u", pieces[std::string(type)]++);
    sent = Put(session, "patients/" + std::string(type) + number + ".ndjson", std::string(block));
  };
  {
    ProgressBar bar("generate and upload", patients);
    synth::PatientGenerator generator({.patients = patients});
    synth::NdjsonBlocks blocks(kPieceBytes);
    while (sent.ok() && generator.Next([&](std::string_view type, std::string_view line) {
      blocks.Add(type, line, send);
      ++resources;
      bytes += line.size() + 1;
    })) {
      bar.Update(generator.patients_done());
    }
    blocks.Flush(send);
    TRY(sent);
    bar.Update(patients);
  }
  TRY(Put(session, kMarkerKey, ""));
  std::printf("generated  %s synthetic patients: %s resources, %.1f MB, now in s3://%s/patients/\n",
              WithThousands(patients).c_str(), WithThousands(resources).c_str(),
              static_cast<double>(bytes) / 1e6, std::string(kBucket).c_str());
  return resources;
}

// The ACTIVE data store named demo; made when there is none.
Result<Value> FindOrCreateStore(Session* session) {
  Value filter = Value::MakeObject();
  filter.Set("DatastoreName", Text(kStoreName)).Set("DatastoreStatus", Text("ACTIVE"));
  TRY(Value listed,
      session->Call("ListFHIRDatastores", Value::MakeObject().Set("Filter", std::move(filter))));
  const Value* list = listed.Find("DatastorePropertiesList");
  if (list != nullptr && list->IsArray() && !list->items().empty()) {
    std::printf("data store demo is there already\n");
    return list->items().front();
  }
  Value create = Value::MakeObject();
  create.Set("DatastoreTypeVersion", Text("R4")).Set("DatastoreName", Text(kStoreName));
  TRY(const Value created, session->Call("CreateFHIRDatastore", create));
  Value describe = Value::MakeObject();
  describe.Set("DatastoreId", Text(TextOf(created.Find("DatastoreId"))));
  TRY(const Value answer, session->Poll("DescribeFHIRDatastore", describe, [](const Value& polled) {
    const Value* properties = polled.Find("DatastoreProperties");
    return properties == nullptr ? "" : TextOf(properties->Find("DatastoreStatus"));
  }));
  const Value* properties = answer.Find("DatastoreProperties");
  if (properties == nullptr || TextOf(properties->Find("DatastoreStatus")) != "ACTIVE") {
    return Internal("the data store did not become ACTIVE: " + json::ToText(answer));
  }
  return *properties;
}

// The names that differ between import and export.
struct JobWords {
  const char* noun;
  const char* start;
  const char* describe;
  const char* list;
  const char* properties;
  const char* list_member;
};
constexpr JobWords kImport = {"import",
                              "StartFHIRImportJob",
                              "DescribeFHIRImportJob",
                              "ListFHIRImportJobs",
                              "ImportJobProperties",
                              "ImportJobPropertiesList"};
constexpr JobWords kExport = {"export",
                              "StartFHIRExportJob",
                              "DescribeFHIRExportJob",
                              "ListFHIRExportJobs",
                              "ExportJobProperties",
                              "ExportJobPropertiesList"};

// The newest completed job of this data store, or one that is started now and waited for.
Result<Value> FindOrRunJob(Session* session, const JobWords& words, const std::string& store_id,
                           const Value& start,
                           const std::function<void(const Value& properties)>& progress) {
  Value list = Value::MakeObject();
  list.Set("DatastoreId", Text(store_id)).Set("JobStatus", Text("COMPLETED"));
  TRY(const Value listed, session->Call(words.list, list));
  const Value* jobs = listed.Find(words.list_member);
  Value describe = Value::MakeObject();
  describe.Set("DatastoreId", Text(store_id));
  if (jobs != nullptr && jobs->IsArray() && !jobs->items().empty()) {
    describe.Set("JobId", Text(TextOf(jobs->items().front().Find("JobId"))));
    std::printf("a completed %s is there already; its figures are shown\n", words.noun);
  } else {
    TRY(const Value started, session->Call(words.start, start));
    describe.Set("JobId", Text(TextOf(started.Find("JobId"))));
  }
  TRY(const Value answer, session->Poll(words.describe, describe, [&](const Value& polled) {
    const Value* properties = polled.Find(words.properties);
    if (properties == nullptr) return std::string();
    progress(*properties);
    return TextOf(properties->Find("JobStatus"));
  }));
  const Value* properties = answer.Find(words.properties);
  if (properties == nullptr || TextOf(properties->Find("JobStatus")) != "COMPLETED") {
    return Internal(std::string(words.start) + " did not complete: " + json::ToText(answer));
  }
  return *properties;
}

Value OutputTo(std::string_view prefix) {
  Value s3 = Value::MakeObject();
  s3.Set("S3Uri", Text("s3://" + std::string(kBucket) + "/" + std::string(prefix)))
      .Set("KmsKeyId", Text(kKey));
  return Value::MakeObject().Set("S3Configuration", std::move(s3));
}

Result<Value> Import(Session* session, const std::string& store_id, uint64_t resources) {
  Value start = Value::MakeObject();
  start.Set("DatastoreId", Text(store_id))
      .Set("JobName", Text("demo"))
      .Set("InputDataConfig", Value::MakeObject().Set("S3Uri", Text("s3://demo/patients/")))
      .Set("JobOutputDataConfig", OutputTo("import/"))
      .Set("DataAccessRoleArn", Text(kRole));
  ProgressBar bar("import", resources);
  return FindOrRunJob(session, kImport, store_id, start, [&](const Value& properties) {
    const Value* report = properties.Find("JobProgressReport");
    if (report == nullptr) return;
    bar.Update(static_cast<uint64_t>(NumberOf(report->Find("TotalNumberOfResourcesImported"))));
  });
}

Result<Value> Export(Session* session, const std::string& store_id) {
  Value start = Value::MakeObject();
  start.Set("DatastoreId", Text(store_id))
      .Set("JobName", Text("demo"))
      .Set("OutputDataConfig", OutputTo("export/"))
      .Set("DataAccessRoleArn", Text(kRole));
  return FindOrRunJob(session, kExport, store_id, start, [](const Value&) {});
}

double SecondsOf(const Value& job) {
  return std::max(0.001, NumberOf(job.Find("EndTime")) - NumberOf(job.Find("SubmitTime")));
}

void PrintRate(double count, double seconds) {
  std::printf(" in %.2f s: %s resources/s\n", seconds,
              WithThousands(static_cast<uint64_t>(count / seconds)).c_str());
}

void PrintImport(const Value& job) {
  const Value* report = job.Find("JobProgressReport");
  const auto figure = [report](std::string_view name) {
    return report == nullptr ? 0 : NumberOf(report->Find(name));
  };
  const double resources = figure("TotalNumberOfResourcesImported");
  std::printf("imported   %s resources, %.1f MB",
              WithThousands(static_cast<uint64_t>(resources)).c_str(),
              figure("TotalSizeOfScannedFilesInMB"));
  PrintRate(resources, SecondsOf(job));
}

// What the export says of itself: the service's API has no counts for exports, its manifest does.
Status PrintExport(Session* session, const Value& job) {
  const Value* output = job.Find("OutputDataConfig");
  const Value* s3 = output == nullptr ? nullptr : output->Find("S3Configuration");
  const std::string uri = s3 == nullptr ? "" : TextOf(s3->Find("S3Uri"));
  constexpr std::string_view kScheme = "s3:/";
  if (!uri.starts_with(kScheme)) return Internal("the export does not say where its files are");
  TRY(const std::string text, session->Get(uri.substr(kScheme.size()) + "Manifest.json"));
  TRY(const Value manifest, json::ParseValue(text));
  const Value* files = manifest.Find("output");
  if (files == nullptr || !files->IsArray()) return Internal("the export's manifest has no output");
  double resources = 0;
  for (const Value& file : files->items()) resources += NumberOf(file.Find("count"));
  std::printf("exported   %s resources, %zu files",
              WithThousands(static_cast<uint64_t>(resources)).c_str(), files->items().size());
  PrintRate(resources, SecondsOf(job));
  std::printf("files are in %s\n", uri.c_str());
  return Ok();
}

std::string FirstPatientId(uint64_t patients) {
  std::string id;
  synth::PatientGenerator generator({.patients = patients});
  while (id.empty() && generator.Next([&](std::string_view type, std::string_view line) {
    if (type != "Patient" || !id.empty()) return;
    const auto patient = json::ParseValue(line);
    if (patient.ok()) id = TextOf(patient.value().Find("id"));
  })) {
  }
  return id;
}

void PrintNextSteps(const Services& services, const Value& store, const DemoOptions& options) {
  std::printf(
      "\nTry next:\n"
      "  aws healthlake list-fhir-datastores --endpoint-url %s --region %s --no-sign-request\n"
      "  curl %sPatient/%s\n"
      "  build/release/tarn synth patients --patients 1000 --out %s/s3/demo/more\n",
      services.api_url().c_str(), options.serve.region.c_str(),
      TextOf(store.Find("DatastoreEndpoint")).c_str(), FirstPatientId(options.patients).c_str(),
      options.serve.data.c_str());
  std::fflush(stdout);
}

Status RunSession(const Services& services, const DemoOptions& options) {
  Session session(services.api_url(), services.s3_url());
  TRY(const uint64_t resources, Upload(&session, options.patients));
  TRY(const Value store, FindOrCreateStore(&session));
  const std::string store_id = TextOf(store.Find("DatastoreId"));
  std::printf("data store %s\n", TextOf(store.Find("DatastoreEndpoint")).c_str());
  TRY(const Value import_job, Import(&session, store_id, resources));
  PrintImport(import_job);
  TRY(const Value export_job, Export(&session, store_id));
  TRY(PrintExport(&session, export_job));
  PrintNextSteps(services, store, options);
  return Ok();
}

int Run(const DemoOptions& options) {
  MakeNewFilesPrivate();
  BlockStopSignals();
  auto services = Services::Start(options.serve);
  if (!services.ok()) return Fail(services.error());
  std::printf("ready %s\ns3 %s\n", services.value()->api_url().c_str(),
              services.value()->s3_url().c_str());
  std::fflush(stdout);
  const Status done = RunSession(*services.value(), options);
  if (!done.ok()) return Fail(done.error());
  if (options.once) return 0;
  std::printf("\nServing; press Ctrl-C to stop.\n");
  std::fflush(stdout);
  WaitForStopSignal();
  return 0;
}

}  // namespace

void AddDemo(CLI::App* app, Action* action) {
  auto options = std::make_shared<DemoOptions>();
  options->serve.dev = true;
  options->serve.log_level = "warning";
  CLI::App* demo =
      app->add_subcommand("demo", "Serve, and walk through a first session with synthetic data");
  demo->add_option("--data", options->serve.data, "Data folder")->capture_default_str();
  demo->add_option("--listen", options->serve.listen, "Where the API listens")
      ->capture_default_str();
  demo->add_option("--s3-listen", options->serve.s3_listen, "Where the object endpoint listens")
      ->capture_default_str();
  demo->add_option("--patients", options->patients, "How many patients to make")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{10'000}));
  demo->add_flag("--once", options->once, "End after the summary");
  demo->footer(
      "What an earlier session left in the data folder is used again.\n"
      "Examples:\n"
      "  tarn demo\n"
      "  tarn demo --once --patients 1000 --data /tmp/tarn-try");
  demo->callback([=] {
    *action = [=] {
      const Status checked = CheckServeOptions(options->serve);
      if (!checked.ok()) {
        Fail(checked.error());
        return 2;
      }
      return Run(*options);
    };
  });
}

}  // namespace tarn::cli
