// One block of whole NDJSON lines on its way through an import: read (import_source.h), worked on
// by any thread (LineWorker), then added to a run by the coordinator in the order of reading.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/ndjson.h"
#include "fhir/resource.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/internal/write_gate.h"
#include "kv/store.h"

namespace tarn::fhir_store {

struct ImportFile {
  uint64_t number = 0;  // Of the job's files in key order, from 0.
  std::string key;
  std::string name;  // Of its output objects: the key without the job's input prefix.
  uint64_t bytes = 0;
  std::string etag;
};

enum class LineOutcome : uint8_t {
  kNew,
  kChanged,
  kUnchanged,
  kPostponed,  // An older version has this content (internal/import_postponed.h).
  kFailed
};

// What a line does whose content differs from the resource's newest version and is that of an older
// one.
enum class OldContent : uint8_t { kPostponed, kWritten };

// What became of one line that is not blank. Offsets are into the strings of its block.
struct ImportLine {
  uint64_t key_hash = 0;
  uint64_t number = 0;  // In its file, from 1.
  uint32_t text_offset = 0;
  uint32_t text_bytes = 0;
  uint32_t key_offset = 0;  // In `keys`: the key of family current, then the id as text.
  uint32_t body_offset = 0;
  uint32_t body_bytes = 0;  // 0 when there is nothing to store.
  uint32_t failure = 0;     // Index, when kFailed.
  uint32_t version = 0;     // That the resource has after this line; the older one if kPostponed.
  Ordinal ordinal = 0;      // Not yet known when kNew.
  int64_t last_updated_unix_ms = 0;
  fhir::TypeId type = fhir::kNoType;
  uint8_t key_bytes = 0;
  uint8_t id_bytes = 0;
  LineOutcome outcome = LineOutcome::kFailed;
  bool was_live = false;  // Before this line.
  // What differs in the search index: postings from here on, up to those of the next line that was
  // worked on.
  uint32_t postings_begin = 0;
  uint32_t postings_end = 0;
};

// Goes with the posting key of the same place.
struct PostingChange {
  uint64_t key_hash = 0;
  bool added = true;
};

struct ImportBlock {
  // From the source. A file ends with a block that has `file_end` and no lines.
  fhir::NdjsonBlock ndjson;
  std::shared_ptr<const ImportFile> file;  // Null when there is none (a load).
  bool gzip = false;
  bool file_end = false;
  fhir::NdjsonPosition after;  // In the file's (inflated) bytes.
  std::string file_error;      // Not empty: why the file ends before its end.

  // From the worker.
  WriteGate::Mark mark = 0;
  // That its postings are of; kept until they are committed.
  std::shared_ptr<const SearchGeneration> generation;
  std::vector<ImportLine> lines;
  std::vector<Error> failures;
  std::string keys;
  std::string bodies;
  PostingKeys postings;
  std::vector<PostingChange> posting_changes;

  std::string_view Text(const ImportLine& line) const {
    return ndjson.text().substr(line.text_offset, line.text_bytes);
  }
  std::string_view Key(const ImportLine& line) const {
    return std::string_view(keys).substr(line.key_offset, line.key_bytes);
  }
  std::string_view Id(const ImportLine& line) const {
    return std::string_view(keys).substr(line.key_offset + line.key_bytes, line.id_bytes);
  }
  std::string_view Body(const ImportLine& line) const {
    return std::string_view(bodies).substr(line.body_offset, line.body_bytes);
  }
};

// Threads: one LineWorker belongs to one thread.
class LineWorker {
 public:
  // `state` must outlive the worker.
  LineWorker(StoreState& state, OldContent old_content)
      : state_(state),
        old_content_(old_content),
        posting_writer_(*state.generations.Get()->writing, state.index->hash(), state.own_path,
                        index_values_) {}
  void SetOldContent(OldContent old_content) { old_content_ = old_content; }

  // Parses every line, looks its id up, stamps and compresses. Errors of storage (not of lines)
  // fail the whole block: kCorrupt, kUnavailable.
  Status Work(ImportBlock* block);

  // Decides one line again, against what `snapshot` holds now. Its body is appended to `bodies`.
  Status WorkAgain(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot);
  // Decides one line again, as following versions of its resource that are not committed yet.
  // With OldContent::kWritten only the newest body counts.
  struct Before {
    std::vector<std::string> bodies;  // Stored form, newest first; at least one.
    uint32_t version = 0;             // Of the first.
    Ordinal ordinal = 0;
    int64_t last_updated_unix_ms = 0;
    bool stored = false;  // There are older versions in the store.
  };
  Status WorkAfter(ImportBlock* block, ImportLine* line, const Before& before);

 private:
  // A stamped text that waits for its compression.
  struct Stamped {
    uint32_t line;
    size_t offset;
    size_t bytes;
  };

  void ReadLines(ImportBlock* block);
  Status ReadLine(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot);
  Status Decide(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot);
  // Whether the reader's text has the content of the stored `body`.
  Result<bool> SameContent(std::string_view body);
  // The newest version at or below `version` in the store that has the content of the reader's
  // text, or 0. Looks at `versions_max` versions, and not beyond a deletion.
  Result<uint32_t> FindContent(const ImportLine& line, uint32_t version, size_t versions_max,
                               const kv::Snapshot& snapshot);
  void Stamp(const ImportBlock& block, const ImportLine& line);
  void Compress(ImportBlock* block, ImportLine* line, std::string_view stamped);
  Status StampAndCompress(ImportBlock* block, ImportLine* line);
  // What the line changes in the search index; fails the line when it cannot be indexed. The reader
  // holds its text. `before`: the newest body, if the resource is live.
  struct Replaced {
    std::string_view body;  // Empty: there is none.
    int64_t last_updated_unix_ms = 0;
  };
  Status AddPostings(ImportBlock* block, ImportLine* line, const Replaced& before);
  void AddPostingChange(ImportBlock* block, std::string_view key, bool added);
  void Trim();

  StoreState& state_;
  OldContent old_content_;
  fhir::IndexValues index_values_;
  PostingWriter posting_writer_;
  PostingKeys new_postings_;
  PostingKeys old_postings_;
  ResourceReader reader_;
  ResourceReader old_reader_;
  int64_t now_unix_ms_ = 0;
  std::string stamped_;
  std::vector<Stamped> waiting_;
  std::string value_;
  std::string old_text_;
  std::string old_unstamped_;
  std::string new_unstamped_;
};

}  // namespace tarn::fhir_store
