// A search is a walk over one range of the index (internal/search_index.h) in the order asked for.
// The range is that of the most selective identifier if there is one; a time filter narrows it when
// it is of the order's own field. A time filter of another field is read as a range of its own and
// sorted in memory when it is short, since walking the order would pass over everything else.
//
//   patient = A, sort updatedAt             range  patient A, by updatedAt
//   series = A, updatedAt in [x, y]         range  series A, by updatedAt, from x to y
//   createdAt in [x, y], sort updatedAt     range  all, by createdAt, from x to y; sorted
//                                           (too long: all, by updatedAt, filtered)
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "image_store/image_sets.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/search_index.h"
#include "image_store/internal/set_changes.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {
namespace {

constexpr uint8_t kTokenForm = 1;
constexpr size_t kTokenQueryBytes = 8;

struct IdentifierCondition {
  IndexAttribute attribute;
  std::string text;
};
struct RangeCondition {
  SortField field;
  std::string lower;  // Order values, both inclusive.
  std::string upper;
};
struct Query {
  std::vector<IdentifierCondition> identifiers;
  std::vector<RangeCondition> ranges;
  std::optional<bool> is_primary;
  SortField sort = SortField::kUpdatedAt;
  bool ascending = false;
  size_t max = 0;
};

struct Hit {
  std::string place;  // Order value and image set: what the page token holds.
  std::string_view set() const {
    return std::string_view(place).substr(place.size() - kSetIdBytes);
  }
};
struct Hits {
  std::vector<Hit> found;
  std::string last_place;  // Where the walk stopped; empty: it came to the end.
};

std::optional<IndexAttribute> IdentifierOf(SearchKey key) {
  switch (key) {
    case SearchKey::kPatientId:
      return IndexAttribute::kPatientId;
    case SearchKey::kAccessionNumber:
      return IndexAttribute::kAccessionNumber;
    case SearchKey::kStudyId:
      return IndexAttribute::kStudyId;
    case SearchKey::kStudyInstanceUid:
      return IndexAttribute::kStudyInstanceUid;
    case SearchKey::kSeriesInstanceUid:
      return IndexAttribute::kSeriesInstanceUid;
    default:
      return std::nullopt;
  }
}

SortField FieldOf(SearchKey key) {
  if (key == SearchKey::kCreatedAt) return SortField::kCreatedAt;
  if (key == SearchKey::kUpdatedAt) return SortField::kUpdatedAt;
  return SortField::kStudyDateAndTime;
}

std::string BoundOf(SortField field, const SearchValue& value) {
  return field == SortField::kStudyDateAndTime ? StudyTimeDigits(value.study_date, value.study_time)
                                               : TimeValue(value.unix_ms);
}

Status AddFilter(const SearchFilter& filter, Query* query) {
  const bool between = filter.op == SearchOperator::kBetween;
  if (filter.values.size() != (between ? 2 : 1)) {
    return Invalid(between ? "BETWEEN takes two values" : "EQUAL takes one value");
  }
  const SearchValue& first = filter.values.front();
  const auto attribute = IdentifierOf(filter.key);
  if (between && (attribute.has_value() || filter.key == SearchKey::kIsPrimary)) {
    return Invalid("BETWEEN is for createdAt, updatedAt and DICOMStudyDateAndTime");
  }
  if (attribute.has_value()) {
    query->identifiers.push_back({*attribute, first.text});
    return Ok();
  }
  if (filter.key == SearchKey::kIsPrimary) {
    if (query->is_primary.has_value() && *query->is_primary != first.flag) {
      query->ranges.push_back({SortField::kUpdatedAt, TimeValue(1), TimeValue(0)});  // Nothing.
    }
    query->is_primary = first.flag;
    return Ok();
  }
  const SortField field = FieldOf(filter.key);
  query->ranges.push_back({field, BoundOf(field, first), BoundOf(field, filter.values.back())});
  return Ok();
}

Result<Query> MakeQuery(const SearchRequest& request) {
  if (request.filters.size() > kSearchFiltersMax) return Invalid("at most two filters");
  if (request.max < 1 || request.max > kSearchPageMax) return Invalid("maxResults is 1 to 50");
  Query query;
  query.sort = request.sort;
  query.ascending = request.ascending;
  query.max = request.max;
  for (const SearchFilter& filter : request.filters) TRY(AddFilter(filter, &query));
  // The most selective first: a series is in few image sets, a patient in many.
  std::sort(query.identifiers.begin(), query.identifiers.end(),
            [](const auto& a, const auto& b) { return a.attribute > b.attribute; });
  return query;
}

bool Matches(const crypto::SipHash& hash, const Query& query, const IndexEntry& entry) {
  for (const IdentifierCondition& one : query.identifiers) {
    const size_t index = static_cast<size_t>(one.attribute) - 1;
    if (entry.hashes[index] != ShortHash(hash, one.text)) return false;
  }
  for (const RangeCondition& range : query.ranges) {
    const std::string value = OrderValue(entry, range.field);
    if (value < range.lower || value > range.upper) return false;
  }
  return !query.is_primary.has_value() || entry.is_primary == *query.is_primary;
}

// The prefix of what is walked, in an order.
std::string BasePrefix(const crypto::SipHash& hash, const Query& query, SortField order) {
  if (!query.identifiers.empty()) {
    return IndexPrefix(hash, query.identifiers.front().attribute, query.identifiers.front().text,
                       order);
  }
  if (query.is_primary.has_value()) {
    return IndexPrefix(hash, IndexAttribute::kIsPrimary, *query.is_primary ? "1" : "0", order);
  }
  return IndexPrefix(hash, IndexAttribute::kAll, {}, order);
}

kv::KeyRange RangeOf(const std::string& prefix, const Query& query, SortField order) {
  kv::KeyRange range = kv::PrefixRange(prefix);
  for (const RangeCondition& one : query.ranges) {
    if (one.field != order) continue;
    range.begin = std::max(range.begin, prefix + one.lower);
    std::string end = prefix + one.upper;
    end.append(kSetIdBytes + 1, '\xff');
    if (range.end.empty() || end < range.end) range.end = std::move(end);
  }
  return range;
}

// Walks the order behind `after` (a place; empty: from its beginning).
Result<Hits> Walk(const ImageStoreState& state, const kv::Snapshot& snapshot, const Query& query,
                  std::string_view after) {
  Hits hits;
  const std::string prefix = BasePrefix(state.hash, query, query.sort);
  const kv::KeyRange range = RangeOf(prefix, query, query.sort);
  if (!range.end.empty() && range.begin >= range.end) return hits;
  const auto direction = query.ascending ? kv::Direction::kForward : kv::Direction::kReverse;
  const auto cursor = snapshot.Scan(kIndex, range, direction);
  const std::string start = prefix + std::string(after);
  if (!after.empty()) {
    cursor->Seek(start);
    if (cursor->Valid() && cursor->key() == start) cursor->Next();
  }
  for (uint32_t seen = 0; cursor->Valid(); cursor->Next()) {
    const std::string_view place = cursor->key().substr(prefix.size());
    if (hits.found.size() == query.max || seen++ == kSearchScanMax) return hits;
    TRY(const IndexEntry entry, DecodeIndexEntry(cursor->value()));
    if (place.size() <= kSetIdBytes) return Error{ErrorKind::kCorrupt, "an index key"};
    if (Matches(state.hash, query, entry)) hits.found.push_back({std::string(place)});
    hits.last_place = place;
  }
  TRY(cursor->status());
  hits.last_place.clear();
  return hits;
}

// The same by reading a time filter's own range and sorting it; nothing when that is too long.
Result<std::optional<Hits>> Sorted(const ImageStoreState& state, const kv::Snapshot& snapshot,
                                   const Query& query, std::string_view after) {
  const auto other = std::find_if(query.ranges.begin(), query.ranges.end(),
                                  [&](const auto& one) { return one.field != query.sort; });
  const bool narrow = std::any_of(query.ranges.begin(), query.ranges.end(),
                                  [&](const auto& one) { return one.field == query.sort; });
  if (other == query.ranges.end() || narrow || !query.identifiers.empty()) {
    return std::optional<Hits>();
  }
  const std::string prefix = BasePrefix(state.hash, query, other->field);
  const kv::KeyRange range = RangeOf(prefix, query, other->field);
  Hits hits;
  if (!range.end.empty() && range.begin >= range.end) return std::optional<Hits>(hits);
  const auto cursor = snapshot.Scan(kIndex, range);
  const auto before = [&query](const std::string& a, const std::string& b) {
    return query.ascending ? a < b : a > b;
  };
  for (uint32_t seen = 0; cursor->Valid(); cursor->Next()) {
    if (seen++ == kSearchSortMax) return std::optional<Hits>();
    TRY(const IndexEntry entry, DecodeIndexEntry(cursor->value()));
    if (cursor->key().size() < kSetIdBytes) return Error{ErrorKind::kCorrupt, "an index key"};
    if (!Matches(state.hash, query, entry)) continue;
    std::string place = OrderValue(entry, query.sort);
    place.append(cursor->key().substr(cursor->key().size() - kSetIdBytes));
    if (after.empty() || before(std::string(after), place))
      hits.found.push_back({std::move(place)});
  }
  TRY(cursor->status());
  std::sort(hits.found.begin(), hits.found.end(),
            [&before](const Hit& a, const Hit& b) { return before(a.place, b.place); });
  if (hits.found.size() > query.max) {
    hits.found.resize(query.max);
    hits.last_place = hits.found.back().place;
  }
  return std::optional<Hits>(std::move(hits));
}

// What binds a token to its query.
std::string QueryDigest(const crypto::SipHash& hash, const Query& query) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    AppendBe32(&text, static_cast<uint32_t>(part.size()));
    text += part;
  };
  for (const IdentifierCondition& one : query.identifiers) {
    text += static_cast<char>(one.attribute);
    add(one.text);
  }
  for (const RangeCondition& one : query.ranges) {
    text += static_cast<char>(0x40 + static_cast<int>(one.field));
    add(one.lower);
    add(one.upper);
  }
  text += query.is_primary.has_value() ? (*query.is_primary ? '1' : '0') : '-';
  text += static_cast<char>(query.sort);
  text += query.ascending ? 'a' : 'd';
  const auto bytes = hash(text);
  return {bytes.data(), kTokenQueryBytes};
}

