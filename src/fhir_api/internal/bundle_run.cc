// A transaction: plan every entry (conditions, identities), change links, read what is to be read,
// and commit all writes at once. What was decided by criteria may change before that commit; it
// then fails, and the whole is done again. A batch: the same entry by entry, but that writes that
// follow each other share commits as long as none fails; what each does is the same.
#include "fhir_api/internal/bundle_run.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/uri.h"
#include "fhir/bundle.h"
#include "fhir/definitions.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/internal/conditional.h"
#include "fhir_api/internal/history.h"
#include "fhir_api/internal/not_built.h"
#include "fhir_api/internal/search_run.h"
#include "fhir_api/internal/view.h"
#include "fhir_api/limits.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

using fhir::BundleEntry;
using fhir::BundleMethod;
using fhir_store::ResourceWrite;
using fhir_store::Version;

// What an entry turned out to mean.
struct Plan {
  enum class Action : uint8_t { kWrite, kRead, kSearch, kHistory, kMatched };
  Action action = Action::kRead;
  fhir::TypeId type = fhir::kNoType;
  std::string id;
  bool deletion = false;
  std::string text;            // Of a write that is no deletion; links are changed.
  fhir::View view;             // kRead.
  fhir::SearchTarget target;   // kSearch.
  QueryParameters parameters;  // kHistory.
  fhir_store::Precondition precondition;
  std::optional<uint64_t> decided_on;  // As ResourceWrite's.
  std::optional<Version> matched;      // kMatched: the resource that was there already.

  bool Finds() const { return action == Action::kSearch || action == Action::kHistory; }
  bool IsRead() const { return action == Action::kRead || Finds(); }
};

struct Answer {
  int status = 0;
  std::optional<Version> version;  // What location, etag and lastModified say.
  bool located = false;
  bool has_body = false;  // `version`'s body is the entry's resource.
  std::string found;      // Of a search or history: its Bundle or OperationOutcome.
  std::optional<Fault> fault;
  std::string_view done;  // "created" and the like, for return=OperationOutcome.
};

std::string EntryName(size_t index) { return "Bundle.entry[" + std::to_string(index) + "]"; }

// RFC 9110 15: the reason phrases of what entries answer.
std::string StatusText(int status) {
  struct Row {
    int status;
    std::string_view reason;
  };
  static constexpr Row kRows[] = {{200, "OK"},
                                  {201, "Created"},
                                  {204, "No Content"},
                                  {304, "Not Modified"},
                                  {400, "Bad Request"},
                                  {404, "Not Found"},
                                  {405, "Method Not Allowed"},
                                  {409, "Conflict"},
                                  {410, "Gone"},
                                  {412, "Precondition Failed"},
                                  {413, "Content Too Large"},
                                  {429, "Too Many Requests"},
                                  {501, "Not Implemented"},
                                  {503, "Service Unavailable"}};
  std::string text = std::to_string(status);
  for (const Row& row : kRows) {
    if (row.status == status) text.append(" ").append(row.reason);
  }
  return text;
}

// "Patient/1/Observation" or "Patient/1/*".
std::optional<fhir::SearchTarget> ReadCompartment(std::string_view path) {
  const size_t first = path.find('/');
  const size_t second = first == std::string_view::npos ? first : path.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const fhir::TypeId of = fhir::FindType(path.substr(0, first));
  const std::string_view id = path.substr(first + 1, second - first - 1);
  const std::string_view name = path.substr(second + 1);
  fhir::SearchTarget target;
  target.type = fhir::FindType(name);
  if (!fhir::IsCompartment(of) || !fhir::IsValidId(id)) return std::nullopt;
  if (name != "*" && target.type == fhir::kNoType) return std::nullopt;
  target.compartment = fhir::Compartment{of, std::string(id)};
  return target;
}

// The id of "Patient/1/_history".
std::optional<std::string> ReadHistoryPath(const BundleEntry& entry) {
  constexpr std::string_view kHistory = "/_history";
  std::string_view path = entry.rest;
  if (entry.type == fhir::kNoType || !path.ends_with(kHistory)) return std::nullopt;
  path.remove_suffix(kHistory.size());
  path.remove_prefix(std::min(fhir::TypeName(entry.type).size() + 1, path.size()));
  if (!fhir::IsValidId(path)) return std::nullopt;
  return std::string(path);
}

