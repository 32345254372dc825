// Reads a Part 10 file into an Instance: one loop over element headers with a stack of the open
// sequences and items, so that nesting costs no recursion.
//
// Positions are offsets in Instance::bytes(): in memory those of the file. With a ByteSource they
// are those of the header bytes read so far; what pixel data was passed over is `skipped_`, so that
// file offset = position + skipped_.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/instance.h"

namespace tarn::dicom {

class FileParser {
 public:
  // One of `file` and `source`.
  FileParser(std::string_view file, ByteSource* source, const Limits& limits);
  Result<Instance> Run();

 private:
  struct Encoding {
    bool explicit_vr = true;
    bool big_endian = false;
  };
  // An open sequence or item.
  struct Open {
    uint32_t element = 0;
    uint64_t end = 0;    // kUndefinedEnd: a delimiter ends it.
    uint64_t limit = 0;  // Nothing inside goes beyond: the end of what has one.
    Encoding encoding;   // Of what is inside.
    Tag last_tag = 0;
    bool is_item = false;
  };
  // A sequence that was written as UN of a known length: when it turns out to be none, its bytes
  // stay a value.
  struct Attempt {
    size_t stack_size = 0;
    uint32_t element = 0;
    uint64_t value = 0;
    uint32_t length = 0;
  };
  struct Header {
    Tag tag = 0;
    Vr vr = Vr::kUn;
    uint32_t length = 0;
    uint64_t value = 0;  // Position of the value.
    bool written_as_un = false;
  };
  static constexpr uint64_t kUndefinedEnd = UINT64_MAX;
  static constexpr uint32_t kUndefinedLength = UINT32_MAX;

  // internal/file_parser.cc: the file around the data set.
  Status Need(uint64_t end);
  Status CheckHeaderBytes(uint64_t end) const;
  Result<uint64_t> FindMeta();
  Result<uint64_t> ReadMeta(uint64_t at);
  Status Inflate(uint64_t at);
  using InflateSink = std::function<Status(std::string_view piece, uint64_t input_bytes)>;
  Status InflatePass(uint64_t at, const InflateSink& sink);
  void MarkDuplicates();
  void MarkDuplicatesAmong(std::vector<uint32_t>* children);
  void IndexTopLevel();

  // internal/data_set_parser.cc: elements.
  Status ReadDataSet(uint64_t at, Encoding encoding);
  Status Step(uint64_t* at, bool* done);
  bool Abandon(uint64_t* at);
  void CloseFinished(uint64_t at);
  Status ReadInSequence(uint64_t* at);
  Status ReadElement(uint64_t* at);
  Status CheckTrailingBytes(uint64_t at);
  Result<Header> ReadHeader(uint64_t at, Encoding encoding);
  void ResolveVr(Header* header, Encoding encoding) const;
  Status OpenSequence(const Header& header, Encoding inside, uint64_t* at);
  Status AddValue(const Header& header, Encoding encoding, uint64_t* at);
  Status CloseByDelimiter(Tag tag);
  Result<uint32_t> Add(const Header& header, Encoding encoding);
  uint64_t ContainerEnd() const { return stack_.empty() ? total_ : stack_.back().limit; }
  Error EndsInside(Tag tag) const;

  // internal/fragments.cc: pixel data.
  Status AddPixelData(const Header& header, Encoding encoding, uint64_t* at);
  Status SkipNestedFragments(const Header& header, Encoding encoding, uint64_t* at);
  Result<uint64_t> WalkFragments(uint64_t file_at, bool big_endian, PixelData* out);
  Status ReadBasicOffsets(uint64_t file_at, uint32_t length, bool big_endian, PixelData* out);
  Result<const char*> FileBytes(uint64_t file_at, uint64_t bytes);
  void SkipTo(uint64_t file_at);

  uint16_t U16(uint64_t at, bool big_endian) const;
  uint32_t U32(uint64_t at, bool big_endian) const;
  Tag TagAt(uint64_t at, bool big_endian) const;
  const char* data() const { return source_ || inflated_ ? out_.owned_.data() : out_.file_.data(); }

  const Limits limits_;
  ByteSource* const source_;
  Instance out_;
  bool inflated_ = false;
  uint64_t available_ = 0;    // Positions below this one can be read.
  uint64_t total_ = 0;        // Positions below this one exist.
  uint64_t skipped_ = 0;      // Bytes of the file that have no position.
  uint64_t pixel_bytes_ = 0;  // Positions that are pixel data.
  std::vector<Open> stack_;
  std::vector<Attempt> attempts_;
  Tag last_top_tag_ = 0;
  Encoding top_encoding_;
  bool unordered_ = false;
  bool signed_pixels_ = false;
  bool stopped_ = false;  // The pixel data breaks off, or only padding is left.
  std::string window_;    // Of the source, for fragment headers.
  uint64_t window_at_ = 0;
};

}  // namespace tarn::dicom
