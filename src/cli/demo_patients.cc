// The FHIR part of `tarn demo`: synthetic patients into s3://demo/, a data store, an import, an
// export.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "cli/demo_session.h"
#include "cli/demo_steps.h"
#include "cli/progress.h"
#include "json/value.h"
#include "synth/ndjson_files.h"
#include "synth/patients.h"

namespace tarn::cli {
namespace {

using json::Value;

// Written last, so that its presence says that the upload was whole.
constexpr std::string_view kMarkerKey = "patients.uploaded";
// One object of patients; at most one for each type is in memory.
constexpr size_t kPieceBytes = 4u << 20;
constexpr std::string_view kKey = "alias/demo";

// Makes the patients and puts them as NDJSON objects of one type each, unless they are there.
// Returns how many resources that were; 0: they are there, and nobody counted.
Result<uint64_t> Upload(DemoSession* session, uint64_t patients) {
  TRY(const bool present, session->Has(kMarkerKey));
  if (present) {
    std::printf("patients are in s3://%s/ already\n", std::string(kDemoBucket).c_str());
    return uint64_t{0};
  }
  TRY(session->MakeBucket());
  std::map<std::string, uint32_t, std::less<>> pieces;  // By type.
  uint64_t resources = 0;
  uint64_t bytes = 0;
  Status sent = Ok();
  const synth::NdjsonBlocks::BlockSink send = [&](std::string_view type, std::string_view block) {
    if (!sent.ok()) return;
    char number[16];
    std::snprintf(number, sizeof number, "-%04u", pieces[std::string(type)]++);
    sent = session->Put("patients/" + std::string(type) + number + ".ndjson", std::string(block));
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
  TRY(session->Put(kMarkerKey, ""));
  std::printf("generated  %s synthetic patients: %s resources, %.1f MB, now in s3://%s/patients/\n",
              WithThousands(patients).c_str(), WithThousands(resources).c_str(),
              static_cast<double>(bytes) / 1e6, std::string(kDemoBucket).c_str());
  return resources;
}

// The ACTIVE data store named demo; made when there is none.
Result<Value> FindOrCreateStore(DemoSession* session) {
  Value filter = Value::MakeObject();
  filter.Set("DatastoreName", Text(kDemoStoreName)).Set("DatastoreStatus", Text("ACTIVE"));
  TRY(Value listed, session->HealthLake("ListFHIRDatastores",
                                        Value::MakeObject().Set("Filter", std::move(filter))));
  const Value* list = listed.Find("DatastorePropertiesList");
  if (list != nullptr && list->IsArray() && !list->items().empty()) {
    std::printf("data store demo is there already\n");
    return list->items().front();
  }
  Value create = Value::MakeObject();
  create.Set("DatastoreTypeVersion", Text("R4")).Set("DatastoreName", Text(kDemoStoreName));
  TRY(const Value created, session->HealthLake("CreateFHIRDatastore", create));
  Value describe = Value::MakeObject();
  describe.Set("DatastoreId", Text(TextOf(created.Find("DatastoreId"))));
  TRY(const Value answer,
      PollDemo([&] { return session->HealthLake("DescribeFHIRDatastore", describe); },
               [](const Value& polled) {
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
Result<Value> FindOrRunJob(DemoSession* session, const JobWords& words, const std::string& store_id,
                           const Value& start,
                           const std::function<void(const Value& properties)>& progress) {
  Value list = Value::MakeObject();
  list.Set("DatastoreId", Text(store_id)).Set("JobStatus", Text("COMPLETED"));
  TRY(const Value listed, session->HealthLake(words.list, list));
  const Value* jobs = listed.Find(words.list_member);
  Value describe = Value::MakeObject();
  describe.Set("DatastoreId", Text(store_id));
  if (jobs != nullptr && jobs->IsArray() && !jobs->items().empty()) {
    describe.Set("JobId", Text(TextOf(jobs->items().front().Find("JobId"))));
    std::printf("a completed %s is there already; its figures are shown\n", words.noun);
  } else {
    TRY(const Value started, session->HealthLake(words.start, start));
    describe.Set("JobId", Text(TextOf(started.Find("JobId"))));
  }
  TRY(const Value answer, PollDemo([&] { return session->HealthLake(words.describe, describe); },
                                   [&](const Value& polled) {
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
  s3.Set("S3Uri", Text("s3://" + std::string(kDemoBucket) + "/" + std::string(prefix)))
      .Set("KmsKeyId", Text(kKey));
  return Value::MakeObject().Set("S3Configuration", std::move(s3));
}

Result<Value> Import(DemoSession* session, const std::string& store_id, uint64_t resources) {
  Value start = Value::MakeObject();
  start.Set("DatastoreId", Text(store_id))
      .Set("JobName", Text("demo"))
      .Set("InputDataConfig", Value::MakeObject().Set("S3Uri", Text("s3://demo/patients/")))
      .Set("JobOutputDataConfig", OutputTo("import/"))
      .Set("DataAccessRoleArn", Text(kDemoRole));
  ProgressBar bar("import", resources);
  return FindOrRunJob(session, kImport, store_id, start, [&](const Value& properties) {
    const Value* report = properties.Find("JobProgressReport");
    if (report == nullptr) return;
    bar.Update(static_cast<uint64_t>(NumberOf(report->Find("TotalNumberOfResourcesImported"))));
  });
}

Result<Value> Export(DemoSession* session, const std::string& store_id) {
  Value start = Value::MakeObject();
  start.Set("DatastoreId", Text(store_id))
      .Set("JobName", Text("demo"))
      .Set("OutputDataConfig", OutputTo("export/"))
      .Set("DataAccessRoleArn", Text(kDemoRole));
  return FindOrRunJob(session, kExport, store_id, start, [](const Value&) {});
}

double SecondsOf(const Value& job) {
  return std::max(0.001, NumberOf(job.Find("EndTime")) - NumberOf(job.Find("SubmitTime")));
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
  PrintRate(resources, "resources", SecondsOf(job));
}

// What the export says of itself: the service's API has no counts for exports, its manifest does.
Status PrintExport(DemoSession* session, const Value& job) {
  const Value* output = job.Find("OutputDataConfig");
  const Value* s3 = output == nullptr ? nullptr : output->Find("S3Configuration");
  const std::string uri = s3 == nullptr ? "" : TextOf(s3->Find("S3Uri"));
  TRY(const std::string text, session->Get(uri + "Manifest.json"));
  TRY(const Value manifest, json::ParseValue(text));
  const Value* files = manifest.Find("output");
  if (files == nullptr || !files->IsArray()) return Internal("the export's manifest has no output");
  double resources = 0;
  for (const Value& file : files->items()) resources += NumberOf(file.Find("count"));
  std::printf("exported   %s resources, %zu files",
              WithThousands(static_cast<uint64_t>(resources)).c_str(), files->items().size());
  PrintRate(resources, "resources", SecondsOf(job));
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

}  // namespace

Result<DemoPatients> RunPatientSteps(DemoSession* session, uint64_t patients) {
  TRY(const uint64_t resources, Upload(session, patients));
  TRY(const Value store, FindOrCreateStore(session));
  const std::string store_id = TextOf(store.Find("DatastoreId"));
  const std::string endpoint = TextOf(store.Find("DatastoreEndpoint"));
  std::printf("data store %s\n", endpoint.c_str());
  TRY(const Value import_job, Import(session, store_id, resources));
  PrintImport(import_job);
  TRY(const Value export_job, Export(session, store_id));
  TRY(PrintExport(session, export_job));
  return DemoPatients{.endpoint = endpoint, .first_patient_id = FirstPatientId(patients)};
}

}  // namespace tarn::cli
