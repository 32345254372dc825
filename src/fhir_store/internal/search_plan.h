// A query on one resource type as an expression over sets of ordinals, and its evaluation.
//
// A set read from the index gives bounds: `sure` members match, `open` ones may; everything else
// does not. The two are disjoint. What is open is decided from bodies (search_judge.h).
//
//   AND   sure = both sure; open = both possible, less that
//   OR    sure = either sure; open = either possible, less that
//   NOT   sure = live less possible; open = live and open
//
// Threads: a plan belongs to its query's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/live_set.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/search_budget.h"
#include "kv/store.h"

namespace tarn::fhir_store {

struct Bounds {
  OrdinalSet sure;
  OrdinalSet open;

  OrdinalSet Possible() const;
};

// Stored posting keys from `begin` (inclusive) to `end` (exclusive).
struct KeySpan {
  std::string begin;
  std::string end;
  std::string posting;  // Not empty: the span is all chunks of this one posting key.
  // Empty: every key counts. Else asked with the posting key (without chunk).
  std::function<bool(std::string_view posting)> accepts;
  // Of a key that does not count: whether its members are open. Empty: none are.
  std::function<bool(std::string_view posting)> leaves_open;
};
KeySpan SpanOfPosting(std::string posting);
KeySpan SpanOfPrefix(std::string_view prefix);

struct PlanNode {
  enum class Kind : uint8_t {
    kAll,     // Every live resource.
    kSets,    // The union of what is in `sure_spans` and `open_spans`.
    kFixed,   // `fixed`, found while the plan was made: ids, chains.
    kAnd,     // All operands.
    kOr,      // Any operand.
    kNot,     // Not the one operand.
    kUnsure,  // The first operand; its sure members are open where the second one's are.
  };
  Kind kind = Kind::kAll;
  std::string label;  // For people: "code", "date ge".
  std::vector<KeySpan> sure_spans;
  std::vector<KeySpan> open_spans;
  Bounds fixed;
  std::vector<PlanNode> operands;

  // Filled by evaluation.
  uint64_t estimated = 0;
  bool estimate_is_exact = false;
  uint64_t estimated_keys = 0;  // That evaluation reads when it is not within a window.
  std::optional<uint64_t> actual_sure;
  uint64_t actual_open = 0;
  uint64_t keys_read = 0;
};

PlanNode MakeNode(PlanNode::Kind kind, std::string label, std::vector<PlanNode> operands = {});

// Reads postings of one snapshot.
class PostingReader {
 public:
  // The arguments must outlive the reader.
  PostingReader(const kv::Snapshot& snapshot, SearchBudget& budget)
      : snapshot_(snapshot), budget_(budget) {}

  // Adds what the span holds to `out`, and what it leaves open to `open` (may be null); of chunks
  // that `within` (may be null) lacks, nothing need be added. A span's functions must not read
  // postings themselves.
  Status Read(const KeySpan& span, const OrdinalSet* within, OrdinalSet* out,
              OrdinalSet* open = nullptr) const;
  // How many ordinals the span holds: the first chunks are read, the rest is taken to be alike.
  struct Estimate {
    uint64_t count = 0;
    uint64_t keys = 0;
    bool exact = false;
  };
  Result<Estimate> EstimateSpan(const KeySpan& span, const LiveSet& live) const;

  const kv::Snapshot& snapshot() const { return snapshot_; }
  SearchBudget& budget() const { return budget_; }

 private:
  // At the first posting from `key` on. Making a cursor costs as much as several seeks, and a range
  // of values is dozens of spans.
  kv::Cursor& SeekTo(std::string_view key) const;

  const kv::Snapshot& snapshot_;
  SearchBudget& budget_;
  mutable std::unique_ptr<kv::Cursor> cursor_;
};

class PlanEvaluator {
 public:
  // The arguments must outlive the evaluator. `live`: of the type that the plan is for.
  PlanEvaluator(const PostingReader& reader, LiveSet& live) : reader_(reader), live_(live) {}

  // Fills in what the nodes are taken to hold: once, before Evaluate. Errors: as Evaluate.
  Status Estimate(PlanNode* node) const;
  // Of the whole query's conditions, those after the first one are left open when they take more
  // keys than this; 0: none are.
  void LeaveOpenBeyond(uint64_t keys) { leave_open_beyond_ = keys; }
  // Whether the last evaluation left any open so.
  bool left_open() const { return left_open_; }
  // The live ordinals for which the plan holds; those of `within` alone (some of the live ones, may
  // be null). Errors: kTooLarge, kTimeout, kBusy (the budget), kCorrupt.
  Result<Bounds> Evaluate(PlanNode* plan, const OrdinalSet* within = nullptr);

 private:
  // `within` null: no chunk is left out, and what is not live may be in the result.
  Result<Bounds> EvaluateNode(PlanNode* node, const OrdinalSet* within);
  Result<Bounds> EvaluateSets(const PlanNode& node, const OrdinalSet* within) const;
  Result<Bounds> EvaluateAnd(PlanNode* node, const OrdinalSet* within);
  Result<Bounds> EvaluateOr(PlanNode* node, const OrdinalSet* within);
  Result<Bounds> EvaluateNot(PlanNode* node, const OrdinalSet* within);
  Result<Bounds> EvaluateByKind(PlanNode* node, const OrdinalSet* within);
  // Of a condition of the whole query: nullopt when it takes too many keys.
  Result<std::optional<Bounds>> EvaluateWithin(PlanNode* node, const OrdinalSet& within);

  const PostingReader& reader_;
  LiveSet& live_;
  const PlanNode* root_ = nullptr;
  uint64_t leave_open_beyond_ = 0;
  bool left_open_ = false;
};

}  // namespace tarn::fhir_store
