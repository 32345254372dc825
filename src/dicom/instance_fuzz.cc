// Any bytes as a Part 10 file: parsed or refused; what is parsed tiles its parents and lies within
// the file, is the same when read by ranges, and gives metadata that is JSON and reads back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "dicom/dicom_json.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"
#include "dicom/pixel_layout.h"
#include "dicom/warnings.h"
#include "json/value.h"

namespace {

using namespace tarn::dicom;

class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string_view file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  tarn::Status Read(uint64_t offset, uint64_t bytes, std::string* out) override {
    CHECK(offset <= file_.size() && bytes <= file_.size() - offset);
    out->append(file_.substr(offset, bytes));
    return tarn::Ok();
  }

 private:
  std::string_view file_;
};

void CheckElements(const Instance& instance) {
  const auto& elements = instance.elements();
  for (uint32_t i = 0; i < elements.size(); ++i) {
    const Element& element = elements[i];
    CHECK(element.next > i && element.next <= elements.size());
    CHECK(element.offset + element.length <= instance.bytes().size());
    for (uint32_t child = i + 1; child < element.next; child = elements[child].next) {
      CHECK(elements[child].next <= element.next);
      CHECK(element.vr == Vr::kSq || element.vr == Vr::kItem);
      CHECK((elements[child].vr == Vr::kItem) == (element.vr == Vr::kSq));
    }
  }
}

void CheckSame(const Instance& a, const Instance& b) {
  CHECK(a.elements().size() == b.elements().size());
  for (size_t i = 0; i < a.elements().size(); ++i) {
    CHECK(a.elements()[i].tag == b.elements()[i].tag && a.elements()[i].vr == b.elements()[i].vr);
    CHECK(a.Raw(a.elements()[i]) == b.Raw(b.elements()[i]));
  }
  CHECK(a.pixel_data().fragments.size() == b.pixel_data().fragments.size());
  CHECK(a.pixel_data().truncated == b.pixel_data().truncated);
  CHECK(a.pixel_data().basic_offsets == b.pixel_data().basic_offsets);
  std::string one;
  std::string other;
  CHECK(a.Bytes(a.pixel_data().native, &one).value() ==
        b.Bytes(b.pixel_data().native, &other).value());
}

void CheckPixels(const Instance& instance) {
  std::string buffer;
  for (const ByteRange& fragment : instance.pixel_data().fragments) {
    CHECK(instance.Bytes(fragment, &buffer).ok());
  }
  const auto pixel = ReadImagePixel(instance);
  if (!pixel.ok()) return;
  const auto layout = LayOutFrames(instance, pixel.value());
  CHECK(layout.ok());
  uint32_t next = 0;
  for (const FragmentRun& run : layout.value().fragment_runs) {
    CHECK(run.first == next && run.count > 0);
    next += run.count;
  }
  CHECK(next == 0 || next == instance.pixel_data().fragments.size());
}

void CheckMetadata(const Instance& instance) {
  tarn::json::Limits limits;
  limits.depth_max = 200;
  std::string json;
  AppendDicomJson(instance, &json);
  CHECK(tarn::json::ParseValue(json, limits).ok());
  const auto metadata = BuildMetadata(instance);
  if (!metadata.ok()) return;
  MetadataTree tree("d", "i");
  CHECK(tree.Add(metadata.value()).ok());
  const auto text = tree.ToJson();
  CHECK(text.ok() && tarn::json::ParseValue(text.value(), limits).ok());
  const auto again = MetadataTree::FromGzip(tree.ToGzip().value());
  CHECK(again.ok() && again.value().ToJson().value() == text.value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.elements_max = 5000;
  limits.value_bytes_max = 1 << 20;
  limits.header_bytes_max = 4 << 20;
  limits.inflated_bytes_max = 4 << 20;
  const auto instance = Instance::Parse(file, limits);
  StringSource source(file);
  const auto by_ranges = Instance::ParseFrom(&source, limits);
  CHECK(instance.ok() == by_ranges.ok());
  if (!instance.ok()) {
    CHECK(instance.error().detail == by_ranges.error().detail);
    return 0;
  }
  CheckElements(instance.value());
  CheckSame(instance.value(), by_ranges.value());
  CheckPixels(instance.value());
  for (const Warning& warning : CheckDataSet(instance.value())) CHECK(!warning.message.empty());
  CheckMetadata(instance.value());
  return 0;
}
