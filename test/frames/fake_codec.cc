// A codec worker that does what its frame says, within the sandbox that the real one has: ends, is
// ended by the system, goes on for ever, answers what cannot be, or answers with the frame itself.
// For codec_worker_test and image_store_test.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "codec_worker/internal/sandbox.h"
#include "pixels/codec_protocol.h"
#include "pixels/foreign_decoder.h"

namespace tarn {
namespace {

constexpr int kSocket = 3;

std::string Take(size_t count) {
  std::string out(count, '\0');
  for (size_t filled = 0; filled < count;) {
    const ssize_t got = read(kSocket, out.data() + filled, count - filled);
    if (got <= 0) std::_Exit(0);
    filled += static_cast<size_t>(got);
  }
  return out;
}

void Give(std::string_view bytes) {
  if (!WriteAll(kSocket, bytes).ok()) std::_Exit(0);
}

void Crash() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

// As a library does that never asks whether it got its memory.
void UseTooMuchMemory() {
  constexpr size_t kTooMuch = size_t{3} << 30;
  auto* volatile block = static_cast<volatile char*>(std::malloc(kTooMuch));
  block[kTooMuch / 2] = 1;
}

void Answer(const pixels::CodecHead& head, const std::string& frame) {
  pixels::NativeFrame native{.pixel = head.pixel, .bytes = frame};
  native.pixel.photometric_interpretation = "MONOCHROME2";
  const std::string answer = pixels::WriteCodecAnswer(native);
  if (frame.starts_with("half")) {
    Give(answer + frame.substr(0, frame.size() / 2));
    std::_Exit(0);
  }
  if (frame.starts_with("long")) {
    native.bytes.append(1000, 'x');
    Give(pixels::WriteCodecAnswer(native) + native.bytes);
    return;
  }
  Give(answer + frame);
}

void ServeOne() {
  const auto head = pixels::ReadCodecRequest(Take(pixels::kCodecHeadBytes));
  if (!head.ok()) std::_Exit(1);
  Take(head.value().uid_bytes);
  Take(head.value().text_bytes);
  const std::string frame = Take(head.value().payload_bytes);
  if (frame.starts_with("ends")) std::_Exit(3);
  if (frame.starts_with("segv")) Crash();
  if (frame.starts_with("abrt")) std::abort();
  if (frame.starts_with("open")) open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  if (frame.starts_with("memo")) UseTooMuchMemory();
  volatile bool forever = frame.starts_with("hang");
  while (forever) {
  }
  if (frame.starts_with("what")) {
    Give(std::string(pixels::kCodecHeadBytes, '?'));
    return;
  }
  Answer(head.value(), frame);
}

}  // namespace
}  // namespace tarn

int main() {
  if (!tarn::codec_worker::EnterSandbox(tarn::kSocket).ok()) return 1;
  tarn::Give(tarn::pixels::kCodecGreeting);
  for (;;) tarn::ServeOne();
}
