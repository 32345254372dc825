#include "fhir_store/internal/search_plan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_keys.h"
#include "kv/bits_sum.h"

namespace tarn::fhir_store {
namespace {

// Unwanted chunks are stepped over; after this many in a row the cursor seeks, which costs about as
// much as that many steps.
constexpr int kStepsOfASeek = 6;
// Chunks that an estimate reads.
constexpr size_t kEstimateChunks = 3;
// Postings that a span of several is taken to have.
constexpr uint64_t kKeysOfRange = 16;

// Where to go on from a key whose chunk is not wanted: the posting's next wanted chunk, else the
// next posting. False: there is none.
bool NextWanted(std::string_view key, uint32_t chunk, const OrdinalSet& within, std::string* next) {
  const std::string_view posting = key.substr(0, key.size() - kPostingChunkBytes);
  const auto wanted = within.chunks().upper_bound(chunk);
  if (wanted != within.chunks().end()) {
    *next = PostingChunkKey(posting, wanted->first);
    return true;
  }
  *next = kv::PrefixRange(posting).end;
  return !next->empty();
}

}  // namespace

OrdinalSet Bounds::Possible() const {
  OrdinalSet possible = sure;
  possible.UnionWith(open);
  return possible;
}

KeySpan SpanOfPosting(std::string posting) {
  kv::KeyRange range = kv::PrefixRange(posting);
  return {.begin = std::move(range.begin),
          .end = std::move(range.end),
          .posting = std::move(posting),
          .accepts = {}};
}

KeySpan SpanOfPrefix(std::string_view prefix) {
  kv::KeyRange range = kv::PrefixRange(prefix);
  return {
      .begin = std::move(range.begin), .end = std::move(range.end), .posting = {}, .accepts = {}};
}

PlanNode MakeNode(PlanNode::Kind kind, std::string label, std::vector<PlanNode> operands) {
  PlanNode node;
  node.kind = kind;
  node.label = std::move(label);
  node.operands = std::move(operands);
  return node;
}

kv::Cursor& PostingReader::SeekTo(std::string_view key) const {
  if (cursor_ == nullptr) cursor_ = snapshot_.Scan(kPosting, {});
  cursor_->Seek(key);
  return *cursor_;
}

Status PostingReader::Read(const KeySpan& span, const OrdinalSet* within, OrdinalSet* out) const {
  OrdinalSum sum;
  TRY(Read(span, within, &sum));
  if (out->IsEmpty()) {
    *out = sum.Take();
  } else {
    out->UnionWith(sum.Take());
  }
  return Ok();
}

Status PostingReader::Read(const KeySpan& span, const OrdinalSet* within, OrdinalSum* out) const {
  if (within != nullptr && within->IsEmpty()) return Ok();
  std::string first = span.begin;
  if (!span.posting.empty() && within != nullptr) {
    first = PostingChunkKey(span.posting, within->chunks().begin()->first);
  }
  kv::Cursor& cursor = SeekTo(first);
  uint64_t since_check = 0;
  int steps = 0;
  int patience = kStepsOfASeek;  // Where seeks turned out to be needed, there will be more.
  std::string next;
  while (cursor.Valid() && (span.end.empty() || cursor.key() < span.end)) {
    TRY(budget_.SpendKey());
    const std::string_view key = cursor.key();
    TRY(const uint32_t chunk, PostingChunk(key));
    if (within != nullptr && !within->HasChunk(chunk)) {
      if (++steps <= patience) {
        cursor.Next();
        continue;
      }
      steps = 0;
      patience = 0;
      if (!NextWanted(key, chunk, *within, &next)) break;
      cursor.Seek(next);
      continue;
    }
    if (steps > 0) patience = kStepsOfASeek;
    steps = 0;
    if (!span.accepts || span.accepts(key.substr(0, key.size() - kPostingChunkBytes))) {
      TRY(out->Add(chunk, cursor.value()));
      if (++since_check % 1024 == 0) TRY(budget_.CheckMemory(out->bytes()));
    }
    cursor.Next();
  }
  return cursor.status();
}

Result<PostingReader::Estimate> PostingReader::EstimateSpan(const KeySpan& span,
                                                            uint64_t live_count) const {
  // A span of many keys, or one that is filtered, says little by its beginning.
  kv::Cursor& cursor = SeekTo(span.begin);
  const auto more = [&] { return cursor.Valid() && (span.end.empty() || cursor.key() < span.end); };
  Estimate estimate;
  uint32_t chunks = 0;
  for (; more() && chunks < kEstimateChunks; cursor.Next(), ++chunks) {
    TRY(budget_.SpendKey());
    estimate.count += kv::CountOfEncoded(cursor.value());
  }
  TRY(cursor.status());
  estimate.keys = chunks;
  estimate.exact = !more() && !span.accepts;
  if (estimate.exact || chunks == 0) return estimate;
  const uint64_t all_chunks = live_count / kChunkOrdinals + 1;
  if (span.posting.empty()) {
    estimate.count = std::max(estimate.count, live_count / 4);
    estimate.keys = kKeysOfRange * all_chunks;
  } else {
    estimate.count = std::min(live_count, estimate.count * all_chunks / chunks);
    estimate.keys = all_chunks;
  }
  return estimate;
}

Result<OrdinalSet> PostingReader::ReadLive(fhir::TypeId type, uint64_t begin, uint64_t end) const {
  OrdinalSet live;
  kv::KeyRange range = kv::PrefixRange(TypePrefix(type));
  if (begin > 0) range.begin = LiveKey(type, static_cast<uint32_t>(begin / kChunkOrdinals));
  const auto cursor = snapshot_.Scan(kLive, std::move(range));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(budget_.SpendKey());
    TRY(const uint32_t chunk, ParseLiveKey(cursor->key()));
    if (chunk >= end / kChunkOrdinals) break;
    TRY(kv::Bits bits, kv::Bits::Decode(cursor->value()));
    live.AddChunk(chunk, std::move(bits));
  }
  TRY(cursor->status());
  return live;
}

