// What a codec worker may still do once it has entered the sandbox: compute, use memory up to
// kWorkerAddressSpaceMax, read and write the descriptors that are open, and end.
#pragma once

#include "base/result.h"

namespace tarn::codec_worker {

// Closes all descriptors above `socket`, sets the resource limits and the system call filter. A
// forbidden call ends the process. Sanitizers need more calls and memory than the filter and the
// limit allow: in such builds neither is set.
// Errors: kInternal.
Status EnterSandbox(int socket);

}  // namespace tarn::codec_worker
