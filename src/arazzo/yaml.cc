// libfyaml is used for its events only: typing, aliases and bounds are decided here. Texts that
// begin like JSON go to the JSON parser first, which is faster and stricter; what it refuses may
// still be YAML in flow style.
#include "arazzo/yaml.h"

#include <libfyaml.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>

#include "arazzo/internal/text.h"
#include "arazzo/limits.h"
#include "base/utf8.h"
#include "json/document.h"

namespace tarn::arazzo {
namespace {

using json::Kind;
using json::Value;

std::string At(Place place) {
  return std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
}
Error InvalidAt(Place place, std::string_view what) {
  return Invalid(At(place) + std::string(what));
}
Error TooLargeAt(Place place, std::string_view what, uint64_t limit) {
  return {ErrorKind::kTooLarge,
          At(place) + std::string(what) + "; the limit is " + std::to_string(limit)};
}

size_t DigitsEnd(std::string_view text, size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// 0o17 and 0x1F.
std::optional<Value> BasedInteger(std::string_view text) {
  const bool octal = text.starts_with("0o");
  if ((!octal && !text.starts_with("0x")) || text.size() < 3 || text.size() > 17) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : text.substr(2)) {
    const std::string_view digits = "0123456789abcdef";
    const size_t digit = digits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
    if (digit == digits.npos || (octal && digit > 7)) return std::nullopt;
    value = value * (octal ? 8 : 16) + digit;
  }
  if (value > INT64_MAX) return std::nullopt;
  return Value::Int(static_cast<int64_t>(value));
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?  rewritten as JSON.
std::optional<Value> DecimalNumber(std::string_view text) {
  std::string out;
  size_t at = 0;
  if (text[0] == '-' || text[0] == '+') {
    if (text[0] == '-') out = "-";
    at = 1;
  }
  const size_t whole = at;
  at = DigitsEnd(text, at);
  std::string_view digits = text.substr(whole, at - whole);
  const bool has_whole = !digits.empty();
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  out += has_whole ? digits : std::string_view("0");
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = at + 1;
    at = DigitsEnd(text, fraction);
    if (at == fraction && !has_whole) return std::nullopt;
    if (at > fraction) out += "." + std::string(text.substr(fraction, at - fraction));
  } else if (!has_whole) {
    return std::nullopt;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const size_t exponent = at;
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const size_t first = at;
    at = DigitsEnd(text, at);
    if (at == first) return std::nullopt;
    out += text.substr(exponent, at - exponent);
  }
  if (at != text.size() || out.size() > json::Limits{}.number_bytes_max) return std::nullopt;
  return Value::Number(std::move(out));
}

// A plain scalar's value by the core schema.
Result<Value> TypePlain(std::string_view text, Place place) {
  for (const std::string_view word : {"", "~", "null", "Null", "NULL"}) {
    if (text == word) return Value();
  }
  for (const std::string_view word : {"true", "True", "TRUE"}) {
    if (text == word) return Value::Bool(true);
  }
  for (const std::string_view word : {"false", "False", "FALSE"}) {
    if (text == word) return Value::Bool(false);
  }
  if (auto number = BasedInteger(text)) return *number;
  if (auto number = DecimalNumber(text)) return *number;
  const std::string_view unsigned_text = text[0] == '-' || text[0] == '+' ? text.substr(1) : text;
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
    if (unsigned_text == word) return InvalidAt(place, "infinity and NaN are not JSON values");
  }
  return Value::String(std::string(text));
}

struct DestroyParser {
  void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};
struct DestroyDiagnostics {
  void operator()(fy_diag* p) const { fy_diag_destroy(p); }
};

void Silence(fy_diag*, void*, const char*, size_t) {}

class Builder {
 public:
  Result<YamlNode> Run(std::string_view text) {
    fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = nullptr;
    diag_config.output_fn = Silence;
    diagnostics_.reset(fy_diag_create(&diag_config));
    CHECK(diagnostics_ != nullptr);
    fy_diag_set_collect_errors(diagnostics_.get(), true);
    fy_parse_cfg config = {};
    config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 |
                                                   FYPCF_JSON_NONE | FYPCF_DISABLE_DEPTH_LIMIT);
    config.diag = diagnostics_.get();
    parser_.reset(fy_parser_create(&config));
    CHECK(parser_ != nullptr);
    if (fy_parser_set_string(parser_.get(), text.data(), text.size()) != 0) {
      return Error{ErrorKind::kUnavailable, "1:1: the YAML parser could not start"};
    }
    return Stream();
  }

