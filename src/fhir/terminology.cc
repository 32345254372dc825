// A set on its way is codes by system and whole systems; `compose` is unions, intersections and
// differences of such sets (R4, ValueSet, section 4.9.5): an include is its system's codes, all
// those of its filters, and only what each of its value sets has too; includes are united, excludes
// are taken off.
#include "fhir/terminology.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "fhir/internal/canonical_tables.h"
#include "fhir/internal/fhirpath_regex.h"
#include "json/document.h"

namespace tarn::fhir {
namespace {

using json::Document;

Error TooLarge(std::string what) { return {ErrorKind::kTooLarge, std::move(what)}; }
Error Unsupported(std::string what) { return {ErrorKind::kUnsupported, std::move(what)}; }

std::string TextOf(const Document& document, uint32_t object, std::string_view name) {
  const uint32_t node = document.Find(object, name);
  if (node == json::kNoNode || document.kind(node) != json::Kind::kString) return {};
  return document.String(node);
}

// Calls `visit(item)` for each item of the array of that name, until it fails.
template <typename Visit>
Status ForEachItem(const Document& document, uint32_t object, std::string_view name,
                   const Visit& visit) {
  const uint32_t array = document.Find(object, name);
  if (array == json::kNoNode || document.kind(array) != json::Kind::kArray) return Ok();
  for (uint32_t item = document.FirstChild(array); item != json::kNoNode;
       item = document.NextSibling(array, item)) {
    TRY(visit(item));
  }
  return Ok();
}

// ---- Sets on their way ----

struct Codes {
  std::map<std::string, std::set<std::string>> of;  // By system.
  std::set<std::string> whole;

  bool Has(const std::string& system, const std::string& code) const {
    if (whole.contains(system)) return true;
    const auto found = of.find(system);
    return found != of.end() && found->second.contains(code);
  }
  size_t Count() const {
    size_t count = 0;
    for (const auto& [system, codes] : of) count += codes.size();
    return count;
  }
};

void Unite(const Codes& from, Codes* into) {
  for (const auto& [system, codes] : from.of) into->of[system].insert(codes.begin(), codes.end());
  into->whole.insert(from.whole.begin(), from.whole.end());
}

Codes Intersection(const Codes& a, const Codes& b) {
  Codes out;
  for (const auto* side : {&a, &b}) {
    const Codes& other = side == &a ? b : a;
    for (const auto& [system, codes] : side->of) {
      for (const std::string& code : codes) {
        if (other.Has(system, code)) out.of[system].insert(code);
      }
    }
  }
  std::set_intersection(a.whole.begin(), a.whole.end(), b.whole.begin(), b.whole.end(),
                        std::inserter(out.whole, out.whole.begin()));
  return out;
}

Status TakeOff(const Codes& excluded, Codes* from) {
  for (const std::string& system : from->whole) {
    const auto some = excluded.of.find(system);
    if (some == excluded.of.end() || some->second.empty() || excluded.whole.contains(system)) {
      continue;
    }
    return Unsupported("a value set leaves single codes out of " + system +
                       ", whose codes are not known here; store its CodeSystem");
  }
  for (auto& [system, codes] : from->of) {
    std::erase_if(codes, [&excluded, &name = system](const std::string& code) {
      return excluded.Has(name, code);
    });
  }
  for (const std::string& system : excluded.whole) from->whole.erase(system);
  return Ok();
}

// ---- Code systems ----

using Links = std::map<std::string, std::set<std::string>>;

struct CodeSystem {
  bool complete = false;
  bool built_in = false;  // Kept without texts.
  std::set<std::string> codes;
  Links children;
  Links parents;
  // What else is said of concepts: by property, for each code its values.
  std::map<std::string, Links> properties;

