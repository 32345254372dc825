// From the bytes of a DICOM file to what an image set holds of it. The one that the server uses is
// image_store/p10_reader.h, over the modules dicom and pixels; tests have a simple one.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/metadata.h"
#include "dicom/warnings.h"
#include "pixels/transcode.h"

namespace tarn::image_store {

struct InstanceContent {
  dicom::InstanceMetadata metadata;  // pixels.frames is empty: the import fills it from its sink.
  pixels::StoredFrames frames;       // Of the warnings, those of the pixel data.
  std::vector<dicom::Warning> warnings;  // All.
};

// Threads: Read is called by several threads at a time.
class InstanceReader {
 public:
  virtual ~InstanceReader() = default;
  // `p10`: the whole file. Errors become the file's FAILURE record: kInvalid, kTooLarge and
  // kUnsupported are the customer's, all others the server's; kBusy and kUnavailable are tried
  // again. Their detail is shown to the caller and names the attribute, never its value.
  virtual Result<InstanceContent> Read(std::string_view p10, pixels::FrameSink& frames) = 0;
};

}  // namespace tarn::image_store
