// Why not simdjson's own on-demand or DOM interface: on-demand accepts `01` and any depth and
// unescapes lazily, DOM loses numbers as written; both hide the offsets that a node needs. The
// structural index is what makes simdjson fast, and a walk over it that checks every byte it
// passes is short:
//
//   text    {"a": [1, "b"]}
//   index   0 1 4 6 7 8 10 13 14 | 15
//
// A string's end is the last quote before the next index entry (only white space may be between),
// so strings are never scanned; a scalar's end is where its grammar ends, and the byte there must
// be white space or the next index entry.
#include "json/internal/walk.h"

#include <algorithm>
#include <cstring>

#include "json/internal/strict_scan.h"
#include "json/internal/token.h"

namespace tarn::json::internal {
namespace {

using Frame = WalkBuffers::Frame;
using Name = WalkBuffers::Name;

constexpr std::string_view kDuplicateName = "a member name that the object already has";

// Above this many members, duplicates are found by sorting at the object's end, not by comparing
// with every earlier name.
constexpr uint32_t kPairwiseMembersMax = 16;

// FNV-1a. Anyone can make names collide in it: it only speeds the sort up, which falls back to
// comparing the names themselves and stays O(n log n) whatever they are.
uint64_t HashName(std::string_view name) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  return hash;
}

class Walker {
 public:
  Walker(std::string_view text, const uint32_t* index, uint32_t count, const Limits& limits,
         WalkBuffers* buffers)
      : text_(text), index_(index), count_(count), limits_(limits), buffers_(*buffers) {}

  WalkFault Run() {
    buffers_.nodes.clear();
    buffers_.frames.clear();
    next_backslash_ = FindBackslash(0);
    if (!Values()) return fault_;
    if (at_ < count_) return {Offset(), "something after the value"};
    return {};
  }

 private:
  bool Fail(size_t offset, std::string_view what) {
    fault_ = {offset, what};
    return false;
  }

  uint32_t Offset() const { return index_[at_]; }
  // The structural byte at hand, or NUL at the end; a NUL in the text fits nowhere either.
  char Peek() const { return at_ < count_ ? text_[index_[at_]] : '\0'; }

  uint32_t FindBackslash(size_t from) const {
    const size_t found = text_.find('\\', from);
    return found == std::string_view::npos ? UINT32_MAX : static_cast<uint32_t>(found);
  }

  bool Values() {
    Node node;  // What is known of the next value before its token: its member name.
    for (;;) {
      bool opened = false;
      if (!Value(&node, &opened)) return false;
      if (!opened && !AfterValue()) return false;
      if (buffers_.frames.empty()) return true;
      node = Node();
      if (buffers_.frames.back().is_object && !MemberName(&node)) return false;
    }
  }

  // Reads a scalar or an empty container, or enters a container.
  bool Value(Node* node, bool* opened) {
    if (at_ >= count_) return Fail(text_.size(), "the text ends where a value should be");
    if (buffers_.nodes.size() >= limits_.nodes_max) {
      return Fail(Offset(), "too many values");
    }
    node->begin = Offset();
    node->next = static_cast<uint32_t>(buffers_.nodes.size()) + 1;
    switch (text_[node->begin]) {
      case '"':
        node->kind = Kind::kString;
        if (!String(&node->end, nullptr)) return false;
        break;
      case '{':
        return Open(node, Kind::kObject, opened);
      case '[':
        return Open(node, Kind::kArray, opened);
      case 't':
        if (!Literal(node, Kind::kTrue, "true")) return false;
        break;
      case 'f':
        if (!Literal(node, Kind::kFalse, "false")) return false;
        break;
      case 'n':
        if (!Literal(node, Kind::kNull, "null")) return false;
        break;
      default:
        if (!Number(node)) return false;
    }
    buffers_.nodes.push_back(*node);
    return true;
  }

