// Why a block goes through in two passes, parse and stamp, then compress: a type's dictionary is
// trained from the first resources that arrive, and the first block should profit already.
#include "fhir_store/internal/import_block.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/stored_versions.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kKeepBytes = 8u << 20;  // Scratch buffers up to this size are kept.

// HealthLake's words for a line without an id.
Error MissingId() { return Invalid("Missing required id field in resource json"); }

Error LineTooLong() {
  return {ErrorKind::kTooLarge,
          "the line is longer than " + std::to_string(kImportLineBytesMax) + " bytes"};
}

Error TooManyVersions() { return {ErrorKind::kTooLarge, "the resource has 2^32 versions"}; }

void Fail(ImportBlock* block, ImportLine* line, Error error) {
  line->outcome = LineOutcome::kFailed;
  line->failure = static_cast<uint32_t>(block->failures.size());
  block->failures.push_back(std::move(error));
}

void DropIfLarge(std::string* buffer) {
  if (buffer->capacity() > kKeepBytes) std::string().swap(*buffer);
}

}  // namespace

Status LineWorker::Work(ImportBlock* block) {
  block->generation = state_.generations.Get();
  posting_writer_.Use(*block->generation->writing);
  now_unix_ms_ = state_.clock.UnixMs();
  ReadLines(block);
  block->mark = state_.gate.MarkLookup();
  const auto snapshot = state_.kv.GetSnapshot();
  stamped_.clear();
  waiting_.clear();
  for (size_t i = 0; i < block->lines.size(); ++i) {
    ImportLine& line = block->lines[i];
    TRY(ReadLine(block, &line, *snapshot));
    if (line.outcome != LineOutcome::kNew && line.outcome != LineOutcome::kChanged) continue;
    const size_t begin = stamped_.size();
    Stamp(*block, line);
    waiting_.push_back({static_cast<uint32_t>(i), begin, stamped_.size() - begin});
    state_.dictionaries->Offer(line.type, std::string_view(stamped_).substr(begin));
  }
  state_.dictionaries->TrainReadyAndWait();
  for (const Stamped& waiting : waiting_) {
    Compress(block, &block->lines[waiting.line],
             std::string_view(stamped_).substr(waiting.offset, waiting.bytes));
  }
  // The run keeps the bodies for as long as it lives: no slack.
  block->bodies.shrink_to_fit();
  Trim();
  return Ok();
}

// Finds the lines that are not blank.
void LineWorker::ReadLines(ImportBlock* block) {
  const char* const begin = block->ndjson.text().data();
  fhir::NdjsonLines lines(block->ndjson);
  for (fhir::NdjsonLine found; lines.Next(&found);) {
    ImportLine line;
    line.number = found.number;
    if (found.over_long) {
      Fail(block, &line, LineTooLong());
    } else {
      line.outcome = LineOutcome::kNew;
      line.text_offset = static_cast<uint32_t>(found.text.data() - begin);
      line.text_bytes = static_cast<uint32_t>(found.text.size());
    }
    block->lines.push_back(line);
  }
}

Status LineWorker::ReadLine(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot) {
  if (line->outcome == LineOutcome::kFailed) return Ok();
  const Status read = reader_.ReadPadded(block->Text(*line));
  if (!read.ok()) {
    Fail(block, line, read.error());
    return Ok();
  }
  const fhir::Envelope& envelope = reader_.envelope();
  if (envelope.id.empty()) {
    Fail(block, line, MissingId());
    return Ok();
  }
  line->type = envelope.type;
  line->key_offset = static_cast<uint32_t>(block->keys.size());
  AppendCurrentKey(&block->keys, envelope.type, envelope.id);
  line->key_bytes = static_cast<uint8_t>(block->keys.size() - line->key_offset);
  block->keys.append(envelope.id);
  line->id_bytes = static_cast<uint8_t>(envelope.id.size());
  line->key_hash = state_.key_hash(block->Key(*line));
  TRY(Decide(block, line, snapshot));
  if (line->version > kVersionsMax) Fail(block, line, TooManyVersions());
  return Ok();
}

