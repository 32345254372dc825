#include "s3_endpoint/internal/aws_chunked.h"

#include <algorithm>
#include <charconv>

#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

constexpr size_t kSizeDigitsMax = 12;  // 256 TiB, far beyond an object.

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsSignature(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

Status AwsChunkedDecoder::TakeSizeLine(std::string_view line) {
  const size_t semicolon = std::min(line.find(';'), line.size());
  const std::string_view size = line.substr(0, semicolon);
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  if (size.empty() || size.size() > kSizeDigitsMax || error != std::errc() ||
      end != size.data() + size.size()) {
    return Invalid("a chunk of the body has no proper size");
  }
  if (semicolon < line.size()) {
    constexpr std::string_view kExtension = ";chunk-signature=";
    const std::string_view extension = line.substr(semicolon);
    if (!extension.starts_with(kExtension) || !IsSignature(extension.substr(kExtension.size()))) {
      return Invalid("a chunk of the body has an unknown extension");
    }
  } else if (signed_ == Signed::kYes) {
    return Invalid("a chunk of the body has no signature");
  }
  state_ = left_ == 0 ? State::kTrailers : State::kData;
  return Ok();
}

Status AwsChunkedDecoder::Feed(std::string_view bytes,
                               const std::function<Status(std::string_view)>& sink) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kSize: {
        const size_t end = bytes.find('\n');
        const size_t size = std::min(end, bytes.size());
        if (line_.size() + size > kChunkLineBytesMax) return Invalid("a chunk's line is too long");
        line_ += bytes.substr(0, size);
        if (end == std::string_view::npos) return Ok();
        bytes.remove_prefix(end + 1);
        if (!line_.ends_with('\r')) return Invalid("a chunk's line does not end in CR LF");
        line_.pop_back();
        TRY(TakeSizeLine(line_));
        line_.clear();
        break;
      }
      case State::kData: {
        const std::string_view piece = bytes.substr(0, left_);
        bytes.remove_prefix(piece.size());
        left_ -= piece.size();
        decoded_bytes_ += piece.size();
        TRY(sink(piece));
        if (left_ == 0) state_ = State::kDataEnd;
        break;
      }
      case State::kDataEnd: {
        const char expected = line_.empty() ? '\r' : '\n';
        if (bytes.front() != expected) return Invalid("a chunk is longer than its size");
        bytes.remove_prefix(1);
        line_.push_back(expected);
        if (line_.size() < 2) break;
        line_.clear();
        state_ = State::kSize;
        break;
      }
      case State::kTrailers:
        if (line_.size() + bytes.size() > kChunkTrailerBytesMax) {
          return Invalid("the trailers are too long");
        }
        line_ += bytes;
        return Ok();
    }
  }
  return Ok();
}

Status AwsChunkedDecoder::Finish() {
  if (state_ != State::kTrailers) return Invalid("the body ended before its last chunk");
  // Clients differ in the ends of lines here (LF CR LF among them), so that empty lines separate
  // nothing and the body's end is the trailers' end. S3's clients do send one empty line.
  std::string_view rest = line_;
  if (!rest.ends_with('\n')) return Invalid("the trailers end early");
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = Trim(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return Invalid("a trailer is broken");
    std::string name(line.substr(0, colon));
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    trailers_.emplace_back(std::move(name), Trim(line.substr(colon + 1)));
  }
  return Ok();
}

}  // namespace tarn::s3_endpoint
