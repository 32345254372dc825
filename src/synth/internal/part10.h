// Writes DICOM Part 10 files, explicit VR little endian. The caller keeps elements in the order of
// their tags.
// Spec: PS3.10 7, PS3.5 7.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::synth {

class Part10Writer {
 public:
  // Begins a file: preamble and meta information.
  Part10Writer(std::string_view sop_class_uid, std::string_view sop_instance_uid);

  // A value of a text VR, padded to even length: UI with a zero byte, all others with a space.
  // Empty text is an empty value.
  void Text(uint32_t tag, std::string_view vr, std::string_view value);
  void Us(uint32_t tag, uint16_t value);
  // Pixel data of 8-bit (OB) or 16-bit (OW) samples, little-endian.
  void Pixels(std::string_view vr, std::string_view bytes);

  std::string Take() { return std::move(out_); }

 private:
  void Put16(uint32_t value);
  void Put32(uint64_t value);
  void Tag(uint32_t tag);

  std::string out_;
};

}  // namespace tarn::synth
