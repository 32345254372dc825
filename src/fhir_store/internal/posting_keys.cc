#include "fhir_store/internal/posting_keys.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir/date_range.h"

namespace tarn::fhir_store {
namespace {

constexpr char kTextWhole = 0;
constexpr char kTextCut = 1;
constexpr size_t kHashTagBytes = 1;

// What keeps heads of different meaning apart within one parameter.
constexpr char kSensitiveToken = 's';
constexpr char kFoldedToken = 'f';
constexpr char kUnitText = 'u';
constexpr char kCanonicalUnit = 'c';
constexpr char kTypedIdentifier = 'i';

constexpr int64_t kMillisecondUs = 1000;
constexpr int64_t kMinuteUs = 60'000'000;
constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kBucketOffset = int64_t{1} << 31;
constexpr size_t kNumberBytes[] = {3, 4};  // Of the decimal key, at each level.

enum DateLevel { kYear = 0, kMonth = 1, kDay = 2, kMinute = 3, kMillisecond = 4 };

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return quotient - (value % by < 0 ? 1 : 0);
}

// Proleptic Gregorian calendar; years are counted from March, so that the leap day is the last of
// its year, in eras of 400 years.
constexpr int64_t kEraDays = 146'097;
constexpr int64_t kMarchYearZero = -719'468;  // 0000-03-01, in days since 1970-01-01.

// Months since 0000-01 of a day since 1970-01-01.
int64_t MonthOf(int64_t day) {
  const int64_t shifted = day - kMarchYearZero;
  const int64_t era = FloorDivide(shifted, kEraDays);
  const int64_t of_era = shifted - era * kEraDays;
  const int64_t year = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  return (era * 400 + year) * 12 + (5 * of_year + 2) / 153 + 2;
}

// The first day of a month.
int64_t FirstDayOf(int64_t month) {
  const int64_t from_march = month - 2;
  const int64_t year = FloorDivide(from_march, 12);
  const int64_t era = FloorDivide(year, 400);
  const int64_t of_era = year - era * 400;
  const int64_t days_before = (153 * (from_march - year * 12) + 2) / 5;
  return era * kEraDays + of_era * 365 + of_era / 4 - of_era / 100 + days_before + kMarchYearZero;
}

int64_t UnitOf(int level) {
  return level == kMillisecond ? kMillisecondUs : level == kMinute ? kMinuteUs : kDayUs;
}

// Times further away than this (year 200,000) share the outermost buckets.
constexpr int64_t kTimeFarUs = int64_t{73'000'000} * kDayUs;

int64_t DateBucket(int level, int64_t us) {
  us = std::clamp(us, -kTimeFarUs, kTimeFarUs);
  if (level >= kDay) return FloorDivide(us, UnitOf(level));
  const int64_t month = MonthOf(FloorDivide(us, kDayUs));
  return level == kYear ? FloorDivide(month, 12) : month;
}

// The first microsecond of a bucket.
int64_t DateBucketStart(int level, int64_t bucket) {
  if (level >= kDay) return bucket * UnitOf(level);
  return FirstDayOf(level == kYear ? bucket * 12 : bucket) * kDayUs;
}

// Of the decimal key, the bytes of one level; short keys are filled up, which keeps the order.
std::string NumberPrefix(int level, std::string_view value, char fill) {
  std::string prefix(value.substr(0, kNumberBytes[level]));
  prefix.resize(kNumberBytes[level], fill);
  return prefix;
}

std::string EncodeDateBucket(int level, int64_t us) {
  std::string out(1, static_cast<char>(level));
  const int64_t bucket = DateBucket(level, us);
  if (level == kMillisecond) {  // 6 bytes.
    constexpr int64_t kHalf = int64_t{1} << 47;
    const auto shifted =
        static_cast<uint64_t>(std::clamp<int64_t>(bucket, -kHalf, kHalf - 1) + kHalf);
    AppendBe16(&out, static_cast<uint16_t>(shifted >> 32));
    AppendBe32(&out, static_cast<uint32_t>(shifted));
    return out;
  }
  const int64_t shifted = std::clamp<int64_t>(bucket, -kBucketOffset, kBucketOffset - 1);
  AppendBe32(&out, static_cast<uint32_t>(shifted + kBucketOffset));
  return out;
}

Error CorruptKey() { return {ErrorKind::kCorrupt, "a stored posting key does not decode"}; }

std::string Tagged(char tag, std::string_view text) {
  std::string head;
  head.reserve(kHashTagBytes + text.size());
  head.push_back(tag);
  head.append(text);
  return head;
}

}  // namespace

