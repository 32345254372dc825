#include "base/memory_limit.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/file.h"

namespace tarn {
namespace {

constexpr uint64_t kProcFileBytesMax = 64u << 10;
constexpr uint64_t kNoLimit = UINT64_MAX;

// The number that `text` begins with; kNoLimit when it begins with none ("max").
uint64_t LeadingNumber(std::string_view text) {
  uint64_t number = kNoLimit;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? number : kNoLimit;
}

uint64_t NumberInFile(const std::string& path) {
  const Result<std::string> text = ReadFile(path, kProcFileBytesMax);
  return text.ok() ? LeadingNumber(text.value()) : kNoLimit;
}

// `mount` is the hierarchy's folder, `group` the process's place in it. A container sees its own
// group at the top, under whatever name the host gave it, so missing folders say nothing.
uint64_t GroupLimit(const std::string& mount, std::string group, const std::string& file) {
  uint64_t limit = NumberInFile(mount + "/" + file);
  while (group.size() > 1) {
    limit = std::min(limit, NumberInFile(mount + group + "/" + file));
    group.resize(group.rfind('/'));
  }
  return limit;
}

// One line of /proc/self/cgroup, "number:controllers:group"; version 2 names no controllers.
uint64_t LimitOfLine(const std::string& root, std::string_view line) {
  const size_t first = line.find(':');
  if (first == std::string_view::npos) return kNoLimit;
  const size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos) return kNoLimit;
  const std::string_view controllers = line.substr(first + 1, second - first - 1);
  const std::string group(line.substr(second + 1));
  if (!group.starts_with('/')) return kNoLimit;
  const std::string mount = root + "/sys/fs/cgroup";
  if (controllers.empty()) return GroupLimit(mount, group, "memory.max");
  if (controllers == "memory") return GroupLimit(mount + "/memory", group, "memory.limit_in_bytes");
  return kNoLimit;
}

uint64_t MachineBytes(const std::string& root) {
  constexpr std::string_view kTotal = "MemTotal:";
  const Result<std::string> text = ReadFile(root + "/proc/meminfo", kProcFileBytesMax);
  if (!text.ok()) return kNoLimit;
  const std::string_view all = text.value();
  const size_t begin = all.find(kTotal);
  if (begin == std::string_view::npos) return kNoLimit;
  const size_t digits = all.find_first_not_of(' ', begin + kTotal.size());
  if (digits == std::string_view::npos) return kNoLimit;
  const uint64_t kilobytes = LeadingNumber(all.substr(digits));
  return kilobytes > (kNoLimit >> 10) ? kNoLimit : kilobytes << 10;
}

}  // namespace

uint64_t MemoryLimitBytes(const std::string& root) {
  uint64_t limit = MachineBytes(root);
  const Result<std::string> groups = ReadFile(root + "/proc/self/cgroup", kProcFileBytesMax);
  if (!groups.ok()) return limit;
  std::string_view rest = groups.value();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    limit = std::min(limit, LimitOfLine(root, rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return limit;
}

}  // namespace tarn
