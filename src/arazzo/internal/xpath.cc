// Names that XPath knows come from two places: libxml2 (1.0's own) and xpath_functions.h.
//
// libxml2 allocates with its own functions and reports through callbacks; everything here is
// freed by the guards below. Entities and DTDs are refused: an XML body comes from outside.
#include "arazzo/internal/xpath.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlsave.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <memory>

#include "arazzo/internal/text.h"
#include "arazzo/internal/xpath_functions.h"
#include "arazzo/limits.h"
#include "base/utf8.h"

namespace tarn::arazzo {
namespace {

using json::Value;

struct FreeDocument {
  void operator()(xmlDoc* p) const { xmlFreeDoc(p); }
};
struct FreeContext {
  void operator()(xmlXPathContext* p) const { xmlXPathFreeContext(p); }
};
struct FreeObject {
  void operator()(xmlXPathObject* p) const { xmlXPathFreeObject(p); }
};
struct FreeExpression {
  void operator()(xmlXPathCompExpr* p) const { xmlXPathFreeCompExpr(p); }
};
struct FreeText {
  void operator()(xmlChar* p) const { xmlFree(p); }
};
using DocumentPtr = std::unique_ptr<xmlDoc, FreeDocument>;
using ContextPtr = std::unique_ptr<xmlXPathContext, FreeContext>;
using ObjectPtr = std::unique_ptr<xmlXPathObject, FreeObject>;
using ExpressionPtr = std::unique_ptr<xmlXPathCompExpr, FreeExpression>;
using TextPtr = std::unique_ptr<xmlChar, FreeText>;

std::string_view View(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}
const xmlChar* Xml(const char* text) { return reinterpret_cast<const xmlChar*>(text); }

// Keeps the first message; `data` is the std::string to put it in.
void KeepError(void* data, xmlErrorPtr error) {
  auto* out = static_cast<std::string*>(data);
  if (!out->empty() || error == nullptr || error->message == nullptr) return;
  *out = error->message;
  while (!out->empty() && (out->back() == '\n' || out->back() == ' ')) out->pop_back();
}

// libxml2 also writes some messages to standard error through a function of the thread.
void Silence(void*, const char*, ...) {}

Result<DocumentPtr> ParseXml(std::string_view xml) {
  if (xml.size() > kXmlBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "an XML body may have " + std::to_string(kXmlBytesMax) + " bytes"};
  }
  // Bodies are UTF-8 by now, whatever their declaration says.
  DocumentPtr document(xmlReadMemory(xml.data(), static_cast<int>(xml.size()), nullptr, "UTF-8",
                                     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
  if (document == nullptr) return Invalid("the body is not well-formed XML");
  if (document->intSubset != nullptr) return Invalid("XML with a DTD is refused");
  return document;
}

std::string Supported() {
  return "XPath 1.0 is supported, and of later versions the functions " +
         std::string(kLaterFunctions);
}

struct Machine {
  std::string message;
  ContextPtr context;
};

// Prefixes mean what the document says; of one that is declared twice, the first.
void RegisterPrefixes(xmlDoc* document, xmlXPathContext* context) {
  std::vector<const xmlNode*> open = {xmlDocGetRootElement(document)};
  while (!open.empty()) {
    const xmlNode* node = open.back();
    open.pop_back();
    for (; node != nullptr; node = node->next) {
      if (node->type != XML_ELEMENT_NODE) continue;
      for (const xmlNs* ns = node->nsDef; ns != nullptr; ns = ns->next) {
        if (ns->prefix == nullptr || xmlXPathNsLookup(context, ns->prefix) != nullptr) continue;
        xmlXPathRegisterNs(context, ns->prefix, ns->href);
      }
      if (node->children != nullptr) open.push_back(node->children);
    }
  }
}

Result<ObjectPtr> Run(xmlDoc* document, const std::string& expression, Machine* machine) {
  xmlSetGenericErrorFunc(nullptr, Silence);
  machine->context.reset(xmlXPathNewContext(document));
  xmlXPathContext* context = machine->context.get();
  if (context == nullptr) return Error{ErrorKind::kUnavailable, "no memory for XPath"};
  context->error = KeepError;
  context->userData = &machine->message;
  context->opLimit = kXPathStepsMax;
  context->node = reinterpret_cast<xmlNode*>(document);
  context->contextSize = 1;
  context->proximityPosition = 1;
  RegisterLaterFunctions(context);
  RegisterPrefixes(document, context);
  const ExpressionPtr compiled(xmlXPathCtxtCompile(context, Xml(expression.c_str())));
  ObjectPtr object(compiled == nullptr ? nullptr : xmlXPathCompiledEval(compiled.get(), context));
  if (object == nullptr) {
    const std::string why = machine->message.empty() ? "it failed" : machine->message;
    return Invalid("the XPath expression cannot be evaluated (" + why + "); " + Supported());
  }
  return object;
}

// Names that are followed by '(' outside of texts: functions, node tests and operators.
std::vector<std::string> CalledNames(std::string_view expression) {
  std::vector<std::string> out;
  std::string name;
  char quote = 0;
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80 || c == '_' || c == '-' || c == '.' || c == ':') {
      name.push_back(c);
      continue;
    }
    if (c == '(' && !name.empty()) out.push_back(name);
    // A blank may stand between a name and its bracket.
    if (c != ' ' || (i + 1 < expression.size() && expression[i + 1] != '(')) name.clear();
    if (c == '\'' || c == '"') quote = c;
  }
  return out;
}

bool IsKnownName(std::string name, xmlXPathContext* context) {
  // child::text() tests a node; an axis is no function.
  if (const size_t axis = name.rfind("::"); axis != name.npos) name = name.substr(axis + 2);
  static constexpr std::array<std::string_view, 8> kOthers = {
      "text", "node", "comment", "processing-instruction", "and", "or", "div", "mod"};
  if (name.starts_with("fn:")) name = name.substr(3);
  if (name.empty() || std::ranges::find(kOthers, std::string_view(name)) != kOthers.end()) {
    return true;
  }
  return xmlXPathFunctionLookup(context, Xml(name.c_str())) != nullptr;
}

Status CheckText(const std::string& expression) {
  if (expression.size() > kConditionBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "a condition may have " + std::to_string(kConditionBytesMax) + " bytes"};
  }
  if (!IsUtf8(expression) || expression.find('\0') != expression.npos) {
    return Invalid("the XPath expression is not text");
  }
  return Ok();
}

}  // namespace

