// Both encoders, against their own decoder and against the other library.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pixels/codestream.h"
#include "pixels/htj2k.h"
#include "pixels/jpeg2000.h"
#include "pixels/test_frames.h"

namespace tarn::pixels {
namespace {

std::string Describe(const FrameFormat& format, Texture texture) {
  return std::to_string(format.width) + "x" + std::to_string(format.height) + " of " +
         std::to_string(format.components) + ", " + std::to_string(format.precision) + " bit" +
         (format.is_signed ? " signed" : "") + (format.is_rgb ? " rgb" : "") + ", texture " +
         std::to_string(static_cast<int>(texture));
}

// Every depth and sign at an odd size, then odd sizes at the depths that matter.
std::vector<FrameFormat> Formats() {
  std::vector<FrameFormat> out;
  for (uint32_t precision = 1; precision <= 16; ++precision) {
    for (const bool is_signed : {false, true}) {
      for (const uint32_t components : {1u, 3u}) {
        out.push_back({.width = 67,
                       .height = 131,
                       .components = components,
                       .precision = precision,
                       .is_signed = is_signed,
                       .is_rgb = components == 3});
      }
    }
  }
  struct Size {
    uint32_t width, height;
  };
  for (const Size& size :
       {Size{1, 1}, Size{1, 2}, Size{2, 1}, Size{64, 64}, Size{65, 1}, Size{1, 65}, Size{129, 3},
        Size{512, 512}, Size{4096, 5}, Size{3, 4097}}) {
    for (const uint32_t precision : {1u, 8u, 12u, 16u}) {
      out.push_back({.width = size.width, .height = size.height, .precision = precision});
      out.push_back({.width = size.width,
                     .height = size.height,
                     .components = 3,
                     .precision = precision,
                     .is_rgb = precision == 8});
    }
  }
  out.push_back({.width = 65'535, .height = 1, .precision = 16, .is_signed = true});
  out.push_back({.width = 2, .height = 65'535, .precision = 9});
  out.push_back({.width = 40, .height = 70, .components = 2, .precision = 16});
  out.push_back({.width = 40, .height = 70, .components = 4, .precision = 8});
  return out;
}

constexpr Texture kTextures[] = {Texture::kSmooth, Texture::kNoise, Texture::kExtremes};

void ExpectShape(const EncodedFrame& frame, const FrameFormat& format) {
  SCOPED_TRACE("shape");
  const auto header = ReadCodestreamHeader(frame.codestream);
  ASSERT_TRUE(header.ok()) << header.error().detail;
  EXPECT_EQ(header.value().width, format.width);
  EXPECT_EQ(header.value().height, format.height);
  EXPECT_EQ(header.value().is_signed, format.is_signed);
  EXPECT_EQ(header.value().tiles, 1u);
  EXPECT_EQ(header.value().colour_transform, format.is_rgb);
  const uint32_t levels = header.value().decompositions;
  // One tile-part per resolution, and the index says where they end.
  EXPECT_EQ(frame.resolution_ends.size(), levels + 1);
  const auto ends = TilePartEnds(frame.codestream);
  ASSERT_TRUE(ends.ok());
  EXPECT_EQ(frame.resolution_ends, ends.value());
  EXPECT_EQ(frame.resolution_ends.back() + 2, frame.codestream.size());
}

TEST(Htj2k, ComesBackExactlyFromBothLibraries) {
  for (const FrameFormat& format : Formats()) {
    for (const Texture texture : kTextures) {
      SCOPED_TRACE(Describe(format, texture));
      const std::string samples = MakeSamples(format, texture);
      const auto frame = EncodeHtj2k(format, samples);
      ASSERT_TRUE(frame.ok()) << frame.error().detail;
      ExpectShape(frame.value(), format);
      const size_t levels = frame.value().resolution_ends.size() - 1;
      const uint32_t side = std::max(format.width, format.height);
      EXPECT_LE(HalvedSide(side, levels), 64u);
      EXPECT_TRUE(levels == 0 || HalvedSide(side, levels - 1) > 64u);
      EXPECT_TRUE(VerifyHtj2k(frame.value().codestream, format, samples).ok());
      const auto own = DecodeOwnHtj2k(frame.value().codestream);
      ASSERT_TRUE(own.ok()) << own.error().detail;
      EXPECT_EQ(own.value().format, format);
      EXPECT_TRUE(own.value().samples == samples);
      const auto other = DecodeJpeg2000(frame.value().codestream);
      ASSERT_TRUE(other.ok()) << other.error().detail;
      EXPECT_EQ(other.value().format, format);
      EXPECT_TRUE(other.value().samples == samples);
    }
  }
}

TEST(Htj2k, VerificationSeesOneSampleThatDiffers) {
  const FrameFormat format{.width = 100, .height = 90, .components = 3, .precision = 12};
  std::string samples = MakeSamples(format, Texture::kSmooth);
  const auto frame = EncodeHtj2k(format, samples);
  ASSERT_TRUE(frame.ok());
  ASSERT_TRUE(VerifyHtj2k(frame.value().codestream, format, samples).ok());
  for (const size_t at : {size_t{0}, samples.size() / 2, samples.size() - 2}) {
    samples[at] = static_cast<char>(samples[at] ^ 1);
    EXPECT_FALSE(VerifyHtj2k(frame.value().codestream, format, samples).ok());
    samples[at] = static_cast<char>(samples[at] ^ 1);
  }
}

// A prefix that ends with resolution r is all that resolution r needs.
TEST(Htj2k, PrefixesAreSmallerPictures) {
  for (const FrameFormat& format :
       {FrameFormat{.width = 512, .height = 512, .precision = 16, .is_signed = true},
        FrameFormat{.width = 640, .height = 333, .components = 3, .precision = 8, .is_rgb = true},
        FrameFormat{.width = 1999, .height = 77, .precision = 12}}) {
    SCOPED_TRACE(Describe(format, Texture::kSmooth));
    const std::string samples = MakeSamples(format, Texture::kSmooth);
    const auto frame = EncodeHtj2k(format, samples);
    ASSERT_TRUE(frame.ok()) << frame.error().detail;
    const std::string& whole = frame.value().codestream;
    const auto& ends = frame.value().resolution_ends;
    for (uint32_t skipped = 0; skipped < ends.size(); ++skipped) {
      SCOPED_TRACE(skipped);
      const uint64_t end = ends[ends.size() - 1 - skipped];
      const auto expected = DecodeOwnHtj2k(whole, skipped);
      ASSERT_TRUE(expected.ok()) << expected.error().detail;
      EXPECT_EQ(expected.value().format.width, HalvedSide(format.width, skipped));
      const auto own = DecodeOwnHtj2k(std::string_view(whole).substr(0, end), skipped);
      ASSERT_TRUE(own.ok()) << own.error().detail;
      EXPECT_TRUE(own.value().samples == expected.value().samples);
      const auto other = DecodeJpeg2000(std::string(whole, 0, end) + "\xFF\xD9", skipped);
      ASSERT_TRUE(other.ok()) << other.error().detail;
      EXPECT_TRUE(other.value().samples == expected.value().samples);
    }
  }
}

// Nothing of a resolution lies behind its end: with its last byte gone the picture is another.
TEST(Htj2k, ResolutionsEndWhereTheIndexSays) {
  const FrameFormat format{.width = 300, .height = 260, .precision = 12};
  const std::string samples = MakeSamples(format, Texture::kNoise);
  const auto frame = EncodeHtj2k(format, samples);
  ASSERT_TRUE(frame.ok());
  const std::string& whole = frame.value().codestream;
  for (size_t part = 0; part + 1 < frame.value().resolution_ends.size(); ++part) {
    // The next tile-part begins right there.
    const std::string_view next =
        std::string_view(whole).substr(frame.value().resolution_ends[part], 2);
    EXPECT_EQ(next, "\xFF\x90");
  }
}

TEST(Htj2k, TakesNothingButItsOwn) {
  const FrameFormat format{.width = 70, .height = 70, .precision = 8};
  const auto other = EncodeJpeg2000(format, MakeSamples(format, Texture::kSmooth));
  ASSERT_TRUE(other.ok());
  for (const std::string& bytes : {std::string(), std::string("text"), other.value().codestream}) {
    const auto decoded = DecodeOwnHtj2k(bytes);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().kind, ErrorKind::kCorrupt);
  }
  const auto own = EncodeHtj2k(format, MakeSamples(format, Texture::kSmooth));
  ASSERT_TRUE(own.ok());
  EXPECT_TRUE(DecodeOwnHtj2k(own.value().codestream, 1).ok());
  EXPECT_FALSE(DecodeOwnHtj2k(own.value().codestream, 2).ok());  // It has two resolutions.
}

TEST(Jpeg2000, ComesBackExactly) {
  for (const FrameFormat& format : Formats()) {
    for (const Texture texture : {Texture::kSmooth, Texture::kNoise}) {
      SCOPED_TRACE(Describe(format, texture));
      const std::string samples = MakeSamples(format, texture);
      const auto frame = EncodeJpeg2000(format, samples);
      ASSERT_TRUE(frame.ok()) << frame.error().detail;
      ExpectShape(frame.value(), format);
      const auto decoded = DecodeJpeg2000(frame.value().codestream);
      ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
      EXPECT_GE(decoded.value().format.precision, format.precision);
      EXPECT_EQ(decoded.value().format.SampleBytes(), format.SampleBytes());
      EXPECT_TRUE(decoded.value().samples == samples);
    }
  }
}

TEST(Jpeg2000, PrefixesAreSmallerPictures) {
  const FrameFormat format{.width = 512, .height = 500, .precision = 12, .is_signed = true};
  const auto frame = EncodeJpeg2000(format, MakeSamples(format, Texture::kSmooth));
  ASSERT_TRUE(frame.ok());
  const auto& ends = frame.value().resolution_ends;
  ASSERT_EQ(ends.size(), 4u);
  const auto expected = DecodeJpeg2000(frame.value().codestream, 2);
  const auto prefix =
      DecodeJpeg2000(std::string(frame.value().codestream, 0, ends[1]) + "\xFF\xD9", 2);
  ASSERT_TRUE(expected.ok() && prefix.ok());
  EXPECT_EQ(prefix.value().format.width, 128u);
  EXPECT_TRUE(prefix.value().samples == expected.value().samples);
}

TEST(Jpeg2000, RefusesAbsurdHeadersAndBrokenStreams) {
  const FrameFormat format{.width = 64, .height = 64, .precision = 8};
  const auto frame = EncodeJpeg2000(format, MakeSamples(format, Texture::kNoise));
  ASSERT_TRUE(frame.ok());
  const std::string& good = frame.value().codestream;
  struct Case {
    const char* what;
    size_t at;  // Of SIZ: marker at 2, Xsiz at 8, Ysiz 12, XTsiz 24, Csiz 40, Ssiz 42, XRsiz 43.
    std::string bytes;
    ErrorKind kind;
  };
  for (const Case& c :
       {Case{"no SOC", 0, std::string("\0\0", 2), ErrorKind::kInvalid},
        Case{"65,536 columns", 8, std::string("\0\1\0\0", 4), ErrorKind::kInvalid},
        Case{"65,535 by 65,535", 8,
             std::string("\0\0\xFF\xFF\0\0\xFF\xFF\0\0\0\0\0\0\0\0\0\0\xFF\xFF\0\0\xFF\xFF", 24),
             ErrorKind::kTooLarge},
        Case{"tiles of one pixel", 24, std::string("\0\0\0\1\0\0\0\1", 8), ErrorKind::kInvalid},
        Case{"no columns", 8, std::string("\0\0\0\0", 4), ErrorKind::kInvalid},
        Case{"tiles without width", 24, std::string("\0\0\0\0", 4), ErrorKind::kInvalid},
        Case{"no components", 40, std::string("\0\0", 2), ErrorKind::kInvalid},
        Case{"5 components", 40, std::string("\0\5", 2), ErrorKind::kUnsupported},
        Case{"17 bits", 42, std::string("\x10", 1), ErrorKind::kUnsupported},
        Case{"128 bits", 42, std::string("\x7F", 1), ErrorKind::kInvalid},
        Case{"subsampled", 43, std::string("\2", 1), ErrorKind::kUnsupported},
        Case{"step 0", 43, std::string("\0", 1), ErrorKind::kInvalid}}) {
    SCOPED_TRACE(c.what);
    std::string bad = good;
    bad.replace(c.at, c.bytes.size(), c.bytes);
    const auto decoded = DecodeJpeg2000(bad);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().kind, c.kind) << decoded.error().detail;
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{40}, good.size() / 2}) {
    EXPECT_FALSE(DecodeJpeg2000(std::string_view(good).substr(0, size)).ok()) << size;
  }
}

TEST(Jpeg2000, ReadsWhatIsWrappedInJp2) {
  const FrameFormat format{.width = 20, .height = 10, .precision = 8};
  const std::string samples = MakeSamples(format, Texture::kNoise);
  const auto frame = EncodeJpeg2000(format, samples);
  ASSERT_TRUE(frame.ok());
  const std::string wrapped = std::string("\0\0\0\x0CjP  \r\n\x87\n", 12) +
                              std::string(
                                  "\0\0\0\x0A"
                                  "ftyp..",
                                  10) +
                              std::string("\0\0\0\0jp2c", 8) + frame.value().codestream;
  const auto decoded = DecodeJpeg2000(wrapped);
  ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
  EXPECT_EQ(decoded.value().samples, samples);
}

TEST(Frame, FindsTheRangeOfAnySampleType) {
  for (const FrameFormat& format : Formats()) {
    const std::string samples = MakeSamples(format, Texture::kNoise, 7);
    int32_t low = INT32_MAX;
    int32_t high = INT32_MIN;
    for (size_t i = 0; i < samples.size(); i += format.SampleBytes()) {
      int32_t value = static_cast<uint8_t>(samples[i]);
      if (format.SampleBytes() == 2) value |= static_cast<uint8_t>(samples[i + 1]) << 8;
      const int up = 32 - static_cast<int>(format.SampleBytes()) * 8;
      if (format.is_signed) value = static_cast<int32_t>(static_cast<uint32_t>(value) << up) >> up;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    const SampleRange range = FindSampleRange(format, samples);
    EXPECT_EQ(range.min, low);
    EXPECT_EQ(range.max, high);
  }
}

}  // namespace
}  // namespace tarn::pixels
