// HTTP/1.1 as it arrives on the wire: one row a rule, each sent through a socket in one piece and
// byte by byte. A connection that is kept must answer a following request; one that is not must
// close without answering it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

// Tells what it was given.
Response Describe(Request& request) {
  std::string text = request.method_text + "|" + request.path + "|" + request.query + "|";
  for (const auto& [name, value] : request.path_parameters) text += name + "=" + value + ";";
  return TextResponse(text + "|" + request.body);
}

Router ProtocolRouter() {
  Router router;
  router.Add(Method::kGet, "/", OnLoop("root"), Describe);
  router.Add(Method::kGet, "/a", OnLoop("a"), Describe);
  router.Add(Method::kPost, "/a", OnLoop("post_a"), Describe);
  router.Add(Method::kPut, "/a", OnWorkers("put_a"), Describe);
  router.Add(Method::kGet, "/p/{x}/end", OnLoop("part"), Describe);
  router.Add(Method::kGet, "/r/{rest...}", OnLoop("rest"), Describe);
  router.Add(Method::kPost, "/small", {.run_on = RunOn::kLoop, .body_bytes_max = 4, .name = "s"},
             Describe);
  return router;
}

struct Case {
  std::string_view name;
  std::string bytes;
  int status;
  bool kept;           // Whether the connection lives on.
  std::string body{};  // Of the answer; not looked at when empty.
};

