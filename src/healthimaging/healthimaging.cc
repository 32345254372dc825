// A request's way: authorize, read path, query and body into one object, check it against the
// service model, run the operation. Everything before the operation is the same for all of them, so
// an operation only sees requests that keep to the model.
#include "healthimaging/healthimaging.h"

#include <array>
#include <utility>

#include "base/log.h"
#include "healthimaging/internal/model.h"
#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/parse.h"
#include "healthimaging/internal/wire.h"
#include "http/loop.h"
#include "json/value.h"
#include "service_model/request.h"

namespace tarn::healthimaging {
namespace {

using internal::Call;
using internal::Failure;
using internal::Operations;
using json::Value;
using service_model::Operation;

using Run = Result<http::Response> (Operations::*)(const Call&) const;
constexpr std::array<std::pair<std::string_view, Run>, 18> kHandlers = {{
    {"CreateDatastore", &Operations::CreateDatastore},
    {"GetDatastore", &Operations::GetDatastore},
    {"ListDatastores", &Operations::ListDatastores},
    {"DeleteDatastore", &Operations::DeleteDatastore},
    {"StartDICOMImportJob", &Operations::StartDicomImportJob},
    {"GetDICOMImportJob", &Operations::GetDicomImportJob},
    {"ListDICOMImportJobs", &Operations::ListDicomImportJobs},
    {"SearchImageSets", &Operations::SearchImageSets},
    {"GetImageSet", &Operations::GetImageSet},
    {"GetImageSetMetadata", &Operations::GetImageSetMetadata},
    {"GetImageFrame", &Operations::GetImageFrame},
    {"ListImageSetVersions", &Operations::ListImageSetVersions},
    {"UpdateImageSetMetadata", &Operations::UpdateImageSetMetadata},
    {"CopyImageSet", &Operations::CopyImageSet},
    {"DeleteImageSet", &Operations::DeleteImageSet},
    {"TagResource", &Operations::TagResource},
    {"UntagResource", &Operations::UntagResource},
    {"ListTagsForResource", &Operations::ListTagsForResource},
}};

http::Method MethodOf(std::string_view name) {
  if (name == "GET") return http::Method::kGet;
  if (name == "DELETE") return http::Method::kDelete;
  CHECK(name == "POST");
  return http::Method::kPost;
}

// "datastore.get_image_set"-like names would need a table: metrics use the operation's own.
std::string RouteName(std::string_view operation) {
  return "healthimaging." + std::string(operation);
}

// An ARN holds slashes, percent-encoded or not.
std::string PatternOf(const Operation& operation) {
  std::string pattern(operation.path);
  constexpr std::string_view kArn = "{resourceArn}";
  if (const size_t at = pattern.find(kArn); at != std::string::npos) {
    pattern.replace(at, kArn.size(), "{resourceArn...}");
  }
  return pattern;
}

// The datastoreId of a path, or empty.
std::string_view DataStoreOf(const http::Request& request) {
  for (const auto& [name, value] : request.path_parameters) {
    if (name == "datastoreId") return value;
  }
  return {};
}

}  // namespace

struct HealthImaging::State {
  State(HealthImagingOptions options, image_store::DataStores& image_stores, const Clock& clock)
      : authorize(std::move(options.authorize)),
        stores(image_stores),
        operations(std::move(options.page_token_secret), stores, clock, validator) {}

  http::Response Handle(const Operation& operation, Run run, const http::Request& request) const;
  http::Response HandleFrameUrl(const http::Request& request) const;
  http::Response Answer(const Operation& operation, Run run, const Call& call) const;

