// What becomes of each kind of pixel data, with a decoder that answers as the test wants.
#include "pixels/transcode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pixels/htj2k.h"
#include "pixels/jpeg2000.h"
#include "pixels/test_frames.h"
#include "pixels/test_instance.h"

namespace tarn::pixels {
namespace {

using dicom::ImagePixel;
using dicom::WarningCode;

class Frames : public FrameSink {
 public:
  Status Add(StoredFrame frame) override {
    if (fail_at == static_cast<int>(frames.size())) {
      return Error{ErrorKind::kUnavailable, "disk full"};
    }
    if (frame.bytes.empty()) frame.bytes = std::exchange(incoming, {});
    frames.push_back(std::move(frame));
    return Ok();
  }
  Status AddPiece(std::string_view piece, uint64_t frame_bytes) override {
    incoming += piece;
    piece_bytes_max = std::max<uint64_t>(piece_bytes_max, piece.size());
    EXPECT_LE(incoming.size(), frame_bytes);
    ++pieces;
    return Ok();
  }
  Status Restart() override {
    ++restarts;
    incoming.clear();
    frames.clear();
    return Ok();
  }
  std::vector<StoredFrame> frames;
  std::string incoming;
  uint64_t piece_bytes_max = 0;
  int pieces = 0;
  int restarts = 0;
  int fail_at = -1;
};

class Decoder : public ForeignDecoder {
 public:
  Result<NativeFrame> Decode(const ForeignFrame& frame) override {
    ++calls;
    return answer(frame);
  }
  std::function<Result<NativeFrame>(const ForeignFrame&)> answer = [](const ForeignFrame&) {
    return Result<NativeFrame>(Internal("no decoder was expected"));
  };
  int calls = 0;
};

ImagePixel Pixel(uint16_t rows, uint16_t columns, uint16_t allocated, uint16_t stored) {
  ImagePixel pixel;
  pixel.rows = rows;
  pixel.columns = columns;
  pixel.bits_allocated = allocated;
  pixel.bits_stored = stored;
  pixel.high_bit = static_cast<uint16_t>(stored - 1);
  pixel.photometric_interpretation = "MONOCHROME2";
  return pixel;
}

struct Outcome {
  Result<StoredFrames> result = StoredFrames{};
  Frames sink;
  int decoder_calls = 0;
};

Outcome Store(const TestFile& file, Decoder decoder = {},
              LosslessFormat format = LosslessFormat::kHtj2k) {
  Outcome out;
  const std::string bytes = TestFileWriter(file).Write();
  auto instance = dicom::Instance::Parse(bytes);
  if (!instance.ok()) {
    out.result = std::move(instance).error();
    return out;
  }
  out.result = Transcode(instance.value(), {.format = format}, decoder, out.sink);
  out.decoder_calls = decoder.calls;
  return out;
}

std::string Words(const std::vector<uint16_t>& values) {
  std::string out;
  for (const uint16_t value : values) {
    out.push_back(static_cast<char>(value));
    out.push_back(static_cast<char>(value >> 8));
  }
  return out;
}

std::string Decoded(const StoredFrame& frame) {
  auto decoded = DecodeOwnHtj2k(frame.bytes);
  return decoded.ok() ? std::move(decoded).value().samples : decoded.error().detail;
}

TEST(Transcode, SyntaxesAreTreatedAsTheServiceDoes) {
  struct Case {
    const char* uid;
    Treatment treatment;
    const char* content_type;
  };
  for (const Case& c :
       {Case{"1.2.840.10008.1.2", Treatment::kNative, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.1", Treatment::kNative, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.1.99", Treatment::kNative, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.2", Treatment::kNative, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.4.50", Treatment::kKept, "image/jpeg"},
        Case{"1.2.840.10008.1.2.4.51", Treatment::kForeign, "image/jpeg"},
        Case{"1.2.840.10008.1.2.4.53", Treatment::kUnknown, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.4.70", Treatment::kForeign, "image/jpeg"},
        Case{"1.2.840.10008.1.2.4.90", Treatment::kForeign, "image/j2c"},
        Case{"1.2.840.10008.1.2.4.91", Treatment::kKept, "image/j2c"},
        Case{"1.2.840.10008.1.2.4.101", Treatment::kVideo, "video/mpeg"},
        Case{"1.2.840.10008.1.2.4.106.1", Treatment::kVideo, "video/mp4"},
        Case{"1.2.840.10008.1.2.4.108", Treatment::kVideo, "video/H256"},
        Case{"1.2.840.10008.1.2.4.110", Treatment::kUnknown, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.4.112", Treatment::kKept, "image/jxl"},
        Case{"1.2.840.10008.1.2.4.202", Treatment::kForeign, "image/jph"},
        Case{"1.2.840.10008.1.2.4.203", Treatment::kKept, "image/jphc"},
        Case{"1.2.840.10008.1.2.5", Treatment::kForeign, "application/octet-stream"},
        Case{"1.2.840.10008.1.2.8.1", Treatment::kUnknown, "application/octet-stream"},
        Case{"", Treatment::kUnknown, "application/octet-stream"}}) {
    SCOPED_TRACE(c.uid);
    EXPECT_EQ(TreatmentOf(c.uid), c.treatment);
    EXPECT_EQ(ContentTypeOf(c.uid), c.content_type);
  }
}

TEST(Transcode, NativeFramesAreEncodedOneByOne) {
  TestFile file{.pixel = Pixel(3, 2, 16, 12)};
  file.pixel.number_of_frames = 2;
  file.native = Words({0, 1, 4095, 3, 4, 5, 10, 11, 12, 13, 14, 15});
  const Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  const StoredFrames& stored = out.result.value();
  EXPECT_EQ(stored.form, FrameForm::kTranscoded);
  EXPECT_EQ(stored.stored_transfer_syntax_uid, "1.2.840.10008.1.2.4.202");
  EXPECT_EQ(stored.frames, 2u);
  EXPECT_TRUE(stored.warnings.empty());
  ASSERT_EQ(out.sink.frames.size(), 2u);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const StoredFrame& frame = out.sink.frames[i];
    const std::string samples = file.native.substr(i * 12, 12);
    EXPECT_EQ(Decoded(frame), samples);
    EXPECT_EQ(frame.checksum, Crc32(samples));
    EXPECT_EQ(frame.width, 2u);
    EXPECT_EQ(frame.height, 3u);
    EXPECT_EQ(frame.resolution_ends.size(), 1u);
  }
  EXPECT_EQ(out.sink.frames[0].min_pixel_value, 0);
  EXPECT_EQ(out.sink.frames[0].max_pixel_value, 4095);
  EXPECT_EQ(out.sink.frames[1].min_pixel_value, 10);
  EXPECT_EQ(out.sink.frames[1].max_pixel_value, 15);
}

// Crc32 is the one that everybody else means (the check value of ISO 3309).
TEST(Transcode, ChecksumIsTheUsualOne) { EXPECT_EQ(Crc32("123456789"), 0xCBF43926u); }

TEST(Transcode, AStoreMayWantJpeg2000) {
  TestFile file{.pixel = Pixel(2, 2, 8, 8), .native = "abcd"};
  const Outcome out = Store(file, {}, LosslessFormat::kJpeg2000Lossless);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, "1.2.840.10008.1.2.4.90");
  ASSERT_EQ(out.sink.frames.size(), 1u);
  const auto decoded = DecodeJpeg2000(out.sink.frames[0].bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().samples, "abcd");
}

// Samples that do not fit into bits_stored keep all bits that are allocated.
TEST(Transcode, UnusedBitsSurvive) {
  struct Case {
    const char* what;
    uint16_t stored, high_bit;
    bool is_signed;
    std::vector<uint16_t> in;
    std::string decoded;
    int64_t min, max;
  };
  for (const Case& c :
       {Case{"12 of 16", 12, 11, false, {0, 4095}, Words({0, 4095}), 0, 4095},
        Case{"overlay above bit 11",
             12,
             11,
             false,
             {0x8001, 0x0FFF},
             Words({0x8001, 0x0FFF}),
             1,
             4095},
        Case{"sign extended", 12, 11, true, {0xF800, 0x07FF}, Words({0xF800, 0x07FF}), -2048, 2047},
        Case{"sign not extended", 12, 11, true, {0x0FFF, 0x0001}, Words({0x0FFF, 0x0001}), -1, 1},
        Case{"at the high end", 12, 15, false, {0xFFF0, 0x0010}, Words({0xFFF0, 0x0010}), 1, 4095},
        Case{"8 of 16", 8, 7, false, {0, 255}, std::string("\0\xFF", 2), 0, 255},
        Case{"8 of 16, signed", 8, 7, true, {0xFF80, 127}, std::string("\x80\x7F", 2), -128, 127},
        Case{"8 of 16, unused bits set", 8, 7, false, {0x0100, 255}, Words({0x0100, 255}), 0, 255},
        Case{"16 of 16", 16, 15, false, {0, 65535}, Words({0, 65535}), 0, 65535}}) {
    SCOPED_TRACE(c.what);
    TestFile file{.pixel = Pixel(1, 2, 16, c.stored), .native = Words(c.in)};
    file.pixel.high_bit = c.high_bit;
    file.pixel.is_signed = c.is_signed;
    const Outcome out = Store(file);
    ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
    ASSERT_EQ(out.sink.frames.size(), 1u);
    EXPECT_EQ(Decoded(out.sink.frames[0]), c.decoded);
    EXPECT_EQ(out.sink.frames[0].checksum, Crc32(c.decoded));
    EXPECT_EQ(out.sink.frames[0].min_pixel_value, c.min);
    EXPECT_EQ(out.sink.frames[0].max_pixel_value, c.max);
  }
}

TEST(Transcode, ColourIsOrderedByPixel) {
  TestFile file{.pixel = Pixel(1, 3, 8, 8)};
  file.pixel.samples_per_pixel = 3;
  file.pixel.photometric_interpretation = "RGB";
  file.pixel.planar_configuration = 1;
  file.vr = "OB";
  file.native = "rstgefbcd0";  // One byte of padding.
  Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  ASSERT_EQ(out.sink.frames.size(), 1u);
  EXPECT_EQ(Decoded(out.sink.frames[0]), "rgbsectfd");
  EXPECT_EQ(out.result.value().photometric_interpretation, "RGB");

  file.pixel.bits_allocated = file.pixel.bits_stored = 16;
  file.pixel.high_bit = 15;
  file.native = Words({1, 2, 3, 10, 20, 30, 100, 200, 300});
  out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  ASSERT_EQ(out.sink.frames.size(), 1u);
  EXPECT_EQ(Decoded(out.sink.frames[0]), Words({1, 10, 100, 2, 20, 200, 3, 30, 300}));
}

TEST(Transcode, BigEndianWordsAreTurned) {
  TestFile file{.transfer_syntax_uid = "1.2.840.10008.1.2.2",
                .pixel = Pixel(1, 2, 16, 16),
                .native = std::string("\x12\x34\x56\x78", 4)};
  Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(Decoded(out.sink.frames.at(0)), Words({0x1234, 0x5678}));
  // 8-bit samples in words: each pair is exchanged; the frames of odd size share a word.
  file.pixel = Pixel(1, 3, 8, 8);
  file.pixel.number_of_frames = 2;
  file.native = "badcfe";
  out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(Decoded(out.sink.frames.at(0)), "abc");
  EXPECT_EQ(Decoded(out.sink.frames.at(1)), "def");
  // In bytes nothing is exchanged.
  file.vr = "OB";
  out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(Decoded(out.sink.frames.at(0)), "bad");
}

// 1-bit, 32-bit and floating point samples and subsampled chroma are kept.
TEST(Transcode, WhatNoCodecTakesIsKept) {
  TestFile bits{.pixel = Pixel(1, 12, 1, 1)};
  bits.pixel.number_of_frames = 2;
  bits.vr = "OB";
  bits.native = std::string("\x21\x83\x54\0", 4);  // 12 bits 0x321, 12 bits 0x548.
  Outcome out = Store(bits);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kKept);
  EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, "1.2.840.10008.1.2.1");
  ASSERT_EQ(out.sink.frames.size(), 2u);
  EXPECT_EQ(out.sink.frames[0].bytes, std::string("\x21\x03", 2));
  EXPECT_EQ(out.sink.frames[1].bytes, std::string("\x48\x05", 2));
  EXPECT_EQ(out.sink.frames[1].checksum, Crc32(out.sink.frames[1].bytes));
  EXPECT_FALSE(out.sink.frames[0].min_pixel_value.has_value());
  EXPECT_FALSE(out.sink.frames[0].max_pixel_value.has_value());

