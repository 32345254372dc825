// The body of a request, from framed bytes to content: pure and incremental.
// Spec: RFC 9112 6.2 (Content-Length), 7.1 (chunked). Trailers are checked and dropped, chunk
// extensions are checked and ignored; both are bounded (limits.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tarn::http {

class BodyDecoder {
 public:
  // Without a start the body is empty and done.
  void StartLength(uint64_t bytes);
  void StartChunked();

  struct Progress {
    size_t consumed = 0;  // Of `in`.
    size_t produced = 0;  // Of `out`.
  };
  // Decodes until `in` is used up, `out` is full, or the body is done or broken.
  Progress Decode(std::string_view in, std::span<char> out);

  bool done() const { return state_ == State::kDone; }
  bool failed() const { return state_ == State::kFailed; }
  std::string_view error() const { return error_; }

  bool chunked() const { return chunked_; }
  // Of the whole body with a length, of the current chunk otherwise.
  uint64_t remaining() const { return remaining_; }
  // Of a chunk whose size line is complete: what must still come of it. Else 0.
  uint64_t chunk_remaining() const { return state_ == State::kData ? remaining_ : 0; }
  // For bodies with a length: says that `count` bytes went elsewhere than through Decode.
  void Skip(uint64_t count);

 private:
  enum class State : uint8_t {
    kLength,
    kSize,            // chunk-size
    kBeforeExt,       // bad whitespace before ';' (BWS)
    kExtName,         // after ';'
    kExtAfterName,    // BWS after the name
    kExtBeforeValue,  // after '='
    kExtToken,
    kExtQuoted,
    kExtEscape,  // after a backslash in a quoted string
    kExtAfterQuoted,
    kSizeLf,  // the LF of the size line
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf,
    kDone,
    kFailed,
  };
  void Fail(std::string_view message);
  void StepSize(char c);
  void StepExtension(char c);
  void EndExtension(char c);
  void StepTrailer(char c);
  // The end of the size line: CR was seen.
  void EndSize() { state_ = State::kSizeLf; }

  State state_ = State::kDone;
  bool chunked_ = false;
  uint8_t size_digits_ = 0;
  bool ext_name_empty_ = true;
  uint64_t remaining_ = 0;
  uint32_t extension_bytes_ = 0;
  uint32_t trailer_bytes_ = 0;
  std::string_view error_;  // A literal.
};

}  // namespace tarn::http
