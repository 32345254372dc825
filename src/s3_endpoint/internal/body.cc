#include "s3_endpoint/internal/body.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "s3_endpoint/internal/aws_chunked.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

constexpr std::string_view kChecksumPrefix = "x-amz-checksum-";

// What the header fields say about the body.
struct BodyPlan {
  bool aws_chunked = false;
  AwsChunkedDecoder::Signed is_signed = AwsChunkedDecoder::Signed::kNo;
  std::optional<uint64_t> decoded_bytes;
  std::string sha256_hex;  // Empty: not given.
  std::string md5;         // Raw; empty: not given.
  std::optional<ChecksumKind> checksum;
  std::string checksum_base64;  // Empty: in a trailer.
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

S3Failure BadRequest(std::string message) { return {S3Code::kInvalidRequest, std::move(message)}; }

S3Status PlanContentHash(const http::Headers& headers, BodyPlan* plan) {
  const std::string_view hash = headers.Get("x-amz-content-sha256");
  if (hash.starts_with("STREAMING-")) {
    plan->aws_chunked = true;
    if (hash.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) {
      plan->is_signed = AwsChunkedDecoder::Signed::kYes;
    } else if (hash != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
      return NotImplemented("x-amz-content-sha256: " + std::string(hash.substr(0, 64)));
    }
  } else if (!hash.empty() && hash != "UNSIGNED-PAYLOAD") {
    const Result<std::string> raw = HexDecode(hash);
    if (!raw.ok() || raw.value().size() != 32) {
      return S3Failure{S3Code::kInvalidArgument,
                       "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-... or a SHA-256"};
    }
    plan->sha256_hex = HexEncode(raw.value());
  }
  if (Lower(headers.Get("content-encoding")).find("aws-chunked") != std::string::npos &&
      !plan->aws_chunked) {
    return BadRequest(
        "Content-Encoding is aws-chunked, but x-amz-content-sha256 not STREAMING-...");
  }
  if (!plan->aws_chunked) return Unit{};
  const std::string_view size = headers.Get("x-amz-decoded-content-length");
  if (size.empty()) {
    return S3Failure{S3Code::kMissingContentLength, "x-amz-decoded-content-length is missing"};
  }
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bytes);
  if (error != std::errc() || end != size.data() + size.size()) {
    return BadRequest("x-amz-decoded-content-length is not a number");
  }
  plan->decoded_bytes = bytes;
  return Unit{};
}

S3Status PlanChecksum(const http::Headers& headers, BodyPlan* plan) {
  const std::string_view md5 = headers.Get("content-md5");
  if (!md5.empty()) {
    const Result<std::string> raw = Base64Decode(md5);
    if (!raw.ok() || raw.value().size() != 16) {
      return S3Failure{S3Code::kInvalidDigest, "The Content-MD5 you specified is not valid."};
    }
    plan->md5 = raw.value();
  }
  for (const auto& [field, value] : headers.fields()) {
    const std::string name = Lower(field);
    if (!name.starts_with(kChecksumPrefix)) continue;
    const std::string_view kind = std::string_view(name).substr(kChecksumPrefix.size());
    if (kind == "algorithm" || kind == "type" || kind == "mode") continue;
    const ChecksumFacts* facts = FindChecksumByName(kind);
    if (facts == nullptr) return NotImplemented(name);
    if (plan->checksum.has_value()) return BadRequest("Expecting a single x-amz-checksum- header.");
    plan->checksum = facts->kind;
    plan->checksum_base64 = value;
    if (!DecodeChecksum(*facts, value).ok()) {
      return BadRequest("Value for " + name + " header is invalid.");
    }
  }
  const std::string trailer = Lower(headers.Get("x-amz-trailer"));
  if (trailer.empty()) return Unit{};
  if (!plan->aws_chunked) return BadRequest("x-amz-trailer needs an aws-chunked body");
  const ChecksumFacts* facts = trailer.starts_with(kChecksumPrefix)
                                   ? FindChecksumByName(trailer.substr(kChecksumPrefix.size()))
                                   : nullptr;
  if (facts == nullptr) return NotImplemented("x-amz-trailer: " + trailer.substr(0, 64));
  if (plan->checksum.has_value()) return BadRequest("Expecting a single x-amz-checksum- header.");
  plan->checksum = facts->kind;
  return Unit{};
}

// The sums over the content while it passes.
class Verifier {
 public:
  explicit Verifier(const BodyPlan& plan, std::optional<ChecksumKind> kind) {
    if (!plan.sha256_hex.empty()) sha256_.emplace(crypto::DigestKind::kSha256);
    if (!plan.md5.empty()) md5_.emplace(crypto::DigestKind::kMd5);
    if (kind.has_value()) checksum_.emplace(*kind);
  }

  void Update(std::string_view bytes) {
    bytes_ += bytes.size();
    if (sha256_) sha256_->Update(bytes);
    if (md5_) md5_->Update(bytes);
    if (checksum_) checksum_->Update(bytes);
  }

  uint64_t bytes() const { return bytes_; }

