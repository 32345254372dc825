#include "arazzo/internal/xpath_functions.h"

#include <libxml/xpathInternals.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/internal/text.h"
#include "arazzo/regex.h"

namespace tarn::arazzo {
namespace {

struct FreeObject {
  void operator()(xmlXPathObject* p) const { xmlXPathFreeObject(p); }
};
struct FreeText {
  void operator()(xmlChar* p) const { xmlFree(p); }
};
using ObjectPtr = std::unique_ptr<xmlXPathObject, FreeObject>;
using TextPtr = std::unique_ptr<xmlChar, FreeText>;

const xmlChar* Xml(const char* text) { return reinterpret_cast<const xmlChar*>(text); }
std::string_view View(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

// Pops one string argument; the XPath machine reports wrong counts itself.
std::string PopString(xmlXPathParserContext* machine) {
  const TextPtr text(xmlXPathPopString(machine));
  return std::string(View(text.get()));
}

void PushString(xmlXPathParserContext* machine, const std::string& text) {
  valuePush(machine, xmlXPathNewCString(text.c_str()));
}

bool HasArguments(xmlXPathParserContext* machine, int have, int want) {
  if (have == want) return true;
  xmlXPathErr(machine, XPATH_INVALID_ARITY);
  return false;
}

void EndsWith(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 2)) return;
  const std::string end = PopString(machine);
  const std::string text = PopString(machine);
  valuePush(machine, xmlXPathNewBoolean(text.ends_with(end)));
}

void Matches(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 2)) return;
  const std::string pattern = PopString(machine);
  const std::string text = PopString(machine);
  const auto regex = Regex::FromEcma(pattern);
  if (!regex.ok()) {
    xmlXPathErr(machine, XPATH_EXPR_ERROR);
    return;
  }
  valuePush(machine, xmlXPathNewBoolean(regex.value().IsFoundIn(text)));
}

void Replace(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 3)) return;
  const std::string replacement = PopString(machine);
  const std::string pattern = PopString(machine);
  const std::string text = PopString(machine);
  const auto regex = Regex::FromEcma(pattern);
  // A pattern that matches nothing at all would be found everywhere: FORX0003 of the specification.
  if (!regex.ok() || regex.value().Matches("")) {
    xmlXPathErr(machine, XPATH_EXPR_ERROR);
    return;
  }
  const auto replaced = regex.value().ReplaceAll(text, replacement);
  if (!replaced.ok()) {
    xmlXPathErr(machine, XPATH_EXPR_ERROR);
    return;
  }
  PushString(machine, replaced.value());
}

void Compare(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 2)) return;
  const std::string right = PopString(machine);
  const int order = PopString(machine).compare(right);
  valuePush(machine, xmlXPathNewFloat(order < 0 ? -1 : order > 0 ? 1 : 0));
}

bool HasToken(std::string_view text, std::string_view token) {
  constexpr std::string_view kBlanks = " \t\r\n";
  if (token.empty() || token.find_first_of(kBlanks) != token.npos) return false;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    if (text.substr(0, end) == token) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

void ContainsToken(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 2)) return;
  const std::string token = PopString(machine);
  valuePush(machine, xmlXPathNewBoolean(HasToken(PopString(machine), token)));
}

// The texts of a node set, or of what else the argument is.
std::vector<std::string> PopTexts(xmlXPathParserContext* machine) {
  const ObjectPtr object(valuePop(machine));
  std::vector<std::string> out;
  if (object == nullptr) return out;
  if (object->type != XPATH_NODESET) {
    const TextPtr text(xmlXPathCastToString(object.get()));
    out.emplace_back(View(text.get()));
    return out;
  }
  const int nodes = object->nodesetval == nullptr ? 0 : object->nodesetval->nodeNr;
  for (int i = 0; i < nodes; ++i) {
    const TextPtr text(xmlXPathCastNodeToString(object->nodesetval->nodeTab[i]));
    out.emplace_back(View(text.get()));
  }
  return out;
}

