// A data store's life is a document whose status says what remains to be done: CREATING and
// DELETING are work for the lifecycle threads, at once or after the next start, until the document
// says ACTIVE, CREATE_FAILED or DELETED. Every step can be done again.
//
// Open stores are shared: whoever works with one holds a shared_ptr, and the files are dropped only
// when the last holder has let go. Locks are held for bookkeeping, never over storage; where two
// requests must not interleave (a deletion and a submission to the same store, two requests with
// one client token) they take turns through named turns.
#include "fhir_store/data_stores.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <set>

#include "base/log.h"
#include "base/mutex.h"
#include "base/open_handles.h"
#include "base/turns.h"
#include "fhir_store/internal/catalogue.h"
#include "fhir_store/internal/lake_events.h"
#include "jobs/work_list.h"
#include "synth/patients.h"

namespace tarn::fhir_store {
namespace {

constexpr std::array<std::string_view, 2> kKinds = {kImportKind, kExportKind};
constexpr size_t kPreloadBlockBytes = 1u << 20;
constexpr int kTriesMax = 64;  // Lost races against other writers of one document.

size_t KindIndex(std::string_view kind) { return kind == kImportKind ? 0 : 1; }

std::string KvName(std::string_view id) { return std::string("fhir-").append(id); }

Error NoSuchStore() { return NotFound("there is no such data store"); }

Error NotActive(DataStoreStatus status) {
  return {ErrorKind::kConflict,
          "the data store is " + std::string(DataStoreStatusName(status)) + ", not ACTIVE"};
}

// A data store that is open, with all it owns. The FHIR store ends before its storage does.
struct Handle : OpenDataStore {
  std::unique_ptr<kv::Store> kv;
  std::unique_ptr<FhirStore> owned;
  std::atomic<bool> ready{false};  // ACTIVE; before that it is being preloaded.
};

Status CheckTags(const std::vector<Tag>& sorted) {
  TRY(jobs::CheckTags(sorted, kTagsMax));
  for (const Tag& tag : sorted) {
    if (tag.key == kCompatTagKey && tag.value != kCompatTagHealthLake) {
      return Invalid("the tag tarn:compat takes the value healthlake alone");
    }
  }
  return Ok();
}

}  // namespace

fhir::Compatibility CompatibilityOf(const std::vector<Tag>& tags) {
  const bool healthlake = std::any_of(tags.begin(), tags.end(), [](const Tag& tag) {
    return tag.key == kCompatTagKey && tag.value == kCompatTagHealthLake;
  });
  return healthlake ? fhir::Compatibility::kHealthLake : fhir::Compatibility::kFhir;
}

void OpenDataStore::TakeTags(const std::vector<Tag>& tags, uint64_t revision) {
  const fhir::Compatibility compatibility = CompatibilityOf(tags);
  const MutexLock lock(mutex_);
  if (revision < revision_) return;
  revision_ = revision;
  compatibility_ = compatibility;
}

Blocks SyntheticPatients(uint64_t seed, uint64_t patients) {
  auto generator = std::make_shared<synth::PatientGenerator>(
      synth::PatientsOptions{.seed = seed, .patients = patients});
  return [generator](std::string* block) {
    block->clear();
    bool more = true;
    while (more && block->size() < kPreloadBlockBytes) {
      more = generator->Next(
          [block](std::string_view, std::string_view json) { block->append(json).append("\n"); });
    }
    return more || !block->empty();
  };
}

struct DataStores::State {
  State(DataStoresOptions options_in, const Dependencies& needs_in);

  // Events, metrics.
  EventOrigin Origin(std::string_view id) const;
  std::string Arn(std::string_view id) const;
  std::string Endpoint(std::string_view id) const;
  void CountStatus(std::optional<DataStoreStatus> before, DataStoreStatus after);
  void CountJobs(Handle& handle, std::string_view kind);

  // Open stores.
  Result<std::shared_ptr<Handle>> OpenHandle(const DataStore& store);
  Result<std::shared_ptr<Handle>> Use(std::string_view id);
  void TakeUpWork();
  // Takes the handle out and waits until nobody holds it; false when the process stops first.
  bool CloseHandle(const std::string& id);

