// The events of data stores, import jobs and image sets, as HealthImaging sends them to
// EventBridge. Spec: HealthImaging Developer Guide, "Using Amazon EventBridge with AWS
// HealthImaging".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "image_store/data_stores.h"
#include "image_store/image_sets.h"
#include "jobs/events.h"
#include "jobs/queue.h"

namespace tarn::image_store {

// What every event has.
struct EventOrigin {
  std::string id;
  std::string account;
  std::string region;
  std::string resource_arn;  // Of the data store, or of the image set that it is about.
  int64_t unix_ms = 0;
};

jobs::Event StoreEvent(EventOrigin origin, const DataStore& store);
// Empty for states that HealthImaging sends no event about (QUEUED, the CANCEL states).
std::optional<jobs::Event> ImportEvent(EventOrigin origin, const std::string& store_id,
                                       const jobs::Job& job);
// `source_arn`: of the image set that is copied into this one; empty otherwise. Empty for IMPORTING
// and IMPORT_FAILED, which have no event.
std::optional<jobs::Event> ImageSetEvent(EventOrigin origin, const std::string& store_id,
                                         const ImageSetProperties& image_set,
                                         const std::string& source_arn);

}  // namespace tarn::image_store