void StringJoin(xmlXPathParserContext* machine, int count) {
  if (count != 1 && !HasArguments(machine, count, 2)) return;
  const std::string separator = count == 2 ? PopString(machine) : "";
  std::string out;
  bool first = true;
  for (const std::string& text : PopTexts(machine)) {
    out += (first ? "" : separator) + text;
    first = false;
  }
  PushString(machine, out);
}

// Of numbers; an empty set gives an empty set, as in the specification.
template <typename Fold>
void PushFold(xmlXPathParserContext* machine, int count, const Fold& fold) {
  if (!HasArguments(machine, count, 1)) return;
  std::vector<double> numbers;
  for (const std::string& text : PopTexts(machine)) {
    numbers.push_back(xmlXPathCastStringToNumber(Xml(text.c_str())));
  }
  valuePush(machine,
            numbers.empty() ? xmlXPathNewNodeSet(nullptr) : xmlXPathNewFloat(fold(numbers)));
}
void Min(xmlXPathParserContext* machine, int count) {
  PushFold(machine, count, [](const auto& all) { return *std::ranges::min_element(all); });
}
void Max(xmlXPathParserContext* machine, int count) {
  PushFold(machine, count, [](const auto& all) { return *std::ranges::max_element(all); });
}
void Average(xmlXPathParserContext* machine, int count) {
  PushFold(machine, count, [](const auto& all) {
    double sum = 0;
    for (const double number : all) sum += number;
    return sum / static_cast<double>(all.size());
  });
}

void LowerCase(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 1)) return;
  PushString(machine, AsciiLower(PopString(machine)));
}

void UpperCase(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 1)) return;
  std::string text = PopString(machine);
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  PushString(machine, text);
}

void PushExists(xmlXPathParserContext* machine, int count, bool wanted) {
  if (!HasArguments(machine, count, 1)) return;
  const ObjectPtr object(valuePop(machine));
  const bool exists = object != nullptr && (object->type != XPATH_NODESET ||
                                            !xmlXPathNodeSetIsEmpty(object->nodesetval));
  valuePush(machine, xmlXPathNewBoolean(exists == wanted));
}
void Exists(xmlXPathParserContext* machine, int count) { PushExists(machine, count, true); }
void Empty(xmlXPathParserContext* machine, int count) { PushExists(machine, count, false); }

void Abs(xmlXPathParserContext* machine, int count) {
  if (!HasArguments(machine, count, 1)) return;
  valuePush(machine, xmlXPathNewFloat(std::fabs(xmlXPathPopNumber(machine))));
}

constexpr const char* kFunctionsNamespace = "http://www.w3.org/2005/xpath-functions";

// fn:name is name.
xmlXPathFunction LookUp(void* data, const xmlChar* name, const xmlChar* ns_uri) {
  if (ns_uri == nullptr || View(ns_uri) != kFunctionsNamespace) return nullptr;
  return xmlXPathFunctionLookup(static_cast<xmlXPathContext*>(data), name);
}

}  // namespace

void RegisterLaterFunctions(xmlXPathContext* context) {
  struct Row {
    const char* name;
    xmlXPathFunction function;
  };
  static constexpr Row kRows[] = {
      {"abs", Abs},
      {"avg", Average},
      {"compare", Compare},
      {"contains-token", ContainsToken},
      {"empty", Empty},
      {"ends-with", EndsWith},
      {"exists", Exists},
      {"lower-case", LowerCase},
      {"matches", Matches},
      {"max", Max},
      {"min", Min},
      {"replace", Replace},
      {"string-join", StringJoin},
      {"upper-case", UpperCase},
  };
  for (const Row& row : kRows) xmlXPathRegisterFunc(context, Xml(row.name), row.function);
  xmlXPathRegisterNs(context, Xml("fn"), Xml(kFunctionsNamespace));
  xmlXPathRegisterFuncLookup(context, LookUp, context);
}

}  // namespace tarn::arazzo
