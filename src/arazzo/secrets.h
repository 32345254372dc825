// Values that nobody may see: inputs of `format: password` or `x-secret`, parameters that say
// `x-secret`, and credentials that the caller adds.
//
// A secret is known by its bytes, so it is also found where a server repeats it. The forms in which
// requests carry it are looked for as well: percent-encoded, form-encoded, escaped in JSON, Base64.
// A secret shorter than kSecretBytesMin would be found everywhere; it is masked only where a whole
// value equals it.
//
// Two ways of hiding: Mask is for eyes (`***`) and cannot be undone. Seal is for the journal, which
// must not hold secrets but must give answers back as they were: each occurrence becomes
// «secret NAME», and a « of the text itself becomes «=». Unseal undoes it once the secrets are
// known again; names depend on where a secret came from, never on its value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "json/value.h"

namespace tarn::arazzo {

// Threads: any, at once.
class SecretMask {
 public:
  // `name` says where it came from ("main#0"). Known values and empty ones are ignored; a name that
  // another value has gets a suffix.
  void Add(std::string_view name, std::string_view value);
  bool empty() const;

  std::string Mask(std::string text) const;
  json::Value Mask(const json::Value& value) const;  // Texts and names of members at any depth.

  std::string Seal(std::string_view bytes) const;
  std::string Unseal(std::string_view bytes) const;  // What it does not know stays as it is.

 private:
  struct Secret {
    std::string name;
    std::string value;
    // What to look for and what each is called: the value, then its encodings. Longest first.
    std::vector<std::pair<std::string, std::string>> forms;
  };
  enum class Marks : uint8_t { kKeep, kEscape };
  template <typename Write>
  std::string Replace(std::string_view text, Marks marks, const Write& write) const
      REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Secret> secrets_ GUARDED_BY(mutex_);
};

// A text of Seal as it is shown: every secret and its name as `***`.
std::string ShowSealed(std::string_view sealed);

}  // namespace tarn::arazzo
