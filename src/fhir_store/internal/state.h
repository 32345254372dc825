// What the parts of one open data store share.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/dictionaries.h"
#include "fhir_store/internal/key_hash.h"
#include "fhir_store/internal/ordinals.h"
#include "fhir_store/internal/search_generation.h"
#include "fhir_store/internal/search_index.h"
#include "fhir_store/internal/write_gate.h"
#include "jobs/queue.h"
#include "kv/store.h"
#include "objects/object_store.h"

namespace tarn::fhir_store {

class CustomParameters;  // custom_parameters.h

// The job that runs now, for Progress.
struct RunningImport {
  Mutex mutex;
  std::string job_id GUARDED_BY(mutex);  // Empty: none.
  ImportProgress progress GUARDED_BY(mutex);
};

struct StoreState {
  StoreState(FhirStoreOptions options_in, kv::Store& kv_in, objects::ObjectStore& objects_in,
             const Clock& clock_in, RandomSource& random_in, MetricsRegistry& metrics);
  ~StoreState();

  const FhirStoreOptions options;
  const std::string own_path;  // "/datastore/{id}/r4/": see fhir::ResourceTimes.
  kv::Store& kv;
  objects::ObjectStore& objects;
  const Clock& clock;
  RandomSource& random;
  Counter& imported_total;
  Counter& exported_total;
  const KeyHash key_hash;
  jobs::Queue queue;
  std::unique_ptr<Dictionaries> dictionaries;
  std::unique_ptr<Ordinals> ordinals;
  WriteGate gate;           // By resources.
  WriteGate criteria_gate;  // By criteria (internal/guards.h); entered before `gate`.
  RunningImport running_import;
  SearchGenerations generations;       // Not null once the store is open.
  std::unique_ptr<SearchIndex> index;  // Likewise.
  std::atomic<bool> importing{false};  // An import or a load runs.
  std::atomic<bool> import_jobs_running{false};
  std::atomic<bool> export_jobs_running{false};
  // Its thread uses all of the above. Not null once the store is open.
  std::unique_ptr<CustomParameters> custom_parameters;
};

}  // namespace tarn::fhir_store
