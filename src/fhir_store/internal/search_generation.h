// What the resources of a data store are found by at a time: replaced as a whole when parameters of
// the store's own come and go, while writers and searches go on with what they began with.
// Threads: every method may be called from any thread.
#pragma once

#include <memory>
#include <utility>

#include "base/mutex.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

struct SearchGeneration {
  std::shared_ptr<const SearchDefinitions> reading;  // What searches know.
  // What writers index: the same, and parameters that are being filled.
  std::shared_ptr<const SearchDefinitions> writing;
};

class SearchGenerations {
 public:
  // A writer keeps the generation from before it reads the old text until its commit is done; a
  // search as long as it runs.
  std::shared_ptr<const SearchGeneration> Get() const {
    MutexLock lock(mutex_);
    return current_;
  }
  // Returns the replaced one: it expires when its last user is done.
  std::weak_ptr<const SearchGeneration> Replace(std::shared_ptr<const SearchGeneration> next) {
    MutexLock lock(mutex_);
    std::weak_ptr<const SearchGeneration> before = current_;
    current_ = std::move(next);
    return before;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const SearchGeneration> current_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fhir_store
