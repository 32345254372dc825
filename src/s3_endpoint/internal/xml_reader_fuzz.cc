// XML requests: DeleteObjects and CompleteMultipartUpload. What is read stays within the bounds,
// and our writer's form of it is read again as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "s3_endpoint/internal/xml_reader.h"
#include "s3_endpoint/internal/xml_writer.h"
#include "s3_endpoint/limits.h"

namespace {

using tarn::s3_endpoint::ParseXml;
using tarn::s3_endpoint::XmlDocument;
using tarn::s3_endpoint::XmlFields;
using tarn::s3_endpoint::XmlShape;
using tarn::s3_endpoint::XmlWriter;

void WriteFields(const XmlFields& fields, XmlWriter* xml) {
  for (const auto& [name, value] : fields) xml->Text(name, value);
}

void CheckShape(std::string_view text, const XmlShape& shape) {
  const tarn::Result<XmlDocument> parsed = ParseXml(text, shape);
  if (!parsed.ok()) return;
  const XmlDocument& document = parsed.value();
  CHECK(document.rows.size() <= shape.rows_max);
  CHECK(document.fields.size() <= tarn::s3_endpoint::kXmlFieldsMax);
  XmlWriter xml;
  xml.Open(shape.root);
  WriteFields(document.fields, &xml);
  for (const XmlFields& row : document.rows) {
    CHECK(row.size() <= tarn::s3_endpoint::kXmlFieldsMax);
    xml.Open(shape.row);
    WriteFields(row, &xml);
    xml.Close();
  }
  xml.Close();
  const tarn::Result<XmlDocument> again = ParseXml(xml.Finish(), shape);
  CHECK(again.ok());
  CHECK(again.value().fields == document.fields && again.value().rows == document.rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckShape(text, {"Delete", "Object", 100});
  CheckShape(text, {"CompleteMultipartUpload", "Part", 100});
  CheckShape(text, {"CreateBucketConfiguration", "", 0});
  return 0;
}
