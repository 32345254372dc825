#include "runner_host/run_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "runner_host/limits.h"

namespace tarn::runner_host {
namespace {

std::string JournalPath(const std::string& folder) { return folder + "/journal"; }
std::string RecordPath(const std::string& folder) { return folder + "/run.json"; }
std::string LockPath(const std::string& folder) { return folder + "/lock"; }

Status At(const std::string& path, Status status) {
  if (status.ok()) return status;
  return Error{status.error().kind, path + ": " + status.error().detail};
}

Status WriteNew(const std::string& path, std::string_view bytes) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, errno);
  return At(path, WriteAll(fd.get(), bytes));
}

Status SyncFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, errno);
  if (fsync(fd.get()) != 0) return ErrnoError(path, errno);
  return Ok();
}

Status SyncNames(const std::string& folder) {
  TRY(SyncFile(RecordPath(folder)));
  TRY(SyncFolder(folder));
  return SyncFolder(folder + "/..");
}

[[noreturn]] void KillSelf() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// The status that the last line of a journal tells, when it is an end.
std::string LastStatus(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return "damaged";
  const auto size = static_cast<uint64_t>(info.st_size);
  std::string tail(std::min(size, kJournalTailBytes), '\0');
  const ssize_t got =
      pread(fd.get(), tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
  if (got < 0) return "damaged";
  tail.resize(static_cast<size_t>(got));
  if (!tail.ends_with('\n')) return "";
  const size_t before = tail.rfind('\n', tail.size() - 2);
  const size_t begin = before == tail.npos ? 0 : before + 1;
  const auto content = arazzo::ReadJournal(std::string_view(tail).substr(begin));
  return content.ok() ? content.value().status.value_or("") : "";
}

}  // namespace

arazzo::RunOptions RunChoices::ToOptions() const {
  arazzo::RunOptions out;
  out.reading = strict ? arazzo::Reading::kStrict : arazzo::Reading::kLenient;
  out.fallthrough = fallthrough_next ? arazzo::Fallthrough::kNext : arazzo::Fallthrough::kStop;
  out.server = server;
  out.server_variables = server_variables;
  out.poll_s = poll_s;
  out.timeout_ms = static_cast<int64_t>(timeout_s * 1000);
  out.wait_on = wait_on;
  return out;
}

Result<std::string> RunsFolder(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return flag;
  if (auto folder = environment("TARN_RUNS_DIR")) return *folder;
  if (auto state = environment("XDG_STATE_HOME")) return *state + "/tarn/runs";
  if (auto home = environment("HOME")) return *home + "/.local/state/tarn/runs";
  return Invalid("there is no home folder to keep runs in: give --runs-dir");
}

std::string NewRunId(int64_t unix_ms, RandomSource& random) {
  std::string id = FormatAwsBasicTime(unix_ms);  // 20260102T030405Z
  id[8] = '-';
  id.back() = '-';
  std::string milliseconds;
  AppendBe16(&milliseconds, static_cast<uint16_t>(unix_ms % 1000));
  return id + HexEncode(milliseconds).substr(1) + NewHexId(random).substr(0, 3);
}

JournalFile::JournalFile(std::string folder, UniqueFd fd, uint64_t bytes)
    : folder_(std::move(folder)),
      fd_(std::move(fd)),
      bytes_(bytes),
      names_synced_(std::async(std::launch::async, SyncNames, folder_)) {}

Result<JournalFile> JournalFile::Open(const std::string& folder, uint64_t valid_bytes) {
  const std::string path = JournalPath(folder);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, errno);
  if (ftruncate(fd.get(), static_cast<off_t>(valid_bytes)) != 0) return ErrnoError(path, errno);
  return JournalFile(folder, std::move(fd), valid_bytes);
}

void JournalFile::KillAt(std::string_view fault) {
  const auto [end, error] =
      std::from_chars(fault.data(), fault.data() + fault.size(), writes_left_);
  torn_ = error == std::errc() && std::string_view(end, fault.data() + fault.size()) == "torn";
}

Status JournalFile::Append(const arazzo::RunEvent& event, arazzo::Durability durability) {
  if (failed_.has_value()) return *failed_;
  Status done = AppendLine(event, durability);
  if (!done.ok()) failed_ = done.error();
  return done;
}

Status JournalFile::AppendLine(const arazzo::RunEvent& event, arazzo::Durability durability) {
  std::string_view line;
  const std::string whole = arazzo::EncodeJournalLine(event);
  line = whole;
  const uint64_t most =
      event.type == "send" ? arazzo::kJournalRequestBytesMax : arazzo::kJournalBytesMax;
  if (bytes_ > most || line.size() > most - bytes_) {
    return Error{ErrorKind::kTooLarge, JournalPath(folder_) + ": the journal of a run may have " +
                                           std::to_string(most) + " bytes" +
                                           (event.type == "send" ? " before a request" : "")};
  }
  bytes_ += line.size();
  const bool last = writes_left_ == 1;
  if (last && torn_) line = line.substr(0, line.size() / 2);
  TRY(At(JournalPath(folder_), WriteAll(fd_.get(), line)));
  if (last) KillSelf();
  if (writes_left_ > 0) --writes_left_;
  return durability == arazzo::Durability::kSynced ? SyncAll() : Ok();
}

