// The HealthImaging surface: rest-json, the 18 operations of the service model of 2023-07-19 (as of
// May 2026) without importConfiguration. All three of AWS's hosts are one here: routes go by path.
// What is checked, how errors look, what differs: docs/reference/healthimaging.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"
#include "http/server.h"
#include "image_store/data_stores.h"

namespace tarn::healthimaging {

struct HealthImagingOptions {
  // Authenticates page tokens. Keep it from start to start (service_model::ReadOrMakeSecret), or
  // tokens that clients hold become invalid.
  std::string page_token_secret;
  // Called first for every request; null lets everybody in. kUnauthenticated and kForbidden are
  // answered as AccessDeniedException.
  std::function<Status(const http::Request&)> authorize;
};

// Must outlive the router that its routes are added to.
// Threads: handlers may be called from many at once.
class HealthImaging {
 public:
  // `stores` and `clock` must outlive the object.
  HealthImaging(HealthImagingOptions options, image_store::DataStores& stores, const Clock& clock);
  ~HealthImaging();
  HealthImaging(const HealthImaging&) = delete;
  HealthImaging& operator=(const HealthImaging&) = delete;

  void AddRoutes(http::Router* router) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

// Whether a path is of this surface (or of none, below /datastore), for errors that the server
// itself answers there.
bool IsImagingPath(std::string_view path);
// Such an error, for Router::SetErrorFormatter.
http::Response ErrorResponse(int status, const http::Request& request, std::string_view message);

}  // namespace tarn::healthimaging
