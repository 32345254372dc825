// The SUCCESS and FAILURE objects of an import: one line for every input line, in an object of the
// input file's name.
//
// An object can only be written as a whole, a file's lines span many commits, and a crash may come
// at any time. So lines are gathered into chunks that commit with the run they belong to (family
// spool, compressed); when a file's last line is committed its objects are written from the spool,
// which is then emptied. Repeating that gives the same objects.
//
//   spool key    | job 16 | file number 4 | kind 1 | chunk 4 |       (and
//   internal/import_postponed.h) value        header: | gzip? 1 | name |; success, failure:
//   compressed lines
//
// Success: {"lineId":1,"UpdateResourceResponse":{"jsonBlob":{"resourceType":"Patient","id":"a",
//           "meta":{"versionId":"1"}},"statusCode":201}}; 201 created, 200 updated or unchanged.
// Failure: {"lineId":2,"UpdateResourceResponse":{"jsonBlob":{OperationOutcome},"statusCode":400}}
//
// Threads: belongs to the coordinator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/import_block.h"
#include "fhir_store/internal/import_checkpoint.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"
#include "objects/object_store.h"

namespace tarn::fhir_store {

class ImportOutput {
 public:
  // `folder`: of the job, ending in '/'. `state` must outlive the object.
  ImportOutput(StoreState& state, const std::string& job_id, objects::S3Uri folder);

  // Goes on with the file of a checkpoint.
  void Resume(const OpenFile& open);
  // Adds the lines of the next block, and what ended its file.
  void Add(const ImportBlock& block);

  // Adds to `batch` what was added since the last commit. Keeps it until Committed, so that a
  // commit can be tried again. `open`: the file that is being read, whose chunks are counted.
  void FillPublish(OpenFile* open, kv::Batch* batch);
  // The batch is stored.
  void Committed();
  bool IsLarge() const;  // Enough waits that a commit is due.

  // Adds the removal of the job's spool to `batch`, of as many entries as one batch should hold.
  // For a job that fails. Errors: kUnavailable.
  Status AddDiscard(kv::Batch* batch) const;

  // Writes the objects of every file with a number below `files_done`. Errors: those of
  // objects::ObjectStore and kv::Store.
  Status WriteFinished(uint64_t files_done);

 private:
  enum class Kind : uint8_t { kHeader = 0, kSuccess = 1, kFailure = 2 };
  struct Stream {
    std::string lines;  // Not yet in a chunk.
    uint32_t chunks = 0;
  };
  struct Pending {
    std::string key;
    std::string value;
  };

  void AddSuccess(const ImportBlock& block, const ImportLine& line);
  void AddFailure(uint64_t line_number, const Error& error);
  void CloseChunk(Kind kind, Stream* stream);
  void AddHeader();
  std::string SpoolKey(uint64_t file, Kind kind, uint32_t chunk) const;
  // Writes one file's objects; the cursor stands at its header and is left after its last chunk.
  // What it has read goes to `deletes`.
  Status WriteFile(kv::Cursor* cursor, kv::Batch* deletes);

  StoreState& state_;
  const objects::S3Uri folder_;
  std::string job_prefix_;
  uint64_t file_number_ = 0;
  std::string file_name_;
  bool gzip_ = false;
  bool has_header_ = false;
  Stream success_;
  Stream failure_;
  std::vector<Pending> pending_;
  size_t pending_bytes_ = 0;
};

}  // namespace tarn::fhir_store
