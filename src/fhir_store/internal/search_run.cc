#include "fhir_store/internal/search_run.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/check.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/includes.h"
#include "fhir_store/internal/ordered_walk.h"
#include "json/writer.h"

namespace tarn::fhir_store {
namespace {

// Up to here the reference keys of targets are looked up one by one; beyond, all keys of the
// parameter are scanned.
constexpr uint64_t kFewTargets = 2'000;
// Up to here sources give their references from their bodies.
constexpr uint64_t kFewSources = 1'000;
// What reading one thing takes, for choosing between plans; measured, in microseconds.
constexpr double kBodyUs = 20;     // A body, and its values extracted.
constexpr double kLookUpUs = 16;   // An id and the posting that it is in.
constexpr double kStepUs = 0.8;    // The next key of a scan.
constexpr double kReferredUs = 9;  // The same, for whether a result is referred to.
// Results that are looked at for a deferred chain, over what was expected.
constexpr double kPatience = 4;
constexpr uint64_t kDeferredMin = 200;
constexpr uint64_t kWindowGrowth = 4;
// Posting hashes are compared by all of their bytes.
constexpr size_t kHashBytes = kPostingHeadBytes + kPostingTailBytes;

void ExplainNode(const PlanNode& node, json::Writer* out) {
  out->BeginObject().Key("what").String(node.label);
  out->Key("estimated").Int(static_cast<int64_t>(node.estimated));
  if (node.actual_sure.has_value()) {
    out->Key("sure").Int(static_cast<int64_t>(*node.actual_sure));
    out->Key("open").Int(static_cast<int64_t>(node.actual_open));
    out->Key("keysRead").Int(static_cast<int64_t>(node.keys_read));
  } else {
    out->Key("skipped").Bool(true);
  }
  if (!node.operands.empty()) {
    constexpr const char* kNames[] = {"all", "sets", "found", "and", "or", "not", "unless"};
    out->Key(kNames[static_cast<size_t>(node.kind)]).BeginArray();
    for (const PlanNode& operand : node.operands) ExplainNode(operand, out);
    out->EndArray();
  }
  out->EndObject();
}

}  // namespace

SearchRun::SearchRun(const StoreState& state, const SearchDefinitions& definitions,
                     const SearchRequest& request)
    : state_(state),
      definitions_(definitions),
      request_(request),
      query_(*request.query),
      snapshot_(state.kv.GetSnapshot()),
      budget_(request.limits, state.clock, request.cancelled, state.options.search_memory.get()),
      reader_(*snapshot_, budget_),
      judge_(state, definitions, *snapshot_, budget_, related_, request.compatibility),
      planner_(
          definitions, state.index->hash(), reader_,
          [this](const fhir::Criterion& criterion, fhir::TypeId type) {
            return Related(criterion, type);
          },
          request.compatibility),
      digest_(QueryDigest(query_)),
      whole_(query_.summary == fhir::Summary::kCount || query_.total == fhir::Total::kAccurate),
      defers_(request.tuning.defer_chains && query_.contained == fhir::Contained::kFalse) {
  related_.is_referred = [this](const fhir::Criterion& has, fhir::TypeId type, Ordinal ordinal) {
    return IsReferred(has, type, ordinal);
  };
}

uint64_t SearchRun::Wanted() const {
  return std::min(query_.count.value_or(request_.count_default), request_.count_max) + uint64_t{1};
}

Result<SearchPage> SearchRun::Run() {
  TRY(Check());
  TRY(ReadToken());
  TRY(Resolve());
  TRY(FindAll());
  SearchPage page;
  TRY(Total(&page));
  if (changes_.too_many) {
    page.notes.push_back({.severity = "information",
                          .code = "informational",
                          .diagnostics = "more than " + std::to_string(kPagingChangesMax) +
                                         " changes since the first page: this page is of the "
                                         "newest state",
                          .expression = ""});
  }
  const uint64_t count = Wanted() - 1;
  if (query_.summary == fhir::Summary::kCount || count == 0) return page;
  TRY(std::vector<ResultItem> items, Page(count + 1));
  TRY(FillPage(std::move(items), static_cast<uint32_t>(count), &page));
  // A first page that is the last one has all of them.
  if (!continues_ && page.next_token.empty() && query_.total != fhir::Total::kNone) {
    page.total = page.matches.size();
    page.total_is_estimate = false;
  }
  TRY(AddIncludes(query_, request_.limits, definitions_, planner_, reader_, &judge_, &page));
  return page;
}

// `items`: one more than `count` when there are more. A resource may be several matches, which stay
// together on one page.
Status SearchRun::FillPage(std::vector<ResultItem> items, uint32_t count, SearchPage* page) {
  size_t shown = 0;
  for (const ResultItem& item : items) {
    if (page->matches.size() >= count) break;
    const size_t before = page->matches.size();
    TRY(AddMatches(item, page));
    if (page->matches.size() > count && before > 0) {
      page->matches.resize(before);
      break;
    }
    ++shown;
  }
  if (shown < items.size()) {
    page->next_token =
        EncodePageToken({.sequence = token_.sequence, .after = items[shown - 1].place}, digest_,
                        state_.index->page_secret());
  }
  return Ok();
}

Status SearchRun::AddMatches(const ResultItem& item, SearchPage* page) {
  TRY(const bool found, judge_.Load(item.place.type, item.place.ordinal, item.version));
  if (!found) return Error{ErrorKind::kCorrupt, "a result without a body"};
  if (query_.contained_type == fhir::ContainedType::kContainer ||
      query_.contained == fhir::Contained::kFalse) {
    TRY(Version version, judge_.TakeVersion());
    page->matches.push_back(std::move(version));
    return Ok();
  }
  bool itself = false;
  if (query_.contained == fhir::Contained::kBoth && IsAsked(item.place.type)) {
    TRY(itself, judge_.Matches(*criteria_));
  }
  TRY(auto contained, judge_.MatchingContained(*criteria_));
  TRY(Version container, judge_.TakeVersion());
  Version named = container;
  named.body.clear();
  if (itself) page->matches.push_back(std::move(container));
  for (SearchJudge::Contained& resource : contained) {
    page->matches.push_back(named);
    page->matches.back().body = std::move(resource.text);
    page->matches.back().contained_id = std::move(resource.id);
  }
  return Ok();
}

Status SearchRun::Check() const {
  if (!state_.index->complete()) {
    return Error{ErrorKind::kUnavailable, "the search index of this data store is being built: " +
                                              std::to_string(state_.index->done()) + " of " +
                                              std::to_string(state_.index->all()) + " resources"};
  }
  TRY(CheckContained());
  for (const fhir::SortKey& key : query_.sort) {
    if (key.parameter == fhir::kNoParameter || key.search_type == fhir::SearchType::kComposite ||
        key.search_type == fhir::SearchType::kSpecial) {
      return Error{ErrorKind::kUnsupported, "sorting by '" + key.code + "' is not supported"};
    }
  }
  return Ok();
}

Status SearchRun::ReadToken() {
  token_.sequence = snapshot_->sequence();
  continues_ = !query_.page_token.empty();
  if (!continues_) return Ok();
  TRY(token_,
      DecodePageToken(query_.page_token, digest_, query_.sort.size(), state_.index->page_secret()));
  TRY(changes_, ChangesSince(*snapshot_, token_.sequence));
  return Ok();
}

Status SearchRun::FindAll() {
  std::vector<fhir::TypeId> types = query_.types;
  if (types.empty() || query_.contained != fhir::Contained::kFalse) {
    types.clear();
    for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) types.push_back(type);
  }
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  if (query_.contained != fhir::Contained::kFalse) {
    for (const fhir::StatedCriterion& stated : criteria_->criteria) {
      TRY(FindRelated(stated.criterion));
    }
  }
  for (const fhir::TypeId type : types) {
    TRY(const LiveSet* live, Live(type));
    const bool changed = changes_.by_type.contains(type);
    if (live->end() == 0 && !changed && types.size() > 1) continue;
    results_.emplace_back().type = type;
    TRY(Find(&results_.back()));
  }
  return Ok();
}