 private:
  // The next event; nullptr at the end or after an error.
  const fy_event* Next() {
    if (event_ != nullptr) fy_parser_event_free(parser_.get(), event_);
    event_ = fy_parser_parse(parser_.get());
    return event_;
  }

 public:
  ~Builder() {
    if (event_ != nullptr) fy_parser_event_free(parser_.get(), event_);
  }

 private:
  Error SyntaxError() {
    void* iterator = nullptr;
    const fy_diag_error* error = fy_diag_errors_iterate(diagnostics_.get(), &iterator);
    if (error == nullptr) return Invalid("1:1: not a YAML text");
    Place place = {1, 1};
    if (error->line > 0) place.line = static_cast<uint32_t>(error->line);
    if (error->column > 0) place.column = static_cast<uint32_t>(error->column);
    return InvalidAt(place, error->msg == nullptr ? "not YAML" : error->msg);
  }

  Result<YamlNode> Stream() {
    YamlNode root;
    bool seen = false;
    for (;;) {
      const fy_event* event = Next();
      if (event == nullptr) return SyntaxError();
      switch (event->type) {
        case FYET_STREAM_START:
        case FYET_DOCUMENT_END:
          continue;
        case FYET_STREAM_END:
          if (!seen) return Invalid("1:1: the text is empty");
          return root;
        case FYET_DOCUMENT_START: {
          if (seen) return InvalidAt(PlaceOf(event), "only one document may be in a text");
          seen = true;
          if (Next() == nullptr) return SyntaxError();
          TRY(root, Node(0));
          continue;
        }
        default:
          return Invalid("1:1: unexpected YAML event");
      }
    }
  }

  static Place PlaceOf(const fy_event* event) {
    const fy_mark* mark = fy_event_start_mark(const_cast<fy_event*>(event));
    if (mark == nullptr) return {1, 1};
    return {static_cast<uint32_t>(mark->line) + 1, static_cast<uint32_t>(mark->column) + 1};
  }

  static std::string TextOf(fy_token* token) {
    size_t length = 0;
    const char* text = token == nullptr ? nullptr : fy_token_get_text(token, &length);
    return text == nullptr ? std::string() : std::string(text, length);
  }