Result<bool> EvaluateXPath(std::string_view xml, const std::string& expression) {
  TRY(CheckText(expression));
  TRY(const DocumentPtr document, ParseXml(xml));
  Machine machine;
  TRY(const ObjectPtr object, Run(document.get(), expression, &machine));
  return xmlXPathCastToBoolean(object.get()) != 0;
}

Result<std::optional<Value>> SelectXPath(std::string_view xml, const std::string& expression) {
  TRY(CheckText(expression));
  TRY(const DocumentPtr document, ParseXml(xml));
  Machine machine;
  TRY(const ObjectPtr object, Run(document.get(), expression, &machine));
  const auto some = [](Value value) { return std::optional<Value>(std::move(value)); };
  if (object->type == XPATH_BOOLEAN) return some(Value::Bool(object->boolval != 0));
  if (object->type == XPATH_NUMBER) {
    if (!std::isfinite(object->floatval)) return Invalid(expression + " is not a finite number");
    const double number = object->floatval;
    const bool whole = std::fabs(number) < 9e15 && number == std::floor(number);
    return some(whole ? Value::Int(static_cast<int64_t>(number)) : Value::Double(number));
  }
  if (object->type != XPATH_NODESET) {
    const TextPtr text(xmlXPathCastToString(object.get()));
    return some(Value::String(std::string(View(text.get()))));
  }
  Value::Array texts;
  const int count = object->nodesetval == nullptr ? 0 : object->nodesetval->nodeNr;
  for (int i = 0; i < count; ++i) {
    const TextPtr text(xmlXPathCastNodeToString(object->nodesetval->nodeTab[i]));
    texts.push_back(Value::String(std::string(View(text.get()))));
  }
  if (texts.empty()) return std::optional<Value>();
  if (texts.size() == 1) return some(std::move(texts[0]));
  return some(Value::MakeArray(std::move(texts)));
}

