#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "s3_endpoint/internal/body.h"
#include "s3_endpoint/internal/call.h"
#include "s3_endpoint/internal/conditions.h"
#include "s3_endpoint/internal/xml_reader.h"
#include "s3_endpoint/internal/xml_writer.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

using objects::PartInfo;

constexpr std::string_view kComposite = "COMPOSITE";
constexpr std::string_view kFullObject = "FULL_OBJECT";

// What CreateMultipartUpload asked for; kept in the upload's metadata as ("crc32", "COMPOSITE").
struct UploadChecksum {
  ChecksumKind kind = ChecksumKind::kCrc32;
  bool full_object = false;
};

std::optional<UploadChecksum> ChecksumOf(const objects::ObjectMetadata& metadata) {
  for (const auto& [name, value] : metadata.checksums) {
    const ChecksumFacts* facts = FindChecksumByName(name);
    if (facts != nullptr) return UploadChecksum{facts->kind, value == kFullObject};
  }
  return std::nullopt;
}

S3Result<std::optional<UploadChecksum>> RequestedChecksum(const Call& call) {
  const std::string_view algorithm = call.Header("x-amz-checksum-algorithm");
  const std::string_view type = call.Header("x-amz-checksum-type");
  if (algorithm.empty()) {
    if (!type.empty()) {
      return S3Failure{S3Code::kInvalidRequest,
                       "x-amz-checksum-type needs x-amz-checksum-algorithm."};
    }
    return std::optional<UploadChecksum>();
  }
  const ChecksumFacts* facts = FindChecksumByAlgorithm(algorithm);
  if (facts == nullptr) return NotImplemented("checksum algorithm " + std::string(algorithm));
  const bool crc = facts->kind != ChecksumKind::kSha1 && facts->kind != ChecksumKind::kSha256;
  const bool only_full = facts->kind == ChecksumKind::kCrc64Nvme;
  if ((!type.empty() && type != kComposite && type != kFullObject) ||
      (type == kFullObject && !crc) || (type == kComposite && only_full)) {
    return S3Failure{S3Code::kInvalidRequest, "The " + std::string(type) +
                                                  " checksum type cannot be used with the " +
                                                  std::string(algorithm) + " algorithm."};
  }
  return std::optional<UploadChecksum>(
      UploadChecksum{facts->kind, type == kFullObject || only_full});
}

std::string UploadId(const Call& call) {
  const std::string* id = call.Parameter("uploadId");
  return id == nullptr ? "" : *id;
}

S3Result<uint32_t> PartNumber(const Call& call) {
  const std::string* text = call.Parameter("partNumber");
  uint32_t number = 0;
  if (text != nullptr) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) number = 0;
  }
  if (number < 1 || number > objects::kPartNumberMax) {
    return S3Failure{S3Code::kInvalidArgument,
                     "Part number must be an integer between 1 and 10000, inclusive"};
  }
  return number;
}

// Where a copy's source may be missing too, what is missing must be said at its place.
S3Failure UploadFailure(Error error) {
  const bool missing = error.kind == ErrorKind::kNotFound;
  return {missing ? S3Code::kNoSuchUpload : CodeOf(error.kind), std::move(error.detail)};
}

// The writer of a part, and the checksum that parts of the upload must have.
struct PartTarget {
  std::unique_ptr<objects::ObjectWriter> writer;
  std::optional<ChecksumKind> checksum;
};
S3Result<PartTarget> OpenPart(Call& call) {
  TRY(const uint32_t number, PartNumber(call));
  PartTarget target;
  Result<objects::ObjectMetadata> metadata =
      call.store.UploadMetadata(call.bucket, call.key, UploadId(call));
  if (!metadata.ok()) return UploadFailure(std::move(metadata).error());
  const std::optional<UploadChecksum> checksum = ChecksumOf(metadata.value());
  if (checksum.has_value()) target.checksum = checksum->kind;
  Result<std::unique_ptr<objects::ObjectWriter>> writer =
      call.store.PutPart(call.bucket, call.key, UploadId(call), number);
  if (!writer.ok()) return UploadFailure(std::move(writer).error());
  target.writer = std::move(writer).value();
  return target;
}

void WriteChecksums(const std::vector<std::pair<std::string, std::string>>& checksums,
                    XmlWriter* xml) {
  for (const auto& [name, value] : checksums) {
    const ChecksumFacts* facts = FindChecksumByName(name);
    if (facts != nullptr) xml->Text(facts->element, value);
  }
}

