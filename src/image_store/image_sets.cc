#include "image_store/image_sets.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"
#include "image_store/internal/background.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/set_changes.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {
namespace {

// The key of the index's hashes. It needs no secret: results are compared with the record.
std::string HashKeyOf(std::string_view data_store_id) {
  return crypto::Sha256("tarn image index " + std::string(data_store_id))
      .substr(0, crypto::kSipKeyBytes);
}

Result<bool> HasPack(const kv::Snapshot& snapshot, std::string_view pack) {
  std::string value;
  return snapshot.Get(kPack, pack, &value);
}

// What is in memory about accesses, or else what was written down.
Status FillAccess(const kv::Snapshot& snapshot, std::string_view set,
                  ImageSetProperties* properties) {
  if (properties->last_accessed_unix_ms != 0) return Ok();
  std::string value;
  TRY(const bool found, snapshot.Get(kAccess, set, &value));
  if (found && value.size() == 8) {
    properties->last_accessed_unix_ms = static_cast<int64_t>(LoadBe64(value));
  }
  return Ok();
}

}  // namespace

kv::Schema ImageStoreSchema() {
  return {{
      {.name = "document"},
      {.name = "job"},
      {.name = "set", .point_lookups = true},
      {.name = "version"},
      {.name = "metadata", .values_compressed = true, .point_lookups = true},
      {.name = "frame", .point_lookups = true},
      {.name = "unit", .point_lookups = true},
      {.name = "reference", .point_lookups = true},
      {.name = "pack"},
      {.name = "index"},
      {.name = "primary"},
      {.name = "staging"},
      {.name = "work"},
      {.name = "access"},
  }};
}

void AccessTimes::Touch(std::string_view set, int64_t unix_ms) {
  MutexLock lock(mutex_);
  touched_[std::string(set)] = unix_ms;
}

int64_t AccessTimes::Find(std::string_view set) const {
  MutexLock lock(mutex_);
  const auto found = touched_.find(std::string(set));
  return found == touched_.end() ? 0 : found->second;
}

Status AccessTimes::Flush(kv::Store& kv) {
  std::unordered_map<std::string, int64_t> touched;
  {
    MutexLock lock(mutex_);
    touched = touched_;
  }
  if (touched.empty()) return Ok();
  kv::Batch batch;
  for (const auto& [set, unix_ms] : touched) {
    std::string value;
    AppendBe64(&value, static_cast<uint64_t>(unix_ms));
    batch.Put(kAccess, set, value);
  }
  TRY(kv.Commit(batch));
  MutexLock lock(mutex_);
  for (const auto& [set, unix_ms] : touched) {
    const auto found = touched_.find(set);
    if (found != touched_.end() && found->second == unix_ms) touched_.erase(found);
  }
  return Ok();
}

ImageStoreState::ImageStoreState(ImageSetsOptions options_in, const ImageSets::Dependencies& needs,
                                 PackFolder packs_in)
    : options(std::move(options_in)),
      kv(needs.kv),
      objects(needs.objects),
      clock(needs.clock),
      random(needs.random),
      reader(needs.reader),
      packs(std::move(packs_in)),
      open_packs(packs),
      hash(HashKeyOf(options.data_store_id)),
      queue(needs.kv, kJob, needs.clock, needs.random, options.imports_waiting_max),
      imported_total(needs.metrics.GetCounter("tarn_dicom_instances_imported_total",
                                              "DICOM instances imported.")),
      failed_total(needs.metrics.GetCounter("tarn_dicom_files_failed_total",
                                            "Input files of DICOM imports that failed.")) {}

void ImageStoreState::WakeBackground() {
  if (options.committed) options.committed();
  MutexLock lock(mutex);
  work_due = true;
  changed.NotifyAll();
}

