#include "fhir/resource.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "base/check.h"
#include "base/clock.h"
#include "fhir/internal/types.h"

namespace tarn::fhir {
namespace {

using internal::kTypes;
using json::Document;
using json::kNoNode;
using json::kRoot;

constexpr size_t kTypeCount = std::size(kTypes);

constexpr bool TypesAreInOrder() {
  for (size_t i = 0; i < kTypeCount; ++i) {
    if (kTypes[i].number != i + 1) return false;
    if (i > 0 && !(kTypes[i - 1].name < kTypes[i].name)) return false;
  }
  return true;
}
static_assert(TypesAreInOrder());

// Type names are looked up once a resource, millions of times an import: a hash of four bytes and
// the length into a table that is built by the compiler.
constexpr size_t kTypeSlots = 1024;

constexpr size_t TypeSlot(std::string_view name) {
  uint32_t mix = static_cast<uint32_t>(name.size());
  for (const size_t at : {size_t{0}, name.size() / 3, name.size() / 2, name.size() - 1}) {
    mix = (mix ^ static_cast<uint8_t>(name[at])) * 0x9E3779B1u;
  }
  return (mix >> 16) % kTypeSlots;
}

constexpr std::array<uint8_t, kTypeSlots> MakeTypeSlots() {
  std::array<uint8_t, kTypeSlots> slots = {};
  for (const internal::TypeRow& row : kTypes) {
    size_t slot = TypeSlot(row.name);
    while (slots[slot] != 0) slot = (slot + 1) % kTypeSlots;
    slots[slot] = static_cast<uint8_t>(row.number);
  }
  return slots;
}
static_assert(kTypeCount < 256);
constexpr std::array<uint8_t, kTypeSlots> kTypeTable = MakeTypeSlots();

// A string node's value without a copy where it has no escapes; else decoded into `buffer`.
std::string_view StringOf(const Document& document, uint32_t node, std::string* buffer) {
  bool escaped = false;
  const std::string_view plain = document.PlainString(node, &escaped);
  if (!escaped) return plain;
  *buffer = document.String(node);
  return *buffer;
}

// Text to be put in the place of [begin, end) of the document.
struct Edit {
  uint32_t begin = 0;
  uint32_t end = 0;
  std::string_view text;
};

// A list of edits that needs no memory of its own; appended in any order.
class Edits {
 public:
  void Replace(const json::Node& node, std::string_view text) { Add({node.begin, node.end, text}); }
  void Insert(uint32_t offset, std::string_view text) { Add({offset, offset, text}); }
  void Remove(uint32_t begin, uint32_t end) { Add({begin, end, {}}); }

