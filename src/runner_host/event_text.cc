#include "runner_host/event_text.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/utf8.h"

namespace tarn::runner_host {
namespace {

using arazzo::RunEvent;
using json::Value;

constexpr size_t kStepColumns = 20;
constexpr size_t kBodyBytesShown = 4096;

std::string KeyOf(const RunEvent& event) {
  return EventTextOf(event, "workflow") + "\n" + EventTextOf(event, "step");
}

// Answers are sealed in the journal.
std::string BodyOf(const RunEvent& event) {
  std::string body = EventTextOf(event, "body");
  return event.type == "answer" ? arazzo::ShowSealed(body) : body;
}

void AppendBody(const RunEvent& event, std::string_view mark, const arazzo::SecretMask& masker,
                std::vector<TextLine>* out) {
  std::string body = masker.Mask(BodyOf(event));
  if (body.empty()) return;
  if (body.size() > kBodyBytesShown) {
    const size_t whole = body.size();
    body.resize(Utf8PrefixBytes(body, kBodyBytesShown));
    body += "... (" + std::to_string(whole) + " bytes)";
  }
  out->push_back({"  " + std::string(mark) + " " + body, Tone::kQuiet});
}

// The code point of a well-formed sequence.
uint32_t CodePointOf(std::string_view sequence) {
  if (sequence.size() == 1) return static_cast<uint8_t>(sequence[0]);
  uint32_t out = static_cast<uint8_t>(sequence[0]) & (0xFFu >> (sequence.size() + 1));
  for (const char c : sequence.substr(1)) out = (out << 6) | (static_cast<uint8_t>(c) & 0x3F);
  return out;
}

bool IsControl(uint32_t c) {
  const bool turns = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || turns;
}

// "\x1b" below 256, else "\u202e"; `wide`: the latter for all.
std::string Escaped(uint32_t c, bool wide) {
  std::string bytes;
  AppendBe16(&bytes, static_cast<uint16_t>(c));
  const std::string digits = HexEncode(bytes);
  return c < 256 && !wide ? "\\x" + digits.substr(2) : "\\u" + digits;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = Utf8SequenceBytes(text);
    const std::string_view sequence = text.substr(0, std::max<size_t>(length, 1));
    const uint32_t c = length == 0 ? static_cast<uint8_t>(text[0]) : CodePointOf(sequence);
    if (length == 0) {
      out += Escaped(c, false);
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += ' ';
    } else if (IsControl(c)) {
      out += Escaped(c, false);
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::string PrintableJson(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::string_view sequence = json.substr(0, std::max<size_t>(Utf8SequenceBytes(json), 1));
    const uint32_t c = CodePointOf(sequence);
    // C0 is escaped already, where it stands in a string.
    if (c >= 0x20 && IsControl(c)) {
      out += Escaped(c, true);
    } else {
      out += sequence;
    }
    json.remove_prefix(sequence.size());
  }
  return out;
}

std::string EventTextOf(const RunEvent& event, std::string_view name) {
  const Value* value = event.data.Find(name);
  return value != nullptr && value->IsString() ? value->AsString() : "";
}

int64_t EventNumberOf(const RunEvent& event, std::string_view name) {
  const Value* value = event.data.Find(name);
  return value != nullptr && value->IsNumber() ? value->AsInt().value_or(0) : 0;
}

std::string StepName(const RunEvent& event) {
  const std::string path = EventTextOf(event, "workflow");
  const size_t slash = path.find('/');
  const std::string step = EventTextOf(event, "step");
  return slash == path.npos ? step : path.substr(slash + 1) + "/" + step;
}

std::string FormatSpan(int64_t ms) {
  if (ms < 1000) return std::to_string(ms) + " ms";
  const int64_t seconds = (ms + 500) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

std::string Ordinal(uint64_t number) {
  const uint64_t last_two = number % 100;
  const bool teen = last_two >= 11 && last_two <= 13;
  const char* const end = teen               ? "th"
                          : number % 10 == 1 ? "st"
                          : number % 10 == 2 ? "nd"
                          : number % 10 == 3 ? "rd"
                                             : "th";
  return std::to_string(number) + end;
}

std::string StepColumn(std::string_view step) {
  std::string out(step);
  out.resize(std::max(out.size(), kStepColumns), ' ');
  return out + " ";
}

std::string WaitLine(const RunEvent& event, int64_t left_ms) {
  const std::string observed = EventTextOf(event, "observed");
  // Whole seconds, rounded up: a countdown ends with "1 s".
  const int64_t shown_ms = left_ms < 1000 ? left_ms : (left_ms + 999) / 1000 * 1000;
  return StepColumn(StepName(event)) + (observed.empty() ? "" : observed + ", ") + "again in " +
         FormatSpan(shown_ms) + ", " +
         Ordinal(static_cast<uint64_t>(EventNumberOf(event, "count"))) + " poll, " +
         FormatSpan(EventNumberOf(event, "elapsed_ms")) + " of " +
         FormatSpan(EventNumberOf(event, "timeout_ms"));
}

TextLine EventText::Answer(const RunEvent& event) {
  ++requests_;
  const auto found = sent_.find(KeyOf(event));
  const Sent sent = found == sent_.end() ? Sent{} : found->second;
  const int64_t status = EventNumberOf(event, "status");
  std::string text = StepColumn(StepName(event)) + sent.method + " " + sent.url + " -> ";
  if (status == 0) return {text + "no answer: " + BodyOf(event), Tone::kBad};
  text += std::to_string(status);
  if (sent.at != 0) {
    text += ", " + FormatSpan(std::max<int64_t>(0, EventNumberOf(event, "at") - sent.at));
  }
  return {text, status >= 400 ? Tone::kWarning : Tone::kPlain};
}

std::vector<TextLine> EventText::End(const RunEvent& event) const {
  const std::string status = EventTextOf(event, "status");
  const std::string message = EventTextOf(event, "message");
  std::string text = status;
  if (began_ != 0) {
    text += " after " + FormatSpan(std::max<int64_t>(0, EventNumberOf(event, "at") - began_)) +
            ", " + std::to_string(requests_) + (requests_ == 1 ? " request" : " requests");
  }
  if (!message.empty()) text += ": " + masker_.Mask(message);
  std::vector<TextLine> out{{text, status == "ended" ? Tone::kGood : Tone::kBad}};
  const Value* outputs = event.data.Find("outputs");
  if (outputs == nullptr || !outputs->IsObject()) return out;
  for (const auto& [name, value] : outputs->members()) {
    out.push_back({"  " + StepColumn(name) +
                       masker_.Mask(value.IsString() ? value.AsString() : json::ToText(value)),
                   Tone::kPlain});
  }
  return out;
}

std::vector<TextLine> EventText::Lines(const RunEvent& event) {
  std::vector<TextLine> out;
  if (event.type == "run") {
    if (began_ == 0) began_ = EventNumberOf(event, "at");
    root_ = EventTextOf(event, "workflow");
    return {{"run " + EventTextOf(event, "run") + ": " + root_, Tone::kPlain}};
  }
  if (event.type == "workflow") {
    const std::string path = EventTextOf(event, "workflow");
    if (path != root_) out.push_back({"workflow " + path, Tone::kQuiet});
  } else if (event.type == "send") {
    sent_[KeyOf(event)] = {EventTextOf(event, "method"), masker_.Mask(EventTextOf(event, "url")),
                           EventNumberOf(event, "at")};
    if (verbose_) AppendBody(event, ">", masker_, &out);
  } else if (event.type == "answer") {
    out.push_back(Answer(event));
    sent_.erase(KeyOf(event));
    if (verbose_ && EventNumberOf(event, "status") != 0) AppendBody(event, "<", masker_, &out);
  } else if (event.type == "criterion") {
    out.push_back(
        {StepColumn(StepName(event)) + "failed: " + EventTextOf(event, "reason"), Tone::kBad});
  } else if (event.type == "wait") {
    out.push_back({WaitLine(event, EventNumberOf(event, "wait_ms")), Tone::kQuiet});
  } else if (event.type == "warning") {
    out.push_back({"warning: " + EventTextOf(event, "message"), Tone::kWarning});
  } else if (event.type == "action" && verbose_) {
    const std::string observed = EventTextOf(event, "observed");
    out.push_back({StepColumn(StepName(event)) + (observed.empty() ? "" : observed + ": ") +
                       "action " + EventTextOf(event, "action"),
                   Tone::kQuiet});
  } else if (event.type == "end") {
    return End(event);
  }
  return out;
}

}  // namespace tarn::runner_host