// The first event that must last makes everything last that it needs.
Status JournalFile::SyncAll() {
  if (fdatasync(fd_.get()) != 0) return ErrnoError(JournalPath(folder_), errno);
  return names_synced_.valid() ? names_synced_.get() : Ok();
}

Result<OpenRun> CreateRun(const std::string& runs, RunRecord record) {
  TRY(MakeFolders(runs));
  const std::string folder = runs + "/" + record.id;
  if (mkdir(folder.c_str(), 0700) != 0) return ErrnoError(folder, errno);
  TRY(FileLock lock, FileLock::Acquire(LockPath(folder)));
  const Status written = WriteNew(RecordPath(folder), EncodeRecord(record));
  if (!written.ok()) {
    std::error_code ignored;  // What is left over is empty.
    std::filesystem::remove_all(folder, ignored);
    return written.error();
  }
  return OpenRun{folder, std::move(record), {}, std::move(lock)};
}

Result<arazzo::JournalContent> ReadJournalOf(const std::string& folder) {
  const auto bytes = ReadFile(JournalPath(folder), arazzo::kJournalBytesMax);
  if (!bytes.ok() && bytes.error().kind == ErrorKind::kNotFound) return arazzo::JournalContent{};
  if (!bytes.ok()) return bytes.error();
  return arazzo::ReadJournal(bytes.value());
}

Result<RunRecord> ReadRecordOf(const std::string& folder) {
  TRY(const std::string text, ReadFile(RecordPath(folder), kRecordBytesMax));
  return DecodeRecord(text);
}

Result<OpenRun> ReopenRun(const std::string& folder) {
  auto lock = FileLock::Acquire(LockPath(folder));
  if (!lock.ok() && lock.error().kind == ErrorKind::kConflict) {
    return Error{ErrorKind::kConflict, "another process carries this run on"};
  }
  if (!lock.ok()) return lock.error();
  TRY(RunRecord record, ReadRecordOf(folder));
  TRY(arazzo::JournalContent journal, ReadJournalOf(folder));
  return OpenRun{folder, std::move(record), std::move(journal), std::move(lock).value()};
}

Result<std::vector<std::string>> ListRunIds(const std::string& runs) {
  std::vector<std::string> out;
  std::error_code error;
  if (!std::filesystem::exists(runs, error)) return out;
  std::filesystem::directory_iterator at(runs, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (!std::filesystem::exists(at->path() / "run.json", error)) continue;
    if (out.size() == kRunsListedMax) {
      return Error{ErrorKind::kTooLarge,
                   runs + ": more than " + std::to_string(kRunsListedMax) + " runs"};
    }
    out.push_back(at->path().filename().string());
  }
  if (error) return Error{ErrorKind::kUnavailable, runs + ": " + error.message()};
  std::ranges::sort(out, std::greater<>());
  return out;
}

Result<std::string> FindRun(const std::string& runs, const std::string& name) {
  TRY(const std::vector<std::string> ids, ListRunIds(runs));
  if (name == "last" && !ids.empty()) return runs + "/" + ids.front();
  std::vector<std::string> found;
  for (const std::string& id : ids) {
    if (id == name) return runs + "/" + id;
    if (!name.empty() && id.starts_with(name)) found.push_back(id);
  }
  if (found.size() == 1) return runs + "/" + found.front();
  if (found.empty()) return NotFound("there is no run " + name + " in " + runs);
  return Invalid("several runs begin with " + name + ": " + found[0] + ", " + found[1]);
}

RunSummary Summarize(const std::string& runs, const std::string& id) {
  RunSummary out;
  out.id = id;
  const std::string folder = runs + "/" + id;
  const auto record = ReadRecordOf(folder);
  if (!record.ok()) {
    out.status = "damaged";
    return out;
  }
  out.file = record.value().file;
  out.workflow = record.value().workflow;
  out.started_unix_ms = record.value().started_unix_ms;
  // Free again as soon as this returns; a run that is resumed at that very moment says so.
  const auto lock = FileLock::Acquire(LockPath(folder));
  const bool running = !lock.ok() && lock.error().kind == ErrorKind::kConflict;
  out.status = running ? "running" : LastStatus(JournalPath(folder));
  if (out.status.empty()) out.status = "interrupted";
  return out;
}

}  // namespace tarn::runner_host
