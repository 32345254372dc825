#include "fhir_api/fhir_api.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/uri.h"
#include "fhir/bundle.h"
#include "fhir/definitions.h"
#include "fhir/operation_outcome.h"
#include "fhir/resource.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/internal/bundle_run.h"
#include "fhir_api/internal/capability_cache.h"
#include "fhir_api/internal/conditional.h"
#include "fhir_api/internal/history.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_api/internal/not_built.h"
#include "fhir_api/internal/routes.h"
#include "fhir_api/internal/search_run.h"
#include "fhir_api/internal/view.h"
#include "fhir_api/limits.h"

namespace tarn::fhir_api {
namespace {

using http::Request;
using http::Response;
using internal::ErrorToResponse;
using internal::Fault;
using internal::FaultResponse;
using internal::Media;
using internal::Return;
using internal::TagOf;

constexpr std::string_view kPrefix = "/datastore/";

std::string_view PathParameter(const Request& request, std::string_view name) {
  const std::string* value = FindParameter(request.path_parameters, name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

void AddVersionHeaders(const fhir_store::Version& version, Response* response) {
  response->headers.Add("ETag", TagOf(version.version_id));
  response->headers.Add("Last-Modified", FormatHttpDate(version.last_updated_unix_ms));
}

Response OutcomeResponse(int status, std::string text) {
  fhir::Issue issue;
  issue.severity = "information";
  issue.code = "informational";
  issue.diagnostics = std::move(text);
  return internal::IssuesResponse(status, {std::move(issue)});
}

Result<std::string_view> ReadResourceBody(const Request& request, std::string* storage) {
  return internal::ReadBody(request, kBodyBytesMax, "a resource may have at most 5 MB over REST",
                            storage);
}

// RFC 9110 13.1: If-None-Match counts before If-Modified-Since.
bool IsNotModified(const http::Headers& headers, const fhir_store::Version& version) {
  if (const std::string* tags = headers.Find("If-None-Match")) {
    return internal::TagListHolds(*tags, version.version_id);
  }
  const std::string* since = headers.Find("If-Modified-Since");
  if (since == nullptr) return false;
  const auto unix_ms = ParseHttpDate(*since);
  return unix_ms.ok() && version.last_updated_unix_ms / 1000 <= unix_ms.value() / 1000;
}

Response VersionResponse(const Request& request, Media media, fhir_store::Version version) {
  Response response;
  AddVersionHeaders(version, &response);
  if (IsNotModified(request.headers, version)) {
    response.status = 304;
    return response;
  }
  response.headers.Add("Content-Type", std::string(internal::MediaText(media)));
  response.body = std::move(version.body);
  return response;
}

// A form may name the form of the answer as a URL does.
std::optional<Fault> ReadFormMedia(const Request& request, std::string_view form, Media* media) {
  if (form.find("_format") == std::string_view::npos) return std::nullopt;
  const auto parameters = ParseQuery(form);
  const std::string* format =
      parameters.ok() ? FindParameter(parameters.value(), "_format") : nullptr;
  if (format == nullptr) return std::nullopt;
  const auto asked = internal::AnswerMedia(request.headers.Get("Accept"), format);
  if (!asked.has_value()) {
    return Fault{406, "not-supported", "_format: answers are application/fhir+json of FHIR 4.0"};
  }
  *media = *asked;
  return std::nullopt;
}

// What a read asks for of its resource, or what is wrong with it.
std::optional<Response> ReadViewOf(const QueryParameters& parameters, fhir::TypeId type,
                                   const internal::Preferences& preferences, fhir::View* view) {
  const auto handling = preferences.lenient ? fhir::Handling::kLenient : fhir::Handling::kStrict;
  const std::vector<fhir::Issue> errors = internal::ReadView(parameters, type, handling, view);
  if (!errors.empty()) return internal::IssuesResponse(400, errors);
  return std::nullopt;
}

Response ViewResponse(const Request& request, Media media, const fhir::View& view,
                      fhir_store::Version version) {
  if (view.summary == fhir::Summary::kCount) {
    return FaultResponse({400, "value", "_summary=count is for searches and histories"});
  }
  if (const Status cut = internal::ApplyView(view, &version); !cut.ok()) {
    return ErrorToResponse(cut.error());
  }
  return VersionResponse(request, media, std::move(version));
}

constexpr std::string_view kIfNoneExist = "If-None-Exist";
constexpr std::string_view kIdempotencyKey = "x-amz-fhir-idempotency-key";

// Headers that change what a write means: ignoring one where it is not served could store a
// duplicate or something that the client wanted refused.
std::optional<Fault> CheckWriteHeaders(const Request& request, bool creates) {
  if (!internal::IsResourceMedia(request.headers.Get("Content-Type"))) {
    return Fault{415, "not-supported",
                 "Content-Type must be application/fhir+json (UTF-8, FHIR 4.0)"};
  }
  for (const std::string_view name : {kIfNoneExist, kIdempotencyKey}) {
    if (!creates && request.headers.Find(name) != nullptr) {
      return Fault{501, "not-supported",
                   std::string(name) + " is supported where one resource is created, by POST"};
    }
  }
  const std::string* level = request.headers.Find("x-amzn-healthlake-fhir-validation-level");
  if (level != nullptr && *level != "strict" && *level != "structure-only" && *level != "minimal") {
    return Fault{400, "invalid",
                 "x-amzn-healthlake-fhir-validation-level must be strict, structure-only or "
                 "minimal"};
  }
  return std::nullopt;
}

// The header's UUID in 16 bytes; empty without the header.
std::optional<Fault> ReadIdempotencyKey(const Request& request, std::string* key) {
  const std::string* const text = request.headers.Find(kIdempotencyKey);
  if (text == nullptr) return std::nullopt;
  std::string digits = *text;
  bool sound = digits.size() == 36;
  for (const size_t dash : {23, 18, 13, 8}) {
    if (!sound) break;
    sound = digits[dash] == '-';
    digits.erase(dash, 1);
  }
  const auto bytes = HexDecode(digits);
  if (!sound || !bytes.ok()) {
    return Fault{400, "invalid", std::string(kIdempotencyKey) + " must be a UUID"};
  }
  *key = bytes.value();
  return std::nullopt;
}

std::optional<Fault> ReadPrecondition(const Request& request, fhir_store::Precondition* out) {
  if (const std::string* tag = request.headers.Find("If-Match")) {
    const auto version = internal::VersionOfTag(*tag);
    if (!version.has_value()) {
      return Fault{400, "invalid", "If-Match must be one version's tag, as W/\"3\""};
    }
    out->if_match = *version;
  }
  if (const std::string* tags = request.headers.Find("If-None-Match")) {
    if (*tags != "*") {
      return Fault{400, "invalid", "If-None-Match must be * here: create only what never was"};
    }
    out->if_none_match_any = true;
  }
  return std::nullopt;
}

std::string_view RestOfPath(std::string_view path) {
  // "/datastore/{id}/r4" and what follows; the routes matched it.
  size_t at = kPrefix.size();
  for (int i = 0; i < 2 && at != std::string_view::npos; ++i) {
    at = path.find('/', at);
    if (at != std::string_view::npos) ++at;
  }
  return at == std::string_view::npos ? std::string_view() : path.substr(at);
}

// Says by name what the request asks for and is not served.
Response Refuse(const Request& request) {
  const auto path = PercentDecode(RestOfPath(request.path));
  if (!path.ok()) return FaultResponse({400, "invalid", "the path is not percent-encoded"});
  const internal::Refusal refusal = internal::RefusalOf(request.method, path.value());
  Response response;
  if (request.method == http::Method::kOptions && !refusal.allow.empty()) {
    response.status = 204;  // RFC 9110 9.3.7: asking what is allowed is allowed.
  } else {
    response = FaultResponse(refusal.fault);
  }
  if (!refusal.allow.empty()) response.headers.Add("Allow", std::string(refusal.allow));
  return response;
}

}  // namespace

// What a handler knows of a request once it is let in.
struct FhirApi::Call {
  std::shared_ptr<const DataStore> data_store;
  fhir::TypeId type = fhir::kNoType;
  std::string_view resource_id;
  Media media = Media::kFhirJson;
  internal::Preferences preferences;
  QueryParameters parameters;
};

struct FhirApi::State {
  FhirApiOptions options;
  std::unique_ptr<internal::CapabilityCache> statements =
      std::make_unique<internal::CapabilityCache>();

  // Finds the data store and lets the request in, or says why not.
  std::optional<Response> Enter(const Request& request, Call* call) const;
  // Enter, and what the headers and the query ask for.
  // `known`: parameters of the interaction beside _format and _pretty; nothing: any, which the
  // interaction checks itself.
  using Known = std::optional<std::span<const std::string_view>>;
  std::optional<Response> Begin(const Request& request, Call* call,
                                const Known& known = Known(std::in_place)) const;
  Response WriteResponse(const Call& call, fhir_store::WriteOutcome outcome,
                         bool matched = false) const;
  // `write` has what the request says but the type.
  Response Conditional(const Call& call, internal::ConditionalWrite write) const;
  static Response DeleteResponse(const Call& call, const fhir_store::WriteOutcome& outcome);
  int64_t NowUnixMs() const { return options.clock->UnixMs(); }
};

std::optional<Response> FhirApi::State::Enter(const Request& request, Call* call) const {
  auto found = options.find(PathParameter(request, "id"));
  if (!found.ok()) return ErrorToResponse(found.error());
  call->data_store = std::move(found).value();
  if (!call->data_store->smart) {
    if (!options.authorize) return std::nullopt;
    const Status allowed = options.authorize(request);
    return allowed.ok() ? std::nullopt : std::optional(ErrorToResponse(allowed.error()));
  }
  if (options.dev) return std::nullopt;
  Response refused = FaultResponse({401, "login",
                                    "this data store is authorised by SMART on FHIR, and access "
                                    "tokens are only accepted unverified, with --dev"});
  refused.headers.Add("WWW-Authenticate", "Bearer");
  return refused;
}

std::optional<Response> FhirApi::State::Begin(const Request& request, Call* call,
                                              const Known& known) const {
  if (auto refused = Enter(request, call)) return refused;
  call->preferences = internal::ReadPreferences(request.headers);
  internal::Query query;
  const bool ignore_others = call->preferences.lenient || !known.has_value();
  if (auto fault = internal::ReadQuery(request, ignore_others, &query,
                                       known.value_or(std::span<const std::string_view>()))) {
    return FaultResponse(*fault);
  }
  const auto media = internal::AnswerMedia(request.headers.Get("Accept"),
                                           query.has_format ? &query.format : nullptr);
  if (!media.has_value()) {
    return FaultResponse({406, "not-supported",
                          "answers are application/fhir+json (or application/json) of FHIR 4.0"});
  }
  call->media = *media;
  call->parameters = std::move(query.parameters);
  call->type = fhir::FindType(PathParameter(request, "type"));
  call->resource_id = PathParameter(request, "rid");
  return std::nullopt;
}

// `matched`: nothing was written, the resource was there.
Response FhirApi::State::WriteResponse(const Call& call, fhir_store::WriteOutcome outcome,
                                       bool matched) const {
  const fhir_store::Version& version = outcome.version;
  const int status = outcome.created ? 201 : 200;
  Response response;
  if (call.preferences.what == Return::kOutcome) {
    response = OutcomeResponse(status, outcome.created ? "created"
                                       : matched       ? "exists"
                                                       : "updated");
  } else if (call.preferences.what == Return::kRepresentation) {
    response.headers.Add("Content-Type", std::string(internal::MediaText(call.media)));
  }
  response.status = status;
  AddVersionHeaders(version, &response);
  if (outcome.created || matched) {
    response.headers.Add("Location", call.data_store->endpoint + internal::VersionPath(version));
  }
  static constexpr std::string_view kApplied[] = {"return=representation", "return=minimal",
                                                  "return=OperationOutcome"};
  if (call.preferences.said) {
    response.headers.Add("Preference-Applied",
                         std::string(kApplied[static_cast<size_t>(call.preferences.what)]));
  }
  if (call.preferences.what == Return::kRepresentation) {
    response.body = std::move(outcome.version.body);
  }
  return response;
}

Response FhirApi::State::DeleteResponse(const Call& call, const fhir_store::WriteOutcome& outcome) {
  Response response;
  response.status = 204;
  if (call.preferences.what == Return::kOutcome) response = OutcomeResponse(200, "deleted");
  if (outcome.version.version_id > 0) {
    response.headers.Add("ETag", TagOf(outcome.version.version_id));
  }
  return response;
}

Response FhirApi::State::Conditional(const Call& call, internal::ConditionalWrite write) const {
  fhir_store::FhirStore* const store = call.data_store->store.get();
  write.type = call.type;
  internal::ConditionalOutcome outcome = internal::RunConditional(
      {store, call.data_store->endpoint, NowUnixMs(), call.data_store->compatibility}, store,
      write);
  if (!outcome.fault.has_value()) {
    return write.what == internal::ConditionalWrite::What::kDelete
               ? DeleteResponse(call, outcome.written)
               : WriteResponse(call, std::move(outcome.written), outcome.matched);
  }
  Response response = FaultResponse(*outcome.fault);
  if (outcome.fault->status == 429 || outcome.fault->status == 503) {
    response.headers.Add("Retry-After", "1");
  }
  const fhir_store::Version& there = outcome.written.version;
  if (outcome.fault->code == "duplicate") {
    response.headers.Add("Location", call.data_store->endpoint + internal::VersionPath(there));
  }
  return response;
}

FhirApi::FhirApi(FhirApiOptions options)
    : state_(std::make_unique<const State>(State{std::move(options)})) {
  CHECK(state_->options.find != nullptr && state_->options.clock != nullptr);
}

FhirApi::~FhirApi() = default;

Response FhirApi::Read(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call, internal::kViewParameters)) {
    return *std::move(refused);
  }
  if (call.type == fhir::kNoType || !fhir::IsValidId(call.resource_id)) return Refuse(request);
  fhir::View view;
  if (auto refused = ReadViewOf(call.parameters, call.type, call.preferences, &view)) {
    return *std::move(refused);
  }
  auto version = call.data_store->store->Read(call.type, call.resource_id);
  if (!version.ok()) return ErrorToResponse(version.error());
  return ViewResponse(request, call.media, view, std::move(version).value());
}

Response FhirApi::ReadVersion(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call, internal::kViewParameters)) {
    return *std::move(refused);
  }
  if (call.type == fhir::kNoType || !fhir::IsValidId(call.resource_id)) return Refuse(request);
  fhir::View view;
  if (auto refused = ReadViewOf(call.parameters, call.type, call.preferences, &view)) {
    return *std::move(refused);
  }
  const auto version_id =
      internal::VersionOfTag("\"" + std::string(PathParameter(request, "vid")) + "\"");
  if (!version_id.has_value()) {
    return FaultResponse({404, "not-found", "no version of that number"});
  }
  auto version = call.data_store->store->ReadVersion(call.type, call.resource_id, *version_id);
  if (!version.ok()) return ErrorToResponse(version.error());
  return ViewResponse(request, call.media, view, std::move(version).value());
}

