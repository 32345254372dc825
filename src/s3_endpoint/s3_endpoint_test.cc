// The endpoint as clients see it: requests over a socket, answers looked at as text.
#include "s3_endpoint/s3_endpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "http/client.h"
#include "objects/folder_store.h"
#include "s3_endpoint/internal/checksum.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

namespace fs = std::filesystem;
using http::Method;
using testing::Test;
using HeaderList = std::vector<std::pair<std::string, std::string>>;

std::string ChecksumOf(ChecksumKind kind, std::string_view bytes) {
  Checksummer sum(kind);
  sum.Update(bytes);
  return sum.Finish();
}

// The text between <name> and </name>, of the n-th such element; "(none)" without one.
std::string Element(std::string_view xml, const std::string& name, int n = 0) {
  const std::string open = "<" + name + ">";
  size_t at = xml.find(open);
  for (; n > 0 && at != std::string_view::npos; --n) at = xml.find(open, at + 1);
  if (at == std::string_view::npos) return "(none)";
  at += open.size();
  return std::string(xml.substr(at, xml.find("</" + name + ">", at) - at));
}

class S3EndpointTest : public Test {
 protected:
  S3EndpointTest() : client_(http::Client::Options{}) {
    std::string pattern = (fs::temp_directory_path() / "tarn-s3-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    store_ = objects::OpenFolderStore(folder_, clock_, random_).value();
    endpoint_ = std::make_unique<S3Endpoint>(*store_, S3EndpointOptions{"eu-test-1"});
    http::Router router;
    endpoint_->AddRoutes(&router);
    http::ServerOptions options;
    options.name = "s3";
    options.access_log = false;
    server_ = http::Server::Start(options, std::move(router), metrics_, clock_, random_).value();
    url_ = "http://127.0.0.1:" + std::to_string(server_->port());
  }
  ~S3EndpointTest() override {
    server_.reset();
    store_.reset();
    fs::remove_all(folder_);
  }

  http::ClientResponse Send(Method method, const std::string& target, std::string body = "",
                            const HeaderList& headers = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = url_ + target;
    request.body = std::move(body);
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    Result<http::ClientResponse> response = client_.Send(request);
    EXPECT_TRUE(response.ok()) << response.error().detail;
    return response.ok() ? std::move(response).value() : http::ClientResponse();
  }
  // "status code", such as "404 NoSuchKey"; the code is "(none)" for successes.
  std::string Outcome(const http::ClientResponse& response) {
    return std::to_string(response.status) + " " + Element(response.body, "Code");
  }
  void MakeBucket() { ASSERT_EQ(Send(Method::kPut, "/demo").status, 200); }

  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  std::string folder_;
  std::unique_ptr<objects::ObjectStore> store_;
  std::unique_ptr<S3Endpoint> endpoint_;
  std::unique_ptr<http::Server> server_;
  http::Client client_;
  std::string url_;
};

TEST_F(S3EndpointTest, Buckets) {
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo")), "200 (none)");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/")), "409 BucketAlreadyOwnedByYou");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/Bad_Name")), "400 InvalidBucketName");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/other",
                         "<CreateBucketConfiguration "
                         "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>"
                         "eu-west-1</LocationConstraint></CreateBucketConfiguration>")),
            "200 (none)");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/third", "<not xml")), "400 MalformedXML");
  EXPECT_EQ(Send(Method::kHead, "/demo").status, 200);
  EXPECT_EQ(Send(Method::kHead, "/demo").headers.Get("x-amz-bucket-region"), "eu-test-1");
  EXPECT_EQ(Send(Method::kHead, "/none").status, 404);
  const std::string listed = Send(Method::kGet, "/").body;
  EXPECT_EQ(Element(listed, "Name"), "demo");
  EXPECT_EQ(Element(listed, "Name", 1), "other");
  EXPECT_NE(Send(Method::kGet, "/demo?location").body.find(">eu-test-1</LocationConstraint>"),
            std::string::npos);
  ASSERT_EQ(Send(Method::kPut, "/demo/k", "x").status, 200);
  EXPECT_EQ(Outcome(Send(Method::kDelete, "/demo")), "409 BucketNotEmpty");
  EXPECT_EQ(Outcome(Send(Method::kDelete, "/demo/k")), "204 (none)");
  EXPECT_EQ(Outcome(Send(Method::kDelete, "/demo")), "204 (none)");
  EXPECT_EQ(Outcome(Send(Method::kDelete, "/demo")), "404 NoSuchBucket");
}

