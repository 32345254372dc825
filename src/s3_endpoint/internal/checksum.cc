#include "s3_endpoint/internal/checksum.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::s3_endpoint {
namespace {

std::string RawCrc(ChecksumKind kind, uint64_t crc) {
  std::string raw;
  if (kind == ChecksumKind::kCrc64Nvme) {
    AppendBe64(&raw, crc);
  } else {
    AppendBe32(&raw, static_cast<uint32_t>(crc));
  }
  return raw;
}

}  // namespace

const ChecksumFacts& FactsOf(ChecksumKind kind) {
  const ChecksumFacts& facts = kChecksums[static_cast<size_t>(kind)];
  CHECK(facts.kind == kind);
  return facts;
}

const ChecksumFacts* FindChecksumByName(std::string_view name) {
  for (const ChecksumFacts& facts : kChecksums) {
    if (facts.name == name) return &facts;
  }
  return nullptr;
}

const ChecksumFacts* FindChecksumByAlgorithm(std::string_view algorithm) {
  for (const ChecksumFacts& facts : kChecksums) {
    if (std::equal(algorithm.begin(), algorithm.end(), facts.algorithm.begin(),
                   facts.algorithm.end(), [](char a, char b) {
                     return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 32) : a) == b;
                   })) {
      return &facts;
    }
  }
  return nullptr;
}

Result<std::string> DecodeChecksum(const ChecksumFacts& facts, std::string_view base64) {
  TRY(std::string raw, Base64Decode(base64));
  if (raw.size() != facts.bytes) {
    return Invalid("a " + std::string(facts.algorithm) + " checksum has another size");
  }
  return raw;
}

Checksummer::Checksummer(ChecksumKind kind) : kind_(kind) {
  if (kind == ChecksumKind::kSha1) digest_.emplace(crypto::DigestKind::kSha1);
  if (kind == ChecksumKind::kSha256) digest_.emplace(crypto::DigestKind::kSha256);
}

void Checksummer::Update(std::string_view bytes) {
  switch (kind_) {
    case ChecksumKind::kCrc32:
      crc_ = crypto::Crc32(static_cast<uint32_t>(crc_), bytes);
      break;
    case ChecksumKind::kCrc32c:
      crc_ = crypto::Crc32c(static_cast<uint32_t>(crc_), bytes);
      break;
    case ChecksumKind::kCrc64Nvme:
      crc_ = crypto::Crc64Nvme(crc_, bytes);
      break;
    case ChecksumKind::kSha1:
    case ChecksumKind::kSha256:
      digest_->Update(bytes);
      break;
  }
}

std::string Checksummer::Finish() {
  return Base64Encode(digest_.has_value() ? digest_->Finish() : RawCrc(kind_, crc_));
}

Result<std::string> CompositeChecksum(ChecksumKind kind, const std::vector<PartChecksum>& parts) {
  Checksummer sum(kind);
  for (const PartChecksum& part : parts) {
    TRY(const std::string raw, DecodeChecksum(FactsOf(kind), part.base64));
    sum.Update(raw);
  }
  return sum.Finish() + "-" + std::to_string(parts.size());
}

Result<std::string> FullObjectChecksum(ChecksumKind kind, const std::vector<PartChecksum>& parts) {
  if (kind == ChecksumKind::kSha1 || kind == ChecksumKind::kSha256) {
    return Invalid("only CRC checksums of parts give one of the whole object");
  }
  uint64_t crc = 0;
  for (const PartChecksum& part : parts) {
    TRY(const std::string raw, DecodeChecksum(FactsOf(kind), part.base64));
    if (kind == ChecksumKind::kCrc64Nvme) {
      crc = crypto::CombineCrc64Nvme(crc, LoadBe64(raw), part.bytes);
    } else if (kind == ChecksumKind::kCrc32c) {
      crc = crypto::CombineCrc32c(static_cast<uint32_t>(crc), LoadBe32(raw), part.bytes);
    } else {
      crc = crypto::CombineCrc32(static_cast<uint32_t>(crc), LoadBe32(raw), part.bytes);
    }
  }
  return Base64Encode(RawCrc(kind, crc));
}

}  // namespace tarn::s3_endpoint