Status CheckXPath(const std::string& expression) {
  TRY(CheckText(expression));
  // Compiling in a context keeps libxml2 from writing its errors to standard error.
  const ContextPtr context(xmlXPathNewContext(nullptr));
  if (context == nullptr) return Error{ErrorKind::kUnavailable, "no memory for XPath"};
  std::string message;
  context->error = KeepError;
  context->userData = &message;
  RegisterLaterFunctions(context.get());
  const ExpressionPtr compiled(xmlXPathCtxtCompile(context.get(), Xml(expression.c_str())));
  if (compiled == nullptr) {
    return Invalid("not an XPath 1.0 expression (" + message + "); " + Supported());
  }
  for (const std::string& name : CalledNames(expression)) {
    if (!IsKnownName(name, context.get())) {
      return Invalid("the function " + name + " is not available; " + Supported());
    }
  }
  return Ok();
}

namespace {

bool HasSelectedAncestor(const xmlNode* node, const xmlNodeSet& selected) {
  for (const xmlNode* above = node->parent; above != nullptr; above = above->parent) {
    for (int i = 0; i < selected.nodeNr; ++i) {
      if (selected.nodeTab[i] == above && above->type == XML_ELEMENT_NODE) return true;
    }
  }
  return false;
}

}  // namespace

Result<std::string> ReplaceAtXPath(std::string_view xml, const std::string& expression,
                                   const std::string& replacement) {
  TRY(CheckText(expression));
  TRY(const DocumentPtr document, ParseXml(xml));
  Machine machine;
  TRY(const ObjectPtr object, Run(document.get(), expression, &machine));
  if (object->type != XPATH_NODESET || xmlXPathNodeSetIsEmpty(object->nodesetval)) {
    return NotFound("the XPath expression " + expression + " selects nothing in the payload");
  }
  // Setting content frees what was inside, so nodes inside others are left out, before any is set.
  std::vector<xmlNode*> targets;
  for (int i = 0; i < object->nodesetval->nodeNr; ++i) {
    xmlNode* node = object->nodesetval->nodeTab[i];
    const bool settable = node->type == XML_ELEMENT_NODE || node->type == XML_ATTRIBUTE_NODE ||
                          node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
    if (settable && !HasSelectedAncestor(node, *object->nodesetval)) targets.push_back(node);
  }
  if (targets.empty()) {
    return Invalid("the XPath expression " + expression + " selects no element, attribute or text");
  }
  const TextPtr escaped(xmlEncodeSpecialChars(document.get(), Xml(replacement.c_str())));
  for (xmlNode* node : targets) {
    // The content of elements and attributes is parsed for entities, that of texts is not.
    const bool parsed = node->type == XML_ELEMENT_NODE || node->type == XML_ATTRIBUTE_NODE;
    xmlNodeSetContent(node, parsed ? escaped.get() : Xml(replacement.c_str()));
  }
  const std::unique_ptr<xmlBuffer, decltype(&xmlBufferFree)> buffer(xmlBufferCreate(),
                                                                    xmlBufferFree);
  const int options = xml.starts_with("<?xml") ? 0 : XML_SAVE_NO_DECL;
  xmlSaveCtxt* save = xmlSaveToBuffer(buffer.get(), "UTF-8", options);
  if (save == nullptr) return Error{ErrorKind::kUnavailable, "no memory for XML"};
  xmlSaveDoc(save, document.get());
  xmlSaveClose(save);
  std::string out(View(xmlBufferContent(buffer.get())));
  if (!xml.ends_with('\n') && out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace tarn::arazzo
