#include "jobs/catalogue.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace tarn::jobs {
namespace {

using json::Value;

constexpr std::array<std::string_view, kDataStoreStatusCount> kStatusNames = {
    "CREATING", "ACTIVE", "DELETING", "DELETED", "CREATE_FAILED"};

}  // namespace

std::string_view DataStoreStatusName(DataStoreStatus status) {
  return kStatusNames[static_cast<size_t>(status)];
}

std::optional<DataStoreStatus> ParseDataStoreStatus(std::string_view name) {
  const auto* found = std::find(kStatusNames.begin(), kStatusNames.end(), name);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<DataStoreStatus>(found - kStatusNames.begin());
}

kv::Schema CatalogueSchema() { return {{{.name = "document"}, {.name = "event"}}}; }

std::string EncodeDocument(uint64_t revision, const Value& value) {
  std::string bytes;
  AppendBe64(&bytes, revision);
  return bytes + json::ToText(value);
}

Result<StoredDocument> DecodeDocument(std::string_view bytes, std::string_view what) {
  const Error corrupt{ErrorKind::kCorrupt, "catalogue: " + std::string(what) + " does not decode"};
  if (bytes.size() < 8) return corrupt;
  auto value = json::ParseValue(bytes.substr(8));
  if (!value.ok() || !value.value().IsObject()) return corrupt;
  return StoredDocument{LoadBe64(bytes), std::move(value).value()};
}

std::string DocumentMembers::Text(std::string_view name) {
  const Value* found = object_.Find(name);
  return Check(found != nullptr && found->IsString()) ? found->AsString() : "";
}

bool DocumentMembers::Flag(std::string_view name) {
  const Value* found = object_.Find(name);
  return Check(found != nullptr && found->IsBool()) && found->AsBool();
}

int64_t DocumentMembers::Number(std::string_view name) {
  const Value* found = object_.Find(name);
  return Check(found != nullptr && found->AsInt().has_value()) ? *found->AsInt() : 0;
}

Value TagsToJson(const std::vector<Tag>& tags) {
  Value out = Value::MakeArray();
  for (const Tag& tag : tags) {
    out.Append(Value::MakeArray({Value::String(tag.key), Value::String(tag.value)}));
  }
  return out;
}

bool TagsFromJson(const Value* value, std::vector<Tag>* tags) {
  if (value == nullptr || !value->IsArray()) return false;
  for (const Value& tag : value->items()) {
    if (!tag.IsArray() || tag.items().size() != 2 || !tag.items()[0].IsString() ||
        !tag.items()[1].IsString()) {
      return false;
    }
    tags->push_back({tag.items()[0].AsString(), tag.items()[1].AsString()});
  }
  return true;
}

bool MayBeWritten(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kTimeout ||
         error.kind == ErrorKind::kInternal;
}

Error TokenUsedOtherwise() {
  return Invalid("the client token was used before with other parameters");
}

std::string ClientTokens::KeyOf(std::string_view operation, std::string_view token) const {
  return std::string(prefix_).append(operation).append("/").append(token);
}

Result<std::optional<TokenRecord>> ClientTokens::Read(std::string_view operation,
                                                      std::string_view token) const {
  std::string bytes;
  TRY(const bool found,
      catalogue_.GetSnapshot()->Get(kCatalogueDocuments, KeyOf(operation, token), &bytes));
  if (!found) return std::optional<TokenRecord>();
  TRY(const StoredDocument document, DecodeDocument(bytes, "a client token"));
  DocumentMembers members(document.value);
  TokenRecord record{.fingerprint = members.Text("fingerprint"),
                     .store_id = members.Text("store"),
                     .job_id = members.Text("job"),
                     .revision = document.revision};
  if (!members.ok()) {
    return Error{ErrorKind::kCorrupt, "catalogue: a client token does not decode"};
  }
  return std::optional<TokenRecord>(std::move(record));
}

void ClientTokens::Add(std::string_view operation, std::string_view token,
                       const TokenRecord& record, const std::optional<TokenRecord>& previous,
                       kv::Batch* batch) const {
  const std::string key = KeyOf(operation, token);
  Value value = Value::MakeObject();
  value.Set("fingerprint", Value::String(record.fingerprint));
  value.Set("store", Value::String(record.store_id));
  value.Set("job", Value::String(record.job_id));
  if (previous) {
    batch->ExpectRevision(kCatalogueDocuments, key, previous->revision);
  } else {
    batch->ExpectAbsent(kCatalogueDocuments, key);
  }
  batch->Put(kCatalogueDocuments, key,
             EncodeDocument(previous ? previous->revision + 1 : 1, value));
}

void ClientTokens::Remove(std::string_view operation, std::string_view token,
                          const TokenRecord& record, kv::Batch* batch) const {
  const std::string key = KeyOf(operation, token);
  batch->ExpectRevision(kCatalogueDocuments, key, record.revision);
  batch->Delete(kCatalogueDocuments, key);
}

Result<Job> ClientTokens::StartJobOnce(const JobStart& start, RandomSource& random) const {
  const std::string& token = start.token.token;
  TRY(const auto known, Read(start.operation, token));
  TokenRecord record{start.token.fingerprint, start.store_id, NewHexId(random), 1};
  if (known) {
    TRY(const std::optional<Job> made, start.find(*known));
    if (made) {
      if (known->fingerprint != start.token.fingerprint) return TokenUsedOtherwise();
      Job first = *made;
      first.id = known->job_id;
      first.state = JobState::kSubmitted;  // The first answer.
      return first;
    }
    if (known->fingerprint == start.token.fingerprint) record.job_id = known->job_id;
    record.revision = known->revision + 1;
  }
  kv::Batch reserve;
  Add(start.operation, token, record, known, &reserve);
  TRY(catalogue_.Commit(reserve));
  auto job = start.submit(record.job_id);
  if (!job.ok() && !MayBeWritten(job.error())) {
    // What was refused may be asked for again with other parameters. If this fails too, the
    // reservation stays without a job, which the next use of the token sees.
    kv::Batch forget;
    Remove(start.operation, token, record, &forget);
    (void)catalogue_.Commit(forget);
  }
  return job;
}

}  // namespace tarn::jobs
