// Tokens: what has a code, perhaps of a system, and perhaps a text for people.
#include "fhir/internal/value_sink.h"

namespace tarn::fhir::internal {
namespace {

void AddCode(std::string_view system, std::string_view code, ValueSink* sink) {
  TokenValue out;
  out.system = system;
  out.code = code;
  out.case_sensitive = system == kUcumSystem;
  out.key = out.case_sensitive ? code : sink->CaseKey(code);
  sink->Add(out);
}

void AddText(std::string_view text, ValueSink* sink) {
  const std::string_view folded = sink->Fold(text);
  if (!folded.empty()) sink->Add(TokenTextValue{folded});
}

void AddCoding(const json::Document& document, uint32_t node, ValueSink* sink) {
  const std::string_view system = sink->MemberText(document, node, "system");
  const std::string_view code = sink->MemberText(document, node, "code");
  if (!system.empty() || !code.empty()) AddCode(system, code, sink);
  const std::string_view display = sink->MemberText(document, node, "display");
  if (!display.empty()) AddText(display, sink);
}

void AddConcept(const json::Document& document, uint32_t node, ValueSink* sink) {
  const uint32_t codings = document.Find(node, "coding");
  for (uint32_t coding = codings == json::kNoNode ? codings : document.FirstChild(codings);
       coding != json::kNoNode; coding = document.NextSibling(codings, coding)) {
    AddCoding(document, coding, sink);
  }
  const std::string_view text = sink->MemberText(document, node, "text");
  if (!text.empty()) AddText(text, sink);
}

void AddIdentifierType(const json::Document& document, uint32_t type, std::string_view key,
                       ValueSink* sink) {
  const uint32_t codings = document.Find(type, "coding");
  for (uint32_t coding = codings == json::kNoNode ? codings : document.FirstChild(codings);
       coding != json::kNoNode; coding = document.NextSibling(codings, coding)) {
    const std::string_view code = sink->MemberText(document, coding, "code");
    if (code.empty()) continue;
    sink->Add(TypedIdentifierValue{sink->MemberText(document, coding, "system"), code, key});
  }
  const std::string_view text = sink->MemberText(document, type, "text");
  if (!text.empty()) AddText(text, sink);
}

void AddIdentifier(const json::Document& document, uint32_t node, ValueSink* sink) {
  const std::string_view system = sink->MemberText(document, node, "system");
  const std::string_view value = sink->MemberText(document, node, "value");
  if (!system.empty() || !value.empty()) AddCode(system, value, sink);
  const uint32_t type = document.Find(node, "type");
  if (type == json::kNoNode || value.empty()) return;
  AddIdentifierType(document, type, sink->CaseKey(value), sink);
}

void AddExact(std::string_view text, ValueSink* sink) {
  sink->Add(TokenValue{{}, text, text, true});
}

}  // namespace

void AddToken(const Found& found, ValueSink* sink) {
  switch (found.type) {
    case DataType::kCoding:
      return AddCoding(*found.document, found.node, sink);
    case DataType::kCodeableConcept:
      return AddConcept(*found.document, found.node, sink);
    case DataType::kIdentifier:
      return AddIdentifier(*found.document, found.node, sink);
    case DataType::kContactPoint: {
      const std::string_view value = sink->MemberText(*found.document, found.node, "value");
      if (!value.empty()) AddCode({}, value, sink);
      return;
    }
    case DataType::kCode: {
      const bool bound = sink->code_element != nullptr;
      return AddCode(bound ? CodeSystemOf(*sink->code_element, found.text) : std::string_view(),
                     found.text, sink);
    }
    case DataType::kId:
    case DataType::kUri:
    case DataType::kCanonical:
      return AddExact(found.text, sink);
    case DataType::kBoolean:
    case DataType::kNumber:
    case DataType::kString:
    case DataType::kDate:
    case DataType::kInstant:
      return AddCode({}, found.text, sink);
    default:
      return;
  }
}

}  // namespace tarn::fhir::internal