  // Lives of data stores.
  // Tags may change meanwhile; a status other than `before` is kConflict.
  Status CommitStatus(const std::string& id, DataStoreStatus before, DataStoreStatus status,
                      const std::optional<CreationError>& error = std::nullopt);
  jobs::WorkList::Outcome RunLifecycle(const std::string& id);
  jobs::WorkList::Outcome CreateStore(const DataStore& store);
  std::optional<CreationError> CheckKey(const DataStore& store);
  Status Preload(FhirStore& fhir);
  jobs::WorkList::Outcome DeleteStore(const DataStore& store);
  Status UseKey(const std::string& name);

  // Jobs.
  jobs::WorkList::Outcome RunJobs(const std::string& id, std::string_view kind);
  using SubmitAs = std::function<Result<jobs::Job>(FhirStore& fhir, std::string_view job_id)>;
  Result<jobs::Job> StartJob(std::string_view id, std::string_view kind,
                             const std::string& output_key, const ClientToken& token,
                             const SubmitAs& submit);
  Result<jobs::Job> Submit(std::string_view id, std::string_view kind,
                           const std::string& output_key, const std::string& job_id,
                           const SubmitAs& submit);

  // Changes a description, again when another writer was faster; `change` may refuse.
  using Change = std::function<Status(DataStore* store, kv::Batch* batch)>;
  Status ChangeStore(std::string_view id, const Change& change);

  const DataStoresOptions options;
  const Dependencies needs;
  Catalogue catalogue;
  std::string endpoint_base;
  jobs::ClientTokens tokens;
  Turns turns;
  OpenHandles<Handle> handles;
  std::array<Gauge*, kDataStoreStatusCount> status_gauges{};
  std::array<Gauge*, 2> waiting_gauges{};
  std::array<Gauge*, 2> running_gauges{};

  mutable Mutex mutex;
  std::map<std::string, std::array<jobs::Queue::ActiveJobs, 2>> counted GUARDED_BY(mutex);

  jobs::WorkList lifecycle;
  std::array<std::unique_ptr<jobs::WorkList>, 2> runners;
};

DataStores::State::State(DataStoresOptions options_in, const Dependencies& needs_in)
    : options(std::move(options_in)),
      needs(needs_in),
      catalogue(needs.catalogue),
      tokens(needs.catalogue, "fhir/token/"),
      lifecycle(
          {.threads = options.lifecycle_threads,
           .retry_first_ms = options.retry_first_ms,
           .retry_max_ms = options.retry_max_ms},
          [this](const std::string& id) { return RunLifecycle(id); }, needs.clock, needs.random) {
  for (int i = 0; i < kDataStoreStatusCount; ++i) {
    const std::string name(DataStoreStatusName(static_cast<DataStoreStatus>(i)));
    status_gauges[i] = &needs.metrics.GetGauge("tarn_data_stores", "FHIR data stores by status.",
                                               {{"status", name}});
  }
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const std::string kind(kKinds[i]);
    const std::string help = "Jobs of open data stores that are not final.";
    waiting_gauges[i] =
        &needs.metrics.GetGauge("tarn_jobs", help, {{"kind", kind}, {"state", "waiting"}});
    running_gauges[i] =
        &needs.metrics.GetGauge("tarn_jobs", help, {{"kind", kind}, {"state", "running"}});
    runners[i] = std::make_unique<jobs::WorkList>(
        jobs::WorkList::Options{.threads = options.job_threads_per_kind,
                                .retry_first_ms = options.retry_first_ms,
                                .retry_max_ms = options.retry_max_ms},
        [this, i](const std::string& id) { return RunJobs(id, kKinds[i]); }, needs.clock,
        needs.random);
  }
}

EventOrigin DataStores::State::Origin(std::string_view id) const {
  return {.id = NewUuid(needs.random),
          .account = options.account,
          .region = options.region,
          .store_arn = Arn(id),
          .unix_ms = needs.clock.UnixMs()};
}

std::string DataStores::State::Arn(std::string_view id) const {
  return "arn:aws:healthlake:" + options.region + ":" + options.account + ":datastore/fhir/" +
         std::string(id);
}

std::string DataStores::State::Endpoint(std::string_view id) const {
  return endpoint_base + "/datastore/" + std::string(id) + "/r4/";
}

void DataStores::State::CountStatus(std::optional<DataStoreStatus> before, DataStoreStatus after) {
  if (before) status_gauges[static_cast<size_t>(*before)]->Add(-1);
  status_gauges[static_cast<size_t>(after)]->Add(1);
}

