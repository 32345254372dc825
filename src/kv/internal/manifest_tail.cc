#include "kv/internal/manifest_tail.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/file.h"
#include "base/log.h"

namespace tarn::kv {
namespace {

// RocksDB's log format: blocks of 32 KiB with records of checksum, length and type, little-endian.
constexpr size_t kBlockBytes = 32u << 10;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeAt = 6;
constexpr uint8_t kFull = 1;
constexpr uint8_t kLast = 4;
constexpr uint32_t kMaskDelta = 0xa282ead8u;
constexpr uint64_t kManifestBytesMax = 256u << 20;  // RocksDB begins a new one at 16 MB.
constexpr uint64_t kCurrentBytesMax = 256;

constexpr std::array<uint32_t, 256> kCrc32cTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = value;
  }
  return table;
}();

uint32_t MaskedCrc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes)
    crc = kCrc32cTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + kMaskDelta;
}

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

// Where to cut; the size when nothing is to be cut.
size_t WholeBytes(std::string_view manifest) {
  const size_t last_content = manifest.find_last_not_of('\0');
  const size_t zeros_begin = last_content == manifest.npos ? 0 : last_content + 1;
  size_t whole = 0;  // Behind the last record that ends what a change of version says.
  for (size_t at = 0; at + kHeaderBytes <= manifest.size();) {
    const size_t left_in_block = kBlockBytes - at % kBlockBytes;
    if (left_in_block < kHeaderBytes) {
      at += left_in_block;
      continue;
    }
    const size_t bytes = LittleEndian(manifest.substr(at + 4, 2));
    const size_t end = at + kHeaderBytes + bytes;
    if (end > manifest.size()) return manifest.size();  // Cut short: RocksDB passes over it.
    const auto type = static_cast<uint8_t>(manifest[at + kTypeAt]);
    const uint32_t stored = LittleEndian(manifest.substr(at, 4));
    if (stored != MaskedCrc32c(manifest.substr(at + kTypeAt, 1 + bytes))) {
      return zeros_begin < end ? whole : manifest.size();
    }
    at = end;
    if (type == kFull || type == kLast) whole = at;
  }
  return manifest.size();
}

}  // namespace

Status CutTornManifest(const std::string& database_folder) {
  TRY(std::string name, ReadFile(database_folder + "/CURRENT", kCurrentBytesMax));
  while (name.ends_with('\n')) name.pop_back();
  if (!name.starts_with("MANIFEST-") || name.find('/') != name.npos) return Ok();
  const std::string path = database_folder + "/" + name;
  const Result<std::string> manifest = ReadFile(path, kManifestBytesMax);
  if (!manifest.ok()) return Ok();  // RocksDB says what is wrong with it.
  const size_t whole = WholeBytes(manifest.value());
  if (whole == manifest.value().size() || whole == 0) return Ok();
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, errno);
  if (ftruncate(fd.get(), static_cast<off_t>(whole)) != 0) return ErrnoError(path, errno);
  if (fsync(fd.get()) != 0) return ErrnoError(path, errno);
  LogWarning("kv cut what a power cut left of a change that was not committed",
             {{"file", name}, {"bytes", std::to_string(manifest.value().size() - whole)}});
  return Ok();
}

}  // namespace tarn::kv
