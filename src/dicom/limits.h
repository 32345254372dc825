// dicom/limits.h: every bound of this module and what is answered beyond it. All are checked before
// memory is spent.
#pragma once

#include <cstdint>

namespace tarn::dicom {

struct Limits {
  uint32_t elements_max = 2'000'000;         // Elements and items of one file. kTooLarge
  uint32_t depth_max = 32;                   // Nested sequences. kInvalid
  uint64_t value_bytes_max = 64ull << 20;    // One value that is no pixel data. kTooLarge
  uint64_t header_bytes_max = 128ull << 20;  // All but the pixel data. kTooLarge
  uint32_t fragments_max = 1'000'000;        // Of encapsulated pixel data. kTooLarge
  // Deflated data sets (PS3.5 A.5): beyond 1 MiB, output to input; and at most in all. kTooLarge
  uint32_t inflate_ratio_max = 250;
  uint64_t inflated_bytes_max = 128ull << 20;
};

// HealthImaging's quota for the metadata of one image set, as JSON text. kTooLarge
inline constexpr uint64_t kMetadataBytesMax = 50'000'000;

// Rows and Columns are 16 bits wide; what one frame, and all frames of an instance, may take when
// decoded. kTooLarge
inline constexpr uint64_t kFrameBytesMax = 1ull << 30;
inline constexpr uint64_t kPixelBytesMax = 64ull << 30;
inline constexpr uint32_t kFramesMax = 1'000'000;

// The service's bounds of what it searches by, in characters; beyond: kInvalid, one failed file.
inline constexpr uint32_t kIdentifierCharactersMax = 256;
inline constexpr uint32_t kDateCharactersMax = 18;
inline constexpr uint32_t kSexCharactersMax = 16;
inline constexpr uint32_t kStudyTimeCharactersMax = 28;
inline constexpr int64_t kRelatedCountMax = 1'000'000;

// Payloads of UpdateImageSetMetadata and CopyImageSet (the model's bounds). kTooLarge
inline constexpr uint32_t kUpdatePayloadBytesMax = 30'000;
inline constexpr uint32_t kCopyPayloadBytesMax = 260'000;

}  // namespace tarn::dicom
