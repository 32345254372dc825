// How far an import is: what commits with every run, and all that a resumption needs.
// Stored as JSON, so that a person can read it: {"form":1,"counts":{...},"file":{...},...}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/ndjson.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/import_block.h"
#include "json/value.h"

namespace tarn::fhir_store {

// The file that is being read.
struct OpenFile {
  ImportFile file;
  bool gzip = false;
  fhir::NdjsonPosition next;    // Where reading goes on.
  uint32_t success_chunks = 0;  // Output chunks in the spool (import_output.h).
  uint32_t failure_chunks = 0;
  bool has_header = false;  // The spool knows its name.
};

struct ImportCheckpoint {
  ImportProgress counts;  // Its throughput is not part of it.
  uint64_t elapsed_ms = 0;
  bool reading_done = false;
  uint64_t files_done = 0;  // Also the number of the open file, if there is one.
  std::string last_key;     // Of the newest file that was begun; empty: none.
  std::optional<OpenFile> open;
  std::string first_file_error;  // Why the first of the files that failed did, with its name.
};

std::string EncodeCheckpoint(const ImportCheckpoint& checkpoint);
// Empty text is the beginning. Errors: kCorrupt.
Result<ImportCheckpoint> DecodeCheckpoint(std::string_view text);

// Megabytes (10^6) of imported lines per second.
double ThroughputOf(const ImportProgress& progress, uint64_t elapsed_ms);

// For people and for Describe: jobs::Job::progress.
std::string EncodeProgress(const ImportProgress& progress);
Result<ImportProgress> DecodeProgress(std::string_view text);  // Errors: kCorrupt.

}  // namespace tarn::fhir_store
