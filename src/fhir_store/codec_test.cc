// The stored form of bodies, the dictionaries, gzip and the gate.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/dictionaries.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/write_gate.h"
#include "fhir_store/limits.h"
#include "kv/fake_engine.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");

class Codec : public testing::Test {
 protected:
  Codec() { Open(); }
  void Open() {
    dictionaries_.reset();
    kv_.reset();
    kv_ = engine_.Open("store", DataStoreSchema()).value();
    dictionaries_ = Dictionaries::Open(*kv_).value();
  }
  std::string Sample() {
    return R"({"resourceType":"Patient","id":")" + NewUuid(random_) +
           R"(","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00.000Z"},"name":[{"use":)"
           R"("official","family":"F)" +
           std::to_string(random_.Below(100'000)) +
           R"("}],"gender":"female","address":[{"city":"Springfield","country":"US"}],"extra":")" +
           std::to_string(random_.Next()) + R"(","maritalStatus":{"text":"Never Married"}})";
  }
  void Train() {
    for (size_t bytes = 0; bytes < kDictionarySampleBytes;) {
      const std::string sample = Sample();
      dictionaries_->Offer(kPatient, sample);
      bytes += sample.size();
    }
    dictionaries_->TrainReady();
  }

  SeededRandom random_{5};
  kv::FakeEngine engine_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<Dictionaries> dictionaries_;
};

TEST_F(Codec, DictionariesAreTrainedStoredAndFoundAgain) {
  EXPECT_EQ(dictionaries_->Latest(kPatient), nullptr);
  const std::string text = Sample();
  std::string plain;
  AppendBody(text, 1000, nullptr, &plain);
  Train();
  const Dictionary* dictionary = dictionaries_->Latest(kPatient);
  ASSERT_NE(dictionary, nullptr);
  std::string body;
  AppendBody(text, 2000, dictionary, &body);
  EXPECT_LT(body.size() * 2, plain.size());
  Open();
  EXPECT_EQ(dictionaries_->Latest(kPatient)->number(), 1u);
  for (const std::string& stored : {plain, body}) {
    std::string decoded;
    const auto header = DecodeBody(stored, *dictionaries_, &decoded);
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(decoded, text);
    EXPECT_FALSE(header.value().deleted);
    EXPECT_EQ(header.value().last_updated_unix_ms, stored == plain ? 1000 : 2000);
  }
}

TEST_F(Codec, EveryDamagedBitIsFound) {
  Train();
  const std::string text = Sample();
  std::string body;
  AppendBody(text, 77, dictionaries_->Latest(kPatient), &body);
  std::string decoded;
  for (size_t bit = 7 * 8; bit < body.size() * 8; ++bit) {  // After form and time.
    std::string damaged = body;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto header = DecodeBody(damaged, *dictionaries_, &decoded);
    // A flipped bit that decodes to the same text does no harm (unused bits of a frame header).
    EXPECT_TRUE(!header.ok() || decoded == text) << "bit " << bit;
    if (!header.ok()) {
      EXPECT_EQ(header.error().kind, ErrorKind::kCorrupt);
    }
  }
  for (size_t bytes = 0; bytes < body.size(); ++bytes) {
    EXPECT_FALSE(DecodeBody(body.substr(0, bytes), *dictionaries_, &decoded).ok());
  }
}

TEST_F(Codec, DeletionsHoldTheirTimeOnly) {
  std::string body;
  AppendDeletion(1234, &body);
  std::string decoded = "before";
  const auto header = DecodeBody(body, *dictionaries_, &decoded);
  ASSERT_TRUE(header.ok());
  EXPECT_TRUE(header.value().deleted);
  EXPECT_EQ(header.value().last_updated_unix_ms, 1234);
  EXPECT_EQ(decoded, "");
  EXPECT_FALSE(DecodeBody(body + "x", *dictionaries_, &decoded).ok());
}

TEST_F(Codec, AFailedCommitLeavesTheTypeWithoutDictionary) {
  engine_.SetFault({.write = 1});
  Train();
  EXPECT_EQ(dictionaries_->Latest(kPatient), nullptr);
  Train();
  EXPECT_NE(dictionaries_->Latest(kPatient), nullptr);
}

