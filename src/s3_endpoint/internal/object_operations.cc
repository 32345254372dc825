#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "s3_endpoint/internal/body.h"
#include "s3_endpoint/internal/call.h"
#include "s3_endpoint/internal/conditions.h"
#include "s3_endpoint/internal/xml_writer.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

using objects::ByteRange;
using objects::ObjectInfo;

constexpr std::string_view kUserPrefix = "x-amz-meta-";
// Kept with the object and sent with it, as they came.
constexpr std::array<std::string_view, 4> kKeptHeaders = {"cache-control", "content-disposition",
                                                          "content-language", "expires"};
constexpr std::string_view kContentTypeDefault = "binary/octet-stream";

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// aws-chunked is how the body came, not what the object is.
std::string WithoutAwsChunked(std::string_view encodings) {
  std::string out;
  while (!encodings.empty()) {
    const size_t size = std::min(encodings.find(','), encodings.size());
    std::string_view one = encodings.substr(0, size);
    encodings.remove_prefix(std::min(encodings.size(), size + 1));
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one.empty() || Lower(one) == "aws-chunked") continue;
    if (!out.empty()) out += ",";
    out += one;
  }
  return out;
}

http::Response DescribeObject(const Call& call, const ObjectInfo& info) {
  http::Response response;
  http::Headers& headers = response.headers;
  headers.Add("Content-Type", info.metadata.content_type.empty() ? std::string(kContentTypeDefault)
                                                                 : info.metadata.content_type);
  if (!info.metadata.content_encoding.empty()) {
    headers.Add("Content-Encoding", info.metadata.content_encoding);
  }
  for (const auto& [name, value] : info.metadata.headers) headers.Add(name, value);
  for (const auto& [name, value] : info.metadata.user) {
    headers.Add(std::string(kUserPrefix) + name, value);
  }
  headers.Add("ETag", QuotedEtag(info.etag));
  headers.Add("Last-Modified", FormatHttpDate(info.modified_unix_ms));
  headers.Add("Accept-Ranges", "bytes");
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOverrides = {{
      {"response-content-type", "Content-Type"},
      {"response-content-encoding", "Content-Encoding"},
      {"response-content-language", "Content-Language"},
      {"response-content-disposition", "Content-Disposition"},
      {"response-cache-control", "Cache-Control"},
      {"response-expires", "Expires"},
  }};
  for (const auto& [parameter, header] : kOverrides) {
    const std::string* value = call.Parameter(parameter);
    if (value != nullptr) headers.Set(header, *value);
  }
  return response;
}

S3Status CheckOverrides(const Call& call) {
  for (const auto& [name, value] : call.query) {
    const bool bad = std::any_of(value.begin(), value.end(), [](char c) {
      return static_cast<uint8_t>(c) < 0x20 || c == 0x7f;
    });
    if (name.starts_with("response-") && bad) {
      return S3Failure{S3Code::kInvalidArgument, name + " holds a control character"};
    }
  }
  return Unit{};
}

// The answer to conditions that do not hold, or nothing.
S3Result<std::optional<http::Response>> Unless(const Call& call, const ObjectInfo& info) {
  switch (Judge(ConditionsOf(call.request.headers), info)) {
    case Verdict::kGo:
      return std::optional<http::Response>();
    case Verdict::kNotModified: {
      http::Response response = DescribeObject(call, info);
      response.status = 304;
      return std::optional<http::Response>(std::move(response));
    }
    case Verdict::kFailed:
      break;
  }
  return S3Failure{S3Code::kPreconditionFailed,
                   "At least one of the pre-conditions you specified did not hold"};
}

bool WantsChecksums(const Call& call) {
  return Lower(call.Header("x-amz-checksum-mode")) == "enabled";
}

