// One walk finds what all parameters of a type ask for (PathSet); each match then becomes values by
// its data type. Matches are taken in the order of parameter numbers, so that the values of one
// parameter stand together without sorting the values themselves.
#include "fhir/index_values.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "fhir/fhirpath.h"
#include "fhir/internal/arena.h"
#include "fhir/internal/value_sink.h"

namespace tarn::fhir {
namespace {

using internal::DataType;
using internal::Found;
using internal::ValueSink;

// How one expression's matches become values.
struct Rule {
  SearchType type = SearchType::kSpecial;
  const ElementDefinition* code_element = nullptr;  // See CodeElementOf.
};

struct Entry {
  ParameterNumber number = kNoParameter;
  std::string code;
  Rule rule;
  std::vector<Rule> components;
  std::vector<TypeId> targets;
  bool family = false;
  bool id = false;  // `_id`: R4's definitions call its element a plain string.
};

struct TypePlan {
  PathSet paths;
  std::vector<Entry> entries;  // As in `paths`, ascending numbers.
  ParameterNumber text = kNoParameter;
  ParameterNumber content = kNoParameter;
  ParameterNumber last_updated = kNoParameter;
};

using AddFunction = void (*)(const Found&, ValueSink*);

AddFunction AddFunctionOf(SearchType type) {
  switch (type) {
    case SearchType::kNumber:
      return internal::AddNumber;
    case SearchType::kDate:
      return internal::AddDate;
    case SearchType::kString:
      return internal::AddString;
    case SearchType::kToken:
      return internal::AddToken;
    case SearchType::kReference:
      return internal::AddReference;
    case SearchType::kQuantity:
      return internal::AddQuantity;
    case SearchType::kUri:
      return internal::AddUri;
    case SearchType::kSpecial:
      return internal::AddPosition;
    case SearchType::kComposite:
      break;  // Its components have functions.
  }
  return nullptr;
}

std::string_view TrimSpaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The element that a plain path like "Patient.gender" ends at, for the system that its binding
// implies. nullptr for anything less plain.
const ElementDefinition* ElementAt(TypeIndex type, std::string_view path) {
  const ElementDefinition* element = nullptr;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    element = FindElement(type, path.substr(0, dot));
    if (element == nullptr) return nullptr;
    type = element->type;
    path.remove_prefix(dot == path.npos ? path.size() : dot + 1);
  }
  return element;
}

// Of the branches of an expression, the one that begins at the type; of a component's relative
// expression, the only one.
const ElementDefinition* CodeElementOf(TypeIndex type, std::string_view expression) {
  const std::string prefix = std::string(TypeAt(type).name.view()) + ".";
  while (!expression.empty()) {
    const size_t bar = expression.find('|');
    const std::string_view branch = TrimSpaces(expression.substr(0, bar));
    if (branch.starts_with(prefix)) return ElementAt(type, branch.substr(prefix.size()));
    expression.remove_prefix(bar == expression.npos ? expression.size() : bar + 1);
  }
  return nullptr;
}

Result<Entry> MakeEntry(TypeId type, const ParameterInfo& info,
                        const SearchParameterSet& parameters) {
  Entry out;
  out.number = info.number;
  out.code = info.code;
  out.targets.assign(info.targets.begin(), info.targets.end());
  out.family = info.code == "family";
  out.id = info.code == "_id";
  out.rule = {info.type, CodeElementOf(type, info.expression)};
  for (const ParameterComponent& component : info.components) {
    const auto found = parameters.Find(component.parameter);
    if (!found) return Invalid("search parameter " + out.code + ": a component is not known");
    if (found->type == SearchType::kComposite) {
      return Invalid("search parameter " + out.code + ": a component is a composite");
    }
    const ElementDefinition* base = out.rule.code_element;
    const bool typed = base != nullptr && base->type != kUnknownType;
    out.components.push_back(
        {found->type, typed ? ElementAt(base->type, component.expression) : nullptr});
  }
  return out;
}

// R4 writes ofType(DateTime) in Observation's code-value-date, where it means FHIR's dateTime: as
// FHIRPath's System.DateTime it would find nothing.
std::string Corrected(std::string_view expression) {
  std::string out(expression);
  constexpr std::string_view kWrong = "(DateTime)";
  const size_t at = out.find(kWrong);
  if (at != std::string::npos) out.replace(at, kWrong.size(), "(dateTime)");
  return out;
}

Result<TypePlan> MakePlan(TypeId type, const SearchParameterSet& parameters) {
  TypePlan out;
  std::vector<PathSet::Entry> paths;
  std::deque<std::string> corrected;  // Keeps its strings where they are.
  for (const ParameterInfo& info : parameters.Of(type)) {
    if (info.code == "_text") out.text = info.number;
    if (info.code == "_content") out.content = info.number;
    if (info.code == "_lastUpdated") out.last_updated = info.number;
    if (info.expression.empty()) continue;
    TRY(Entry entry, MakeEntry(type, info, parameters));
    out.entries.push_back(std::move(entry));
    PathSet::Entry path;
    path.expression = info.expression;
    for (const ParameterComponent& component : info.components) {
      path.components.push_back(corrected.emplace_back(Corrected(component.expression)));
    }
    paths.push_back(std::move(path));
  }
  TRY(out.paths, PathSet::Compile(type, paths));
  return out;
}

// An order of matches without moving them: by parameter, and those of one composite item together.
struct MatchOrder {
  uint64_t key = 0;  // expression 16, group 32, component 16
  uint32_t match = 0;
  friend bool operator<(const MatchOrder& a, const MatchOrder& b) {
    return a.key != b.key ? a.key < b.key : a.match < b.match;
  }
};

MatchOrder OrderOf(const PathMatch& match, uint32_t index) {
  MatchOrder out;
  out.match = index;
  out.key = static_cast<uint64_t>(match.expression) << 48;
  if (match.component > 0) {
    out.key |= (static_cast<uint64_t>(match.group) << 16) | match.component;
  }
  return out;
}

}  // namespace

