// The magic-less frame format is an "experimental" zstd parameter since 1.4; it is the ordinary
// format (RFC 8878) without its first four bytes, so stored bodies stay readable by anyone who
// puts those back.
#define ZSTD_STATIC_LINKING_ONLY
#include "fhir_store/internal/body_codec.h"

#include <zstd.h>

#include <memory>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/dictionaries.h"

namespace tarn::fhir_store {
namespace {

// Forms. Stored: never renumber.
constexpr uint8_t kPlain = 1;
constexpr uint8_t kWithDictionary = 2;
constexpr uint8_t kDeletion = 3;

constexpr int kLevel = 1;
// Stamping adds an id and two members of meta to what the limits of the parser let in.
constexpr uint64_t kTextBytesMax = uint64_t{fhir::kResourceBytesMax} + 4096;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// A zstd context costs more to make than a resource to compress, and must not be shared, so each
// thread keeps one of each kind for as long as it lives.
ZSTD_CCtx* Compressor() {
  thread_local std::unique_ptr<ZSTD_CCtx, FreeCompressor> context;
  if (!context) {
    context.reset(ZSTD_createCCtx());
    CHECK(context != nullptr);
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_dictIDFlag, 0)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1)));
    CHECK(!ZSTD_isError(
        ZSTD_CCtx_setParameter(context.get(), ZSTD_c_format, ZSTD_f_zstd1_magicless)));
  }
  return context.get();
}

ZSTD_DCtx* Decompressor() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context;
  if (!context) {
    context.reset(ZSTD_createDCtx());
    CHECK(context != nullptr);
    CHECK(!ZSTD_isError(
        ZSTD_DCtx_setParameter(context.get(), ZSTD_d_format, ZSTD_f_zstd1_magicless)));
  }
  return context.get();
}

void AppendTime(int64_t unix_ms, std::string* out) {
  CHECK(unix_ms >= 0 && unix_ms < int64_t{1} << 48);
  AppendBe16(out, static_cast<uint16_t>(unix_ms >> 32));
  AppendBe32(out, static_cast<uint32_t>(unix_ms));
}

void AppendFrame(std::string_view bytes, const Dictionary* dictionary, std::string* out) {
  ZSTD_CCtx* context = Compressor();
  CHECK(!ZSTD_isError(
      ZSTD_CCtx_refCDict(context, dictionary == nullptr ? nullptr : dictionary->compressing())));
  const size_t begin = out->size();
  out->resize(begin + ZSTD_compressBound(bytes.size()));
  const size_t written =
      ZSTD_compress2(context, out->data() + begin, out->size() - begin, bytes.data(), bytes.size());
  CHECK(!ZSTD_isError(written));  // The bound leaves no way to fail but a lack of memory.
  out->resize(begin + written);
}

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, "stored body: " + std::string(what)};
}

Status AppendUnframed(std::string_view frame, const Dictionary* dictionary, uint64_t bytes_max,
                      std::string* out) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader_advanced(&header, frame.data(), frame.size(), ZSTD_f_zstd1_magicless) !=
          0 ||
      header.frameContentSize > bytes_max) {
    return Corrupt("the frame's header is damaged");
  }
  ZSTD_DCtx* context = Decompressor();
  CHECK(!ZSTD_isError(
      ZSTD_DCtx_refDDict(context, dictionary == nullptr ? nullptr : dictionary->decompressing())));
  const size_t begin = out->size();
  out->resize(begin + header.frameContentSize);
  const size_t read = ZSTD_decompressDCtx(context, out->data() + begin, header.frameContentSize,
                                          frame.data(), frame.size());
  if (ZSTD_isError(read) || read != header.frameContentSize) {
    out->resize(begin);
    return Corrupt("the checksum or the frame is wrong");
  }
  return Ok();
}

}  // namespace

void AppendBody(std::string_view text, int64_t last_updated_unix_ms, const Dictionary* dictionary,
                std::string* out) {
  CHECK(text.size() <= kTextBytesMax);
  out->push_back(static_cast<char>(dictionary == nullptr ? kPlain : kWithDictionary));
  AppendTime(last_updated_unix_ms, out);
  if (dictionary != nullptr) AppendBe16(out, dictionary->number());
  AppendFrame(text, dictionary, out);
}

void AppendDeletion(int64_t last_updated_unix_ms, std::string* out) {
  out->push_back(static_cast<char>(kDeletion));
  AppendTime(last_updated_unix_ms, out);
}

Result<BodyHeader> AppendDecodedBody(std::string_view value, const Dictionaries& dictionaries,
                                     std::string* out) {
  ByteReader reader(value);
  const uint8_t form = reader.U8();
  BodyHeader header;
  const uint64_t time_high = reader.Be16();
  header.last_updated_unix_ms = static_cast<int64_t>(time_high << 32 | reader.Be32());
  const Dictionary* dictionary = nullptr;
  if (form == kWithDictionary) {
    dictionary = dictionaries.Find(reader.Be16());
    if (dictionary == nullptr) return Corrupt("its dictionary is missing");
  }
  if (!reader.ok()) return Corrupt("it is cut off");
  if (form == kDeletion) {
    if (!reader.AtEnd()) return Corrupt("a deletion holds more than its time");
    header.deleted = true;
    return header;
  }
  if (form != kPlain && form != kWithDictionary) return Corrupt("its form is unknown");
  TRY(AppendUnframed(reader.Rest(), dictionary, kTextBytesMax, out));
  return header;
}

bool IsDeletion(std::string_view value) {
  return !value.empty() && static_cast<uint8_t>(value[0]) == kDeletion;
}

Result<BodyHeader> DecodeBody(std::string_view value, const Dictionaries& dictionaries,
                              std::string* text) {
  text->clear();
  return AppendDecodedBody(value, dictionaries, text);
}

void AppendCompressed(std::string_view bytes, std::string* out) {
  AppendFrame(bytes, nullptr, out);
}

Result<std::string> Decompress(std::string_view bytes, size_t bytes_max) {
  std::string out;
  TRY(AppendUnframed(bytes, nullptr, bytes_max, &out));
  return out;
}

}  // namespace tarn::fhir_store
