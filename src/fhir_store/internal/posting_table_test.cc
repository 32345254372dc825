// The table of a run against a map of what each key's set becomes.
#include "fhir_store/internal/posting_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "fhir_store/internal/posting_keys.h"

namespace tarn::fhir_store {
namespace {

std::string RandomKey(SeededRandom& random) {
  std::string key;
  AppendPostingPrefix(&key, static_cast<fhir::TypeId>(1 + random.Below(2)),
                      static_cast<fhir::ParameterNumber>(random.Below(3)), PostingKind::kText);
  const std::string text(random.Below(3) * 6, static_cast<char>('a' + random.Below(3)));
  const std::string_view exact = text;
  AppendTextValue(&key, text, &exact, PostingHash(std::string(16, 'k')));
  return key;
}

using Model = std::map<std::string, std::map<Ordinal, bool>>;

Model Emitted(const PostingTable& table) {
  Model model;
  std::string before;
  const Status status = table.ForEachChunk([&](std::string_view key, const kv::BitsDelta& delta) {
    EXPECT_LT(before, key);
    before = key;
    const uint32_t chunk = PostingChunk(key).value();
    const std::string posting(key.substr(0, key.size() - kPostingChunkBytes));
    for (const uint16_t low : delta.add) {
      EXPECT_TRUE(model[posting].emplace(chunk * kChunkOrdinals + low, true).second);
    }
    for (const uint16_t low : delta.remove) {
      EXPECT_TRUE(model[posting].emplace(chunk * kChunkOrdinals + low, false).second);
    }
    return Ok();
  });
  EXPECT_TRUE(status.ok());
  return model;
}

TEST(PostingTable, EmitsWhatEverySetBecomes) {
  SeededRandom random(20260103);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    PostingTable table;
    Model model;
    Ordinal ordinal = 0;
    for (int i = 0; i < 400; ++i) {
      const std::string key = RandomKey(random);
      if (random.Below(4) > 0) {
        // Steps of one byte, of several, and repetitions.
        ordinal += static_cast<Ordinal>(random.Below(random.Below(10) == 0 ? 100'000 : 3));
        table.AddNew(key, std::hash<std::string>()(key), ordinal);
        model[key][ordinal] = true;
      } else {
        const auto changed = static_cast<Ordinal>(random.Below(ordinal + 1));
        const bool added = random.Below(2) == 0;
        // A resource that was created by this run joined before it left.
        table.Change(key, changed, added);
        model[key][changed] = added;
        ++ordinal;
      }
    }
    EXPECT_EQ(Emitted(table), model);
    EXPECT_GT(table.bytes(), 0u);
    table.Clear();
    EXPECT_TRUE(Emitted(table).empty());
    EXPECT_EQ(table.keys(), 0u);
  }
}

}  // namespace
}  // namespace tarn::fhir_store
