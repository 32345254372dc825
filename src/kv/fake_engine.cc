#include "kv/fake_engine.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "kv/bits_operand.h"
#include "kv/internal/batch_rules.h"

namespace tarn::kv {
namespace internal {

using Map = std::map<std::string, std::string>;

// What survives closing a store.
struct FakeStoreData {
  Schema schema;
  // Copied before a change when a snapshot or cursor shares it; these let go under the mutex, so
  // that the count of owners is exact.
  std::vector<std::shared_ptr<Map>> families;
  uint64_t sequence = 0;
  bool open = false;
};

struct FakeState {
  Mutex mutex;
  std::map<std::string, std::shared_ptr<FakeStoreData>> stores GUARDED_BY(mutex);
  std::optional<FakeEngine::Fault> fault GUARDED_BY(mutex);
  uint64_t crashes GUARDED_BY(mutex) = 0;
  uint64_t writes GUARDED_BY(mutex) = 0;
  Limits limits GUARDED_BY(mutex);
};

}  // namespace internal

namespace {

using internal::FakeState;
using internal::FakeStoreData;
using internal::Map;

class FakeCursor final : public Cursor {
 public:
  FakeCursor(std::shared_ptr<FakeState> state, std::shared_ptr<const Map> map, KeyRange range,
             Direction direction)
      : state_(std::move(state)),
        map_(std::move(map)),
        range_(std::move(range)),
        direction_(direction) {
    if (direction_ == Direction::kForward) {
      position_ = map_->lower_bound(range_.begin);
    } else {
      StepBelow(range_.end.empty() ? map_->end() : map_->lower_bound(range_.end));
    }
  }
  ~FakeCursor() override {
    MutexLock lock(state_->mutex);
    map_.reset();
  }
  FakeCursor(const FakeCursor&) = delete;
  FakeCursor& operator=(const FakeCursor&) = delete;

  bool Valid() const override {
    if (position_ == map_->end()) return false;
    return position_->first >= range_.begin &&
           (range_.end.empty() || position_->first < range_.end);
  }
  std::string_view key() const override { return position_->first; }
  std::string_view value() const override { return position_->second; }
  void Next() override {
    CHECK(Valid());
    if (direction_ == Direction::kForward) {
      ++position_;
    } else {
      StepBelow(position_);
    }
  }
  void Seek(std::string_view key) override {
    std::string target(key);
    if (direction_ == Direction::kForward) {
      position_ = map_->lower_bound(std::max(target, range_.begin));
    } else if (!range_.end.empty() && target >= range_.end) {
      StepBelow(map_->lower_bound(range_.end));
    } else {
      StepBelow(map_->upper_bound(target));
    }
  }
  Status status() const override { return Ok(); }

 private:
  // To the entry before `next`, or to the end when there is none.
  void StepBelow(Map::const_iterator next) {
    position_ = next == map_->begin() ? map_->end() : std::prev(next);
  }

  const std::shared_ptr<FakeState> state_;
  std::shared_ptr<const Map> map_;
  const KeyRange range_;
  const Direction direction_;
  Map::const_iterator position_;
};

class FakeSnapshot final : public Snapshot {
 public:
  FakeSnapshot(std::shared_ptr<FakeState> state, std::vector<std::shared_ptr<const Map>> families,
               uint64_t sequence)
      : state_(std::move(state)), families_(std::move(families)), sequence_(sequence) {}
  ~FakeSnapshot() override {
    MutexLock lock(state_->mutex);
    families_.clear();
  }
  FakeSnapshot(const FakeSnapshot&) = delete;
  FakeSnapshot& operator=(const FakeSnapshot&) = delete;

  Result<bool> Get(Family family, std::string_view key, std::string* value) const override {
    CHECK(family < families_.size());
    const auto found = families_[family]->find(std::string(key));
    if (found == families_[family]->end()) return false;
    *value = found->second;
    return true;
  }
  Result<std::vector<std::optional<std::string>>> MultiGet(
      Family family, std::span<const std::string> keys) const override {
    std::vector<std::optional<std::string>> values(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      std::string value;
      TRY(const bool found, Get(family, keys[i], &value));
      if (found) values[i] = std::move(value);
    }
    return values;
  }
  std::unique_ptr<Cursor> Scan(Family family, KeyRange range, Direction direction) const override {
    CHECK(family < families_.size());
    return std::make_unique<FakeCursor>(state_, families_[family], std::move(range), direction);
  }
  uint64_t sequence() const override { return sequence_; }

 private:
  const std::shared_ptr<FakeState> state_;
  std::vector<std::shared_ptr<const Map>> families_;
  const uint64_t sequence_;
};

class FakeRun final : public Run {
 public:
  FakeRun(const Schema& schema, const Limits& limits, uint64_t crashes)
      : schema_(schema), limits_(limits), crashes_(crashes), last_keys_(schema.families.size()) {}

