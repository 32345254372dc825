// index-secret  | form 1 | 16 bytes for postings | 16 bytes for page tokens |
// index-state   | form 1 | rules 4 |      The rules under which the index is complete; 0: it is
// not.
#include "fhir_store/internal/search_index.h"

#include "base/bytes.h"
#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

constexpr std::string_view kSecretName = "index-secret";
constexpr std::string_view kStateName = "index-state";
constexpr uint8_t kForm = 1;
constexpr size_t kSecretBytes = 16;
// Grows with every change of what keys a resource has: parameters, extraction, encodings.
constexpr uint32_t kRules = 3;

Error CorruptDocument() { return {ErrorKind::kCorrupt, "the index documents do not decode"}; }

std::string EncodeState(uint32_t rules) {
  std::string value(1, static_cast<char>(kForm));
  AppendBe32(&value, rules);
  return value;
}

}  // namespace

void SearchIndex::AddCompletion(kv::Batch* batch) {
  batch->Put(kDocument, kStateName, EncodeState(kRules));
}

Result<std::unique_ptr<SearchIndex>> SearchIndex::Open(kv::Store& kv, RandomSource& random) {
  const auto snapshot = kv.GetSnapshot();
  std::string secret;
  std::string state;
  TRY(const bool has_secret, snapshot->Get(kDocument, kSecretName, &secret));
  TRY(const bool has_state, snapshot->Get(kDocument, kStateName, &state));
  if (!has_secret) {
    const auto resource = snapshot->Scan(kIdent, {});
    const bool empty = !resource->Valid();
    TRY(resource->status());
    secret.assign(1 + 2 * kSecretBytes, static_cast<char>(kForm));
    random.Fill({secret.data() + 1, 2 * kSecretBytes});
    state = EncodeState(empty ? kRules : 0);
    kv::Batch batch;
    batch.Put(kDocument, kSecretName, secret);
    batch.Put(kDocument, kStateName, state);
    TRY(kv.Commit(batch));
  } else if (!has_state) {
    return CorruptDocument();
  }
  ByteReader secret_reader(secret);
  ByteReader state_reader(state);
  const uint8_t secret_form = secret_reader.U8();
  const std::string_view posting = secret_reader.Take(kSecretBytes);
  const std::string_view page = secret_reader.Take(kSecretBytes);
  const uint8_t state_form = state_reader.U8();
  const uint32_t rules = state_reader.Be32();
  if (!secret_reader.AtEnd() || !state_reader.AtEnd() || secret_form != kForm ||
      state_form != kForm) {
    return CorruptDocument();
  }
  std::unique_ptr<SearchIndex> index(new SearchIndex());
  index->hash_.emplace(posting);
  index->page_secret_ = std::string(page);
  index->complete_ = rules == kRules;
  return index;
}

}  // namespace tarn::fhir_store