std::string Get(std::string_view target, std::string_view fields = "Host: x\r\n") {
  return "GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}
std::string Post(std::string_view fields, std::string_view body) {
  return "POST /a HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string Chunked(std::string_view body) { return Post("Transfer-Encoding: chunked\r\n", body); }

const std::string kNul(1, '\0');

std::vector<Case> RequestLineCases() {
  return {
      {"plain", Get("/a"), 200, true, "GET|/a|||"},
      {"query", Get("/a?x=1&y=%20"), 200, true, "GET|/a|x=1&y=%20||"},
      {"bar in query", Get("/a?code=s|c"), 200, true, "GET|/a|code=s|c||"},
      {"second question mark", Get("/a?b?c"), 200, true, "GET|/a|b?c||"},
      {"empty line before", "\r\n" + Get("/a"), 200, true},
      {"many empty lines before", "\r\n\r\n\r\n\r\n\r\n" + Get("/a"), 400, false},
      {"absolute form", Get("http://other:80/a?q"), 200, true, "GET|/a|q||"},
      {"absolute form, https", Get("HTTPS://other/a"), 200, true, "GET|/a|||"},
      {"absolute form without path", Get("http://other"), 200, true, "GET|/|||"},
      {"absolute form, path empty, query", Get("http://other?q"), 200, true, "GET|/|q||"},
      {"absolute form with user", Get("http://u@other/a"), 400, false},
      {"absolute form, other scheme", Get("ftp://other/a"), 400, false},
      {"absolute form, no host", Get("http:///a"), 400, false},
      {"authority form", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"authority form with GET", Get("x:443"), 400, false},
      {"asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204, true},
      {"asterisk with GET", Get("*"), 400, false},
      {"no leading slash", Get("a"), 400, false},
      {"fragment", Get("/a#b"), 400, false},
      {"space in target", Get("/a b"), 400, false},
      {"two spaces", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"tab for space", "GET\t/a\tHTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"leading space", " GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"trailing space", "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n", 400, false},
      {"no version (HTTP/0.9)", "GET /a\r\n\r\n", 400, false},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false},
      {"HTTP/3.0", "GET /a HTTP/3.0\r\nHost: x\r\n\r\n", 505, false},
      {"HTTP/1.2 is read as 1.1", "GET /a HTTP/1.2\r\nHost: x\r\n\r\n", 200, true},
      {"version in lower case", "GET /a http/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"version with two digits", "GET /a HTTP/1.10\r\nHost: x\r\n\r\n", 400, false},
      {"bad method", "G(T /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"long method", std::string(kMethodBytesMax + 1, 'M') + " /a HTTP/1.1\r\nHost: x\r\n\r\n",
       400, false},
      {"unknown method", "PROPFIND /a HTTP/1.1\r\nHost: x\r\n\r\n", 405, true},
      {"method in lower case", "get /a HTTP/1.1\r\nHost: x\r\n\r\n", 405, true},
      {"TLS hello on a plain port", "\x16\x03\x01\x02" + kNul + "\x01", 400, false},
      {"NUL in target", "GET /a" + kNul + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"byte above 127 in target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
      {"unknown path", Get("/b"), 404, true},
      {"trailing slash is another path", Get("/a/"), 404, true},
      {"double slash is another path", Get("//a"), 404, true},
      {"dot segments stay", Get("/r/../x"), 200, true, "GET|/r/../x||rest=../x;|"},
      {"literal, encoded", Get("/%61"), 200, true, "GET|/%61|||"},
      {"part", Get("/p/1%2F2/end"), 200, true, "GET|/p/1%2F2/end||x=1/2;|"},
      {"empty part", Get("/p//end"), 404, true},
      {"rest with slashes", Get("/r/a//b/"), 200, true, "GET|/r/a//b/||rest=a//b/;|"},
      {"rest empty", Get("/r/"), 200, true, "GET|/r/||rest=;|"},
      {"bad escape", Get("/p/%zz/end"), 400, true},
      {"cut escape", Get("/r/%2"), 400, true},
      {"encoded NUL", Get("/r/a%00b"), 400, true},
  };
}

std::vector<Case> FieldCases() {
  std::string many = "Host: x\r\n";
  for (size_t i = 1; i < kHeaderFieldsMax; ++i) many += "A: b\r\n";
  const std::string big(16 * 1024, 'v');
  return {
      {"no Host", Get("/a", ""), 400, false},
      {"two Hosts", Get("/a", "Host: x\r\nHost: x\r\n"), 400, false},
      {"Host with path", Get("/a", "Host: x/y\r\n"), 400, false},
      {"Host with user", Get("/a", "Host: u@x\r\n"), 400, false},
      {"Host with space", Get("/a", "Host: x y\r\n"), 400, false},
      {"Host empty", Get("/a", "Host:\r\n"), 200, true},
      {"Host IPv6", Get("/a", "Host: [::1]:80\r\n"), 200, true},
      {"name in other case", Get("/a", "hOST: x\r\n"), 200, true},
      {"space before colon", Get("/a", "Host : x\r\n"), 400, false},
      {"tab before colon", Get("/a", "Host\t: x\r\n"), 400, false},
      {"space in name", Get("/a", "Host: x\r\nX Y: z\r\n"), 400, false},
      {"empty name", Get("/a", "Host: x\r\n: z\r\n"), 400, false},
      {"no colon", Get("/a", "Host: x\r\nXY\r\n"), 400, false},
      {"folded", Get("/a", "Host: x\r\nX: y\r\n z\r\n"), 400, false},
      {"folded by tab", Get("/a", "Host: x\r\nX: y\r\n\tz\r\n"), 400, false},
      {"space before the first field", Get("/a", " Host: x\r\n"), 400, false},
      {"bare LF after the request line", "GET /a HTTP/1.1\nHost: x\r\n\r\n", 400, false},
      {"bare LF after a field", "GET /a HTTP/1.1\r\nHost: x\n\r\n", 400, false},
      {"bare LF at the end", "GET /a HTTP/1.1\r\nHost: x\r\n\n", 400, false},
      {"bare LFs only", "GET /a HTTP/1.1\nHost: x\n\n", 400, false},
      {"bare CR in a value", Get("/a", "Host: x\r\nX: a\rb\r\n"), 400, false},
      {"CR CR LF", Get("/a", "Host: x\r\r\n"), 400, false},
      {"NUL in a value", Get("/a", "Host: x\r\nX: a" + kNul + "b\r\n"), 400, false},
      {"NUL in a name", Get("/a", "Host: x\r\nX" + kNul + ": a\r\n"), 400, false},
      {"DEL in a value", Get("/a", "Host: x\r\nX: \x7f\r\n"), 400, false},
      {"obs-text in a value", Get("/a", "Host: x\r\nX: \xe4\r\n"), 200, true},
      {"tab in a value", Get("/a", "Host: x\r\nX: \ta\tb\t\r\n"), 200, true},
      {"empty value", Get("/a", "Host: x\r\nX:\r\n"), 200, true},
      {"as many fields as allowed", Get("/a", many), 200, true},
      {"one field more", Get("/a", many + "A: b\r\n"), 431, false},
      {"field too large", Get("/a", "Host: x\r\nX: " + big + "\r\n"), 431, false},
      {"target too large", Get("/" + big), 431, false},
      {"Connection: close", Get("/a", "Host: x\r\nConnection: close\r\n"), 200, false},
      {"Connection list", Get("/a", "Host: x\r\nConnection: x, Close\r\n"), 200, false},
      {"Connection with empty members", Get("/a", "Host: x\r\nConnection: ,x,\r\n"), 200, true},
      {"Connection of no tokens", Get("/a", "Host: x\r\nConnection: c}lose\r\n"), 400, false},
      {"HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", 200, false},
      {"HTTP/1.0 keep-alive", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true},
      {"HTTP/1.0 both", "GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 200, false},
  };
}

std::vector<Case> BodyCases() {
  return {
      {"length", Post("Content-Length: 3\r\n", "abc"), 200, true, "POST|/a|||abc"},
      {"length zero", Post("Content-Length: 0\r\n", ""), 200, true, "POST|/a|||"},
      {"no length is no body", Post("", ""), 200, true, "POST|/a|||"},
      {"leading zeros", Post("Content-Length: 003\r\n", "abc"), 200, true, "POST|/a|||abc"},
      {"PUT to a worker", "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 200, true,
       "PUT|/a|||hi"},
      {"GET with a body", Get("/a", "Host: x\r\nContent-Length: 3\r\n") + "abc", 200, true,
       "GET|/a|||abc"},
      {"two lengths", Post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400, false},
      {"two unequal lengths", Post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400,
       false},
      {"length list", Post("Content-Length: 3, 3\r\n", "abc"), 400, false},
      {"negative length", Post("Content-Length: -3\r\n", "abc"), 400, false},
      {"plus sign", Post("Content-Length: +3\r\n", "abc"), 400, false},
      {"hexadecimal length", Post("Content-Length: 0x3\r\n", "abc"), 400, false},
      {"empty length", Post("Content-Length:\r\n", ""), 400, false},
      {"length past 63 bits", Post("Content-Length: 9223372036854775808\r\n", ""), 400, false},
      {"length past 64 bits", Post("Content-Length: 18446744073709551619\r\n", ""), 400, false},
      {"length too large for the path",
       "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", 413, false},
      {"length at the bound", "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd",
       200, true},
      {"chunks too large for the path",
       "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
       413, false},
      {"chunk size too large for the path, and nothing of the chunk",
       "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413,
       false},
      {"second chunk too large for the path",
       "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n",
       413, false},
      {"chunks at the bound",
       "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
       200, true},
      {"unknown path with a body", "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
       404, true},
      {"unknown path with chunks",
       "POST /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 404, false},
  };
}

std::vector<Case> CodingCases() {
  return {
      {"length and chunked",
       Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, false},
      {"chunked and length",
       Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400, false},
      {"chunked in HTTP/1.0", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, false},
      {"chunked twice",
       Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       false},
      {"chunked list", Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501, false},
      {"gzip and chunked", Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501, false},
      {"identity", Post("Transfer-Encoding: identity\r\n", ""), 501, false},
      {"almost chunked", Post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501, false},
      {"chunked in quotes", Post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501, false},
      {"chunked with vertical tab", Post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400,
       false},
      {"chunked in other case", Post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), 200, true},
  };
}

std::vector<Case> ChunkCases() {
  const std::string long_extension = ";" + std::string(kChunkExtensionBytesMax, 'e');
  return {
      {"chunks", Chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), 200, true,
       "POST|/a|||abc0123456789"},
      {"chunk size with zeros", Chunked("0003\r\nabc\r\n000\r\n\r\n"), 200, true},
      {"chunk extension", Chunked("3;a=b;c=\"d;\\\"e\" ; f\r\nabc\r\n0;x\r\n\r\n"), 200, true,
       "POST|/a|||abc"},
      {"trailers", Chunked("0\r\nX-Check: 1\r\nY: 2\r\n\r\n"), 200, true},
      {"extension with LF", Chunked("3;a\nb\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extension with CR", Chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extension with NUL", Chunked("3;" + kNul + "\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extension without name", Chunked("3;=b\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extension empty", Chunked("3;\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"space after an extension", Chunked("3;a=\"b\" \r\nabc\r\n0\r\n\r\n"), 400, false},
      {"space after an extension's name", Chunked("3;a \r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extension, bad quotes", Chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"extensions too long", Chunked("3" + long_extension + "\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"space after the size", Chunked("3 \r\nabc\r\n0\r\n\r\n"), 400, false},
      {"bare LF after the size", Chunked("3\nabc\r\n0\r\n\r\n"), 400, false},
      {"bare LF after the data", Chunked("3\r\nabc\n0\r\n\r\n"), 400, false},
      {"chunk longer than its size", Chunked("3\r\nabcd\r\n0\r\n\r\n"), 400, false},
      {"no size", Chunked("\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"size with sign", Chunked("+3\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"size with 0x", Chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"size too long", Chunked("0000000000000003\r\nabc\r\n0\r\n\r\n"), 400, false},
      {"folded trailer", Chunked("0\r\nX: 1\r\n 2\r\n\r\n"), 400, false},
      {"trailer with bare LF", Chunked("0\r\nX: 1\n\r\n"), 400, false},
      {"trailer without name", Chunked("0\r\n: 1\r\n\r\n"), 400, false},
      {"bare LF at the end", Chunked("0\r\n\n"), 400, false},
  };
}

void Check(const Case& c, RawClient& client) {
  const std::string response = client.ReadResponse();
  ASSERT_EQ(StatusOf(response), c.status) << response;
  if (!c.body.empty()) {
    EXPECT_EQ(BodyOf(response), c.body);
  }
  if (!c.kept) {
    EXPECT_THAT(response, ::testing::HasSubstr("Connection: close\r\n"));
    client.FinishSending();
    EXPECT_EQ(client.ReadToEnd(), "");
    return;
  }
  client.Send(Get("/a?next"));
  const std::string next = client.ReadResponse();
  EXPECT_EQ(BodyOf(next), "GET|/a|next||");
}

void CheckAll(const std::vector<Case>& cases) {
  TestServer server(ProtocolRouter());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    RawClient whole(server.port());
    whole.Send(c.bytes);
    Check(c, whole);
    if (c.bytes.size() > 4096) continue;
    RawClient split(server.port());
    for (const char byte : c.bytes) {
      // The server may answer and close before the last byte.
      if (!split.Send(std::string_view(&byte, 1))) break;
    }
    Check(c, split);
  }
}

TEST(Protocol, RequestLines) { CheckAll(RequestLineCases()); }
TEST(Protocol, HeaderFields) { CheckAll(FieldCases()); }
TEST(Protocol, Bodies) { CheckAll(BodyCases()); }
TEST(Protocol, TransferCodings) { CheckAll(CodingCases()); }
TEST(Protocol, Chunks) { CheckAll(ChunkCases()); }

TEST(Protocol, RequestsBehindABadOneAreNotRun) {
  TestServer server(ProtocolRouter());
  // The classic smuggling shapes: whichever length a front end believes, the second request must
  // not be answered.
  for (const std::string_view fields :
       {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding : chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 30\r\n", "Transfer-Encoding:\n chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n"}) {
    SCOPED_TRACE(fields);
    RawClient client(server.port());
    client.Send(Post(fields, "0\r\n\r\n" + Get("/a?smuggled")));
    const std::string all = client.ReadToEnd();
    EXPECT_EQ(StatusOf(all), 400);
    EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr("smuggled")));
  }
}

TEST(Protocol, HeadHasTheHeadOfGet) {
  TestServer server(ProtocolRouter());
  RawClient client(server.port());
  client.Send("HEAD /a?q HTTP/1.1\r\nHost: x\r\n\r\n" + Get("/a?q"));
  const std::string head = client.ReadResponse(/*is_head=*/true);
  EXPECT_THAT(head, ::testing::HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(head, ::testing::EndsWith("\r\n\r\n"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "GET|/a|q||");
}

TEST(Protocol, ContinuesWhenAsked) {
  TestServer server(ProtocolRouter());
  RawClient client(server.port());
  client.Send(Post("Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
  EXPECT_EQ(client.ReadResponse(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_EQ(BodyOf(client.ReadResponse()), "POST|/a|||abc");
  // A refusal comes instead, and ends the connection: the body may or may not follow.
  client.Send(
      "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 413);
  EXPECT_TRUE(client.IsClosedByServer());
}

}  // namespace
}  // namespace tarn::http
