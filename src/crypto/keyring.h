// The local keyring: named keys that data stores are bound to, kept in one file of the data folder.
// Stands where AWS KMS stands: `tarn kms create|list|disable|destroy`. File format:
// docs/internals/keyring.md. Today a key's state decides whether stores may be made and opened;
// its material is kept for the encryption of stored bytes.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"

namespace tarn::crypto {

enum class KeyState : uint8_t { kEnabled = 0, kDisabled = 1, kDestroyed = 2 };
std::string_view KeyStateName(KeyState state);  // "ENABLED", "DISABLED", "DESTROYED"

struct KeyInfo {
  std::string key_id;  // A UUID.
  std::string alias;   // Without "alias/"; may be empty.
  KeyState state = KeyState::kEnabled;
  int64_t created_unix_ms = 0;
};

// What happens to a name that the keyring does not know.
enum class UnknownKeys : uint8_t { kRefuse, kMake };

class Keyring {
 public:
  // Reads `path`, or begins an empty keyring when there is no such file. Another process may change
  // the file (tarn kms while a server runs): every call reads it again when it has changed.
  // Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<Keyring>> Open(std::string path, const Clock& clock,
                                               RandomSource& random);

  // `alias` may be empty. Errors: kConflict (alias in use), kInvalid.
  Result<KeyInfo> Create(std::string_view alias);
  // Makes a key that answers to exactly this name (an id, an alias or an ARN) unless there is one.
  Result<KeyInfo> FindOrCreate(std::string_view name);
  Result<std::vector<KeyInfo>> List();
  // `name`: a key id, "alias/x", or an ARN that ends in ":key/<id>" or ":alias/x".
  // Errors: kNotFound.
  Result<KeyInfo> Find(std::string_view name);
  // Whether the key may be used. Errors: kForbidden (there is none, it is disabled or destroyed),
  // others as the file gives them.
  Status CheckUsable(std::string_view name, UnknownKeys unknown);
  Result<KeyInfo> Disable(std::string_view name);
  Result<KeyInfo> Enable(std::string_view name);
  // Overwrites the key's material; there is no way back.
  Result<KeyInfo> Destroy(std::string_view name);

 private:
  struct State;
  explicit Keyring(std::unique_ptr<State> state);

 public:
  ~Keyring();

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tarn::crypto
