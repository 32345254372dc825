// Reads one resource text and writes what is stored of it.
// Threads: a ResourceReader belongs to one thread; it keeps the parser's buffers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource.h"
#include "json/document.h"

namespace tarn::fhir_store {

class ResourceReader {
 public:
  ResourceReader() : parser_(std::in_place, fhir::ResourceLimits()) {}

  // Parses and reads the envelope. Errors: kInvalid, kTooLarge, with position or element.
  Status Read(std::string_view text);
  // The same without a copy: json::kPadding bytes after `text` must be readable, and `text` must
  // outlive the use of what was read.
  Status ReadPadded(std::string_view text);

  // Of the last text that was read without error.
  const fhir::Envelope& envelope() const { return envelope_; }
  const json::Document& document() const { return *document_; }
  void AppendStamped(const fhir::Stamp& stamp, std::string* out) const;
  void AppendUnstamped(std::string* out) const;

  // Gives back the buffers when a large text has made them large.
  void Trim();

 private:
  Status Take(Result<json::Document> document);

  std::optional<json::Parser> parser_;
  std::optional<json::Document> document_;
  fhir::Envelope envelope_;
  size_t largest_ = 0;
};

}  // namespace tarn::fhir_store
