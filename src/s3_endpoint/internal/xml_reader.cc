// libxml2 calls us for each element (SAX), so nothing is built but what we keep. A document type
// stops the parser where it begins, before anything in it is declared.
#include "s3_endpoint/internal/xml_reader.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>

#include <memory>

#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

struct Parse {
  explicit Parse(const XmlShape& expected) : shape(expected) {}

  const XmlShape& shape;
  XmlDocument document;
  xmlParserCtxtPtr context = nullptr;
  size_t depth = 0;
  bool in_row = false;
  bool in_field = false;
  std::string error;
  std::string field_name;
  std::string text;

  void Fail(std::string_view what) {
    if (!error.empty()) return;
    error = what;
    xmlStopParser(context);
  }
};

std::string_view TextOf(const xmlChar* text) { return reinterpret_cast<const char*>(text); }

Parse& ParseOf(void* data) { return *static_cast<Parse*>(data); }

void StartElement(void* data, const xmlChar* local_name, const xmlChar*, const xmlChar*, int,
                  const xmlChar**, int, int, const xmlChar**) {
  Parse& parse = ParseOf(data);
  if (!parse.error.empty()) return;
  const std::string_view name = TextOf(local_name);
  const size_t depth = parse.depth++;
  if (parse.depth > kXmlDepthMax) return parse.Fail("elements are nested too deep");
  if (depth == 0) {
    if (name != parse.shape.root) parse.Fail("the root element is not the expected one");
    return;
  }
  if (depth == 1 && !parse.shape.row.empty() && name == parse.shape.row) {
    if (parse.document.rows.size() == parse.shape.rows_max) return parse.Fail("too many elements");
    parse.document.rows.emplace_back();
    parse.in_row = true;
    return;
  }
  if (parse.in_field || depth > (parse.in_row ? 2u : 1u)) {
    return parse.Fail("an element has children that it should not have");
  }
  parse.in_field = true;
  parse.field_name = name;
  parse.text.clear();
}

void EndElement(void* data, const xmlChar*, const xmlChar*, const xmlChar*) {
  Parse& parse = ParseOf(data);
  if (!parse.error.empty()) return;
  --parse.depth;
  if (parse.in_field) {
    XmlFields& fields = parse.in_row ? parse.document.rows.back() : parse.document.fields;
    if (fields.size() == kXmlFieldsMax) return parse.Fail("too many elements");
    if (FindXmlField(fields, parse.field_name) != nullptr) {
      return parse.Fail("an element is repeated");
    }
    fields.emplace_back(std::move(parse.field_name), std::move(parse.text));
    parse.in_field = false;
    parse.text.clear();
    return;
  }
  if (parse.depth == 1) parse.in_row = false;
}

void Characters(void* data, const xmlChar* text, int size) {
  Parse& parse = ParseOf(data);
  if (!parse.error.empty()) return;
  const std::string_view bytes(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
  if (!parse.in_field) {
    if (bytes.find_first_not_of(" \t\r\n") != std::string_view::npos) {
      parse.Fail("text stands between elements");
    }
    return;
  }
  if (parse.text.size() + bytes.size() > kXmlTextBytesMax) return parse.Fail("a text is too long");
  parse.text += bytes;
}

void InternalSubset(void* data, const xmlChar*, const xmlChar*, const xmlChar*) {
  ParseOf(data).Fail("a document type is not allowed");
}

void Reference(void* data, const xmlChar*) {
  ParseOf(data).Fail("an entity that XML does not define is not allowed");
}

void Quiet(void*, xmlErrorPtr) {}

struct FreeContext {
  void operator()(xmlParserCtxtPtr context) const {
    if (context->myDoc != nullptr) xmlFreeDoc(context->myDoc);
    context->myDoc = nullptr;
    xmlFreeParserCtxt(context);
  }
};

}  // namespace

const std::string* FindXmlField(const XmlFields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<XmlDocument> ParseXml(std::string_view bytes, const XmlShape& shape) {
  [[maybe_unused]] static const bool initialised = [] {
    xmlInitParser();
    return true;
  }();
  if (bytes.size() > kXmlBodyBytesMax) return Invalid("the XML is too large");
  xmlSAXHandler handler = {};
  handler.initialized = XML_SAX2_MAGIC;
  handler.startElementNs = StartElement;
  handler.endElementNs = EndElement;
  handler.characters = Characters;
  handler.ignorableWhitespace = Characters;
  handler.cdataBlock = Characters;
  handler.internalSubset = InternalSubset;
  handler.reference = Reference;
  handler.serror = Quiet;
  Parse parse(shape);
  const std::unique_ptr<xmlParserCtxt, FreeContext> context(
      xmlCreatePushParserCtxt(&handler, &parse, nullptr, 0, nullptr));
  if (context == nullptr) return Internal("no memory for an XML parser");
  parse.context = context.get();
  xmlCtxtUseOptions(context.get(), XML_PARSE_NONET);
  const int error =
      xmlParseChunk(context.get(), bytes.data(), static_cast<int>(bytes.size()), /*terminate=*/1);
  if (!parse.error.empty()) return Invalid(parse.error);
  if (error != XML_ERR_OK || context->wellFormed == 0 || parse.depth != 0) {
    return Invalid("the XML is not well-formed");
  }
  return std::move(parse.document);
}

}  // namespace tarn::s3_endpoint
