// Markers that matter here, as they stand in a codestream:
//
//   SOC                                    FF4F
//   SIZ  Lsiz Rsiz Xsiz Ysiz XOsiz YOsiz   FF51, must follow SOC
//        XTsiz YTsiz XTOsiz YTOsiz Csiz { Ssiz XRsiz YRsiz } per component
//   COD  Lcod Scod SGcod(order, layers, MCT) SPcod(decompositions, ...)   FF52
//   TLM  Ltlm Ztlm Stlm { Ttlm Ptlm }      FF55
//   SOT  Lsot Isot Psot TPsot TNsot        FF90, one per tile-part
//   SOD  data                              FF93
//   EOC                                    FFD9
#include "pixels/codestream.h"

#include <algorithm>

#include "base/bytes.h"
#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

constexpr uint16_t kSoc = 0xFF4F;
constexpr uint16_t kSiz = 0xFF51;
constexpr uint16_t kCod = 0xFF52;
constexpr uint16_t kTlm = 0xFF55;
constexpr uint16_t kSot = 0xFF90;
constexpr uint16_t kSod = 0xFF93;
constexpr uint16_t kEoc = 0xFFD9;
constexpr uint64_t kSotBytes = 12;            // Marker and segment.
constexpr uint8_t kTlmTile16Length32 = 0x60;  // Stlm: Ttlm has two bytes, Ptlm four.

Error BadHeader(std::string_view what) {
  return Invalid("JPEG 2000 codestream: " + std::string(what));
}

Status ReadComponents(ByteReader* reader, CodestreamHeader* header) {
  for (uint32_t i = 0; i < header->components; ++i) {
    const uint8_t depth = reader->U8();
    const uint8_t x_step = reader->U8();
    const uint8_t y_step = reader->U8();
    if (!reader->ok()) return BadHeader("short SIZ segment");
    if (x_step == 0 || y_step == 0) return BadHeader("component without samples");
    if (x_step != 1 || y_step != 1) {
      return Error{ErrorKind::kUnsupported, "JPEG 2000 codestream: subsampled components"};
    }
    const uint32_t precision = (depth & 0x7Fu) + 1;
    const bool is_signed = (depth & 0x80u) != 0;
    if (precision > 38) return BadHeader("more than 38 bits");
    if (i > 0 && (precision != header->precision || is_signed != header->is_signed)) {
      return Error{ErrorKind::kUnsupported, "JPEG 2000 codestream: components differ in depth"};
    }
    header->precision = precision;
    header->is_signed = is_signed;
  }
  return Ok();
}

Status ReadSiz(std::string_view segment, CodestreamHeader* header) {
  ByteReader reader(segment);
  header->high_throughput = (reader.Be16() & 0x4000) != 0;  // Rsiz; T.814 A.2.
  const uint64_t x_end = reader.Be32();
  const uint64_t y_end = reader.Be32();
  const uint64_t x_begin = reader.Be32();
  const uint64_t y_begin = reader.Be32();
  const uint64_t tile_width = reader.Be32();
  const uint64_t tile_height = reader.Be32();
  const uint64_t tile_x = reader.Be32();
  const uint64_t tile_y = reader.Be32();
  const uint64_t components = reader.Be16();
  if (!reader.ok()) return BadHeader("short SIZ segment");
  if (x_end <= x_begin || y_end <= y_begin) return BadHeader("empty image area");
  if (x_end - x_begin > kSideMax || y_end - y_begin > kSideMax) return BadHeader("absurd size");
  // T.800 B.3: the first tile holds the image area's corner.
  if (tile_width == 0 || tile_height == 0 || tile_x > x_begin || tile_y > y_begin ||
      tile_x + tile_width <= x_begin || tile_y + tile_height <= y_begin) {
    return BadHeader("tiles that miss the image");
  }
  header->tiles = ((x_end - tile_x + tile_width - 1) / tile_width) *
                  ((y_end - tile_y + tile_height - 1) / tile_height);
  if (header->tiles > kCodestreamTilesMax) return BadHeader("too many tiles");
  if (components == 0) return BadHeader("no components");
  if (components > kCodestreamComponentsMax) {
    return Error{ErrorKind::kUnsupported, "JPEG 2000 codestream: more than 4 components"};
  }
  header->width = static_cast<uint32_t>(x_end - x_begin);
  header->height = static_cast<uint32_t>(y_end - y_begin);
  header->components = static_cast<uint32_t>(components);
  TRY(ReadComponents(&reader, header));
  if (!reader.AtEnd()) return BadHeader("long SIZ segment");
  if (uint64_t{header->width} * header->height * components > kFrameSamplesMax) {
    return Error{ErrorKind::kTooLarge, "JPEG 2000 codestream: too many samples"};
  }
  return Ok();
}

