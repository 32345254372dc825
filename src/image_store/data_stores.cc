// As fhir_store/data_stores.cc, whose head explains the pattern: a data store's life is a document
// whose status says what remains to be done, open stores are shared handles, and requests that must
// not interleave take turns by name.
#include "image_store/data_stores.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/open_handles.h"
#include "base/turns.h"
#include "image_store/internal/families.h"
#include "image_store/internal/image_events.h"
#include "image_store/internal/store_catalogue.h"
#include "jobs/work_list.h"

namespace tarn::image_store {
namespace {

// By the numbers of pixels::LosslessFormat.
constexpr std::array<std::string_view, 2> kFormatNames = {"HTJ2K", "JPEG_2000_LOSSLESS"};
constexpr int kTriesMax = 64;         // Lost races against other writers of one document.
constexpr size_t kNamePartBytes = 8;  // Of an id, in names that we make.
constexpr std::string_view kArnMiddle = ":datastore/";
constexpr std::string_view kImageSetPart = "/imageset/";

std::string KvName(std::string_view id) { return std::string("image-").append(id); }

Error NoSuchStore() { return NotFound("there is no such data store"); }
Error NoSuchImageSet() { return NotFound("there is no such image set"); }

Error NotActive(DataStoreStatus status) {
  return {ErrorKind::kConflict,
          "the data store is " + std::string(jobs::DataStoreStatusName(status)) + ", not ACTIVE"};
}

// A data store that is open, with all it owns. The image sets end before what they use does.
struct Handle : OpenDataStore {
  std::unique_ptr<kv::Store> kv;
  std::unique_ptr<InstanceReader> reader;
  std::unique_ptr<ImageSets> owned;
  std::atomic<bool> ready{false};  // ACTIVE.
};

bool IsGone(const Error& error) {
  return error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kConflict;
}

}  // namespace

std::string_view LosslessFormatName(pixels::LosslessFormat format) {
  return kFormatNames[static_cast<size_t>(format)];
}

std::optional<pixels::LosslessFormat> ParseLosslessFormat(std::string_view name) {
  const auto* found = std::find(kFormatNames.begin(), kFormatNames.end(), name);
  if (found == kFormatNames.end()) return std::nullopt;
  return static_cast<pixels::LosslessFormat>(found - kFormatNames.begin());
}

std::string_view ImportStatusName(jobs::JobState state) {
  switch (state) {
    case jobs::JobState::kSubmitted:
    case jobs::JobState::kQueued:
      return "SUBMITTED";
    case jobs::JobState::kInProgress:
    case jobs::JobState::kCancelSubmitted:
    case jobs::JobState::kCancelInProgress:
      return "IN_PROGRESS";
    case jobs::JobState::kCompleted:
    case jobs::JobState::kCompletedWithErrors:
      return "COMPLETED";
    case jobs::JobState::kFailed:
    case jobs::JobState::kCancelCompleted:
    case jobs::JobState::kCancelFailed:
      return "FAILED";
  }
  CHECK(false);
}

std::vector<jobs::JobState> StatesOfImportStatus(std::string_view name) {
  std::vector<jobs::JobState> states;
  for (int i = 0; i <= static_cast<int>(jobs::JobState::kCancelFailed); ++i) {
    const auto state = static_cast<jobs::JobState>(i);
    if (ImportStatusName(state) == name) states.push_back(state);
  }
  return states;
}

struct DataStores::State {
  State(DataStoresOptions options_in, const Dependencies& needs_in);

  // Events, metrics.
  EventOrigin Origin(const Resource& resource) const;
  std::string Arn(const Resource& resource) const;
  void RecordImageSet(const std::string& store_id, const ImageSetChange& change,
                      kv::Batch* batch) const;
  void CountStatus(std::optional<DataStoreStatus> before, DataStoreStatus after);
  void CountJobs(Handle& handle);

