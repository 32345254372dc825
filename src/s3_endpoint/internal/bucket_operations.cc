#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "s3_endpoint/internal/body.h"
#include "s3_endpoint/internal/call.h"
#include "s3_endpoint/internal/xml_reader.h"
#include "s3_endpoint/internal/xml_writer.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

// S3 names who owns; here everything belongs to the one who runs the server.
constexpr std::string_view kOwner = "tarn";

void WriteOwner(XmlWriter* xml, std::string_view element) {
  xml->Open(element);
  xml->Text("ID", kOwner);
  xml->Text("DisplayName", kOwner);
  xml->Close();
}

std::string ParameterOr(const Call& call, std::string_view name) {
  const std::string* value = call.Parameter(name);
  return value == nullptr ? "" : *value;
}

// What both forms of listing share.
struct Listing {
  objects::ListRequest request;
  KeyEncoder encode;
  uint32_t max_keys = 0;
};

S3Result<Listing> ListingOf(const Call& call) {
  Listing listing;
  TRY(listing.encode, KeyEncoder::Make(call));
  TRY(listing.max_keys, NumberParameter(call, "max-keys", objects::kListMax, objects::kListMax));
  listing.request.max = listing.max_keys;
  listing.request.prefix = ParameterOr(call, "prefix");
  listing.request.delimiter = ParameterOr(call, "delimiter");
  return listing;
}

void WriteEntries(const objects::ListPage& page, const KeyEncoder& encode, bool with_owner,
                  XmlWriter* xml) {
  for (const objects::ObjectInfo& info : page.objects) {
    xml->Open("Contents");
    xml->Text("Key", encode(info.key));
    xml->Text("LastModified", FormatFhirInstant(info.modified_unix_ms));
    xml->Text("ETag", QuotedEtag(info.etag));
    xml->Number("Size", info.bytes);
    if (with_owner) WriteOwner(xml, "Owner");
    xml->Text("StorageClass", "STANDARD");
    xml->Close();
  }
  for (const std::string& prefix : page.common_prefixes) {
    xml->Open("CommonPrefixes");
    xml->Text("Prefix", encode(prefix));
    xml->Close();
  }
}

void BeginListing(const Call& call, const Listing& listing, XmlWriter* xml) {
  xml->Open("ListBucketResult", XmlWriter::Namespace::kS3);
  xml->Text("Name", call.bucket);
  xml->Text("Prefix", listing.encode(listing.request.prefix));
  if (!listing.request.delimiter.empty()) {
    xml->Text("Delimiter", listing.encode(listing.request.delimiter));
  }
  xml->Number("MaxKeys", listing.max_keys);
  if (listing.encode.encodes()) xml->Text("EncodingType", "url");
}

// Tokens are opaque to clients; the digit leaves room for another form later.
std::string TokenOf(std::string_view start_after) {
  return Base64UrlEncode("1" + std::string(start_after));
}

S3Result<std::string> ReadToken(std::string_view token) {
  const Result<std::string> text = Base64UrlDecode(token);
  if (!text.ok() || !text.value().starts_with('1')) {
    return S3Failure{S3Code::kInvalidArgument, "The continuation token provided is incorrect"};
  }
  return text.value().substr(1);
}

}  // namespace