struct IndexValues::State {
  TypeId type = kNoType;
  std::vector<IndexValue> values;
  std::vector<IndexValue> components;
  internal::Arena arena;
  internal::UnitMemo units;
  std::vector<MatchOrder> order;
  std::vector<std::string_view> words;
  PathEvaluator evaluator;
};

IndexValues::IndexValues() : state_(std::make_unique<State>()) {}
IndexValues::~IndexValues() = default;

std::span<const IndexValue> IndexValues::values() const { return state_->values; }
TypeId IndexValues::type() const { return state_->type; }

std::span<const IndexValue> IndexValues::Of(ParameterNumber parameter) const {
  const std::vector<IndexValue>& values = state_->values;
  const auto begin = std::lower_bound(
      values.begin(), values.end(), parameter,
      [](const IndexValue& value, ParameterNumber number) { return value.parameter < number; });
  auto end = begin;
  while (end != values.end() && end->parameter == parameter) ++end;
  return {begin, end};
}

std::span<const IndexValue> IndexValues::Components(const CompositeValue& composite) const {
  return std::span<const IndexValue>(state_->components).subspan(composite.first, composite.count);
}

// All types take 120 ms to compile, and most stores see a few: each is compiled at its first use.
struct Extractor::State {
  struct LazyPlan {
    std::once_flag once;
    TypePlan plan;
  };
  SearchParameterSet parameters;
  std::unique_ptr<LazyPlan[]> plans;  // By TypeId.
  std::vector<std::string> base_urls;
  ExtractorOptions options;

  // The plan must compile: R4's own do (a test sees to it), and Make has tried those with custom
  // parameters.
  const TypePlan& Plan(TypeId type) {
    LazyPlan& lazy = plans[type];
    std::call_once(lazy.once, [&] {
      auto plan = MakePlan(type, parameters);
      CHECK(plan.ok());
      lazy.plan = std::move(plan).value();
    });
    return lazy.plan;
  }
};

Extractor::Extractor() : state_(std::make_unique<State>()) {}
Extractor::~Extractor() = default;

