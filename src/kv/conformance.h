// The suite that every engine passes: conformance_test.cc. An engine's own test file says
//
//   INSTANTIATE_TEST_SUITE_P(Name, EngineConformance, testing::Values(&NewHarness));
//
// with a function that makes a harness around one engine that has no stores.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kv/store.h"

namespace tarn::kv {

class EngineHarness {
 public:
  virtual ~EngineHarness() = default;
  virtual Engine& engine() = 0;
  // Closes the engine and opens it again on what it has stored. All stores are closed before.
  virtual void Reopen() = 0;
};

using NewEngineHarness = std::unique_ptr<EngineHarness> (*)();

class EngineConformance : public testing::TestWithParam<NewEngineHarness> {
 protected:
  // Families of the suite's schema.
  static constexpr Family kPoint = 0;   // Values, read by whole key.
  static constexpr Family kPacked = 1;  // Values, compressed by the caller.
  static constexpr Family kPlain = 2;   // Values.
  static constexpr Family kChunks = 3;  // Bitmaps.
  static constexpr Family kMore = 4;    // Bitmaps.
  static constexpr Family kLog = 5;     // Values.

  static Schema TestSchema();

  void SetUp() override;
  void TearDown() override;

  Engine& engine() { return harness_->engine(); }
  Store& store() { return *store_; }
  // Closes store and engine and opens both again.
  void Reopen(const Schema& schema = TestSchema());
  void Close() { store_.reset(); }

  // The commit's sequence; a failure of the test when it fails.
  uint64_t Commit(const Batch& batch);
  uint64_t Put(Family family, std::string_view key, std::string_view value);
  // The value as of now, or "(none)".
  std::string Get(Family family, std::string_view key);
  // A chunk's values as of now.
  std::vector<uint16_t> Chunk(Family family, std::string_view key);
  // All keys of a range as of now, in the order of the scan.
  std::vector<std::string> Keys(Family family, KeyRange range,
                                Direction direction = Direction::kForward);
  // A family's keys and values as of now.
  std::vector<std::pair<std::string, std::string>> Entries(Family family);

 private:
  std::unique_ptr<EngineHarness> harness_;
  std::unique_ptr<Store> store_;
};

}  // namespace tarn::kv