  // Open stores.
  std::string FramesFolder(std::string_view id) const;
  Result<std::shared_ptr<Handle>> OpenHandle(const DataStore& store);
  Result<std::shared_ptr<Handle>> Use(std::string_view id);
  void TakeUpWork();
  // Takes the handle out and waits until nobody holds it; false when the process stops first.
  bool CloseHandle(const std::string& id);
  // Removes what a closed data store held.
  Status DropContent(const std::string& id);

  // Lives of data stores.
  // Tags may change meanwhile; a status other than `before` is kConflict.
  Status CommitStatus(const std::string& id, DataStoreStatus before, DataStoreStatus status,
                      const std::string& error = {});
  jobs::WorkList::Outcome RunLifecycle(const std::string& id);
  jobs::WorkList::Outcome CreateStore(const DataStore& store);
  jobs::WorkList::Outcome DeleteStore(const DataStore& store);
  Status CheckKey(const DataStore& store);
  Status CheckEmpty(std::string_view id);

  // Jobs.
  jobs::WorkList::Outcome RunJobs(const std::string& id);
  Result<jobs::Job> Submit(std::string_view id, const ImportRequest& request,
                           const std::string& job_id);

  // Changes a description, again when another writer was faster; `change` may refuse.
  using Change = std::function<Status(DataStore* store, kv::Batch* batch)>;
  Status ChangeStore(std::string_view id, const Change& change);
  using ChangeTags = std::function<Status(std::vector<Tag>* tags)>;
  Status ChangeImageSetTags(const Resource& resource, const ChangeTags& change);
  // Errors: kNotFound, also when the image set is deleted or being deleted.
  static Status CheckImageSet(const Handle& handle, std::string_view image_set_id);

  const DataStoresOptions options;
  const Dependencies needs;
  StoreCatalogue catalogue;
  jobs::ClientTokens tokens;
  Turns turns;
  OpenHandles<Handle> handles;
  std::array<Gauge*, jobs::kDataStoreStatusCount> status_gauges{};
  Gauge* waiting_gauge = nullptr;
  Gauge* running_gauge = nullptr;

  mutable Mutex mutex;
  std::map<std::string, jobs::Queue::ActiveJobs> counted GUARDED_BY(mutex);

