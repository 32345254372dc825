#include "fhir/bundle.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace tarn::fhir {
namespace {

using json::Document;
using json::kNoNode;

struct MethodName {
  std::string_view name;
  BundleMethod method;
};
// Value set http-verb.
constexpr std::array<MethodName, 6> kMethods = {{{"GET", BundleMethod::kGet},
                                                 {"HEAD", BundleMethod::kHead},
                                                 {"POST", BundleMethod::kPost},
                                                 {"PUT", BundleMethod::kPut},
                                                 {"PATCH", BundleMethod::kPatch},
                                                 {"DELETE", BundleMethod::kDelete}}};

BundleFault InvalidEntry(std::string text) { return {ErrorKind::kInvalid, std::move(text)}; }

// A member that is a string. Errors: kInvalid when it is something else.
Result<std::optional<std::string>> TextMember(const Document& document, uint32_t object,
                                              std::string_view name) {
  const uint32_t node = document.Find(object, name);
  if (node == kNoNode) return std::optional<std::string>();
  if (document.kind(node) != json::Kind::kString) {
    return Invalid(std::string(name) + ": must be a string");
  }
  return std::optional<std::string>(document.String(node));
}

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (segments.size() < 6) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

// Splits request.url; what it must be for each method is CheckEntry's.
void ReadUrl(std::string_view url, std::string_view base, BundleEntry* entry) {
  if (!base.empty() && url.starts_with(base)) url.remove_prefix(base.size());
  if (url.starts_with('/')) url.remove_prefix(1);
  const size_t question = url.find('?');
  const std::string_view path = url.substr(0, question);
  if (question != std::string_view::npos) entry->query = url.substr(question + 1);
  const std::vector<std::string_view> segments = Segments(path);
  entry->type = FindType(segments[0]);
  const size_t count = segments.size();
  const bool known = entry->type != kNoType && (count == 1 || IsValidId(segments[1])) &&
                     (count <= 2 || (count == 4 && segments[2] == "_history"));
  if (!known) {
    entry->rest = path;
    return;
  }
  if (count >= 2) entry->id = segments[1];
  if (count == 4) entry->version = segments[3];
}

// The resource of a POST or PUT.
std::optional<BundleFault> CheckResource(const Document& document, const BundleEntry& entry) {
  if (entry.resource == kNoNode || document.kind(entry.resource) != json::Kind::kObject) {
    return InvalidEntry("resource: missing");
  }
  const uint32_t type = document.Find(entry.resource, "resourceType");
  if (type == kNoNode || document.kind(type) != json::Kind::kString ||
      document.String(type) != TypeName(entry.type)) {
    return InvalidEntry("resource.resourceType: must be the type of request.url");
  }
  const uint32_t id = document.Find(entry.resource, "id");
  if (id == kNoNode) {
    if (entry.method == BundleMethod::kPut && !entry.id.empty()) {
      return InvalidEntry("resource.id: missing; it must be the one of request.url");
    }
    return std::nullopt;
  }
  if (document.kind(id) != json::Kind::kString || !IsValidId(document.String(id))) {
    return InvalidEntry("resource.id: must be 1 to 64 letters, digits, '-' or '.'");
  }
  if (entry.method == BundleMethod::kPut && !entry.id.empty() && document.String(id) != entry.id) {
    return InvalidEntry("resource.id: differs from the one of request.url");
  }
  return std::nullopt;
}

std::optional<BundleFault> CheckEntry(const Document& document, const BundleEntry& entry) {
  switch (entry.method) {
    case BundleMethod::kGet:
    case BundleMethod::kHead:
      return std::nullopt;
    case BundleMethod::kPatch:
      return BundleFault{ErrorKind::kUnsupported, "request.method: PATCH is not supported"};
    case BundleMethod::kPost:
      if (!entry.rest.empty() || entry.type == kNoType) {
        if (entry.rest.find('$') != std::string::npos ||
            entry.rest.find("_search") != std::string::npos) {
          return BundleFault{ErrorKind::kUnsupported,
                             "request.url: only creation is supported by POST"};
        }
        return InvalidEntry("request.url: must be a resource type of FHIR R4");
      }
      if (!entry.id.empty() || !entry.query.empty()) {
        return InvalidEntry(
            "request.url: must be a resource type alone; criteria of a "
            "conditional create go to request.ifNoneExist");
      }
      return CheckResource(document, entry);
    case BundleMethod::kPut:
    case BundleMethod::kDelete:
      break;
  }
  if (entry.type == kNoType || !entry.rest.empty() || !entry.version.empty() ||
      entry.id.empty() == entry.query.empty()) {
    return InvalidEntry("request.url: must be [type]/[id] or [type]?[criteria]");
  }
  if (entry.method == BundleMethod::kPut) return CheckResource(document, entry);
  return std::nullopt;
}

Status ReadRequest(const Document& document, uint32_t request, std::string_view base,
                   BundleEntry* entry) {
  TRY(const std::optional<std::string> method, TextMember(document, request, "method"));
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(), [&](const MethodName& row) {
    return method.has_value() && row.name == *method;
  });
  if (found == kMethods.end()) {
    return Invalid("method: must be GET, HEAD, POST, PUT, PATCH or DELETE");
  }
  entry->method = found->method;
  TRY(const std::optional<std::string> url, TextMember(document, request, "url"));
  if (!url.has_value() || url->empty()) return Invalid("url: missing");
  ReadUrl(*url, base, entry);
  TRY(entry->if_match, TextMember(document, request, "ifMatch"));
  TRY(entry->if_none_match, TextMember(document, request, "ifNoneMatch"));
  TRY(entry->if_modified_since, TextMember(document, request, "ifModifiedSince"));
  TRY(entry->if_none_exist, TextMember(document, request, "ifNoneExist"));
  if (entry->if_none_exist.has_value() && entry->if_none_exist->starts_with('?')) {
    entry->if_none_exist->erase(0, 1);
  }
  return Ok();
}

