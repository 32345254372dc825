// Encoded forms. All integers are little-endian.
//
//   array    | 1 u8 | count x u16, ascending |                          count <= 4,096
//   runs     | 2 u8 | runs x (start u16, length-1 u16), ascending |     where that is shorter
//   bitset   | 12346 u32 | 1 u32 | key 0 u16 | count-1 u16 | offset 16 u32 | 1,024 x u64 |
//
// The bitset is Roaring's portable format (RoaringFormatSpec) with one container, the one of key 0;
// runs are written where they take fewer than 8,192 bytes.
// Stores of format 1 have all sets in that format, which is still read:
//
//   no runs:  | 12346 u32 | 1 u32 | key 0 u16 | count-1 u16 | offset 16 u32 | container |
//   runs:     | 12347 u16 | 0 u16 | flags 1 u8 | key 0 u16 | count-1 u16 | container |
//
//   container  array (count <= 4,096):  count x u16, ascending
//              bitset (count > 4,096):  1,024 x u64
//              runs:                    runs u16, then runs x (start u16, length-1 u16)
//
// Most sets of an index have one member: 3 bytes now, 18 before.
//
// Decode checks every byte: forms, counts, order of arrays, end and order of runs.
#include "kv/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace tarn::kv {
namespace {

constexpr uint32_t kCookieNoRuns = 12346;
constexpr uint32_t kCookieOneRunContainer = 12347;  // The upper half is the containers minus one.
constexpr uint32_t kArrayCountMax = 4096;
constexpr size_t kBitsetBytes = 8192;
constexpr uint32_t kValueEnd = 65536;
constexpr char kArrayForm = 1;
constexpr char kRunsForm = 2;
constexpr size_t kNoRunsHead = 16;
constexpr size_t kRunsHead = 9;
constexpr size_t kWords = 1024;
// Of two lists, one this many times as long as the other is searched, not read.
constexpr size_t kSearchedRatio = 32;

// Reads little-endian integers; the caller has checked that they are there.
uint16_t Le16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) | static_cast<uint8_t>(bytes[at + 1])
                                                                     << 8);
}
uint32_t Le32(std::string_view bytes, size_t at) {
  return Le16(bytes, at) | static_cast<uint32_t>(Le16(bytes, at + 2)) << 16;
}

bool ArrayIsSound(std::string_view container, uint32_t count) {
  if (container.size() != count * 2) return false;
  for (uint32_t i = 1; i < count; ++i) {
    if (Le16(container, i * 2) <= Le16(container, i * 2 - 2)) return false;
  }
  return true;
}

// The values of (start, length-1) pairs; 0 when they are not ascending ones.
uint32_t CountOfRuns(std::string_view pairs) {
  if (pairs.size() % 4 != 0) return 0;
  uint32_t found = 0;
  uint32_t end = 0;  // Of the run before.
  for (size_t at = 0; at < pairs.size(); at += 4) {
    const uint32_t start = Le16(pairs, at);
    const uint32_t length = Le16(pairs, at + 2) + 1u;
    if (at > 0 && start < end) return 0;
    end = start + length;
    if (end > kValueEnd) return 0;
    found += length;
  }
  return found;
}

void AppendLe16(std::string* out, uint32_t value) {
  out->push_back(static_cast<char>(value));
  out->push_back(static_cast<char>(value >> 8));
}
void AppendLe32(std::string* out, uint32_t value) {
  AppendLe16(out, value & 0xffff);
  AppendLe16(out, value >> 16);
}

using List = std::vector<uint16_t>;
using Words = std::vector<uint64_t>;

bool Has(const Words& words, uint16_t value) {
  return (words[value / 64] >> (value % 64) & 1) != 0;
}

uint32_t CountOf(const Words& words) {
  uint32_t count = 0;
  for (const uint64_t word : words) count += static_cast<uint32_t>(std::popcount(word));
  return count;
}

void SetRange(Words* words, uint32_t begin, uint32_t end) {
  while (begin < end) {
    const uint32_t bit = begin % 64;
    const uint32_t size = std::min(64 - bit, end - begin);
    const uint64_t ones = size == 64 ? ~uint64_t{0} : (uint64_t{1} << size) - 1;
    (*words)[begin / 64] |= ones << bit;
    begin += size;
  }
}

// The runs of ones.
uint32_t RunsOf(const Words& words) {
  uint32_t runs = 0;
  uint64_t before = 0;  // The last bit of the word before.
  for (const uint64_t word : words) {
    runs += static_cast<uint32_t>(std::popcount(word & ~(word << 1 | before)));
    before = word >> 63;
  }
  return runs;
}

// Calls `visit` for every value, ascending.
template <typename Visit>
void ForEach(const Words& words, const Visit& visit) {
  for (size_t i = 0; i < words.size(); ++i) {
    for (uint64_t word = words[i]; word != 0; word &= word - 1) {
      visit(static_cast<uint16_t>(i * 64 + static_cast<size_t>(std::countr_zero(word))));
    }
  }
}

