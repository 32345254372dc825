// libxml2 allocates with its own functions and reports through callbacks; everything here is
// freed by the guards below. Entities and DTDs are refused: an XML body comes from outside.
#include "arazzo/internal/xpath.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <cmath>
#include <memory>

#include "arazzo/internal/text.h"
#include "arazzo/limits.h"
#include "arazzo/regex.h"
#include "base/utf8.h"

namespace tarn::arazzo {
namespace {

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

Result<DocumentPtr> ParseXml(std::string_view xml) {
  if (xml.size() > kXmlBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "an XML body may have " + std::to_string(kXmlBytesMax) + " bytes"};
  }
  DocumentPtr document(xmlReadMemory(xml.data(), static_cast<int>(xml.size()), nullptr, nullptr,
                                     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
  if (document == nullptr) return Invalid("the body is not well-formed XML");
  if (document->intSubset != nullptr) return Invalid("XML with a DTD is refused");
  return document;
}

struct Machine {
  std::string message;
  ContextPtr context;
};

Result<ObjectPtr> Run(xmlDoc* document, const std::string& expression, Machine* machine) {
  xmlSetGenericErrorFunc(nullptr, Silence);
  machine->context.reset(xmlXPathNewContext(document));
  xmlXPathContext* context = machine->context.get();
  if (context == nullptr) return Error{ErrorKind::kUnavailable, "no memory for XPath"};
  context->error = KeepError;
  context->userData = &machine->message;
  context->opLimit = kXPathStepsMax;
  context->node = reinterpret_cast<xmlNode*>(document);
  xmlXPathRegisterFunc(context, Xml("ends-with"), EndsWith);
  xmlXPathRegisterFunc(context, Xml("matches"), Matches);
  xmlXPathRegisterFunc(context, Xml("lower-case"), LowerCase);
  xmlXPathRegisterFunc(context, Xml("upper-case"), UpperCase);
  xmlXPathRegisterFunc(context, Xml("exists"), Exists);
  xmlXPathRegisterFunc(context, Xml("empty"), Empty);
  xmlXPathRegisterFunc(context, Xml("abs"), Abs);
  const ExpressionPtr compiled(xmlXPathCtxtCompile(context, Xml(expression.c_str())));
  ObjectPtr object(compiled == nullptr ? nullptr : xmlXPathCompiledEval(compiled.get(), context));
  if (object == nullptr) {
    const std::string why = machine->message.empty() ? "it failed" : machine->message;
    return Invalid("the XPath expression cannot be evaluated (" + why +
                   "); XPath 1.0 is supported, and of later versions matches, ends-with, "
                   "lower-case, upper-case, exists, empty and abs");
  }
  return object;
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

Status CheckXPath(const std::string& expression) {
  TRY(CheckText(expression));
  // Compiling in a context keeps libxml2 from writing its errors to standard error.
  const ContextPtr context(xmlXPathNewContext(nullptr));
  if (context == nullptr) return Error{ErrorKind::kUnavailable, "no memory for XPath"};
  std::string message;
  context->error = KeepError;
  context->userData = &message;
  const ExpressionPtr compiled(xmlXPathCtxtCompile(context.get(), Xml(expression.c_str())));
  if (compiled == nullptr) return Invalid("not an XPath 1.0 expression: " + message);
  return Ok();
}

Result<std::string> ReplaceAtXPath(std::string_view xml, const std::string& expression,
                                   const std::string& replacement) {
  TRY(CheckText(expression));
  TRY(const DocumentPtr document, ParseXml(xml));
  Machine machine;
  TRY(const ObjectPtr object, Run(document.get(), expression, &machine));
  if (object->type != XPATH_NODESET || xmlXPathNodeSetIsEmpty(object->nodesetval)) {
    return NotFound("the XPath expression " + expression + " selects nothing in the payload");
  }
  const TextPtr escaped(xmlEncodeSpecialChars(document.get(), Xml(replacement.c_str())));
  for (int i = 0; i < object->nodesetval->nodeNr; ++i) {
    xmlNode* node = object->nodesetval->nodeTab[i];
    if (node->type == XML_ELEMENT_NODE || node->type == XML_ATTRIBUTE_NODE ||
        node->type == XML_TEXT_NODE) {
      xmlNodeSetContent(node, escaped.get());
    }
    // Setting content frees children, which may be selected themselves: one level is enough.
    if (node->type == XML_ELEMENT_NODE) break;
  }
  xmlChar* text = nullptr;
  int length = 0;
  xmlDocDumpMemory(document.get(), &text, &length);
  const TextPtr owner(text);
  return std::string(View(text).substr(0, static_cast<size_t>(length)));
}

}  // namespace tarn::arazzo
