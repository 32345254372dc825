// All FHIR data stores of this server: their descriptions, their lives from CREATING to DELETED,
// and the threads that run their jobs.
//
// Descriptions, tags and client tokens are documents of the catalogue, a key-value store of its
// own; each data store's resources and jobs are in another one, named "fhir-<id>". Creation and
// deletion run on threads of their own and are taken up again after a crash. Stored form:
// docs/internals/jobs.md. Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "fhir/search_query.h"
#include "fhir_store/fhir_store.h"
#include "jobs/catalogue.h"
#include "jobs/events.h"
#include "jobs/queue.h"
#include "jobs/tags.h"
#include "kv/store.h"
#include "objects/object_store.h"

namespace tarn::fhir_store {

using jobs::DataStoreStatus;
using jobs::DataStoreStatusName;
using jobs::kDataStoreStatusCount;
using jobs::ParseDataStoreStatus;

struct Encryption {
  bool customer_managed = false;
  std::string kms_key_id;  // May be empty when it is not customer managed.
};

struct IdentityProvider {
  std::string strategy;  // "SMART_ON_FHIR_V1", "SMART_ON_FHIR", "AWS_AUTH"
  std::optional<bool> fine_grained;
  std::optional<std::string> metadata;  // JSON text: the SMART configuration to serve.
  std::optional<std::string> lambda_arn;

  bool IsSmart() const { return strategy != "AWS_AUTH"; }
};

using jobs::Tag;
inline constexpr size_t kTagsMax = 200;  // Of one data store; kInvalid.

// A data store with this tag has HealthLake's limits and departures (docs/reference/fhir-search.md,
// "As HealthLake"). The key takes no other value.
inline constexpr std::string_view kCompatTagKey = "tarn:compat";
inline constexpr std::string_view kCompatTagHealthLake = "healthlake";
fhir::Compatibility CompatibilityOf(const std::vector<Tag>& tags);

struct CreationError {
  std::string message;
  bool retryable = false;
};

struct DataStore {
  std::string id;    // 32 hex digits.
  std::string name;  // May be empty.
  DataStoreStatus status = DataStoreStatus::kCreating;
  int64_t created_unix_ms = 0;
  std::optional<Encryption> encryption;
  bool preload = false;  // SYNTHEA
  std::optional<IdentityProvider> identity_provider;
  std::vector<Tag> tags;  // By key.
  std::optional<CreationError> error;
  uint64_t revision = 0;
};

using jobs::ClientToken;

struct DataStoreFilter {
  std::string name;  // Empty: all.
  std::optional<DataStoreStatus> status;
  int64_t created_after_unix_ms = INT64_MIN;   // Inclusive.
  int64_t created_before_unix_ms = INT64_MAX;  // Inclusive.
  // The page begins after this data store, which need not exist any more; empty: at the first.
  int64_t after_created_unix_ms = 0;
  std::string after_id;
  uint32_t max = 100;
};

struct DataStorePage {
  std::vector<DataStore> stores;  // By creation time, then id.
  bool more = false;
};

// A data store that is open; it stays open while one of these is held.
// Threads: tags change while others read them.
struct OpenDataStore {
  std::string id;
  std::optional<IdentityProvider> identity_provider;
  FhirStore* fhir = nullptr;  // Never null.

  // What follows from the tags that are in force now.
  fhir::Compatibility compatibility() const {
    const MutexLock lock(mutex_);
    return compatibility_;
  }
  // Takes the tags of a description, unless those of a later one are known already.
  void TakeTags(const std::vector<Tag>& tags, uint64_t revision);

