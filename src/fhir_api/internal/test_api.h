// The handlers over a data store in memory, for this module's tests. What HTTP itself does
// (routing, HEAD without a body, 413 before reading) is the server's and tested there and end to
// end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "fhir_api/fhir_api.h"
#include "fhir_api/internal/view.h"
#include "json/value.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"

namespace tarn::fhir_api {

using http::Method;
using http::Response;

inline constexpr std::string_view kPlainStore = "plain";
inline constexpr std::string_view kSmartStore = "smart";
inline constexpr std::string_view kLakeStore = "lake";  // The plain one with HealthLake's limits.
inline constexpr std::string_view kBase = "http://127.0.0.1:8080/datastore/plain/r4/";
inline constexpr std::string_view kDiscovery = R"({"token_endpoint":"https://idp.example/token"})";

// A body that arrives in pieces.
class PieceReader final : public http::BodyReader {
 public:
  explicit PieceReader(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(std::span<char> out) override {
    const size_t bytes = std::min({out.size(), size_t{1000}, text_.size() - at_});
    std::memcpy(out.data(), text_.data() + at_, bytes);
    at_ += bytes;
    return bytes;
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

struct Ask {
  Method method = Method::kGet;
  std::string path;  // Behind /r4/; may end in a query.
  http::Headers::Field header = {};
  std::string body = {};
  std::string store = std::string(kPlainStore);
  bool has_type = true;  // Bodies say what they are, unless `header` does.
};

// SeededRandom for several threads.
class SharedRandom final : public RandomSource {
 public:
  void Fill(std::span<char> out) override {
    MutexLock lock(mutex_);
    random_.Fill(out);
  }

 private:
  Mutex mutex_;
  SeededRandom random_ GUARDED_BY(mutex_){7};
};

class FhirApiTest : public testing::Test {
 protected:
  FhirApiTest() {
    std::string pattern = testing::TempDir() + "fhir_api_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    kv_ = engine_.Open("store", fhir_store::DataStoreSchema()).value();
    fhir_store::FhirStoreOptions options;
    options.data_store_id = kPlainStore;
    store_ =
        fhir_store::FhirStore::Open(options, *kv_, *objects_, clock_, random_, metrics_).value();
    MakeApi(false);
  }
  ~FhirApiTest() override {
    api_.reset();
    store_.reset();
    kv_.reset();
    objects_.reset();
    EXPECT_TRUE(RemoveFolder(folder_).ok());
  }

  void MakeApi(bool dev) {
    FhirApiOptions options;
    options.find = [this](std::string_view id) -> Result<std::shared_ptr<const DataStore>> {
      if (id == "creating") return Error{ErrorKind::kConflict, "the data store is not ACTIVE"};
      if (id != kPlainStore && id != kSmartStore && id != kLakeStore) {
        return NotFound("no such data store");
      }
      DataStore found;
      found.store = store_;
      found.endpoint = kBase;
      found.smart = id == kSmartStore;
      if (id == kLakeStore) found.compatibility = fhir::Compatibility::kHealthLake;
      if (found.smart) found.smart_configuration = discovery_;
      return std::make_shared<const DataStore>(std::move(found));
    };
    options.authorize = [this](const http::Request&) -> Status {
      if (authorized_) return Ok();
      return Error{ErrorKind::kUnauthenticated, "the signature does not match"};
    };
    options.clock = &clock_;
    options.dev = dev;
    api_ = std::make_unique<FhirApi>(std::move(options));
  }

  // Routes as FhirApi::AddRoutes does, for the paths of these tests.
  Response Send(const Ask& ask) {
    http::Request request;
    request.method = ask.method;
    request.target = "/datastore/" + ask.store + "/r4/" + ask.path;
    const size_t question = request.target.find('?');
    request.path = request.target.substr(0, question);
    if (question != std::string::npos) request.query = request.target.substr(question + 1);
    if (!ask.header.first.empty()) request.headers.Add(ask.header.first, ask.header.second);
    const bool writes = ask.method == Method::kPost || ask.method == Method::kPut;
    if (writes && ask.has_type && request.headers.Find("Content-Type") == nullptr) {
      request.headers.Add("Content-Type", "application/fhir+json");
    }
    std::vector<std::string> parts;
    for (std::string_view rest = std::string_view(request.path).substr(11); !rest.empty();) {
      const size_t slash = std::min(rest.find('/'), rest.size());
      parts.emplace_back(rest.substr(0, slash));
      rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    request.path_parameters.emplace_back("id", parts[0]);
    if (parts.size() > 2) request.path_parameters.emplace_back("type", parts[2]);
    if (parts.size() > 3) request.path_parameters.emplace_back("rid", parts[3]);
    if (parts.size() > 4) request.path_parameters.emplace_back("ctype", parts[4]);
    if (parts.size() > 5) request.path_parameters.emplace_back("vid", parts[5]);
    PieceReader reader(ask.body);
    if (ask.body.size() > http::kBufferedBodyBytesMax) {
      request.body_reader = &reader;
      request.content_length = ask.body.size();
    } else {
      request.body = ask.body;
    }
    return Call(request, parts);
  }

  // As AddRoutes does.
  Response Call(const http::Request& request, const std::vector<std::string>& parts) {
    return internal::LaidOut(request, CallHandler(request, parts));
  }
  Response CallHandler(const http::Request& request, const std::vector<std::string>& parts) {
    const bool read = request.method == Method::kGet || request.method == Method::kHead;
    if (parts.size() == 3 && parts[2] == "metadata" && read) return api_->Metadata(request);
    if (parts.size() == 4 && parts[2] == ".well-known") return api_->SmartConfiguration(request);
    if (parts.size() == 4 && read) return api_->Read(request);
    if (parts.size() == 4 && request.method == Method::kPut) return api_->Update(request);
    if (parts.size() == 4 && request.method == Method::kDelete) return api_->Delete(request);
    if (parts.size() == 3 && request.method == Method::kPut) return api_->Update(request);
    if (parts.size() == 3 && request.method == Method::kDelete) return api_->Delete(request);
    if (parts.size() == 5 && parts[4] == "_history" && read) return api_->History(request);
    if (parts.back() == "_search" && request.method == Method::kPost) {
      http::Request search = request;
      search.path_parameters.pop_back();  // A literal of the route.
      return api_->Search(search);
    }
    if (parts.size() != 4 && parts.size() <= 5 && read) return api_->Search(request);
    if (parts.size() == 2 && request.method == Method::kPost) return api_->ProcessBundle(request);
    if (parts.size() == 6 && parts[4] == "_history" && read) return api_->ReadVersion(request);
    if (parts.size() == 3 && request.method == Method::kPost) return api_->Create(request);
    return api_->Other(request);
  }

  Response Get(const std::string& path, const http::Headers::Field& header = {}) {
    return Send({.path = path, .header = header});
  }
  Response Put(const std::string& path, const std::string& body,
               const http::Headers::Field& header = {}) {
    return Send({.method = Method::kPut, .path = path, .header = header, .body = body});
  }
  Response Post(const std::string& path, const std::string& body,
                const http::Headers::Field& header = {}) {
    return Send({.method = Method::kPost, .path = path, .header = header, .body = body});
  }
  Response Remove(const std::string& path, const http::Headers::Field& header = {}) {
    return Send({.method = Method::kDelete, .path = path, .header = header});
  }

  // The issue code of an answer that must be an OperationOutcome.
  static std::string CodeOf(const Response& response) {
    EXPECT_EQ(response.headers.Get("Content-Type"), "application/fhir+json");
    const auto value = json::ParseValue(response.body);
    if (!value.ok() || value.value().Find("resourceType") == nullptr) return "no JSON";
    EXPECT_EQ(value.value().Find("resourceType")->AsString(), "OperationOutcome");
    return value.value().Find("issue")->items()[0].Find("code")->AsString();
  }

  FakeClock clock_{1'767'323'045'678};  // 2026-01-02T03:04:05.678Z
  SharedRandom random_;
  MetricsRegistry metrics_;
  kv::FakeEngine engine_;
  std::string folder_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<kv::Store> kv_;
  std::shared_ptr<fhir_store::FhirStore> store_;
  std::unique_ptr<FhirApi> api_;
  bool authorized_ = true;
  std::string discovery_{kDiscovery};
};

}  // namespace tarn::fhir_api
