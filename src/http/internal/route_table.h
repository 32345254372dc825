// The routes of one listener as a tree of path segments. Immutable once the server runs.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace tarn::http {

inline constexpr size_t kMethodCount = 8;

struct Route {
  RouteOptions options;
  Handler handler;
  std::vector<std::string> parameter_names;  // In the order of the pattern.
  size_t index = 0;                          // Its place in Router::State::routes.
};

struct RouteNode {
  std::map<std::string, std::unique_ptr<RouteNode>, std::less<>> literals;  // Decoded segments.
  std::unique_ptr<RouteNode> part;                                          // {name}
  std::array<std::unique_ptr<Route>, kMethodCount> routes;                  // Path ends here.
  std::array<std::unique_ptr<Route>, kMethodCount> rest_routes;             // {name...}
};

struct RouteMatch {
  const Route* route = nullptr;  // Null: none.
  bool bad_path = false;         // The path cannot be decoded: 400.
  // When there is no route: the methods of the routes with this path ("GET, HEAD, OPTIONS"), or
  // empty when there is none.
  std::string allow;
  QueryParameters parameters;
};

struct Router::State {
  RouteNode root;
  std::vector<const Route*> routes;  // Every route, for the metrics.
  ErrorFormatter formatter;

  // `path` is encoded and begins with '/'. A HEAD request finds the GET route when there is no
  // HEAD route.
  RouteMatch Match(Method method, std::string_view path) const;
};

// How this module's other files get at a Router's inside.
struct RouterAccess {
  using State = Router::State;
  static std::unique_ptr<Router::State> Take(Router&& router) { return std::move(router.state_); }
  static Router::State& Of(Router& router) { return *router.state_; }
};

using RouteTable = RouterAccess::State;

}  // namespace tarn::http