BundleEntry ReadEntry(const Document& document, uint32_t node, std::string_view base) {
  BundleEntry entry;
  if (document.kind(node) != json::Kind::kObject) {
    entry.fault = InvalidEntry("must be an object");
    return entry;
  }
  entry.resource = document.Find(node, "resource");
  auto full_url = TextMember(document, node, "fullUrl");
  if (!full_url.ok()) {
    entry.fault = InvalidEntry(std::move(full_url).error().detail);
    return entry;
  }
  entry.full_url = full_url.value().value_or("");
  const uint32_t request = document.Find(node, "request");
  if (request == kNoNode || document.kind(request) != json::Kind::kObject) {
    entry.fault = InvalidEntry("request: missing");
    return entry;
  }
  const Status read = ReadRequest(document, request, base, &entry);
  if (!read.ok()) {
    entry.fault = InvalidEntry("request." + read.error().detail);
    return entry;
  }
  entry.fault = CheckEntry(document, entry);
  return entry;
}

}  // namespace

json::Limits BundleLimits() {
  json::Limits limits;
  limits.depth_max = kBundleDepthMax;
  limits.nodes_max = kBundleValuesMax;
  limits.text_bytes_max = kBundleBytesMax;
  return limits;
}

Result<BundleRequest> ReadBundle(const Document& document, std::string_view base) {
  auto type = TextMember(document, json::kRoot, "resourceType");
  if (!type.ok() || type.value() != "Bundle") return Invalid("resourceType: must be Bundle");
  TRY(const std::optional<std::string> kind, TextMember(document, json::kRoot, "type"));
  BundleRequest bundle;
  if (kind == "transaction") {
    bundle.type = BundleType::kTransaction;
  } else if (kind != "batch") {
    return Invalid("Bundle.type: must be transaction or batch");
  }
  const uint32_t entries = document.Find(json::kRoot, "entry");
  if (entries == kNoNode) return bundle;
  if (document.kind(entries) != json::Kind::kArray)
    return Invalid("Bundle.entry: must be an array");
  std::map<std::string, size_t, std::less<>> full_urls;
  for (uint32_t n = document.FirstChild(entries); n != kNoNode;
       n = document.NextSibling(entries, n)) {
    if (bundle.entries.size() == kBundleEntriesMax) {
      return Error{ErrorKind::kTooLarge,
                   "Bundle.entry: at most " + std::to_string(kBundleEntriesMax) + " entries"};
    }
    BundleEntry entry = ReadEntry(document, n, base);
    // Bundle invariant bdl-7.
    if (!entry.full_url.empty()) {
      const auto [at, is_new] = full_urls.emplace(entry.full_url, bundle.entries.size());
      if (!is_new && !entry.fault.has_value()) {
        entry.fault = InvalidEntry("fullUrl: is that of entry " + std::to_string(at->second));
      }
    }
    bundle.entries.push_back(std::move(entry));
  }
  return bundle;
}

std::vector<size_t> ProcessingOrder(const std::vector<BundleEntry>& entries) {
  // PATCH goes with PUT, HEAD with GET.
  static constexpr std::array<int, 6> kRank = {0, 1, 2, 2, 3, 3};
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return kRank[static_cast<size_t>(entries[a].method)] <
           kRank[static_cast<size_t>(entries[b].method)];
  });
  return order;
}

}  // namespace tarn::fhir
