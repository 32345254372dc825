// Writes the small XML documents that S3 answers with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::s3_endpoint {

class XmlWriter {
 public:
  enum class Namespace : uint8_t { kNone, kS3 };

  XmlWriter();
  // `name` is constant text of ours; values may be anything.
  void Open(std::string_view name, Namespace name_space = Namespace::kNone);
  void Close();
  void Text(std::string_view name, std::string_view value);
  void Number(std::string_view name, uint64_t value);
  void Flag(std::string_view name, bool value);  // "true", "false"
  // Text of the element that is open.
  void Content(std::string_view value);
  std::string Finish();  // Every element must be closed (CHECK).

 private:
  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace tarn::s3_endpoint