void DataStores::State::CountJobs(Handle& handle, std::string_view kind) {
  const auto active = handle.fhir->queue().CountActive(kind);
  if (!active.ok()) return;
  const size_t index = KindIndex(kind);
  const MutexLock lock(mutex);
  if (handles.Find(handle.id) == nullptr) return;
  jobs::Queue::ActiveJobs& before = counted[handle.id][index];
  waiting_gauges[index]->Add(static_cast<int64_t>(active.value().waiting) - before.waiting);
  running_gauges[index]->Add(static_cast<int>(active.value().running) - before.running);
  before = active.value();
}

Result<std::shared_ptr<Handle>> DataStores::State::OpenHandle(const DataStore& store) {
  std::shared_ptr<Handle> handle = handles.New(store.id);
  handle->id = store.id;
  handle->identity_provider = store.identity_provider;
  handle->TakeTags(store.tags, store.revision);
  TRY(handle->kv, needs.engine.Open(KvName(store.id), DataStoreSchema()));
  FhirStoreOptions fhir_options = options.fhir;
  fhir_options.data_store_id = store.id;
  TRY(handle->owned, FhirStore::Open(std::move(fhir_options), *handle->kv, needs.objects,
                                     needs.clock, needs.random, needs.metrics));
  handle->fhir = handle->owned.get();
  jobs::Queue& queue = handle->fhir->queue();
  queue.SetRecorder(
      [this, id = store.id, family = queue.family()](const jobs::Job& job, kv::Batch* batch) {
        if (const auto event = JobEvent(Origin(id), id, job)) jobs::AddEvent(*event, family, batch);
      });
  needs.events.Watch(store.id, std::shared_ptr<kv::Store>(handle, handle->kv.get()),
                     queue.family());
  handles.Publish(store.id, handle);
  // Read once more: tags that changed before this handle could be found were told to nobody.
  const auto now = catalogue.Read(store.id);
  if (now.ok()) {
    handle->TakeTags(now.value().tags, now.value().revision);
  } else {
    LogWarning("tags_not_read", {{"store", store.id}, {"error", now.error().detail}});
  }
  return handle;
}

Result<std::shared_ptr<Handle>> DataStores::State::Use(std::string_view id) {
  if (auto handle = handles.Find(id); handle != nullptr && handle->ready) return handle;
  // Said before the wait for the turn, which a long preload holds.
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
    for (const std::string_view kind : kKinds) CountJobs(*handle, kind);
  }
  return handle;
}

