#include "fhir_api/internal/capability_cache.h"

#include <algorithm>
#include <utility>

#include "fhir_api/limits.h"

namespace tarn::fhir_api::internal {

using fhir_store::SearchDefinitions;

namespace {

// Whether both are one object, or were when it was alive: no later one is taken for it.
bool IsSame(const std::weak_ptr<const SearchDefinitions>& a,
            const std::shared_ptr<const SearchDefinitions>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

std::shared_ptr<const std::string> CapabilityCache::Find(
    const CapabilityFacts& facts, const std::shared_ptr<const SearchDefinitions>& definitions) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return IsSame(entry.definitions, definitions) && entry.endpoint == facts.endpoint &&
           entry.smart == facts.smart && entry.compatibility == facts.compatibility;
  });
  if (found == entries_.end()) return nullptr;
  std::rotate(found, found + 1, entries_.end());
  return entries_.back().text;
}

std::shared_ptr<const std::string> CapabilityCache::Text(
    const CapabilityFacts& facts, const std::shared_ptr<const SearchDefinitions>& definitions) {
  const bool settled = facts.filling.empty();
  if (settled) {
    if (auto text = Find(facts, definitions)) return text;
  }
  auto text = std::make_shared<const std::string>(CapabilityStatementText(facts));
  if (!settled) return text;
  MutexLock lock(mutex_);
  // What the same data store served before, and what another request has rendered meanwhile.
  std::erase_if(entries_, [&facts](const Entry& entry) {
    return entry.endpoint == facts.endpoint && entry.smart == facts.smart &&
           entry.compatibility == facts.compatibility;
  });
  if (entries_.size() >= kStatementsKeptMax) entries_.erase(entries_.begin());
  entries_.push_back(
      {std::string(facts.endpoint), facts.smart, facts.compatibility, definitions, text});
  return text;
}

}  // namespace tarn::fhir_api::internal
