#include "objects/object_store.h"

#include <gtest/gtest.h>

#include <string>

namespace tarn::objects {
namespace {

TEST(S3Uri, Parses) {
  struct Case {
    std::string_view text, bucket, key;
  };
  for (const Case& c : {Case{"s3://demo", "demo", ""}, Case{"s3://demo/", "demo", ""},
                        Case{"s3://demo/a/b", "demo", "a/b"}, Case{"s3://demo//x", "demo", "/x"},
                        Case{"s3://a.b-c/x y?#", "a.b-c", "x y?#"}}) {
    SCOPED_TRACE(c.text);
    const Result<S3Uri> uri = ParseS3Uri(c.text);
    ASSERT_TRUE(uri.ok());
    EXPECT_EQ(uri.value().bucket, c.bucket);
    EXPECT_EQ(uri.value().key, c.key);
  }
  for (const std::string& text :
       {std::string(""), std::string("s3://"), std::string("s3:///k"), std::string("http://demo/x"),
        std::string("s3://ab/x"), std::string("s3://Demo/x"), std::string("s3://-demo/x"),
        std::string("s3://demo-/x"), std::string("s3://de..mo/x"), std::string("s3://.tarn/x"),
        "s3://" + std::string(64, 'b') + "/x", "s3://demo/" + std::string(1025, 'x'),
        std::string("s3://demo/\xff"), std::string("s3://demo/a\0b", 13),
        std::string("s3://../x")}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(ParseS3Uri(text).ok());
  }
}

}  // namespace
}  // namespace tarn::objects