  TestFile wide{.pixel = Pixel(1, 2, 32, 32), .native = "abcdefgh"};
  out = Store(wide);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kKept);
  EXPECT_EQ(out.sink.frames.at(0).bytes, "abcdefgh");

  TestFile chroma{.pixel = Pixel(1, 2, 8, 8), .native = "YyBR"};
  chroma.pixel.samples_per_pixel = 3;
  chroma.pixel.photometric_interpretation = "YBR_FULL_422";
  chroma.vr = "OB";
  out = Store(chroma);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kKept);
  EXPECT_EQ(out.sink.frames.at(0).bytes, "YyBR");

  TestFile floats{.pixel = Pixel(1, 2, 32, 32), .vr = "OF", .pixel_tag = 0x7FE00008};
  floats.native = "12345678";
  out = Store(floats);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kKept);
  EXPECT_EQ(out.sink.frames.at(0).bytes, "12345678");
}

// What is kept goes to the sink in pieces when it is large, with the same bytes and checksums as
// when it goes in one.
TEST(Transcode, LargeFramesAreKeptPieceByPiece) {
  struct Case {
    const char* what;
    TestFile file;
  };
  std::string bytes;
  for (int i = 0; i < 600; ++i) bytes.push_back(static_cast<char>(i * 7 + i / 50));
  TestFile bits{.pixel = Pixel(10, 133, 1, 1), .vr = "OB", .native = bytes.substr(0, 500)};
  bits.pixel.number_of_frames = 3;
  TestFile big{.transfer_syntax_uid = "1.2.840.10008.1.2.2", .pixel = Pixel(5, 6, 32, 32)};
  big.pixel.number_of_frames = 2;
  big.native = bytes.substr(0, 240);
  TestFile big_bits = bits;
  big_bits.vr = "OW";
  big_bits.transfer_syntax_uid = big.transfer_syntax_uid;
  TestFile video{.transfer_syntax_uid = "1.2.840.10008.1.2.4.102", .pixel = Pixel(4, 4, 8, 8)};
  video.vr = "OB";
  video.fragments = {bytes.substr(0, 2), bytes.substr(2, 98), bytes.substr(100, 40)};
  TestFile blob = video;
  blob.transfer_syntax_uid = "1.2.840.10008.1.2.4.53";
  TestFile few{.pixel = Pixel(100, 100, 16, 16), .native = bytes};
  for (const Case& c : {Case{"1 bit", bits}, Case{"big-endian numbers", big},
                        Case{"big-endian words of bits", big_bits}, Case{"video", video},
                        Case{"blob of fragments", blob}, Case{"blob of native bytes", few}}) {
    SCOPED_TRACE(c.what);
    const Outcome whole = Store(c.file);
    ASSERT_TRUE(whole.result.ok()) << whole.result.error().detail;
    EXPECT_EQ(whole.sink.pieces, 0);
    const std::string written = TestFileWriter(c.file).Write();
    const auto instance = dicom::Instance::Parse(written);
    ASSERT_TRUE(instance.ok());
    Frames sink;
    Decoder decoder;
    const auto stored = Transcode(
        instance.value(), {.kept_in_memory_max = 16, .kept_piece_bytes = 16}, decoder, sink);
    ASSERT_TRUE(stored.ok()) << stored.error().detail;
    EXPECT_EQ(stored.value().fragment_bytes, whole.result.value().fragment_bytes);
    EXPECT_GT(sink.pieces, 2);
    EXPECT_EQ(sink.piece_bytes_max, 16u);
    ASSERT_EQ(sink.frames.size(), whole.sink.frames.size());
    for (size_t i = 0; i < sink.frames.size(); ++i) {
      EXPECT_EQ(sink.frames[i].bytes, whole.sink.frames[i].bytes);
      EXPECT_EQ(sink.frames[i].checksum, whole.sink.frames[i].checksum);
      EXPECT_EQ(sink.frames[i].checksum, Crc32(whole.sink.frames[i].bytes));
    }
  }
}

