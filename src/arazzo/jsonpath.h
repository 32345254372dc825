// JSONPath, complete (RFC 9535), over json::Value.
//
// Parse once, evaluate often. A parsed query is immutable and may be used from any thread.
// Besides queries there is one more entry point: a bare logical expression such as
// `$.Properties.Status == "ACTIVE"`, which is no query but RFC 9535's `logical-expr`, and what many
// workflow documents write where a query is required. It is evaluated with the document as root
// and as current node.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

// The way from a document's root to one of its values.
using PathStep = std::variant<std::string, uint64_t>;  // A member's name or an item's index.
using Path = std::vector<PathStep>;
std::string NormalizedPath(const Path& path);  // $['a'][0] (RFC 9535 2.7)
std::string ToJsonPointer(const Path& path);   // /a/0 (RFC 6901)

namespace jsonpath {
struct Query;
struct Expression;
}  // namespace jsonpath

class JsonPathQuery {
 public:
  // Errors: kInvalid with the byte and what was expected there, kTooLarge.
  static Result<JsonPathQuery> Parse(std::string_view text);

  // The selected values, in order; pointers into `root`. Errors: kTooLarge (kJsonPathVisitsMax).
  Result<std::vector<const json::Value*>> Select(const json::Value& root) const;
  // The same as paths, in the same order.
  Result<std::vector<Path>> Locate(const json::Value& root) const;
  // Selects at most one value, whatever the document (RFC 9535 2.3.5.1).
  bool IsSingular() const;

 private:
  explicit JsonPathQuery(std::shared_ptr<const jsonpath::Query> query) : query_(std::move(query)) {}
  std::shared_ptr<const jsonpath::Query> query_;
};

class JsonPathCondition {
 public:
  // Under this entry point, `.length` at the end of a path that leads to an array or a string is
  // its length, as in older JSONPath dialects. Errors as JsonPathQuery::Parse.
  static Result<JsonPathCondition> Parse(std::string_view text);

  // Errors: kTooLarge.
  Result<bool> Holds(const json::Value& root) const;
  // The value of the comparison's left side when it is a path that leads to one value: what a
  // polling loop shows ("CREATING"). nullptr otherwise.
  const json::Value* Observed(const json::Value& root) const;
  // The condition as an RFC 9535 query for which "not empty" means the same on an object or array
  // root: $[?...] does not, so this is a hint for people, not an exact rewrite.
  const std::string& text() const { return text_; }

 private:
  JsonPathCondition(std::shared_ptr<const jsonpath::Expression> expression, std::string text)
      : expression_(std::move(expression)), text_(std::move(text)) {}
  std::shared_ptr<const jsonpath::Expression> expression_;
  std::string text_;
};

}  // namespace tarn::arazzo