// What is wrong with the parameters of a read, the first of it.
std::optional<Fault> ViewFault(const std::vector<fhir::Issue>& issues, const fhir::View& view) {
  if (view.summary == fhir::Summary::kCount) {
    return Fault{400, "value", "_summary=count is for searches and histories"};
  }
  if (issues.empty()) return std::nullopt;
  static constexpr std::string_view kCodes[] = {"value", "not-supported", "not-found", "invalid"};
  const auto* const code = std::find(std::begin(kCodes), std::end(kCodes), issues[0].code);
  return Fault{400, code == std::end(kCodes) ? "invalid" : *code, issues[0].diagnostics};
}

class BundleRun {
 public:
  BundleRun(const BundleCall& call, const json::Document& document, fhir::BundleRequest bundle)
      : call_(call),
        document_(document),
        bundle_(std::move(bundle)),
        plans_(bundle_.entries.size()),
        answers_(bundle_.entries.size()),
        criteria_(bundle_.entries.size()) {}

  http::Response Transaction();
  http::Response Batch();
  // The transaction was not done because what it was decided by has changed.
  bool lost() const { return lost_; }

 private:
  using MaybeFault = std::optional<Fault>;

  MaybeFault PlanEntry(size_t index);
  MaybeFault PlanCreate(size_t index, Plan* plan);
  MaybeFault PlanUpdate(size_t index, Plan* plan);
  MaybeFault PlanDelete(size_t index, Plan* plan);
  MaybeFault PlanRead(const BundleEntry& entry, Plan* plan);
  MaybeFault ReadConditions(const BundleEntry& entry, Plan* plan) const;
  void TakeDecision(Decision decision, Plan* plan);
  // Reads and holds the criteria of conditional writes among `indexes`; on a fault `*failed` is the
  // entry, or npos for all.
  MaybeFault HoldCriteria(const std::vector<size_t>& indexes, size_t* failed);
  bool IsConditional(size_t index) const;
  void BatchConditional(size_t index);

  MaybeFault FindConditionalReferences(size_t index);
  void FillText(size_t index);
  // Writes those of `order`; on a fault `*failed` is the entry, or npos for all.
  MaybeFault WriteEntries(const std::vector<size_t>& indexes, size_t* failed);
  void WriteGroup(std::vector<size_t> group);
  void AnswerWrite(size_t index, fhir_store::WriteOutcome outcome);
  void AnswerMatched(size_t index);
  MaybeFault ReadEntry(size_t index);
  void FindEntry(size_t index);
  fhir::Handling handling() const {
    return call_.preferences.lenient ? fhir::Handling::kLenient : fhir::Handling::kStrict;
  }

  http::Response Refuse(size_t index, const Fault& fault) const;
  http::Response Respond() const;
  void AppendAnswer(const Answer& answer, json::Writer* writer) const;

  const BundleCall& call_;
  const json::Document& document_;
  const fhir::BundleRequest bundle_;
  std::vector<Plan> plans_;
  std::vector<Answer> answers_;
  std::vector<std::optional<Criteria>> criteria_;  // Of conditional writes that are held.
  std::optional<fhir_store::CriteriaHold> hold_;
  bool lost_ = false;
  fhir::BundleLinks links_;  // A batch has none: its entries know nothing of each other.
};

bool BundleRun::IsConditional(size_t index) const {
  const BundleEntry& entry = bundle_.entries[index];
  if (entry.fault.has_value()) return false;
  const bool changes = entry.method == BundleMethod::kPut || entry.method == BundleMethod::kDelete;
  return changes ? entry.id.empty()
                 : entry.method == BundleMethod::kPost && entry.if_none_exist.has_value();
}

