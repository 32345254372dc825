// Cyclic redundancy checks: zlib's CRC-32, CRC-32C and CRC-64/NVME by table, eight bytes a step
// ("slicing by 8"), and CRC-32C by instruction where the build's target has it.
//
// Slicing: table[0][b] is the effect of one byte b that is followed by nothing, table[k][b] that of
// b followed by k zero bytes. The CRC is linear over exclusive or, so eight bytes are looked up at
// once and their effects combined, instead of eight dependent steps.
#include <zlib.h>

#include <array>
#include <cstring>

#include "crypto/digest.h"
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace tarn::crypto {
namespace {

template <typename T>
using SliceTables = std::array<std::array<T, 256>, 8>;

// `polynomial` is bit-reversed: the lowest bit of a byte is its first.
template <typename T>
constexpr SliceTables<T> MakeTables(T polynomial) {
  SliceTables<T> tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    T value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
    }
    tables[0][byte] = value;
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t slice = 1; slice < 8; ++slice) {
      const T previous = tables[slice - 1][byte];
      tables[slice][byte] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}

uint64_t LoadLe64(const char* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

template <typename T>
T UpdateByTable(const SliceTables<T>& tables, T crc, std::string_view bytes) {
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    const uint64_t word = LoadLe64(p) ^ crc;
    T next = 0;
    for (size_t slice = 0; slice < 8; ++slice) {
      next ^= tables[7 - slice][(word >> (8 * slice)) & 0xff];
    }
    crc = next;
  }
  for (; left > 0; ++p, --left) {
    crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<uint8_t>(*p)) & 0xff];
  }
  return crc;
}

}  // namespace

uint32_t Crc32(uint32_t start, std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t Crc32c(uint32_t start, std::string_view bytes) {
#ifdef __SSE4_2__
  uint64_t crc = ~start;
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) crc = _mm_crc32_u64(crc, LoadLe64(p));
  for (; left > 0; ++p, --left) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(*p));
  }
  return ~static_cast<uint32_t>(crc);
#else
  // RFC 3720 B.4: 0x1edc6f41, bit-reversed.
  static constexpr SliceTables<uint32_t> kTables = MakeTables<uint32_t>(0x82f63b78);
  return ~UpdateByTable<uint32_t>(kTables, ~start, bytes);
#endif
}

uint64_t Crc64Nvme(uint64_t start, std::string_view bytes) {
  // NVM Express, NVM Command Set Specification 5.2.1.3.4: 0xad93d23594c93659, bit-reversed.
  static constexpr SliceTables<uint64_t> kTables = MakeTables<uint64_t>(0x9a6c9329ac4bc9b5);
  return ~UpdateByTable<uint64_t>(kTables, ~start, bytes);
}

}  // namespace tarn::crypto