std::string EncodeToken(const std::string& digest, std::string_view place) {
  std::string bytes;
  bytes += static_cast<char>(kTokenForm);
  bytes.append(digest).append(place);
  return Base64UrlEncode(bytes);
}

Result<std::string> DecodeToken(std::string_view token, const std::string& digest,
                                const Query& query) {
  const auto invalid = [] { return Invalid("nextToken is not one of this search"); };
  const auto bytes = Base64UrlDecode(token);
  if (!bytes.ok()) return invalid();
  ByteReader in(bytes.value());
  const size_t place_bytes =
      (query.sort == SortField::kStudyDateAndTime ? kStudyTimeBytes : 8) + kSetIdBytes;
  if (in.U8() != kTokenForm || in.Take(kTokenQueryBytes) != digest) return invalid();
  const std::string_view place = in.Rest();
  if (place.size() != place_bytes) return invalid();
  return std::string(place);
}

const std::string& IdentifierText(const DicomTags& tags, IndexAttribute attribute) {
  switch (attribute) {
    case IndexAttribute::kPatientId:
      return tags.patient_id;
    case IndexAttribute::kAccessionNumber:
      return tags.accession_number;
    case IndexAttribute::kStudyId:
      return tags.study_id;
    case IndexAttribute::kStudyInstanceUid:
      return tags.study_instance_uid;
    default:
      return tags.series_instance_uid;
  }
}