std::optional<Fault> BundleRun::HoldCriteria(const std::vector<size_t>& indexes, size_t* failed) {
  hold_.reset();
  std::vector<std::string> names;
  for (const size_t index : indexes) {
    if (!IsConditional(index)) continue;
    const BundleEntry& entry = bundle_.entries[index];
    auto read = ReadCriteria(call_.scope, entry.type,
                             entry.if_none_exist.has_value() ? *entry.if_none_exist : entry.query);
    *failed = index;
    if (!read.ok()) return FaultOf(read.error());
    criteria_[index] = std::move(read).value();
    names.push_back(criteria_[index]->name);
  }
  *failed = std::string::npos;
  if (names.empty()) return std::nullopt;
  auto held = call_.store->HoldCriteria(names);
  if (!held.ok()) return FaultOf(held.error());
  hold_.emplace(std::move(held).value());
  return std::nullopt;
}

void BundleRun::TakeDecision(Decision decision, Plan* plan) {
  if (decision.action == Decision::Action::kMatched) {
    plan->action = Plan::Action::kMatched;
    plan->matched = std::move(decision.matched);
  }
  plan->id = std::move(decision.id);
  plan->decided_on = decision.decided_on;
  plan->precondition.if_none_match_any |= decision.is_new;
}

std::optional<Fault> BundleRun::ReadConditions(const BundleEntry& entry, Plan* plan) const {
  if (entry.if_match.has_value()) {
    plan->precondition.if_match = VersionOfTag(*entry.if_match);
    if (!plan->precondition.if_match.has_value()) {
      return Fault{400, "invalid", "request.ifMatch: must be one version's tag, as W/\"3\""};
    }
  }
  if (entry.if_none_match.has_value()) {
    if (*entry.if_none_match != "*") {
      return Fault{400, "invalid", "request.ifNoneMatch: must be * in a write"};
    }
    plan->precondition.if_none_match_any = true;
  }
  return std::nullopt;
}

std::optional<Fault> BundleRun::PlanCreate(size_t index, Plan* plan) {
  plan->action = Plan::Action::kWrite;
  if (!criteria_[index].has_value()) {
    plan->id = call_.store->NewId();
    plan->precondition.if_none_match_any = true;
    return std::nullopt;
  }
  Decision decision;
  if (auto fault = DecideCreate(call_.scope, *criteria_[index], &decision)) return fault;
  TakeDecision(std::move(decision), plan);
  return std::nullopt;
}

std::optional<Fault> BundleRun::PlanUpdate(size_t index, Plan* plan) {
  const BundleEntry& entry = bundle_.entries[index];
  plan->action = Plan::Action::kWrite;
  if (auto fault = ReadConditions(entry, plan)) return fault;
  plan->id = entry.id;
  if (!criteria_[index].has_value()) return std::nullopt;
  const uint32_t id_node = document_.Find(entry.resource, "id");
  const std::string id = id_node == json::kNoNode ? "" : document_.String(id_node);
  Decision decision;
  if (auto fault = DecideUpdate(call_.scope, *criteria_[index], id, &decision)) return fault;
  TakeDecision(std::move(decision), plan);
  return std::nullopt;
}

std::optional<Fault> BundleRun::PlanDelete(size_t index, Plan* plan) {
  const BundleEntry& entry = bundle_.entries[index];
  plan->action = Plan::Action::kWrite;
  plan->deletion = true;
  if (auto fault = ReadConditions(entry, plan)) return fault;
  plan->id = entry.id;
  if (!criteria_[index].has_value()) return std::nullopt;
  Decision decision;
  if (auto fault = DecideDelete(call_.scope, *criteria_[index], &decision)) return fault;
  TakeDecision(std::move(decision), plan);
  return std::nullopt;
}

