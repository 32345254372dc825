// Part 10 files for the tests of this module and of the codec worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dicom/pixel_layout.h"

namespace tarn::pixels {

struct TestFile {
  std::string transfer_syntax_uid = "1.2.840.10008.1.2.1";
  dicom::ImagePixel pixel;
  std::string_view vr = "OW";  // Of the pixel data.
  uint32_t pixel_tag = 0x7FE00010;
  std::string native;                  // As it stands in the file.
  std::vector<std::string> fragments;  // Encapsulated when there are any; of even length.
  std::vector<uint32_t> offsets;       // Basic offset table.
};

class TestFileWriter {
 public:
  explicit TestFileWriter(const TestFile& file)
      : file_(file), big_(file.transfer_syntax_uid == "1.2.840.10008.1.2.2") {}

  std::string Write() {
    out_.assign(128, '\0');
    out_ += "DICM";
    const bool big = big_;
    big_ = false;  // The meta information is always little-endian.
    std::string uid = file_.transfer_syntax_uid;
    if (uid.size() % 2 != 0) uid.push_back('\0');
    Element(0x00020010, "UI", uid);
    big_ = big;
    const dicom::ImagePixel& pixel = file_.pixel;
    Number(0x00280002, pixel.samples_per_pixel);
    Element(0x00280004, "CS", Padded(pixel.photometric_interpretation));
    if (pixel.samples_per_pixel > 1) Number(0x00280006, pixel.planar_configuration);
    Element(0x00280008, "IS", Padded(std::to_string(pixel.number_of_frames)));
    Number(0x00280010, pixel.rows);
    Number(0x00280011, pixel.columns);
    Number(0x00280100, pixel.bits_allocated);
    Number(0x00280101, pixel.bits_stored);
    Number(0x00280102, pixel.high_bit);
    Number(0x00280103, pixel.is_signed ? 1 : 0);
    PixelData();
    return out_;
  }

 private:
  static std::string Padded(std::string text) {
    if (text.size() % 2 != 0) text.push_back(' ');
    return text;
  }
  void Put16(uint32_t value) {
    out_.push_back(static_cast<char>(big_ ? value >> 8 : value));
    out_.push_back(static_cast<char>(big_ ? value : value >> 8));
  }
  void Put32(uint64_t value) {
    Put16(static_cast<uint32_t>(big_ ? value >> 16 : value) & 0xFFFF);
    Put16(static_cast<uint32_t>(big_ ? value : value >> 16) & 0xFFFF);
  }
  void Tag(uint32_t tag) {
    Put16(tag >> 16);
    Put16(tag & 0xFFFF);
  }
  void Element(uint32_t tag, std::string_view vr, std::string_view value) {
    Tag(tag);
    out_ += vr;
    Put16(static_cast<uint32_t>(value.size()));
    out_ += value;
  }
  void Number(uint32_t tag, uint32_t value) {
    Tag(tag);
    out_ += "US";
    Put16(2);
    Put16(value);
  }
  void PixelData() {
    Tag(file_.pixel_tag);
    out_ += file_.vr;
    Put16(0);
    if (file_.fragments.empty()) {
      Put32(file_.native.size());
      out_ += file_.native;
      return;
    }
    Put32(0xFFFFFFFF);
    Tag(0xFFFEE000);
    Put32(file_.offsets.size() * 4);
    for (const uint32_t offset : file_.offsets) Put32(offset);
    for (const std::string& fragment : file_.fragments) {
      Tag(0xFFFEE000);
      Put32(fragment.size());
      out_ += fragment;
    }
    Tag(0xFFFEE0DD);
    Put32(0);
  }

  const TestFile& file_;
  bool big_;
  std::string out_;
};

}  // namespace tarn::pixels
