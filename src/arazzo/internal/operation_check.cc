#include "arazzo/internal/operation_check.h"

#include <algorithm>

#include "arazzo/internal/text.h"
#include "arazzo/names.h"

namespace tarn::arazzo {
namespace {

std::string_view PlaceName(ParameterIn in) {
  switch (in) {
    case ParameterIn::kPath:
      return "path";
    case ParameterIn::kHeader:
      return "header";
    case ParameterIn::kCookie:
      return "cookie";
    default:
      return "query";
  }
}

bool Gives(const Step& step, ParameterIn in, std::string_view name) {
  return std::ranges::any_of(step.parameters, [&](const Parameter& given) {
    // A query given as a whole may hold anything.
    if (in == ParameterIn::kQuery && given.in == ParameterIn::kQueryString) return true;
    if (given.in != in) return false;
    return in == ParameterIn::kHeader ? EqualsIgnoreAsciiCase(given.name, name)
                                      : given.name == name;
  });
}

void CheckPath(const Step& step, const ApiOperation& operation, Complaints* complaints) {
  std::vector<std::string> holes;
  for (size_t at = operation.path.find('{'); at != std::string::npos;
       at = operation.path.find('{', at + 1)) {
    const size_t end = operation.path.find('}', at);
    if (end == std::string::npos) break;
    holes.push_back(operation.path.substr(at + 1, end - at - 1));
  }
  for (const std::string& hole : holes) {
    if (Gives(step, ParameterIn::kPath, hole)) continue;
    complaints->Error(step.place, "the step " + step.id + " gives no path parameter " + hole +
                                      ", which " + operation.path + " needs");
  }
  for (const Parameter& given : step.parameters) {
    if (given.in != ParameterIn::kPath || std::ranges::find(holes, given.name) != holes.end()) {
      continue;
    }
    complaints->Error(given.place, "the path " + operation.path + " has no parameter " +
                                       given.name + NearestNames(given.name, holes));
  }
}

void CheckBody(const Step& step, const ApiOperation& operation, Complaints* complaints) {
  if (!step.body.has_value()) {
    if (operation.body_required) {
      complaints->Warn(step.place, "the step " + step.id + " gives no requestBody, which " +
                                       operation.id + " requires");
    }
    return;
  }
  const std::string& type = step.body->content_type;
  const auto& offered = operation.request_types;
  if (type.empty() || offered.empty()) return;
  const auto same = [&](const std::string& other) {
    if (other.find('*') != other.npos) return true;
    const std::string a = AsciiLower(type.substr(0, type.find(';')));
    const std::string b = AsciiLower(other.substr(0, other.find(';')));
    return a == b || (IsJsonType(a) && IsJsonType(b));
  };
  if (std::ranges::any_of(offered, same)) return;
  std::string list;
  for (const std::string& other : offered) list += (list.empty() ? "" : ", ") + other;
  complaints->Warn(step.body->place, "the step " + step.id + " sends " + type +
                                         ", but the description of " + operation.id + " names " +
                                         list);
}

// One alternative that the step fulfils is enough; signatures are the sender's business.
void CheckCredentials(const Step& step, const ApiOperation& operation, Complaints* complaints) {
  if (operation.sigv4 || operation.security.empty()) return;
  const ApiCredential* missing = nullptr;
  for (const std::vector<ApiCredential>& alternative : operation.security) {
    const auto lacking = std::ranges::find_if_not(alternative, [&](const ApiCredential& one) {
      return one.name.empty() || Gives(step, one.in, one.name);
    });
    if (lacking == alternative.end()) return;
    if (missing == nullptr) missing = &*lacking;
  }
  if (missing == nullptr) return;
  complaints->Warn(step.place,
                   "the step " + step.id + " gives no credentials for " + missing->scheme,
                   "give the " + std::string(PlaceName(missing->in)) + " parameter " +
                       missing->name + ", from an input of format: password");
}

}  // namespace

void CheckOperationUse(const Step& step, const ApiOperation& operation, Complaints* complaints) {
  CheckPath(step, operation, complaints);
  for (const ApiParameter& parameter : operation.parameters) {
    if (!parameter.required || parameter.in == ParameterIn::kPath) continue;
    if (Gives(step, parameter.in, parameter.name)) continue;
    complaints->Warn(step.place, "the step " + step.id + " gives no " +
                                     std::string(PlaceName(parameter.in)) + " parameter " +
                                     parameter.name + ", which " + operation.id + " requires");
  }
  CheckBody(step, operation, complaints);
  CheckCredentials(step, operation, complaints);
}

}  // namespace tarn::arazzo
