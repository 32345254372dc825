// The envelope of a FHIR resource: type, id and meta, read from JSON text and written into it
// without touching anything else. Pure: bytes in, values out.
// Spec: FHIR R4 (4.0.1) "Resource" and "Resource id" (1 to 64 of [A-Za-z0-9-.]).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/document.h"

namespace tarn::fhir {

inline constexpr uint32_t kResourceDepthMax = 64;
inline constexpr size_t kIdBytesMax = 64;
inline constexpr uint32_t kResourceBytesMax = 64u << 20;

// The limits that every resource text is parsed with.
json::Limits ResourceLimits();

// The R4 resource types, as numbers that are stored: never renumbered (docs/internals/storage.md).
using TypeId = uint16_t;
inline constexpr TypeId kNoType = 0;
TypeId FindType(std::string_view name);  // kNoType when R4 has none of that name.
std::string_view TypeName(TypeId type);  // The type must exist (CHECK).
uint16_t TypeCount();                    // TypeIds are 1 to TypeCount().

bool IsValidId(std::string_view id);

// Where the envelope's parts are in the text.
struct Envelope {
  TypeId type = kNoType;
  std::string id;                      // Empty when absent.
  uint32_t type_node = json::kNoNode;  // The `resourceType` string's node.
  uint32_t id_node = json::kNoNode;    // The `id` string's node, or kNoNode.
  uint32_t meta_node = json::kNoNode;  // The `meta` object's node, or kNoNode.
};

// Errors: kInvalid: not an object, resourceType missing, not a string or unknown, id not a string
// or not valid, meta not an object. The detail names the element ("Patient.id: ...").
Result<Envelope> ReadEnvelope(const json::Document& document);

// The types of what the resource contains (DomainResource.contained), each once, ascending.
std::vector<TypeId> ContainedTypes(const json::Document& document);

struct Stamp {
  std::string_view id;  // Written when the text has none or another one.
  uint64_t version_id = 1;
  int64_t last_updated_unix_ms = 0;
};

// Appends the resource with id, meta.versionId and meta.lastUpdated set to the stamp's and all
// else as it is in the text, byte for byte, but for white space before and after the value.
// `envelope` must come from `document`.
void AppendStamped(const json::Document& document, const Envelope& envelope, const Stamp& stamp,
                   std::string* out);

// Appends the resource without meta.versionId and meta.lastUpdated (and without a `meta` that is
// then empty): what two versions are compared by.
void AppendUnstamped(const json::Document& document, const Envelope& envelope, std::string* out);

}  // namespace tarn::fhir
