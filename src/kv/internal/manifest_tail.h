// What a power cut can leave at the end of RocksDB's MANIFEST. Several records are appended before
// one sync; a file system that writes the file's new length before its content leaves zeros in the
// last of them, and RocksDB refuses the whole database for the checksum. None of these records was
// acknowledged to anybody.
#pragma once

#include <string>

#include "base/result.h"

namespace tarn::kv {

// Cuts the MANIFEST that CURRENT names behind its last whole record, if what follows is one record
// with a wrong checksum whose end is zeros up to the end of the file. Anything else that is wrong
// is left for RocksDB to report. Errors: kUnavailable.
Status CutTornManifest(const std::string& database_folder);

}  // namespace tarn::kv
