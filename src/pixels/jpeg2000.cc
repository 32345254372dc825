#include "pixels/jpeg2000.h"

#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "pixels/codestream.h"
#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

// opj_codec_t and opj_stream_t are the same type, so each needs a deleter of its own.
struct DestroyCodec {
  void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct DestroyStream {
  void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct DestroyImage {
  void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};
using Codec = std::unique_ptr<opj_codec_t, DestroyCodec>;
using Stream = std::unique_ptr<opj_stream_t, DestroyStream>;
using Image = std::unique_ptr<opj_image_t, DestroyImage>;

constexpr OPJ_SIZE_T kStreamBufferBytes = 64 << 10;

// What the callbacks of a stream work on: bytes to read, or a string to write.
struct Input {
  std::string_view bytes;
  size_t offset = 0;
};

struct Output {
  std::string bytes;
  size_t offset = 0;
};

OPJ_SIZE_T ReadInput(void* to, OPJ_SIZE_T count, void* user) {
  auto* input = static_cast<Input*>(user);
  const std::string_view piece = input->bytes.substr(input->offset, count);
  if (piece.empty()) return static_cast<OPJ_SIZE_T>(-1);  // The library's end of stream.
  std::memcpy(to, piece.data(), piece.size());
  input->offset += piece.size();
  return piece.size();
}

OPJ_OFF_T SkipInput(OPJ_OFF_T count, void* user) {
  auto* input = static_cast<Input*>(user);
  if (count < 0) return -1;
  const size_t skipped = std::min(static_cast<size_t>(count), input->bytes.size() - input->offset);
  input->offset += skipped;
  return skipped == 0 && count > 0 ? -1 : static_cast<OPJ_OFF_T>(skipped);
}

OPJ_BOOL SeekInput(OPJ_OFF_T offset, void* user) {
  auto* input = static_cast<Input*>(user);
  if (offset < 0 || static_cast<size_t>(offset) > input->bytes.size()) return OPJ_FALSE;
  input->offset = static_cast<size_t>(offset);
  return OPJ_TRUE;
}

OPJ_SIZE_T WriteOutput(void* from, OPJ_SIZE_T count, void* user) {
  auto* output = static_cast<Output*>(user);
  if (output->offset + count > output->bytes.size()) output->bytes.resize(output->offset + count);
  std::memcpy(output->bytes.data() + output->offset, from, count);
  output->offset += count;
  return count;
}

OPJ_BOOL SeekOutput(OPJ_OFF_T offset, void* user) {
  auto* output = static_cast<Output*>(user);
  if (offset < 0) return OPJ_FALSE;
  output->offset = static_cast<size_t>(offset);
  if (output->offset > output->bytes.size()) output->bytes.resize(output->offset);
  return OPJ_TRUE;
}

OPJ_OFF_T SkipOutput(OPJ_OFF_T count, void* user) {
  auto* output = static_cast<Output*>(user);
  return SeekOutput(static_cast<OPJ_OFF_T>(output->offset) + count, user) ? count : -1;
}

Stream MakeInputStream(Input* input) {
  Stream stream(opj_stream_create(kStreamBufferBytes, OPJ_TRUE));
  if (stream == nullptr) return stream;
  opj_stream_set_read_function(stream.get(), ReadInput);
  opj_stream_set_skip_function(stream.get(), SkipInput);
  opj_stream_set_seek_function(stream.get(), SeekInput);
  opj_stream_set_user_data(stream.get(), input, nullptr);
  opj_stream_set_user_data_length(stream.get(), input->bytes.size());
  return stream;
}

Stream MakeOutputStream(Output* output) {
  Stream stream(opj_stream_create(kStreamBufferBytes, OPJ_FALSE));
  if (stream == nullptr) return stream;
  opj_stream_set_write_function(stream.get(), WriteOutput);
  opj_stream_set_skip_function(stream.get(), SkipOutput);
  opj_stream_set_seek_function(stream.get(), SeekOutput);
  opj_stream_set_user_data(stream.get(), output, nullptr);
  return stream;
}

template <typename Sample>
void FromSamples(std::string_view samples, uint32_t components, uint32_t component, size_t count,
                 OPJ_INT32* to) {
  const char* from = samples.data() + component * sizeof(Sample);
  for (size_t i = 0; i < count; ++i) {
    Sample sample;
    std::memcpy(&sample, from + i * components * sizeof(Sample), sizeof sample);
    to[i] = sample;  // NOLINT(bugprone-signed-char-misuse): a sample, not a character.
  }
}

template <typename Sample>
void ToSamples(const OPJ_INT32* from, uint32_t components, uint32_t component, size_t count,
               std::string* samples) {
  char* to = samples->data() + component * sizeof(Sample);
  for (size_t i = 0; i < count; ++i) {
    const auto sample = static_cast<Sample>(from[i]);
    std::memcpy(to + i * components * sizeof(Sample), &sample, sizeof sample);
  }
}

Image MakeImage(const FrameFormat& format, std::string_view samples) {
  std::vector<opj_image_cmptparm_t> parameters(format.components);
  for (opj_image_cmptparm_t& parameter : parameters) {
    std::memset(&parameter, 0, sizeof parameter);
    parameter.dx = parameter.dy = 1;
    parameter.w = format.width;
    parameter.h = format.height;
    parameter.prec = format.precision;
    parameter.sgnd = format.is_signed ? 1 : 0;
  }
  Image image(opj_image_create(format.components, parameters.data(),
                               format.components == 1 ? OPJ_CLRSPC_GRAY : OPJ_CLRSPC_SRGB));
  if (image == nullptr) return image;
  image->x1 = format.width;
  image->y1 = format.height;
  const size_t count = size_t{format.width} * format.height;
  for (uint32_t c = 0; c < format.components; ++c) {
    const auto fill = format.SampleBytes() == 1
                          ? (format.is_signed ? FromSamples<int8_t> : FromSamples<uint8_t>)
                          : (format.is_signed ? FromSamples<int16_t> : FromSamples<uint16_t>);
    fill(samples, format.components, c, count, image->comps[c].data);
  }
  return image;
}

Status CheckDecoded(const opj_image_t& image, const FrameFormat& format) {
  if (image.numcomps != format.components) return Invalid("JPEG 2000: components are missing");
  for (uint32_t c = 0; c < format.components; ++c) {
    const opj_image_comp_t& component = image.comps[c];
    if (component.data == nullptr || component.w != format.width || component.h != format.height ||
        component.prec != format.precision || (component.sgnd != 0) != format.is_signed) {
      return Invalid("JPEG 2000: the decoded image is not what its header says");
    }
  }
  return Ok();
}

std::string TakeSamples(const opj_image_t& image, const FrameFormat& format) {
  std::string samples(format.Bytes(), '\0');
  const size_t count = size_t{format.width} * format.height;
  for (uint32_t c = 0; c < format.components; ++c) {
    const auto take = format.SampleBytes() == 1 ? ToSamples<uint8_t> : ToSamples<uint16_t>;
    take(image.comps[c].data, format.components, c, count, &samples);
  }
  return samples;
}

// The library halves no side below one pixel.
uint32_t Decompositions(const FrameFormat& format) {
  uint32_t possible = 0;
  while ((std::min(format.width, format.height) >> (possible + 1)) > 0) ++possible;
  return std::min(DecompositionsFor(format.width, format.height), possible);
}

// Empty when the library fails.
std::string Encode(const FrameFormat& format, std::string_view samples) {
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.tcp_rates[0] = 0;
  parameters.cp_disto_alloc = 1;
  parameters.irreversible = 0;
  parameters.numresolution = static_cast<int>(Decompositions(format)) + 1;
  parameters.prog_order = OPJ_RPCL;
  parameters.tp_on = 1;
  parameters.tp_flag = 'R';  // One tile-part per resolution.
  parameters.tcp_mct = format.is_rgb && format.components == 3 ? 1 : 0;

  Image image = MakeImage(format, samples);
  Codec codec(opj_create_compress(OPJ_CODEC_J2K));
  Output output;
  output.bytes.reserve(samples.size() / 2 + 4096);
  Stream stream = MakeOutputStream(&output);
  const char* const options[] = {"TLM=YES", nullptr};
  if (image == nullptr || codec == nullptr || stream == nullptr ||
      !opj_setup_encoder(codec.get(), &parameters, image.get()) ||
      !opj_encoder_set_extra_options(codec.get(), options) ||
      !opj_start_compress(codec.get(), image.get(), stream.get()) ||
      !opj_encode(codec.get(), stream.get()) || !opj_end_compress(codec.get(), stream.get())) {
    return {};
  }
  return std::move(output.bytes);
}

}  // namespace

Result<EncodedFrame> EncodeJpeg2000(const FrameFormat& format, std::string_view samples) {
  CHECK(samples.size() == format.Bytes() && !samples.empty());
  EncodedFrame frame;
  frame.codestream = Encode(format, samples);
  if (frame.codestream.empty()) {
    // The library reckons its buffer from the precision and gives up where noise of few bits does
    // not fit. The samples are the same numbers when more bits are declared.
    FrameFormat wider = format;
    wider.precision = format.SampleBytes() * 8;
    frame.codestream = Encode(wider, samples);
  }
  if (frame.codestream.empty()) return Internal("JPEG 2000 encoder failed");
  TRY(frame.resolution_ends, TilePartEnds(frame.codestream));
  return frame;
}

Result<DecodedFrame> DecodeJpeg2000(std::string_view bytes, uint32_t skipped_resolutions) {
  TRY(const std::string_view codestream, FindCodestream(bytes));
  TRY(const CodestreamHeader header, ReadCodestreamHeader(codestream));
  // The library leaves tiles that are missing black, and says nothing.
  if (skipped_resolutions == 0) TRY(CheckAllTilesPresent(codestream, header));
  if (header.precision > 16) {
    return Error{ErrorKind::kUnsupported, "JPEG 2000: more than 16 bits a sample"};
  }
  if (skipped_resolutions > header.decompositions) return Invalid("JPEG 2000: no such resolution");
  DecodedFrame frame;
  frame.format = {.width = HalvedSide(header.width, skipped_resolutions),
                  .height = HalvedSide(header.height, skipped_resolutions),
                  .components = header.components,
                  .precision = header.precision,
                  .is_signed = header.is_signed,
                  .is_rgb = header.colour_transform};

  Input input{.bytes = codestream};
  Codec codec(opj_create_decompress(OPJ_CODEC_J2K));
  Stream stream = MakeInputStream(&input);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* raw_image = nullptr;
  if (codec == nullptr || stream == nullptr || !opj_setup_decoder(codec.get(), &parameters) ||
      // A codestream that breaks off must fail; of a prefix one resolution is wanted.
      !opj_decoder_set_strict_mode(codec.get(), skipped_resolutions == 0 ? OPJ_TRUE : OPJ_FALSE) ||
      !opj_read_header(stream.get(), codec.get(), &raw_image)) {
    return Invalid("JPEG 2000: unreadable header");
  }
  const Image image(raw_image);
  if (!opj_set_decoded_resolution_factor(codec.get(), skipped_resolutions) ||
      !opj_decode(codec.get(), stream.get(), image.get())) {
    return Invalid("JPEG 2000: broken codestream");
  }
  TRY(CheckDecoded(*image, frame.format));
  frame.samples = TakeSamples(*image, frame.format);
  return frame;
}

}  // namespace tarn::pixels