// Applies the range to a response that describes the object.
S3Result<ByteRange> ApplyRange(const Call& call, const ObjectInfo& info, http::Response* response) {
  const RangeResult range = ParseRange(call.Header("range"), info.bytes);
  switch (range.kind) {
    case RangeKind::kWhole:
      break;
    case RangeKind::kPart:
      response->status = 206;
      response->headers.Add("Content-Range",
                            "bytes " + std::to_string(range.range.offset) + "-" +
                                std::to_string(range.range.offset + range.range.bytes - 1) + "/" +
                                std::to_string(info.bytes));
      return range.range;
    case RangeKind::kUnsatisfiable:
      return S3Failure{S3Code::kInvalidRange, "The requested range is not satisfiable"};
  }
  return ByteRange{0, info.bytes};
}

// Reads what is left of a reader. Errors: those of Read.
Status ReadAll(objects::ObjectReader& reader, const std::function<Status(std::string_view)>& sink) {
  std::string buffer(kCopyBytes, '\0');
  for (;;) {
    TRY(const size_t count, reader.Read(buffer));
    if (count == 0) return Ok();
    TRY(sink(std::string_view(buffer).substr(0, count)));
  }
}

// One try of a GET; nullopt when the object changed between the looks, so that the next try sees
// its new state.
S3Result<std::optional<http::Response>> TryGet(Call& call) {
  TRY(const ObjectInfo info, call.store.Head(call.bucket, call.key));
  TRY(std::optional<http::Response> other, Unless(call, info));
  if (other.has_value()) return other;
  http::Response response = DescribeObject(call, info);
  TRY(const ByteRange range, ApplyRange(call, info, &response));
  if (WantsChecksums(call) && response.status == 200) {
    AddChecksums(info.metadata.checksums, &response);
  }
  Result<std::unique_ptr<objects::ObjectReader>> opened =
      call.store.Open(call.bucket, call.key, range, info.etag);
  if (!opened.ok()) {
    if (opened.error().kind == ErrorKind::kPreconditionFailed) {
      return std::optional<http::Response>();
    }
    return std::move(opened).error();
  }
  if (range.bytes > kInlineBytesMax) {
    // std::function copies, so the reader is shared; only the one call uses it.
    const std::shared_ptr<objects::ObjectReader> reader = std::move(opened).value();
    response.stream = [reader](http::BodyWriter& writer) {
      return ReadAll(*reader, [&](std::string_view bytes) { return writer.Write(bytes); });
    };
    response.stream_bytes = range.bytes;
    return std::optional<http::Response>(std::move(response));
  }
  response.body.reserve(range.bytes);
  const Status read = ReadAll(*opened.value(), [&](std::string_view bytes) {
    response.body += bytes;
    return Ok();
  });
  if (read.ok()) return std::optional<http::Response>(std::move(response));
  if (read.error().kind == ErrorKind::kPreconditionFailed) return std::optional<http::Response>();
  return read.error();
}

S3Result<objects::PutCondition> PutConditionOf(const Call& call) {
  if (!call.Header("if-match").empty()) return NotImplemented("If-Match on writes");
  const std::string_view none = call.Header("if-none-match");
  if (none.empty()) return objects::PutCondition::kNone;
  if (none != "*") return NotImplemented("If-None-Match other than * on writes");
  return objects::PutCondition::kAbsent;
}

// What x-amz-checksum-algorithm or the SDK's own field asks for, when the body brings none.
S3Result<std::optional<ChecksumKind>> WantedChecksum(const Call& call, std::string_view field) {
  const std::string_view algorithm = call.Header(field);
  if (algorithm.empty()) return std::optional<ChecksumKind>();
  const ChecksumFacts* facts = FindChecksumByAlgorithm(algorithm);
  if (facts == nullptr) return NotImplemented("checksum algorithm " + std::string(algorithm));
  return std::optional<ChecksumKind>(facts->kind);
}

}  // namespace

