// aws-chunked bodies: the pieces in which a body arrives change nothing, and no more comes out than
// went in.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "s3_endpoint/internal/aws_chunked.h"

namespace {

using tarn::s3_endpoint::AwsChunkedDecoder;

struct Decoded {
  bool ok = true;
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> trailers;
};

Decoded Decode(std::string_view body, size_t piece, AwsChunkedDecoder::Signed is_signed) {
  AwsChunkedDecoder decoder(is_signed);
  Decoded out;
  while (out.ok && !body.empty()) {
    const std::string_view head = body.substr(0, piece);
    body.remove_prefix(head.size());
    out.ok = decoder
                 .Feed(head,
                       [&](std::string_view bytes) {
                         out.bytes += bytes;
                         return tarn::Ok();
                       })
                 .ok();
  }
  out.ok = out.ok && decoder.Finish().ok();
  CHECK(decoder.decoded_bytes() == out.bytes.size());
  out.trailers = decoder.trailers();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto is_signed : {AwsChunkedDecoder::Signed::kNo, AwsChunkedDecoder::Signed::kYes}) {
    const Decoded whole = Decode(body, SIZE_MAX, is_signed);
    const Decoded pieces = Decode(body, 1 + data[0] % 16, is_signed);
    CHECK(whole.ok == pieces.ok);
    CHECK(whole.bytes.size() <= body.size());
    if (!whole.ok) continue;
    CHECK(whole.bytes == pieces.bytes && whole.trailers == pieces.trailers);
  }
  return 0;
}
