// Decoders of stored values: no input may crash them, and what they accept encodes to the same
// bytes again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "image_store/internal/records.h"
#include "image_store/internal/search_index.h"

namespace tarn::image_store {
namespace {

template <typename Decode, typename Encode>
void RoundTrip(std::string_view bytes, const Decode& decode, const Encode& encode) {
  const auto record = decode(bytes);
  if (record.ok()) CHECK(encode(record.value()) == bytes);
}

void Run(std::string_view bytes) {
  RoundTrip(bytes, DecodeSet, EncodeSet);
  RoundTrip(bytes, DecodeVersion, EncodeVersion);
  RoundTrip(bytes, DecodeFrame, EncodeFrame);
  RoundTrip(bytes, DecodeUnit, EncodeUnit);
  RoundTrip(bytes, DecodePack, EncodePack);
  RoundTrip(bytes, DecodeOutcome, EncodeOutcome);
  RoundTrip(bytes, DecodeChange, EncodeChange);
  // Absent numbers are zero when they are written; other records have one form only.
  const auto staged = DecodeStaged(bytes);
  if (staged.ok()) CHECK(DecodeStaged(EncodeStaged(staged.value())).ok());
  const auto entry = DecodeIndexEntry(bytes);
  if (entry.ok()) CHECK(OrderValue(entry.value(), SortField::kStudyDateAndTime).size() == 20);
}

}  // namespace
}  // namespace tarn::image_store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::image_store::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
