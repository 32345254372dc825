#include "dicom/internal/file_parser.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace tarn::dicom {
namespace {

constexpr uint64_t kPreambleBytes = 128;
constexpr uint64_t kReadAheadBytes = 64 << 10;
constexpr uint64_t kInflateFreeBytes = 1 << 20;  // Below this, any ratio is fine.
constexpr size_t kInflateWindowBytes = 64 << 10;

Error NotPart10() { return Invalid("the file is not a DICOM Part 10 file"); }

}  // namespace

FileParser::FileParser(std::string_view file, ByteSource* source, const Limits& limits)
    : limits_(limits), source_(source) {
  out_.file_ = file;
  total_ = source ? source->size() : file.size();
  available_ = source ? 0 : file.size();
}

Result<Instance> FileParser::Run() {
  TRY(uint64_t at, FindMeta());
  TRY(at, ReadMeta(at));
  out_.transfer_syntax_ = &FindTransferSyntax(out_.transfer_syntax_uid_);
  const TransferSyntax& syntax = *out_.transfer_syntax_;
  if (syntax.deflated) TRY(Inflate(at));
  TRY(ReadDataSet(at, {syntax.explicit_vr, syntax.big_endian}));
  if (source_ && !inflated_) out_.source_ = source_;
  if (unordered_) MarkDuplicates();
  IndexTopLevel();
  return std::move(out_);
}

Status FileParser::CheckHeaderBytes(uint64_t end) const {
  if (end - pixel_bytes_ <= limits_.header_bytes_max) return Ok();
  return Error{ErrorKind::kTooLarge, "the data set without its pixel data has more than " +
                                         std::to_string(limits_.header_bytes_max) + " bytes"};
}

// Makes positions below `end`, which exist, readable.
Status FileParser::Need(uint64_t end) {
  if (end <= available_) return Ok();
  TRY(CheckHeaderBytes(end));
  const uint64_t ahead = available_ + kReadAheadBytes;
  const uint64_t until = std::min(total_, std::max(end, ahead));
  TRY(source_->Read(available_ + skipped_, until - available_, &out_.owned_));
  available_ = until;
  return Ok();
}

// Where the meta information begins. Files that begin with it, without preamble, are in use; a
// file that begins with a data set has no transfer syntax, and that is what is said of it.
Result<uint64_t> FileParser::FindMeta() {
  if (total_ < 8) return NotPart10();
  TRY(Need(std::min(total_, kPreambleBytes + 8)));
  if (total_ >= kPreambleBytes + 4 && std::string_view(data() + kPreambleBytes, 4) == "DICM") {
    return kPreambleBytes + 4;
  }
  const uint16_t group = U16(0, false);
  if (group == 2) return uint64_t{0};
  if (group == 8 || U16(0, true) == 8) return MissingAttribute(kTransferSyntaxUid);
  return NotPart10();
}

// The elements of group 0002, always explicit little endian (PS3.10 7.1). Its group length is not
// needed to find their end, and not believed.
Result<uint64_t> FileParser::ReadMeta(uint64_t at) {
  out_.elements_.reserve(256);
  while (at + 8 <= total_) {
    TRY(Need(at + 8));
    if (U16(at, false) != 2) break;
    TRY(const Header header, ReadHeader(at, {}));
    if (header.length > total_ - header.value) return EndsInside(header.tag);
    at = header.value;
    TRY(AddValue(header, {}, &at));
  }
  for (const Element& element : out_.elements_) {
    if (element.tag != kTransferSyntaxUid) continue;
    std::string_view uid = out_.bytes().substr(element.offset, element.length);
    while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) uid.remove_suffix(1);
    if (uid.size() > kIdentifierCharactersMax) {
      return Invalid("DICOM attribute TransferSyntaxUID is longer than " +
                     std::to_string(kIdentifierCharactersMax) + " characters");
    }
    out_.transfer_syntax_uid_ = uid;
  }
  if (out_.transfer_syntax_uid_.empty()) return MissingAttribute(kTransferSyntaxUid);
  last_top_tag_ = 0x0002FFFF;
  return at;
}

