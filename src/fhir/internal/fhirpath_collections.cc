// Existence, filtering, subsetting, combining, aggregates.
#include <algorithm>
#include <numeric>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {

bool Machine::Empty(const Call& call) { return Return(call, BooleanItem(call.input.empty())); }

bool Machine::Count(const Call& call) {
  return Return(call, IntegerItem(static_cast<int64_t>(call.input.size())));
}

bool Machine::Exists(const Call& call) {
  if (ArgumentCount(call) == 0) return Return(call, BooleanItem(!call.input.empty()));
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    Range range;
    Truth truth = Truth::kNone;
    const auto index = static_cast<int64_t>(i - call.input.begin);
    if (!ArgumentEach(call, 0, i, index, &range)) return false;
    if (!TruthOfRange(call.op, range, &truth)) return false;
    Pop(range.begin);
    if (truth == Truth::kTrue) return Return(call, BooleanItem(true));
  }
  return Return(call, BooleanItem(false));
}

bool Machine::All(const Call& call) {
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    Range range;
    Truth truth = Truth::kNone;
    const auto index = static_cast<int64_t>(i - call.input.begin);
    if (!ArgumentEach(call, 0, i, index, &range)) return false;
    if (!TruthOfRange(call.op, range, &truth)) return false;
    Pop(range.begin);
    if (truth != Truth::kTrue) return Return(call, BooleanItem(false));
  }
  return Return(call, BooleanItem(true));
}

bool Machine::AllOrAny(const Call& call) {
  const FunctionId id = call.op.function;
  const bool all = id == FunctionId::kAllTrue || id == FunctionId::kAllFalse;
  const bool wanted = id == FunctionId::kAllTrue || id == FunctionId::kAnyTrue;
  bool result = all;
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    PathItem item = stack_[i];
    if (!ToValue(&item)) return false;
    if (item.kind != PathKind::kBoolean) return Fail(call.op, "Booleans are expected here");
    const bool hit = item.boolean == wanted;
    result = all ? result && hit : result || hit;
  }
  return Return(call, BooleanItem(result));
}

bool Machine::SubsetOf(const Call& call) {
  Range other;
  if (!Argument(call, 0, &other)) return false;
  Range part = call.input;
  Range whole = other;
  if (call.op.function == FunctionId::kSupersetOf) std::swap(part, whole);
  for (size_t i = part.begin; i < part.end; ++i) {
    bool found = false;
    if (!Contains(whole, PathItem(stack_[i]), &found)) return false;
    if (!found) return Return(call, BooleanItem(false));
  }
  return Return(call, BooleanItem(true));
}

bool Machine::Distinct(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    if (!PushIfNew(out, stack_[i])) return false;
  }
  if (call.op.function == FunctionId::kDistinct) return Keep(call.base, out);
  return Return(call, BooleanItem(Top() - out == call.input.size()));
}