TEST_F(S3EndpointTest, PutGetHead) {
  MakeBucket();
  const http::ClientResponse put = Send(Method::kPut, "/demo/a%20b/%C3%BC%2Bc", "hello",
                                        {{"content-type", "text/plain"},
                                         {"x-amz-meta-Origin", "test"},
                                         {"cache-control", "no-cache"}});
  EXPECT_EQ(Outcome(put), "200 (none)");
  const std::string etag = "\"" + HexEncode(crypto::Md5("hello")) + "\"";
  EXPECT_EQ(put.headers.Get("etag"), etag);
  std::ifstream file(folder_ + "/demo/a b/\xc3\xbc+c");
  std::string text;
  EXPECT_TRUE(std::getline(file, text));
  EXPECT_EQ(text, "hello");
  for (const Method method : {Method::kGet, Method::kHead}) {
    const http::ClientResponse got = Send(method, "/demo/a%20b/%C3%BC+c");
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, method == Method::kGet ? "hello" : "");
    EXPECT_EQ(got.headers.Get("content-length"), "5");
    EXPECT_EQ(got.headers.Get("etag"), etag);
    EXPECT_EQ(got.headers.Get("content-type"), "text/plain");
    EXPECT_EQ(got.headers.Get("x-amz-meta-origin"), "test");
    EXPECT_EQ(got.headers.Get("cache-control"), "no-cache");
    EXPECT_EQ(got.headers.Get("accept-ranges"), "bytes");
    EXPECT_FALSE(got.headers.Get("last-modified").empty());
    EXPECT_FALSE(got.headers.Get("x-amz-request-id").empty());
  }
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo/none")), "404 NoSuchKey");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/none/none")), "404 NoSuchBucket");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/none/none", "x")), "404 NoSuchBucket");
  EXPECT_EQ(Outcome(Send(Method::kDelete, "/demo/none")), "204 (none)");
  EXPECT_EQ(Send(Method::kHead, "/demo/none").status, 404);
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/" + std::string(1025, 'k'), "x")),
            "400 KeyTooLongError");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/%FF", "x")), "400 InvalidURI");
}

TEST_F(S3EndpointTest, OverridesAndConditions) {
  MakeBucket();
  Send(Method::kPut, "/demo/k", "0123456789");
  const http::ClientResponse got =
      Send(Method::kGet, "/demo/k?response-content-type=text%2Fcsv&response-expires=never");
  EXPECT_EQ(got.headers.Get("content-type"), "text/csv");
  EXPECT_EQ(got.headers.Get("expires"), "never");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo/k?response-content-type=a%0Ab")),
            "400 InvalidArgument");
  const std::string etag(got.headers.Get("etag"));
  const std::string bare = etag.substr(1, etag.size() - 2);
  const std::string past = "Fri, 02 Jan 2015 03:04:05 GMT";
  const std::string future = "Fri, 02 Jan 2099 03:04:05 GMT";
  struct Case {
    HeaderList headers;
    std::string get;
  };
  for (const Case& c : {
           Case{{{"if-match", etag}}, "200 (none)"},
           Case{{{"if-match", bare}}, "200 (none)"},
           Case{{{"if-match", "*"}}, "200 (none)"},
           Case{{{"if-match", "\"x\", " + etag}}, "200 (none)"},
           Case{{{"if-match", "\"x\""}}, "412 PreconditionFailed"},
           Case{{{"if-none-match", etag}}, "304 (none)"},
           Case{{{"if-none-match", "\"x\""}}, "200 (none)"},
           Case{{{"if-modified-since", past}}, "200 (none)"},
           Case{{{"if-modified-since", future}}, "304 (none)"},
           Case{{{"if-modified-since", "nonsense"}}, "200 (none)"},
           Case{{{"if-unmodified-since", past}}, "412 PreconditionFailed"},
           Case{{{"if-unmodified-since", future}}, "200 (none)"},
           // The ETag decides where both are given.
           Case{{{"if-match", etag}, {"if-unmodified-since", past}}, "200 (none)"},
           Case{{{"if-none-match", "\"x\""}, {"if-modified-since", future}}, "200 (none)"},
           Case{{{"range", "bytes=0-3"}}, "206 (none)"},
           Case{{{"range", "bytes=10-"}}, "416 InvalidRange"},
           Case{{{"range", "bytes=0-99999999999999999999999"}}, "206 (none)"},
           Case{{{"range", "bytes=-99999999999999999999999"}}, "206 (none)"},
           Case{{{"range", "bytes=99999999999999999999999-"}}, "416 InvalidRange"},
           Case{{{"range", "bytes=18446744073709551615-"}}, "416 InvalidRange"},
           Case{{{"range", "bytes=0-18446744073709551615"}}, "206 (none)"},
           Case{{{"range", "bytes=--1"}}, "200 (none)"},
           Case{{{"range", "bytes=+1-2"}}, "200 (none)"},
       }) {
    SCOPED_TRACE(c.headers[0].first + ": " + c.headers[0].second);
    EXPECT_EQ(Outcome(Send(Method::kGet, "/demo/k", "", c.headers)), c.get);
    EXPECT_EQ(std::to_string(Send(Method::kHead, "/demo/k", "", c.headers).status),
              c.get.substr(0, 3));
  }
  const http::ClientResponse part = Send(Method::kGet, "/demo/k", "", {{"range", "bytes=-3"}});
  EXPECT_EQ(part.body, "789");
  EXPECT_EQ(part.headers.Get("content-range"), "bytes 7-9/10");
}

