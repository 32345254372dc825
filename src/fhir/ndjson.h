// NDJSON objects cut into blocks of whole lines, and blocks into lines.
// Spec: FHIR Bulk Data "ndjson": one resource a line, separated by '\n'. Tolerated: CRLF, blank
// lines, no newline at the end. Lines are counted from 1, blank ones too, as editors count them.
//
//   object   {"a"..}\n{"b"..}\n\n{"c"..}\n        NdjsonBlocks reads it piece by piece
//   blocks  |{"a"..}\n{"b"..}\n|\n{"c"..}\n|      each with the offset and line that follow it,
//                                                 so that reading can go on from any block's end
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource.h"

namespace tarn::fhir {

struct NdjsonLine {
  std::string_view text;   // Without the line's end and without white space around.
  uint64_t number = 0;     // In the object, from 1.
  uint64_t offset = 0;     // Of the line's first byte in the object.
  bool over_long = false;  // Longer than the bound: `text` is empty, the bytes are dropped.
};

// Where a reader stands: what a checkpoint records.
struct NdjsonPosition {
  uint64_t offset = 0;
  uint64_t line = 1;  // Number of the line that begins at `offset`.
};

// Some whole lines. May be handed to another thread; its buffer is reused when it is filled again.
class NdjsonBlock {
 public:
  // The lines' bytes. At least json::kPadding more may be read after them (Parser::ParsePadded of
  // a line's text is fine).
  std::string_view text() const { return std::string_view(buffer_).substr(0, bytes_); }
  const NdjsonPosition& begin() const { return begin_; }
  const NdjsonPosition& end() const { return end_; }  // Where the next block begins.

 private:
  friend class NdjsonBlocks;
  friend class NdjsonLines;
  std::string buffer_;  // Its size is what may be read, its first bytes_ are lines.
  size_t bytes_ = 0;
  NdjsonPosition begin_;
  NdjsonPosition end_;
  uint64_t over_long_line_ = 0;    // The line after text() that was dropped, or 0.
  uint64_t over_long_offset_ = 0;  // Where it begins.
  size_t line_bytes_max_ = 0;
};

// The lines of a block that are not blank, in order:
//   for (NdjsonLines lines(block); lines.Next(&line);) ...
class NdjsonLines {
 public:
  explicit NdjsonLines(
      const NdjsonBlock& block);  // `block` must outlive this object and its lines.
  // Of whole lines held elsewhere, which begin at `begin` of their object.
  NdjsonLines(std::string_view text, const NdjsonPosition& begin, size_t line_bytes_max);
  bool Next(NdjsonLine* line);

 private:
  std::string_view rest_;
  NdjsonPosition at_;
  size_t line_bytes_max_;
  uint64_t over_long_line_ = 0;
  uint64_t over_long_offset_ = 0;
};

struct NdjsonOptions {
  size_t block_bytes = 1u << 20;              // Aimed at; a longer line makes a larger block.
  size_t line_bytes_max = kResourceBytesMax;  // Longer lines are dropped and said (over_long).
  NdjsonPosition begin;                       // Where the source's first byte stands.
};

// Memory: at most one block and the beginning of the next line.
class NdjsonBlocks {
 public:
  // Copies at most out.size() bytes into `out`; 0 at the end.
  using Source = std::function<Result<size_t>(std::span<char> out)>;

  NdjsonBlocks(Source source, const NdjsonOptions& options);
  // Fills `block` with the next lines; false at the end. Errors: those of the source, after which
  // this object is of no more use.
  Result<bool> Next(NdjsonBlock* block);

 private:
  Result<size_t> Fill(NdjsonBlock* block, size_t used);
  Status SkipLine(NdjsonBlock* block);

  Source source_;
  NdjsonOptions options_;
  NdjsonPosition at_;
  std::string carry_;  // The beginning of the next line.
  bool ended_ = false;
};

}  // namespace tarn::fhir
