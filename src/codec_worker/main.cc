// tarn-codec: started by tarn with a socket as descriptor 3; of no use by itself.
#include <sys/socket.h>

#include <cstdio>

#include "codec_worker/worker.h"

int main() {
  constexpr int kSocket = 3;
  int type = 0;
  socklen_t bytes = sizeof type;
  if (getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0) {
    std::fprintf(stderr, "tarn-codec: started by tarn, which hands it images to decode\n");
    return 2;
  }
  return tarn::codec_worker::Serve(kSocket);
}
