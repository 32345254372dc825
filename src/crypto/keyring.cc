// The whole keyring is one small file that is replaced as a whole: reading is parsing it, changing
// it is writing a new one. A lock file beside it keeps two processes from changing it at once; the
// keyring itself cannot carry the lock, because the rename would put another file in its place.
#include "crypto/keyring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <system_error>
#include <thread>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "crypto/digest.h"

namespace tarn::crypto {
namespace {

constexpr std::string_view kMagic = "TARNKEY1";
constexpr size_t kMaterialBytes = 32;  // An AES-256 key.
constexpr size_t kDigestBytes = 32;
constexpr size_t kKeysMax = 10'000;                // kTooLarge
constexpr size_t kNameBytesMax = 256;              // kInvalid
constexpr uint64_t kFileBytesMax = 8ull << 20;     // kTooLarge
constexpr int64_t kLockWaitMaxNs = 5'000'000'000;  // kUnavailable
static_assert(kKeysMax * (2 * kNameBytesMax + kMaterialBytes + 32) < kFileBytesMax);

struct Key {
  KeyInfo info;
  std::string material;  // Empty when destroyed.
};

std::string Encode(const std::vector<Key>& keys) {
  std::string out(kMagic);
  AppendBe32(&out, static_cast<uint32_t>(keys.size()));
  for (const Key& key : keys) {
    for (const std::string* text : {&key.info.key_id, &key.info.alias, &key.material}) {
      AppendBe16(&out, static_cast<uint16_t>(text->size()));
      out += *text;
    }
    out.push_back(static_cast<char>(key.info.state));
    AppendBe64(&out, static_cast<uint64_t>(key.info.created_unix_ms));
  }
  return out + Sha256(out);
}

Result<std::vector<Key>> Decode(std::string_view bytes, const std::string& path) {
  const Error corrupt{ErrorKind::kCorrupt, path + ": the keyring is damaged"};
  if (bytes.size() < kMagic.size() + kDigestBytes || !bytes.starts_with(kMagic)) return corrupt;
  const std::string_view covered = bytes.substr(0, bytes.size() - kDigestBytes);
  if (Sha256(covered) != bytes.substr(covered.size())) return corrupt;
  ByteReader reader(covered.substr(kMagic.size()));
  const uint32_t count = reader.Be32();
  if (count > kKeysMax) return corrupt;
  std::vector<Key> keys;
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    Key key;
    for (std::string* text : {&key.info.key_id, &key.info.alias, &key.material}) {
      *text = reader.Take(reader.Be16());
    }
    const uint8_t state = reader.U8();
    key.info.created_unix_ms = static_cast<int64_t>(reader.Be64());
    if (state > static_cast<uint8_t>(KeyState::kDestroyed)) return corrupt;
    key.info.state = static_cast<KeyState>(state);
    const bool destroyed = key.info.state == KeyState::kDestroyed;
    if (key.material.size() != (destroyed ? 0 : kMaterialBytes)) return corrupt;
    keys.push_back(std::move(key));
  }
  if (!reader.AtEnd()) return corrupt;
  return keys;
}

// Overwrites what can be reached of a file, since it may hold material that is destroyed now.
// Failing to does no harm to the keyring.
void Erase(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return;
  const std::string zeros(static_cast<size_t>(status.st_size), '\0');
  if (WriteAll(fd, zeros).ok()) fdatasync(fd);
}

// Removes what a process left that was killed while it wrote the keyring. Under the file lock.
void EraseLeftovers(const std::string& path) {
  const std::filesystem::path keyring(path);
  const std::string prefix = keyring.filename().string() + std::string(kTemporarySuffix);
  std::error_code error;
  const auto folder = keyring.has_parent_path() ? keyring.parent_path() : ".";
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (!at->path().filename().string().starts_with(prefix)) continue;
    const UniqueFd left(open(at->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (left.valid()) Erase(left.get());
    unlink(at->path().c_str());
  }
}

// The forms of a name: ID, key/ID, alias/NAME, and each behind ARN parts that end in ':'.
struct Name {
  std::string text;
  bool alias = false;
};

Status CheckName(std::string_view text, std::string_view others) {
  const bool good = !text.empty() && text.size() <= kNameBytesMax &&
                    std::all_of(text.begin(), text.end(), [&](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                             others.find(c) != std::string_view::npos;
                    });
  if (!good) return Invalid("not the name of a key");
  return Ok();
}

Result<Name> ParseName(std::string_view text) {
  if (text.size() > 4 * kNameBytesMax) return Invalid("not the name of a key");
  Name name;
  constexpr std::string_view kAlias = "alias/";
  const size_t in_arn = text.find(":alias/");
  name.alias = text.starts_with(kAlias) || in_arn != std::string_view::npos;
  if (name.alias) {
    text.remove_prefix(text.starts_with(kAlias) ? kAlias.size() : in_arn + 1 + kAlias.size());
    TRY(CheckName(text, ":/"));
  } else {
    const size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
    if (text.starts_with("key/")) text.remove_prefix(4);
    TRY(CheckName(text, ""));
  }
  name.text = text;
  return name;
}

Key* FindKey(std::vector<Key>* keys, const Name& name) {
  for (Key& key : *keys) {
    if ((name.alias ? key.info.alias : key.info.key_id) == name.text) return &key;
  }
  return nullptr;
}

Error NoSuchKey() { return NotFound("the keyring has no such key"); }

}  // namespace

std::string_view KeyStateName(KeyState state) {
  switch (state) {
    case KeyState::kEnabled:
      return "ENABLED";
    case KeyState::kDisabled:
      return "DISABLED";
    case KeyState::kDestroyed:
      return "DESTROYED";
  }
  CHECK(false);
  return "";
}

struct Keyring::State {
  State(std::string file_path, const Clock& file_clock, RandomSource& file_random)
      : path(std::move(file_path)), clock(file_clock), random(file_random) {}