TEST(Transcode, KeptSyntaxesComeBackByteForByte) {
  for (const char* uid : {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91",
                          "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.4.112"}) {
    SCOPED_TRACE(uid);
    TestFile file{.transfer_syntax_uid = uid, .pixel = Pixel(4, 4, 8, 8)};
    file.pixel.number_of_frames = 2;
    file.vr = "OB";
    file.fragments = {"first", "second"};
    for (std::string& fragment : file.fragments) fragment.resize(8, '\0');
    const Outcome out = Store(file);
    ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
    EXPECT_EQ(out.result.value().form, FrameForm::kKept);
    EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, uid);
    ASSERT_EQ(out.sink.frames.size(), 2u);
    EXPECT_EQ(out.sink.frames[0].bytes, file.fragments[0]);
    EXPECT_EQ(out.sink.frames[1].bytes, file.fragments[1]);
    EXPECT_EQ(out.sink.frames[1].checksum, Crc32(file.fragments[1]));
    EXPECT_EQ(out.decoder_calls, 0);
  }
}

TEST(Transcode, AVideoIsOneObject) {
  TestFile file{.transfer_syntax_uid = "1.2.840.10008.1.2.4.102", .pixel = Pixel(4, 4, 8, 8)};
  file.pixel.number_of_frames = 250;
  file.vr = "OB";
  file.fragments = {"some", "more of it"};
  const Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kKept);
  EXPECT_EQ(out.result.value().frames, 1u);
  ASSERT_EQ(out.sink.frames.size(), 1u);
  EXPECT_EQ(out.sink.frames[0].bytes, "somemore of it");
  EXPECT_EQ(out.result.value().fragment_bytes, (std::vector<uint64_t>{4, 10}));
}

