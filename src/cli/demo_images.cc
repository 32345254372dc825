// The imaging part of `tarn demo`: synthetic studies into s3://demo/, an image data store, an
// import, and one frame to look at.
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/random.h"
#include "cli/demo_session.h"
#include "cli/demo_steps.h"
#include "cli/progress.h"
#include "json/value.h"
#include "synth/studies.h"

namespace tarn::cli {
namespace {

using json::Value;

// Written last, so that its presence says that the upload was whole.
constexpr std::string_view kMarkerKey = "studies.uploaded";
constexpr size_t kMetadataBytesMax = 64u << 20;
constexpr size_t kInflateStepBytes = 256u << 10;
constexpr int kGzipWindowBits = 15 + 16;  // zlib's way to say "gzip".
constexpr std::string_view kImportedCounter = "tarn_dicom_instances_imported_total ";
// Made in turn by the generator; a CT is what everybody recognises.
constexpr std::string_view kShownModality = "CT";

Result<Value> Ask(DemoSession* session, http::Method method, std::string_view path,
                  const Value& body) {
  TRY(const std::string text,
      session->Api(method, path, body.IsNull() ? std::string() : json::ToText(body)));
  return json::ParseValue(text);
}

Result<Value> Ask(DemoSession* session, std::string_view path) {
  return Ask(session, http::Method::kGet, path, Value());
}

// Makes the studies and puts one object an instance, unless they are there. Returns how many
// instances that were; 0: they are there, and nobody counted.
Result<uint64_t> Upload(DemoSession* session, uint64_t studies) {
  TRY(const bool present, session->Has(kMarkerKey));
  if (present) {
    std::printf("studies are in s3://%s/ already\n", std::string(kDemoBucket).c_str());
    return uint64_t{0};
  }
  TRY(session->MakeBucket());
  uint64_t instances = 0;
  uint64_t bytes = 0;
  {
    ProgressBar bar("generate and upload", studies);
    synth::StudyGenerator generator({.studies = studies});
    Status sent = Ok();
    while (generator.Next([&](std::string_view path, std::string_view file) {
      sent = session->Put("dicom/" + std::string(path), std::string(file));
      ++instances;
      bytes += file.size();
      return sent.ok();
    })) {
      bar.Update(generator.studies_done());
    }
    TRY(sent);
    bar.Update(studies);
  }
  TRY(session->Put(kMarkerKey, ""));
  std::printf("generated  %s synthetic studies: %s instances, %.1f MB, now in s3://%s/dicom/\n",
              WithThousands(studies).c_str(), WithThousands(instances).c_str(),
              static_cast<double>(bytes) / 1e6, std::string(kDemoBucket).c_str());
  return instances;
}

// The ACTIVE image data store named demo; null when there is none.
Result<Value> FindStore(DemoSession* session) {
  std::string token;
  do {
    // Page tokens are URL-safe.
    TRY(const Value page,
        Ask(session, "/datastore?datastoreStatus=ACTIVE" +
                         (token.empty() ? std::string() : "&nextToken=" + token)));
    const Value* list = page.Find("datastoreSummaries");
    if (list == nullptr || !list->IsArray()) return Internal("the list has no data stores");
    for (const Value& one : list->items()) {
      if (TextOf(one.Find("datastoreName")) == kDemoStoreName) return one;
    }
    token = TextOf(page.Find("nextToken"));
  } while (!token.empty());
  return Value();
}

std::string NewToken() {
  SystemRandom random;
  return NewUuid(random);
}

// The id of the ACTIVE image data store named demo; made when there is none.
Result<std::string> FindOrCreateStore(DemoSession* session) {
  TRY(const Value found, FindStore(session));
  if (!found.IsNull()) {
    std::printf("image store demo is there already\n");
    return TextOf(found.Find("datastoreId"));
  }
  Value create = Value::MakeObject();
  create.Set("datastoreName", Text(kDemoStoreName)).Set("clientToken", Text(NewToken()));
  TRY(const Value created, Ask(session, http::Method::kPost, "/datastore", create));
  const std::string id = TextOf(created.Find("datastoreId"));
  const auto status_of = [](const Value& polled) {
    const Value* properties = polled.Find("datastoreProperties");
    return properties == nullptr ? "" : TextOf(properties->Find("datastoreStatus"));
  };
  TRY(const Value answer, PollDemo([&] { return Ask(session, "/datastore/" + id); }, status_of));
  if (status_of(answer) != "ACTIVE") {
    return Internal("the image data store did not become ACTIVE: " + json::ToText(answer));
  }
  return id;
}

// The server's own count of imported instances: the service's API has none.
Result<uint64_t> CountImported(DemoSession* session) {
  TRY(const std::string metrics, session->Api(http::Method::kGet, "/metrics", ""));
  const size_t at = metrics.find("\n" + std::string(kImportedCounter));
  if (at == std::string::npos) return uint64_t{0};
  return std::strtoull(metrics.c_str() + at + 1 + kImportedCounter.size(), nullptr, 10);
}

// The newest completed import job of the data store, or one that is started now and waited for.
Result<Value> FindOrImport(DemoSession* session, const std::string& store, uint64_t instances) {
  TRY(const Value completed,
      Ask(session, "/listDICOMImportJobs/datastore/" + store + "?jobStatus=COMPLETED"));
  const Value* jobs = completed.Find("jobSummaries");
  std::string job;
  if (jobs != nullptr && jobs->IsArray() && !jobs->items().empty()) {
    job = TextOf(jobs->items().front().Find("jobId"));
    std::printf("a completed import of studies is there already; its figures are shown\n");
  } else {
    Value start = Value::MakeObject();
    start.Set("jobName", Text("demo"))
        .Set("clientToken", Text(NewToken()))
        .Set("dataAccessRoleArn", Text(kDemoRole))
        .Set("inputS3Uri", Text("s3://demo/dicom/"))
        .Set("outputS3Uri", Text("s3://demo/images/"));
    TRY(const Value started,
        Ask(session, http::Method::kPost, "/startDICOMImportJob/datastore/" + store, start));
    job = TextOf(started.Find("jobId"));
  }
  ProgressBar bar("import", instances);
  const std::string path = "/getDICOMImportJob/datastore/" + store + "/job/" + job;
  const auto ask = [&]() -> Result<Value> {
    if (instances != 0) {
      TRY(const uint64_t imported, CountImported(session));
      bar.Update(imported);
    }
    TRY(const Value answer, Ask(session, path));
    const Value* properties = answer.Find("jobProperties");
    if (properties == nullptr) return Internal("a job without properties");
    return *properties;
  };
  const auto status_of = [](const Value& properties) {
    return TextOf(properties.Find("jobStatus"));
  };
  TRY(const Value properties, PollDemo(ask, status_of));
  if (status_of(properties) != "COMPLETED") {
    return Internal("the import did not complete: " + json::ToText(properties));
  }
  return properties;
}

// What the import says of itself: the counts are in its manifest.
Status PrintImport(DemoSession* session, const Value& job) {
  TRY(const std::string text,
      session->Get(TextOf(job.Find("outputS3Uri")) + "job-output-manifest.json"));
  TRY(const Value manifest, json::ParseValue(text));
  const Value* summary = manifest.Find("jobSummary");
  if (summary == nullptr) return Internal("the import's manifest has no jobSummary");
  const double imported = NumberOf(summary->Find("numberOfImportedFiles"));
  if (imported != NumberOf(summary->Find("numberOfScannedFiles"))) {
    return Internal("the import refused files: " + json::ToText(*summary));
  }
  std::printf(
      "imported   %s instances, %s image sets",
      WithThousands(static_cast<uint64_t>(imported)).c_str(),
      WithThousands(static_cast<uint64_t>(NumberOf(summary->Find("numberOfGeneratedImageSets"))))
          .c_str());
  PrintRate(imported, "instances",
            std::max(0.001, NumberOf(job.Find("endedAt")) - NumberOf(job.Find("submittedAt"))));
  return Ok();
}

Result<std::string> Gunzip(std::string_view gzip) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindowBits) != Z_OK) return Internal("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  std::string text;
  int result = Z_OK;
  while (result == Z_OK && text.size() < kMetadataBytesMax) {
    const size_t size = text.size();
    text.resize(size + kInflateStepBytes);
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + size);
    stream.avail_out = kInflateStepBytes;
    result = inflate(&stream, Z_NO_FLUSH);
    text.resize(size + kInflateStepBytes - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END) return Internal("the metadata is not gzip, or too long");
  return text;
}