std::optional<Fault> BundleRun::PlanRead(const BundleEntry& entry, Plan* plan) {
  http::Request request;
  request.query = entry.query;
  Query query;
  plan->id = entry.id;
  if (entry.type != fhir::kNoType && entry.rest.empty() && !entry.id.empty()) {
    if (auto fault = ReadQuery(request, call_.preferences.lenient, &query, kViewParameters)) {
      return fault;
    }
    return ViewFault(ReadView(query.parameters, entry.type, handling(), &plan->view), plan->view);
  }
  if (const auto id = ReadHistoryPath(entry)) {
    plan->action = Plan::Action::kHistory;
    plan->id = *id;
    auto fault = ReadQuery(request, call_.preferences.lenient, &query, kHistoryParameters);
    plan->parameters = std::move(query.parameters);
    return fault;
  }
  plan->action = Plan::Action::kSearch;
  if (entry.rest.empty()) {
    plan->target.type = entry.type;
    return std::nullopt;
  }
  const auto compartment = ReadCompartment(entry.rest);
  if (!compartment.has_value()) {
    // As the same path is refused alone.
    const Refusal refusal = RefusalOf(http::Method::kGet, entry.rest);
    if (refusal.fault.status == 404) {
      return Fault{404, refusal.fault.code, "request.url: " + refusal.fault.text};
    }
    return Fault{501, "not-supported",
                 "request.url: of GET only read, vread, history of an instance and search are "
                 "supported in a Bundle"};
  }
  plan->target = *compartment;
  return std::nullopt;
}

// A search or a history, with a Bundle or an OperationOutcome of its own.
void BundleRun::FindEntry(size_t index) {
  const BundleEntry& entry = bundle_.entries[index];
  Plan& plan = plans_[index];
  http::Response response = plan.action == Plan::Action::kHistory
                                ? RunHistory({.scope = call_.scope,
                                              .type = plan.type,
                                              .id = plan.id,
                                              .handling = handling(),
                                              .parameters = std::move(plan.parameters)},
                                             call_.media)
                                : RunSearch({.scope = call_.scope,
                                             .target = plan.target,
                                             .handling = handling(),
                                             .query = entry.query},
                                            call_.media);
  answers_[index].status = response.status;
  answers_[index].found = std::move(response.body);
}

std::optional<Fault> BundleRun::PlanEntry(size_t index) {
  const BundleEntry& entry = bundle_.entries[index];
  if (entry.fault.has_value()) return FaultOf({entry.fault->kind, entry.fault->text});
  Plan* plan = &plans_[index];
  plan->type = entry.type;
  const bool changes = entry.method == BundleMethod::kPut || entry.method == BundleMethod::kDelete;
  if (changes && IsImmutableType(fhir::TypeName(entry.type))) {
    return Fault{405, "not-supported", "request.method: resources of this type are not changed"};
  }
  if (entry.resource != json::kNoNode && document_.Raw(entry.resource).size() > kBodyBytesMax) {
    return Fault{413, "too-long", "resource: may have at most 5 MB"};
  }
  switch (entry.method) {
    case BundleMethod::kPost:
      return PlanCreate(index, plan);
    case BundleMethod::kPut:
      return PlanUpdate(index, plan);
    case BundleMethod::kDelete:
      return PlanDelete(index, plan);
    default:
      return PlanRead(entry, plan);
  }
}

std::optional<Fault> BundleRun::FindConditionalReferences(size_t index) {
  const BundleEntry& entry = bundle_.entries[index];
  if (plans_[index].action != Plan::Action::kWrite || plans_[index].deletion) return std::nullopt;
  std::set<std::string> references;
  fhir::CollectConditionalReferences(document_, entry.resource, &references);
  for (const std::string& reference : references) {
    if (links_.Find(reference, {}) != nullptr) continue;
    const auto parsed = fhir::ParseConditionalReference(reference);
    std::string id;
    if (auto fault = FindReferenced(call_.scope, parsed->type, parsed->query, &id)) {
      fault->text = "a conditional reference: " + fault->text;
      return fault;
    }
    links_.AddConditional(reference, std::string(fhir::TypeName(parsed->type)) + "/" + id);
  }
  return std::nullopt;
}

void BundleRun::FillText(size_t index) {
  Plan& plan = plans_[index];
  if (plan.action != Plan::Action::kWrite || plan.deletion) return;
  const BundleEntry& entry = bundle_.entries[index];
  fhir::AppendLinked(document_, entry.resource, entry.full_url, links_, &plan.text);
}