Result<uint64_t> PostingReader::LiveEnd(fhir::TypeId type) const {
  const auto cursor =
      snapshot_.Scan(kLive, kv::PrefixRange(TypePrefix(type)), kv::Direction::kReverse);
  TRY(cursor->status());
  if (!cursor->Valid()) return uint64_t{0};
  TRY(const uint32_t chunk, ParseLiveKey(cursor->key()));
  return (uint64_t{chunk} + 1) * kChunkOrdinals;
}

Status PlanEvaluator::Estimate(PlanNode* node) const {
  for (PlanNode& operand : node->operands) TRY(Estimate(&operand));
  node->estimated = 0;
  node->estimate_is_exact = false;
  node->keys_estimated = 0;
  for (const PlanNode& operand : node->operands) node->keys_estimated += operand.keys_estimated;
  switch (node->kind) {
    case PlanNode::Kind::kAll:
      node->estimated = live_count_;
      node->estimate_is_exact = true;
      return Ok();
    case PlanNode::Kind::kFixed:
      node->estimated = node->fixed.sure.Count() + node->fixed.open.Count();
      node->estimate_is_exact = true;
      return Ok();
    case PlanNode::Kind::kSets:
      return EstimateSets(node);
    case PlanNode::Kind::kAnd: {
      node->estimated = live_count_;
      const uint64_t chunks = live_count_ / kChunkOrdinals + 1;
      uint64_t populated = chunks;  // Of the fewest that any operand leaves for sure.
      for (const PlanNode& operand : node->operands) {
        node->estimated = std::min(node->estimated, operand.estimated);
        if (operand.estimate_is_exact) populated = std::min(populated, operand.estimated);
      }
      node->keys_estimated = node->keys_estimated * std::max<uint64_t>(populated, 1) / chunks;
      return Ok();
    }
    case PlanNode::Kind::kOr:
      for (const PlanNode& operand : node->operands) node->estimated += operand.estimated;
      node->estimated = std::min(node->estimated, live_count_);
      return Ok();
    case PlanNode::Kind::kNot:
      node->estimated = live_count_ - std::min(live_count_, node->operands[0].estimated);
      return Ok();
    case PlanNode::Kind::kUnsure:
      node->estimated = node->operands[0].estimated;
      return Ok();
  }
  return Ok();
}

Status PlanEvaluator::EstimateSets(PlanNode* node) const {
  node->estimate_is_exact = node->open_spans.empty() && node->sure_spans.size() == 1;
  for (const auto* spans : {&node->sure_spans, &node->open_spans}) {
    for (const KeySpan& span : *spans) {
      if (node->estimated >= live_count_) {  // More would not change it.
        node->keys_estimated += live_count_ / kChunkOrdinals + 1;
        continue;
      }
      TRY(const auto estimate, reader_.EstimateSpan(span, live_count_));
      node->estimated += estimate.count;
      node->keys_estimated += estimate.keys;
      node->estimate_is_exact &= estimate.exact;
    }
  }
  node->estimated = std::min(node->estimated, live_count_);
  return Ok();
}

