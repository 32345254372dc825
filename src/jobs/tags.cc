#include "jobs/tags.h"

#include <algorithm>

namespace tarn::jobs {

void SortTags(std::vector<Tag>* tags) {
  std::sort(tags->begin(), tags->end(), [](const Tag& a, const Tag& b) { return a.key < b.key; });
}

Status CheckTags(const std::vector<Tag>& sorted, size_t max) {
  if (sorted.size() > max) {
    return Invalid("a resource of this kind may have " + std::to_string(max) + " tags");
  }
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].key.rfind("aws:", 0) == 0) {
      return Invalid("tag keys that begin with \"aws:\" are reserved");
    }
    if (i > 0 && sorted[i].key == sorted[i - 1].key) return Invalid("a tag key is given twice");
  }
  return Ok();
}

Status AddTags(const std::vector<Tag>& added, size_t max, std::vector<Tag>* tags) {
  for (const Tag& tag : added) {
    const auto same = std::find_if(tags->begin(), tags->end(),
                                   [&tag](const Tag& old) { return old.key == tag.key; });
    if (same == tags->end()) {
      tags->push_back(tag);
    } else {
      same->value = tag.value;
    }
  }
  SortTags(tags);
  return CheckTags(*tags, max);
}

void RemoveTags(const std::vector<std::string>& keys, std::vector<Tag>* tags) {
  for (const std::string& key : keys) {
    tags->erase(std::remove_if(tags->begin(), tags->end(),
                               [&key](const Tag& tag) { return tag.key == key; }),
                tags->end());
  }
}

}  // namespace tarn::jobs
