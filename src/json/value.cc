#include "json/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/check.h"
#include "json/internal/token.h"
#include "json/writer.h"

namespace tarn::json {
namespace {

// A number as digits * 10^exponent, with neither leading nor trailing zeros in `digits`; zero has
// no digits. So equal values have equal forms, and 1.00 equals 1e0 without any rounding.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;
  bool comparable = true;  // False: the exponent has more digits than fit.
};

// Exponents up to this many digits are understood; a token's own length cannot shift them past
// 64 bits.
constexpr size_t kExponentDigitsMax = 15;

Decimal ToDecimal(std::string_view token) {
  Decimal decimal;
  size_t at = 0;
  if (token[0] == '-') {
    decimal.negative = true;
    at = 1;
  }
  bool fraction = false;
  for (; at < token.size() && token[at] != 'e' && token[at] != 'E'; ++at) {
    if (token[at] == '.') {
      fraction = true;
      continue;
    }
    decimal.digits.push_back(token[at]);
    if (fraction) --decimal.exponent;
  }
  if (at < token.size()) {
    ++at;
    const bool minus = token[at] == '-';
    if (minus || token[at] == '+') ++at;
    while (at < token.size() && token[at] == '0') ++at;
    const std::string_view exponent = token.substr(at);
    decimal.comparable = exponent.size() <= kExponentDigitsMax;
    int64_t value = 0;
    if (decimal.comparable) {
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
    }
    decimal.exponent += minus ? -value : value;
  }
  const size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal();
  decimal.digits.erase(0, first);
  while (decimal.digits.back() == '0') {
    decimal.digits.pop_back();
    ++decimal.exponent;
  }
  return decimal;
}

bool SameNumber(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const Decimal x = ToDecimal(a);
  const Decimal y = ToDecimal(b);
  return x.comparable && y.comparable && x.negative == y.negative && x.digits == y.digits &&
         x.exponent == y.exponent;
}

// Above this many members, two objects are compared through sorted names.
constexpr size_t kSearchMembersMax = 16;

std::vector<const Value::Member*> SortedMembers(const Value::Object& members) {
  std::vector<const Value::Member*> sorted;
  sorted.reserve(members.size());
  for (const Value::Member& member : members) sorted.push_back(&member);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->first < b->first; });
  return sorted;
}

bool SameMembers(const Value& a, const Value& b) {
  if (a.members().size() != b.members().size()) return false;
  if (a.members().size() <= kSearchMembersMax) {
    return std::all_of(a.members().begin(), a.members().end(), [&b](const Value::Member& member) {
      const Value* other = b.Find(member.first);
      return other != nullptr && *other == member.second;
    });
  }
  const auto left = SortedMembers(a.members());
  const auto right = SortedMembers(b.members());
  return std::equal(left.begin(), left.end(), right.begin(), [](const auto* x, const auto* y) {
    return x->first == y->first && x->second == y->second;
  });
}

// `indent` is the depth of what is written, or kCompact.
constexpr int kCompact = -1;

void Append(const Value& value, int indent, std::string* out);

void NewLine(int indent, std::string* out) {
  if (indent == kCompact) return;
  out->push_back('\n');
  out->append(static_cast<size_t>(indent) * 2, ' ');
}

void AppendArray(const Value& value, int indent, std::string* out) {
  const int inner = indent == kCompact ? kCompact : indent + 1;
  out->push_back('[');
  bool first = true;
  for (const Value& item : value.items()) {
    if (!first) out->push_back(',');
    first = false;
    NewLine(inner, out);
    Append(item, inner, out);
  }
  if (!first) NewLine(indent, out);
  out->push_back(']');
}

void AppendObject(const Value& value, int indent, std::string* out) {
  const int inner = indent == kCompact ? kCompact : indent + 1;
  out->push_back('{');
  bool first = true;
  for (const Value::Member& member : value.members()) {
    if (!first) out->push_back(',');
    first = false;
    NewLine(inner, out);
    AppendString(out, member.first);
    out->append(indent == kCompact ? ":" : ": ");
    Append(member.second, inner, out);
  }
  if (!first) NewLine(indent, out);
  out->push_back('}');
}

// Recursion is bounded by the depth of the value; parsed ones are bounded by Limits::depth_max.
void Append(const Value& value, int indent, std::string* out) {
  switch (value.kind()) {
    case Kind::kNull:
      out->append("null");
      return;
    case Kind::kFalse:
      out->append("false");
      return;
    case Kind::kTrue:
      out->append("true");
      return;
    case Kind::kNumber:
      out->append(value.NumberToken());
      return;
    case Kind::kString:
      AppendString(out, value.AsString());
      return;
    case Kind::kArray:
      AppendArray(value, indent, out);
      return;
    case Kind::kObject:
      AppendObject(value, indent, out);
      return;
  }
}

}  // namespace