  void Link(const std::string& parent, const std::string& child) {
    children[parent].insert(child);
    parents[child].insert(parent);
  }
};

// The value of a concept's property as text: of a Coding its code.
std::string PropertyText(const Document& document, uint32_t property) {
  for (const std::string_view name : {"valueCode", "valueString", "valueInteger", "valueBoolean",
                                      "valueDateTime", "valueDecimal", "valueCoding"}) {
    const uint32_t node = document.Find(property, name);
    if (node == json::kNoNode) continue;
    if (document.kind(node) == json::Kind::kString) return document.String(node);
    if (document.kind(node) == json::Kind::kObject) return TextOf(document, node, "code");
    return std::string(document.Raw(node));
  }
  return {};
}

// Recursion: as deep as the text, kResourceDepthMax.
Status ReadConcepts(const Document& document, uint32_t holder, const std::string& parent,
                    CodeSystem* out) {
  return ForEachItem(document, holder, "concept", [&](uint32_t item) -> Status {
    const std::string code = TextOf(document, item, "code");
    if (code.empty()) return Invalid("a stored CodeSystem has a concept without code");
    out->codes.insert(code);
    if (!parent.empty()) out->Link(parent, code);
    for (const std::string text : {"display", "definition"}) {
      const std::string value = TextOf(document, item, text);
      if (!value.empty()) out->properties[text][code].insert(value);
    }
    TRY(ForEachItem(document, item, "property", [&](uint32_t property) -> Status {
      const std::string name = TextOf(document, property, "code");
      const std::string value = PropertyText(document, property);
      if (value.empty()) return Ok();
      if (name == "parent" || name == "subsumedBy") {
        out->Link(value, code);
      } else if (name == "child") {
        out->Link(code, value);
      } else {
        out->properties[name][code].insert(value);
      }
      return Ok();
    }));
    return ReadConcepts(document, item, code, out);
  });
}

// `code` and all that `next` leads to; cycles end.
std::set<std::string> Closure(const Links& next, const std::string& code) {
  std::set<std::string> out = {code};
  std::vector<std::string> around = {code};
  while (!around.empty()) {
    const std::string at = std::move(around.back());
    around.pop_back();
    const auto found = next.find(at);
    if (found == next.end()) continue;
    for (const std::string& other : found->second) {
      if (out.insert(other).second) around.push_back(other);
    }
  }
  return out;
}

// Commas separate the codes of `in` and `not-in`.
std::set<std::string> ListedCodes(std::string_view text) {
  std::set<std::string> out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    out.emplace(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

struct Filter {
  std::string property;
  std::string op;
  std::string value;
};

std::set<std::string> Without(const std::set<std::string>& all, const std::set<std::string>& less) {
  std::set<std::string> out;
  std::set_difference(all.begin(), all.end(), less.begin(), less.end(),
                      std::inserter(out, out.begin()));
  return out;
}

Error NoSuchFilter(const Filter& filter, std::string_view why) {
  return Unsupported("a value set filters by " + filter.property + " " + filter.op + ", " +
                     std::string(why));
}

// The values of the property by code; nothing: the system does not speak of it.
const Links* ValuesOf(const CodeSystem& system, const std::string& property) {
  if (property == "parent") return &system.parents;
  if (property == "child") return &system.children;
  const auto found = system.properties.find(property);
  return found == system.properties.end() ? nullptr : &found->second;
}

// Whether a concept with these values of the filter's property passes.
Result<bool> Passes(const Filter& filter, const std::set<std::string>& values,
                    internal::RegexCache* regexes) {
  if (filter.op == "=") return values.contains(filter.value);
  if (filter.op == "exists") return values.empty() == (filter.value == "false");
  if (filter.op == "regex") {
    for (const std::string& value : values) {
      const auto matches = regexes->MatchesFully(value, filter.value);
      if (!matches.ok()) return NoSuchFilter(filter, matches.error().detail);
      if (matches.value()) return true;
    }
    return false;
  }
  const std::set<std::string> listed = ListedCodes(filter.value);
  const bool any = std::any_of(values.begin(), values.end(),
                               [&](const std::string& value) { return listed.contains(value); });
  return any == (filter.op == "in");
}

// Which codes of the system pass. Spec: value set filter-operator.
Result<std::set<std::string>> Filtered(const CodeSystem& system, const Filter& filter) {
  const bool of_concept = filter.property == "concept" || filter.property == "code";
  if (of_concept && filter.op == "is-a") return Closure(system.children, filter.value);
  if (of_concept && filter.op == "descendent-of") {
    return Without(Closure(system.children, filter.value), {filter.value});
  }
  if (of_concept && filter.op == "is-not-a") {
    return Without(system.codes, Closure(system.children, filter.value));
  }
  if (of_concept && filter.op == "generalizes") return Closure(system.parents, filter.value);
  static constexpr std::string_view kOfValues[] = {"=", "in", "not-in", "regex", "exists"};
  if (std::find(std::begin(kOfValues), std::end(kOfValues), filter.op) == std::end(kOfValues)) {
    return NoSuchFilter(filter,
                        "which is not supported; supported are is-a, descendent-of, is-not-a and "
                        "generalizes of concepts, and =, in, not-in, regex and exists");
  }
  const Links* const values = ValuesOf(system, filter.property);
  if (values == nullptr && !of_concept) {
    return NoSuchFilter(filter, system.built_in
                                    ? "which R4's own code systems are kept without"
                                    : "a property that no concept of its code system has");
  }
  std::set<std::string> passing;
  internal::RegexCache regexes;
  for (const std::string& code : system.codes) {
    std::set<std::string> of_code;
    if (of_concept) {
      of_code = {code};
    } else if (const auto found = values->find(code); found != values->end()) {
      of_code = found->second;
    }
    TRY(const bool passes, Passes(filter, of_code, &regexes));
    if (passes) passing.insert(code);
  }
  return passing;
}

// ---- Value sets ----

class Expander {
 public:
  explicit Expander(const FindCanonical& stored) : stored_(stored) {}

  Result<Codes> ValueSet(std::string_view url, std::string_view version, size_t depth) {
    if (depth > kExpansionDepthMax) return TooLarge("value sets are nested too deeply");
    TRY(const auto found, Find(FindType("ValueSet"), url, version));
    const auto& text = found.text;
    if (!text.has_value()) {
      return NotFound("the value set " + std::string(url) +
                      (version.empty() ? "" : "|" + std::string(version)) +
                      " is not known; store it as a ValueSet");
    }
    json::Parser parser(ResourceLimits());
    auto document = parser.Parse(*text);
    if (!document.ok()) return Invalid("a stored ValueSet is malformed");
    return Compose(document.value(), depth);
  }

  Result<std::optional<CodeSystem>> System(std::string_view url, std::string_view version) {
    TRY(const auto found, Find(FindType("CodeSystem"), url, version));
    if (!found.text.has_value()) return std::optional<CodeSystem>();
    json::Parser parser(ResourceLimits());
    auto document = parser.Parse(*found.text);
    if (!document.ok()) return Invalid("a stored CodeSystem is malformed");
    CodeSystem out;
    out.built_in = found.built_in;
    out.complete = TextOf(document.value(), json::kRoot, "content") == "complete";
    TRY(ReadConcepts(document.value(), json::kRoot, {}, &out));
    return std::optional<CodeSystem>(std::move(out));
  }

 private:
  struct Definition {
    std::optional<std::string> text;
    bool built_in = false;
  };

  Result<Definition> Find(TypeId type, std::string_view url, std::string_view version) {
    if (++resources_ > kExpansionResourcesMax) {
      return TooLarge("an expansion needs too many value sets");
    }
    if (stored_) {
      TRY(auto text, stored_(type, url, version));
      if (text.has_value()) return Definition{std::move(text), false};
    }
    const auto text = FindBuiltInCanonical(type, url, version);
    if (!text.has_value()) return Definition{};
    return Definition{std::string(*text), true};
  }

  Status Check(const Codes& codes) const {
    if (codes.Count() <= kExpansionCodesMax) return Ok();
    return TooLarge("an expansion has more than " + std::to_string(kExpansionCodesMax) + " codes");
  }

  Result<Codes> Compose(const Document& document, size_t depth) {
    const uint32_t compose = document.Find(json::kRoot, "compose");
    Codes out;
    if (compose == json::kNoNode) {
      const uint32_t expansion = document.Find(json::kRoot, "expansion");
      if (expansion == json::kNoNode) return out;
      TRY(Contains(document, expansion, &out));
      TRY(Check(out));
      return out;
    }
    TRY(ForEachItem(document, compose, "include", [&](uint32_t item) -> Status {
      TRY(const Codes codes, Include(document, item, depth));
      Unite(codes, &out);
      return Check(out);
    }));
    TRY(ForEachItem(document, compose, "exclude", [&](uint32_t item) -> Status {
      TRY(const Codes codes, Include(document, item, depth));
      return TakeOff(codes, &out);
    }));
    return out;
  }

  // What an expansion that came with the value set lists. Recursion: as deep as the text.
  Status Contains(const Document& document, uint32_t holder, Codes* out) {
    return ForEachItem(document, holder, "contains", [&](uint32_t item) -> Status {
      const std::string code = TextOf(document, item, "code");
      if (!code.empty()) out->of[TextOf(document, item, "system")].insert(code);
      return Contains(document, item, out);
    });
  }

  Result<Codes> Include(const Document& document, uint32_t item, size_t depth) {
    std::optional<Codes> out;
    const std::string system = TextOf(document, item, "system");
    if (!system.empty()) {
      TRY(out, OfSystem(document, item, system));
      TRY(Check(*out));
    }
    TRY(ForEachItem(document, item, "valueSet", [&](uint32_t node) -> Status {
      if (document.kind(node) != json::Kind::kString) return Invalid("a ValueSet is malformed");
      const std::string canonical = document.String(node);
      const size_t bar = std::min(canonical.find('|'), canonical.size());
      const std::string_view version =
          std::string_view(canonical).substr(std::min(bar + 1, canonical.size()));
      TRY(Codes codes, ValueSet(std::string_view(canonical).substr(0, bar), version, depth + 1));
      out = out.has_value() ? Intersection(*out, codes) : std::move(codes);
      return Ok();
    }));
    return std::move(out).value_or(Codes());
  }

  Result<Codes> OfSystem(const Document& document, uint32_t item, const std::string& url) {
    Codes out;
    bool listed = false;
    TRY(ForEachItem(document, item, "concept", [&](uint32_t concept_node) -> Status {
      listed = true;
      out.of[url].insert(TextOf(document, concept_node, "code"));
      return Ok();
    }));
    if (listed) return out;
    std::vector<Filter> filters;
    TRY(ForEachItem(document, item, "filter", [&](uint32_t filter) -> Status {
      filters.push_back({TextOf(document, filter, "property"), TextOf(document, filter, "op"),
                         TextOf(document, filter, "value")});
      return Ok();
    }));
    TRY(const auto system, System(url, TextOf(document, item, "version")));
    if (!system.has_value() || !system->complete) {
      if (filters.empty()) {
        out.whole.insert(url);
        return out;
      }
      return NotFound("a value set filters the code system " + url +
                      ", which is not known; store it as a CodeSystem");
    }
    std::set<std::string> codes = system->codes;
    for (const Filter& filter : filters) {
      TRY(const std::set<std::string> passing, Filtered(*system, filter));
      std::erase_if(codes, [&](const std::string& code) { return !passing.contains(code); });
    }
    out.of[url] = std::move(codes);
    return out;
  }

  const FindCanonical& stored_;
  size_t resources_ = 0;
};

Result<CodeSet> Related(const SystemCode& code, const FindCanonical& stored,
                        const Links CodeSystem::*links) {
  TRY(const auto system, Expander(stored).System(code.system, {}));
  if (!system.has_value()) {
    return NotFound("the code system " + code.system + " is not known; store it as a CodeSystem");
  }
  CodeSet out;
  for (const std::string& related : Closure((*system).*links, code.code)) {
    out.codes.push_back({code.system, related});
  }
  if (out.codes.size() > kExpansionCodesMax) {
    return TooLarge("a hierarchy has more than " + std::to_string(kExpansionCodesMax) + " codes");
  }
  return out;
}

}  // namespace

std::optional<std::string_view> FindBuiltInCanonical(TypeId type, std::string_view url,
                                                     std::string_view version) {
  if (type == kNoType) return std::nullopt;
  const std::pair<std::string_view, std::string_view> key = {TypeName(type), url};
  const auto* const end = internal::kCanonicalRows + internal::kCanonicalRowsCount;
  const auto* const row =
      std::lower_bound(internal::kCanonicalRows + 0, end, key, [](const auto& at, const auto& k) {
        return std::pair<std::string_view, std::string_view>(at.type, at.url) < k;
      });
  if (row == end || row->type != key.first || row->url != key.second) return std::nullopt;
  const std::string_view text(internal::kCanonicalPool + row->offset, row->bytes);
  if (!version.empty()) {
    json::Parser parser(ResourceLimits());
    const auto document = parser.Parse(text);
    if (!document.ok() || TextOf(document.value(), json::kRoot, "version") != version) {
      return std::nullopt;
    }
  }
  return text;
}

Result<CodeSet> ExpandValueSet(std::string_view url, std::string_view version,
                               const FindCanonical& stored) {
  TRY(const Codes codes, Expander(stored).ValueSet(url, version, 0));
  CodeSet out;
  for (const auto& [system, of_system] : codes.of) {
    if (codes.whole.contains(system)) continue;
    for (const std::string& code : of_system) out.codes.push_back({system, code});
  }
  out.systems.assign(codes.whole.begin(), codes.whole.end());
  return out;
}

Result<CodeSet> CodesBelow(const SystemCode& code, const FindCanonical& stored) {
  return Related(code, stored, &CodeSystem::children);
}

Result<CodeSet> CodesAbove(const SystemCode& code, const FindCanonical& stored) {
  return Related(code, stored, &CodeSystem::parents);
}

}  // namespace tarn::fhir
