// One connected socket, plain or TLS: reads and writes that never block and never raise SIGPIPE.
// Threads: one at a time; a connection hands it over whole. Interrupt() may come from any thread
// while the transport is open.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::http {

struct IoResult {
  enum class Kind : uint8_t { kBytes, kWantRead, kWantWrite, kEnd, kBroken };
  Kind kind = Kind::kBroken;
  size_t bytes = 0;
};

// What a TLS listener shares among its connections.
class TlsContext {
 public:
  // Reads the certificate chain and key (PEM). Errors: kInvalid.
  static Result<std::unique_ptr<TlsContext>> Load(const std::string& certificate_file,
                                                  const std::string& key_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  SSL_CTX* get() const { return context_; }

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* const context_;
};

class Transport {
 public:
  // Takes over a non-blocking socket. `tls` may be null and must outlive the transport.
  Transport(int descriptor, const TlsContext* tls);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int descriptor() const { return descriptor_; }
  bool is_tls() const { return tls_ != nullptr; }

  // kBytes (with 0) when done.
  IoResult Handshake();
  IoResult Read(std::span<char> out);
  // Writes from both parts in order, as much as goes in one call.
  IoResult Write(std::string_view first, std::string_view second = {});
  // True when decrypted bytes wait inside, which the socket's readiness does not show.
  bool HasPending() const;
  // Waits at most `timeout_ms` for what an IoResult asked for. False: the time is over.
  bool Wait(IoResult::Kind want, int timeout_ms);
  // Says that no more will be written (TLS close_notify, then FIN); best effort.
  void ShutdownWrite();
  // Makes every present and future Read, Write and Wait return at once.
  void Interrupt();

 private:
  IoResult FromTls(int result);

  const int descriptor_;
  SSL* tls_ = nullptr;
};

}  // namespace tarn::http
