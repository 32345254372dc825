// The program: its first argument says what to do.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

#include "cli/cli.h"

namespace {

// glibc gives up to eight arenas a core to the threads, and each keeps the pages that its busiest
// moment needed: 70 MB more at the end of a long import. As many as cores do not wait longer for
// each other.
void LimitArenas() {
  constexpr unsigned kArenasMin = 2;
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(std::thread::hardware_concurrency(), kArenasMin)));
}

}  // namespace

int main(int argc, char** argv) {
  LimitArenas();
  try {
    return tarn::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    // Only other people's libraries throw, and their homes catch; this is the last line.
    std::fprintf(stderr, "tarn: %s\n", error.what());
    return 1;
  }
}
