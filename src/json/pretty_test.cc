#include "json/pretty.h"

#include <gtest/gtest.h>

#include <string_view>

#include "json/document.h"

namespace tarn::json {
namespace {

TEST(Pretty, ChangesWhiteSpaceAlone) {
  struct Case {
    std::string_view text, pretty;
  };
  for (const Case& c : {
           Case{"1.00", "1.00\n"},
           Case{"{}", "{}\n"},
           Case{"[ ]", "[]\n"},
           Case{R"({"a":1.00,"b":["x, {y}","\"\\",null]})",
                "{\n  \"a\": 1.00,\n  \"b\": [\n    \"x, {y}\",\n    \"\\\"\\\\\",\n    null\n  "
                "]\n}\n"},
           Case{"{ \"a\" :\n{ \"b\" : { } } }", "{\n  \"a\": {\n    \"b\": {}\n  }\n}\n"},
       }) {
    SCOPED_TRACE(c.text);
    const std::string pretty = Pretty(c.text);
    EXPECT_EQ(pretty, c.pretty);
    EXPECT_TRUE(Parser().Parse(pretty).ok());
    EXPECT_EQ(Pretty(pretty), pretty);
  }
}

}  // namespace
}  // namespace tarn::json
