// Why trained at run time and not shipped: a dictionary made from the store's own data compresses
// its data best, whatever their source. Why per type: a resource is about one kilobyte, mostly
// structure that all resources of its type share.
//
// Training is fastCover with fixed parameters (one pass, no search): on Synthea's 16 types it
// takes 2 ms a type for 8.6 : 1, while zstd's own search for parameters takes a second for 8.9 : 1.
#define ZDICT_STATIC_LINKING_ONLY
#include "fhir_store/internal/dictionaries.h"

#include <zdict.h>
#include <zstd.h>

#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

constexpr int kLevel = 1;
constexpr std::string_view kPrefix = "dictionary/";
constexpr uint8_t kForm = 1;

// fastCover: segments of 2,048 bytes, hashed in 8-byte pieces into 2^16 counters, every second
// piece looked at.
ZDICT_fastCover_params_t Parameters() {
  ZDICT_fastCover_params_t parameters{};
  parameters.k = 2048;
  parameters.d = 8;
  parameters.f = 16;
  parameters.steps = 1;
  parameters.accel = 4;
  parameters.zParams.compressionLevel = kLevel;
  return parameters;
}

std::string DocumentKey(uint16_t number) {
  std::string key(kPrefix);
  AppendBe16(&key, number);
  return key;
}

}  // namespace

Dictionary::Dictionary(uint16_t number, std::string bytes)
    : number_(number), bytes_(std::move(bytes)) {}

Dictionary::~Dictionary() {
  ZSTD_freeCDict(compressing_);
  ZSTD_freeDDict(decompressing_);
}

const ZSTD_CDict_s* Dictionary::compressing() const {
  std::call_once(compressing_once_, [this] {
    compressing_ = ZSTD_createCDict(bytes_.data(), bytes_.size(), kLevel);
    CHECK(compressing_ != nullptr);
  });
  return compressing_;
}

const ZSTD_DDict_s* Dictionary::decompressing() const {
  std::call_once(decompressing_once_, [this] {
    decompressing_ = ZSTD_createDDict(bytes_.data(), bytes_.size());
    CHECK(decompressing_ != nullptr);
  });
  return decompressing_;
}

std::string TrainDictionary(std::string_view samples, const std::vector<size_t>& sizes) {
  std::string dictionary(kDictionaryBytes, '\0');
  const size_t bytes = ZDICT_trainFromBuffer_fastCover(
      dictionary.data(), dictionary.size(), samples.data(), sizes.data(),
      static_cast<unsigned>(sizes.size()), Parameters());
  if (ZDICT_isError(bytes)) return "";  // Samples that have nothing in common, for instance.
  dictionary.resize(bytes);
  return dictionary;
}

Dictionaries::Dictionaries(kv::Store& kv) : kv_(kv), by_type_(size_t{fhir::TypeCount()} + 1) {}
Dictionaries::~Dictionaries() = default;

Result<std::unique_ptr<Dictionaries>> Dictionaries::Open(kv::Store& kv) {
  std::unique_ptr<Dictionaries> dictionaries(new Dictionaries(kv));
  TRY(dictionaries->Load());
  return dictionaries;
}

// A document: | form 1 | type 2 | dictionary |, under "dictionary/" and its number.
Status Dictionaries::Load() {
  const auto snapshot = kv_.GetSnapshot();
  const auto cursor = snapshot->Scan(kDocument, kv::PrefixRange(kPrefix));
  for (; cursor->Valid(); cursor->Next()) {
    ByteReader key(cursor->key().substr(kPrefix.size()));
    const uint16_t number = key.Be16();
    ByteReader value(cursor->value());
    const uint8_t form = value.U8();
    const fhir::TypeId type = value.Be16();
    const std::string_view bytes = value.Rest();
    if (!key.AtEnd() || !value.ok() || form != kForm || number >= kDictionariesMax ||
        type == fhir::kNoType || type > fhir::TypeCount() || bytes.empty()) {
      return Error{ErrorKind::kCorrupt, "stored dictionary does not decode"};
    }
    Add(type, number, std::string(bytes));
  }
  return cursor->status();
}