Response FhirApi::History(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call, internal::kHistoryParameters)) {
    return *std::move(refused);
  }
  if (call.type == fhir::kNoType || !fhir::IsValidId(call.resource_id)) return Refuse(request);
  const internal::HistoryCall history = {
      .scope = {call.data_store->store.get(), call.data_store->endpoint, state_->NowUnixMs(),
                call.data_store->compatibility},
      .type = call.type,
      .id = call.resource_id,
      .handling = call.preferences.lenient ? fhir::Handling::kLenient : fhir::Handling::kStrict,
      .parameters = std::move(call.parameters)};
  return internal::RunHistory(history, call.media);
}

Response FhirApi::Search(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call, std::nullopt)) return *std::move(refused);
  fhir::SearchTarget target;
  target.type = call.type;
  if (!call.resource_id.empty()) {
    const std::string_view name = PathParameter(request, "ctype");
    target.type = fhir::FindType(name);
    // POST {Compartment}/{id}/_search: all types.
    const bool known = name.empty() || name == "*" || target.type != fhir::kNoType;
    if (!known || !fhir::IsCompartment(call.type) || !fhir::IsValidId(call.resource_id)) {
      return Refuse(request);
    }
    target.compartment = fhir::Compartment{call.type, std::string(call.resource_id)};
  } else if (call.type == fhir::kNoType && !PathParameter(request, "type").empty()) {
    return Refuse(request);
  }
  std::string storage;
  std::string_view form;
  if (request.method == http::Method::kPost) {
    if (!internal::IsFormMedia(request.headers.Get("Content-Type"))) {
      return FaultResponse(
          {415, "not-supported", "Content-Type must be application/x-www-form-urlencoded"});
    }
    const auto body =
        internal::ReadBody(request, fhir::kQueryBytesMax, "a search has at most 1 MB", &storage);
    if (!body.ok()) return ErrorToResponse(body.error());
    form = body.value();
    if (auto fault = ReadFormMedia(request, form, &call.media)) return FaultResponse(*fault);
  }
  const internal::SearchCall search = {
      .scope = {call.data_store->store.get(), call.data_store->endpoint, state_->NowUnixMs(),
                call.data_store->compatibility},
      .target = target,
      .handling = call.preferences.lenient ? fhir::Handling::kLenient : fhir::Handling::kStrict,
      .query = request.query,
      .form = form};
  return internal::RunSearch(search, call.media);
}

