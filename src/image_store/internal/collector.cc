// Gives back the space of frames that nothing refers to. Each unit takes two commits: one removes
// its records and notes the hole to be made, one removes the note after the hole is made; a crash
// in between makes the hole again. See docs/internals/image-storage.md, "Collecting frames".
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "image_store/internal/background.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/records.h"

namespace tarn::image_store {
namespace {

constexpr size_t kUnitsAtOnce = 256;

// One pass at a time: a pack's record is read, changed and written.
class Pass {
 public:
  explicit Pass(ImageStoreState& state) : state_(state) {
    MutexLock lock(state_.mutex);
    while (state_.collecting) state_.changed.Wait(state_.mutex);
    state_.collecting = true;
  }
  ~Pass() {
    MutexLock lock(state_.mutex);
    state_.collecting = false;
    state_.changed.NotifyAll();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

 private:
  ImageStoreState& state_;
};

Result<bool> IsReferredTo(const kv::Snapshot& snapshot, std::string_view unit) {
  const auto cursor = snapshot.Scan(kReference, kv::PrefixRange(HolderPrefix(unit)));
  TRY(cursor->status());
  return cursor->Valid();
}

// Collects changes of packs over several units.
class PackChanges {
 public:
  explicit PackChanges(const kv::Snapshot& snapshot) : snapshot_(snapshot) {}
  // Errors: kCorrupt.
  Status Take(const UnitRecord& unit) {
    PackRecord* pack = nullptr;
    for (auto& [id, record] : packs_) {
      if (id == unit.pack) pack = &record;
    }
    if (pack == nullptr) {
      std::string value;
      TRY(const bool found, snapshot_.Get(kPack, unit.pack, &value));
      if (!found) return Error{ErrorKind::kCorrupt, "a unit's pack is missing"};
      TRY(PackRecord record, DecodePack(value));
      packs_.emplace_back(unit.pack, record);
      pack = &packs_.back().second;
    }
    if (pack->live_bytes < unit.bytes) return Error{ErrorKind::kCorrupt, "a pack's live bytes"};
    pack->live_bytes -= unit.bytes;
    return Ok();
  }
  void AddTo(kv::Batch* batch) const {
    for (const auto& [id, pack] : packs_) {
      batch->ExpectRevision(kPack, id, pack.revision);
      if (pack.live_bytes == 0) {
        batch->Delete(kPack, id);
        continue;
      }
      PackRecord after = pack;
      ++after.revision;
      batch->Put(kPack, id, EncodePack(after));
    }
  }

 private:
  const kv::Snapshot& snapshot_;
  std::vector<std::pair<std::string, PackRecord>> packs_;
};

Status AddRemoval(const kv::Snapshot& snapshot, std::string_view unit, PackChanges* packs,
                  kv::Batch* batch) {
  std::string value;
  TRY(const bool found, snapshot.Get(kUnit, unit, &value));
  if (!found) return Ok();
  TRY(const UnitRecord record, DecodeUnit(value));
  TRY(packs->Take(record));
  for (uint32_t i = 0; i < record.frames; ++i) batch->Delete(kFrame, FrameKey(unit, i));
  batch->Delete(kUnit, unit);
  std::string bytes;
  AppendBe64(&bytes, record.bytes);
  batch->Put(kWork, HoleKey(record.pack, record.offset), bytes);
  return Ok();
}

// Removes the records of units; false when there are none left to look at.
Result<bool> RemoveUnits(ImageStoreState& state) {
  const auto snapshot = state.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kWork, kv::PrefixRange(DeadUnitPrefix()));
  kv::Batch batch;
  PackChanges packs(*snapshot);
  for (size_t i = 0; cursor->Valid() && i < kUnitsAtOnce; cursor->Next(), ++i) {
    const std::string_view unit = cursor->key().substr(DeadUnitPrefix().size());
    if (unit.size() != kUnitBytes) return Error{ErrorKind::kCorrupt, "a dead unit's key"};
    TRY(const bool referred, IsReferredTo(*snapshot, unit));
    if (!referred) TRY(AddRemoval(*snapshot, unit, &packs, &batch));
    batch.Delete(kWork, cursor->key());
  }
  TRY(cursor->status());
  if (batch.IsEmpty()) return false;
  packs.AddTo(&batch);
  TRY(state.kv.Commit(batch));
  return true;
}

// Makes the holes that are noted; false when there are none.
Result<bool> MakeHoles(ImageStoreState& state) {
  const auto snapshot = state.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kWork, kv::PrefixRange(HolePrefix()));
  kv::Batch batch;
  std::string removed;  // The pack that was removed last: its other holes need nothing.
  for (size_t i = 0; cursor->Valid() && i < kUnitsAtOnce; cursor->Next(), ++i) {
    ByteReader key(cursor->key().substr(HolePrefix().size()));
    const std::string pack(key.Take(kPackIdBytes));
    const uint64_t offset = key.Be64();
    if (!key.AtEnd() || cursor->value().size() != 8) {
      return Error{ErrorKind::kCorrupt, "a hole's record"};
    }
    batch.Delete(kWork, cursor->key());
    if (pack == removed) continue;
    std::string value;
    TRY(const bool alive, snapshot->Get(kPack, pack, &value));
    if (alive) {
      TRY(state.packs.Punch(pack, offset, LoadBe64(cursor->value())));
    } else {
      TRY(state.packs.Remove(pack));
      state.open_packs.Forget(pack);
      removed = pack;
    }
  }
  TRY(cursor->status());
  if (batch.IsEmpty()) return false;
  TRY(state.kv.Commit(batch));
  return true;
}

}  // namespace

Status CollectFrames(ImageStoreState& state) {
  const Pass pass(state);
  for (;;) {
    TRY(const bool removed, RemoveUnits(state));
    TRY(const bool made, MakeHoles(state));
    if (!removed && !made) return Ok();
  }
}

Status ImageSets::CollectFrames() { return image_store::CollectFrames(*state_); }

}  // namespace tarn::image_store