  Status Put(Family family, std::string_view key, std::string_view value) override {
    TRY(Enter(family, FamilyKind::kValues, key, value));
    changes_.Put(family, key, value);
    return Ok();
  }
  Status MergeBits(Family family, std::string_view key, const BitsDelta& delta) override {
    TRY(Enter(family, FamilyKind::kBits, key, {}));
    changes_.MergeBits(family, key, delta);
    return Ok();
  }
  uint64_t bytes() const override { return changes_.bytes(); }

  const Batch& changes() const { return changes_; }
  uint64_t crashes() const { return crashes_; }

 private:
  Status Enter(Family family, FamilyKind kind, std::string_view key, std::string_view value) {
    CHECK(family < schema_.families.size() && schema_.families[family].kind == kind);
    TRY(CheckEntry(key, value, limits_));
    std::optional<std::string>& last = last_keys_[family];
    CHECK(!last.has_value() || *last < key);
    last = std::string(key);
    return Ok();
  }

  const Schema schema_;
  const Limits limits_;
  const uint64_t crashes_;  // Of the engine when the run began: a crash drops it.
  std::vector<std::optional<std::string>> last_keys_;
  Batch changes_;
};

class FakeStore final : public Store {
 public:
  FakeStore(std::shared_ptr<FakeState> state, std::shared_ptr<FakeStoreData> data,
            const Limits& limits, uint64_t crashes)
      : state_(std::move(state)), data_(std::move(data)), limits_(limits), crashes_(crashes) {}
  ~FakeStore() override {
    MutexLock lock(state_->mutex);
    data_->open = false;
  }

  std::unique_ptr<Snapshot> GetSnapshot() override {
    MutexLock lock(state_->mutex);
    return std::make_unique<FakeSnapshot>(
        state_,
        std::vector<std::shared_ptr<const Map>>(data_->families.begin(), data_->families.end()),
        data_->sequence);
  }

  Result<uint64_t> Commit(const Batch& batch) override {
    TRY(CheckBatch(batch, data_->schema, limits_));
    MutexLock lock(state_->mutex);
    return Write(batch, nullptr);
  }

  Result<std::unique_ptr<Run>> NewRun() override {
    MutexLock lock(state_->mutex);
    return std::unique_ptr<Run>(std::make_unique<FakeRun>(data_->schema, limits_, state_->crashes));
  }

  Result<uint64_t> Ingest(std::unique_ptr<Run> run, const Batch& publish) override {
    const auto& fake_run = static_cast<const FakeRun&>(*run);
    TRY(CheckBatch(publish, data_->schema, limits_));
    std::set<Family> families;
    for (const Batch::Change& change : fake_run.changes().changes()) families.insert(change.family);
    for (const Batch::Change& change : publish.changes()) CHECK(!families.contains(change.family));
    MutexLock lock(state_->mutex);
    return Write(publish, &fake_run);
  }

  Status Resume() override {
    MutexLock lock(state_->mutex);
    if (crashes_ != state_->crashes) return Crashed();
    stopped_ = false;
    return Ok();
  }
  Status Settle() override { return Ok(); }
  StoreStats Stats() const override {
    MutexLock lock(state_->mutex);
    StoreStats stats;
    for (const auto& family : data_->families) {
      for (const auto& [key, value] : *family) stats.memory_bytes += key.size() + value.size();
    }
    return stats;
  }
  const Limits& limits() const override { return limits_; }

 private:
  static Error Crashed() {
    return {ErrorKind::kUnavailable, "injected crash: open the store again"};
  }

  // `run` may be null.
  Result<uint64_t> Write(const Batch& batch, const FakeRun* run) REQUIRES(state_->mutex) {
    if (crashes_ != state_->crashes) return Crashed();
    if (run != nullptr && run->crashes() != state_->crashes) return Crashed();
    if (stopped_) return Error{ErrorKind::kUnavailable, "injected stop: resume the store"};
    for (const Batch::Expectation& expected : batch.expectations()) {
      const Map& family = *data_->families[expected.family];
      const auto found = family.find(expected.key);
      const std::string_view value = found == family.end() ? std::string_view() : found->second;
      if (!ExpectationHolds(expected, found == family.end() ? nullptr : &value)) {
        return ExpectationBroken(data_->schema, expected);
      }
    }
    if (state_->fault.has_value() && --state_->fault->write == 0) return Fail(batch, run);
    return Apply(batch, run);
  }

