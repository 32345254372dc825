// tarn-codec: the process that decodes images which others encoded. A program of its own because
// what it needs (DCMTK, 9 shared libraries) would slow down the start of every `tarn`.
//
// It reads requests from a socket and answers them, one after the other (pixels/codec_protocol.h),
// until the socket closes. Before the first request it gives up all that decoding does not need:
// files, memory above a limit, processor time above a limit, system calls (internal/sandbox.h).
#pragma once

namespace tarn::codec_worker {

// Serves `socket` until it closes. Returns the exit status: 0, or 1 when a message was broken.
int Serve(int socket);

}  // namespace tarn::codec_worker
