#include "fhir_store/internal/search_resolve.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "fhir/text_fold.h"

namespace tarn::fhir_store {
namespace {

using fhir::Criterion;
using fhir::Modifier;
using fhir::QueryTerm;

bool IsUpOrDown(const Criterion& criterion) {
  return criterion.modifier == Modifier::kBelow || criterion.modifier == Modifier::kAbove;
}

bool IsByValueSet(const Criterion& criterion) {
  return criterion.modifier == Modifier::kIn || criterion.modifier == Modifier::kNotIn;
}

// URIs and versions of canonical references are compared as texts: the matcher's own business.
bool IsResolved(const Criterion& criterion) {
  if (IsByValueSet(criterion)) return false;
  if (!IsUpOrDown(criterion)) return true;
  if (criterion.search_type == fhir::SearchType::kToken) return false;
  return std::none_of(criterion.terms.begin(), criterion.terms.end(), [](const QueryTerm& term) {
    const auto* reference = std::get_if<fhir::ReferenceTerm>(&term.value);
    return reference != nullptr && reference->form == fhir::ReferenceForm::kLocal;
  });
}

// Recursion here and below: kQueryDepthMax nested groups.
bool Needs(const Criterion& criterion) {
  if (criterion.kind == Criterion::Kind::kCompare) return !IsResolved(criterion);
  return std::any_of(criterion.operands.begin(), criterion.operands.end(), Needs);
}

QueryTerm TokenOf(std::string system, std::string code) {
  fhir::TokenTerm token;
  token.match = system.empty() ? fhir::SystemMatch::kNone : fhir::SystemMatch::kThis;
  token.system = std::move(system);
  fhir::AppendCaseFolded(&token.key, code);
  token.code = std::move(code);
  return {std::move(token), {}};
}

void AddCodes(const fhir::CodeSet& set, Criterion* plain) {
  for (const fhir::SystemCode& code : set.codes) {
    plain->terms.push_back(TokenOf(code.system, code.code));
  }
  for (const std::string& system : set.systems) plain->terms.push_back(TokenOf(system, {}));
}

class Resolver {
 public:
  Resolver(const fhir::SearchParameterSet& parameters, const ResolveSources& sources)
      : parameters_(parameters), sources_(sources) {}

  Status Resolve(Criterion* criterion) {
    for (Criterion& operand : criterion->operands) TRY(Resolve(&operand));
    if (criterion->kind != Criterion::Kind::kCompare || IsResolved(*criterion)) return Ok();
    Status status = Replace(criterion);
    if (status.ok()) return status;
    const Error& error = status.error();
    return Error{error.kind, criterion->code + ":" +
                                 std::string(fhir::ModifierText(criterion->modifier)) + ": " +
                                 error.detail};
  }

 private:
  // `criterion` becomes a comparison without modifier, and what still needs one beside it.
  Status Replace(Criterion* criterion) {
    Criterion plain = *criterion;
    Criterion rest = *criterion;
    plain.terms.clear();
    rest.terms.clear();
    plain.modifier = criterion->modifier == Modifier::kNotIn ? Modifier::kNot : Modifier::kNone;
    for (const QueryTerm& term : criterion->terms) {
      if (const auto* set = std::get_if<fhir::UriTerm>(&term.value)) {
        TRY(const fhir::CodeSet codes,
            fhir::ExpandValueSet(set->uri, set->version, sources_.canonical));
        AddCodes(codes, &plain);
      } else if (const auto* token = std::get_if<fhir::TokenTerm>(&term.value)) {
        TRY(AddToken(criterion->modifier, term, *token, &plain, &rest));
      } else {
        TRY(AddReference(criterion->modifier, term, &plain, &rest));
      }
      if (plain.terms.size() > fhir::kQueryTermsMax) {
        return Error{ErrorKind::kTooLarge, "the value sets have more than " +
                                               std::to_string(fhir::kQueryTermsMax) + " codes"};
      }
    }
    if (rest.terms.empty() || plain.terms.empty()) {
      *criterion = rest.terms.empty() ? std::move(plain) : std::move(rest);
      return Ok();
    }
    Criterion either;
    either.kind = Criterion::Kind::kOr;
    either.type = criterion->type;
    either.operands.push_back(std::move(plain));
    either.operands.push_back(std::move(rest));
    *criterion = std::move(either);
    return Ok();
  }

