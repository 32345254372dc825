// DCMTK's codecs work on data sets, so one is made for each frame: its description, and its bytes
// as the only fragment. What the codec changed in the description is read back.
#include "codec_worker/internal/dcmtk_decoder.h"

// DCMTK's headers want this before anything else of theirs.
#ifndef HAVE_CONFIG_H
#define HAVE_CONFIG_H
#endif
#include <dcmtk/config/osconfig.h>
// Then the rest.
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cstring>
#include <memory>
#include <string>

namespace tarn::codec_worker {
namespace {

using pixels::ForeignFrame;
using pixels::NativeFrame;

// DCMTK's containers own what was inserted, and only that.
template <typename Container, typename Element, typename... Position>
bool InsertInto(Container* container, std::unique_ptr<Element> element, Position... position) {
  if (container->insert(element.get(), position...).bad()) return false;
  static_cast<void>(element.release());
  return true;
}

void InsertNumber(DcmItem* data_set, const DcmTagKey& key, uint16_t value) {
  // With its VR, so that the dictionary is not asked.
  auto element = std::make_unique<DcmUnsignedShort>(DcmTag(key, EVR_US));
  if (element->putUint16(value, 0).good()) InsertInto(data_set, std::move(element), true);
}

template <typename Text>
void InsertText(DcmItem* data_set, const DcmTagKey& key, DcmEVR vr, const std::string& value) {
  auto element = std::make_unique<Text>(DcmTag(key, vr));
  if (element->putString(value.c_str()).good()) InsertInto(data_set, std::move(element), true);
}

void InsertDescription(const dicom::ImagePixel& pixel, DcmItem* data_set) {
  InsertNumber(data_set, DCM_SamplesPerPixel, pixel.samples_per_pixel);
  InsertText<DcmCodeString>(data_set, DCM_PhotometricInterpretation, EVR_CS,
                            pixel.photometric_interpretation);
  if (pixel.samples_per_pixel > 1) {
    InsertNumber(data_set, DCM_PlanarConfiguration, pixel.planar_configuration);
  }
  InsertText<DcmIntegerString>(data_set, DCM_NumberOfFrames, EVR_IS, "1");
  InsertNumber(data_set, DCM_Rows, pixel.rows);
  InsertNumber(data_set, DCM_Columns, pixel.columns);
  InsertNumber(data_set, DCM_BitsAllocated, pixel.bits_allocated);
  InsertNumber(data_set, DCM_BitsStored, pixel.bits_stored);
  InsertNumber(data_set, DCM_HighBit, pixel.high_bit);
  InsertNumber(data_set, DCM_PixelRepresentation, pixel.is_signed ? 1 : 0);
}

Status InsertPixels(E_TransferSyntax syntax, std::string_view bytes, DcmItem* data_set) {
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelSequenceTag));
  auto offsets = std::make_unique<DcmPixelItem>(DcmTag(DCM_PixelItemTag));
  auto fragment = std::make_unique<DcmPixelItem>(DcmTag(DCM_PixelItemTag));
  const auto* data = reinterpret_cast<const Uint8*>(bytes.data());
  if (fragment->putUint8Array(data, static_cast<unsigned long>(bytes.size())).bad() ||
      !InsertInto(sequence.get(), std::move(offsets)) ||
      !InsertInto(sequence.get(), std::move(fragment))) {
    return Invalid("the encoded frame cannot be wrapped");
  }
  auto pixel_data = std::make_unique<DcmPixelData>(DCM_PixelData);
  pixel_data->putOriginalRepresentation(syntax, nullptr, sequence.release());
  if (!InsertInto(data_set, std::move(pixel_data), true)) {
    return Invalid("the encoded frame cannot be wrapped");
  }
  return Ok();
}

Result<uint16_t> Number(DcmItem* data_set, const DcmTagKey& key) {
  Uint16 value = 0;
  if (data_set->findAndGetUint16(key, value).bad()) return Invalid("the decoder lost an attribute");
  return value;
}

Result<dicom::ImagePixel> ReadDescription(DcmItem* data_set) {
  dicom::ImagePixel pixel;
  TRY(pixel.rows, Number(data_set, DCM_Rows));
  TRY(pixel.columns, Number(data_set, DCM_Columns));
  TRY(pixel.samples_per_pixel, Number(data_set, DCM_SamplesPerPixel));
  TRY(pixel.bits_allocated, Number(data_set, DCM_BitsAllocated));
  TRY(pixel.bits_stored, Number(data_set, DCM_BitsStored));
  TRY(pixel.high_bit, Number(data_set, DCM_HighBit));
  TRY(const uint16_t representation, Number(data_set, DCM_PixelRepresentation));
  pixel.is_signed = representation == 1;
  if (pixel.samples_per_pixel > 1) {
    TRY(pixel.planar_configuration, Number(data_set, DCM_PlanarConfiguration));
  }
  OFString photometric;
  if (data_set->findAndGetOFString(DCM_PhotometricInterpretation, photometric).good()) {
    pixel.photometric_interpretation = photometric.c_str();
  }
  // Decoders repeat the chroma of each pair of pixels: it is subsampled no longer.
  if (const size_t suffix = pixel.photometric_interpretation.find("_422");
      suffix != std::string::npos) {
    pixel.photometric_interpretation.resize(suffix);
  }
  return pixel;
}

// The decoded value as bytes. Values of OW are words of this machine, which is little-endian, as is
// what we answer.
Result<std::string> TakePixels(DcmItem* data_set, uint64_t bytes_wanted) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  DcmElement* element = nullptr;
  if (data_set->findAndGetElement(DCM_PixelData, element).bad()) {
    return Invalid("the decoder made no pixels");
  }
  Uint8* bytes = nullptr;
  Uint16* words = nullptr;
  if (element->getUint16Array(words).good() && words != nullptr) {
    bytes = reinterpret_cast<Uint8*>(words);
  } else if (element->getUint8Array(bytes).bad() || bytes == nullptr) {
    return Invalid("the decoder made no pixels");
  }
  if (element->getLength() < bytes_wanted) return Invalid("the decoder made too few pixels");
  return std::string(reinterpret_cast<const char*>(bytes), bytes_wanted);
}

}  // namespace

void PrepareDcmtk() {
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  // EDC_never, by pixel; the work-around for a wrong predictor 6 would alter others' right ones.
  DJDecoderRegistration::registerCodecs(EDC_never, EUC_never, EPC_colorByPixel, OFFalse);
  DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
  DcmRLEDecoderRegistration::registerCodecs();
  dcmDataDict.isDictionaryLoaded();
}

Result<NativeFrame> DecodeWithDcmtk(const ForeignFrame& frame) {
  const E_TransferSyntax syntax = DcmXfer(std::string(frame.transfer_syntax_uid).c_str()).getXfer();
  if (syntax == EXS_Unknown || !DcmXfer(syntax).isEncapsulated()) {
    return Error{ErrorKind::kUnsupported, "no decoder for this transfer syntax"};
  }
  DcmDataset data_set;
  InsertDescription(frame.pixel, &data_set);
  TRY(InsertPixels(syntax, frame.bytes, &data_set));
  const OFCondition decoded = data_set.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (decoded.bad()) return Invalid(std::string("decoder: ") + decoded.text());
  NativeFrame native;
  TRY(native.pixel, ReadDescription(&data_set));
  TRY(native.bytes, TakePixels(&data_set, native.pixel.FrameBytes()));
  return native;
}

}  // namespace tarn::codec_worker