S3Result<objects::ObjectMetadata> MetadataOf(const http::Headers& headers) {
  objects::ObjectMetadata metadata;
  size_t user_bytes = 0;
  for (const auto& [field, value] : headers.fields()) {
    const std::string name = Lower(field);
    if (name == "content-type") {
      metadata.content_type = value;
    } else if (name == "content-encoding") {
      metadata.content_encoding = WithoutAwsChunked(value);
    } else if (std::find(kKeptHeaders.begin(), kKeptHeaders.end(), name) != kKeptHeaders.end()) {
      metadata.headers.emplace_back(name, value);
    } else if (name.starts_with(kUserPrefix)) {
      user_bytes += name.size() - kUserPrefix.size() + value.size();
      metadata.user.emplace_back(name.substr(kUserPrefix.size()), value);
    }
  }
  if (user_bytes > objects::kUserMetadataBytesMax) {
    return S3Failure{S3Code::kMetadataTooLarge,
                     "Your metadata headers exceed the maximum allowed metadata size"};
  }
  return metadata;
}

void AddChecksums(const std::vector<std::pair<std::string, std::string>>& checksums,
                  http::Response* response) {
  for (const auto& [name, value] : checksums) {
    const bool composite = value.find('-') != std::string::npos;
    response->headers.Add("x-amz-checksum-" + name, value);
    response->headers.Set("x-amz-checksum-type", composite ? "COMPOSITE" : "FULL_OBJECT");
  }
}

OperationResult PutObject(Call& call) {
  objects::PutRequest request;
  TRY(request.metadata, MetadataOf(call.request.headers));
  TRY(request.condition, PutConditionOf(call));
  TRY(std::unique_ptr<objects::ObjectWriter> writer,
      call.store.Put(call.bucket, call.key, request));
  TRY(const std::optional<ChecksumKind> wanted,
      WantedChecksum(call, "x-amz-sdk-checksum-algorithm"));
  TRY(ReceivedBody body, ReceiveBody(call.request, wanted,
                                     [&](std::string_view bytes) { return writer->Write(bytes); }));
  writer->SetChecksums(body.checksums);
  TRY(const ObjectInfo info, writer->Finish());
  http::Response response;
  response.headers.Add("ETag", QuotedEtag(info.etag));
  AddChecksums(body.checksums, &response);
  return response;
}

OperationResult GetObject(Call& call) {
  TRY(CheckOverrides(call));
  for (int i = 0; i < kReadTriesMax; ++i) {
    TRY(std::optional<http::Response> response, TryGet(call));
    if (response.has_value()) return *std::move(response);
  }
  return S3Failure{S3Code::kSlowDown, "The object is being written to; try again."};
}

OperationResult HeadObject(Call& call) {
  TRY(CheckOverrides(call));
  TRY(const ObjectInfo info, call.store.Head(call.bucket, call.key));
  TRY(std::optional<http::Response> other, Unless(call, info));
  if (other.has_value()) return *std::move(other);
  http::Response response = DescribeObject(call, info);
  TRY(const ByteRange range, ApplyRange(call, info, &response));
  if (WantsChecksums(call)) AddChecksums(info.metadata.checksums, &response);
  response.headers.Add("Content-Length", std::to_string(range.bytes));
  return response;
}

OperationResult DeleteObject(Call& call) {
  TRY(call.store.Delete(call.bucket, call.key));
  http::Response response;
  response.status = 204;
  return response;
}

// Objects have no tags here: requests that would give them some are refused. The AWS CLI asks for
// them before it copies a large object.
OperationResult GetObjectTagging(Call& call) {
  TRY(const ObjectInfo info, call.store.Head(call.bucket, call.key));
  XmlWriter xml;
  xml.Open("Tagging", XmlWriter::Namespace::kS3);
  xml.Open("TagSet");
  xml.Close();
  xml.Close();
  return XmlResponse(xml.Finish());
}

