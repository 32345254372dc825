// Many plain paths as one walk over a resource.
//
// All paths of a set are laid into one tree of states, so that what they share is walked once:
//
//   Observation.code | (Observation.value as Quantity) | Observation.subject.where(resolve() is
//   Patient)
//
//   state 0 Observation --code--> 1 accept        --valueQuantity--> 2 accept
//                       --subject--> 3 --if it refers to a Patient--> 4 accept
//
// A member whose name no edge has is passed over with all below it. Each state finds its edge by
// one probe of a table without collisions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/fhirpath.h"
#include "fhir/internal/fhirpath_program.h"

namespace tarn::fhir::internal {

struct WalkAccept {
  uint16_t expression = 0;
  uint8_t component = 0;
  uint16_t up = 0;  // How many levels above the match its group's node is.
};

// Leads on from the same node when it passes.
struct WalkFilter {
  TypeIndex reference = kUnknownType;  // A reference to that type; or, when unknown:
  std::string_view member;             // the member equals the text.
  std::string text;
  uint32_t state = 0;
};

struct WalkEdge {
  uint64_t word = 0;  // The first 8 bytes of the name.
  std::string_view name;
  uint32_t state = 0;
};

struct WalkState {
  TypeIndex type = kUnknownType;
  uint16_t level = 0;  // Members from the root.
  uint16_t table_bits = 0;
  uint32_t table_first = 0;  // In WalkPlan::table; 2^table_bits slots.
  uint64_t multiplier = 0;
  std::vector<WalkEdge> edges;
  std::vector<WalkFilter> filters;
  std::vector<WalkAccept> accepts;
};

struct WalkPlan {
  TypeIndex type = kUnknownType;
  std::vector<WalkState> states;  // State 0 is the resource.
  std::vector<uint8_t> table;     // Places in WalkState::edges plus one; 0: none.
  uint16_t level_max = 0;
};

// One expression of a set that is no walk.
struct SetProgram {
  uint16_t expression = 0;
  PathProgram program;
  std::vector<PathProgram> components;
};

struct PathSetData {
  TypeIndex type = kUnknownType;
  std::vector<bool> walked;
  WalkPlan plan;
  std::vector<SetProgram> programs;
};

class WalkBuilder {
 public:
  explicit WalkBuilder(TypeIndex type);

  // Adds an entry and returns true, or returns false when any part of it is no plain path; nothing
  // is then accepted for it.
  bool Add(uint16_t expression, const Ast& ast, const std::vector<Ast>& components);
  WalkPlan Build();

 private:
  using Ends = std::vector<uint32_t>;
  bool Follow(const Ast& ast, uint32_t node, uint32_t start, Ends* ends);
  bool FollowMember(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends);
  bool FollowFunction(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends);
  bool FollowWhere(const Ast& ast, const AstNode& node, uint32_t start, Ends* ends);
  bool Narrow(const Ast& ast, uint32_t operand, const std::string& type, uint32_t start,
              Ends* ends);
  bool TakeStep(uint32_t state, std::string_view name, Ends* ends);
  uint32_t EdgeTo(uint32_t state, const MemberTarget& target);
  uint32_t FilterTo(uint32_t state, WalkFilter filter);
  uint32_t NewState(TypeIndex type, uint16_t level);
  bool Prune(uint32_t state);
  void MakeTable(WalkState* state);

  WalkPlan plan_;
};

// Appends the matches of a walk. The document's root is a resource of the plan's type.
void Walk(const WalkPlan& plan, const json::Document& document, std::vector<PathMatch>* matches);

}  // namespace tarn::fhir::internal
