// A Bundle of type transaction or batch: what each entry asks for, in which order entries take
// effect, and what links between entries become. Pure: bytes in, values out.
// Spec: FHIR R4 "RESTful API", section 3.1.0.11 "batch/transaction"; "Bundle", section 2.36.4
// "Resolving references in Bundles".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/operation_outcome.h"
#include "fhir/resource.h"
#include "json/document.h"

namespace tarn::fhir {

inline constexpr size_t kBundleEntriesMax = 5'000;                  // kTooLarge
inline constexpr uint32_t kBundleBytesMax = 32u << 20;              // kTooLarge
inline constexpr uint32_t kBundleValuesMax = 3'000'000;             // kInvalid
inline constexpr uint32_t kBundleDepthMax = kResourceDepthMax + 3;  // Bundle, entry, resource.

// What a Bundle's text is parsed with.
json::Limits BundleLimits();

enum class BundleType : uint8_t { kBatch, kTransaction };

// In the order in which the specification has entries take effect.
enum class BundleMethod : uint8_t { kDelete, kPost, kPut, kPatch, kGet, kHead };

// Why an entry cannot be done as it is written.
struct BundleFault {
  ErrorKind kind = ErrorKind::kInvalid;
  std::string text;  // Names the element ("request.url: ..."), never the content.
};

struct BundleEntry {
  uint32_t resource = json::kNoNode;  // The `resource` object's node.
  std::string full_url;               // Empty: none.
  BundleMethod method = BundleMethod::kGet;
  // Of request.url, which is "[type]", "[type]/[id]", "[type]/[id]/_history/[version]", each with
  // or without "?[query]"; an absolute URL below the server's own base is the same.
  TypeId type = kNoType;
  std::string id;
  std::string version;
  std::string query;  // Still percent-encoded, without '?'.
  std::string rest;   // A GET of another form: all of its path.
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  std::optional<std::string> if_modified_since;
  std::optional<std::string> if_none_exist;  // Criteria, without '?'.
  std::optional<BundleFault> fault;          // Set: do not look at the rest.
};

struct BundleRequest {
  BundleType type = BundleType::kBatch;
  std::vector<BundleEntry> entries;  // As in the Bundle.
};

// `base`: this server's, ends in '/'. Errors: kInvalid (no such Bundle), kTooLarge (entries).
Result<BundleRequest> ReadBundle(const json::Document& document, std::string_view base);

// Indexes of the entries in the order in which they take effect; entries of one method keep theirs.
std::vector<size_t> ProcessingOrder(const std::vector<BundleEntry>& entries);

// ---- Links ----

// What links become: "urn:uuid:..." and other fullUrls lead to the identities that entries get,
// relative references through the fullUrl of the entry that they are in, conditional references to
// what was found for them.
class BundleLinks {
 public:
  // `identity`: "Patient/123".
  void AddEntry(std::string_view full_url, std::string identity);
  void AddConditional(std::string_view reference, std::string identity);

  // What the link, found in an entry of `full_url`, becomes; nullptr: it stays.
  const std::string* Find(std::string_view link, std::string_view full_url) const;
  bool IsEmpty() const { return links_.empty(); }

 private:
  std::map<std::string, std::string, std::less<>> links_;
};

// "Patient?identifier=x": a reference to what a search finds.
struct ConditionalReference {
  TypeId type = kNoType;
  std::string query;
};
std::optional<ConditionalReference> ParseConditionalReference(std::string_view reference);

// The conditional references among the resource's Reference.reference values, as written.
void CollectConditionalReferences(const json::Document& document, uint32_t resource,
                                  std::set<std::string>* out);

// Appends the resource with its links changed and all else byte for byte: Reference.reference,
// elements of the types uri, url, oid and uuid (Attachment.url among them), href and src in
// narratives; not canonical.
void AppendLinked(const json::Document& document, uint32_t resource, std::string_view full_url,
                  const BundleLinks& links, std::string* out);

}  // namespace tarn::fhir