struct NamedPart {
  uint32_t number = 0;
  std::string etag;
  XmlFields fields;
};

S3Result<std::vector<NamedPart>> ParseParts(std::string_view body) {
  const Result<XmlDocument> document =
      ParseXml(body, {"CompleteMultipartUpload", "Part", kPartsMax});
  if (!document.ok()) return S3Failure{S3Code::kMalformedXml, document.error().detail};
  if (document.value().rows.empty()) {
    return S3Failure{S3Code::kMalformedXml, "You must specify at least one part"};
  }
  std::vector<NamedPart> parts;
  for (const XmlFields& fields : document.value().rows) {
    const std::string* number = FindXmlField(fields, "PartNumber");
    const std::string* etag = FindXmlField(fields, "ETag");
    NamedPart part;
    if (number != nullptr) {
      const auto [end, error] =
          std::from_chars(number->data(), number->data() + number->size(), part.number);
      if (error != std::errc() || end != number->data() + number->size()) part.number = 0;
    }
    if (part.number < 1 || part.number > objects::kPartNumberMax || etag == nullptr) {
      return S3Failure{S3Code::kMalformedXml, "a Part lacks its PartNumber or ETag"};
    }
    part.etag = *etag;
    if (part.etag.size() >= 2 && part.etag.front() == '"' && part.etag.back() == '"') {
      part.etag = part.etag.substr(1, part.etag.size() - 2);
    }
    part.fields = fields;
    if (!parts.empty() && part.number <= parts.back().number) {
      return S3Failure{S3Code::kInvalidPartOrder, "The list of parts was not in ascending order."};
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

// The uploaded parts that the client names, checked against what it says of them.
S3Result<std::vector<PartInfo>> MatchParts(const std::vector<NamedPart>& named,
                                           const std::vector<PartInfo>& uploaded) {
  std::vector<PartInfo> parts;
  for (const NamedPart& part : named) {
    const auto found = std::lower_bound(
        uploaded.begin(), uploaded.end(), part.number,
        [](const PartInfo& info, uint32_t number) { return info.number < number; });
    bool same = found != uploaded.end() && found->number == part.number && found->etag == part.etag;
    for (size_t i = 0; same && i < part.fields.size(); ++i) {
      const auto& [element, value] = part.fields[i];
      if (!element.starts_with("Checksum")) continue;
      same = std::any_of(found->checksums.begin(), found->checksums.end(),
                         [&, &e = element, &v = value](const auto& checksum) {
                           const ChecksumFacts* facts = FindChecksumByName(checksum.first);
                           return facts != nullptr && facts->element == e && checksum.second == v;
                         });
    }
    if (!same) {
      return S3Failure{S3Code::kInvalidPart, "Part " + std::to_string(part.number) +
                                                 " was not uploaded, or differs from what was."};
    }
    if (part.number != named.back().number && found->bytes < kPartBytesMin) {
      return S3Failure{S3Code::kEntityTooSmall,
                       "Your proposed upload is smaller than the minimum allowed size"};
    }
    parts.push_back(*found);
  }
  return parts;
}

// The object's checksum out of those of its parts; compared with the one the client may send.
S3Result<std::vector<std::pair<std::string, std::string>>> WholeChecksum(
    const Call& call, const std::optional<UploadChecksum>& wanted,
    const std::vector<PartInfo>& parts) {
  std::vector<std::pair<std::string, std::string>> checksums;
  if (!wanted.has_value()) return checksums;
  const ChecksumFacts& facts = FactsOf(wanted->kind);
  std::vector<PartChecksum> sums;
  for (const PartInfo& part : parts) {
    const auto found = std::find_if(part.checksums.begin(), part.checksums.end(),
                                    [&](const auto& sum) { return sum.first == facts.name; });
    if (found == part.checksums.end()) {
      return S3Failure{S3Code::kInvalidPart,
                       "Part " + std::to_string(part.number) + " has another kind of checksum."};
    }
    sums.push_back({found->second, part.bytes});
  }
  TRY(std::string whole, wanted->full_object ? FullObjectChecksum(wanted->kind, sums)
                                             : CompositeChecksum(wanted->kind, sums));
  const std::string_view given = call.Header("x-amz-checksum-" + std::string(facts.name));
  // A composite checksum may come without the number of parts.
  if (!given.empty() && given != whole && given != whole.substr(0, whole.find('-'))) {
    return S3Failure{S3Code::kBadDigest, "The " + std::string(facts.algorithm) +
                                             " you specified did not match the calculated one."};
  }
  checksums.emplace_back(facts.name, std::move(whole));
  return checksums;
}

S3Status CheckWholeSize(const Call& call, const std::vector<PartInfo>& parts) {
  const std::string_view given = call.Header("x-amz-mp-object-size");
  if (given.empty()) return Unit{};
  uint64_t bytes = 0;
  for (const PartInfo& part : parts) bytes += part.bytes;
  if (given != std::to_string(bytes)) {
    return S3Failure{S3Code::kInvalidRequest,
                     "The parts' size is not that of x-amz-mp-object-size."};
  }
  return Unit{};
}

// The checksum fields of CompleteMultipartUpload are of the object, not of this request's body.
S3Result<std::string> ReceiveXmlOfUpload(Call& call) {
  http::Headers kept;
  for (const auto& [name, value] : call.request.headers.fields()) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!lower.starts_with("x-amz-checksum-")) kept.Add(name, value);
  }
  std::swap(call.request.headers, kept);
  S3Result<std::string> body = ReceiveSmallBody(call.request);
  std::swap(call.request.headers, kept);
  return body;
}

}  // namespace

