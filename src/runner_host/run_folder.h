// A run on disk, below the folder of all runs:
//
//   <runs>/<run>/run.json   what was asked for: workflow, choices, and the documents as they were
//                           read
//   <runs>/<run>/journal    what happened (arazzo/journal.h), inputs first, appended
//   <runs>/<run>/files/     binary bodies of responses
//   <runs>/<run>/lock       held by the process that carries the run on
//
// Folders are for their owner only: answers may hold anything.
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/journal.h"
#include "arazzo/runner.h"
#include "base/file.h"
#include "base/random.h"
#include "base/result.h"
#include "json/value.h"
#include "runner_host/environment.h"
#include "runner_host/sources.h"

namespace tarn::runner_host {

// What the command line chose for a run; a resumed run keeps it.
struct RunChoices {
  bool strict = false;
  bool fallthrough_next = false;
  std::string server;
  std::map<std::string, std::string> server_variables;
  std::optional<double> poll_s;
  double timeout_s = 3600;
  std::vector<std::string> wait_on;
  bool aws_profile = false;

  arazzo::RunOptions ToOptions() const;
};

struct RunRecord {
  std::string id;
  int64_t started_unix_ms = 0;
  std::string file;  // As given on the command line.
  std::string workflow;
  RunChoices choices;
  KeptDocument root;
  std::vector<KeptDocument> sources;
};
std::string EncodeRecord(const RunRecord& record);
Result<RunRecord> DecodeRecord(std::string_view text);  // Errors: kCorrupt.

// --runs-dir, else TARN_RUNS_DIR, else $XDG_STATE_HOME/tarn/runs, else ~/.local/state/tarn/runs.
// Errors: kInvalid when there is no home either.
Result<std::string> RunsFolder(const std::string& flag, const Environment& environment);

// "20260102-030405-1f2e3d": sorts by time, to the millisecond (the first three of the digits).
std::string NewRunId(int64_t unix_ms, RandomSource& random);

// Appends events. Threads: one thread at a time (RunEvents sees to it).
class JournalFile {
 public:
  // Cuts the file at `valid_bytes`, and begins to sync the run's record and the names of its files
  // in the background: the first event that must not be lost waits for them.
  // Errors: kNotFound, kUnavailable.
  static Result<JournalFile> Open(const std::string& folder, uint64_t valid_bytes);
  // After an error everything further has that error, whatever the disk says by then.
  // Errors: kUnavailable (a full disk), kTooLarge (kJournalBytesMax: what is written can be read).
  Status Append(const arazzo::RunEvent& event, arazzo::Durability durability);

  // Fault injection, for tests: the process kills itself with SIGKILL after the n-th write from
  // now (TARN_FAULT_JOURNAL_WRITE=n), or after half of it (n + "torn").
  void KillAt(std::string_view fault);

 private:
  JournalFile(std::string folder, UniqueFd fd, uint64_t bytes);
  Status AppendLine(const arazzo::RunEvent& event, arazzo::Durability durability);
  Status SyncAll();

  std::string folder_;
  UniqueFd fd_;
  uint64_t bytes_;                    // Written.
  std::future<Status> names_synced_;  // Taken by the first sync.
  // Why a line is torn or not on disk: nothing may follow it, or a resumption would not see that.
  std::optional<Error> failed_;
  uint64_t writes_left_ = 0;  // 0: no fault.
  bool torn_ = false;
};

// A run that this process carries on.
struct OpenRun {
  std::string folder;
  RunRecord record;
  arazzo::JournalContent journal;
  FileLock lock;
};

// Errors: kConflict (a run of that name), kUnavailable.
Result<OpenRun> CreateRun(const std::string& runs, RunRecord record);
// Errors: kConflict (another process carries it on), kNotFound, kCorrupt, kTooLarge.
Result<OpenRun> ReopenRun(const std::string& folder);

// The folder of the run that `name` means: its id, the beginning of one, or "last".
// Errors: kNotFound, kInvalid (several begin so).
Result<std::string> FindRun(const std::string& runs, const std::string& name);

// Ids, newest first. A missing folder has none. Errors: kTooLarge, kUnavailable.
Result<std::vector<std::string>> ListRunIds(const std::string& runs);

struct RunSummary {
  std::string id, file, workflow;
  int64_t started_unix_ms = 0;
  std::string status;  // An end's status, else "running" or "interrupted"; "damaged".
};
RunSummary Summarize(const std::string& runs, const std::string& id);

// Reads what a journal says, without its run. Errors: kNotFound, kCorrupt, kTooLarge.
Result<arazzo::JournalContent> ReadJournalOf(const std::string& folder);
Result<RunRecord> ReadRecordOf(const std::string& folder);

}  // namespace tarn::runner_host
