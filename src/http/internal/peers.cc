#include "http/internal/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace tarn::http {
namespace {

constexpr size_t kMappedPrefixBytes = 12;
constexpr size_t kSubnetBytes = 8;

}  // namespace

Peer PeerOf(const sockaddr_storage& address) {
  Peer peer;
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    peer.text = std::string(host) + ":" + std::to_string(ntohs(v4.sin_port));
    peer.key[10] = peer.key[11] = 0xff;
    std::memcpy(peer.key.data() + kMappedPrefixBytes, &v4.sin_addr, 4);
    peer.is_loopback = peer.key[kMappedPrefixBytes] == 127;
    return peer;
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
  peer.text = "[" + std::string(host) + "]:" + std::to_string(ntohs(v6.sin6_port));
  std::memcpy(peer.key.data(), &v6.sin6_addr, peer.key.size());
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    peer.is_loopback = peer.key[kMappedPrefixBytes] == 127;
    return peer;
  }
  peer.is_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
  std::fill(peer.key.begin() + kSubnetBytes, peer.key.end(), uint8_t{0});
  return peer;
}

bool PeerCounts::TryAdd(const PeerKey& key, uint32_t max) {
  MutexLock lock(mutex_);
  uint32_t& count = counts_[key];
  if (count >= max) {
    if (count == 0) counts_.erase(key);
    return false;
  }
  ++count;
  return true;
}

void PeerCounts::Remove(const PeerKey& key) {
  MutexLock lock(mutex_);
  const auto found = counts_.find(key);
  CHECK(found != counts_.end());
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace tarn::http
