// Any bytes as the payloads of an update and of a copy, two texts divided by a NUL: refused, or
// applied to a tree that then still is a document.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "dicom/metadata_edit.h"

namespace {

constexpr std::string_view kDocument =
    R"({"SchemaVersion":"1.1","DatastoreID":"d","ImageSetID":"i",
 "Patient":{"DICOM":{"PatientID":"P1","PatientName":"DOE^J"}},
 "Study":{"DICOM":{"StudyInstanceUID":"1.2","StudyDescription":"old","StudyID":"S"},
  "Series":{"1":{"DICOM":{"SeriesInstanceUID":"1","Modality":"CT"},
   "Instances":{"2":{"DICOM":{"SOPInstanceUID":"2","WindowCenter":["40"],"Rows":512}},
    "3":{"DICOM":{"SOPInstanceUID":"3","00091001":"x"},"DICOMVRs":{"00091001":"LO"}}}}}}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::dicom;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view first = text.substr(0, text.find('\0'));
  const std::string_view second =
      first.size() == text.size() ? std::string_view() : text.substr(first.size() + 1);
  const MetadataTree original = MetadataTree::FromJson(kDocument).value();
  const auto updates = ParseUpdates({first, second});
  for (const EditOptions options : {EditOptions{false, true}, EditOptions{true, false}}) {
    if (!updates.ok()) break;
    MetadataTree tree = original;
    if (!ApplyUpdates(updates.value(), options, &tree).ok()) continue;
    CHECK(tree.InstanceCount() > 0);
    const auto json = tree.ToJson();
    CHECK(json.ok());
    const auto again = MetadataTree::FromJson(json.value());
    CHECK(again.ok() && again.value().ToJson().value() == json.value());
  }
  const auto names = ParseCopySelection(first);
  if (names.ok()) {
    MetadataTree tree("d", "j");
    const bool copied = CopyInstances(original, names.value(), {}, &tree).ok();
    CHECK(!copied || tree.InstanceCount() > 0);
  }
  // A stored document, as any bytes: read or refused.
  const auto stored = MetadataTree::FromJson(first);
  if (stored.ok()) CHECK(stored.value().ToJson().ok());
  return 0;
}
