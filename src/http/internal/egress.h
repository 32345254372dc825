// Which addresses a client may connect to. Pure.
// Spec: the IANA special-purpose address registries (RFC 6890 and what has been added since).
#pragma once

#include <sys/socket.h>

#include "http/client.h"

namespace tarn::http {

enum class AddressKind : uint8_t { kLoopback, kPublic, kSpecial };

// IPv4 addresses inside IPv6 ones (mapped) are judged as what they are; translated and tunnelled
// ones (NAT64, 6to4, Teredo) are special, for they can lead into a private network.
AddressKind KindOfAddress(const sockaddr& address, socklen_t length);

bool IsAllowed(Egress egress, AddressKind kind);

}  // namespace tarn::http
