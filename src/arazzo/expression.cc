#include "arazzo/expression.h"

#include <algorithm>

#include "arazzo/internal/schema_compiled.h"
#include "arazzo/internal/text.h"
#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

using json::Value;

struct RootRow {
  std::string_view word;
  Expression::Root root;
  bool stands_alone;
};
constexpr RootRow kRoots[] = {
    {"url", Expression::Root::kUrl, true},
    {"method", Expression::Root::kMethod, true},
    {"statusCode", Expression::Root::kStatusCode, true},
    {"self", Expression::Root::kSelf, true},
    {"request", Expression::Root::kRequest, false},
    {"response", Expression::Root::kResponse, false},
    {"message", Expression::Root::kMessage, false},
    {"inputs", Expression::Root::kInputs, false},
    {"outputs", Expression::Root::kOutputs, false},
    {"steps", Expression::Root::kSteps, false},
    {"workflows", Expression::Root::kWorkflows, false},
    {"sourceDescriptions", Expression::Root::kSourceDescriptions, false},
    {"components", Expression::Root::kComponents, false},
};

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsIdCharacter(char c) { return IsWordCharacter(c) || c == '-'; }

// RFC 9110 5.6.2.
bool IsTokenCharacter(char c) {
  return IsWordCharacter(c) || std::string_view("!#$%&'*+-.^`|~").find(c) != std::string_view::npos;
}

const RootRow* FindRoot(std::string_view text) {
  if (!text.starts_with('$')) return nullptr;
  size_t end = 1;
  while (end < text.size() && IsWordCharacter(text[end])) ++end;
  const std::string_view word = text.substr(1, end - 1);
  for (const RootRow& row : kRoots) {
    if (row.word != word) continue;
    if (row.stands_alone || (end < text.size() && text[end] == '.')) return &row;
  }
  return nullptr;
}

class Parser {
 public:
  // `in_condition`: the text goes on after the expression.
  Parser(std::string_view text, bool in_condition) : text_(text), in_condition_(in_condition) {}

