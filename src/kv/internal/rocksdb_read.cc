#include "kv/internal/rocksdb_read.h"

#include "base/check.h"
#include "kv/internal/rocksdb_options.h"

namespace tarn::kv {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksDbCursor final : public Cursor {
 public:
  RocksDbCursor(std::shared_ptr<const RocksDbDatabase> database, const RocksDbFamily& family,
                rocksdb::ReadOptions options, KeyRange range, Direction direction)
      : database_(std::move(database)),
        range_(std::move(range)),
        skip_empty_(family.kind == FamilyKind::kBits),
        direction_(direction),
        lower_(range_.begin),
        upper_(range_.end) {
    if (!range_.begin.empty()) options.iterate_lower_bound = &lower_;
    if (!range_.end.empty()) options.iterate_upper_bound = &upper_;
    iterator_.reset(database_->db().NewIterator(options, family.handle));
    if (direction_ == Direction::kForward) {
      iterator_->SeekToFirst();
    } else {
      iterator_->SeekToLast();
    }
    SkipEmptyChunks();
  }

  bool Valid() const override { return iterator_->Valid(); }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  void Next() override {
    Step();
    SkipEmptyChunks();
  }
  void Seek(std::string_view key) override {
    if (direction_ == Direction::kForward) {
      iterator_->Seek(ToSlice(key));
    } else {
      iterator_->SeekForPrev(ToSlice(key));
    }
    SkipEmptyChunks();
  }
  Status status() const override {
    const rocksdb::Status status = iterator_->status();
    if (!status.ok()) return RocksDbError(status);
    return Ok();
  }

 private:
  void Step() {
    CHECK(iterator_->Valid());
    if (direction_ == Direction::kForward) {
      iterator_->Next();
    } else {
      iterator_->Prev();
    }
  }
  void SkipEmptyChunks() {
    while (skip_empty_ && iterator_->Valid() && iterator_->value().empty()) Step();
  }

  const std::shared_ptr<const RocksDbDatabase> database_;  // Outlives iterator_.
  const KeyRange range_;
  const bool skip_empty_;
  const Direction direction_;
  const rocksdb::Slice lower_;  // Of range_; the iterator refers to both.
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

RocksDbSnapshot::RocksDbSnapshot(std::shared_ptr<const RocksDbDatabase> database,
                                 const rocksdb::Snapshot* snapshot, uint64_t sequence)
    : database_(std::move(database)), snapshot_(snapshot), sequence_(sequence) {
  read_options_.snapshot = snapshot_;
}

RocksDbSnapshot::~RocksDbSnapshot() { database_->db().ReleaseSnapshot(snapshot_); }

Result<bool> RocksDbSnapshot::Get(Family family, std::string_view key, std::string* value) const {
  const RocksDbFamily& in = database_->family(family);
  const rocksdb::Status status = database_->db().Get(read_options_, in.handle, ToSlice(key), value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return RocksDbError(status);
  return in.kind == FamilyKind::kValues || !value->empty();
}

Result<std::vector<std::optional<std::string>>> RocksDbSnapshot::MultiGet(
    Family family, std::span<const std::string> keys) const {
  const RocksDbFamily& in = database_->family(family);
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  database_->db().MultiGet(read_options_, in.handle, keys.size(), slices.data(), found.data(),
                           statuses.data());
  std::vector<std::optional<std::string>> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return RocksDbError(statuses[i]);
    if (in.kind == FamilyKind::kBits && found[i].empty()) continue;
    values[i] = found[i].ToString();
  }
  return values;
}

std::unique_ptr<Cursor> RocksDbSnapshot::Scan(Family family, KeyRange range,
                                              Direction direction) const {
  return std::make_unique<RocksDbCursor>(database_, database_->family(family), read_options_,
                                         std::move(range), direction);
}

}  // namespace tarn::kv
