// OpenJPH behind plain values. It throws, and writes its complaints to standard error; both end
// here.
//
// OpenJPH 0.9 writes all resolutions into one tile-part and no TLM for images like ours. So the
// finished codestream is parsed again, once for each resolution but the largest, with all larger
// ones skipped: where the parser stops reading is where the resolution ends. That is parsing of
// packet headers and copying, no decoding: 0.14 ms for a CT slice against 3.5 ms of encoding.
#include "pixels/htj2k.h"

// ojph_arch.h declares what the other headers of OpenJPH use without including it.
#include <openjph/ojph_arch.h>
// Then the rest.
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "pixels/codestream.h"
#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

constexpr uint32_t kCodeBlockSide = 64;

class StringOutput : public ojph::outfile_base {
 public:
  explicit StringOutput(std::string* out) : out_(out) {}
  size_t write(const void* bytes, size_t count) override {
    out_->append(static_cast<const char*>(bytes), count);
    return count;
  }
  ojph::si64 tell() override { return static_cast<ojph::si64>(out_->size()); }

 private:
  std::string* out_;
};

// A codestream in memory that remembers where reading stopped first once it was past `watch_from`.
class MemoryInput : public ojph::infile_base {
 public:
  explicit MemoryInput(std::string_view bytes, uint64_t watch_from = UINT64_MAX)
      : bytes_(bytes), watch_from_(watch_from) {}
  size_t read(void* out, size_t count) override {
    const std::string_view piece = bytes_.substr(offset_, count);
    std::memcpy(out, piece.data(), piece.size());
    offset_ += piece.size();
    at_end_ = piece.size() < count;
    return piece.size();
  }
  int seek(ojph::si64 offset, enum ojph::infile_base::seek origin) override {
    if (offset_ > watch_from_ && stopped_at_ == 0) stopped_at_ = offset_;
    int64_t target = offset;
    if (origin == OJPH_SEEK_CUR) target += static_cast<int64_t>(offset_);
    if (origin == OJPH_SEEK_END) target += static_cast<int64_t>(bytes_.size());
    if (target < 0 || static_cast<uint64_t>(target) > bytes_.size()) return -1;
    offset_ = static_cast<uint64_t>(target);
    at_end_ = false;
    return 0;
  }
  ojph::si64 tell() override { return static_cast<ojph::si64>(offset_); }
  bool eof() override { return at_end_; }
  uint64_t stopped_at() const { return stopped_at_; }

 private:
  const std::string_view bytes_;
  const uint64_t watch_from_;
  uint64_t offset_ = 0;
  uint64_t stopped_at_ = 0;
  bool at_end_ = false;
};

template <typename Function>
auto Guarded(std::string_view what, Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& error) {
    return Internal("HTJ2K " + std::string(what) + ": " + error.what());
  } catch (...) {  // It throws text when memory runs out.
    return Internal("HTJ2K " + std::string(what) + ": out of memory");
  }
}

// Copies one component of one row between samples and a line of the codec.
template <typename Sample>
void FillLine(const char* row, const FrameFormat& format, uint32_t component, int32_t* line) {
  const size_t step = format.components * sizeof(Sample);
  const char* from = row + component * sizeof(Sample);
  if (format.components == 1) {
    for (uint32_t x = 0; x < format.width; ++x) {
      Sample sample;
      std::memcpy(&sample, from + x * sizeof(Sample), sizeof sample);
      line[x] = sample;  // NOLINT(bugprone-signed-char-misuse): a sample, not a character.
    }
    return;
  }
  for (uint32_t x = 0; x < format.width; ++x) {
    Sample sample;
    std::memcpy(&sample, from + x * step, sizeof sample);
    line[x] = sample;  // NOLINT(bugprone-signed-char-misuse): a sample, not a character.
  }
}

