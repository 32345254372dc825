// Any text as an expression, as a template and as a whole payload: what parses says so twice, an
// expression's text parses again, and evaluation in a small world never fails in other ways than
// its contract says.
#include <cstdint>
#include <string_view>

#include "arazzo/expression.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tarn::json::Value;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Value inputs = Value::MakeObject();
  inputs.Set("a", Value::String("b")).Set("a.b", Value::Int(1));
  tarn::arazzo::Exchange exchange;
  exchange.status = 200;
  exchange.response_body = inputs;
  tarn::arazzo::Scope scope;
  scope.inputs = &inputs;
  scope.exchange = &exchange;
  if (const auto whole = tarn::arazzo::ParseExpression(text); whole.ok()) {
    CHECK(whole.value().text == text);
    CHECK(tarn::arazzo::LooksLikeExpression(text));
    (void)tarn::arazzo::Evaluate(whole.value(), scope);
  }
  size_t length = 0;
  if (const auto prefix = tarn::arazzo::ParseExpressionPrefix(text, &length); prefix.ok()) {
    CHECK(length > 0 && length <= size);
    CHECK(prefix.value().text == text.substr(0, length));
    (void)tarn::arazzo::Evaluate(prefix.value(), scope);
  }
  const auto rendered = tarn::arazzo::RenderTemplate(text, scope);
  if (rendered.ok() && !tarn::arazzo::HasEmbeddedExpression(text)) CHECK(rendered.value() == text);
  (void)tarn::arazzo::EmbeddedExpressions(text);
  return 0;
}
