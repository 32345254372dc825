// The program: its first argument says what to do.
#include <cstdio>
#include <exception>

#include "cli/cli.h"

int main(int argc, char** argv) {
  try {
    return tarn::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    // Only other people's libraries throw, and their homes catch; this is the last line.
    std::fprintf(stderr, "tarn: %s\n", error.what());
    return 1;
  }
}