// Fills in what the line does to its resource; the reader holds the line's text.
Status LineWorker::Decide(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot) {
  line->last_updated_unix_ms = now_unix_ms_;
  TRY(const bool found, snapshot.Get(kCurrent, block->Key(*line), &value_));
  if (!found) {
    line->outcome = LineOutcome::kNew;
    line->version = 1;
    line->was_live = false;
    return AddPostings(block, line, {});
  }
  TRY(const CurrentRecord current, DecodeCurrent(value_));
  line->ordinal = current.ordinal;
  line->was_live = !current.deleted;
  if (!current.deleted) {
    const std::string key = VersionKey(line->type, current.ordinal, current.version);
    TRY(const bool has_body, snapshot.Get(kVersion, key, &value_));
    if (!has_body) {
      return Error{ErrorKind::kCorrupt, "the stored body of the newest version is missing"};
    }
    TRY(const bool same, SameContent(value_));
    if (same) {
      line->outcome = LineOutcome::kUnchanged;
      line->version = current.version;
      return Ok();
    }
    TRY(const uint32_t older,
        FindContent(*line, current.version - 1, kImportOldVersionsMax, snapshot));
    if (older != 0) {
      line->outcome = LineOutcome::kPostponed;
      line->version = older;
      return Ok();
    }
  }
  line->outcome = LineOutcome::kChanged;
  line->version = current.version + 1;
  line->last_updated_unix_ms = std::max(now_unix_ms_, current.last_updated_unix_ms);
  if (current.deleted) return AddPostings(block, line, {});
  return AddPostings(block, line, {value_, current.last_updated_unix_ms});
}

void LineWorker::AddPostingChange(ImportBlock* block, std::string_view key, bool added) {
  block->postings.bytes()->append(key);
  block->postings.Add();
  block->posting_changes.push_back({state_.key_hash(key), added});
}

Status LineWorker::AddPostings(ImportBlock* block, ImportLine* line, const Replaced& before) {
  line->postings_begin = static_cast<uint32_t>(block->postings.size());
  line->postings_end = line->postings_begin;
  PostingTimes times{.last_updated_unix_ms = line->last_updated_unix_ms, .created_unix_ms = {}};
  if (line->outcome == LineOutcome::kNew) {
    times.created_unix_ms = line->last_updated_unix_ms;
  } else if (before.body.empty()) {
    TRY(times.created_unix_ms,
        CreationTime(state_, *state_.kv.GetSnapshot(), line->type, line->ordinal));
  }
  const bool is_new = line->outcome == LineOutcome::kNew;
  PostingKeys* const keys = is_new ? &block->postings : &new_postings_;
  new_postings_.Clear();
  const Status indexed = posting_writer_.Append(reader_.document(), line->type, times, keys);
  if (!indexed.ok()) {
    block->postings.Truncate(line->postings_begin);
    Fail(block, line, indexed.error());
    return Ok();
  }
  if (is_new) {
    for (size_t i = line->postings_begin; i < keys->size(); ++i) {
      block->posting_changes.push_back({state_.key_hash((*keys)[i]), true});
    }
  } else {
    old_postings_.Clear();
    if (!before.body.empty()) {
      TRY(DecodeBody(before.body, *state_.dictionaries, &old_text_));
      const Status read = old_reader_.Read(old_text_);
      if (!read.ok()) return Error{ErrorKind::kCorrupt, "a stored body is not a resource"};
      times.last_updated_unix_ms = before.last_updated_unix_ms;
      const Status had =
          posting_writer_.Append(old_reader_.document(), line->type, times, &old_postings_);
      if (!had.ok()) old_postings_.Clear();  // It was not indexed either (index_builder.h).
    }
    ForEachDifference(old_postings_, new_postings_, [&](std::string_view key, bool added) {
      AddPostingChange(block, key, added);
    });
  }
  line->postings_end = static_cast<uint32_t>(block->postings.size());
  return Ok();
}

Result<bool> LineWorker::SameContent(std::string_view body) {
  TRY(DecodeBody(body, *state_.dictionaries, &old_text_));
  const Status read = old_reader_.Read(old_text_);
  if (!read.ok()) return Error{ErrorKind::kCorrupt, "a stored body is not a resource"};
  old_unstamped_.clear();
  new_unstamped_.clear();
  old_reader_.AppendUnstamped(&old_unstamped_);
  reader_.AppendUnstamped(&new_unstamped_);
  return old_unstamped_ == new_unstamped_;
}

