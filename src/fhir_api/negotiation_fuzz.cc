// Any bytes as the headers, query and path of a FHIR request: what they ask for is read or refused,
// and nothing of them reaches an answer but plain short words.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_api/internal/not_built.h"
#include "fhir_api/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::fhir_api::internal;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto method = static_cast<tarn::http::Method>(data[0] % 8);
  (void)AnswerMedia(text, nullptr);
  // The weakest wildcard in front makes everything acceptable.
  const auto wild = AnswerMedia("*/*;q=0.001," + text, nullptr);
  CHECK(wild.has_value());
  (void)AnswerMedia({}, &text);

  tarn::http::Request request;
  request.method = method;
  request.query = text;
  request.headers.Add("Prefer", text);
  const Preferences preferences = ReadPreferences(request.headers);
  CHECK(preferences.said || preferences.what == Return::kRepresentation);
  Query query;
  if (const auto fault = ReadQuery(request, false, &query)) CHECK(fault->status == 400);

  const auto version = VersionOfTag(text);
  if (version.has_value()) {
    CHECK(*version > 0);
    CHECK(text.find('"' + std::to_string(*version) + '"') != std::string::npos);
    CHECK(TagListHolds("\"0\"," + text, *version));
  }
  CHECK(TagListHolds("*," + text, 1));

  const Refusal refusal = RefusalOf(method, text);
  const int status = refusal.fault.status;
  CHECK(status == 404 || status == 405 || status == 501);
  CHECK((status == 405) == !refusal.allow.empty());
  CHECK(refusal.fault.text.size() < 100 + tarn::fhir_api::kEchoBytesMax);
  return 0;
}
