// The elements of a data set (PS3.5 7).
#include <algorithm>
#include <string>
#include <utility>

#include "dicom/internal/file_parser.h"

namespace tarn::dicom {

Error FileParser::EndsInside(Tag tag) const {
  return Invalid("the file ends inside DICOM attribute " + AttributeName(tag));
}

Status FileParser::ReadDataSet(uint64_t at, Encoding encoding) {
  top_encoding_ = encoding;
  for (bool done = false; !done;) {
    Status status = Step(&at, &done);
    if (status.ok()) continue;
    if (status.error().kind != ErrorKind::kInvalid || !Abandon(&at)) return status;
  }
  return Ok();
}

Status FileParser::Step(uint64_t* at, bool* done) {
  CloseFinished(*at);
  if (stopped_ || (stack_.empty() && *at == total_)) {
    *done = true;
    return Ok();
  }
  if (*at == total_) return EndsInside(out_.elements_[stack_.back().element].tag);
  if (!stack_.empty() && !stack_.back().is_item) return ReadInSequence(at);
  return ReadElement(at);
}

// Gives up the innermost attempt to read a UN value as a sequence.
bool FileParser::Abandon(uint64_t* at) {
  if (attempts_.empty()) return false;
  const Attempt attempt = attempts_.back();
  attempts_.pop_back();
  stack_.resize(attempt.stack_size);
  out_.elements_.resize(attempt.element + 1);
  Element& element = out_.elements_.back();
  element.vr = Vr::kUn;
  element.offset = attempt.value;
  element.length = attempt.length;
  element.next = attempt.element + 1;
  *at = attempt.value + attempt.length;
  return true;
}

void FileParser::CloseFinished(uint64_t at) {
  while (!stack_.empty() && stack_.back().end == at) {
    out_.elements_[stack_.back().element].next = static_cast<uint32_t>(out_.elements_.size());
    stack_.pop_back();
    if (!attempts_.empty() && attempts_.back().stack_size == stack_.size()) attempts_.pop_back();
  }
}

// Between the items of a sequence.
Status FileParser::ReadInSequence(uint64_t* at) {
  const Open& sequence = stack_.back();
  const Tag sequence_tag = out_.elements_[sequence.element].tag;
  if (ContainerEnd() - *at < 8) return EndsInside(sequence_tag);
  TRY(Need(*at + 8));
  const bool big_endian = sequence.encoding.big_endian;
  const Tag tag = TagAt(*at, big_endian);
  const uint32_t length = U32(*at + 4, big_endian);
  *at += 8;
  if (tag == kSequenceDelimitation) return CloseByDelimiter(tag);
  if (tag != kItem) {
    return Invalid("DICOM attribute " + AttributeName(sequence_tag) +
                   " is a sequence with something else than items");
  }
  const uint64_t end = length == kUndefinedLength ? kUndefinedEnd : *at + length;
  const uint64_t limit = ContainerEnd();
  if (end != kUndefinedEnd && end > limit) {
    return Invalid("an item of DICOM attribute " + AttributeName(sequence_tag) +
                   " is longer than the sequence");
  }
  const Encoding encoding = sequence.encoding;
  TRY(const uint32_t index, Add({kItem, Vr::kItem, 0, *at}, encoding));
  stack_.push_back({index, end, std::min(end, limit), encoding, 0, true});
  return Ok();
}

Status FileParser::CloseByDelimiter(Tag tag) {
  // Items of undefined length whose delimiter is missing end with their sequence.
  while (!stack_.empty()) {
    const Open open = stack_.back();
    if (open.end != kUndefinedEnd) break;
    stack_.pop_back();
    out_.elements_[open.element].next = static_cast<uint32_t>(out_.elements_.size());
    if (open.is_item == (tag == kItemDelimitation)) return Ok();
    if (!open.is_item) break;
  }
  return Invalid("a sequence or item ends where none of undefined length is open");
}

Status FileParser::ReadElement(uint64_t* at) {
  const Encoding encoding = stack_.empty() ? top_encoding_ : stack_.back().encoding;
  const uint64_t end = ContainerEnd();
  if (stack_.empty() && out_.pixel_data_.tag != 0) {
    TRY(CheckTrailingBytes(*at));
    if (stopped_) return Ok();
  }
  if (end - *at < 8) {
    return stack_.empty() ? Invalid("the file ends inside an element's header")
                          : EndsInside(out_.elements_[stack_.back().element].tag);
  }
  TRY(Need(*at + 8));
  const Tag tag = TagAt(*at, encoding.big_endian);
  if (tag == kItemDelimitation || tag == kSequenceDelimitation) {
    *at += 8;
    return CloseByDelimiter(tag);
  }
  TRY(Header header, ReadHeader(*at, encoding));
  Tag& last = stack_.empty() ? last_top_tag_ : stack_.back().last_tag;
  if (header.tag <= last) unordered_ = true;
  last = std::max(last, header.tag);
  *at = header.value;
  if (header.value > end) return EndsInside(header.tag);
  const bool pixel_data = header.tag == kPixelData || header.tag == kFloatPixelData ||
                          header.tag == kDoubleFloatPixelData;
  if (pixel_data && stack_.empty()) return AddPixelData(header, encoding, at);
  if (header.length == kUndefinedLength) {
    const bool bytes = !header.written_as_un && IsBinary(header.vr) && header.vr != Vr::kUn;
    if (bytes) return SkipNestedFragments(header, encoding, at);
    if (header.vr != Vr::kSq && header.vr != Vr::kUn && !header.written_as_un) {
      return Invalid("DICOM attribute " + AttributeName(header.tag) + " has no length");
    }
    // PS3.5 6.2.2 note 2: UN of undefined length is a sequence in implicit little endian.
    Encoding inside = encoding;
    if (header.vr == Vr::kUn || header.written_as_un) inside = {false, false};
    return OpenSequence(header, inside, at);
  }
  if (header.length > end - header.value) {
    return stack_.empty() ? EndsInside(header.tag)
                          : Invalid("DICOM attribute " + AttributeName(header.tag) +
                                    " is longer than the item that it is in");
  }
  if (header.vr == Vr::kSq) {
    if (!header.written_as_un) return OpenSequence(header, encoding, at);
    attempts_.push_back(
        {stack_.size(), static_cast<uint32_t>(out_.elements_.size()), header.value, header.length});
    return OpenSequence(header, {false, false}, at);
  }
  return AddValue(header, encoding, at);
}

// Behind the pixel data, files are filled up to the size of a block: what is too short for an
// element, or begins with a tag of zeros, is no part of the data set.
Status FileParser::CheckTrailingBytes(uint64_t at) {
  if (total_ - at >= 8) {
    TRY(Need(at + 8));
    if (TagAt(at, false) != 0) return Ok();
  }
  stopped_ = true;
  out_.has_trailing_bytes_ = true;
  return Ok();
}

Result<FileParser::Header> FileParser::ReadHeader(uint64_t at, Encoding encoding) {
  Header header;
  header.tag = TagAt(at, encoding.big_endian);
  if (!encoding.explicit_vr) {
    header.length = U32(at + 4, encoding.big_endian);
    header.value = at + 8;
    ResolveVr(&header, encoding);
    return header;
  }
  const char first = data()[at + 4];
  const char second = data()[at + 5];
  const auto vr = ParseVr(first, second);
  header.vr = vr.value_or(Vr::kUn);
  header.written_as_un = header.vr == Vr::kUn;
  // A VR of a later edition has the long form (PS3.5 7.1.2); what is no VR at all was never more
  // than 16 bits.
  const bool letters = first >= 'A' && first <= 'Z' && second >= 'A' && second <= 'Z';
  if (vr ? HasLongLength(*vr) : letters) {
    if (total_ - at < 12) return EndsInside(header.tag);
    TRY(Need(at + 12));
    header.length = U32(at + 8, encoding.big_endian);
    header.value = at + 12;
  } else {
    header.length = U16(at + 6, encoding.big_endian);
    header.value = at + 8;
  }
  if (header.written_as_un) ResolveVr(&header, encoding);
  return header;
}

// The VR of an element that does not state it.
void FileParser::ResolveVr(Header* header, Encoding) const {
  if (ElementOf(header->tag) == 0) {
    header->vr = Vr::kUl;
    return;
  }
  if (IsPrivate(header->tag)) {
    header->vr = IsPrivateCreator(header->tag) ? Vr::kLo : Vr::kUn;
    return;
  }
  const auto entry = FindAttribute(header->tag);
  if (!entry) return;
  header->vr = entry->signed_by_pixels && signed_pixels_ ? Vr::kSs : entry->vr;
}

Result<uint32_t> FileParser::Add(const Header& header, Encoding encoding) {
  const size_t index = out_.elements_.size();
  if (index >= limits_.elements_max) {
    return Error{ErrorKind::kTooLarge,
                 "the file has more than " + std::to_string(limits_.elements_max) + " elements"};
  }
  Element element;
  element.tag = header.tag;
  element.vr = header.vr;
  element.offset = header.value;
  element.length = header.length;
  element.next = static_cast<uint32_t>(index + 1);
  // The stack holds a sequence and an item a level.
  element.depth = static_cast<uint8_t>((stack_.size() + 1) / 2);
  element.big_endian = encoding.big_endian && !header.written_as_un;
  out_.elements_.push_back(element);
  return static_cast<uint32_t>(index);
}

Status FileParser::OpenSequence(const Header& header, Encoding inside, uint64_t* at) {
  if (stack_.size() / 2 >= limits_.depth_max) {
    return Invalid("DICOM attribute " + AttributeName(header.tag) + " is nested deeper than " +
                   std::to_string(limits_.depth_max) + " sequences");
  }
  const uint64_t end =
      header.length == kUndefinedLength ? kUndefinedEnd : header.value + header.length;
  const uint64_t limit = std::min(end, ContainerEnd());
  Header row = header;
  row.vr = Vr::kSq;
  row.length = 0;
  TRY(const uint32_t index, Add(row, inside));
  stack_.push_back({index, end, limit, inside, 0, false});
  *at = header.value;
  return Ok();
}

Status FileParser::AddValue(const Header& header, Encoding encoding, uint64_t* at) {
  if (header.length > limits_.value_bytes_max) {
    return Error{ErrorKind::kTooLarge, "DICOM attribute " + AttributeName(header.tag) +
                                           " has more than " +
                                           std::to_string(limits_.value_bytes_max) + " bytes"};
  }
  TRY(CheckHeaderBytes(header.value + header.length));
  TRY(Need(header.value + header.length));
  TRY(const uint32_t index, Add(header, encoding));
  if (header.tag == kPixelRepresentation && stack_.empty() && header.length >= 2) {
    signed_pixels_ = U16(header.value, out_.elements_[index].big_endian) == 1;
  }
  *at = header.value + header.length;
  return Ok();
}

}  // namespace tarn::dicom
