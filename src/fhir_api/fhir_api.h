// The FHIR REST surface of data stores: /datastore/{id}/r4/...
// Spec: FHIR R4 "RESTful API"; HealthLake's behaviour where it is known. What is served, and what
// is refused by name: docs/reference/fhir-api.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/fhir_store.h"
#include "http/message.h"
#include "http/server.h"

namespace tarn::fhir_api {

// One data store as this surface sees it. Immutable: a change is a new object.
struct DataStore {
  // Keeps open what it needs as long as a request runs, also while the data store is deleted.
  std::shared_ptr<fhir_store::FhirStore> store;
  std::string endpoint;  // Ends in "/r4/"; Location headers begin with it.
  fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
  bool smart = false;               // Authorised by SMART on FHIR tokens, not by signatures.
  std::string smart_configuration;  // The discovery document, JSON text; empty without SMART.
};

struct FhirApiOptions {
  // Errors: kNotFound (no such data store), kConflict (not ACTIVE), others as they are.
  // Threads: from many at once.
  using Find = std::function<Result<std::shared_ptr<const DataStore>>(std::string_view id)>;
  Find find;
  // Whether `find` answers about this id without waiting; else the request goes to a worker. Called
  // on event loops: must not block. Null: it always does.
  std::function<bool(std::string_view id)> finds_at_once;
  const Clock* clock = nullptr;  // Must outlive the object. Not null.
  // Called first for every request to a data store without SMART, but for `metadata`; null lets
  // everybody in. The body is not read yet when Request::body_reader is set. Must not block.
  std::function<Status(const http::Request&)> authorize;
  // Development: data stores with SMART answer without a token. Else they answer 401: tokens are
  // not verified by this release.
  bool dev = false;
  std::string software_version;
};

// Must outlive the router that its routes are added to.
// Threads: handlers may be called from many at once.
class FhirApi {
 public:
  explicit FhirApi(FhirApiOptions options);
  ~FhirApi();
  FhirApi(const FhirApi&) = delete;
  FhirApi& operator=(const FhirApi&) = delete;

  void AddRoutes(http::Router* router) const;

  // The handlers, by path parameters: id (data store), type, rid (resource), vid (version).
  http::Response Read(const http::Request& request) const;         // GET, HEAD {type}/{rid}
  http::Response ReadVersion(const http::Request& request) const;  // GET, HEAD .../_history/{vid}
  http::Response History(const http::Request& request) const;  // GET, HEAD {type}/{rid}/_history
  // GET of the base, {type}, {type}/{rid}/{ctype}; POST {type}/_search, _search.
  http::Response Search(const http::Request& request) const;
  http::Response ProcessBundle(const http::Request& request) const;  // POST, of the base itself
  http::Response Create(const http::Request& request) const;         // POST {type}
  http::Response Update(const http::Request& request) const;         // PUT {type}/{rid}, {type}
  http::Response Delete(const http::Request& request) const;         // DELETE of the same
  http::Response Metadata(const http::Request& request) const;       // GET metadata
  http::Response SmartConfiguration(const http::Request& request) const;
  // Everything else below /datastore/{id}/r4: said by name, or 404 or 405.
  http::Response Other(const http::Request& request) const;

 private:
  struct State;
  struct Call;
  std::optional<http::Response> BeginWrite(const http::Request& request, bool conditional,
                                           Call* call) const;
  std::unique_ptr<const State> state_;
};

// Whether errors of this path are this surface's to format, also those of the server itself.
bool IsFhirPath(std::string_view path);
// For Router::SetErrorFormatter.
http::Response ErrorResponse(int status, std::string_view message);

}  // namespace tarn::fhir_api
