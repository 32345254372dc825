#include "arazzo/internal/xpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/test_world.h"
#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

using testing::HasSubstr;

constexpr std::string_view kXml =
    "<r xmlns:p='urn:p'><s n='1'>ACTIVE</s><s n='22'>x é</s><e/><p:q t=\"a b\">3</p:q><p:q>5</p:q>"
    "<!--c--><![CDATA[raw]]></r>";

std::string Selected(const std::string& expression) {
  const auto value = SelectXPath(kXml, expression);
  if (!value.ok()) return "error " + value.error().detail;
  return value.value().has_value() ? json::ToText(*value.value()) : "nothing";
}

// Every function of XPath 1.0 (sections 4.1 to 4.4), its axes and operators, and the later ones.
TEST(XPath, Selects) {
  struct Row {
    std::string expression, value;
  };
  for (const Row& row : {
           Row{"/r/s[1]", R"("ACTIVE")"},
           Row{"/r/s", R"(["ACTIVE","x é"])"},
           Row{"/r/s/@n", R"(["1","22"])"},
           Row{"/r/none", "nothing"},
           Row{"/r/e", R"("")"},
           Row{"//p:q[@t]", R"("3")"},
           Row{"count(/r/*)", "5"},
           Row{"sum(//p:q) div 3", "2.6666666666666665"},
           Row{"last()", "1"},
           Row{"/r/s[position() = last()]", R"("x é")"},
           Row{"local-name(//p:q)", R"("q")"},
           Row{"namespace-uri(//p:q)", R"("urn:p")"},
           Row{"name(//p:q)", R"("p:q")"},
           Row{"string(/r/s)", R"("ACTIVE")"},
           Row{"concat('a', 1 + 1, true())", R"("a2true")"},
           Row{"starts-with('abc', 'ab')", "true"},
           Row{"contains('abc', 'x')", "false"},
           Row{"substring-before('a/b', '/')", R"("a")"},
           Row{"substring-after('a/b', '/')", R"("b")"},
           Row{"substring('12345', 2, 3)", R"("234")"},
           Row{"string-length('é')", "1"},
           Row{"normalize-space('  a  b ')", R"("a b")"},
           Row{"translate('bar', 'abc', 'AB')", R"("BAr")"},
           Row{"boolean(//e) and not(false())", "true"},
           Row{"lang('en')", "false"},
           Row{"number('1.5') * 2", "3"},
           Row{"floor(1.5) + ceiling(1.5) - round(1.5)", "1"},
           Row{"7 mod 4", "3"},
           Row{"-7 div 2", "-3.5"},
           Row{"1 < 2 or 1 >= 2", "true"},
           Row{"//s[. != 'x'] | //e", R"(["ACTIVE","x é",""])"},
           Row{"//s[2]/preceding-sibling::s", R"("ACTIVE")"},
           Row{"//e/following-sibling::p:q[1]", R"("3")"},
           Row{"//s[1]/ancestor-or-self::*/descendant::e", R"("")"},
           Row{"/r/comment()", R"("c")"},
           Row{"/r/text()", R"("raw")"},
           Row{"id('x')", "nothing"},
           Row{"ends-with(/r/s[1], 'IVE')", "true"},
           Row{"matches(/r/s[1], '^A.*E$')", "true"},
           Row{"replace('a-b-c', '-(.)', '$1+')", R"("ab+c+")"},
           Row{"replace('a.b', '\\.', '\\$')", R"("a$b")"},
           Row{"lower-case('ÄB') = 'Äb'", "true"},
           Row{"upper-case('aé')", R"("Aé")"},
           Row{"exists(//e) and empty(//none)", "true"},
           Row{"abs(-2)", "2"},
           Row{"compare('a', 'b')", "-1"},
           Row{"contains-token(' a  b ', 'b')", "true"},
           Row{"contains-token('ab', 'b')", "false"},
           Row{"string-join(//p:q, ', ')", R"("3, 5")"},
           Row{"string-join(//p:q)", R"("35")"},
           Row{"min(//p:q) + max(//p:q) + avg(//p:q)", "12"},
           Row{"min(//none)", "nothing"},
           Row{"fn:count(//s) = 2 and fn:exists(//e)", "true"},
       }) {
    EXPECT_EQ(Selected(row.expression), row.value) << row.expression;
    EXPECT_TRUE(CheckXPath(row.expression).ok())
        << row.expression << ": " << CheckXPath(row.expression).error().detail;
  }
}

