// A request's way: authorize, find the operation by X-Amz-Target, parse, put MaxResults and
// NextToken of the query into the request, check it against the service model, run the operation.
// Everything before the operation is the same for all of them, so an operation only sees requests
// that keep to the model.
#include "healthlake/healthlake.h"

#include <array>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "healthlake/internal/model.h"
#include "healthlake/internal/parse.h"
#include "healthlake/internal/requests.h"
#include "healthlake/internal/responses.h"
#include "healthlake/internal/wire.h"
#include "healthlake/limits.h"
#include "json/value.h"
#include "service_model/page_token.h"
#include "service_model/request.h"
#include "service_model/validator.h"

namespace tarn::healthlake {
namespace {

using internal::Failure;
using json::Value;

constexpr std::string_view kArnMiddle = ":datastore/fhir/";

}  // namespace

struct ControlPlane::State {
  State(ControlPlaneOptions options_in, fhir_store::DataStores& stores_in)
      : options(std::move(options_in)), stores(stores_in) {}

  Result<Value> CreateStore(const Value& request) const;
  Result<Value> DescribeStore(const Value& request) const;
  Result<Value> ListStores(const Value& request) const;
  Result<Value> DeleteStore(const Value& request) const;
  Result<Value> StartImport(const Value& request) const;
  Result<Value> StartExport(const Value& request) const;
  Result<Value> DescribeImport(const Value& request) const;
  Result<Value> DescribeExport(const Value& request) const;
  Result<Value> ListImports(const Value& request) const;
  Result<Value> ListExports(const Value& request) const;
  Result<Value> TagResource(const Value& request) const;
  Result<Value> UntagResource(const Value& request) const;
  Result<Value> ListTags(const Value& request) const;

  Result<Value> DescribeJob(std::string_view kind, const Value& request) const;
  Result<Value> ListJobs(std::string_view kind, const Value& request) const;
  Result<Value> JobProperties(fhir_store::FhirStore& fhir, const std::string& store_id,
                              const jobs::Job& job) const;
  // The data store that an ARN names. Errors: kNotFound.
  Result<fhir_store::DataStore> StoreOfArn(const Value& request) const;
  // Where a list goes on, or empty. Errors: kInvalid.
  Result<std::string> PositionOf(std::string_view operation, const Value& request) const;
  void SetNextToken(std::string_view operation, const Value& request, std::string_view position,
                    Value* response) const;
  static uint32_t PageSize(const Value& request);