Response FhirApi::ProcessBundle(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call)) return *std::move(refused);
  if (auto fault = CheckWriteHeaders(request, false)) return FaultResponse(*fault);
  if (call.preferences.respond_async) {
    return FaultResponse({501, "not-supported", "asynchronous transactions are not supported"});
  }
  std::string storage;
  const auto body = internal::ReadBody(request, fhir::kBundleBytesMax,
                                       "a Bundle may have at most 32 MB", &storage);
  if (!body.ok()) return ErrorToResponse(body.error());
  internal::BundleCall run;
  run.store = call.data_store->store.get();
  run.scope = {run.store, call.data_store->endpoint, state_->NowUnixMs(),
               call.data_store->compatibility};
  run.preferences = call.preferences;
  run.media = call.media;
  return internal::RunBundle(run, body.value());
}

Response FhirApi::Create(const Request& request) const {
  Call call;
  if (auto refused = state_->Begin(request, &call)) return *std::move(refused);
  if (call.type == fhir::kNoType) return Refuse(request);
  if (auto fault = CheckWriteHeaders(request, true)) return FaultResponse(*fault);
  std::string once;
  if (auto fault = ReadIdempotencyKey(request, &once)) return FaultResponse(*fault);
  std::string storage;
  const auto body = ReadResourceBody(request, &storage);
  if (!body.ok()) return ErrorToResponse(body.error());
  const std::string* const criteria = request.headers.Find(kIfNoneExist);
  if (criteria != nullptr || !once.empty()) {
    internal::ConditionalWrite write;
    if (criteria != nullptr) write.criteria = *criteria;
    write.once = once;
    write.text = body.value();
    return state_->Conditional(call, write);
  }
  auto outcome = call.data_store->store->Create(call.type, body.value());
  if (!outcome.ok()) return ErrorToResponse(outcome.error());
  return state_->WriteResponse(call, std::move(outcome).value());
}