  Status Count(Place place, uint64_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kYamlNodesMax) {
      return TooLargeAt(place, "too many values (aliases count as what they stand for)",
                        kYamlNodesMax);
    }
    return Ok();
  }

  // Builds the node that the current event begins.
  Result<YamlNode> Node(uint32_t depth) {
    const Place place = PlaceOf(event_);
    if (depth > kYamlDepthMax) return TooLargeAt(place, "nested too deep", kYamlDepthMax);
    switch (event_->type) {
      case FYET_ALIAS:
        return Alias(place, depth);
      case FYET_SCALAR:
        return Scalar(place);
      case FYET_SEQUENCE_START:
      case FYET_MAPPING_START:
        return Container(place, depth);
      default:
        return InvalidAt(place, "a value is missing here");
    }
  }

  Result<YamlNode> Alias(Place place, uint32_t depth) {
    const std::string name = TextOf(event_->alias.anchor);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) return InvalidAt(place, "the alias *" + name + " is not defined");
    TRY(Count(place, found->second.nodes));
    if (depth + found->second.height > kYamlDepthMax) {
      return TooLargeAt(place, "an alias nests too deep", kYamlDepthMax);
    }
    return found->second.node;
  }

  Result<YamlNode> Scalar(Place place) {
    TRY(Count(place, 1));
    YamlNode node;
    node.place = place;
    const std::string anchor = TextOf(event_->scalar.anchor);
    TRY(const bool tagged_text, IsTaggedText(event_->scalar.tag, place));
    const std::string text = TextOf(event_->scalar.value);
    const bool plain = fy_token_scalar_style(event_->scalar.value) == FYSS_PLAIN;
    if (plain && !tagged_text) {
      TRY(node.scalar, TypePlain(text, place));
    } else {
      node.scalar = Value::String(text);
    }
    node.kind = node.scalar.kind();
    Remember(anchor, node, 1, 0);
    return node;
  }

  // `!!str` (and `!`) make a text of anything; the other core tags change nothing.
  Result<bool> IsTaggedText(fy_token* tag, Place place) {
    if (tag == nullptr) return false;
    const std::string text = TextOf(tag);
    if (text == "!" || text == "tag:yaml.org,2002:str") return true;
    for (const std::string_view known : {"null", "bool", "int", "float", "seq", "map"}) {
      if (text == "tag:yaml.org,2002:" + std::string(known)) return false;
    }
    return InvalidAt(place, "the tag " + text + " is unknown here");
  }

  Result<YamlNode> Container(Place place, uint32_t depth) {
    const uint64_t before = nodes_;
    TRY(Count(place, 1));
    const bool mapping = event_->type == FYET_MAPPING_START;
    const std::string anchor =
        TextOf(mapping ? event_->mapping_start.anchor : event_->sequence_start.anchor);
    fy_token* tag = mapping ? event_->mapping_start.tag : event_->sequence_start.tag;
    TRY(const bool tagged_text, IsTaggedText(tag, place));
    if (tagged_text) return InvalidAt(place, "this is tagged as text but is none");
    YamlNode node;
    node.kind = mapping ? Kind::kObject : Kind::kArray;
    node.place = place;
    if (mapping) {
      TRY(Members(&node, depth));
    } else {
      TRY(Items(&node, depth));
    }
    Remember(anchor, node, nodes_ - before, HeightOf(node));
    return node;
  }

  Status Items(YamlNode* node, uint32_t depth) {
    for (;;) {
      if (Next() == nullptr) return SyntaxError();
      if (event_->type == FYET_SEQUENCE_END) return Ok();
      TRY(YamlNode item, Node(depth + 1));
      node->items.push_back(std::move(item));
    }
  }

  Status Members(YamlNode* node, uint32_t depth) {
    std::unordered_set<std::string> keys;
    for (;;) {
      if (Next() == nullptr) return SyntaxError();
      if (event_->type == FYET_MAPPING_END) return Ok();
      YamlMember member;
      member.place = PlaceOf(event_);
      if (event_->type != FYET_SCALAR) {
        return InvalidAt(member.place, "a key must be a plain or quoted text");
      }
      TRY(Count(member.place, 1));
      member.key = TextOf(event_->scalar.value);
      Remember(TextOf(event_->scalar.anchor), KeyNode(member), 1, 0);
      if (!keys.insert(member.key).second) {
        return InvalidAt(member.place, "the key " + member.key + " is here twice");
      }
      if (Next() == nullptr) return SyntaxError();
      TRY(member.value, Node(depth + 1));
      node->members.push_back(std::move(member));
    }
  }

  static YamlNode KeyNode(const YamlMember& member) {
    YamlNode node;
    node.kind = Kind::kString;
    node.place = member.place;
    node.scalar = Value::String(member.key);
    return node;
  }

  static uint32_t HeightOf(const YamlNode& node) {
    uint32_t height = 0;
    for (const YamlNode& item : node.items) height = std::max(height, HeightOf(item) + 1);
    for (const YamlMember& member : node.members) {
      height = std::max(height, HeightOf(member.value) + 1);
    }
    return height;
  }

  void Remember(const std::string& anchor, const YamlNode& node, uint64_t nodes, uint32_t height) {
    if (!anchor.empty()) anchors_[anchor] = {node, nodes, height};
  }

  struct Anchor {
    YamlNode node;
    uint64_t nodes = 0;
    uint32_t height = 0;
  };

  std::unique_ptr<fy_diag, DestroyDiagnostics> diagnostics_;
  std::unique_ptr<fy_parser, DestroyParser> parser_;
  fy_event* event_ = nullptr;
  std::map<std::string, Anchor> anchors_;
  uint64_t nodes_ = 0;
};

