// Who is connected, and how many connections each peer has.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/mutex.h"

namespace tarn::http {

// What counts as one peer: an IPv4 address, or the /64 that an IPv6 address lies in, which is the
// least that one subscriber is given. IPv4 addresses are in their mapped form (RFC 4291 2.5.5.2).
using PeerKey = std::array<uint8_t, 16>;

struct Peer {
  std::string text;  // "127.0.0.1:54321"
  PeerKey key{};
  bool is_loopback = false;
};
Peer PeerOf(const sockaddr_storage& address);

// Threads: any.
class PeerCounts {
 public:
  // Counts one connection more, unless the peer has `max` already.
  bool TryAdd(const PeerKey& key, uint32_t max);
  void Remove(const PeerKey& key);

 private:
  Mutex mutex_;
  std::map<PeerKey, uint32_t> counts_ GUARDED_BY(mutex_);  // None is 0.
};

}  // namespace tarn::http
