// One image data store: its image sets with their versions, metadata and frames, the import of
// DICOM files, and search.
// Spec: HealthImaging API (2023-07-19) and Developer Guide; what is known of its behaviour and
// where we decided ourselves: docs/reference/. Stored form: docs/internals/image-storage.md.
//
// A change of an image set takes three steps: the call checks what it can, commits the next version
// as LOCKED with the work that it asks for, and answers; a background thread does the work; one
// commit makes its result visible and the image set ACTIVE. Until then reads give the content from
// before. A crash at any moment leaves one of these states, and the work is taken up at the next
// start.
//
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
#include "image_store/import.h"
#include "image_store/limits.h"
#include "image_store/properties.h"
#include "image_store/search.h"
#include "jobs/queue.h"
#include "kv/store.h"
#include "objects/object_store.h"

namespace tarn::image_store {

// The families of a data store's key-value store; the order is part of the stored format.
kv::Schema ImageStoreSchema();
// Small documents of the surface (tags of image sets), under keys of its own.
inline constexpr kv::Family kDocumentFamily = 0;

// What Update asks for: either a revert or changes of attributes, never both (kInvalid).
struct UpdateRequest {
  uint32_t latest_version = 0;
  bool force = false;
  bool include_study_image_sets = false;  // All primary image sets of the study, in one commit.
  uint32_t revert_to_version = 0;         // 0: no revert.
  std::string updatable_attributes;       // JSON; empty: none.
  std::string removable_attributes;       // JSON; empty: none.
};

struct CopyRequest {
  std::string source_id;
  uint32_t source_latest_version = 0;
  std::string copiable_attributes;  // JSON, which instances; empty: all.
  std::string destination_id;       // Empty: a new image set.
  uint32_t destination_latest_version = 0;
  bool force = false;
  bool promote_to_primary = false;
};
struct CopyOutcome {
  ImageSetProperties source;
  ImageSetProperties destination;
};

struct VersionPage {
  std::vector<ImageSetProperties> versions;  // Newest first.
  uint32_t next_before = 0;                  // For the next page; 0: this is the last one.
};

// Metadata as it is served: a gzip stream of JSON.
struct StoredMetadata {
  std::string gzip;
  uint32_t version = 0;
};

// Which part of a frame is asked for. At most one may be set (kInvalid).
struct FrameRange {
  // Bytes [first, last], cut at the end; as HTTP's Range. A first beyond the end is
  // kPreconditionFailed.
  std::optional<std::pair<uint64_t, uint64_t>> bytes;
  std::optional<uint64_t> suffix_bytes;  // The last ones of the frame.
  // Resolution levels [first, last] of an HTJ2K or JPEG 2000 frame; 0 is the smallest. With first
  // = 0 the bytes are a decodable prefix, else what follows the prefix that ends before `first`.
  // A level that the frame does not have: kInvalid.
  std::optional<std::pair<uint32_t, uint32_t>> levels;
};

struct FrameInfo {
  std::string stored_transfer_syntax_uid;  // Tells the content type.
  uint64_t frame_bytes = 0;                // Of the whole frame as it is stored.
  uint64_t offset = 0;                     // The part that was asked for: [offset, offset + bytes).
  uint64_t bytes = 0;
  std::string etag;                            // Without quotes; the same for all parts.
  std::vector<uint64_t> resolution_end_bytes;  // Where the prefix of each level ends; may be empty.
};

// Whether a reader may wait for the disk.
enum class Waiting : uint8_t { kAllowed, kRefused };

// Reads one part of one frame. Every byte that it gives is checked against the frame's checksums.
// Belongs to one thread at a time; may outlive a change or deletion of its image set, and then
// either gives the frame's bytes or fails with kNotFound.
class FrameReader {
 public:
  virtual ~FrameReader() = default;
  virtual const FrameInfo& info() const = 0;
  // Copies at most out.size() bytes; 0 at the end. Errors: kCorrupt, kUnavailable, kNotFound, kBusy
  // (the bytes are not in memory, and waiting was refused).
  virtual Result<size_t> Read(std::span<char> out) = 0;
};

// What has happened to an image set, as it is about to be committed.
struct ImageSetChange {
  ImageSetProperties properties;
  std::string source_image_set_id;  // While copying into this one; else empty.
};

struct ImageSetsOptions {
  std::string data_store_id;
  std::string frames_folder;  // Of this data store alone; made when it is missing.
  size_t import_threads = 2;
  uint32_t imports_waiting_max = jobs::kWaitingMax;  // Jobs beyond the running one: kBusy.
  uint64_t import_pack_bytes_max = kPackBytesMax;
  uint32_t retry_pause_ms = 100;  // After a fault that may pass; doubles three times.
  // Quotas.
  uint32_t import_files_max = kImportFilesMax;
  uint64_t import_job_bytes_max = kImportJobBytesMax;
  uint64_t import_file_bytes_max = kImportFileBytesMax;
  uint32_t copy_frames_max = kCopyFramesMax;
  // Adds the event that reports the change to its batch. Must be quick, must not call back, and may
  // be called again for the same change.
  std::function<void(const ImageSetChange&, kv::Batch*)> record_change;
  // Called after changes of image sets were committed. May be empty.
  std::function<void()> committed;
};

class InstanceReader;    // image_store/instance_reader.h
struct ImageStoreState;  // internal/state.h

class ImageSets {
 public:
  struct Dependencies {  // All must outlive the object.
    kv::Store& kv;       // Opened with ImageStoreSchema().
    objects::ObjectStore& objects;
    const Clock& clock;
    RandomSource& random;
    MetricsRegistry& metrics;
    InstanceReader&
        reader;  // What turns a file into metadata and frames; knows the lossless format.
  };
  // Removes frame files that no commit refers to. Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<ImageSets>> Open(ImageSetsOptions options, Dependencies needs);
  // Ends the background thread; work that is not done is taken up by the next one.
  ~ImageSets();
  ImageSets(const ImageSets&) = delete;
  ImageSets& operator=(const ImageSets&) = delete;

