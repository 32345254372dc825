// Attribute tags (PS3.5 7.1) and the ones that the code names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tarn::dicom {

// Group in the upper 16 bits, element in the lower ones.
using Tag = uint32_t;

constexpr uint16_t GroupOf(Tag tag) { return static_cast<uint16_t>(tag >> 16); }
constexpr uint16_t ElementOf(Tag tag) { return static_cast<uint16_t>(tag); }
constexpr bool IsPrivate(Tag tag) { return (GroupOf(tag) & 1) != 0; }
constexpr bool IsPrivateCreator(Tag tag) {
  return IsPrivate(tag) && ElementOf(tag) >= 0x10 && ElementOf(tag) <= 0xFF;
}

// Eight hexadecimal digits, upper case, as DICOM JSON names attributes: "00100010".
std::string TagHex(Tag tag);
std::optional<Tag> ParseTagHex(std::string_view text);  // Either case.

// What messages call the attribute: its keyword, or "(0009,1001)" without one.
std::string AttributeName(Tag tag);

inline constexpr Tag kFileMetaInformationGroupLength = 0x00020000;
inline constexpr Tag kMediaStorageSopClassUid = 0x00020002;
inline constexpr Tag kMediaStorageSopInstanceUid = 0x00020003;
inline constexpr Tag kTransferSyntaxUid = 0x00020010;
inline constexpr Tag kSpecificCharacterSet = 0x00080005;
inline constexpr Tag kSopClassUid = 0x00080016;
inline constexpr Tag kSopInstanceUid = 0x00080018;
inline constexpr Tag kStudyDate = 0x00080020;
inline constexpr Tag kStudyTime = 0x00080030;
inline constexpr Tag kAccessionNumber = 0x00080050;
inline constexpr Tag kModality = 0x00080060;
inline constexpr Tag kStudyDescription = 0x00081030;
inline constexpr Tag kPatientName = 0x00100010;
inline constexpr Tag kPatientId = 0x00100020;
inline constexpr Tag kPatientBirthDate = 0x00100030;
inline constexpr Tag kPatientSex = 0x00100040;
inline constexpr Tag kBodyPartExamined = 0x00180015;
inline constexpr Tag kStudyInstanceUid = 0x0020000D;
inline constexpr Tag kSeriesInstanceUid = 0x0020000E;
inline constexpr Tag kStudyId = 0x00200010;
inline constexpr Tag kSeriesNumber = 0x00200011;
inline constexpr Tag kInstanceNumber = 0x00200013;
inline constexpr Tag kNumberOfStudyRelatedSeries = 0x00201206;
inline constexpr Tag kNumberOfStudyRelatedInstances = 0x00201208;
inline constexpr Tag kSamplesPerPixel = 0x00280002;
inline constexpr Tag kPhotometricInterpretation = 0x00280004;
inline constexpr Tag kPlanarConfiguration = 0x00280006;
inline constexpr Tag kNumberOfFrames = 0x00280008;
inline constexpr Tag kRows = 0x00280010;
inline constexpr Tag kColumns = 0x00280011;
inline constexpr Tag kBitsAllocated = 0x00280100;
inline constexpr Tag kBitsStored = 0x00280101;
inline constexpr Tag kHighBit = 0x00280102;
inline constexpr Tag kPixelRepresentation = 0x00280103;
inline constexpr Tag kExtendedOffsetTable = 0x7FE00001;
inline constexpr Tag kExtendedOffsetTableLengths = 0x7FE00002;
inline constexpr Tag kFloatPixelData = 0x7FE00008;
inline constexpr Tag kDoubleFloatPixelData = 0x7FE00009;
inline constexpr Tag kPixelData = 0x7FE00010;
inline constexpr Tag kDataSetTrailingPadding = 0xFFFCFFFC;
inline constexpr Tag kItem = 0xFFFEE000;
inline constexpr Tag kItemDelimitation = 0xFFFEE00D;
inline constexpr Tag kSequenceDelimitation = 0xFFFEE0DD;

}  // namespace tarn::dicom
