// From the bytes of a DICOM file to what an image set holds of it. The one that the server uses is
// image_store/p10_reader.h, over the modules dicom and pixels; tests have a simple one.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"
#include "dicom/warnings.h"
#include "pixels/transcode.h"

namespace tarn::image_store {

struct InstanceContent {
  dicom::InstanceMetadata metadata;  // pixels.frames is empty: the import fills it from its sink.
  pixels::StoredFrames frames;       // Of the warnings, those of the pixel data.
  std::vector<dicom::Warning> warnings;  // All.
};

// The bytes of one file: in memory when it is small, else read by ranges.
struct FileBytes {
  std::string_view memory;              // The whole file, or empty with a source.
  dicom::ByteSource* source = nullptr;  // Null: `memory` is the file.
};

// Threads: Read is called by several threads at a time.
class InstanceReader {
 public:
  virtual ~InstanceReader() = default;
  // `p10` is used during the call only. Errors become the file's FAILURE record: kInvalid,
  // kTooLarge and kUnsupported are the customer's, all others the server's; kBusy and kUnavailable
  // are tried again. Their detail is shown to the caller and names the attribute, never its value.
  virtual Result<InstanceContent> Read(const FileBytes& p10, pixels::FrameSink& frames) = 0;
};

}  // namespace tarn::image_store