Status ReadCod(std::string_view segment, CodestreamHeader* header) {
  ByteReader reader(segment);
  reader.U8();    // Scod
  reader.U8();    // Progression order.
  reader.Be16();  // Layers.
  const uint8_t transform = reader.U8();
  const uint8_t decompositions = reader.U8();
  if (!reader.ok()) return BadHeader("short COD segment");
  if (decompositions > kDecompositionsMax) return BadHeader("too many decompositions");
  header->colour_transform = transform == 1;
  header->decompositions = decompositions;
  return Ok();
}

}  // namespace

Result<CodestreamHeader> ReadCodestreamHeader(std::string_view codestream) {
  ByteReader reader(codestream);
  if (reader.Be16() != kSoc || reader.Be16() != kSiz) return BadHeader("no SOC and SIZ");
  CodestreamHeader header;
  uint16_t marker = kSiz;
  bool seen_cod = false;
  while (marker != kSot) {
    const uint16_t length = reader.Be16();
    if (!reader.ok() || length < 2) return BadHeader("broken segment");
    const std::string_view segment = reader.Take(length - 2u);
    if (!reader.ok()) return BadHeader("segment past the end");
    if (marker == kSiz) TRY(ReadSiz(segment, &header));
    if (marker == kCod) {
      TRY(ReadCod(segment, &header));
      seen_cod = true;
    }
    marker = reader.Be16();
    if (!reader.ok() || marker < 0xFF00 || marker == kSiz) return BadHeader("no tile-part");
  }
  if (!seen_cod) return BadHeader("no COD segment");
  return header;
}

Status CheckAllTilesPresent(std::string_view codestream, const CodestreamHeader& header) {
  std::vector<bool> seen(header.tiles);
  uint64_t missing = header.tiles;
  uint64_t offset = 2;
  while (offset < codestream.size()) {
    ByteReader reader(codestream.substr(offset));
    const uint16_t marker = reader.Be16();
    const uint16_t length = reader.Be16();
    if (marker == kEoc || !reader.ok()) break;
    uint64_t step = 2u + length;
    if (marker == kSot) {
      const uint16_t tile = reader.Be16();
      const uint64_t part_bytes = reader.Be32();
      if (!reader.ok() || tile >= header.tiles) return BadHeader("broken tile-part");
      if (!seen[tile]) --missing;
      seen[tile] = true;
      if (part_bytes == 0) break;  // It goes on to the end (T.800 A.4.2).
      if (part_bytes < kSotBytes || part_bytes > codestream.size() - offset) {
        return BadHeader("tile-part past the end");
      }
      step = part_bytes;
    }
    offset += step;
  }
  if (missing > 0) return BadHeader("tiles are missing");
  return Ok();
}

Result<std::string_view> FindCodestream(std::string_view bytes) {
  if (bytes.size() >= 2 && LoadBe16(bytes) == kSoc) return bytes;
  constexpr uint32_t kBoxesMax = 64;
  ByteReader reader(bytes);
  for (uint32_t box = 0; box < kBoxesMax && !reader.AtEnd(); ++box) {
    uint64_t length = reader.Be32();
    const std::string_view type = reader.Take(4);
    uint64_t head = 8;
    if (length == 1) {
      length = reader.Be64();
      head = 16;
    }
    if (!reader.ok() || (box == 0 && type != "jP  ")) break;
    if (length == 0)
      return type == "jp2c" ? Result<std::string_view>(reader.Rest())
                            : BadHeader("last box is no codestream");
    if (length < head) break;
    const std::string_view content = reader.Take(length - head);
    if (!reader.ok()) break;
    if (type == "jp2c") return content;
  }
  return BadHeader("neither codestream nor JP2 file");
}

