// Calls that change image sets: what can be told at once is checked here, the versions are made as
// LOCKED, and the work is left to the background thread (internal/change_work.cc).
#include <utility>

#include "base/check.h"
#include "dicom/metadata_edit.h"
#include "image_store/image_sets.h"
#include "image_store/internal/background.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/set_changes.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {
namespace {

// An image set as it is found and as it will be.
struct Locked {
  std::string set;
  std::optional<SetRecord> before;  // Empty: it is made.
  SetRecord after;
};

Status CheckUnlocked(const SetRecord& record) {
  if (record.latest.state == ImageSetState::kDeleted) return NotFound("the image set was deleted");
  if (record.latest.state == ImageSetState::kLocked) {
    return Error{ErrorKind::kConflict, "the image set is LOCKED: a change of it is in progress"};
  }
  return Ok();
}

// Errors: kNotFound, kConflict.
Result<Locked> FindUnlocked(const kv::Snapshot& snapshot, std::string_view set) {
  Locked locked;
  locked.set = set;
  TRY(locked.before, ReadSet(snapshot, set));
  TRY(CheckUnlocked(*locked.before));
  locked.after = *locked.before;
  return locked;
}

Status CheckLatest(const Locked& locked, uint32_t version) {
  if (locked.before->latest.version == version) return Ok();
  return NotFound(std::string(kNotLatestMessage));
}

void Lock(WorkflowStatus status, int64_t now, Locked* locked) {
  locked->after.latest.state = ImageSetState::kLocked;
  locked->after.latest.status = status;
  locked->after.latest.updated_unix_ms = now;
  locked->after.latest.message.clear();  // Of an earlier change that failed.
}

// The same with a version of its own.
Status LockNext(WorkflowStatus status, int64_t now, bool force, Locked* locked) {
  if (locked->after.latest.version >= kVersionsMax) {
    return Error{ErrorKind::kTooLarge, "the image set has too many versions"};
  }
  ++locked->after.latest.version;
  locked->after.latest.forced = force;
  Lock(status, now, locked);
  return Ok();
}

Status CheckInFlight(const kv::Snapshot& snapshot) {
  const auto cursor = snapshot.Scan(kWork, kv::PrefixRange(ChangePrefix()));
  uint32_t count = 0;
  for (; cursor->Valid() && count < kChangesInFlightMax; cursor->Next()) ++count;
  TRY(cursor->status());
  if (count < kChangesInFlightMax) return Ok();
  return Error{ErrorKind::kBusy, "too many changes of image sets are in progress"};
}

// Commits what `plan` makes of the present state, again when another change came first.
struct Plan {
  std::vector<Locked> sets;
  ChangeRecord change;
};
Result<std::vector<Locked>> Begin(
    ImageStoreState& state, const std::function<Result<Plan>(const kv::Snapshot& snapshot)>& plan) {
  for (int attempt = 1;; ++attempt) {
    const auto snapshot = state.kv.GetSnapshot();
    TRY(CheckInFlight(*snapshot));
    TRY(Plan made, plan(*snapshot));
    kv::Batch batch;
    for (const Locked& one : made.sets) {
      made.change.sets.push_back(one.set);
      SetChange change{
          .set = one.set, .before = nullptr, .after = one.after, .source_image_set_id = {}};
      if (one.before.has_value()) change.before = &*one.before;
      if (made.change.kind == ChangeKind::kCopy && made.change.sets.size() == 1) {
        change.source_image_set_id = SetIdText(made.sets.back().set);
      }
      AddSetChange(state, std::move(change), &batch);
    }
    batch.Put(kWork, ChangeKey(made.change.sets.front()), EncodeChange(made.change));
    const auto committed = state.kv.Commit(batch);
    if (committed.ok()) {
      state.WakeBackground();
      return std::move(made.sets);
    }
    if (committed.error().kind != ErrorKind::kConflict || attempt == kCommitAttemptsMax) {
      return committed.error();
    }
  }
}

// Errors: kInvalid, kTooLarge.
Status CheckUpdate(const UpdateRequest& request) {
  const bool changes =
      !request.updatable_attributes.empty() || !request.removable_attributes.empty();
  const bool reverts = request.revert_to_version != 0;
  if (changes == reverts) {
    return Invalid("either revertToVersionId or DICOMUpdates must be given, and not both");
  }
  if (reverts && request.include_study_image_sets) {
    return Invalid("includeStudyImageSets cannot be combined with revertToVersionId");
  }
  if (reverts) return Ok();
  TRY(const dicom::MetadataUpdates updates,
      dicom::ParseUpdates({request.updatable_attributes, request.removable_attributes}));
  if (request.include_study_image_sets && updates.addresses_series) {
    return Invalid("with includeStudyImageSets only Patient and Study attributes can be changed");
  }
  return Ok();
}

// The other primary image sets of the study.
Status AddStudy(const kv::Snapshot& snapshot, int64_t now, std::vector<Locked>* sets) {
  const std::string study = sets->front().before->group.study_instance_uid;
  const auto cursor = snapshot.Scan(kPrimary, kv::PrefixRange(PrimaryOfStudyPrefix(study)));
  for (; cursor->Valid(); cursor->Next()) {
    if (cursor->value() == sets->front().set) continue;
    if (sets->size() == kStudyImageSetsMax) {
      return Error{ErrorKind::kTooLarge, "the study has too many image sets"};
    }
    TRY(Locked one, FindUnlocked(snapshot, cursor->value()));
    TRY(LockNext(WorkflowStatus::kUpdatingForStudyConsistency, now, false, &one));
    sets->push_back(std::move(one));
  }
  return cursor->status();
}

}  // namespace

