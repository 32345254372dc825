#include "synth/internal/r4_structure_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace tarn::synth {
namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

// Whether `text` has the form of `pattern`, where 9 stands for a digit and anything else for
// itself.
bool Matches(std::string_view text, std::string_view pattern) {
  if (text.size() != pattern.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (pattern[i] == '9' ? !digit : text[i] != pattern[i]) return false;
  }
  return true;
}

bool IsDay(std::string_view text) {
  if (!Matches(text, "9999-99-99")) return false;
  const int month = std::stoi(std::string(text.substr(5, 2)));
  const int day = std::stoi(std::string(text.substr(8, 2)));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool IsMoment(std::string_view text, std::string_view pattern) {
  return Matches(text, pattern) && IsDay(text.substr(0, 10)) && text.substr(11, 2) < "24" &&
         text.substr(14, 2) < "60" && text.substr(17, 2) < "60";
}

// FHIR R4 "Data Types": the forms of those primitives that the generator writes as JSON strings.
bool IsPrimitive(std::string_view text, std::string_view type) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  if (type == "date") return IsDay(text);
  if (type == "dateTime") return IsDay(text) || IsMoment(text, "9999-99-99T99:99:99-05:00");
  if (type == "instant") return IsMoment(text, "9999-99-99T99:99:99.999-05:00");
  if (type == "code") return text.find("  ") == std::string_view::npos;
  if (type == "uri") return text.find(' ') == std::string_view::npos && text.find(':') != 0;
  if (type == "xhtml") return text.starts_with("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
  if (type == "id") {
    return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
             return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
           });
  }
  return type == "string";
}

bool IsNumber(std::string_view raw, std::string_view type) {
  const bool whole = raw.find_first_of(".eE") == std::string_view::npos;
  if (type == "decimal") return true;
  if (type == "integer") return whole;
  if (type == "unsignedInt") return whole && raw[0] != '-';
  return type == "positiveInt" && whole && raw[0] != '-' && raw != "0";
}

}  // namespace

R4Structure::R4Structure(const std::string& text) {
  Shape* shape = nullptr;
  for (const std::string& line : Split(text, '\n')) {
    if (line[0] == '#') continue;
    if (line[0] != ' ') {
      shape = &shapes_[line];
      continue;
    }
    const std::vector<std::string> words = Split(line, ' ');
    if (words.size() < 3 || shape == nullptr) {
      ADD_FAILURE() << "bad line in the table: " << line;
      continue;
    }
    Element element{words[0], words[1][0], words[2], {}};
    if (words[0] == "choice") {
      element.allowed.assign(words.begin() + 2, words.end());
      shape->choices.push_back(element);
      continue;
    }
    if (words.size() > 3) element.allowed = Split(words[3], '|');
    shape->elements.push_back(element);
  }
}

std::vector<std::string> R4Structure::Check(const json::Document& document) {
  problems_.clear();
  const uint32_t name = document.Find(json::kRoot, "resourceType");
  if (name == json::kNoNode) return {"no resourceType"};
  const std::string type = document.String(name);
  const auto found = shapes_.find(type);
  if (found == shapes_.end()) return {"unknown type " + type};
  Shape shape = found->second;
  shape.elements.insert(shape.elements.end(), {{"resourceType", '1', "code", {type}},
                                               {"id", '1', "id", {}},
                                               {"meta", '1', "Meta", {}},
                                               {"text", '?', "Narrative", {}}});
  CheckObject(document, json::kRoot, shape, type);
  return problems_;
}

void R4Structure::Add(const std::string& path, std::string_view problem) {
  problems_.push_back(path + ": " + std::string(problem));
}

