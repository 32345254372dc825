// The versions of one resource, newest first: they lie next to each other in that order.
#include <string>
#include <utility>

#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

enum class Step : uint8_t { kTake, kPass, kEnd };

// Versions come newest first, and a version's time is never before that of the one it replaced.
Step StepAt(const HistoryRequest& request, int64_t last_updated_unix_ms, bool* covered) {
  if (request.since_unix_ms.has_value() && last_updated_unix_ms < *request.since_unix_ms) {
    return Step::kEnd;
  }
  if (!request.current_from_unix_ms.has_value()) return Step::kTake;
  if (*covered) return Step::kEnd;
  // This one was the newest from its time on, so at `from` too: older ones were not.
  *covered = last_updated_unix_ms <= *request.current_from_unix_ms;
  return last_updated_unix_ms < *request.current_until_unix_ms ? Step::kTake : Step::kPass;
}

}  // namespace

Result<HistoryPage> FhirStore::History(fhir::TypeId type, std::string_view id,
                                       const HistoryRequest& request) const {
  if (!fhir::IsValidId(id)) return NotFound("no resource of this type and id");
  const auto snapshot = state_->kv.GetSnapshot();
  std::string value;
  TRY(const bool found, snapshot->Get(kCurrent, CurrentKey(type, id), &value));
  if (!found) return NotFound("no resource of this type and id");
  TRY(const CurrentRecord current, DecodeCurrent(value));
  HistoryPage page;
  page.total = current.version;
  const kv::KeyRange all = {VersionKey(type, current.ordinal, current.version),
                            VersionKey(type, current.ordinal, 0)};
  const auto cursor = snapshot->Scan(kVersion, all);
  // Versions from `before_version` on are passed over by key when that says when they were written.
  bool covered = false;
  if (request.before_version > 1 && request.before_version <= current.version &&
      !request.current_from_unix_ms.has_value()) {
    cursor->Seek(
        VersionKey(type, current.ordinal, static_cast<uint32_t>(request.before_version - 1)));
  }
  uint64_t bytes = 0;
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const VersionKeyParts parts, ParseVersionKey(cursor->key()));
    Version version = {.type = type, .id = std::string(id), .version_id = parts.version};
    TRY(const BodyHeader header, DecodeBody(cursor->value(), *state_->dictionaries, &version.body));
    version.deleted = header.deleted;
    version.last_updated_unix_ms = header.last_updated_unix_ms;
    const Step step = StepAt(request, header.last_updated_unix_ms, &covered);
    if (step == Step::kEnd) break;
    if (step == Step::kPass) continue;
    if (request.before_version > 0 && parts.version >= request.before_version) continue;
    if (page.versions.size() == request.count_max ||
        (!page.versions.empty() && bytes + version.body.size() > kHistoryBytesMax)) {
      page.next_before = page.versions.empty() ? 0 : page.versions.back().version_id;
      return page;
    }
    bytes += version.body.size();
    page.versions.push_back(std::move(version));
  }
  TRY(cursor->status());
  return page;
}

}  // namespace tarn::fhir_store
