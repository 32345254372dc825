#include "http/internal/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace tarn::http {
namespace {

// A record carries up to 16 KB; one buffer of that size lets head and body leave together.
constexpr size_t kTlsRecordBytes = 16 << 10;

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE; this one does not.
int SocketBioWrite(BIO* bio, const char* data, int length) {
  const int descriptor = *static_cast<const int*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(descriptor, data, static_cast<size_t>(length), MSG_NOSIGNAL);
  if (sent < 0 && (WouldBlock(errno) || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int SocketBioRead(BIO* bio, char* out, int length) {
  const int descriptor = *static_cast<const int*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t got = recv(descriptor, out, static_cast<size_t>(length), 0);
  if (got < 0 && (WouldBlock(errno) || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long SocketBioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* SocketBioMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tarn socket");
    CHECK(made != nullptr);
    BIO_meth_set_write(made, SocketBioWrite);
    BIO_meth_set_read(made, SocketBioRead);
    BIO_meth_set_ctrl(made, SocketBioControl);
    return made;
  }();
  return method;
}

// RFC 7301: of what the client offers only HTTP/1.1 is spoken here.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_length,
                   const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char kSpoken[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kSpoken, sizeof kSpoken - 1, offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::Load(const std::string& certificate_file,
                                                     const std::string& key_file) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr);
  std::unique_ptr<TlsContext> loaded(new TlsContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // RELEASE_BUFFERS: an idle connection gives its record buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  const bool usable =
      SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!usable) return Invalid("the TLS certificate and key files cannot be used together");
  return loaded;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Transport::Transport(int descriptor, const TlsContext* tls) : descriptor_(descriptor) {
  if (tls == nullptr) return;
  tls_ = SSL_new(tls->get());
  BIO* bio = BIO_new(SocketBioMethod());
  CHECK(tls_ != nullptr && bio != nullptr);
  BIO_set_data(bio, const_cast<int*>(&descriptor_));  // A transport does not move.
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_, bio, bio);
  SSL_set_accept_state(tls_);
}

Transport::~Transport() {
  SSL_free(tls_);
  close(descriptor_);
}

IoResult Transport::FromTls(int result) {
  const int error = SSL_get_error(tls_, result);
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return {IoResult::Kind::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {IoResult::Kind::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::kEnd};
    default:
      return {IoResult::Kind::kBroken};
  }
}

IoResult Transport::Handshake() {
  if (tls_ == nullptr) return {IoResult::Kind::kBytes};
  const int result = SSL_do_handshake(tls_);
  if (result == 1) return {IoResult::Kind::kBytes};
  return FromTls(result);
}

IoResult Transport::Read(std::span<char> out) {
  if (tls_ != nullptr) {
    const int length = static_cast<int>(std::min<size_t>(out.size(), 1 << 30));
    const int got = SSL_read(tls_, out.data(), length);
    if (got > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(got)};
    return FromTls(got);
  }
  for (;;) {
    const ssize_t got = recv(descriptor_, out.data(), out.size(), 0);
    if (got > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(got)};
    if (got == 0) return {IoResult::Kind::kEnd};
    if (errno == EINTR) continue;
    return {WouldBlock(errno) ? IoResult::Kind::kWantRead : IoResult::Kind::kBroken};
  }
}

IoResult Transport::Write(std::string_view first, std::string_view second) {
  if (tls_ != nullptr) {
    std::array<char, kTlsRecordBytes> record;
    std::string_view bytes = first.empty() ? second : first;
    if (!first.empty() && !second.empty() && first.size() < record.size()) {
      const size_t more = std::min(second.size(), record.size() - first.size());
      std::memcpy(record.data(), first.data(), first.size());
      std::memcpy(record.data() + first.size(), second.data(), more);
      bytes = std::string_view(record.data(), first.size() + more);
    }
    const int length = static_cast<int>(std::min<size_t>(bytes.size(), 1 << 30));
    const int sent = SSL_write(tls_, bytes.data(), length);
    if (sent > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(sent)};
    return FromTls(sent);
  }
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = second.empty() ? 1 : 2;
  for (;;) {
    const ssize_t sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {IoResult::Kind::kBytes, static_cast<size_t>(sent)};
    if (errno == EINTR) continue;
    return {WouldBlock(errno) ? IoResult::Kind::kWantWrite : IoResult::Kind::kBroken};
  }
}

bool Transport::HasPending() const { return tls_ != nullptr && SSL_has_pending(tls_) == 1; }

bool Transport::Wait(IoResult::Kind want, int timeout_ms) {
  pollfd entry{};
  entry.fd = descriptor_;
  entry.events = want == IoResult::Kind::kWantRead ? POLLIN : POLLOUT;
  const int ready = poll(&entry, 1, timeout_ms);
  // A signal counts as ready: the caller tries again and finds out.
  return ready > 0 || (ready < 0 && errno == EINTR);
}

void Transport::ShutdownWrite() {
  if (tls_ != nullptr && SSL_is_init_finished(tls_)) {
    SSL_shutdown(tls_);
    ERR_clear_error();
  }
  shutdown(descriptor_, SHUT_WR);
}

void Transport::Interrupt() { shutdown(descriptor_, SHUT_RDWR); }

}  // namespace tarn::http
