// The compression dictionaries of one data store: one per resource type, trained from the first
// resources of that type that arrive, and kept in the store, as they hold patients' text.
//
// A dictionary never changes and is never removed while its store is open, so readers hold plain
// pointers. It is committed before the first body that needs it is.
//
// Threads: every method may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/limits.h"
#include "kv/store.h"

struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

namespace tarn::fhir_store {

class Dictionary {
 public:
  Dictionary(uint16_t number, std::string bytes);
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  uint16_t number() const { return number_; }
  // The digested forms are made on first use: a store that is only read needs no compression
  // tables, and a store that is idle needs neither.
  const ZSTD_CDict_s* compressing() const;
  const ZSTD_DDict_s* decompressing() const;

 private:
  const uint16_t number_;
  const std::string bytes_;
  mutable std::once_flag compressing_once_;
  mutable std::once_flag decompressing_once_;
  mutable ZSTD_CDict_s* compressing_ = nullptr;
  mutable ZSTD_DDict_s* decompressing_ = nullptr;
};

class Dictionaries {
 public:
  // Loads what the store has; `kv` must outlive the object. Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<Dictionaries>> Open(kv::Store& kv);
  ~Dictionaries();

  // The one to write with, or null.
  const Dictionary* Latest(fhir::TypeId type) const;
  // The one that a body names, or null.
  const Dictionary* Find(uint16_t number) const;

  // Takes a resource as a sample when its type has no dictionary yet.
  void Offer(fhir::TypeId type, std::string_view text);
  // Trains and commits dictionaries for the types that have enough samples; a failure leaves the
  // type without one. An import calls it before it compresses a block, a single write after its
  // commit. Costs nothing when there is nothing to do.
  void TrainReady();
  // As TrainReady, and waits for what other threads train: for an import, whose first blocks are
  // worked on at the same time and would otherwise be stored four times as large.
  void TrainReadyAndWait();

 private:
  struct Samples {
    std::string text;
    std::vector<size_t> sizes;
    bool closed = false;  // Trained, being trained, or given up.
  };
  explicit Dictionaries(kv::Store& kv);
  Status Load();
  void Add(fhir::TypeId type, uint16_t number, std::string bytes);
  void Train(fhir::TypeId type, const Samples& samples);

  kv::Store& kv_;
  std::array<std::atomic<const Dictionary*>, kDictionariesMax> by_number_{};
  std::vector<std::atomic<const Dictionary*>> by_type_;
  std::atomic<bool> ready_{false};     // Some type has enough samples.
  std::atomic<uint32_t> training_{0};  // Threads between the choice and the commit.
  Mutex mutex_;
  CondVar trained_;
  std::map<fhir::TypeId, Samples> samples_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<const Dictionary>> owned_ GUARDED_BY(mutex_);
  size_t sample_bytes_ GUARDED_BY(mutex_) = 0;
  uint32_t next_number_ GUARDED_BY(mutex_) = 1;
};

// Trains a dictionary; empty when the samples do not give one. Takes a few milliseconds.
std::string TrainDictionary(std::string_view samples, const std::vector<size_t>& sizes);

}  // namespace tarn::fhir_store
