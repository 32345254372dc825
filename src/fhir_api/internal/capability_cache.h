// The rendered CapabilityStatements of the data stores that were asked for last: 750 kB and 2 ms
// each, and the same until what the store serves changes.
// Threads: every method may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "fhir_api/internal/capability.h"
#include "fhir_store/search.h"

namespace tarn::fhir_api::internal {

class CapabilityCache {
 public:
  // The statement's text. `definitions` hold the facts' parameters. While parameters are being
  // filled the statement tells how far they are, and is made anew each time.
  std::shared_ptr<const std::string> Text(
      const CapabilityFacts& facts,
      const std::shared_ptr<const fhir_store::SearchDefinitions>& definitions);

 private:
  // One rendering, and all that it depends on. The software's version never changes.
  struct Entry {
    std::string endpoint;
    bool smart = false;
    fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
    // Not held: a store waits until nobody uses its former definitions.
    std::weak_ptr<const fhir_store::SearchDefinitions> definitions;
    std::shared_ptr<const std::string> text;
  };
  std::shared_ptr<const std::string> Find(
      const CapabilityFacts& facts,
      const std::shared_ptr<const fhir_store::SearchDefinitions>& definitions);

  Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);  // Last used last.
};

}  // namespace tarn::fhir_api::internal
