// Cyclic redundancy checks: zlib's CRC-32, CRC-32C and CRC-64/NVME by table, eight bytes a step
// ("slicing by 8"), and CRC-32C by instruction where the build's target has it.
//
// Slicing: table[0][b] is the effect of one byte b that is followed by nothing, table[k][b] that of
// b followed by k zero bytes. The CRC is linear over exclusive or, so eight bytes are looked up at
// once and their effects combined, instead of eight dependent steps.
//
// The instruction takes eight bytes in three cycles, but can begin one each cycle: three lanes of
// the text are summed side by side and then put together, which is nearly three times as fast.
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

// Polynomials are bit-reversed: the lowest bit of a byte is its first.
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

constexpr uint32_t kCrc32Polynomial = 0xedb88320;              // IEEE 802.3
constexpr uint32_t kCrc32cPolynomial = 0x82f63b78;             // RFC 3720 B.4
constexpr uint64_t kCrc64NvmePolynomial = 0x9a6c9329ac4bc9b5;  // NVM Command Set 5.2.1.3.4

// a * b modulo the polynomial, all bit-reversed: the highest bit is the coefficient of 1.
template <typename T>
constexpr T Multiply(T a, T b, T polynomial) {
  T product = 0;
  for (T bit = T{1} << (8 * sizeof(T) - 1); bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ polynomial : b >> 1;
  }
  return product;
}

// Appending n zero bytes multiplies a remainder by x^(8n); the two parts' checksums then add up,
// and their constants (all ones before and behind) cancel.
template <typename T>
constexpr T Combine(T first, T second, uint64_t second_bytes, T polynomial) {
  T power = T{1} << (8 * sizeof(T) - 9);  // x^8
  T shift = T{1} << (8 * sizeof(T) - 1);  // 1
  for (; second_bytes != 0; second_bytes >>= 1) {
    if ((second_bytes & 1) != 0) shift = Multiply(shift, power, polynomial);
    power = Multiply(power, power, polynomial);
  }
  return Multiply(first, shift, polynomial) ^ second;
}

#ifdef __SSE4_2__

constexpr size_t kLaneBytes = 512;

// What a register becomes when kLaneBytes zero bytes follow, by the register's bytes.
constexpr std::array<std::array<uint32_t, 256>, 4> MakeLaneTables() {
  std::array<std::array<uint32_t, 256>, 4> tables{};
  const uint32_t shift = Combine<uint32_t>(uint32_t{1} << 31, 0, kLaneBytes, kCrc32cPolynomial);
  for (unsigned place = 0; place < 4; ++place) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      tables[place][byte] = Multiply(byte << (8 * place), shift, kCrc32cPolynomial);
    }
  }
  return tables;
}

uint64_t PassLane(uint64_t crc) {
  static constexpr auto kTables = MakeLaneTables();
  return kTables[0][crc & 0xff] ^ kTables[1][crc >> 8 & 0xff] ^ kTables[2][crc >> 16 & 0xff] ^
         kTables[3][crc >> 24 & 0xff];
}

#endif

}  // namespace

uint32_t CombineCrc32(uint32_t first, uint32_t second, uint64_t second_bytes) {
  return Combine(first, second, second_bytes, kCrc32Polynomial);
}

uint32_t CombineCrc32c(uint32_t first, uint32_t second, uint64_t second_bytes) {
  return Combine(first, second, second_bytes, kCrc32cPolynomial);
}

uint64_t CombineCrc64Nvme(uint64_t first, uint64_t second, uint64_t second_bytes) {
  return Combine(first, second, second_bytes, kCrc64NvmePolynomial);
}

uint32_t Crc32(uint32_t start, std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t Crc32c(uint32_t start, std::string_view bytes) {
#ifdef __SSE4_2__
  uint64_t crc = ~start;
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 3 * kLaneBytes; left -= 3 * kLaneBytes) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (const char* end = p + kLaneBytes; p != end; p += 8) {
      crc = _mm_crc32_u64(crc, LoadLe64(p));
      second = _mm_crc32_u64(second, LoadLe64(p + kLaneBytes));
      third = _mm_crc32_u64(third, LoadLe64(p + 2 * kLaneBytes));
    }
    p += 2 * kLaneBytes;
    crc = PassLane(PassLane(crc) ^ second) ^ third;
  }
  for (; left >= 8; p += 8, left -= 8) crc = _mm_crc32_u64(crc, LoadLe64(p));
  for (; left > 0; ++p, --left) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(*p));
  }
  return ~static_cast<uint32_t>(crc);
#else
  static constexpr SliceTables<uint32_t> kTables = MakeTables<uint32_t>(kCrc32cPolynomial);
  return ~UpdateByTable<uint32_t>(kTables, ~start, bytes);
#endif
}

uint64_t Crc64Nvme(uint64_t start, std::string_view bytes) {
  static constexpr SliceTables<uint64_t> kTables = MakeTables<uint64_t>(kCrc64NvmePolynomial);
  return ~UpdateByTable<uint64_t>(kTables, ~start, bytes);
}

}  // namespace tarn::crypto
