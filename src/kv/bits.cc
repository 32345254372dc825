// Encoded form: Roaring's portable format (RoaringFormatSpec) restricted to at most one container,
// the one of key 0. All integers are little-endian.
//
//   no runs:  | 12346 u32 | 1 u32 | key 0 u16 | count-1 u16 | offset 16 u32 | container |
//   runs:     | 12347 u16 | 0 u16 | flags 1 u8 | key 0 u16 | count-1 u16 | container |
//
//   container  array (count <= 4,096):  count x u16, ascending
//              bitset (count > 4,096):  1,024 x u64
//              runs:                    runs u16, then runs x (start u16, length-1 u16)
//
// CRoaring 0.2.66 checks only lengths when it reads: unsorted arrays, wrong counts and overlapping
// runs would come back as a broken set. So Decode checks every byte here before CRoaring sees it.
#include "kv/bits.h"

#include <roaring/roaring.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace tarn::kv {
namespace {

constexpr uint32_t kCookieNoRuns = 12346;
constexpr uint32_t kCookieOneRunContainer = 12347;  // The upper half is the containers minus one.
constexpr uint32_t kArrayCountMax = 4096;
constexpr size_t kBitsetBytes = 8192;
constexpr uint32_t kValueEnd = 65536;

// Reads little-endian integers; the caller has checked that they are there.
uint16_t Le16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) | static_cast<uint8_t>(bytes[at + 1])
                                                                     << 8);
}
uint32_t Le32(std::string_view bytes, size_t at) {
  return Le16(bytes, at) | static_cast<uint32_t>(Le16(bytes, at + 2)) << 16;
}

bool ArrayIsSound(std::string_view container, uint32_t count) {
  if (container.size() != count * 2) return false;
  for (uint32_t i = 1; i < count; ++i) {
    if (Le16(container, i * 2) <= Le16(container, i * 2 - 2)) return false;
  }
  return true;
}

bool BitsetIsSound(std::string_view container, uint32_t count) {
  if (container.size() != kBitsetBytes) return false;
  uint32_t found = 0;
  for (size_t i = 0; i < kBitsetBytes; i += 8) {
    uint64_t word;
    std::memcpy(&word, container.data() + i, 8);
    found += static_cast<uint32_t>(std::popcount(word));
  }
  return found == count;
}

bool RunsAreSound(std::string_view container, uint32_t count) {
  if (container.size() < 2) return false;
  const uint32_t runs = Le16(container, 0);
  if (container.size() != 2 + runs * 4) return false;
  uint32_t found = 0;
  uint32_t end = 0;  // Of the run before.
  for (uint32_t i = 0; i < runs; ++i) {
    const uint32_t start = Le16(container, 2 + i * 4);
    const uint32_t length = Le16(container, 4 + i * 4) + 1u;
    if (i > 0 && start < end) return false;
    end = start + length;
    if (end > kValueEnd) return false;
    found += length;
  }
  return found == count;
}

bool IsSound(std::string_view bytes) {
  constexpr size_t kNoRunsHead = 16;
  constexpr size_t kRunsHead = 9;
  if (bytes.size() < kRunsHead) return false;
  const uint32_t cookie = Le32(bytes, 0);
  if (cookie == kCookieNoRuns) {
    if (bytes.size() < kNoRunsHead || Le32(bytes, 4) != 1) return false;
    const uint32_t count = Le16(bytes, 10) + 1u;
    if (Le16(bytes, 8) != 0 || Le32(bytes, 12) != kNoRunsHead) return false;
    const std::string_view container = bytes.substr(kNoRunsHead);
    return count <= kArrayCountMax ? ArrayIsSound(container, count)
                                   : BitsetIsSound(container, count);
  }
  if (cookie != kCookieOneRunContainer || bytes[4] != 1 || Le16(bytes, 5) != 0) return false;
  return RunsAreSound(bytes.substr(kRunsHead), Le16(bytes, 7) + 1u);
}

roaring_bitmap_s* CheckedBitmap(roaring_bitmap_s* bitmap) {
  CHECK(bitmap != nullptr);  // Out of memory.
  return bitmap;
}

}  // namespace

Bits::Bits() : bitmap_(CheckedBitmap(roaring_bitmap_create_with_capacity(1))) {}

Bits::Bits(const std::vector<uint16_t>& values) : Bits() {
  const std::vector<uint32_t> wide(values.begin(), values.end());
  roaring_bitmap_add_many(bitmap_, wide.size(), wide.data());
}

Bits::~Bits() {
  if (bitmap_ != nullptr) roaring_bitmap_free(bitmap_);
}

Bits::Bits(const Bits& other) : bitmap_(CheckedBitmap(roaring_bitmap_copy(other.bitmap_))) {}

// The source stays usable: an empty set.
Bits::Bits(Bits&& other) noexcept : Bits() { std::swap(bitmap_, other.bitmap_); }

Bits& Bits::operator=(Bits other) noexcept {
  std::swap(bitmap_, other.bitmap_);
  return *this;
}

void Bits::Add(uint16_t value) { roaring_bitmap_add(bitmap_, value); }

void Bits::AddRange(uint32_t begin, uint32_t end) {
  CHECK(end <= kValueEnd);
  if (begin < end) roaring_bitmap_add_range_closed(bitmap_, begin, end - 1);
}

void Bits::Remove(uint16_t value) { roaring_bitmap_remove(bitmap_, value); }

bool Bits::Contains(uint16_t value) const { return roaring_bitmap_contains(bitmap_, value); }

bool Bits::IsEmpty() const { return roaring_bitmap_is_empty(bitmap_); }

uint32_t Bits::Count() const {
  return static_cast<uint32_t>(roaring_bitmap_get_cardinality(bitmap_));
}

void Bits::UnionWith(const Bits& other) { roaring_bitmap_or_inplace(bitmap_, other.bitmap_); }

void Bits::IntersectWith(const Bits& other) { roaring_bitmap_and_inplace(bitmap_, other.bitmap_); }

void Bits::Subtract(const Bits& other) { roaring_bitmap_andnot_inplace(bitmap_, other.bitmap_); }

uint32_t Bits::IntersectionCount(const Bits& other) const {
  return static_cast<uint32_t>(roaring_bitmap_and_cardinality(bitmap_, other.bitmap_));
}

std::vector<uint16_t> Bits::Values() const {
  std::vector<uint32_t> wide(Count());
  roaring_bitmap_to_uint32_array(bitmap_, wide.data());
  return {wide.begin(), wide.end()};
}

std::string Bits::Encode() const {
  std::string bytes;
  if (IsEmpty()) return bytes;
  // The copy is optimised, not this set: a const set may be read by several threads at once.
  const Bits optimised(*this);
  roaring_bitmap_run_optimize(optimised.bitmap_);
  bytes.resize(roaring_bitmap_portable_size_in_bytes(optimised.bitmap_));
  roaring_bitmap_portable_serialize(optimised.bitmap_, bytes.data());
  return bytes;
}

Result<Bits> Bits::Decode(std::string_view bytes) {
  Bits bits;
  if (bytes.empty()) return bits;
  if (!IsSound(bytes)) return Error{ErrorKind::kCorrupt, "bitmap chunk: malformed"};
  roaring_bitmap_s* bitmap = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (bitmap == nullptr) return Error{ErrorKind::kCorrupt, "bitmap chunk: unreadable"};
  roaring_bitmap_free(bits.bitmap_);
  bits.bitmap_ = bitmap;
  return bits;
}

bool operator==(const Bits& a, const Bits& b) {
  return roaring_bitmap_equals(a.bitmap_, b.bitmap_);
}

}  // namespace tarn::kv