struct StudyTotals {
  uint32_t series = 0;
  uint32_t instances = 0;
};

// What the data store holds of a study: its primary image sets, of which each series has one.
Result<StudyTotals> TotalsOf(const kv::Snapshot& snapshot, const std::string& study_uid) {
  std::vector<std::string> sets;
  const auto cursor = snapshot.Scan(kPrimary, kv::PrefixRange(PrimaryOfStudyPrefix(study_uid)));
  for (; cursor->Valid() && sets.size() < kStudyImageSetsMax; cursor->Next()) {
    sets.emplace_back(cursor->value());
  }
  TRY(cursor->status());
  TRY(const auto records, snapshot.MultiGet(kSet, sets));
  StudyTotals totals;
  for (const auto& bytes : records) {
    if (!bytes.has_value()) return Error{ErrorKind::kCorrupt, "a primary image set is missing"};
    TRY(const SetRecord record, DecodeSet(*bytes));
    totals.series += record.tags.study_related_series;
    totals.instances += record.tags.study_related_instances;
  }
  return totals;
}

// Gives the summaries the counts of their studies; an image set of a study without primary ones
// keeps its own.
Status CountStudies(const kv::Snapshot& snapshot, std::vector<ImageSetSummary>* summaries) {
  std::map<std::string, StudyTotals> studies;
  for (ImageSetSummary& summary : *summaries) {
    const auto [place, is_new] = studies.try_emplace(summary.tags.study_instance_uid);
    if (is_new) {
      TRY(place->second, TotalsOf(snapshot, place->first));
    }
    if (place->second.series == 0) continue;
    summary.tags.study_related_series = place->second.series;
    summary.tags.study_related_instances = place->second.instances;
  }
  return Ok();
}