  // Reads the file when it is another one than last time.
  Status Refresh() REQUIRES(mutex);
  // Runs `change` on the newest keys and writes them back, alone among processes.
  Result<KeyInfo> Change(const std::function<Result<Key*>(std::vector<Key>*)>& change)
      EXCLUDES(mutex);
  Result<KeyInfo> SetState(std::string_view name, KeyState state) EXCLUDES(mutex);
  Key NewKey(std::string key_id, std::string alias);
  Result<FileLock> LockFile() const;

  const std::string path;
  const Clock& clock;
  RandomSource& random;
  // Held while the file is read and written: whoever needs a key must see the newest state of it,
  // and the file is small and local.
  Mutex mutex;
  std::vector<Key> keys GUARDED_BY(mutex);
  struct stat seen GUARDED_BY(mutex) = {};
};

Status Keyring::State::Refresh() {
  struct stat now = {};
  if (stat(path.c_str(), &now) != 0) {
    if (errno != ENOENT) return ErrnoError(path, errno);
    keys.clear();
    seen = {};
    return Ok();
  }
  if (now.st_ino == seen.st_ino && now.st_size == seen.st_size &&
      now.st_mtim.tv_sec == seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec) {
    return Ok();
  }
  Result<std::vector<Key>> read = Error{};
  // Twice: a file that is destroyed while it is read (see Change) is no longer the keyring.
  for (int i = 0; i < 2 && !read.ok(); ++i) {
    TRY(const std::string bytes, ReadFile(path, kFileBytesMax));
    read = Decode(bytes, path);
  }
  TRY(keys, std::move(read));
  // A file that was changed just now may change again without its time telling (file systems tick
  // in milliseconds, and inode numbers come back): it is read again next time.
  const bool settled = clock.UnixMs() - int64_t{now.st_mtim.tv_sec} * 1000 > 2000;
  seen = settled ? now : (struct stat){};
  return Ok();
}

Result<FileLock> Keyring::State::LockFile() const {
  const int64_t deadline = clock.MonotonicNs() + kLockWaitMaxNs;
  for (int attempt = 0;; ++attempt) {
    Result<FileLock> lock = FileLock::Acquire(path + ".lock");
    if (lock.ok() || lock.error().kind != ErrorKind::kConflict) return lock;
    // The count ends the wait under a clock that stands still.
    if (clock.MonotonicNs() > deadline || attempt == 1000) {
      return Error{ErrorKind::kUnavailable, path + ": another process keeps the keyring locked"};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<KeyInfo> Keyring::State::Change(
    const std::function<Result<Key*>(std::vector<Key>*)>& change) {
  MutexLock guard(mutex);
  TRY(const FileLock file_lock, LockFile());
  TRY(Refresh());
  std::vector<Key> changed = keys;
  TRY(const Key* key, change(&changed));
  const KeyInfo info = key->info;
  if (changed.size() > kKeysMax) {
    return Error{ErrorKind::kTooLarge, "more than " + std::to_string(kKeysMax) + " keys"};
  }
  UniqueFd old(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  TRY(WriteFileAtomic(path, Encode(changed), 0600));
  if (old.valid()) Erase(old.get());  // Before the kernel frees it.
  EraseLeftovers(path);
  keys = std::move(changed);
  seen = {};
  return info;
}

Key Keyring::State::NewKey(std::string key_id, std::string alias) {
  Key key;
  key.info.key_id = std::move(key_id);
  key.info.alias = std::move(alias);
  key.info.created_unix_ms = clock.UnixMs();
  key.material.resize(kMaterialBytes);
  random.Fill(key.material);
  return key;
}

Result<KeyInfo> Keyring::State::SetState(std::string_view text, KeyState state) {
  TRY(const Name name, ParseName(text));
  return Change([&](std::vector<Key>* all) -> Result<Key*> {
    Key* key = FindKey(all, name);
    if (key == nullptr) return NoSuchKey();
    if (key->info.state == KeyState::kDestroyed && state != KeyState::kDestroyed) {
      return Error{ErrorKind::kConflict, "the key is destroyed"};
    }
    key->info.state = state;
    if (state == KeyState::kDestroyed) key->material.clear();
    return key;
  });
}

Keyring::Keyring(std::unique_ptr<State> state) : state_(std::move(state)) {}
Keyring::~Keyring() = default;

Result<std::unique_ptr<Keyring>> Keyring::Open(std::string path, const Clock& clock,
                                               RandomSource& random) {
  auto state = std::make_unique<State>(std::move(path), clock, random);
  {
    MutexLock guard(state->mutex);
    TRY(state->Refresh());
  }
  return std::unique_ptr<Keyring>(new Keyring(std::move(state)));
}

Result<KeyInfo> Keyring::Create(std::string_view alias) {
  if (alias.starts_with("alias/")) alias.remove_prefix(6);
  if (!alias.empty()) TRY(CheckName(alias, ":/"));
  return state_->Change([&](std::vector<Key>* all) -> Result<Key*> {
    if (!alias.empty() && FindKey(all, Name{std::string(alias), true}) != nullptr) {
      return Error{ErrorKind::kConflict, "the alias is in use: " + std::string(alias)};
    }
    all->push_back(state_->NewKey(NewUuid(state_->random), std::string(alias)));
    return &all->back();
  });
}

Result<KeyInfo> Keyring::FindOrCreate(std::string_view text) {
  TRY(const Name name, ParseName(text));
  Result<KeyInfo> found = Find(text);
  if (found.ok() || found.error().kind != ErrorKind::kNotFound) return found;
  return state_->Change([&](std::vector<Key>* all) -> Result<Key*> {
    Key* present = FindKey(all, name);  // Made by another process since.
    if (present != nullptr) return present;
    all->push_back(name.alias ? state_->NewKey(NewUuid(state_->random), name.text)
                              : state_->NewKey(name.text, ""));
    return &all->back();
  });
}

Result<std::vector<KeyInfo>> Keyring::List() {
  MutexLock guard(state_->mutex);
  TRY(state_->Refresh());
  std::vector<KeyInfo> infos;
  infos.reserve(state_->keys.size());
  for (const Key& key : state_->keys) infos.push_back(key.info);
  return infos;
}

Result<KeyInfo> Keyring::Find(std::string_view text) {
  TRY(const Name name, ParseName(text));
  MutexLock guard(state_->mutex);
  TRY(state_->Refresh());
  const Key* key = FindKey(&state_->keys, name);
  if (key == nullptr) return NoSuchKey();
  return key->info;
}

Status Keyring::CheckUsable(std::string_view name, UnknownKeys unknown) {
  auto key = unknown == UnknownKeys::kMake ? FindOrCreate(name) : Find(name);
  if (!key.ok() && key.error().kind == ErrorKind::kNotFound) {
    return Error{ErrorKind::kForbidden, "the KMS key does not exist"};
  }
  TRY(const KeyInfo info, std::move(key));
  if (info.state != KeyState::kEnabled) {
    return Error{ErrorKind::kForbidden, "the KMS key is " + std::string(KeyStateName(info.state))};
  }
  return Ok();
}

Result<KeyInfo> Keyring::Disable(std::string_view name) {
  return state_->SetState(name, KeyState::kDisabled);
}
Result<KeyInfo> Keyring::Enable(std::string_view name) {
  return state_->SetState(name, KeyState::kEnabled);
}
Result<KeyInfo> Keyring::Destroy(std::string_view name) {
  return state_->SetState(name, KeyState::kDestroyed);
}

}  // namespace tarn::crypto
