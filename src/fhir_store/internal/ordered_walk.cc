#include "fhir_store/internal/ordered_walk.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/id_walk.h"
#include "fhir_store/internal/posting_writer.h"

namespace tarn::fhir_store {
namespace {

// Up to here candidates are read one by one; beyond, buckets are walked.
constexpr uint64_t kFewCandidates = 64;
// Buckets of more members are divided further.
constexpr uint64_t kFewMembers = 32;
constexpr size_t kTextEndBytes = 1 + kExactTagBytes;

BucketAxis AxisOf(const fhir::SortKey& key, const SearchDefinitions& definitions) {
  if (key.search_type != fhir::SearchType::kDate) return BucketAxis(BucketAxis::kNumber);
  const StampedParameters stamped(definitions.parameters);
  const bool instant =
      key.parameter == stamped.last_updated || key.parameter == fhir::kParameterCreatedAt;
  return BucketAxis(instant ? BucketAxis::kInstant : BucketAxis::kDate);
}

}  // namespace

// Reads the members of one bucket after the other, of several kinds of keys at once.
class OrderedWalk::Groups {
 public:
  // `end_bytes`: what follows the bucket in a posting key.
  Groups(const PostingReader& reader, bool descending, size_t end_bytes)
      : reader_(reader),
        direction_(descending ? kv::Direction::kReverse : kv::Direction::kForward),
        end_bytes_(end_bytes) {}

  void AddKind(const std::string& prefix, kv::KeyRange range) {
    kinds_.push_back({.prefix_bytes = prefix.size(),
                      .cursor = reader_.snapshot().Scan(kPosting, std::move(range), direction_)});
  }

  // The next bucket that has any of `wanted`; false at the end.
  Result<bool> Next(const OrdinalSet& wanted, std::string* bucket, OrdinalSet* members) {
    for (;;) {
      const Kind* next = nullptr;
      for (const Kind& kind : kinds_) {
        if (!kind.cursor->Valid()) {
          TRY(kind.cursor->status());
        } else if (next == nullptr || IsBefore(BucketOf(kind), BucketOf(*next))) {
          next = &kind;
        }
      }
      if (next == nullptr) return false;
      *bucket = std::string(BucketOf(*next));
      *members = {};
      for (Kind& kind : kinds_) TRY(Take(&kind, *bucket, wanted, members));
      if (!members->IsEmpty()) return true;
    }
  }

 private:
  struct Kind {
    size_t prefix_bytes;
    std::unique_ptr<kv::Cursor> cursor;
  };

  std::string_view BucketOf(const Kind& kind) const {
    const std::string_view key = kind.cursor->key();
    return key.substr(kind.prefix_bytes,
                      key.size() - kind.prefix_bytes - end_bytes_ - kPostingChunkBytes);
  }
  bool IsBefore(std::string_view a, std::string_view b) const {
    return direction_ == kv::Direction::kReverse ? b < a : a < b;
  }
  Status Take(Kind* kind, const std::string& bucket, const OrdinalSet& wanted,
              OrdinalSet* members) {
    kv::Cursor& cursor = *kind->cursor;
    for (; cursor.Valid() && BucketOf(*kind) == bucket; cursor.Next()) {
      TRY(reader_.budget().SpendKey());
      TRY(const uint32_t chunk, PostingChunk(cursor.key()));
      const auto of_chunk = wanted.chunks().find(chunk);
      if (of_chunk == wanted.chunks().end()) continue;
      TRY(kv::Bits bits, kv::Bits::Decode(cursor.value()));
      bits.IntersectWith(of_chunk->second);
      members->AddChunk(chunk, bits);
    }
    return cursor.status();
  }

