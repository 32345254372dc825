#include "crypto/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/digest.h"

namespace tarn::crypto {
namespace {

namespace fs = std::filesystem;

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string* Find(Fields* fields, const std::string& name) {
  for (auto& [key, value] : *fields) {
    if (Lower(key) == name) return &value;
  }
  return nullptr;
}

void Erase(Fields* fields, const std::string& name) {
  std::erase_if(*fields, [&](const auto& field) { return Lower(field.first) == name; });
}

void Replace(std::string* text, std::string_view from, std::string_view to) {
  const size_t at = text->find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text->replace(at, from.size(), to);
}

// Reads a request of the public vectors: lenient about lines, as they are not HTTP to the letter.
SigningInput ParseRequest(std::string_view text) {
  SigningInput input;
  const size_t first_end = text.find('\n');
  const std::string_view first = text.substr(0, first_end);
  const size_t method_end = first.find(' ');
  const size_t target_end = first.rfind(' ');
  input.method = first.substr(0, method_end);
  const std::string_view target = first.substr(method_end + 1, target_end - method_end - 1);
  const size_t question = target.find('?');
  input.path = target.substr(0, question);
  if (question != std::string_view::npos) input.query = target.substr(question + 1);
  std::string_view rest = first_end == std::string_view::npos ? "" : text.substr(first_end + 1);
  while (!rest.empty() && rest.front() != '\n') {
    const size_t size = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size + 1));
    if (line.front() == ' ') {
      input.headers.back().second.append("\n").append(line);
      continue;
    }
    const size_t colon = line.find(':');
    input.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  if (!rest.empty()) rest.remove_prefix(1);
  input.payload_hash = HexEncode(Sha256(rest));
  return input;
}

struct Vector {
  std::string name;
  SigningInput request;         // As to be signed, with x-amz-date.
  SigningInput signed_request;  // With authorization.
  std::string session_token;
  std::string canonical, to_sign, authorization;
};

std::vector<Vector> PublicVectors() {
  std::vector<Vector> vectors;
  const fs::path root = std::string(TARN_SOURCE_DIR) + "/../shared/sigv4";
  if (!fs::exists(root)) return vectors;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".req") continue;
    const auto read = [&](const char* extension) {
      fs::path path = entry.path();
      path.replace_extension(extension);
      return ReadFile(path.string(), 1 << 20).value();
    };
    Vector vector;
    vector.name = entry.path().stem();
    vector.canonical = read(".creq");
    vector.to_sign = read(".sts");
    vector.authorization = read(".authz");
    vector.request = ParseRequest(read(".req"));
    vector.signed_request = ParseRequest(read(".sreq"));
    // One vector's signed request carries another vector's signature; .authz has the right one.
    *Find(&vector.signed_request.headers, "authorization") = vector.authorization;
    const std::string token = "x-amz-security-token:";
    const size_t at = vector.canonical.find(token);
    if (at != std::string::npos) {
      vector.session_token = vector.canonical.substr(
          at + token.size(), vector.canonical.find('\n', at) - at - token.size());
    }
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

const SigningScope kScope{"us-east-1", "service"};
const int64_t kTime = ParseAwsBasicTime("20150830T123600Z").value();

Status Check(const SigningInput& input, const SigningScope& scope = kScope,
             std::string_view secret = kSecret, int64_t now = kTime) {
  TRY(const Claim claim, ParseClaim(input));
  return Verify(claim, input, scope, secret, now);
}

TEST(Sigv4, PublicVectors) {
  const std::vector<Vector> vectors = PublicVectors();
  if (vectors.empty()) GTEST_SKIP() << "the public vectors are not there";
  EXPECT_EQ(vectors.size(), 34u);
  for (const Vector& vector : vectors) {
    SCOPED_TRACE(vector.name);
    const Claim claim = ParseClaim(vector.signed_request).value();
    EXPECT_EQ(claim.access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(CanonicalRequest(vector.signed_request, PathRule::kNormalizeAndEncode,
                               claim.signed_headers),
              vector.canonical);
    EXPECT_EQ(HexEncode(Sha256(vector.canonical)),
              vector.to_sign.substr(vector.to_sign.rfind('\n') + 1));
    const Status verified = Verify(claim, vector.signed_request, kScope, kSecret, kTime);
    EXPECT_TRUE(verified.ok()) << verified.error().detail;

    SigningInput input = vector.request;
    Erase(&input.headers, "x-amz-date");
    Erase(&input.headers, "x-amz-security-token");
    const Fields added =
        Sign(input, kScope, {"AKIDEXAMPLE", std::string(kSecret), vector.session_token}, kTime);
    EXPECT_EQ(added.back().second, vector.authorization);
  }
}

TEST(Sigv4, TheVectorWithAWrongSignatureIsRefused) {
  const std::string path = std::string(TARN_SOURCE_DIR) +
                           "/../shared/sigv4/get-vanilla-with-session-token/"
                           "get-vanilla-with-session-token.sreq";
  if (!fs::exists(path)) GTEST_SKIP() << "the public vectors are not there";
  SigningInput input = ParseRequest(ReadFile(path, 1 << 16).value());
  Find(&input.headers, "authorization")->erase(0, 1);  // The space that HTTP takes away.
  EXPECT_EQ(Check(input).error().kind, ErrorKind::kUnauthenticated);
}

struct Mutation {
  std::string_view name;
  std::function<void(SigningInput*)> apply;
  SigningScope scope = kScope;
  std::string_view secret = kSecret;
  int64_t now = kTime;
};

// Edits the authorization field.
std::function<void(SigningInput*)> InAuthorization(const std::string& from, const std::string& to) {
  return [from, to](SigningInput* input) {
    Replace(Find(&input->headers, "authorization"), from, to);
  };
}

// Changes of what the request claims about its signature.
std::vector<Mutation> ClaimMutations() {
  const auto flip = [](size_t digit) {
    return [digit](SigningInput* input) {
      std::string* value = Find(&input->headers, "authorization");
      char& c = (*value)[value->size() - 64 + digit];
      c = c == '0' ? '1' : '0';
    };
  };
  return {{"first digit", flip(0)},
          {"middle digit", flip(31)},
          {"last digit", flip(63)},
          {"short signature",
           [](SigningInput* input) { Find(&input->headers, "authorization")->pop_back(); }},
          {"long signature",
           [](SigningInput* input) { *Find(&input->headers, "authorization") += "0"; }},
          {"upper-case digits",
           [](SigningInput* input) {
             std::string* value = Find(&input->headers, "authorization");
             std::transform(value->end() - 64, value->end(), value->end() - 64,
                            [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
           }},
          {"empty signature",
           [](SigningInput* input) {
             std::string* value = Find(&input->headers, "authorization");
             value->resize(value->size() - 64);
           }},
          {"algorithm", InAuthorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")},
          {"date in scope", InAuthorization("/20150830/", "/20150831/")},
          {"region in scope", InAuthorization("/us-east-1/", "/us-east-2/")},
          {"service in scope", InAuthorization("/service/", "/s3/")},
          {"end of scope", InAuthorization("aws4_request", "aws5_request")},
          {"no key id", InAuthorization("AKIDEXAMPLE", "")},
          {"credential twice",
           InAuthorization("Credential=",
                           "Credential=x/20150830/us-east-1/service/aws4_request, Credential=")},
          {"unknown part", InAuthorization("SignedHeaders=", "Extra=1, SignedHeaders=")},
          {"no signed headers", InAuthorization("SignedHeaders=", "signedheaders=")},
          {"host not signed", InAuthorization("host;", "")},
          {"date not signed", InAuthorization("x-amz-date", "x-amz-dat")},
          {"header signed twice", InAuthorization("host;", "host;host;")},
          {"upper-case header", InAuthorization("host;", "Host;")}};
}

// Changes of the request, and of what the verifier knows.
std::vector<Mutation> RequestMutations() {
  const auto nothing = [](SigningInput*) {};
  const auto set = [](const char* name, const char* value) {
    return [=](SigningInput* input) { *Find(&input->headers, name) = value; };
  };
  const auto add = [](const char* name, const char* value) {
    return [=](SigningInput* input) { input->headers.emplace_back(name, value); };
  };
  return {
      {"method", [](SigningInput* input) { input->method = "DELETE"; }},
      {"path", [](SigningInput* input) { input->path += "/x"; }},
      {"query", [](SigningInput* input) { input->query += input->query.empty() ? "x" : "&x"; }},
      {"body", [](SigningInput* input) { input->payload_hash = HexEncode(Sha256("other")); }},
      {"unsigned payload", [](SigningInput* input) { input->payload_hash = "UNSIGNED-PAYLOAD"; }},
      {"host", set("host", "evil.example.com")},
      {"host twice", add("Host", "example.amazonaws.com")},
      {"time", set("x-amz-date", "20150830T123601Z")},
      {"time of another day", set("x-amz-date", "20150831T123600Z")},
      {"bad time", set("x-amz-date", "2015-08-30T12:36:00Z")},
      {"no time", [](SigningInput* input) { Erase(&input->headers, "x-amz-date"); }},
      {"time twice", add("x-amz-date", "20150830T123600Z")},
      {"unsigned x-amz field", add("x-amz-acl", "public-read")},
      {"hash of another body", add("x-amz-content-sha256", "e3b0")},
      {"authorization twice", add("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e")},
      {"no authorization", [](SigningInput* input) { Erase(&input->headers, "authorization"); }},
      {"signed in query too",
       [](SigningInput* input) {
         input->query += "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00";
       }},
      {"another secret", nothing, kScope, "another"},
      {"empty secret", nothing, kScope, ""},
      {"another region here", nothing, SigningScope{"eu-west-1", "service"}},
      {"another service here", nothing, SigningScope{"us-east-1", "healthlake"}},
      {"too late", nothing, kScope, kSecret, kTime + 300'001},
      {"too early", nothing, kScope, kSecret, kTime - 300'001},
  };
}

std::vector<Mutation> Mutations() {
  std::vector<Mutation> mutations = ClaimMutations();
  const std::vector<Mutation> more = RequestMutations();
  mutations.insert(mutations.end(), more.begin(), more.end());
  return mutations;
}

TEST(Sigv4, MutatedVectorsAreRefused) {
  const std::vector<Vector> vectors = PublicVectors();
  if (vectors.empty()) GTEST_SKIP() << "the public vectors are not there";
  size_t refused = 0;
  for (const Vector& vector : vectors) {
    for (const Mutation& mutation : Mutations()) {
      SCOPED_TRACE(vector.name + ": " + std::string(mutation.name));
      SigningInput input = vector.signed_request;
      mutation.apply(&input);
      const Status status = Check(input, mutation.scope, mutation.secret, mutation.now);
      ASSERT_FALSE(status.ok());
      EXPECT_TRUE(status.error().kind == ErrorKind::kInvalid ||
                  status.error().kind == ErrorKind::kUnauthenticated);
      ++refused;
    }
    // Each signed field changed and left out.
    const Claim claim = ParseClaim(vector.signed_request).value();
    for (const std::string& name : claim.signed_headers) {
      SCOPED_TRACE(vector.name + ": " + name);
      SigningInput changed = vector.signed_request;
      *Find(&changed.headers, name) += "x";
      EXPECT_FALSE(Check(changed).ok());
      SigningInput without = vector.signed_request;
      Erase(&without.headers, name);
      EXPECT_FALSE(Check(without).ok());
      refused += 2;
    }
    EXPECT_TRUE(Check(vector.signed_request, kScope, kSecret, kTime + 300'000).ok());
    EXPECT_TRUE(Check(vector.signed_request, kScope, kSecret, kTime - 300'000).ok());
  }
  RecordProperty("refused", static_cast<int>(refused));
}

// The examples of the Amazon S3 API Reference, "Signature Calculations: Examples".
TEST(Sigv4, S3Examples) {
  struct Case {
    std::string method, path, query;
    Fields headers;
    std::string payload_hash, signature;
  };
  const std::string empty = HexEncode(Sha256(""));
  const std::string put_hash = HexEncode(Sha256("Welcome to Amazon S3."));
  const SigningScope scope{"us-east-1", "s3"};
  const std::string secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  const int64_t now = ParseAwsBasicTime("20130524T000000Z").value();
  for (const Case& c : {
           Case{"GET",
                "/test.txt",
                "",
                {{"Range", "bytes=0-9"}},
                empty,
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
           Case{"PUT",
                "/test$file.text",
                "",
                {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                put_hash,
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
           Case{"PUT",
                "/test%24file.text",
                "",
                {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                put_hash,
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
           Case{"GET",
                "/",
                "lifecycle",
                {},
                empty,
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
           Case{"GET",
                "/",
                "prefix=J&max-keys=2",
                {},
                empty,
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
       }) {
    SCOPED_TRACE(c.method + " " + c.path + "?" + c.query);
    SigningInput input{c.method, c.path, c.query, c.headers, c.payload_hash};
    input.headers.emplace_back("Host", "examplebucket.s3.amazonaws.com");
    const Fields added = Sign(input, scope, {"AKIAIOSFODNN7EXAMPLE", secret, ""}, now);
    EXPECT_TRUE(added.back().second.ends_with("Signature=" + c.signature)) << added.back().second;
    input.headers.insert(input.headers.end(), added.begin(), added.end());
    EXPECT_TRUE(Check(input, scope, secret, now).ok());
    EXPECT_TRUE(Check(input, scope, secret, now + 900'000).ok());
    EXPECT_FALSE(Check(input, scope, secret, now + 900'001).ok());
    EXPECT_FALSE(Check(input, scope, std::string(kSecret), now).ok());
  }
}

// The same, "Authenticating Requests: Using Query Parameters".
TEST(Sigv4, PresignedExample) {
  const SigningScope scope{"us-east-1", "s3"};
  const std::string secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  const int64_t now = ParseAwsBasicTime("20130524T000000Z").value();
  const SigningInput good{
      "GET",
      "/test.txt",
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
      "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
      "X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      {{"Host", "examplebucket.s3.amazonaws.com"}},
      HexEncode(Sha256(""))};
  EXPECT_TRUE(Check(good, scope, secret, now).ok());
  EXPECT_TRUE(Check(good, scope, secret, now + 86'400'000).ok());
  EXPECT_EQ(ParseClaim(good).value().expires_s, 86'400u);
  EXPECT_FALSE(Check(good, scope, secret, now + 86'400'001).ok());
  EXPECT_FALSE(Check(good, scope, secret, now - 900'001).ok());
  struct Case {
    std::string_view from, to;
  };
  for (const Case& c :
       {Case{"Expires=86400", "Expires=604801"}, Case{"Expires=86400", "Expires=0"},
        Case{"Expires=86400", "Expires=-1"}, Case{"Expires=86400", "Expires=86401"},
        Case{"Expires=86400", "Expires=86400&X-Amz-Expires=604800"},
        Case{"SignedHeaders=host", "SignedHeaders=range"},
        Case{"SignedHeaders=host", "SignedHeaders="}, Case{"20130524T000000Z", "20130524T000001Z"},
        Case{"us-east-1", "us-east-2"}, Case{"aeeed9", "aeeed8"}, Case{"AWS4-HMAC-SHA256", "AWS4"},
        Case{"X-Amz-Date=", "x-amz-date="}, Case{"&X-Amz-Signature=", "&y=1&X-Amz-Signature="}}) {
    SCOPED_TRACE(c.to);
    SigningInput bad = good;
    Replace(&bad.query, c.from, c.to);
    EXPECT_FALSE(Check(bad, scope, secret, now).ok());
  }
  SigningInput both = good;
  both.headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 x");
  EXPECT_FALSE(Check(both, scope, secret, now).ok());
  SigningInput unsigned_field = good;
  unsigned_field.headers.emplace_back("x-amz-acl", "public-read");
  EXPECT_FALSE(Check(unsigned_field, scope, secret, now).ok());
}

TEST(Sigv4, CanonicalForms) {
  struct Case {
    PathRule rule;
    std::string path, query, expected_path, expected_query;
  };
  for (const Case& c : {
           // S3 keeps the path; other services normalise it and encode it once more.
           Case{PathRule::kAsSent, "/a//b/../c/./d/", "", "/a//b/../c/./d/", ""},
           Case{PathRule::kNormalizeAndEncode, "/a//b/../c/./d/", "", "/a/c/d/", ""},
           Case{PathRule::kAsSent, "/a%20b%2fc", "", "/a%20b%2Fc", ""},
           Case{PathRule::kNormalizeAndEncode, "/a%20b", "", "/a%2520b", ""},
           Case{PathRule::kAsSent, "/a+b(c)~%7E%41", "", "/a%2Bb%28c%29~~A", ""},
           Case{PathRule::kAsSent, "/100%", "", "/100%25", ""},
           Case{PathRule::kAsSent, "", "", "/", ""},
           Case{PathRule::kNormalizeAndEncode, "/..", "", "/", ""},
           Case{PathRule::kAsSent, "/", "b=2&a=1&a=0&uploads&c=a+b%2Bc/d&&", "/",
                "a=0&a=1&b=2&c=a%20b%2Bc%2Fd&uploads="},
       }) {
    SCOPED_TRACE(c.path + "?" + c.query);
    const SigningInput input{"GET", c.path, c.query, {{"Host", "  a   b\t c  "}}, "hash"};
    EXPECT_EQ(CanonicalRequest(input, c.rule, {"host"}),
              "GET\n" + c.expected_path + "\n" + c.expected_query + "\nhost:a b c\n\nhost\nhash");
  }
}

TEST(Sigv4, SessionTokenMayFollowTheSignature) {
  SigningInput input{"POST", "/", "", {{"host", "h"}}, HexEncode(Sha256("{}"))};
  const Credentials credentials{"AKID", "secret", "token"};
  const Fields added = Sign(input, kScope, credentials, kTime);
  ASSERT_EQ(added.size(), 3u);
  EXPECT_NE(added.back().second.find("host;x-amz-date;x-amz-security-token,"), std::string::npos);
  input.headers.insert(input.headers.end(), added.begin(), added.end());
  EXPECT_TRUE(Check(input, kScope, "secret").ok());
  *Find(&input.headers, "x-amz-security-token") = "other";
  EXPECT_FALSE(Check(input, kScope, "secret").ok());
}

}  // namespace
}  // namespace tarn::crypto