Result<ImageSetProperties> ImageSets::Update(std::string_view id, const UpdateRequest& request) {
  TRY(const std::string set, PackSetId(id));
  TRY(CheckUpdate(request));
  const int64_t now = state_->clock.UnixMs();
  TRY(const auto sets, Begin(*state_, [&](const kv::Snapshot& snapshot) -> Result<Plan> {
        Plan plan;
        TRY(Locked lead, FindUnlocked(snapshot, set));
        TRY(CheckLatest(lead, request.latest_version));
        const bool is_primary = lead.before->latest.is_primary;
        if (request.force && is_primary) return Invalid("force is for non-primary image sets only");
        if (request.include_study_image_sets && !is_primary) {
          return Invalid("includeStudyImageSets is for primary image sets only");
        }
        if (request.revert_to_version != 0) {
          TRY(ReadVersion(snapshot, set, request.revert_to_version));
        }
        TRY(LockNext(WorkflowStatus::kUpdating, now, request.force, &lead));
        plan.sets.push_back(std::move(lead));
        if (request.include_study_image_sets) TRY(AddStudy(snapshot, now, &plan.sets));
        plan.change.kind = ChangeKind::kUpdate;
        plan.change.force = request.force;
        plan.change.revert_to_version = request.revert_to_version;
        plan.change.updatable_attributes = request.updatable_attributes;
        plan.change.removable_attributes = request.removable_attributes;
        return plan;
      }));
  state_->access_times.Touch(set, now);
  return PropertiesOf(*state_, set, sets.front().after);
}

Result<CopyOutcome> ImageSets::Copy(const CopyRequest& request) {
  TRY(const std::string source_set, PackSetId(request.source_id));
  const bool is_new = request.destination_id.empty();
  if (!is_new && request.promote_to_primary) {
    return Invalid("promoteToPrimary cannot be combined with a destination image set");
  }
  if (request.destination_id == request.source_id) {
    return Invalid("source and destination are the same image set");
  }
  TRY(dicom::ParseCopySelection(request.copiable_attributes));
  std::string destination_set;
  if (is_new) {
    TRY(destination_set, PackSetId(NewHexId(state_->random)));
  } else {
    TRY(destination_set, PackSetId(request.destination_id));
  }
  const int64_t now = state_->clock.UnixMs();
  TRY(const auto sets, Begin(*state_, [&](const kv::Snapshot& snapshot) -> Result<Plan> {
        Plan plan;
        TRY(Locked source, FindUnlocked(snapshot, source_set));
        TRY(CheckLatest(source, request.source_latest_version));
        if (request.promote_to_primary && source.before->latest.is_primary) {
          return Invalid("the source is a primary image set already");
        }
        Locked destination;
        destination.set = destination_set;
        if (!is_new) {
          TRY(destination, FindUnlocked(snapshot, destination_set));
          TRY(CheckLatest(destination, request.destination_latest_version));
        } else {
          destination.after.latest.created_unix_ms = now;
          destination.after.latest.is_primary = request.promote_to_primary;
        }
        TRY(LockNext(WorkflowStatus::kCopying, now, request.force, &destination));
        Lock(WorkflowStatus::kCopyingWithReadOnlyAccess, now, &source);
        plan.sets = {std::move(destination), std::move(source)};
        plan.change.kind = ChangeKind::kCopy;
        plan.change.force = request.force;
        plan.change.new_destination = is_new;
        plan.change.copiable_attributes = request.copiable_attributes;
        return plan;
      }));
  state_->access_times.Touch(source_set, now);
  return CopyOutcome{PropertiesOf(*state_, source_set, sets.back().after),
                     PropertiesOf(*state_, destination_set, sets.front().after)};
}

Result<ImageSetProperties> ImageSets::Delete(std::string_view id) {
  TRY(const std::string set, PackSetId(id));
  const int64_t now = state_->clock.UnixMs();
  TRY(const auto sets, Begin(*state_, [&](const kv::Snapshot& snapshot) -> Result<Plan> {
        Plan plan;
        TRY(Locked one, FindUnlocked(snapshot, set));
        Lock(WorkflowStatus::kDeleting, now, &one);
        plan.sets.push_back(std::move(one));
        plan.change.kind = ChangeKind::kDelete;
        return plan;
      }));
  return PropertiesOf(*state_, set, sets.front().after);
}

void ImageSets::WaitUntilIdle() {
  state_->WakeBackground();
  MutexLock lock(state_->mutex);
  while (state_->work_due || state_->working) state_->changed.Wait(state_->mutex);
}

}  // namespace tarn::image_store
