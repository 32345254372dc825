// Hands out ordinals. What is stored (family ident) is the only record: opening finds the last one
// of each type, so an ordinal that was handed out and whose commit failed may be handed out again,
// as nobody saw it; one that was committed never is.
// Threads: Take may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/keys.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class Ordinals {
 public:
  // Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<Ordinals>> Open(kv::Store& kv);

  // Errors: kTooLarge.
  Result<Ordinal> Take(fhir::TypeId type);

 private:
  Ordinals();
  Status Load(kv::Store& kv);

  std::vector<std::atomic<uint64_t>> next_;  // By type.
};

}  // namespace tarn::fhir_store