Result<LiveSet*> SearchRun::Live(fhir::TypeId type) {
  const auto found = live_.find(type);
  if (found != live_.end()) return &found->second;
  TRY(LiveSet live, LiveSet::Open(*snapshot_, budget_, type));
  return &live_.emplace(type, std::move(live)).first->second;
}

Status SearchRun::Find(TypeResults* results) {
  const fhir::TypeId type = results->type;
  TRY(results->plan, PlanType(type));
  TRY(LiveSet* const live, Live(type));
  PlanEvaluator evaluator(reader_, *live);
  TRY(evaluator.Estimate(&results->plan));
  const SearchTuning& tuning = request_.tuning;
  const bool may_cut = !whole_ && query_.contained == fhir::Contained::kFalse &&
                       query_.sort.empty() && live->count() > tuning.window_ordinals;
  results->by_windows = may_cut && results->plan.estimated_keys > tuning.keys_at_once;
  if (!results->by_windows) {
    if (may_cut) budget_.PauseAfter(tuning.keys_at_once);
    auto bounds = evaluator.Evaluate(&results->plan);
    results->by_windows = budget_.paused();
    budget_.Continue();
    if (!results->by_windows) {
      TRY(results->bounds, std::move(bounds));
      LeaveOutChanged(results);
    }
  }
  if (changes_.by_type.contains(type)) TRY(JudgeEarlier(results));
  return whole_ ? DecideAll(type, nullptr, &results->bounds) : Ok();
}