  Result<uint64_t> Fail(const Batch& batch, const FakeRun* run) REQUIRES(state_->mutex) {
    const FakeEngine::Fault fault = *state_->fault;
    state_->fault.reset();
    switch (fault.effect) {
      case FakeEngine::Effect::kRefuse:
        break;
      case FakeEngine::Effect::kStop:
        stopped_ = true;
        break;
      case FakeEngine::Effect::kWriteAndStop:
        TRY(Apply(batch, run));
        stopped_ = true;
        break;
      case FakeEngine::Effect::kWriteAndCrash:
        TRY(Apply(batch, run));
        [[fallthrough]];
      case FakeEngine::Effect::kCrash:
        ++state_->crashes;
        break;
    }
    return Error{fault.kind, "injected fault"};
  }

  Result<uint64_t> Apply(const Batch& batch, const FakeRun* run) REQUIRES(state_->mutex) {
    const uint64_t sequence = data_->sequence + 1;
    if (run != nullptr) TRY(ApplyChanges(run->changes(), sequence));
    TRY(ApplyChanges(batch, sequence));
    data_->sequence = sequence;
    ++state_->writes;
    return sequence;
  }

  Status ApplyChanges(const Batch& batch, uint64_t sequence) REQUIRES(state_->mutex) {
    for (const Batch::Change& change : batch.changes()) {
      std::shared_ptr<Map>& family = data_->families[change.family];
      if (family.use_count() > 1) family = std::make_shared<Map>(*family);
      const std::string key = SequencedKey(change, sequence);
      switch (change.kind) {
        case Batch::ChangeKind::kPut:
          (*family)[key] = SequencedValue(change, sequence);
          break;
        case Batch::ChangeKind::kDelete:
          family->erase(key);
          break;
        case Batch::ChangeKind::kMergeBits: {
          const auto found = family->find(key);
          const std::string_view operand = change.value;
          TRY(std::string merged,
              ApplyBitsOperands(found == family->end() ? std::string_view() : found->second,
                                {&operand, 1}));
          if (merged.empty()) {
            family->erase(key);
          } else {
            (*family)[key] = std::move(merged);
          }
          break;
        }
      }
    }
    return Ok();
  }

  const std::shared_ptr<FakeState> state_;
  const std::shared_ptr<FakeStoreData> data_;  // Its members are guarded by state_->mutex.
  const Limits limits_;
  const uint64_t crashes_;  // Of the engine when this store was opened.
  bool stopped_ = false;    // Guarded by state_->mutex.
};

}  // namespace

FakeEngine::FakeEngine() : state_(std::make_shared<FakeState>()) {}
FakeEngine::~FakeEngine() = default;

Result<std::unique_ptr<Store>> FakeEngine::Open(const std::string& name, const Schema& schema) {
  TRY(CheckStoreName(name));
  TRY(CheckSchema(schema));
  MutexLock lock(state_->mutex);
  std::shared_ptr<FakeStoreData>& data = state_->stores[name];
  if (data == nullptr) data = std::make_shared<FakeStoreData>();
  CHECK(!data->open);
  for (size_t i = 0; i < data->schema.families.size(); ++i) {
    if (i >= schema.families.size() || schema.families[i].name != data->schema.families[i].name) {
      return Invalid("store " + name + ": family '" + data->schema.families[i].name +
                     "' is missing from the schema or has moved");
    }
  }
  data->schema = schema;
  while (data->families.size() < schema.families.size()) {
    data->families.push_back(std::make_shared<Map>());
  }
  data->open = true;
  return std::unique_ptr<Store>(
      std::make_unique<FakeStore>(state_, data, state_->limits, state_->crashes));
}

Status FakeEngine::Drop(const std::string& name) {
  TRY(CheckStoreName(name));
  MutexLock lock(state_->mutex);
  const auto found = state_->stores.find(name);
  if (found == state_->stores.end()) return Ok();
  CHECK(!found->second->open);
  state_->stores.erase(found);
  return Ok();
}

Result<std::vector<std::string>> FakeEngine::List() const {
  MutexLock lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, data] : state_->stores) names.push_back(name);
  return names;
}

void FakeEngine::SetFault(const Fault& fault) {
  CHECK(fault.write >= 1);
  MutexLock lock(state_->mutex);
  state_->fault = fault;
}

void FakeEngine::ClearFault() {
  MutexLock lock(state_->mutex);
  state_->fault.reset();
}

void FakeEngine::Crash() {
  MutexLock lock(state_->mutex);
  ++state_->crashes;
}

uint64_t FakeEngine::writes() const {
  MutexLock lock(state_->mutex);
  return state_->writes;
}

void FakeEngine::SetLimits(const Limits& limits) {
  MutexLock lock(state_->mutex);
  state_->limits = limits;
}

}  // namespace tarn::kv