std::optional<Fault> BundleRun::WriteEntries(const std::vector<size_t>& indexes, size_t* failed) {
  std::vector<ResourceWrite> writes;
  for (const size_t index : indexes) {
    const Plan& plan = plans_[index];
    writes.push_back({.type = plan.type,
                      .id = plan.id,
                      .precondition = plan.precondition,
                      .decided_on = plan.decided_on});
    if (!plan.deletion) writes.back().text = plan.text;
  }
  size_t failed_write = 0;
  auto outcomes = call_.store->WriteAll(writes, &failed_write, {.hold = hold_ ? &*hold_ : nullptr});
  if (!outcomes.ok()) {
    lost_ = hold_.has_value() && outcomes.error().kind == ErrorKind::kConflict;
    *failed = failed_write < indexes.size() ? indexes[failed_write] : std::string::npos;
    return FaultOf(outcomes.error());
  }
  for (size_t i = 0; i < indexes.size(); ++i) {
    AnswerWrite(indexes[i], std::move(outcomes.value()[i]));
  }
  return std::nullopt;
}

void BundleRun::AnswerWrite(size_t index, fhir_store::WriteOutcome outcome) {
  Answer& answer = answers_[index];
  const bool deletion = plans_[index].deletion;
  answer.status = deletion ? 204 : outcome.created ? 201 : 200;
  answer.done = deletion ? "deleted" : outcome.created ? "created" : "updated";
  answer.located = !deletion;
  answer.has_body =
      !deletion && call_.preferences.said && call_.preferences.what == Return::kRepresentation;
  answer.version = std::move(outcome.version);
  if (!answer.has_body) std::string().swap(answer.version->body);
}

void BundleRun::AnswerMatched(size_t index) {
  Answer& answer = answers_[index];
  answer.status = 200;
  answer.done = "exists";
  answer.located = true;
  answer.has_body = call_.preferences.said && call_.preferences.what == Return::kRepresentation;
  answer.version = std::move(plans_[index].matched);
}

std::optional<Fault> BundleRun::ReadEntry(size_t index) {
  const BundleEntry& entry = bundle_.entries[index];
  Result<Version> version = Version{};
  if (entry.version.empty()) {
    version = call_.store->Read(entry.type, entry.id);
  } else {
    const auto number = VersionOfTag("\"" + entry.version + "\"");
    if (!number.has_value()) return Fault{404, "not-found", "no version of that number"};
    version = call_.store->ReadVersion(entry.type, entry.id, *number);
  }
  if (!version.ok()) return FaultOf(version.error());
  const Status cut = ApplyView(plans_[index].view, &version.value());
  if (!cut.ok()) return FaultOf(cut.error());
  Answer& answer = answers_[index];
  answer.version = std::move(version).value();
  answer.status = 200;
  if (entry.if_none_match.has_value()) {
    if (TagListHolds(*entry.if_none_match, answer.version->version_id)) answer.status = 304;
  } else if (entry.if_modified_since.has_value()) {
    const auto since = ParseRfc3339(*entry.if_modified_since);
    if (!since.ok()) return Fault{400, "invalid", "request.ifModifiedSince: must be an instant"};
    if (answer.version->last_updated_unix_ms <= since.value()) answer.status = 304;
  }
  answer.has_body = answer.status == 200 && entry.method == BundleMethod::kGet;
  return std::nullopt;
}

http::Response BundleRun::Refuse(size_t index, const Fault& fault) const {
  fhir::Issue issue;
  issue.code = fault.code;
  issue.diagnostics = fault.text;
  if (index != std::string::npos) {
    issue.expression = EntryName(index);
    issue.diagnostics = EntryName(index) + ": " + fault.text;
  }
  http::Response response = IssuesResponse(fault.status, {std::move(issue)});
  if (fault.status == 429 || fault.status == 503) response.headers.Add("Retry-After", "1");
  return response;
}

