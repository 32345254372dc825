#include "fhir_store/internal/stored_versions.h"

#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

Error MissingBody() { return {ErrorKind::kCorrupt, "the stored body of a version is missing"}; }

}  // namespace

Status ReadStored(const StoreState& state, const kv::Snapshot& snapshot, fhir::TypeId type,
                  Ordinal ordinal, uint32_t version, ResourceReader* reader) {
  std::string value;
  TRY(const bool found, snapshot.Get(kVersion, VersionKey(type, ordinal, version), &value));
  if (!found) return MissingBody();
  std::string text;
  TRY(const BodyHeader header, DecodeBody(value, *state.dictionaries, &text));
  const Status read = header.deleted ? Status(MissingBody()) : reader->Read(text);
  if (!read.ok()) return Error{ErrorKind::kCorrupt, "a stored body is not a resource"};
  return Ok();
}

Result<int64_t> CreationTime(const StoreState& state, const kv::Snapshot& snapshot,
                             fhir::TypeId type, Ordinal ordinal) {
  std::string value;
  TRY(const bool found, snapshot.Get(kVersion, VersionKey(type, ordinal, 1), &value));
  if (!found) return MissingBody();
  std::string text;
  TRY(const BodyHeader header, DecodeBody(value, *state.dictionaries, &text));
  return header.last_updated_unix_ms;
}

}  // namespace tarn::fhir_store
