// Values are 8 bytes of revision and then JSON, so that a person can read a catalogue. The JSON is
// ours, yet every member is checked when it is read.
#include "fhir_store/internal/catalogue.h"

#include "base/bytes.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using json::Value;

constexpr std::string_view kStorePrefix = "fhir/store/";
constexpr std::string_view kOrderPrefix = "fhir/order/";
constexpr std::string_view kTokenPrefix = "fhir/token/";
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

std::string TokenKey(std::string_view operation, std::string_view token) {
  return std::string(kTokenPrefix).append(operation).append("/").append(token);
}

std::string WithRevision(uint64_t revision, const Value& value) {
  std::string bytes;
  AppendBe64(&bytes, revision);
  return bytes + json::ToText(value);
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
  Value tags = Value::MakeArray();
  for (const Tag& tag : store.tags) {
    tags.Append(Value::MakeArray({Value::String(tag.key), Value::String(tag.value)}));
  }
  out.Set("tags", std::move(tags));
  return out;
}

// Reads members of one object and remembers whether all were there and of their kind.
class Members {
 public:
  explicit Members(const Value& object) : object_(object) {}
  std::string Text(std::string_view name) {
    const Value* found = object_.Find(name);
    return Check(found != nullptr && found->IsString()) ? found->AsString() : "";
  }
  bool Flag(std::string_view name) {
    const Value* found = object_.Find(name);
    return Check(found != nullptr && found->IsBool()) && found->AsBool();
  }
  int64_t Number(std::string_view name) {
    const Value* found = object_.Find(name);
    return Check(found != nullptr && found->AsInt().has_value()) ? *found->AsInt() : 0;
  }
  bool Has(std::string_view name) const { return object_.Find(name) != nullptr; }
  bool ok() const { return ok_; }

 private:
  bool Check(bool good) {
    ok_ = ok_ && good;
    return good;
  }
  const Value& object_;
  bool ok_ = true;
};

bool ReadParts(const Value& value, DataStore* store) {
  bool ok = true;
  if (const Value* from = value.Find("encryption"); from != nullptr) {
    Members members(*from);
    store->encryption = Encryption{members.Flag("customer_managed"), members.Text("key")};
    ok = ok && members.ok();
  }
  if (const Value* from = value.Find("identity_provider"); from != nullptr) {
    Members members(*from);
    IdentityProvider provider{.strategy = members.Text("strategy")};
    if (members.Has("fine_grained")) provider.fine_grained = members.Flag("fine_grained");
    if (members.Has("metadata")) provider.metadata = members.Text("metadata");
    if (members.Has("lambda_arn")) provider.lambda_arn = members.Text("lambda_arn");
    ok = ok && members.ok();
    store->identity_provider = std::move(provider);
  }
  if (const Value* from = value.Find("error"); from != nullptr) {
    Members members(*from);
    store->error = CreationError{members.Text("message"), members.Flag("retryable")};
    ok = ok && members.ok();
  }
  const Value* tags = value.Find("tags");
  if (tags == nullptr || !tags->IsArray()) return false;
  for (const Value& tag : tags->items()) {
    if (!tag.IsArray() || tag.items().size() != 2 || !tag.items()[0].IsString() ||
        !tag.items()[1].IsString()) {
      return false;
    }
    store->tags.push_back({tag.items()[0].AsString(), tag.items()[1].AsString()});
  }
  return ok;
}

Result<DataStore> Decode(std::string_view id, std::string_view bytes) {
  if (bytes.size() < 8) return Corrupt("a data store");
  const auto value = json::ParseValue(bytes.substr(8));
  if (!value.ok() || !value.value().IsObject()) return Corrupt("a data store");
  Members members(value.value());
  DataStore store;
  store.id = id;
  store.revision = LoadBe64(bytes);
  store.name = members.Text("name");
  store.created_unix_ms = members.Number("created");
  store.preload = members.Flag("preload");
  const int64_t status = members.Number("status");
  if (!members.ok() || status < 0 || status >= kDataStoreStatusCount ||
      !ReadParts(value.value(), &store)) {
    return Corrupt("a data store");
  }
  store.status = static_cast<DataStoreStatus>(status);
  return store;
}

Result<DataStore> ReadFrom(const kv::Snapshot& snapshot, std::string_view id) {
  if (id.size() != kIdBytes) return NotFound("there is no such data store");
  std::string bytes;
  TRY(const bool found, snapshot.Get(kCatalogueDocument, StoreKey(id), &bytes));
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
  auto cursor = snapshot->Scan(kCatalogueDocument, range);
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
  batch->ExpectAbsent(kCatalogueDocument, StoreKey(store.id));
  batch->Put(kCatalogueDocument, StoreKey(store.id), WithRevision(1, ToJson(store)));
  batch->Put(kCatalogueDocument, OrderKey(store.created_unix_ms, store.id), {});
}

void Catalogue::AddChange(const DataStore& store, kv::Batch* batch) {
  batch->ExpectRevision(kCatalogueDocument, StoreKey(store.id), store.revision);
  batch->Put(kCatalogueDocument, StoreKey(store.id),
             WithRevision(store.revision + 1, ToJson(store)));
}

Result<std::optional<TokenRecord>> Catalogue::ReadToken(std::string_view operation,
                                                        std::string_view token) const {
  std::string bytes;
  TRY(const bool found,
      store_.GetSnapshot()->Get(kCatalogueDocument, TokenKey(operation, token), &bytes));
  if (!found) return std::optional<TokenRecord>();
  if (bytes.size() < 8) return Corrupt("a client token");
  const auto value = json::ParseValue(std::string_view(bytes).substr(8));
  if (!value.ok() || !value.value().IsObject()) return Corrupt("a client token");
  Members members(value.value());
  TokenRecord record{.fingerprint = members.Text("fingerprint"),
                     .store_id = members.Text("store"),
                     .job_id = members.Text("job"),
                     .revision = LoadBe64(bytes)};
  if (!members.ok()) return Corrupt("a client token");
  return std::optional<TokenRecord>(std::move(record));
}

void Catalogue::AddToken(std::string_view operation, std::string_view token,
                         const TokenRecord& record, const std::optional<TokenRecord>& previous,
                         kv::Batch* batch) {
  const std::string key = TokenKey(operation, token);
  Value value = Value::MakeObject();
  value.Set("fingerprint", Value::String(record.fingerprint));
  value.Set("store", Value::String(record.store_id));
  value.Set("job", Value::String(record.job_id));
  if (previous) {
    batch->ExpectRevision(kCatalogueDocument, key, previous->revision);
  } else {
    batch->ExpectAbsent(kCatalogueDocument, key);
  }
  batch->Put(kCatalogueDocument, key, WithRevision(previous ? previous->revision + 1 : 1, value));
}

void Catalogue::RemoveToken(std::string_view operation, std::string_view token,
                            const TokenRecord& record, kv::Batch* batch) {
  const std::string key = TokenKey(operation, token);
  batch->ExpectRevision(kCatalogueDocument, key, record.revision);
  batch->Delete(kCatalogueDocument, key);
}

}  // namespace tarn::fhir_store