void SearchRun::LeaveOutChanged(TypeResults* results) {
  const auto changed = changes_.by_type.find(results->type);
  if (changed == changes_.by_type.end()) return;
  results->bounds.sure.Subtract(changed->second.changed);
  results->bounds.open.Subtract(changed->second.changed);
}

Result<bool> SearchRun::IsResult() {
  return query_.contained == fhir::Contained::kFalse ? judge_.Matches(*criteria_)
                                                     : IsContainedResult();
}

Status SearchRun::JudgeEarlier(TypeResults* results) {
  for (const auto& [ordinal, version] : changes_.by_type[results->type].before) {
    TRY(const bool existed, judge_.Load(results->type, ordinal, version));
    if (!existed) continue;
    TRY(const bool matches, IsResult());
    if (matches) results->earlier[ordinal] = version;
  }
  return Ok();
}

// Without a criterion: by the whole query.
Status SearchRun::DecideAll(fhir::TypeId type, const fhir::Criterion* criterion, Bounds* bounds) {
  Status status = Ok();
  OrdinalSet matching;
  bounds->open.Visit(0, [&](Ordinal ordinal) {
    status = [&]() -> Status {
      TRY(const bool live, judge_.Load(type, ordinal));
      if (!live) return Ok();
      TRY(const bool matches, criterion == nullptr ? IsResult() : judge_.Matches(*criterion));
      if (matches) matching.Add(ordinal);
      return Ok();
    }();
    return status.ok();
  });
  TRY(std::move(status));
  bounds->sure.UnionWith(matching);
  bounds->open = {};
  return Ok();
}

// ---- Chains ----

Result<OrdinalSet> SearchRun::Exact(const fhir::Criterion& criterion, fhir::TypeId type) {
  TRY(LiveSet* const live, Live(type));
  ++within_chain_;
  auto planned = planner_.Plan(criterion, type);
  --within_chain_;
  TRY(PlanNode plan, std::move(planned));
  PlanEvaluator evaluator(reader_, *live);
  TRY(evaluator.Estimate(&plan));
  TRY(Bounds bounds, evaluator.Evaluate(&plan));
  TRY(DecideAll(type, &criterion, &bounds));
  return std::move(bounds.sure);
}