// Keeps of `list` what `keep` says.
template <typename Keep>
void Filter(List* list, const Keep& keep) {
  list->erase(
      std::remove_if(list->begin(), list->end(), [&keep](uint16_t value) { return !keep(value); }),
      list->end());
}

// Calls `visit` for every value that both lists have, ascending.
template <typename Visit>
void ForEachCommon(const List& a, const List& b, const Visit& visit) {
  const List& few = a.size() < b.size() ? a : b;
  const List& many = a.size() < b.size() ? b : a;
  auto place = many.begin();
  const bool searched = many.size() / kSearchedRatio > few.size();
  for (const uint16_t value : few) {
    if (searched) {
      place = std::lower_bound(place, many.end(), value);
    } else {
      while (place != many.end() && *place < value) ++place;
    }
    if (place == many.end()) return;
    if (*place == value) visit(value);
  }
}

List ReadList(std::string_view content) {
  List list(content.size() / 2);
  for (size_t i = 0; i < list.size(); ++i) list[i] = Le16(content, i * 2);
  return list;
}

// Words of 8 bytes, as they are stored.
Words ReadWords(std::string_view content) {
  Words words(kWords);
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(words.data(), content.data(), kBitsetBytes);
  } else {
    for (size_t i = 0; i < kWords; ++i) {
      words[i] = Le32(content, i * 8) | uint64_t{Le32(content, i * 8 + 4)} << 32;
    }
  }
  return words;
}

// The parts of an encoded set; `count` 0: malformed as far as form and sizes tell.
struct Form {
  enum class Kind : uint8_t { kList, kRuns, kWords };
  Kind kind = Kind::kList;
  std::string_view content;
  uint32_t count = 0;
};

Form FormOf(std::string_view bytes) {
  const auto list = [](std::string_view content) -> Form {
    const size_t count = content.size() / 2;
    if (content.size() % 2 != 0 || count > kArrayCountMax) return {};
    return {Form::Kind::kList, content, static_cast<uint32_t>(count)};
  };
  if (bytes[0] == kArrayForm) return list(bytes.substr(1));
  if (bytes[0] == kRunsForm) {
    return {Form::Kind::kRuns, bytes.substr(1), CountOfRuns(bytes.substr(1))};
  }
  if (bytes.size() < kRunsHead) return {};
  const uint32_t cookie = Le32(bytes, 0);
  if (cookie == kCookieNoRuns) {
    if (bytes.size() < kNoRunsHead || Le32(bytes, 4) != 1) return {};
    if (Le16(bytes, 8) != 0 || Le32(bytes, 12) != kNoRunsHead) return {};
    const uint32_t count = Le16(bytes, 10) + 1u;
    const std::string_view content = bytes.substr(kNoRunsHead);
    if (count <= kArrayCountMax) {
      const Form form = list(content);
      return form.count == count ? form : Form();
    }
    if (content.size() != kBitsetBytes) return {};
    return {Form::Kind::kWords, content, count};
  }
  if (cookie != kCookieOneRunContainer || bytes[4] != 1 || Le16(bytes, 5) != 0) return {};
  const std::string_view container = bytes.substr(kRunsHead);
  if (container.size() < 2 || container.size() != 2 + size_t{Le16(container, 0)} * 4) return {};
  const uint32_t count = CountOfRuns(container.substr(2));
  if (count != Le16(bytes, 7) + 1u) return {};
  return {Form::Kind::kRuns, container.substr(2), count};
}

Error Malformed() { return {ErrorKind::kCorrupt, "bitmap chunk: malformed"}; }

}  // namespace

Bits::Bits(const std::vector<uint16_t>& values) : list_(values) {
  std::sort(list_.begin(), list_.end());
  list_.erase(std::unique(list_.begin(), list_.end()), list_.end());
  if (list_.size() > kArrayCountMax) ToWords();
}

Bits::Bits(Bits&& other) noexcept
    : list_(std::exchange(other.list_, {})),
      words_(std::exchange(other.words_, {})),
      word_count_(std::exchange(other.word_count_, 0)) {}

Bits& Bits::operator=(Bits&& other) noexcept {
  if (this == &other) return *this;
  list_ = std::exchange(other.list_, {});
  words_ = std::exchange(other.words_, {});
  word_count_ = std::exchange(other.word_count_, 0);
  return *this;
}

void Bits::ToWords() {
  if (!words_.empty()) return;
  words_.resize(kWords);
  for (const uint16_t value : list_) words_[value / 64] |= uint64_t{1} << value % 64;
  word_count_ = static_cast<uint32_t>(list_.size());
  list_ = {};
}

