// Finding and changing the links of a resource: a walk along the definitions, since only they tell
// a link (uri, url, oid, uuid, Reference.reference, xhtml) from a string that looks like one.
#include <utility>

#include "fhir/bundle.h"
#include "fhir/definitions.h"
#include "json/writer.h"

namespace tarn::fhir {
namespace {

using json::Document;
using json::kNoNode;

// "Patient/1": no version, fragment or query.
bool IsRelativeReference(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || FindType(text.substr(0, slash)) == kNoType) return false;
  return IsValidId(text.substr(slash + 1));
}

// The part of "https://example.org/fhir/Patient/1" before the type, with its slash; else empty.
std::string_view BaseOf(std::string_view full_url) {
  if (!full_url.starts_with("http://") && !full_url.starts_with("https://")) return {};
  const size_t before_id = full_url.rfind('/');
  if (before_id == std::string_view::npos || before_id == 0) return {};
  const size_t before_type = full_url.rfind('/', before_id - 1);
  if (before_type == std::string_view::npos) return {};
  if (!IsRelativeReference(full_url.substr(before_type + 1))) return {};
  return full_url.substr(0, before_type + 1);
}

bool IsLinkType(TypeIndex type) {
  return type == kTypes.uri || type == kTypes.url || type == kTypes.oid || type == kTypes.uuid;
}

enum class LinkKind : uint8_t { kReference, kUri, kNarrative };

// Calls `visit` with each node of the resource that is or holds links, in the order of the text.
class LinkWalk {
 public:
  using Visit = std::function<void(uint32_t node, LinkKind kind)>;
  LinkWalk(const Document& document, Visit visit) : document_(document), visit_(std::move(visit)) {}

  // The parser bounds the depth.
  void Resource(uint32_t node) {
    const uint32_t name = document_.Find(node, "resourceType");
    if (name == kNoNode || document_.kind(name) != json::Kind::kString) return;
    const TypeId type = FindType(document_.String(name));
    if (type != kNoType) Object(node, type);
  }

 private:
  void Object(uint32_t object, TypeIndex type) {
    for (uint32_t n = document_.FirstChild(object); n != kNoNode;
         n = document_.NextSibling(object, n)) {
      const std::string key = document_.Key(n);  // Short: no memory is taken.
      if (key.starts_with('_')) {                // The id and extensions of a primitive.
        Value(n, kTypes.element);
      } else if (type == kTypes.reference && key == "reference") {
        if (document_.kind(n) == json::Kind::kString) visit_(n, LinkKind::kReference);
      } else if (const MemberDefinition* member = FindMember(type, key)) {
        Value(n, member->type);
      }
    }
  }

  void Value(uint32_t node, TypeIndex type) {
    switch (document_.kind(node)) {
      case json::Kind::kArray:
        for (uint32_t n = document_.FirstChild(node); n != kNoNode;
             n = document_.NextSibling(node, n)) {
          if (document_.kind(n) != json::Kind::kArray) Value(n, type);
        }
        return;
      case json::Kind::kObject:
        if (IsResource(type)) {
          Resource(node);
        } else {
          Object(node, type);
        }
        return;
      case json::Kind::kString:
        if (type == kTypes.xhtml) visit_(node, LinkKind::kNarrative);
        if (IsLinkType(type)) visit_(node, LinkKind::kUri);
        return;
      default:
        return;
    }
  }

  const Document& document_;
  const Visit visit_;
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Where the value of the next href or src attribute is; false: there is none behind `*at`.
bool NextAttribute(std::string_view html, size_t* at, size_t* begin, size_t* end) {
  for (; *at < html.size(); ++*at) {
    if (!IsSpace(html[*at])) continue;
    const std::string_view rest = html.substr(*at + 1);
    const size_t name = rest.starts_with("href") ? 4 : rest.starts_with("src") ? 3 : 0;
    if (name == 0) continue;
    size_t i = *at + 1 + name;
    while (i < html.size() && IsSpace(html[i])) ++i;
    if (i == html.size() || html[i] != '=') continue;
    ++i;
    while (i < html.size() && IsSpace(html[i])) ++i;
    if (i == html.size() || (html[i] != '"' && html[i] != '\'')) continue;
    const size_t close = html.find(html[i], i + 1);
    if (close == std::string_view::npos) return false;
    *begin = i + 1;
    *end = close;
    *at = close;
    return true;
  }
  return false;
}

// The narrative with its links changed; nothing when none is.
std::optional<std::string> LinkedNarrative(std::string_view html, std::string_view full_url,
                                           const BundleLinks& links) {
  std::string out;
  size_t copied = 0;
  size_t begin = 0;
  size_t end = 0;
  for (size_t at = 0; NextAttribute(html, &at, &begin, &end);) {
    const std::string* target = links.Find(html.substr(begin, end - begin), full_url);
    if (target == nullptr) continue;
    out.append(html.substr(copied, begin - copied)).append(*target);
    copied = end;
  }
  if (copied == 0) return std::nullopt;
  out.append(html.substr(copied));
  return out;
}

}  // namespace

void BundleLinks::AddEntry(std::string_view full_url, std::string identity) {
  if (!full_url.empty()) links_.insert_or_assign(std::string(full_url), std::move(identity));
}

void BundleLinks::AddConditional(std::string_view reference, std::string identity) {
  links_.insert_or_assign(std::string(reference), std::move(identity));
}

const std::string* BundleLinks::Find(std::string_view link, std::string_view full_url) const {
  if (const auto found = links_.find(link); found != links_.end()) return &found->second;
  if (!IsRelativeReference(link)) return nullptr;
  const std::string_view base = BaseOf(full_url);
  if (base.empty()) return nullptr;
  const auto found = links_.find(std::string(base).append(link));
  return found == links_.end() ? nullptr : &found->second;
}

std::optional<ConditionalReference> ParseConditionalReference(std::string_view reference) {
  const size_t question = reference.find('?');
  if (question == std::string_view::npos) return std::nullopt;
  const TypeId type = FindType(reference.substr(0, question));
  if (type == kNoType) return std::nullopt;
  return ConditionalReference{type, std::string(reference.substr(question + 1))};
}

void CollectConditionalReferences(const Document& document, uint32_t resource,
                                  std::set<std::string>* out) {
  LinkWalk(document, [&](uint32_t node, LinkKind kind) {
    if (kind != LinkKind::kReference) return;
    std::string text = document.String(node);
    if (ParseConditionalReference(text).has_value()) out->insert(std::move(text));
  }).Resource(resource);
}

void AppendLinked(const Document& document, uint32_t resource, std::string_view full_url,
                  const BundleLinks& links, std::string* out) {
  const json::Node& whole = document.at(resource);
  uint32_t at = whole.begin;
  const auto replace = [&](uint32_t node, std::string_view text) {
    out->append(document.text(), at, document.at(node).begin - at);
    json::AppendString(out, text);
    at = document.at(node).end;
  };
  if (!links.IsEmpty()) {
    LinkWalk(document, [&](uint32_t node, LinkKind kind) {
      const std::string text = document.String(node);
      if (kind == LinkKind::kNarrative) {
        if (const auto html = LinkedNarrative(text, full_url, links)) replace(node, *html);
      } else if (const std::string* target = links.Find(text, full_url)) {
        replace(node, *target);
      }
    }).Resource(resource);
  }
  out->append(document.text(), at, whole.end - at);
}

}  // namespace tarn::fhir