void DataStores::State::TakeUpWork() {
  const auto all = catalogue.List({.max = UINT32_MAX});
  if (!all.ok()) {
    LogError("catalogue_not_read", {{"error", all.error().detail}});
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
        for (const auto& runner : runners) runner->Add(store.id);
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
  for (size_t i = 0; i < kKinds.size(); ++i) {
    waiting_gauges[i]->Add(-static_cast<int64_t>(counted[id][i].waiting));
    running_gauges[i]->Add(-static_cast<int64_t>(counted[id][i].running));
  }
  counted.erase(id);
  return true;
}

Status DataStores::State::CommitStatus(const std::string& id, DataStoreStatus before,
                                       DataStoreStatus status,
                                       const std::optional<CreationError>& error) {
  TRY(ChangeStore(id, [this, before, status, &error](DataStore* store, kv::Batch* batch) -> Status {
    if (store->status != before) return NotActive(store->status);
    store->status = status;
    store->error = error;
    jobs::AddEvent(DataStoreEvent(Origin(store->id), *store, Endpoint(store->id)),
                   jobs::kCatalogueEvents, batch);
    return Ok();
  }));
  CountStatus(before, status);
  needs.events.Wake();
  LogInfo("data_store_status", {{"store", id}, {"status", DataStoreStatusName(status)}});
  return Ok();
}

jobs::WorkList::Outcome DataStores::State::RunLifecycle(const std::string& id) {
  const Turns::Turn turn(turns, "open/" + id);
  const auto store = catalogue.Read(id);
  if (!store.ok()) {
    LogError("data_store_not_read", {{"store", id}, {"error", store.error().detail}});
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

Status DataStores::State::UseKey(const std::string& name) {
  return needs.keyring.CheckUsable(
      name, options.make_unknown_keys ? crypto::UnknownKeys::kMake : crypto::UnknownKeys::kRefuse);
}

std::optional<CreationError> DataStores::State::CheckKey(const DataStore& store) {
  if (!store.encryption || !store.encryption->customer_managed) return std::nullopt;
  const Status usable = UseKey(store.encryption->kms_key_id);
  if (usable.ok()) return std::nullopt;
  const ErrorKind kind = usable.error().kind;
  return CreationError{usable.error().detail,
                       kind != ErrorKind::kForbidden && kind != ErrorKind::kInvalid};
}

Status DataStores::State::Preload(FhirStore& fhir) {
  const Blocks blocks = options.preload();
  return fhir.Load(
      [this, &blocks](std::string* block) { return !lifecycle.Stopping() && blocks(block); });
}

jobs::WorkList::Outcome DataStores::State::CreateStore(const DataStore& store) {
  std::optional<CreationError> failure = CheckKey(store);
  std::shared_ptr<Handle> handle = handles.Find(store.id);  // From a try before this one.
  if (!failure && handle == nullptr) {
    auto opened = OpenHandle(store);
    if (opened.ok()) {
      handle = std::move(opened).value();
    } else {
      failure = CreationError{opened.error().detail, true};
    }
  }
  if (!failure && store.preload) {
    const Status loaded = Preload(*handle->fhir);
    if (lifecycle.Stopping()) return jobs::WorkList::Outcome::kDone;  // The next start goes on.
    if (!loaded.ok()) failure = CreationError{loaded.error().detail, true};
  }
  Status committed = Ok();
  if (!failure) {
    // Ready first: a client that reads ACTIVE may use the store at once.
    handle->ready = true;
    committed = CommitStatus(store.id, store.status, DataStoreStatus::kActive);
    if (!committed.ok()) handle->ready = false;
  } else {
    LogError("data_store_not_created", {{"store", store.id}, {"error", failure->message}});
    handle.reset();
    needs.events.Forget(store.id);
    if (!CloseHandle(store.id)) return jobs::WorkList::Outcome::kDone;
    committed = needs.engine.Drop(KvName(store.id));
    if (committed.ok()) {
      committed = CommitStatus(store.id, store.status, DataStoreStatus::kCreateFailed, failure);
    }
  }
  if (committed.ok()) return jobs::WorkList::Outcome::kDone;
  LogError("data_store_status_not_written",
           {{"store", store.id}, {"error", committed.error().detail}});
  return jobs::WorkList::Outcome::kRetry;
}

jobs::WorkList::Outcome DataStores::State::DeleteStore(const DataStore& store) {
  // After a restart the store is closed, but its outbox may hold events.
  if (handles.Find(store.id) == nullptr) {
    const auto opened = OpenHandle(store);
    if (!opened.ok()) {
      LogWarning("data_store_not_opened", {{"store", store.id}, {"error", opened.error().detail}});
    }
  }
  if (const auto handle = handles.Find(store.id); handle != nullptr) handle->ready = false;
  Status done = needs.events.DrainAndForget(store.id);
  if (done.ok()) {
    if (!CloseHandle(store.id)) return jobs::WorkList::Outcome::kDone;
    done = needs.engine.Drop(KvName(store.id));
  }
  if (done.ok()) done = CommitStatus(store.id, store.status, DataStoreStatus::kDeleted);
  if (done.ok()) return jobs::WorkList::Outcome::kDone;
  LogError("data_store_not_deleted", {{"store", store.id}, {"error", done.error().detail}});
  return jobs::WorkList::Outcome::kRetry;
}

jobs::WorkList::Outcome DataStores::State::RunJobs(const std::string& id, std::string_view kind) {
  const auto used = Use(id);
  if (!used.ok()) {
    // A store that is gone has no jobs; one whose storage fails is tried again.
    if (used.error().kind == ErrorKind::kNotFound || used.error().kind == ErrorKind::kConflict) {
      return jobs::WorkList::Outcome::kDone;
    }
    LogError("data_store_not_opened", {{"store", id}, {"error", used.error().detail}});
    return jobs::WorkList::Outcome::kRetry;
  }
  Handle& handle = *used.value();
  jobs::WorkList& runner = *runners[KindIndex(kind)];
  // A store with many jobs gives way to others after each of them.
  std::atomic<bool> give_way{false};
  const auto stop = [&runner, &give_way] { return runner.Stopping() || give_way; };
  handle.fhir->RunJobs(kind, stop, [&](const jobs::Job& job) {
    needs.events.Wake();
    CountJobs(handle, kind);
    if (!jobs::IsFinal(job.state)) return;
    needs.metrics
        .GetCounter("tarn_jobs_ended_total", "Jobs by how they ended.",
                    {{"kind", std::string(kind)}, {"state", std::string(JobStateName(job.state))}})
        .Add();
    if (runner.OthersWait()) give_way = true;
  });
  if (runner.Stopping()) return jobs::WorkList::Outcome::kDone;
  CountJobs(handle, kind);
  const auto left = handle.fhir->queue().CountActive(kind);
  if (left.ok() && left.value().waiting == 0 && !left.value().running) {
    return jobs::WorkList::Outcome::kDone;
  }
  return give_way ? jobs::WorkList::Outcome::kAgain : jobs::WorkList::Outcome::kRetry;
}

Result<jobs::Job> DataStores::State::Submit(std::string_view id, std::string_view kind,
                                            const std::string& output_key,
                                            const std::string& job_id, const SubmitAs& submit) {
  // Held against Delete, which looks for jobs and then changes the status.
  const Turns::Turn turn(turns, "jobs/" + std::string(id));
  TRY(const std::shared_ptr<Handle> handle, Use(id));
  TRY(UseKey(output_key));
  auto job = submit(*handle->fhir, job_id);
  if (!job.ok() && !jobs::MayBeWritten(job.error())) return job;
  if (job.ok()) CountJobs(*handle, kind);
  needs.events.Wake();
  // Also after a write of unknown outcome: its job is found when writes work again.
  runners[KindIndex(kind)]->Add(std::string(id));
  return job;
}

Result<jobs::Job> DataStores::State::StartJob(std::string_view id, std::string_view kind,
                                              const std::string& output_key,
                                              const ClientToken& token, const SubmitAs& submit) {
  if (token.token.empty()) return Submit(id, kind, output_key, NewHexId(needs.random), submit);
  const Turns::Turn turn(turns, "token/" + std::string(kind) + "/" + token.token);
  jobs::ClientTokens::JobStart start{
      .operation = std::string(kind), .store_id = std::string(id), .token = token};
  start.find = [this, kind](const jobs::TokenRecord& record) -> Result<std::optional<jobs::Job>> {
    const auto used = Use(record.store_id);
    if (!used.ok()) {
      const ErrorKind why = used.error().kind;
      if (why == ErrorKind::kNotFound || why == ErrorKind::kConflict)
        return std::optional(jobs::Job{});
      return used.error();
    }
    auto found = used.value()->fhir->queue().Get(kind, record.job_id);
    if (found.ok()) return std::optional(std::move(found).value());
    if (found.error().kind == ErrorKind::kNotFound) return std::optional<jobs::Job>();
    return found.error();
  };
  start.submit = [&](const std::string& job_id) {
    return Submit(id, kind, output_key, job_id, submit);
  };
  return tokens.StartJobOnce(start, needs.random);
}

Status DataStores::State::ChangeStore(std::string_view id, const Change& change) {
  for (int tries = 0;; ++tries) {
    TRY(DataStore store, catalogue.Read(id));
    if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
    kv::Batch batch;
    TRY(change(&store, &batch));
    Catalogue::AddChange(store, &batch);
    const auto committed = catalogue.Commit(batch);
    if (committed.ok()) {
      if (const auto handle = handles.Find(id)) handle->TakeTags(store.tags, store.revision + 1);
      return Ok();
    }
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
  }
}

DataStores::DataStores(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<DataStores>> DataStores::Open(DataStoresOptions options,
                                                     Dependencies needs) {
  if (!options.preload) options.preload = [] { return SyntheticPatients(1, 100); };
  if (options.fhir.search == nullptr) {
    TRY(options.fhir.search, SearchDefinitions::Make());
  }
  auto state = std::make_unique<State>(std::move(options), needs);
  TRY(state->catalogue.CountLiving());  // The catalogue can be read.
  return std::unique_ptr<DataStores>(new DataStores(std::move(state)));
}

DataStores::~DataStores() { Stop(); }

void DataStores::SetEndpointBase(std::string base) { state_->endpoint_base = std::move(base); }

void DataStores::Start() {
  state_->TakeUpWork();
  state_->lifecycle.Start();
  for (const auto& runner : state_->runners) runner->Start();
}

void DataStores::Stop() {
  State& state = *state_;
  state.handles.StopWaiting();
  state.lifecycle.Stop();
  for (const auto& runner : state.runners) runner->Stop();
  auto open = state.handles.TakeAll();
  for (const auto& [id, handle] : open) {
    const Status drained = state.needs.events.DrainAndForget(id);
    if (!drained.ok()) state.needs.events.Forget(id);  // They are logged after the next start.
  }
  open.clear();
  state.handles.WaitUntilClosed();
}

std::string DataStores::ArnOf(std::string_view id) const { return state_->Arn(id); }
std::string DataStores::EndpointOf(std::string_view id) const { return state_->Endpoint(id); }

Result<DataStore> DataStores::Create(const CreateRequest& request, const ClientToken& token) {
  State& state = *state_;
  DataStore store{.id = NewHexId(state.needs.random),
                  .name = request.name,
                  .status = DataStoreStatus::kCreating,
                  .created_unix_ms = state.needs.clock.UnixMs(),
                  .encryption = request.encryption,
                  .preload = request.preload,
                  .identity_provider = request.identity_provider,
                  .tags = request.tags,
                  .revision = 1};
  jobs::SortTags(&store.tags);
  TRY(CheckTags(store.tags));
  // One creation at a time: the limit counts, and a token is looked up and recorded.
  const Turns::Turn turn(state.turns, "create");
  kv::Batch batch;
  if (!token.token.empty()) {
    TRY(const auto known, state.tokens.Read("create", token.token));
    if (known) {
      if (known->fingerprint != token.fingerprint) {
        return jobs::TokenUsedOtherwise();
      }
      TRY(DataStore first, state.catalogue.Read(known->store_id));
      first.status = DataStoreStatus::kCreating;  // The first answer.
      return first;
    }
    state.tokens.Add("create", token.token, {token.fingerprint, store.id, "", 1}, known, &batch);
  }
  TRY(const uint32_t living, state.catalogue.CountLiving());
  if (living >= state.options.data_stores_max) {
    return Error{
        ErrorKind::kTooLarge,
        "this server may have " + std::to_string(state.options.data_stores_max) + " data stores"};
  }
  Catalogue::AddNew(store, &batch);
  jobs::AddEvent(DataStoreEvent(state.Origin(store.id), store, state.Endpoint(store.id)),
                 jobs::kCatalogueEvents, &batch);
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

Result<DataStore> DataStores::Delete(std::string_view id) {
  State& state = *state_;
  // No job is submitted meanwhile.
  const Turns::Turn turn(state.turns, "jobs/" + std::string(id));
  TRY(DataStore store, state.catalogue.Read(id));
  if (store.status == DataStoreStatus::kDeleted) return NoSuchStore();
  if (store.status == DataStoreStatus::kCreating || store.status == DataStoreStatus::kDeleting) {
    return Error{ErrorKind::kConflict,
                 "the data store is " + std::string(DataStoreStatusName(store.status))};
  }
  if (store.status == DataStoreStatus::kActive) {
    const auto used = state.Use(id);
    // A store whose files are damaged has no jobs that could run.
    if (!used.ok() && used.error().kind != ErrorKind::kCorrupt) return used.error();
    if (used.ok()) {
      TRY(const uint32_t active, used.value()->fhir->queue().CountActive());
      if (active > 0) {
        return Error{ErrorKind::kConflict,
                     "the data store has " + std::to_string(active) + " jobs that have not ended"};
      }
    }
  }
  TRY(state.CommitStatus(store.id, store.status, DataStoreStatus::kDeleting, store.error));
  state.lifecycle.Add(store.id);
  store.status = DataStoreStatus::kDeleting;
  return store;
}

Status DataStores::AddTags(std::string_view id, const std::vector<Tag>& tags) {
  std::vector<Tag> added = tags;
  jobs::SortTags(&added);
  TRY(CheckTags(added));
  return state_->ChangeStore(id, [&added](DataStore* store, kv::Batch*) {
    return jobs::AddTags(added, kTagsMax, &store->tags);
  });
}

Status DataStores::RemoveTags(std::string_view id, const std::vector<std::string>& keys) {
  return state_->ChangeStore(id, [&keys](DataStore* store, kv::Batch*) {
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
  return state_->StartJob(id, kImportKind, request.output_kms_key_id, token,
                          [&request](FhirStore& fhir, std::string_view job_id) {
                            return fhir.SubmitImport(request, {}, job_id);
                          });
}

Result<jobs::Job> DataStores::StartExport(std::string_view id, const ExportRequest& request,
                                          const ClientToken& token) {
  return state_->StartJob(id, kExportKind, request.output_kms_key_id, token,
                          [&request](FhirStore& fhir, std::string_view job_id) {
                            return fhir.SubmitExport(request, {}, job_id);
                          });
}

}  // namespace tarn::fhir_store