TEST(Transcode, UnknownSyntaxesAreOneBlob) {
  TestFile file{.transfer_syntax_uid = "1.2.840.10008.1.2.4.53", .pixel = Pixel(4, 4, 8, 8)};
  file.vr = "OB";
  file.fragments = {"odd!", "bytes!"};
  const Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kBlob);
  EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, "1.2.840.10008.1.2.4.53");
  ASSERT_EQ(out.result.value().warnings.size(), 1u);
  EXPECT_EQ(out.result.value().warnings[0].code, WarningCode::kUnsupportedSyntax);
  ASSERT_EQ(out.sink.frames.size(), 1u);
  EXPECT_EQ(out.sink.frames[0].bytes, "odd!bytes!");
  EXPECT_EQ(out.result.value().fragment_bytes, (std::vector<uint64_t>{4, 6}));
}

TestFile ForeignFile() {
  TestFile file{.transfer_syntax_uid = "1.2.840.10008.1.2.4.70", .pixel = Pixel(1, 4, 8, 8)};
  file.pixel.number_of_frames = 3;
  file.vr = "OB";
  file.fragments = {"aa", "bb", "cc"};
  return file;
}

TEST(Transcode, ForeignFramesAreDecodedAndEncoded) {
  Decoder decoder;
  decoder.answer = [](const ForeignFrame& frame) -> Result<NativeFrame> {
    EXPECT_EQ(frame.transfer_syntax_uid, "1.2.840.10008.1.2.4.70");
    return NativeFrame{.pixel = frame.pixel, .bytes = std::string(4, frame.bytes[0])};
  };
  const Outcome out = Store(ForeignFile(), decoder);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kTranscoded);
  ASSERT_EQ(out.sink.frames.size(), 3u);
  EXPECT_EQ(Decoded(out.sink.frames[2]), "cccc");
}

