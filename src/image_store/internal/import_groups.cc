#include "image_store/internal/import_groups.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "image_store/internal/families.h"
#include "image_store/internal/import_stage.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/set_changes.h"
#include "image_store/internal/tree_facts.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

// One text for the seven attributes: equal exactly when they are.
std::string GroupKey(const GroupAttributes& group) {
  std::string key;
  for (const std::string* text :
       {&group.study_date, &group.accession_number, &group.patient_id, &group.study_instance_uid,
        &group.study_id, &group.series_instance_uid, &group.series_number}) {
    key += std::to_string(text->size());
    key += ':';
    key += *text;
  }
  return key;
}

// Where a group goes.
struct Target {
  std::string set;
  std::optional<SetRecord> before;  // Empty: a new image set.
  SetRecord after;
  bool locked_by_us = false;  // An earlier attempt of this job locked it.
};

Error StaysLocked() {
  return {ErrorKind::kBusy, "an image set that the import adds to stays LOCKED"};
}

class GroupSettler {
 public:
  GroupSettler(ImageStoreState& state, const jobs::Job& job, ImportCheckpoint* checkpoint)
      : state_(state), job_(job), checkpoint_(*checkpoint) {}

  // Errors: as SettleGroups; kTimeout when `stop` ended it.
  Status Settle(const ImportGroup& group, const std::function<bool()>& stop) {
    for (int attempt = 1;; ++attempt) {
      Status settled = SettleOnce(group, stop);
      if (!settled.ok() && IsOfTheGroup(settled.error())) return Fail(group, settled.error());
      if (settled.ok() || settled.error().kind != ErrorKind::kConflict ||
          attempt == kCommitAttemptsMax) {
        return settled;
      }
      // Another change came first: look again. Or this one did: a write whose failure was reported
      // may have been made.
      TRY(const bool done, IsSettled(group));
      if (done) return Ok();
    }
  }

 private:
  Status SettleOnce(const ImportGroup& group, const std::function<bool()>& stop) {
    TRY(Target target, FindTarget(group, stop));
    if (target.before.has_value() && !target.locked_by_us) TRY(Lock(&target));
    const auto snapshot = state_.kv.GetSnapshot();
    dicom::MetadataTree tree(state_.options.data_store_id, SetIdText(target.set));
    if (target.before.has_value()) {
      TRY(tree, ReadTree(*snapshot, target.set, target.before->metadata_version));
    }
    GroupOutcome outcome;
    kv::Batch batch;
    TRY(const std::vector<std::string> units,
        AddInstances(*snapshot, group, &tree, &outcome, &batch));
    const bool changed = outcome.instances > 0;
    if (!changed && !target.before.has_value()) return CommitOutcome(group, outcome, &batch);
    target.after.latest.state = ImageSetState::kActive;
    target.after.latest.status =
        target.before.has_value()
            ? (changed ? WorkflowStatus::kImported : WorkflowStatus::kImportFailed)
            : WorkflowStatus::kCreated;
    target.after.latest.updated_unix_ms = state_.clock.UnixMs();
    if (changed) {
      TRY(AddContent(target.set, tree, &target.after, &batch));
      AddReferences(target.set, units, &batch);
      outcome.set = target.set;
      outcome.version = target.after.latest.version;
      outcome.is_primary = target.after.latest.is_primary;
    } else {
      target.after.latest.message = "no instance could be added";
    }
    SetChange change{.set = target.set,
                     .before = target.before.has_value() ? &*target.before : nullptr,
                     .after = target.after,
                     .source_image_set_id = {}};
    AddSetChange(state_, std::move(change), &batch);
    if (target.before.has_value()) batch.Delete(kWork, ChangeKey(target.set));
    return CommitOutcome(group, outcome, &batch);
  }

  // What is stored of the image set cannot be read, or cannot take more: the other groups can go
  // on.
  static bool IsOfTheGroup(const Error& error) {
    return error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kNotFound ||
           error.kind == ErrorKind::kTooLarge || error.kind == ErrorKind::kInvalid;
  }

  // Every file of the group failed; an image set that is locked for it is free again.
  Status Fail(const ImportGroup& group, const Error& error) {
    LogError("import of a group failed", {{"job", job_.id}, {"reason", error.detail}});
    const bool damaged = error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kNotFound;
    const std::string message =
        (damaged ? "what is stored of the image set cannot be read: " : "") + error.detail;
    const NoteKind kind = damaged ? NoteKind::kServerFailure : NoteKind::kFailure;
    const auto snapshot = state_.kv.GetSnapshot();
    GroupOutcome outcome;
    kv::Batch batch;
    for (const uint32_t number : group.files) {
      outcome.notes.push_back({number, kind, message});
      TRY(const StagedFile file, ReadStaged(*snapshot, number));
      if (!file.unit.empty()) batch.Put(kWork, DeadUnitKey(file.unit), {});
    }
    TRY(AddRelease(state_, job_, message, &batch));
    return CommitOutcome(group, outcome, &batch);
  }