OperationResult ListBuckets(Call& call) {
  TRY(const std::vector<objects::BucketInfo> buckets, call.store.ListBuckets());
  XmlWriter xml;
  xml.Open("ListAllMyBucketsResult", XmlWriter::Namespace::kS3);
  WriteOwner(&xml, "Owner");
  xml.Open("Buckets");
  for (const objects::BucketInfo& bucket : buckets) {
    xml.Open("Bucket");
    xml.Text("Name", bucket.name);
    xml.Text("CreationDate", FormatFhirInstant(bucket.created_unix_ms));
    xml.Close();
  }
  xml.Close();
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult CreateBucket(Call& call) {
  TRY(const std::string body, ReceiveSmallBody(call.request));
  if (!body.empty()) {
    const Result<XmlDocument> document = ParseXml(body, {"CreateBucketConfiguration", "", 0});
    if (!document.ok()) return S3Failure{S3Code::kMalformedXml, document.error().detail};
    for (const auto& [name, value] : document.value().fields) {
      // Any region is this machine.
      if (name != "LocationConstraint") return NotImplemented("CreateBucketConfiguration." + name);
    }
  }
  TRY(call.store.CreateBucket(call.bucket));
  http::Response response;
  response.headers.Add("Location", "/" + call.bucket);
  return response;
}

OperationResult HeadBucket(Call& call) {
  TRY(call.store.HeadBucket(call.bucket));
  http::Response response;
  response.headers.Add("x-amz-bucket-region", call.options.region);
  return response;
}

OperationResult DeleteBucket(Call& call) {
  TRY(call.store.DeleteBucket(call.bucket));
  http::Response response;
  response.status = 204;
  return response;
}

OperationResult GetBucketLocation(Call& call) {
  TRY(call.store.HeadBucket(call.bucket));
  XmlWriter xml;
  xml.Open("LocationConstraint", XmlWriter::Namespace::kS3);
  // The first region has an empty name here, for S3's own history.
  if (call.options.region != "us-east-1") xml.Content(call.options.region);
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult ListObjects(Call& call) {
  TRY(Listing listing, ListingOf(call));
  listing.request.start_after = ParameterOr(call, "marker");
  TRY(const objects::ListPage page, call.store.List(call.bucket, listing.request));
  XmlWriter xml;
  BeginListing(call, listing, &xml);
  xml.Text("Marker", listing.encode(listing.request.start_after));
  xml.Flag("IsTruncated", !page.next_start_after.empty());
  // Without a delimiter clients go on from the last key, and S3 does not send it.
  if (!page.next_start_after.empty() && !listing.request.delimiter.empty()) {
    xml.Text("NextMarker", listing.encode(page.next_start_after));
  }
  WriteEntries(page, listing.encode, /*with_owner=*/true, &xml);
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult ListObjectsV2(Call& call) {
  const std::string* type = call.Parameter("list-type");
  if (type == nullptr || *type != "2") {
    return S3Failure{S3Code::kInvalidArgument, "list-type must be 2"};
  }
  TRY(Listing listing, ListingOf(call));
  const std::string start_after = ParameterOr(call, "start-after");
  const std::string* token = call.Parameter("continuation-token");
  listing.request.start_after = start_after;
  if (token != nullptr) {
    TRY(listing.request.start_after, ReadToken(*token));
  }
  TRY(const objects::ListPage page, call.store.List(call.bucket, listing.request));
  XmlWriter xml;
  BeginListing(call, listing, &xml);
  if (token != nullptr) xml.Text("ContinuationToken", *token);
  if (!start_after.empty()) xml.Text("StartAfter", listing.encode(start_after));
  xml.Number("KeyCount", page.objects.size() + page.common_prefixes.size());
  xml.Flag("IsTruncated", !page.next_start_after.empty());
  if (!page.next_start_after.empty()) {
    xml.Text("NextContinuationToken", TokenOf(page.next_start_after));
  }
  WriteEntries(page, listing.encode, ParameterOr(call, "fetch-owner") == "true", &xml);
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult DeleteObjects(Call& call) {
  // S3 insists here, and only here among these operations: a damaged list deletes something else.
  TRY(const std::string body, ReceiveSmallBody(call.request, Integrity::kRequired));
  const Result<XmlDocument> parsed = ParseXml(body, {"Delete", "Object", kDeleteKeysMax});
  if (!parsed.ok()) return S3Failure{S3Code::kMalformedXml, parsed.error().detail};
  const XmlDocument& document = parsed.value();
  for (const auto& field : document.fields) {
    if (field.first != "Quiet") return NotImplemented("Delete." + field.first);
  }
  for (const XmlFields& object : document.rows) {
    if (FindXmlField(object, "Key") == nullptr) {
      return S3Failure{S3Code::kMalformedXml, "an Object has no Key"};
    }
  }
  if (document.rows.empty()) return S3Failure{S3Code::kMalformedXml, "no Object is named"};
  TRY(call.store.HeadBucket(call.bucket));
  const std::string* quiet_field = FindXmlField(document.fields, "Quiet");
  const bool quiet = quiet_field != nullptr && *quiet_field == "true";
  XmlWriter xml;
  xml.Open("DeleteResult", XmlWriter::Namespace::kS3);
  for (const XmlFields& object : document.rows) {
    const std::string& key = *FindXmlField(object, "Key");
    std::optional<S3Failure> failure;
    for (const auto& field : object) {
      if (field.first != "Key") failure = NotImplemented("Object." + field.first);
    }
    if (!failure.has_value()) {
      const Status deleted = call.store.Delete(call.bucket, key);
      if (!deleted.ok()) {
        failure = S3Failure{CodeOf(deleted.error().kind), deleted.error().detail};
      }
    }
    if (failure.has_value()) {
      xml.Open("Error");
      xml.Text("Key", key);
      xml.Text("Code", FactsOf(failure->code).name);
      xml.Text("Message", failure->message);
      xml.Close();
    } else if (!quiet) {
      xml.Open("Deleted");
      xml.Text("Key", key);
      xml.Close();
    }
  }
  xml.Close();
  return XmlResponse(xml.Finish());
}

OperationResult ListMultipartUploads(Call& call) {
  TRY(const KeyEncoder encode, KeyEncoder::Make(call));
  TRY(const uint32_t max,
      NumberParameter(call, "max-uploads", objects::kListMax, objects::kListMax));
  const std::string prefix = ParameterOr(call, "prefix");
  const std::string key_marker = ParameterOr(call, "key-marker");
  const std::string id_marker = ParameterOr(call, "upload-id-marker");
  if (call.Parameter("delimiter") != nullptr && !ParameterOr(call, "delimiter").empty()) {
    return NotImplemented("delimiter in ListMultipartUploads");
  }
  TRY(const std::vector<objects::UploadInfo> uploads, call.store.ListUploads(call.bucket));
  std::vector<const objects::UploadInfo*> page;
  bool truncated = false;
  for (const objects::UploadInfo& upload : uploads) {
    if (!upload.key.starts_with(prefix) || upload.key < key_marker) continue;
    // Without an id the marker means all uploads of its key.
    if (!key_marker.empty() && upload.key == key_marker &&
        (id_marker.empty() || upload.upload_id <= id_marker)) {
      continue;
    }
    truncated = page.size() == max;
    if (truncated) break;
    page.push_back(&upload);
  }
  XmlWriter xml;
  xml.Open("ListMultipartUploadsResult", XmlWriter::Namespace::kS3);
  xml.Text("Bucket", call.bucket);
  xml.Text("KeyMarker", encode(key_marker));
  xml.Text("UploadIdMarker", id_marker);
  xml.Text("Prefix", encode(prefix));
  if (encode.encodes()) xml.Text("EncodingType", "url");
  xml.Number("MaxUploads", max);
  xml.Flag("IsTruncated", truncated && !page.empty());
  if (truncated && !page.empty()) {
    xml.Text("NextKeyMarker", encode(page.back()->key));
    xml.Text("NextUploadIdMarker", page.back()->upload_id);
  }
  for (const objects::UploadInfo* upload : page) {
    xml.Open("Upload");
    xml.Text("Key", encode(upload->key));
    xml.Text("UploadId", upload->upload_id);
    WriteOwner(&xml, "Initiator");
    WriteOwner(&xml, "Owner");
    xml.Text("StorageClass", "STANDARD");
    xml.Text("Initiated", FormatFhirInstant(upload->initiated_unix_ms));
    xml.Close();
  }
  xml.Close();
  return XmlResponse(xml.Finish());
}

http::Response XmlResponse(std::string xml) {
  http::Response response;
  response.headers.Add("Content-Type", "application/xml");
  response.body = std::move(xml);
  return response;
}

std::string QuotedEtag(std::string_view etag) { return "\"" + std::string(etag) + "\""; }

S3Result<uint32_t> NumberParameter(const Call& call, std::string_view name, uint32_t fallback,
                                   uint32_t max) {
  const std::string* text = call.Parameter(name);
  if (text == nullptr || text->empty()) return fallback;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  // As S3 bounds it, before it cuts to what it gives at most.
  if (error != std::errc() || end != text->data() + text->size() || value > INT32_MAX) {
    return S3Failure{S3Code::kInvalidArgument, "Argument " + std::string(name) +
                                                   " must be an integer between 0 and 2147483647"};
  }
  return std::min(value, max);
}

S3Result<KeyEncoder> KeyEncoder::Make(const Call& call) {
  KeyEncoder encoder;
  const std::string* type = call.Parameter("encoding-type");
  if (type != nullptr && *type != "url") {
    return S3Failure{S3Code::kInvalidArgument, "Invalid Encoding Method specified in Request"};
  }
  encoder.encode_ = type != nullptr;
  return encoder;
}

}  // namespace tarn::s3_endpoint
