#include "json/document.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "json/internal/strict_scan.h"
#include "json/internal/token.h"
#include "json/internal/walk.h"

namespace tarn::json {
namespace {

// Buffers that a larger text needed are given back when a smaller one follows: the structural
// index alone is four bytes for each byte of text.
constexpr size_t kKeepTextBytes = 8u << 20;

// simdjson's own limit is 4 GiB; offsets here are 32 bits, and the index ends with the size.
constexpr uint32_t kTextBytesCeiling = UINT32_MAX - 2 * kPadding;
constexpr uint32_t kDepthCeiling = 1024;  // ToValue and other users recurse by depth.

Error PositionError(std::string_view text, size_t offset, std::string_view what) {
  uint64_t line = 1;
  uint64_t column = 1;  // In characters: continuation bytes of UTF-8 do not count.
  for (size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  std::string detail = "line " + std::to_string(line) + ", column " + std::to_string(column) +
                       " (byte " + std::to_string(offset) + "): ";
  detail += what;
  return Invalid(std::move(detail));
}

}  // namespace

struct Parser::State {
  Limits limits;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> simd;
  internal::WalkBuffers buffers;
  std::string padded;
};

Parser::Parser(Limits limits) : state_(std::make_unique<State>()) {
  CHECK(limits.text_bytes_max <= kTextBytesCeiling);
  CHECK(limits.depth_max <= kDepthCeiling);
  state_->limits = limits;
}

Parser::~Parser() = default;

Result<Document> Parser::Parse(std::string_view text) {
  if (text.size() > state_->limits.text_bytes_max) return ParsePadded(text);  // Refused there.
  std::string& padded = state_->padded;
  if (padded.capacity() > kKeepTextBytes + kPadding && text.size() <= kKeepTextBytes) {
    padded = std::string();
  }
  padded.reserve(text.size() + kPadding);
  padded.assign(text);
  padded.append(kPadding, ' ');
  return ParsePadded(std::string_view(padded).substr(0, text.size()));
}

Result<Document> Parser::ParsePadded(std::string_view text) {
  State& state = *state_;
  if (text.size() > state.limits.text_bytes_max) {
    return Error{ErrorKind::kTooLarge,
                 "the text has " + std::to_string(text.size()) + " bytes; at most " +
                     std::to_string(state.limits.text_bytes_max) + " are allowed"};
  }
  const bool shrink = state.simd != nullptr && state.simd->capacity() > kKeepTextBytes &&
                      text.size() <= kKeepTextBytes;
  if (shrink) {
    state.simd.reset();
    state.buffers = internal::WalkBuffers();
  }
  if (state.simd == nullptr || state.simd->capacity() < text.size()) {
    size_t capacity = 4096;
    while (capacity < text.size()) capacity *= 2;
    capacity = std::min<size_t>(capacity, kTextBytesCeiling);
    // The depth is of no use here: the walk has its own stack.
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, 1, state.simd);
    if (error != simdjson::SUCCESS) {
      state.simd.reset();
      return Error{ErrorKind::kUnavailable, "no memory for a JSON text of that size"};
    }
  }
  const auto error = state.simd->stage1(reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                                        simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) {
    // simdjson says what is wrong, not where. The slow scanner finds the first fault in the text.
    const internal::ScanFault fault = internal::StrictScan(text, state.limits.depth_max);
    return PositionError(text, fault.offset, fault.what.empty() ? "not JSON" : fault.what);
  }
  const internal::WalkFault fault =
      internal::Walk(text, state.simd->structural_indexes.get(), state.simd->n_structural_indexes,
                     state.limits, &state.buffers);
  if (!fault.what.empty()) return PositionError(text, fault.offset, fault.what);
  return Document(text, &state.buffers.nodes);
}

std::string_view Document::Raw(uint32_t node) const {
  const Node& n = at(node);
  return text_.substr(n.begin, n.end - n.begin);
}

std::string Document::String(uint32_t node) const {
  CHECK(kind(node) == Kind::kString);
  const std::string_view raw = Raw(node);
  return Unescape(raw.substr(1, raw.size() - 2));
}

std::string_view Document::PlainString(uint32_t node, bool* escaped) const {
  CHECK(kind(node) == Kind::kString);
  const std::string_view raw = Raw(node);
  const std::string_view inside = raw.substr(1, raw.size() - 2);
  *escaped = inside.find('\\') != std::string_view::npos;
  return *escaped ? std::string_view() : inside;
}

std::string Document::Key(uint32_t node) const {
  const Node& n = at(node);
  return Unescape(text_.substr(n.key_begin, n.key_bytes));
}

bool Document::KeyIs(uint32_t node, std::string_view name) const {
  const Node& n = at(node);
  if (!n.in_object) return false;
  if (n.key_escaped) return Key(node) == name;
  return text_.substr(n.key_begin, n.key_bytes) == name;
}

uint32_t Document::FirstChild(uint32_t parent) const {
  return at(parent).next > parent + 1 ? parent + 1 : kNoNode;
}

uint32_t Document::NextSibling(uint32_t parent, uint32_t child) const {
  const uint32_t next = at(child).next;
  return next < at(parent).next ? next : kNoNode;
}

uint32_t Document::Find(uint32_t object, std::string_view name) const {
  if (kind(object) != Kind::kObject) return kNoNode;
  const uint32_t end = at(object).next;
  for (uint32_t child = object + 1; child < end; child = at(child).next) {
    if (KeyIs(child, name)) return child;
  }
  return kNoNode;
}

std::string Unescape(std::string_view escaped) {
  std::string out;
  out.reserve(escaped.size());
  internal::AppendUnescaped(&out, escaped);
  return out;
}

}  // namespace tarn::json