// Replaces the bytes by the meta information and the inflated data set (PS3.5 A.5: raw deflate).
// Inflated twice: the first time only to know how long the result is, through a window, so that a
// bomb costs no memory and anything else exactly what it holds.
Status FileParser::Inflate(uint64_t at) {
  uint64_t bytes = 0;
  TRY(InflatePass(at, [&](std::string_view piece, uint64_t input_bytes) -> Status {
    bytes += piece.size();
    const uint64_t allowed = std::max(kInflateFreeBytes, input_bytes * limits_.inflate_ratio_max);
    if (bytes <= std::min(allowed, limits_.inflated_bytes_max)) return Ok();
    return Error{ErrorKind::kTooLarge, "the deflated data set is too large when inflated"};
  }));
  std::string inflated;
  inflated.reserve(at + bytes);
  inflated.append(data(), at);
  TRY(InflatePass(at, [&](std::string_view piece, uint64_t) -> Status {
    if (inflated.size() + piece.size() > at + bytes) return Invalid("the file changes");
    inflated += piece;
    return Ok();
  }));
  out_.owned_ = std::move(inflated);
  inflated_ = true;
  available_ = total_ = out_.owned_.size();
  out_.file_ = {};
  return Ok();
}

// Inflates what begins at `at` and hands it out piece by piece, with how many bytes of input there
// were up to it, those at hand included.
Status FileParser::InflatePass(uint64_t at, const InflateSink& sink) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Internal("inflateInit2 failed");
  std::string window(kInflateWindowBytes, '\0');
  bool done = false;
  uint64_t input_bytes = 0;
  Status status = Ok();
  const uint64_t file_bytes = source_ ? source_->size() : out_.file_.size();
  for (uint64_t next = at; status.ok() && !done && next < file_bytes;) {
    std::string read;
    const uint64_t bytes = std::min(file_bytes - next, source_ ? 4 * kReadAheadBytes : 1u << 30);
    if (source_) status = source_->Read(next, bytes, &read);
    const std::string_view input =
        source_ ? std::string_view(read) : out_.file_.substr(next, bytes);
    input_bytes += bytes;
    next += bytes;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    bool more = status.ok();
    while (more && !done) {
      stream.next_out = reinterpret_cast<Bytef*>(window.data());
      stream.avail_out = static_cast<uInt>(window.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      const size_t made = window.size() - stream.avail_out;
      done = result == Z_STREAM_END;
      if (!done && result != Z_OK && result != Z_BUF_ERROR) {
        status = Invalid("the deflated data set is broken");
      } else if (made > 0) {
        status = sink(std::string_view(window).substr(0, made), input_bytes);
      }
      more = status.ok() && (stream.avail_in > 0 || stream.avail_out == 0);
    }
  }
  inflateEnd(&stream);
  TRY(std::move(status));
  return done ? Ok() : Invalid("the deflated data set breaks off");
}

// Out of order is common and harmless; twice in one data set is not: the first one counts.
void FileParser::MarkDuplicates() {
  std::vector<uint32_t> children;
  const auto gather = [&](uint32_t begin, uint32_t end) {
    children.clear();
    for (uint32_t i = begin; i < end; i = out_.elements_[i].next) children.push_back(i);
    MarkDuplicatesAmong(&children);
  };
  const auto count = static_cast<uint32_t>(out_.elements_.size());
  gather(0, count);
  for (uint32_t i = 0; i < count; ++i) {
    if (out_.elements_[i].vr == Vr::kItem) gather(i + 1, out_.elements_[i].next);
  }
}

void FileParser::MarkDuplicatesAmong(std::vector<uint32_t>* children) {
  auto& elements = out_.elements_;
  std::stable_sort(children->begin(), children->end(),
                   [&](uint32_t a, uint32_t b) { return elements[a].tag < elements[b].tag; });
  for (size_t i = 1; i < children->size(); ++i) {
    Element& element = elements[(*children)[i]];
    element.duplicate = element.tag == elements[(*children)[i - 1]].tag;
  }
}

void FileParser::IndexTopLevel() {
  const auto& elements = out_.elements_;
  out_.top_.reserve(128);
  for (uint32_t i = 0; i < elements.size(); i = elements[i].next) {
    if (!elements[i].duplicate) out_.top_.push_back(i);
  }
  if (!unordered_) return;
  std::sort(out_.top_.begin(), out_.top_.end(),
            [&](uint32_t a, uint32_t b) { return elements[a].tag < elements[b].tag; });
}

uint16_t FileParser::U16(uint64_t at, bool big_endian) const {
  const auto* p = reinterpret_cast<const uint8_t*>(data() + at);
  return static_cast<uint16_t>(big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

uint32_t FileParser::U32(uint64_t at, bool big_endian) const {
  const uint32_t first = U16(at, big_endian);
  const uint32_t second = U16(at + 2, big_endian);
  return big_endian ? first << 16 | second : second << 16 | first;
}

Tag FileParser::TagAt(uint64_t at, bool big_endian) const {
  return static_cast<Tag>(U16(at, big_endian)) << 16 | U16(at + 2, big_endian);
}

}  // namespace tarn::dicom
