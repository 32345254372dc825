#include "fhir/summary.h"

#include <algorithm>

#include "fhir/definitions.h"
#include "fhir/resource.h"
#include "json/document.h"

namespace tarn::fhir {
namespace {

constexpr std::string_view kSubsettedSystem =
    "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
constexpr std::string_view kSubsetted =
    R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"})";

// The name as written, with its quotes.
std::string_view RawKey(const json::Document& document, uint32_t node) {
  const json::Node& at = document.at(node);
  return document.text().substr(at.key_begin - 1, at.key_bytes + 2);
}

bool TextIs(const json::Document& document, uint32_t object, std::string_view name,
            std::string_view text) {
  const uint32_t node = document.Find(object, name);
  return node != json::kNoNode && document.kind(node) == json::Kind::kString &&
         document.String(node) == text;
}

// Writes members of one object; nothing until the first, so that an empty object can be left out.
class ObjectText {
 public:
  explicit ObjectText(std::string* out) : out_(out), begin_(out->size()) {}

  void Member(std::string_view raw_key, std::string_view raw_value) {
    Key(raw_key);
    out_->append(raw_value);
  }
  void Key(std::string_view raw_key) {
    out_->push_back(out_->size() == begin_ ? '{' : ',');
    out_->append(raw_key).push_back(':');
  }
  // False: there was no member, and nothing is written.
  bool End() {
    if (out_->size() == begin_) return false;
    out_->push_back('}');
    return true;
  }
  // Takes back what was written since `size`, as a member that turned out to be empty.
  void Shrink(size_t size) { out_->resize(size); }
  size_t size() const { return out_->size(); }

 private:
  std::string* const out_;
  const size_t begin_;
};

class Cutter {
 public:
  Cutter(const json::Document& document, const View& view, std::string* out)
      : document_(document), view_(view), out_(out) {}

  // The resource at `node`; false: nothing of it is left. Recursion: as deep as the parsed text,
  // kResourceDepthMax.
  bool Resource(uint32_t node) {
    const uint32_t name = document_.Find(node, "resourceType");
    const TypeId type = name != json::kNoNode && document_.kind(name) == json::Kind::kString
                            ? FindType(document_.String(name))
                            : kNoType;
    if (type == kNoType) {
      out_->append(document_.Raw(node));
      return true;
    }
    ObjectText object(out_);
    bool tagged = false;
    Visit(node, [&](uint32_t member) {
      const std::string key = document_.Key(member);
      if (key == "meta" && document_.kind(member) == json::Kind::kObject) {
        object.Key(RawKey(document_, member));
        Meta(member);
        tagged = true;
      } else if (key == "resourceType") {
        object.Member(RawKey(document_, member), document_.Raw(member));
      } else {
        Member(type, key, member, &object);
      }
    });
    // Resources inside others have no tags of their own where they had no meta.
    if (!tagged && node == json::kRoot) {
      object.Member("\"meta\"", R"({"tag":[)" + std::string(kSubsetted) + "]}");
    }
    return object.End();
  }

 private:
  template <typename Function>
  void Visit(uint32_t parent, const Function& function) const {
    for (uint32_t child = document_.FirstChild(parent); child != json::kNoNode;
         child = document_.NextSibling(parent, child)) {
      function(child);
    }
  }

  // "_birthDate" holds what belongs to "birthDate".
  static const MemberDefinition* Definition(TypeIndex type, std::string_view key) {
    if (key.starts_with('_')) key.remove_prefix(1);
    return FindMember(type, key);
  }

  bool IsKept(const MemberDefinition& member, const ElementDefinition& element,
              bool of_resource) const {
    if (element.min > 0 || element.modifier) return true;
    if (view_.summary == Summary::kTrue) return element.summary;
    if (!of_resource || element.name.view() == "id") return true;
    if (view_.summary == Summary::kText) return element.name.view() == "text";
    return std::any_of(view_.elements.begin(), view_.elements.end(), [&](const std::string& name) {
      return name == element.name.view() || name == member.name.view();
    });
  }

  void Member(TypeIndex type, std::string_view key, uint32_t node, ObjectText* object) {
    if (view_.summary == Summary::kData) {
      if (key == "text" && IsResource(type)) return;
      return object->Member(RawKey(document_, node), document_.Raw(node));
    }
    const MemberDefinition* const member = Definition(type, key);
    if (member == nullptr) return;
    const ElementDefinition& element = ElementsOf(type)[member->element];
    if (!IsKept(*member, element, IsResource(type))) return;
    const size_t before = object->size();
    object->Key(RawKey(document_, node));
    const bool deep = view_.summary == Summary::kTrue && !key.starts_with('_');
    if (!deep) {
      out_->append(document_.Raw(node));
    } else if (!Value(member->type, node)) {
      object->Shrink(before);
    }
  }

  bool Value(TypeIndex type, uint32_t node) {
    switch (document_.kind(node)) {
      case json::Kind::kObject:
        return IsResource(type) ? Resource(node) : Object(type, node);
      case json::Kind::kArray:
        return Array(type, node);
      default:
        out_->append(document_.Raw(node));
        return true;
    }
  }

  bool Object(TypeIndex type, uint32_t node) {
    ObjectText object(out_);
    Visit(node, [&](uint32_t member) { Member(type, document_.Key(member), member, &object); });
    return object.End();
  }

  bool Array(TypeIndex type, uint32_t node) {
    const size_t begin = out_->size();
    Visit(node, [&](uint32_t item) {
      const size_t before = out_->size();
      out_->push_back(before == begin ? '[' : ',');
      if (!Value(type, item)) out_->resize(before);
    });
    if (out_->size() == begin) return false;
    out_->push_back(']');
    return true;
  }

  bool IsTagged(uint32_t tags) const {
    bool found = false;
    Visit(tags, [&](uint32_t tag) {
      found = found || (TextIs(document_, tag, "code", "SUBSETTED") &&
                        TextIs(document_, tag, "system", kSubsettedSystem));
    });
    return found;
  }

  void Meta(uint32_t meta) {
    const uint32_t tags = document_.Find(meta, "tag");
    const bool has_tags = tags != json::kNoNode && document_.kind(tags) == json::Kind::kArray;
    ObjectText object(out_);
    Visit(meta, [&](uint32_t member) {
      if (member != tags || !has_tags) {
        return object.Member(RawKey(document_, member), document_.Raw(member));
      }
      const std::string_view raw = document_.Raw(tags);
      if (IsTagged(tags)) return object.Member("\"tag\"", raw);
      const std::string_view before = document_.FirstChild(tags) == json::kNoNode
                                          ? std::string_view("[")
                                          : raw.substr(0, raw.size() - 1);
      object.Key("\"tag\"");
      out_->append(before).append(before.size() > 1 ? "," : "").append(kSubsetted).append("]");
    });
    if (!has_tags) object.Member("\"tag\"", "[" + std::string(kSubsetted) + "]");
    object.End();
  }

  const json::Document& document_;
  const View& view_;
  std::string* const out_;
};

}  // namespace

Result<std::string> CutDown(std::string_view resource, const View& view) {
  std::string out;
  if (view.IsWhole()) {
    out = resource;
    return out;
  }
  json::Parser parser(ResourceLimits());
  TRY(const json::Document document, parser.Parse(resource));
  const auto envelope = ReadEnvelope(document);
  if (!envelope.ok()) return envelope.error();
  out.reserve(resource.size());
  Cutter(document, view, &out).Resource(json::kRoot);
  return out;
}

}  // namespace tarn::fhir
