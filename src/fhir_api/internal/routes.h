// Every interaction that has a route of its own: what the router is told and what the
// CapabilityStatement claims come from this one table.
// Spec: FHIR R4 "RESTful API"; value sets type-restful-interaction and system-restful-interaction.
#pragma once

#include <cstdint>
#include <string_view>

#include "fhir/bundle.h"
#include "fhir/search_query.h"
#include "fhir_api/limits.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

enum class Handler : uint8_t {
  kRead,
  kReadVersion,
  kHistory,
  kSearch,
  kBundle,
  kCreate,
  kUpdate,
  kDelete,
  kMetadata,
  kSmartConfiguration,
};

struct Route {
  http::Method method;
  std::string_view pattern;  // Behind "/datastore/{id}/r4".
  Handler handler;
  std::string_view name;  // For metrics and the access log.
  uint64_t body_bytes_max = 0;
  // Answered on the event loop: a record or two that are mostly in memory.
  bool on_loop = false;
  // Codes of the interactions that the route serves, separated by spaces; empty: none is stated.
  std::string_view of_type = {};    // Of each resource type.
  std::string_view of_system = {};  // Of the whole data store.
};

inline constexpr Route kRoutes[] = {
    {http::Method::kGet, "/{type}/{rid}", Handler::kRead, "fhir.read", 0, true, "read"},
    {http::Method::kGet, "/{type}/{rid}/_history/{vid}", Handler::kReadVersion, "fhir.vread", 0,
     true, "vread"},
    {http::Method::kGet, "/{type}/{rid}/_history", Handler::kHistory, "fhir.history", 0, false,
     "history-instance"},
    {http::Method::kGet, "", Handler::kSearch, "fhir.search", 0, false, "", "search-system"},
    {http::Method::kGet, "/", Handler::kSearch, "fhir.search"},
    {http::Method::kGet, "/{type}", Handler::kSearch, "fhir.search", 0, false, "search-type"},
    {http::Method::kGet, "/{type}/{rid}/{ctype}", Handler::kSearch, "fhir.search"},
    {http::Method::kPost, "/_search", Handler::kSearch, "fhir.search", fhir::kQueryBytesMax},
    {http::Method::kPost, "/{type}/_search", Handler::kSearch, "fhir.search", fhir::kQueryBytesMax},
    // Within a compartment: of a type, or of all of them.
    {http::Method::kPost, "/{type}/{rid}/_search", Handler::kSearch, "fhir.search",
     fhir::kQueryBytesMax},
    {http::Method::kPost, "/{type}/{rid}/{ctype}/_search", Handler::kSearch, "fhir.search",
     fhir::kQueryBytesMax},
    {http::Method::kPost, "", Handler::kBundle, "fhir.bundle", fhir::kBundleBytesMax, false, "",
     "transaction batch"},
    {http::Method::kPost, "/", Handler::kBundle, "fhir.bundle", fhir::kBundleBytesMax},
    {http::Method::kPost, "/{type}", Handler::kCreate, "fhir.create", kBodyBytesMax, false,
     "create"},
    {http::Method::kPut, "/{type}/{rid}", Handler::kUpdate, "fhir.update", kBodyBytesMax, false,
     "update"},
    {http::Method::kDelete, "/{type}/{rid}", Handler::kDelete, "fhir.delete", kBodyBytesMax, false,
     "delete"},
    {http::Method::kPut, "/{type}", Handler::kUpdate, "fhir.update", kBodyBytesMax},
    {http::Method::kDelete, "/{type}", Handler::kDelete, "fhir.delete", kBodyBytesMax},
    {http::Method::kGet, "/metadata", Handler::kMetadata, "fhir.metadata"},
    {http::Method::kGet, "/.well-known/smart-configuration", Handler::kSmartConfiguration,
     "fhir.smart-configuration", 0, true},
};

constexpr bool IsServed(http::Method method, std::string_view pattern) {
  for (const Route& route : kRoutes) {
    if (route.method == method && route.pattern == pattern) return true;
  }
  return false;
}

}  // namespace tarn::fhir_api::internal