  Result<StagedFile> ReadStaged(const kv::Snapshot& snapshot, uint32_t number) const {
    std::string value;
    TRY(const bool found, snapshot.Get(kStaging, StagingKey(job_.id, number), &value));
    if (!found) return Error{ErrorKind::kCorrupt, "a staged file is missing"};
    return DecodeStaged(value);
  }

  Result<bool> IsSettled(const ImportGroup& group) const {
    std::string value;
    return state_.kv.GetSnapshot()->Get(kStaging, OutcomeKey(job_.id, group.files.front()), &value);
  }

  // The primary image set of the series when it agrees, else a new one. Waits while it is LOCKED.
  Result<Target> FindTarget(const ImportGroup& group, const std::function<bool()>& stop) {
    for (int waits = 0; waits < kImportLockedWaitsMax; ++waits) {
      if (stop()) return Error{ErrorKind::kTimeout, "stopped"};
      const auto snapshot = state_.kv.GetSnapshot();
      std::string set;
      TRY(const bool has_primary,
          snapshot->Get(kPrimary, PrimaryOfSeriesKey(group.attributes.series_instance_uid), &set));
      if (!has_primary) return NewTarget(true);
      TRY(SetRecord record, ReadSet(*snapshot, set));
      if (!(record.group == group.attributes)) return NewTarget(false);
      Target target{.set = set, .before = record, .after = record, .locked_by_us = false};
      if (record.latest.state == ImageSetState::kActive) return target;
      TRY(target.locked_by_us, IsLockedByUs(*snapshot, set));
      if (target.locked_by_us) return target;
      state_.WakeBackground();
      std::this_thread::sleep_for(std::chrono::milliseconds(kImportLockedPauseMs));
    }
    return StaysLocked();
  }

  Result<Target> NewTarget(bool is_primary) {
    Target target;
    TRY(target.set, PackSetId(NewHexId(state_.random)));
    target.after.latest.version = 1;
    target.after.latest.created_unix_ms = state_.clock.UnixMs();
    target.after.latest.is_primary = is_primary;
    return target;
  }

  Result<bool> IsLockedByUs(const kv::Snapshot& snapshot, std::string_view set) const {
    std::string value;
    TRY(const bool found, snapshot.Get(kWork, ChangeKey(set), &value));
    if (!found) return false;
    TRY(const ChangeRecord change, DecodeChange(value));
    return change.kind == ChangeKind::kImport && change.job == job_.id;
  }

  // The next version, LOCKED; committed.
  Status Lock(Target* target) {
    if (target->before->latest.version >= kVersionsMax) {
      return Error{ErrorKind::kTooLarge, "the image set has too many versions"};
    }
    SetRecord locked = *target->before;
    ++locked.latest.version;
    locked.latest.state = ImageSetState::kLocked;
    locked.latest.status = WorkflowStatus::kImporting;
    locked.latest.updated_unix_ms = state_.clock.UnixMs();
    locked.latest.message.clear();
    locked.latest.forced = false;
    kv::Batch batch;
    SetChange change{
        .set = target->set, .before = &*target->before, .after = locked, .source_image_set_id = {}};
    AddSetChange(state_, std::move(change), &batch);
    ChangeRecord mark;
    mark.kind = ChangeKind::kImport;
    mark.sets = {target->set};
    mark.job = job_.id;
    batch.Put(kWork, ChangeKey(target->set), EncodeChange(mark));
    TRY(Commit(&batch));
    locked.revision = target->before->revision + 1;
    target->before = locked;
    target->after = std::move(locked);
    return Ok();
  }