TEST_F(Codec, AStoredDictionaryThatDoesNotDecodeIsSaid) {
  kv::Batch batch;
  batch.Put(kDocument, std::string("dictionary/\0\1", 13), "\7nonsense");
  ASSERT_TRUE(kv_->Commit(batch).ok());
  const auto opened = Dictionaries::Open(*kv_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt);
}

RC_GTEST_FIXTURE_PROP(Codec, AnyTextSurvives, (const std::string& text)) {
  std::string body = "kept";
  AppendBody(text, 1, nullptr, &body);
  RC_ASSERT(body.starts_with("kept"));
  std::string decoded;
  RC_ASSERT(DecodeBody(body.substr(4), *dictionaries_, &decoded).ok());
  RC_ASSERT(decoded == text);
}

RC_GTEST_PROP(Gzip, AnyPiecesSurvive, (const std::vector<std::string>& pieces)) {
  std::string packed;
  std::string expected;
  for (const std::string& piece : pieces) {
    packed += GzipMember(piece);
    expected += piece;
  }
  Inflater inflater;
  std::string text;
  size_t fed = 0;
  for (char out[7];;) {
    const auto read = inflater.Read(out);
    RC_ASSERT(read.ok());
    text.append(out, read.value());
    if (read.value() > 0) continue;
    if (fed == packed.size()) break;
    inflater.Feed(std::string_view(packed).substr(fed++, 1));
  }
  RC_ASSERT(inflater.Finish().ok());
  RC_ASSERT(text == expected);
}

TEST(Gzip, EndsEarly) {
  const std::string packed = GzipMember("some text");
  Inflater inflater;
  inflater.Feed(std::string_view(packed).substr(0, packed.size() - 1));
  char out[100];
  while (inflater.Read(out).value() > 0) {
  }
  EXPECT_FALSE(inflater.Finish().ok());
}

TEST(Gzip, RefusesBombs) {
  // One member of zeros inflates to a thousand times its size; members follow each other.
  const std::string member = GzipMember(std::string(8u << 20, '\0'));
  Inflater inflater;
  std::string out(1u << 20, '\0');
  uint64_t total = 0;
  Result<size_t> read = size_t{0};
  while (read.ok() && total < 2 * kInflateFreeBytes) {
    if (inflater.NeedsInput()) inflater.Feed(member);
    read = inflater.Read(out);
    if (read.ok()) total += read.value();
  }
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  EXPECT_GE(total, kInflateFreeBytes - out.size());
}

TEST(WriteGate, WritesOfOneKeyPassOneAfterTheOther) {
  WriteGate gate;
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const auto pass = gate.Enter(7, 60'000);
        ASSERT_TRUE(pass.ok());
        EXPECT_EQ(++inside, 1);
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(WriteGate, WaitsForTheRunAndGivesUp) {
  WriteGate gate;
  gate.StartImport();
  const std::vector<uint64_t> keys = {1, 2};
  EXPECT_FALSE(gate.Hold(keys, gate.MarkLookup()).all);
  EXPECT_TRUE(gate.Enter(3, 0).ok());
  EXPECT_FALSE(gate.FlushWanted());
  const auto refused = gate.Enter(1, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_TRUE(gate.FlushWanted());
  gate.ReleaseHeld();
  EXPECT_FALSE(gate.FlushWanted());
  EXPECT_TRUE(gate.Enter(1, 0).ok());
  gate.StopImport();
}

TEST(WriteGate, NamesWhatWasTouchedSinceTheLookup) {
  WriteGate gate;
  gate.StartImport();
  const std::vector<uint64_t> keys = {1, 2, 3};
  const WriteGate::Mark before = gate.MarkLookup();
  EXPECT_TRUE(gate.Enter(2, 0).ok());  // Passes and leaves.
  const WriteGate::Mark after = gate.MarkLookup();
  EXPECT_EQ(gate.Hold(keys, before).keys, std::vector<uint64_t>{2});
  EXPECT_TRUE(gate.Hold(keys, after).keys.empty());
  gate.ReleaseHeld();
  // Look-ups from before the commit know nothing of what it stored.
  EXPECT_TRUE(gate.Hold(keys, after).all);
  EXPECT_FALSE(gate.Hold(keys, gate.MarkLookup()).all);
  gate.StopImport();
}

}  // namespace
}  // namespace tarn::fhir_store
