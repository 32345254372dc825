// The stored form of one version of a resource: its JSON as served, compressed with zstd and the
// dictionary of its type, if there is one yet.
//
//   | form 1 | last updated 6 | dictionary 2 | zstd frame without magic number |    kWithDictionary
//   | form 1 | last updated 6 | zstd frame without magic number |                   kPlain
//   | form 1 | last updated 6 |                                                     kDeletion
//
// The frame holds the content's size and a checksum of the content (XXH64, low 32 bits): it covers
// the way from the writer's memory to the reader's, a wrong dictionary included, which the
// engine's block checksums do not. Small texts with a dictionary compress as well at level 1 as at
// level 3 (Synthea: 8.6 : 1 both) in two thirds of the time; see docs/internals/fhir-storage.md.
//
// Threads: every function may be called from any thread; each thread keeps its zstd contexts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::fhir_store {

class Dictionary;
class Dictionaries;

// Appends the stored form of `text`. `dictionary` may be null.
void AppendBody(std::string_view text, int64_t last_updated_unix_ms, const Dictionary* dictionary,
                std::string* out);
void AppendDeletion(int64_t last_updated_unix_ms, std::string* out);

struct BodyHeader {
  int64_t last_updated_unix_ms = 0;
  bool deleted = false;
};
// Replaces `*text` by the content; empties it for a deletion. Errors: kCorrupt.
Result<BodyHeader> DecodeBody(std::string_view value, const Dictionaries& dictionaries,
                              std::string* text);
// The same, appending: for exports. A deletion appends nothing.
Result<BodyHeader> AppendDecodedBody(std::string_view value, const Dictionaries& dictionaries,
                                     std::string* out);

// Whether a stored body that decodes is a deletion.
bool IsDeletion(std::string_view value);

// Plain zstd, for output chunks that wait to become objects (kSpool).
void AppendCompressed(std::string_view bytes, std::string* out);
// Errors: kCorrupt (also: more than `bytes_max`).
Result<std::string> Decompress(std::string_view bytes, size_t bytes_max);

}  // namespace tarn::fhir_store