Status SearchRun::CheckChain(const OrdinalSet& found) const {
  const bool bounded = request_.compatibility == fhir::Compatibility::kHealthLake;
  if (!bounded || found.Count() <= kHealthLakeChainMax) return Ok();
  return Error{ErrorKind::kTooLarge, "a step of a chain finds more than " +
                                         std::to_string(kHealthLakeChainMax) +
                                         " resources, which is HealthLake's limit (tarn:compat)"};
}

bool SearchRun::Defers(double share, double look_us, double set_cost_us) {
  if (whole_ || within_chain_ > 0 || !defers_) return false;
  const double bodies = static_cast<double>(Wanted()) / std::max(share, 1e-6);
  if (!request_.tuning.always_defer && 2 * bodies * look_us > set_cost_us) return false;
  // As many as the set would have cost: what was expected may come late, since resources that are
  // alike often lie together.
  const double patience = std::max(kPatience * bodies, set_cost_us / look_us);
  const auto most = static_cast<double>(request_.limits.bodies_max / 2);
  deferred_max_ =
      std::max({deferred_max_, static_cast<uint64_t>(std::min(patience, most)), kDeferredMin});
  return true;
}

Result<PlanNode> SearchRun::Related(const fhir::Criterion& criterion, fhir::TypeId type) {
  if (criterion.kind == fhir::Criterion::Kind::kHas) return RelatedByHas(criterion, type);
  auto& targets = related_.targets[&criterion];
  targets.clear();
  uint64_t found = 0;
  uint64_t all = 0;
  for (const fhir::Criterion& operand : criterion.operands) {
    TRY(OrdinalSet of_operand, Exact(operand, operand.type));
    TRY(CheckChain(of_operand));
    TRY(const LiveSet* live, Live(operand.type));
    found += of_operand.Count();
    all += live->count();
    targets.emplace_back(operand.type, std::move(of_operand));
  }
  const std::string label = "chain " + criterion.code;
  const auto count = static_cast<double>(found);
  const double set_cost_us =
      found <= kFewTargets ? count * kLookUpUs : static_cast<double>(all) * kStepUs;
  if (found > 0 && Defers(count / static_cast<double>(all), kBodyUs, set_cost_us)) {
    PlanNode open = MakeNode(PlanNode::Kind::kSets, label + ", decided one by one");
    std::string present;
    AppendPostingPrefix(&present, type, criterion.parameter, PostingKind::kPresent);
    open.open_spans.push_back(SpanOfPosting(std::move(present)));
    return open;
  }
  PlanNode sources = MakeNode(PlanNode::Kind::kFixed, label);
  for (const auto& [target_type, of_operand] : targets) {
    TRY(const OrdinalSet some, SourcesOf(criterion, type, target_type, of_operand));
    sources.fixed.sure.UnionWith(some);
  }
  std::vector<PlanNode> either;
  either.push_back(std::move(sources));
  // Whether what a resource contains is meant, its body tells.
  either.push_back(planner_.PlanChainWithin(criterion, type));
  return MakeNode(PlanNode::Kind::kOr, label, std::move(either));
}

