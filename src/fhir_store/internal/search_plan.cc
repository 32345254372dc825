#include "fhir_store/internal/search_plan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_keys.h"

namespace tarn::fhir_store {
namespace {

// Unwanted chunks are stepped over; after this many in a row the cursor seeks, which costs about as
// much as that many steps.
constexpr int kStepsOfASeek = 6;
// Chunks that an estimate reads.
constexpr size_t kEstimateChunks = 3;

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
          .accepts = {},
          .leaves_open = {}};
}

KeySpan SpanOfPrefix(std::string_view prefix) {
  kv::KeyRange range = kv::PrefixRange(prefix);
  return {.begin = std::move(range.begin),
          .end = std::move(range.end),
          .posting = {},
          .accepts = {},
          .leaves_open = {}};
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

Status PostingReader::Read(const KeySpan& span, const OrdinalSet* within, OrdinalSet* out,
                           OrdinalSet* open) const {
  if (within != nullptr && within->IsEmpty()) return Ok();
  const bool one_posting = !span.posting.empty();
  const uint32_t first = within == nullptr ? 0 : within->chunks().begin()->first;
  const uint32_t last = within == nullptr ? UINT32_MAX : within->chunks().rbegin()->first;
  kv::Cursor& cursor =
      SeekTo(one_posting && first > 0 ? PostingChunkKey(span.posting, first) : span.begin);
  uint64_t since_check = 0;
  int steps = 0;
  std::string next;
  while (cursor.Valid() && cursor.key() < span.end) {
    const std::string_view key = cursor.key();
    TRY(const uint32_t chunk, PostingChunk(key));
    if (one_posting && chunk > last) break;
    TRY(budget_.SpendKey());
    if (within != nullptr && !within->HasChunk(chunk)) {
      // Behind the last one nothing of this posting is wanted.
      if (chunk < last && ++steps <= kStepsOfASeek) {
        cursor.Next();
        continue;
      }
      steps = 0;
      if (!NextWanted(key, chunk, *within, &next)) break;
      cursor.Seek(next);
      continue;
    }
    const std::string_view posting = key.substr(0, key.size() - kPostingChunkBytes);
    OrdinalSet* const into = !span.accepts || span.accepts(posting)          ? out
                             : span.leaves_open && span.leaves_open(posting) ? open
                                                                             : nullptr;
    if (into != nullptr) {
      TRY(const kv::Bits bits, kv::Bits::Decode(cursor.value()));
      into->AddChunk(chunk, bits);
      if (++since_check % 1024 == 0) TRY(budget_.CheckMemory(into->bytes()));
    }
    if (one_posting && chunk == last) break;
    cursor.Next();
  }
  return cursor.status();
}

Result<PostingReader::Estimate> PostingReader::EstimateSpan(const KeySpan& span,
                                                            const LiveSet& live) const {
  // A span of many keys, or one that is filtered, says little by its beginning.
  kv::Cursor& cursor = SeekTo(span.begin);
  Estimate estimate;
  const auto within = [&] { return cursor.Valid() && cursor.key() < span.end; };
  for (; within() && estimate.keys < kEstimateChunks; cursor.Next(), ++estimate.keys) {
    TRY(budget_.SpendKey());
    TRY(const uint32_t count, kv::CountBits(cursor.value()));
    estimate.count += count;
  }
  TRY(cursor.status());
  const bool ended = !within();
  estimate.exact = ended && !span.accepts;
  if (ended || estimate.keys == 0) return estimate;
  const uint64_t all_chunks = live.end() / kChunkOrdinals;
  const uint64_t read = estimate.keys;
  estimate.keys = std::max(estimate.keys, all_chunks);
  if (span.posting.empty()) {
    estimate.count = std::max(estimate.count, live.count() / 4);
  } else {
    estimate.count =
        std::min(live.count(), estimate.count * std::max<uint64_t>(all_chunks, 1) / read);
  }
  return estimate;
}

Result<Bounds> PlanEvaluator::Evaluate(PlanNode* plan, const OrdinalSet* within) {
  root_ = plan;
  left_open_ = false;
  TRY(Bounds bounds, EvaluateNode(plan, within));
  for (OrdinalSet* set : {&bounds.sure, &bounds.open}) {
    if (within == nullptr) {
      TRY(live_.Keep(set));
    } else {
      set->IntersectWith(*within);
    }
  }
  return bounds;
}

Status PlanEvaluator::Estimate(PlanNode* node) const {
  for (PlanNode& operand : node->operands) TRY(Estimate(&operand));
  const uint64_t all = live_.count();
  node->estimated = 0;
  node->estimate_is_exact = false;
  node->estimated_keys = 0;
  switch (node->kind) {
    case PlanNode::Kind::kAll:
      node->estimated = all;
      node->estimate_is_exact = true;
      node->estimated_keys = live_.end() / kChunkOrdinals;
      return Ok();
    case PlanNode::Kind::kFixed:
      node->estimated = node->fixed.sure.Count() + node->fixed.open.Count();
      node->estimate_is_exact = true;
      return Ok();
    case PlanNode::Kind::kSets: {
      node->estimate_is_exact = node->open_spans.empty() && node->sure_spans.size() == 1;
      for (const auto* spans : {&node->sure_spans, &node->open_spans}) {
        for (const KeySpan& span : *spans) {
          if (node->estimated >= all) break;
          TRY(const auto estimate, reader_.EstimateSpan(span, live_));
          node->estimated += estimate.count;
          node->estimated_keys += estimate.keys;
          node->estimate_is_exact &= estimate.exact;
        }
      }
      node->estimated = std::min(node->estimated, all);
      return Ok();
    }
    case PlanNode::Kind::kAnd:
      // The others are read in the chunks of the first one alone.
      node->estimated = all;
      node->estimated_keys = node->operands.empty() ? live_.end() / kChunkOrdinals : UINT64_MAX;
      for (const PlanNode& operand : node->operands) {
        node->estimated = std::min(node->estimated, operand.estimated);
        node->estimated_keys = std::min(node->estimated_keys, operand.estimated_keys);
      }
      return Ok();
    case PlanNode::Kind::kOr:
      for (const PlanNode& operand : node->operands) {
        node->estimated += operand.estimated;
        node->estimated_keys += operand.estimated_keys;
      }
      node->estimated = std::min(node->estimated, all);
      return Ok();
    case PlanNode::Kind::kNot:
      node->estimated = all - std::min(all, node->operands[0].estimated);
      node->estimated_keys = live_.end() / kChunkOrdinals + node->operands[0].estimated_keys;
      return Ok();
    case PlanNode::Kind::kUnsure:
      node->estimated = node->operands[0].estimated;
      node->estimated_keys = node->operands[0].estimated_keys;
      return Ok();
  }
  return Ok();
}

Result<Bounds> PlanEvaluator::EvaluateNode(PlanNode* node, const OrdinalSet* within) {
  TRY(reader_.budget().Look());
  const uint64_t keys_before = reader_.budget().keys();
  TRY(Bounds bounds, EvaluateByKind(node, within));
  TRY(reader_.budget().CheckMemory(bounds.sure.bytes() + bounds.open.bytes()));
  node->keys_read = reader_.budget().keys() - keys_before;
  node->actual_sure = bounds.sure.Count();
  node->actual_open = bounds.open.Count();
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateByKind(PlanNode* node, const OrdinalSet* within) {
  switch (node->kind) {
    case PlanNode::Kind::kAll: {
      Bounds bounds;
      if (within != nullptr) {
        bounds.sure = *within;
      } else {
        TRY(bounds.sure, live_.All());
      }
      return bounds;
    }
    case PlanNode::Kind::kFixed: {
      Bounds bounds = node->fixed;
      if (within != nullptr) {
        bounds.sure.IntersectWith(*within);
        bounds.open.IntersectWith(*within);
      }
      return bounds;
    }
    case PlanNode::Kind::kSets:
      return EvaluateSets(*node, within);
    case PlanNode::Kind::kAnd:
      return EvaluateAnd(node, within);
    case PlanNode::Kind::kOr:
      return EvaluateOr(node, within);
    case PlanNode::Kind::kNot:
      return EvaluateNot(node, within);
    case PlanNode::Kind::kUnsure: {
      TRY(Bounds bounds, EvaluateNode(&node->operands[0], within));
      if (bounds.sure.IsEmpty()) return bounds;
      TRY(const Bounds doubt, EvaluateNode(&node->operands[1], &bounds.sure));
      OrdinalSet unsure = bounds.sure;
      unsure.IntersectWith(doubt.sure);
      bounds.sure.Subtract(unsure);
      bounds.open.UnionWith(unsure);
      return bounds;
    }
  }
  return Error{ErrorKind::kInternal, "unknown plan node"};
}

Result<Bounds> PlanEvaluator::EvaluateNot(PlanNode* node, const OrdinalSet* within) {
  Bounds bounds;
  if (within != nullptr) {
    bounds.sure = *within;
  } else {
    TRY(bounds.sure, live_.All());
  }
  TRY(Bounds inner, EvaluateNode(&node->operands[0], &bounds.sure));
  inner.open.IntersectWith(bounds.sure);
  bounds.sure.Subtract(inner.sure);
  bounds.sure.Subtract(inner.open);
  bounds.open = std::move(inner.open);
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateSets(const PlanNode& node, const OrdinalSet* within) const {
  Bounds bounds;
  for (const KeySpan& span : node.sure_spans) {
    TRY(reader_.Read(span, within, &bounds.sure, &bounds.open));
  }
  for (const KeySpan& span : node.open_spans) {
    TRY(reader_.Read(span, within, &bounds.open, &bounds.open));
  }
  if (within != nullptr) {
    bounds.sure.IntersectWith(*within);
    bounds.open.IntersectWith(*within);
  }
  bounds.open.Subtract(bounds.sure);
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateAnd(PlanNode* node, const OrdinalSet* within) {
  // Cheapest first: of the others only chunks that are still populated are read.
  std::stable_sort(node->operands.begin(), node->operands.end(),
                   [](const PlanNode& a, const PlanNode& b) { return a.estimated < b.estimated; });
  Bounds bounds;
  OrdinalSet possible;
  if (within != nullptr) {
    possible = *within;
  } else if (node->operands.empty()) {
    TRY(possible, live_.All());
  }
  bounds.sure = possible;
  bool any = within != nullptr || node->operands.empty();  // Whether the two hold something yet.
  for (PlanNode& operand : node->operands) {
    if (any && possible.IsEmpty()) break;
    Bounds next;
    if (node == root_ && leave_open_beyond_ > 0 && &operand != &node->operands.front() && any) {
      TRY(auto cheap, EvaluateWithin(&operand, possible));
      if (!cheap.has_value()) {
        bounds.sure = {};
        left_open_ = true;
        continue;
      }
      next = *std::move(cheap);
    } else {
      TRY(next, EvaluateNode(&operand, any ? &possible : nullptr));
    }
    OrdinalSet next_possible = next.sure;
    next_possible.UnionWith(next.open);
    if (any) {
      bounds.sure.IntersectWith(next.sure);
      possible.IntersectWith(next_possible);
    } else {
      bounds.sure = std::move(next.sure);
      possible = std::move(next_possible);
      any = true;
    }
  }
  bounds.open = std::move(possible);
  bounds.open.Subtract(bounds.sure);
  return bounds;
}

Result<std::optional<Bounds>> PlanEvaluator::EvaluateWithin(PlanNode* node,
                                                            const OrdinalSet& within) {
  SearchBudget& budget = reader_.budget();
  budget.PauseAfter(leave_open_beyond_);
  auto bounds = EvaluateNode(node, &within);
  const bool paused = budget.paused();
  budget.Continue();
  if (paused) return std::optional<Bounds>();
  if (!bounds.ok()) return bounds.error();
  return std::optional<Bounds>(std::move(bounds).value());
}

Result<Bounds> PlanEvaluator::EvaluateOr(PlanNode* node, const OrdinalSet* within) {
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
