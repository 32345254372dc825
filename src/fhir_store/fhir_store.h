// One FHIR data store: versions of resources, single writes, import and export.
// Spec: FHIR R4 "RESTful API"; HealthLake's behaviour where it is known (docs/reference/).
// Stored form and how the jobs work: docs/internals/fhir-storage.md.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/limits.h"
#include "fhir_store/search.h"
#include "fhir_store/search_memory.h"
#include "jobs/queue.h"
#include "kv/store.h"
#include "objects/object_store.h"

namespace tarn::fhir_store {

// The families of a data store's key-value store; the order is part of the stored format.
kv::Schema DataStoreSchema();

struct WriteOutcome {
  Version version;
  bool created = false;    // The resource did not exist, or had been deleted.
  bool unchanged = false;  // The content was the same: no new version was made.
};

// What must hold for a write. Empty: anything.
struct Precondition {
  std::optional<uint64_t> if_match;  // The current version; 412 otherwise.
  bool if_none_match_any = false;    // The id never existed; 412 otherwise.
};

// Which versions of a resource are asked for.
struct HistoryRequest {
  uint64_t before_version = 0;                   // Older than this one only; 0: from the newest on.
  std::optional<int64_t> since_unix_ms;          // Written at or after this.
  std::optional<int64_t> current_from_unix_ms;   // With the next: that were the newest one at some
  std::optional<int64_t> current_until_unix_ms;  // time of [from, until). Both or none.
  size_t count_max = 100;
};
struct HistoryPage {
  std::vector<Version> versions;  // Newest first; deletions too.
  uint64_t total = 0;             // Versions of the resource, whatever was asked for.
  uint64_t next_before = 0;       // For the next page's before_version; 0: this is the last one.
};

// One of the writes of FhirStore::WriteAll.
struct ResourceWrite {
  fhir::TypeId type = fhir::kNoType;
  std::string_view id;  // A new resource: from NewId().
  // JSON of that type, whatever id it carries. Empty: a deletion.
  std::optional<std::string_view> text;
  Precondition precondition;
  // The version that the decision to write rests on, 0 when the resource must not be live;
  // kConflict when that has changed: the caller decides again.
  std::optional<uint64_t> decided_on;
};

// Whoever writes depending on what a search finds holds its criteria from before the search until
// after the write. Of two that hold the same criteria the second waits, and then finds what the
// first wrote; so of many clients that create what does not exist yet, one does.
class CriteriaHold {
 public:
  CriteriaHold(CriteriaHold&& other) noexcept;
  CriteriaHold& operator=(CriteriaHold&& other) noexcept;
  ~CriteriaHold();

  struct State;  // internal/guards.h

