#include "http/internal/body_decoder.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "http/internal/syntax.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

}  // namespace

void BodyDecoder::StartLength(uint64_t bytes) {
  *this = BodyDecoder();
  remaining_ = bytes;
  state_ = bytes == 0 ? State::kDone : State::kLength;
}

void BodyDecoder::StartChunked() {
  *this = BodyDecoder();
  chunked_ = true;
  state_ = State::kSize;
}

void BodyDecoder::Skip(uint64_t count) {
  CHECK(state_ == State::kLength && count <= remaining_);
  remaining_ -= count;
  if (remaining_ == 0) state_ = State::kDone;
}

void BodyDecoder::Fail(std::string_view message) {
  state_ = State::kFailed;
  error_ = message;
}

BodyDecoder::Progress BodyDecoder::Decode(std::string_view in, std::span<char> out) {
  Progress progress;
  while (progress.consumed < in.size() && !done() && !failed()) {
    const char c = in[progress.consumed];
    switch (state_) {
      case State::kLength:
      case State::kData: {
        const auto count = static_cast<size_t>(std::min<uint64_t>(
            {in.size() - progress.consumed, out.size() - progress.produced, remaining_}));
        if (count == 0) return progress;
        std::memcpy(out.data() + progress.produced, in.data() + progress.consumed, count);
        progress.consumed += count;
        progress.produced += count;
        remaining_ -= count;
        if (remaining_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataCr;
        continue;
      }
      case State::kSize:
        StepSize(c);
        break;
      case State::kSizeLf:
        if (c != '\n') {
          Fail("a chunk size line ends without LF");
        } else if (remaining_ == 0) {
          state_ = State::kTrailerStart;
        } else {
          state_ = State::kData;
        }
        break;
      case State::kDataCr:
        c == '\r' ? void(state_ = State::kDataLf) : Fail("chunk data is not followed by CRLF");
        break;
      case State::kDataLf:
        if (c != '\n') {
          Fail("chunk data is not followed by CRLF");
        } else {
          state_ = State::kSize;
          size_digits_ = 0;
        }
        break;
      case State::kEndLf:
        c == '\n' ? void(state_ = State::kDone) : Fail("the body does not end with CRLF");
        break;
      case State::kTrailerStart:
      case State::kTrailerName:
      case State::kTrailerValue:
      case State::kTrailerLf:
        StepTrailer(c);
        break;
      default:
        StepExtension(c);
        break;
    }
    ++progress.consumed;
  }
  return progress;
}

void BodyDecoder::StepSize(char c) {
  const int digit = HexDigit(c);
  if (digit >= 0) {
    if (++size_digits_ > kChunkSizeDigitsMax) return Fail("a chunk size is too long");
    remaining_ = remaining_ << 4 | static_cast<uint64_t>(digit);
  } else if (size_digits_ == 0) {
    Fail("a chunk size is missing");
  } else if (c == '\r') {
    EndSize();
  } else {
    state_ = State::kBeforeExt;
    StepExtension(c);
  }
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
void BodyDecoder::StepExtension(char c) {
  if (++extension_bytes_ > kChunkExtensionBytesMax) return Fail("chunk extensions are too long");
  switch (state_) {
    case State::kBeforeExt:
      if (c == ';') {
        state_ = State::kExtName;
        ext_name_empty_ = true;
      } else if (!IsSpace(c)) {
        Fail("bad chunk size");
      }
      return;
    case State::kExtName:
      if (IsChar(c, kTokenChar)) {
        ext_name_empty_ = false;
      } else if (ext_name_empty_) {
        if (!IsSpace(c)) Fail("bad chunk extension");
      } else if (c == '=') {
        state_ = State::kExtBeforeValue;
      } else if (IsSpace(c)) {
        state_ = State::kExtAfterName;
      } else {
        EndExtension(c);
      }
      return;
    case State::kExtAfterName:
      if (c == '=') {
        state_ = State::kExtBeforeValue;
      } else if (c == ';') {
        EndExtension(c);
      } else if (!IsSpace(c)) {
        Fail("bad chunk extension");
      }
      return;
    case State::kExtBeforeValue:
      if (c == '"') {
        state_ = State::kExtQuoted;
      } else if (IsChar(c, kTokenChar)) {
        state_ = State::kExtToken;
      } else if (!IsSpace(c)) {
        Fail("bad chunk extension");
      }
      return;
    case State::kExtToken:
      if (!IsChar(c, kTokenChar)) EndExtension(c);
      return;
    case State::kExtQuoted:
      if (c == '"') {
        state_ = State::kExtAfterQuoted;
      } else if (c == '\\') {
        state_ = State::kExtEscape;
      } else if (!IsChar(c, kFieldChar)) {
        Fail("bad chunk extension");
      }
      return;
    case State::kExtEscape:
      state_ = State::kExtQuoted;
      if (!IsChar(c, kFieldChar)) Fail("bad chunk extension");
      return;
    default:
      EndExtension(c);
      return;
  }
}

// What may follow a complete extension: the next one, or the end of the line. White space is only
// allowed before a ';'.
void BodyDecoder::EndExtension(char c) {
  if (c == ';') {
    state_ = State::kExtName;
    ext_name_empty_ = true;
  } else if (c == '\r') {
    EndSize();
  } else if (IsSpace(c)) {
    state_ = State::kBeforeExt;
  } else {
    Fail("bad chunk extension");
  }
}

void BodyDecoder::StepTrailer(char c) {
  if (++trailer_bytes_ > kTrailerBytesMax) return Fail("trailers are too long");
  switch (state_) {
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kEndLf;
      } else if (IsChar(c, kTokenChar)) {
        state_ = State::kTrailerName;
      } else {
        Fail("bad trailer field");
      }
      return;
    case State::kTrailerName:
      if (c == ':') {
        state_ = State::kTrailerValue;
      } else if (!IsChar(c, kTokenChar)) {
        Fail("bad trailer field");
      }
      return;
    case State::kTrailerValue:
      if (c == '\r') {
        state_ = State::kTrailerLf;
      } else if (!IsChar(c, kFieldChar)) {
        Fail("bad trailer field");
      }
      return;
    default:
      c == '\n' ? void(state_ = State::kTrailerStart) : Fail("bad trailer field");
      return;
  }
}

}  // namespace tarn::http
