#include "fhir_store/internal/resource_text.h"

#include <utility>

#include "base/check.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kKeepBytes = 4u << 20;  // Buffers for texts up to this size are kept.

}  // namespace

Status ResourceReader::Read(std::string_view text) {
  largest_ = std::max(largest_, text.size());
  document_.reset();
  return Take(parser_->Parse(text));
}

Status ResourceReader::ReadPadded(std::string_view text) {
  largest_ = std::max(largest_, text.size());
  document_.reset();
  return Take(parser_->ParsePadded(text));
}

Status ResourceReader::Take(Result<json::Document> document) {
  TRY(document_, std::move(document));
  auto envelope = fhir::ReadEnvelope(*document_);
  if (!envelope.ok()) return std::move(envelope).error();
  envelope_ = std::move(envelope).value();
  return Ok();
}

void ResourceReader::AppendStamped(const fhir::Stamp& stamp, std::string* out) const {
  CHECK(document_.has_value());
  fhir::AppendStamped(*document_, envelope_, stamp, out);
}

void ResourceReader::AppendUnstamped(std::string* out) const {
  CHECK(document_.has_value());
  fhir::AppendUnstamped(*document_, envelope_, out);
}

void ResourceReader::Trim() {
  if (largest_ <= kKeepBytes) return;
  largest_ = 0;
  document_.reset();
  parser_.emplace(fhir::ResourceLimits());
}

}  // namespace tarn::fhir_store
