#include "fhir_store/internal/gzip.h"

#include <zlib.h>

#include "base/check.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

constexpr int kGzipWindow = 16 + MAX_WBITS;  // 16: a gzip header, as zlib's manual says.

}  // namespace

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
  CHECK(inflateInit2(stream_.get(), kGzipWindow) == Z_OK);
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

void Inflater::Feed(std::string_view compressed) {
  CHECK(NeedsInput() && compressed.size() <= UINT32_MAX);
  in_bytes_ += compressed.size();
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream_->avail_in = static_cast<uInt>(compressed.size());
}

bool Inflater::NeedsInput() const { return stream_->avail_in == 0; }

Result<size_t> Inflater::Read(std::span<char> out) {
  CHECK(out.size() <= UINT32_MAX);
  stream_->next_out = reinterpret_cast<Bytef*>(out.data());
  stream_->avail_out = static_cast<uInt>(out.size());
  // Also without input: the decoder may still hold output of what it has read.
  while (stream_->avail_out > 0 && (in_member_ || stream_->avail_in > 0)) {
    in_member_ = true;
    const int result = inflate(stream_.get(), Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      in_member_ = false;
      CHECK(inflateReset(stream_.get()) == Z_OK);
    } else if (result == Z_BUF_ERROR && stream_->avail_in == 0) {
      break;
    } else if (result != Z_OK) {
      return Invalid("the gzip stream is damaged");
    }
  }
  const size_t written = out.size() - stream_->avail_out;
  out_bytes_ += written;
  if (out_bytes_ > kImportFileBytesMax) {
    return Invalid("the file inflates to more than " + std::to_string(kImportFileBytesMax) +
                   " bytes");
  }
  if (out_bytes_ > kInflateFreeBytes && out_bytes_ / kInflateRatioMax > in_bytes_) {
    return Invalid("the file inflates to more than " + std::to_string(kInflateRatioMax) +
                   " times its size");
  }
  return written;
}

Status Inflater::Finish() const {
  if (in_member_) return Invalid("the gzip stream ends early");
  return Ok();
}

std::string GzipMember(std::string_view bytes) {
  constexpr int kMemoryLevel = 8;  // zlib's default.
  CHECK(bytes.size() <= UINT32_MAX);
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  CHECK(deflateEnd(&stream) == Z_OK);
  return out;
}

}  // namespace tarn::fhir_store
