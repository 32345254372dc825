#include "cli/demo_session.h"

#include <cstdio>
#include <utility>

#include "cli/progress.h"

namespace tarn::cli {
namespace {

constexpr uint64_t kObjectBytesMax = 16u << 20;

std::string PathOf(std::string_view key) {
  return "/" + std::string(kDemoBucket) + "/" + std::string(key);
}

}  // namespace

DemoSession::DemoSession(std::string api_url, std::string s3_url)
    : api_url_(std::move(api_url)), s3_url_(std::move(s3_url)), client_({}) {}

Result<json::Value> DemoSession::HealthLake(std::string_view operation,
                                            const json::Value& request) {
  http::ClientRequest http;
  http.method = http::Method::kPost;
  http.url = api_url_ + "/";
  http.headers.Add("content-type", "application/x-amz-json-1.0");
  http.headers.Add("x-amz-target", "HealthLake." + std::string(operation));
  http.body = json::ToText(request);
  TRY(const http::ClientResponse response, client_.Send(http));
  if (response.status != 200) {
    return Error{ErrorKind::kUnavailable, std::string(operation) + ": " + response.body};
  }
  return json::ParseValue(response.body);
}

Result<std::string> DemoSession::Api(http::Method method, std::string_view path, std::string body) {
  http::ClientRequest http;
  http.method = method;
  http.url = api_url_ + std::string(path);
  http.body = std::move(body);
  TRY(http::ClientResponse response, client_.Send(http));
  if (response.status != 200) {
    return Error{ErrorKind::kUnavailable, std::string(path) + ": " + response.body};
  }
  return std::move(response.body);
}

Result<int> DemoSession::S3(http::Method method, std::string_view path, std::string body) {
  http::ClientRequest http;
  http.method = method;
  http.url = s3_url_ + std::string(path);
  http.body = std::move(body);
  TRY(const http::ClientResponse response, client_.Send(http));
  return response.status;
}

Status DemoSession::MakeBucket() {
  TRY(const int made, S3(http::Method::kPut, "/" + std::string(kDemoBucket), ""));
  if (made != 200 && made != 409) return Internal("cannot make the bucket demo");
  return Ok();
}

Result<bool> DemoSession::Has(std::string_view key) {
  TRY(const int status, S3(http::Method::kHead, PathOf(key), ""));
  return status == 200;
}

Status DemoSession::Put(std::string_view key, std::string body) {
  const std::string path = PathOf(key);
  TRY(const int status, S3(http::Method::kPut, path, std::move(body)));
  if (status != 200) return Internal("PUT " + path + ": status " + std::to_string(status));
  return Ok();
}

Result<std::string> DemoSession::Get(std::string_view uri) {
  constexpr std::string_view kScheme = "s3:/";
  if (!uri.starts_with(kScheme)) return Invalid("no s3:// URI: " + std::string(uri));
  const std::string path(uri.substr(kScheme.size()));
  http::ClientRequest http;
  http.url = s3_url_ + path;
  http.response_bytes_max = kObjectBytesMax;
  TRY(http::ClientResponse response, client_.Send(http));
  if (response.status != 200) {
    return Internal("GET " + path + ": status " + std::to_string(response.status));
  }
  return std::move(response.body);
}

json::Value Text(std::string_view text) { return json::Value::String(std::string(text)); }

std::string TextOf(const json::Value* value) {
  return value != nullptr && value->IsString() ? value->AsString() : std::string();
}

double NumberOf(const json::Value* value) {
  return value != nullptr && value->IsNumber() ? value->AsDouble() : 0;
}

void PrintRate(double count, const char* noun, double seconds) {
  std::printf(" in %.2f s: %s %s/s\n", seconds,
              WithThousands(static_cast<uint64_t>(count / seconds)).c_str(), noun);
}

}  // namespace tarn::cli
