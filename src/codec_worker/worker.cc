#include "codec_worker/worker.h"

#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>

#include "base/file.h"
#include "codec_worker/internal/dcmtk_decoder.h"
#include "codec_worker/internal/sandbox.h"
#include "pixels/codec_protocol.h"
#include "pixels/jpeg2000.h"

namespace tarn::codec_worker {
namespace {

using pixels::ForeignFrame;
using pixels::NativeFrame;

// Reads exactly `count` bytes; false at the end of the stream or on an error.
bool ReadAll(int fd, size_t count, std::string* out) {
  out->resize(count);
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = read(fd, out->data() + filled, count - filled);
    if (got > 0) {
      filled += static_cast<size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool IsJpeg2000(std::string_view uid) {
  for (const std::string_view each :
       {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93",
        "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"}) {
    if (uid == each) return true;
  }
  return false;
}

// The codestream's own precision and sign count: they are what its samples were made with, whatever
// the data set says beside it.
Result<NativeFrame> DecodeWithOpenJpeg(const ForeignFrame& frame) {
  TRY(pixels::DecodedFrame decoded, pixels::DecodeJpeg2000(frame.bytes));
  const pixels::FrameFormat& format = decoded.format;
  if (format.width != frame.pixel.columns || format.height != frame.pixel.rows ||
      format.components != frame.pixel.samples_per_pixel) {
    return Invalid("the codestream's size is not what the data set says");
  }
  NativeFrame native;
  native.pixel = frame.pixel;
  native.pixel.bits_allocated = static_cast<uint16_t>(format.SampleBytes() * 8);
  native.pixel.bits_stored = static_cast<uint16_t>(format.precision);
  native.pixel.high_bit = static_cast<uint16_t>(format.precision - 1);
  native.pixel.is_signed = format.is_signed;
  native.pixel.planar_configuration = 0;
  if (format.is_rgb) native.pixel.photometric_interpretation = "RGB";
  native.bytes = std::move(decoded.samples);
  return native;
}

Result<NativeFrame> Decode(const ForeignFrame& frame) {
  try {
    return IsJpeg2000(frame.transfer_syntax_uid) ? DecodeWithOpenJpeg(frame)
                                                 : DecodeWithDcmtk(frame);
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::kTooLarge, "the decoder needs more memory than it may have"};
  } catch (const std::exception& error) {
    return Invalid(std::string("decoder: ") + error.what());
  } catch (...) {
    return Invalid("the decoder failed");
  }
}

enum class Step : uint8_t { kServed, kEnd, kBroken };

Step ServeOne(int socket) {
  std::string head_bytes;
  if (!ReadAll(socket, pixels::kCodecHeadBytes, &head_bytes)) return Step::kEnd;
  const auto head = pixels::ReadCodecRequest(head_bytes);
  if (!head.ok()) return Step::kBroken;
  std::string uid;
  std::string payload;
  dicom::ImagePixel pixel = head.value().pixel;
  if (!ReadAll(socket, head.value().uid_bytes, &uid) ||
      !ReadAll(socket, head.value().text_bytes, &pixel.photometric_interpretation) ||
      !ReadAll(socket, head.value().payload_bytes, &payload)) {
    return Step::kBroken;
  }
  const auto native = Decode({.transfer_syntax_uid = uid, .pixel = pixel, .bytes = payload});
  const std::string answer = native.ok() ? pixels::WriteCodecAnswer(native.value())
                                         : pixels::WriteCodecAnswer(native.error());
  if (!WriteAll(socket, answer).ok()) return Step::kEnd;
  if (native.ok() && !WriteAll(socket, native.value().bytes).ok()) return Step::kEnd;
  return Step::kServed;
}

}  // namespace

int Serve(int socket) {
  PrepareDcmtk();
  if (!EnterSandbox(socket).ok() || !WriteAll(socket, pixels::kCodecGreeting).ok()) return 1;
  Step step = Step::kServed;
  while (step == Step::kServed) step = ServeOne(socket);
  return step == Step::kEnd ? 0 : 1;
}

}  // namespace tarn::codec_worker
