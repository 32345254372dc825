#include "fhir_store/internal/posting_table.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/posting_keys.h"

namespace tarn::fhir_store {
namespace {

constexpr uint32_t kVarintLow = 0x7f;
constexpr uint32_t kVarintMore = 0x80;
constexpr size_t kChangedKeyBytes = 160;  // Of a map node with its key.
constexpr size_t kChangedOrdinalBytes = 48;
constexpr size_t kSortHeadBytes = 8;
// Type, parameter and kind: what sorts keys into groups.
constexpr size_t kGroupBytes = 5;

uint16_t Low(Ordinal ordinal) { return static_cast<uint16_t>(ordinal % kChunkOrdinals); }

}  // namespace

uint32_t PostingTable::AddNode() {
  if (node_count_ % kBlockNodes == 0) {
    node_blocks_.push_back(std::make_unique<Node[]>(kBlockNodes));
  }
  return node_count_++;
}

void PostingTable::AppendByte(Entry* entry, uint8_t byte) {
  if (entry->tail == kNone || entry->tail_used == kNodeBytes) {
    const uint32_t added = AddNode();
    (entry->tail == kNone ? entry->head : NodeAt(entry->tail).next) = added;
    entry->tail = added;
    entry->tail_used = 0;
  }
  NodeAt(entry->tail).bytes[entry->tail_used++] = byte;
}

void PostingTable::AddNew(std::string_view key, uint64_t hash, Ordinal ordinal) {
  const uint32_t found = index_.Find(hash, [&](uint32_t i) { return Key(entries_[i]) == key; });
  if (found == HashIndex::kNone) {
    Entry entry;
    entry.key_offset = static_cast<uint32_t>(keys_.size());
    entry.key_bytes = static_cast<uint16_t>(key.size());
    entry.first = ordinal;
    entry.last = ordinal;
    keys_.append(key);
    CHECK(keys_.size() <= UINT32_MAX);
    index_.Insert(hash, static_cast<uint32_t>(entries_.size()));
    entries_.push_back(entry);
    return;
  }
  Entry& entry = entries_[found];
  if (entry.last == ordinal) return;
  CHECK(ordinal > entry.last);
  uint32_t difference = ordinal - entry.last;
  for (; difference > kVarintLow; difference >>= 7) {
    AppendByte(&entry, static_cast<uint8_t>((difference & kVarintLow) | kVarintMore));
  }
  AppendByte(&entry, static_cast<uint8_t>(difference));
  entry.last = ordinal;
}

void PostingTable::Change(std::string_view key, Ordinal ordinal, bool added) {
  auto place = changes_.find(key);
  if (place == changes_.end()) place = changes_.emplace(std::string(key), Changes()).first;
  change_count_ += place->second.insert_or_assign(ordinal, added).second ? 1 : 0;
}

size_t PostingTable::bytes() const {
  return keys_.capacity() + entries_.capacity() * sizeof(Entry) + index_.bytes() +
         node_blocks_.size() * kBlockNodes * sizeof(Node) + changes_.size() * kChangedKeyBytes +
         change_count_ * kChangedOrdinalBytes;
}

void PostingTable::ReadOrdinals(const Entry& entry, std::vector<Ordinal>* ordinals) const {
  ordinals->assign(1, entry.first);
  Ordinal ordinal = entry.first;
  uint32_t difference = 0;
  uint32_t shift = 0;
  for (uint32_t node = entry.head; node != kNone; node = NodeAt(node).next) {
    const size_t used = node == entry.tail ? entry.tail_used : kNodeBytes;
    for (size_t i = 0; i < used; ++i) {
      const uint32_t byte = NodeAt(node).bytes[i];
      difference |= (byte & kVarintLow) << shift;
      shift += 7;
      if ((byte & kVarintMore) != 0) continue;
      ordinal += difference;
      ordinals->push_back(ordinal);
      difference = 0;
      shift = 0;
    }
  }
}

// Comparing keys costs a miss of the cache each time, so groups are made first and keys then sorted
// by their next 8 bytes, which nearly always decide.
std::vector<uint32_t> PostingTable::SortedEntries() const {
  struct Place {
    uint64_t head;
    uint32_t entry;
  };
  std::map<uint64_t, std::vector<Place>> groups;
  std::vector<Place>* group = nullptr;
  uint64_t group_number = UINT64_MAX;
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    const std::string_view key = Key(entries_[i]);
    const uint64_t number =
        uint64_t{LoadBe32(key)} << 8 | static_cast<uint8_t>(key[kGroupBytes - 1]);
    if (number != group_number) {
      group = &groups[number];
      group_number = number;
    }
    char head[kSortHeadBytes] = {};
    key.copy(head, kSortHeadBytes, kGroupBytes);
    group->push_back({LoadBe64({head, kSortHeadBytes}), i});
  }
  std::vector<uint32_t> order;
  order.reserve(entries_.size());
  for (auto& [number, places] : groups) {
    std::sort(places.begin(), places.end(), [this](const Place& a, const Place& b) {
      if (a.head != b.head) return a.head < b.head;
      return Key(entries_[a.entry]) < Key(entries_[b.entry]);
    });
    for (const Place& place : places) order.push_back(place.entry);
    std::vector<Place>().swap(places);
  }
  return order;
}

