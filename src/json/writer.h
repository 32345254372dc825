// Appends JSON text to a string without building values. Commas and quotes are its business;
// balance is the caller's (CHECK on Finish).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::json {

// Appends `text` as a quoted JSON string. Invalid UTF-8 is replaced by U+FFFD.
void AppendString(std::string* out, std::string_view text);

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}  // `out` must outlive the writer.

  Writer& BeginObject();
  Writer& EndObject();
  Writer& BeginArray();
  Writer& EndArray();
  Writer& Key(std::string_view name);
  Writer& String(std::string_view text);
  Writer& Int(int64_t value);
  Writer& Double(double value);  // Finite (CHECK).
  Writer& Bool(bool value);
  Writer& Null();
  Writer& Raw(std::string_view json);  // A complete value, as written.
  void Finish() const;                 // Every object and array is closed (CHECK).

 private:
  void Separate();
  std::string* out_;
  bool need_comma_ = false;
  uint32_t open_ = 0;
};

}  // namespace tarn::json