void Dictionaries::Add(fhir::TypeId type, uint16_t number, std::string bytes) {
  auto dictionary = std::make_unique<const Dictionary>(number, std::move(bytes));
  const Dictionary* added = dictionary.get();
  MutexLock lock(mutex_);
  owned_.push_back(std::move(dictionary));
  if (number >= next_number_) next_number_ = number + 1u;
  samples_[type] = {.text = {}, .sizes = {}, .closed = true};
  by_number_[number].store(added, std::memory_order_release);
  by_type_[type].store(added, std::memory_order_release);
}

const Dictionary* Dictionaries::Latest(fhir::TypeId type) const {
  return by_type_[type].load(std::memory_order_acquire);
}

const Dictionary* Dictionaries::Find(uint16_t number) const {
  if (number >= kDictionariesMax) return nullptr;
  return by_number_[number].load(std::memory_order_acquire);
}

void Dictionaries::Offer(fhir::TypeId type, std::string_view text) {
  if (Latest(type) != nullptr) return;
  MutexLock lock(mutex_);
  Samples& samples = samples_[type];
  if (samples.closed || samples.text.size() + text.size() > kDictionarySampleBytes ||
      sample_bytes_ + text.size() > kDictionarySampleTotalBytes) {
    return;
  }
  sample_bytes_ += text.size();
  samples.text.append(text);
  samples.sizes.push_back(text.size());
  if (samples.text.size() >= kDictionarySampleBytesMin &&
      samples.sizes.size() >= kDictionarySamplesMin) {
    ready_.store(true, std::memory_order_relaxed);
  }
}

void Dictionaries::TrainReady() {
  if (!ready_.load(std::memory_order_relaxed)) return;
  std::vector<std::pair<fhir::TypeId, Samples>> ready;
  {
    MutexLock lock(mutex_);
    ready_.store(false, std::memory_order_relaxed);
    for (auto& [type, samples] : samples_) {
      if (samples.closed || samples.text.size() < kDictionarySampleBytesMin ||
          samples.sizes.size() < kDictionarySamplesMin) {
        continue;
      }
      sample_bytes_ -= samples.text.size();
      ready.emplace_back(type, std::exchange(samples, {.text = {}, .sizes = {}, .closed = true}));
    }
    training_ += 1;
  }
  for (const auto& [type, samples] : ready) Train(type, samples);
  MutexLock lock(mutex_);
  training_ -= 1;
  trained_.NotifyAll();
}

void Dictionaries::TrainReadyAndWait() {
  TrainReady();
  if (training_ == 0) return;
  MutexLock lock(mutex_);
  while (training_ > 0) trained_.Wait(mutex_);
}

void Dictionaries::Train(fhir::TypeId type, const Samples& samples) {
  std::string bytes = TrainDictionary(samples.text, samples.sizes);
  if (bytes.empty()) return;
  uint32_t number = 0;
  {
    MutexLock lock(mutex_);
    if (next_number_ >= kDictionariesMax) return;
    number = next_number_++;
  }
  std::string value;
  value.push_back(static_cast<char>(kForm));
  AppendBe16(&value, type);
  value.append(bytes);
  const std::string key = DocumentKey(static_cast<uint16_t>(number));
  kv::Batch batch;
  batch.ExpectAbsent(kDocument, key);
  batch.Put(kDocument, key, value);
  const auto committed = kv_.Commit(batch);
  if (!committed.ok()) {
    // The store works without it; the samples are collected anew.
    LogWarning("compression dictionary not stored", {{"reason", committed.error().detail}});
    MutexLock lock(mutex_);
    samples_[type].closed = false;
    return;
  }
  Add(type, static_cast<uint16_t>(number), std::move(bytes));
}

}  // namespace tarn::fhir_store
