// Where the next page of a search begins, as text that a client carries: authenticated with the
// store's secret, bound to its query, safe in a URL.
//
//   base64url( | form 1 | sequence 8 | query 8 | type 2 | ordinal 4 | values ... | mac 16 | )
//   value: | 0 | or | 1 | size 1 | bytes |
//
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/search_order.h"

namespace tarn::fhir_store {

struct PageToken {
  uint64_t sequence = 0;  // The state that the search is of.
  ResultPlace after;      // The last result of the page before.
};

// What binds a token to its query: a digest of all of it but the page.
std::string QueryDigest(const fhir::SearchQuery& query);

std::string EncodePageToken(const PageToken& token, std::string_view query_digest,
                            std::string_view secret);
// Errors: kInvalid ("Invalid pagination token."): altered, of another query or store.
Result<PageToken> DecodePageToken(std::string_view text, std::string_view query_digest,
                                  size_t sort_keys, std::string_view secret);

}  // namespace tarn::fhir_store