void R4Structure::CheckObject(const json::Document& document, uint32_t node, const Shape& shape,
                              const std::string& path) {
  if (document.kind(node) != json::Kind::kObject) return Add(path, "not an object");
  if (document.FirstChild(node) == json::kNoNode) return Add(path, "empty");
  for (uint32_t child = document.FirstChild(node); child != json::kNoNode;
       child = document.NextSibling(node, child)) {
    const std::string key = document.Key(child);
    const bool known = std::any_of(shape.elements.begin(), shape.elements.end(),
                                   [&key](const Element& element) { return element.name == key; });
    if (!known) Add(path + "." + key, "not an element of the type");
  }
  for (const Element& element : shape.elements) {
    const std::string below = path + "." + element.name;
    const uint32_t child = document.Find(node, element.name);
    if (child == json::kNoNode) {
      if (element.cardinality == '1' || element.cardinality == '+') Add(below, "missing");
      continue;
    }
    if (element.cardinality == '1' || element.cardinality == '?') {
      CheckElement(document, child, element, below);
      continue;
    }
    if (document.kind(child) != json::Kind::kArray) {
      Add(below, "not a list");
      continue;
    }
    if (document.FirstChild(child) == json::kNoNode) Add(below, "empty list");
    for (uint32_t item = document.FirstChild(child); item != json::kNoNode;
         item = document.NextSibling(child, item)) {
      CheckElement(document, item, element, below);
    }
  }
  for (const Element& choice : shape.choices) {
    const auto present = std::count_if(
        choice.allowed.begin(), choice.allowed.end(),
        [&](const std::string& name) { return document.Find(node, name) != json::kNoNode; });
    if (present > 1) Add(path, "more than one of a choice");
    if (present == 0 && choice.cardinality == '1') Add(path, "none of a choice");
  }
}

void R4Structure::CheckElement(const json::Document& document, uint32_t node,
                               const Element& element, const std::string& path) {
  if (element.type == "Reference") return CheckReference(document, node, element, path);
  const auto shape = shapes_.find(element.type);
  if (shape == shapes_.end()) return CheckPrimitive(document, node, element, path);
  CheckObject(document, node, shape->second, path);
  if (element.type == "CodeableConcept" && !element.allowed.empty()) {
    CheckCodes(document, node, element, path);
  }
}

void R4Structure::CheckPrimitive(const json::Document& document, uint32_t node,
                                 const Element& element, const std::string& path) {
  const json::Kind kind = document.kind(node);
  if (element.type == "boolean") {
    if (kind != json::Kind::kTrue && kind != json::Kind::kFalse) Add(path, "not a boolean");
    return;
  }
  if (kind == json::Kind::kNumber) {
    if (!IsNumber(document.Raw(node), element.type)) Add(path, "not a " + element.type);
    return;
  }
  if (kind != json::Kind::kString) return Add(path, "not a primitive");
  const std::string text = document.String(node);
  if (!IsPrimitive(text, element.type)) Add(path, "not a " + element.type + ": " + text);
  if (element.allowed.empty()) return;
  if (std::find(element.allowed.begin(), element.allowed.end(), text) == element.allowed.end()) {
    Add(path, "code outside the value set: " + text);
  }
}

void R4Structure::CheckCodes(const json::Document& document, uint32_t node, const Element& element,
                             const std::string& path) {
  const uint32_t codings = document.Find(node, "coding");
  if (codings == json::kNoNode) return Add(path, "no coding of the value set");
  for (uint32_t coding = document.FirstChild(codings); coding != json::kNoNode;
       coding = document.NextSibling(codings, coding)) {
    const std::string code = document.String(document.Find(coding, "code"));
    if (std::find(element.allowed.begin(), element.allowed.end(), code) != element.allowed.end()) {
      return;
    }
  }
  Add(path, "no code of the value set");
}

void R4Structure::CheckReference(const json::Document& document, uint32_t node,
                                 const Element& element, const std::string& path) {
  const uint32_t reference = document.Find(node, "reference");
  const uint32_t display = document.Find(node, "display");
  if (reference == json::kNoNode) {
    if (display == json::kNoNode) Add(path, "neither reference nor display");
    return;
  }
  const std::string target = document.String(reference);
  if (target[0] == '#') {
    if (target != "#coverage" && target != "#referral") Add(path, "unknown contained " + target);
    return;
  }
  const size_t slash = target.find('/');
  if (slash == std::string::npos) return Add(path, "not Type/id: " + target);
  const std::string type = target.substr(0, slash);
  const auto& allowed = element.allowed;
  if (allowed.empty()) return Add(path, "table names no target types");
  if (allowed[0] == "*") return;
  if (std::find(allowed.begin(), allowed.end(), type) == allowed.end()) {
    Add(path, "refers to a " + type);
  }
}

}  // namespace tarn::synth