Result<PlanNode> SearchRun::RelatedByHas(const fhir::Criterion& has, fhir::TypeId type) {
  const fhir::Criterion& inner = has.operands.at(0);
  TRY(OrdinalSet sources, Exact(inner, inner.type));
  TRY(CheckChain(sources));
  TRY(const LiveSet* live, Live(type));
  const auto count = static_cast<double>(sources.Count());
  const auto all = static_cast<double>(live->count());
  const double set_cost_us = sources.Count() <= kFewSources ? count * kBodyUs : all * 2 * kStepUs;
  const std::string label = "_has " + has.code;
  // Where there are more sources than resources, up to four of them refer to the same one.
  constexpr double kSourcesOfOne = 4;
  const double of_one = std::clamp(count / std::max(all, 1.0), 1.0, kSourcesOfOne);
  const double share = std::min(1.0, count / std::max(all, 1.0) / of_one);
  if (count > 0 && all > 0 && Defers(share, kReferredUs, set_cost_us)) {
    related_.sources[&has] = std::move(sources);
    std::vector<PlanNode> open;
    open.push_back(MakeNode(PlanNode::Kind::kAll, "all"));
    open.push_back(MakeNode(PlanNode::Kind::kAll, "all"));
    return MakeNode(PlanNode::Kind::kUnsure, label + ", decided one by one", std::move(open));
  }
  PlanNode referred = MakeNode(PlanNode::Kind::kFixed, label);
  TRY(referred.fixed.sure, ReferredBy(has, type, sources));
  related_.referred[{&has, type}] = referred.fixed.sure;
  return referred;
}

Result<bool> SearchRun::IsReferred(const fhir::Criterion& has, fhir::TypeId type, Ordinal ordinal) {
  const auto sources = related_.sources.find(&has);
  CHECK(sources != related_.sources.end());
  TRY(const std::string id, judge_.IdOf(type, ordinal));
  OrdinalSet referring;
  TRY(reader_.Read(
      SpanOfPosting(planner_.ReferenceKey(has.operands[0].type, has.parameter, type, id)),
      &sources->second, &referring));
  return referring.Intersects(sources->second);
}

Result<OrdinalSet> SearchRun::SourcesOf(const fhir::Criterion& chain, fhir::TypeId type,
                                        fhir::TypeId target_type, const OrdinalSet& targets) {
  OrdinalSet sources;
  const bool few = targets.Count() <= kFewTargets;
  std::unordered_map<std::string, Ordinal> hashes;
  for (const Ordinal target : targets.Values()) {
    TRY(budget_.SpendKey());
    TRY(const std::string id, judge_.IdOf(target_type, target));
    std::string key = planner_.ReferenceKey(type, chain.parameter, target_type, id);
    if (few) {
      TRY(reader_.Read(SpanOfPosting(std::move(key)), nullptr, &sources));
    } else {
      hashes.emplace(key.substr(key.size() - kHashBytes), target);
    }
  }
  if (few) return sources;
  std::string prefix;
  AppendPostingPrefix(&prefix, type, chain.parameter, PostingKind::kHash);
  KeySpan span = SpanOfPrefix(prefix);
  span.accepts = [&hashes](std::string_view posting) {
    return hashes.contains(std::string(posting.substr(posting.size() - kHashBytes)));
  };
  TRY(reader_.Read(span, nullptr, &sources));
  return sources;
}

Result<OrdinalSet> SearchRun::ReferredBy(const fhir::Criterion& has, fhir::TypeId type,
                                         const OrdinalSet& sources) {
  if (sources.IsEmpty()) return OrdinalSet();
  return sources.Count() <= kFewSources ? ReferredByFew(has, type, sources)
                                        : ReferredByMany(has, type, sources);
}

Result<OrdinalSet> SearchRun::ReferredByFew(const fhir::Criterion& has, fhir::TypeId type,
                                            const OrdinalSet& sources) {
  OrdinalSet referred;
  for (const Ordinal source : sources.Values()) {
    TRY(const bool live, judge_.Load(has.operands.at(0).type, source));
    if (!live) continue;
    TRY(const fhir::IndexValues* values, judge_.Values());
    for (const fhir::IndexValue& value : values->Of(has.parameter)) {
      const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
      if (reference == nullptr || reference->form != fhir::ReferenceForm::kLocal ||
          reference->type != type) {
        continue;
      }
      TRY(const auto ordinal, judge_.FindLive(type, reference->id));
      if (ordinal.has_value()) referred.Add(*ordinal);
    }
  }
  return referred;
}

