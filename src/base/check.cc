#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tarn {

void CheckFailed(const char* file, int line, const char* condition) {
  // Standard error directly: the logger may be what is broken.
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tarn