TEST(XPath, SaysWhatItCannotDo) {
  struct Row {
    std::string expression;
    bool before_running;  // CheckXPath says so as well.
  };
  for (const Row& row : {
           Row{"if (//a) then 1 else 2", true},
           Row{"for $x in //s return $x", true},
           Row{"//s[", true},
           Row{"1 eq 1", true},
           Row{"'a' || 'b'", true},
           Row{"tokenize('a b', ' ')", true},
           Row{"fn:tokenize ('a b', ' ')", true},
           Row{"current-dateTime()", true},
           Row{"//unknown:a", false},
           Row{"replace('a', 'x*', 'y')", false},
           Row{"replace('a', 'a', '$x')", false},
           Row{"replace('a', 'a', '$3')", false},
           Row{"matches('a', '(')", false},
           Row{"min(1, 2)", false},
       }) {
    EXPECT_THAT(Selected(row.expression), HasSubstr("XPath 1.0 is supported")) << row.expression;
    EXPECT_EQ(CheckXPath(row.expression).ok(), !row.before_running) << row.expression;
  }
  EXPECT_THAT(Selected("number('x')"), HasSubstr("not a finite number"));
  // Texts are no calls, and node tests and operators no functions.
  EXPECT_TRUE(CheckXPath("'tokenize(' = \"x(\" and (1 or (2)) and //a/child::node()").ok());
  EXPECT_FALSE(CheckXPath(std::string(kConditionBytesMax + 1, ' ')).ok());
  EXPECT_FALSE(CheckXPath(std::string("\xff")).ok());
}

TEST(XPath, ReplacesWhatIsSelected) {
  struct Row {
    std::string xml, expression, value, replaced;
  };
  for (const Row& row : {
           Row{"<r><b>1</b><b>2</b></r>", "//b", "n<&é",
               "<r><b>n&lt;&amp;é</b><b>n&lt;&amp;é</b></r>"},
           Row{"<r a=\"1\"/>", "/r/@a", "\"<", "<r a=\"&quot;&lt;\"/>"},
           Row{"<r>a<b/>c</r>", "/r/text()[2]", "<&", "<r>a<b/>&lt;&amp;</r>"},
           Row{"<r><b><c>1</c></b><c>2</c></r>", "//b | //c", "x", "<r><b>x</b><c>x</c></r>"},
           Row{"<?xml version=\"1.0\"?>\n<r/>\n", "/r", "x",
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<r>x</r>\n"},
           Row{"<r xmlns:p=\"u\"><p:b/></r>", "//p:b", "x", "<r xmlns:p=\"u\"><p:b>x</p:b></r>"},
       }) {
    const auto replaced = ReplaceAtXPath(row.xml, row.expression, row.value);
    ASSERT_TRUE(replaced.ok()) << replaced.error().detail;
    EXPECT_EQ(replaced.value(), row.replaced);
  }
  EXPECT_EQ(ReplaceAtXPath("<r/>", "//b", "x").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ReplaceAtXPath("<r/>", "1", "x").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ReplaceAtXPath("<r><!--c--></r>", "//comment()", "x").error().kind,
            ErrorKind::kInvalid);
  EXPECT_FALSE(ReplaceAtXPath("<!DOCTYPE r><r/>", "/r", "x").ok());
}

TEST(XPath, InOutputsAndPayloads) {
  Case c(R"(
- workflowId: w
  inputs: {type: object}
  steps:
  - stepId: s
    operationId: postB
    requestBody:
      contentType: application/xml
      payload: '<a><b>{$inputs.old}</b><c k="1"/></a>'
      replacements:
      - {target: /a/b, value: $inputs.b}
      - {target: /a/c/@k, value: 7}
    outputs:
      one: {context: $response.body, selector: /r/@n, type: xpath}
      many: {context: $response.body, selector: //b, type: {type: xpath, version: xpath-31}}
      none: {context: $response.body, selector: //none, type: xpath}
  - stepId: t
    operationId: postB
    requestBody:
      contentType: application/json
      payload: '{"a": [1, 2], "b": {$inputs.b}}'
      replacements: [{target: /a/0, value: $steps.s.outputs.many}]
  - stepId: u
    operationId: postB
    requestBody:
      payload: {x: [{y: 1}, {y: 2}]}
      replacements:
      - {target: '$.x[*].y', targetSelectorType: jsonpath, value: 9}
      - {target: /x/-, targetSelectorType: jsonpointer, value: end}
  outputs: {one: $steps.s.outputs.one, many: $steps.s.outputs.many}
)");
  c.inputs = ParseJson(R"({"old":"o","b":5})");
  c.world.server = [](const OutgoingRequest&, const ApiOperation&) {
    return HttpReply{200, {{"Content-Type", "text/xml"}}, "<r n='4'><b>x</b><b>y</b></r>"};
  };
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(json::ToText(result.outputs), R"({"one":"4","many":["x","y"]})");
  ASSERT_EQ(c.world.requests.size(), 3u);
  EXPECT_EQ(c.world.requests[0].body, "<a><b>5</b><c k=\"7\"/></a>");
  EXPECT_EQ(c.world.requests[1].body, R"({"a":[["x","y"],2],"b":5})");
  EXPECT_EQ(c.world.requests[2].body, R"({"x":[{"y":9},{"y":9},"end"]})");
  EXPECT_THAT(c.world.Texts("warning", "message"), HasSubstr("//none selects nothing"));
}

}  // namespace
}  // namespace tarn::arazzo
