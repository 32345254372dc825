#include "fhir_store/fhir_store.h"

#include <utility>

#include "base/check.h"
#include "fhir_store/internal/ahead_of_commit.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/custom_parameters.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/index_builder.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {
namespace {

Error NoSuchResource() { return NotFound("no resource of this type and id"); }

// The version's body, from the same snapshot as its current record.
Result<Version> ReadBody(const StoreState& state, const kv::Snapshot& snapshot,
                         const CurrentRecord& current, Version version) {
  std::string value;
  const std::string key =
      VersionKey(version.type, current.ordinal, static_cast<uint32_t>(version.version_id));
  TRY(const bool found, snapshot.Get(kVersion, key, &value));
  if (!found) {
    if (version.version_id != current.version) return NoSuchResource();
    return Error{ErrorKind::kCorrupt, "the stored body of the newest version is missing"};
  }
  TRY(const BodyHeader header, DecodeBody(value, *state.dictionaries, &version.body));
  version.deleted = header.deleted;
  version.last_updated_unix_ms = header.last_updated_unix_ms;
  if (version.deleted) return Error{ErrorKind::kGone, "the resource was deleted"};
  return version;
}

}  // namespace

kv::Schema DataStoreSchema() {
  // Values that this module compresses must not be compressed again; `current` and `ident` gain
  // from the engine's block compression.
  return {{
      {.name = "current", .point_lookups = true},
      {.name = "ident"},
      {.name = "version", .values_compressed = true, .point_lookups = true},
      {.name = "live", .kind = kv::FamilyKind::kBits},
      {.name = "log"},
      {.name = "document"},
      {.name = "job"},
      {.name = "spool", .values_compressed = true},
      {.name = "posting", .kind = kv::FamilyKind::kBits},
      {.name = "guard", .point_lookups = true},
  }};
}

StoreState::StoreState(FhirStoreOptions options_in, kv::Store& kv_in,
                       objects::ObjectStore& objects_in, const Clock& clock_in,
                       RandomSource& random_in, MetricsRegistry& metrics)
    : options(std::move(options_in)),
      own_path(options.data_store_id.empty() ? "" : "/datastore/" + options.data_store_id + "/r4/"),
      kv(kv_in),
      objects(objects_in),
      clock(clock_in),
      random(random_in),
      imported_total(metrics.GetCounter("tarn_fhir_imported_resources_total",
                                        "Resources committed by imports.")),
      exported_total(metrics.GetCounter("tarn_fhir_exported_resources_total",
                                        "Resources written by exports.")),
      key_hash(random_in),
      queue(kv_in, kJob, clock_in, random_in) {}

StoreState::~StoreState() = default;

FhirStore::FhirStore(std::unique_ptr<StoreState> state) : state_(std::move(state)) {}
FhirStore::~FhirStore() = default;

Result<std::unique_ptr<FhirStore>> FhirStore::Open(FhirStoreOptions options, kv::Store& kv,
                                                   objects::ObjectStore& objects,
                                                   const Clock& clock, RandomSource& random,
                                                   MetricsRegistry& metrics) {
  auto state =
      std::make_unique<StoreState>(std::move(options), kv, objects, clock, random, metrics);
  TRY(state->dictionaries, Dictionaries::Open(kv));
  TRY(state->ordinals, Ordinals::Open(kv));
  std::shared_ptr<const SearchDefinitions> search = state->options.search;
  if (search == nullptr) {
    TRY(search, SearchDefinitions::Make());
  }
  TRY(state->index, SearchIndex::Open(kv, random));
  TRY(state->custom_parameters, CustomParameters::Open(*state, std::move(search)));
  ReclaimAhead(*state);
  std::unique_ptr<FhirStore> store(new FhirStore(std::move(state)));
  if (!store->state_->index->complete()) {
    store->index_builder_ = std::make_unique<IndexBuilder>(*store->state_);
  }
  return store;
}

Result<Version> FhirStore::Read(fhir::TypeId type, std::string_view id) const {
  if (!fhir::IsValidId(id)) return NoSuchResource();
  const auto snapshot = state_->kv.GetSnapshot();
  std::string value;
  TRY(const bool found, snapshot->Get(kCurrent, CurrentKey(type, id), &value));
  if (!found) return NoSuchResource();
  TRY(const CurrentRecord current, DecodeCurrent(value));
  if (current.deleted) return Error{ErrorKind::kGone, "the resource was deleted"};
  return ReadBody(*state_, *snapshot, current,
                  {.type = type, .id = std::string(id), .version_id = current.version});
}

Result<Version> FhirStore::ReadVersion(fhir::TypeId type, std::string_view id,
                                       uint64_t version_id) const {
  if (!fhir::IsValidId(id)) return NoSuchResource();
  const auto snapshot = state_->kv.GetSnapshot();
  std::string value;
  TRY(const bool found, snapshot->Get(kCurrent, CurrentKey(type, id), &value));
  if (!found) return NoSuchResource();
  TRY(const CurrentRecord current, DecodeCurrent(value));
  if (version_id == 0 || version_id > current.version) {
    return NotFound("the resource has no such version");
  }
  return ReadBody(*state_, *snapshot, current,
                  {.type = type, .id = std::string(id), .version_id = version_id});
}

jobs::Queue& FhirStore::queue() { return state_->queue; }

uint64_t FhirStore::CountLive(fhir::TypeId type) const {
  const auto snapshot = state_->kv.GetSnapshot();
  uint64_t count = 0;
  const auto cursor = snapshot->Scan(kLive, kv::PrefixRange(TypePrefix(type)));
  for (; cursor->Valid(); cursor->Next()) {
    const auto bits = kv::Bits::Decode(cursor->value());
    if (bits.ok()) count += bits.value().Count();
  }
  return count;
}

kv::StoreStats FhirStore::Stats() const { return state_->kv.Stats(); }

}  // namespace tarn::fhir_store
