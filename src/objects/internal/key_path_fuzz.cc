// Keys to paths and back. Every key has places that lead back to it, beneath the bucket's folder;
// every path stands for at most one key.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "objects/internal/key_path.h"
#include "objects/object_store.h"

namespace {

using tarn::objects::KeyOfPath;
using tarn::objects::KeyPath;
using tarn::objects::PathOfKey;

void CheckNames(std::string_view path) {
  CHECK(!path.empty() && path.back() != '/');
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    CHECK(!name.empty() && name.size() <= tarn::objects::kNameBytesMax);
    CHECK(name != "." && name != "..");
    CHECK(name.find('\0') == std::string_view::npos);
    path.remove_prefix(std::min(path.size(), name.size() + 1));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (tarn::objects::CheckKey(text).ok()) {
    const KeyPath path = PathOfKey(text);
    CheckNames(path.escaped);
    CHECK(KeyOfPath(path.escaped) == std::string(text));
    CHECK(path.plain != path.escaped);
    if (!path.plain.empty()) {
      CheckNames(path.plain);
      CHECK(KeyOfPath(path.plain) == std::string(text));
    }
    const size_t slash = text.rfind('/');
    if (slash != std::string_view::npos) {
      const std::string folder = tarn::objects::PathOfFolder(text.substr(0, slash + 1));
      CHECK(path.escaped.starts_with(folder + "/"));
    }
  }
  const std::optional<std::string> key = KeyOfPath(text);
  if (key.has_value()) {
    CHECK(tarn::objects::CheckKey(*key).ok() || key->size() > tarn::objects::kKeyBytesMax);
    const KeyPath path = PathOfKey(*key);
    CHECK(text == path.plain || text == path.escaped);
  }
  return 0;
}