Result<std::unique_ptr<Extractor>> Extractor::Make(const SearchParameterSet& parameters,
                                                   ExtractorOptions options) {
  std::unique_ptr<Extractor> out(new Extractor());
  State& state = *out->state_;
  state.base_urls = internal::NormalBaseUrls(options.base_urls);
  state.options = std::move(options);
  state.parameters = parameters;
  state.plans = std::make_unique<State::LazyPlan[]>(TypeCount() + 1u);
  for (const TypeId type : parameters.CustomBases()) {
    TRY(const TypePlan plan, MakePlan(type, parameters));
  }
  return out;
}

namespace {

// The work of one Extract.
class Extraction {
 public:
  Extraction(const TypePlan& plan, const std::vector<std::string>& base_urls,
             std::string_view own_path, IndexValues::State* out);

  Status Paths(const json::Document& document);
  Status Words(const json::Document& document, ParameterNumber parameter, bool narrative_only);
  // An instant that the store knows, instead of what the text may say.
  void Time(ParameterNumber parameter, int64_t time_us);

 private:
  // Values of the matches [begin, end) of one composite item, or none when a component has none.
  void Composite(const Entry& entry, std::span<const PathMatch> matches, size_t begin, size_t end);
  void Add(const Rule& rule, const PathItem& item);
  // Moves the values from `first` on, all of one parameter, to their place.
  void Place(size_t first);
  Status Check(std::string_view code) const;
  const PathMatch& At(std::span<const PathMatch> matches, size_t index) const {
    return matches[out_->order[index].match];
  }

