// Reads DICOM Part 10 files: parsed and described by dicom, their pixel data stored by pixels.
// Spec: HealthImaging Developer Guide, "Supported transfer syntaxes", "Warning codes".
#pragma once

#include "image_store/instance_reader.h"
#include "pixels/foreign_decoder.h"
#include "pixels/transcode.h"

namespace tarn::image_store {

class P10Reader final : public InstanceReader {
 public:
  // `decoder` must outlive the reader.
  P10Reader(pixels::LosslessFormat format, pixels::ForeignDecoder& decoder)
      : format_(format), decoder_(decoder) {}
  Result<InstanceContent> Read(const FileBytes& p10, pixels::FrameSink& frames) override;

 private:
  const pixels::LosslessFormat format_;
  pixels::ForeignDecoder& decoder_;
};

}  // namespace tarn::image_store
