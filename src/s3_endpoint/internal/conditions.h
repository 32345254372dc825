// Conditional requests and ranges. Spec: RFC 9110 13 and 14, and GetObject in the Amazon S3 API
// Reference. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "objects/object_store.h"

namespace tarn::s3_endpoint {

enum class Verdict : uint8_t { kGo, kNotModified, kFailed };

// The four conditions of a request over an object's state, in the order of RFC 9110 13.2.2.
struct Conditions {
  std::string_view if_match;
  std::string_view if_none_match;
  std::string_view if_modified_since;
  std::string_view if_unmodified_since;
};
Conditions ConditionsOf(const http::Headers& headers);
Conditions CopySourceConditionsOf(const http::Headers& headers);
Verdict Judge(const Conditions& conditions, const objects::ObjectInfo& info);

enum class RangeKind : uint8_t { kWhole, kPart, kUnsatisfiable };
struct RangeResult {
  RangeKind kind = RangeKind::kWhole;
  objects::ByteRange range;  // For kPart; within the object.
};
// A Range field over an object of `size` bytes. What is not one range of bytes gives the whole.
RangeResult ParseRange(std::string_view field, uint64_t size);

}  // namespace tarn::s3_endpoint
