// awsJson requests from outside: whatever the bytes are, the answer is a request that keeps to the
// model (it is checked again from its text) or a failure with a known name and a message.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "healthlake/internal/model.h"
#include "healthlake/internal/parse.h"
#include "healthlake/internal/requests.h"
#include "service_model/page_token.h"
#include "service_model/request.h"

namespace tarn::healthlake::internal {
namespace {

// What the operations read from a request; none of it may fail on one that was accepted.
void ReadAll(const service_model::Operation& operation, const json::Value& request) {
  (void)ReadClientToken(operation.name, request);
  (void)ReadTags(request);
  (void)ReadTagKeys(request);
  if (operation.name == "CreateFHIRDatastore") (void)ReadCreate(request).ok();
  if (operation.name == "StartFHIRImportJob") (void)ReadImport(request).ok();
  if (operation.name == "StartFHIRExportJob") (void)ReadExport(request).ok();
  if (operation.name == "ListFHIRDatastores") (void)ReadDataStoreFilter(request).ok();
  if (operation.name.rfind("ListFHIR", 0) == 0) (void)ReadJobFilter("x", request).ok();
  (void)service_model::ReadPageToken("secret", "context",
                                     service_model::TextOf(request, "NextToken"))
      .ok();
}

void Fuzz(std::string_view bytes) {
  static const service_model::Validator validator(ServiceModel());
  const auto operations = ServiceModel().operations;
  if (bytes.size() < 2) return;
  const service_model::Operation& operation =
      operations[static_cast<uint8_t>(bytes[0]) % operations.size()];
  const size_t query_bytes = static_cast<uint8_t>(bytes[1]) % 64;
  bytes.remove_prefix(2);
  http::Request request;
  request.query = bytes.substr(0, query_bytes);
  request.body = bytes.substr(std::min(bytes.size(), query_bytes));
  request.headers.Add("Content-Type", "application/json");
  const auto parsed = ParseRequest(validator, operation, request);
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    CHECK(failure->exception == "SerializationException" ||
          failure->exception == "ValidationException");
    CHECK(!failure->message.empty());
    return;
  }
  const json::Value& value = std::get<json::Value>(parsed);
  const auto again = json::ParseValue(json::ToText(value));
  CHECK(again.ok() && again.value() == value);
  CHECK(!validator.Check(operation.input_shape, again.value()));
  ReadAll(operation, value);
}

}  // namespace
}  // namespace tarn::healthlake::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::healthlake::internal::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
