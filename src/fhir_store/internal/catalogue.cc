#include "fhir_store/internal/catalogue.h"

#include "base/bytes.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using jobs::DocumentMembers;
using jobs::EncodeDocument;
using jobs::kCatalogueDocuments;
using json::Value;

constexpr std::string_view kStorePrefix = "fhir/store/";
constexpr std::string_view kOrderPrefix = "fhir/order/";
constexpr size_t kIdBytes = 32;

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, "catalogue: " + std::string(what) + " does not decode"};
}

std::string StoreKey(std::string_view id) { return std::string(kStorePrefix).append(id); }

std::string OrderKey(int64_t created_unix_ms, std::string_view id) {
  std::string key(kOrderPrefix);
  AppendBe64(&key, static_cast<uint64_t>(created_unix_ms));
  return key.append(id);
}

Value ToJson(const DataStore& store) {
  Value out = Value::MakeObject();
  out.Set("name", Value::String(store.name));
  out.Set("status", Value::Int(static_cast<int64_t>(store.status)));
  out.Set("created", Value::Int(store.created_unix_ms));
  out.Set("preload", Value::Bool(store.preload));
  if (store.encryption) {
    Value encryption = Value::MakeObject();
    encryption.Set("customer_managed", Value::Bool(store.encryption->customer_managed));
    encryption.Set("key", Value::String(store.encryption->kms_key_id));
    out.Set("encryption", std::move(encryption));
  }
  if (store.identity_provider) {
    const IdentityProvider& from = *store.identity_provider;
    Value provider = Value::MakeObject();
    provider.Set("strategy", Value::String(from.strategy));
    if (from.fine_grained) provider.Set("fine_grained", Value::Bool(*from.fine_grained));
    if (from.metadata) provider.Set("metadata", Value::String(*from.metadata));
    if (from.lambda_arn) provider.Set("lambda_arn", Value::String(*from.lambda_arn));
    out.Set("identity_provider", std::move(provider));
  }
  if (store.error) {
    Value error = Value::MakeObject();
    error.Set("message", Value::String(store.error->message));
    error.Set("retryable", Value::Bool(store.error->retryable));
    out.Set("error", std::move(error));
  }
  out.Set("tags", jobs::TagsToJson(store.tags));
  return out;
}

bool ReadParts(const Value& value, DataStore* store) {
  bool ok = true;
  if (const Value* from = value.Find("encryption"); from != nullptr) {
    DocumentMembers members(*from);
    store->encryption = Encryption{members.Flag("customer_managed"), members.Text("key")};
    ok = ok && members.ok();
  }
  if (const Value* from = value.Find("identity_provider"); from != nullptr) {
    DocumentMembers members(*from);
    IdentityProvider provider{.strategy = members.Text("strategy")};
    if (members.Has("fine_grained")) provider.fine_grained = members.Flag("fine_grained");
    if (members.Has("metadata")) provider.metadata = members.Text("metadata");
    if (members.Has("lambda_arn")) provider.lambda_arn = members.Text("lambda_arn");
    ok = ok && members.ok();
    store->identity_provider = std::move(provider);
  }
  if (const Value* from = value.Find("error"); from != nullptr) {
    DocumentMembers members(*from);
    store->error = CreationError{members.Text("message"), members.Flag("retryable")};
    ok = ok && members.ok();
  }
  return jobs::TagsFromJson(value.Find("tags"), &store->tags) && ok;
}

Result<DataStore> Decode(std::string_view id, std::string_view bytes) {
  TRY(const jobs::StoredDocument document, jobs::DecodeDocument(bytes, "a data store"));
  DocumentMembers members(document.value);
  DataStore store;
  store.id = id;
  store.revision = document.revision;
  store.name = members.Text("name");
  store.created_unix_ms = members.Number("created");
  store.preload = members.Flag("preload");
  const int64_t status = members.Number("status");
  if (!members.ok() || status < 0 || status >= kDataStoreStatusCount ||
      !ReadParts(document.value, &store)) {
    return Corrupt("a data store");
  }
  store.status = static_cast<DataStoreStatus>(status);
  return store;
}

Result<DataStore> ReadFrom(const kv::Snapshot& snapshot, std::string_view id) {
  if (id.size() != kIdBytes) return NotFound("there is no such data store");
  std::string bytes;
  TRY(const bool found, snapshot.Get(kCatalogueDocuments, StoreKey(id), &bytes));
  if (!found) return NotFound("there is no such data store");
  return Decode(id, bytes);
}

bool Matches(const DataStoreFilter& filter, const DataStore& store) {
  return (filter.name.empty() || filter.name == store.name) &&
         (!filter.status || *filter.status == store.status) &&
         store.created_unix_ms >= filter.created_after_unix_ms &&
         store.created_unix_ms <= filter.created_before_unix_ms;
}

}  // namespace

Result<DataStore> Catalogue::Read(std::string_view id) const {
  return ReadFrom(*store_.GetSnapshot(), id);
}

Result<DataStorePage> Catalogue::List(const DataStoreFilter& filter) const {
  const auto snapshot = store_.GetSnapshot();
  kv::KeyRange range = kv::PrefixRange(kOrderPrefix);
  if (!filter.after_id.empty()) {
    range.begin = OrderKey(filter.after_created_unix_ms, filter.after_id) + '\0';
  }
  DataStorePage page;
  auto cursor = snapshot->Scan(kCatalogueDocuments, range);
  for (; cursor->Valid(); cursor->Next()) {
    const std::string_view key = cursor->key();
    if (key.size() != kOrderPrefix.size() + 8 + kIdBytes) return Corrupt("the order");
    TRY(DataStore store, ReadFrom(*snapshot, key.substr(kOrderPrefix.size() + 8)));
    if (!Matches(filter, store)) continue;
    if (page.stores.size() == filter.max) {
      page.more = true;
      break;
    }
    page.stores.push_back(std::move(store));
  }
  TRY(cursor->status());
  return page;
}

Result<uint32_t> Catalogue::CountLiving() const {
  TRY(const DataStorePage all, List({.max = UINT32_MAX}));
  uint32_t count = 0;
  for (const DataStore& store : all.stores) {
    if (store.status != DataStoreStatus::kDeleted &&
        store.status != DataStoreStatus::kCreateFailed) {
      ++count;
    }
  }
  return count;
}

void Catalogue::AddNew(const DataStore& store, kv::Batch* batch) {
  CHECK(store.id.size() == kIdBytes);
  batch->ExpectAbsent(kCatalogueDocuments, StoreKey(store.id));
  batch->Put(kCatalogueDocuments, StoreKey(store.id), EncodeDocument(1, ToJson(store)));
  batch->Put(kCatalogueDocuments, OrderKey(store.created_unix_ms, store.id), {});
}

void Catalogue::AddChange(const DataStore& store, kv::Batch* batch) {
  batch->ExpectRevision(kCatalogueDocuments, StoreKey(store.id), store.revision);
  batch->Put(kCatalogueDocuments, StoreKey(store.id),
             EncodeDocument(store.revision + 1, ToJson(store)));
}

}  // namespace tarn::fhir_store
