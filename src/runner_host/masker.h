// Keeps secrets out of what people and files get to see.
// Threads: reading may happen from any thread once all secrets are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace tarn::runner_host {

class Masker {
 public:
  // Texts shorter than this are not masked: they would turn up everywhere.
  static constexpr size_t kSecretBytesMin = 3;

  void Add(std::string secret);
  bool Holds(std::string_view text) const;  // A secret occurs in it.
  std::string Text(std::string_view text) const;
  json::Value Value(const json::Value& value) const;
  // A header's value: those that carry credentials are hidden whole.
  std::string Header(std::string_view name, std::string_view value) const;

 private:
  std::vector<std::string> secrets_;  // As they are, and as URLs and JSON write them.
};

// Whether a header of that name carries credentials (Authorization, Cookie, X-Api-Key, ...).
bool IsCredentialHeader(std::string_view name);

bool SameIgnoringCase(std::string_view a, std::string_view b);

}  // namespace tarn::runner_host