// Smaller resolutions overshoot what the samples of the full one keep to: they are clamped.
template <typename Sample>
void StoreLine(const int32_t* line, const FrameFormat& format, uint32_t component, char* row) {
  const size_t step = format.components * sizeof(Sample);
  char* to = row + component * sizeof(Sample);
  const int32_t low = format.is_signed ? -(1 << (format.precision - 1)) : 0;
  const int32_t high = (1 << (format.precision - (format.is_signed ? 1 : 0))) - 1;
  for (uint32_t x = 0; x < format.width; ++x) {
    const auto sample = static_cast<Sample>(std::clamp(line[x], low, high));
    std::memcpy(to + x * step, &sample, sizeof sample);
  }
}

template <typename Sample>
bool LineEquals(const int32_t* line, const FrameFormat& format, uint32_t component,
                const char* row) {
  const size_t step = format.components * sizeof(Sample);
  const char* from = row + component * sizeof(Sample);
  uint32_t difference = 0;
  for (uint32_t x = 0; x < format.width; ++x) {
    Sample sample;
    std::memcpy(&sample, from + x * step, sizeof sample);
    difference |= static_cast<uint32_t>(line[x]) ^ static_cast<uint32_t>(int32_t{sample});
  }
  return difference == 0;
}

// Calls `function` with a value of the type that the format's samples have.
template <typename Function>
auto WithSampleType(const FrameFormat& format, Function function) {
  if (format.SampleBytes() == 1) {
    return format.is_signed ? function(int8_t{}) : function(uint8_t{});
  }
  return format.is_signed ? function(int16_t{}) : function(uint16_t{});
}

void Configure(const FrameFormat& format, uint32_t decompositions, ojph::codestream* codestream) {
  ojph::param_siz siz = codestream->access_siz();
  siz.set_image_extent(ojph::point(format.width, format.height));
  siz.set_num_components(format.components);
  for (uint32_t c = 0; c < format.components; ++c) {
    siz.set_component(c, ojph::point(1, 1), format.precision, format.is_signed);
  }
  ojph::param_cod cod = codestream->access_cod();
  cod.set_num_decomposition(decompositions);
  cod.set_block_dims(kCodeBlockSide, kCodeBlockSide);
  cod.set_progression_order("RPCL");
  cod.set_color_transform(format.is_rgb && format.components == 3);
  cod.set_reversible(true);
  codestream->set_planar(false);
}

Result<std::string> EncodeSingleTilePart(const FrameFormat& format, std::string_view samples,
                                         uint32_t decompositions) {
  std::string out;
  out.reserve(samples.size() / 2 + 4096);
  StringOutput output(&out);
  ojph::codestream codestream;
  Configure(format, decompositions, &codestream);
  codestream.write_headers(&output);
  ojph::ui32 next = 0;
  ojph::line_buf* line = codestream.exchange(nullptr, next);
  for (uint32_t y = 0; y < format.height; ++y) {
    const char* row = samples.data() + y * format.RowBytes();
    for (uint32_t c = 0; c < format.components; ++c) {
      if (line == nullptr || next != c) return Internal("HTJ2K encoder: lines out of order");
      WithSampleType(format,
                     [&](auto type) { FillLine<decltype(type)>(row, format, c, line->i32); });
      line = codestream.exchange(line, next);
    }
  }
  codestream.flush();
  codestream.close();
  return out;
}

// Offsets at which the resolutions of a single tile-part end, smallest first.
Result<std::vector<uint64_t>> FindResolutionEnds(std::string_view bytes, uint32_t decompositions) {
  TRY(const TilePartPlace place, FindFirstTilePart(bytes));
  std::vector<uint64_t> ends;
  for (uint32_t skipped = decompositions; skipped > 0; --skipped) {
    MemoryInput input(bytes, place.data);
    ojph::codestream codestream;
    codestream.read_headers(&input);
    codestream.restrict_input_resolution(skipped, skipped);
    codestream.create();
    codestream.close();
    if (input.stopped_at() == 0) return Internal("HTJ2K: a resolution has no end");
    ends.push_back(input.stopped_at());
  }
  ends.push_back(bytes.size() - 2);  // Without EOC.
  return ends;
}

