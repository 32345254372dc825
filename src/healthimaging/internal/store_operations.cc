#include "base/bytes.h"
#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/wire.h"
#include "healthimaging/limits.h"
#include "service_model/page_token.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

using image_store::DataStore;
using json::Value;
using service_model::Present;
using service_model::TextOf;

// What Create and Delete answer with.
Value StoreStatus(const DataStore& store) {
  Value out = Value::MakeObject();
  out.Set("datastoreId", Text(store.id));
  out.Set("datastoreStatus", Text(jobs::DataStoreStatusName(store.status)));
  return out;
}

Value StoreSummary(const image_store::DataStores& stores, const DataStore& store) {
  Value out = Value::MakeObject();
  out.Set("datastoreId", Text(store.id));
  out.Set("datastoreName", Text(store.name));
  out.Set("datastoreStatus", Text(jobs::DataStoreStatusName(store.status)));
  out.Set("datastoreArn", Text(stores.ArnOf({store.id, ""})));
  out.Set("createdAt", Timestamp(store.created_unix_ms));
  out.Set("updatedAt", Timestamp(store.updated_unix_ms));
  return out;
}

std::vector<image_store::Tag> ReadTags(const Value& request) {
  std::vector<image_store::Tag> tags;
  if (const Value* map = Present(request, "tags")) {
    for (const auto& [key, value] : map->members()) tags.push_back({key, value.AsString()});
  }
  return tags;
}

}  // namespace

Value Text(std::string_view text) { return Value::String(std::string(text)); }

Value Timestamp(int64_t unix_ms) { return Value::Number(FormatEpochSeconds(unix_ms)); }

uint32_t VersionOf(const Value& object, std::string_view name) {
  constexpr size_t kDigitsMax = 9;  // Far beyond any version that there is.
  std::string digits = TextOf(object, name);
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty() || digits.size() > kDigitsMax) return UINT32_MAX;
  return static_cast<uint32_t>(std::stoul(digits));  // Digits only: validated.
}

Result<std::string> Operations::PositionOf(const Call& call) const {
  const std::string token = TextOf(call.request, "nextToken");
  if (token.empty()) return std::string();
  const std::string context =
      std::string(call.operation) + "\n" +
      service_model::CanonicalText(call.request, {"nextToken", "maxResults"});
  return service_model::ReadPageToken(secret_, context, token);
}

void Operations::SetNextToken(const Call& call, std::string_view position, Value* response) const {
  const std::string context =
      std::string(call.operation) + "\n" +
      service_model::CanonicalText(call.request, {"nextToken", "maxResults"});
  response->Set("nextToken", Text(service_model::MakePageToken(secret_, context, position)));
}

uint32_t Operations::PageSize(const Call& call) {
  const Value* found = Present(call.request, "maxResults");
  return found == nullptr ? kPageDefault
                          : static_cast<uint32_t>(*found->AsInt());  // Validated: 1 to 50.
}

Result<std::shared_ptr<const image_store::OpenDataStore>> Operations::Use(const Call& call) const {
  return stores_.Use(TextOf(call.request, "datastoreId"));
}

Result<http::Response> Operations::CreateDatastore(const Call& call) const {
  image_store::DataStores::CreateRequest create;
  create.name = TextOf(call.request, "datastoreName");
  create.kms_key_arn = TextOf(call.request, "kmsKeyArn");
  create.lambda_authorizer_arn = TextOf(call.request, "lambdaAuthorizerArn");
  if (Present(call.request, "losslessStorageFormat") != nullptr) {
    create.lossless_format = *image_store::ParseLosslessFormat(
        TextOf(call.request, "losslessStorageFormat"));  // Of the enumeration.
  }
  create.tags = ReadTags(call.request);
  const jobs::ClientToken token{
      TextOf(call.request, "clientToken"),
      service_model::Fingerprint(call.operation, call.request, "clientToken")};
  TRY(const DataStore store, stores_.Create(create, token));
  return JsonResponse(json::ToText(StoreStatus(store)), call.http);
}

Result<http::Response> Operations::GetDatastore(const Call& call) const {
  TRY(const DataStore store, stores_.Describe(TextOf(call.request, "datastoreId")));
  Value properties = StoreSummary(stores_, store);
  if (!store.kms_key_arn.empty()) properties.Set("kmsKeyArn", Text(store.kms_key_arn));
  if (!store.lambda_authorizer_arn.empty()) {
    properties.Set("lambdaAuthorizerArn", Text(store.lambda_authorizer_arn));
  }
  properties.Set("losslessStorageFormat",
                 Text(image_store::LosslessFormatName(store.lossless_format)));
  Value out = Value::MakeObject();
  out.Set("datastoreProperties", std::move(properties));
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::ListDatastores(const Call& call) const {
  image_store::DataStoreFilter filter;
  filter.max = PageSize(call);
  if (Present(call.request, "datastoreStatus") != nullptr) {
    filter.status = jobs::ParseDataStoreStatus(TextOf(call.request, "datastoreStatus"));
  }
  TRY(const std::string position, PositionOf(call));
  if (!position.empty()) {
    CHECK(position.size() > 8);  // Authenticated: we made it.
    filter.after_created_unix_ms = static_cast<int64_t>(LoadBe64(position));
    filter.after_id = position.substr(8);
  }
  TRY(const image_store::DataStorePage page, stores_.List(filter));
  Value list = Value::MakeArray();
  for (const DataStore& store : page.stores) list.Append(StoreSummary(stores_, store));
  Value out = Value::MakeObject();
  out.Set("datastoreSummaries", std::move(list));
  if (page.more) {
    std::string next;
    AppendBe64(&next, static_cast<uint64_t>(page.stores.back().created_unix_ms));
    SetNextToken(call, next + page.stores.back().id, &out);
  }
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::DeleteDatastore(const Call& call) const {
  TRY(const DataStore store, stores_.Delete(TextOf(call.request, "datastoreId")));
  return JsonResponse(json::ToText(StoreStatus(store)), call.http);
}

Result<http::Response> Operations::TagResource(const Call& call) const {
  TRY(const auto resource, stores_.ParseArn(TextOf(call.request, "resourceArn")));
  TRY(stores_.AddTags(resource, ReadTags(call.request)));
  return JsonResponse("{}", call.http);
}

Result<http::Response> Operations::UntagResource(const Call& call) const {
  TRY(const auto resource, stores_.ParseArn(TextOf(call.request, "resourceArn")));
  std::vector<std::string> keys;
  for (const Value& key : Present(call.request, "tagKeys")->items()) keys.push_back(key.AsString());
  TRY(stores_.RemoveTags(resource, keys));
  return JsonResponse("{}", call.http);
}

Result<http::Response> Operations::ListTagsForResource(const Call& call) const {
  TRY(const auto resource, stores_.ParseArn(TextOf(call.request, "resourceArn")));
  TRY(const std::vector<image_store::Tag> tags, stores_.Tags(resource));
  Value map = Value::MakeObject();
  for (const image_store::Tag& tag : tags) map.members().emplace_back(tag.key, Text(tag.value));
  Value out = Value::MakeObject();
  out.Set("tags", std::move(map));
  return JsonResponse(json::ToText(out), call.http);
}

}  // namespace tarn::healthimaging::internal