void AppendParameterPrefix(std::string* out, fhir::TypeId type, fhir::ParameterNumber parameter) {
  AppendBe16(out, type);
  AppendBe16(out, parameter);
}

fhir::ParameterNumber PostingParameter(std::string_view posting) {
  return LoadBe16(posting.substr(2));
}

void AppendPostingPrefix(std::string* out, fhir::TypeId type, fhir::ParameterNumber parameter,
                         PostingKind kind) {
  AppendBe16(out, type);
  AppendBe16(out, parameter);
  out->push_back(static_cast<char>(kind));
}

std::string PostingChunkKey(std::string_view posting, uint32_t chunk) {
  CHECK(chunk <= UINT16_MAX);
  std::string key;
  key.reserve(posting.size() + kPostingChunkBytes);
  key.append(posting);
  AppendBe16(&key, static_cast<uint16_t>(chunk));
  return key;
}

Result<uint32_t> PostingChunk(std::string_view stored_key) {
  if (stored_key.size() < 5 + kPostingChunkBytes) return CorruptKey();
  return uint32_t{LoadBe16(stored_key.substr(stored_key.size() - kPostingChunkBytes))};
}

void PostingHash::AppendHead(std::string* out, std::string_view text) const {
  const auto hash = hash_(text);
  out->append(hash.data(), kPostingHeadBytes);
}

void PostingHash::AppendTail(std::string* out, std::string_view text) const {
  const auto hash = hash_(text);
  out->append(hash.data(), kPostingTailBytes);
}

void PostingHash::AppendExactTag(std::string* out, std::string_view exact) const {
  const auto hash = hash_(exact);
  const size_t begin = out->size();
  out->append(hash.data(), kExactTagBytes);
  if (LoadBe32(std::string_view(*out).substr(begin)) == 0) out->back() = 1;
}

std::string TokenHead(std::string_view key, bool case_sensitive) {
  return Tagged(case_sensitive ? kSensitiveToken : kFoldedToken, key);
}
std::string UnitTextHead(std::string_view unit) { return Tagged(kUnitText, unit); }
std::string CanonicalUnitHead(std::string_view unit) { return Tagged(kCanonicalUnit, unit); }
std::string TypedIdentifierHead(std::string_view type_code, std::string_view key) {
  std::string head = Tagged(kTypedIdentifier, type_code);
  head.push_back('\0');
  return head.append(key);
}

void AppendTextValue(std::string* out, std::string_view folded, const std::string_view* exact,
                     const PostingHash& hash) {
  const bool cut = folded.size() > kPostingTextBytesMax;
  const size_t begin = out->size();
  out->append(folded.substr(0, kPostingTextBytesMax));
  // The end byte must be smaller than any byte of a text.
  for (size_t i = begin; i < out->size(); ++i) {
    if (static_cast<uint8_t>((*out)[i]) < ' ') (*out)[i] = ' ';
  }
  out->push_back(cut ? kTextCut : kTextWhole);
  if (exact == nullptr) {
    out->append(kExactTagBytes, '\0');
  } else {
    hash.AppendExactTag(out, *exact);
  }
}