OperationResult CreateMultipartUpload(Call& call) {
  TRY(objects::ObjectMetadata metadata, MetadataOf(call.request.headers));
  TRY(const std::optional<UploadChecksum> checksum, RequestedChecksum(call));
  const std::string type(checksum.has_value() && checksum->full_object ? kFullObject : kComposite);
  if (checksum.has_value())
    metadata.checksums = {{std::string(FactsOf(checksum->kind).name), type}};
  TRY(const objects::UploadInfo upload, call.store.CreateUpload(call.bucket, call.key, metadata));
  XmlWriter xml;
  xml.Open("InitiateMultipartUploadResult", XmlWriter::Namespace::kS3);
  xml.Text("Bucket", call.bucket);
  xml.Text("Key", call.key);
  xml.Text("UploadId", upload.upload_id);
  xml.Close();
  http::Response response = XmlResponse(xml.Finish());
  if (checksum.has_value()) {
    response.headers.Add("x-amz-checksum-algorithm",
                         std::string(FactsOf(checksum->kind).algorithm));
    response.headers.Add("x-amz-checksum-type", type);
  }
  return response;
}

OperationResult UploadPart(Call& call) {
  TRY(PartTarget target, OpenPart(call));
  TRY(ReceivedBody body, ReceiveBody(call.request, target.checksum, [&](std::string_view bytes) {
        return target.writer->Write(bytes);
      }));
  target.writer->SetChecksums(body.checksums);
  TRY(const objects::ObjectInfo info, target.writer->Finish());
  http::Response response;
  response.headers.Add("ETag", QuotedEtag(info.etag));
  for (const auto& [name, value] : body.checksums) {
    response.headers.Add("x-amz-checksum-" + name, value);
  }
  return response;
}

