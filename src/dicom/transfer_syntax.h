// Transfer syntaxes (PS3.5 chapter 10 and annex A, PS3.6 annex A) and what this server knows of
// them. Threads: constant.
#pragma once

#include <cstdint>
#include <string_view>

namespace tarn::dicom {

enum class Codec : uint8_t {
  kNative,         // Not compressed, not encapsulated.
  kRle,            // .5
  kJpeg,           // DCT: .4.50, .4.51 and the retired ones, which are lossy
  kJpegLossless,   // .4.57, .4.70 and the retired lossless ones
  kJpegLs,         // .4.80, .4.81
  kJpeg2000,       // .4.90 to .4.93
  kHtj2k,          // .4.201 to .4.203
  kJpegXl,         // .4.110 to .4.112
  kVideo,          // .4.100 to .4.108: one object, whatever Number of Frames says
  kDeflatedFrame,  // .8.1: each frame deflated
  kUnknown,        // Encapsulated, in a form that we do not know.
};

struct TransferSyntax {
  std::string_view uid;
  std::string_view name;
  Codec codec = Codec::kUnknown;
  bool explicit_vr = true;
  bool big_endian = false;
  bool deflated = false;  // The whole data set (.1.99).
  bool encapsulated = true;
  bool lossy = false;  // Always lossy; of "lossless or lossy" syntaxes: false.
};

// A UID that is not known reads as explicit little endian, encapsulated, Codec::kUnknown (PS3.5
// A.4), with an empty uid and name.
const TransferSyntax& FindTransferSyntax(std::string_view uid);

namespace uid {
inline constexpr std::string_view kImplicitVrLittleEndian = "1.2.840.10008.1.2";
inline constexpr std::string_view kExplicitVrLittleEndian = "1.2.840.10008.1.2.1";
inline constexpr std::string_view kDeflatedExplicitVrLittleEndian = "1.2.840.10008.1.2.1.99";
inline constexpr std::string_view kExplicitVrBigEndian = "1.2.840.10008.1.2.2";
inline constexpr std::string_view kJpegBaseline = "1.2.840.10008.1.2.4.50";
inline constexpr std::string_view kJpeg2000Lossless = "1.2.840.10008.1.2.4.90";
inline constexpr std::string_view kJpeg2000 = "1.2.840.10008.1.2.4.91";
inline constexpr std::string_view kHtj2kLossless = "1.2.840.10008.1.2.4.201";
inline constexpr std::string_view kHtj2kLosslessRpcl = "1.2.840.10008.1.2.4.202";
inline constexpr std::string_view kHtj2k = "1.2.840.10008.1.2.4.203";
inline constexpr std::string_view kRleLossless = "1.2.840.10008.1.2.5";
inline constexpr std::string_view kMediaStorageDirectory = "1.2.840.10008.1.3.10";
}  // namespace uid

}  // namespace tarn::dicom
