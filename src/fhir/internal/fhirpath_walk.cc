#include "fhir/internal/fhirpath_walk.h"

#include <algorithm>
#include <cstring>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {
namespace {

constexpr uint16_t kTableBitsMax = 12;
constexpr uint64_t kMultiplierFirst = 0x9E3779B97F4A7C15U;

// The first 8 bytes, the rest zero.
uint64_t WordOf(std::string_view name) {
  uint64_t word = 0;
  std::memcpy(&word, name.data(), std::min<size_t>(name.size(), sizeof word));
  return word;
}

size_t SlotOf(uint64_t word, size_t bytes, uint64_t multiplier, uint16_t bits) {
  return static_cast<size_t>(((word + bytes) * multiplier) >> (64 - bits));
}

bool IsUpper(std::string_view name) {
  return !name.empty() && name.front() >= 'A' && name.front() <= 'Z';
}

}  // namespace

// ---- Building ----

WalkBuilder::WalkBuilder(TypeIndex type) {
  plan_.type = type;
  NewState(type, 0);
}

uint32_t WalkBuilder::NewState(TypeIndex type, uint16_t level) {
  WalkState state;
  state.type = type;
  state.level = level;
  plan_.states.push_back(std::move(state));
  return static_cast<uint32_t>(plan_.states.size() - 1);
}

bool WalkBuilder::Add(uint16_t expression, const Ast& ast, const std::vector<Ast>& components) {
  struct Found {
    uint32_t state;
    WalkAccept accept;
  };
  Ends bases;
  std::vector<Found> found;
  if (!Follow(ast, ast.root, 0, &bases)) return false;
  for (uint32_t base : bases) {
    if (components.empty()) found.push_back({base, {expression, 0, 0}});
    for (size_t k = 0; k < components.size(); ++k) {
      Ends ends;
      if (!Follow(components[k], components[k].root, base, &ends)) return false;
      for (uint32_t end : ends) {
        const auto up = plan_.states[end].level - plan_.states[base].level;
        found.push_back(
            {end, {expression, static_cast<uint8_t>(k + 1), static_cast<uint16_t>(up)}});
      }
    }
  }
  for (const Found& each : found) plan_.states[each.state].accepts.push_back(each.accept);
  return true;
}

bool WalkBuilder::Follow(const Ast& ast, uint32_t index, uint32_t start, Ends* ends) {
  const AstNode& node = ast.nodes[index];
  switch (node.kind) {
    case AstKind::kThis:
      ends->push_back(start);
      return true;
    case AstKind::kMember:
      return FollowMember(ast, node, start, ends);
    case AstKind::kFunction:
      return FollowFunction(ast, node, start, ends);
    case AstKind::kAs:
      return Narrow(ast, node.children[0], node.text, start, ends);
    case AstKind::kBinary:
      return node.op == PathOperator::kUnion && Follow(ast, node.children[0], start, ends) &&
             Follow(ast, node.children[1], start, ends);
    default:
      return false;
  }
}

bool WalkBuilder::FollowMember(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends) {
  if (!node.has_target) {
    const TypeIndex type = IsUpper(node.text) ? FindFhirType(node.text) : kUnknownType;
    if (type == kUnknownType) return TakeStep(start, node.text, ends);
    // Of another type: nothing ends here, which is right.
    if (IsSubtype(plan_.states[start].type, type)) ends->push_back(start);
    return true;
  }
  Ends before;
  if (!Follow(ast, node.children[0], start, &before)) return false;
  return std::all_of(before.begin(), before.end(),
                     [&](uint32_t state) { return TakeStep(state, node.text, ends); });
}

bool WalkBuilder::TakeStep(uint32_t state, std::string_view name, Ends* ends) {
  const TypeIndex type = plan_.states[state].type;
  const ElementDefinition* element = FindElement(type, name);
  if (element == nullptr || IsPrimitive(type)) return false;
  std::vector<MemberTarget> targets;
  AppendTargets(type, *element, &targets);
  for (const MemberTarget& target : targets) {
    if (target.resource) return false;  // Its type is known at the resource only.
    ends->push_back(EdgeTo(state, target));
  }
  return true;
}

bool WalkBuilder::FollowFunction(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends) {
  if (!node.has_target) return false;
  if ((node.text == "ofType" || node.text == "as") && node.children.size() == 2) {
    return Narrow(ast, node.children[0], TypeNameOf(ast, node.children[1]), start, ends);
  }
  if (node.text == "where" && node.children.size() == 2) return FollowWhere(ast, node, start, ends);
  if (node.text != "extension" || node.children.size() != 2) return false;
  const AstNode& url = ast.nodes[node.children[1]];
  if (url.kind != AstKind::kString) return false;
  Ends before;
  Ends extensions;
  if (!Follow(ast, node.children[0], start, &before)) return false;
  for (uint32_t state : before) {
    if (!TakeStep(state, "extension", &extensions)) return false;
  }
  for (uint32_t state : extensions) {
    ends->push_back(FilterTo(state, {kUnknownType, "url", url.text}));
  }
  return true;
}

