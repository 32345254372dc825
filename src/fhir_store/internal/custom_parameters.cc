// document "search-parameters", a JSON object:
//   {"next":32771,"parameters":[{"number":32768,"state":2,"id":"...","url":"...","code":"...",
//    "type":3,"expression":"...","bases":[101],"targets":[],"components":[{"parameter":7,
//    "expression":"..."}]}]}
#include "fhir_store/internal/custom_parameters.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/log.h"
#include "fhir/search_parameter_reader.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_fill.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/stored_versions.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

constexpr std::string_view kName = "search-parameters";
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr auto kRetryPause = std::chrono::milliseconds(500);
constexpr size_t kRemovedOfABatch = 4096;

fhir::TypeId OwnType() {
  static const fhir::TypeId type = fhir::FindType("SearchParameter");
  return type;
}

bool Same(const fhir::CustomParameter& a, const fhir::CustomParameter& b) {
  const auto same_component = [](const auto& x, const auto& y) {
    return x.parameter == y.parameter && x.expression == y.expression;
  };
  return a.type == b.type && a.code == b.code && a.url == b.url && a.expression == b.expression &&
         a.bases == b.bases && a.targets == b.targets &&
         std::equal(a.components.begin(), a.components.end(), b.components.begin(),
                    b.components.end(), same_component);
}