  Status AddToken(Modifier modifier, const QueryTerm& term, const fhir::TokenTerm& token,
                  Criterion* plain, Criterion* rest) {
    const bool below = modifier == Modifier::kBelow;
    const size_t slash = token.code.find('/');
    if (token.match == fhir::SystemMatch::kAny && slash != std::string::npos) {
      // MIME types: "text/xml" is above "text/xml; charset=UTF-8".
      if (below) {
        rest->terms.push_back(term);
        return Ok();
      }
      plain->terms.push_back(term);
      const size_t parameters = token.code.find_first_of("; ");
      if (parameters != std::string::npos) {
        fhir::TokenTerm type;
        type.code = token.code.substr(0, parameters);
        fhir::AppendCaseFolded(&type.key, type.code);
        plain->terms.push_back({std::move(type), {}});
      }
      return Ok();
    }
    if (token.match == fhir::SystemMatch::kAny || token.code.empty()) {
      return Invalid("expected system|code, or a MIME type");
    }
    if (token.match == fhir::SystemMatch::kNone) {  // No system, no hierarchy.
      plain->terms.push_back(term);
      return Ok();
    }
    const fhir::SystemCode code = {token.system, token.code};
    TRY(const fhir::CodeSet codes, below ? fhir::CodesBelow(code, sources_.canonical)
                                         : fhir::CodesAbove(code, sources_.canonical));
    AddCodes(codes, plain);
    return Ok();
  }

  Status AddReference(Modifier modifier, const QueryTerm& term, Criterion* plain, Criterion* rest) {
    const auto& reference = std::get<fhir::ReferenceTerm>(term.value);
    if (reference.form != fhir::ReferenceForm::kLocal) {
      rest->terms.push_back(term);
      return Ok();
    }
    std::vector<fhir::TypeId> types = reference.types;
    if (types.empty()) {
      for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) types.push_back(type);
    }
    bool hierarchical = false;
    for (const fhir::TypeId type : types) {
      fhir::ReferenceTerm one;
      one.types = {type};
      one.id = reference.id;
      const fhir::ParameterNumber parameter = HierarchyParameter(parameters_, type);
      if (parameter == fhir::kNoParameter) {
        plain->terms.push_back({std::move(one), {}});
        continue;
      }
      hierarchical = true;
      TRY(const auto members, Members(modifier, type, parameter, reference.id));
      for (const std::string& id : members) {
        one.id = id;
        plain->terms.push_back({one, {}});
      }
    }
    if (hierarchical) return Ok();
    return Error{ErrorKind::kUnsupported,
                 "what this parameter refers to has no hierarchy (a search parameter partof or "
                 "part-of)"};
  }

  // The resource and all below (above) it, at any distance.
  Result<std::set<std::string>> Members(Modifier modifier, fhir::TypeId type,
                                        fhir::ParameterNumber parameter, const std::string& id) {
    const auto& step = modifier == Modifier::kBelow ? sources_.children : sources_.parents;
    std::set<std::string> members = {id};
    std::vector<std::string> around = {id};
    while (!around.empty()) {
      const std::string at = std::move(around.back());
      around.pop_back();
      TRY(const std::vector<std::string> next, step(type, parameter, at));
      for (const std::string& other : next) {
        if (members.insert(other).second) around.push_back(other);
      }
      if (members.size() > kHierarchyMembersMax) {
        return Error{ErrorKind::kTooLarge, "the hierarchy has more than " +
                                               std::to_string(kHierarchyMembersMax) + " resources"};
      }
    }
    return members;
  }

  const fhir::SearchParameterSet& parameters_;
  const ResolveSources& sources_;
};

}  // namespace

bool NeedsResolving(const fhir::SearchQuery& query) {
  return std::any_of(query.criteria.begin(), query.criteria.end(),
                     [](const fhir::StatedCriterion& stated) { return Needs(stated.criterion); });
}

Result<fhir::SearchQuery> ResolveQuery(const fhir::SearchQuery& query,
                                       const fhir::SearchParameterSet& parameters,
                                       const ResolveSources& sources) {
  fhir::SearchQuery out = query;
  Resolver resolver(parameters, sources);
  for (fhir::StatedCriterion& stated : out.criteria) TRY(resolver.Resolve(&stated.criterion));
  return out;
}

fhir::ParameterNumber HierarchyParameter(const fhir::SearchParameterSet& parameters,
                                         fhir::TypeId type) {
  for (const std::string_view code : {"partof", "part-of"}) {
    const auto found = parameters.Find(type, code);
    if (!found || found->type != fhir::SearchType::kReference) continue;
    const auto& targets = found->targets;
    if (std::find(targets.begin(), targets.end(), type) != targets.end()) return found->number;
  }
  return fhir::kNoParameter;
}

}  // namespace tarn::fhir_store
