#include "fhir_store/internal/ordinals.h"

#include "fhir_store/internal/families.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {

Ordinals::Ordinals() : next_(size_t{fhir::TypeCount()} + 1) {}

Result<std::unique_ptr<Ordinals>> Ordinals::Open(kv::Store& kv) {
  std::unique_ptr<Ordinals> ordinals(new Ordinals());
  TRY(ordinals->Load(kv));
  return ordinals;
}

Status Ordinals::Load(kv::Store& kv) {
  const auto snapshot = kv.GetSnapshot();
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    const auto cursor =
        snapshot->Scan(kIdent, kv::PrefixRange(TypePrefix(type)), kv::Direction::kReverse);
    uint64_t next = 0;
    if (cursor->Valid()) {
      TRY(const Ordinal last, ParseIdentKey(cursor->key()));
      next = uint64_t{last} + 1;
    }
    TRY(cursor->status());
    next_[type].store(next);
  }
  return Ok();
}

Result<Ordinal> Ordinals::Take(fhir::TypeId type) {
  const uint64_t ordinal = next_[type].fetch_add(1, std::memory_order_relaxed);
  if (ordinal > kOrdinalsMax) {
    return Error{ErrorKind::kTooLarge, "the data store holds 2^32 resources of this type"};
  }
  return static_cast<Ordinal>(ordinal);
}

}  // namespace tarn::fhir_store
