// Pixel data: located by its length, or by walking its fragments (PS3.5 A.4). Nothing that an
// offset table says is used to find bytes.
#include <algorithm>
#include <string>
#include <utility>

#include "dicom/internal/file_parser.h"

namespace tarn::dicom {
namespace {

constexpr uint64_t kWindowBytes = 4096;

}  // namespace

// Bytes of the file itself, wherever they are.
Result<const char*> FileParser::FileBytes(uint64_t file_at, uint64_t bytes) {
  if (!source_ || inflated_) return data() + file_at;
  if (file_at < window_at_ || file_at + bytes > window_at_ + window_.size()) {
    const uint64_t rest = source_->size() - file_at;
    window_.clear();
    TRY(source_->Read(file_at, std::min(rest, std::max(bytes, kWindowBytes)), &window_));
    window_at_ = file_at;
  }
  return window_.data() + (file_at - window_at_);
}

// What lies between the present end of the header bytes and `file_at` gets no position.
void FileParser::SkipTo(uint64_t file_at) {
  const uint64_t skip = file_at - (available_ + skipped_);
  skipped_ += skip;
  total_ -= skip;
}

Status FileParser::AddPixelData(const Header& header, Encoding encoding, uint64_t* at) {
  PixelData& pixels = out_.pixel_data_;
  const uint64_t file_at = header.value + skipped_;
  const uint64_t file_end = total_ + skipped_;
  // Only the first one counts; the others are values like any, of their own limits.
  if (pixels.tag != 0) {
    if (header.length == kUndefinedLength) return SkipNestedFragments(header, encoding, at);
    if (header.length > total_ - header.value) return EndsInside(header.tag);
    return AddValue(header, encoding, at);
  }
  Header row = header;
  row.length = 0;
  TRY(Add(row, encoding));
  pixels.tag = header.tag;
  pixels.vr = header.vr;
  pixels.encapsulated = header.length == kUndefinedLength;
  uint64_t next = file_at;
  if (pixels.encapsulated) {
    TRY(next, WalkFragments(file_at, encoding.big_endian, &pixels));
  } else {
    pixels.truncated = header.length > file_end - file_at;
    pixels.native = {file_at, std::min<uint64_t>(header.length, file_end - file_at)};
    next = file_at + pixels.native.bytes;
  }
  stopped_ = pixels.truncated;
  if (source_ && !inflated_) {
    // Forget what was read ahead, and go on behind the pixel data.
    out_.owned_.resize(header.value);
    available_ = header.value;
    SkipTo(next);
    *at = header.value;
  } else {
    pixel_bytes_ = next - file_at;
    *at = next;
  }
  return Ok();
}

// Returns the offset behind the sequence delimiter.
Result<uint64_t> FileParser::WalkFragments(uint64_t file_at, bool big_endian, PixelData* out) {
  const uint64_t end = total_ + skipped_;
  bool first = true;
  for (;;) {
    if (end - file_at < 8) break;
    TRY(const char* bytes, FileBytes(file_at, 8));
    const auto* p = reinterpret_cast<const uint8_t*>(bytes);
    const auto u16 = [&](int i) -> uint32_t {
      return big_endian ? p[i] << 8 | p[i + 1] : p[i + 1] << 8 | p[i];
    };
    const Tag tag = u16(0) << 16 | u16(2);
    const uint32_t length = big_endian ? u16(4) << 16 | u16(6) : u16(6) << 16 | u16(4);
    if (tag == kSequenceDelimitation) return file_at + 8;
    if (tag != kItem || length == kUndefinedLength) break;
    file_at += 8;
    if (first) {
      first = false;
      if (length > end - file_at) break;
      TRY(ReadBasicOffsets(file_at, length, big_endian, out));
      file_at += length;
      continue;
    }
    if (out->fragments.size() >= limits_.fragments_max) {
      return Error{ErrorKind::kTooLarge, "DICOM attribute PixelData has more than " +
                                             std::to_string(limits_.fragments_max) + " fragments"};
    }
    const uint64_t present = std::min<uint64_t>(length, end - file_at);
    out->fragments.push_back({file_at, present});
    file_at += present;
    if (present < length) break;
  }
  out->truncated = true;
  return end;
}

Status FileParser::ReadBasicOffsets(uint64_t file_at, uint32_t length, bool big_endian,
                                    PixelData* out) {
  if (length / 4 > limits_.fragments_max) {
    return Error{ErrorKind::kTooLarge, "the basic offset table has more than " +
                                           std::to_string(limits_.fragments_max) + " entries"};
  }
  if (length < 4) return Ok();
  TRY(const char* bytes, FileBytes(file_at, length));
  const auto* p = reinterpret_cast<const uint8_t*>(bytes);
  out->basic_offsets.reserve(length / 4);
  for (uint32_t i = 0; i + 4 <= length; i += 4) {
    const uint32_t little = p[i] | p[i + 1] << 8 | p[i + 2] << 16 | uint32_t{p[i + 3]} << 24;
    out->basic_offsets.push_back(big_endian ? __builtin_bswap32(little) : little);
  }
  return Ok();
}

// Encapsulated pixel data inside a sequence (an icon), or a second one: a value, the bytes of its
// items with their headers.
Status FileParser::SkipNestedFragments(const Header& header, Encoding encoding, uint64_t* at) {
  const uint64_t end = ContainerEnd();
  uint64_t next = header.value;
  for (;;) {
    if (end - next < 8) return EndsInside(header.tag);
    TRY(Need(next + 8));
    const Tag tag = TagAt(next, encoding.big_endian);
    const uint32_t length = U32(next + 4, encoding.big_endian);
    next += 8;
    if (tag == kSequenceDelimitation) break;
    if (tag != kItem || length > end - next) {
      return Invalid("DICOM attribute " + AttributeName(header.tag) + " has broken fragments");
    }
    next += length;
    if (next - header.value > limits_.value_bytes_max) break;
  }
  Header value = header;
  value.length =
      static_cast<uint32_t>(std::min<uint64_t>(next - header.value, uint64_t{UINT32_MAX} - 1));
  return AddValue(value, encoding, at);
}

}  // namespace tarn::dicom