// A frame that cannot be decoded makes the instance a blob, and what was stored before is dropped.
TEST(Transcode, ABrokenFrameMakesTheInstanceABlob) {
  for (const ErrorKind kind :
       {ErrorKind::kInvalid, ErrorKind::kUnsupported, ErrorKind::kTooLarge, ErrorKind::kTimeout}) {
    Decoder decoder;
    decoder.answer = [kind](const ForeignFrame& frame) -> Result<NativeFrame> {
      if (frame.bytes == "cc") return Error{kind, "broken"};
      return NativeFrame{.pixel = frame.pixel, .bytes = "1234"};
    };
    const Outcome out = Store(ForeignFile(), decoder);
    ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
    EXPECT_EQ(out.result.value().form, FrameForm::kBlob);
    EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, "1.2.840.10008.1.2.4.70");
    ASSERT_EQ(out.result.value().warnings.size(), 1u);
    EXPECT_EQ(out.result.value().warnings[0].code, WarningCode::kTranscodingException);
    EXPECT_NE(out.result.value().warnings[0].message.find("frame 3"), std::string::npos);
    EXPECT_EQ(out.sink.restarts, 1);
    ASSERT_EQ(out.sink.frames.size(), 1u);
    EXPECT_EQ(out.sink.frames[0].bytes, "aabbcc");
  }
}

