// The pure layers: parser and body decoder under every split, route table, response heads.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "http/internal/body_decoder.h"
#include "http/internal/request_parser.h"
#include "http/internal/response_head.h"
#include "http/internal/route_table.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

TEST(RequestParser, TakesTheHeadAndLeavesTheRest) {
  const std::string head = "GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n";
  RequestParser parser(1000);
  Request request;
  EXPECT_EQ(parser.Feed(head + "GET", &request), head.size());
  EXPECT_EQ(parser.state(), RequestParser::State::kDone);
  EXPECT_EQ(parser.head_bytes(), head.size());
  EXPECT_EQ(request.headers.Get("x-y"), "z");
  EXPECT_TRUE(parser.keep_alive());
}

TEST(RequestParser, HoldsItsLimitExactly) {
  const std::string head = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto bytes = static_cast<uint32_t>(head.size());
  for (const uint32_t limit : {bytes, bytes - 1}) {
    RequestParser parser(limit);
    Request request;
    parser.Feed(head, &request);
    EXPECT_EQ(parser.state() == RequestParser::State::kDone, limit == bytes);
    EXPECT_EQ(parser.error_status(), limit == bytes ? 0 : 431);
  }
}

TEST(RequestParser, ForgetsOnReset) {
  RequestParser parser(1000);
  Request request;
  parser.Feed("GET /a HTTP/1.0\r\nContent-Length: 5\r\n\r\n", &request);
  parser.Reset();
  Request next;
  parser.Feed("GET /b HTTP/1.1\r\nHost: x\r\n\r\n", &next);
  EXPECT_EQ(parser.state(), RequestParser::State::kDone);
  EXPECT_EQ(parser.framing(), Framing::kNone);
  EXPECT_TRUE(parser.keep_alive());
}

std::string EncodeChunks(const std::string& content, const std::vector<uint8_t>& steps) {
  std::string out;
  size_t at = 0;
  size_t turn = 0;
  while (at < content.size()) {
    const size_t step = steps.empty() ? 1 : 1 + steps[turn++ % steps.size()];
    const std::string part = content.substr(at, step);
    char size[20];
    std::snprintf(size, sizeof size, "%zX", part.size());
    out += size;
    if (turn % 3 == 0) out += " ; name=\"a;\\\"b\"";
    out += "\r\n" + part + "\r\n";
    at += part.size();
  }
  return out + "0\r\n" + (turn % 2 == 0 ? "X-Trailer: t\r\n" : "") + "\r\n";
}

RC_GTEST_PROP(BodyDecoder, ReturnsWhatWasEncodedUnderEverySplit,
              (const std::string& content, const std::vector<uint8_t>& steps,
               const std::vector<uint8_t>& splits)) {
  const std::string rest = "GET /next";
  const std::string wire = EncodeChunks(content, steps) + rest;
  BodyDecoder decoder;
  decoder.StartChunked();
  std::string decoded;
  size_t at = 0;
  for (size_t turn = 0; !decoder.done(); ++turn) {
    const size_t in = splits.empty() ? 1 : 1 + splits[turn % splits.size()];
    const size_t room = splits.empty() ? 1 : 1 + splits[(turn * 7 + 3) % splits.size()];
    std::string out(room, 0);
    const auto progress = decoder.Decode(std::string_view(wire).substr(at, in), out);
    RC_ASSERT(!decoder.failed());
    at += progress.consumed;
    decoded.append(out, 0, progress.produced);
  }
  RC_ASSERT(decoded == content);
  RC_ASSERT(wire.substr(at) == rest);
}

TEST(BodyDecoder, BoundsTrailersAndExtensionsOverTheWholeBody) {
  std::string many_extensions;
  const std::string extension(1000, 'e');
  for (size_t i = 0; i * 1000 < kChunkExtensionBytesMax; ++i) {
    many_extensions += "1;" + extension + "\r\nx\r\n";
  }
  std::string many_trailers = "0\r\n";
  while (many_trailers.size() < kTrailerBytesMax + 10) many_trailers += "A: b\r\n";
  for (const std::string& wire : {many_extensions, many_trailers}) {
    BodyDecoder decoder;
    decoder.StartChunked();
    std::string out(wire.size(), 0);
    decoder.Decode(wire, out);
    EXPECT_TRUE(decoder.failed());
  }
}