bool WalkBuilder::FollowWhere(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends) {
  Ends before;
  if (!Follow(ast, node.children[0], start, &before)) return false;
  const std::string type = ResolveTestOf(ast, node.children[1]);
  if (!type.empty()) {
    const TypeIndex wanted = FindFhirType(type);
    if (!IsResource(wanted)) return false;
    for (uint32_t state : before) {
      // A canonical or uri that resolves is left to the machine.
      if (plan_.states[state].type != kTypes.reference) return false;
      ends->push_back(FilterTo(state, {wanted, {}, {}}));
    }
    return true;
  }
  std::string_view text;
  const AstNode* member = TextTestOf(ast, node.children[1], &text);
  if (member == nullptr) return false;
  for (uint32_t state : before) {
    const ElementDefinition* element = FindElement(plan_.states[state].type, member->text);
    const bool plain =
        element != nullptr && !element->choice && !element->array &&
        (IsSubtype(element->type, kTypes.string) || IsSubtype(element->type, kTypes.uri));
    if (!plain || IsPrimitive(plan_.states[state].type)) return false;
    ends->push_back(FilterTo(state, {kUnknownType, element->name.view(), std::string(text)}));
  }
  return true;
}

bool WalkBuilder::Narrow(const Ast& ast, uint32_t operand, const std::string& type, uint32_t start,
                         Ends* ends) {
  const auto spec = FindTypeSpec({}, 0, type);
  if (!spec.ok()) return false;
  Ends before;
  if (!Follow(ast, operand, start, &before)) return false;
  std::copy_if(before.begin(), before.end(), std::back_inserter(*ends),
               [&](uint32_t state) { return Matches(spec.value(), plan_.states[state].type); });
  return true;
}

uint32_t WalkBuilder::EdgeTo(uint32_t state, const MemberTarget& target) {
  for (const WalkEdge& edge : plan_.states[state].edges) {
    if (edge.name == target.json_name) return edge.state;
  }
  const auto level = static_cast<uint16_t>(plan_.states[state].level + 1);
  const uint32_t next = NewState(target.type, level);
  plan_.states[state].edges.push_back({WordOf(target.json_name), target.json_name, next});
  return next;
}

uint32_t WalkBuilder::FilterTo(uint32_t state, WalkFilter filter) {
  for (const WalkFilter& each : plan_.states[state].filters) {
    const bool same = each.reference == filter.reference && each.member == filter.member &&
                      each.text == filter.text;
    if (same) return each.state;
  }
  filter.state = NewState(plan_.states[state].type, plan_.states[state].level);
  const uint32_t next = filter.state;
  plan_.states[state].filters.push_back(std::move(filter));
  return next;
}

// Drops edges and filters that lead to nothing accepted; true when the state leads to something.
bool WalkBuilder::Prune(uint32_t index) {
  // Indexes, since the vectors of `states` stay where they are but references may not.
  std::vector<WalkEdge> edges = std::move(plan_.states[index].edges);
  std::vector<WalkFilter> filters = std::move(plan_.states[index].filters);
  std::erase_if(edges, [&](const WalkEdge& edge) { return !Prune(edge.state); });
  std::erase_if(filters, [&](const WalkFilter& filter) { return !Prune(filter.state); });
  WalkState& state = plan_.states[index];
  state.edges = std::move(edges);
  state.filters = std::move(filters);
  return !state.edges.empty() || !state.filters.empty() || !state.accepts.empty();
}

void WalkBuilder::MakeTable(WalkState* state) {
  if (state->edges.empty()) return;
  uint16_t bits = 1;
  while ((size_t{1} << bits) < 2 * state->edges.size()) ++bits;
  for (;; ++bits) {
    uint64_t multiplier = kMultiplierFirst;
    for (int attempt = 0; attempt < 64; ++attempt, multiplier = multiplier * 5 + 2) {
      std::vector<uint8_t> slots(size_t{1} << bits);
      bool collides = false;
      for (size_t i = 0; i < state->edges.size() && !collides; ++i) {
        const WalkEdge& edge = state->edges[i];
        uint8_t& slot = slots[SlotOf(edge.word, edge.name.size(), multiplier | 1, bits)];
        collides = slot != 0;
        slot = static_cast<uint8_t>(i + 1);
      }
      if (collides) continue;
      state->multiplier = multiplier | 1;
      state->table_bits = bits;
      state->table_first = static_cast<uint32_t>(plan_.table.size());
      plan_.table.insert(plan_.table.end(), slots.begin(), slots.end());
      return;
    }
    // Two names of one length and one beginning never part: compared one by one instead.
    if (bits == kTableBitsMax) return;
  }
}

