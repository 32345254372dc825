#include "image_store/p10_reader.h"

#include <utility>

#include "dicom/instance.h"

namespace tarn::image_store {
namespace {

// What the checksums of the metadata are of: decoded samples, or the bytes as they are stored.
std::string_view ChecksumType(pixels::FrameForm form) {
  switch (form) {
    case pixels::FrameForm::kNone:
      return "";
    case pixels::FrameForm::kTranscoded:
      return "DECOMPRESSED";
    case pixels::FrameForm::kKept:
    case pixels::FrameForm::kBlob:
      return "COMPRESSED";
  }
  return "";
}

}  // namespace

Result<InstanceContent> P10Reader::Read(const FileBytes& p10, pixels::FrameSink& frames) {
  TRY(const dicom::Instance instance, p10.source == nullptr
                                          ? dicom::Instance::Parse(p10.memory)
                                          : dicom::Instance::ParseFrom(p10.source));
  // Refuses what cannot be a part of an image set before any pixel is looked at.
  TRY(dicom::ReadIdentity(instance));
  InstanceContent content;
  TRY(content.metadata, dicom::BuildMetadata(instance));
  content.warnings = dicom::CheckDataSet(instance);
  TRY(content.frames, pixels::Transcode(instance, {.format = format_}, decoder_, frames));
  content.metadata.pixels.stored_transfer_syntax_uid = content.frames.stored_transfer_syntax_uid;
  content.metadata.pixels.checksum_type = ChecksumType(content.frames.form);
  content.warnings.insert(content.warnings.end(), content.frames.warnings.begin(),
                          content.frames.warnings.end());
  return content;
}

}  // namespace tarn::image_store
