// Deterministic synthetic imaging studies as DICOM Part 10 files: CT (signed), MR (unsigned, 12 of
// 16 bit), CR (10 bit, inverted) and ultrasound (RGB, multi-frame). Pictures are phantoms made of
// ellipses and noise, which compress about as well as those of scanners. Nobody real. Pure: the
// same seed gives the same bytes on every machine, and study n does not depend on how many are
// made.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace tarn::synth {

enum class Modality : uint8_t { kCt, kMr, kCr, kUs };
inline constexpr uint32_t kModalityCount = 4;
std::string_view ModalityName(Modality modality);  // As DICOM's attribute has it: "CT".

// Files of one series are bounded, so that a study fits into memory one file after the other.
inline constexpr uint32_t kSlicesMax = 2000;

struct StudiesOptions {
  uint64_t seed = 1;
  uint64_t studies = 4;
  uint32_t slices = 24;  // Of a CT or MR series; up to kSlicesMax (CHECK).
  uint64_t first_study = 0;
  // Which ones, in turn: bit n is Modality n. 0: all four.
  uint32_t modalities = 0;
};

// Threads: one at a time. Needs memory for one file.
class StudyGenerator {
 public:
  explicit StudyGenerator(const StudiesOptions& options);

  // Receives one file: a path of its own, "study-0001-CT/1/0001.dcm", and its bytes, both valid
  // during the call. Returns whether to go on.
  using Sink = std::function<bool(std::string_view path, std::string_view file)>;
  // Emits the files of the next study; false when all are out or the sink wanted no more.
  bool Next(const Sink& sink);
  uint64_t studies_done() const { return done_; }

 private:
  const StudiesOptions options_;
  uint64_t done_ = 0;
};

}  // namespace tarn::synth
