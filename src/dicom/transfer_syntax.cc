// A table and a search over it: an instance is looked up once.
#include "dicom/transfer_syntax.h"

namespace tarn::dicom {
namespace {

// PS3.6 table A-1. Columns: explicit VR, big endian, deflated, encapsulated, lossy.
constexpr TransferSyntax kSyntaxes[] = {
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", Codec::kNative, false, false, false, false,
     false},
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", Codec::kNative, true, false, false, false,
     false},
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", Codec::kNative, true, false,
     true, false, false},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", Codec::kNative, true, true, false, false,
     false},
    {"1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian",
     Codec::kUnknown, true, false, false, true, false},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Codec::kJpeg, true, false, false, true,
     true},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", Codec::kJpeg, true, false, false,
     true, true},
    {"1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 and 5)", Codec::kJpeg, true, false, false,
     true, true},
    {"1.2.840.10008.1.2.4.53", "JPEG Spectral Selection (Process 6 and 8)", Codec::kJpeg, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.54", "JPEG Spectral Selection (Process 7 and 9)", Codec::kJpeg, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.55", "JPEG Full Progression (Process 10 and 12)", Codec::kJpeg, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.56", "JPEG Full Progression (Process 11 and 13)", Codec::kJpeg, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", Codec::kJpegLossless, true, false,
     false, true, false},
    {"1.2.840.10008.1.2.4.58", "JPEG Lossless (Process 15)", Codec::kJpegLossless, true, false,
     false, true, false},
    {"1.2.840.10008.1.2.4.70", "JPEG Lossless (Process 14, Selection Value 1)",
     Codec::kJpegLossless, true, false, false, true, false},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", Codec::kJpegLs, true, false, false, true, false},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", Codec::kJpegLs, true, false, false, true,
     true},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", Codec::kJpeg2000, true, false, false,
     true, false},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", Codec::kJpeg2000, true, false, false, true, false},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", Codec::kJpeg2000,
     true, false, false, true, false},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", Codec::kJpeg2000, true, false,
     false, true, false},
    {"1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", Codec::kVideo, true, false,
     false, true, true},
    {"1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", Codec::kVideo,
     true, false, false, true, true},
    {"1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", Codec::kVideo, true, false,
     false, true, true},
    {"1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", Codec::kVideo,
     true, false, false, true, true},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Codec::kVideo, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
     Codec::kVideo, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
     Codec::kVideo, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.103.1",
     "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Codec::kVideo, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
     Codec::kVideo, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.104.1",
     "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", Codec::kVideo, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
     Codec::kVideo, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.105.1",
     "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", Codec::kVideo, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Codec::kVideo,
     true, false, false, true, true},
    {"1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
     Codec::kVideo, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", Codec::kVideo, true, false,
     false, true, true},
    {"1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Codec::kVideo, true,
     false, false, true, true},
    {"1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Codec::kJpegXl, true, false, false, true,
     false},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Codec::kJpegXl, true, false, false,
     true, true},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", Codec::kJpegXl, true, false, false, true, true},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", Codec::kHtj2k, true,
     false, false, true, false},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)",
     Codec::kHtj2k, true, false, false, true, false},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", Codec::kHtj2k, true, false, false,
     true, false},
    {"1.2.840.10008.1.2.5", "RLE Lossless", Codec::kRle, true, false, false, true, false},
    {"1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", Codec::kDeflatedFrame, true,
     false, false, true, false},
};

constexpr TransferSyntax kUnknownSyntax;

}  // namespace

const TransferSyntax& FindTransferSyntax(std::string_view uid) {
  for (const TransferSyntax& syntax : kSyntaxes) {
    if (syntax.uid == uid) return syntax;
  }
  return kUnknownSyntax;
}

}  // namespace tarn::dicom