Result<TextValueParts> ParseTextValue(std::string_view value) {
  if (value.size() < 1 + kExactTagBytes) return CorruptKey();
  const size_t end = value.size() - 1 - kExactTagBytes;
  if (value[end] != kTextWhole && value[end] != kTextCut) return CorruptKey();
  return TextValueParts{.folded = value.substr(0, end),
                        .cut = value[end] == kTextCut,
                        .exact_tag = value.substr(end + 1)};
}

int BucketAxis::levels() const {
  switch (of_) {
    case kDate:
      return kMinute + 1;
    case kInstant:
      return kMillisecond + 1;
    default:
      return 2;
  }
}

int BucketAxis::point_level() const { return of_ == kNumber ? 1 : kDay; }

std::string BucketAxis::Bucket(int level, std::string_view value) const {
  if (of_ != kNumber) return EncodeDateBucket(level, fhir::DecodeTimeKey(value));
  return std::string(1, static_cast<char>(level)) + NumberPrefix(level, value, '\0');
}

bool BucketAxis::IsFirstIn(int level, std::string_view value) const {
  // A number's key that is not longer than the prefix is alone in its bucket.
  if (of_ == kNumber) return value.size() <= kNumberBytes[level];
  const int64_t us = fhir::DecodeTimeKey(value);
  return us == fhir::kTimeMin || DateBucket(level, us - 1) < DateBucket(level, us);
}

bool BucketAxis::IsLastIn(int level, std::string_view value) const {
  if (of_ == kNumber) return value.size() <= kNumberBytes[level];
  const int64_t us = fhir::DecodeTimeKey(value);
  return us == fhir::kTimeMax || DateBucket(level, us + 1) > DateBucket(level, us);
}

std::string BucketAxis::LastBucketWithin(int level, std::string_view value) const {
  CHECK(level > 0);
  if (of_ == kNumber) {
    std::string prefix = NumberPrefix(level - 1, value, '\0');
    prefix.resize(kNumberBytes[level], '\xff');
    return std::string(1, static_cast<char>(level)) + prefix;
  }
  const int64_t parent = DateBucket(level - 1, fhir::DecodeTimeKey(value));
  return EncodeDateBucket(level, DateBucketStart(level - 1, parent + 1) - 1);
}

std::string BucketAxis::FirstBucketWithin(int level, std::string_view value) const {
  CHECK(level > 0);
  if (of_ == kNumber) {
    std::string prefix = NumberPrefix(level - 1, value, '\0');
    prefix.resize(kNumberBytes[level], '\0');
    return std::string(1, static_cast<char>(level)) + prefix;
  }
  const int64_t parent = DateBucket(level - 1, fhir::DecodeTimeKey(value));
  return EncodeDateBucket(level, DateBucketStart(level - 1, parent));
}

std::pair<std::string, std::string> BucketAxis::Children(int level, std::string_view bucket) const {
  const std::string child(1, static_cast<char>(level + 1));
  const std::string_view number = bucket.substr(1);
  if (of_ == kNumber) {
    const size_t more = kNumberBytes[level + 1] - kNumberBytes[level];
    return {child + std::string(number) + std::string(more, '\0'),
            child + std::string(number) + std::string(more, '\xff')};
  }
  const int64_t decoded = int64_t{LoadBe32(number)} - kBucketOffset;
  return {EncodeDateBucket(level + 1, DateBucketStart(level, decoded)),
          EncodeDateBucket(level + 1, DateBucketStart(level, decoded + 1) - 1)};
}

void PostingKeys::Clear() {
  bytes_.clear();
  ends_.clear();
}

void PostingKeys::Add() { ends_.push_back(static_cast<uint32_t>(bytes_.size())); }

void PostingKeys::Truncate(size_t size) {
  ends_.resize(size);
  bytes_.resize(size == 0 ? 0 : ends_.back());
}

std::string_view PostingKeys::operator[](size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(begin, ends_[i] - begin);
}

std::vector<std::string_view> PostingKeys::Sorted() const {
  std::vector<std::string_view> keys;
  keys.reserve(size());
  for (size_t i = 0; i < size(); ++i) keys.push_back((*this)[i]);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace tarn::fhir_store
