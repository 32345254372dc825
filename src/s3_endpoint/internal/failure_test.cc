#include "s3_endpoint/internal/failure.h"

#include <gtest/gtest.h>

#include <set>

namespace tarn::s3_endpoint {
namespace {

TEST(Failure, EveryCodeHasANameAndAStatus) {
  std::set<std::string_view> names;
  for (int i = 0; i < kS3CodeCount; ++i) {
    const S3CodeFacts facts = FactsOf(static_cast<S3Code>(i));
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_GE(facts.status, 400);
    EXPECT_LE(facts.status, 503);
  }
}

TEST(Failure, EveryKindHasACode) {
  // Who is to blame must survive the translation.
  for (int i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    SCOPED_TRACE(ErrorKindName(kind));
    const bool ours = kind == ErrorKind::kUnsupported || kind == ErrorKind::kBusy ||
                      kind == ErrorKind::kUnavailable || kind == ErrorKind::kCorrupt ||
                      kind == ErrorKind::kInternal;
    EXPECT_EQ(FactsOf(CodeOf(kind)).status >= 500, ours);
  }
}

TEST(Failure, ErrorsAreEscapedXml) {
  const http::Response response =
      ErrorResponse({S3Code::kNoSuchKey, "a < b & \"c\""}, "/demo/<x>\n", "id");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Error><Code>NoSuchKey</Code><Message>a &lt; b &amp; &quot;c&quot;</Message>"
            "<Resource>/demo/&lt;x&gt;&#xa;</Resource><RequestId>id</RequestId></Error>");
}

}  // namespace
}  // namespace tarn::s3_endpoint
