#include "fhir/ndjson.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tarn::fhir {
namespace {

using Seen = std::tuple<uint64_t, uint64_t, bool, std::string>;  // number, offset, over long, text

// A source that gives at most `piece` bytes at a time.
NdjsonBlocks::Source SourceOf(std::string_view text, size_t piece) {
  return [text, piece, at = size_t{0}](std::span<char> out) mutable -> Result<size_t> {
    const size_t bytes = std::min({piece, out.size(), text.size() - at});
    std::memcpy(out.data(), text.data() + at, bytes);
    at += bytes;
    return bytes;
  };
}

// Reads everything; also checks that blocks join up and that their padding can be read.
std::vector<Seen> ReadAll(std::string_view text, size_t piece, const NdjsonOptions& options,
                          std::vector<NdjsonPosition>* ends = nullptr) {
  NdjsonBlocks blocks(SourceOf(text.substr(options.begin.offset), piece), options);
  std::vector<Seen> seen;
  NdjsonBlock block;
  NdjsonPosition expected = options.begin;
  for (;;) {
    const auto more = blocks.Next(&block);
    EXPECT_TRUE(more.ok());
    if (!more.ok() || !more.value()) break;
    EXPECT_EQ(block.begin().offset, expected.offset);
    EXPECT_EQ(block.begin().line, expected.line);
    expected = block.end();
    if (ends != nullptr) ends->push_back(expected);
    NdjsonLine line;
    for (NdjsonLines lines(block); lines.Next(&line);) {
      seen.emplace_back(line.number, line.offset, line.over_long, std::string(line.text));
      if (line.over_long) continue;
      json::Parser parser;
      (void)parser.ParsePadded(line.text);  // The sanitizers look on.
    }
  }
  return seen;
}

TEST(Ndjson, CutsLines) {
  const std::string_view text = "{\"a\":1}\n\r\n  \n 22 \r\n[3]\n\"no end\"";
  const std::vector<Seen> expected = {{1, 0, false, "{\"a\":1}"},
                                      {4, 13, false, "22"},
                                      {5, 19, false, "[3]"},
                                      {6, 23, false, "\"no end\""}};
  for (const size_t piece : {1u, 2u, 3u, 7u, 1000u}) {
    for (const size_t block_bytes : {1u, 2u, 8u, 9u, 1000u}) {
      NdjsonOptions options;
      options.block_bytes = block_bytes;
      EXPECT_EQ(ReadAll(text, piece, options), expected);
    }
  }
  EXPECT_TRUE(ReadAll("", 1, {}).empty());
  EXPECT_TRUE(ReadAll("\n\n\r\n", 1, {}).empty());
}

TEST(Ndjson, DropsLinesBeyondTheBound) {
  const std::string exact(10, 'x');
  const std::string text = exact + "\r\n" + exact + "y\n" + std::string(200, 'z') + "\nok\n" +
                           exact + "\n" + std::string(11, 'w');
  const std::vector<Seen> expected = {{1, 0, false, exact},   {2, 12, true, ""},
                                      {3, 24, true, ""},      {4, 225, false, "ok"},
                                      {5, 228, false, exact}, {6, 239, true, ""}};
  for (const size_t piece : {1u, 5u, 64u, 1000u}) {
    for (const size_t block_bytes : {1u, 13u, 64u, 1000u}) {
      NdjsonOptions options;
      options.block_bytes = block_bytes;
      options.line_bytes_max = 10;
      EXPECT_EQ(ReadAll(text, piece, options), expected) << piece << " " << block_bytes;
    }
  }
}

TEST(Ndjson, SourceErrorsAreReturned) {
  NdjsonBlocks blocks(
      [](std::span<char>) -> Result<size_t> {
        return Error{ErrorKind::kUnavailable, "gone"};
      },
      {});
  NdjsonBlock block;
  const auto more = blocks.Next(&block);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().kind, ErrorKind::kUnavailable);
}

TEST(Ndjson, LinesOfABorrowedText) {
  NdjsonLines lines("a\n\nbcd\n", {100, 7}, 2);
  NdjsonLine line;
  ASSERT_TRUE(lines.Next(&line));
  EXPECT_EQ(line.text, "a");
  EXPECT_EQ(line.number, 7u);
  EXPECT_EQ(line.offset, 100u);
  ASSERT_TRUE(lines.Next(&line));
  EXPECT_TRUE(line.over_long);
  EXPECT_EQ(line.number, 9u);
  EXPECT_EQ(line.offset, 103u);
  EXPECT_FALSE(lines.Next(&line));
}

// Whatever the sizes, reading gives what a plain split gives, and reading can go on from the end
// of every block.
RC_GTEST_PROP(Ndjson, AgreesWithAPlainSplit, ()) {
  std::string text;
  const auto parts = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8));
  for (const int part : parts) {
    static constexpr std::string_view kParts[] = {"\n", "\r\n",     " ",  "a",
                                                  "bb", "cccccccc", "\t", "\r"};
    text += kParts[part];
  }
  NdjsonOptions options;
  options.line_bytes_max = *rc::gen::inRange<size_t>(1, 20);
  options.block_bytes = *rc::gen::inRange<size_t>(1, 40);
  const size_t piece = *rc::gen::inRange<size_t>(1, 40);
  std::vector<Seen> expected;
  size_t begin = 0;
  for (uint64_t number = 1; begin < text.size(); ++number) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, newline - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const bool over_long = line.size() > options.line_bytes_max;
    const size_t first = line.find_first_not_of(" \t\r");
    if (over_long) {
      expected.emplace_back(number, begin, true, "");
    } else if (first != std::string::npos) {
      const size_t last = line.find_last_not_of(" \t\r");
      expected.emplace_back(number, begin, false, line.substr(first, last - first + 1));
    }
    begin = newline + 1;
  }
  std::vector<NdjsonPosition> ends;
  RC_ASSERT(ReadAll(text, piece, options, &ends) == expected);
  for (const NdjsonPosition& end : ends) {
    NdjsonOptions rest = options;
    rest.begin = end;
    std::vector<Seen> tail;
    for (const Seen& line : expected) {
      if (std::get<1>(line) >= end.offset) tail.push_back(line);
    }
    RC_ASSERT(ReadAll(text, piece, rest) == tail);
  }
}

}  // namespace
}  // namespace tarn::fhir