Status PostingTable::VisitKey(std::string_view key, const Changes* changes, const Visit& visit,
                              Walk* walk) {
  static const Changes kNoChanges;
  const Changes& changed = changes == nullptr ? kNoChanges : *changes;
  const std::vector<Ordinal>& ordinals = walk->ordinals;
  auto ordinal = ordinals.begin();
  auto change = changed.begin();
  std::vector<uint16_t>& add = walk->add;
  std::vector<uint16_t>& remove = walk->remove;
  while (ordinal != ordinals.end() || change != changed.end()) {
    uint32_t chunk = UINT32_MAX;
    if (ordinal != ordinals.end()) chunk = *ordinal / kChunkOrdinals;
    if (change != changed.end()) chunk = std::min(chunk, change->first / kChunkOrdinals);
    add.clear();
    remove.clear();
    const auto here = [chunk](Ordinal o) { return o / kChunkOrdinals == chunk; };
    for (;;) {
      const bool has_ordinal = ordinal != ordinals.end() && here(*ordinal);
      const bool has_change = change != changed.end() && here(change->first);
      if (!has_ordinal && !has_change) break;
      if (!has_change || (has_ordinal && *ordinal < change->first)) {
        add.push_back(Low(*ordinal++));
        continue;
      }
      // What was said later of the same resource holds.
      if (has_ordinal && *ordinal == change->first) ++ordinal;
      (change->second ? add : remove).push_back(Low(change->first));
      ++change;
    }
    walk->key.assign(key);
    AppendBe16(&walk->key, static_cast<uint16_t>(chunk));
    TRY(visit(walk->key, {.add = add, .remove = remove}));
  }
  return Ok();
}

Status PostingTable::ForEachChunk(const Visit& visit) const {
  Walk walk;
  auto change = changes_.begin();
  const auto visit_change = [&]() -> Status {
    walk.ordinals.clear();
    return VisitKey(change->first, &change->second, visit, &walk);
  };
  for (const uint32_t i : SortedEntries()) {
    const std::string_view key = Key(entries_[i]);
    for (; change != changes_.end() && change->first < key; ++change) TRY(visit_change());
    const bool both = change != changes_.end() && change->first == key;
    ReadOrdinals(entries_[i], &walk.ordinals);
    TRY(VisitKey(key, both ? &change->second : nullptr, visit, &walk));
    if (both) ++change;
  }
  for (; change != changes_.end(); ++change) TRY(visit_change());
  return Ok();
}

void PostingTable::Clear() { *this = PostingTable(); }

}  // namespace tarn::fhir_store
