// Metadata and frames: bytes as they are stored.
#include <algorithm>
#include <utility>
#include <vector>

#include "healthimaging/internal/frame_request.h"
#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/wire.h"
#include "healthimaging/limits.h"
#include "http/loop.h"
#include "pixels/transcode.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

using image_store::FrameInfo;
using image_store::FrameReader;
using image_store::Waiting;
using service_model::Present;
using service_model::TextOf;

// A reader, and the data store that it reads from.
struct OpenFrame {
  std::shared_ptr<const image_store::OpenDataStore> store;
  std::unique_ptr<FrameReader> reader;
};

// A frame that is not in memory is read by a worker (HealthImaging::State::Answer).
Waiting WaitingHere() { return http::IsLoopThread() ? Waiting::kRefused : Waiting::kAllowed; }

Status SendFrame(FrameReader& reader, http::BodyWriter& writer) {
  std::vector<char> block(kFrameBlockBytes);
  for (;;) {
    TRY(const size_t count, reader.Read(block));
    if (count == 0) return Ok();
    TRY(writer.Write({block.data(), count}));
  }
}

// The frame's bytes, at once or while they are sent.
Status SetFrameBody(OpenFrame frame, http::Response* response) {
  const uint64_t bytes = frame.reader->info().bytes;
  if (bytes > kFrameOnLoopBytesMax && http::IsLoopThread()) {
    return Error{ErrorKind::kBusy, "the frame is too large to be sent by an event loop"};
  }
  if (bytes > kFrameBufferedBytesMax) {
    const auto shared = std::make_shared<OpenFrame>(std::move(frame));
    response->stream = [shared](http::BodyWriter& writer) {
      return SendFrame(*shared->reader, writer);
    };
    response->stream_bytes = bytes;
    return Ok();
  }
  response->body = http::RecycledBody(bytes);
  size_t filled = 0;
  while (filled < response->body.size()) {
    TRY(const size_t count,
        frame.reader->Read({response->body.data() + filled, response->body.size() - filled}));
    if (count == 0) return Error{ErrorKind::kCorrupt, "a frame is shorter than it says"};
    filled += count;
  }
  return Ok();
}

http::Response ContentHead(const Call& call, std::string_view content_type) {
  http::Response response;
  response.headers.Add("Content-Type", std::string(content_type));
  response.headers.Add("x-amzn-RequestId", call.http.request_id);
  return response;
}

}  // namespace

Result<http::Response> Operations::GetImageSetMetadata(const Call& call) const {
  TRY(const auto store, Use(call));
  const uint32_t version =
      Present(call.request, "versionId") == nullptr ? 0 : VersionOf(call.request, "versionId");
  TRY(image_store::StoredMetadata metadata,
      store->images->GetMetadata(TextOf(call.request, "imageSetId"), version));
  http::Response response = ContentHead(call, "application/json");
  // Whatever the client accepts: AWS's clients unpack it without looking.
  response.headers.Add("Content-Encoding", "gzip");
  response.body = std::move(metadata.gzip);
  return response;
}

Result<http::Response> Operations::GetImageFrame(const Call& call) const {
  TRY(auto store, Use(call));
  const json::Value& information = *Present(call.request, "imageFrameInformation");
  TRY(auto reader,
      store->images->OpenFrame(TextOf(call.request, "imageSetId"),
                               TextOf(information, "imageFrameId"), {}, WaitingHere()));
  http::Response response =
      ContentHead(call, pixels::ContentTypeOf(reader->info().stored_transfer_syntax_uid));
  TRY(SetFrameBody({std::move(store), std::move(reader)}, &response));
  return response;
}

Result<http::Response> Operations::GetImageFrameByUrl(const Call& call) const {
  TRY(auto store, Use(call));
  TRY(FrameRequest wanted, ReadFrameRequest(call.http));
  const std::string id = TextOf(call.request, "imageSetId");
  image_store::FrameRange range = wanted.range;
  if (range.levels && range.levels->second == UINT32_MAX) {
    TRY(const auto whole, store->images->OpenFrame(id, wanted.frame_id, {}, WaitingHere()));
    const size_t levels = whole->info().resolution_end_bytes.size();
    if (levels > 0) range.levels->second = static_cast<uint32_t>(levels - 1);
  }
  auto opened = store->images->OpenFrame(id, wanted.frame_id, range, WaitingHere());
  const bool beyond = !opened.ok() && opened.error().kind == ErrorKind::kPreconditionFailed;
  if (!opened.ok() && !beyond) return std::move(opened).error();
  const bool ranged = !wanted.whole() && !wanted.range.levels;
  if (beyond || (ranged && call.http.headers.Find("If-Range") != nullptr)) {
    // Whether the Range counts is known with the entity tag only.
    TRY(auto whole, store->images->OpenFrame(id, wanted.frame_id, {}, WaitingHere()));
    if (!RangeApplies(call.http, EntityTag(whole->info().etag, wanted))) {
      wanted.range = {};
      opened = std::move(whole);
    } else if (beyond) {
      http::Response response = ContentHead(call, "application/octet-stream");
      response.status = 416;
      response.headers.Add("Content-Range", "bytes */" + std::to_string(whole->info().frame_bytes));
      return response;
    }
  }
  TRY(auto reader, std::move(opened));
  const FrameInfo& info = reader->info();
  http::Response response =
      ContentHead(call, pixels::ContentTypeOf(info.stored_transfer_syntax_uid));
  const std::string etag = EntityTag(info.etag, wanted);
  response.headers.Add("ETag", etag);
  // A frame never changes: its id goes with it.
  response.headers.Add("Cache-Control", "private, max-age=31536000, immutable");
  response.headers.Add("Accept-Ranges", "bytes");
  if (ClientHas(call.http, etag)) {
    response.status = 304;
    return response;
  }
  if (!wanted.whole() && !wanted.range.levels) {  // Also not a Range that did not count.
    response.status = 206;
    response.headers.Add("Content-Range", "bytes " + std::to_string(info.offset) + "-" +
                                              std::to_string(info.offset + info.bytes - 1) + "/" +
                                              std::to_string(info.frame_bytes));
  }
  TRY(SetFrameBody({std::move(store), std::move(reader)}, &response));
  return response;
}

}  // namespace tarn::healthimaging::internal
