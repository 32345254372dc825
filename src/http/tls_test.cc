// The same server behind TLS, with a certificate that each test makes.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "http/client.h"
#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"

namespace tarn::http {
namespace {

// A folder with a self-signed certificate for 127.0.0.1 and its key.
class TestCertificate {
 public:
  TestCertificate() {
    std::string name = (std::filesystem::temp_directory_path() / "tarn-tls-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    const auto* text = reinterpret_cast<const unsigned char*>("tarn test");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    std::FILE* out = std::fopen(certificate_file().c_str(), "w");
    CHECK(PEM_write_X509(out, certificate) == 1);
    std::fclose(out);
    out = std::fopen(key_file().c_str(), "w");
    CHECK(PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    std::fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~TestCertificate() { std::filesystem::remove_all(folder_); }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string certificate_file() const { return folder_ + "/certificate.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_;
};

ServerOptions TlsOptions(const TestCertificate& certificate) {
  ServerOptions options = TestOptions();
  options.tls_certificate_file = certificate.certificate_file();
  options.tls_key_file = certificate.key_file();
  options.limits.head_timeout_ms = 500;
  return options;
}

Router TlsRouter() {
  Router router;
  router.Add(Method::kGet, "/tls", OnLoop("tls"),
             [](Request& request) { return TextResponse(request.tls ? "yes" : "no"); });
  router.Add(Method::kGet, "/large", OnWorkers("large"),
             [](Request&) { return TextResponse(std::string(5'000'000, 'l')); });
  router.Add(Method::kPost, "/echo", OnWorkers("echo"),
             [](Request& request) { return TextResponse(request.body); });
  router.Add(Method::kPut, "/plain", OnWorkers("plain", 1 << 30), [](Request& request) {
    std::string block(1000, 0);
    uint64_t bytes = 0;
    for (;;) {
      const auto got = request.body_reader->Read(block);
      CHECK(got.ok());
      if (got.value() == 0) return TextResponse(std::to_string(bytes));
      bytes += got.value();
    }
  });
  router.Add(Method::kPut, "/both", OnWorkers("both", 1 << 30), [](Request& request) {
    uint64_t sum = 0;
    std::string block(1000, 0);  // Less than a record: decrypted bytes wait in OpenSSL.
    for (;;) {
      const auto got = request.body_reader->Read(block);
      CHECK(got.ok());
      if (got.value() == 0) break;
      for (size_t i = 0; i < got.value(); ++i) sum += static_cast<uint8_t>(block[i]);
    }
    Response response;
    response.stream = [sum](BodyWriter& writer) -> Status {
      for (int i = 0; i < 3000; ++i) TRY(writer.Write(std::string(1000, 's')));
      return writer.Write(std::to_string(sum));
    };
    return response;
  });
  return router;
}

std::string HttpsUrl(const TestServer& server, std::string_view path) {
  return "https://127.0.0.1:" + std::to_string(server.port()) + std::string(path);
}

TEST(Tls, CarriesRequestsAndStreams) {
  const TestCertificate certificate;
  TestServer server(TlsRouter(), TlsOptions(certificate));
  Client client({.ca_file = certificate.certificate_file()});
  for (int i = 0; i < 3; ++i) {
    ClientRequest request;
    request.url = HttpsUrl(server, "/tls");
    auto response = client.Send(request);
    ASSERT_TRUE(response.ok()) << response.error().detail;
    EXPECT_EQ(response.value().body, "yes");
    request.url = HttpsUrl(server, "/large");
    EXPECT_EQ(client.Send(request).value().body, std::string(5'000'000, 'l'));
    request.method = Method::kPost;
    request.url = HttpsUrl(server, "/echo");
    request.body = std::string(900'000, 'e');
    EXPECT_EQ(client.Send(request).value().body, request.body);
    request.method = Method::kPut;
    request.url = HttpsUrl(server, "/both");
    request.body = std::string(3'000'000, 'b');
    EXPECT_EQ(client.Send(request).value().body,
              std::string(3'000'000, 's') + std::to_string(3'000'000ull * 'b'));
  }
  EXPECT_EQ(
      server.metrics.GetCounter("tarn_http_connections_accepted_total", "", {{"server", "test"}})
          .Value(),
      4u);  // One that is kept, and a new one for each POST.
}

TEST(Tls, ClientsRefuseUnknownCertificates) {
  const TestCertificate certificate;
  const TestCertificate other;
  TestServer server(TlsRouter(), TlsOptions(certificate));
  Client client({.ca_file = other.certificate_file()});
  ClientRequest request;
  request.url = HttpsUrl(server, "/tls");
  EXPECT_EQ(client.Send(request).error().kind, ErrorKind::kUnavailable);
}

TEST(Tls, PlainAndSilentClientsAreDropped) {
  const TestCertificate certificate;
  TestServer server(TlsRouter(), TlsOptions(certificate));
  RawClient plain(server.port());
  plain.Send("GET /tls HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(plain.ReadToEnd().find("HTTP/1.1 200"), std::string::npos);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.IsClosedByServer());
}

// A blocking TLS client that sends exactly what it is told.
class RawTlsClient {
 public:
  explicit RawTlsClient(uint16_t port) : context_(SSL_CTX_new(TLS_client_method())) {
    bio_ = BIO_new_ssl_connect(context_);
    BIO_set_conn_hostname(bio_, ("127.0.0.1:" + std::to_string(port)).c_str());
    CHECK(BIO_do_connect(bio_) == 1);
  }
  ~RawTlsClient() {
    BIO_free_all(bio_);
    SSL_CTX_free(context_);
  }
  RawTlsClient(const RawTlsClient&) = delete;
  RawTlsClient& operator=(const RawTlsClient&) = delete;

  void Send(std::string_view bytes) {
    CHECK(BIO_write(bio_, bytes.data(), static_cast<int>(bytes.size())) ==
          static_cast<int>(bytes.size()));
  }
  // Reads until `end` was received.
  std::string ReadThrough(std::string_view end) {
    std::string all;
    char block[4096];
    while (all.find(end) == std::string::npos) {
      const int got = BIO_read(bio_, block, sizeof block);
      if (got <= 0) return all;
      all.append(block, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  SSL_CTX* const context_;
  BIO* bio_ = nullptr;
};

TEST(Tls, FindsTheNextRequestInTheRecordOfABody) {
  const TestCertificate certificate;
  TestServer server(TlsRouter(), TlsOptions(certificate));
  RawTlsClient client(server.port());
  const std::string body(2'000'000, 'b');
  const std::string requests = "PUT /both HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" +
                               body + "GET /tls HTTP/1.1\r\nHost: x\r\n\r\n";
  client.Send(requests);
  EXPECT_NE(client.ReadThrough("\r\n\r\nyes").find("\r\n\r\nyes"), std::string::npos);
  client.Send("PUT /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + body +
              "GET /tls HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.ReadThrough("\r\n\r\nyes").find("\r\n\r\nyes"), std::string::npos);
}

TEST(Tls, ServesManyAtOnce) {
  const TestCertificate certificate;
  TestServer server(TlsRouter(), TlsOptions(certificate));
  Client client({.ca_file = certificate.certificate_file()});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ClientRequest request;
      request.url = HttpsUrl(server, "/large");
      for (int j = 0; j < 10; ++j) EXPECT_EQ(client.Send(request).value().body.size(), 5'000'000u);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Tls, RefusesFilesThatDoNotFit) {
  const TestCertificate certificate;
  const TestCertificate other;
  MetricsRegistry metrics;
  SystemClock clock;
  SystemRandom random;
  ServerOptions options = TlsOptions(certificate);
  options.tls_key_file = other.key_file();
  auto started = Server::Start(options, TlsRouter(), metrics, clock, random);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().kind, ErrorKind::kInvalid);
  options.tls_key_file.clear();
  started = Server::Start(options, TlsRouter(), metrics, clock, random);
  ASSERT_FALSE(started.ok());
}

}  // namespace
}  // namespace tarn::http