Result<uint32_t> LineWorker::FindContent(const ImportLine& line, uint32_t version,
                                         size_t versions_max, const kv::Snapshot& snapshot) {
  if (version == 0 || old_content_ == OldContent::kWritten) return 0u;
  const auto cursor =
      snapshot.Scan(kVersion, {.begin = VersionKey(line.type, line.ordinal, version),
                               .end = kv::PrefixRange(IdentKey(line.type, line.ordinal)).end});
  for (; cursor->Valid() && versions_max > 0; cursor->Next(), --versions_max) {
    TRY(const VersionKeyParts key, ParseVersionKey(cursor->key()));
    if (IsDeletion(cursor->value())) return 0u;
    TRY(const bool same, SameContent(cursor->value()));
    if (same) return key.version;
  }
  TRY(cursor->status());
  return 0u;
}

void LineWorker::Stamp(const ImportBlock& block, const ImportLine& line) {
  reader_.AppendStamped({.id = block.Id(line),
                         .version_id = line.version,
                         .last_updated_unix_ms = line.last_updated_unix_ms},
                        &stamped_);
}

void LineWorker::Compress(ImportBlock* block, ImportLine* line, std::string_view stamped) {
  line->body_offset = static_cast<uint32_t>(block->bodies.size());
  AppendBody(stamped, line->last_updated_unix_ms, state_.dictionaries->Latest(line->type),
             &block->bodies);
  line->body_bytes = static_cast<uint32_t>(block->bodies.size() - line->body_offset);
}

Status LineWorker::StampAndCompress(ImportBlock* block, ImportLine* line) {
  line->body_bytes = 0;
  if (line->version > kVersionsMax) Fail(block, line, TooManyVersions());
  if (line->outcome != LineOutcome::kNew && line->outcome != LineOutcome::kChanged) return Ok();
  stamped_.clear();
  Stamp(*block, *line);
  Compress(block, line, stamped_);
  return Ok();
}

Status LineWorker::WorkAgain(ImportBlock* block, ImportLine* line, const kv::Snapshot& snapshot) {
  if (line->outcome == LineOutcome::kFailed) return Ok();
  posting_writer_.Use(*block->generation->writing);
  now_unix_ms_ = state_.clock.UnixMs();
  const Status read = reader_.ReadPadded(block->Text(*line));
  CHECK(read.ok());  // It was read before.
  TRY(Decide(block, line, snapshot));
  return StampAndCompress(block, line);
}

Status LineWorker::WorkAfter(ImportBlock* block, ImportLine* line, const Before& before) {
  posting_writer_.Use(*block->generation->writing);
  now_unix_ms_ = state_.clock.UnixMs();
  const Status read = reader_.ReadPadded(block->Text(*line));
  CHECK(read.ok());  // It was read before.
  line->ordinal = before.ordinal;
  line->was_live = true;
  line->last_updated_unix_ms = std::max(now_unix_ms_, before.last_updated_unix_ms);
  const size_t looked_at = old_content_ == OldContent::kWritten ? 1 : before.bodies.size();
  for (size_t i = 0; i < looked_at; ++i) {
    TRY(const bool same, SameContent(before.bodies[i]));
    if (!same) continue;
    line->outcome = i == 0 ? LineOutcome::kUnchanged : LineOutcome::kPostponed;
    line->version = before.version - static_cast<uint32_t>(i);
    return StampAndCompress(block, line);
  }
  uint32_t older = 0;
  if (before.stored && looked_at <= kImportOldVersionsMax) {
    TRY(older, FindContent(*line, before.version - static_cast<uint32_t>(looked_at),
                           kImportOldVersionsMax + 1 - looked_at, *state_.kv.GetSnapshot()));
  }
  line->outcome = older != 0 ? LineOutcome::kPostponed : LineOutcome::kChanged;
  line->version = older != 0 ? older : before.version + 1;
  if (older == 0) {
    TRY(AddPostings(block, line, {before.bodies[0], before.last_updated_unix_ms}));
  }
  return StampAndCompress(block, line);
}

void LineWorker::Trim() {
  reader_.Trim();
  old_reader_.Trim();
  for (std::string* buffer : {&stamped_, &value_, &old_text_, &old_unstamped_, &new_unstamped_}) {
    DropIfLarge(buffer);
  }
}

}  // namespace tarn::fhir_store
