// How S3 keys map to paths below a bucket's folder, both ways. Pure.
// The scheme, with examples: docs/internals/objects.md, "Keys and paths".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tarn::objects {

inline constexpr size_t kNameBytesMax = 255;  // NAME_MAX of Linux's file systems.

// Where an object may lie; paths are relative to the bucket's folder.
struct KeyPath {
  std::string plain;    // The key itself; empty when its last segment has no plain form.
  std::string escaped;  // Where it lies when there is no plain form or a folder has its name.
};

// `key` must pass CheckKey.
KeyPath PathOfKey(std::string_view key);

// The folder of all keys that begin with `prefix`, which is empty or ends in '/'. Empty: the
// bucket's own folder.
std::string PathOfFolder(std::string_view prefix);

// The key that lies at `path`, or nullopt when no key does.
std::optional<std::string> KeyOfPath(std::string_view path);

// What a name found in a folder stands for.
enum class NameKind : uint8_t {
  kPlain,   // A file or a folder of this name.
  kFile,    // An escaped file.
  kFolder,  // An escaped folder.
  kMore,    // A folder that holds the rest of a long segment.
  kNone,    // Not the name of anything that a key maps to: skipped.
};
struct NameMeaning {
  NameKind kind = NameKind::kNone;
  std::string_view text;  // The segment, or for kMore its first bytes; points into the name.
};
NameMeaning MeaningOfName(std::string_view name);

// Where a segment lies below its parent's folder; long segments need folders of their own.
std::string EscapedFilePath(std::string_view segment);
std::string FolderPath(std::string_view segment);

// True when `segment` may be a name as it is.
bool IsPlainSegment(std::string_view segment);

}  // namespace tarn::objects