bool Machine::Where(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    Range range;
    Truth truth = Truth::kNone;
    const auto index = static_cast<int64_t>(i - call.input.begin);
    if (!ArgumentEach(call, 0, i, index, &range)) return false;
    if (!TruthOfRange(call.op, range, &truth)) return false;
    Pop(range.begin);
    if (truth == Truth::kTrue && !Push(PathItem(stack_[i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Select(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    Range range;
    const auto index = static_cast<int64_t>(i - call.input.begin);
    if (!ArgumentEach(call, 0, i, index, &range)) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Repeat(const Call& call) {
  const size_t out = Top();
  Range queue = call.input;
  int64_t index = 0;
  // Each round looks at what the round before found new.
  while (!queue.empty()) {
    const size_t found = Top();
    for (size_t i = queue.begin; i < queue.end; ++i) {
      Range range;
      if (!ArgumentEach(call, 0, i, index++, &range)) return false;
      // Moves what is new down over what was there before.
      size_t kept = range.begin;
      for (size_t k = range.begin; k < range.end; ++k) {
        bool known = false;
        if (!Contains({out, kept}, PathItem(stack_[k]), &known)) return false;
        if (!known) stack_[kept++] = stack_[k];
      }
      Pop(kept);
    }
    queue = {found, Top()};
  }
  return Keep(call.base, out);
}

bool Machine::SingleFunction(const Call& call) {
  if (call.input.empty()) return ReturnEmpty(call);
  if (call.input.size() > 1) {
    return Fail(call.op, "single() finds " + std::to_string(call.input.size()) + " items");
  }
  return Return(call, stack_[call.input.begin]);
}

bool Machine::Slice(const Call& call) {
  const size_t size = call.input.size();
  size_t first = 0;
  size_t count = 1;
  switch (call.op.function) {
    case FunctionId::kFirst:
      break;
    case FunctionId::kLast:
      first = size == 0 ? 0 : size - 1;
      break;
    case FunctionId::kTail:
      first = 1;
      count = size;
      break;
    default: {
      Range range;
      int64_t number = 0;
      bool empty = false;
      if (!Argument(call, 0, &range)) return false;
      if (!SingleInteger(call.op, range, &number, &empty)) return false;
      if (empty) return Fail(call.op, "a number is expected here");
      const size_t bounded =
          number < 0 ? 0 : std::min<uint64_t>(static_cast<uint64_t>(number), size);
      const bool skip = call.op.function == FunctionId::kSkip;
      first = skip ? bounded : 0;
      count = skip ? size : bounded;
      break;
    }
  }
  const size_t out = Top();
  for (size_t i = first; i < size && i - first < count; ++i) {
    if (!Push(PathItem(stack_[call.input.begin + i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::IntersectOrExclude(const Call& call) {
  Range other;
  if (!Argument(call, 0, &other)) return false;
  const bool intersect = call.op.function == FunctionId::kIntersect;
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    bool found = false;
    if (!Contains(other, PathItem(stack_[i]), &found)) return false;
    if (found != intersect) continue;
    // exclude() keeps duplicates, intersect() does not.
    const bool pushed = intersect ? PushIfNew(out, stack_[i]) : Push(PathItem(stack_[i]));
    if (!pushed) return false;
  }
  return Keep(call.base, out);
}

bool Machine::UnionOrCombine(const Call& call) {
  Range other;
  if (!Argument(call, 0, &other)) return false;
  const size_t out = Top();
  if (call.op.function == FunctionId::kUnion) {
    return Union(call.input, other) && Keep(call.base, out);
  }
  for (Range range : {call.input, other}) {
    for (size_t i = range.begin; i < range.end; ++i) {
      if (!Push(PathItem(stack_[i]))) return false;
    }
  }
  return Keep(call.base, out);
}

// The keys of all items, [item][key].
struct Machine::SortKeys {
  size_t count = 1;              // Of one item.
  std::vector<bool> descending;  // By key: a minus stands before it.
  std::vector<PathItem> values;
  std::vector<bool> missing;
};

// The k-th key of an item, without the minus that says "descending".
bool Machine::SortKey(const Call& call, size_t k, size_t item, int64_t index, PathItem* key,
                      bool* empty) {
  if (ArgumentCount(call) == 0) return Single(call.op, {item, item + 1}, key, empty);
  uint32_t op = ArgumentOp(call, k);
  if (program_->ops[op].code == OpCode::kNegate) op = Child(program_->ops[op], 0);
  Frame frame = call.frame;
  frame.self = {item, item + 1};
  frame.index = index;
  const size_t begin = Top();
  if (!Eval(op, frame) || !Single(call.op, {begin, Top()}, key, empty)) return false;
  Pop(begin);
  return true;
}

bool Machine::ReadSortKeys(const Call& call, SortKeys* keys) {
  const size_t size = call.input.size();
  keys->count = std::max<size_t>(ArgumentCount(call), 1);
  keys->descending.assign(keys->count, false);
  keys->values.resize(size * keys->count);
  keys->missing.resize(size * keys->count);
  for (size_t k = 0; k < ArgumentCount(call); ++k) {
    keys->descending[k] = program_->ops[ArgumentOp(call, k)].code == OpCode::kNegate;
  }
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < keys->count; ++k) {
      bool empty = false;
      const size_t place = i * keys->count + k;
      if (!SortKey(call, k, call.input.begin + i, static_cast<int64_t>(i), &keys->values[place],
                   &empty)) {
        return false;
      }
      keys->missing[place] = empty;
    }
  }
  return true;
}

// Items without a key come first, or last when descending.
bool Machine::SortsBefore(const Call& call, const SortKeys& keys, size_t a, size_t b,
                          bool* before) {
  *before = false;
  for (size_t k = 0; k < keys.count; ++k) {
    const size_t x = a * keys.count + k;
    const size_t y = b * keys.count + k;
    if (keys.missing[x] != keys.missing[y]) {
      *before = keys.missing[x] != keys.descending[k];
      return true;
    }
    if (keys.missing[x]) continue;
    std::optional<int> sign;
    if (!Step() || !Compare(call.op, keys.values[x], keys.values[y], &sign)) return false;
    if (sign.value_or(0) == 0) continue;
    *before = (*sign < 0) != keys.descending[k];
    return true;
  }
  return true;
}

// Comparing may fail (a text with a number), which std::sort could not stop for: a merge sort.
bool Machine::Sort(const Call& call) {
  SortKeys keys;
  if (!ReadSortKeys(call, &keys)) return false;
  const size_t size = call.input.size();
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t width = 1; width < size; width *= 2) {
    std::vector<size_t> merged;
    merged.reserve(size);
    for (size_t i = 0; i < size; i += 2 * width) {
      const size_t middle = std::min(i + width, size);
      const size_t end = std::min(i + 2 * width, size);
      size_t a = i;
      size_t b = middle;
      while (a < middle || b < end) {
        bool right = a == middle;
        const bool both = a < middle && b < end;
        if (both && !SortsBefore(call, keys, order[b], order[a], &right)) return false;
        merged.push_back(order[right ? b++ : a++]);
      }
    }
    order = std::move(merged);
  }
  const size_t out = Top();
  for (size_t i : order) {
    if (!Push(PathItem(stack_[call.input.begin + i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Iif(const Call& call) {
  if (call.input.size() > 1 && call.op.has_target) {
    return Fail(call.op, "iif() takes one item, not several");
  }
  // With an input, that is $this in all three arguments.
  Frame frame = call.frame;
  if (call.op.has_target && !call.input.empty()) {
    frame.self = call.input;
    frame.index = 0;
  }
  const size_t begin = Top();
  if (!Eval(ArgumentOp(call, 0), frame)) return false;
  const Range criterion{begin, Top()};
  Truth truth = Truth::kNone;
  if (criterion.size() == 1) {
    PathItem item = stack_[criterion.begin];
    if (!ToValue(&item)) return false;
    if (item.kind != PathKind::kBoolean) {
      return Fail(call.op, "the condition of iif() must be a Boolean");
    }
  }
  if (!TruthOfRange(call.op, criterion, &truth)) return false;
  Pop(begin);
  const size_t chosen = truth == Truth::kTrue ? 1 : 2;
  const size_t out = Top();
  if (chosen < ArgumentCount(call) && !Eval(ArgumentOp(call, chosen), frame)) return false;
  return Keep(call.base, out);
}

bool Machine::NotFunction(const Call& call) {
  Truth truth = Truth::kNone;
  if (!TruthOfRange(call.op, call.input, &truth)) return false;
  return ReturnTruth(call, Not(truth));
}

bool Machine::Aggregate(const Call& call) {
  Frame frame = call.frame;
  frame.total = {Top(), Top()};
  if (ArgumentCount(call) > 1 && !Argument(call, 1, &frame.total)) return false;
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    frame.self = {i, i + 1};
    frame.index = static_cast<int64_t>(i - call.input.begin);
    const size_t begin = Top();
    if (!Eval(ArgumentOp(call, 0), frame)) return false;
    // The new total takes the place of the old one.
    if (!Keep(frame.total.begin, begin)) return false;
    frame.total.end = Top();
  }
  return Keep(call.base, frame.total.begin);
}

}  // namespace tarn::fhir::internal
