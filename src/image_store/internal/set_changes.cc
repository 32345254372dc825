#include "image_store/internal/set_changes.h"

#include <utility>

#include "base/bytes.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/search_index.h"
#include "image_store/internal/tree_facts.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

Error NoSuchSet() { return NotFound("there is no such image set"); }

// The keys that say which image set is the primary one of its series.
std::vector<std::string> PrimaryKeys(const SetRecord* record) {
  if (record == nullptr || !record->latest.is_primary || record->metadata_version == 0 ||
      record->latest.state == ImageSetState::kDeleted) {
    return {};
  }
  return {PrimaryOfSeriesKey(record->group.series_instance_uid),
          PrimaryOfStudyKey(record->group.study_instance_uid, record->group.series_instance_uid)};
}

void AddIndexChange(const ImageStoreState& state, const SetChange& change, kv::Batch* batch) {
  IndexKeys before;
  if (change.before != nullptr) before = KeysOf(state.hash, change.set, *change.before);
  const IndexKeys after = KeysOf(state.hash, change.set, change.after);
  if (before.keys == after.keys && before.value == after.value) return;
  for (const std::string& key : before.keys) batch->Delete(kIndex, key);
  for (const std::string& key : after.keys) batch->Put(kIndex, key, after.value);
}

bool IsAllowedInMessage(char c) {
  return (c >= ' ' && c <= ':') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

Result<SetRecord> ReadSet(const kv::Snapshot& snapshot, std::string_view set) {
  std::string value;
  TRY(const bool found, snapshot.Get(kSet, set, &value));
  if (!found) return NoSuchSet();
  return DecodeSet(value);
}

Result<VersionRecord> ReadVersion(const kv::Snapshot& snapshot, std::string_view set,
                                  uint32_t version) {
  std::string value;
  TRY(const bool found, snapshot.Get(kVersion, VersionKey(set, version), &value));
  if (!found) return NotFound("there is no such version of the image set");
  return DecodeVersion(value);
}

Result<std::string> ReadMetadata(const kv::Snapshot& snapshot, std::string_view set,
                                 uint32_t metadata_version) {
  if (metadata_version == 0) return NotFound("the image set has no content yet");
  std::string value;
  TRY(const bool found, snapshot.Get(kMetadata, VersionKey(set, metadata_version), &value));
  if (!found) return Error{ErrorKind::kCorrupt, "the stored metadata of a version is missing"};
  return value;
}

Result<dicom::MetadataTree> ReadTree(const kv::Snapshot& snapshot, std::string_view set,
                                     uint32_t metadata_version) {
  TRY(const std::string gzip, ReadMetadata(snapshot, set, metadata_version));
  return dicom::MetadataTree::FromGzip(gzip);
}

void AddSetChange(const ImageStoreState& state, SetChange change, kv::Batch* batch) {
  SetRecord& after = change.after;
  if (change.before == nullptr) {
    after.revision = 1;
    batch->ExpectAbsent(kSet, change.set);
  } else {
    after.revision = change.before->revision + 1;
    batch->ExpectRevision(kSet, change.set, change.before->revision);
  }
  batch->Put(kSet, change.set, EncodeSet(after));
  batch->Put(kVersion, VersionKey(change.set, after.latest.version),
             EncodeVersion({after.latest, after.metadata_version}));
  AddIndexChange(state, change, batch);
  const std::vector<std::string> primary_before = PrimaryKeys(change.before);
  const std::vector<std::string> primary_after = PrimaryKeys(&after);
  if (primary_before != primary_after) {
    // A series has one primary image set: two that become it at once conflict.
    if (primary_before.empty()) batch->ExpectAbsent(kPrimary, primary_after.front());
    for (const std::string& key : primary_before) batch->Delete(kPrimary, key);
    for (const std::string& key : primary_after) batch->Put(kPrimary, key, change.set);
  }
  if (state.options.record_change) {
    state.options.record_change(
        {PropertiesOf(state, change.set, after), change.source_image_set_id}, batch);
  }
}

Status AddContent(std::string_view set, const dicom::MetadataTree& tree, SetRecord* record,
                  kv::Batch* batch) {
  TRY(const std::string gzip, tree.ToGzip());
  record->metadata_version = record->latest.version;
  record->group = GroupOf(tree);
  record->tags = TagsOf(tree);
  batch->Put(kMetadata, VersionKey(set, record->metadata_version), gzip);
  return Ok();
}

void AddReferences(std::string_view set, const std::vector<std::string>& units, kv::Batch* batch) {
  for (const std::string& unit : units) {
    batch->Put(kReference, HeldKey(set, unit), {});
    batch->Put(kReference, HolderKey(unit, set), {});
  }
}

ImageSetProperties PropertiesOf(const ImageStoreState& state, std::string_view set,
                                const SetRecord& record) {
  ImageSetProperties properties = record.latest;
  properties.image_set_id = SetIdText(set);
  properties.last_accessed_unix_ms = state.access_times.Find(set);
  return properties;
}

std::string MessageText(std::string_view detail) {
  std::string text(detail.substr(0, kMessageBytesMax));
  for (char& c : text) {
    if (!IsAllowedInMessage(c)) c = '.';
  }
  return text;
}

}  // namespace tarn::image_store
