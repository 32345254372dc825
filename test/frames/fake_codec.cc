// A codec worker that greets, takes a request and then fails: it ends, or, with TARN_HANGS, it goes
// on without an answer.
#include <unistd.h>

#include "pixels/codec_protocol.h"

int main() {
  constexpr int kSocket = 3;
  const std::string_view greeting = tarn::pixels::kCodecGreeting;
  char byte = 0;
  if (write(kSocket, greeting.data(), greeting.size()) < 0 || read(kSocket, &byte, 1) < 0) return 1;
#ifdef TARN_HANGS
  // Until the server ends it, or closes the socket.
  while (read(kSocket, &byte, 1) > 0) {
  }
#endif
  return 3;
}
