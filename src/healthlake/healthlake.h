// The HealthLake control plane: awsJson1_0 on POST /, the 13 operations of the service model of
// 2025-01-24 plus ValidationLevel. What is checked and how errors look:
// docs/reference/healthlake.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "fhir_store/data_stores.h"
#include "http/message.h"
#include "http/server.h"

namespace tarn::healthlake {

struct ControlPlaneOptions {
  // Authenticates page tokens. Keep it from start to start (service_model::ReadOrMakeSecret), or
  // tokens that clients hold become invalid.
  std::string page_token_secret;
  // Called first for every request; null lets everybody in. kUnauthenticated and kForbidden are
  // answered as AccessDeniedException.
  std::function<Status(const http::Request&)> authorize;
};

// Must outlive the router that its routes are added to.
// Threads: handlers may be called from many at once.
class ControlPlane {
 public:
  // `stores` must outlive the object.
  ControlPlane(ControlPlaneOptions options, fhir_store::DataStores& stores);
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  void AddRoutes(http::Router* router) const;
  http::Response Handle(const http::Request& request) const;  // POST /

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

// Errors that the server itself answers on the control plane's path, for Router::SetErrorFormatter.
http::Response ErrorResponse(int status, const http::Request& request, std::string_view message);

}  // namespace tarn::healthlake
