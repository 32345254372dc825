// Part 10 files made in tests, so that they need no outside files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dicom/tag.h"

namespace tarn::dicom::test {

// Writes elements one after another. Big endian and implicit VR on demand.
class DataSet {
 public:
  struct Form {
    bool explicit_vr = true;
    bool big_endian = false;
  };
  DataSet() = default;
  explicit DataSet(Form form) : form_(form) {}

  // Text values are padded to even length: UI with NUL, the others with a space.
  DataSet& Text(Tag tag, std::string_view vr, std::string_view value) {
    std::string padded(value);
    if (padded.size() % 2 != 0) padded += vr == "UI" || vr == "OB" ? '\0' : ' ';
    return Bytes(tag, vr, padded);
  }
  DataSet& Us(Tag tag, uint16_t value) {
    std::string bytes;
    Put16(value, &bytes);
    return Bytes(tag, "US", bytes);
  }
  // Any value, as it is.
  DataSet& Bytes(Tag tag, std::string_view vr, std::string_view value) {
    Header(tag, vr, static_cast<uint32_t>(value.size()));
    out_ += value;
    return *this;
  }
  // A header alone, with whatever length.
  DataSet& Header(Tag tag, std::string_view vr, uint32_t length) {
    Put16(GroupOf(tag), &out_);
    Put16(ElementOf(tag), &out_);
    if (!form_.explicit_vr || vr.empty()) {
      Put32(length, &out_);
      return *this;
    }
    out_ += vr;
    const bool long_form = std::string_view("OB OD OF OL OV OW SQ SV UC UN UR UT UV").find(vr) !=
                           std::string_view::npos;
    if (long_form) {
      out_ += std::string(2, '\0');
      Put32(length, &out_);
    } else {
      Put16(static_cast<uint16_t>(length), &out_);
    }
    return *this;
  }
  DataSet& Raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  // An item of known length.
  DataSet& Item(std::string_view content) {
    Header(kItem, "", static_cast<uint32_t>(content.size()));
    return Raw(content);
  }
  static constexpr uint32_t kUndefined = UINT32_MAX;

  const std::string& bytes() const { return out_; }

 private:
  void Put16(uint16_t value, std::string* out) const {
    const char low = static_cast<char>(value & 0xFF);
    const char high = static_cast<char>(value >> 8);
    *out += form_.big_endian ? high : low;
    *out += form_.big_endian ? low : high;
  }
  void Put32(uint32_t value, std::string* out) const {
    const auto low = static_cast<uint16_t>(value & 0xFFFF);
    const auto high = static_cast<uint16_t>(value >> 16);
    Put16(form_.big_endian ? high : low, out);
    Put16(form_.big_endian ? low : high, out);
  }
  Form form_;
  std::string out_;
};

// Preamble, meta information and the data set.
inline std::string File(std::string_view transfer_syntax, const DataSet& data_set) {
  DataSet meta;
  meta.Bytes(0x00020001, "OB", std::string_view("\0\1", 2));
  meta.Text(kMediaStorageSopClassUid, "UI", "1.2.840.10008.5.1.4.1.1.2");
  meta.Text(kMediaStorageSopInstanceUid, "UI", "1.2.3.4.5");
  meta.Text(kTransferSyntaxUid, "UI", transfer_syntax);
  return std::string(128, '\0') + "DICM" + meta.bytes() + data_set.bytes();
}

// The attributes that every instance needs, in ascending tags up to Series Number.
inline DataSet Identity(DataSet::Form form = {}) {
  DataSet out(form);
  out.Text(kSopClassUid, "UI", "1.2.840.10008.5.1.4.1.1.2");
  out.Text(kSopInstanceUid, "UI", "1.2.3.4.5");
  out.Text(kStudyDate, "DA", "20240102");
  out.Text(kAccessionNumber, "SH", "A1");
  out.Text(kModality, "CS", "CT");
  out.Text(kPatientName, "PN", "DOE^J");
  out.Text(kPatientId, "LO", "P1");
  out.Text(kStudyInstanceUid, "UI", "1.2.3");
  out.Text(kSeriesInstanceUid, "UI", "1.2.3.4");
  out.Text(kStudyId, "SH", "S1");
  out.Text(kSeriesNumber, "IS", "1");
  return out;
}

// The image pixel description of a monochrome image.
struct Image {
  uint16_t rows = 2;
  uint16_t columns = 2;
  uint16_t bits_allocated = 16;
  uint16_t bits_stored = 12;
  uint32_t number_of_frames = 1;
};
inline DataSet& AddImage(const Image& image, DataSet* out) {
  out->Us(kSamplesPerPixel, 1).Text(kPhotometricInterpretation, "CS", "MONOCHROME2");
  out->Text(kNumberOfFrames, "IS", std::to_string(image.number_of_frames));
  out->Us(kRows, image.rows).Us(kColumns, image.columns);
  out->Us(kBitsAllocated, image.bits_allocated).Us(kBitsStored, image.bits_stored);
  out->Us(kHighBit, static_cast<uint16_t>(image.bits_stored - 1)).Us(kPixelRepresentation, 0);
  return *out;
}

}  // namespace tarn::dicom::test
