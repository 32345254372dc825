// What the parts of an ImageSets share.
// Threads: see the members.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "crypto/siphash.h"
#include "image_store/image_sets.h"
#include "image_store/internal/pack_files.h"
#include "image_store/internal/records.h"
#include "jobs/queue.h"

namespace tarn::image_store {

// When image sets were last accessed, written down from time to time: a read must not write.
class AccessTimes {
 public:
  void Touch(std::string_view set, int64_t unix_ms) EXCLUDES(mutex_);
  // 0 when it was not touched since the last Flush.
  int64_t Find(std::string_view set) const EXCLUDES(mutex_);
  Status Flush(kv::Store& kv) EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, int64_t> touched_ GUARDED_BY(mutex_);
};

struct ImageStoreState {
  ImageStoreState(ImageSetsOptions options_in, const ImageSets::Dependencies& needs,
                  PackFolder packs_in);

  const ImageSetsOptions options;
  kv::Store& kv;
  objects::ObjectStore& objects;
  const Clock& clock;
  RandomSource& random;
  InstanceReader& reader;
  const PackFolder packs;
  OpenPacks open_packs;
  const crypto::SipHash hash;  // Of values in the index.
  jobs::Queue queue;
  AccessTimes access_times;

  Counter& imported_total;
  Counter& failed_total;

  // The background thread (internal/background.h).
  Mutex mutex;
  CondVar changed;
  bool stopping GUARDED_BY(mutex) = false;
  bool work_due GUARDED_BY(mutex) = true;  // Somebody wrote a `c` or `d` key.
  bool working GUARDED_BY(mutex) = false;
  bool collecting GUARDED_BY(mutex) = false;  // One pass of the collector at a time.
  std::thread background;

  std::atomic<bool> import_running = false;

  void WakeBackground();
};

}  // namespace tarn::image_store