  const PostingReader& reader_;
  const kv::Direction direction_;
  const size_t end_bytes_;
  std::vector<Kind> kinds_;
};

OrderedWalk::OrderedWalk(const WalkContext& context, size_t key)
    : context_(context),
      sort_(context.sort),
      type_(context.type),
      reader_(context.reader),
      key_(key),
      primary_(context.sort[key]),
      by_id_(primary_.parameter == StampedParameters(context.definitions.parameters).id),
      axis_(AxisOf(primary_, context.definitions)) {}

uint64_t OrderedWalk::WalkFrom() const {
  switch (primary_.search_type) {
    case fhir::SearchType::kDate:
    case fhir::SearchType::kNumber:
    case fhir::SearchType::kQuantity:
      return std::min(kFewCandidates, context_.few_to_sort);
    default:
      return context_.few_to_sort;
  }
}

Result<std::vector<ResultItem>> OrderedWalk::First(OrdinalSet candidates, size_t wanted,
                                                   const ResultPlace* after) {
  wanted_ = wanted;
  after_ = after;
  if (candidates.Count() <= WalkFrom()) {
    TRY(Resolve(candidates));
  } else {
    remaining_ = std::move(candidates);
    if (after_ == nullptr || after_->values[key_].has_value()) TRY(Walk());
    if (!IsDone()) TRY(Missing());
  }
  if (out_.size() > wanted_) out_.resize(wanted_);
  return std::move(out_);
}

Status OrderedWalk::Walk() {
  switch (primary_.search_type) {
    case fhir::SearchType::kString:
      return WalkTexts();
    case fhir::SearchType::kToken:
    case fhir::SearchType::kUri:
      return by_id_ ? WalkIds() : WalkHashes();
    case fhir::SearchType::kReference:
      return WalkReferences();
    default: {
      const std::string level(1, '\0');
      return WalkBuckets(0, {level, level + std::string(8, '\xff')});
    }
  }
}

std::string OrderedWalk::Prefix(PostingKind kind) const {
  std::string prefix;
  AppendPostingPrefix(&prefix, type_, primary_.parameter, kind);
  return prefix;
}

Status OrderedWalk::WalkBuckets(int level, Buckets range) {
  if (after_ != nullptr) {
    const std::string reached = axis_.Bucket(level, *after_->values[key_]);
    if (primary_.descending) {
      range.last = std::min(range.last, reached);
    } else {
      range.first = std::max(range.first, reached);
    }
  }
  if (range.last < range.first) return Ok();
  Groups groups(reader_, primary_.descending, 0);
  const auto add = [&](PostingKind kind) {
    const std::string prefix = Prefix(kind);
    groups.AddKind(
        prefix, {.begin = prefix + range.first, .end = kv::PrefixRange(prefix + range.last).end});
  };
  add(PostingKind::kPoint);
  if (level <= axis_.point_level()) {
    add(primary_.descending ? PostingKind::kHigh : PostingKind::kLow);
  }
  std::string bucket;
  OrdinalSet members;
  for (;;) {
    TRY(const bool more, groups.Next(remaining_, &bucket, &members));
    if (!more || IsDone()) return Ok();
    bool divide = level + 1 < axis_.levels() && members.Count() > kFewMembers;
    if (divide && level >= axis_.point_level()) {
      TRY(divide, AllAreFiner(level, bucket, members));
    }
    if (divide) {
      const auto [first, last] = axis_.Children(level, bucket);
      TRY(WalkBuckets(level + 1, {first, last}));
    } else {
      remaining_.Subtract(members);
      TRY(Resolve(members));
    }
    if (IsDone()) return Ok();
  }
}

Result<bool> OrderedWalk::AllAreFiner(int level, const std::string& bucket,
                                      const OrdinalSet& members) {
  const std::string prefix = Prefix(PostingKind::kPoint);
  const auto [first, last] = axis_.Children(level, bucket);
  OrdinalSet finer;
  KeySpan span;
  span.begin = prefix + first;
  span.end = kv::PrefixRange(prefix + last).end;
  TRY(reader_.Read(span, &members, &finer));
  OrdinalSet rest = members;
  rest.Subtract(finer);
  return rest.IsEmpty();
}

Status OrderedWalk::WalkTexts() {
  const std::string prefix = Prefix(PostingKind::kText);
  kv::KeyRange range = kv::PrefixRange(prefix);
  if (after_ != nullptr) {
    const std::string reached = prefix + after_->values[key_]->substr(0, kPostingTextBytesMax);
    if (primary_.descending) {
      range.end = kv::PrefixRange(reached).end;
    } else {
      range.begin = reached;
    }
  }
  Groups groups(reader_, primary_.descending, kTextEndBytes);
  groups.AddKind(prefix, std::move(range));
  std::string text;
  OrdinalSet members;
  for (;;) {
    TRY(const bool more, groups.Next(remaining_, &text, &members));
    if (!more || IsDone()) return Ok();
    remaining_.Subtract(members);
    // A text that was cut, here or in its key, is not the whole value.
    const bool whole = text.size() < std::min(kPostingTextBytesMax, kSortBytesMax / sort_.size());
    TRY(whole ? Equal(text, members) : Resolve(members));
  }
}

// ---- Tokens and URIs ----

// The members of every hash that any result has.
Result<OrderedWalk::Sets> OrderedWalk::ByHash() {
  Sets sets;
  const std::string prefix = Prefix(PostingKind::kHash);
  const auto cursor = reader_.snapshot().Scan(kPosting, kv::PrefixRange(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(reader_.budget().SpendKey());
    const std::string_view key = cursor->key();
    TRY(const uint32_t chunk, PostingChunk(key));
    const auto wanted = remaining_.chunks().find(chunk);
    if (wanted == remaining_.chunks().end()) continue;
    TRY(kv::Bits bits, kv::Bits::Decode(cursor->value()));
    bits.IntersectWith(wanted->second);
    if (bits.IsEmpty()) continue;
    sets[std::string(key.substr(0, key.size() - kPostingChunkBytes))].AddChunk(chunk, bits);
  }
  TRY(cursor->status());
  return sets;
}

// A member with one value alone has the value of its hash. Where there is none, every member tells
// the value that it comes first by.
Result<OrderedWalk::Sets> OrderedWalk::ByValue(const Sets& by_hash) {
  OrdinalSet several;
  TRY(reader_.Read(SpanOfPosting(Prefix(PostingKind::kSeveral)), &remaining_, &several));
  Sets by_value;
  for (const auto& hash : by_hash) {
    const OrdinalSet& members = hash.second;
    OrdinalSet singles = members;
    singles.Subtract(several);
    const bool one_tells = !singles.IsEmpty();
    Status status = Ok();
    (one_tells ? singles : members).Visit(0, [&](Ordinal ordinal) {
      status = [&]() -> Status {
        TRY(const auto values, context_.values_of(ordinal));
        if (!values[key_].has_value()) return Ok();
        OrdinalSet& set = by_value[*values[key_]];
        if (one_tells) {
          set.UnionWith(members);
        } else {
          set.Add(ordinal);
        }
        return Ok();
      }();
      return status.ok() && !one_tells;
    });
    TRY(std::move(status));
  }
  return by_value;
}

Status OrderedWalk::WalkHashes() {
  TRY(const Sets by_hash, ByHash());
  const uint64_t results = remaining_.Count();
  if (by_hash.size() >= results) return Resolve(std::exchange(remaining_, {}));
  TRY(Sets by_value, ByValue(by_hash));
  std::vector<const Sets::value_type*> order;
  for (const auto& value : by_value) order.push_back(&value);
  if (primary_.descending) std::reverse(order.begin(), order.end());
  for (const auto* value : order) {
    OrdinalSet members = value->second;
    members.IntersectWith(remaining_);
    remaining_.Subtract(members);
    TRY(Equal(value->first, members));
    if (IsDone()) return Ok();
  }
  return Ok();
}

// ---- Ids and references ----

Status OrderedWalk::WalkIds() {
  IdWalk ids(reader_.snapshot(), type_, direction());
  if (after_ != nullptr) ids.Seek(*after_->values[key_]);
  std::string id;
  CurrentRecord record;
  for (;;) {
    TRY(const bool more, ids.Next(&id, &record));
    if (!more || IsDone()) return Ok();
    TRY(reader_.budget().SpendKey());
    if (record.deleted || !remaining_.Contains(record.ordinal)) continue;
    OrdinalSet one;
    one.Add(record.ordinal);
    remaining_.Remove(record.ordinal);
    TRY(Resolve(one));
  }
}

Status OrderedWalk::WalkReferences() {
  const auto info = context_.definitions.parameters.Find(primary_.parameter);
  std::vector<fhir::TypeId> targets;
  if (info.has_value()) targets.assign(info->targets.begin(), info->targets.end());
  if (targets.empty()) {
    for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) targets.push_back(type);
  }
  std::sort(targets.begin(), targets.end(), [this](fhir::TypeId a, fhir::TypeId b) {
    return IsBefore(ReferenceSortValue(a, ""), ReferenceSortValue(b, ""));
  });
  for (const fhir::TypeId target : targets) {
    const std::string type_text = ReferenceSortValue(target, "");
    std::string from;
    const std::string* begin = nullptr;
    if (after_ != nullptr) {
      const std::string& reached = *after_->values[key_];
      if (reached.starts_with(type_text)) {
        from = reached.substr(type_text.size());
        begin = &from;
      } else if (IsBefore(type_text, reached)) {
        continue;
      }
    }
    TRY(WalkTargets(target, begin));
    if (IsDone()) return Ok();
  }
  return Ok();
}

Status OrderedWalk::WalkTargets(fhir::TypeId target, const std::string* from) {
  IdWalk ids(reader_.snapshot(), target, direction());
  if (from != nullptr) ids.Seek(*from);
  const auto cursor =
      reader_.snapshot().Scan(kPosting, kv::PrefixRange(Prefix(PostingKind::kHash)));
  std::string id;
  CurrentRecord record;
  for (;;) {
    TRY(const bool more, ids.Next(&id, &record));
    if (!more || IsDone()) return Ok();
    TRY(reader_.budget().SpendKey());
    const std::string posting =
        context_.planner.ReferenceKey(type_, primary_.parameter, target, id);
    OrdinalSet members;
    for (cursor->Seek(posting); cursor->Valid() && cursor->key().starts_with(posting);
         cursor->Next()) {
      TRY(reader_.budget().SpendKey());
      TRY(const uint32_t chunk, PostingChunk(cursor->key()));
      const auto wanted = remaining_.chunks().find(chunk);
      if (wanted == remaining_.chunks().end()) continue;
      TRY(kv::Bits bits, kv::Bits::Decode(cursor->value()));
      bits.IntersectWith(wanted->second);
      members.AddChunk(chunk, bits);
    }
    TRY(cursor->status());
    if (members.IsEmpty()) continue;
    // What came after the first page leads nowhere, as it did then.
    TRY(const bool there, context_.exists(target, id));
    if (!there) continue;
    remaining_.Subtract(members);
    TRY(Equal(ReferenceSortValue(target, id), members));
  }
}

// ---- Results that are alike ----

Status OrderedWalk::Equal(const std::optional<std::string>& value, const OrdinalSet& members) {
  if (!collects_ || members.IsEmpty()) return Ok();
  const ResultPlace* after = after_;
  if (after != nullptr && after->values[key_] != value) {
    const std::optional<std::string>& reached = after->values[key_];
    const bool passed =
        reached.has_value() ? value.has_value() && IsBefore(*value, *reached) : value.has_value();
    if (passed) return Ok();
    after = nullptr;
  }
  const bool last_key = key_ + 1 == sort_.size();
  if (!last_key && members.Count() <= kFewMembers) return Resolve(members);
  if (last_key) return InOrdinalOrder(members, after);
  OrderedWalk next(context_, key_ + 1);
  TRY(auto items, next.First(members, wanted_ - out_.size(), after));
  std::move(items.begin(), items.end(), std::back_inserter(out_));
  return Ok();
}

Status OrderedWalk::InOrdinalOrder(const OrdinalSet& members, const ResultPlace* after) {
  if (after != nullptr && (after->type > type_ || after->ordinal == UINT32_MAX)) return Ok();
  const Ordinal first = after != nullptr && after->type == type_ ? after->ordinal + 1 : 0;
  Status status = Ok();
  members.Visit(first, [&](Ordinal ordinal) {
    status = [&]() -> Status {
      TRY(auto item, context_.item_of(ordinal));
      if (item.has_value()) out_.push_back(*std::move(item));
      return Ok();
    }();
    return status.ok() && !IsDone();
  });
  return status;
}

// A token may have texts alone, a reference may lead nowhere: they have the parameter, but nothing
// that sorts.
Result<OrdinalSet> OrderedWalk::WithoutValue() {
  if (by_id_) return OrdinalSet();
  OrdinalSet missing = std::move(remaining_);
  const bool hashed = primary_.search_type == fhir::SearchType::kToken ||
                      primary_.search_type == fhir::SearchType::kUri ||
                      primary_.search_type == fhir::SearchType::kReference;
  // Hashes are always walked as a whole, targets from `after` on.
  const bool walked = after_ == nullptr || (after_->values[key_].has_value() &&
                                            primary_.search_type != fhir::SearchType::kReference);
  if (hashed && walked) return missing;
  if (!hashed) {
    OrdinalSet present;
    TRY(reader_.Read(SpanOfPosting(Prefix(PostingKind::kPresent)), &missing, &present));
    missing.Subtract(present);
    return missing;
  }
  if (primary_.search_type != fhir::SearchType::kReference) {
    OrdinalSet present;
    TRY(reader_.Read(SpanOfPrefix(Prefix(PostingKind::kHash)), &missing, &present));
    missing.Subtract(present);
    return missing;
  }
  // Walks all targets once more, for what they take away.
  remaining_ = std::move(missing);
  const ResultPlace* const after = std::exchange(after_, nullptr);
  const size_t wanted = std::exchange(wanted_, SIZE_MAX);
  collects_ = false;
  const Status walked_again = WalkReferences();
  collects_ = true;
  after_ = after;
  wanted_ = wanted;
  TRY(Status(walked_again));
  return std::move(remaining_);
}

Status OrderedWalk::Missing() {
  TRY(const OrdinalSet missing, WithoutValue());
  return Equal(std::nullopt, missing);
}

Status OrderedWalk::Resolve(const OrdinalSet& members) {
  std::vector<ResultItem> items;
  for (const Ordinal ordinal : members.Values()) {
    TRY(auto item, context_.item_of(ordinal));
    if (item.has_value()) items.push_back(*std::move(item));
  }
  std::sort(items.begin(), items.end(), [this](const ResultItem& a, const ResultItem& b) {
    return ComesBefore(sort_, a.place, b.place);
  });
  std::move(items.begin(), items.end(), std::back_inserter(out_));
  return Ok();
}

}  // namespace tarn::fhir_store
