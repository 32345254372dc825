// What the writes of one commit change in the bitmap families together: each set gets one change,
// however many of the resources join or leave it. Most sets of a resource are shared: 5,000 Synthea
// resources are in 180,000 sets, counted one by one, and in 25,000 different ones.
// Threads: belongs to one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/key_hash.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/posting_table.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class IndexBatch {
 public:
  // `hash` must outlive the object.
  explicit IndexBatch(const KeyHash& hash) : hash_(hash) {}

  // The resource comes into being, and is live. Ordinals of one type ascend (CHECK).
  void Create(fhir::TypeId type, Ordinal ordinal, const PostingKeys& keys);
  // The resource was there. Each at most once.
  void Change(Ordinal ordinal, const PostingKeys& before, const PostingKeys& after);
  // Likewise: it becomes live, or ends being it.
  void SetLive(fhir::TypeId type, Ordinal ordinal, bool live);

  // What it occupies, about.
  size_t bytes() const { return created_.bytes() + changed_.bytes(); }

  // The sets that new resources join. Nobody sees members that are not live, so these may be stored
  // before the commit that makes them live. In the order of the keys, which the engine takes in
  // fastest. `take` is called after each key; an error ends it.
  Status AppendCreated(kv::Batch* batch, const std::function<Status()>& take) const;
  // All else.
  Status AppendChanged(kv::Batch* batch) const;

 private:
  struct Chunk {
    std::vector<uint16_t> add;
    std::vector<uint16_t> remove;
  };
  const KeyHash& hash_;
  std::map<std::string, Chunk> live_;  // By LiveKey.
  PostingTable created_;
  PostingTable changed_;
};

}  // namespace tarn::fhir_store
