// The postings of an import's run while it grows: for every key, the ordinals that join or leave
// its set. Ordinals of created resources are kept as differences of one byte, mostly, in a pool of
// small nodes; a run of 500,000 resources has about 18 million of them.
//
// Threads: belongs to the coordinator.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/hash_index.h"
#include "fhir_store/internal/keys.h"
#include "kv/bits.h"

namespace tarn::fhir_store {

class PostingTable {
 public:
  // The resource of `ordinal` is new with this run and joins the set. Ordinals of one key ascend,
  // repetitions are fine (CHECK). `hash`: of the key, the same function for all calls.
  void AddNew(std::string_view key, uint64_t hash, Ordinal ordinal);
  // The resource joins or leaves the set, after all that was said of it before.
  void Change(std::string_view key, Ordinal ordinal, bool added);

  // What it occupies, about.
  size_t bytes() const;
  size_t keys() const { return entries_.size() + changes_.size(); }

  // Every chunk of every key that changes, keys ascending. `key` is the stored one. Ends at the
  // first error.
  using Visit = std::function<Status(std::string_view key, const kv::BitsDelta& delta)>;
  Status ForEachChunk(const Visit& visit) const;

  void Clear();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kNodeBytes = 28;
  static constexpr size_t kBlockNodes = 1u << 10;  // 32 kB: small transactions have one too.

  struct Entry {
    uint32_t key_offset = 0;
    uint16_t key_bytes = 0;
    uint8_t tail_used = 0;  // Bytes of the last node.
    uint32_t first = 0;     // The first ordinal.
    uint32_t last = 0;      // The last one.
    uint32_t head = kNone;  // The nodes with the differences of the others.
    uint32_t tail = kNone;
  };
  struct Node {
    uint32_t next = kNone;
    uint8_t bytes[kNodeBytes];
  };
  // By ordinal: joins or leaves.
  using Changes = std::map<Ordinal, bool>;

  std::string_view Key(const Entry& entry) const {
    return std::string_view(keys_).substr(entry.key_offset, entry.key_bytes);
  }
  Node& NodeAt(uint32_t i) { return node_blocks_[i / kBlockNodes][i % kBlockNodes]; }
  const Node& NodeAt(uint32_t i) const { return node_blocks_[i / kBlockNodes][i % kBlockNodes]; }
  uint32_t AddNode();
  void AppendByte(Entry* entry, uint8_t byte);
  // Buffers of a walk over all keys.
  struct Walk {
    std::vector<Ordinal> ordinals;
    std::string key;
    std::vector<uint16_t> add;
    std::vector<uint16_t> remove;
  };
  // Fills `ordinals`.
  void ReadOrdinals(const Entry& entry, std::vector<Ordinal>* ordinals) const;
  // Indexes of entries_, by key.
  std::vector<uint32_t> SortedEntries() const;
  // The ordinals are those of `walk`.
  static Status VisitKey(std::string_view key, const Changes* changes, const Visit& visit,
                         Walk* walk);

  HashIndex index_;
  std::vector<Entry> entries_;
  // Blocks of kBlockNodes: one vector of all would need thrice its size while it grows.
  std::vector<std::unique_ptr<Node[]>> node_blocks_;
  uint32_t node_count_ = 0;
  std::string keys_;
  std::map<std::string, Changes, std::less<>> changes_;
  size_t change_count_ = 0;
};

}  // namespace tarn::fhir_store
