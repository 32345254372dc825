// References, canonical references and URIs.
#include <algorithm>
#include <tuple>

#include "fhir/internal/value_sink.h"

namespace tarn::fhir::internal {
namespace {

void AddCanonical(std::string_view text, ValueSink* sink) {
  ReferenceValue out;
  out.form = ReferenceForm::kCanonical;
  std::tie(out.url, out.version) = SplitCanonical(text);
  if (!out.url.empty()) sink->Add(out);
}

void AddIdentifier(const json::Document& document, uint32_t node, ValueSink* sink) {
  const std::string_view system = sink->MemberText(document, node, "system");
  const std::string_view value = sink->MemberText(document, node, "value");
  if (system.empty() && value.empty()) return;
  sink->Add(ReferenceIdentifierValue{system, sink->CaseKey(value)});
}

void AddElement(const json::Document& document, uint32_t node, ValueSink* sink) {
  const std::string_view literal = sink->MemberText(document, node, "reference");
  if (!literal.empty()) {
    ReferenceValue out = ParseReference(literal, *sink->base_urls, sink->own_path);
    // What the path does not tell, Reference.type may: "urn:uuid:..." of a Patient.
    if (out.type == kNoType) out.type = FindType(sink->MemberText(document, node, "type"));
    sink->Add(out);
  }
  const uint32_t identifier = document.Find(node, "identifier");
  if (identifier != json::kNoNode) AddIdentifier(document, identifier, sink);
}

// A resource that stands where others have references: Bundle.entry[0].resource, of which both the
// parameter `composition` and `message` speak, is one of them at most.
void AddResource(const json::Document& document, uint32_t node, ValueSink* sink) {
  ReferenceValue out;
  out.type = FindType(sink->MemberText(document, node, "resourceType"));
  out.id = sink->MemberText(document, node, "id");
  const auto& targets = sink->targets;
  const bool meant =
      targets.empty() || std::find(targets.begin(), targets.end(), out.type) != targets.end();
  if (out.type != kNoType && meant && IsValidId(out.id)) sink->Add(out);
}

}  // namespace

void AddReference(const Found& found, ValueSink* sink) {
  switch (found.type) {
    case DataType::kReference:
      return AddElement(*found.document, found.node, sink);
    case DataType::kCanonical:
      return AddCanonical(found.text, sink);
    case DataType::kUri: {
      if (found.text.empty()) return;
      return sink->Add(ParseReference(found.text, *sink->base_urls, sink->own_path));
    }
    case DataType::kResource:
      return AddResource(*found.document, found.node, sink);
    default:
      return;
  }
}

void AddUri(const Found& found, ValueSink* sink) {
  if (found.text.empty()) return;
  switch (found.type) {
    case DataType::kCanonical: {
      const auto [uri, version] = SplitCanonical(found.text);
      return sink->Add(UriValue{uri, version});
    }
    case DataType::kUri:
    case DataType::kId:
    case DataType::kCode:
    case DataType::kString:
      return sink->Add(UriValue{found.text, {}});
    default:
      return;
  }
}

}  // namespace tarn::fhir::internal