Result<std::unique_ptr<ImageSets>> ImageSets::Open(ImageSetsOptions options, Dependencies needs) {
  TRY(PackFolder packs, PackFolder::Open(options.frames_folder));
  auto state = std::make_unique<ImageStoreState>(std::move(options), needs, std::move(packs));
  {
    const auto snapshot = state->kv.GetSnapshot();
    TRY(state->packs.RemoveOrphans(
        [&snapshot](std::string_view pack) { return HasPack(*snapshot, pack); }));
  }
  state->background = std::thread([raw = state.get()] { RunBackground(*raw); });
  return std::unique_ptr<ImageSets>(new ImageSets(std::move(state)));
}

ImageSets::ImageSets(std::unique_ptr<ImageStoreState> state) : state_(std::move(state)) {}

ImageSets::~ImageSets() {
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.NotifyAll();
  }
  state_->background.join();
}

jobs::Queue& ImageSets::queue() { return state_->queue; }

Result<ImageSetProperties> ImageSets::Get(std::string_view id, uint32_t version) const {
  TRY(const std::string set, PackSetId(id));
  const auto snapshot = state_->kv.GetSnapshot();
  TRY(const SetRecord record, ReadSet(*snapshot, set));
  ImageSetProperties properties = PropertiesOf(*state_, set, record);
  if (version != 0 && version != record.latest.version) {
    TRY(VersionRecord older, ReadVersion(*snapshot, set, version));
    older.properties.image_set_id = properties.image_set_id;
    older.properties.last_accessed_unix_ms = properties.last_accessed_unix_ms;
    properties = std::move(older.properties);
  }
  TRY(FillAccess(*snapshot, set, &properties));
  return properties;
}

Result<VersionPage> ImageSets::ListVersions(std::string_view id, uint32_t before,
                                            uint32_t max) const {
  if (max == 0) return Invalid("maxResults is at least 1");
  TRY(const std::string set, PackSetId(id));
  const auto snapshot = state_->kv.GetSnapshot();
  TRY(const SetRecord record, ReadSet(*snapshot, set));
  kv::KeyRange range = kv::PrefixRange(set);
  if (before != 0) range.end = VersionKey(set, before);
  const auto cursor = snapshot->Scan(kVersion, range, kv::Direction::kReverse);
  VersionPage page;
  for (; cursor->Valid(); cursor->Next()) {
    if (page.versions.size() == max) {
      page.next_before = page.versions.back().version;
      return page;
    }
    TRY(VersionRecord version, DecodeVersion(cursor->value()));
    version.properties.image_set_id = SetIdText(set);
    page.versions.push_back(std::move(version.properties));
  }
  TRY(cursor->status());
  return page;
}

Result<StoredMetadata> ImageSets::GetMetadata(std::string_view id, uint32_t version) const {
  TRY(const std::string set, PackSetId(id));
  const auto snapshot = state_->kv.GetSnapshot();
  TRY(const SetRecord record, ReadSet(*snapshot, set));
  if (record.latest.state == ImageSetState::kDeleted) return NotFound("the image set was deleted");
  uint32_t metadata_version = record.metadata_version;
  if (version != 0 && version != record.latest.version) {
    TRY(const VersionRecord older, ReadVersion(*snapshot, set, version));
    metadata_version = older.metadata_version;
  }
  TRY(std::string gzip, ReadMetadata(*snapshot, set, metadata_version));
  state_->access_times.Touch(set, state_->clock.UnixMs());
  return StoredMetadata{std::move(gzip), version != 0 ? version : record.latest.version};
}

Result<uint64_t> ImageSets::Count(uint64_t max) const {
  const auto snapshot = state_->kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kSet, {});
  uint64_t count = 0;
  for (; cursor->Valid() && count < max; cursor->Next()) {
    TRY(const SetRecord record, DecodeSet(cursor->value()));
    if (record.latest.state != ImageSetState::kDeleted) ++count;
  }
  TRY(cursor->status());
  return count;
}

Result<ImageSets::FrameStats> ImageSets::Frames() const {
  const auto snapshot = state_->kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kPack, {});
  FrameStats stats;
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const PackRecord pack, DecodePack(cursor->value()));
    ++stats.pack_files;
    stats.file_bytes += pack.file_bytes;
    stats.live_bytes += pack.live_bytes;
  }
  TRY(cursor->status());
  return stats;
}

}  // namespace tarn::image_store