  const std::function<Status(const http::Request&)> authorize;
  image_store::DataStores& stores;
  const service_model::Validator validator{internal::ServiceModel()};
  const Operations operations;
};

http::Response HealthImaging::State::Answer(const Operation& operation, Run run,
                                            const Call& call) const {
  Result<http::Response> answer = (operations.*run)(call);
  if (answer.ok()) return std::move(answer).value();
  if (answer.error().kind == ErrorKind::kBusy && http::IsLoopThread()) return http::RunOnWorker();
  const Failure failure = internal::FailureOf(answer.error(), operation);
  if (internal::StatusOf(failure.exception) >= 500) {
    LogError("healthimaging_failed", {{"operation", operation.name},
                                      {"request", call.http.request_id},
                                      {"error", answer.error().detail}});
  }
  return internal::FailureResponse(failure, call.http);
}

http::Response HealthImaging::State::Handle(const Operation& operation, Run run,
                                            const http::Request& request) const {
  if (authorize) {
    const Status allowed = authorize(request);
    if (!allowed.ok()) {
      return internal::FailureResponse(internal::FailureOf(allowed.error(), operation), request);
    }
  }
  const auto parsed = internal::ParseRequest(validator, operation, request);
  if (const auto* refused = std::get_if<Failure>(&parsed)) {
    return internal::FailureResponse(*refused, request);
  }
  return Answer(operation, run, {operation.name, std::get<Value>(parsed), request});
}

// GetImageFrame's GET is not in the model: its ids are checked as those of GetImageSet.
http::Response HealthImaging::State::HandleFrameUrl(const http::Request& request) const {
  const auto& model = internal::ServiceModel();
  const Operation& frame = *service_model::FindOperation(model, "GetImageFrame");
  if (authorize) {
    const Status allowed = authorize(request);
    if (!allowed.ok()) {
      return internal::FailureResponse(internal::FailureOf(allowed.error(), frame), request);
    }
  }
  http::Request path_only;
  path_only.path_parameters = request.path_parameters;
  const auto parsed = internal::ParseRequest(
      validator, *service_model::FindOperation(model, "GetImageSet"), path_only);
  if (const auto* refused = std::get_if<Failure>(&parsed)) {
    return internal::FailureResponse(*refused, request);
  }
  return Answer(frame, &Operations::GetImageFrameByUrl,
                {frame.name, std::get<Value>(parsed), request});
}

HealthImaging::HealthImaging(HealthImagingOptions options, image_store::DataStores& stores,
                             const Clock& clock)
    : state_(std::make_unique<const State>(std::move(options), stores, clock)) {}

HealthImaging::~HealthImaging() = default;

void HealthImaging::AddRoutes(http::Router* router) const {
  const auto& model = internal::ServiceModel();
  CHECK(model.operations.size() == kHandlers.size());
  // Most frames are in memory and ready within 0.1 ms, of which a worker's wake-up would be a
  // third.
  const auto fits_loop = [this](const http::Request& request) {
    return !state_->authorize && state_->stores.IsOpen(DataStoreOf(request));
  };
  for (const auto& [name, run] : kHandlers) {
    const Operation* operation = service_model::FindOperation(model, name);
    CHECK(operation != nullptr);
    http::RouteOptions options{.run_on = http::RunOn::kWorkers, .name = RouteName(name)};
    if (name == "GetImageFrame") {
      options.run_on = http::RunOn::kLoop;
      options.fits_loop = fits_loop;
    }
    router->Add(MethodOf(operation->method), PatternOf(*operation), std::move(options),
                [this, operation, run = run](http::Request& request) {
                  return state_->Handle(*operation, run, request);
                });
  }
  const Operation* frame = service_model::FindOperation(model, "GetImageFrame");
  router->Add(http::Method::kGet, frame->path,
              {.run_on = http::RunOn::kLoop,
               .fits_loop = fits_loop,
               .body_bytes_max = 0,
               .name = "healthimaging.GetImageFrameByUrl"},
              [this](http::Request& request) { return state_->HandleFrameUrl(request); });
}

bool IsImagingPath(std::string_view path) {
  for (const std::string_view prefix : {"/datastore", "/startDICOMImportJob", "/getDICOMImportJob",
                                        "/listDICOMImportJobs", "/tags"}) {
    if (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/')) {
      return true;
    }
  }
  return false;
}

namespace {

// Below a data store: this surface is not built yet.
bool IsDicomWebPath(std::string_view path) {
  constexpr std::string_view kDataStores = "/datastore/";
  if (!path.starts_with(kDataStores)) return false;
  const size_t id_end = path.find('/', kDataStores.size());
  if (id_end == std::string_view::npos) return false;
  const std::string_view rest = path.substr(id_end + 1);
  const std::string_view resource = rest.substr(0, rest.find('/'));
  return resource == "studies" || resource == "series" || resource == "instances";
}

}  // namespace

http::Response ErrorResponse(int status, const http::Request& request, std::string_view message) {
  if (status == 404 && IsDicomWebPath(request.path)) message = "DICOMweb is not supported yet";
  const bool throttled = status == 429 || status == 503;
  const std::string_view exception = throttled       ? "ThrottlingException"
                                     : status >= 500 ? "InternalServerException"
                                     : status == 403 ? "AccessDeniedException"
                                     : status == 404 ? "ResourceNotFoundException"
                                                     : "ValidationException";
  http::Response response = internal::FailureResponse({exception, std::string(message)}, request);
  response.status = throttled ? 429 : status;
  return response;
}

}  // namespace tarn::healthimaging