TEST_F(S3EndpointTest, ConditionalWrites) {
  MakeBucket();
  EXPECT_EQ(Send(Method::kPut, "/demo/k", "1", {{"if-none-match", "*"}}).status, 200);
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k", "2", {{"if-none-match", "*"}})),
            "412 PreconditionFailed");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k", "2", {{"if-match", "\"x\""}})),
            "501 NotImplemented");
  EXPECT_EQ(Send(Method::kGet, "/demo/k").body, "1");
}

TEST_F(S3EndpointTest, LargeBodiesStream) {
  MakeBucket();
  std::string large(5 << 20, '\0');
  SeededRandom(1).Fill(large);
  EXPECT_EQ(Send(Method::kPut, "/demo/large", large).status, 200);
  const http::ClientResponse whole = Send(Method::kGet, "/demo/large");
  EXPECT_EQ(whole.body == large, true);
  EXPECT_EQ(whole.headers.Get("content-length"), std::to_string(large.size()));
  const http::ClientResponse part =
      Send(Method::kGet, "/demo/large", "", {{"range", "bytes=1000000-2999999"}});
  EXPECT_EQ(part.body == large.substr(1000000, 2000000), true);
}

TEST_F(S3EndpointTest, DigestsOfBodies) {
  MakeBucket();
  const std::string body = "hello";
  const std::string hash = HexEncode(crypto::Sha256(body));
  const std::string wrong_hash = HexEncode(crypto::Sha256("other"));
  struct Case {
    std::string name, value, outcome;
  };
  for (const Case& c : {
           Case{"content-md5", Base64Encode(crypto::Md5(body)), "200 (none)"},
           Case{"content-md5", Base64Encode(crypto::Md5("x")), "400 BadDigest"},
           Case{"content-md5", "nonsense", "400 InvalidDigest"},
           Case{"x-amz-content-sha256", hash, "200 (none)"},
           Case{"x-amz-content-sha256", "UNSIGNED-PAYLOAD", "200 (none)"},
           Case{"x-amz-content-sha256", wrong_hash, "400 XAmzContentSHA256Mismatch"},
           Case{"x-amz-content-sha256", "abc", "400 InvalidArgument"},
           Case{"x-amz-checksum-crc32", "AAAA", "400 InvalidRequest"},
           Case{"x-amz-checksum-md5", "AAAA", "501 NotImplemented"},
           Case{"x-amz-trailer", "x-amz-checksum-crc32", "400 InvalidRequest"},
           Case{"content-encoding", "aws-chunked", "400 InvalidRequest"},
       }) {
    SCOPED_TRACE(c.name + ": " + c.value);
    EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k", body, {{c.name, c.value}})), c.outcome);
  }
  for (const ChecksumFacts& facts : kChecksums) {
    const std::string name = "x-amz-checksum-" + std::string(facts.name);
    SCOPED_TRACE(name);
    const std::string key = "/demo/" + std::string(facts.name);
    const std::string right = ChecksumOf(facts.kind, body);
    EXPECT_EQ(Outcome(Send(Method::kPut, key, body, {{name, ChecksumOf(facts.kind, "x")}})),
              "400 BadDigest");
    EXPECT_EQ(Outcome(Send(Method::kGet, key)), "404 NoSuchKey");
    const http::ClientResponse put = Send(Method::kPut, key, body, {{name, right}});
    EXPECT_EQ(put.headers.Get(name), right);
    EXPECT_EQ(put.headers.Get("x-amz-checksum-type"), "FULL_OBJECT");
    EXPECT_EQ(Send(Method::kGet, key).headers.Get(name), "");
    EXPECT_EQ(Send(Method::kGet, key, "", {{"x-amz-checksum-mode", "ENABLED"}}).headers.Get(name),
              right);
    EXPECT_EQ(Send(Method::kHead, key, "", {{"x-amz-checksum-mode", "ENABLED"}}).headers.Get(name),
              right);
  }
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k", body,
                         {{"x-amz-checksum-crc32", ChecksumOf(ChecksumKind::kCrc32, body)},
                          {"x-amz-checksum-sha1", ChecksumOf(ChecksumKind::kSha1, body)}})),
            "400 InvalidRequest");
}

