// The pictures of synthetic studies: ellipses of one brightness each, and noise. Integers only.
#pragma once

#include <cstdint>
#include <string>

namespace tarn::synth {

// An axial CT slice, Hounsfield units as signed 16-bit samples, side by side pixels. `position` is
// where in the body it lies, 0 to 1000. Little-endian, as all of these.
std::string CtSlice(uint32_t side, uint32_t position, uint64_t key);
// A head in MR, unsigned, 12 bits in 16.
std::string MrSlice(uint32_t side, uint32_t position, uint64_t key);
// A radiograph, unsigned, 10 bits in 16, bright where rays pass.
std::string CrImage(uint32_t columns, uint32_t rows, uint64_t key);
// Frame `index` of an ultrasound loop: a grey fan that moves, with a coloured bar; RGB by pixel.
std::string UsFrame(uint32_t columns, uint32_t rows, uint32_t index, uint64_t key);

}  // namespace tarn::synth
