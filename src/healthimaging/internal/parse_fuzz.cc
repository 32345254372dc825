// rest-json requests from outside: whatever the bytes are, the answer is a request that keeps to
// the model (it is checked again from its text) or a ValidationException with a message; and a
// frame's URL gives one part of it or an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "healthimaging/internal/frame_request.h"
#include "healthimaging/internal/model.h"
#include "healthimaging/internal/parse.h"

namespace tarn::healthimaging::internal {
namespace {

void FuzzFrame(const http::Request& request) {
  const auto read = ReadFrameRequest(request);
  if (!read.ok()) return;
  const image_store::FrameRange& range = read.value().range;
  CHECK(int{range.bytes.has_value()} + int{range.suffix_bytes.has_value()} +
            int{range.levels.has_value()} <=
        1);
  if (range.bytes) CHECK(range.bytes->first <= range.bytes->second);
  if (range.levels) CHECK(range.levels->first <= range.levels->second);
  const std::string etag = EntityTag("x", read.value());
  (void)ClientHas(request, etag);
  (void)RangeApplies(request, etag);
}

void Fuzz(std::string_view bytes) {
  static const service_model::Validator validator(ServiceModel());
  const auto operations = ServiceModel().operations;
  if (bytes.size() < 3) return;
  const auto& operation = operations[static_cast<uint8_t>(bytes[0]) % operations.size()];
  const size_t label_bytes = static_cast<uint8_t>(bytes[1]);
  const size_t query_bytes = static_cast<uint8_t>(bytes[2]);
  bytes.remove_prefix(3);
  const auto take = [&bytes](size_t count) {
    const std::string_view part = bytes.substr(0, count);
    bytes.remove_prefix(part.size());
    return std::string(part);
  };
  http::Request request;
  const std::string label = take(label_bytes);
  for (const char* name :
       {"datastoreId", "imageSetId", "sourceImageSetId", "jobId", "resourceArn"}) {
    request.path_parameters.emplace_back(name, label);
  }
  request.query = take(query_bytes);
  request.body = bytes;
  request.headers.Add("Range", request.body.substr(0, 64));
  request.headers.Add("If-None-Match", request.body);
  FuzzFrame(request);
  const auto parsed = ParseRequest(validator, operation, request);
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    CHECK(failure->exception == "ValidationException" && !failure->message.empty());
    return;
  }
  const json::Value& value = std::get<json::Value>(parsed);
  const auto again = json::ParseValue(json::ToText(value));
  CHECK(again.ok() && again.value() == value);
  CHECK(!validator.Check(operation.input_shape, again.value()));
}

}  // namespace
}  // namespace tarn::healthimaging::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::healthimaging::internal::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