// The hashes under which any of the sources refers, then every resource's own hash against them.
Result<OrdinalSet> SearchRun::ReferredByMany(const fhir::Criterion& has, fhir::TypeId type,
                                             const OrdinalSet& sources) {
  const fhir::TypeId source_type = has.operands.at(0).type;
  std::string prefix;
  AppendPostingPrefix(&prefix, source_type, has.parameter, PostingKind::kHash);
  std::unordered_map<std::string, bool> hashes;
  const auto postings = snapshot_->Scan(kPosting, kv::PrefixRange(prefix));
  for (; postings->Valid(); postings->Next()) {
    TRY(budget_.SpendKey());
    TRY(const uint32_t chunk, PostingChunk(postings->key()));
    const auto of_chunk = sources.chunks().find(chunk);
    if (of_chunk == sources.chunks().end()) continue;
    TRY(const kv::Bits bits, kv::Bits::Decode(postings->value()));
    if (bits.IntersectionCount(of_chunk->second) == 0) continue;
    hashes[std::string(postings->key().substr(prefix.size(), kHashBytes))] = true;
  }
  TRY(postings->status());
  OrdinalSet referred;
  const auto idents = snapshot_->Scan(kIdent, kv::PrefixRange(TypePrefix(type)));
  for (; idents->Valid(); idents->Next()) {
    TRY(budget_.SpendKey());
    TRY(const std::string id, UnpackId(idents->value()));
    const std::string key = planner_.ReferenceKey(source_type, has.parameter, type, id);
    if (!hashes.contains(key.substr(key.size() - kHashBytes))) continue;
    TRY(const Ordinal ordinal, ParseIdentKey(idents->key()));
    referred.Add(ordinal);
  }
  TRY(idents->status());
  TRY(LiveSet* const live, Live(type));
  TRY(live->Keep(&referred));
  return referred;
}

// ---- The page ----

Status SearchRun::Total(SearchPage* page) {
  // A count is nothing but its total.
  const bool unwanted =
      query_.total == fhir::Total::kNone && query_.summary != fhir::Summary::kCount;
  if (unwanted) return Ok();
  uint64_t sure = 0;
  uint64_t open = 0;
  for (const TypeResults& results : results_) {
    if (results.by_windows) {
      open += std::max<uint64_t>(results.plan.estimated, 1);
      continue;
    }
    sure += results.bounds.sure.Count() + results.earlier.size();
    open += results.bounds.open.Count();
  }
  if (open == 0) {
    page->total = sure;
  } else if (query_.total == fhir::Total::kEstimate) {
    page->total = sure + open / 2;
    page->total_is_estimate = true;
  }
  return Ok();
}

bool SearchRun::IsPast(const ResultPlace& place) const {
  return continues_ && !ComesBefore(query_.sort, token_.after, place);
}

// Finding that out takes no body.
Result<bool> SearchRun::IsExcludedByHas(fhir::TypeId type, Ordinal ordinal) {
  if (related_.sources.empty() || query_.contained != fhir::Contained::kFalse) return false;
  for (const fhir::StatedCriterion& stated : criteria_->criteria) {
    const fhir::Criterion& criterion = stated.criterion;
    if (!related_.sources.contains(&criterion)) continue;
    TRY(const bool referred, IsReferred(criterion, type, ordinal));
    if (!referred) return true;
  }
  return false;
}

// Nothing when it does not match.
Result<std::optional<ResultItem>> SearchRun::ItemOf(const TypeResults& results, Ordinal ordinal) {
  ResultItem item;
  item.place.type = results.type;
  item.place.ordinal = ordinal;
  const bool open = results.bounds.open.Contains(ordinal);
  if (!open && query_.sort.empty()) return std::optional<ResultItem>(std::move(item));
  if (open) {
    if (deferred_max_ > 0 && ++looked_at_ > deferred_max_) {
      gave_up_deferring_ = true;
      return Error{ErrorKind::kBusy, "chains that seldom hold"};
    }
    TRY(const bool excluded, IsExcludedByHas(results.type, ordinal));
    if (excluded) return std::optional<ResultItem>();
  }
  TRY(const bool live, judge_.Load(results.type, ordinal));
  if (!live) return std::optional<ResultItem>();
  if (open) {
    TRY(const bool matches, IsResult());
    if (!matches) return std::optional<ResultItem>();
  }
  if (!query_.sort.empty()) {
    TRY(item.place.values, SortValues());
  }
  return std::optional<ResultItem>(std::move(item));
}

