#include "cli/openapi_routes.h"

#include <map>
#include <string>
#include <utility>

#include "arazzo/embedded.h"
#include "base/bytes.h"
#include "crypto/digest.h"
#include "json/value.h"

namespace tarn::cli {
namespace {

// A list of entity tags, or "*" (RFC 9110 13.1.2). Weak tags match as well: GET compares weakly.
bool Names(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view one = if_none_match.substr(0, if_none_match.find(','));
    if_none_match.remove_prefix(std::min(one.size() + 1, if_none_match.size()));
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

http::Response NotFoundResponse(const std::string& name) {
  std::string message = "there is no description " + name + "; there are";
  for (const arazzo::EmbeddedDescription& description : arazzo::EmbeddedDescriptions()) {
    message.append(" ").append(description.name);
  }
  json::Value body = json::Value::MakeObject();
  body.Set("message", json::Value::String(std::move(message)));
  http::Response response;
  response.status = 404;
  response.headers.Add("Content-Type", "application/json");
  response.body = json::ToText(body);
  return response;
}

}  // namespace

void AddOpenApiRoutes(http::Router* router) {
  std::map<std::string, std::string, std::less<>> etags;
  for (const arazzo::EmbeddedDescription& description : arazzo::EmbeddedDescriptions()) {
    etags.emplace(description.name,
                  '"' + HexEncode(crypto::Sha256(description.text)).substr(0, 32) + '"');
  }
  router->Add(http::Method::kGet, "/openapi/{name}",
              {.run_on = http::RunOn::kLoop, .body_bytes_max = 0, .name = "openapi"},
              [etags = std::move(etags)](http::Request& request) {
                const std::string& name = *FindParameter(request.path_parameters, "name");
                const arazzo::EmbeddedDescription* found = nullptr;
                // Only whole names: FindEmbeddedDescription would also take the end of a path.
                if (etags.contains(name)) found = arazzo::FindEmbeddedDescription(name);
                if (found == nullptr) return NotFoundResponse(name);
                const std::string& etag = etags.find(name)->second;
                http::Response response;
                response.headers.Add("ETag", etag);
                response.headers.Add("Cache-Control", "no-cache");
                if (Names(request.headers.Get("If-None-Match"), etag)) {
                  response.status = 304;
                  return response;
                }
                response.headers.Add("Content-Type", "application/yaml");
                response.body = found->text;
                return response;
              });
}

}  // namespace tarn::cli