Response Named(const std::string& name) {
  Response response;
  response.body = name;
  return response;
}

TEST(RouteTable, PrefersLiteralsThenPartsThenRests) {
  Router router;
  for (const std::string pattern :
       {"/", "/a", "/a/b", "/a/{x}", "/a/{x}/c", "/{y}/b", "/{z...}", "/a/{w...}"}) {
    router.Add(Method::kGet, pattern, {.name = pattern},
               [pattern](Request&) { return Named(pattern); });
  }
  router.Add(Method::kPost, "/a/{x}", {.name = "post"}, [](Request&) { return Named("post"); });
  router.Add(Method::kOther, "/any/{x}", {.name = "any"}, [](Request&) { return Named("any"); });
  struct Case {
    Method method;
    std::string_view path, route, parameter;
  };
  const RouteTable& table = RouterAccess::Of(router);
  for (const Case& c : {
           Case{Method::kGet, "/", "/", ""},
           Case{Method::kGet, "/a", "/a", ""},
           Case{Method::kGet, "/a/b", "/a/b", ""},
           Case{Method::kGet, "/a/%62", "/a/b", ""},
           Case{Method::kGet, "/a/q", "/a/{x}", "q"},
           Case{Method::kPost, "/a/b", "post", "b"},  // The literal takes only GET.
           Case{Method::kHead, "/a/b", "/a/b", ""},
           Case{Method::kGet, "/a/b/c", "/a/{x}/c", "b"},
           Case{Method::kGet, "/a/b/d", "/a/{w...}", "b/d"},
           Case{Method::kGet, "/q/b", "/{y}/b", "q"},
           Case{Method::kGet, "/q/r/s", "/{z...}", "q/r/s"},
           Case{Method::kGet, "/a%2Fb", "/{z...}", "a/b"},
           Case{Method::kGet, "//", "/{z...}", "/"},
           Case{Method::kDelete, "/any/1", "any", "1"},
       }) {
    SCOPED_TRACE(c.path);
    const RouteMatch match = table.Match(c.method, c.path);
    ASSERT_NE(match.route, nullptr);
    EXPECT_EQ(match.route->options.name, c.route);
    EXPECT_EQ(match.parameters.empty() ? "" : match.parameters[0].second, c.parameter);
  }
  EXPECT_EQ(table.Match(Method::kDelete, "/a").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(table.Match(Method::kPut, "/a/b").allow, "GET, HEAD, POST, OPTIONS");
}

TEST(RouteTableDeathTest, AddingTwiceIsABug) {
  Router router;
  const auto handler = [](Request&) { return Response(); };
  router.Add(Method::kGet, "/{a}", {.name = "one"}, handler);
  EXPECT_DEATH(router.Add(Method::kGet, "/{b}", {.name = "two"}, handler), "slot == nullptr");
}

TEST(ResponseHead, FramingIsTheWritersOwn) {
  Response response;
  response.headers.Add("Content-Length", "999");
  response.headers.Add("transfer-encoding", "gzip");
  response.headers.Add("Connection", "upgrade");
  response.headers.Add("Date", "never");
  response.headers.Add("X-Kept", "yes");
  std::string out;
  AppendResponseHead(response, {.date = "now", .request_id = "id", .content_length = 5}, &out);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: now\r\nX-Kept: yes\r\nX-Request-Id: id\r\n"
            "Content-Length: 5\r\n\r\n");
}

TEST(ResponseHead, RefusesWhatWouldSplit) {
  for (const std::string_view value : {std::string_view("a\r\nb"), std::string_view("a\nb"),
                                       std::string_view("a\rb"), std::string_view("a\0b", 3)}) {
    Response response;
    response.headers.Add("X", std::string(value));
    EXPECT_FALSE(IsSendable(response));
  }
  Response bad_name;
  bad_name.headers.Add("X Y", "z");
  EXPECT_FALSE(IsSendable(bad_name));
  Response bad_status;
  bad_status.status = 100;
  EXPECT_FALSE(IsSendable(bad_status));
  EXPECT_TRUE(IsSendable(Response()));
}

}  // namespace
}  // namespace tarn::http