void Bits::ToListWhenFew() {
  if (words_.empty() || word_count_ > kArrayCountMax) return;
  list_.reserve(word_count_);
  ForEach(words_, [this](uint16_t value) { list_.push_back(value); });
  words_ = {};
  word_count_ = 0;
}

void Bits::Add(uint16_t value) {
  if (words_.empty()) {
    const auto place = std::lower_bound(list_.begin(), list_.end(), value);
    if (place != list_.end() && *place == value) return;
    if (list_.size() < kArrayCountMax) {
      list_.insert(place, value);
      return;
    }
    ToWords();
  }
  if (!Has(words_, value)) ++word_count_;
  words_[value / 64] |= uint64_t{1} << value % 64;
}

void Bits::AddRange(uint32_t begin, uint32_t end) {
  CHECK(end <= kValueEnd);
  if (begin >= end) return;
  ToWords();
  SetRange(&words_, begin, end);
  word_count_ = CountOf(words_);
  ToListWhenFew();
}

void Bits::Remove(uint16_t value) {
  if (!Contains(value)) return;
  if (words_.empty()) {
    list_.erase(std::lower_bound(list_.begin(), list_.end(), value));
    return;
  }
  words_[value / 64] &= ~(uint64_t{1} << value % 64);
  --word_count_;
  ToListWhenFew();
}

bool Bits::Contains(uint16_t value) const {
  return words_.empty() ? std::binary_search(list_.begin(), list_.end(), value)
                        : Has(words_, value);
}

void Bits::UnionWith(const Bits& other) {
  if (other.IsEmpty()) return;
  if (IsEmpty()) {
    *this = other;
    return;
  }
  if (words_.empty() && other.words_.empty() &&
      list_.size() + other.list_.size() <= kArrayCountMax) {
    List both;
    both.reserve(list_.size() + other.list_.size());
    std::set_union(list_.begin(), list_.end(), other.list_.begin(), other.list_.end(),
                   std::back_inserter(both));
    list_ = std::move(both);
    return;
  }
  ToWords();
  if (other.words_.empty()) {
    for (const uint16_t value : other.list_) words_[value / 64] |= uint64_t{1} << value % 64;
  } else {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
  }
  word_count_ = CountOf(words_);
  ToListWhenFew();
}

void Bits::IntersectWith(const Bits& other) {
  if (words_.empty() && !other.words_.empty()) {
    Filter(&list_, [&other](uint16_t value) { return Has(other.words_, value); });
    return;
  }
  if (words_.empty() || other.words_.empty()) {
    List common;
    if (words_.empty()) {
      ForEachCommon(list_, other.list_, [&common](uint16_t value) { common.push_back(value); });
    } else {
      common = other.list_;
      Filter(&common, [this](uint16_t value) { return Has(words_, value); });
    }
    list_ = std::move(common);
    words_ = {};
    word_count_ = 0;
    return;
  }
  for (size_t i = 0; i < kWords; ++i) words_[i] &= other.words_[i];
  word_count_ = CountOf(words_);
  ToListWhenFew();
}

void Bits::Subtract(const Bits& other) {
  if (words_.empty()) {
    if (!other.words_.empty()) {
      Filter(&list_, [&other](uint16_t value) { return !Has(other.words_, value); });
      return;
    }
    auto theirs = other.list_.begin();
    Filter(&list_, [&](uint16_t value) {
      while (theirs != other.list_.end() && *theirs < value) ++theirs;
      return theirs == other.list_.end() || *theirs != value;
    });
    return;
  }
  if (other.words_.empty()) {
    for (const uint16_t value : other.list_) words_[value / 64] &= ~(uint64_t{1} << value % 64);
  } else {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= ~other.words_[i];
  }
  word_count_ = CountOf(words_);
  ToListWhenFew();
}

uint32_t Bits::IntersectionCount(const Bits& other) const {
  uint32_t count = 0;
  if (!words_.empty() && !other.words_.empty()) {
    for (size_t i = 0; i < kWords; ++i) {
      count += static_cast<uint32_t>(std::popcount(words_[i] & other.words_[i]));
    }
  } else if (words_.empty() && other.words_.empty()) {
    ForEachCommon(list_, other.list_, [&count](uint16_t) { ++count; });
  } else {
    const Words& words = words_.empty() ? other.words_ : words_;
    for (const uint16_t value : words_.empty() ? list_ : other.list_) count += Has(words, value);
  }
  return count;
}

std::vector<uint16_t> Bits::Values() const {
  if (words_.empty()) return list_;
  std::vector<uint16_t> values;
  values.reserve(word_count_);
  ForEach(words_, [&values](uint16_t value) { values.push_back(value); });
  return values;
}