  // Appends the document's value with the edits made.
  void Apply(const Document& document, std::string* out) {
    std::stable_sort(edits_.begin(), edits_.begin() + count_,
                     [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    const json::Node& root = document.at(kRoot);
    uint32_t at = root.begin;
    for (size_t i = 0; i < count_; ++i) {
      CHECK(edits_[i].begin >= at && edits_[i].end <= root.end);
      out->append(document.text(), at, edits_[i].begin - at);
      out->append(edits_[i].text);
      at = edits_[i].end;
    }
    out->append(document.text(), at, root.end - at);
  }

 private:
  void Add(const Edit& edit) {
    CHECK(count_ < edits_.size());
    edits_[count_++] = edit;
  }
  std::array<Edit, 4> edits_;
  size_t count_ = 0;
};

// The two members of meta that belong to the server.
struct ServerMembers {
  uint32_t version_id = kNoNode;
  uint32_t last_updated = kNoNode;
  uint32_t last_child = kNoNode;
  uint32_t others = 0;
};

ServerMembers FindServerMembers(const Document& document, uint32_t meta) {
  ServerMembers found;
  for (uint32_t n = document.FirstChild(meta); n != kNoNode; n = document.NextSibling(meta, n)) {
    found.last_child = n;
    if (document.KeyIs(n, "versionId")) {
      found.version_id = n;
    } else if (document.KeyIs(n, "lastUpdated")) {
      found.last_updated = n;
    } else {
      ++found.others;
    }
  }
  return found;
}

// Removes the members of `object` that `removed` names; at least one other must remain. A member
// goes with the comma before it, so that what was appended is taken away without a trace; members
// at the front have none and go with the comma after them:
//
//   { "a":1 , "b":2 , "c":3 }   without b: { "a":1 , "c":3 }   without a and b: { "c":3 }
//          ^^^^^^^^^                              ^^^^^^^^^^^^^^^^
template <typename Predicate>
void RemoveMembers(const Document& document, uint32_t object, const Predicate& removed,
                   Edits* edits) {
  uint32_t front = UINT32_MAX;  // Where a removed run at the object's front begins.
  uint32_t previous_end = 0;    // One past the member before; 0 at the front.
  bool kept = false;
  for (uint32_t n = document.FirstChild(object); n != kNoNode;
       n = document.NextSibling(object, n)) {
    const json::Node& node = document.at(n);
    const uint32_t begin = node.key_begin - 1;
    if (!removed(n)) {
      if (front != UINT32_MAX) edits->Remove(front, begin);
      front = UINT32_MAX;
      kept = true;
    } else if (kept) {
      edits->Remove(previous_end, node.end);
    } else if (front == UINT32_MAX) {
      front = begin;
    }
    previous_end = node.end;
  }
  CHECK(front == UINT32_MAX);
}

}  // namespace

json::Limits ResourceLimits() {
  json::Limits limits;
  limits.depth_max = kResourceDepthMax;
  limits.text_bytes_max = kResourceBytesMax;
  return limits;
}

TypeId FindType(std::string_view name) {
  if (name.empty()) return kNoType;
  for (size_t slot = TypeSlot(name); kTypeTable[slot] != 0; slot = (slot + 1) % kTypeSlots) {
    const internal::TypeRow& row = kTypes[kTypeTable[slot] - 1];
    if (row.name == name) return row.number;
  }
  return kNoType;
}

std::string_view TypeName(TypeId type) {
  CHECK(type >= 1 && type <= kTypeCount);
  return kTypes[type - 1].name;
}

uint16_t TypeCount() { return static_cast<uint16_t>(kTypeCount); }

bool IsValidId(std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
}

Result<Envelope> ReadEnvelope(const Document& document) {
  if (document.kind(kRoot) != json::Kind::kObject) {
    return Invalid("a resource must be a JSON object");
  }
  Envelope envelope;
  for (uint32_t n = document.FirstChild(kRoot); n != kNoNode; n = document.NextSibling(kRoot, n)) {
    if (document.KeyIs(n, "resourceType")) {
      envelope.type_node = n;
    } else if (document.KeyIs(n, "id")) {
      envelope.id_node = n;
    } else if (document.KeyIs(n, "meta")) {
      envelope.meta_node = n;
    }
  }
  if (envelope.type_node == kNoNode) return Invalid("resourceType: missing");
  if (document.kind(envelope.type_node) != json::Kind::kString) {
    return Invalid("resourceType: must be a string");
  }
  std::string buffer;
  envelope.type = FindType(StringOf(document, envelope.type_node, &buffer));
  if (envelope.type == kNoType) return Invalid("resourceType: no resource type of FHIR R4");
  const std::string type(TypeName(envelope.type));
  if (envelope.id_node != kNoNode) {
    if (document.kind(envelope.id_node) != json::Kind::kString) {
      return Invalid(type + ".id: must be a string");
    }
    const std::string_view id = StringOf(document, envelope.id_node, &buffer);
    if (!IsValidId(id)) {
      return Invalid(type + ".id: must be 1 to 64 letters, digits, '-' or '.'");
    }
    envelope.id = id;
  }
  if (envelope.meta_node != kNoNode && document.kind(envelope.meta_node) != json::Kind::kObject) {
    return Invalid(type + ".meta: must be an object");
  }
  return envelope;
}

// Nothing of the text is written again: slices between at most four edits are copied. What is
// missing is inserted behind what is there: id behind resourceType, meta behind id, members of
// meta behind its last one.
std::vector<TypeId> ContainedTypes(const json::Document& document) {
  std::vector<TypeId> types;
  const uint32_t contained = document.Find(json::kRoot, "contained");
  if (contained == json::kNoNode || document.kind(contained) != json::Kind::kArray) return types;
  for (uint32_t item = document.FirstChild(contained); item != json::kNoNode;
       item = document.NextSibling(contained, item)) {
    const uint32_t name = document.Find(item, "resourceType");
    if (name == json::kNoNode || document.kind(name) != json::Kind::kString) continue;
    const TypeId type = FindType(document.String(name));
    if (type != kNoType) types.push_back(type);
  }
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  return types;
}

void AppendStamped(const Document& document, const Envelope& envelope, const Stamp& stamp,
                   std::string* out) {
  CHECK(IsValidId(stamp.id));
  char digits[24];
  const auto digits_end = std::to_chars(digits, digits + sizeof(digits), stamp.version_id).ptr;
  const std::string version = "\"" + std::string(digits, digits_end) + "\"";
  const std::string updated = "\"" + FormatFhirInstant(stamp.last_updated_unix_ms) + "\"";
  std::string head;  // What goes behind resourceType or id.
  std::string tail;  // What goes behind the last member of meta.
  Edits edits;

  uint32_t head_at = document.at(envelope.type_node).end;
  std::string id;
  if (envelope.id_node == kNoNode) {
    head.append(",\"id\":\"").append(stamp.id).append("\"");
  } else {
    head_at = document.at(envelope.id_node).end;
    if (envelope.id != stamp.id) {
      id.append("\"").append(stamp.id).append("\"");
      edits.Replace(document.at(envelope.id_node), id);
    }
  }
  if (envelope.meta_node == kNoNode) {
    head += ",\"meta\":{\"versionId\":" + version + ",\"lastUpdated\":" + updated + "}";
  } else {
    const ServerMembers found = FindServerMembers(document, envelope.meta_node);
    if (found.version_id != kNoNode) {
      edits.Replace(document.at(found.version_id), version);
    } else {
      tail = ",\"versionId\":" + version;
    }
    if (found.last_updated != kNoNode) {
      edits.Replace(document.at(found.last_updated), updated);
    } else {
      tail += ",\"lastUpdated\":" + updated;
    }
    if (!tail.empty()) {
      const bool empty = found.last_child == kNoNode;
      const uint32_t at =
          empty ? document.at(envelope.meta_node).begin + 1 : document.at(found.last_child).end;
      edits.Insert(at, std::string_view(tail).substr(empty ? 1 : 0));
    }
  }
  if (!head.empty()) edits.Insert(head_at, head);
  edits.Apply(document, out);
}

void AppendUnstamped(const Document& document, const Envelope& envelope, std::string* out) {
  Edits edits;
  if (envelope.meta_node != kNoNode) {
    const ServerMembers found = FindServerMembers(document, envelope.meta_node);
    if (found.others == 0) {
      RemoveMembers(
          document, kRoot, [&](uint32_t node) { return node == envelope.meta_node; }, &edits);
    } else {
      RemoveMembers(
          document, envelope.meta_node,
          [&](uint32_t node) { return node == found.version_id || node == found.last_updated; },
          &edits);
    }
  }
  edits.Apply(document, out);
}

}  // namespace tarn::fhir
