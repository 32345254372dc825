// What the parts of `tarn demo` share: the endpoints of one server and the calls that they make,
// over the same wire as any client.
// Threads: one thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "http/client.h"
#include "json/value.h"

namespace tarn::cli {

inline constexpr std::string_view kDemoBucket = "demo";
inline constexpr std::string_view kDemoStoreName = "demo";  // Of both data stores.
inline constexpr std::string_view kDemoRole = "arn:aws:iam::000000000000:role/demo";
inline constexpr auto kDemoPollInterval = std::chrono::milliseconds(50);

class DemoSession {
 public:
  // "http://127.0.0.1:8080", without a slash at the end.
  DemoSession(std::string api_url, std::string s3_url);

  // One HealthLake operation (awsJson1_0). Errors: kUnavailable for any status but 200.
  Result<json::Value> HealthLake(std::string_view operation, const json::Value& request);
  // The body of an answer of the API listener. Errors: kUnavailable for any status but 200.
  Result<std::string> Api(http::Method method, std::string_view path, std::string body);

  // One S3 request; returns its status.
  Result<int> S3(http::Method method, std::string_view path, std::string body);
  // Makes the bucket unless it is there.
  Status MakeBucket();
  // Whether the bucket has the key.
  Result<bool> Has(std::string_view key);
  Status Put(std::string_view key, std::string body);
  // The bytes of the object that an s3:// URI names, up to 16 MB.
  Result<std::string> Get(std::string_view uri);

  const std::string& api_url() const { return api_url_; }

 private:
  const std::string api_url_;
  const std::string s3_url_;
  http::Client client_;
};

// Asks until `status_of` gives none of the passing states of data stores and jobs.
template <typename Ask, typename StatusOf>
Result<json::Value> PollDemo(const Ask& ask, const StatusOf& status_of) {
  for (;;) {
    TRY(json::Value answer, ask());
    const std::string status = status_of(answer);
    if (status != "CREATING" && status != "SUBMITTED" && status != "QUEUED" &&
        status != "IN_PROGRESS") {
      return answer;
    }
    std::this_thread::sleep_for(kDemoPollInterval);
  }
}

json::Value Text(std::string_view text);
// Of a member that may be missing or of another kind: "" and 0.
std::string TextOf(const json::Value* value);
double NumberOf(const json::Value* value);

// " in 1.37 s: 55,521 resources/s" and the line's end, on standard output.
void PrintRate(double count, const char* noun, double seconds);

}  // namespace tarn::cli