  const TypePlan& plan_;
  IndexValues::State* out_;
  ValueSink sink_;
  bool id_ = false;
};

Extraction::Extraction(const TypePlan& plan, const std::vector<std::string>& base_urls,
                       std::string_view own_path, IndexValues::State* out)
    : plan_(plan), out_(out) {
  sink_.arena = &out->arena;
  sink_.units = &out->units;
  sink_.values = &out->values;
  sink_.base_urls = &base_urls;
  sink_.own_path = own_path;
}

Status Extraction::Check(std::string_view code) const {
  const auto fail = [&](ErrorKind kind, const std::string& what) -> Status {
    return Error{kind, "search parameter " + std::string(code) + ": " + what};
  };
  if (sink_.error) return fail(sink_.error->kind, sink_.error->detail);
  if (out_->values.size() + out_->components.size() > kIndexValuesMax) {
    return fail(ErrorKind::kTooLarge,
                "more than " + std::to_string(kIndexValuesMax) + " index values");
  }
  if (out_->arena.bytes() > kIndexArenaBytesMax) {
    return fail(ErrorKind::kTooLarge,
                "more than " + std::to_string(kIndexArenaBytesMax) + " bytes of index values");
  }
  return Ok();
}

void Extraction::Add(const Rule& rule, const PathItem& item) {
  const AddFunction add = AddFunctionOf(rule.type);
  if (add == nullptr) return;
  Found found;
  found.type = internal::DataTypeOf(item.type);
  if (found.type == DataType::kOther) return;
  if (!item.is_node()) {
    found.text = out_->arena.Copy(PathItemText(item));
  } else if (item.at.node == json::kNoNode) {
    return;  // A primitive with extensions only has no value.
  } else {
    found.document = item.at.document;
    found.node = item.at.node;
    found.text = sink_.Text(*found.document, found.node);
  }
  if (id_ && found.type == DataType::kString) found.type = DataType::kId;
  sink_.code_element = rule.code_element;
  add(found, &sink_);
}

void Extraction::Composite(const Entry& entry, std::span<const PathMatch> matches, size_t begin,
                           size_t end) {
  CompositeValue composite;
  composite.first = static_cast<uint32_t>(out_->components.size());
  sink_.values = &out_->components;
  uint32_t seen = 0;
  for (size_t i = begin; i < end; ++i) {
    const PathMatch& match = At(matches, i);
    sink_.component = static_cast<uint8_t>(match.component - 1);
    const size_t before = out_->components.size();
    Add(entry.components[sink_.component], match.item);
    if (out_->components.size() > before) seen |= 1u << sink_.component;
  }
  sink_.values = &out_->values;
  sink_.component = 0;
  if (seen != (1u << entry.components.size()) - 1) {
    out_->components.resize(composite.first);
    return;
  }
  composite.count = static_cast<uint32_t>(out_->components.size() - composite.first);
  sink_.Add(composite);
}

Status Extraction::Paths(const json::Document& document) {
  TRY(const std::span<const PathMatch> matches, out_->evaluator.Extract(plan_.paths, document, {}));
  out_->order.clear();
  for (uint32_t i = 0; i < matches.size(); ++i) {
    out_->order.push_back(OrderOf(matches[i], i));
  }
  std::sort(out_->order.begin(), out_->order.end());
  for (size_t i = 0; i < out_->order.size();) {
    const PathMatch& match = At(matches, i);
    const Entry& entry = plan_.entries[match.expression];
    sink_.parameter = entry.number;
    sink_.family = entry.family;
    sink_.targets = entry.targets;
    id_ = entry.id;
    size_t end = i + 1;
    if (match.component == 0) {
      // A walk may give one node twice.
      const bool again = i > 0 && At(matches, i - 1).expression == match.expression &&
                         match.item.is_node() && At(matches, i - 1).item.is_node() &&
                         At(matches, i - 1).item.at.node == match.item.at.node;
      if (!again) Add(entry.rule, match.item);
    } else {
      const uint64_t item = out_->order[i].key >> 16;
      while (end < out_->order.size() && out_->order[end].key >> 16 == item) ++end;
      Composite(entry, matches, i, end);
    }
    TRY(Check(entry.code));
    i = end;
  }
  sink_.family = false;
  return Ok();
}

void Extraction::Place(size_t first) {
  std::vector<IndexValue>& values = out_->values;
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  const auto place = std::upper_bound(
      values.begin(), begin, sink_.parameter,
      [](ParameterNumber number, const IndexValue& value) { return number < value.parameter; });
  std::rotate(place, begin, values.end());
}

Status Extraction::Words(const json::Document& document, ParameterNumber parameter,
                         bool narrative_only) {
  const std::string_view code = narrative_only ? "_text" : "_content";
  out_->words.clear();
  const Status collected = internal::CollectWords(document, narrative_only, &sink_, &out_->words);
  if (!collected.ok()) {
    return Error{collected.error().kind,
                 "search parameter " + std::string(code) + ": " + collected.error().detail};
  }
  sink_.parameter = parameter;
  const size_t first = out_->values.size();
  for (const std::string_view word : out_->words) sink_.Add(WordValue{word});
  Place(first);
  return Check(code);
}

void Extraction::Time(ParameterNumber parameter, int64_t time_us) {
  if (parameter == kNoParameter || time_us == kTimeMin) return;
  std::erase_if(out_->values,
                [&](const IndexValue& value) { return value.parameter == parameter; });
  sink_.parameter = parameter;
  const size_t first = out_->values.size();
  sink_.Add(DateValue{{time_us, time_us + 1}});
  Place(first);
}

}  // namespace

Status Extractor::Extract(const json::Document& document, TypeId type, const ResourceTimes& times,
                          IndexValues* out) const {
  IndexValues::State& state = *out->state_;
  state.values.clear();
  state.components.clear();
  state.arena.Clear();
  state.units.Trim();
  state.type = type;
  const TypePlan& plan = state_->Plan(type);
  Extraction extraction(plan, state_->base_urls, times.own_path, &state);
  TRY(extraction.Paths(document));
  if (state_->options.text_words && plan.text != kNoParameter) {
    TRY(extraction.Words(document, plan.text, true));
  }
  if (state_->options.content_words && plan.content != kNoParameter) {
    TRY(extraction.Words(document, plan.content, false));
  }
  extraction.Time(plan.last_updated, times.last_updated_us);
  extraction.Time(kParameterCreatedAt, times.created_us);
  return Ok();
}

}  // namespace tarn::fhir