// With an id, or with criteria.
Response FhirApi::Update(const Request& request) const {
  const bool conditional = PathParameter(request, "rid").empty();
  Call call;
  if (auto refused = BeginWrite(request, conditional, &call)) return *std::move(refused);
  fhir_store::Precondition precondition;
  if (auto fault = CheckWriteHeaders(request, false)) return FaultResponse(*fault);
  if (auto fault = ReadPrecondition(request, &precondition)) return FaultResponse(*fault);
  std::string storage;
  const auto body = ReadResourceBody(request, &storage);
  if (!body.ok()) return ErrorToResponse(body.error());
  if (conditional) {
    internal::ConditionalWrite write;
    write.what = internal::ConditionalWrite::What::kUpdate;
    write.criteria = request.query;
    write.text = body.value();
    write.precondition = precondition;
    return state_->Conditional(call, write);
  }
  auto outcome =
      call.data_store->store->Update(call.type, call.resource_id, body.value(), precondition);
  if (!outcome.ok()) return ErrorToResponse(outcome.error());
  return state_->WriteResponse(call, std::move(outcome).value());
}

Response FhirApi::Delete(const Request& request) const {
  const bool conditional = PathParameter(request, "rid").empty();
  Call call;
  if (auto refused = BeginWrite(request, conditional, &call)) return *std::move(refused);
  fhir_store::Precondition precondition;
  if (auto fault = ReadPrecondition(request, &precondition)) return FaultResponse(*fault);
  if (conditional) {
    internal::ConditionalWrite write;
    write.what = internal::ConditionalWrite::What::kDelete;
    write.criteria = request.query;
    write.precondition = precondition;
    return state_->Conditional(call, write);
  }
  const auto outcome = call.data_store->store->Delete(call.type, call.resource_id, precondition);
  if (!outcome.ok()) return ErrorToResponse(outcome.error());
  return State::DeleteResponse(call, outcome.value());
}

