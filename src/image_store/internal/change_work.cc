// What the background thread does for a change: reads, edits, and makes the result visible in one
// commit that also removes the change.
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "dicom/metadata_edit.h"
#include "image_store/internal/background.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/set_changes.h"
#include "image_store/internal/tree_facts.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

// What the caller must change, as opposed to what may pass or is a fault of ours.
bool IsRefusal(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kConflict ||
         error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kTooLarge ||
         error.kind == ErrorKind::kUnsupported;
}

class ChangeWork {
 public:
  ChangeWork(ImageStoreState& state, ChangeRecord change)
      : state_(state), change_(std::move(change)), snapshot_(state.kv.GetSnapshot()) {}

  // Errors: kUnavailable, kCorrupt: the change stays and is tried again.
  Status Do() {
    for (const std::string& set : change_.sets) {
      TRY(SetRecord record, ReadSet(*snapshot_, set));
      after_.push_back(record);
      after_.back().latest.state = ImageSetState::kActive;
      after_.back().latest.updated_unix_ms = state_.clock.UnixMs();
      before_.push_back(std::move(record));
    }
    kv::Batch content;
    const Status made = Make(&content);
    if (!made.ok()) {
      // A damaged record must not keep its image set locked for ever.
      if (!IsRefusal(made.error()) && made.error().kind != ErrorKind::kCorrupt) return made.error();
      return Fail(made.error());
    }
    return Commit(std::move(content));
  }

 private:
  Status Make(kv::Batch* batch) {
    switch (change_.kind) {
      case ChangeKind::kUpdate:
        return change_.revert_to_version != 0 ? MakeRevert() : MakeUpdate(batch);
      case ChangeKind::kCopy:
        return MakeCopy(batch);
      case ChangeKind::kDelete:
        return MakeDelete(batch);
      case ChangeKind::kImport:
        break;
    }
    CHECK(false);
  }

  Status MakeUpdate(kv::Batch* batch) {
    TRY(const dicom::MetadataUpdates updates,
        dicom::ParseUpdates({change_.updatable_attributes, change_.removable_attributes}));
    for (size_t i = 0; i < before_.size(); ++i) {
      TRY(dicom::MetadataTree tree,
          ReadTree(*snapshot_, change_.sets[i], before_[i].metadata_version));
      TRY(dicom::ApplyUpdates(
          updates, {.force = change_.force, .is_primary = before_[i].latest.is_primary}, &tree));
      after_[i].latest.status = WorkflowStatus::kUpdated;
      TRY(AddContent(change_.sets[i], tree, &after_[i], batch));
    }
    return Ok();
  }

  Status MakeRevert() {
    TRY(const VersionRecord target,
        ReadVersion(*snapshot_, change_.sets[0], change_.revert_to_version));
    TRY(const dicom::MetadataTree tree,
        ReadTree(*snapshot_, change_.sets[0], target.metadata_version));
    after_[0].latest.status = WorkflowStatus::kUpdated;
    after_[0].metadata_version = target.metadata_version;
    after_[0].group = GroupOf(tree);
    after_[0].tags = TagsOf(tree);
    return Ok();
  }

  Status MakeCopy(kv::Batch* batch) {
    const std::string& destination = change_.sets[0];
    TRY(const dicom::MetadataTree source,
        ReadTree(*snapshot_, change_.sets[1], before_[1].metadata_version));
    dicom::MetadataTree merged(state_.options.data_store_id, SetIdText(destination));
    if (!change_.new_destination) {
      TRY(merged, ReadTree(*snapshot_, destination, before_[0].metadata_version));
    }
    TRY(const auto names, dicom::ParseCopySelection(change_.copiable_attributes));
    const uint64_t frames_before = FramesOf(merged);
    TRY(dicom::CopyInstances(source, names, {.force = change_.force}, &merged));
    if (FramesOf(merged) - frames_before > state_.options.copy_frames_max) {
      return Error{ErrorKind::kTooLarge, "more image frames than a copy may have"};
    }
    TRY(AddContent(destination, merged, &after_[0], batch));
    TRY(const std::vector<std::string> units, UnitsOf(merged));
    AddReferences(destination, units, batch);
    TRY(CheckPrimary());
    after_[0].latest.status = WorkflowStatus::kCopied;
    after_[1].latest.status = WorkflowStatus::kCopied;
    return Ok();
  }