Result<bool> SearchRun::Existed(fhir::TypeId type, std::string_view id) const {
  if (!fhir::IsValidId(id)) return false;
  std::string value;
  TRY(const bool found, snapshot_->Get(kCurrent, CurrentKey(type, id), &value));
  if (!found) return false;
  const auto changed = changes_.by_type.find(type);
  if (changed == changes_.by_type.end()) return true;
  TRY(const CurrentRecord current, DecodeCurrent(value));
  return !changed->second.changed.Contains(current.ordinal) ||
         changed->second.before.contains(current.ordinal);
}

Result<std::vector<std::optional<std::string>>> SearchRun::SortValues() {
  TRY(const fhir::IndexValues* values, judge_.Values());
  return SortValuesOf(query_.sort, *values,
                      [this](fhir::TypeId type, std::string_view id) { return Existed(type, id); });
}

Status SearchRun::AddEarlierItems(const TypeResults& results, std::vector<ResultItem>* out) {
  for (const auto& [ordinal, version] : results.earlier) {
    ResultItem item;
    item.place.type = results.type;
    item.place.ordinal = ordinal;
    item.version = version;
    if (!query_.sort.empty()) {
      TRY(const bool existed, judge_.Load(results.type, ordinal, version));
      if (!existed) continue;
      TRY(item.place.values, SortValues());
    }
    if (!IsPast(item.place)) out->push_back(std::move(item));
  }
  return Ok();
}

Status SearchRun::ItemsInOrdinalOrder(TypeResults* results, size_t wanted,
                                      std::vector<ResultItem>* out) {
  if (continues_ && results->type < token_.after.type) return Ok();
  const bool within = continues_ && results->type == token_.after.type;
  uint64_t first = within ? uint64_t{token_.after.ordinal} + 1 : 0;
  const auto ended = ItemsFrom(results, wanted, &first, nullptr, out);
  return ended.ok() ? Ok() : Status(ended.error());
}

Result<bool> SearchRun::ItemsFrom(TypeResults* results, size_t wanted, uint64_t* first,
                                  uint64_t* looks, std::vector<ResultItem>* out) {
  if (*first > UINT32_MAX) return false;
  const size_t enough = out->size() + wanted;
  Status status = Ok();
  bool more_looks = false;
  results->bounds.Possible().Visit(static_cast<Ordinal>(*first), [&](Ordinal ordinal) {
    if (looks != nullptr && results->bounds.open.Contains(ordinal)) {
      if (*looks == 0) {
        *first = ordinal;
        more_looks = true;
        return false;
      }
      --*looks;
    }
    status = [&]() -> Status {
      TRY(auto item, ItemOf(*results, ordinal));
      if (item.has_value()) out->push_back(*std::move(item));
      return Ok();
    }();
    return status.ok() && out->size() < enough;
  });
  TRY(std::move(status));
  return more_looks;
}