TEST_F(S3EndpointTest, AwsChunkedBodies) {
  MakeBucket();
  const std::string crc = ChecksumOf(ChecksumKind::kCrc32, "hello world");
  const std::string signature = ";chunk-signature=" + std::string(64, 'a');
  const HeaderList unsigned_trailer = {
      {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
      {"content-encoding", "aws-chunked,gzip"},
      {"x-amz-decoded-content-length", "11"},
      {"x-amz-trailer", "x-amz-checksum-crc32"}};
  const HeaderList is_signed = {{"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
                                {"x-amz-decoded-content-length", "11"}};
  HeaderList signed_trailer = unsigned_trailer;
  signed_trailer[0].second = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
  HeaderList no_length = unsigned_trailer;
  no_length.erase(no_length.begin() + 2);
  const std::string chunks = "6\r\nhello \r\n5\r\nworld\r\n0\r\n";
  const std::string signed_chunks =
      "6" + signature + "\r\nhello \r\n5" + signature + "\r\nworld\r\n0" + signature + "\r\n";
  const std::string trailer = "x-amz-checksum-crc32:" + crc + "\r\n";
  struct Case {
    HeaderList headers;
    std::string body, outcome;
  };
  for (const Case& c : {
           Case{unsigned_trailer, chunks + trailer + "\r\n", "200 (none)"},
           Case{unsigned_trailer, chunks + "x-amz-checksum-crc32:" + crc + "\n\r\n", "200 (none)"},
           Case{is_signed, signed_chunks + "\r\n", "200 (none)"},
           Case{signed_trailer,
                signed_chunks + trailer + "x-amz-trailer-signature:" + std::string(64, 'b') +
                    "\r\n\r\n",
                "200 (none)"},
           Case{unsigned_trailer, chunks + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n",
                "400 BadDigest"},
           Case{unsigned_trailer, chunks + "x-amz-checksum-crc32:AAAA\r\n\r\n",
                "400 InvalidRequest"},
           Case{unsigned_trailer, chunks + "\r\n", "400 MalformedTrailerError"},
           Case{unsigned_trailer, chunks + trailer + trailer + "\r\n", "400 MalformedTrailerError"},
           Case{unsigned_trailer, chunks + trailer + "x-other:1\r\n\r\n",
                "400 MalformedTrailerError"},
           Case{unsigned_trailer, "6\r\nhello \r\n0\r\n" + trailer + "\r\n", "400 IncompleteBody"},
           Case{unsigned_trailer, "6\r\nhello \r\n5\r\nworld\r\n", "400 InvalidRequest"},
           Case{unsigned_trailer, "6\r\nhello", "400 InvalidRequest"},
           Case{unsigned_trailer, "5\r\nhello world\r\n0\r\n\r\n", "400 InvalidRequest"},
           Case{unsigned_trailer, "x\r\nhello", "400 InvalidRequest"},
           Case{unsigned_trailer, "", "400 InvalidRequest"},
           Case{is_signed, chunks + "\r\n", "400 InvalidRequest"},
           Case{no_length, chunks + trailer + "\r\n", "411 MissingContentLength"},
       }) {
    SCOPED_TRACE(c.body);
    Send(Method::kDelete, "/demo/k");
    EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k", c.body, c.headers)), c.outcome);
    const http::ClientResponse got = Send(Method::kGet, "/demo/k");
    if (c.outcome.starts_with("200")) {
      EXPECT_EQ(got.body, "hello world");
      const bool encoded = FindParameter(c.headers, "content-encoding") != nullptr;
      EXPECT_EQ(got.headers.Get("content-encoding"), encoded ? "gzip" : "");
    } else {
      EXPECT_EQ(Outcome(got), "404 NoSuchKey");
    }
  }
}

TEST_F(S3EndpointTest, Listings) {
  MakeBucket();
  for (const char* key : {"a%20b", "a/1", "a/2", "b&c", "d"}) {
    ASSERT_EQ(Send(Method::kPut, std::string("/demo/") + key, "x").status, 200);
  }
  const std::string first = Send(Method::kGet, "/demo?list-type=2&delimiter=%2F&max-keys=2").body;
  EXPECT_EQ(Element(first, "Key"), "a b");
  EXPECT_EQ(Element(first, "CommonPrefixes"), "<Prefix>a/</Prefix>");
  EXPECT_EQ(Element(first, "KeyCount"), "2");
  EXPECT_EQ(Element(first, "IsTruncated"), "true");
  const std::string token = Element(first, "NextContinuationToken");
  const std::string second =
      Send(Method::kGet, "/demo?list-type=2&delimiter=/&continuation-token=" + token).body;
  EXPECT_EQ(Element(second, "Key"), "b&amp;c");
  EXPECT_EQ(Element(second, "Key", 1), "d");
  EXPECT_EQ(Element(second, "IsTruncated"), "false");
  EXPECT_EQ(Element(second, "NextContinuationToken"), "(none)");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo?list-type=2&continuation-token=x")),
            "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo?list-type=3")), "400 InvalidArgument");

  const std::string encoded =
      Send(Method::kGet, "/demo?list-type=2&encoding-type=url&start-after=a").body;
  EXPECT_EQ(Element(encoded, "Key"), "a%20b");
  EXPECT_EQ(Element(encoded, "Key", 3), "b%26c");
  EXPECT_EQ(Element(encoded, "StartAfter"), "a");
  EXPECT_EQ(Element(encoded, "Size"), "1");
  EXPECT_EQ(Element(encoded, "ETag"), "&quot;" + HexEncode(crypto::Md5("x")) + "&quot;");

  const std::string old = Send(Method::kGet, "/demo?marker=a/1&max-keys=1").body;
  EXPECT_EQ(Element(old, "Key"), "a/2");
  EXPECT_EQ(Element(old, "Marker"), "a/1");
  EXPECT_EQ(Element(old, "IsTruncated"), "true");
  EXPECT_EQ(Element(old, "NextMarker"), "(none)");
  EXPECT_EQ(Element(Send(Method::kGet, "/demo?delimiter=/&max-keys=2").body, "NextMarker"), "a/");
  EXPECT_EQ(Element(Send(Method::kGet, "/demo?max-keys=0").body, "IsTruncated"), "false");
  EXPECT_EQ(Element(Send(Method::kGet, "/demo?max-keys=5000").body, "MaxKeys"), "1000");
  for (const std::string query :
       {"max-keys=-1", "max-keys=1e3", "max-keys=4294967296", "max-keys=99999999999999999999999",
        "prefix=%ff", "marker=%00", "marker=%c3", "list-type=2&start-after=%ff", "%ff=1"}) {
    EXPECT_EQ(Outcome(Send(Method::kGet, "/demo?" + query)), "400 InvalidArgument") << query;
  }
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo?encoding-type=x")), "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/demo?delimiter=%7C")), "501 NotImplemented");
  EXPECT_EQ(Outcome(Send(Method::kGet, "/none?list-type=2")), "404 NoSuchBucket");
}

