#include "fhir_store/internal/search_changes.h"

#include "base/bytes.h"
#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

void AddRange(Ordinal first, uint64_t count, OrdinalSet* out) {
  const uint64_t end = uint64_t{first} + count;
  for (uint64_t at = first; at < end;) {
    const uint64_t chunk = at / kChunkOrdinals;
    const uint64_t chunk_end = std::min(end, (chunk + 1) * kChunkOrdinals);
    kv::Bits bits;
    bits.AddRange(static_cast<uint32_t>(at % kChunkOrdinals),
                  static_cast<uint32_t>(chunk_end - chunk * kChunkOrdinals));
    out->AddChunk(static_cast<uint32_t>(chunk), bits);
    at = chunk_end;
  }
}

}  // namespace

Result<Changes> ChangesSince(const kv::Snapshot& snapshot, uint64_t sequence) {
  Changes changes;
  std::string begin;
  AppendBe64(&begin, sequence + 1);
  uint64_t entries = 0;
  const auto cursor = snapshot.Scan(kLog, {.begin = begin, .end = ""});
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const auto record, DecodeLog(cursor->value()));
    entries += record.size();
    if (entries > kPagingChangesMax) return Changes{.too_many = true, .by_type = {}};
    for (const LogEntry& entry : record) {
      TypeChanges& of_type = changes.by_type[entry.type];
      if (entry.op == LogOp::kCreated) {
        AddRange(entry.ordinal, entry.count, &of_type.changed);
        continue;
      }
      // The first change tells the version before it.
      if (of_type.changed.Contains(entry.ordinal)) continue;
      of_type.changed.Add(entry.ordinal);
      if (entry.version > 1) of_type.before[entry.ordinal] = entry.version - 1;
    }
  }
  TRY(cursor->status());
  return changes;
}

}  // namespace tarn::fhir_store
