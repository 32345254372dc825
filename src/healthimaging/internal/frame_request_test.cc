#include "healthimaging/internal/frame_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn::healthimaging::internal {
namespace {

using ::testing::HasSubstr;

const std::string kId(32, 'a');

// "whole", "bytes 0-9", "suffix 5", "levels 0-2", or the error.
std::string Read(const std::string& query, const std::string& range = "") {
  http::Request request;
  request.query = query;
  if (!range.empty()) request.headers.Add("Range", range);
  const auto read = ReadFrameRequest(request);
  if (!read.ok()) return read.error().detail;
  const image_store::FrameRange& found = read.value().range;
  const auto text = [](uint64_t first, uint64_t last, uint64_t end) {
    return std::to_string(first) + "-" + (last == end ? "" : std::to_string(last));
  };
  if (found.bytes) return "bytes " + text(found.bytes->first, found.bytes->second, UINT64_MAX);
  if (found.suffix_bytes) return "suffix " + std::to_string(*found.suffix_bytes);
  if (found.levels) return "levels " + text(found.levels->first, found.levels->second, UINT32_MAX);
  EXPECT_TRUE(read.value().whole());
  return "whole";
}

TEST(FrameRequest, ReadsQueryAndRange) {
  const std::string id = "imageFrameId=" + kId;
  struct Case {
    std::string query, range, expected;
  };
  for (const Case& c : {
           Case{id, "", "whole"},
           Case{id, "bytes=0-9", "bytes 0-9"},
           Case{id, "bytes=10-", "bytes 10-"},
           Case{id, "bytes=-5", "suffix 5"},
           Case{id, "bytes=0-1,4-5", "whole"},
           Case{id, "bytes=9-1", "whole"},
           Case{id, "bytes=x-1", "whole"},
           Case{id, "bytes=-", "whole"},
           Case{id, "items=0-1", "whole"},
           Case{id, "bytes=0-99999999999999999999", "whole"},
           Case{id + "&endLevel=2", "", "levels 0-2"},
           Case{id + "&startLevel=1&endLevel=1", "", "levels 1-1"},
           Case{id + "&startLevel=1", "", "levels 1-"},
           Case{id + "&startLevel=2&endLevel=1", "", "'endLevel'"},
           Case{id + "&endLevel=-1", "", "'endLevel'"},
           Case{id + "&startLevel=100", "", "'startLevel'"},
           Case{id + "&endLevel=1", "bytes=0-9", "together with Range"},
           Case{"", "", "'imageFrameId'"},
           Case{"imageFrameId=A", "", "[0-9a-z]{32}"},
           Case{"imageFrameId=%zz", "", ""},
       }) {
    SCOPED_TRACE(c.query + " " + c.range);
    EXPECT_THAT(Read(c.query, c.range), HasSubstr(c.expected));
  }
}

TEST(FrameRequest, TagsRepresentations) {
  http::Request request;
  request.query = "imageFrameId=" + kId + "&endLevel=2";
  EXPECT_EQ(EntityTag("x", ReadFrameRequest(request).value()), "\"x-0-2\"");
  request.query = "imageFrameId=" + kId + "&startLevel=2";
  EXPECT_EQ(EntityTag("x", ReadFrameRequest(request).value()), "\"x-2-\"");
  request.query = "imageFrameId=" + kId;
  EXPECT_EQ(EntityTag("x", ReadFrameRequest(request).value()), "\"x\"");

  EXPECT_FALSE(ClientHas(request, "\"x\""));
  request.headers.Add("If-None-Match", "\"y\", W/\"x\"");
  EXPECT_TRUE(ClientHas(request, "\"x\""));
  EXPECT_FALSE(ClientHas(request, "\"z\""));
  request.headers.Set("If-None-Match", "*");
  EXPECT_TRUE(ClientHas(request, "\"z\""));

  EXPECT_TRUE(RangeApplies(request, "\"x\""));
  request.headers.Add("If-Range", "\"x\"");
  EXPECT_TRUE(RangeApplies(request, "\"x\""));
  EXPECT_FALSE(RangeApplies(request, "\"z\""));
}

}  // namespace
}  // namespace tarn::healthimaging::internal
