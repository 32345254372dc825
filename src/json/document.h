// A parsed JSON text (RFC 8259) as a flat array of nodes over the text itself: nothing is copied,
// numbers and strings stay as they were written.
//
// Parsing is strict: UTF-8 without byte order mark, no duplicate keys in an object (compared after
// unescaping), numbers by the grammar (`01`, `-`, `1.` are refused), nothing but white space after
// the value. Every error names line, column and byte ("line 3, column 14 (byte 87): ...") and
// never quotes the text, which may be a patient's.
//
// Example: {"a":[1,2]} gives nodes  0 object [0,11) next 4
//                                   1 array  [5,10) next 4, key "a"
//                                   2 number [6,7)  next 3      3 number [8,9) next 4
// The children of a container begin at its index + 1; `next` skips a whole subtree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/limits.h"

namespace tarn::json {

enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct Node {
  uint32_t begin = 0;      // Byte offset of the value in the text; strings include their quotes.
  uint32_t end = 0;        // One past the value.
  uint32_t next = 0;       // Index of the first node after this subtree.
  uint32_t key_begin = 0;  // Offset of the member name's first byte, inside its quotes.
  uint32_t key_bytes = 0;  // As written, still escaped. 0 in arrays and at the root.
  Kind kind = Kind::kNull;
  bool key_escaped = false;  // The name holds a backslash.
  bool in_object = false;    // This node is an object's member.
};

inline constexpr uint32_t kNoNode = UINT32_MAX;
inline constexpr uint32_t kRoot = 0;

// A view over a parsed text. Valid until its Parser parses again or dies.
class Document {
 public:
  std::string_view text() const { return text_; }
  const std::vector<Node>& nodes() const { return *nodes_; }
  const Node& at(uint32_t node) const { return (*nodes_)[node]; }
  Kind kind(uint32_t node) const { return at(node).kind; }

  // The value as written: `"a\u00e9"` with quotes, `1.00`, `{ ... }`.
  std::string_view Raw(uint32_t node) const;
  // The string's value, unescaped; the node must be a kString (CHECK).
  std::string String(uint32_t node) const;
  // The string's bytes when it has no escapes, else empty with *escaped = true. No allocation.
  std::string_view PlainString(uint32_t node, bool* escaped) const;
  // The member name, unescaped.
  std::string Key(uint32_t node) const;
  bool KeyIs(uint32_t node, std::string_view name) const;

  // Children, in order: for (n = FirstChild(p); n != kNoNode; n = NextSibling(p, n)).
  uint32_t FirstChild(uint32_t parent) const;
  uint32_t NextSibling(uint32_t parent, uint32_t child) const;
  // The member of that name, or kNoNode (also when `object` is no object).
  uint32_t Find(uint32_t object, std::string_view name) const;

 private:
  friend class Parser;
  Document(std::string_view text, const std::vector<Node>* nodes) : text_(text), nodes_(nodes) {}
  std::string_view text_;
  const std::vector<Node>* nodes_;
};

// Bytes that must be readable after a text given to ParsePadded.
inline constexpr size_t kPadding = 64;

// Reuses its buffers from text to text; keep one per thread. Not thread-safe.
class Parser {
 public:
  explicit Parser(Limits limits = {});
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Copies `text` into a padded buffer of its own. Errors: kInvalid, kTooLarge.
  Result<Document> Parse(std::string_view text);
  // The same without the copy: `text` must outlive the document, and kPadding bytes after its end
  // must be readable (their content does not matter).
  Result<Document> ParsePadded(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes the inside of a string token (without quotes) that a Parser accepted.
std::string Unescape(std::string_view escaped);

}  // namespace tarn::json
