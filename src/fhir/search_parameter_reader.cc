#include "fhir/search_parameter_reader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/fhirpath.h"

namespace tarn::fhir {
namespace {

Error Wrong(std::string_view element, const std::string& what) {
  return {ErrorKind::kInvalid, "SearchParameter." + std::string(element) + ": " + what};
}

class Reader {
 public:
  explicit Reader(const json::Document& document) : document_(document) {}

  Result<std::optional<CustomParameter>> Read() {
    if (Text("status") != "active") return std::optional<CustomParameter>();
    out_.url = Text("url");
    out_.code = Text("code");
    out_.expression = Text("expression");
    const SearchParameter* own = FindSearchParameterByUrl(out_.url);
    if (own != nullptr && own->code.view() == out_.code &&
        own->expression.view() == out_.expression) {
      return std::optional<CustomParameter>();
    }
    TRY(CheckTexts());
    TRY(ReadType());
    TRY(ReadBases());
    TRY(ReadTargets());
    TRY(ReadComponents());
    TRY(CheckExpression());
    return std::optional<CustomParameter>(std::move(out_));
  }

 private:
  std::string Text(std::string_view name) const {
    return TextAt(document_.Find(json::kRoot, name));
  }
  std::string TextAt(uint32_t node) const {
    if (node == json::kNoNode || document_.kind(node) != json::Kind::kString) return {};
    return document_.String(node);
  }
  std::vector<std::string> Texts(std::string_view name) const {
    std::vector<std::string> texts;
    const uint32_t list = document_.Find(json::kRoot, name);
    if (list == json::kNoNode || document_.kind(list) != json::Kind::kArray) return texts;
    for (uint32_t item = document_.FirstChild(list); item != json::kNoNode;
         item = document_.NextSibling(list, item)) {
      texts.push_back(TextAt(item));
    }
    return texts;
  }

  Status CheckTexts() const {
    if (out_.url.empty()) return Wrong("url", "missing");
    // R4 allows any code; these could not be written in a query.
    const bool plain = !out_.code.empty() && out_.code.size() <= 64 &&
                       out_.code.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                           "TUVWXYZ0123456789-_") == std::string::npos;
    if (!plain || out_.code[0] == '_') {
      return Wrong("code", "1 to 64 of A-Z a-z 0-9 - _, not beginning with _");
    }
    if (out_.expression.empty()) return Wrong("expression", "missing");
    if (out_.expression.size() > kCustomExpressionBytesMax) {
      return Wrong("expression",
                   "more than " + std::to_string(kCustomExpressionBytesMax) + " bytes");
    }
    return Ok();
  }

  Status ReadType() {
    const std::string name = Text("type");
    for (const SearchType type :
         {SearchType::kNumber, SearchType::kDate, SearchType::kString, SearchType::kToken,
          SearchType::kReference, SearchType::kComposite, SearchType::kQuantity,
          SearchType::kUri}) {
      if (SearchTypeName(type) != name) continue;
      out_.type = type;
      return Ok();
    }
    return Wrong("type",
                 "number, date, string, token, reference, composite, quantity or uri is accepted");
  }

  Status ReadBases() {
    for (const std::string& name : Texts("base")) {
      if (name == "Resource" || name == "DomainResource") {
        const TypeIndex base = FindFhirType(name);
        for (TypeId type = 1; type <= TypeCount(); ++type) {
          if (IsSubtype(type, base)) out_.bases.push_back(type);
        }
        continue;
      }
      const TypeId type = FindType(name);
      if (type == kNoType) return Wrong("base", "'" + name + "' is not a resource type of R4");
      out_.bases.push_back(type);
    }
    std::sort(out_.bases.begin(), out_.bases.end());
    out_.bases.erase(std::unique(out_.bases.begin(), out_.bases.end()), out_.bases.end());
    if (out_.bases.empty()) return Wrong("base", "missing");
    for (const TypeId base : out_.bases) {
      if (out_.code == "createdAt" || FindSearchParameter(base, out_.code) != nullptr) {
        return Wrong("code", "'" + out_.code + "' is a parameter of R4 for " +
                                 std::string(TypeName(base)) + "; another code is accepted");
      }
    }
    return Ok();
  }

  Status ReadTargets() {
    for (const std::string& name : Texts("target")) {
      if (name == "Resource") return Ok();  // Any type.
      const TypeId type = FindType(name);
      if (type == kNoType) return Wrong("target", "'" + name + "' is not a resource type of R4");
      out_.targets.push_back(type);
    }
    return Ok();
  }

  Status ReadComponents() {
    const uint32_t list = document_.Find(json::kRoot, "component");
    const bool some = list != json::kNoNode && document_.kind(list) == json::Kind::kArray &&
                      document_.FirstChild(list) != json::kNoNode;
    if (out_.type != SearchType::kComposite) {
      return some ? Wrong("component", "only composites have them") : Ok();
    }
    if (!some) return Wrong("component", "missing");
    for (uint32_t item = document_.FirstChild(list); item != json::kNoNode;
         item = document_.NextSibling(list, item)) {
      const std::string url = TextAt(document_.Find(item, "definition"));
      const SearchParameter* found = FindSearchParameterByUrl(url);
      if (found == nullptr || found->type == SearchType::kComposite) {
        return Wrong("component.definition", "not the URL of a parameter of R4");
      }
      out_.components.push_back({found->number, TextAt(document_.Find(item, "expression"))});
      if (out_.components.back().expression.empty()) {
        return Wrong("component.expression", "missing");
      }
    }
    if (out_.components.size() > kCustomComponentsMax) {
      return Wrong("component", "at most " + std::to_string(kCustomComponentsMax));
    }
    return Ok();
  }

  Status CheckExpression() const {
    PathSet::Entry entry{out_.expression, {}};
    for (const auto& component : out_.components) entry.components.push_back(component.expression);
    for (const TypeId base : out_.bases) {
      const auto compiled = PathSet::Compile(base, {&entry, 1});
      if (!compiled.ok()) return Wrong("expression", compiled.error().detail);
    }
    return Ok();
  }

  const json::Document& document_;
  CustomParameter out_;
};

}  // namespace

Result<std::optional<CustomParameter>> ReadSearchParameter(const json::Document& resource) {
  return Reader(resource).Read();
}

}  // namespace tarn::fhir