// Calls receive(y, component, line) for every line; the first error ends it.
template <typename Receive>
Status DecodeLines(std::string_view bytes, uint32_t skipped, const FrameFormat& format,
                   Receive receive) {
  MemoryInput input(bytes);
  ojph::codestream codestream;
  codestream.read_headers(&input);
  codestream.restrict_input_resolution(skipped, skipped);
  codestream.set_planar(false);
  codestream.create();
  for (uint32_t y = 0; y < format.height; ++y) {
    for (uint32_t c = 0; c < format.components; ++c) {
      ojph::ui32 component = 0;
      const ojph::line_buf* line = codestream.pull(component);
      if (line == nullptr || component != c || line->size < format.width) {
        return Internal("HTJ2K decoder: lines out of order");
      }
      TRY(receive(y, c, line->i32));
    }
  }
  codestream.close();
  return Ok();
}

// The library chooses its functions for this processor when its first codestream is made, and does
// so without a lock: one tiny frame goes both ways before threads may meet there.
void ChooseFunctionsOnce() {
  static const bool chosen = [] {
    const FrameFormat format{.width = 1, .height = 1, .components = 3, .is_rgb = true};
    const std::string_view samples = "rgb";
    const auto ignore = [](uint32_t, uint32_t, const int32_t*) { return Ok(); };
    const auto encoded = EncodeSingleTilePart(format, samples, 0);
    return encoded.ok() && DecodeLines(encoded.value(), 0, format, ignore).ok();
  }();
  static_cast<void>(chosen);
}

}  // namespace

Result<EncodedFrame> EncodeHtj2k(const FrameFormat& format, std::string_view samples) {
  CHECK(samples.size() == format.Bytes() && !samples.empty());
  return Guarded("encoder", [&]() -> Result<EncodedFrame> {
    ChooseFunctionsOnce();
    const uint32_t decompositions = DecompositionsFor(format.width, format.height);
    TRY(const std::string single, EncodeSingleTilePart(format, samples, decompositions));
    EncodedFrame frame;
    TRY(frame.resolution_ends, FindResolutionEnds(single, decompositions));
    TRY(frame.codestream, SplitIntoTileParts(single, &frame.resolution_ends));
    return frame;
  });
}

Status VerifyHtj2k(std::string_view codestream, const FrameFormat& format,
                   std::string_view samples) {
  CHECK(samples.size() == format.Bytes() && !samples.empty());
  return Guarded("verification", [&]() -> Status {
    ChooseFunctionsOnce();
    return DecodeLines(codestream, 0, format, [&](uint32_t y, uint32_t c, const int32_t* line) {
      const char* row = samples.data() + y * format.RowBytes();
      const bool equal = WithSampleType(
          format, [&](auto type) { return LineEquals<decltype(type)>(line, format, c, row); });
      return equal ? Ok() : Status(Internal("HTJ2K verification: the decoded frame differs"));
    });
  });
}

Result<DecodedFrame> DecodeOwnHtj2k(std::string_view codestream, uint32_t skipped_resolutions) {
  const auto header = ReadCodestreamHeader(codestream);
  if (!header.ok() || !header.value().high_throughput || header.value().tiles != 1 ||
      header.value().precision > 16 || skipped_resolutions > header.value().decompositions) {
    return Error{ErrorKind::kCorrupt, "a stored frame is no HTJ2K codestream of ours"};
  }
  DecodedFrame frame;
  frame.format = {.width = HalvedSide(header.value().width, skipped_resolutions),
                  .height = HalvedSide(header.value().height, skipped_resolutions),
                  .components = header.value().components,
                  .precision = header.value().precision,
                  .is_signed = header.value().is_signed,
                  .is_rgb = header.value().colour_transform};
  frame.samples.resize(frame.format.Bytes());
  const Status decoded = Guarded("decoder", [&]() -> Status {
    ChooseFunctionsOnce();
    return DecodeLines(codestream, skipped_resolutions, frame.format,
                       [&](uint32_t y, uint32_t c, const int32_t* line) {
                         char* row = frame.samples.data() + y * frame.format.RowBytes();
                         WithSampleType(frame.format, [&](auto type) {
                           StoreLine<decltype(type)>(line, frame.format, c, row);
                         });
                         return Ok();
                       });
  });
  TRY(decoded);
  return frame;
}

}  // namespace tarn::pixels
