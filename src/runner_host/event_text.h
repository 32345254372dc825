// Events of a run as lines for people. Lines hold what servers and documents say as it is; whoever
// writes them to a terminal makes them Printable.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/runner.h"

namespace tarn::runner_host {

// `text` without anything that a terminal obeys: tabs and ends of lines as blanks; other control
// characters (C0, DEL, C1), marks that turn the direction of writing, and bytes that are no UTF-8
// as "\x1b" or "\u202e".
std::string Printable(std::string_view text);

// The same for a JSON text, which means what it did.
std::string PrintableJson(std::string_view json);

enum class Tone : uint8_t { kPlain, kGood, kBad, kWarning, kQuiet };

struct TextLine {
  std::string text;
  Tone tone = Tone::kPlain;
};

// Turns events, which carry the time when they happened as `at` (Unix milliseconds), into lines.
// Remembers the requests under way, so that an answer can say how long it took.
class EventText {
 public:
  // `masker` must outlive the object.
  EventText(const arazzo::SecretMask* masker, bool verbose) : masker_(*masker), verbose_(verbose) {}

  std::vector<TextLine> Lines(const arazzo::RunEvent& event);

 private:
  struct Sent {
    std::string method, url;
    int64_t at = 0;
  };
  TextLine Answer(const arazzo::RunEvent& event);
  std::vector<TextLine> End(const arazzo::RunEvent& event) const;

  const arazzo::SecretMask& masker_;
  const bool verbose_;
  std::map<std::string, Sent> sent_;  // By workflow path and step.
  std::string root_;                  // The path of the outermost workflow.
  int64_t began_ = 0;
  uint64_t requests_ = 0;
};

// "pollDatastore        CREATING, again in 4 s, 3rd poll, 12 s of 60 min"; `left_ms` replaces the
// event's own wait when the wait has begun.
std::string WaitLine(const arazzo::RunEvent& event, int64_t left_ms);

std::string FormatSpan(int64_t ms);    // "250 ms", "12 s", "60 min", "3 h"
std::string Ordinal(uint64_t number);  // "1st", "2nd", "11th"
std::string StepColumn(std::string_view step);

// The event's step; in a workflow that another one needs or calls, with the way to it: "left/wait".
std::string StepName(const arazzo::RunEvent& event);

// Of an event's data: empty or 0 when it is not there or of another type.
std::string EventTextOf(const arazzo::RunEvent& event, std::string_view name);
int64_t EventNumberOf(const arazzo::RunEvent& event, std::string_view name);

}  // namespace tarn::runner_host
