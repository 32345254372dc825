// From items to their elements, extensions and references.
#include <algorithm>
#include <array>
#include <cstring>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {
namespace {

constexpr std::string_view kResourceTypeKey = "resourceType";

bool KeyEquals(const json::Document& document, const json::Node& node, uint32_t index,
               std::string_view name) {
  if (node.key_escaped) return document.KeyIs(index, name);
  return node.key_bytes == name.size() &&
         std::memcmp(document.text().data() + node.key_begin, name.data(), name.size()) == 0;
}

// "_given" for "given".
bool KeyIsSibling(const json::Document& document, const json::Node& node, std::string_view name) {
  if (node.key_bytes != name.size() + 1) return false;
  const char* key = document.text().data() + node.key_begin;
  return *key == '_' && std::memcmp(key + 1, name.data(), name.size()) == 0;
}

std::string_view KeyText(const json::Document& document, const json::Node& node) {
  return document.text().substr(node.key_begin, node.key_bytes);
}

}  // namespace

bool IsPrimitive(TypeIndex type) {
  static const std::vector<bool> primitives = [] {
    std::vector<bool> table(TypeIndexCount());
    for (TypeIndex each = 0; each < TypeIndexCount(); ++each) {
      table[each] = TypeAt(each).kind == TypeKind::kPrimitive;
    }
    return table;
  }();
  return primitives[type];
}

uint32_t FindKey(const json::Document& document, uint32_t object, std::string_view name) {
  const json::Node* nodes = document.nodes().data();
  if (nodes[object].kind != json::Kind::kObject) return json::kNoNode;
  const uint32_t end = nodes[object].next;
  for (uint32_t child = object + 1; child < end; child = nodes[child].next) {
    if (KeyEquals(document, nodes[child], child, name)) return child;
  }
  return json::kNoNode;
}

TypeIndex ResourceTypeOf(const json::Document& document, uint32_t node) {
  const uint32_t type = FindKey(document, node, kResourceTypeKey);
  if (type == json::kNoNode || document.kind(type) != json::Kind::kString) return kUnknownType;
  bool escaped = false;
  return FindType(document.PlainString(type, &escaped));
}

uint32_t Machine::ObjectOf(const PathItem& item) const {
  if (!item.is_node()) return json::kNoNode;
  const uint32_t object = IsPrimitive(item.type) ? item.sibling : item.at.node;
  if (object == json::kNoNode) return object;
  return item.at.document->kind(object) == json::Kind::kObject ? object : json::kNoNode;
}

bool Machine::TakeStep(const MemberStep& step, const PathItem& item) {
  if (item.kind == PathKind::kTypeInfo) {
    // Backbone elements have no type of their own name in FHIR.
    const TypeDefinition& own = TypeAt(item.type_info);
    const TypeDefinition& type = own.kind == TypeKind::kBackbone ? TypeAt(own.base) : own;
    if (step.name == "name") return Push(TextItem(type.name));
    if (step.name != "namespace") return true;
    return Push(TextItem(type.kind == TypeKind::kSystem ? "System" : "FHIR"));
  }
  if (item.kind == PathKind::kQuantity) {
    if (step.name == "unit") return Push(TextItem(TextOf(item.quantity->unit)));
    if (step.name != "value") return true;
    const auto value = DecimalItem(DecimalOfQuantity(*item.quantity));
    return !value || Push(*value);
  }
  const uint32_t object = ObjectOf(item);
  if (object == json::kNoNode) return true;
  const json::Document& document = *item.at.document;
  std::span<const MemberTarget> targets;
  const auto variant = std::find_if(step.variants.begin(), step.variants.end(),
                                    [&](const MemberVariant& v) { return v.owner == item.type; });
  if (variant != step.variants.end()) {
    targets = std::span(step.targets).subspan(variant->first, variant->count);
  } else {
    const ElementDefinition* element = FindElement(item.type, step.name);
    if (element == nullptr) return true;
    scratch_targets_.clear();
    AppendTargets(item.type, *element, &scratch_targets_);
    targets = scratch_targets_;
  }
  if (targets.size() == 1) return StepTarget(document, object, targets.front());
  // A choice: only members that begin with the element's name come into question.
  const json::Node* nodes = document.nodes().data();
  const uint32_t end = nodes[object].next;
  for (uint32_t child = object + 1; child < end; child = nodes[child].next) {
    std::string_view key = KeyText(document, nodes[child]);
    const bool sibling = key.starts_with('_');
    if (sibling) key.remove_prefix(1);
    if (!key.starts_with(step.name)) continue;
    for (const MemberTarget& target : targets) {
      if (key != target.json_name) continue;
      // A `_name` beside its `name` is taken together with that.
      if (sibling && FindKey(document, object, target.json_name) != json::kNoNode) continue;
      if (!StepTarget(document, object, target)) return false;
    }
  }
  return true;
}

