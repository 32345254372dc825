#include "image_store/internal/import_stage.h"

#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "image_store/instance_reader.h"
#include "image_store/internal/families.h"
#include "image_store/internal/import_input.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/staging_sink.h"
#include "image_store/internal/tree_facts.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

std::chrono::milliseconds RetryPause(const ImageStoreState& state, int attempt) {
  return std::chrono::milliseconds(uint64_t{state.options.retry_pause_ms} << attempt);
}

// One file on its way.
struct Task {
  InputObject object;
  bool taken = false;
  bool done = false;
  StagedFile staged;
  std::unique_ptr<StagingSink> sink;  // Null for a failure.
};

void MakeFailure(const Error& error, Task* task) {
  const FailureText text = FailureOf(error);
  task->staged = {};
  task->staged.key = task->object.key;
  task->staged.exception_type = text.exception_type;
  task->staged.server_error = text.server_error;
  task->staged.message = error.detail;
  task->sink.reset();
}

Status ReadInto(ImageStoreState& state, const std::string& bucket, Task* task) {
  TRY(const Input input, OpenInput(state, bucket, task->object));
  task->sink = std::make_unique<StagingSink>(state);
  TRY(InstanceContent content, state.reader.Read(input.bytes(), *task->sink));
  TRY(task->sink->Finish(&content));
  task->staged.key = task->object.key;
  task->staged.group = GroupOf(content.metadata);
  task->staged.metadata = std::move(content.metadata);
  task->staged.warnings = std::move(content.warnings);
  task->staged.unit = task->sink->unit();
  return Ok();
}