  // A deleted image set still has properties. `version`: 0 is the latest. Errors: kNotFound.
  Result<ImageSetProperties> Get(std::string_view id, uint32_t version = 0) const;
  // `before`: older than this version only; 0: from the newest on. Errors: kNotFound.
  Result<VersionPage> ListVersions(std::string_view id, uint32_t before, uint32_t max) const;
  // While an image set is LOCKED its newest version gives what the one before gave.
  // Errors: kNotFound (also when it was deleted, or has no content yet), kCorrupt.
  Result<StoredMetadata> GetMetadata(std::string_view id, uint32_t version = 0) const;
  // Errors: kNotFound (image set, or no frame of it), kInvalid, kPreconditionFailed, kBusy (waiting
  // was refused, and the frame's file is not open).
  Result<std::unique_ptr<FrameReader>> OpenFrame(std::string_view id, std::string_view frame_id,
                                                 const FrameRange& range,
                                                 Waiting waiting = Waiting::kAllowed) const;
  // Errors: kInvalid.
  Result<SearchPage> Search(const SearchRequest& request) const;

  // The answers show LOCKED. Errors of all three: kNotFound (image set; a version that is not the
  // latest: kNotLatestMessage), kConflict (it is LOCKED), kInvalid, kTooLarge (limits.h), kBusy.
  // What only the content can tell (an attribute that may not be changed) ends the work as
  // UPDATE_FAILED or COPY_FAILED with ImageSetProperties::message.
  Result<ImageSetProperties> Update(std::string_view id, const UpdateRequest& request);
  Result<CopyOutcome> Copy(const CopyRequest& request);
  // Deleting what is deleted: kNotFound.
  Result<ImageSetProperties> Delete(std::string_view id);

  // Image sets that are not DELETED; what deleting a data store asks for. At most `max` are
  // counted.
  Result<uint64_t> Count(uint64_t max) const;

  // Queues a job; `RunImportJobs` works on it. `with` commits with it. `job_id`: chosen by the
  // caller (Queue::SubmitAs), or empty. Errors: kBusy, kConflict (the id, or a condition of
  // `with`).
  Result<jobs::Job> SubmitImport(const ImportRequest& request, kv::Batch with,
                                 std::string_view job_id = {});
  // Its jobs are of kind kImportKind. Events wait in its family, under "event/".
  jobs::Queue& queue();
  // Works on queued jobs until there is none left or `stop` answers true. One call at a time
  // (CHECK). A job that meets a fault of ours that may pass stays IN_PROGRESS and is taken up by
  // the next call. `changed`: called after every change of a job's state that was committed.
  using JobChanged = std::function<void(const jobs::Job&)>;
  void RunImportJobs(const std::function<bool()>& stop, const JobChanged& changed);

  // Waits until no change of an image set and no collection is left to do. For tests.
  void WaitUntilIdle();
  // Removes frames that nothing refers to any more, also without being asked from time to time.
  Status CollectFrames();
  struct FrameStats {
    uint64_t pack_files = 0;
    uint64_t file_bytes = 0;
    uint64_t live_bytes = 0;  // Of frames that something refers to.
  };
  Result<FrameStats> Frames() const;

 private:
  explicit ImageSets(std::unique_ptr<ImageStoreState> state);
  std::unique_ptr<ImageStoreState> state_;
};

}  // namespace tarn::image_store