Result<TilePartPlace> FindFirstTilePart(std::string_view codestream) {
  ByteReader reader(codestream);
  if (reader.Be16() != kSoc) return Internal("codestream without SOC");
  uint64_t offset = 2;
  while (true) {
    const uint16_t marker = reader.Be16();
    const uint16_t length = reader.Be16();
    if (!reader.ok() || length < 2) return Internal("codestream with a broken segment");
    reader.Take(length - 2u);
    if (marker == kSot) break;
    offset += 2u + length;
  }
  if (reader.Be16() != kSod || !reader.ok()) return Internal("tile-part with markers of its own");
  return TilePartPlace{.sot = offset, .data = offset + kSotBytes + 2};
}

Result<std::string> SplitIntoTileParts(std::string_view codestream,
                                       std::vector<uint64_t>* resolution_ends) {
  TRY(const TilePartPlace place, FindFirstTilePart(codestream));
  const size_t parts = resolution_ends->size();
  if (parts == 0 || parts > kDecompositionsMax + 1) return Internal("no resolutions");
  uint64_t begin = place.data;
  for (const uint64_t end : *resolution_ends) {
    if (end < begin || end > codestream.size()) return Internal("resolutions out of order");
    begin = end;
  }
  const std::string_view trailer = codestream.substr(begin);
  if (trailer != "\xFF\xD9") return Internal("codestream does not end with EOC");

  std::string out;
  out.reserve(codestream.size() + 6 + parts * (6 + kSotBytes + 2));
  out.append(codestream.substr(0, place.sot));
  AppendBe16(&out, kTlm);
  AppendBe16(&out, static_cast<uint16_t>(4 + 6 * parts));
  out.push_back(0);  // Ztlm: the first and only TLM segment.
  out.push_back(static_cast<char>(kTlmTile16Length32));
  begin = place.data;
  for (const uint64_t end : *resolution_ends) {
    AppendBe16(&out, 0);
    AppendBe32(&out, static_cast<uint32_t>(kSotBytes + 2 + end - begin));
    begin = end;
  }
  begin = place.data;
  for (size_t part = 0; part < parts; ++part) {
    const uint64_t end = (*resolution_ends)[part];
    AppendBe16(&out, kSot);
    AppendBe16(&out, 10);
    AppendBe16(&out, 0);
    AppendBe32(&out, static_cast<uint32_t>(kSotBytes + 2 + end - begin));
    out.push_back(static_cast<char>(part));
    out.push_back(static_cast<char>(parts));
    AppendBe16(&out, kSod);
    out.append(codestream.substr(begin, end - begin));
    begin = end;
    (*resolution_ends)[part] = out.size();
  }
  out.append(trailer);
  return out;
}

Result<std::vector<uint64_t>> TilePartEnds(std::string_view codestream) {
  ByteReader reader(codestream);
  if (reader.Be16() != kSoc) return Internal("codestream without SOC");
  uint64_t offset = 2;
  std::vector<uint64_t> ends;
  while (offset + 2 < codestream.size()) {
    ByteReader segment(codestream.substr(offset));
    const uint16_t marker = segment.Be16();
    const uint16_t length = segment.Be16();
    if (marker == kSot) {
      segment.Be16();  // Isot
      const uint64_t part_bytes = segment.Be32();
      if (!segment.ok() || part_bytes < kSotBytes || part_bytes > codestream.size() - offset) {
        return Internal("tile-part past the end");
      }
      offset += part_bytes;
      ends.push_back(offset);
    } else {
      if (!segment.ok() || length < 2 || !ends.empty()) return Internal("broken segment");
      offset += 2u + length;
    }
  }
  if (ends.empty()) return Internal("codestream without tile-parts");
  return ends;
}

}  // namespace tarn::pixels