  bool Open(Node* node, Kind kind, bool* opened) {
    if (buffers_.frames.size() >= limits_.depth_max) {
      return Fail(node->begin, kTooDeep);
    }
    ++at_;
    node->kind = kind;
    const bool is_object = kind == Kind::kObject;
    if (Peek() == (is_object ? '}' : ']')) {
      node->end = Offset() + 1;
      ++at_;
    } else {
      Frame frame;
      frame.node = node->next - 1;
      frame.is_object = is_object;
      buffers_.frames.push_back(frame);
      *opened = true;
    }
    buffers_.nodes.push_back(*node);
    return true;
  }

  // Closes every container that ends here, or steps over a comma.
  bool AfterValue() {
    while (!buffers_.frames.empty()) {
      const Frame& frame = buffers_.frames.back();
      const char c = Peek();
      if (c == ',') {
        ++at_;
        return true;
      }
      if (c != (frame.is_object ? '}' : ']')) {
        return Fail(at_ < count_ ? Offset() : text_.size(),
                    "',' or the end of the array or object should be here");
      }
      Node& node = buffers_.nodes[frame.node];
      node.end = Offset() + 1;
      node.next = static_cast<uint32_t>(buffers_.nodes.size());
      if (frame.members > kPairwiseMembersMax && !CheckManyNames(frame)) return false;
      ++at_;
      buffers_.frames.pop_back();
    }
    return true;
  }

  // Steps over the string at hand; `end` is set to one past its closing quote.
  bool String(uint32_t* end, bool* escaped) {
    const uint32_t begin = Offset();
    ++at_;
    uint32_t close = index_[at_] - 1;  // index_[count_] is the text's size.
    while (close > begin && IsSpace(text_[close])) --close;
    if (close == begin || text_[close] != '"') return Fail(begin, "the string never ends");
    *end = close + 1;
    if (next_backslash_ >= close) return true;
    if (escaped != nullptr) *escaped = true;
    const size_t bad = FirstBadEscape(text_.substr(begin + 1, close - begin - 1));
    if (bad != kAllValid) return Fail(begin + 1 + bad, "not an escape sequence of JSON");
    next_backslash_ = FindBackslash(close);
    return true;
  }

  bool MemberName(Node* node) {
    if (Peek() != '"') {
      return Fail(at_ < count_ ? Offset() : text_.size(), "a member name should be here");
    }
    uint32_t end = 0;
    node->in_object = true;
    node->key_begin = Offset() + 1;
    if (!String(&end, &node->key_escaped)) return false;
    node->key_bytes = end - 1 - node->key_begin;
    if (Peek() != ':') return Fail(at_ < count_ ? Offset() : text_.size(), "':' should be here");
    ++at_;
    return CheckFewNames(*node);
  }

  bool Literal(Node* node, Kind kind, std::string_view word) {
    node->kind = kind;
    if (text_.compare(node->begin, word.size(), word) != 0) {
      return Fail(node->begin, "no value begins like this");
    }
    return EndOfToken(node, node->begin + word.size());
  }

  bool Number(Node* node) {
    node->kind = Kind::kNumber;
    const char first = text_[node->begin];
    if (first != '-' && !IsDigit(first)) return Fail(node->begin, "no value begins like this");
    const size_t space = index_[at_ + 1] - node->begin;
    const size_t bytes = NumberBytes(text_.substr(node->begin, space));
    if (bytes == 0) return Fail(node->begin, "not a number");
    if (bytes > limits_.number_bytes_max) {
      return Fail(node->begin, "the number is too long");
    }
    return EndOfToken(node, node->begin + bytes);
  }

  // A scalar ends at white space or at the next structural byte. Anything after white space is in
  // the index itself, so one byte decides.
  bool EndOfToken(Node* node, size_t end) {
    ++at_;
    if (end > index_[at_] || (end < index_[at_] && !IsSpace(text_[end]))) {
      return Fail(end, "the number or word goes on wrongly");
    }
    node->end = static_cast<uint32_t>(end);
    return true;
  }

  std::string_view RawName(const Node& node) const {
    return text_.substr(node.key_begin, node.key_bytes);
  }