Result<Bounds> PlanEvaluator::EvaluateNode(PlanNode* node, const OrdinalSet& within) const {
  TRY(reader_.budget().Look());
  const uint64_t keys_before = reader_.budget().keys();
  TRY(Bounds bounds, EvaluateByKind(node, within));
  TRY(reader_.budget().CheckMemory(bounds.sure.bytes() + bounds.open.bytes()));
  node->keys_read = reader_.budget().keys() - keys_before;
  node->actual_sure = bounds.sure.Count();
  node->actual_open = bounds.open.Count();
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateByKind(PlanNode* node, const OrdinalSet& within) const {
  switch (node->kind) {
    case PlanNode::Kind::kAll: {
      return Bounds{.sure = within, .open = {}};
    }
    case PlanNode::Kind::kFixed: {
      Bounds bounds = node->fixed;
      bounds.sure.IntersectWith(within);
      bounds.open.IntersectWith(within);
      return bounds;
    }
    case PlanNode::Kind::kSets:
      return EvaluateSets(*node, within);
    case PlanNode::Kind::kAnd:
      return EvaluateAnd(node, within);
    case PlanNode::Kind::kOr:
      return EvaluateOr(node, within);
    case PlanNode::Kind::kNot: {
      TRY(Bounds inner, EvaluateNode(&node->operands[0], within));
      Bounds bounds;
      bounds.sure = within;
      bounds.sure.Subtract(inner.sure);
      bounds.sure.Subtract(inner.open);
      bounds.open = std::move(inner.open);
      bounds.open.IntersectWith(within);
      return bounds;
    }
    case PlanNode::Kind::kUnsure: {
      TRY(Bounds bounds, EvaluateNode(&node->operands[0], within));
      if (bounds.sure.IsEmpty()) return bounds;
      TRY(const Bounds doubt, EvaluateNode(&node->operands[1], bounds.sure));
      OrdinalSet unsure = bounds.sure;
      unsure.IntersectWith(doubt.sure);
      bounds.sure.Subtract(unsure);
      bounds.open.UnionWith(unsure);
      return bounds;
    }
  }
  return Error{ErrorKind::kInternal, "unknown plan node"};
}

Result<Bounds> PlanEvaluator::EvaluateSets(const PlanNode& node, const OrdinalSet& within) const {
  OrdinalSum sure;
  for (const KeySpan& span : node.sure_spans) TRY(reader_.Read(span, &within, &sure));
  OrdinalSum open;
  for (const KeySpan& span : node.open_spans) TRY(reader_.Read(span, &within, &open));
  Bounds bounds{.sure = sure.Take(), .open = open.Take()};
  bounds.sure.IntersectWith(within);
  bounds.open.IntersectWith(within);
  bounds.open.Subtract(bounds.sure);
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateAnd(PlanNode* node, const OrdinalSet& within) const {
  if (node->operands.empty()) return Bounds{.sure = within, .open = {}};
  // Cheapest first: of the others only chunks that are still populated are read.
  std::stable_sort(node->operands.begin(), node->operands.end(),
                   [](const PlanNode& a, const PlanNode& b) { return a.estimated < b.estimated; });
  TRY(Bounds bounds, EvaluateNode(&node->operands[0], within));
  for (size_t i = 1; i < node->operands.size(); ++i) {
    if (bounds.open.IsEmpty()) {  // What comes next is decided among sure ones alone.
      if (bounds.sure.IsEmpty()) break;
      TRY(bounds, EvaluateNode(&node->operands[i], bounds.sure));
      continue;
    }
    const OrdinalSet possible = bounds.Possible();
    TRY(Bounds next, EvaluateNode(&node->operands[i], possible));
    bounds.sure.IntersectWith(next.sure);
    next.sure.UnionWith(next.open);
    bounds.open = std::move(next.sure);
    bounds.open.Subtract(bounds.sure);
  }
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateOr(PlanNode* node, const OrdinalSet& within) const {
  Bounds bounds;
  for (PlanNode& operand : node->operands) {
    TRY(const Bounds next, EvaluateNode(&operand, within));
    bounds.sure.UnionWith(next.sure);
    bounds.open.UnionWith(next.open);
  }
  bounds.open.Subtract(bounds.sure);
  return bounds;
}

}  // namespace tarn::fhir_store
