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
#include "fhir/terminology.h"
#include "fhir/text_fold.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/search_resolve.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

// What a store holds, and a search over it that is slow and simple.
class SearchModel {
 public:
  using Key = std::pair<fhir::TypeId, std::string>;
  struct Contained {
    std::string id;
    std::shared_ptr<fhir::IndexValues> values;
  };
  struct Resource {
    std::shared_ptr<fhir::IndexValues> values;
    uint64_t version_id = 0;
    std::vector<Contained> contained;
  };

  SearchModel(const SearchDefinitions& definitions, std::string own_path)
      : definitions_(definitions), own_path_(std::move(own_path)) {}

  // Value sets and code systems that queries name by url, or as "ValueSet/id".
  void Define(std::string_view url, std::string_view text) { canonicals_[std::string(url)] = text; }

  void set_compatibility(fhir::Compatibility compatibility) { compatibility_ = compatibility; }

  void Put(const Version& version, int64_t created_unix_ms) {
    Resource resource;
    resource.version_id = version.version_id;
    resource.values = ValuesOfText(version.body, created_unix_ms * 1000);
    const json::Document& document = texts_.back()->document();
    std::vector<std::string> contained;
    const uint32_t array = document.Find(json::kRoot, "contained");
    if (array != json::kNoNode) {
      for (uint32_t item = document.FirstChild(array); item != json::kNoNode;
           item = document.NextSibling(array, item)) {
        contained.emplace_back(document.Raw(item));
      }
    }
    for (const std::string& text : contained) {
      auto values = ValuesOfText(text, fhir::kTimeMin);
      resource.contained.push_back({texts_.back()->envelope().id, std::move(values)});
    }
    resources_[{version.type, version.id}] = std::move(resource);
  }
  void Remove(fhir::TypeId type, const std::string& id) { resources_.erase({type, id}); }
  bool Has(fhir::TypeId type, const std::string& id) const {
    return resources_.contains({type, id});
  }

  // "Type/id/version" of every match.
  std::vector<std::string> Search(const fhir::SearchQuery& query) const {
    std::vector<std::string> found;
    for (const auto& [key, resource] : resources_) {
      const bool itself = query.contained != fhir::Contained::kTrue;
      bool matches = itself && MatchesAll(query, {&key, &resource, nullptr});
      if (query.contained != fhir::Contained::kFalse) {
        for (const Contained& contained : resource.contained) {
          matches = matches || MatchesAll(query, {&key, &resource, &contained});
        }
      }
      if (matches) found.push_back(NameOf(key, resource));
    }
    return found;
  }
  const fhir::IndexValues& ValuesOf(fhir::TypeId type, const std::string& id) const {
    return *resources_.at({type, id}).values;
  }

 private:
  std::shared_ptr<fhir::IndexValues> ValuesOfText(std::string_view text, int64_t created_us) {
    auto values = std::make_shared<fhir::IndexValues>();
    texts_.push_back(std::make_shared<ResourceReader>());
    CHECK(texts_.back()->Read(text).ok());
    CHECK(definitions_.extractor
              ->Extract(texts_.back()->document(), texts_.back()->envelope().type,
                        {.created_us = created_us, .own_path = own_path_}, values.get())
              .ok());
    return values;
  }
  // Whose values are looked at: a resource's own, or those of what it contains.
  struct Subject {
    const Key* key;
    const Resource* resource;
    const Contained* contained;

    const fhir::IndexValues& values() const {
      return contained == nullptr ? *resource->values : *contained->values;
    }
  };

  bool MatchesAll(const fhir::SearchQuery& query, const Subject& subject) const {
    const auto& types = query.types;
    const fhir::TypeId type = subject.values().type();
    if (std::find(types.begin(), types.end(), type) == types.end()) return false;
    return std::all_of(
        query.criteria.begin(), query.criteria.end(),
        [&](const fhir::StatedCriterion& stated) { return Matches(stated.criterion, subject); });
  }
  static std::string NameOf(const Key& key, const Resource& resource) {
    return std::string(fhir::TypeName(key.first)) + "/" + key.second + "/" +
           std::to_string(resource.version_id);
  }