// The id of the first frame of the middle instance of an image set.
Result<std::string> MiddleFrame(const Value& metadata) {
  const Value* study = metadata.Find("Study");
  const Value* series = study == nullptr ? nullptr : study->Find("Series");
  if (series != nullptr && series->IsObject() && !series->members().empty()) {
    const Value* instances = series->members().front().second.Find("Instances");
    if (instances != nullptr && instances->IsObject() && !instances->members().empty()) {
      const auto& members = instances->members();
      const Value* frames = members[members.size() / 2].second.Find("ImageFrames");
      if (frames != nullptr && frames->IsArray() && !frames->items().empty()) {
        return TextOf(frames->items().front().Find("ID"));
      }
    }
  }
  return Internal("the image set's metadata has no frames");
}

// A frame of a CT, or of what there is when no study is one.
Result<DemoImages> ChooseFrame(DemoSession* session, const std::string& store) {
  TRY(const Value found, Ask(session, http::Method::kPost,
                             "/datastore/" + store + "/searchImageSets?maxResults=50", Value()));
  const Value* sets = found.Find("imageSetsMetadataSummaries");
  if (sets == nullptr || !sets->IsArray() || sets->items().empty()) {
    return Internal("the search found no image sets");
  }
  const auto modality_of = [](const Value& set) {
    const Value* tags = set.Find("DICOMTags");
    return tags == nullptr ? "" : TextOf(tags->Find("DICOMSeriesModality"));
  };
  const Value* chosen = &sets->items().front();
  for (const Value& set : sets->items()) {
    if (modality_of(set) == kShownModality) chosen = &set;
  }
  const std::string path =
      "/datastore/" + store + "/imageSet/" + TextOf(chosen->Find("imageSetId"));
  TRY(const std::string gzip, session->Api(http::Method::kPost, path + "/getImageSetMetadata", ""));
  TRY(const std::string text, Gunzip(gzip));
  TRY(const Value metadata, json::ParseValue(text));
  TRY(const std::string frame, MiddleFrame(metadata));
  return DemoImages{.image_set_url = session->api_url() + path,
                    .frame_id = frame,
                    .modality = modality_of(*chosen)};
}

}  // namespace

Result<DemoImages> RunImageSteps(DemoSession* session, uint64_t studies) {
  TRY(const uint64_t instances, Upload(session, studies));
  TRY(const std::string store, FindOrCreateStore(session));
  std::printf("image store %s/datastore/%s\n", session->api_url().c_str(), store.c_str());
  TRY(const Value job, FindOrImport(session, store, instances));
  TRY(PrintImport(session, job));
  return ChooseFrame(session, store);
}

}  // namespace tarn::cli