bool Machine::StepTarget(const json::Document& document, uint32_t object,
                         const MemberTarget& target) {
  const json::Node* nodes = document.nodes().data();
  const uint32_t end = nodes[object].next;
  uint32_t value = json::kNoNode;
  uint32_t sibling = json::kNoNode;
  for (uint32_t child = object + 1; child < end; child = nodes[child].next) {
    if (KeyEquals(document, nodes[child], child, target.json_name)) {
      value = child;
      if (!target.primitive || sibling != json::kNoNode) break;
    } else if (target.primitive && KeyIsSibling(document, nodes[child], target.json_name)) {
      sibling = child;
      if (value != json::kNoNode) break;
    }
  }
  if (value == json::kNoNode && sibling == json::kNoNode) return Step();
  return PushMember(document, target, value, sibling);
}

bool Machine::PushMember(const json::Document& document, const MemberTarget& target, uint32_t value,
                         uint32_t sibling) {
  const auto is_array = [&](uint32_t node) {
    return node != json::kNoNode && document.kind(node) == json::Kind::kArray;
  };
  if (!is_array(value) && !is_array(sibling)) {
    return PushNode(document, target, value, sibling);
  }
  // Two arrays side by side: the n-th of one belongs to the n-th of the other.
  uint32_t item = is_array(value) ? document.FirstChild(value) : json::kNoNode;
  uint32_t beside = is_array(sibling) ? document.FirstChild(sibling) : json::kNoNode;
  while (item != json::kNoNode || beside != json::kNoNode) {
    if (!PushNode(document, target, item, beside)) return false;
    if (item != json::kNoNode) item = document.NextSibling(value, item);
    if (beside != json::kNoNode) beside = document.NextSibling(sibling, beside);
  }
  return true;
}

bool Machine::PushNode(const json::Document& document, const MemberTarget& target, uint32_t value,
                       uint32_t sibling) {
  if (value != json::kNoNode && document.kind(value) == json::Kind::kNull) value = json::kNoNode;
  if (sibling != json::kNoNode && document.kind(sibling) != json::Kind::kObject) {
    sibling = json::kNoNode;
  }
  if (value == json::kNoNode && sibling == json::kNoNode) return Step();
  PathItem item;
  item.kind = PathKind::kNode;
  item.type = target.type;
  item.at = {&document, value};
  item.sibling = sibling;
  if (target.resource) {
    item.type = ResourceTypeOf(document, value);
    if (item.type == kUnknownType) return Step();
  }
  return Push(item);
}

bool Machine::PushChildren(const PathItem& item) {
  const uint32_t object = ObjectOf(item);
  if (object == json::kNoNode) return true;
  const json::Document& document = *item.at.document;
  const json::Node* nodes = document.nodes().data();
  const uint32_t end = nodes[object].next;
  for (uint32_t child = object + 1; child < end; child = nodes[child].next) {
    std::string_view key = KeyText(document, nodes[child]);
    const bool sibling = key.starts_with('_');
    if (sibling) key.remove_prefix(1);
    const MemberDefinition* member = FindMember(item.type, key);  // nullptr: resourceType too.
    if (member == nullptr) continue;
    if (sibling && FindKey(document, object, key) != json::kNoNode) continue;
    const TypeDefinition& type = TypeAt(member->type);
    const MemberTarget target{member->name.view(), member->type, type.kind == TypeKind::kPrimitive,
                              type.abstract && type.kind == TypeKind::kResource};
    if (!StepTarget(document, object, target)) return false;
  }
  return true;
}

