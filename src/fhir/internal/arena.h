// Memory that is freed at once: pieces stay where they are until Clear.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tarn::fhir::internal {

class Arena {
 public:
  // A copy that lives until Clear.
  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > left_) Grow(text.size());
    std::memcpy(next_, text.data(), text.size());
    const std::string_view out(next_, text.size());
    next_ += text.size();
    left_ -= text.size();
    bytes_ += text.size();
    return out;
  }
  // Keeps the first block for the next use.
  void Clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    next_ = blocks_.empty() ? nullptr : blocks_[0].get();
    left_ = blocks_.empty() ? 0 : kBlockBytes;
    bytes_ = 0;
  }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kBlockBytes = 32u << 10;

  // The first block always has kBlockBytes; a longer piece gets a block of its own after it.
  void Grow(size_t bytes) {
    if (blocks_.empty()) Append(kBlockBytes);
    if (bytes > left_) Append(bytes > kBlockBytes ? bytes : kBlockBytes);
  }
  void Append(size_t bytes) {
    blocks_.push_back(std::make_unique<char[]>(bytes));
    next_ = blocks_.back().get();
    left_ = bytes;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t bytes_ = 0;
};

}  // namespace tarn::fhir::internal
