#include "fhir_store/internal/includes.h"

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tarn::fhir_store {
namespace {

using Name = std::pair<fhir::TypeId, std::string>;

class Includes {
 public:
  Includes(const SearchLimits& limits, const SearchDefinitions& definitions,
           const SearchPlanner& planner, const PostingReader& reader, SearchJudge& judge,
           SearchPage& page)
      : limits_(limits),
        definitions_(definitions),
        planner_(planner),
        reader_(reader),
        judge_(judge),
        page_(page) {}

  Status Add(const fhir::SearchQuery& query) {
    std::vector<Name> around;
    for (const Version& match : page_.matches) {
      around.emplace_back(match.type, match.id);
      seen_.emplace(match.type, match.id);
    }
    // The first round starts from the matches, every later one from what the round before added.
    for (bool first = true; !around.empty() && !cut_; first = false) {
      const size_t before = page_.includes.size();
      for (const fhir::Include& include : query.includes) {
        if (!first && !include.iterate) continue;
        for (const Name& name : around) {
          TRY(include.reverse ? AddReferring(include, name) : AddReferred(include, name));
        }
      }
      around.clear();
      for (size_t i = before; i < page_.includes.size(); ++i) {
        around.emplace_back(page_.includes[i].type, page_.includes[i].id);
      }
    }
    if (cut_) {
      page_.notes.push_back({.severity = "warning",
                             .code = "incomplete",
                             .diagnostics = "more than " + std::to_string(limits_.includes_max) +
                                            " resources to include: the rest is left out",
                             .expression = ""});
    }
    return Ok();
  }

 private:
  // The reference parameters of `type` that the include names.
  std::vector<fhir::ParameterNumber> ParametersOf(const fhir::Include& include,
                                                  fhir::TypeId type) const {
    if (include.parameter != fhir::kNoParameter) return {include.parameter};
    std::vector<fhir::ParameterNumber> numbers;
    for (const fhir::ParameterInfo& info : definitions_.parameters.Of(type)) {
      if (info.type == fhir::SearchType::kReference) numbers.push_back(info.number);
    }
    return numbers;
  }

  Status AddReferred(const fhir::Include& include, const Name& name) {
    if (include.source != fhir::kNoType && include.source != name.first) return Ok();
    TRY(const auto ordinal, judge_.FindLive(name.first, name.second));
    if (!ordinal.has_value()) return Ok();
    TRY(const bool live, judge_.Load(name.first, *ordinal));
    if (!live) return Ok();
    std::vector<Name> targets;  // Loading them takes the values away.
    TRY(const fhir::IndexValues* values, judge_.Values());
    for (const fhir::ParameterNumber parameter : ParametersOf(include, name.first)) {
      for (const fhir::IndexValue& value : values->Of(parameter)) {
        const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
        if (reference == nullptr || reference->form != fhir::ReferenceForm::kLocal) continue;
        if (include.target != fhir::kNoType && include.target != reference->type) continue;
        targets.emplace_back(reference->type, std::string(reference->id));
      }
    }
    for (const Name& target : targets) {
      TRY(const auto found, judge_.FindLive(target.first, target.second));
      if (found.has_value()) TRY(AddOne(target.first, *found));
    }
    return Ok();
  }

  Status AddReferring(const fhir::Include& include, const Name& name) {
    if (include.target != fhir::kNoType && include.target != name.first) return Ok();
    std::vector<fhir::TypeId> sources = {include.source};
    if (include.source == fhir::kNoType) {
      sources.clear();
      for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) sources.push_back(type);
    }
    for (const fhir::TypeId source : sources) {
      for (const fhir::ParameterNumber parameter : ParametersOf(include, source)) {
        OrdinalSet referring;
        TRY(reader_.Read(
            SpanOfPosting(planner_.ReferenceKey(source, parameter, name.first, name.second)),
            nullptr, &referring));
        for (const Ordinal ordinal : referring.Values()) TRY(AddOne(source, ordinal));
      }
    }
    return Ok();
  }

  Status AddOne(fhir::TypeId type, Ordinal ordinal) {
    if (cut_) return Ok();
    TRY(std::string id, judge_.IdOf(type, ordinal));
    if (!seen_.emplace(type, std::move(id)).second) return Ok();
    if (page_.includes.size() >= limits_.includes_max) {
      cut_ = true;
      return Ok();
    }
    TRY(const bool live, judge_.Load(type, ordinal));
    if (!live) return Ok();
    TRY(Version version, judge_.TakeVersion());
    page_.includes.push_back(std::move(version));
    return Ok();
  }

  const SearchLimits& limits_;
  const SearchDefinitions& definitions_;
  const SearchPlanner& planner_;
  const PostingReader& reader_;
  SearchJudge& judge_;
  SearchPage& page_;
  std::set<Name> seen_;
  bool cut_ = false;
};

}  // namespace

Status AddIncludes(const fhir::SearchQuery& query, const SearchLimits& limits,
                   const SearchDefinitions& definitions, const SearchPlanner& planner,
                   const PostingReader& reader, SearchJudge* judge, SearchPage* page) {
  if (query.includes.empty()) return Ok();
  return Includes(limits, definitions, planner, reader, *judge, *page).Add(query);
}

}  // namespace tarn::fhir_store