WalkPlan WalkBuilder::Build() {
  Prune(0);
  for (WalkState& state : plan_.states) {
    plan_.level_max = std::max(plan_.level_max, state.level);
    MakeTable(&state);
  }
  return std::move(plan_);
}

// ---- Walking ----

namespace {

class Walker {
 public:
  Walker(const WalkPlan& plan, const json::Document& document, std::vector<PathMatch>* matches)
      : plan_(plan),
        document_(document),
        nodes_(document.nodes().data()),
        text_(document.text().data()),
        matches_(matches) {}

  // The depth of recursion is that of the longest path.
  void Visit(uint32_t index, uint32_t node, const uint32_t* groups) {
    const WalkState& state = plan_.states[index];
    for (const WalkAccept& accept : state.accepts) Accept(state, accept, node, groups);
    for (const WalkFilter& filter : state.filters) {
      if (Passes(filter, node)) Visit(filter.state, node, groups);
    }
    if (state.edges.empty() || nodes_[node].kind != json::Kind::kObject) return;
    const uint32_t end = nodes_[node].next;
    for (uint32_t child = node + 1; child < end; child = nodes_[child].next) {
      const WalkEdge* edge = FindEdge(state, child);
      if (edge != nullptr) VisitValue(edge->state, child);
    }
  }

  void VisitValue(uint32_t state, uint32_t value) {
    if (nodes_[value].kind != json::Kind::kArray) {
      VisitOne(state, value);
      return;
    }
    const uint32_t end = nodes_[value].next;
    for (uint32_t each = value + 1; each < end; each = nodes_[each].next) VisitOne(state, each);
  }

  std::vector<uint32_t> path;  // The nodes from the root to here, by level.

 private:
  void VisitOne(uint32_t state, uint32_t node) {
    if (nodes_[node].kind == json::Kind::kNull) return;
    path[plan_.states[state].level] = node;
    Visit(state, node, path.data());
  }

  void Accept(const WalkState& state, const WalkAccept& accept, uint32_t node,
              const uint32_t* groups) {
    PathMatch& match = matches_->emplace_back();
    match.expression = accept.expression;
    match.component = accept.component;
    if (accept.component != 0) match.group = groups[state.level - accept.up];
    match.item.kind = PathKind::kNode;
    match.item.type = state.type;
    match.item.at = {&document_, node};
  }

  bool Passes(const WalkFilter& filter, uint32_t node) const {
    if (filter.reference != kUnknownType) {
      return IsSubtype(ReferencedType(document_, node), filter.reference);
    }
    const uint32_t member = FindKey(document_, node, filter.member);
    if (member == json::kNoNode || document_.kind(member) != json::Kind::kString) return false;
    bool escaped = false;
    const std::string_view plain = document_.PlainString(member, &escaped);
    return escaped ? document_.String(member) == filter.text : plain == filter.text;
  }

  const WalkEdge* FindEdge(const WalkState& state, uint32_t child) const {
    const json::Node& node = nodes_[child];
    if (node.key_escaped || state.table_bits == 0) return FindEdgeSlowly(state, child);
    // The text is padded, so 8 bytes can be read wherever a name begins.
    uint64_t word = 0;
    std::memcpy(&word, text_ + node.key_begin, sizeof word);
    if (node.key_bytes < sizeof word) word &= (uint64_t{1} << (8 * node.key_bytes)) - 1;
    const size_t slot = SlotOf(word, node.key_bytes, state.multiplier, state.table_bits);
    const uint8_t place = plan_.table[state.table_first + slot];
    if (place == 0) return nullptr;
    const WalkEdge& edge = state.edges[place - 1U];
    if (edge.word != word || edge.name.size() != node.key_bytes) return nullptr;
    if (node.key_bytes <= sizeof word) return &edge;
    const bool same =
        std::memcmp(edge.name.data() + sizeof word, text_ + node.key_begin + sizeof word,
                    node.key_bytes - sizeof word) == 0;
    return same ? &edge : nullptr;
  }

  const WalkEdge* FindEdgeSlowly(const WalkState& state, uint32_t child) const {
    for (const WalkEdge& edge : state.edges) {
      if (document_.KeyIs(child, edge.name)) return &edge;
    }
    return nullptr;
  }

  const WalkPlan& plan_;
  const json::Document& document_;
  const json::Node* nodes_;
  const char* text_;
  std::vector<PathMatch>* matches_;
};

}  // namespace

void Walk(const WalkPlan& plan, const json::Document& document, std::vector<PathMatch>* matches) {
  Walker walker(plan, document, matches);
  walker.path.assign(size_t{plan.level_max} + 1, json::kRoot);
  walker.Visit(0, json::kRoot, walker.path.data());
}

}  // namespace tarn::fhir::internal
