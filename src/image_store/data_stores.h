// All image data stores of this server: their descriptions, their lives from CREATING to DELETED,
// tags of stores and image sets, and the threads that run import jobs.
//
// Descriptions, their tags and client tokens are documents of the catalogue; what a data store
// holds is in a key-value store named "image-<id>" and in a folder of frames. Creation and deletion
// run on threads of their own and are taken up again after a crash. Stored form:
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
#include "base/random.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "image_store/image_sets.h"
#include "image_store/import.h"
#include "image_store/instance_reader.h"
#include "image_store/properties.h"
#include "jobs/catalogue.h"
#include "jobs/events.h"
#include "jobs/queue.h"
#include "jobs/tags.h"
#include "kv/store.h"
#include "objects/object_store.h"
#include "pixels/transcode.h"

namespace tarn::image_store {

using jobs::ClientToken;
using jobs::DataStoreStatus;
using jobs::Tag;

// HealthImaging's LosslessStorageFormat: "HTJ2K", "JPEG_2000_LOSSLESS".
std::string_view LosslessFormatName(pixels::LosslessFormat format);
std::optional<pixels::LosslessFormat> ParseLosslessFormat(std::string_view name);

struct DataStore {
  std::string id;    // 32 hex digits.
  std::string name;  // Never empty: one is made for a request without.
  DataStoreStatus status = DataStoreStatus::kCreating;
  int64_t created_unix_ms = 0;
  int64_t updated_unix_ms = 0;  // Of the last change of its status.
  std::string kms_key_arn;      // May be empty.
  // Kept and shown; DICOMweb will ask it.
  std::string lambda_authorizer_arn;  // May be empty.
  pixels::LosslessFormat lossless_format = pixels::LosslessFormat::kHtj2k;
  std::vector<Tag> tags;  // By key.
  std::string error;      // Why it is CREATE_FAILED, for the log; the API has no place for it.
  uint64_t revision = 0;
};

// HealthImaging's JobStatus, which has fewer states than a queue: waiting is SUBMITTED, and an
// import that could not read every file is COMPLETED.
std::string_view ImportStatusName(jobs::JobState state);
// The states that one name stands for; none for an unknown name.
std::vector<jobs::JobState> StatesOfImportStatus(std::string_view name);

inline constexpr size_t kStoreTagsMax = 50;     // kInvalid
inline constexpr size_t kImageSetTagsMax = 50;  // kInvalid

// A data store, or an image set of it.
struct Resource {
  std::string store_id;
  std::string image_set_id;  // Empty: the data store.
};

struct DataStoreFilter {
  std::optional<DataStoreStatus> status;
  // The page begins after this data store, which need not exist any more; empty: at the first.
  int64_t after_created_unix_ms = 0;
  std::string after_id;
  uint32_t max = 50;
};

struct DataStorePage {
  std::vector<DataStore> stores;  // By creation time, then id.
  bool more = false;
};

// A data store that is open; it stays open while one of these is held.
struct OpenDataStore {
  std::string id;
  ImageSets* images = nullptr;  // Never null.
};

struct DataStoresOptions {
  std::string region = "us-east-1";
  std::string account = "000000000000";
  std::string frames_folder;       // Data stores have folders of their own in it. Made if missing.
  uint32_t data_stores_max = 10;   // Neither DELETED nor CREATE_FAILED; kTooLarge beyond.
  uint32_t imports_max = 100;      // Of one data store, not final; kTooLarge beyond.
  bool make_unknown_keys = false;  // Development: a key is made on its first use.
  size_t job_threads = 1;          // Imports of different data stores at a time.
  size_t lifecycle_threads = 1;
  uint32_t retry_first_ms = 1'000;  // After a fault that may pass, doubling up to:
  uint32_t retry_max_ms = 60'000;
  // What reads the files of an import, for data stores of that format. Called once for each open
  // data store. Errors: any; the data store cannot be opened then.
  std::function<Result<std::unique_ptr<InstanceReader>>(pixels::LosslessFormat)> make_reader;
  ImageSetsOptions images;  // Id, folder and record_change are filled in.
};

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

  // Takes up interrupted creations, deletions and jobs, and opens active stores, all in the
  // background.
  void Start();
  // Lets running jobs come to a checkpoint and ends the threads.
  void Stop();

  // arn:aws:medical-imaging:<region>:<account>:datastore/<id>, with /imageset/<id> for image sets.
  std::string ArnOf(const Resource& resource) const;
  // What an ARN names, if it is of this server's region and account; nothing else is looked at.
  // Errors: kNotFound.
  Result<Resource> ParseArn(std::string_view arn) const;

  struct CreateRequest {
    std::string name;  // Empty: one is made.
    std::string kms_key_arn;
    std::string lambda_authorizer_arn;
    pixels::LosslessFormat lossless_format = pixels::LosslessFormat::kHtj2k;
    std::vector<Tag> tags;
  };
  // Answers with the store as CREATING. Errors: kInvalid (tags, token), kTooLarge (too many).
  Result<DataStore> Create(const CreateRequest& request, const ClientToken& token);
  // A DELETED store is still described. Errors: kNotFound (never existed).
  Result<DataStore> Describe(std::string_view id) const;
  Result<DataStorePage> List(const DataStoreFilter& filter) const;
  // Answers with the store as DELETING. Errors: kNotFound (also when it is DELETED), kConflict (it
  // is being created or deleted, holds image sets, or has jobs that are not final).
  Result<DataStore> Delete(std::string_view id);

  // Errors of all: kNotFound (the data store or image set, also when it was deleted), kConflict
  // (tags of an image set: the data store is not ACTIVE).
  Result<std::vector<Tag>> Tags(const Resource& resource);
  // Errors also: kInvalid (too many).
  Status AddTags(const Resource& resource, const std::vector<Tag>& tags);
  Status RemoveTags(const Resource& resource, const std::vector<std::string>& keys);

  // Opens the data store if it is not open yet: right after Start, or when its storage failed.
  // Errors: kNotFound (also when it is DELETED), kConflict (not ACTIVE), kUnavailable, kCorrupt.
  Result<std::shared_ptr<const OpenDataStore>> Use(std::string_view id);
  // Whether Use gives the data store without opening it, and so without waiting.
  bool IsOpen(std::string_view id) const;

  // A request without a job name gets one. Errors: kNotFound (store unknown or DELETED), kConflict
  // (it is not ACTIVE), kInvalid (token), kTooLarge (imports_max).
  Result<jobs::Job> StartImport(std::string_view id, const ImportRequest& request,
                                const ClientToken& token);
  // As ImageSets::Delete; the image set's tags go with it.
  Result<ImageSetProperties> DeleteImageSet(std::string_view id, std::string_view image_set_id);

 private:
  struct State;
  explicit DataStores(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tarn::image_store