  // Compares the new member's name with the earlier ones while they are few.
  bool CheckFewNames(const Node& node) {
    Frame& frame = buffers_.frames.back();
    const std::string_view name = RawName(node);
    uint32_t mix = node.key_bytes;
    if (!name.empty()) {
      mix += static_cast<uint8_t>(name.front()) * 5u + static_cast<uint8_t>(name.back()) * 11u;
    }
    const uint64_t bit = 1ull << (mix & 63);
    frame.escaped_names |= node.key_escaped;
    // Counting past the bound sends the object to CheckManyNames at its end.
    if (++frame.members > kPairwiseMembersMax) return true;
    if (frame.escaped_names) return CheckEscapedName(frame, node);
    if ((frame.names_seen & bit) != 0) {
      const auto end = static_cast<uint32_t>(buffers_.nodes.size());
      for (uint32_t i = frame.node + 1; i < end; i = buffers_.nodes[i].next) {
        if (RawName(buffers_.nodes[i]) == name) return Fail(node.key_begin - 1, kDuplicateName);
      }
    }
    frame.names_seen |= bit;
    return true;
  }

  bool CheckEscapedName(const Frame& frame, const Node& node) {
    const std::string name = Unescape(RawName(node));
    const auto end = static_cast<uint32_t>(buffers_.nodes.size());
    for (uint32_t i = frame.node + 1; i < end; i = buffers_.nodes[i].next) {
      const Node& other = buffers_.nodes[i];
      const bool same =
          other.key_escaped ? Unescape(RawName(other)) == name : RawName(other) == name;
      if (same) return Fail(node.key_begin - 1, kDuplicateName);
    }
    return true;
  }

  // All names of a large object at its end: sorted, duplicates are neighbours. Names with escapes
  // are decoded into one buffer first; decoding never makes them longer.
  bool CheckManyNames(const Frame& frame) {
    std::vector<Name>& names = buffers_.names;
    names.clear();
    const auto end = static_cast<uint32_t>(buffers_.nodes.size());
    size_t escaped_bytes = 0;
    for (uint32_t i = frame.node + 1; i < end; i = buffers_.nodes[i].next) {
      names.push_back({0, RawName(buffers_.nodes[i]), i});
      if (buffers_.nodes[i].key_escaped) escaped_bytes += buffers_.nodes[i].key_bytes;
    }
    buffers_.unescaped.clear();
    buffers_.unescaped.reserve(escaped_bytes);  // So that the views below stay valid.
    for (Name& name : names) {
      if (buffers_.nodes[name.node].key_escaped) {
        const size_t begin = buffers_.unescaped.size();
        AppendUnescaped(&buffers_.unescaped, name.name);
        name.name = std::string_view(buffers_.unescaped).substr(begin);
      }
      name.hash = HashName(name.name);
    }
    std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) {
      if (a.hash != b.hash) return a.hash < b.hash;
      const int order = a.name.compare(b.name);
      return order != 0 ? order < 0 : a.node < b.node;
    });
    uint32_t first = UINT32_MAX;  // The earliest repetition in the text.
    for (size_t i = 1; i < names.size(); ++i) {
      if (names[i].hash != names[i - 1].hash || names[i].name != names[i - 1].name) continue;
      first = std::min(first, buffers_.nodes[names[i].node].key_begin - 1);
    }
    return first == UINT32_MAX ? true : Fail(first, kDuplicateName);
  }

  std::string_view text_;
  const uint32_t* index_;
  uint32_t count_;
  const Limits& limits_;
  WalkBuffers& buffers_;
  uint32_t at_ = 0;              // Into index_.
  uint32_t next_backslash_ = 0;  // The first one at or after the token at hand.
  WalkFault fault_;
};

}  // namespace

WalkFault Walk(std::string_view text, const uint32_t* index, uint32_t count, const Limits& limits,
               WalkBuffers* buffers) {
  return Walker(text, index, count, limits, buffers).Run();
}

}  // namespace tarn::json::internal