  jobs::WorkList lifecycle;
  jobs::WorkList runner;
};

DataStores::State::State(DataStoresOptions options_in, const Dependencies& needs_in)
    : options(std::move(options_in)),
      needs(needs_in),
      catalogue(needs.catalogue),
      tokens(needs.catalogue, "image/token/"),
      lifecycle(
          {.threads = options.lifecycle_threads,
           .retry_first_ms = options.retry_first_ms,
           .retry_max_ms = options.retry_max_ms},
          [this](const std::string& id) { return RunLifecycle(id); }, needs.clock, needs.random),
      runner(
          {.threads = options.job_threads,
           .retry_first_ms = options.retry_first_ms,
           .retry_max_ms = options.retry_max_ms},
          [this](const std::string& id) { return RunJobs(id); }, needs.clock, needs.random) {
  for (int i = 0; i < jobs::kDataStoreStatusCount; ++i) {
    const std::string name(jobs::DataStoreStatusName(static_cast<DataStoreStatus>(i)));
    status_gauges[i] = &needs.metrics.GetGauge("tarn_image_data_stores",
                                               "Image data stores by status.", {{"status", name}});
  }
  const std::string kind(kImportKind);
  const std::string help = "Jobs of open data stores that are not final.";
  waiting_gauge =
      &needs.metrics.GetGauge("tarn_jobs", help, {{"kind", kind}, {"state", "waiting"}});
  running_gauge =
      &needs.metrics.GetGauge("tarn_jobs", help, {{"kind", kind}, {"state", "running"}});
}

EventOrigin DataStores::State::Origin(const Resource& resource) const {
  return {.id = NewUuid(needs.random),
          .account = options.account,
          .region = options.region,
          .resource_arn = Arn(resource),
          .unix_ms = needs.clock.UnixMs()};
}

std::string DataStores::State::Arn(const Resource& resource) const {
  std::string arn = "arn:aws:medical-imaging:" + options.region + ":" + options.account +
                    std::string(kArnMiddle) + resource.store_id;
  if (!resource.image_set_id.empty()) arn.append(kImageSetPart).append(resource.image_set_id);
  return arn;
}

void DataStores::State::RecordImageSet(const std::string& store_id, const ImageSetChange& change,
                                       kv::Batch* batch) const {
  const std::string source =
      change.source_image_set_id.empty() ? "" : Arn({store_id, change.source_image_set_id});
  const auto event = ImageSetEvent(Origin({store_id, change.properties.image_set_id}), store_id,
                                   change.properties, source);
  if (event) jobs::AddEvent(*event, kJob, batch);
}

void DataStores::State::CountStatus(std::optional<DataStoreStatus> before, DataStoreStatus after) {
  if (before) status_gauges[static_cast<size_t>(*before)]->Add(-1);
  status_gauges[static_cast<size_t>(after)]->Add(1);
}

void DataStores::State::CountJobs(Handle& handle) {
  const auto active = handle.images->queue().CountActive(kImportKind);
  if (!active.ok()) return;
  const MutexLock lock(mutex);
  if (handles.Find(handle.id) == nullptr) return;
  jobs::Queue::ActiveJobs& before = counted[handle.id];
  waiting_gauge->Add(static_cast<int64_t>(active.value().waiting) - before.waiting);
  running_gauge->Add(static_cast<int>(active.value().running) - before.running);
  before = active.value();
}

std::string DataStores::State::FramesFolder(std::string_view id) const {
  return options.frames_folder + "/" + std::string(id);
}

Result<std::shared_ptr<Handle>> DataStores::State::OpenHandle(const DataStore& store) {
  std::shared_ptr<Handle> handle = handles.New(store.id);
  handle->id = store.id;
  TRY(handle->kv, needs.engine.Open(KvName(store.id), ImageStoreSchema()));
  TRY(handle->reader, options.make_reader(store.lossless_format));
  ImageSetsOptions image_options = options.images;
  image_options.data_store_id = store.id;
  image_options.frames_folder = FramesFolder(store.id);
  image_options.imports_waiting_max = options.imports_max - 1;  // Beyond the running one.
  image_options.record_change = [this, id = store.id](const ImageSetChange& change,
                                                      kv::Batch* batch) {
    RecordImageSet(id, change, batch);
  };
  image_options.committed = [this] { needs.events.Wake(); };
  TRY(handle->owned,
      ImageSets::Open(std::move(image_options), {*handle->kv, needs.objects, needs.clock,
                                                 needs.random, needs.metrics, *handle->reader}));
  handle->images = handle->owned.get();
  jobs::Queue& queue = handle->images->queue();
  CHECK(queue.family() == kJob);  // Events of image sets and of jobs wait in one outbox.
  queue.SetRecorder([this, id = store.id](const jobs::Job& job, kv::Batch* batch) {
    if (const auto event = ImportEvent(Origin({id, ""}), id, job)) {
      jobs::AddEvent(*event, kJob, batch);
    }
  });
  needs.events.Watch(KvName(store.id), std::shared_ptr<kv::Store>(handle, handle->kv.get()), kJob);
  handles.Publish(store.id, handle);
  return handle;
}

Result<std::shared_ptr<Handle>> DataStores::State::Use(std::string_view id) {
  if (auto handle = handles.Find(id); handle != nullptr && handle->ready) return handle;
  TRY(const DataStore before, catalogue.Read(id));
  if (before.status == DataStoreStatus::kDeleted) return NoSuchStore();
  if (before.status != DataStoreStatus::kActive) return NotActive(before.status);
  // The store's turn: nobody opens, deletes or creates it meanwhile.
  const Turns::Turn turn(turns, "open/" + std::string(id));
  auto handle = handles.Find(id);
  TRY(const DataStore store, catalogue.Read(id));
  if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
  if (store.status != DataStoreStatus::kActive) return NotActive(store.status);
  if (handle == nullptr) {
    TRY(handle, OpenHandle(store));
    handle->ready = true;
    CountJobs(*handle);
  }
  return handle;
}

void DataStores::State::TakeUpWork() {
  const auto all = catalogue.List({.max = UINT32_MAX});
  if (!all.ok()) {
    LogError("image_catalogue_not_read", {{"error", all.error().detail}});
    return;
  }
  for (const DataStore& store : all.value().stores) {
    CountStatus(std::nullopt, store.status);
    switch (store.status) {
      case DataStoreStatus::kCreating:
      case DataStoreStatus::kDeleting:
        lifecycle.Add(store.id);
        break;
      case DataStoreStatus::kActive:
        // Looking for jobs opens the store, or tries again later.
        runner.Add(store.id);
        break;
      case DataStoreStatus::kDeleted:
      case DataStoreStatus::kCreateFailed:
        break;
    }
  }
}

bool DataStores::State::CloseHandle(const std::string& id) {
  if (!handles.Close(id)) return false;
  const MutexLock lock(mutex);
  waiting_gauge->Add(-static_cast<int64_t>(counted[id].waiting));
  running_gauge->Add(-static_cast<int64_t>(counted[id].running));
  counted.erase(id);
  return true;
}

Status DataStores::State::DropContent(const std::string& id) {
  TRY(needs.engine.Drop(KvName(id)));
  return RemoveFolder(FramesFolder(id));
}

Status DataStores::State::CommitStatus(const std::string& id, DataStoreStatus before,
                                       DataStoreStatus status, const std::string& error) {
  TRY(ChangeStore(id, [this, before, status, &error](DataStore* store, kv::Batch* batch) -> Status {
    if (store->status != before) return NotActive(store->status);
    store->status = status;
    store->error = error;
    store->updated_unix_ms = std::max(needs.clock.UnixMs(), store->created_unix_ms);
    jobs::AddEvent(StoreEvent(Origin({store->id, ""}), *store), jobs::kCatalogueEvents, batch);
    return Ok();
  }));
  CountStatus(before, status);
  needs.events.Wake();
  LogInfo("image_data_store_status",
          {{"store", id}, {"status", jobs::DataStoreStatusName(status)}});
  return Ok();
}

jobs::WorkList::Outcome DataStores::State::RunLifecycle(const std::string& id) {
  const Turns::Turn turn(turns, "open/" + id);
  const auto store = catalogue.Read(id);
  if (!store.ok()) {
    LogError("image_data_store_not_read", {{"store", id}, {"error", store.error().detail}});
    return jobs::WorkList::Outcome::kRetry;
  }
  switch (store.value().status) {
    case DataStoreStatus::kCreating:
      return CreateStore(store.value());
    case DataStoreStatus::kDeleting:
      return DeleteStore(store.value());
    case DataStoreStatus::kActive:
    case DataStoreStatus::kDeleted:
    case DataStoreStatus::kCreateFailed:
      return jobs::WorkList::Outcome::kDone;
  }
  CHECK(false);
}

Status DataStores::State::CheckKey(const DataStore& store) {
  if (store.kms_key_arn.empty()) return Ok();
  return needs.keyring.CheckUsable(store.kms_key_arn, options.make_unknown_keys
                                                          ? crypto::UnknownKeys::kMake
                                                          : crypto::UnknownKeys::kRefuse);
}

jobs::WorkList::Outcome DataStores::State::CreateStore(const DataStore& store) {
  Status made = CheckKey(store);
  std::shared_ptr<Handle> handle = handles.Find(store.id);  // From a try before this one.
  if (made.ok() && handle == nullptr) {
    auto opened = OpenHandle(store);
    if (opened.ok()) {
      handle = std::move(opened).value();
    } else {
      made = opened.error();
    }
  }
  Status committed = Ok();
  if (made.ok()) {
    // Ready first: a client that reads ACTIVE may use the store at once.
    handle->ready = true;
    committed = CommitStatus(store.id, store.status, DataStoreStatus::kActive);
    if (!committed.ok()) handle->ready = false;
  } else {
    LogError("image_data_store_not_created", {{"store", store.id}, {"error", made.error().detail}});
    handle.reset();
    needs.events.Forget(KvName(store.id));
    if (!CloseHandle(store.id)) return jobs::WorkList::Outcome::kDone;
    committed = DropContent(store.id);
    if (committed.ok()) {
      committed =
          CommitStatus(store.id, store.status, DataStoreStatus::kCreateFailed, made.error().detail);
    }
  }
  if (committed.ok()) return jobs::WorkList::Outcome::kDone;
  LogError("image_data_store_status_not_written",
           {{"store", store.id}, {"error", committed.error().detail}});
  return jobs::WorkList::Outcome::kRetry;
}

jobs::WorkList::Outcome DataStores::State::DeleteStore(const DataStore& store) {
  // After a restart the store is closed, but its outbox may hold events.
  if (handles.Find(store.id) == nullptr) {
    const auto opened = OpenHandle(store);
    if (!opened.ok()) {
      LogWarning("image_data_store_not_opened",
                 {{"store", store.id}, {"error", opened.error().detail}});
    }
  }
  if (const auto handle = handles.Find(store.id); handle != nullptr) handle->ready = false;
  Status done = needs.events.DrainAndForget(KvName(store.id));
  if (done.ok()) {
    if (!CloseHandle(store.id)) return jobs::WorkList::Outcome::kDone;
    done = DropContent(store.id);
  }
  if (done.ok()) done = CommitStatus(store.id, store.status, DataStoreStatus::kDeleted);
  if (done.ok()) return jobs::WorkList::Outcome::kDone;
  LogError("image_data_store_not_deleted", {{"store", store.id}, {"error", done.error().detail}});
  return jobs::WorkList::Outcome::kRetry;
}

jobs::WorkList::Outcome DataStores::State::RunJobs(const std::string& id) {
  const auto used = Use(id);
  if (!used.ok()) {
    // A store that is gone has no jobs; one whose storage fails is tried again.
    if (IsGone(used.error())) return jobs::WorkList::Outcome::kDone;
    LogError("image_data_store_not_opened", {{"store", id}, {"error", used.error().detail}});
    return jobs::WorkList::Outcome::kRetry;
  }
  Handle& handle = *used.value();
  // A store with many jobs gives way to others after each of them.
  std::atomic<bool> give_way{false};
  const auto stop = [this, &give_way] { return runner.Stopping() || give_way; };
  handle.images->RunImportJobs(stop, [&](const jobs::Job& job) {
    needs.events.Wake();
    CountJobs(handle);
    if (!jobs::IsFinal(job.state)) return;
    needs.metrics
        .GetCounter(
            "tarn_jobs_ended_total", "Jobs by how they ended.",
            {{"kind", std::string(kImportKind)}, {"state", std::string(JobStateName(job.state))}})
        .Add();
    if (runner.OthersWait()) give_way = true;
  });
  if (runner.Stopping()) return jobs::WorkList::Outcome::kDone;
  CountJobs(handle);
  const auto left = handle.images->queue().CountActive(kImportKind);
  if (left.ok() && left.value().waiting == 0 && !left.value().running) {
    return jobs::WorkList::Outcome::kDone;
  }
  return give_way ? jobs::WorkList::Outcome::kAgain : jobs::WorkList::Outcome::kRetry;
}

Result<jobs::Job> DataStores::State::Submit(std::string_view id, const ImportRequest& request,
                                            const std::string& job_id) {
  // Held against Delete, which looks for jobs and then changes the status.
  const Turns::Turn turn(turns, "jobs/" + std::string(id));
  TRY(const std::shared_ptr<Handle> handle, Use(id));
  ImportRequest named = request;
  if (named.job_name.empty()) named.job_name = "import-" + job_id.substr(0, kNamePartBytes);
  auto job = handle->images->SubmitImport(named, {}, job_id);
  if (!job.ok() && job.error().kind == ErrorKind::kBusy) {
    return Error{ErrorKind::kTooLarge, "a data store may have " +
                                           std::to_string(options.imports_max) +
                                           " import jobs that have not ended"};
  }
  if (!job.ok() && !jobs::MayBeWritten(job.error())) return job;
  if (job.ok()) CountJobs(*handle);
  needs.events.Wake();
  // Also after a write of unknown outcome: its job is found when writes work again.
  runner.Add(std::string(id));
  return job;
}

Status DataStores::State::ChangeStore(std::string_view id, const Change& change) {
  for (int tries = 0;; ++tries) {
    TRY(DataStore store, catalogue.Read(id));
    if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
    kv::Batch batch;
    TRY(change(&store, &batch));
    StoreCatalogue::AddChange(store, &batch);
    const auto committed = catalogue.Commit(batch);
    if (committed.ok()) return Ok();
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
  }
}

Status DataStores::State::CheckImageSet(const Handle& handle, std::string_view image_set_id) {
  TRY(const ImageSetProperties found, handle.images->Get(image_set_id));
  if (found.state == ImageSetState::kDeleted || found.status == WorkflowStatus::kDeleting) {
    return NoSuchImageSet();
  }
  return Ok();
}

Status DataStores::State::ChangeImageSetTags(const Resource& resource, const ChangeTags& change) {
  TRY(const std::shared_ptr<Handle> handle, Use(resource.store_id));
  for (int tries = 0;; ++tries) {
    TRY(CheckImageSet(*handle, resource.image_set_id));
    TRY(ImageSetTags tags, ReadImageSetTags(*handle->kv->GetSnapshot(), resource.image_set_id));
    TRY(change(&tags.tags));
    kv::Batch batch;
    AddImageSetTags(resource.image_set_id, tags, &batch);
    const auto committed = handle->kv->Commit(batch);
    if (committed.ok()) return Ok();
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
  }
}

DataStores::DataStores(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<DataStores>> DataStores::Open(DataStoresOptions options,
                                                     Dependencies needs) {
  CHECK(options.make_reader != nullptr && options.imports_max > 0);
  TRY(MakePrivateFolder(options.frames_folder));
  auto state = std::make_unique<State>(std::move(options), needs);
  TRY(state->catalogue.CountLiving());  // The catalogue can be read.
  return std::unique_ptr<DataStores>(new DataStores(std::move(state)));
}

DataStores::~DataStores() { Stop(); }

void DataStores::Start() {
  state_->TakeUpWork();
  state_->lifecycle.Start();
  state_->runner.Start();
}

void DataStores::Stop() {
  State& state = *state_;
  state.handles.StopWaiting();
  state.lifecycle.Stop();
  state.runner.Stop();
  auto open = state.handles.TakeAll();
  for (const auto& [id, handle] : open) {
    const Status drained = state.needs.events.DrainAndForget(KvName(id));
    if (!drained.ok()) state.needs.events.Forget(KvName(id));  // Logged after the next start.
  }
  open.clear();
  state.handles.WaitUntilClosed();
}

std::string DataStores::ArnOf(const Resource& resource) const { return state_->Arn(resource); }

Result<Resource> DataStores::ParseArn(std::string_view arn) const {
  const size_t middle = arn.find(kArnMiddle);
  if (middle == std::string_view::npos) return NotFound("there is no such resource");
  const std::string_view path = arn.substr(middle + kArnMiddle.size());
  const size_t part = path.find(kImageSetPart);
  Resource resource{.store_id = std::string(path.substr(0, part))};
  if (part != std::string_view::npos) {
    resource.image_set_id = path.substr(part + kImageSetPart.size());
  }
  if (arn != state_->Arn(resource)) {
    return NotFound("the resource belongs to another region or account");
  }
  return resource;
}

Result<DataStore> DataStores::Create(const CreateRequest& request, const ClientToken& token) {
  State& state = *state_;
  const int64_t unix_ms = state.needs.clock.UnixMs();
  DataStore store{.id = NewHexId(state.needs.random),
                  .name = request.name,
                  .status = DataStoreStatus::kCreating,
                  .created_unix_ms = unix_ms,
                  .updated_unix_ms = unix_ms,
                  .kms_key_arn = request.kms_key_arn,
                  .lambda_authorizer_arn = request.lambda_authorizer_arn,
                  .lossless_format = request.lossless_format,
                  .tags = request.tags,
                  .revision = 1};
  if (store.name.empty()) store.name = "datastore-" + store.id.substr(0, kNamePartBytes);
  jobs::SortTags(&store.tags);
  TRY(jobs::CheckTags(store.tags, kStoreTagsMax));
  // One creation at a time: the limit counts, and a token is looked up and recorded.
  const Turns::Turn turn(state.turns, "create");
  kv::Batch batch;
  if (!token.token.empty()) {
    TRY(const auto known, state.tokens.Read("create", token.token));
    if (known) {
      if (known->fingerprint != token.fingerprint) return jobs::TokenUsedOtherwise();
      TRY(DataStore first, state.catalogue.Read(known->store_id));
      first.status = DataStoreStatus::kCreating;  // The first answer.
      return first;
    }
    state.tokens.Add("create", token.token, {token.fingerprint, store.id, "", 1}, known, &batch);
  }
  TRY(const uint32_t living, state.catalogue.CountLiving());
  if (living >= state.options.data_stores_max) {
    return Error{ErrorKind::kTooLarge, "this server may have " +
                                           std::to_string(state.options.data_stores_max) +
                                           " image data stores"};
  }
  StoreCatalogue::AddNew(store, &batch);
  jobs::AddEvent(StoreEvent(state.Origin({store.id, ""}), store), jobs::kCatalogueEvents, &batch);
  TRY(state.catalogue.Commit(batch));
  state.CountStatus(std::nullopt, store.status);
  state.needs.events.Wake();
  state.lifecycle.Add(store.id);
  return store;
}

Result<DataStore> DataStores::Describe(std::string_view id) const {
  return state_->catalogue.Read(id);
}

Result<DataStorePage> DataStores::List(const DataStoreFilter& filter) const {
  return state_->catalogue.List(filter);
}

Status DataStores::State::CheckEmpty(std::string_view id) {
  const auto used = Use(id);
  // A store whose files are damaged holds nothing that could be kept.
  if (!used.ok() && used.error().kind == ErrorKind::kCorrupt) return Ok();
  if (!used.ok()) return used.error();
  ImageSets& images = *used.value()->images;
  TRY(const uint32_t active, images.queue().CountActive());
  if (active > 0) {
    return Error{ErrorKind::kConflict,
                 "the data store has " + std::to_string(active) + " jobs that have not ended"};
  }
  TRY(const uint64_t image_sets, images.Count(1));
  if (image_sets > 0) {
    return Error{ErrorKind::kConflict, "the data store holds image sets: delete them first"};
  }
  return Ok();
}

Result<DataStore> DataStores::Delete(std::string_view id) {
  State& state = *state_;
  // No job is submitted meanwhile.
  const Turns::Turn turn(state.turns, "jobs/" + std::string(id));
  TRY(DataStore store, state.catalogue.Read(id));
  if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
  if (store.status == DataStoreStatus::kCreating || store.status == DataStoreStatus::kDeleting) {
    return Error{ErrorKind::kConflict,
                 "the data store is " + std::string(jobs::DataStoreStatusName(store.status))};
  }
  if (store.status == DataStoreStatus::kActive) TRY(state.CheckEmpty(id));
  TRY(state.CommitStatus(store.id, store.status, DataStoreStatus::kDeleting, store.error));
  state.lifecycle.Add(store.id);
  store.status = DataStoreStatus::kDeleting;
  return store;
}

Result<std::vector<Tag>> DataStores::Tags(const Resource& resource) {
  if (resource.image_set_id.empty()) {
    TRY(DataStore store, state_->catalogue.Read(resource.store_id));
    if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
    return std::move(store.tags);
  }
  TRY(const std::shared_ptr<Handle> handle, state_->Use(resource.store_id));
  TRY(State::CheckImageSet(*handle, resource.image_set_id));
  TRY(ImageSetTags tags, ReadImageSetTags(*handle->kv->GetSnapshot(), resource.image_set_id));
  return std::move(tags.tags);
}

Status DataStores::AddTags(const Resource& resource, const std::vector<Tag>& tags) {
  const size_t max = resource.image_set_id.empty() ? kStoreTagsMax : kImageSetTagsMax;
  std::vector<Tag> added = tags;
  jobs::SortTags(&added);
  TRY(jobs::CheckTags(added, max));
  if (!resource.image_set_id.empty()) {
    return state_->ChangeImageSetTags(
        resource, [&added, max](std::vector<Tag>* all) { return jobs::AddTags(added, max, all); });
  }
  return state_->ChangeStore(resource.store_id, [&added, max](DataStore* store, kv::Batch*) {
    return jobs::AddTags(added, max, &store->tags);
  });
}

Status DataStores::RemoveTags(const Resource& resource, const std::vector<std::string>& keys) {
  if (!resource.image_set_id.empty()) {
    return state_->ChangeImageSetTags(resource, [&keys](std::vector<Tag>* all) {
      jobs::RemoveTags(keys, all);
      return Ok();
    });
  }
  return state_->ChangeStore(resource.store_id, [&keys](DataStore* store, kv::Batch*) {
    jobs::RemoveTags(keys, &store->tags);
    return Ok();
  });
}

Result<std::shared_ptr<const OpenDataStore>> DataStores::Use(std::string_view id) {
  TRY(std::shared_ptr<Handle> handle, state_->Use(id));
  return std::shared_ptr<const OpenDataStore>(std::move(handle));
}

bool DataStores::IsOpen(std::string_view id) const {
  const auto handle = state_->handles.Find(id);
  return handle != nullptr && handle->ready;
}

Result<jobs::Job> DataStores::StartImport(std::string_view id, const ImportRequest& request,
                                          const ClientToken& token) {
  State& state = *state_;
  if (token.token.empty()) return state.Submit(id, request, NewHexId(state.needs.random));
  const Turns::Turn turn(state.turns, "token/import/" + token.token);
  jobs::ClientTokens::JobStart start{
      .operation = "import", .store_id = std::string(id), .token = token};
  start.find = [&state](const jobs::TokenRecord& record) -> Result<std::optional<jobs::Job>> {
    const auto used = state.Use(record.store_id);
    if (!used.ok() && IsGone(used.error())) return std::optional(jobs::Job{});
    if (!used.ok()) return used.error();
    auto found = used.value()->images->queue().Get(kImportKind, record.job_id);
    if (found.ok()) return std::optional(std::move(found).value());
    if (found.error().kind == ErrorKind::kNotFound) return std::optional<jobs::Job>();
    return found.error();
  };
  start.submit = [&](const std::string& job_id) { return state.Submit(id, request, job_id); };
  return state.tokens.StartJobOnce(start, state.needs.random);
}

Result<ImageSetProperties> DataStores::DeleteImageSet(std::string_view id,
                                                      std::string_view image_set_id) {
  TRY(const std::shared_ptr<Handle> handle, state_->Use(id));
  TRY(ImageSetProperties deleting, handle->images->Delete(image_set_id));
  state_->needs.events.Wake();
  TRY(ImageSetTags tags, ReadImageSetTags(*handle->kv->GetSnapshot(), image_set_id));
  if (tags.revision == 0) return deleting;
  tags.tags.clear();
  kv::Batch batch;
  AddImageSetTags(image_set_id, tags, &batch);
  // Somebody who changes them at this moment keeps them, unseen, until the data store is deleted.
  const auto committed = handle->kv->Commit(batch);
  if (!committed.ok() && committed.error().kind != ErrorKind::kConflict) return committed.error();
  return deleting;
}

}  // namespace tarn::image_store
