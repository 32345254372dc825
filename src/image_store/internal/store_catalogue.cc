#include "image_store/internal/store_catalogue.h"

#include "base/bytes.h"
#include "json/value.h"

namespace tarn::image_store {
namespace {

using jobs::DocumentMembers;
using jobs::EncodeDocument;
using jobs::kCatalogueDocuments;
using json::Value;

constexpr std::string_view kStorePrefix = "image/store/";
constexpr std::string_view kOrderPrefix = "image/order/";
constexpr std::string_view kTagsPrefix = "tags/";
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
  out.Set("updated", Value::Int(store.updated_unix_ms));
  out.Set("lossless_format", Value::Int(static_cast<int64_t>(store.lossless_format)));
  if (!store.kms_key_arn.empty()) out.Set("key", Value::String(store.kms_key_arn));
  if (!store.lambda_authorizer_arn.empty()) {
    out.Set("lambda_authorizer", Value::String(store.lambda_authorizer_arn));
  }
  if (!store.error.empty()) out.Set("error", Value::String(store.error));
  out.Set("tags", jobs::TagsToJson(store.tags));
  return out;
}

Result<DataStore> Decode(std::string_view id, std::string_view bytes) {
  TRY(const jobs::StoredDocument document, jobs::DecodeDocument(bytes, "an image data store"));
  DocumentMembers members(document.value);
  DataStore store;
  store.id = id;
  store.revision = document.revision;
  store.name = members.Text("name");
  store.created_unix_ms = members.Number("created");
  store.updated_unix_ms = members.Number("updated");
  if (members.Has("key")) store.kms_key_arn = members.Text("key");
  if (members.Has("lambda_authorizer")) {
    store.lambda_authorizer_arn = members.Text("lambda_authorizer");
  }
  if (members.Has("error")) store.error = members.Text("error");
  const int64_t status = members.Number("status");
  const int64_t format = members.Number("lossless_format");
  constexpr auto kFormatLast = static_cast<int64_t>(pixels::LosslessFormat::kJpeg2000Lossless);
  if (!members.ok() || status < 0 || status >= jobs::kDataStoreStatusCount || format < 0 ||
      format > kFormatLast || !jobs::TagsFromJson(document.value.Find("tags"), &store.tags)) {
    return Corrupt("an image data store");
  }
  store.status = static_cast<DataStoreStatus>(status);
  store.lossless_format = static_cast<pixels::LosslessFormat>(format);
  return store;
}

Result<DataStore> ReadFrom(const kv::Snapshot& snapshot, std::string_view id) {
  if (id.size() != kIdBytes) return NotFound("there is no such data store");
  std::string bytes;
  TRY(const bool found, snapshot.Get(kCatalogueDocuments, StoreKey(id), &bytes));
  if (!found) return NotFound("there is no such data store");
  return Decode(id, bytes);
}

std::string TagsKey(std::string_view image_set_id) {
  return std::string(kTagsPrefix).append(image_set_id);
}

}  // namespace

Result<DataStore> StoreCatalogue::Read(std::string_view id) const {
  return ReadFrom(*store_.GetSnapshot(), id);
}

Result<DataStorePage> StoreCatalogue::List(const DataStoreFilter& filter) const {
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
    if (filter.status && *filter.status != store.status) continue;
    if (page.stores.size() == filter.max) {
      page.more = true;
      break;
    }
    page.stores.push_back(std::move(store));
  }
  TRY(cursor->status());
  return page;
}

Result<uint32_t> StoreCatalogue::CountLiving() const {
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

void StoreCatalogue::AddNew(const DataStore& store, kv::Batch* batch) {
  CHECK(store.id.size() == kIdBytes);
  batch->ExpectAbsent(kCatalogueDocuments, StoreKey(store.id));
  batch->Put(kCatalogueDocuments, StoreKey(store.id), EncodeDocument(1, ToJson(store)));
  batch->Put(kCatalogueDocuments, OrderKey(store.created_unix_ms, store.id), {});
}

void StoreCatalogue::AddChange(const DataStore& store, kv::Batch* batch) {
  batch->ExpectRevision(kCatalogueDocuments, StoreKey(store.id), store.revision);
  batch->Put(kCatalogueDocuments, StoreKey(store.id),
             EncodeDocument(store.revision + 1, ToJson(store)));
}

Result<ImageSetTags> ReadImageSetTags(const kv::Snapshot& snapshot, std::string_view image_set_id) {
  std::string bytes;
  TRY(const bool found, snapshot.Get(kDocumentFamily, TagsKey(image_set_id), &bytes));
  if (!found) return ImageSetTags{};
  TRY(const jobs::StoredDocument document, jobs::DecodeDocument(bytes, "tags of an image set"));
  ImageSetTags tags{.revision = document.revision};
  if (!jobs::TagsFromJson(document.value.Find("tags"), &tags.tags)) {
    return Corrupt("tags of an image set");
  }
  return tags;
}

void AddImageSetTags(std::string_view image_set_id, const ImageSetTags& tags, kv::Batch* batch) {
  const std::string key = TagsKey(image_set_id);
  if (tags.revision == 0) {
    batch->ExpectAbsent(kDocumentFamily, key);
  } else {
    batch->ExpectRevision(kDocumentFamily, key, tags.revision);
  }
  if (tags.tags.empty()) {
    batch->Delete(kDocumentFamily, key);
    return;
  }
  Value document = Value::MakeObject();
  document.Set("tags", jobs::TagsToJson(tags.tags));
  batch->Put(kDocumentFamily, key, EncodeDocument(tags.revision + 1, document));
}

}  // namespace tarn::image_store
