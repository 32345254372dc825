#include "http/internal/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace tarn::http {
namespace {

struct Range4 {
  uint32_t network;
  int prefix_bits;
};

constexpr uint32_t V4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// Everything that is neither loopback nor globally reachable.
constexpr Range4 kSpecial4[] = {
    {V4(0, 0, 0, 0), 8},        // this network
    {V4(10, 0, 0, 0), 8},       // private
    {V4(100, 64, 0, 0), 10},    // shared by carriers
    {V4(169, 254, 0, 0), 16},   // link-local; the metadata services of clouds
    {V4(172, 16, 0, 0), 12},    // private
    {V4(192, 0, 0, 0), 24},     // protocol assignments
    {V4(192, 0, 2, 0), 24},     // documentation
    {V4(192, 88, 99, 0), 24},   // 6to4 relays
    {V4(192, 168, 0, 0), 16},   // private
    {V4(198, 18, 0, 0), 15},    // benchmarks
    {V4(198, 51, 100, 0), 24},  // documentation
    {V4(203, 0, 113, 0), 24},   // documentation
    {V4(224, 0, 0, 0), 4},      // multicast
    {V4(240, 0, 0, 0), 4},      // reserved, broadcast
};

bool Contains(const Range4& range, uint32_t address) {
  return ((address ^ range.network) >> (32 - range.prefix_bits)) == 0;
}

AddressKind KindOf4(uint32_t address) {
  if ((address >> 24) == 127) return AddressKind::kLoopback;
  const bool special = std::any_of(std::begin(kSpecial4), std::end(kSpecial4),
                                   [address](const Range4& r) { return Contains(r, address); });
  return special ? AddressKind::kSpecial : AddressKind::kPublic;
}

AddressKind KindOf6(const in6_addr& address) {
  if (IN6_IS_ADDR_LOOPBACK(&address)) return AddressKind::kLoopback;
  const uint8_t* bytes = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    return KindOf4(V4(bytes[12], bytes[13], bytes[14], bytes[15]));
  }
  // Only 2000::/3 is global unicast; unique-local, link-local, NAT64 and multicast lie outside.
  if ((bytes[0] & 0xe0) != 0x20) return AddressKind::kSpecial;
  const uint32_t head = V4(bytes[0], bytes[1], bytes[2], bytes[3]);
  const bool special = (head >> 9) == (V4(0x20, 0x01, 0, 0) >> 9)  // 2001::/23: Teredo and others
                       || head == V4(0x20, 0x01, 0x0d, 0xb8)       // documentation
                       || (head >> 16) == 0x2002                   // 6to4
                       || (head >> 12) == (V4(0x3f, 0xff, 0, 0) >> 12);  // documentation
  return special ? AddressKind::kSpecial : AddressKind::kPublic;
}

}  // namespace

AddressKind KindOfAddress(const sockaddr& address, socklen_t length) {
  if (address.sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return KindOf4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    return KindOf6(v6.sin6_addr);
  }
  return AddressKind::kSpecial;
}

bool IsAllowed(Egress egress, AddressKind kind) {
  switch (egress) {
    case Egress::kAny:
      return true;
    case Egress::kLoopbackOnly:
      return kind == AddressKind::kLoopback;
    case Egress::kPublicOnly:
      return kind == AddressKind::kPublic;
  }
  return false;
}

}  // namespace tarn::http
