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

Status PostingReader::Read(const KeySpan& span, const OrdinalSet* within, OrdinalSet* out) const {
  const auto take = [&](uint32_t chunk, std::string_view value) -> Status {
    TRY(const kv::Bits bits, kv::Bits::Decode(value));
    out->AddChunk(chunk, bits);
    return Ok();
  };
  if (within != nullptr && within->IsEmpty()) return Ok();
  const auto cursor = snapshot_.Scan(kPosting, {span.begin, span.end});
  if (!span.posting.empty() && within != nullptr) {
    const uint32_t first = within->chunks().begin()->first;
    if (first > 0) cursor->Seek(PostingChunkKey(span.posting, first));
  }
  uint64_t since_check = 0;
  int steps = 0;
  std::string next;
  while (cursor->Valid()) {
    TRY(budget_.SpendKey());
    const std::string_view key = cursor->key();
    TRY(const uint32_t chunk, PostingChunk(key));
    if (within != nullptr && !within->HasChunk(chunk)) {
      if (++steps <= kStepsOfASeek) {
        cursor->Next();
        continue;
      }
      steps = 0;
      if (!NextWanted(key, chunk, *within, &next)) break;
      cursor->Seek(next);
      continue;
    }
    if (!span.accepts || span.accepts(key.substr(0, key.size() - kPostingChunkBytes))) {
      TRY(take(chunk, cursor->value()));
      if (++since_check % 1024 == 0) TRY(budget_.CheckMemory(out->bytes()));
    }
    cursor->Next();
  }
  return cursor->status();
}

Result<PostingReader::Estimate> PostingReader::EstimateSpan(const KeySpan& span,
                                                            uint64_t live_count) const {
  // A span of many keys, or one that is filtered, says little by its beginning.
  const auto cursor = snapshot_.Scan(kPosting, {span.begin, span.end});
  Estimate estimate;
  uint32_t chunks = 0;
  for (; cursor->Valid() && chunks < kEstimateChunks; cursor->Next(), ++chunks) {
    TRY(budget_.SpendKey());
    TRY(const kv::Bits bits, kv::Bits::Decode(cursor->value()));
    estimate.count += bits.Count();
  }
  TRY(cursor->status());
  estimate.exact = !cursor->Valid() && !span.accepts;
  if (estimate.exact || chunks == 0) return estimate;
  if (span.posting.empty()) {
    estimate.count = std::max(estimate.count, live_count / 4);
  } else {
    const uint64_t all_chunks = live_count / kChunkOrdinals + 1;
    estimate.count = std::min(live_count, estimate.count * all_chunks / chunks);
  }
  return estimate;
}

Result<OrdinalSet> PostingReader::ReadLive(fhir::TypeId type) const {
  OrdinalSet live;
  const auto cursor = snapshot_.Scan(kLive, kv::PrefixRange(TypePrefix(type)));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(budget_.SpendKey());
    TRY(const uint32_t chunk, ParseLiveKey(cursor->key()));
    TRY(const kv::Bits bits, kv::Bits::Decode(cursor->value()));
    live.AddChunk(chunk, bits);
  }
  TRY(cursor->status());
  return live;
}

Result<Bounds> PlanEvaluator::Evaluate(PlanNode* plan, const OrdinalSet* within) const {
  TRY(Bounds bounds, EvaluateNode(plan, within == nullptr ? live_ : *within));
  bounds.sure.IntersectWith(live_);
  bounds.open.IntersectWith(live_);
  return bounds;
}

Status PlanEvaluator::Estimate(PlanNode* node) const {
  for (PlanNode& operand : node->operands) TRY(Estimate(&operand));
  node->estimated = 0;
  node->estimate_is_exact = false;
  switch (node->kind) {
    case PlanNode::Kind::kAll:
      node->estimated = live_count_;
      node->estimate_is_exact = true;
      return Ok();
    case PlanNode::Kind::kFixed:
      node->estimated = node->fixed.sure.Count() + node->fixed.open.Count();
      node->estimate_is_exact = true;
      return Ok();
    case PlanNode::Kind::kSets: {
      node->estimate_is_exact = node->open_spans.empty() && node->sure_spans.size() == 1;
      for (const auto* spans : {&node->sure_spans, &node->open_spans}) {
        for (const KeySpan& span : *spans) {
          if (node->estimated >= live_count_) break;
          TRY(const auto estimate, reader_.EstimateSpan(span, live_count_));
          node->estimated += estimate.count;
          node->estimate_is_exact &= estimate.exact;
        }
      }
      node->estimated = std::min(node->estimated, live_count_);
      return Ok();
    }
    case PlanNode::Kind::kAnd:
      node->estimated = live_count_;
      for (const PlanNode& operand : node->operands) {
        node->estimated = std::min(node->estimated, operand.estimated);
      }
      return Ok();
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
  Bounds bounds;
  for (const KeySpan& span : node.sure_spans) TRY(reader_.Read(span, &within, &bounds.sure));
  bounds.sure.IntersectWith(within);
  for (const KeySpan& span : node.open_spans) TRY(reader_.Read(span, &within, &bounds.open));
  bounds.open.IntersectWith(within);
  bounds.open.Subtract(bounds.sure);
  return bounds;
}

Result<Bounds> PlanEvaluator::EvaluateAnd(PlanNode* node, const OrdinalSet& within) const {
  // Cheapest first: of the others only chunks that are still populated are read.
  std::stable_sort(node->operands.begin(), node->operands.end(),
                   [](const PlanNode& a, const PlanNode& b) { return a.estimated < b.estimated; });
  Bounds bounds{.sure = within, .open = {}};
  OrdinalSet possible = within;
  for (PlanNode& operand : node->operands) {
    if (possible.IsEmpty()) break;
    TRY(Bounds next, EvaluateNode(&operand, possible));
    bounds.sure.IntersectWith(next.sure);
    next.sure.UnionWith(next.open);
    possible.IntersectWith(next.sure);
  }
  bounds.open = std::move(possible);
  bounds.open.Subtract(bounds.sure);
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
