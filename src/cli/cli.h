// The command line: `tarn VERB ...`. Each verb is declared in a file of its own and adds itself to
// the parser here; `tarn VERB --help` shows its options and examples.
#pragma once

namespace tarn::cli {

// Exit statuses: 0 done, 1 failed, 2 wrong usage; a verb's help names further ones.
int Main(int argc, char** argv);

}  // namespace tarn::cli
