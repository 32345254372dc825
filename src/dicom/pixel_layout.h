// How an instance's pixel data divides into frames, from what the data set says and what the file
// really holds (PS3.3 C.7.6.3, PS3.5 8 and A.4). No pixel is decoded here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dicom/instance.h"
#include "dicom/warnings.h"

namespace tarn::dicom {

// The image pixel description. Integers come from elements of their own VR only (US).
struct ImagePixel {
  uint16_t rows = 0;
  uint16_t columns = 0;
  uint16_t samples_per_pixel = 1;
  uint16_t bits_allocated = 0;  // 1, 8, 16, 32 or 64.
  uint16_t bits_stored = 0;     // 1 to bits_allocated.
  uint16_t high_bit = 0;        // bits_stored - 1 to bits_allocated - 1.
  bool is_signed = false;
  uint16_t planar_configuration = 0;
  std::string photometric_interpretation;  // "MONOCHROME2", without padding.
  uint32_t number_of_frames = 1;           // As the data set says; 1 when it does not.
  // Native YBR_FULL_422 and its kin: two pixels share their chroma, so a pixel takes two samples.
  bool subsampled = false;

  // Of one uncompressed frame as PS3.5 8 lays it out; 1-bit frames are rounded up.
  uint64_t FrameBytes() const;
  // The same in bits: 1-bit frames follow each other without gaps.
  uint64_t FrameBits() const;
};

// Errors: kInvalid (an attribute is missing, of the wrong VR or contradicts another), kTooLarge.
Result<ImagePixel> ReadImagePixel(const Instance& instance);

// One frame of encapsulated pixel data: fragments [first, first + count).
struct FragmentRun {
  uint32_t first = 0;
  uint32_t count = 0;
};

struct FrameLayout {
  // Native: frame i begins at bit i * FrameBits() of pixel_data().native.
  // Encapsulated: one run per frame. Video: one run of all fragments.
  uint32_t frame_count = 0;
  std::vector<FragmentRun> fragment_runs;
  // 45328 pixel data that breaks off, 45329 another number of frames than the data set says, 45330
  // an offset table that does not point at the frames found. With 45328 and 45329, frame_count is
  // 0: the frames cannot be told apart, and the instance can be kept as a whole only.
  std::vector<Warning> warnings;
};

// Fragments are assigned to frames by their number; where several make one frame, by the start
// markers of JPEG and JPEG 2000 codestreams, or by an offset table that points at fragments only.
// Errors: the source's.
Result<FrameLayout> LayOutFrames(const Instance& instance, const ImagePixel& pixel);

}  // namespace tarn::dicom
