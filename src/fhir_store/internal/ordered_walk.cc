#include "fhir_store/internal/ordered_walk.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_writer.h"

namespace tarn::fhir_store {
namespace {

// Up to here candidates are read one by one; beyond, buckets are walked.
constexpr uint64_t kFewCandidates = 64;
// There are more texts than buckets, so that walking them pays later.
constexpr uint64_t kFewCandidatesOfTexts = 5'000;
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

  void AddKind(std::string prefix, kv::KeyRange range) {
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

OrderedWalk::OrderedWalk(const std::vector<fhir::SortKey>& sort, fhir::TypeId type,
                         const SearchDefinitions& definitions, const PostingReader& reader,
                         const Item& item_of)
    : sort_(sort),
      type_(type),
      reader_(reader),
      item_of_(item_of),
      primary_(sort.front()),
      axis_(AxisOf(sort.front(), definitions)) {}

uint64_t OrderedWalk::WalkFrom() const {
  switch (primary_.search_type) {
    case fhir::SearchType::kDate:
    case fhir::SearchType::kNumber:
    case fhir::SearchType::kQuantity:
      return kFewCandidates;
    case fhir::SearchType::kString:
      return kFewCandidatesOfTexts;
    default:
      return UINT64_MAX;  // Their keys are hashes, without an order.
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
    if (after_ == nullptr || after_->values[0].has_value()) {
      if (primary_.search_type == fhir::SearchType::kString) {
        TRY(WalkTexts());
      } else {
        const std::string level(1, '\0');
        TRY(WalkBuckets(0, {level, level + std::string(8, '\xff')}));
      }
    }
    if (!IsDone()) TRY(Missing());
  }
  if (out_.size() > wanted_) out_.resize(wanted_);
  return std::move(out_);
}

std::string OrderedWalk::Prefix(PostingKind kind) const {
  std::string prefix;
  AppendPostingPrefix(&prefix, type_, primary_.parameter, kind);
  return prefix;
}

Status OrderedWalk::WalkBuckets(int level, Buckets range) {
  if (after_ != nullptr) {
    const std::string reached = axis_.Bucket(level, *after_->values[0]);
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
    const std::string reached = prefix + after_->values[0]->substr(0, kPostingTextBytesMax);
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
    TRY(Resolve(members));
  }
}

Status OrderedWalk::Missing() {
  OrdinalSet present;
  TRY(reader_.Read(SpanOfPosting(Prefix(PostingKind::kPresent)), &remaining_, &present));
  OrdinalSet missing = std::move(remaining_);
  missing.Subtract(present);
  if (sort_.size() > 1) return Resolve(missing);
  // All alike: ordinals are their order.
  const bool within = after_ != nullptr && !after_->values[0].has_value();
  if (within && (after_->type > type_ || after_->ordinal == UINT32_MAX)) return Ok();
  const Ordinal first = within && after_->type == type_ ? after_->ordinal + 1 : 0;
  Status status = Ok();
  missing.Visit(first, [&](Ordinal ordinal) {
    status = [&]() -> Status {
      TRY(auto item, item_of_(ordinal));
      if (item.has_value()) out_.push_back(*std::move(item));
      return Ok();
    }();
    return status.ok() && !IsDone();
  });
  return status;
}

Status OrderedWalk::Resolve(const OrdinalSet& members) {
  std::vector<ResultItem> items;
  for (const Ordinal ordinal : members.Values()) {
    TRY(auto item, item_of_(ordinal));
    if (!item.has_value()) continue;
    if (after_ != nullptr && !ComesBefore(sort_, *after_, item->place)) continue;
    items.push_back(*std::move(item));
  }
  std::sort(items.begin(), items.end(), [this](const ResultItem& a, const ResultItem& b) {
    return ComesBefore(sort_, a.place, b.place);
  });
  std::move(items.begin(), items.end(), std::back_inserter(out_));
  return Ok();
}

}  // namespace tarn::fhir_store