 private:
  mutable Mutex mutex_;
  fhir::Compatibility compatibility_ GUARDED_BY(mutex_) = fhir::Compatibility::kFhir;
  uint64_t revision_ GUARDED_BY(mutex_) = 0;
};

// Fills `block` with whole NDJSON lines; false at the end.
using Blocks = std::function<bool(std::string* block)>;

struct DataStoresOptions {
  std::string region = "us-east-1";
  std::string account = "000000000000";
  uint32_t data_stores_max = 50;   // Neither DELETED nor CREATE_FAILED; kTooLarge beyond.
  bool make_unknown_keys = false;  // Development: a key is made on its first use.
  // Synthetic patients for PreloadDataConfig SYNTHEA.
  std::function<Blocks()> preload;
  size_t job_threads_per_kind = 2;
  size_t lifecycle_threads = 2;
  uint32_t retry_first_ms = 1'000;  // After a fault that may pass, doubling up to:
  uint32_t retry_max_ms = 60'000;
  FhirStoreOptions fhir;  // The data_store_id is filled in.
};

// NDJSON of that many synthetic patients with their linked resources.
Blocks SyntheticPatients(uint64_t seed, uint64_t patients);

class DataStores {
 public:
  struct Dependencies {  // All must outlive the object.
    kv::Engine& engine;
    kv::Store& catalogue;  // Opened with jobs::CatalogueSchema().
    objects::ObjectStore& objects;
    crypto::Keyring& keyring;
    jobs::EventLog& events;
    const Clock& clock;
    RandomSource& random;
    MetricsRegistry& metrics;
  };
  // Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<DataStores>> Open(DataStoresOptions options, Dependencies needs);
  // Stops. Nothing that Use returned may be held any more.
  ~DataStores();
  DataStores(const DataStores&) = delete;
  DataStores& operator=(const DataStores&) = delete;

  // Where clients reach this server: "http://127.0.0.1:8080". Set before Start.
  void SetEndpointBase(std::string base);
  // Takes up interrupted creations, deletions and jobs, and opens active stores, all in the
  // background: with 20 stores that takes a second.
  void Start();
  // Lets running jobs come to a checkpoint and ends the threads.
  void Stop();

  std::string ArnOf(std::string_view id) const;       // arn:aws:healthlake:...:datastore/fhir/<id>
  std::string EndpointOf(std::string_view id) const;  // <base>/datastore/<id>/r4/

  struct CreateRequest {
    std::string name;
    std::optional<Encryption> encryption;
    bool preload = false;
    std::optional<IdentityProvider> identity_provider;
    std::vector<Tag> tags;
  };
  // Answers with the store as CREATING. Errors: kInvalid (tags, token), kTooLarge (too many).
  Result<DataStore> Create(const CreateRequest& request, const ClientToken& token);
  // A DELETED store is still described. Errors: kNotFound (never existed).
  Result<DataStore> Describe(std::string_view id) const;
  Result<DataStorePage> List(const DataStoreFilter& filter) const;
  // Answers with the store as DELETING. Errors: kNotFound (also when it is DELETED), kConflict (it
  // is being created or deleted, or has jobs that are not final).
  Result<DataStore> Delete(std::string_view id);

  // Errors: kNotFound (also when it is DELETED), kInvalid (too many).
  Status AddTags(std::string_view id, const std::vector<Tag>& tags);
  Status RemoveTags(std::string_view id, const std::vector<std::string>& keys);

  // Opens the data store if it is not open yet: right after Start, or when its storage failed.
  // Errors: kNotFound (also when it is DELETED), kConflict (not ACTIVE), kUnavailable, kCorrupt.
  Result<std::shared_ptr<const OpenDataStore>> Use(std::string_view id);
  // Whether Use gives the data store without opening it, and so without waiting.
  bool IsOpen(std::string_view id) const;

  // Errors: kNotFound (store unknown or DELETED), kConflict (it is not ACTIVE), kForbidden (the
  // output's key cannot be used), kInvalid (token), kBusy (25 wait already).
  Result<jobs::Job> StartImport(std::string_view id, const ImportRequest& request,
                                const ClientToken& token);
  Result<jobs::Job> StartExport(std::string_view id, const ExportRequest& request,
                                const ClientToken& token);

 private:
  struct State;
  explicit DataStores(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tarn::fhir_store