bool Machine::Children(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    if (!PushChildren(PathItem(stack_[i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Descendants(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    if (!PushChildren(PathItem(stack_[i]))) return false;
  }
  for (size_t i = out; i < Top(); ++i) {
    if (!PushChildren(PathItem(stack_[i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Extension(const Call& call) {
  std::string_view url;
  bool empty = false;
  if (!TextArgument(call, 0, &url, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  const size_t out = Top();
  const MemberTarget target{"extension", kTypes.extension};
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    const PathItem item = stack_[i];
    const uint32_t object = ObjectOf(item);
    if (object == json::kNoNode) continue;
    const json::Document& document = *item.at.document;
    const uint32_t extensions = FindKey(document, object, target.json_name);
    if (extensions == json::kNoNode) continue;
    for (uint32_t each = document.FirstChild(extensions); each != json::kNoNode;
         each = document.NextSibling(extensions, each)) {
      const uint32_t its_url = FindKey(document, each, "url");
      if (!Step()) return false;
      if (its_url == json::kNoNode || document.kind(its_url) != json::Kind::kString) continue;
      if (document.String(its_url) != url) continue;
      if (!PushNode(document, target, each, json::kNoNode)) return false;
    }
  }
  return Keep(call.base, out);
}

bool Machine::HasValue(const PathItem& item) const {
  return !item.is_node() || item.at.node != json::kNoNode;
}

bool Machine::HasValueFunction(const Call& call) {
  if (call.input.size() != 1) return Return(call, BooleanItem(false));
  const PathItem& item = stack_[call.input.begin];
  const bool primitive = !item.is_node() || IsPrimitive(item.type);
  return Return(call, BooleanItem(primitive && HasValue(item)));
}

bool Machine::GetValue(const Call& call) {
  if (call.input.size() != 1) return ReturnEmpty(call);
  PathItem item = stack_[call.input.begin];
  const bool primitive = !item.is_node() || IsPrimitive(item.type);
  if (!primitive || !HasValue(item)) return ReturnEmpty(call);
  return ToValue(&item) && Return(call, item);
}

bool Machine::TypeFunction(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    PathItem item;
    item.kind = PathKind::kTypeInfo;
    item.type_info = stack_[i].type;
    if (!Push(item)) return false;
  }
  return Keep(call.base, out);
}

bool Machine::Now(const Call& call) {
  PathKind kind = PathKind::kDateTime;
  if (call.op.function == FunctionId::kToday) kind = PathKind::kDate;
  if (call.op.function == FunctionId::kTimeOfDay) kind = PathKind::kTime;
  return Return(call, NowItem(kind, environment_->now_unix_us, environment_->zone_minutes));
}

bool Machine::Trace(const Call& call) {
  std::string_view name;
  bool empty = false;
  if (!TextArgument(call, 0, &name, &empty)) return false;
  if (empty) return Fail(call.op, "trace() needs a name");
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    Range projected;
    if (ArgumentCount(call) < 2) {
      if (!Push(PathItem(stack_[i]))) return false;
    } else if (!ArgumentEach(call, 1, i, static_cast<int64_t>(i - call.input.begin), &projected)) {
      return false;
    }
  }
  if (environment_->trace) environment_->trace(name, std::span(stack_).subspan(out));
  Pop(out);
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    if (!Push(PathItem(stack_[i]))) return false;
  }
  return Keep(call.base, out);
}

// ---- References ----

namespace {

// The type in "Patient/1", "http://x/fhir/Patient/1", "Patient/1/_history/2".
TypeIndex TypeInReference(std::string_view reference) {
  const size_t history = reference.find("/_history/");
  if (history != std::string_view::npos) reference = reference.substr(0, history);
  const size_t slash = reference.rfind('/');
  if (slash == std::string_view::npos) return kUnknownType;
  const std::string_view before = reference.substr(0, slash);
  const size_t begin = before.rfind('/');
  return FindType(begin == std::string_view::npos ? before : before.substr(begin + 1));
}

uint32_t FindContained(const json::Document& document, std::string_view id) {
  const uint32_t contained = FindKey(document, json::kRoot, "contained");
  if (contained == json::kNoNode) return json::kNoNode;
  for (uint32_t each = document.FirstChild(contained); each != json::kNoNode;
       each = document.NextSibling(contained, each)) {
    const uint32_t its_id = FindKey(document, each, "id");
    if (its_id == json::kNoNode || document.kind(its_id) != json::Kind::kString) continue;
    if (document.String(its_id) == id) return each;
  }
  return json::kNoNode;
}

}  // namespace

TypeIndex ReferencedType(const json::Document& document, uint32_t node) {
  const uint32_t reference = FindKey(document, node, "reference");
  if (reference != json::kNoNode && document.kind(reference) == json::Kind::kString) {
    bool escaped = false;
    std::string unescaped;
    std::string_view text = document.PlainString(reference, &escaped);
    if (escaped) text = unescaped = document.String(reference);
    if (text.starts_with('#')) {
      const uint32_t found = FindContained(document, text.substr(1));
      if (found != json::kNoNode) return ResourceTypeOf(document, found);
    } else if (const TypeIndex type = TypeInReference(text); type != kUnknownType) {
      return type;
    }
  }
  const uint32_t type = FindKey(document, node, "type");
  if (type == json::kNoNode || document.kind(type) != json::Kind::kString) return kUnknownType;
  bool escaped = false;
  return FindType(document.PlainString(type, &escaped));
}

bool Machine::ResolveOne(const Call& call, const PathItem& item) {
  std::string_view reference;
  PathItem text = item;
  if (item.is_node() && item.type == kTypes.reference) {
    const uint32_t member = FindKey(*item.at.document, item.at.node, "reference");
    if (member == json::kNoNode) return Step();
    text.type = kTypes.string;
    text.at.node = member;
  }
  if (!ToValue(&text)) return false;
  if (text.kind != PathKind::kString) {
    return Fail(call.op, "resolve() takes references and texts");
  }
  reference = TextOf(text.text);
  PathItem found;
  found.kind = PathKind::kNode;
  if (reference.starts_with('#')) {
    if (!item.is_node()) return Step();
    const json::Document& document = *item.at.document;
    const uint32_t node =
        reference == "#" ? json::kRoot : FindContained(document, reference.substr(1));
    if (node == json::kNoNode) return Step();
    found.at = {&document, node};
  } else {
    if (environment_->resolver == nullptr) return Step();
    const json::Document* document = environment_->resolver->Resolve(reference);
    if (document == nullptr) return Step();
    found.at = {document, json::kRoot};
  }
  found.type = ResourceTypeOf(*found.at.document, found.at.node);
  return found.type == kUnknownType ? Step() : Push(found);
}

bool Machine::Resolve(const Call& call) {
  const size_t out = Top();
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    if (!ResolveOne(call, PathItem(stack_[i]))) return false;
  }
  return Keep(call.base, out);
}

bool Machine::ConformsTo(const Call& call) {
  std::string_view url;
  bool empty = false;
  if (!TextArgument(call, 0, &url, &empty)) return false;
  if (call.input.size() > 1) return Fail(call.op, "conformsTo() takes one item");
  if (call.input.empty() || empty) return ReturnEmpty(call);
  constexpr std::string_view kPrefix = "http://hl7.org/fhir/StructureDefinition/";
  const TypeIndex type =
      url.starts_with(kPrefix) ? FindFhirType(url.substr(kPrefix.size())) : kUnknownType;
  if (type == kUnknownType) {
    return Fail(call.op, ErrorKind::kUnsupported,
                "conformsTo() knows the types of R4 only, no other profiles");
  }
  return Return(call, BooleanItem(IsSubtype(stack_[call.input.begin].type, type)));
}

}  // namespace tarn::fhir::internal