std::string Bits::Encode() const {
  if (words_.empty()) return EncodeBits(list_);
  std::string bytes;
  const size_t runs = RunsOf(words_);
  if (2 + 4 * runs < kBitsetBytes) {
    bytes.reserve(1 + 4 * runs);
    bytes.push_back(kRunsForm);
    uint32_t begin = kValueEnd;
    uint32_t end = kValueEnd;  // Of the run so far.
    const auto write = [&] {
      AppendLe16(&bytes, begin);
      AppendLe16(&bytes, end - begin - 1);
    };
    ForEach(words_, [&](uint16_t value) {
      if (value != end) {
        if (begin != kValueEnd) write();
        begin = value;
      }
      end = value + 1u;
    });
    write();
    return bytes;
  }
  bytes.reserve(kNoRunsHead + kBitsetBytes);
  AppendLe32(&bytes, kCookieNoRuns);
  AppendLe32(&bytes, 1);
  AppendLe16(&bytes, 0);
  AppendLe16(&bytes, word_count_ - 1);
  AppendLe32(&bytes, kNoRunsHead);
  if constexpr (std::endian::native == std::endian::little) {
    bytes.resize(kNoRunsHead + kBitsetBytes);
    std::memcpy(bytes.data() + kNoRunsHead, words_.data(), kBitsetBytes);
    return bytes;
  }
  for (const uint64_t word : words_) {
    AppendLe32(&bytes, static_cast<uint32_t>(word));
    AppendLe32(&bytes, static_cast<uint32_t>(word >> 32));
  }
  return bytes;
}

Result<Bits> Bits::Decode(std::string_view bytes) {
  Bits bits;
  if (bytes.empty()) return bits;
  const Form form = FormOf(bytes);
  if (form.count == 0 || form.count > kValueEnd) return Malformed();
  switch (form.kind) {
    case Form::Kind::kList:
      if (!ArrayIsSound(form.content, form.count)) return Malformed();
      bits.list_ = ReadList(form.content);
      return bits;
    case Form::Kind::kWords:
      bits.words_ = ReadWords(form.content);
      bits.word_count_ = CountOf(bits.words_);
      if (bits.word_count_ != form.count) return Malformed();
      return bits;
    case Form::Kind::kRuns:
      break;
  }
  // CountOfRuns has looked at all of them.
  if (form.count > kArrayCountMax) {
    bits.words_.resize(kWords);
    bits.word_count_ = form.count;
  } else {
    bits.list_.reserve(form.count);
  }
  for (size_t at = 0; at < form.content.size(); at += 4) {
    const uint32_t begin = Le16(form.content, at);
    const uint32_t end = begin + Le16(form.content, at + 2) + 1u;
    if (!bits.words_.empty()) {
      SetRange(&bits.words_, begin, end);
    } else {
      for (uint32_t value = begin; value < end; ++value) {
        bits.list_.push_back(static_cast<uint16_t>(value));
      }
    }
  }
  return bits;
}

Result<uint32_t> CountBits(std::string_view bytes) {
  if (bytes.empty()) return uint32_t{0};
  const uint32_t count = FormOf(bytes).count;
  if (count == 0 || count > kValueEnd) return Malformed();
  return count;
}

std::string EncodeBits(std::span<const uint16_t> values) {
  std::string bytes;
  if (values.empty()) return bytes;
  if (values.size() > kArrayCountMax) return Bits({values.begin(), values.end()}).Encode();
  size_t runs = 1;
  for (size_t i = 1; i < values.size(); ++i) {
    CHECK(values[i] > values[i - 1]);
    if (values[i] != values[i - 1] + 1) ++runs;
  }
  if (2 * values.size() <= 4 * runs) {
    bytes.reserve(1 + 2 * values.size());
    bytes.push_back(kArrayForm);
    for (const uint16_t value : values) AppendLe16(&bytes, value);
    return bytes;
  }
  bytes.reserve(1 + 4 * runs);
  bytes.push_back(kRunsForm);
  for (size_t i = 0; i < values.size();) {
    const size_t begin = i++;
    while (i < values.size() && values[i] == values[i - 1] + 1) ++i;
    AppendLe16(&bytes, values[begin]);
    AppendLe16(&bytes, static_cast<uint32_t>(i - begin - 1));
  }
  return bytes;
}

bool DecodeFewBits(std::string_view bytes, size_t count_max, std::vector<uint16_t>* values) {
  values->clear();
  if (bytes.empty()) return true;
  if (bytes[0] != kArrayForm || bytes.size() > 1 + 2 * count_max) return false;
  const std::string_view content = bytes.substr(1);
  if (content.empty() || !ArrayIsSound(content, static_cast<uint32_t>(content.size() / 2))) {
    return false;
  }
  for (size_t at = 0; at < content.size(); at += 2) values->push_back(Le16(content, at));
  return true;
}

bool operator==(const Bits& a, const Bits& b) { return a.list_ == b.list_ && a.words_ == b.words_; }

}  // namespace tarn::kv