 private:
  friend class FhirStore;
  explicit CriteriaHold(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct WriteOptions {
  // What was decided by criteria: kConflict when another process decided by them meanwhile.
  const CriteriaHold* hold = nullptr;
  // A client's token for the one write: 1 to 64 bytes, or empty. kConflict when it was used before
  // (FindOnce).
  std::string_view once;
};

// What the write with a token made.
struct WrittenOnce {
  fhir::TypeId type = fhir::kNoType;
  std::string id;
  uint64_t version_id = 0;
};

struct ImportRequest {
  std::string job_name;
  objects::S3Uri input;
  objects::S3Uri output;
  std::string output_kms_key_id;
  std::string data_access_role_arn;
  std::string validation_level;  // "strict", "structure-only", "minimal"; empty: not given.
};

struct ExportRequest {
  std::string job_name;
  objects::S3Uri output;
  std::string output_kms_key_id;
  std::string data_access_role_arn;
};

// As HealthLake's JobProgressReport.
struct ImportProgress {
  uint64_t files_scanned = 0;
  uint64_t bytes_scanned = 0;
  uint64_t files_imported = 0;
  uint64_t resources_scanned = 0;
  uint64_t resources_imported = 0;
  uint64_t resources_with_customer_error = 0;
  uint64_t resources_with_server_error = 0;
  uint64_t files_with_customer_error = 0;
  uint64_t bytes_imported = 0;
  double throughput_mb_s = 0;
};

struct FhirStoreOptions {
  std::string data_store_id;
  size_t import_threads = 2;
  uint64_t import_run_bytes_max = 64u << 20;          // Compressed bytes held for one run.
  size_t import_postponed_max = kImportPostponedMax;  // Lines that wait for the end of their job.
  uint64_t export_part_bytes_max = 256u << 20;
  // What resources are found by; null: the store makes its own.
  std::shared_ptr<const SearchDefinitions> search;
  // Of all stores that are given the same one; null: each search has its own bound and no other.
  std::shared_ptr<SearchMemory> search_memory;
};

class IndexBuilder;  // internal/index_builder.h
struct StoreState;   // internal/state.h

class FhirStore {
 public:
  // The arguments must outlive the store. Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<FhirStore>> Open(FhirStoreOptions options, kv::Store& kv,
                                                 objects::ObjectStore& objects, const Clock& clock,
                                                 RandomSource& random, MetricsRegistry& metrics);
  ~FhirStore();
  FhirStore(const FhirStore&) = delete;
  FhirStore& operator=(const FhirStore&) = delete;

  // The newest version. Errors: kNotFound (never existed), kGone (deleted), kCorrupt.
  Result<Version> Read(fhir::TypeId type, std::string_view id) const;
  // One version; a deleted one is kGone.
  Result<Version> ReadVersion(fhir::TypeId type, std::string_view id, uint64_t version_id) const;

  // One page of the resource's versions, of one state; at most kHistoryBytesMax and one version.
  // Errors: kNotFound (never existed), kCorrupt.
  Result<HistoryPage> History(fhir::TypeId type, std::string_view id,
                              const HistoryRequest& request) const;

  // Stores `text` under a new random id, whatever id it carries. Errors: kInvalid, kTooLarge.
  Result<WriteOutcome> Create(fhir::TypeId type, std::string_view text);
  // Creates or replaces. Errors: kInvalid (also: the text's id differs), kPreconditionFailed.
  Result<WriteOutcome> Update(fhir::TypeId type, std::string_view id, std::string_view text,
                              const Precondition& precondition);
  // Errors: kNotFound (never existed), kPreconditionFailed. Deleting twice is fine.
  Result<WriteOutcome> Delete(fhir::TypeId type, std::string_view id,
                              const Precondition& precondition);

  // A random id for a resource that WriteAll is to make.
  std::string NewId() const;
  // All writes in one commit, or none: what each does is what Create, Update and Delete do.
  // Outcomes are in the order of `writes`. Each resource may be written once (kInvalid).
  // `*failed`: on an error, which write it is about; writes.size() when it is about all of them.
  // Errors: those of Create, Update and Delete; kTooLarge (kWritesMax, kWritesBytesMax,
  // kWritesPostingBytesMax); kBusy; kConflict (ResourceWrite::decided_on, WriteOptions).
  Result<std::vector<WriteOutcome>> WriteAll(std::span<const ResourceWrite> writes, size_t* failed,
                                             const WriteOptions& options = {});

  // Waits until nobody else holds any of the criteria. `criteria`: each in one form whatever way
  // the client wrote it, with its type ("Patient?identifier=x"). Must end before the store. Errors:
  // kBusy, kCorrupt, kUnavailable.
  Result<CriteriaHold> HoldCriteria(std::span<const std::string> criteria) const;
  // What was written with WriteOptions::once. Errors: kCorrupt, kUnavailable.
  Result<std::optional<WrittenOnce>> FindOnce(std::string_view token) const;

  // One page of what the query finds, all of one state of the store. A resource whose write was
  // acknowledged before the call is found. Pages of one search are stable: a resource that changes
  // meanwhile is judged by its version when the first page was made (docs/internals/fhir-search.md,
  // "Paging").
  // Errors: kInvalid (a page token that is not this query's or was altered; a value that cannot be
  // looked for), kTooLarge (too costly: `plan` tells), kUnsupported (names the parameter),
  // kUnavailable (the index is being built: the detail says how far), kTimeout (cancelled),
  // kCorrupt.
  Result<SearchPage> Search(const SearchRequest& request) const;
  // What Search knows now, for parsing queries; a search that begins later may know other
  // parameters, unless it is given this (SearchRequest::definitions).
  std::shared_ptr<const SearchDefinitions> search_definitions() const;
  // SearchParameters that are being filled.
  std::vector<ParameterProgress> FillingParameters() const;
  // Where this data store's resources are on any host: SearchContext::own_path.
  std::string_view own_path() const;

  // Queues a job; workers of `RunJobs` take it up. `with` commits with it. `job_id`: chosen by the
  // caller (Queue::SubmitAs), or empty. Errors: kBusy, kConflict (the id, or a condition of
  // `with`).
  Result<jobs::Job> SubmitImport(const ImportRequest& request, kv::Batch with,
                                 std::string_view job_id = {});
  Result<jobs::Job> SubmitExport(const ExportRequest& request, kv::Batch with,
                                 std::string_view job_id = {});
  jobs::Queue& queue();

  // Works on queued jobs of `kind` ("fhir-import", "fhir-export") until there is none left or
  // `stop` answers true. At most one call per kind at a time (CHECK). A job that meets a fault of
  // ours that may pass (disk full) stays IN_PROGRESS and is taken up by the next call.
  // `changed`: called after every change of a job's state that was committed.
  using JobChanged = std::function<void(const jobs::Job&)>;
  void RunJobs(std::string_view kind, const std::function<bool()>& stop, const JobChanged& changed);

  // Live progress of a running import, else what its last checkpoint recorded.
  Result<ImportProgress> Progress(const jobs::Job& job) const;

  // Adds resources without a job, from a generator of NDJSON lines: the SYNTHEA preload. `next`
  // fills one block of whole lines; false at the end. Resumable by doing it again.
  Status Load(const std::function<bool(std::string* block)>& next);

  uint64_t CountLive(fhir::TypeId type) const;
  kv::StoreStats Stats() const;

 private:
  explicit FhirStore(std::unique_ptr<StoreState> state);
  std::unique_ptr<StoreState> state_;
  std::unique_ptr<IndexBuilder> index_builder_;  // Null when the index was complete.
};

inline constexpr std::string_view kImportKind = "fhir-import";
inline constexpr std::string_view kExportKind = "fhir-export";

// The job's request as it was submitted. Errors: kCorrupt.
Result<ImportRequest> ParseImportRequest(const jobs::Job& job);
Result<ExportRequest> ParseExportRequest(const jobs::Job& job);

// The folder below the job's output location that all its objects go to; ends in '/'. For either
// kind. Errors: kCorrupt.
Result<objects::S3Uri> JobOutputFolder(std::string_view data_store_id, const jobs::Job& job);

// What a completed export wrote.
struct ExportedFile {
  std::string type;
  objects::S3Uri uri;
  uint64_t count = 0;  // Resources, one a line.
};
struct ExportReport {
  int64_t transaction_unix_ms = 0;  // The exported state is that of this time.
  std::vector<ExportedFile> files;  // By type name, then name.
};
// Empty while the job has not completed. Errors: kCorrupt.
Result<ExportReport> ParseExportReport(const jobs::Job& job);

}  // namespace tarn::fhir_store
