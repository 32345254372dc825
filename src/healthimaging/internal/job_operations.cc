#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/wire.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

using image_store::ImportRequest;
using json::Value;
using service_model::Present;
using service_model::TextOf;

Result<objects::S3Uri> ReadUri(const Value& request, std::string_view member) {
  auto uri = objects::ParseS3Uri(TextOf(request, member));
  if (!uri.ok()) {
    return service_model::Violation(member, "must be an S3 URI: " + uri.error().detail);
  }
  return uri;
}

}  // namespace

Result<http::Response> Operations::StartDicomImportJob(const Call& call) const {
  ImportRequest import;
  import.job_name = TextOf(call.request, "jobName");
  import.data_access_role_arn = TextOf(call.request, "dataAccessRoleArn");
  import.input_owner_account_id = TextOf(call.request, "inputOwnerAccountId");
  TRY(import.input, ReadUri(call.request, "inputS3Uri"));
  TRY(import.output, ReadUri(call.request, "outputS3Uri"));
  const std::string store_id = TextOf(call.request, "datastoreId");
  const jobs::ClientToken token{
      TextOf(call.request, "clientToken"),
      service_model::Fingerprint(call.operation, call.request, "clientToken")};
  TRY(const jobs::Job job, stores_.StartImport(store_id, import, token));
  Value out = Value::MakeObject();
  out.Set("datastoreId", Text(store_id));
  out.Set("jobId", Text(job.id));
  out.Set("jobStatus", Text(image_store::ImportStatusName(job.state)));
  out.Set("submittedAt", Timestamp(job.submit_unix_ms));
  return JsonResponse(json::ToText(out), call.http);
}

Result<Value> Operations::JobProperties(const std::string& store_id, const jobs::Job& job,
                                        bool summary) const {
  TRY(const ImportRequest request, image_store::ParseImportRequest(job));
  Value out = Value::MakeObject();
  out.Set("jobId", Text(job.id));
  out.Set("jobName", Text(request.job_name));
  out.Set("jobStatus", Text(image_store::ImportStatusName(job.state)));
  out.Set("datastoreId", Text(store_id));
  out.Set("dataAccessRoleArn", Text(request.data_access_role_arn));
  out.Set("submittedAt", Timestamp(job.submit_unix_ms));
  if (job.end_unix_ms != 0) out.Set("endedAt", Timestamp(job.end_unix_ms));
  const std::string message = validator_.Fit("Message", job.message);
  if (!message.empty()) out.Set("message", Text(message));
  if (summary) return out;
  out.Set("inputS3Uri", Text(objects::ToText(request.input)));
  out.Set("outputS3Uri",
          Text(objects::ToText(image_store::JobOutputFolder(request, store_id, job.id))));
  return out;
}

Result<http::Response> Operations::GetDicomImportJob(const Call& call) const {
  const auto used = Use(call);
  if (!used.ok() && used.error().kind == ErrorKind::kConflict) {
    return NotFound("there is no such job");  // A store that is not ACTIVE has none.
  }
  if (!used.ok()) return used.error();
  const auto& store = *used.value();
  TRY(const jobs::Job job,
      store.images->queue().Get(image_store::kImportKind, TextOf(call.request, "jobId")));
  TRY(Value properties, JobProperties(store.id, job, false));
  Value out = Value::MakeObject();
  out.Set("jobProperties", std::move(properties));
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::ListDicomImportJobs(const Call& call) const {
  Value list = Value::MakeArray();
  Value out = Value::MakeObject();
  TRY(const std::string position, PositionOf(call));
  const auto used = Use(call);
  if (!used.ok() && used.error().kind != ErrorKind::kConflict) return used.error();
  if (used.ok()) {  // A store that is not ACTIVE has no jobs to list.
    jobs::JobFilter filter;
    filter.kind = image_store::kImportKind;
    filter.after_job_id = position;
    filter.max = PageSize(call);
    if (Present(call.request, "jobStatus") != nullptr) {
      filter.states = image_store::StatesOfImportStatus(TextOf(call.request, "jobStatus"));
    }
    TRY(const jobs::JobPage page, used.value()->images->queue().List(filter));
    for (const jobs::Job& job : page.jobs) {
      TRY(Value properties, JobProperties(used.value()->id, job, true));
      list.Append(std::move(properties));
    }
    if (page.more) SetNextToken(call, page.jobs.back().id, &out);
  }
  out.Set("jobSummaries", std::move(list));
  return JsonResponse(json::ToText(out), call.http);
}

}  // namespace tarn::healthimaging::internal
