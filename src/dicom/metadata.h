// HealthImaging's metadata document of one image set: Patient, Study, Series and Instances, each
// with a "DICOM" object of keywords (GetImageSetMetadata, schema version 1.1).
//
// Values. Text is UTF-8; trailing padding is removed, but for DS and IS, which stay strings as
// written. Numbers are JSON numbers (a FL or FD that is none is "NaN", "Infinity", "-Infinity"), AT
// is eight hexadecimal digits, bytes (OB, OW, UN, ...) are Base64 of little-endian units. An
// attribute whose VM allows more than one value is an array; so are numbers of one that has more
// than it may (a text of VM 1 keeps its backslash). A sequence is an array of objects. An element
// without value is null. Left out: pixel data, group lengths, trailing padding. An attribute
// without keyword, private or not, is keyed by its eight hexadecimal digits and has its VR in the
// instance's "DICOMVRs". Levels: levels.txt; docs/internals/dicom.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/dictionary.h"
#include "dicom/instance.h"

namespace tarn::dicom {

// One stored frame, as ImageFrames lists it.
struct FrameRecord {
  std::string id;  // 32 hexadecimal digits.
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t checksum = 0;                   // CRC-32, see ChecksumType.
  std::optional<int64_t> min_pixel_value;  // Null for what is kept as it came.
  std::optional<int64_t> max_pixel_value;
  uint64_t frame_bytes = 0;  // FrameSizeInBytes: as stored.

  friend bool operator==(const FrameRecord&, const FrameRecord&) = default;
};

// What the pixel store knows of an instance. Empty for an instance without pixel data.
struct PixelRecord {
  std::string stored_transfer_syntax_uid;
  std::string checksum_type;  // "DECOMPRESSED" or "COMPRESSED"; empty: the member is left out.
  std::vector<FrameRecord> frames;

  friend bool operator==(const PixelRecord&, const PixelRecord&) = default;
};

// A member of a "DICOM" object: keyword (or tag) and JSON value, as text.
struct Attribute {
  std::string name;
  std::string json;

  friend bool operator==(const Attribute&, const Attribute&) = default;
};
using Attributes = std::vector<Attribute>;

// The first text of an attribute's JSON value without padding ("SeriesNumber":"1 " is "1"; of an
// array the first one); empty when it has none. Numbers are given as written.
std::string AttributeText(const Attributes& attributes, std::string_view keyword);

// One instance's share of the document.
struct InstanceMetadata {
  std::string sop_instance_uid;
  std::string series_instance_uid;
  std::string study_instance_uid;
  Attributes patient;
  Attributes study;
  Attributes series;
  std::string dicom;      // The instance's "DICOM" object.
  std::string dicom_vrs;  // Its "DICOMVRs" object, or empty when there is none.
  PixelRecord pixels;     // For the caller to fill in.
};

// Errors: kInvalid (an identifying attribute is missing, see ReadIdentity), kTooLarge
// (kMetadataBytesMax).
Result<InstanceMetadata> BuildMetadata(const Instance& instance);

class MetadataTree {
 public:
  struct Series {
    Attributes attributes;
    // By SOP Instance UID: the instance's object as JSON text.
    std::map<std::string, std::string, std::less<>> instances;
  };
  struct Added {
    bool replaced = false;  // The tree had an instance of this SOP Instance UID in the series.
    // Keywords of Patient, Study and Series attributes in which the instance differs from the tree,
    // which keeps its own (warning 45056).
    std::vector<std::string> coerced;
  };

  MetadataTree(std::string datastore_id, std::string image_set_id)
      : datastore_id_(std::move(datastore_id)), image_set_id_(std::move(image_set_id)) {}

  // Reads what ToJson or ToGzip wrote. Errors: kCorrupt, kTooLarge.
  static Result<MetadataTree> FromJson(std::string_view json);
  static Result<MetadataTree> FromGzip(std::string_view gzip);

  // Adds an instance or replaces it. The first instance gives Patient, Study and Series their
  // attributes; later ones add those that are missing.
  // Errors: kTooLarge (kMetadataBytesMax); kConflict (another Study Instance UID).
  Result<Added> Add(const InstanceMetadata& instance);

  const std::string& datastore_id() const { return datastore_id_; }
  const std::string& image_set_id() const { return image_set_id_; }
  void set_image_set_id(std::string id) { image_set_id_ = std::move(id); }
  Attributes& patient() { return patient_; }
  Attributes& study() { return study_; }
  const Attributes& patient() const { return patient_; }
  const Attributes& study() const { return study_; }
  std::map<std::string, Series, std::less<>>& series() { return series_; }
  const std::map<std::string, Series, std::less<>>& series() const { return series_; }
  size_t InstanceCount() const;

  // The stored frames of one instance, or nothing when it has no pixel data or does not exist.
  // Errors: kCorrupt.
  Result<PixelRecord> Pixels(std::string_view series_uid, std::string_view sop_uid) const;

  // Errors: kTooLarge (kMetadataBytesMax).
  Result<std::string> ToJson() const;
  Result<std::string> ToGzip() const;  // RFC 1952, deterministic.

 private:
  // Calls `write` with the document's text, piece by piece.
  template <typename Write>
  void Emit(const Write& write) const;

  std::string datastore_id_;
  std::string image_set_id_;
  Attributes patient_;
  Attributes study_;
  std::map<std::string, Series, std::less<>> series_;
};

}  // namespace tarn::dicom
