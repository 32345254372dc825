// The keys of the search index: one for every set of ordinals. Layout and reasons:
// docs/internals/fhir-search.md, "Keys". A posting key is what is here; the number of a chunk
// (ordinal / 65,536, 2 bytes) follows it in the store.
//
//   | type 2 | parameter 2 | kind 1 | value |
//
// No key is a prefix of another one of its type, parameter and kind, so the order of posting keys
// is the order of the stored ones.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/siphash.h"
#include "fhir/definitions.h"
#include "fhir/resource.h"
#include "fhir_store/internal/keys.h"

namespace tarn::fhir_store {

// Stored as numbers: never renumber.
enum class PostingKind : uint8_t {
  kPresent = 0,
  kSeveral = 1,
  kHash = 2,
  kText = 3,
  kPoint = 4,
  kLow = 5,
  kHigh = 6,
  kCanonicalPoint = 7,
  kCanonicalLow = 8,
  kCanonicalHigh = 9,
  kIdentifier = 10,
  kWord = 11,
  kTypedIdentifier = 12,
  kPair = 13,  // | head 11 | tail 5 | kind 1 | value |: of a composite, what is beside a token.
};

inline constexpr size_t kPostingHeadBytes = 11;
inline constexpr size_t kPostingTailBytes = 5;
inline constexpr size_t kPostingTextBytesMax = 48;  // Longer folded texts are cut.
inline constexpr size_t kExactTagBytes = 4;
inline constexpr size_t kPostingChunkBytes = 2;

void AppendPostingPrefix(std::string* out, fhir::TypeId type, fhir::ParameterNumber parameter,
                         PostingKind kind);

// What all posting keys of one type and parameter begin with.
void AppendParameterPrefix(std::string* out, fhir::TypeId type, fhir::ParameterNumber parameter);
// The parameter of a posting key.
fhir::ParameterNumber PostingParameter(std::string_view posting);

// `posting key` with its chunk.
std::string PostingChunkKey(std::string_view posting, uint32_t chunk);
// The chunk of a stored key. Errors: kCorrupt.
Result<uint32_t> PostingChunk(std::string_view stored_key);

// Hashes under the data store's secret.
class PostingHash {
 public:
  explicit PostingHash(std::string_view secret) : hash_(secret) {}  // 16 bytes (CHECK).

  void AppendHead(std::string* out, std::string_view text) const;
  void AppendTail(std::string* out, std::string_view text) const;
  // Of a text as it was written; never zero, which marks a text that `:exact` does not look at.
  void AppendExactTag(std::string* out, std::string_view exact) const;

 private:
  crypto::SipHash hash_;
};

// Heads of values that one parameter must keep apart.
std::string TokenHead(std::string_view key, bool case_sensitive);
std::string UnitTextHead(std::string_view unit);
std::string CanonicalUnitHead(std::string_view unit);
std::string TypedIdentifierHead(std::string_view type_code, std::string_view key);

// The value of a kText key: | folded, at most 48 bytes | end 1 | exact tag 4 |. `exact` null: no
// tag.
void AppendTextValue(std::string* out, std::string_view folded, const std::string_view* exact,
                     const PostingHash& hash);
// A stored kText value taken apart. Errors: kCorrupt.
struct TextValueParts {
  std::string_view folded;  // As far as it is stored.
  bool cut = false;
  std::string_view exact_tag;  // 4 bytes, all zero: none.
};
Result<TextValueParts> ParseTextValue(std::string_view value);

// Ordered values fall into buckets of nested levels, coarsest first. Values are byte strings that
// compare like what they stand for: fhir::AppendTimeKey for dates, fhir::AppendDecimalKey for
// numbers.
class BucketAxis {
 public:
  enum Of { kDate, kInstant, kNumber };
  explicit BucketAxis(Of of) : of_(of) {}

  int levels() const;
  // The finest level at which a value with two ends must have both in one bucket to be a point.
  int point_level() const;
  // | level 1 | bucket |, of the same size for all values of one level; grows with the value.
  std::string Bucket(int level, std::string_view value) const;
  // Whether the bucket of `value` begins (ends) with it, so that nothing smaller (greater) is in
  // it.
  bool IsFirstIn(int level, std::string_view value) const;
  bool IsLastIn(int level, std::string_view value) const;
  // The last bucket of `level` inside the bucket of `value` one level up, and the first one.
  std::string LastBucketWithin(int level, std::string_view value) const;
  std::string FirstBucketWithin(int level, std::string_view value) const;
  // The first and the last bucket of the next level inside `bucket`, one of `level`.
  std::pair<std::string, std::string> Children(int level, std::string_view bucket) const;

 private:
  const Of of_;
};

// A list of posting keys.
class PostingKeys {
 public:
  void Clear();
  // Where the next key is written; Add takes what has been appended since the last Add.
  std::string* bytes() { return &bytes_; }
  void Add();
  // Drops all but the first `size` keys, and what was written of the next one.
  void Truncate(size_t size);
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const;
  std::vector<std::string_view> Sorted() const;  // Without repetitions.
  size_t byte_size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;
};

}  // namespace tarn::fhir_store
