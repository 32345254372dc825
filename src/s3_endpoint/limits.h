// Every bound of this module and what happens beyond it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "objects/object_store.h"

namespace tarn::s3_endpoint {

// Request bodies. Objects stream; XML is read whole.
inline constexpr uint64_t kObjectBodyBytesMax =
    objects::kObjectBytesMax + (objects::kObjectBytesMax >> 4);  // 413; room for aws-chunked.
inline constexpr uint64_t kXmlBodyBytesMax = 4u << 20;           // MalformedXML
inline constexpr size_t kXmlTextBytesMax = 4096;                 // MalformedXML
inline constexpr size_t kXmlDepthMax = 8;                        // MalformedXML
inline constexpr size_t kXmlFieldsMax = 16;                      // MalformedXML; of one row
inline constexpr size_t kDeleteKeysMax = 1000;                   // MalformedXML
inline constexpr size_t kPartsMax = objects::kPartNumberMax;     // MalformedXML

// aws-chunked bodies.
inline constexpr size_t kChunkLineBytesMax = 256;      // InvalidRequest
inline constexpr size_t kChunkTrailerBytesMax = 4096;  // MalformedTrailerError

// Parts of a multipart upload but the last.
inline constexpr uint64_t kPartBytesMin = 5u << 20;  // EntityTooSmall

// Listings of parts and uploads.
inline constexpr uint32_t kListPartsMax = 1000;  // Cut, as S3 does.

// Objects up to this size are sent from memory, without a streaming worker.
inline constexpr uint64_t kInlineBytesMax = 256u << 10;
// One piece that is moved between object and connection.
inline constexpr size_t kCopyBytes = 256u << 10;
// A plain GET of an object that somebody writes into begins again this often; then SlowDown.
inline constexpr int kReadTriesMax = 4;

}  // namespace tarn::s3_endpoint