// A type for which both have the same code.
std::optional<fhir::TypeId> Clash(const fhir::CustomParameter& a, const fhir::CustomParameter& b) {
  if (a.code != b.code) return std::nullopt;
  for (const fhir::TypeId base : a.bases) {
    if (std::find(b.bases.begin(), b.bases.end(), base) != b.bases.end()) return base;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const SearchDefinitions>> Make(
    const StoredParameters& stored, const std::shared_ptr<const SearchDefinitions>& base,
    bool with_filling) {
  std::vector<fhir::CustomParameter> custom;
  for (const StoredParameter& parameter : stored.parameters) {
    if (parameter.state == ParameterState::kActive ||
        (with_filling && parameter.state == ParameterState::kFilling)) {
      custom.push_back(parameter.definition);
    }
  }
  if (custom.empty()) return base;
  auto definitions = std::make_shared<SearchDefinitions>();
  definitions->parameters = fhir::SearchParameterSet(std::move(custom));
  TRY(definitions->extractor, fhir::Extractor::Make(definitions->parameters, {}));
  return std::shared_ptr<const SearchDefinitions>(std::move(definitions));
}

Result<std::shared_ptr<const SearchGeneration>> MakeGeneration(
    const StoredParameters& stored, const std::shared_ptr<const SearchDefinitions>& base) {
  auto generation = std::make_shared<SearchGeneration>();
  TRY(generation->reading, Make(stored, base, false));
  generation->writing = generation->reading;
  const bool filling =
      std::any_of(stored.parameters.begin(), stored.parameters.end(),
                  [](const StoredParameter& p) { return p.state == ParameterState::kFilling; });
  if (filling) {
    TRY(generation->writing, Make(stored, base, true));
  }
  return std::shared_ptr<const SearchGeneration>(std::move(generation));
}

}  // namespace

CustomParameters::CustomParameters(StoreState& state, std::shared_ptr<const SearchDefinitions> base)
    : state_(state), base_(std::move(base)) {}

Result<std::unique_ptr<CustomParameters>> CustomParameters::Open(
    StoreState& state, std::shared_ptr<const SearchDefinitions> base) {
  std::unique_ptr<CustomParameters> out(new CustomParameters(state, std::move(base)));
  const auto snapshot = state.kv.GetSnapshot();
  std::string value;
  TRY(const bool found, snapshot->Get(kDocument, kName, &value));
  StoredParameters stored;
  if (found) {
    TRY(stored, DecodeStoredParameters(value));
  }
  TRY(auto generation, MakeGeneration(stored, out->base_));
  state.generations.Replace(std::move(generation));
  {
    MutexLock lock(out->mutex_);
    out->stored_ = std::move(stored);
  }
  out->Changed();  // A write may have been the last thing before the store was closed.
  return out;
}

CustomParameters::~CustomParameters() {
  stop_ = true;
  {
    MutexLock lock(mutex_);
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool CustomParameters::HasResources() const {
  const auto count = CountLiveOf(*state_.kv.GetSnapshot(), OwnType());
  return !count.ok() || count.value() > 0;
}

void CustomParameters::Changed() {
  const bool any = HasResources();
  MutexLock lock(mutex_);
  if (!any && stored_.parameters.empty()) return;
  changed_ = true;
  if (!started_) {
    started_ = true;
    thread_ = std::thread([this] { Run(); });
  }
  wake_.NotifyAll();
}

Status CustomParameters::Check(const json::Document& resource, std::string_view id) const {
  TRY(const auto parameter, fhir::ReadSearchParameter(resource));
  if (!parameter.has_value()) return Ok();
  MutexLock lock(mutex_);
  size_t others = 0;
  for (const StoredParameter& other : stored_.parameters) {
    if (other.id == id || other.state == ParameterState::kRemoving) continue;
    ++others;
    const auto type = Clash(*parameter, other.definition);
    if (!type.has_value()) continue;
    return Invalid("SearchParameter.code: '" + parameter->code + "' is already that of " +
                   "SearchParameter/" + other.id + " for " + std::string(fhir::TypeName(*type)));
  }
  if (others >= kCustomParametersMax) {
    return Error{ErrorKind::kTooLarge, "a data store has at most " +
                                           std::to_string(kCustomParametersMax) +
                                           " active SearchParameters of its own"};
  }
  return Ok();
}

std::vector<ParameterProgress> CustomParameters::Progress() const {
  std::vector<ParameterProgress> progress;
  MutexLock lock(mutex_);
  for (const StoredParameter& parameter : stored_.parameters) {
    if (parameter.state != ParameterState::kFilling) continue;
    progress.push_back({.code = parameter.definition.code,
                        .url = parameter.definition.url,
                        .type = parameter.definition.type,
                        .bases = parameter.definition.bases,
                        .done = done_,
                        .all = all_});
  }
  return progress;
}

// ---- The thread ----

void CustomParameters::Run() {
  for (bool failed = false; !stop_;) {
    const Status worked = Work();
    if (!worked.ok() && !failed) {
      LogError("search_parameters_not_in_force", {{"reason", worked.error().detail}});
    }
    failed = !worked.ok();
    MutexLock lock(mutex_);
    if (failed) {
      changed_ = true;
      if (!stop_) wake_.WaitFor(mutex_, kRetryPause);
    }
    while (!changed_ && !stop_) wake_.Wait(mutex_);
  }
}

Status CustomParameters::Work() {
  for (bool more = true; more && !stop_;) {
    TRY(more, Reconcile());
    if (more && !stop_) TRY(Fill());
    if (more && !stop_) TRY(Remove());
  }
  return Ok();
}

Result<std::vector<StoredParameter>> CustomParameters::Wanted() const {
  std::vector<StoredParameter> wanted;
  const auto snapshot = state_.kv.GetSnapshot();
  ResourceReader reader;
  const auto live = snapshot->Scan(kLive, kv::PrefixRange(TypePrefix(OwnType())));
  for (; live->Valid(); live->Next()) {
    TRY(const uint32_t chunk, ParseLiveKey(live->key()));
    TRY(const kv::Bits bits, kv::Bits::Decode(live->value()));
    for (const uint16_t member : bits.Values()) {
      const Ordinal ordinal = chunk * kChunkOrdinals + member;
      std::string packed;
      TRY(const bool known, snapshot->Get(kIdent, IdentKey(OwnType(), ordinal), &packed));
      if (!known) return Error{ErrorKind::kCorrupt, "an ordinal without an id"};
      std::string value;
      TRY(const bool found, snapshot->Get(kCurrent, TypePrefix(OwnType()) + packed, &value));
      if (!found) return Error{ErrorKind::kCorrupt, "an id without a resource"};
      TRY(const CurrentRecord current, DecodeCurrent(value));
      TRY(ReadStored(state_, *snapshot, OwnType(), ordinal, current.version, &reader));
      StoredParameter parameter;
      TRY(parameter.id, UnpackId(packed));
      auto read = fhir::ReadSearchParameter(reader.document());
      if (!read.ok()) {  // Imports do not look at what a SearchParameter says.
        LogWarning("search_parameter_ignored",
                   {{"id", parameter.id}, {"reason", read.error().detail}});
        continue;
      }
      if (!read.value().has_value()) continue;
      parameter.definition = *std::move(read).value();
      const bool clashes =
          std::any_of(wanted.begin(), wanted.end(), [&](const StoredParameter& other) {
            return Clash(parameter.definition, other.definition).has_value();
          });
      if (clashes || wanted.size() >= kCustomParametersMax) {
        LogWarning("search_parameter_ignored",
                   {{"id", parameter.id}, {"reason", "its code is taken"}});
        continue;
      }
      wanted.push_back(std::move(parameter));
    }
  }
  TRY(live->status());
  return wanted;
}

Result<bool> CustomParameters::Reconcile() {
  StoredParameters next;
  {
    MutexLock lock(mutex_);
    changed_ = false;
    next = stored_;
  }
  TRY(std::vector<StoredParameter> wanted, Wanted());
  const auto find = [&wanted](const std::string& id) {
    return std::find_if(wanted.begin(), wanted.end(),
                        [&](const StoredParameter& w) { return w.id == id; });
  };
  bool differs = false;
  std::vector<std::string> settled;
  for (StoredParameter& parameter : next.parameters) {
    if (parameter.state == ParameterState::kRemoving) continue;
    const auto now = find(parameter.id);
    const bool same = now != wanted.end() && Same(now->definition, parameter.definition);
    if (same) settled.push_back(parameter.id);
    // A changed one stays in force until what replaces it is filled.
    const bool stays = same || (now != wanted.end() && parameter.state == ParameterState::kActive &&
                                now->definition.code == parameter.definition.code);
    if (stays) continue;
    parameter.state = ParameterState::kRemoving;
    differs = true;
  }
  for (StoredParameter& parameter : wanted) {
    if (std::find(settled.begin(), settled.end(), parameter.id) != settled.end()) continue;
    if (next.next_number > UINT16_MAX) {
      return Error{ErrorKind::kTooLarge, "the numbers of search parameters are used up"};
    }
    parameter.state = ParameterState::kFilling;
    parameter.definition.number = static_cast<fhir::ParameterNumber>(next.next_number++);
    next.parameters.push_back(std::move(parameter));
    differs = true;
  }
  if (differs) TRY(Store(next));
  return std::any_of(next.parameters.begin(), next.parameters.end(),
                     [](const StoredParameter& p) { return p.state != ParameterState::kActive; });
}

Status CustomParameters::Store(const StoredParameters& next) {
  TRY(auto generation, MakeGeneration(next, base_));
  kv::Batch batch;
  batch.Put(kDocument, kName, EncodeStoredParameters(next));
  TRY(state_.kv.Commit(batch));
  replaced_.push_back(state_.generations.Replace(std::move(generation)));
  MutexLock lock(mutex_);
  stored_ = next;
  return Ok();
}

bool CustomParameters::WaitForUsers() {
  while (!stop_) {
    std::erase_if(replaced_, [](const auto& generation) { return generation.expired(); });
    if (replaced_.empty()) return true;
    MutexLock lock(mutex_);
    wake_.WaitFor(mutex_, kPause);
  }
  return false;
}

Status CustomParameters::Fill() {
  StoredParameters stored;
  {
    MutexLock lock(mutex_);
    stored = stored_;
  }
  std::vector<fhir::ParameterNumber> numbers;
  std::vector<fhir::TypeId> bases;
  for (const StoredParameter& parameter : stored.parameters) {
    if (parameter.state != ParameterState::kFilling) continue;
    numbers.push_back(parameter.definition.number);
    bases.insert(bases.end(), parameter.definition.bases.begin(), parameter.definition.bases.end());
  }
  if (numbers.empty()) return Ok();
  std::sort(bases.begin(), bases.end());
  bases.erase(std::unique(bases.begin(), bases.end()), bases.end());
  done_ = 0;
  all_ = 0;
  {
    const auto snapshot = state_.kv.GetSnapshot();
    for (const fhir::TypeId base : bases) {
      TRY(const uint64_t count, CountLiveOf(*snapshot, base));
      all_ += count;
    }
  }
  if (!WaitForUsers()) return Ok();
  const auto generation = state_.generations.Get();
  const PostingFill fill = {.definitions = *generation->writing,
                            .wanted =
                                [&numbers](std::string_view posting) {
                                  const auto number = PostingParameter(posting);
                                  return std::find(numbers.begin(), numbers.end(), number) !=
                                         numbers.end();
                                },
                            .stop = [this] { return stop_.load(); },
                            .filled = [this](uint64_t resources) { done_ += resources; }};
  for (const fhir::TypeId base : bases) {
    TRY(FillPostings(state_, base, fill));
    if (stop_) return Ok();
  }
  // What was filled takes the place of what it replaces.
  std::vector<std::string> filled;
  for (const StoredParameter& parameter : stored.parameters) {
    if (parameter.state == ParameterState::kFilling) filled.push_back(parameter.id);
  }
  for (StoredParameter& parameter : stored.parameters) {
    if (parameter.state == ParameterState::kActive &&
        std::find(filled.begin(), filled.end(), parameter.id) != filled.end()) {
      parameter.state = ParameterState::kRemoving;
    } else if (parameter.state == ParameterState::kFilling) {
      parameter.state = ParameterState::kActive;
    }
  }
  return Store(stored);
}

Status CustomParameters::Remove() {
  StoredParameters stored;
  {
    MutexLock lock(mutex_);
    stored = stored_;
  }
  const auto removing = [](const StoredParameter& p) {
    return p.state == ParameterState::kRemoving;
  };
  if (std::none_of(stored.parameters.begin(), stored.parameters.end(), removing)) return Ok();
  if (!WaitForUsers()) return Ok();
  for (const StoredParameter& parameter : stored.parameters) {
    if (removing(parameter)) TRY(RemovePostings(parameter.definition));
    if (stop_) return Ok();
  }
  std::erase_if(stored.parameters, removing);
  return Store(stored);
}

Status CustomParameters::RemovePostings(const fhir::CustomParameter& parameter) {
  for (const fhir::TypeId base : parameter.bases) {
    const auto snapshot = state_.kv.GetSnapshot();
    std::string prefix;
    AppendParameterPrefix(&prefix, base, parameter.number);
    kv::Batch batch;
    size_t keys = 0;
    const auto cursor = snapshot->Scan(kPosting, kv::PrefixRange(prefix));
    for (; cursor->Valid() && !stop_; cursor->Next()) {
      TRY(const kv::Bits bits, kv::Bits::Decode(cursor->value()));
      batch.MergeBits(kPosting, cursor->key(), {}, bits);
      if (++keys % kRemovedOfABatch == 0) {
        TRY(state_.kv.Commit(batch));
        batch = {};
      }
    }
    TRY(cursor->status());
    if (!batch.IsEmpty()) TRY(state_.kv.Commit(batch));
  }
  return Ok();
}

}  // namespace tarn::fhir_store
