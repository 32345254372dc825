#include "pixels/codec_protocol.h"

#include <algorithm>

#include "base/bytes.h"
#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

constexpr uint32_t kRequestMagic = 0x54435231;
constexpr uint32_t kAnswerMagic = 0x54434131;
constexpr uint64_t kAnswerPayloadMax = kFrameSamplesMax * 8;

std::string Head(uint32_t magic, uint16_t first, size_t text_bytes, const dicom::ImagePixel& pixel,
                 uint64_t payload_bytes) {
  std::string out;
  AppendBe32(&out, magic);
  AppendBe16(&out, first);
  AppendBe16(&out, static_cast<uint16_t>(text_bytes));
  for (const uint16_t value :
       {pixel.rows, pixel.columns, pixel.samples_per_pixel, pixel.bits_allocated, pixel.bits_stored,
        pixel.high_bit, static_cast<uint16_t>(pixel.is_signed), pixel.planar_configuration}) {
    AppendBe16(&out, value);
  }
  AppendBe64(&out, payload_bytes);
  CHECK(out.size() == kCodecHeadBytes);
  return out;
}

Error BadHead() { return Invalid("a codec worker's message is not what it should be"); }

Result<CodecHead> ReadHead(std::string_view bytes, uint32_t magic, uint16_t* first) {
  CHECK(bytes.size() == kCodecHeadBytes);
  ByteReader reader(bytes);
  if (reader.Be32() != magic) return BadHead();
  CodecHead head;
  *first = reader.Be16();
  head.text_bytes = reader.Be16();
  dicom::ImagePixel& pixel = head.pixel;
  for (uint16_t* value : {&pixel.rows, &pixel.columns, &pixel.samples_per_pixel,
                          &pixel.bits_allocated, &pixel.bits_stored, &pixel.high_bit}) {
    *value = reader.Be16();
  }
  pixel.is_signed = reader.Be16() != 0;
  pixel.planar_configuration = reader.Be16();
  head.payload_bytes = reader.Be64();
  return head;
}

bool IsSound(const dicom::ImagePixel& pixel) {
  const uint64_t samples = uint64_t{pixel.rows} * pixel.columns * pixel.samples_per_pixel;
  return samples > 0 && samples <= kFrameSamplesMax && pixel.samples_per_pixel <= 4 &&
         (pixel.bits_allocated == 1 ||
          (pixel.bits_allocated % 8 == 0 && pixel.bits_allocated <= 64)) &&
         pixel.bits_stored >= 1 && pixel.bits_stored <= pixel.bits_allocated &&
         pixel.high_bit + 1 >= pixel.bits_stored && pixel.high_bit < pixel.bits_allocated &&
         pixel.planar_configuration <= 1;
}

}  // namespace

Result<std::string> WriteCodecRequest(const ForeignFrame& frame) {
  const std::string& photometric = frame.pixel.photometric_interpretation;
  if (frame.transfer_syntax_uid.size() > kWorkerFieldBytesMax ||
      photometric.size() > kWorkerFieldBytesMax) {
    return Invalid("PhotometricInterpretation is too long");
  }
  std::string out = Head(kRequestMagic, static_cast<uint16_t>(frame.transfer_syntax_uid.size()),
                         photometric.size(), frame.pixel, frame.bytes.size());
  return out.append(frame.transfer_syntax_uid).append(photometric);
}

std::string WriteCodecAnswer(const NativeFrame& frame) {
  const std::string photometric =
      frame.pixel.photometric_interpretation.substr(0, kWorkerFieldBytesMax);
  return Head(kAnswerMagic, 0, photometric.size(), frame.pixel, frame.bytes.size()) + photometric;
}

std::string WriteCodecAnswer(const Error& error) {
  const std::string detail = error.detail.substr(0, kWorkerDetailBytesMax);
  return Head(kAnswerMagic, static_cast<uint16_t>(1 + static_cast<int>(error.kind)), detail.size(),
              {}, 0) +
         detail;
}

Result<CodecHead> ReadCodecRequest(std::string_view bytes) {
  uint16_t uid_bytes = 0;
  TRY(CodecHead head, ReadHead(bytes, kRequestMagic, &uid_bytes));
  head.uid_bytes = uid_bytes;
  if (uid_bytes > kWorkerFieldBytesMax || head.text_bytes > kWorkerFieldBytesMax ||
      head.payload_bytes > kEncodedFrameBytesMax || !IsSound(head.pixel)) {
    return BadHead();
  }
  return head;
}

Result<CodecHead> ReadCodecAnswer(std::string_view bytes) {
  uint16_t result = 0;
  TRY(CodecHead head, ReadHead(bytes, kAnswerMagic, &result));
  head.result = result;
  if (result > kErrorKindCount || head.text_bytes > kWorkerDetailBytesMax) return BadHead();
  const bool failed = result != 0;
  if (failed ? head.payload_bytes != 0
             : head.payload_bytes > kAnswerPayloadMax || !IsSound(head.pixel)) {
    return BadHead();
  }
  return head;
}

}  // namespace tarn::pixels
