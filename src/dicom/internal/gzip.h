// gzip (RFC 1952), in one piece or piece by piece, bounded on the way in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::dicom::internal {

class GzipWriter {
 public:
  explicit GzipWriter(std::string* out);  // `out` must outlive the writer.
  ~GzipWriter();
  void Write(std::string_view bytes);
  void Finish();

 private:
  void Deflate(int flush);
  struct State;
  std::unique_ptr<State> state_;
};

// Errors: kCorrupt, kTooLarge (more than `bytes_max` when unpacked).
Result<std::string> Gunzip(std::string_view gzip, uint64_t bytes_max);

}  // namespace tarn::dicom::internal
