// Lines that say what an older version of their resource said, and so wait for the end of the job.
//
// An input may hold two lines A, B of one id. Importing it makes two versions, and importing it
// again must make none; yet A differs from the newest version, which is B. Whether A is to be taken
// back depends on whether another line of the id follows, perhaps many runs later. So such a line
// is kept aside: a later line of its id drops it, and what is left at the end of the input is
// written then. What the job leaves is what it would leave by writing every line; only versions
// that nobody needs are not made. Neither runs nor crashes show: what is kept commits with the run
// that its line belongs to.
//
//   spool key   | job 16 | file 4 = 2^32 - 1 | kind 1 = 3 | key of family current |
//   value       the line, in the form of a body (internal/body_codec.h)
//
// Rejected: comparing with older versions and leaving the line out, since the input may have lost
// its line B; reading every input twice; keeping all lines that change something until the end.
//
// Threads: belongs to the coordinator.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/result.h"
#include "fhir_store/internal/import_block.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class PostponedLines {
 public:
  // `state` must outlive the object.
  PostponedLines(StoreState& state, std::string_view job_id);

  // Finds what the job has kept, as of its last commit. Errors: kUnavailable, kCorrupt.
  Status Load();
  bool IsEmpty() const { return kept_.empty(); }
  // Whether a line about this key may be postponed.
  bool HasRoom(std::string_view key) const;
  // The next line, in the order of the input, with its outcome: it is kept if it is postponed, and
  // takes the place of what was kept of its resource.
  void Settle(const ImportBlock& block, const ImportLine& line);

  // Adds what changed since the last commit; may be called again. Then Committed.
  void FillPublish(kv::Batch* batch) const;
  void Committed();
  bool IsLarge() const;  // Enough waits that a commit is due.

  // What is kept, as blocks of whole lines (GeneratedSource); false at the end or after an error,
  // which goes to `*status`. Reads one state from the first call on; `status` must outlive it.
  std::function<bool(std::string*)> Reader(Status* status) const;

 private:
  std::string SpoolKey(std::string_view key) const { return prefix_ + std::string(key); }

  StoreState& state_;
  std::string prefix_;
  std::unordered_set<std::string> kept_;  // Keys of family current.
  // What the next commit writes, or removes when empty.
  std::map<std::string, std::optional<std::string>, std::less<>> changes_;
  size_t change_bytes_ = 0;
};

}  // namespace tarn::fhir_store
