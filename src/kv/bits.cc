// Encoded forms. All integers are little-endian.
//
//   array    | 1 u8 | count x u16, ascending |                          count <= 4,096
//   runs     | 2 u8 | runs x (start u16, length-1 u16), ascending |     where that is shorter
//   bitset   | 12346 u32 | 1 u32 | key 0 u16 | count-1 u16 | offset 16 u32 | 1,024 x u64 |
//
// The bitset is Roaring's portable format (RoaringFormatSpec) with one container, the one of key 0.
// Stores of format 1 have all sets in that format, which is still read:
//
//   no runs:  | 12346 u32 | 1 u32 | key 0 u16 | count-1 u16 | offset 16 u32 | container |
//   runs:     | 12347 u16 | 0 u16 | flags 1 u8 | key 0 u16 | count-1 u16 | container |
//
//   container  array (count <= 4,096):  count x u16, ascending
//              bitset (count > 4,096):  1,024 x u64
//              runs:                    runs u16, then runs x (start u16, length-1 u16)
//
// Most sets of an index have one member: 3 bytes now, 18 before.
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
constexpr char kArrayForm = 1;
constexpr char kRunsForm = 2;
constexpr size_t kPortableRunsHead = 11;  // Up to the first run.

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

// The values of (start, length-1) pairs; 0 when they are not ascending ones.
uint32_t CountOfRuns(std::string_view pairs) {
  if (pairs.size() % 4 != 0) return 0;
  uint32_t found = 0;
  uint32_t end = 0;  // Of the run before.
  for (size_t at = 0; at < pairs.size(); at += 4) {
    const uint32_t start = Le16(pairs, at);
    const uint32_t length = Le16(pairs, at + 2) + 1u;
    if (at > 0 && start < end) return 0;
    end = start + length;
    if (end > kValueEnd) return 0;
    found += length;
  }
  return found;
}

bool RunsAreSound(std::string_view container, uint32_t count) {
  if (container.size() < 2 || container.size() != 2 + size_t{Le16(container, 0)} * 4) return false;
  return CountOfRuns(container.substr(2)) == count;
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

void AppendLe16(std::string* out, uint32_t value) {
  out->push_back(static_cast<char>(value));
  out->push_back(static_cast<char>(value >> 8));
}
void AppendLe32(std::string* out, uint32_t value) {
  AppendLe16(out, value & 0xffff);
  AppendLe16(out, value >> 16);
}

// What CRoaring reads of an array or runs; empty when the bytes are not sound.
std::string PortableOf(std::string_view bytes) {
  const std::string_view content = bytes.substr(1);
  const bool runs = bytes[0] == kRunsForm;
  const auto count = runs ? CountOfRuns(content) : static_cast<uint32_t>(content.size() / 2);
  std::string portable;
  if (count == 0 || count > kValueEnd) return portable;
  if (!runs && (count > kArrayCountMax || !ArrayIsSound(content, count))) return portable;
  portable.reserve(content.size() + 16);
  AppendLe32(&portable, runs ? kCookieOneRunContainer : kCookieNoRuns);
  if (runs) {
    portable.push_back(1);
  } else {
    AppendLe32(&portable, 1);
  }
  AppendLe16(&portable, 0);
  AppendLe16(&portable, count - 1);
  if (runs) {
    AppendLe16(&portable, static_cast<uint32_t>(content.size() / 4));
  } else {
    AppendLe32(&portable, 16);
  }
  return portable.append(content);
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
  if (Count() <= kArrayCountMax) return EncodeBits(Values());
  // The copy is optimised, not this set: a const set may be read by several threads at once.
  const Bits optimised(*this);
  roaring_bitmap_run_optimize(optimised.bitmap_);
  std::string bytes(roaring_bitmap_portable_size_in_bytes(optimised.bitmap_), '\0');
  roaring_bitmap_portable_serialize(optimised.bitmap_, bytes.data());
  if (Le32(bytes, 0) != kCookieOneRunContainer) return bytes;
  bytes.erase(1, kPortableRunsHead - 1);
  bytes[0] = kRunsForm;
  return bytes;
}

Result<Bits> Bits::Decode(std::string_view bytes) {
  Bits bits;
  if (bytes.empty()) return bits;
  std::string portable;
  if (bytes[0] == kArrayForm || bytes[0] == kRunsForm) {
    portable = PortableOf(bytes);
    bytes = portable;
  } else if (!IsSound(bytes)) {
    bytes = {};
  }
  if (bytes.empty()) return Error{ErrorKind::kCorrupt, "bitmap chunk: malformed"};
  roaring_bitmap_s* bitmap = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (bitmap == nullptr) return Error{ErrorKind::kCorrupt, "bitmap chunk: unreadable"};
  roaring_bitmap_free(bits.bitmap_);
  bits.bitmap_ = bitmap;
  return bits;
}

Result<uint32_t> CountBits(std::string_view bytes) {
  if (bytes.empty()) return uint32_t{0};
  uint32_t count = 0;
  if (bytes[0] == kArrayForm) {
    if (bytes.size() % 2 == 1) count = static_cast<uint32_t>(bytes.size() / 2);
  } else if (bytes[0] == kRunsForm) {
    count = CountOfRuns(bytes.substr(1));
  } else if (bytes.size() >= 16 && Le32(bytes, 0) == kCookieNoRuns) {
    count = Le16(bytes, 10) + 1u;
  } else if (bytes.size() >= 9 && Le32(bytes, 0) == kCookieOneRunContainer) {
    count = Le16(bytes, 7) + 1u;
  }
  if (count == 0 || count > kValueEnd) {
    return Error{ErrorKind::kCorrupt, "bitmap chunk: malformed"};
  }
  return count;
}

std::string EncodeBits(std::span<const uint16_t> values) {
  std::string bytes;
  if (values.empty()) return bytes;
  if (values.size() > kArrayCountMax) return Bits({values.begin(), values.end()}).Encode();
  size_t runs = 1;
  for (size_t i = 1; i < values.size(); ++i) {
    CHECK(values[i] > values[i - 1]);
    if (values[i] != values[i - 1] + 1) ++runs;
  }
  if (2 * values.size() <= 4 * runs) {
    bytes.reserve(1 + 2 * values.size());
    bytes.push_back(kArrayForm);
    for (const uint16_t value : values) AppendLe16(&bytes, value);
    return bytes;
  }
  bytes.reserve(1 + 4 * runs);
  bytes.push_back(kRunsForm);
  for (size_t i = 0; i < values.size();) {
    const size_t begin = i++;
    while (i < values.size() && values[i] == values[i - 1] + 1) ++i;
    AppendLe16(&bytes, values[begin]);
    AppendLe16(&bytes, static_cast<uint32_t>(i - begin - 1));
  }
  return bytes;
}

bool DecodeFewBits(std::string_view bytes, size_t count_max, std::vector<uint16_t>* values) {
  values->clear();
  if (bytes.empty()) return true;
  if (bytes[0] != kArrayForm || bytes.size() > 1 + 2 * count_max) return false;
  const std::string_view content = bytes.substr(1);
  if (content.empty() || !ArrayIsSound(content, static_cast<uint32_t>(content.size() / 2))) {
    return false;
  }
  for (size_t at = 0; at < content.size(); at += 2) values->push_back(Le16(content, at));
  return true;
}

bool operator==(const Bits& a, const Bits& b) {
  return roaring_bitmap_equals(a.bitmap_, b.bitmap_);
}

}  // namespace tarn::kv