// Threads that read files, and the window of files that they may read.
class Window {
 public:
  Window(ImageStoreState& state, const ImportRequest& request, std::vector<InputObject> input)
      : state_(state), bucket_(request.input.bucket), input_(std::move(input)) {
    Fill();
    for (size_t i = 0; i < std::max<size_t>(1, state.options.import_threads); ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }
  ~Window() {
    {
      MutexLock lock(mutex_);
      ended_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // The next file in order when it is read; null at the end.
  std::unique_ptr<Task> Next() {
    MutexLock lock(mutex_);
    if (tasks_.empty()) return nullptr;
    while (!tasks_.front()->done) changed_.Wait(mutex_);
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    bytes_ -= task->object.bytes;
    Fill();
    changed_.NotifyAll();
    return task;
  }

 private:
  // The constructor calls it before there are threads.
  void Fill() {
    while (next_ < input_.size() && tasks_.size() < kImportInFlightMax &&
           (tasks_.empty() || bytes_ + input_[next_].bytes <= kImportInFlightBytes)) {
      auto task = std::make_unique<Task>();
      task->object = std::move(input_[next_++]);
      bytes_ += task->object.bytes;
      tasks_.push_back(std::move(task));
    }
  }

  Task* Take() {
    MutexLock lock(mutex_);
    for (;;) {
      if (ended_) return nullptr;
      for (const auto& task : tasks_) {
        if (!task->taken) {
          task->taken = true;
          return task.get();
        }
      }
      changed_.Wait(mutex_);
    }
  }

  void Run() {
    while (Task* task = Take()) {
      // A codec process that cannot be had, or an object that cannot be read, may be there soon.
      Status read = Ok();
      for (int attempt = 1; attempt <= kImportAttempts; ++attempt) {
        read = ReadInto(state_, bucket_, task);
        if (read.ok() || (read.error().kind != ErrorKind::kUnavailable &&
                          read.error().kind != ErrorKind::kBusy)) {
          break;
        }
        std::this_thread::sleep_for(RetryPause(state_, attempt));
      }
      if (!read.ok()) MakeFailure(read.error(), task);
      MutexLock lock(mutex_);
      task->done = true;
      changed_.NotifyAll();
    }
  }

  ImageStoreState& state_;
  const std::string bucket_;
  std::vector<InputObject> input_;
  size_t next_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::unique_ptr<Task>> tasks_;
  uint64_t bytes_ = 0;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

// Collects what one commit holds.
class Stager {
 public:
  Stager(ImageStoreState& state, const jobs::Job& job, ImportCheckpoint* checkpoint)
      : state_(state), job_(job), checkpoint_(*checkpoint), committed_(*checkpoint) {}

  Status Add(Task& task) {
    if (task.sink != nullptr && !task.sink->unit().empty()) TRY(AddFrames(*task.sink));
    batch_.Put(kStaging, StagingKey(job_.id, static_cast<uint32_t>(checkpoint_.counts.files_done)),
               EncodeStaged(task.staged));
    ImportProgress& counts = checkpoint_.counts;
    ++counts.files_done;
    counts.bytes_read += task.object.bytes;
    if (task.sink != nullptr) {
      ++counts.files_imported;
    } else if (task.staged.server_error) {
      ++counts.files_with_server_error;
    } else {
      ++counts.files_with_customer_error;
    }
    checkpoint_.last_key = task.object.key;
    ++files_;
    const bool full = pack_ != nullptr && pack_->bytes() >= state_.options.import_pack_bytes_max;
    if (full || own_packs_ || files_ >= kPackInstancesMax ||
        batch_.bytes() >= state_.options.import_pack_bytes_max) {
      return Commit();
    }
    return Ok();
  }

  Status Commit() {
    if (pack_ != nullptr) TRY(FinishPack(*pack_));
    pack_.reset();
    state_.queue.AddCheckpoint(job_, EncodeCheckpoint(checkpoint_),
                               EncodeProgress(checkpoint_.counts), &batch_);
    TRY(WithRetries(state_, [this]() -> Status {
      TRY(state_.kv.Commit(batch_));
      return Ok();
    }));
    state_.imported_total.Add(checkpoint_.counts.files_imported - committed_.counts.files_imported);
    state_.failed_total.Add(checkpoint_.counts.files_done - committed_.counts.files_done -
                            (checkpoint_.counts.files_imported - committed_.counts.files_imported));
    committed_ = checkpoint_;
    batch_ = {};
    files_ = 0;
    own_packs_ = false;
    return Ok();
  }

 private:
  Status FinishPack(PackWriter& pack) {
    TRY(pack.Finish());
    PackRecord record;
    record.revision = 1;
    record.file_bytes = pack.bytes();
    record.live_bytes = pack.bytes() - kPackMagic.size();
    batch_.Put(kPack, pack.pack(), EncodePack(record));
    return Ok();
  }

  Status AddFrames(StagingSink& sink) {
    UnitRecord unit = sink.unit_record();
    if (sink.own_pack() != nullptr) {
      unit.pack = sink.own_pack()->pack();
      unit.offset = kPackMagic.size();
      TRY(FinishPack(*sink.own_pack()));
      own_packs_ = true;
    } else {
      if (pack_ == nullptr) {
        TRY(pack_, state_.packs.NewPack(NewPackId(state_.random)));
      }
      unit.pack = pack_->pack();
      unit.offset = pack_->bytes();
      TRY(pack_->Append(sink.bytes()));
    }
    batch_.Put(kUnit, sink.unit(), EncodeUnit(unit));
    uint32_t index = 0;
    for (FrameRecord& frame : sink.frames()) {
      frame.pack = unit.pack;
      frame.offset += unit.offset;
      batch_.Put(kFrame, FrameKey(sink.unit(), index++), EncodeFrame(frame));
    }
    return Ok();
  }

  ImageStoreState& state_;
  const jobs::Job& job_;
  ImportCheckpoint& checkpoint_;
  ImportCheckpoint committed_;
  std::unique_ptr<PackWriter> pack_;
  kv::Batch batch_;
  uint32_t files_ = 0;
  bool own_packs_ = false;  // A finished pack waits for its record: commit soon.
};

}  // namespace

FailureText FailureOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kTooLarge:
    case ErrorKind::kUnsupported:
      return {"ValidationException", false};
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
    case ErrorKind::kPreconditionFailed:
      return {"ResourceNotFoundException", false};
    case ErrorKind::kForbidden:
    case ErrorKind::kUnauthenticated:
      return {"AccessDeniedException", false};
    case ErrorKind::kConflict:
      return {"ConflictException", false};
    case ErrorKind::kBusy:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return {"InternalServerException", true};
  }
  CHECK(false);
}

Status WithRetries(ImageStoreState& state, const std::function<Status()>& step) {
  for (int attempt = 1;; ++attempt) {
    const Status done = step();
    if (done.ok() || done.error().kind != ErrorKind::kUnavailable || attempt == kImportAttempts) {
      return done;
    }
    LogWarning("import commit is tried again", {{"reason", done.error().detail}});
    std::this_thread::sleep_for(RetryPause(state, attempt));
    const Status resumed = state.kv.Resume();
    if (!resumed.ok()) LogWarning("storage not resumed", {{"reason", resumed.error().detail}});
  }
}

Result<bool> StageFiles(ImageStoreState& state, const jobs::Job& job, const ImportRequest& request,
                        const std::function<bool()>& stop, ImportCheckpoint* checkpoint) {
  TRY(std::vector<InputObject> input, ListInput(state, request, checkpoint->last_key));
  checkpoint->counts.files_scanned = checkpoint->counts.files_done + input.size();
  if (checkpoint->counts.files_scanned == 0) {
    return NotFound("there are no files at " + ToText(request.input));
  }
  Window window(state, request, std::move(input));
  Stager stager(state, job, checkpoint);
  while (std::unique_ptr<Task> task = window.Next()) {
    if (stop()) {
      TRY(stager.Commit());
      return false;
    }
    TRY(stager.Add(*task));
  }
  checkpoint->all_staged = true;
  TRY(stager.Commit());
  return true;
}

}  // namespace tarn::image_store