  bool Matches(const fhir::Criterion& criterion, const Subject& subject) const {
    fhir::MatchContext context;
    context.compatibility = compatibility_;
    context.related = [&](const fhir::Criterion& related, const fhir::IndexValues& of) {
      if (related.kind == fhir::Criterion::Kind::kCompare) {
        return Result<bool>(IsInHierarchy(related, of));
      }
      return Result<bool>(related.kind == fhir::Criterion::Kind::kChain
                              ? Leads(related, subject)
                              : IsReferred(related, subject));
    };
    context.terminology = [&](fhir::Modifier modifier, const fhir::QueryTerm& term,
                              const fhir::TokenValue& token) {
      return Result<bool>(IsInSet(modifier, term, token));
    };
    const auto matches = fhir::Matches(criterion, subject.values(), context);
    CHECK(matches.ok());
    return matches.value();
  }
  static bool RefersTo(const fhir::IndexValue& value, const Key& key) {
    const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
    return reference != nullptr && reference->form == fhir::ReferenceForm::kLocal &&
           reference->type == key.first && reference->id == key.second;
  }
  // The resource, what it is part of, and so on.
  std::vector<Key> Ancestors(const Key& key, fhir::ParameterNumber parameter) const {
    std::vector<Key> out = {key};
    for (size_t i = 0; i < out.size(); ++i) {
      const auto found = resources_.find(out[i]);
      if (found == resources_.end()) continue;
      for (const fhir::IndexValue& value : found->second.values->Of(parameter)) {
        const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
        const bool up = reference != nullptr && reference->form == fhir::ReferenceForm::kLocal &&
                        reference->type == key.first;
        if (!up) continue;
        const Key parent = {reference->type, std::string(reference->id)};
        if (std::find(out.begin(), out.end(), parent) == out.end()) out.push_back(parent);
      }
    }
    return out;
  }
  bool IsInHierarchy(const fhir::Criterion& criterion, const fhir::IndexValues& values) const {
    const auto has = [](const std::vector<Key>& keys, const Key& key) {
      return std::find(keys.begin(), keys.end(), key) != keys.end();
    };
    for (const fhir::IndexValue& value : values.Of(criterion.parameter)) {
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      if (reference == nullptr || reference->form != fhir::ReferenceForm::kLocal) continue;
      const Key of_value = {reference->type, std::string(reference->id)};
      const auto parameter = HierarchyParameter(definitions_.parameters, reference->type);
      for (const fhir::QueryTerm& term : criterion.terms) {
        const Key asked = {reference->type, std::get<fhir::ReferenceTerm>(term.value).id};
        const bool below = criterion.modifier == fhir::Modifier::kBelow;
        if (below ? has(Ancestors(of_value, parameter), asked)
                  : has(Ancestors(asked, parameter), of_value)) {
          return true;
        }
      }
    }
    return false;
  }
  bool IsInSet(fhir::Modifier modifier, const fhir::QueryTerm& term,
               const fhir::TokenValue& token) const {
    const fhir::FindCanonical find = [this](
                                         fhir::TypeId, std::string_view url,
                                         std::string_view) -> Result<std::optional<std::string>> {
      const auto found = canonicals_.find(std::string(url));
      if (found == canonicals_.end()) return std::optional<std::string>();
      return std::optional<std::string>(found->second);
    };
    Result<fhir::CodeSet> set = fhir::CodeSet();
    if (const auto* uri = std::get_if<fhir::UriTerm>(&term.value)) {
      set = fhir::ExpandValueSet(uri->uri, uri->version, find);
    } else {
      const auto& code = std::get<fhir::TokenTerm>(term.value);
      if (code.match == fhir::SystemMatch::kNone) {
        return token.system.empty() && token.key == code.key;
      }
      set = modifier == fhir::Modifier::kBelow ? fhir::CodesBelow({code.system, code.code}, find)
                                               : fhir::CodesAbove({code.system, code.code}, find);
    }
    CHECK(set.ok());
    const auto& systems = set.value().systems;
    if (std::find(systems.begin(), systems.end(), token.system) != systems.end()) return true;
    return std::any_of(
        set.value().codes.begin(), set.value().codes.end(), [&](const fhir::SystemCode& code) {
          return code.system == token.system && fhir::CaseFolded(code.code) == token.key;
        });
  }
  bool Leads(const fhir::Criterion& chain, const Subject& subject) const {
    std::vector<Subject> targets;
    for (const fhir::IndexValue& value : subject.values().Of(chain.parameter)) {
      for (const auto& [key, target] : resources_) {
        if (RefersTo(value, key)) targets.push_back({&key, &target, nullptr});
      }
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      if (reference == nullptr || reference->form != fhir::ReferenceForm::kContained) continue;
      if (reference->id.empty() && subject.contained != nullptr) {
        targets.push_back({subject.key, subject.resource, nullptr});
      }
      for (const Contained& contained : subject.resource->contained) {
        if (!reference->id.empty() && contained.id == reference->id) {
          targets.push_back({subject.key, subject.resource, &contained});
        }
      }
    }
    for (const Subject& target : targets) {
      for (const fhir::Criterion& operand : chain.operands) {
        if (operand.type == target.values().type() && Matches(operand, target)) return true;
      }
    }
    return false;
  }
  bool IsReferred(const fhir::Criterion& has, const Subject& subject) const {
    std::vector<Subject> sources;
    if (subject.contained == nullptr) {
      for (const auto& [key, source] : resources_) sources.push_back({&key, &source, nullptr});
    } else {
      sources.push_back({subject.key, subject.resource, nullptr});
      for (const Contained& sibling : subject.resource->contained) {
        sources.push_back({subject.key, subject.resource, &sibling});
      }
    }
    const auto refers = [&subject](const fhir::IndexValue& value) {
      if (subject.contained == nullptr) return RefersTo(value, *subject.key);
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      return reference != nullptr && reference->form == fhir::ReferenceForm::kContained &&
             reference->id == subject.contained->id;
    };
    return std::any_of(sources.begin(), sources.end(), [&](const Subject& source) {
      if (source.values().type() != has.operands[0].type) return false;
      const auto values = source.values().Of(has.parameter);
      return std::any_of(values.begin(), values.end(), refers) && Matches(has.operands[0], source);
    });
  }

  const SearchDefinitions& definitions_;
  const std::string own_path_;
  std::map<std::string, std::string> canonicals_;
  fhir::Compatibility compatibility_ = fhir::Compatibility::kFhir;
  std::map<Key, Resource> resources_;
  // What values point into; kept for copies of the model that are older.
  std::vector<std::shared_ptr<ResourceReader>> texts_;
};

}  // namespace tarn::fhir_store
