// The view of a terminal. What is finished scrolls by as lines; below it, one line for each
// workflow that is under way is drawn over itself:
//
//   createDatastore      POST https://... -> 200, 12 ms
//   pollDatastore        CREATING, again in 4 s, 3rd poll, 12 s of 60 min      <- drawn again
//
// Only carriage return, erase line and cursor up are used, so that any terminal of the last forty
// years will do.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "runner_host/event_text.h"
#include "runner_host/run_view.h"

namespace tarn::runner_host {
namespace {

using arazzo::RunEvent;

std::string_view ColourOf(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kQuiet:
      return "\x1b[2m";
    case Tone::kPlain:
      return "";
  }
  return "";
}

// Cut to `columns` characters; a character is taken for one column.
std::string Fit(std::string_view text, size_t columns) {
  std::string out;
  for (size_t i = 0; i < columns && !text.empty(); ++i) {
    const size_t bytes = std::max<size_t>(1, Utf8SequenceBytes(text));
    out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  if (!text.empty() && columns >= 3) {
    // The last three of them make room for the dots.
    for (int i = 0; i < 3; ++i) {
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80)
        out.pop_back();
      if (!out.empty()) out.pop_back();
    }
    out += "...";
  }
  return out;
}

class LiveView final : public RunView {
 public:
  LiveView(WriteText write, const arazzo::SecretMask* masker, const ViewOptions& options)
      : write_(std::move(write)), text_(masker, options.verbose), options_(options) {}

  ~LiveView() override {
    Erase();
    Flush();
  }

  void Show(const RunEvent& event) override {
    Erase();
    const std::string path = EventTextOf(event, "workflow");
    const std::vector<TextLine> lines = text_.Lines(event);
    if (event.type == "wait") {
      Active& active = active_[path];
      ++active.polls;
      active.wait = event;
      active.wait_until = EventNumberOf(event, "at") + EventNumberOf(event, "wait_ms");
      active.began = active.began == 0 ? EventNumberOf(event, "at") : active.began;
      active.line.text = WaitLine(event, EventNumberOf(event, "wait_ms"));
      active.line.tone = Tone::kQuiet;
    } else if (event.type == "send") {
      Begin(path, event);
      Print(lines);
    } else if (event.type == "answer") {
      Answer(path, event, lines);
    } else if (event.type == "action") {
      if (auto found = active_.find(path); found != active_.end()) {
        found->second.observed = EventTextOf(event, "observed");
      }
      Print(lines);
    } else if (event.type == "workflow_end") {
      Finish(path);
    } else {
      if (event.type == "end") {
        while (!active_.empty()) Finish(active_.begin()->first);
      }
      if (event.type == "criterion") Finish(path);
      Print(lines);
    }
    Draw();
    Flush();
  }

  void Tick(int64_t unix_ms) override {
    Erase();
    for (auto& [path, active] : active_) {
      if (active.wait_until == 0) continue;
      active.line.text = WaitLine(active.wait, std::max<int64_t>(0, active.wait_until - unix_ms));
    }
    Draw();
    Flush();
  }

  void Clear() override {
    Erase();
    Flush();
  }

 private:
  // A step that is under way, with its loops.
  struct Active {
    std::string step;
    TextLine line;      // What is drawn.
    TextLine answered;  // The last answer, kept when the step is finished.
    std::string observed;
    uint32_t polls = 0;
    int64_t began = 0, last = 0;
    RunEvent wait;
    int64_t wait_until = 0;  // Unix milliseconds; 0: not waiting.
  };

  void Begin(const std::string& path, const RunEvent& event) {
    const std::string step = EventTextOf(event, "step");
    const auto found = active_.find(path);
    if (found != active_.end() && found->second.step != step) Finish(path);
    Active& active = active_[path];
    active.step = step;
    active.wait_until = 0;
    if (active.polls == 0) {
      active.line = {StepColumn(StepName(event)) + EventTextOf(event, "method") + " " +
                         EventTextOf(event, "url"),
                     Tone::kQuiet};
    }
  }

  void Answer(const std::string& path, const RunEvent& event, const std::vector<TextLine>& lines) {
    if (lines.empty()) return;
    Active& active = active_[path];
    active.answered = lines.front();
    active.last = EventNumberOf(event, "at");
    if (active.polls == 0) active.line = active.answered;
    Print({lines.begin() + 1, lines.end()});  // Bodies.
  }

  // The step's line becomes one that stays.
  void Finish(const std::string& path) {
    const auto found = active_.find(path);
    if (found == active_.end()) return;
    const Active active = std::move(found->second);
    active_.erase(found);
    TextLine line = active.answered;
    if (line.text.empty()) return;
    if (active.polls > 0) {
      line.text += "; " + (active.observed.empty() ? "" : active.observed + " ") + "after " +
                   std::to_string(active.polls + 1) + " polls in " +
                   FormatSpan(active.last - active.began);
    }
    Print({line});
  }

  void Print(const std::vector<TextLine>& lines) {
    for (const TextLine& line : lines) Append(Printable(line.text), line.tone), out_ += "\n";
  }

  void Append(const std::string& text, Tone tone) {
    const std::string_view colour = options_.colour ? ColourOf(tone) : "";
    out_ += colour;
    out_ += text;
    if (!colour.empty()) out_ += "\x1b[0m";
  }

  void Erase() {
    for (size_t i = 0; i < drawn_; ++i) out_ += i == 0 ? "\r\x1b[K" : "\x1b[A\r\x1b[K";
    drawn_ = 0;
  }

  void Draw() {
    for (const auto& [path, active] : active_) {
      if (drawn_++ > 0) out_ += "\n";
      // The last column stays free: some terminals wrap as soon as it is written.
      Append(Fit(Printable(active.line.text), options_.columns - 1), active.line.tone);
    }
  }

  void Flush() {
    if (!out_.empty()) write_(out_);
    out_.clear();
  }

  WriteText write_;
  EventText text_;
  const ViewOptions options_;
  std::map<std::string, Active> active_;  // By the workflow's path.
  size_t drawn_ = 0;                      // Lines that are drawn now.
  std::string out_;
};

}  // namespace

std::unique_ptr<RunView> MakeLiveView(WriteText write, const arazzo::SecretMask* masker,
                                      const ViewOptions& options) {
  return std::make_unique<LiveView>(std::move(write), masker, options);
}

}  // namespace tarn::runner_host
