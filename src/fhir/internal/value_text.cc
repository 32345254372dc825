// Strings, and the words of narratives and whole resources.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/utf8.h"
#include "fhir/internal/value_sink.h"
#include "fhir/text_fold.h"

namespace tarn::fhir::internal {
namespace {

void AddOne(std::string_view text, ValueSink* sink) {
  if (text.empty()) return;
  const std::string_view folded = sink->Fold(text);
  sink->Add(StringValue{folded, text});
  if (!sink->family) return;
  size_t space = folded.find(' ');
  for (size_t part = 0; part < kIndexFamilyPartsMax && space != folded.npos; ++part) {
    sink->Add(StringValue{folded.substr(space + 1), {}});
    space = folded.find(' ', space + 1);
  }
}

// A string, or each of an array of them.
void AddMember(const json::Document& document, uint32_t object, std::string_view name,
               ValueSink* sink) {
  const uint32_t member = document.Find(object, name);
  if (member == json::kNoNode) return;
  if (document.kind(member) != json::Kind::kArray)
    return AddOne(sink->Text(document, member), sink);
  for (uint32_t item = document.FirstChild(member); item != json::kNoNode;
       item = document.NextSibling(member, item)) {
    AddOne(sink->Text(document, item), sink);
  }
}

// ---- Words ----

// Members whose strings nobody reads: identity, links, codes of systems, and binary data.
constexpr std::array<std::string_view, 14> kUnread = {
    "data",   "div",       "hash", "id",  "lastUpdated", "profile",  "reference",
    "system", "reference", "uri",  "url", "versionId",   "valueUri", "resourceType"};

bool IsRead(const json::Document& document, const json::Node& node) {
  if (!node.in_object || node.key_escaped) return true;
  const std::string_view name = document.text().substr(node.key_begin, node.key_bytes);
  return std::find(kUnread.begin(), kUnread.end(), name) == kUnread.end();
}

// The character that "&name;" stands for; others are taken as a space.
void AppendEntity(std::string_view name, std::string* out) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, character] : kNamed) {
    if (name == known) return out->push_back(character);
  }
  uint32_t code_point = 0;
  if (name.starts_with('#')) {
    const bool hex = name.starts_with("#x");
    const std::string_view digits = name.substr(hex ? 2 : 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), code_point, hex ? 16 : 10);
  }
  const bool scalar =
      code_point > 0 && code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
  if (scalar) {
    AppendUtf8(out, code_point);
  } else {
    out->push_back(' ');
  }
}

// What an XHTML text shows: tags become spaces, entities characters.
std::string VisibleText(std::string_view xhtml) {
  constexpr size_t kEntityBytesMax = 10;
  std::string out;
  while (!xhtml.empty()) {
    const char c = xhtml[0];
    if (c == '<') {
      out.push_back(' ');
      const size_t end = xhtml.find('>');
      xhtml.remove_prefix(end == xhtml.npos ? xhtml.size() : end + 1);
      continue;
    }
    const size_t end = c == '&' ? xhtml.substr(0, kEntityBytesMax).find(';') : xhtml.npos;
    if (end != xhtml.npos) {
      AppendEntity(xhtml.substr(1, end - 1), &out);
      xhtml.remove_prefix(end + 1);
      continue;
    }
    out.push_back(c);
    xhtml.remove_prefix(1);
  }
  return out;
}

class WordCollector {
 public:
  WordCollector(ValueSink* sink, std::vector<std::string_view>* words)
      : sink_(sink), words_(words) {}

  Status Take(std::string_view text) {
    ForEachWord(sink_->Fold(text), [&](std::string_view word) { words_->push_back(word); });
    // Repetitions are dropped now and then, so that memory stays within twice the bound.
    if (words_->size() > 2 * kIndexWordsMax) return Finish();
    return Ok();
  }

  Status Finish() {
    std::sort(words_->begin(), words_->end());
    words_->erase(std::unique(words_->begin(), words_->end()), words_->end());
    if (words_->size() <= kIndexWordsMax) return Ok();
    return Error{ErrorKind::kTooLarge,
                 "more than " + std::to_string(kIndexWordsMax) + " different words"};
  }

 private:
  ValueSink* sink_;
  std::vector<std::string_view>* words_;
};

Status CollectNarrative(const json::Document& document, ValueSink* sink, WordCollector* collector) {
  const uint32_t narrative = document.Find(json::kRoot, "text");
  if (narrative == json::kNoNode) return Ok();
  return collector->Take(VisibleText(sink->MemberText(document, narrative, "div")));
}

}  // namespace

void AddString(const Found& found, ValueSink* sink) {
  switch (found.type) {
    case DataType::kHumanName:
      for (const std::string_view part : {"family", "given", "prefix", "suffix", "text"}) {
        sink->family = part == "family";
        AddMember(*found.document, found.node, part, sink);
      }
      sink->family = false;
      return;
    case DataType::kAddress:
      for (const std::string_view part :
           {"line", "city", "district", "state", "postalCode", "country", "text"}) {
        AddMember(*found.document, found.node, part, sink);
      }
      return;
    case DataType::kString:
    case DataType::kCode:
    case DataType::kId:
    case DataType::kUri:
    case DataType::kCanonical:
      return AddOne(found.text, sink);
    case DataType::kCodeableConcept:
      return AddMember(*found.document, found.node, "text", sink);
    default:
      return;
  }
}

Status CollectWords(const json::Document& document, bool narrative_only, ValueSink* sink,
                    std::vector<std::string_view>* words) {
  WordCollector collector(sink, words);
  TRY(CollectNarrative(document, sink, &collector));
  if (!narrative_only) {
    const std::vector<json::Node>& nodes = document.nodes();
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].kind != json::Kind::kString || !IsRead(document, nodes[i])) continue;
      TRY(collector.Take(sink->Text(document, i)));
      if (sink->arena->bytes() > kIndexArenaBytesMax) {
        return Error{ErrorKind::kTooLarge, "too much text"};
      }
    }
  }
  return collector.Finish();
}

}  // namespace tarn::fhir::internal
