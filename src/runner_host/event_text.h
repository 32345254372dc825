// Events of a run as lines for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/runner.h"

namespace tarn::runner_host {

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