OperationResult UploadPartCopy(Call& call) {
  TRY(PartTarget target, OpenPart(call));
  TRY(const CopySource source, OpenCopySource(call));
  objects::ByteRange range;
  const std::string_view field = call.Header("x-amz-copy-source-range");
  if (!field.empty()) {
    const RangeResult parsed = ParseRange(field, source.info.bytes);
    if (parsed.kind != RangeKind::kPart) {
      return S3Failure{S3Code::kInvalidArgument,
                       "The x-amz-copy-source-range value must be of the form bytes=first-last "
                       "within the source object"};
    }
    range = parsed.range;
  }
  std::optional<Checksummer> checksum;
  if (target.checksum.has_value()) checksum.emplace(*target.checksum);
  TRY(CopyBytes(call, source, range, [&](std::string_view bytes) {
    if (checksum) checksum->Update(bytes);
    return target.writer->Write(bytes);
  }));
  std::vector<std::pair<std::string, std::string>> checksums;
  if (checksum) {
    checksums.emplace_back(FactsOf(*target.checksum).name, checksum->Finish());
    target.writer->SetChecksums(checksums);
  }
  Result<objects::ObjectInfo> finished = target.writer->Finish();
  if (!finished.ok()) return UploadFailure(std::move(finished).error());
  const objects::ObjectInfo& info = finished.value();
  XmlWriter xml;
  xml.Open("CopyPartResult", XmlWriter::Namespace::kS3);
  xml.Text("ETag", QuotedEtag(info.etag));
  xml.Text("LastModified", FormatFhirInstant(info.modified_unix_ms));
  WriteChecksums(checksums, &xml);
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult CompleteMultipartUpload(Call& call) {
  TRY(const std::string body, ReceiveXmlOfUpload(call));
  TRY(const std::vector<NamedPart> named, ParseParts(body));
  const std::string id = UploadId(call);
  TRY(const objects::ObjectMetadata metadata, call.store.UploadMetadata(call.bucket, call.key, id));
  TRY(const std::vector<PartInfo> uploaded, call.store.ListParts(call.bucket, call.key, id));
  TRY(const std::vector<PartInfo> parts, MatchParts(named, uploaded));
  TRY(CheckWholeSize(call, parts));
  objects::CompleteRequest request;
  TRY(request.checksums, WholeChecksum(call, ChecksumOf(metadata), parts));
  if (!call.Header("if-match").empty()) return NotImplemented("If-Match on writes");
  if (!call.Header("if-none-match").empty()) {
    if (call.Header("if-none-match") != "*") {
      return NotImplemented("If-None-Match other than * on writes");
    }
    request.condition = objects::PutCondition::kAbsent;
  }
  for (const PartInfo& part : parts) request.parts.emplace_back(part.number, part.etag);
  Result<objects::ObjectInfo> done = call.store.CompleteUpload(call.bucket, call.key, id, request);
  if (!done.ok()) {
    // A part was replaced since it was looked at.
    if (done.error().kind == ErrorKind::kInvalid) {
      return S3Failure{S3Code::kInvalidPart, std::move(done).error().detail};
    }
    return std::move(done).error();
  }
  XmlWriter xml;
  xml.Open("CompleteMultipartUploadResult", XmlWriter::Namespace::kS3);
  xml.Text("Location", "http://" + std::string(call.Header("host")) + call.request.path);
  xml.Text("Bucket", call.bucket);
  xml.Text("Key", call.key);
  xml.Text("ETag", QuotedEtag(done.value().etag));
  WriteChecksums(request.checksums, &xml);
  for (const auto& checksum : request.checksums) {
    const bool composite = checksum.second.find('-') != std::string::npos;
    xml.Text("ChecksumType", composite ? kComposite : kFullObject);
  }
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult AbortMultipartUpload(Call& call) {
  TRY(call.store.AbortUpload(call.bucket, call.key, UploadId(call)));
  http::Response response;
  response.status = 204;
  return response;
}

OperationResult ListParts(Call& call) {
  TRY(const KeyEncoder encode, KeyEncoder::Make(call));
  TRY(const uint32_t max, NumberParameter(call, "max-parts", kListPartsMax, kListPartsMax));
  TRY(const uint32_t marker, NumberParameter(call, "part-number-marker", 0, UINT32_MAX));
  const std::string id = UploadId(call);
  TRY(const std::vector<PartInfo> parts, call.store.ListParts(call.bucket, call.key, id));
  const auto first =
      std::upper_bound(parts.begin(), parts.end(), marker,
                       [](uint32_t number, const PartInfo& part) { return number < part.number; });
  const size_t left = static_cast<size_t>(parts.end() - first);
  const size_t count = std::min<size_t>(left, max);
  XmlWriter xml;
  xml.Open("ListPartsResult", XmlWriter::Namespace::kS3);
  xml.Text("Bucket", call.bucket);
  xml.Text("Key", encode(call.key));
  xml.Text("UploadId", id);
  xml.Text("StorageClass", "STANDARD");
  xml.Number("PartNumberMarker", marker);
  if (count > 0)
    xml.Number("NextPartNumberMarker", (first + (static_cast<ptrdiff_t>(count) - 1))->number);
  xml.Number("MaxParts", max);
  xml.Flag("IsTruncated", count < left && count > 0);
  for (auto part = first; part != first + static_cast<ptrdiff_t>(count); ++part) {
    xml.Open("Part");
    xml.Number("PartNumber", part->number);
    xml.Text("LastModified", FormatFhirInstant(part->modified_unix_ms));
    xml.Text("ETag", QuotedEtag(part->etag));
    xml.Number("Size", part->bytes);
    WriteChecksums(part->checksums, &xml);
    xml.Close();
  }
  xml.Close();
  return XmlResponse(xml.Finish());
}

}  // namespace tarn::s3_endpoint