  // Adds the group's files to the tree; gives the units that it now has from them. Of two files
  // with one SOP Instance UID the later one stays.
  Result<std::vector<std::string>> AddInstances(const kv::Snapshot& snapshot,
                                                const ImportGroup& group, dicom::MetadataTree* tree,
                                                GroupOutcome* outcome, kv::Batch* batch) {
    std::map<std::string, std::string> unit_of_instance;
    for (const uint32_t number : group.files) {
      TRY(const StagedFile file, ReadStaged(snapshot, number));
      const auto added = tree->Add(file.metadata);
      if (!added.ok()) {
        outcome->notes.push_back({number, NoteKind::kFailure, added.error().detail});
        if (!file.unit.empty()) batch->Put(kWork, DeadUnitKey(file.unit), {});
        continue;
      }
      if (!added.value().coerced.empty()) {
        outcome->notes.push_back(
            {number, NoteKind::kCoercion, CoercionText(added.value().coerced)});
      }
      std::string& unit = unit_of_instance[file.metadata.sop_instance_uid];
      if (!unit.empty()) batch->Put(kWork, DeadUnitKey(unit), {});
      unit = file.unit;
    }
    outcome->instances = static_cast<uint32_t>(unit_of_instance.size());
    std::vector<std::string> units;
    for (auto& [uid, unit] : unit_of_instance) {
      if (!unit.empty()) units.push_back(std::move(unit));
    }
    return units;
  }

  static std::string CoercionText(const std::vector<std::string>& keywords) {
    std::string text = "the image set keeps its own value of " + keywords.front();
    if (keywords.size() > 1) {
      text += " and of " + std::to_string(keywords.size() - 1) + " other attributes";
    }
    return text;
  }

  Status CommitOutcome(const ImportGroup& group, const GroupOutcome& outcome, kv::Batch* batch) {
    batch->Put(kStaging, OutcomeKey(job_.id, group.files.front()), EncodeOutcome(outcome));
    return Commit(batch);
  }

  Status Commit(kv::Batch* batch) {
    state_.queue.AddCheckpoint(job_, EncodeCheckpoint(checkpoint_),
                               EncodeProgress(checkpoint_.counts), batch);
    return WithRetries(state_, [&]() -> Status {
      TRY(state_.kv.Commit(*batch));
      return Ok();
    });
  }

  ImageStoreState& state_;
  const jobs::Job& job_;
  ImportCheckpoint& checkpoint_;
};

}  // namespace

Result<std::vector<ImportGroup>> GroupStagedFiles(const kv::Snapshot& snapshot,
                                                  std::string_view job) {
  std::vector<ImportGroup> groups;
  std::map<std::string, size_t> by_key;
  const auto cursor = snapshot.Scan(kStaging, StagedFiles(job));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(StagedFile file, DecodeStaged(cursor->value()));
    if (!file.exception_type.empty()) continue;
    const auto [place, is_new] = by_key.emplace(GroupKey(file.group), groups.size());
    if (is_new) groups.push_back({.attributes = std::move(file.group), .files = {}});
    groups[place->second].files.push_back(NumberOfStagingKey(cursor->key()));
  }
  TRY(cursor->status());
  return groups;
}

Status AddRelease(const ImageStoreState& state, const jobs::Job& job, std::string_view message,
                  kv::Batch* batch) {
  const auto snapshot = state.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kWork, kv::PrefixRange(ChangePrefix()));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const ChangeRecord change, DecodeChange(cursor->value()));
    if (change.kind != ChangeKind::kImport || change.job != job.id) continue;
    TRY(const SetRecord before, ReadSet(*snapshot, change.sets.front()));
    SetRecord after = before;
    after.latest.state = ImageSetState::kActive;
    after.latest.status = WorkflowStatus::kImportFailed;
    after.latest.updated_unix_ms = state.clock.UnixMs();
    after.latest.message = MessageText(message);
    AddSetChange(state,
                 {.set = change.sets.front(),
                  .before = &before,
                  .after = std::move(after),
                  .source_image_set_id = {}},
                 batch);
    batch->Delete(kWork, cursor->key());
  }
  return cursor->status();
}

Result<bool> SettleGroups(ImageStoreState& state, const jobs::Job& job,
                          const std::function<bool()>& stop, ImportCheckpoint* checkpoint) {
  std::vector<ImportGroup> groups;
  std::set<uint32_t> settled;
  {
    const auto snapshot = state.kv.GetSnapshot();
    TRY(groups, GroupStagedFiles(*snapshot, job.id));
    const auto cursor = snapshot->Scan(kStaging, StagedOutcomes(job.id));
    for (; cursor->Valid(); cursor->Next()) settled.insert(NumberOfStagingKey(cursor->key()));
    TRY(cursor->status());
  }
  GroupSettler settler(state, job, checkpoint);
  for (const ImportGroup& group : groups) {
    if (settled.contains(group.files.front())) continue;
    const Status done = settler.Settle(group, stop);
    if (!done.ok() && done.error().kind == ErrorKind::kTimeout) return false;
    TRY(done);
  }
  state.WakeBackground();  // Instances that were replaced.
  return true;
}

}  // namespace tarn::image_store