S3Result<CopySource> OpenCopySource(const Call& call) {
  std::string_view text = call.Header("x-amz-copy-source");
  if (text.starts_with('/')) text.remove_prefix(1);
  // A '?' in a key comes encoded, so one as it is begins the version.
  if (text.find('?') != std::string_view::npos) return NotImplemented("versionId of a copy source");
  const Result<std::string> decoded = PercentDecode(text);
  const size_t slash = decoded.ok() ? decoded.value().find('/') : std::string::npos;
  if (slash == std::string::npos) {
    return S3Failure{S3Code::kInvalidArgument,
                     "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"};
  }
  CopySource source;
  source.uri.bucket = decoded.value().substr(0, slash);
  source.uri.key = decoded.value().substr(slash + 1);
  Result<ObjectInfo> info = call.store.Head(source.uri.bucket, source.uri.key);
  if (!info.ok()) {
    if (info.error().kind == ErrorKind::kNotFound &&
        !call.store.HeadBucket(source.uri.bucket).ok()) {
      return S3Failure{S3Code::kNoSuchBucket, "The copy source's bucket does not exist"};
    }
    return std::move(info).error();
  }
  source.info = std::move(info).value();
  if (Judge(CopySourceConditionsOf(call.request.headers), source.info) != Verdict::kGo) {
    return S3Failure{S3Code::kPreconditionFailed,
                     "At least one of the pre-conditions you specified did not hold"};
  }
  return source;
}

S3Status CopyBytes(Call& call, const CopySource& source, ByteRange range,
                   const std::function<Status(std::string_view)>& sink) {
  TRY(std::unique_ptr<objects::ObjectReader> reader,
      call.store.Open(source.uri.bucket, source.uri.key, range, source.info.etag));
  TRY(ReadAll(*reader, sink));
  return Unit{};
}

OperationResult CopyObject(Call& call) {
  const std::string directive = Lower(call.Header("x-amz-metadata-directive"));
  if (!directive.empty() && directive != "copy" && directive != "replace") {
    return S3Failure{S3Code::kInvalidArgument, "Unknown metadata directive."};
  }
  TRY(CopySource source, OpenCopySource(call));
  objects::PutRequest request;
  request.metadata = source.info.metadata;
  if (directive == "replace") {
    TRY(request.metadata, MetadataOf(call.request.headers));
    request.metadata.checksums = source.info.metadata.checksums;
  } else if (source.uri.bucket == call.bucket && source.uri.key == call.key) {
    return S3Failure{S3Code::kInvalidRequest,
                     "This copy request is illegal because it is trying to copy an object to "
                     "itself without changing the object's metadata."};
  }
  // The copy is one piece, whatever the source was uploaded in.
  std::erase_if(request.metadata.checksums, [](const auto& checksum) {
    return checksum.second.find('-') != std::string::npos;
  });
  TRY(const std::optional<ChecksumKind> wanted, WantedChecksum(call, "x-amz-checksum-algorithm"));
  TRY(request.condition, PutConditionOf(call));
  TRY(std::unique_ptr<objects::ObjectWriter> writer,
      call.store.Put(call.bucket, call.key, request));
  std::optional<Checksummer> checksum;
  if (wanted.has_value()) checksum.emplace(*wanted);
  TRY(CopyBytes(call, source, ByteRange{}, [&](std::string_view bytes) {
    if (checksum) checksum->Update(bytes);
    return writer->Write(bytes);
  }));
  if (checksum) {
    request.metadata.checksums = {{std::string(FactsOf(*wanted).name), checksum->Finish()}};
    writer->SetChecksums(request.metadata.checksums);
  }
  TRY(const ObjectInfo info, writer->Finish());
  XmlWriter xml;
  xml.Open("CopyObjectResult", XmlWriter::Namespace::kS3);
  xml.Text("ETag", QuotedEtag(info.etag));
  xml.Text("LastModified", FormatFhirInstant(info.modified_unix_ms));
  for (const auto& [name, value] : request.metadata.checksums) {
    const ChecksumFacts* facts = FindChecksumByName(name);
    if (facts != nullptr) xml.Text(facts->element, value);
  }
  xml.Close();
  return XmlResponse(xml.Finish());
}

}  // namespace tarn::s3_endpoint
