#include "http/internal/blocking_stream.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/limits.h"

namespace tarn::http {
namespace {

Error ClientLeft() { return {ErrorKind::kUnavailable, "the client closed the connection"}; }

}  // namespace

Status PacedSocket::Wait(IoResult::Kind want) {
  const int64_t window_ns = int64_t{limits_.body_rate_window_ms} * 1'000'000;
  const int64_t begin = clock_.MonotonicNs();
  const int64_t left_ms = (window_ns - waited_ns_) / 1'000'000 + 1;
  const bool ready = transport_.Wait(want, static_cast<int>(left_ms));
  waited_ns_ += ready ? clock_.MonotonicNs() - begin : window_ns - waited_ns_;
  if (waited_ns_ < window_ns) return Ok();
  if (window_bytes_ * 1000 < uint64_t{limits_.body_rate_min} * limits_.body_rate_window_ms) {
    return Error{ErrorKind::kTimeout, "the client is slower than the minimum rate"};
  }
  waited_ns_ = 0;
  window_bytes_ = 0;
  return Ok();
}

Result<size_t> PacedSocket::Read(std::span<char> out) {
  for (;;) {
    const IoResult io = transport_.Read(out);
    switch (io.kind) {
      case IoResult::Kind::kBytes:
        received_bytes_ += io.bytes;
        window_bytes_ += io.bytes;
        return io.bytes;
      case IoResult::Kind::kEnd:
        return size_t{0};
      case IoResult::Kind::kBroken:
        return ClientLeft();
      default:
        TRY(Wait(io.kind));
    }
  }
}

Status PacedSocket::Write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const IoResult io = transport_.Write(first, second);
    switch (io.kind) {
      case IoResult::Kind::kBytes: {
        sent_bytes_ += io.bytes;
        window_bytes_ += io.bytes;
        const size_t of_first = std::min(io.bytes, first.size());
        first.remove_prefix(of_first);
        second.remove_prefix(io.bytes - of_first);
        break;
      }
      case IoResult::Kind::kEnd:
      case IoResult::Kind::kBroken:
        return ClientLeft();
      default:
        TRY(Wait(io.kind));
    }
  }
  return Ok();
}

Result<size_t> SocketBodyReader::Read(std::span<char> out) {
  if (failure_.has_value()) return *failure_;
  if (out.empty()) return size_t{0};
  if (prefix_used_ < source_.prefix.size()) {
    const size_t count = std::min(out.size(), source_.prefix.size() - prefix_used_);
    std::memcpy(out.data(), source_.prefix.data() + prefix_used_, count);
    prefix_used_ += count;
    content_bytes_ += count;
    return count;
  }
  auto got = ReadSome(out);
  if (got.ok()) {
    content_bytes_ += got.value();
    return got;
  }
  failure_ = got.error();
  return got;
}

Result<size_t> SocketBodyReader::ReadSome(std::span<char> out) {
  BodyDecoder& decoder = source_.decoder;
  if (!started_) {
    started_ = true;
    pending_ = source_.input;
    if (source_.sends_continue && pending_.empty() && !decoder.done()) {
      TRY(source_.socket.Write("HTTP/1.1 100 Continue\r\n\r\n"));
    }
  }
  while (!decoder.done()) {
    if (!pending_.empty()) {
      const BodyDecoder::Progress progress = decoder.Decode(pending_, out);
      pending_.remove_prefix(progress.consumed);
      // A chunk says in advance how large it will be: nothing of one that goes too far is taken.
      if (content_bytes_ + progress.produced + decoder.chunk_remaining() > source_.body_bytes_max) {
        return Error{ErrorKind::kTooLarge, "the body is larger than this route takes"};
      }
      if (decoder.failed()) return Invalid(std::string(decoder.error()));
      if (progress.produced > 0) return progress.produced;
      continue;
    }
    const bool direct = !decoder.chunked();
    if (!direct && !buffer_) buffer_.reset(new char[kReadBytes]);
    const std::span<char> room =
        direct ? out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), decoder.remaining())))
               : std::span<char>(buffer_.get(), kReadBytes);
    TRY(const size_t got, source_.socket.Read(room));
    if (got == 0) return Error{ErrorKind::kUnavailable, "the client left within the body"};
    if (direct) {
      decoder.Skip(got);
      return got;
    }
    pending_ = std::string_view(buffer_.get(), got);
  }
  return size_t{0};
}

bool SocketBodyReader::Finish() {
  if (failure_.has_value()) return false;
  if (!source_.decoder.done()) {
    const bool asked_for = started_ || !source_.sends_continue;
    if (!asked_for || source_.decoder.chunked() || source_.decoder.remaining() > kDrainBytesMax) {
      return false;
    }
  }
  char dropped[4096];
  for (;;) {
    const auto got = Read(dropped);
    if (!got.ok()) return false;
    if (got.value() == 0) return true;
  }
}

std::string SocketBodyReader::TakeLeftover() {
  return std::string(started_ ? pending_ : std::string_view(source_.input));
}

Status SocketBodyWriter::Write(std::string_view bytes) {
  if (failure_.has_value()) return *failure_;
  if (mode_ == Mode::kLength) {
    if (bytes.size() > length_left_) {
      failure_ = Internal("a streamed response is longer than it said");
      return *failure_;
    }
    length_left_ -= bytes.size();
  }
  if (gathered_.size() + bytes.size() < kStreamBufferBytes) {
    gathered_.append(bytes);
    return Ok();
  }
  Status sent = Ok();
  if (!gathered_.empty()) {
    // Fills up what waits, so that chunks have a good size however small the writes are.
    const size_t fill = std::min(bytes.size(), kStreamBufferBytes - gathered_.size());
    gathered_.append(bytes.substr(0, fill));
    bytes.remove_prefix(fill);
    sent = Send(gathered_);
    gathered_.clear();
  }
  if (sent.ok() && bytes.size() < kStreamBufferBytes) {
    gathered_.append(bytes);
  } else if (sent.ok()) {
    sent = Send(bytes);
  }
  if (!sent.ok()) failure_ = sent.error();
  return sent;
}

// Sends `bytes` behind what waits in buffer_ (the head, the end of the chunk before).
Status SocketBodyWriter::Send(std::string_view bytes) {
  if (bytes.empty()) return Ok();
  if (mode_ == Mode::kChunked) {
    char digits[16];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16);
    buffer_.append(digits, static_cast<size_t>(end - digits)).append("\r\n");
  }
  TRY(socket_.Write(buffer_, bytes));
  buffer_ = mode_ == Mode::kChunked ? "\r\n" : "";
  return Ok();
}

Status SocketBodyWriter::Finish() {
  if (failure_.has_value()) return *failure_;
  TRY(Send(gathered_));
  gathered_.clear();
  if (mode_ == Mode::kLength && length_left_ > 0) {
    return Internal("a streamed response is shorter than it said");
  }
  if (mode_ == Mode::kChunked) buffer_.append("0\r\n\r\n");
  return socket_.Write(buffer_);
}

}  // namespace tarn::http
