// Any bytes as an NDJSON object: lines are cut, parsed, stamped and unstamped; the result does not
// depend on how the bytes arrive.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "fhir/ndjson.h"
#include "fhir/resource.h"
#include "json/value.h"

namespace {

using namespace tarn::fhir;

std::string StampText(const tarn::json::Document& document, const Stamp& stamp) {
  const auto envelope = ReadEnvelope(document);
  CHECK(envelope.ok());
  std::string out;
  AppendStamped(document, envelope.value(), stamp, &out);
  return out;
}

std::string UnstampText(std::string_view text) {
  tarn::json::Parser parser(ResourceLimits());
  const auto document = parser.Parse(text);
  CHECK(document.ok());
  const auto envelope = ReadEnvelope(document.value());
  CHECK(envelope.ok());
  std::string out;
  AppendUnstamped(document.value(), envelope.value(), &out);
  return out;
}

void CheckLine(std::string_view text) {
  tarn::json::Parser parser(ResourceLimits());
  const auto document = parser.ParsePadded(text);
  if (!document.ok()) return;
  const auto envelope = ReadEnvelope(document.value());
  if (!envelope.ok()) return;
  const std::string id = envelope.value().id.empty() ? "new" : envelope.value().id;
  const Stamp stamp = {id, 42, 1'700'000'000'000};
  const std::string stamped = StampText(document.value(), stamp);
  tarn::json::Parser again(ResourceLimits());
  const auto reparsed = again.Parse(stamped);
  CHECK(reparsed.ok());
  const auto value = ToValue(reparsed.value());
  CHECK(value.Find("id")->AsString() == id);
  CHECK(value.Find("meta")->Find("versionId")->AsString() == "42");
  CHECK(StampText(reparsed.value(), stamp) == stamped);
  if (!envelope.value().id.empty()) CHECK(UnstampText(stamped) == UnstampText(text));
}

std::vector<NdjsonPosition> Lines(std::string_view text, size_t piece, size_t block_bytes,
                                  bool check) {
  NdjsonOptions options;
  options.block_bytes = block_bytes;
  options.line_bytes_max = 600;
  size_t at = 0;
  NdjsonBlocks blocks(
      [&](std::span<char> out) -> tarn::Result<size_t> {
        const size_t bytes = std::min({piece, out.size(), text.size() - at});
        std::memcpy(out.data(), text.data() + at, bytes);
        at += bytes;
        return bytes;
      },
      options);
  std::vector<NdjsonPosition> seen;
  NdjsonBlock block;
  for (;;) {
    const auto more = blocks.Next(&block);
    CHECK(more.ok());
    if (!more.value()) break;
    NdjsonLine line;
    for (NdjsonLines lines(block); lines.Next(&line);) {
      CHECK(line.text.size() <= options.line_bytes_max);
      if (!line.over_long) CHECK(text.substr(line.offset).find(line.text) != text.npos);
      seen.push_back({line.offset, line.number * 2 + (line.over_long ? 1 : 0)});
      if (check) CheckLine(line.text);
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = Lines(text, text.size() + 1, text.size() + 1, true);
  for (const auto& [piece, block_bytes] : {std::pair<size_t, size_t>{1, 1}, {7, 16}, {64, 5}}) {
    const auto cut = Lines(text, piece, block_bytes, false);
    CHECK(std::equal(whole.begin(), whole.end(), cut.begin(), cut.end(),
                     [](const NdjsonPosition& a, const NdjsonPosition& b) {
                       return a.offset == b.offset && a.line == b.line;
                     }));
  }
  return 0;
}
