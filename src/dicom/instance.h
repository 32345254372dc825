// One DICOM Part 10 file (PS3.10 7), parsed: a flat array of elements over the file's own bytes.
// Nothing is copied but deflated data sets; pixel data is located, never read.
//
// Accepted: explicit and implicit VR, little and big endian, deflated; undefined lengths; private
// elements; a file that begins with its meta information, without preamble and "DICM"; a wrong or
// missing group length of the meta information; PixelData that ends before its length says
// (PixelData::truncated). Refused: a file without (0002,0010): "DICOM attribute TransferSyntaxUID
// does not exist"; a file that ends inside any other element; what limits.h bounds.
//
// Example: a sequence with one item gives
//   0 (0008,1140) SQ next 4
//   1   (FFFE,E000) item next 4
//   2     (0008,1150) UI next 3
//   3     (0008,1155) UI next 4
// The children of a sequence or an item begin at its index + 1; `next` skips a whole subtree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/dictionary.h"
#include "dicom/limits.h"
#include "dicom/transfer_syntax.h"

namespace tarn::dicom {

struct Element {
  Tag tag = 0;
  uint32_t next = 0;    // Index of the first element after this one and all below it.
  uint64_t offset = 0;  // Of the value's first byte in Instance::bytes(); see PixelData for those.
  uint32_t length = 0;  // Of the value in bytes; of pixel data see PixelData. 0 for items and SQ.
  Vr vr = Vr::kUn;      // As written; the dictionary's where it is implicit, or UN and known.
  uint8_t depth = 0;    // Sequences around it.
  bool big_endian = false;
  bool duplicate = false;  // The same data set has an earlier element of this tag; to be ignored.
};

// Bytes of the file, or of the inflated data set: read them with Instance::Bytes.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// The pixel data of the instance itself (icons within sequences are plain elements).
struct PixelData {
  Tag tag = 0;  // kPixelData, kFloatPixelData, kDoubleFloatPixelData; 0: there is none.
  Vr vr = Vr::kOw;
  bool encapsulated = false;  // Undefined length: fragments (PS3.5 A.4).
  bool truncated = false;     // The file ends, or the fragments break off, before the data does.
  ByteRange native;           // The bytes when not encapsulated, shortened when truncated.
  // In file order, found by walking; the first item, the basic offset table, is not among them.
  std::vector<ByteRange> fragments;
  // The basic offset table as written: offsets from the first fragment's item. Not to be trusted.
  std::vector<uint32_t> basic_offsets;
};

// A file that is read by ranges.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Appends exactly `bytes` bytes from `offset`, which lie within size(). Errors: as the source's.
  virtual Status Read(uint64_t offset, uint64_t bytes, std::string* out) = 0;
};

// Threads: const methods may be called from any thread, but for Bytes on one with a ByteSource.
class Instance {
 public:
  // Parses a file in memory, which must outlive the instance. Errors: kInvalid, kTooLarge,
  // kUnsupported (never a value in the detail).
  static Result<Instance> Parse(std::string_view file, const Limits& limits = {});
  // Parses a file without reading its pixel data. `source` must outlive the instance.
  static Result<Instance> ParseFrom(ByteSource* source, const Limits& limits = {});

  Instance(Instance&&) noexcept = default;
  Instance& operator=(Instance&&) noexcept = default;

  const TransferSyntax& transfer_syntax() const { return *transfer_syntax_; }
  const std::string& transfer_syntax_uid() const { return transfer_syntax_uid_; }
  const PixelData& pixel_data() const { return pixel_data_; }
  // Behind the pixel data the file has bytes that are no elements; they are ignored.
  bool has_trailing_bytes() const { return has_trailing_bytes_; }

  // The meta information's elements (group 0002) first, then the data set's, in file order.
  const std::vector<Element>& elements() const { return elements_; }
  // What element offsets refer to.
  std::string_view bytes() const { return owned_.empty() ? file_ : std::string_view(owned_); }
  // The value as written; empty for sequences, items and pixel data.
  std::string_view Raw(const Element& element) const {
    return bytes().substr(element.offset, element.length);
  }

  // The element of the data set itself (not within sequences), or nullptr.
  const Element* Find(Tag tag) const;
  // Indexes of the items of a sequence; empty for anything else.
  std::vector<uint32_t> Items(const Element& sequence) const;
  // The element of the item at that index, or nullptr.
  const Element* FindIn(uint32_t item, Tag tag) const;

  // The n-th number of a US, SS, UL, SL value; nullopt when there is none. Only the VR that the
  // element has is read: Rows that is no US is none.
  std::optional<int64_t> Integer(Tag tag, Vr vr, uint32_t index = 0) const;
  // A value of IS (PS3.5 6.2), or nullopt.
  std::optional<int64_t> IntegerString(Tag tag) const;
  // The value in UTF-8 without padding, the first one where the attribute may have several;
  // nullopt when there is no such text.
  std::optional<std::string> Text(Tag tag) const;
  // A UI value without its padding; nullopt when there is no such element.
  std::optional<std::string_view> Uid(Tag tag) const;

  // Bytes of pixel data: a view when they are in memory, else read into `*buffer`. Errors: the
  // source's; kInvalid beyond the end.
  Result<std::string_view> Bytes(ByteRange range, std::string* buffer) const;

 private:
  friend class FileParser;
  Instance() = default;
  std::string_view file_;  // The whole file; empty with a source.
  std::string owned_;      // Meta information and inflated data set, or all but the pixel data.
  ByteSource* source_ = nullptr;  // Of pixel bytes; null when they are in bytes().
  std::vector<Element> elements_;
  std::vector<uint32_t> top_;  // Indexes at depth 0, by tag, without duplicates.
  std::string transfer_syntax_uid_;
  const TransferSyntax* transfer_syntax_ = nullptr;
  PixelData pixel_data_;
  bool has_trailing_bytes_ = false;
};

// "DICOM attribute SOPClassUID does not exist": the service's words. kInvalid
Error MissingAttribute(Tag tag);

}  // namespace tarn::dicom
