#include "fhir/search_parameters.h"

#include <algorithm>

namespace tarn::fhir {
namespace {

ParameterInfo InfoOf(const SearchParameter& parameter) {
  ParameterInfo out;
  out.number = parameter.number;
  out.type = parameter.type;
  out.code = parameter.code;
  out.url = parameter.url;
  out.expression = parameter.expression;
  const std::span<const TypeIndex> targets = TargetsOf(parameter);
  // An abstract target ("Resource") is any type.
  const bool concrete = std::all_of(targets.begin(), targets.end(),
                                    [](TypeIndex target) { return target <= TypeCount(); });
  if (concrete) out.targets = targets;
  for (const SearchComponent& component : ComponentsOf(parameter)) {
    out.components.push_back(
        {SearchParameters()[component.parameter].number, component.expression});
  }
  return out;
}

ParameterInfo InfoOf(const CustomParameter& parameter) {
  ParameterInfo out;
  out.number = parameter.number;
  out.type = parameter.type;
  out.code = parameter.code;
  out.url = parameter.url;
  out.expression = parameter.expression;
  out.targets = parameter.targets;
  for (const CustomParameter::Component& component : parameter.components) {
    out.components.push_back({component.parameter, component.expression});
  }
  return out;
}

ParameterInfo CreatedAt() {
  ParameterInfo out;
  out.number = kParameterCreatedAt;
  out.type = SearchType::kDate;
  out.code = "createdAt";
  return out;
}

bool AppliesTo(const CustomParameter& parameter, TypeId type) {
  return std::find(parameter.bases.begin(), parameter.bases.end(), type) != parameter.bases.end();
}

bool IsOfEveryType(const SearchParameter& parameter) {
  const std::span<const TypeIndex> bases = BasesOf(parameter);
  return std::any_of(bases.begin(), bases.end(), [](TypeIndex base) {
    return base == kTypes.resource || base == kTypes.domain_resource;
  });
}

}  // namespace

std::optional<ParameterInfo> SearchParameterSet::Find(TypeId type, std::string_view code) const {
  for (const CustomParameter& custom : custom_) {
    if (custom.code == code && AppliesTo(custom, type)) return InfoOf(custom);
  }
  if (code == "createdAt") return CreatedAt();
  // Patient stands for every type: it is a DomainResource.
  const SearchParameter* found = FindSearchParameter(type == kNoType ? kTypes.patient : type, code);
  if (found == nullptr || (type == kNoType && !IsOfEveryType(*found))) return std::nullopt;
  return InfoOf(*found);
}

std::optional<ParameterInfo> SearchParameterSet::Find(ParameterNumber number) const {
  for (const CustomParameter& custom : custom_) {
    if (custom.number == number) return InfoOf(custom);
  }
  if (number == kParameterCreatedAt) return CreatedAt();
  const SearchParameter* found = FindSearchParameter(number);
  if (found == nullptr) return std::nullopt;
  return InfoOf(*found);
}

std::vector<ParameterInfo> SearchParameterSet::Of(TypeId type) const {
  std::vector<ParameterInfo> out;
  for (const CustomParameter& custom : custom_) {
    if (AppliesTo(custom, type)) out.push_back(InfoOf(custom));
  }
  const size_t custom_count = out.size();
  for (const uint16_t index : SearchParametersOf(type)) {
    const SearchParameter& parameter = SearchParameters()[index];
    const bool hidden =
        std::any_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(custom_count),
                    [&](const ParameterInfo& info) { return info.code == parameter.code.view(); });
    if (!hidden) out.push_back(InfoOf(parameter));
  }
  std::sort(out.begin(), out.end(),
            [](const ParameterInfo& a, const ParameterInfo& b) { return a.number < b.number; });
  return out;
}

std::vector<TypeId> SearchParameterSet::CustomBases() const {
  std::vector<TypeId> out;
  for (const CustomParameter& custom : custom_) {
    out.insert(out.end(), custom.bases.begin(), custom.bases.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string_view> SearchParameterSet::CodesOf(TypeId type) const {
  std::vector<std::string_view> out = {"createdAt"};
  for (const CustomParameter& custom : custom_) {
    if (AppliesTo(custom, type)) out.push_back(custom.code);
  }
  for (const uint16_t index : SearchParametersOf(type == kNoType ? kTypes.patient : type)) {
    const SearchParameter& parameter = SearchParameters()[index];
    if (type != kNoType || IsOfEveryType(parameter)) out.push_back(parameter.code);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace tarn::fhir
