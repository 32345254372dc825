// The terminal side of runs: which view, and questions.
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "cli/run_session.h"
#include "runner_host/event_text.h"

namespace tarn::cli {
namespace {

constexpr uint32_t kColumnsMin = 20;

uint32_t Columns() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::max<uint32_t>(size.ws_col, kColumnsMin);
}

// A line of the terminal, without its end; nothing at the end of input.
std::optional<std::string> ReadTerminalLine() {
  std::string out;
  char c = 0;
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return out.empty() ? std::nullopt : std::optional<std::string>(out);
    if (c == '\n') return out;
    out.push_back(c);
  }
}

// What is typed is not shown while this lives.
class HiddenTyping {
 public:
  HiddenTyping() {
    changed_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!changed_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
  }
  ~HiddenTyping() {
    if (!changed_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputc('\n', stderr);
  }
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;

 private:
  termios before_ = {};
  bool changed_ = false;
};

bool HasTerminal() { return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }

}  // namespace

runner_host::AskInput TerminalQuestions() {
  return [](const runner_host::DeclaredInput& input) -> std::optional<std::string> {
    if (!HasTerminal()) return std::nullopt;
    if (!input.description.empty()) {
      std::fprintf(stderr, "%s\n", runner_host::Printable(input.description).c_str());
    }
    std::fprintf(stderr, "%s: ", runner_host::Printable(input.name).c_str());
    std::fflush(stderr);
    if (!input.secret) return ReadTerminalLine();
    const HiddenTyping hidden;
    return ReadTerminalLine();
  };
}

std::function<bool(const std::string&)> TerminalDecision() {
  return [](const std::string& description) {
    if (!HasTerminal()) return false;
    std::fprintf(stderr,
                 "%s may have been done before the run was interrupted, and repeating it is not "
                 "known to be safe.\nSend it again? [y/N] ",
                 runner_host::Printable(description).c_str());
    std::fflush(stderr);
    const auto answer = ReadTerminalLine();
    return answer.has_value() && (*answer == "y" || *answer == "Y" || *answer == "yes");
  };
}

std::unique_ptr<runner_host::RunView> ChooseView(const RunFlags& flags,
                                                 const arazzo::SecretMask* masker,
                                                 const runner_host::Environment& environment) {
  const auto write = [](std::string_view text) {
    // A reader that has left is no reason to end a run.
    const Status written = WriteAll(STDOUT_FILENO, text);
    static_cast<void>(written);
  };
  if (flags.json) return runner_host::MakeJsonView(write, masker, flags.verbose);
  const bool dumb = environment("TERM").value_or("dumb") == "dumb";
  if (isatty(STDOUT_FILENO) != 1 || dumb) {
    return runner_host::MakePlainView(write, masker, flags.verbose);
  }
  const bool colour = !environment("NO_COLOR").has_value();
  return runner_host::MakeLiveView(write, masker, {flags.verbose, colour, Columns()});
}

}  // namespace tarn::cli