  S3Status CheckDigests(const BodyPlan& plan) {
    if (sha256_ && HexEncode(sha256_->Finish()) != plan.sha256_hex) {
      return S3Failure{
          S3Code::kContentSha256Mismatch,
          "The provided 'x-amz-content-sha256' header does not match what was computed."};
    }
    if (md5_ && md5_->Finish() != plan.md5) {
      return S3Failure{S3Code::kBadDigest,
                       "The Content-MD5 you specified did not match what we received."};
    }
    return Unit{};
  }

  std::string FinishChecksum() { return checksum_->Finish(); }

 private:
  uint64_t bytes_ = 0;
  std::optional<crypto::Digest> sha256_;
  std::optional<crypto::Digest> md5_;
  std::optional<Checksummer> checksum_;
};

// The checksum that a trailer gives, and none that was not announced.
S3Result<std::string> TrailerChecksum(const BodyPlan& plan, const AwsChunkedDecoder& decoder) {
  std::string given;
  for (const auto& [name, value] : decoder.trailers()) {
    if (name == "x-amz-trailer-signature") continue;
    const bool announced =
        plan.checksum.has_value() && plan.checksum_base64.empty() &&
        name == std::string(kChecksumPrefix) + std::string(FactsOf(*plan.checksum).name);
    if (!announced || !given.empty()) {
      return S3Failure{S3Code::kMalformedTrailer, "A trailer is not announced in x-amz-trailer."};
    }
    if (!DecodeChecksum(FactsOf(*plan.checksum), value).ok()) {
      return BadRequest("Value for " + name + " trailing header is invalid.");
    }
    given = value;
  }
  if (plan.checksum.has_value() && plan.checksum_base64.empty() && given.empty()) {
    return S3Failure{S3Code::kMalformedTrailer, "The trailer that x-amz-trailer names is missing."};
  }
  return given;
}

// Reads the body to its end.
Status Pump(http::Request& request, const BodySink& sink) {
  if (request.body_reader == nullptr) {
    return request.body.empty() ? Ok() : sink(request.body);
  }
  std::string buffer(kCopyBytes, '\0');
  for (;;) {
    TRY(const size_t count, request.body_reader->Read(buffer));
    if (count == 0) return Ok();
    TRY(sink(std::string_view(buffer).substr(0, count)));
  }
}

// Broken bodies are the client's fault, under S3's names for it.
S3Failure BodyFailure(Error error) {
  if (error.kind == ErrorKind::kInvalid) return BadRequest(std::move(error.detail));
  return {CodeOf(error.kind), std::move(error.detail)};
}

}  // namespace

S3Result<ReceivedBody> ReceiveBody(http::Request& request, std::optional<ChecksumKind> compute,
                                   const BodySink& sink) {
  BodyPlan plan;
  TRY(PlanContentHash(request.headers, &plan));
  TRY(PlanChecksum(request.headers, &plan));
  const std::optional<ChecksumKind> kind = plan.checksum.has_value() ? plan.checksum : compute;
  Verifier verifier(plan, kind);
  const BodySink verified = [&](std::string_view bytes) -> Status {
    verifier.Update(bytes);
    return sink(bytes);
  };
  AwsChunkedDecoder decoder(plan.is_signed);
  Status received =
      plan.aws_chunked
          ? Pump(request, [&](std::string_view b) { return decoder.Feed(b, verified); })
          : Pump(request, verified);
  if (received.ok() && plan.aws_chunked) received = decoder.Finish();
  if (!received.ok()) return BodyFailure(std::move(received).error());
  if (plan.decoded_bytes.has_value() && *plan.decoded_bytes != verifier.bytes()) {
    return S3Failure{S3Code::kIncompleteBody,
                     "The body's size is not that of x-amz-decoded-content-length."};
  }
  TRY(verifier.CheckDigests(plan));
  ReceivedBody body;
  body.bytes = verifier.bytes();
  body.has_md5 = !plan.md5.empty();
  std::string given = plan.checksum_base64;
  if (plan.aws_chunked) {
    TRY(std::string trailer, TrailerChecksum(plan, decoder));
    if (given.empty()) given = std::move(trailer);
  }
  if (!kind.has_value()) return body;
  std::string computed = verifier.FinishChecksum();
  if (!given.empty() && given != computed) {
    return S3Failure{S3Code::kBadDigest,
                     "The " + std::string(FactsOf(*kind).algorithm) +
                         " you specified did not match the calculated checksum."};
  }
  body.checksums.emplace_back(FactsOf(*kind).name, std::move(computed));
  return body;
}

S3Result<std::string> ReceiveSmallBody(http::Request& request, Integrity integrity) {
  std::string bytes;
  const auto sink = [&](std::string_view piece) -> Status {
    if (bytes.size() + piece.size() > kXmlBodyBytesMax) return Invalid("The XML is too large.");
    bytes += piece;
    return Ok();
  };
  TRY(const ReceivedBody received, ReceiveBody(request, std::nullopt, sink));
  if (integrity == Integrity::kRequired && !received.has_md5 && received.checksums.empty()) {
    return BadRequest(
        "Missing required header for this request: Content-MD5 or x-amz-checksum-...");
  }
  return bytes;
}

}  // namespace tarn::s3_endpoint
