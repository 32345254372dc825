// The SearchParameter resources of a data store as parameters in force: document
// "search-parameters", its numbers, and the pass that fills the index for a new one.
// How: docs/internals/fhir-search.md, "Parameters of a store's own".
//
// Threads: every method may be called from any thread; one of its own does the work, from the first
// SearchParameter that is there on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "fhir/search_parameters.h"
#include "fhir_store/internal/search_generation.h"
#include "fhir_store/internal/state.h"
#include "json/document.h"

namespace tarn::fhir_store {

// As stored: never renumber.
enum class ParameterState : uint8_t {
  kFilling = 1,   // Written by writers; the index of older resources is being filled.
  kActive = 2,    // Searches know it.
  kRemoving = 3,  // Nobody knows it any more; its postings are being removed.
};

struct StoredParameter {
  ParameterState state = ParameterState::kFilling;
  std::string id;  // Of the SearchParameter resource.
  fhir::CustomParameter definition;
};

// The document.
struct StoredParameters {
  uint32_t next_number = fhir::kCustomParameterFirst;
  std::vector<StoredParameter> parameters;
};
std::string EncodeStoredParameters(const StoredParameters& stored);
Result<StoredParameters> DecodeStoredParameters(std::string_view value);  // Errors: kCorrupt.

class CustomParameters {
 public:
  // Takes the stored parameters into force, over those of `base`. `state` must outlive the object;
  // its generations are set when this returns. Errors: kCorrupt, kUnavailable.
  static Result<std::unique_ptr<CustomParameters>> Open(
      StoreState& state, std::shared_ptr<const SearchDefinitions> base);
  // Stops; what was being filled begins anew at the next opening.
  ~CustomParameters();
  CustomParameters(const CustomParameters&) = delete;
  CustomParameters& operator=(const CustomParameters&) = delete;

  // Whether the SearchParameter may be stored under that id. Errors: kInvalid, naming the element.
  Status Check(const json::Document& resource, std::string_view id) const;
  // After SearchParameter resources were or may have been written.
  void Changed();

  std::vector<ParameterProgress> Progress() const;

 private:
  CustomParameters(StoreState& state, std::shared_ptr<const SearchDefinitions> base);

  void Run();
  Status Work();
  // Compares what is stored with the resources that are there. True: something is to be done.
  Result<bool> Reconcile();
  Status Fill();
  Status FillType(fhir::TypeId type);
  Status Remove();
  Status RemovePostings(const fhir::CustomParameter& parameter);
  Status Store(const StoredParameters& next);
  Result<std::vector<StoredParameter>> Wanted() const;
  // Until everybody works with the present generation. False: stopped.
  bool WaitForUsers();
  bool HasResources() const;

  StoreState& state_;
  const std::shared_ptr<const SearchDefinitions> base_;
  mutable Mutex mutex_;
  CondVar wake_;
  StoredParameters stored_ GUARDED_BY(mutex_);
  bool changed_ GUARDED_BY(mutex_) = true;
  bool started_ GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<const SearchGeneration>> replaced_;  // Of the thread.
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> all_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tarn::fhir_store