  // A series has one primary image set.
  Status CheckPrimary() const {
    if (!after_[0].latest.is_primary || !change_.new_destination) return Ok();
    std::string value;
    TRY(const bool taken,
        snapshot_->Get(kPrimary, PrimaryOfSeriesKey(after_[0].group.series_instance_uid), &value));
    if (!taken) return Ok();
    return Error{ErrorKind::kConflict, "the series has a primary image set"};
  }

  Status MakeDelete(kv::Batch* batch) {
    const std::string& set = change_.sets[0];
    const auto metadata = snapshot_->Scan(kMetadata, kv::PrefixRange(set));
    for (; metadata->Valid(); metadata->Next()) batch->Delete(kMetadata, metadata->key());
    TRY(metadata->status());
    const auto held = snapshot_->Scan(kReference, kv::PrefixRange(HeldPrefix(set)));
    for (; held->Valid(); held->Next()) {
      const std::string_view unit = held->key().substr(HeldPrefix(set).size());
      batch->Delete(kReference, held->key());
      batch->Delete(kReference, HolderKey(unit, set));
      batch->Put(kWork, DeadUnitKey(unit), {});
    }
    TRY(held->status());
    batch->Delete(kAccess, set);
    SetRecord& after = after_[0];
    after.latest.state = ImageSetState::kDeleted;
    after.latest.status = WorkflowStatus::kDeleted;
    after.latest.deleted_unix_ms = after.latest.updated_unix_ms;
    after.metadata_version = 0;
    after.tags = {};  // A tombstone holds nothing of the patient.
    after.group = {};
    return Ok();
  }

  Status Fail(const Error& error) {
    LogInfo("a change of an image set failed",
            {{"image_set", SetIdText(change_.sets[0])}, {"reason", error.detail}});
    const std::string message =
        MessageText((IsRefusal(error) ? "INVALID_REQUEST: " : "INTERNAL_ERROR: ") + error.detail);
    const bool copy = change_.kind == ChangeKind::kCopy;
    for (size_t i = 0; i < after_.size(); ++i) {
      SetRecord failed = before_[i];
      failed.latest.state = ImageSetState::kActive;
      failed.latest.updated_unix_ms = state_.clock.UnixMs();
      failed.latest.status = copy ? WorkflowStatus::kCopyFailed : WorkflowStatus::kUpdateFailed;
      failed.latest.message = message;
      if (copy && i == 0 && change_.new_destination) {
        failed.latest.state = ImageSetState::kDeleted;  // It never had any content.
        failed.latest.deleted_unix_ms = failed.latest.updated_unix_ms;
      }
      after_[i] = std::move(failed);
    }
    return Commit({});
  }

  Status Commit(kv::Batch batch) {
    for (size_t i = 0; i < after_.size(); ++i) {
      SetChange change{.set = change_.sets[i],
                       .before = &before_[i],
                       .after = after_[i],
                       .source_image_set_id = {}};
      if (change_.kind == ChangeKind::kCopy && i == 0) {
        change.source_image_set_id = SetIdText(change_.sets[1]);
      }
      AddSetChange(state_, std::move(change), &batch);
    }
    batch.Delete(kWork, ChangeKey(change_.sets[0]));
    TRY(state_.kv.Commit(batch));
    return Ok();
  }

  static uint64_t FramesOf(const dicom::MetadataTree& tree) {
    uint64_t count = 0;
    for (const auto& [series_uid, series] : tree.series()) {
      for (const auto& [sop_uid, text] : series.instances) {
        const auto pixels = tree.Pixels(series_uid, sop_uid);
        if (pixels.ok()) count += pixels.value().frames.size();
      }
    }
    return count;
  }

  ImageStoreState& state_;
  const ChangeRecord change_;
  const std::unique_ptr<kv::Snapshot> snapshot_;
  std::vector<SetRecord> before_;
  std::vector<SetRecord> after_;
};

}  // namespace

Status DoChanges(ImageStoreState& state) {
  std::vector<ChangeRecord> changes;
  {
    const auto snapshot = state.kv.GetSnapshot();
    const auto cursor = snapshot->Scan(kWork, kv::PrefixRange(ChangePrefix()));
    for (; cursor->Valid(); cursor->Next()) {
      TRY(ChangeRecord change, DecodeChange(cursor->value()));
      if (change.kind != ChangeKind::kImport) changes.push_back(std::move(change));
    }
    TRY(cursor->status());
  }
  Status worst = Ok();
  for (ChangeRecord& change : changes) {
    const Status done = ChangeWork(state, std::move(change)).Do();
    if (!done.ok()) worst = done.error();  // The others need not wait for it.
  }
  return worst;
}

}  // namespace tarn::image_store
