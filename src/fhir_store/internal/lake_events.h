// The events of data stores and of their jobs, as HealthLake sends them to EventBridge.
// Spec: HealthLake Developer Guide, "Monitoring HealthLake events using Amazon EventBridge".
#pragma once

#include <optional>
#include <string>

#include "fhir_store/data_stores.h"
#include "jobs/events.h"
#include "jobs/queue.h"

namespace tarn::fhir_store {

// What every event of one data store has.
struct EventOrigin {
  std::string id;
  std::string account;
  std::string region;
  std::string store_arn;
  int64_t unix_ms = 0;
};

// `endpoint` may be empty.
jobs::Event DataStoreEvent(EventOrigin origin, const DataStore& store, const std::string& endpoint);
// Empty for states that HealthLake sends no event about (QUEUED, the CANCEL states).
std::optional<jobs::Event> JobEvent(EventOrigin origin, const std::string& store_id,
                                    const jobs::Job& job);

}  // namespace tarn::fhir_store
