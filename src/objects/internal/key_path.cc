// Three reserved prefixes make names that a file system can hold for segments that it cannot:
//
//   %file~S     an object whose last segment is S
//   %folder~S   a folder for the segment S
//   %more~C     a folder for the first bytes C of a longer segment; the rest lies in it, again
//               under one of these names
//
// S needs no encoding of its own: a segment holds no '/' and no NUL, and behind a prefix "", "."
// and ".." are ordinary names. Files and folders have different prefixes, so escaped ones never
// stand in each other's way. Rejected: percent-encoding of every odd byte (names triple in length
// and no longer read like keys), and hashes of long segments (listing would need a second index).
#include "objects/internal/key_path.h"

#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"

namespace tarn::objects {
namespace {

constexpr std::string_view kFilePrefix = "%file~";
constexpr std::string_view kFolderPrefix = "%folder~";
constexpr std::string_view kMorePrefix = "%more~";
// A longer segment is cut into pieces of at most this size, between characters.
constexpr size_t kPieceBytesMax = 240;
static_assert(kFolderPrefix.size() + kPieceBytesMax <= kNameBytesMax);

bool HasReservedPrefix(std::string_view name) {
  return name.starts_with(kFilePrefix) || name.starts_with(kFolderPrefix) ||
         name.starts_with(kMorePrefix);
}

void AppendEscaped(std::string* path, std::string_view segment, std::string_view prefix) {
  while (segment.size() > kPieceBytesMax) {
    const size_t cut = Utf8PrefixBytes(segment, kPieceBytesMax);
    CHECK(cut > 0);
    path->append(kMorePrefix).append(segment.substr(0, cut)).push_back('/');
    segment.remove_prefix(cut);
  }
  path->append(prefix).append(segment);
}

void AppendFolder(std::string* path, std::string_view segment) {
  if (IsPlainSegment(segment)) {
    path->append(segment);
  } else {
    AppendEscaped(path, segment, kFolderPrefix);
  }
}

}  // namespace

bool IsPlainSegment(std::string_view segment) {
  return !segment.empty() && segment.size() <= kNameBytesMax && segment != "." && segment != ".." &&
         !HasReservedPrefix(segment);
}

std::string PathOfFolder(std::string_view prefix) {
  CHECK(prefix.empty() || prefix.back() == '/');
  std::string path;
  path.reserve(prefix.size() + 16);
  while (!prefix.empty()) {
    const size_t slash = prefix.find('/');
    if (!path.empty()) path.push_back('/');
    AppendFolder(&path, prefix.substr(0, slash));
    prefix.remove_prefix(slash + 1);
  }
  return path;
}

KeyPath PathOfKey(std::string_view key) {
  const size_t last = key.rfind('/') + 1;  // npos + 1 is 0.
  const std::string_view segment = key.substr(last);
  std::string folder = PathOfFolder(key.substr(0, last));
  if (!folder.empty()) folder.push_back('/');
  KeyPath path;
  if (IsPlainSegment(segment)) path.plain = folder + std::string(segment);
  path.escaped = std::move(folder);
  AppendEscaped(&path.escaped, segment, kFilePrefix);
  return path;
}

std::string EscapedFilePath(std::string_view segment) {
  std::string path;
  AppendEscaped(&path, segment, kFilePrefix);
  return path;
}

std::string FolderPath(std::string_view segment) {
  std::string path;
  AppendFolder(&path, segment);
  return path;
}

NameMeaning MeaningOfName(std::string_view name) {
  if (!IsUtf8(name) || name.find('\0') != std::string_view::npos) return {};
  for (const auto& [prefix, kind] :
       {std::pair{kFilePrefix, NameKind::kFile}, std::pair{kFolderPrefix, NameKind::kFolder},
        std::pair{kMorePrefix, NameKind::kMore}}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view text = name.substr(prefix.size());
    if (text.size() > kPieceBytesMax) return {};
    // The last cut of a piece may fall up to three bytes short of the limit, between characters.
    if (kind == NameKind::kMore && text.size() + 3 < kPieceBytesMax) return {};
    return {kind, text};
  }
  if (!IsPlainSegment(name)) return {};
  return {NameKind::kPlain, name};
}

std::optional<std::string> KeyOfPath(std::string_view path) {
  std::string key;
  const std::string_view whole = path;
  bool ends_in_file = false;
  while (!path.empty()) {
    const size_t size = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, size);
    const bool last = size == path.size();
    path.remove_prefix(last ? size : size + 1);
    const NameMeaning meaning = MeaningOfName(name);
    const bool fits = meaning.kind == NameKind::kPlain ||
                      (last ? meaning.kind == NameKind::kFile
                            : meaning.kind == NameKind::kFolder || meaning.kind == NameKind::kMore);
    if (!fits) return std::nullopt;
    key.append(meaning.text);
    if (!last && meaning.kind != NameKind::kMore) key.push_back('/');
    ends_in_file = last;
  }
  if (!ends_in_file || key.empty()) return std::nullopt;
  // One key has one path (or two): pieces cut elsewhere, or needless escapes, name nothing.
  const KeyPath expected = PathOfKey(key);
  if (whole != expected.plain && whole != expected.escaped) return std::nullopt;
  return key;
}

}  // namespace tarn::objects
