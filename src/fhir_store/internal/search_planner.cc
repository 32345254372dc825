#include "fhir_store/internal/search_planner.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "fhir/date_range.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/range_spans.h"

namespace tarn::fhir_store {
namespace {

using Kind = PlanNode::Kind;

Error Unsupported(const fhir::Criterion& criterion) {
  return {ErrorKind::kUnsupported, "the parameter '" + criterion.code + "' with the modifier ':" +
                                       std::string(fhir::ModifierText(criterion.modifier)) +
                                       "' is not supported"};
}

constexpr std::string_view kNoExactTag{"\0\0\0\0", 4};
// Systems that a code alone, in a composite, is looked for under.
constexpr size_t kPairsMax = 32;

std::string LabelOf(const fhir::Criterion& criterion) {
  std::string label = criterion.code;
  const std::string_view modifier = fhir::ModifierText(criterion.modifier);
  if (!modifier.empty()) label.append(":").append(modifier);
  return label;
}

std::string TimeKey(int64_t time_us) {
  std::string key;
  fhir::AppendTimeKey(&key, time_us);
  return key;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Above and below in a hierarchy of codes or of resources, which search_resolve.h replaces before a
// plan is made. MIME types and URLs are their own.
bool NeedsHierarchy(const fhir::Criterion& criterion) {
  if (criterion.modifier != fhir::Modifier::kAbove &&
      criterion.modifier != fhir::Modifier::kBelow) {
    return false;
  }
  return std::any_of(
      criterion.terms.begin(), criterion.terms.end(), [&](const fhir::QueryTerm& term) {
        if (const auto* token = std::get_if<fhir::TokenTerm>(&term.value)) {
          return criterion.modifier == fhir::Modifier::kAbove || !Contains(token->code, "/") ||
                 token->match != fhir::SystemMatch::kAny;
        }
        const auto* reference = std::get_if<fhir::ReferenceTerm>(&term.value);
        return reference != nullptr && reference->form == fhir::ReferenceForm::kLocal;
      });
}

// Keys whose text satisfies `test`: sure; those of a cut text that does not: open.
// `cut_counts`: a test that the stored part passes is passed by the whole.
void AddTextScan(const std::string& prefix, bool cut_counts,
                 const std::function<bool(std::string_view)>& test, PlanNode* node) {
  KeySpan span = SpanOfPrefix(prefix);
  span.accepts = [size = prefix.size(), test, cut_counts](std::string_view posting) {
    const auto parts = ParseTextValue(posting.substr(size));
    // What `:contains` does not look at has no exact form.
    if (!parts.ok() || parts.value().exact_tag == kNoExactTag) return false;
    return (cut_counts || !parts.value().cut) && test(parts.value().folded);
  };
  span.leaves_open = [size = prefix.size()](std::string_view posting) {
    const auto parts = ParseTextValue(posting.substr(size));
    return parts.ok() && parts.value().exact_tag != kNoExactTag && parts.value().cut;
  };
  node->sure_spans.push_back(std::move(span));
}

}  // namespace

struct SearchPlanner::Site {
  fhir::TypeId type;
  fhir::ParameterNumber parameter;
  fhir::Modifier modifier;
  std::string label;
  std::string pair = {};  // Of what is beside a token in a composite: a kPair key up to its kind.
};

Result<PlanNode> SearchPlanner::Plan(const fhir::SearchQuery& query, fhir::TypeId type) const {
  PlanNode all = MakeNode(Kind::kAnd, "query");
  if (query.compartment.has_value()) {
    TRY(PlanNode compartment, PlanCompartment(*query.compartment, type));
    all.operands.push_back(std::move(compartment));
  }
  for (const fhir::StatedCriterion& stated : query.criteria) {
    TRY(PlanNode node, Plan(stated.criterion, type));
    all.operands.push_back(std::move(node));
  }
  return all;
}

Result<PlanNode> SearchPlanner::Plan(const fhir::Criterion& criterion, fhir::TypeId type) const {
  if (criterion.type != fhir::kNoType && criterion.type != type) {
    return MakeNode(Kind::kFixed, "of another type");
  }
  switch (criterion.kind) {
    case fhir::Criterion::Kind::kCompare:
      return PlanCompare(criterion, type);
    case fhir::Criterion::Kind::kChain:
    case fhir::Criterion::Kind::kHas:
      return related_(criterion, type);
    case fhir::Criterion::Kind::kAnd:
    case fhir::Criterion::Kind::kOr: {
      const bool conjunction = criterion.kind == fhir::Criterion::Kind::kAnd;
      PlanNode node = MakeNode(conjunction ? Kind::kAnd : Kind::kOr, conjunction ? "and" : "or");
      for (const fhir::Criterion& operand : criterion.operands) {
        TRY(PlanNode inner, Plan(operand, type));
        node.operands.push_back(std::move(inner));
      }
      return node;
    }
    case fhir::Criterion::Kind::kNot: {
      PlanNode node = MakeNode(Kind::kNot, "not");
      TRY(PlanNode inner, Plan(criterion.operands.at(0), type));
      node.operands.push_back(std::move(inner));
      return node;
    }
  }
  return Error{ErrorKind::kInternal, "unknown kind of criterion"};
}

Result<PlanNode> SearchPlanner::PlanCompare(const fhir::Criterion& criterion,
                                            fhir::TypeId type) const {
  const Site site{type, criterion.parameter, criterion.modifier, LabelOf(criterion)};
  if (criterion.modifier == fhir::Modifier::kMissing) {
    // What the store stamps is never missing.
    const bool stamped = criterion.parameter == stamped_.id ||
                         criterion.parameter == stamped_.last_updated ||
                         criterion.parameter == fhir::kParameterCreatedAt;
    PlanNode present = stamped ? MakeNode(Kind::kAll, site.label) : Present(site, site.label);
    if (!criterion.missing) return present;
    std::vector<PlanNode> operands;
    operands.push_back(std::move(present));
    return MakeNode(Kind::kNot, "not", std::move(operands));
  }
  if (criterion.modifier == fhir::Modifier::kIn || criterion.modifier == fhir::Modifier::kNotIn ||
      NeedsHierarchy(criterion)) {
    return Unsupported(criterion);
  }
  PlanNode any;
  if (criterion.parameter == stamped_.id) {
    TRY(any, PlanId(criterion, type));
  } else {
    any = MakeNode(Kind::kOr, site.label);
    for (const fhir::QueryTerm& term : criterion.terms) {
      TRY(PlanNode node, PlanTerm(site, term));
      any.operands.push_back(std::move(node));
    }
    if (any.operands.size() == 1) {
      PlanNode only = std::move(any.operands[0]);
      any = std::move(only);
    }
  }
  if (criterion.modifier != fhir::Modifier::kNot) return any;
  std::vector<PlanNode> operands;
  operands.push_back(std::move(any));
  return MakeNode(Kind::kNot, "not", std::move(operands));
}

Result<PlanNode> SearchPlanner::PlanId(const fhir::Criterion& criterion, fhir::TypeId type) const {
  PlanNode node = MakeNode(Kind::kFixed, "_id");
  for (const fhir::QueryTerm& term : criterion.terms) {
    const auto* token = std::get_if<fhir::TokenTerm>(&term.value);
    if (token == nullptr) return Unsupported(criterion);
    if (token->match == fhir::SystemMatch::kThis || !fhir::IsValidId(token->code)) continue;
    std::string value;
    TRY(reader_.budget().SpendKey());
    TRY(const bool found, reader_.snapshot().Get(kCurrent, CurrentKey(type, token->code), &value));
    if (!found) continue;
    TRY(const CurrentRecord current, DecodeCurrent(value));
    if (!current.deleted) node.fixed.sure.Add(current.ordinal);
  }
  return node;
}

Result<PlanNode> SearchPlanner::PlanTerm(const Site& site, const fhir::QueryTerm& term) const {
  if (const auto* composite = std::get_if<fhir::CompositeTerm>(&term.value)) {
    return PlanComposite(site, *composite);
  }
  if (site.modifier == fhir::Modifier::kAbove || site.modifier == fhir::Modifier::kBelow) {
    return OpenPresent(site, site.label);
  }
  auto node = std::visit(
      [&](const auto& value) -> Result<PlanNode> {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, fhir::CompositeTerm>) {
          return Error{ErrorKind::kInternal, "unreachable"};
        } else {
          return Of(site, value);
        }
      },
      term.value);
  // HealthLake compares strings as they are written: what the folded index finds is only possible.
  const bool as_written = compatibility_ == fhir::Compatibility::kHealthLake &&
                          std::holds_alternative<fhir::StringTerm>(term.value) &&
                          site.modifier != fhir::Modifier::kText &&
                          site.modifier != fhir::Modifier::kExact;
  if (node.ok() && as_written) {
    auto& open = node.value().open_spans;
    auto& sure = node.value().sure_spans;
    std::move(sure.begin(), sure.end(), std::back_inserter(open));
    sure.clear();
  }
  return node;
}

// A resource with one value of each component has them in one item, if it has the composite at all.
Result<PlanNode> SearchPlanner::PlanComposite(const Site& site,
                                              const fhir::CompositeTerm& term) const {
  const auto info = definitions_.parameters.Find(site.parameter);
  if (!info.has_value() || info->components.size() != term.components.size()) {
    return Error{ErrorKind::kInternal, "a composite without its components"};
  }
  PlanNode all = MakeNode(Kind::kAnd, site.label);
  PlanNode several = MakeNode(Kind::kOr, "several");
  for (size_t i = 0; i < term.components.size(); ++i) {
    const Site part{site.type, info->components[i].parameter, fhir::Modifier::kNone,
                    site.label + "." + std::to_string(i)};
    TRY(PlanNode node, PlanTerm(part, term.components[i]));
    all.operands.push_back(std::move(node));
    PlanNode more = MakeNode(Kind::kSets, "several");
    more.sure_spans.push_back(SpanOfPosting(Prefix(part, PostingKind::kSeveral)));
    several.operands.push_back(std::move(more));
  }
  all.operands.push_back(Present(site, "present"));
  TRY(const auto pairs, PairsOf(site, *info, term.components[0]));
  std::vector<PlanNode> operands;
  if (!pairs.has_value()) {
    operands.push_back(std::move(all));
    operands.push_back(std::move(several));
    return MakeNode(Kind::kUnsure, "composite", std::move(operands));
  }
  std::vector<PlanNode> one_value;
  one_value.push_back(std::move(several));
  all.operands.push_back(MakeNode(Kind::kNot, "not several", std::move(one_value)));
  operands.push_back(std::move(all));
  for (const std::string& pair : *pairs) {
    const Site beside{site.type, info->components[1].parameter, fhir::Modifier::kNone,
                      site.label + " pair", pair};
    TRY(PlanNode node, PlanTerm(beside, term.components[1]));
    operands.push_back(std::move(node));
  }
  return MakeNode(Kind::kOr, "composite", std::move(operands));
}

// Where the keys of what is beside the token begin; nullopt: the composite has none, or they are
// not found by this token.
Result<std::optional<std::vector<std::string>>> SearchPlanner::PairsOf(
    const Site& site, const fhir::ParameterInfo& composite, const fhir::QueryTerm& term) const {
  std::vector<std::string> pairs;
  const auto* token = std::get_if<fhir::TokenTerm>(&term.value);
  if (token == nullptr || token->code.empty() || !HasPairs(definitions_.parameters, composite)) {
    return std::optional<std::vector<std::string>>();
  }
  for (const std::string& head : {TokenHead(token->code, true), TokenHead(token->key, false)}) {
    if (token->match != fhir::SystemMatch::kAny) {
      pairs.push_back(HashKey(site, PostingKind::kPair, head, token->system));
      continue;
    }
    // Of any system: those that there are.
    const KeySpan span = HeadSpan(site, PostingKind::kPair, head);
    const size_t size = span.begin.size() + kPostingTailBytes;
    const auto cursor = reader_.snapshot().Scan(kPosting, {span.begin, span.end});
    while (cursor->Valid()) {
      TRY(reader_.budget().SpendKey());
      if (pairs.size() == kPairsMax) return std::optional<std::vector<std::string>>();
      pairs.emplace_back(cursor->key().substr(0, size));
      cursor->Seek(kv::PrefixRange(pairs.back()).end);
    }
    TRY(cursor->status());
  }
  return std::optional(std::move(pairs));
}

Result<PlanNode> SearchPlanner::PlanCompartment(const fhir::Compartment& compartment,
                                                fhir::TypeId type) const {
  PlanNode node = MakeNode(Kind::kOr, "compartment");
  if (type == compartment.type) {
    PlanNode own = MakeNode(Kind::kFixed, "_id");
    std::string value;
    TRY(const bool found,
        reader_.snapshot().Get(kCurrent, CurrentKey(type, compartment.id), &value));
    if (found) {
      TRY(const CurrentRecord current, DecodeCurrent(value));
      own.fixed.sure.Add(current.ordinal);
    }
    node.operands.push_back(std::move(own));
  }
  for (const uint16_t index : fhir::CompartmentParameters(compartment.type, type)) {
    const fhir::SearchParameter& parameter = fhir::SearchParameters()[index];
    PlanNode referring = MakeNode(Kind::kSets, std::string(parameter.code.view()));
    referring.sure_spans.push_back(
        SpanOfPosting(ReferenceKey(type, parameter.number, compartment.type, compartment.id)));
    node.operands.push_back(std::move(referring));
  }
  return node;
}

PlanNode SearchPlanner::PlanContainers(const fhir::SearchQuery& query, fhir::TypeId type) const {
  PlanNode node = MakeNode(Kind::kSets, "contains");
  const Site site{type, fhir::kParameterContained, fhir::Modifier::kNone, {}};
  if (query.types.empty()) {
    node.open_spans.push_back(SpanOfPrefix(Prefix(site, PostingKind::kHash)));
  }
  for (const fhir::TypeId contained : query.types) {
    node.open_spans.push_back(
        SpanOfPosting(HashKey(site, PostingKind::kHash, fhir::TypeName(contained), {})));
  }
  return node;
}

PlanNode SearchPlanner::PlanChainWithin(const fhir::Criterion& chain, fhir::TypeId type) const {
  const Site site{type, fhir::kParameterContained, fhir::Modifier::kNone, "contains"};
  PlanNode containing = MakeNode(Kind::kSets, site.label);
  const std::string prefix = Prefix(site, PostingKind::kHash);
  std::set<std::string> wanted;
  for (const fhir::Criterion& operand : chain.operands) {
    wanted.insert(HashKey(site, PostingKind::kHash, fhir::TypeName(operand.type), {}));
  }
  // Few types are contained: a scan of all finds that there are none sooner than one seek for each.
  KeySpan span = SpanOfPrefix(prefix);
  span.accepts = [wanted = std::move(wanted)](std::string_view posting) {
    return wanted.contains(std::string(posting));
  };
  containing.open_spans.push_back(std::move(span));
  std::vector<PlanNode> both;
  both.push_back(std::move(containing));
  both.push_back(OpenPresent({type, chain.parameter, fhir::Modifier::kNone, {}}, "present"));
  return MakeNode(Kind::kAnd, "refers within", std::move(both));
}

// ---- Terms ----

std::string SearchPlanner::Prefix(const Site& site, PostingKind kind) const {
  std::string prefix = site.pair;
  if (prefix.empty()) {
    AppendPostingPrefix(&prefix, site.type, site.parameter, kind);
  } else {
    prefix.push_back(static_cast<char>(kind));
  }
  return prefix;
}

std::string SearchPlanner::HashKey(const Site& site, PostingKind kind, std::string_view head,
                                   std::string_view tail) const {
  std::string key = Prefix(site, kind);
  hash_.AppendHead(&key, head);
  hash_.AppendTail(&key, tail);
  return key;
}

std::string SearchPlanner::ReferenceKey(fhir::TypeId source, fhir::ParameterNumber parameter,
                                        fhir::TypeId target, std::string_view id) const {
  const Site site{source, parameter, fhir::Modifier::kNone, {}};
  return HashKey(site, PostingKind::kHash, id, fhir::TypeName(target));
}

KeySpan SearchPlanner::HeadSpan(const Site& site, PostingKind kind, std::string_view head) const {
  std::string prefix = Prefix(site, kind);
  hash_.AppendHead(&prefix, head);
  return SpanOfPrefix(prefix);
}

PlanNode SearchPlanner::Present(const Site& site, std::string label) const {
  PlanNode node = MakeNode(Kind::kSets, std::move(label));
  node.sure_spans.push_back(SpanOfPosting(Prefix(site, PostingKind::kPresent)));
  return node;
}

PlanNode SearchPlanner::OpenPresent(const Site& site, std::string label) const {
  PlanNode node = Present(site, std::move(label));
  std::swap(node.sure_spans, node.open_spans);
  return node;
}

PlanNode SearchPlanner::UnlessSeveral(const Site& site, PlanNode node) const {
  PlanNode several = MakeNode(Kind::kSets, "several");
  several.sure_spans.push_back(SpanOfPosting(Prefix(site, PostingKind::kSeveral)));
  std::string label = node.label;
  std::vector<PlanNode> operands;
  operands.push_back(std::move(node));
  operands.push_back(std::move(several));
  return MakeNode(Kind::kUnsure, std::move(label), std::move(operands));
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::TokenTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  const bool identifier = site.modifier == fhir::Modifier::kIdentifier;
  const PostingKind kind = identifier ? PostingKind::kIdentifier : PostingKind::kHash;
  if (term.code.empty() && term.match == fhir::SystemMatch::kAny) return Present(site, site.label);
  if (term.code.empty()) {
    std::string tail;
    hash_.AppendTail(&tail, term.system);
    KeySpan span = SpanOfPrefix(Prefix(site, kind));
    span.accepts = [tail](std::string_view posting) { return posting.ends_with(tail); };
    node.sure_spans.push_back(std::move(span));
    return node;
  }
  std::vector<std::string> heads;
  if (identifier) {
    heads = {term.key};
  } else {
    heads = {TokenHead(term.code, true), TokenHead(term.key, false)};
  }
  for (const std::string& head : heads) {
    node.sure_spans.push_back(term.match == fhir::SystemMatch::kAny
                                  ? HeadSpan(site, kind, head)
                                  : SpanOfPosting(HashKey(site, kind, head, term.system)));
  }
  return node;
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::OfTypeTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  node.sure_spans.push_back(
      SpanOfPosting(HashKey(site, PostingKind::kTypedIdentifier,
                            TypedIdentifierHead(term.type_code, term.key), term.type_system)));
  return node;
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::StringTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  const std::string prefix = Prefix(site, PostingKind::kText);
  const std::string part = term.folded.substr(0, kPostingTextBytesMax);
  switch (site.modifier) {
    case fhir::Modifier::kExact: {
      std::string key = prefix;
      const std::string_view exact = term.exact;
      AppendTextValue(&key, term.folded, &exact, hash_);
      node.sure_spans.push_back(SpanOfPosting(std::move(key)));
      return node;
    }
    case fhir::Modifier::kEquals:
      AddTextScan(
          prefix, false, [wanted = term.folded](std::string_view text) { return text == wanted; },
          &node);
      node.sure_spans.front().begin = prefix + part;
      node.sure_spans.front().end = kv::PrefixRange(prefix + part).end;
      return node;
    case fhir::Modifier::kContains:
      AddTextScan(
          prefix, true,
          [wanted = term.folded](std::string_view text) { return Contains(text, wanted); }, &node);
      return node;
    case fhir::Modifier::kEndsWith:
      AddTextScan(
          prefix, false,
          [wanted = term.folded](std::string_view text) { return text.ends_with(wanted); }, &node);
      return node;
    default: {
      KeySpan span = SpanOfPrefix(prefix + part);
      const bool whole = part.size() == term.folded.size();
      (whole ? node.sure_spans : node.open_spans).push_back(std::move(span));
      return node;
    }
  }
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::UriTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  if (term.version.empty()) {
    node.sure_spans.push_back(HeadSpan(site, PostingKind::kHash, term.uri));
  } else {
    node.open_spans.push_back(HeadSpan(site, PostingKind::kHash, term.uri));
  }
  return node;
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::ReferenceTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  // Versions of literal references have no part in the key.
  const bool local = term.form == fhir::ReferenceForm::kLocal;
  auto& spans = local && !term.version.empty() ? node.open_spans : node.sure_spans;
  if (local && !term.types.empty()) {
    for (const fhir::TypeId target : term.types) {
      spans.push_back(
          SpanOfPosting(HashKey(site, PostingKind::kHash, term.id, fhir::TypeName(target))));
    }
  } else if (local) {
    spans.push_back(HeadSpan(site, PostingKind::kHash, term.id));
  } else if (term.version.empty()) {
    spans.push_back(HeadSpan(site, PostingKind::kHash, term.url));
  } else {
    spans.push_back(SpanOfPosting(HashKey(site, PostingKind::kHash, term.url, term.version)));
  }
  return node;
}

PlanNode SearchPlanner::Ranges(const Site& site, const BucketAxis& axis, Canonical canonical,
                               fhir::Prefix prefix, const std::string& low,
                               const std::string& high) const {
  const bool plain = canonical == Canonical::kNo;
  const std::string point =
      Prefix(site, plain ? PostingKind::kPoint : PostingKind::kCanonicalPoint);
  const std::string of_low = Prefix(site, plain ? PostingKind::kLow : PostingKind::kCanonicalLow);
  const std::string of_high =
      Prefix(site, plain ? PostingKind::kHigh : PostingKind::kCanonicalHigh);
  const bool stamped = axis.levels() > 4;  // All points, with all levels.
  const BucketKind points{point, axis.levels(), stamped ? axis.levels() - 1 : axis.point_level()};
  const BucketKind lows{of_low, axis.point_level() + 1, axis.point_level()};
  const BucketKind highs{of_high, axis.point_level() + 1, axis.point_level()};
  const EndConditions conditions = ConditionsOf(prefix, low, high);
  const std::string label = site.label + " " + std::string(fhir::PrefixText(prefix));
  if (!conditions.both) {
    PlanNode node = MakeNode(Kind::kSets, label);
    if (conditions.of_low) {
      AddRangeSpans(axis, points, *conditions.of_low, &node);
      AddRangeSpans(axis, lows, *conditions.of_low, &node);
    }
    if (conditions.of_high) {
      AddRangeSpans(axis, points, *conditions.of_high, &node);
      AddRangeSpans(axis, highs, *conditions.of_high, &node);
    }
    return node;
  }
  // A point has both ends between the query's; of wider values each end has sets of its own, and
  // in a resource of several values the two may be of different ones.
  PlanNode inside = MakeNode(Kind::kSets, label);
  AddRangeSpans(axis, points, {.low = RangeEnd{low, true}, .high = RangeEnd{high, true}}, &inside);
  std::vector<PlanNode> ends;
  ends.push_back(MakeNode(Kind::kSets, "low end"));
  ends.push_back(MakeNode(Kind::kSets, "high end"));
  AddRangeSpans(axis, lows, *conditions.of_low, &ends[0]);
  AddRangeSpans(axis, highs, *conditions.of_high, &ends[1]);
  std::vector<PlanNode> either;
  either.push_back(std::move(inside));
  either.push_back(UnlessSeveral(site, MakeNode(Kind::kAnd, label, std::move(ends))));
  return MakeNode(Kind::kOr, label, std::move(either));
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::DateTerm& term) const {
  const int64_t high = term.range.high_us;
  const bool stamped =
      site.parameter == stamped_.last_updated || site.parameter == fhir::kParameterCreatedAt;
  return Ranges(site, BucketAxis(stamped ? BucketAxis::kInstant : BucketAxis::kDate),
                Canonical::kNo, term.prefix, TimeKey(term.range.low_us),
                TimeKey(high == fhir::kTimeMax ? high : high - 1));
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::NumberTerm& term) const {
  return Ranges(site, BucketAxis(BucketAxis::kNumber), Canonical::kNo, term.prefix, term.low,
                term.high);
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::QuantityTerm& term) const {
  const BucketAxis axis(BucketAxis::kNumber);
  PlanNode value =
      Ranges(site, axis, Canonical::kNo, term.number.prefix, term.number.low, term.number.high);
  if (term.code.empty() && term.match == fhir::SystemMatch::kAny) return value;
  PlanNode unit = MakeNode(Kind::kSets, "unit");
  if (term.match == fhir::SystemMatch::kAny) {
    unit.sure_spans.push_back(HeadSpan(site, PostingKind::kHash, term.code));
    unit.sure_spans.push_back(HeadSpan(site, PostingKind::kHash, UnitTextHead(term.code)));
  } else if (term.code.empty()) {
    return UnitOfSystem(site, term, std::move(value));
  } else {
    unit.sure_spans.push_back(
        SpanOfPosting(HashKey(site, PostingKind::kHash, term.code, term.system)));
  }
  PlanNode written = Both(site, std::move(value), std::move(unit));
  if (term.canonical_unit.empty()) return written;
  PlanNode canonical = Ranges(site, axis, Canonical::kYes, term.canonical.prefix,
                              term.canonical.low, term.canonical.high);
  PlanNode canonical_unit = MakeNode(Kind::kSets, "canonical unit");
  canonical_unit.sure_spans.push_back(
      SpanOfPosting(HashKey(site, PostingKind::kHash, CanonicalUnitHead(term.canonical_unit), {})));
  // Where a value has the canonical unit, that alone decides: what only the written form gives is
  // looked at.
  std::vector<PlanNode> doubted;
  doubted.push_back(std::move(written));
  doubted.push_back(MakeNode(Kind::kAll, "canonical decides"));
  std::vector<PlanNode> either;
  either.push_back(Both(site, std::move(canonical), std::move(canonical_unit)));
  either.push_back(MakeNode(Kind::kUnsure, "as written", std::move(doubted)));
  return MakeNode(Kind::kOr, site.label, std::move(either));
}

PlanNode SearchPlanner::Both(const Site& site, PlanNode value, PlanNode unit) const {
  std::vector<PlanNode> both;
  both.push_back(std::move(value));
  both.push_back(std::move(unit));
  return UnlessSeveral(site, MakeNode(Kind::kAnd, site.label, std::move(both)));
}

// Any unit of a system, or any without: the tails of all units.
PlanNode SearchPlanner::UnitOfSystem(const Site& site, const fhir::QuantityTerm& term,
                                     PlanNode value) const {
  std::string tail;
  hash_.AppendTail(&tail, term.system);
  KeySpan span = SpanOfPrefix(Prefix(site, PostingKind::kHash));
  span.accepts = [tail](std::string_view posting) { return posting.ends_with(tail); };
  PlanNode unit = MakeNode(Kind::kSets, "unit");
  unit.open_spans.push_back(std::move(span));
  return Both(site, std::move(value), std::move(unit));
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::NearTerm&) const {
  return OpenPresent(site, site.label);
}

PlanNode SearchPlanner::Of(const Site& site, const fhir::WordTerm& term) const {
  PlanNode node = MakeNode(Kind::kSets, site.label);
  std::string key = Prefix(site, PostingKind::kWord) + term.word;
  if (term.prefix) {
    node.sure_spans.push_back(SpanOfPrefix(key));
  } else {
    key.push_back('\0');
    node.sure_spans.push_back(SpanOfPosting(std::move(key)));
  }
  return node;
}

}  // namespace tarn::fhir_store
