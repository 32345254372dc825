// Every fixed bound of this module and what happens beyond it. ServerLimits (server.h) holds those
// that a listener may set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tarn::http {

// The request head (RFC 9112 2 to 6).
inline constexpr size_t kHeaderFieldsMax = 128;     // 431
inline constexpr size_t kMethodBytesMax = 32;       // 400
inline constexpr size_t kLeadingEmptyLinesMax = 4;  // 400; RFC 9112 2.2 asks to skip at least one

// Chunked bodies (RFC 9112 7.1).
inline constexpr size_t kChunkSizeDigitsMax = 15;            // 400
inline constexpr size_t kChunkExtensionBytesMax = 16 << 10;  // 400; a request's sum
inline constexpr size_t kTrailerBytesMax = 8 << 10;          // 400

// Memory that all buffered request bodies of one server may hold together; beyond it 503.
inline constexpr int64_t kBufferedBodyBytesTotalMax = 256ll << 20;
// Bodies up to this size are taken even then, so that clients with large bodies cannot lock those
// with small ones out (10,000 connections hold 160 MB of them at most).
inline constexpr size_t kSmallBodyBytes = 16 << 10;

// One read from a socket; also the size of the buffer that each loop and each streaming worker
// has. At least a TLS record (16 KB), so that no decrypted bytes wait unseen in OpenSSL.
inline constexpr size_t kReadBytes = 64 << 10;
// Responses to pipelined requests wait together up to this size; then reading pauses.
inline constexpr size_t kOutputBacklogBytes = 256 << 10;
// Pipelined requests of one connection that run before the loop turns to the others.
inline constexpr uint32_t kRequestsPerTurn = 32;
// Smaller response bodies are copied behind their head, so that both leave in one write.
inline constexpr size_t kCoalesceBytes = 64 << 10;
// The largest body whose memory a loop keeps for the next one; one of each loop.
inline constexpr size_t kSpareBodyBytesMax = 256 << 10;
// Small writes of a streamed response gather up to this size.
inline constexpr size_t kStreamBufferBytes = 32 << 10;

// What a handler left unread of a request's body is read and dropped up to this size, so that the
// connection can be kept; beyond it the connection closes.
inline constexpr uint64_t kDrainBytesMax = 256 << 10;
// Before a connection with unread input closes, input is dropped for this long, so that the client
// sees the response instead of a reset (RFC 9112 9.6).
inline constexpr int64_t kLingerMs = 2'000;
inline constexpr uint64_t kLingerBytesMax = 64ull << 20;

// The client.
inline constexpr size_t kResponseHeadBytesMax = 256 << 10;  // kTooLarge
inline constexpr size_t kResponseFieldsMax = 256;           // kTooLarge

}  // namespace tarn::http
