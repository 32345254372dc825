// Reads the XML bodies of S3 requests: a root element with fields, and rows that have fields.
//
//   <Delete>  <Quiet>true</Quiet>  <Object><Key>a</Key></Object>  <Object>...</Object>  </Delete>
//   root      field                row
//
// Document types and entities of one's own are refused, and everything is bounded (limits.h). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tarn::s3_endpoint {

using XmlFields = std::vector<std::pair<std::string, std::string>>;

struct XmlShape {
  std::string_view root;
  std::string_view row;  // Empty: no rows.
  size_t rows_max = 0;
};

struct XmlDocument {
  XmlFields fields;
  std::vector<XmlFields> rows;
};

// Errors: kInvalid. Namespaces are not looked at: clients send S3's, an old one or none.
Result<XmlDocument> ParseXml(std::string_view bytes, const XmlShape& shape);

// The value of the field, or nullptr.
const std::string* FindXmlField(const XmlFields& fields, std::string_view name);

}  // namespace tarn::s3_endpoint
