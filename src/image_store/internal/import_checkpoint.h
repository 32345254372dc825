// How far an import job is, as text; and what its request says.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "image_store/import.h"

namespace tarn::image_store {

struct ImportCheckpoint {
  std::string last_key;     // Of the files that are staged.
  bool all_staged = false;  // Stage 2 has begun.
  ImportProgress counts;
};
std::string EncodeCheckpoint(const ImportCheckpoint& checkpoint);
// Of a job that has none yet: an empty one. Errors: kCorrupt.
Result<ImportCheckpoint> DecodeCheckpoint(const jobs::Job& job);

std::string EncodeRequest(const ImportRequest& request);
std::string EncodeProgress(const ImportProgress& progress);

}  // namespace tarn::image_store
