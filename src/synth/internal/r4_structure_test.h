// A structural checker of FHIR R4 JSON for tests, driven by testdata/r4_structure.txt: members,
// cardinalities, primitive forms, codes of required bindings, target types of references. Small and
// independent of the server's own validation, so that neither can hide the other's mistake.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.h"

namespace tarn::synth {

class R4Structure {
 public:
  // Parses the table; a table that is wrong fails the running test.
  explicit R4Structure(const std::string& text);

  // What is wrong with the resource, one line each; empty: nothing.
  std::vector<std::string> Check(const json::Document& document);

 private:
  struct Element {
    std::string name;
    char cardinality;  // One of 1 ? * +
    std::string type;
    std::vector<std::string> allowed;
  };
  struct Shape {
    std::vector<Element> elements;
    std::vector<Element> choices;  // `allowed` holds the elements.
  };

  void CheckObject(const json::Document& document, uint32_t node, const Shape& shape,
                   const std::string& path);
  void CheckElement(const json::Document& document, uint32_t node, const Element& element,
                    const std::string& path);
  void CheckPrimitive(const json::Document& document, uint32_t node, const Element& element,
                      const std::string& path);
  void CheckCodes(const json::Document& document, uint32_t node, const Element& element,
                  const std::string& path);
  void CheckReference(const json::Document& document, uint32_t node, const Element& element,
                      const std::string& path);
  void Add(const std::string& path, std::string_view problem);

  std::map<std::string, Shape, std::less<>> shapes_;
  std::vector<std::string> problems_;
};

}  // namespace tarn::synth