// Lets an update or a deletion in, of an instance or by criteria.
std::optional<Response> FhirApi::BeginWrite(const Request& request, bool conditional,
                                            Call* call) const {
  const State::Known known = conditional ? std::nullopt : State::Known(std::in_place);
  if (auto refused = state_->Begin(request, call, known)) return refused;
  const bool immutable = internal::IsImmutableType(PathParameter(request, "type"));
  const bool has_id = conditional || fhir::IsValidId(call->resource_id);
  if (call->type == fhir::kNoType || immutable || !has_id) return Refuse(request);
  return std::nullopt;
}

Response FhirApi::Metadata(const Request& request) const {
  // Not behind authorisation: clients read it to learn how to authenticate.
  auto found = state_->options.find(PathParameter(request, "id"));
  if (!found.ok()) return ErrorToResponse(found.error());
  internal::Query query;
  // `mode` and _format are the parameters of this interaction; others change nothing here.
  if (auto fault = internal::ReadQuery(request, true, &query)) return FaultResponse(*fault);
  const auto media = internal::AnswerMedia(request.headers.Get("Accept"),
                                           query.has_format ? &query.format : nullptr);
  if (!media.has_value()) {
    return FaultResponse({406, "not-supported",
                          "answers are application/fhir+json (or application/json) of FHIR 4.0"});
  }
  Response response;
  response.headers.Add("Content-Type", std::string(internal::MediaText(*media)));
  const auto definitions = found.value()->store->search_definitions();
  response.body = *state_->statements->Text(
      {found.value()->endpoint, state_->options.software_version, found.value()->smart,
       definitions->parameters, found.value()->compatibility,
       found.value()->store->FillingParameters()},
      definitions);
  return response;
}