Value Value::Bool(bool value) {
  Value result;
  result.kind_ = value ? Kind::kTrue : Kind::kFalse;
  return result;
}

Value Value::String(std::string value) {
  Value result;
  result.kind_ = Kind::kString;
  result.text_ = std::move(value);
  return result;
}

Value Value::Int(int64_t value) { return Number(std::to_string(value)); }

Value Value::Double(double value) {
  std::string token;
  Writer(&token).Double(value);
  return Number(std::move(token));
}

Value Value::Number(std::string token) {
  CHECK(!token.empty() && internal::NumberBytes(token) == token.size());
  Value result;
  result.kind_ = Kind::kNumber;
  result.text_ = std::move(token);
  return result;
}

Value Value::MakeArray(Array items) {
  Value result;
  result.kind_ = Kind::kArray;
  result.items_ = std::move(items);
  return result;
}

Value Value::MakeObject(Object members) {
  Value result;
  result.kind_ = Kind::kObject;
  result.members_ = std::move(members);
  return result;
}

bool Value::AsBool() const {
  CHECK(IsBool());
  return kind_ == Kind::kTrue;
}

const std::string& Value::AsString() const {
  CHECK(IsString());
  return text_;
}

const std::string& Value::NumberToken() const {
  CHECK(IsNumber());
  return text_;
}

double Value::AsDouble() const {
  // std::from_chars leaves its result alone when the value is out of range; strtod gives the
  // nearest: infinity or zero. The process never sets a locale, so the point is a point.
  return std::strtod(NumberToken().c_str(), nullptr);
}

const Value::Array& Value::items() const {
  CHECK(IsArray());
  return items_;
}

Value::Array& Value::items() {
  CHECK(IsArray());
  return items_;
}

const Value::Object& Value::members() const {
  CHECK(IsObject());
  return members_;
}

Value::Object& Value::members() {
  CHECK(IsObject());
  return members_;
}

std::optional<int64_t> Value::AsInt() const {
  if (!IsNumber()) return std::nullopt;
  int64_t value = 0;
  const char* end = text_.data() + text_.size();
  const auto result = std::from_chars(text_.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

const Value* Value::Find(std::string_view name) const {
  for (const Member& member : members_) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

Value* Value::Find(std::string_view name) {
  for (Member& member : members_) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

Value& Value::Set(std::string_view name, Value value) {
  CHECK(IsObject());
  if (Value* present = Find(name)) {
    *present = std::move(value);
  } else {
    members_.emplace_back(std::string(name), std::move(value));
  }
  return *this;
}

void Value::Remove(std::string_view name) {
  std::erase_if(members_, [name](const Member& member) { return member.first == name; });
}

void Value::Append(Value value) {
  CHECK(IsArray());
  items_.push_back(std::move(value));
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Kind::kNumber:
      return SameNumber(a.text_, b.text_);
    case Kind::kString:
      return a.text_ == b.text_;
    case Kind::kArray:
      return a.items_ == b.items_;
    case Kind::kObject:
      return SameMembers(a, b);
    default:
      return true;
  }
}

Result<Value> ParseValue(std::string_view text, const Limits& limits) {
  Parser parser(limits);
  TRY(const Document document, parser.Parse(text));
  return ToValue(document);
}

Value ToValue(const Document& document, uint32_t node) {
  switch (document.kind(node)) {
    case Kind::kNull:
      return Value();
    case Kind::kFalse:
    case Kind::kTrue:
      return Value::Bool(document.kind(node) == Kind::kTrue);
    case Kind::kNumber:
      return Value::Number(std::string(document.Raw(node)));
    case Kind::kString:
      return Value::String(document.String(node));
    case Kind::kArray:
    case Kind::kObject:
      break;
  }
  const bool is_array = document.kind(node) == Kind::kArray;
  Value result = is_array ? Value::MakeArray() : Value::MakeObject();
  for (uint32_t child = document.FirstChild(node); child != kNoNode;
       child = document.NextSibling(node, child)) {
    if (is_array) {
      result.items().push_back(ToValue(document, child));
    } else {
      result.members().emplace_back(document.Key(child), ToValue(document, child));
    }
  }
  return result;
}

std::string ToText(const Value& value) {
  std::string out;
  Append(value, kCompact, &out);
  return out;
}

std::string ToPrettyText(const Value& value) {
  std::string out;
  Append(value, 0, &out);
  return out;
}

}  // namespace tarn::json
