#include "fhir_api/internal/not_built.h"

#include <vector>

#include "fhir/definitions.h"
#include "fhir/resource.h"
#include "fhir_api/limits.h"

namespace tarn::fhir_api::internal {
namespace {

using http::Method;

constexpr std::string_view kAllowInstance = "GET, HEAD, PUT, DELETE";
constexpr std::string_view kAllowRead = "GET, HEAD";
constexpr std::string_view kAllowType = "GET, HEAD, POST, PUT, DELETE";
constexpr std::string_view kAllowImmutableType = "GET, HEAD, POST";

Refusal NotBuilt(std::string_view what) {
  return {{501, "not-supported", std::string(what) + " is not supported by this server"}, {}};
}

Refusal NotAllowed(std::string_view allow) {
  return {{405, "not-supported", "this method is not allowed here; allowed: " + std::string(allow)},
          allow};
}

Refusal NotThere() { return {{404, "not-found", "no such FHIR interaction"}, {}}; }

// At most one segment more than any known path has.
constexpr size_t kSegmentsMax = 5;

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty() && segments.size() < kSegmentsMax) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  if (!segments.empty() && segments.back().empty()) segments.pop_back();
  return segments;
}

bool IsRead(Method method) { return method == Method::kGet || method == Method::kHead; }

Refusal OfSystem(Method method) {
  if (IsRead(method)) return NotThere();
  return NotAllowed("GET, POST");
}

Refusal OfType(Method method, std::string_view type) {
  if (IsRead(method)) return NotThere();
  if (IsImmutableType(type)) return NotAllowed(kAllowImmutableType);
  if (method == Method::kPatch) return NotBuilt("conditional patch");
  return NotAllowed(kAllowType);
}

Refusal OfInstance(Method method, std::string_view type) {
  if (IsImmutableType(type)) return NotAllowed(kAllowRead);
  if (method == Method::kPatch) return NotBuilt("patch");
  return NotAllowed(kAllowInstance);
}

}  // namespace

bool IsImmutableType(std::string_view type) { return type == "AuditEvent"; }

Refusal RefusalOf(Method method, std::string_view path) {
  const std::vector<std::string_view> segments = Split(path);
  if (segments.empty()) return OfSystem(method);
  if (segments.size() >= kSegmentsMax) return NotThere();
  for (const std::string_view segment : segments) {
    if (segment.starts_with('$')) return NotBuilt("the operation " + Echo(segment));
  }
  if (segments[0] == "metadata" && segments.size() == 1) return NotAllowed(kAllowRead);
  if (segments[0] == ".well-known") {
    return segments.size() == 2 && segments[1] == "smart-configuration" ? NotAllowed(kAllowRead)
                                                                        : NotThere();
  }
  if (segments[0] == "_history" && segments.size() == 1) return NotBuilt("history of the system");
  if (segments[0] == "_search" && segments.size() == 1) return NotAllowed("POST");
  if (segments[0] == "export" && segments.size() == 2) {
    return NotBuilt("bulk export through FHIR (StartFHIRExportJob does it)");
  }
  if (segments[0] == "Transaction") return NotBuilt("an asynchronous transaction");
  if (fhir::FindType(segments[0]) == fhir::kNoType) {
    return {{404, "not-supported", "no resource type of FHIR R4 has this name"}, {}};
  }
  if (segments.size() == 1) return OfType(method, segments[0]);
  if (segments.size() == 2) {
    if (segments[1] == "_history") return NotBuilt("history of a type");
    if (segments[1] == "_search") return NotAllowed("POST");
    return fhir::IsValidId(segments[1]) ? OfInstance(method, segments[0]) : NotThere();
  }
  if (segments[2] == "_history") {
    return NotAllowed(kAllowRead);
  }
  const bool compartment = fhir::IsCompartment(fhir::FindType(segments[0])) &&
                           (segments[2] == "*" || fhir::FindType(segments[2]) != fhir::kNoType);
  const bool search = segments.back() == "_search";
  const bool searches =
      fhir::IsCompartment(fhir::FindType(segments[0])) && fhir::IsValidId(segments[1]) &&
      (segments.size() == 3 || segments[2] == "*" || fhir::FindType(segments[2]) != fhir::kNoType);
  if (search && searches) return NotAllowed("POST");
  return compartment && !IsRead(method) ? NotAllowed(kAllowRead) : NotThere();
}

}  // namespace tarn::fhir_api::internal
