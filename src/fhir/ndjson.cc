#include "fhir/ndjson.h"

#include <algorithm>
#include <cstring>

namespace tarn::fhir {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

uint64_t CountNewlines(std::string_view text) {
  uint64_t count = 0;
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

NdjsonLines::NdjsonLines(const NdjsonBlock& block)
    : rest_(block.text()),
      at_(block.begin_),
      line_bytes_max_(block.line_bytes_max_),
      over_long_line_(block.over_long_line_),
      over_long_offset_(block.over_long_offset_) {}

NdjsonLines::NdjsonLines(std::string_view text, const NdjsonPosition& begin, size_t line_bytes_max)
    : rest_(text), at_(begin), line_bytes_max_(line_bytes_max) {}

bool NdjsonLines::Next(NdjsonLine* line) {
  while (!rest_.empty()) {
    const size_t newline = rest_.find('\n');
    const size_t taken = newline == std::string_view::npos ? rest_.size() : newline + 1;
    std::string_view text = rest_.substr(0, std::min(newline, rest_.size()));
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    const bool over_long = text.size() > line_bytes_max_;
    text = Trim(text);
    const NdjsonPosition here = at_;
    rest_.remove_prefix(taken);
    at_.offset += taken;
    ++at_.line;
    if (text.empty() && !over_long) continue;
    *line = {over_long ? std::string_view() : text, here.line, here.offset, over_long};
    return true;
  }
  if (over_long_line_ == 0) return false;
  *line = {std::string_view(), over_long_line_, over_long_offset_, true};
  over_long_line_ = 0;
  return true;
}

NdjsonBlocks::NdjsonBlocks(Source source, const NdjsonOptions& options)
    : source_(std::move(source)), options_(options), at_(options.begin) {
  CHECK(options_.block_bytes > 0);
  CHECK(options_.line_bytes_max > 0);
}

// Reads into the block's buffer behind its first `used` bytes; 0 at the end.
Result<size_t> NdjsonBlocks::Fill(NdjsonBlock* block, size_t used) {
  if (ended_) return size_t{0};
  const size_t readable = block->buffer_.size() - json::kPadding - used;
  TRY(const size_t bytes, source_(std::span<char>(block->buffer_.data() + used, readable)));
  CHECK(bytes <= readable);
  ended_ = bytes == 0;
  return bytes;
}

Result<bool> NdjsonBlocks::Next(NdjsonBlock* block) {
  const size_t target = std::max(options_.block_bytes, carry_.size() + 1);
  if (block->buffer_.size() < target + json::kPadding) {
    block->buffer_.resize(target + json::kPadding);
  }
  std::memcpy(block->buffer_.data(), carry_.data(), carry_.size());
  size_t used = carry_.size();
  // One past the last newline. A carry after a dropped line may hold whole lines.
  const size_t carried = carry_.rfind('\n');
  size_t lines_end = carried == std::string::npos ? 0 : carried + 1;
  block->begin_ = at_;
  block->over_long_line_ = 0;
  block->line_bytes_max_ = options_.line_bytes_max;
  for (;;) {
    const size_t space = block->buffer_.size() - json::kPadding - used;
    if (space == 0 && lines_end > 0) break;
    if (used - lines_end > options_.line_bytes_max + 1 && lines_end == 0) break;
    if (space == 0) {
      const size_t most = options_.line_bytes_max + options_.block_bytes + json::kPadding + 2;
      block->buffer_.resize(std::min(block->buffer_.size() * 2, most));
    }
    auto bytes = Fill(block, used);
    if (!bytes.ok()) return std::move(bytes).error();
    if (bytes.value() == 0) break;
    const std::string_view fresh(block->buffer_.data() + used, bytes.value());
    const size_t newline = fresh.rfind('\n');
    if (newline != std::string_view::npos) lines_end = used + newline + 1;
    used += bytes.value();
  }
  if (ended_ && used - lines_end <= options_.line_bytes_max + 1) lines_end = used;
  block->bytes_ = lines_end;
  const std::string_view text = block->text();
  at_.offset += text.size();
  at_.line += CountNewlines(text);
  carry_.assign(block->buffer_, lines_end, used - lines_end);
  if (carry_.size() > options_.line_bytes_max + 1) TRY(SkipLine(block));
  block->end_ = at_;
  return block->bytes_ > 0 || block->over_long_line_ != 0;
}

// Drops the line that begins in carry_, which is too long already, up to its end.
Status NdjsonBlocks::SkipLine(NdjsonBlock* block) {
  block->over_long_line_ = at_.line;
  block->over_long_offset_ = at_.offset;
  std::string scratch(64u << 10, '\0');
  at_.offset += carry_.size();
  carry_.clear();
  while (!ended_) {
    TRY(const size_t bytes, source_(std::span<char>(scratch.data(), scratch.size())));
    ended_ = bytes == 0;
    const size_t newline = std::string_view(scratch).substr(0, bytes).find('\n');
    if (newline == std::string_view::npos) {
      at_.offset += bytes;
      continue;
    }
    at_.offset += newline + 1;
    carry_.assign(scratch, newline + 1, bytes - newline - 1);
    break;
  }
  ++at_.line;
  return Ok();
}

}  // namespace tarn::fhir
