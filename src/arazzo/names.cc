#include "arazzo/names.h"

#include <algorithm>
#include <utility>

#include "arazzo/internal/text.h"

namespace tarn::arazzo {
namespace {

// Levenshtein distance over bytes; two rows of the table are enough.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, previous[j] + 1, row[j - 1] + 1});
    }
    std::swap(row, previous);
  }
  return previous[b.size()];
}

}  // namespace

std::string NearestNames(std::string_view wanted, const std::vector<std::string>& names) {
  // Longer names are not looked at: the table would cost more than the hint is worth.
  constexpr size_t kNameBytesMax = 200;
  if (wanted.empty() || wanted.size() > kNameBytesMax) return "";
  std::vector<std::pair<size_t, std::string_view>> near;
  const std::string lower = AsciiLower(wanted);  // Case makes no difference.
  const size_t distance_max = std::max<size_t>(2, wanted.size() / 3);
  for (const std::string& name : names) {
    if (name.size() > kNameBytesMax) continue;
    const size_t distance = EditDistance(lower, AsciiLower(name));
    if (distance <= distance_max) near.emplace_back(distance, name);
  }
  std::ranges::stable_sort(near, {}, &std::pair<size_t, std::string_view>::first);
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(near.size(), 3); ++i) {
    out += i == 0 ? "; nearest: " : ", ";
    out += near[i].second;
  }
  return out;
}

}  // namespace tarn::arazzo
