// Tags of data stores and image sets, as both services have them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace tarn::jobs {

struct Tag {
  std::string key;
  std::string value;
};

// By key.
void SortTags(std::vector<Tag>* tags);
// Of sorted tags. Errors: kInvalid (more than `max`, a key twice, a key that begins with "aws:").
Status CheckTags(const std::vector<Tag>& sorted, size_t max);
// Adds tags, or replaces the values of keys that are there. Both are sorted; errors as CheckTags.
Status AddTags(const std::vector<Tag>& added, size_t max, std::vector<Tag>* tags);
void RemoveTags(const std::vector<std::string>& keys, std::vector<Tag>* tags);

}  // namespace tarn::jobs
