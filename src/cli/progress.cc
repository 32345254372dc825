#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"

namespace tarn::cli {
namespace {

constexpr int64_t kRedrawNs = 50'000'000;
constexpr size_t kBarColumns = 32;
constexpr size_t kLabelColumns = 12;

}  // namespace

std::string WithThousands(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string RenderProgress(const std::string& label, uint64_t done, uint64_t total) {
  std::string line = label;
  line.resize(std::max(line.size(), kLabelColumns), ' ');
  if (total == 0) return line + " " + WithThousands(done);
  done = std::min(done, total);
  const auto filled =
      static_cast<size_t>(static_cast<unsigned __int128>(done) * kBarColumns / total);
  line += " [" + std::string(filled, '#') + std::string(kBarColumns - filled, '.') + "] ";
  return line + WithThousands(done) + " of " + WithThousands(total);
}

ProgressBar::ProgressBar(std::string label, uint64_t total)
    : label_(std::move(label)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (!terminal_ || drawn_ns_ == 0) return;
  Draw(last_);
  std::fputc('\n', stderr);
}

void ProgressBar::Update(uint64_t done) {
  last_ = done;
  if (!terminal_) return;
  const int64_t now_ns = SystemClock().MonotonicNs();
  if (drawn_ns_ != 0 && now_ns - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = now_ns;
  Draw(done);
}

void ProgressBar::Draw(uint64_t done) {
  std::fprintf(stderr, "\r%s\x1b[K", RenderProgress(label_, done, total_).c_str());
  std::fflush(stderr);
}

}  // namespace tarn::cli