http::Response BundleRun::Transaction() {
  const std::vector<size_t> order = fhir::ProcessingOrder(bundle_.entries);
  size_t failed = 0;
  if (auto fault = HoldCriteria(order, &failed)) return Refuse(failed, *fault);
  for (const size_t index : order) {
    if (auto fault = PlanEntry(index)) return Refuse(index, *fault);
  }
  std::vector<size_t> writes;
  std::set<std::pair<fhir::TypeId, std::string>> written;
  std::set<std::string_view> created_by;  // Criteria.
  for (const size_t index : order) {
    const Plan& plan = plans_[index];
    if (plan.IsRead()) continue;
    if (!plan.deletion) {
      links_.AddEntry(bundle_.entries[index].full_url,
                      std::string(fhir::TypeName(plan.type)) + "/" + plan.id);
    }
    if (plan.action != Plan::Action::kWrite) continue;
    if (!written.emplace(plan.type, plan.id).second) {
      return Refuse(index, {400, "duplicate", "another entry writes the same resource"});
    }
    // Both found nothing; together they would make two of what there may be one of.
    if (criteria_[index].has_value() && plan.precondition.if_none_match_any &&
        !created_by.insert(criteria_[index]->name).second) {
      return Refuse(index, {400, "duplicate", "another entry creates by the same criteria"});
    }
    writes.push_back(index);
  }
  for (const size_t index : order) {
    if (auto fault = FindConditionalReferences(index)) return Refuse(index, *fault);
  }
  for (const size_t index : writes) FillText(index);
  // What the transaction does not write is read before it, so that a missing resource fails it.
  std::vector<size_t> read_after;
  for (const size_t index : order) {
    if (plans_[index].action != Plan::Action::kRead) continue;
    if (written.contains({plans_[index].type, plans_[index].id})) {
      read_after.push_back(index);
    } else if (auto fault = ReadEntry(index)) {
      return Refuse(index, *fault);
    }
  }
  if (auto fault = WriteEntries(writes, &failed)) return Refuse(failed, *fault);
  hold_.reset();
  for (const size_t index : read_after) answers_[index].fault = ReadEntry(index);
  for (const size_t index : order) {
    if (plans_[index].action == Plan::Action::kMatched) AnswerMatched(index);
    if (plans_[index].Finds()) FindEntry(index);
  }
  return Respond();
}

// A group that fails as a whole is tried without the entry at fault; when that happens often, entry
// by entry, so that the work stays in proportion.
void BundleRun::WriteGroup(std::vector<size_t> group) {
  size_t attempts_left = kBatchGroupAttemptsMax;
  while (!group.empty() && attempts_left > 0) {
    size_t failed = 0;
    auto fault = WriteEntries(group, &failed);
    if (!fault.has_value()) return;
    if (failed == std::string::npos) {
      for (const size_t index : group) answers_[index].fault = fault;
      return;
    }
    answers_[failed].fault = std::move(fault);
    std::erase(group, failed);
    --attempts_left;
  }
  for (const size_t index : group) {
    size_t failed = 0;
    answers_[index].fault = WriteEntries({index}, &failed);
  }
}

// An entry of a batch that is decided by criteria is written while they are held.
void BundleRun::BatchConditional(size_t index) {
  MaybeFault fault;
  for (int attempt = 1; attempt <= kConditionalAttemptsMax; ++attempt) {
    lost_ = false;
    plans_[index] = Plan();
    size_t failed = 0;
    fault = HoldCriteria({index}, &failed);
    if (!fault.has_value()) fault = PlanEntry(index);
    if (fault.has_value()) break;
    if (plans_[index].action == Plan::Action::kMatched) {
      AnswerMatched(index);
      break;
    }
    FillText(index);
    fault = WriteEntries({index}, &failed);
    if (!lost_) break;
  }
  hold_.reset();
  answers_[index].fault = std::move(fault);
}

http::Response BundleRun::Batch() {
  std::vector<size_t> group;
  std::set<std::pair<fhir::TypeId, std::string>> written;
  const auto flush = [&] {
    WriteGroup(std::move(group));
    group.clear();
    written.clear();
  };
  for (const size_t index : fhir::ProcessingOrder(bundle_.entries)) {
    const BundleEntry& entry = bundle_.entries[index];
    const bool reads = entry.method == BundleMethod::kGet || entry.method == BundleMethod::kHead;
    // Criteria and reads see what the entries before have done.
    if (reads || IsConditional(index)) flush();
    if (IsConditional(index)) {
      BatchConditional(index);
      continue;
    }
    answers_[index].fault = PlanEntry(index);
    if (answers_[index].fault.has_value()) continue;
    const Plan& plan = plans_[index];
    if (plan.action == Plan::Action::kRead) {
      answers_[index].fault = ReadEntry(index);
    } else if (plan.Finds()) {
      FindEntry(index);
    } else if (plan.action == Plan::Action::kMatched) {
      AnswerMatched(index);
    } else {
      if (written.contains({plan.type, plan.id})) flush();
      written.emplace(plan.type, plan.id);
      FillText(index);
      group.push_back(index);
    }
  }
  flush();
  return Respond();
}

