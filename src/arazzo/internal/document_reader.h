// Reading a positioned tree field by field, with complaints instead of failures: one wrong field
// must not hide the next.
#pragma once

#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/document.h"
#include "arazzo/yaml.h"

namespace tarn::arazzo {

class Complaints {
 public:
  explicit Complaints(std::string_view file) : file_(file) {}
  void Error(Place place, std::string message, std::string hint = "") {
    Add(Severity::kError, place, std::move(message), std::move(hint));
  }
  void Warn(Place place, std::string message, std::string hint = "") {
    Add(Severity::kWarning, place, std::move(message), std::move(hint));
  }
  std::vector<Diagnostic> Take() { return std::move(diagnostics_); }
  bool has_errors() const { return HasErrors(diagnostics_); }

 private:
  void Add(Severity severity, Place place, std::string message, std::string hint);
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
};

// The fields of one object. `what` names it in messages ("the step createDatastore").
class ObjectReader {
 public:
  // Complains when `node` is no object or has a field that is neither in `allowed` nor an
  // extension. `node` and `complaints` must outlive the reader.
  ObjectReader(const YamlNode& node, std::string what,
               std::initializer_list<std::string_view> allowed, Complaints* complaints);

  const YamlNode& node() const { return node_; }
  const YamlNode* Any(std::string_view field) const { return node_.Find(field); }
  // Of these, empty or null when the field is absent or, after a complaint, of another type.
  std::string Text(std::string_view field) const;
  std::string RequiredText(std::string_view field) const;
  std::optional<double> Number(std::string_view field) const;
  const YamlNode* Array(std::string_view field) const;
  const YamlNode* Object(std::string_view field) const;
  Place PlaceOf(std::string_view field) const;  // Of the field's value, else of the object.
  void Require(std::string_view field) const;
  void Complain(std::string message) const { complaints_->Error(node_.place, std::move(message)); }

 private:
  const YamlNode* OfKind(std::string_view field, json::Kind kind, std::string_view kind_name) const;
  const YamlNode& node_;
  std::string what_;
  Complaints* complaints_;
};

// What cannot be told from one object alone: targets of goto, order of steps, references to
// steps, inputs and sources, cycles.
void CheckReferences(const Document& document, Reading reading, Complaints* complaints);

}  // namespace tarn::arazzo
