// The generated table of R4's value sets and code systems; tools/definitions.py writes it.
#pragma once

#include <cstdint>

namespace tarn::fhir::internal {

// A resource as JSON, cut down to what says which codes it has: `compose` of a ValueSet; `content`,
// codes and their hierarchy of a CodeSystem. Sorted by type, then url.
struct CanonicalRow {
  const char* type;
  const char* url;
  uint32_t offset;  // In kCanonicalPool.
  uint32_t bytes;
};

extern const char kCanonicalPool[];
extern const CanonicalRow kCanonicalRows[];
extern const uint16_t kCanonicalRowsCount;

}  // namespace tarn::fhir::internal