TEST_F(S3EndpointTest, Copies) {
  MakeBucket();
  ASSERT_EQ(Send(Method::kPut, "/demo/a%20%C3%BC", "hello",
                 {{"content-type", "text/plain"},
                  {"x-amz-meta-x", "1"},
                  {"x-amz-checksum-sha1", ChecksumOf(ChecksumKind::kSha1, "hello")}})
                .status,
            200);
  const auto copy = [&](const std::string& source, HeaderList headers = {}) {
    headers.emplace_back("x-amz-copy-source", source);
    return Send(Method::kPut, "/demo/copy", "", headers);
  };
  const http::ClientResponse copied = copy("/demo/a%20%C3%BC");
  EXPECT_EQ(Outcome(copied), "200 (none)");
  EXPECT_EQ(Element(copied.body, "ChecksumSHA1"), ChecksumOf(ChecksumKind::kSha1, "hello"));
  EXPECT_EQ(Send(Method::kGet, "/demo/copy").body, "hello");
  EXPECT_EQ(Send(Method::kHead, "/demo/copy").headers.Get("content-type"), "text/plain");
  EXPECT_EQ(Send(Method::kHead, "/demo/copy").headers.Get("x-amz-meta-x"), "1");
  EXPECT_EQ(copy("demo/a%20%C3%BC", {{"x-amz-metadata-directive", "REPLACE"},
                                     {"content-type", "text/csv"},
                                     {"x-amz-checksum-algorithm", "CRC64NVME"}})
                .status,
            200);
  const http::ClientResponse head =
      Send(Method::kHead, "/demo/copy", "", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(head.headers.Get("content-type"), "text/csv");
  EXPECT_EQ(head.headers.Get("x-amz-meta-x"), "");
  EXPECT_EQ(head.headers.Get("x-amz-checksum-crc64nvme"),
            ChecksumOf(ChecksumKind::kCrc64Nvme, "hello"));
  EXPECT_EQ(Outcome(copy("demo/none")), "404 NoSuchKey");
  EXPECT_EQ(Outcome(copy("none/none")), "404 NoSuchBucket");
  EXPECT_EQ(Outcome(copy("demo")), "400 InvalidArgument");
  EXPECT_EQ(Outcome(copy("demo/copy")), "400 InvalidRequest");
  EXPECT_EQ(Outcome(copy("demo/a%20%C3%BC?versionId=1")), "501 NotImplemented");
  EXPECT_EQ(Outcome(copy("demo/a%20%C3%BC", {{"x-amz-copy-source-if-match", "\"x\""}})),
            "412 PreconditionFailed");
  EXPECT_EQ(Outcome(copy("demo/a%20%C3%BC", {{"x-amz-metadata-directive", "OTHER"}})),
            "400 InvalidArgument");
}

TEST_F(S3EndpointTest, BatchDelete) {
  MakeBucket();
  for (const char* key : {"a", "b%26c", "d"}) {
    Send(Method::kPut, std::string("/demo/") + key, "x");
  }
  const std::string request =
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object>"
      "<Object><Key>b&amp;c</Key></Object><Object><Key>none</Key></Object>"
      "<Object><Key>d</Key><VersionId>1</VersionId></Object></Delete>";
  EXPECT_EQ(Outcome(Send(Method::kPost, "/demo?delete", request,
                         {{"content-md5", Base64Encode(crypto::Md5("x"))}})),
            "400 BadDigest");
  const http::ClientResponse deleted =
      Send(Method::kPost, "/demo?delete", request,
           {{"x-amz-checksum-crc32", ChecksumOf(ChecksumKind::kCrc32, request)}});
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(Element(deleted.body, "Deleted"), "<Key>a</Key>");
  EXPECT_EQ(Element(deleted.body, "Deleted", 1), "<Key>b&amp;c</Key>");
  EXPECT_EQ(Element(deleted.body, "Code"), "NotImplemented");
  EXPECT_EQ(Element(Send(Method::kGet, "/demo").body, "Key"), "d");
  const std::string quiet = "<Delete><Quiet>true</Quiet><Object><Key>d</Key></Object></Delete>";
  // Without any of them nothing is deleted; x-amz-content-sha256 and the mere name of an algorithm
  // are not what S3 asks for.
  EXPECT_EQ(Outcome(Send(Method::kPost, "/demo?delete", quiet)), "400 InvalidRequest");
  EXPECT_EQ(Outcome(Send(Method::kPost, "/demo?delete", quiet,
                         {{"x-amz-content-sha256", HexEncode(crypto::Sha256(quiet))},
                          {"x-amz-sdk-checksum-algorithm", "CRC32"}})),
            "400 InvalidRequest");
  EXPECT_EQ(Element(Send(Method::kGet, "/demo").body, "Key"), "d");
  const auto delete_with_md5 = [this](const std::string& path, const std::string& body) {
    return Send(Method::kPost, path, body, {{"content-md5", Base64Encode(crypto::Md5(body))}});
  };
  EXPECT_EQ(delete_with_md5("/demo?delete", quiet).body.find("Deleted"), std::string::npos);
  EXPECT_EQ(Element(Send(Method::kGet, "/demo").body, "Key"), "(none)");
  for (const std::string& bad :
       {std::string(), std::string("<Delete/>"), std::string("<Delete><Object/></Delete>"),
        std::string("<Other/>"),
        std::string("<!DOCTYPE Delete [<!ENTITY e \"x\">]><Delete><Object><Key>&e;</Key></Object>"
                    "</Delete>"),
        std::string("<Delete><Object><Key>&e;</Key></Object></Delete>"),
        std::string("<Delete><Object><Key><x/></Key></Object></Delete>")}) {
    SCOPED_TRACE(bad);
    EXPECT_EQ(Outcome(delete_with_md5("/demo?delete", bad)), "400 MalformedXML");
  }
  EXPECT_EQ(Outcome(delete_with_md5("/none?delete", quiet)), "404 NoSuchBucket");
}

TEST_F(S3EndpointTest, Multipart) {
  MakeBucket();
  const std::string first(kPartBytesMin, 'a');
  const std::string second = "tail";
  struct Case {
    ChecksumKind kind;
    std::string type, expected;
  };
  const auto composite = [&](ChecksumKind kind) {
    return CompositeChecksum(kind, {{ChecksumOf(kind, first), first.size()},
                                    {ChecksumOf(kind, second), second.size()}})
        .value();
  };
  for (const Case& c :
       {Case{ChecksumKind::kCrc32, "", composite(ChecksumKind::kCrc32)},
        Case{ChecksumKind::kSha256, "COMPOSITE", composite(ChecksumKind::kSha256)},
        Case{ChecksumKind::kCrc32c, "FULL_OBJECT",
             ChecksumOf(ChecksumKind::kCrc32c, first + second)},
        Case{ChecksumKind::kCrc64Nvme, "", ChecksumOf(ChecksumKind::kCrc64Nvme, first + second)}}) {
    const ChecksumFacts& facts = FactsOf(c.kind);
    SCOPED_TRACE(facts.name);
    HeaderList headers = {{"x-amz-checksum-algorithm", std::string(facts.algorithm)},
                          {"content-type", "text/plain"}};
    if (!c.type.empty()) headers.emplace_back("x-amz-checksum-type", c.type);
    const std::string id =
        Element(Send(Method::kPost, "/demo/k?uploads", "", headers).body, "UploadId");
    const auto put = [&](int number, const std::string& bytes) {
      return std::string(Send(Method::kPut,
                              "/demo/k?partNumber=" + std::to_string(number) + "&uploadId=" + id,
                              bytes)
                             .headers.Get("etag"));
    };
    const std::string tag_one = put(1, first);
    const std::string tag_two = put(2, second);
    const std::string listed = Send(Method::kGet, "/demo/k?uploadId=" + id + "&max-parts=1").body;
    EXPECT_EQ(Element(listed, "PartNumber"), "1");
    EXPECT_EQ(Element(listed, "IsTruncated"), "true");
    EXPECT_EQ(Element(listed, std::string(facts.element)), ChecksumOf(c.kind, first));
    EXPECT_EQ(Element(Send(Method::kGet, "/demo?uploads").body, "UploadId"), id);
    const auto complete = [&](const std::string& xml, const HeaderList& more = {}) {
      return Send(Method::kPost, "/demo/k?uploadId=" + id,
                  "<CompleteMultipartUpload>" + xml + "</CompleteMultipartUpload>", more);
    };
    const auto part = [](int number, const std::string& etag) {
      return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
             "</ETag></Part>";
    };
    EXPECT_EQ(Outcome(complete(part(2, tag_two) + part(1, tag_one))), "400 InvalidPartOrder");
    EXPECT_EQ(Outcome(complete(part(1, tag_two))), "400 InvalidPart");
    EXPECT_EQ(Outcome(complete(part(1, tag_one) + part(3, tag_two))), "400 InvalidPart");
    EXPECT_EQ(Outcome(complete("")), "400 MalformedXML");
    EXPECT_EQ(
        Outcome(complete(part(1, tag_one) + part(2, tag_two), {{"x-amz-mp-object-size", "7"}})),
        "400 InvalidRequest");
    EXPECT_EQ(Outcome(complete(
                  part(1, tag_one) + part(2, tag_two),
                  {{"x-amz-checksum-" + std::string(facts.name), ChecksumOf(c.kind, "other")}})),
              "400 BadDigest");
    const http::ClientResponse done = complete(part(1, tag_one) + part(2, tag_two));
    EXPECT_EQ(Outcome(done), "200 (none)");
    EXPECT_EQ(Element(done.body, std::string(facts.element)), c.expected);
    const http::ClientResponse got =
        Send(Method::kGet, "/demo/k", "", {{"x-amz-checksum-mode", "ENABLED"}});
    EXPECT_EQ(got.body == first + second, true);
    EXPECT_TRUE(got.headers.Get("etag").ends_with("-2\""));
    EXPECT_EQ(got.headers.Get("content-type"), "text/plain");
    EXPECT_EQ(got.headers.Get("x-amz-checksum-" + std::string(facts.name)), c.expected);
    EXPECT_EQ(Outcome(complete(part(1, tag_one))), "404 NoSuchUpload");
  }
}

TEST_F(S3EndpointTest, MultipartRefusals) {
  MakeBucket();
  const std::string id = Element(Send(Method::kPost, "/demo/k?uploads").body, "UploadId");
  const std::string target = "/demo/k?uploadId=" + id;
  EXPECT_EQ(Outcome(Send(Method::kPut, target + "&partNumber=0", "x")), "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kPut, target + "&partNumber=10001", "x")), "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kPut, target, "x")), "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/k?uploadId=none&partNumber=1", "x")),
            "404 NoSuchUpload");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/none/k?uploadId=none&partNumber=1", "x")),
            "404 NoSuchBucket");
  EXPECT_EQ(Outcome(Send(Method::kPut, "/demo/other?partNumber=1&uploadId=" + id, "x")),
            "404 NoSuchUpload");
  const auto etag = [&](int number) {
    return std::string(Send(Method::kPut, target + "&partNumber=" + std::to_string(number), "small")
                           .headers.Get("etag"));
  };
  const std::string parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
                            etag(1) + "</ETag></Part><Part><PartNumber>2</PartNumber><ETag>" +
                            etag(2) + "</ETag></Part></CompleteMultipartUpload>";
  EXPECT_EQ(Outcome(Send(Method::kPost, target, parts)), "400 EntityTooSmall");
  Send(Method::kPut, "/demo/source", "0123456789");
  const HeaderList copy = {{"x-amz-copy-source", "demo/source"},
                           {"x-amz-copy-source-range", "bytes=2-4"}};
  const http::ClientResponse copied = Send(Method::kPut, target + "&partNumber=3", "", copy);
  EXPECT_EQ(Element(copied.body, "ETag"), "&quot;" + HexEncode(crypto::Md5("234")) + "&quot;");
  EXPECT_EQ(Outcome(Send(Method::kPut, target + "&partNumber=3", "",
                         {{"x-amz-copy-source", "demo/none"}})),
            "404 NoSuchKey");
  EXPECT_EQ(Outcome(Send(
                Method::kPut, target + "&partNumber=3", "",
                {{"x-amz-copy-source", "demo/source"}, {"x-amz-copy-source-range", "bytes=20-"}})),
            "400 InvalidArgument");
  EXPECT_EQ(Outcome(Send(Method::kDelete, target)), "204 (none)");
  EXPECT_EQ(Outcome(Send(Method::kDelete, target)), "404 NoSuchUpload");
  EXPECT_EQ(Outcome(Send(Method::kGet, target)), "404 NoSuchUpload");
}

