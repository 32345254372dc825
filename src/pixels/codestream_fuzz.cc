// Everything that reads bytes of others, or of a codec worker, in this process.
#include <cstdint>
#include <string>
#include <string_view>

#include "pixels/codec_protocol.h"
#include "pixels/codestream.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace pixels = tarn::pixels;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto found = pixels::FindCodestream(bytes);
  for (const std::string_view codestream : {bytes, found.ok() ? found.value() : bytes}) {
    const auto header = pixels::ReadCodestreamHeader(codestream);
    if (header.ok()) {
      static_cast<void>(pixels::CheckAllTilesPresent(codestream, header.value()));
    }
    const auto place = pixels::FindFirstTilePart(codestream);
    auto ends = pixels::TilePartEnds(codestream);
    if (place.ok() && ends.ok()) {
      static_cast<void>(pixels::SplitIntoTileParts(codestream, &ends.value()));
    }
  }
  if (size >= pixels::kCodecHeadBytes) {
    static_cast<void>(pixels::ReadCodecRequest(bytes.substr(0, pixels::kCodecHeadBytes)));
    static_cast<void>(pixels::ReadCodecAnswer(bytes.substr(0, pixels::kCodecHeadBytes)));
  }
  return 0;
}