TEST(Transcode, OurOwnFailuresAreErrors) {
  for (const ErrorKind kind : {ErrorKind::kBusy, ErrorKind::kUnavailable, ErrorKind::kInternal}) {
    Decoder decoder;
    decoder.answer = [kind](const ForeignFrame&) -> Result<NativeFrame> {
      return Error{kind, "not now"};
    };
    const Outcome out = Store(ForeignFile(), decoder);
    ASSERT_FALSE(out.result.ok());
    EXPECT_EQ(out.result.error().kind, kind);
  }
  const TestFile native{.pixel = Pixel(2, 2, 8, 8), .native = "abcd"};
  const std::string bytes = TestFileWriter(native).Write();
  const auto instance = dicom::Instance::Parse(bytes);
  ASSERT_TRUE(instance.ok());
  Frames sink;
  sink.fail_at = 0;
  Decoder decoder;
  const auto result = Transcode(instance.value(), {}, decoder, sink);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
}

TEST(Transcode, FramesThatAreNotThereMakeABlob) {
  TestFile few{.pixel = Pixel(2, 2, 8, 8), .native = "abcd"};
  few.pixel.number_of_frames = 2;
  TestFile forged{.pixel = Pixel(65535, 65535, 16, 16), .native = "abcd"};
  forged.pixel.number_of_frames = 1'000'000;
  TestFile no_rows{.pixel = Pixel(0, 2, 8, 8), .native = "abcd"};
  for (const TestFile& file : {few, forged, no_rows}) {
    const Outcome out = Store(file);
    ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
    EXPECT_EQ(out.result.value().form, FrameForm::kBlob);
    ASSERT_EQ(out.result.value().warnings.size(), 1u);
    ASSERT_EQ(out.sink.frames.size(), 1u);
    EXPECT_EQ(out.sink.frames[0].bytes, "abcd");
  }
}

TEST(Transcode, EmptyPixelDataStoresNothing) {
  const TestFile file{.pixel = Pixel(2, 2, 8, 8)};
  const Outcome out = Store(file);
  ASSERT_TRUE(out.result.ok()) << out.result.error().detail;
  EXPECT_EQ(out.result.value().form, FrameForm::kNone);
  EXPECT_EQ(out.result.value().stored_transfer_syntax_uid, "");
  EXPECT_EQ(out.result.value().warnings.size(), 1u);
  EXPECT_TRUE(out.sink.frames.empty());
}

}  // namespace
}  // namespace tarn::pixels