  Result<Expression> Run(size_t* length) {
    if (text_.size() > kExpressionBytesMax) {
      return Error{ErrorKind::kTooLarge,
                   "an expression may have " + std::to_string(kExpressionBytesMax) + " bytes"};
    }
    const RootRow* row = FindRoot(text_);
    if (row == nullptr) return Expected("one of $inputs., $steps., $response. or another root");
    out_.root = row->root;
    at_ = row->word.size() + 1;
    if (!row->stands_alone) {
      ++at_;  // '.'
      TRY(Rest());
    }
    if (!in_condition_ && at_ < text_.size()) return Expected("the end of the expression");
    out_.text = text_.substr(0, at_);
    *length = at_;
    return std::move(out_);
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  Error Expected(std::string_view what) const {
    constexpr size_t kShown = 120;
    return Invalid("the expression " + std::string(text_.substr(0, kShown)) +
                   " is malformed at character " + std::to_string(at_ + 1) + ": expected " +
                   std::string(what));
  }

  Status Rest() {
    using Root = Expression::Root;
    switch (out_.root) {
      case Root::kRequest:
      case Root::kResponse:
      case Root::kMessage:
        return Source();
      case Root::kInputs:
      case Root::kOutputs:
        return NameAndPointer();
      case Root::kSteps:
      case Root::kWorkflows:
        return OfStepOrWorkflow();
      case Root::kSourceDescriptions:
      case Root::kComponents: {
        TRY(out_.id, Id());
        if (Peek() != '.') return Expected("'.' and a name");
        ++at_;
        return NameAndPointer();
      }
      default:
        return Ok();
    }
  }

  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  // source = header-reference / query-reference / path-reference / body-reference
  Status Source() {
    using Part = Expression::Part;
    const bool message = out_.root == Expression::Root::kMessage;
    if (TakeWord(message ? "payload" : "body")) {
      out_.part = Part::kBody;
      return PointerAndAccess();
    }
    if (TakeWord("header.")) {
      out_.part = Part::kHeader;
      const size_t begin = at_;
      while (at_ < text_.size() && IsTokenCharacter(text_[at_]) && !AtOperator()) ++at_;
      out_.name = text_.substr(begin, at_ - begin);
      return out_.name.empty() ? Status(Expected("a header name")) : Ok();
    }
    // Responses have no query or path; the grammar allows the text all the same.
    for (const auto& [word, part] : {std::pair("query.", Part::kQuery), {"path.", Part::kPath}}) {
      if (message || !TakeWord(word)) continue;
      out_.part = part;
      TRY(out_.name, Name());
      return Ok();
    }
    return Expected(message ? "header. or payload" : "header., query., path. or body");
  }

  Status OfStepOrWorkflow() {
    TRY(out_.id, Id());
    const bool steps = out_.root == Expression::Root::kSteps;
    if (TakeWord(".outputs.")) {
      out_.section = "outputs";
    } else if (!steps && TakeWord(".inputs.")) {
      out_.section = "inputs";
    } else {
      return Expected(steps ? ".outputs. and a name" : ".inputs. or .outputs. and a name");
    }
    return NameAndPointer();
  }

  Result<std::string> Id() {
    const size_t begin = at_;
    while (IsIdCharacter(Peek())) ++at_;
    if (at_ == begin) return Expected("an id of letters, digits, '_' and '-'");
    return std::string(text_.substr(begin, at_ - begin));
  }

  // Names are free text: only what ends one is left out. Inside a condition that is much more.
  Result<std::string> Name() {
    static constexpr std::string_view kNever = "#[]{}";
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (in_condition_ ? !(IsIdCharacter(c) || c == '.' || static_cast<uint8_t>(c) >= 0x80)
                        : static_cast<uint8_t>(c) < 0x20 || kNever.find(c) != kNever.npos) {
        break;
      }
      ++at_;
    }
    if (at_ == begin) return Expected("a name");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status NameAndPointer() {
    TRY(out_.name, Name());
    return PointerAndAccess();
  }

  bool AtOperator() const {
    if (!in_condition_) return false;
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with("==") || rest.starts_with("!=") || rest.starts_with("&&") ||
           rest.starts_with("||");
  }

  // Inside a condition an unspaced pointer ends before an operator, which the grammar leaves open.
  Status PointerAndAccess() {
    if (Peek() != '#') return Access();
    ++at_;
    const size_t begin = at_;
    static constexpr std::string_view kEnds = " \t\r\n()<>[],";
    while (at_ < text_.size() && !AtOperator()) {
      if (in_condition_ && kEnds.find(text_[at_]) != kEnds.npos) break;
      ++at_;
    }
    out_.pointer = std::string(text_.substr(begin, at_ - begin));
    if (!out_.pointer->empty() && out_.pointer->front() != '/') {
      at_ = begin;
      return Expected("a JSON Pointer, which begins with '/'");
    }
    for (size_t i = 0; i < out_.pointer->size(); ++i) {
      if ((*out_.pointer)[i] != '~') continue;
      const char next = i + 1 < out_.pointer->size() ? (*out_.pointer)[i + 1] : '\0';
      if (next == '0' || next == '1') continue;
      at_ = begin + i;
      return Expected("~0 or ~1");
    }
    return in_condition_ ? Access() : Ok();
  }

  Status Access() {
    for (;;) {
      if (Peek() == '.') {
        ++at_;
        TRY(std::string name, AccessName());
        out_.access.emplace_back(std::move(name));
      } else if (Peek() == '[') {
        TRY(AccessIndex());
      } else {
        return Ok();
      }
    }
  }

  Result<std::string> AccessName() {
    const size_t begin = at_;
    while (IsIdCharacter(Peek()) || static_cast<uint8_t>(Peek()) >= 0x80) ++at_;
    if (at_ == begin) return Expected("a member name");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status AccessIndex() {
    ++at_;  // '['
    if (Peek() == '\'' || Peek() == '"') {
      const char quote = text_[at_++];
      const size_t end = text_.find(quote, at_);
      if (end == text_.npos || text_.substr(end + 1, 1) != "]") return Expected("a quoted name]");
      out_.access.emplace_back(std::string(text_.substr(at_, end - at_)));
      at_ = end + 2;
      return Ok();
    }
    const size_t begin = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    if (at_ == begin || at_ - begin > 9 || Peek() != ']') return Expected("an index and ']'");
    out_.access.emplace_back(uint64_t{std::stoul(std::string(text_.substr(begin, at_ - begin)))});
    ++at_;
    return Ok();
  }

  std::string_view text_;
  bool in_condition_;
  size_t at_ = 0;
  Expression out_;
};

Found Missing(const Expression& expression, std::string_view why) {
  return Found::Nothing(expression.text + " has no value: " + std::string(why));
}

const Value* Step(const Value& value, const std::variant<std::string, uint64_t>& step) {
  if (const auto* name = std::get_if<std::string>(&step)) return value.Find(*name);
  const uint64_t index = std::get<uint64_t>(step);
  if (!value.IsArray() || index >= value.items().size()) return nullptr;
  return &value.items()[index];
}

// Applies the pointer and the access of `expression` to the value that its name led to.
Found Inside(const Expression& expression, const Value* value) {
  if (expression.pointer.has_value()) value = schema::AtPointer(*value, *expression.pointer);
  if (value == nullptr) return Missing(expression, "nothing is at the pointer");
  for (const auto& step : expression.access) {
    value = Step(*value, step);
    if (value == nullptr) return Missing(expression, "nothing is at the end of the path");
  }
  return Found::Inside(*value);
}

// The member that `name` means. A name with dots that is no member is read as a member and access
// to its members, the longest member first.
Found Named(const Expression& expression, const Value& object) {
  std::string_view name = expression.name;
  for (;;) {
    if (const Value* value = object.Find(name)) {
      std::string_view rest = std::string_view(expression.name).substr(name.size());
      while (!rest.empty() && value != nullptr) {
        rest.remove_prefix(1);  // '.'
        const size_t dot = rest.find('.');
        value = value->Find(rest.substr(0, dot));
        rest = dot == rest.npos ? std::string_view() : rest.substr(dot);
      }
      if (value != nullptr) return Inside(expression, value);
    }
    const size_t dot = name.rfind('.');
    if (dot == name.npos) return Missing(expression, "no such name");
    name = name.substr(0, dot);
  }
}

Found FieldOf(const Expression& expression, const Fields& fields, bool ignore_case) {
  for (const auto& [name, value] : fields) {
    if (ignore_case ? EqualsIgnoreAsciiCase(name, expression.name) : name == expression.name) {
      return Found::Made(Value::String(value));
    }
  }
  return Missing(expression, "no such field");
}

Found OfExchange(const Expression& expression, const Scope& scope) {
  using Part = Expression::Part;
  if (scope.exchange == nullptr) return Missing(expression, "nothing has been sent yet");
  const Exchange& exchange = *scope.exchange;
  const bool request = expression.root == Expression::Root::kRequest;
  if (!request && exchange.status == 0) return Missing(expression, "there is no response");
  switch (expression.part) {
    case Part::kHeader:
      return FieldOf(expression, request ? exchange.request_headers : exchange.response_headers,
                     true);
    case Part::kQuery:
      if (request) return FieldOf(expression, exchange.query_parameters, false);
      return Missing(expression, "a response has no query");
    case Part::kPath:
      if (request) return FieldOf(expression, exchange.path_parameters, false);
      return Missing(expression, "a response has no path");
    case Part::kBody: {
      const auto& body = request ? exchange.request_body : exchange.response_body;
      if (!body.has_value()) return Missing(expression, "there is no body");
      return Inside(expression, &*body);
    }
    case Part::kNone:
      break;
  }
  return Missing(expression, "it names no part of a message");
}

Found OfSource(const Expression& expression, const Scope& scope) {
  if (scope.sources == nullptr) return Missing(expression, "there are no sources");
  for (const SourceRecord& source : *scope.sources) {
    if (source.name != expression.id) continue;
    if (expression.name == "url") return Found::Made(Value::String(source.url));
    if (expression.name == "name") return Found::Made(Value::String(source.name));
    if (expression.name == "type") return Found::Made(Value::String(source.type));
    return Missing(expression, "a source has url, name and type");
  }
  return Missing(expression, "no source has that name");
}

Found OfRecords(const Expression& expression, const Scope& scope) {
  if (expression.root == Expression::Root::kSteps) {
    if (scope.steps == nullptr) return Missing(expression, "no step has run");
    const auto found = scope.steps->find(expression.id);
    if (found == scope.steps->end()) return Missing(expression, "that step has not run");
    return Named(expression, found->second);
  }
  if (scope.workflows == nullptr) return Missing(expression, "no other workflow has run");
  const auto found = scope.workflows->find(expression.id);
  if (found == scope.workflows->end()) return Missing(expression, "that workflow has not run");
  const bool inputs = expression.section == "inputs";
  return Named(expression, inputs ? found->second.inputs : found->second.outputs);
}

Status AppendRendered(std::string_view inner, const Scope& scope, std::string* out) {
  TRY(const Expression expression, ParseExpression(inner));
  const Found found = Evaluate(expression, scope);
  if (!found.present()) return Invalid(found.reason());
  *out += AsText(found.value());
  return Ok();
}

Result<std::optional<Value>> Resolve(const Value& value, const Scope& scope, uint32_t depth);

Result<std::optional<Value>> ResolveObject(const Value& value, const Scope& scope, uint32_t depth) {
  Value out = Value::MakeObject();
  for (const Value::Member& member : value.members()) {
    TRY(std::optional<Value> resolved, Resolve(member.second, scope, depth + 1));
    if (resolved.has_value()) out.members().emplace_back(member.first, std::move(*resolved));
  }
  return std::optional<Value>(std::move(out));
}

Result<std::optional<Value>> ResolveArray(const Value& value, const Scope& scope, uint32_t depth) {
  Value out = Value::MakeArray();
  for (const Value& item : value.items()) {
    TRY(std::optional<Value> resolved, Resolve(item, scope, depth + 1));
    if (!resolved.has_value()) {
      return Invalid("the array item " + AsText(item) +
                     " has no value; only members of objects may be left out");
    }
    out.Append(std::move(*resolved));
  }
  return std::optional<Value>(std::move(out));
}

Result<std::optional<Value>> Resolve(const Value& value, const Scope& scope, uint32_t depth) {
  if (depth > kPayloadDepthMax) {
    return Error{ErrorKind::kTooLarge,
                 "a payload may nest " + std::to_string(kPayloadDepthMax) + " deep"};
  }
  if (value.IsObject()) return ResolveObject(value, scope, depth);
  if (value.IsArray()) return ResolveArray(value, scope, depth);
  if (!value.IsString()) return std::optional<Value>(value);
  const std::string& text = value.AsString();
  if (LooksLikeExpression(text)) {
    TRY(const Expression expression, ParseExpression(text));
    const Found found = Evaluate(expression, scope);
    if (!found.present()) return std::optional<Value>();
    return std::optional<Value>(found.value());
  }
  if (!HasEmbeddedExpression(text)) return std::optional<Value>(value);
  TRY(std::string rendered, RenderTemplate(text, scope));
  return std::optional<Value>(Value::String(std::move(rendered)));
}

}  // namespace

bool LooksLikeExpression(std::string_view text) {
  const RootRow* row = FindRoot(text);
  return row != nullptr && (!row->stands_alone || text.size() == row->word.size() + 1);
}

Result<Expression> ParseExpression(std::string_view text) {
  size_t length = 0;
  return Parser(text, false).Run(&length);
}

Result<Expression> ParseExpressionPrefix(std::string_view text, size_t* length) {
  // Only the beginning can be an expression; the limit is about that, not about the condition.
  return Parser(text.substr(0, kExpressionBytesMax), true).Run(length);
}

bool HasEmbeddedExpression(std::string_view text) {
  for (size_t at = text.find("{$"); at != text.npos; at = text.find("{$", at + 1)) {
    if (FindRoot(text.substr(at + 1)) != nullptr) return true;
  }
  return false;
}

Result<std::vector<Expression>> EmbeddedExpressions(std::string_view text) {
  std::vector<Expression> out;
  for (size_t at = text.find("{$"); at != text.npos; at = text.find("{$", at + 1)) {
    const size_t end = text.find('}', at);
    if (end == text.npos || FindRoot(text.substr(at + 1)) == nullptr) continue;
    TRY(Expression expression, ParseExpression(text.substr(at + 1, end - at - 1)));
    out.push_back(std::move(expression));
  }
  return out;
}

Found Found::Inside(const Value& value) {
  Found out;
  out.inside_ = &value;
  return out;
}

Found Found::Made(Value value) {
  Found out;
  out.made_ = std::move(value);
  return out;
}

Found Found::Nothing(std::string reason) {
  Found out;
  out.reason_ = std::move(reason);
  return out;
}

const Value& Found::value() const {
  CHECK(present());
  return inside_ != nullptr ? *inside_ : *made_;
}

Found Evaluate(const Expression& expression, const Scope& scope) {
  using Root = Expression::Root;
  const auto of_object = [&](const Value* object, std::string_view what) {
    return object == nullptr ? Missing(expression, what) : Named(expression, *object);
  };
  const bool sent = scope.exchange != nullptr;
  switch (expression.root) {
    case Root::kUrl:
      return sent ? Found::Made(Value::String(scope.exchange->url))
                  : Missing(expression, "nothing has been sent yet");
    case Root::kMethod:
      return sent ? Found::Made(Value::String(scope.exchange->method))
                  : Missing(expression, "nothing has been sent yet");
    case Root::kStatusCode:
      return sent && scope.exchange->status != 0 ? Found::Made(Value::Int(scope.exchange->status))
                                                 : Missing(expression, "there is no response");
    case Root::kSelf:
      return scope.self.empty() ? Missing(expression, "the document has no $self")
                                : Found::Made(Value::String(scope.self));
    case Root::kRequest:
    case Root::kResponse:
      return OfExchange(expression, scope);
    case Root::kInputs:
      return of_object(scope.inputs, "there are no inputs");
    case Root::kOutputs:
      return of_object(scope.outputs, "there are no outputs yet");
    case Root::kSteps:
    case Root::kWorkflows:
      return OfRecords(expression, scope);
    case Root::kSourceDescriptions:
      return OfSource(expression, scope);
    case Root::kComponents: {
      const Value* section =
          scope.components == nullptr ? nullptr : scope.components->Find(expression.id);
      return of_object(section, "the components have no such section");
    }
    case Root::kMessage:
      break;
  }
  return Missing(expression, "AsyncAPI messages are not supported");
}

std::string AsText(const Value& value) {
  return value.IsString() ? value.AsString() : json::ToText(value);
}

Result<std::string> RenderTemplate(std::string_view text, const Scope& scope) {
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find("{$");
    out += text.substr(0, open);
    if (open == text.npos) break;
    text.remove_prefix(open);
    const size_t close = text.find('}');
    if (close == text.npos || FindRoot(text.substr(1)) == nullptr) {
      out += "{$";  // Plain text, such as a JSONPath of its own.
      text.remove_prefix(2);
      continue;
    }
    TRY(AppendRendered(text.substr(1, close - 1), scope, &out));
    if (out.size() > kRenderedBytesMax) {
      return Error{ErrorKind::kTooLarge, "a text with expressions in it may grow to " +
                                             std::to_string(kRenderedBytesMax) + " bytes"};
    }
    text.remove_prefix(close + 1);
  }
  return out;
}

Result<std::optional<Value>> ResolveValue(const Value& value, const Scope& scope) {
  return Resolve(value, scope, 0);
}

}  // namespace tarn::arazzo