  const ControlPlaneOptions options;
  fhir_store::DataStores& stores;
  const service_model::Validator validator{internal::ServiceModel()};
};

namespace {

Error WithoutConflict(Error error) {
  // The model has no ConflictException for the operations that start jobs.
  if (error.kind == ErrorKind::kConflict) error.kind = ErrorKind::kInvalid;
  return error;
}

// All that a page token is bound to.
std::string TokenContext(std::string_view operation, const Value& request) {
  return std::string(operation) + "\n" +
         service_model::CanonicalText(request, {"NextToken", "MaxResults"});
}

}  // namespace

Result<Value> ControlPlane::State::CreateStore(const Value& request) const {
  TRY(const auto create, internal::ReadCreate(request));
  TRY(const auto store,
      stores.Create(create, internal::ReadClientToken("CreateFHIRDatastore", request)));
  return internal::StoreSummary(stores, store);
}

Result<Value> ControlPlane::State::DescribeStore(const Value& request) const {
  TRY(const auto store, stores.Describe(service_model::TextOf(request, "DatastoreId")));
  Value out = Value::MakeObject();
  out.Set("DatastoreProperties", internal::StoreProperties(stores, store));
  return out;
}

Result<Value> ControlPlane::State::ListStores(const Value& request) const {
  constexpr std::string_view kOperation = "ListFHIRDatastores";
  TRY(fhir_store::DataStoreFilter filter, internal::ReadDataStoreFilter(request));
  TRY(const std::string position, PositionOf(kOperation, request));
  filter.max = PageSize(request);
  if (!position.empty()) {
    CHECK(position.size() > 8);  // Authenticated: we made it.
    filter.after_created_unix_ms = static_cast<int64_t>(LoadBe64(position));
    filter.after_id = position.substr(8);
  }
  TRY(const fhir_store::DataStorePage page, stores.List(filter));
  Value list = Value::MakeArray();
  for (const fhir_store::DataStore& store : page.stores) {
    list.Append(internal::StoreProperties(stores, store));
  }
  Value out = Value::MakeObject();
  out.Set("DatastorePropertiesList", std::move(list));
  if (page.more) {
    std::string next;
    AppendBe64(&next, static_cast<uint64_t>(page.stores.back().created_unix_ms));
    SetNextToken(kOperation, request, next + page.stores.back().id, &out);
  }
  return out;
}

Result<Value> ControlPlane::State::DeleteStore(const Value& request) const {
  TRY(const auto store, stores.Delete(service_model::TextOf(request, "DatastoreId")));
  return internal::StoreSummary(stores, store);
}

Result<Value> ControlPlane::State::StartImport(const Value& request) const {
  TRY(const auto import, internal::ReadImport(request));
  const std::string id = service_model::TextOf(request, "DatastoreId");
  auto job =
      stores.StartImport(id, import, internal::ReadClientToken("StartFHIRImportJob", request));
  if (!job.ok()) return WithoutConflict(std::move(job).error());
  return internal::JobSummary(id, job.value());
}

Result<Value> ControlPlane::State::StartExport(const Value& request) const {
  TRY(const auto exporting, internal::ReadExport(request));
  const std::string id = service_model::TextOf(request, "DatastoreId");
  auto job =
      stores.StartExport(id, exporting, internal::ReadClientToken("StartFHIRExportJob", request));
  if (!job.ok()) return WithoutConflict(std::move(job).error());
  return internal::JobSummary(id, job.value());
}

Result<Value> ControlPlane::State::JobProperties(fhir_store::FhirStore& fhir,
                                                 const std::string& store_id,
                                                 const jobs::Job& job) const {
  if (job.kind == fhir_store::kExportKind) {
    return internal::ExportProperties(validator, store_id, job);
  }
  std::optional<fhir_store::ImportProgress> progress;
  if (job.state != jobs::JobState::kSubmitted && job.state != jobs::JobState::kQueued) {
    TRY(progress, fhir.Progress(job));
  }
  return internal::ImportProperties(validator, store_id, job, progress);
}

Result<Value> ControlPlane::State::DescribeJob(std::string_view kind, const Value& request) const {
  const std::string id = service_model::TextOf(request, "DatastoreId");
  auto store = stores.Use(id);
  if (!store.ok() && store.error().kind == ErrorKind::kConflict) {
    return NotFound("there is no such job");  // A store that is not ACTIVE has none.
  }
  TRY(const auto open, std::move(store));
  TRY(const jobs::Job job, open->fhir->queue().Get(kind, service_model::TextOf(request, "JobId")));
  TRY(Value properties, JobProperties(*open->fhir, id, job));
  Value out = Value::MakeObject();
  out.Set(kind == fhir_store::kImportKind ? "ImportJobProperties" : "ExportJobProperties",
          std::move(properties));
  return out;
}

Result<Value> ControlPlane::State::DescribeImport(const Value& request) const {
  return DescribeJob(fhir_store::kImportKind, request);
}

Result<Value> ControlPlane::State::DescribeExport(const Value& request) const {
  return DescribeJob(fhir_store::kExportKind, request);
}

Result<Value> ControlPlane::State::ListJobs(std::string_view kind, const Value& request) const {
  const bool import = kind == fhir_store::kImportKind;
  const std::string_view operation = import ? "ListFHIRImportJobs" : "ListFHIRExportJobs";
  const std::string id = service_model::TextOf(request, "DatastoreId");
  TRY(jobs::JobFilter filter, internal::ReadJobFilter(kind, request));
  TRY(filter.after_job_id, PositionOf(operation, request));
  filter.max = PageSize(request);
  Value list = Value::MakeArray();
  Value out = Value::MakeObject();
  auto store = stores.Use(id);
  if (store.ok()) {
    TRY(const jobs::JobPage page, store.value()->fhir->queue().List(filter));
    for (const jobs::Job& job : page.jobs) {
      TRY(Value properties, JobProperties(*store.value()->fhir, id, job));
      list.Append(std::move(properties));
    }
    if (page.more) SetNextToken(operation, request, page.jobs.back().id, &out);
  } else if (store.error().kind != ErrorKind::kConflict) {
    return std::move(store).error();  // A store that is not ACTIVE has no jobs to list.
  }
  out.Set(import ? "ImportJobPropertiesList" : "ExportJobPropertiesList", std::move(list));
  return out;
}

Result<Value> ControlPlane::State::ListImports(const Value& request) const {
  return ListJobs(fhir_store::kImportKind, request);
}

Result<Value> ControlPlane::State::ListExports(const Value& request) const {
  return ListJobs(fhir_store::kExportKind, request);
}

Result<fhir_store::DataStore> ControlPlane::State::StoreOfArn(const Value& request) const {
  const std::string arn = service_model::TextOf(request, "ResourceARN");
  const size_t middle = arn.find(kArnMiddle);
  if (middle == std::string::npos) return NotFound("there is no such resource");
  const std::string id = arn.substr(middle + kArnMiddle.size());
  if (arn != stores.ArnOf(id)) {
    return NotFound("the resource belongs to another region or account");
  }
  TRY(fhir_store::DataStore store, stores.Describe(id));
  if (store.status == fhir_store::DataStoreStatus::kDeleted) {
    return NotFound("the data store was deleted");
  }
  return store;
}

Result<Value> ControlPlane::State::TagResource(const Value& request) const {
  TRY(const auto store, StoreOfArn(request));
  TRY(stores.AddTags(store.id, internal::ReadTags(request)));
  return Value::MakeObject();
}

Result<Value> ControlPlane::State::UntagResource(const Value& request) const {
  TRY(const auto store, StoreOfArn(request));
  TRY(stores.RemoveTags(store.id, internal::ReadTagKeys(request)));
  return Value::MakeObject();
}

Result<Value> ControlPlane::State::ListTags(const Value& request) const {
  TRY(const auto store, StoreOfArn(request));
  Value out = Value::MakeObject();
  out.Set("Tags", internal::TagList(store.tags));
  return out;
}

Result<std::string> ControlPlane::State::PositionOf(std::string_view operation,
                                                    const Value& request) const {
  const std::string token = service_model::TextOf(request, "NextToken");
  if (token.empty()) return std::string();
  return service_model::ReadPageToken(options.page_token_secret, TokenContext(operation, request),
                                      token);
}

void ControlPlane::State::SetNextToken(std::string_view operation, const Value& request,
                                       std::string_view position, Value* response) const {
  response->Set("NextToken",
                Value::String(service_model::MakePageToken(
                    options.page_token_secret, TokenContext(operation, request), position)));
}

uint32_t ControlPlane::State::PageSize(const Value& request) {
  const Value* found = request.Find("MaxResults");
  if (found == nullptr || found->IsNull()) return kPageDefault;
  return static_cast<uint32_t>(*found->AsInt());  // Validated: 1 to 500.
}

ControlPlane::ControlPlane(ControlPlaneOptions options, fhir_store::DataStores& stores)
    : state_(std::make_unique<const State>(std::move(options), stores)) {
  CHECK(state_->options.page_token_secret.size() == service_model::kSecretBytes);
}

ControlPlane::~ControlPlane() = default;

void ControlPlane::AddRoutes(http::Router* router) const {
  router->Add(http::Method::kPost, "/", {.run_on = http::RunOn::kWorkers, .name = "healthlake"},
              [this](http::Request& request) { return Handle(request); });
}

http::Response ControlPlane::Handle(const http::Request& request) const {
  using Run = Result<Value> (State::*)(const Value&) const;
  static constexpr std::array<std::pair<std::string_view, Run>, 13> kHandlers = {{
      {"CreateFHIRDatastore", &State::CreateStore},
      {"DescribeFHIRDatastore", &State::DescribeStore},
      {"ListFHIRDatastores", &State::ListStores},
      {"DeleteFHIRDatastore", &State::DeleteStore},
      {"StartFHIRImportJob", &State::StartImport},
      {"StartFHIRExportJob", &State::StartExport},
      {"DescribeFHIRImportJob", &State::DescribeImport},
      {"DescribeFHIRExportJob", &State::DescribeExport},
      {"ListFHIRImportJobs", &State::ListImports},
      {"ListFHIRExportJobs", &State::ListExports},
      {"TagResource", &State::TagResource},
      {"UntagResource", &State::UntagResource},
      {"ListTagsForResource", &State::ListTags},
  }};
  if (state_->options.authorize) {
    const Status allowed = state_->options.authorize(request);
    if (!allowed.ok()) {
      return internal::FailureResponse(internal::FailureOf(allowed.error()), request);
    }
  }
  std::string failure;
  const service_model::Operation* operation =
      internal::FindTarget(request.headers.Get("X-Amz-Target"), &failure);
  if (operation == nullptr) {
    return internal::FailureResponse({"UnknownOperationException", failure}, request);
  }
  auto parsed = internal::ParseRequest(state_->validator, *operation, request);
  if (const auto* refused = std::get_if<Failure>(&parsed)) {
    return internal::FailureResponse(*refused, request);
  }
  for (const auto& [name, run] : kHandlers) {
    if (name != operation->name) continue;
    const Result<Value> answer = (*state_.*run)(std::get<Value>(parsed));
    if (answer.ok()) return internal::JsonResponse(json::ToText(answer.value()), request);
    if (internal::StatusOf(internal::ExceptionOf(answer.error().kind)) == 500) {
      LogError(
          "healthlake_failed",
          {{"operation", name}, {"request", request.request_id}, {"error", answer.error().detail}});
    }
    return internal::FailureResponse(internal::FailureOf(answer.error()), request);
  }
  CHECK(false);  // Every operation of the model has a handler: a test walks them.
}

http::Response ErrorResponse(int status, const http::Request& request, std::string_view message) {
  const std::string_view exception = status == 429 || status == 503 ? "ThrottlingException"
                                     : status >= 500                ? "InternalServerException"
                                     : status == 403                ? "AccessDeniedException"
                                                                    : "ValidationException";
  http::Response response = internal::FailureResponse({exception, std::string(message)}, request);
  response.status = status;
  return response;
}

}  // namespace tarn::healthlake
