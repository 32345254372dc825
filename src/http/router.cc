#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/internal/route_table.h"
#include "http/server.h"

namespace tarn::http {
namespace {

using RouteSlots = std::array<std::unique_ptr<Route>, kMethodCount>;

size_t SlotOf(Method method) { return static_cast<size_t>(method); }

Response DefaultErrorFormatter(int status, const Request&, std::string_view message) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body.append(message).push_back('\n');
  return response;
}

const Route* Choose(const RouteSlots& slots, Method method) {
  if (const auto& exact = slots[SlotOf(method)]; exact) return exact.get();
  if (method == Method::kHead && slots[SlotOf(Method::kGet)]) {
    return slots[SlotOf(Method::kGet)].get();
  }
  return slots[SlotOf(Method::kOther)].get();
}

// One search through the tree. Literal segments are tried before parts, and parts before rests; a
// branch without a route for the method is left again, so "POST /{id}" is found beside "GET /new".
class Matcher {
 public:
  explicit Matcher(Method method) : method_(method) {}

  // `path` is what follows `node`: empty, or '/' and more.
  const Route* Find(const RouteNode& node, std::string_view path) {
    if (path.empty()) return Take(node.routes);
    const std::string_view raw = path.substr(1, path.find('/', 1) - 1);
    const std::string_view after = path.substr(1 + raw.size());
    std::string decoded_storage;
    std::string_view segment = raw;
    if (raw.find('%') != std::string_view::npos) {
      auto decoded = PercentDecode(raw);
      if (!decoded.ok()) return nullptr;  // Match refused such paths before.
      decoded_storage = std::move(decoded).value();
      segment = decoded_storage;
    }
    if (const auto child = node.literals.find(segment); child != node.literals.end()) {
      if (const Route* route = Find(*child->second, after)) return route;
    }
    if (node.part && !segment.empty()) {
      values_.emplace_back(segment);
      if (const Route* route = Find(*node.part, after)) return route;
      values_.pop_back();
    }
    const std::string_view rest = path.substr(1);
    if (const Route* route = Take(node.rest_routes)) {
      values_.push_back(PercentDecode(rest).value());
      return route;
    }
    return nullptr;
  }

  std::vector<std::string>& values() { return values_; }

  std::string Allow() const {
    std::string out;
    const auto add = [&out](std::string_view name) {
      if (!out.empty()) out.append(", ");
      out.append(name);
    };
    if (!seen_any_) return out;
    for (size_t i = 0; i < kMethodCount; ++i) {
      const auto method = static_cast<Method>(i);
      const bool head_by_get = method == Method::kHead && allowed_[SlotOf(Method::kGet)];
      if (method == Method::kOptions || method == Method::kOther) continue;
      if (allowed_[i] || head_by_get) add(MethodName(method));
    }
    add(MethodName(Method::kOptions));
    return out;
  }

 private:
  const Route* Take(const RouteSlots& slots) {
    for (size_t i = 0; i < kMethodCount; ++i) {
      if (!slots[i]) continue;
      allowed_[i] = true;
      seen_any_ = true;
    }
    return Choose(slots, method_);
  }

  const Method method_;
  std::vector<std::string> values_;
  std::array<bool, kMethodCount> allowed_{};
  bool seen_any_ = false;
};

RouteNode& MakeNode(std::unique_ptr<RouteNode>& slot) {
  if (!slot) slot = std::make_unique<RouteNode>();
  return *slot;
}

// A path that decodes, without NUL: below this, code in C would see another name than we do.
bool IsDecodable(std::string_view path) {
  if (path.find('%') == std::string_view::npos) return true;
  const auto decoded = PercentDecode(path);
  return decoded.ok() && decoded.value().find('\0') == std::string::npos;
}

}  // namespace

RouteMatch Router::State::Match(Method method, std::string_view path) const {
  RouteMatch match;
  if (!path.starts_with('/')) return match;
  if (!IsDecodable(path)) {
    match.bad_path = true;
    return match;
  }
  Matcher matcher(method);
  match.route = matcher.Find(root, path);
  if (match.route == nullptr) {
    match.allow = matcher.Allow();
    return match;
  }
  const auto& names = match.route->parameter_names;
  CHECK(names.size() == matcher.values().size());
  match.parameters.reserve(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    match.parameters.emplace_back(names[i], std::move(matcher.values()[i]));
  }
  return match;
}

Router::Router() : state_(std::make_unique<State>()) { state_->formatter = DefaultErrorFormatter; }
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::Add(Method method, std::string_view pattern, RouteOptions options, Handler handler) {
  CHECK(pattern.starts_with('/'));
  CHECK(!options.name.empty());
  auto route = std::make_unique<Route>();
  RouteNode* node = &state_->root;
  bool takes_rest = false;
  for (std::string_view rest = pattern; !rest.empty();) {
    CHECK(!takes_rest);  // Nothing may follow {name...}.
    const std::string_view segment = rest.substr(1, rest.find('/', 1) - 1);
    rest.remove_prefix(1 + segment.size());
    if (!segment.starts_with('{')) {
      node = &MakeNode(node->literals[std::string(segment)]);
    } else if (segment.ends_with("...}")) {
      route->parameter_names.emplace_back(segment.substr(1, segment.size() - 5));
      takes_rest = true;
    } else {
      CHECK(segment.ends_with('}'));
      route->parameter_names.emplace_back(segment.substr(1, segment.size() - 2));
      node = &MakeNode(node->part);
    }
  }
  auto& slot = (takes_rest ? node->rest_routes : node->routes)[SlotOf(method)];
  CHECK(slot == nullptr);
  route->options = std::move(options);
  route->handler = std::move(handler);
  route->index = state_->routes.size();
  state_->routes.push_back(route.get());
  slot = std::move(route);
}

void Router::SetErrorFormatter(ErrorFormatter formatter) {
  CHECK(formatter != nullptr);
  state_->formatter = std::move(formatter);
}

}  // namespace tarn::http
