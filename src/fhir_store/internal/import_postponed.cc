#include "fhir_store/internal/import_postponed.h"

#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

// Behind every file of the input (kImportFilesMax), so that no output is mixed up with it.
constexpr uint32_t kFileNumber = UINT32_MAX;
constexpr char kKind = 3;
constexpr size_t kChangeBytesMax = 16u << 20;  // A commit is due.

}  // namespace

PostponedLines::PostponedLines(StoreState& state, std::string_view job_id) : state_(state) {
  auto packed = HexDecode(job_id);
  CHECK(packed.ok() && packed.value().size() == 16);
  prefix_ = std::move(packed).value();
  AppendBe32(&prefix_, kFileNumber);
  prefix_.push_back(kKind);
}

Status PostponedLines::Load() {
  kept_.clear();
  Committed();  // What was not is lost.
  const auto snapshot = state_.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kSpool, kv::PrefixRange(prefix_));
  for (; cursor->Valid(); cursor->Next()) {
    kept_.emplace(cursor->key().substr(prefix_.size()));
  }
  return cursor->status();
}

bool PostponedLines::HasRoom(std::string_view key) const {
  return kept_.size() < state_.options.import_postponed_max || kept_.contains(std::string(key));
}

void PostponedLines::Settle(const ImportBlock& block, const ImportLine& line) {
  if (line.outcome == LineOutcome::kFailed) return;
  if (line.outcome != LineOutcome::kPostponed && kept_.empty()) return;
  const std::string key(block.Key(line));
  std::optional<std::string> value;
  if (line.outcome == LineOutcome::kPostponed) {
    kept_.insert(key);
    value.emplace();
    AppendBody(block.Text(line), 0, state_.dictionaries->Latest(line.type), &*value);
    change_bytes_ += value->size();
  } else if (kept_.erase(key) == 0) {
    return;
  }
  change_bytes_ += key.size();
  changes_[SpoolKey(key)] = std::move(value);
}

void PostponedLines::FillPublish(kv::Batch* batch) const {
  for (const auto& [key, value] : changes_) {
    if (value.has_value()) {
      batch->Put(kSpool, key, *value);
    } else {
      batch->Delete(kSpool, key);
    }
  }
}

void PostponedLines::Committed() {
  changes_.clear();
  change_bytes_ = 0;
}

bool PostponedLines::IsLarge() const { return change_bytes_ >= kChangeBytesMax; }

std::function<bool(std::string*)> PostponedLines::Reader(Status* status) const {
  struct Reading {
    std::unique_ptr<kv::Snapshot> snapshot;
    std::unique_ptr<kv::Cursor> cursor;
  };
  auto reading = std::make_shared<Reading>();
  return [this, status, reading](std::string* block) {
    if (!reading->cursor) {
      reading->snapshot = state_.kv.GetSnapshot();
      reading->cursor = reading->snapshot->Scan(kSpool, kv::PrefixRange(prefix_));
    }
    kv::Cursor& cursor = *reading->cursor;
    for (; cursor.Valid() && block->size() < kImportBlockBytes; cursor.Next()) {
      const auto read = AppendDecodedBody(cursor.value(), *state_.dictionaries, block);
      if (!read.ok()) {
        *status = read.error();
        return false;
      }
      block->push_back('\n');
    }
    if (!cursor.status().ok()) *status = cursor.status();
    return status->ok() && !block->empty();
  };
}

}  // namespace tarn::fhir_store