// JSON offsets as lines and columns (in characters, as the YAML parser counts).
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }
  Place Of(size_t offset) const {
    const auto after = std::ranges::upper_bound(starts_, offset);
    const size_t start = *(after - 1);
    return {static_cast<uint32_t>(after - starts_.begin()),
            static_cast<uint32_t>(CodePointCount(text_.substr(start, offset - start)) + 1)};
  }

 private:
  std::string_view text_;
  std::vector<size_t> starts_ = {0};
};

YamlNode FromJson(const json::Document& document, uint32_t at, const Lines& lines) {
  YamlNode node;
  node.kind = document.kind(at);
  node.place = lines.Of(document.at(at).begin);
  if (node.kind != Kind::kArray && node.kind != Kind::kObject) {
    node.scalar = json::ToValue(document, at);
    return node;
  }
  for (uint32_t child = document.FirstChild(at); child != json::kNoNode;
       child = document.NextSibling(at, child)) {
    if (node.kind == Kind::kArray) {
      node.items.push_back(FromJson(document, child, lines));
    } else {
      node.members.push_back({document.Key(child), lines.Of(document.at(child).key_begin),
                              FromJson(document, child, lines)});
    }
  }
  return node;
}

std::string UnescapeToken(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out.push_back(!escape ? token[i] : token[i + 1] == '1' ? '/' : '~');
    if (escape) ++i;
  }
  return out;
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view name) const {
  for (const YamlMember& member : members) {
    if (member.key == name) return &member.value;
  }
  return nullptr;
}

const YamlNode* YamlNode::At(std::string_view pointer) const {
  const YamlNode* at = this;
  while (!pointer.empty() && at != nullptr) {
    if (pointer[0] != '/') return nullptr;
    const size_t end = pointer.find('/', 1);
    const std::string name = UnescapeToken(pointer.substr(1, end == pointer.npos ? end : end - 1));
    pointer = end == pointer.npos ? std::string_view() : pointer.substr(end);
    if (at->IsArray()) {
      const bool number =
          !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == name.npos;
      if (!number || std::stoul(name) >= at->items.size()) return nullptr;
      at = &at->items[std::stoul(name)];
    } else {
      at = at->Find(name);
    }
  }
  return at;
}

json::Value YamlNode::ToValue() const {
  if (kind == Kind::kArray) {
    Value::Array out;
    out.reserve(items.size());
    for (const YamlNode& item : items) out.push_back(item.ToValue());
    return Value::MakeArray(std::move(out));
  }
  if (kind != Kind::kObject) return scalar;
  Value::Object out;
  out.reserve(members.size());
  for (const YamlMember& member : members) out.emplace_back(member.key, member.value.ToValue());
  return Value::MakeObject(std::move(out));
}

Result<YamlNode> ParseYaml(std::string_view text) {
  if (text.size() > kYamlBytesMax) {
    return TooLargeAt({1, 1}, "the text is too long", kYamlBytesMax);
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!IsUtf8(text) || text.find('\0') != text.npos) return Invalid("1:1: the text is not UTF-8");
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && (text[first] == '{' || text[first] == '[')) {
    json::Limits limits;
    limits.depth_max = kYamlDepthMax;
    limits.nodes_max = kYamlNodesMax;
    json::Parser parser(limits);
    const auto document = parser.Parse(text);
    if (document.ok()) return FromJson(document.value(), json::kRoot, Lines(text));
  }
  return Builder().Run(text);
}

}  // namespace tarn::arazzo
