#include "arazzo/internal/document_reader.h"

#include <algorithm>

#include "arazzo/limits.h"
#include "arazzo/names.h"

namespace tarn::arazzo {

void Complaints::Add(Severity severity, Place place, std::string message, std::string hint) {
  if (diagnostics_.size() >= kDiagnosticsMax) return;
  // A component that several steps use would say the same thing several times.
  for (const Diagnostic& d : diagnostics_) {
    if (d.place.line == place.line && d.place.column == place.column && d.message == message) {
      return;
    }
  }
  diagnostics_.push_back({severity, file_, place, std::move(message), std::move(hint)});
}

ObjectReader::ObjectReader(const YamlNode& node, std::string what,
                           std::initializer_list<std::string_view> allowed, Complaints* complaints)
    : node_(node), what_(std::move(what)), complaints_(complaints) {
  if (!node.IsObject()) {
    complaints_->Error(node.place, what_ + " must be an object");
    return;
  }
  for (const YamlMember& member : node.members) {
    if (member.key.starts_with("x-")) continue;
    if (std::ranges::find(allowed, std::string_view(member.key)) != allowed.end()) continue;
    const std::vector<std::string> names(allowed.begin(), allowed.end());
    complaints_->Error(member.place, "the field " + member.key + " is not known in " + what_ +
                                         NearestNames(member.key, names));
  }
}

const YamlNode* ObjectReader::OfKind(std::string_view field, json::Kind kind,
                                     std::string_view kind_name) const {
  const YamlNode* value = node_.Find(field);
  if (value == nullptr || value->kind == kind) return value;
  complaints_->Error(value->place, std::string(field) + " must be " + std::string(kind_name));
  return nullptr;
}

std::string ObjectReader::Text(std::string_view field) const {
  const YamlNode* value = OfKind(field, json::Kind::kString, "a text (quote it)");
  return value == nullptr ? std::string() : value->text();
}

std::string ObjectReader::RequiredText(std::string_view field) const {
  Require(field);
  std::string text = Text(field);
  const YamlNode* value = node_.Find(field);
  if (value != nullptr && value->IsString() && text.empty()) {
    complaints_->Error(value->place, std::string(field) + " must not be empty");
  }
  return text;
}

std::optional<double> ObjectReader::Number(std::string_view field) const {
  const YamlNode* value = OfKind(field, json::Kind::kNumber, "a number");
  if (value == nullptr) return std::nullopt;
  return value->scalar.AsDouble();
}

const YamlNode* ObjectReader::Array(std::string_view field) const {
  return OfKind(field, json::Kind::kArray, "a list");
}

const YamlNode* ObjectReader::Object(std::string_view field) const {
  return OfKind(field, json::Kind::kObject, "an object");
}

Place ObjectReader::PlaceOf(std::string_view field) const {
  const YamlNode* value = node_.Find(field);
  return value == nullptr ? node_.place : value->place;
}

void ObjectReader::Require(std::string_view field) const {
  if (!node_.IsObject() || node_.Find(field) != nullptr) return;
  complaints_->Error(node_.place, what_ + " needs the field " + std::string(field));
}

}  // namespace tarn::arazzo