Result<std::vector<ImageSetSummary>> Summaries(const ImageStoreState& state,
                                               const kv::Snapshot& snapshot, const Query& query,
                                               const std::vector<Hit>& hits) {
  std::vector<std::string> keys;
  keys.reserve(hits.size());
  for (const Hit& hit : hits) keys.emplace_back(hit.set());
  TRY(const auto records, snapshot.MultiGet(kSet, keys));
  TRY(const auto accesses, snapshot.MultiGet(kAccess, keys));
  std::vector<ImageSetSummary> summaries;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!records[i].has_value()) return Error{ErrorKind::kCorrupt, "an indexed set is missing"};
    TRY(SetRecord record, DecodeSet(*records[i]));
    const bool exact = std::all_of(
        query.identifiers.begin(), query.identifiers.end(),
        [&](const auto& one) { return IdentifierText(record.tags, one.attribute) == one.text; });
    if (!exact) continue;
    ImageSetSummary summary{PropertiesOf(state, keys[i], record), std::move(record.tags)};
    int64_t& accessed = summary.properties.last_accessed_unix_ms;
    if (accessed == 0 && accesses[i].has_value() && accesses[i]->size() == 8) {
      accessed = static_cast<int64_t>(LoadBe64(*accesses[i]));
    }
    summaries.push_back(std::move(summary));
  }
  TRY(CountStudies(snapshot, &summaries));
  return summaries;
}

}  // namespace

Result<SearchPage> ImageSets::Search(const SearchRequest& request) const {
  TRY(const Query query, MakeQuery(request));
  const std::string digest = QueryDigest(state_->hash, query);
  std::string after;
  if (!request.page_token.empty()) {
    TRY(after, DecodeToken(request.page_token, digest, query));
  }
  const auto snapshot = state_->kv.GetSnapshot();
  TRY(std::optional<Hits> hits, Sorted(*state_, *snapshot, query, after));
  if (!hits.has_value()) {
    TRY(hits, Walk(*state_, *snapshot, query, after));
  }
  SearchPage page;
  TRY(page.image_sets, Summaries(*state_, *snapshot, query, hits->found));
  if (!hits->last_place.empty()) page.next_page_token = EncodeToken(digest, hits->last_place);
  return page;
}

}  // namespace tarn::image_store