void BundleRun::AppendAnswer(const Answer& answer, json::Writer* writer) const {
  writer->BeginObject();
  const bool says_version =
      !answer.fault.has_value() && answer.version.has_value() && answer.version->version_id > 0;
  if (!answer.fault.has_value() && answer.has_body) {
    writer->Key("fullUrl").String(std::string(call_.scope.endpoint) +
                                  std::string(fhir::TypeName(answer.version->type)) + "/" +
                                  answer.version->id);
    writer->Key("resource").Raw(answer.version->body);
  }
  if (answer.status == 200 && !answer.found.empty()) writer->Key("resource").Raw(answer.found);
  writer->Key("response").BeginObject();
  writer->Key("status").String(StatusText(answer.fault ? answer.fault->status : answer.status));
  if (says_version) {
    if (answer.located) writer->Key("location").String(VersionPath(*answer.version));
    writer->Key("etag").String(TagOf(answer.version->version_id));
    writer->Key("lastModified").String(FormatFhirInstant(answer.version->last_updated_unix_ms));
  }
  fhir::Issue issue;
  if (answer.fault.has_value()) {
    issue.code = answer.fault->code;
    issue.diagnostics = answer.fault->text;
  } else {
    issue.severity = "information";
    issue.code = "informational";
    issue.diagnostics = answer.done;
  }
  const bool says_done = call_.preferences.what == Return::kOutcome && !answer.done.empty();
  if (answer.fault.has_value() || says_done) {
    writer->Key("outcome").Raw(fhir::OperationOutcomeText(std::vector<fhir::Issue>{issue}));
  }
  if (answer.status != 200 && !answer.found.empty()) writer->Key("outcome").Raw(answer.found);
  writer->EndObject().EndObject();
}

http::Response BundleRun::Respond() const {
  http::Response response;
  response.headers.Add("Content-Type", std::string(MediaText(call_.media)));
  json::Writer writer(&response.body);
  writer.BeginObject().Key("resourceType").String("Bundle");
  writer.Key("id").String(call_.store->NewId());
  writer.Key("type").String(bundle_.type == fhir::BundleType::kTransaction ? "transaction-response"
                                                                           : "batch-response");
  // FHIR has no empty arrays.
  if (!answers_.empty()) {
    writer.Key("entry").BeginArray();
    for (const Answer& answer : answers_) AppendAnswer(answer, &writer);
    writer.EndArray();
  }
  writer.EndObject().Finish();
  return response;
}

}  // namespace

http::Response RunBundle(const BundleCall& call, std::string_view text) {
  json::Parser parser(fhir::BundleLimits());
  const auto document = parser.Parse(text);
  if (!document.ok()) return ErrorToResponse(document.error());
  for (int attempt = 1;; ++attempt) {
    auto bundle = fhir::ReadBundle(document.value(), call.scope.endpoint);
    if (!bundle.ok()) return ErrorToResponse(bundle.error());
    const bool atomic = bundle.value().type == fhir::BundleType::kTransaction;
    const size_t entries_max =
        atomic ? kHealthLakeTransactionEntriesMax : kHealthLakeBatchEntriesMax;
    if (call.scope.compatibility == fhir::Compatibility::kHealthLake &&
        bundle.value().entries.size() > entries_max) {
      return FaultResponse({422, "too-costly",
                            "this data store takes at most " + std::to_string(entries_max) +
                                " entries, as HealthLake does (tarn:compat)"});
    }
    BundleRun run(call, document.value(), std::move(bundle).value());
    if (!atomic) return run.Batch();
    http::Response response = run.Transaction();
    if (!run.lost() || attempt == kConditionalAttemptsMax) return response;
  }
}

}  // namespace tarn::fhir_api::internal