Response FhirApi::SmartConfiguration(const Request& request) const {
  // SMART App Launch 2.0 "well-known": readable without authentication.
  auto found = state_->options.find(PathParameter(request, "id"));
  if (!found.ok()) return ErrorToResponse(found.error());
  if (!found.value()->smart) {
    return FaultResponse({404, "not-found", "this data store is not authorised by SMART on FHIR"});
  }
  if (found.value()->smart_configuration.empty()) {  // Possible before it was made a must.
    return FaultResponse({404, "not-found",
                          "this data store has no discovery document: it was created without "
                          "IdentityProviderConfiguration.Metadata"});
  }
  Response response;
  response.headers.Add("Content-Type", "application/json");
  response.body = found.value()->smart_configuration;
  return response;
}

Response FhirApi::Other(const Request& request) const {
  Call call;
  if (auto refused = state_->Enter(request, &call)) return *std::move(refused);
  return Refuse(request);
}

void FhirApi::AddRoutes(http::Router* router) const {
  using Handle = Response (FhirApi::*)(const Request&) const;
  const auto add = [this, router](http::Method method, std::string_view pattern,
                                  http::RouteOptions options, Handle handle) {
    router->Add(method, "/datastore/{id}/r4" + std::string(pattern), std::move(options),
                [this, handle](Request& request) {
                  return internal::LaidOut(request, (this->*handle)(request));
                });
  };
  using http::Method;
  using http::RunOn;
  static constexpr std::pair<internal::Handler, Handle> kHandles[] = {
      {internal::Handler::kRead, &FhirApi::Read},
      {internal::Handler::kReadVersion, &FhirApi::ReadVersion},
      {internal::Handler::kHistory, &FhirApi::History},
      {internal::Handler::kSearch, &FhirApi::Search},
      {internal::Handler::kBundle, &FhirApi::ProcessBundle},
      {internal::Handler::kCreate, &FhirApi::Create},
      {internal::Handler::kUpdate, &FhirApi::Update},
      {internal::Handler::kDelete, &FhirApi::Delete},
      {internal::Handler::kMetadata, &FhirApi::Metadata},
      {internal::Handler::kSmartConfiguration, &FhirApi::SmartConfiguration}};
  for (const internal::Route& route : internal::kRoutes) {
    const auto* handle =
        std::find_if(std::begin(kHandles), std::end(kHandles),
                     [&route](const auto& row) { return row.first == route.handler; });
    CHECK(handle != std::end(kHandles));
    http::RouteOptions options{.run_on = route.on_loop ? RunOn::kLoop : RunOn::kWorkers,
                               .body_bytes_max = route.body_bytes_max,
                               .name = std::string(route.name)};
    // Opening the data store is nothing for the loop.
    if (route.on_loop && state_->options.finds_at_once) {
      options.fits_loop = [this](const Request& request) {
        return state_->options.finds_at_once(PathParameter(request, "id"));
      };
    }
    add(route.method, route.pattern, std::move(options), handle->second);
  }
  // Bodies of what is not built are read and dropped, so that the client gets to see the answer.
  for (const std::string_view pattern : {"", "/{rest...}"}) {
    add(Method::kOther, pattern, {.body_bytes_max = kBodyBytesMax, .name = "fhir.other"},
        &FhirApi::Other);
  }
}

bool IsFhirPath(std::string_view path) {
  if (!path.starts_with(kPrefix)) return false;
  const size_t slash = path.find('/', kPrefix.size());
  if (slash == std::string_view::npos) return false;
  const std::string_view rest = path.substr(slash + 1);
  return rest == "r4" || rest.starts_with("r4/");
}

Response ErrorResponse(int status, std::string_view message) {
  struct Row {
    int status;
    std::string_view code;
  };
  static constexpr Row kRows[] = {
      {400, "invalid"},   {403, "forbidden"},     {404, "not-found"}, {405, "not-supported"},
      {408, "timeout"},   {413, "too-long"},      {429, "throttled"}, {431, "too-long"},
      {500, "exception"}, {501, "not-supported"}, {503, "transient"}, {505, "not-supported"}};
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows),
                                [status](const Row& r) { return r.status == status; });
  const std::string_view code = row != std::end(kRows) ? row->code : "processing";
  return FaultResponse({status, code, std::string(message)});
}

}  // namespace tarn::fhir_api