// The page may be full after the first window; else each further one is kWindowGrowth times as
// large. As long as few results have to be looked at, dear conditions are left open.
Status SearchRun::ItemsByWindows(TypeResults* results, size_t wanted,
                                 std::vector<ResultItem>* out) {
  if (continues_ && results->type < token_.after.type) return Ok();
  TRY(LiveSet* const live, Live(results->type));
  PlanEvaluator evaluator(reader_, *live);
  evaluator.LeaveOpenBeyond(request_.tuning.keys_of_a_condition);
  uint64_t looks = request_.tuning.looks_instead;
  const bool within = continues_ && results->type == token_.after.type;
  uint64_t begin = within ? uint64_t{token_.after.ordinal} + 1 : 0;
  uint64_t size = request_.tuning.window_ordinals;
  // Chunks are not cut in two.
  uint64_t end = (begin / size + 1) * size;
  const size_t enough = out->size() + wanted;
  while (begin < live->end() && out->size() < enough) {
    TRY(const OrdinalSet window, live->Between(begin, end));
    if (!window.IsEmpty()) {
      TRY(results->bounds, evaluator.Evaluate(&results->plan, &window));
      LeaveOutChanged(results);
      uint64_t* const bound = evaluator.left_open() ? &looks : nullptr;
      TRY(const bool dear, ItemsFrom(results, enough - out->size(), &begin, bound, out));
      if (dear) {  // From `begin` on by sets, to the end of the same window.
        evaluator.LeaveOpenBeyond(0);
        continue;
      }
    }
    begin = end;
    size *= kWindowGrowth;
    end = begin + size;
  }
  return Ok();
}

Result<std::vector<ResultItem>> SearchRun::Page(size_t wanted) {
  auto items = Items(wanted);
  if (items.ok() || !gave_up_deferring_) return items;
  defers_ = false;
  deferred_max_ = 0;
  results_.clear();
  TRY(FindAll());
  return Items(wanted);
}

Result<std::vector<ResultItem>> SearchRun::Items(size_t wanted) {
  std::vector<ResultItem> items;
  for (TypeResults& results : results_) {
    const size_t before = items.size();
    if (query_.sort.empty()) {
      if (before >= wanted) break;
      TRY(results.by_windows ? ItemsByWindows(&results, wanted - before, &items)
                             : ItemsInOrdinalOrder(&results, wanted - before, &items));
    } else {
      const WalkContext context = {
          .sort = query_.sort,
          .type = results.type,
          .definitions = definitions_,
          .planner = planner_,
          .reader = reader_,
          .few_to_sort = request_.tuning.few_to_sort,
          // A walk that begins at a later value meets resources of several values again.
          .item_of = [&](Ordinal ordinal) -> Result<std::optional<ResultItem>> {
            TRY(auto item, ItemOf(results, ordinal));
            if (item.has_value() && IsPast(item->place)) item.reset();
            return item;
          },
          .values_of = [&](Ordinal ordinal) -> Result<std::vector<std::optional<std::string>>> {
            TRY(const bool live, judge_.Load(results.type, ordinal));
            if (!live) return Error{ErrorKind::kCorrupt, "a live resource without a body"};
            return SortValues();
          },
          .exists = [this](fhir::TypeId type, std::string_view id) { return Existed(type, id); }};
      OrderedWalk walk(context, 0);
      TRY(auto sorted,
          walk.First(results.bounds.Possible(), wanted, continues_ ? &token_.after : nullptr));
      std::move(sorted.begin(), sorted.end(), std::back_inserter(items));
    }
    TRY(AddEarlierItems(results, &items));
  }
  std::sort(items.begin(), items.end(), [this](const ResultItem& a, const ResultItem& b) {
    return ComesBefore(query_.sort, a.place, b.place);
  });
  if (items.size() > wanted) items.resize(wanted);
  return items;
}

std::string SearchRun::Explain() const {
  std::string text;
  json::Writer out(&text);
  out.BeginObject().Key("keysRead").Int(static_cast<int64_t>(budget_.keys()));
  out.Key("bodiesRead").Int(static_cast<int64_t>(budget_.bodies()));
  out.Key("types").BeginArray();
  for (const TypeResults& results : results_) {
    out.BeginObject().Key("type").String(fhir::TypeName(results.type));
    out.Key("live").Int(static_cast<int64_t>(live_.at(results.type).count()));
    if (results.by_windows) out.Key("byWindows").Bool(true);
    out.Key("plan");
    ExplainNode(results.plan, &out);
    out.EndObject();
  }
  out.EndArray().EndObject().Finish();
  return text;
}

}  // namespace tarn::fhir_store
