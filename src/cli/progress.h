// A progress bar on standard error: drawn over itself on a terminal, silent otherwise.
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

namespace tarn::cli {

class ProgressBar {
 public:
  // `total` 0: unknown, a count is shown instead of a bar.
  ProgressBar(std::string label, uint64_t total);
  // Ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Update(uint64_t done);
  void SetTotal(uint64_t total) { total_ = total; }

 private:
  void Draw(uint64_t done);
  const std::string label_;
  uint64_t total_;
  const bool terminal_;
  int64_t drawn_ns_ = 0;
  uint64_t last_ = 0;
};

// One line of the bar, for a terminal of 80 columns.
std::string RenderProgress(const std::string& label, uint64_t done, uint64_t total);

// 1234567 -> "1,234,567".
std::string WithThousands(uint64_t number);

}  // namespace tarn::cli