TEST_F(S3EndpointTest, WhatIsNotThereIsRefusedByName) {
  MakeBucket();
  Send(Method::kPut, "/demo/k", "x");
  struct Case {
    Method method;
    std::string target;
    HeaderList headers;
    std::string outcome, named;
  };
  for (const Case& c : {
           Case{Method::kGet, "/demo?acl", {}, "501 NotImplemented", "Acl"},
           Case{Method::kPut, "/demo?versioning", {}, "501 NotImplemented", "BucketVersioning"},
           Case{Method::kGet, "/demo?versions", {}, "501 NotImplemented", "ListObjectVersions"},
           Case{Method::kGet, "/demo/k?versionId=1", {}, "501 NotImplemented", "Versions"},
           Case{Method::kGet, "/demo/k?partNumber=1", {}, "501 NotImplemented", "partNumber"},
           Case{Method::kPut, "/demo/k?tagging", {}, "501 NotImplemented", "Tagging"},
           Case{Method::kGet, "/demo?tagging", {}, "501 NotImplemented", "Tagging"},
           Case{Method::kGet, "/demo/k?tagging", {}, "200 (none)", "<TagSet></TagSet>"},
           Case{Method::kGet, "/demo/none?tagging", {}, "404 NoSuchKey", ""},
           Case{Method::kGet, "/demo?surprise=1", {}, "501 NotImplemented", "surprise"},
           Case{Method::kPost, "/demo", {}, "501 NotImplemented", "PostObject"},
           Case{Method::kPut,
                "/demo/k",
                {{"x-amz-tagging", "a=b"}},
                "501 NotImplemented",
                "x-amz-tagging"},
           Case{Method::kPut,
                "/demo/k",
                {{"x-amz-server-side-encryption", "aws:kms"}},
                "501 NotImplemented",
                "x-amz-server-side-encryption"},
           Case{Method::kPut,
                "/demo/k",
                {{"x-amz-storage-class", "GLACIER"}},
                "501 NotImplemented",
                "x-amz-storage-class"},
           Case{Method::kPut, "/demo/k", {{"x-amz-storage-class", "STANDARD"}}, "200 (none)", ""},
           Case{Method::kGet, "/demo/k?x-id=GetObject", {}, "200 (none)", ""},
           Case{Method::kPost, "/demo/k", {}, "405 MethodNotAllowed", ""},
           Case{Method::kPatch, "/demo/k", {}, "405 MethodNotAllowed", ""},
           Case{Method::kPost, "/", {}, "405 MethodNotAllowed", ""},
           Case{Method::kGet, "//k", {}, "404 InvalidURI", ""},
       }) {
    SCOPED_TRACE(std::string(http::MethodName(c.method)) + " " + c.target);
    const http::ClientResponse response = Send(c.method, c.target, "", c.headers);
    EXPECT_EQ(Outcome(response), c.outcome);
    EXPECT_NE(response.body.find(c.named), std::string::npos) << response.body;
  }
}

TEST_F(S3EndpointTest, OddKeys) {
  MakeBucket();
  for (const char* key : {"a", "a/b", "a/", "a//b", "%2E%2E", "%2E%2E/%2E%2E/x", "sp%20ace",
                          "plus%2B", "%C3%BC", "q%3Fx", "amp%26", "%25file~a"}) {
    SCOPED_TRACE(key);
    const std::string target = std::string("/demo/") + key;
    EXPECT_EQ(Send(Method::kPut, target, key).status, 200);
    EXPECT_EQ(Send(Method::kGet, target).body, key);
  }
}

}  // namespace
}  // namespace tarn::s3_endpoint
