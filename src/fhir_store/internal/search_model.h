// For tests: a search that is obviously right: it looks at every resource, extracts its values and
// compares.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "fhir/index_values.h"
#include "fhir/search_match.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

// What a store holds, and a search over it that is slow and simple.
class SearchModel {
 public:
  using Key = std::pair<fhir::TypeId, std::string>;
  struct Resource {
    std::shared_ptr<fhir::IndexValues> values;
    uint64_t version_id = 0;
  };

  explicit SearchModel(const SearchDefinitions& definitions) : definitions_(definitions) {}

  void Put(const Version& version, int64_t created_unix_ms) {
    auto values = std::make_shared<fhir::IndexValues>();
    texts_.push_back(std::make_shared<ResourceReader>());
    CHECK(texts_.back()->Read(version.body).ok());
    CHECK(definitions_.extractor
              ->Extract(texts_.back()->document(), version.type,
                        {.created_us = created_unix_ms * 1000}, values.get())
              .ok());
    resources_[{version.type, version.id}] = {std::move(values), version.version_id};
  }
  void Remove(fhir::TypeId type, const std::string& id) { resources_.erase({type, id}); }
  bool Has(fhir::TypeId type, const std::string& id) const {
    return resources_.contains({type, id});
  }

  // "Type/id/version" of every match.
  std::vector<std::string> Search(const fhir::SearchQuery& query) const {
    std::vector<std::string> found;
    for (const auto& [key, resource] : resources_) {
      if (std::find(query.types.begin(), query.types.end(), key.first) == query.types.end())
        continue;
      const bool all = std::all_of(query.criteria.begin(), query.criteria.end(),
                                   [&](const fhir::StatedCriterion& stated) {
                                     return Matches(stated.criterion, key, *resource.values);
                                   });
      if (all) found.push_back(NameOf(key, resource));
    }
    return found;
  }
  const fhir::IndexValues& ValuesOf(fhir::TypeId type, const std::string& id) const {
    return *resources_.at({type, id}).values;
  }

 private:
  static std::string NameOf(const Key& key, const Resource& resource) {
    return std::string(fhir::TypeName(key.first)) + "/" + key.second + "/" +
           std::to_string(resource.version_id);
  }

  bool Matches(const fhir::Criterion& criterion, const Key& key,
               const fhir::IndexValues& values) const {
    fhir::MatchContext context;
    context.related = [&](const fhir::Criterion& related, const fhir::IndexValues& of) {
      return Result<bool>(related.kind == fhir::Criterion::Kind::kChain ? Leads(related, of)
                                                                        : IsReferred(related, key));
    };
    const auto matches = fhir::Matches(criterion, values, context);
    CHECK(matches.ok());
    return matches.value();
  }
  static bool RefersTo(const fhir::IndexValue& value, const Key& key) {
    const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
    return reference != nullptr && reference->form == fhir::ReferenceForm::kLocal &&
           reference->type == key.first && reference->id == key.second;
  }
  bool Leads(const fhir::Criterion& chain, const fhir::IndexValues& values) const {
    for (const fhir::IndexValue& value : values.Of(chain.parameter)) {
      for (const auto& [key, target] : resources_) {
        if (!RefersTo(value, key)) continue;
        for (const fhir::Criterion& operand : chain.operands) {
          if (operand.type == key.first && Matches(operand, key, *target.values)) return true;
        }
      }
    }
    return false;
  }
  bool IsReferred(const fhir::Criterion& has, const Key& key) const {
    for (const auto& [source_key, source] : resources_) {
      if (source_key.first != has.operands[0].type) continue;
      const auto values = source.values->Of(has.parameter);
      const bool refers = std::any_of(values.begin(), values.end(),
                                      [&](const auto& value) { return RefersTo(value, key); });
      if (refers && Matches(has.operands[0], source_key, *source.values)) return true;
    }
    return false;
  }

  const SearchDefinitions& definitions_;
  std::map<Key, Resource> resources_;
  // What values point into; kept for copies of the model that are older.
  std::vector<std::shared_ptr<ResourceReader>> texts_;
};

}  // namespace tarn::fhir_store
