// Runtime expressions (Arazzo 1.0.1 and 1.1.0, "Runtime Expressions"): `$inputs.name`,
// `$steps.id.outputs.name`, `$response.body#/pointer` and their kin.
//
// The grammar of 1.0 is ambiguous; 1.1's reading is used: ids hold no dot, names may, and a
// `#pointer` may follow a name. Beyond both, `.member` and `[index]` after a value are read as
// access to it (conditions allow that; documents use it in outputs as well).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct Expression {
  enum class Root : uint8_t {
    kUrl,
    kMethod,
    kStatusCode,
    kSelf,
    kRequest,
    kResponse,
    kMessage,
    kInputs,
    kOutputs,
    kSteps,
    kWorkflows,
    kSourceDescriptions,
    kComponents
  };
  enum class Part : uint8_t { kNone, kHeader, kQuery, kPath, kBody };

  Root root = Root::kUrl;
  Part part = Part::kNone;  // Of kRequest, kResponse and kMessage (whose payload is kBody).
  std::string id;           // Step or workflow id, source name, section of the components.
  std::string section;      // "outputs" or "inputs", of steps and workflows.
  std::string name;         // Header, parameter, input, output; "" for bodies.
  std::optional<std::string> pointer;                       // JSON Pointer after '#'.
  std::vector<std::variant<std::string, uint64_t>> access;  // .member and [index]
  std::string text;                                         // As written.
};

// Whether `text` begins as an expression does ("$inputs.", "$statusCode"). Anything else that
// begins with '$' ("$100") is plain text.
bool LooksLikeExpression(std::string_view text);

// The whole text is one expression. Errors: kInvalid, with what was expected.
Result<Expression> ParseExpression(std::string_view text);

// The longest expression at the start of `text`, as inside conditions: it ends before blanks,
// operators, brackets that are not access, and commas. Sets *length.
Result<Expression> ParseExpressionPrefix(std::string_view text, size_t* length);

// The expressions inside {$...} of a template, in order. Errors: as ParseExpression.
Result<std::vector<Expression>> EmbeddedExpressions(std::string_view text);
bool HasEmbeddedExpression(std::string_view text);

using Fields = std::vector<std::pair<std::string, std::string>>;

// What was sent and what came back.
struct Exchange {
  std::string method;
  std::string url;
  Fields request_headers;
  Fields query_parameters;  // Declared ones, by name, before encoding.
  Fields path_parameters;
  std::optional<json::Value> request_body;

  int status = 0;  // 0: no response.
  Fields response_headers;
  // JSON values as they are; other texts as strings; a binary body as the reference that the
  // runner's store gave it.
  std::optional<json::Value> response_body;
};

struct WorkflowRecord {
  json::Value inputs = json::Value::MakeObject();
  json::Value outputs = json::Value::MakeObject();
};

struct SourceRecord {
  std::string name, url, type;
};

class SecretMask;

// Everything that expressions can see. Pointers may be null: what is behind them is then absent.
// They must outlive the scope.
struct Scope {
  const json::Value* inputs = nullptr;
  const json::Value* outputs = nullptr;
  const std::map<std::string, json::Value>* steps = nullptr;  // Step id to its outputs object.
  const std::map<std::string, WorkflowRecord>* workflows = nullptr;
  const Exchange* exchange = nullptr;
  const std::vector<SourceRecord>* sources = nullptr;
  const json::Value* components = nullptr;
  std::string self;
  // Masks values before messages cut them: of a secret that is cut in two, neither half would be
  // found afterwards.
  const SecretMask* secrets = nullptr;
};

// A value inside the scope, one made for the occasion, or nothing with the reason.
class Found {
 public:
  static Found Inside(const json::Value& value);
  static Found Made(json::Value value);
  static Found Nothing(std::string reason);

  bool present() const { return inside_ != nullptr || made_.has_value(); }
  const json::Value& value() const;  // present() only (CHECK).
  const std::string& reason() const { return reason_; }

 private:
  const json::Value* inside_ = nullptr;
  std::optional<json::Value> made_;
  std::string reason_;
};

Found Evaluate(const Expression& expression, const Scope& scope);

// A value as text: strings as they are, everything else as JSON.
std::string AsText(const json::Value& value);

// Replaces each {$...}. Errors: kInvalid for an expression that is malformed or has no value.
Result<std::string> RenderTemplate(std::string_view text, const Scope& scope);

// A value of the document with its expressions evaluated, at any depth: a string that is one
// expression becomes its value and keeps its type; {$...} is replaced as text. Nothing: the value
// is an expression without a value; inside objects such members are left out.
// Errors: kInvalid (malformed, or an array item without a value), kTooLarge (depth).
Result<std::optional<json::Value>> ResolveValue(const json::Value& value, const Scope& scope);

}  // namespace tarn::arazzo
