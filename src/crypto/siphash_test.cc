#include "crypto/siphash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/bytes.h"

namespace tarn::crypto {
namespace {

std::string Ascending(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

// Vectors of the authors' reference implementation: key 00..0f, input of the first n bytes.
TEST(SipHash, AgreesWithTheReferenceVectors) {
  const SipHash hash(Ascending(kSipKeyBytes));
  struct Case {
    size_t bytes;
    std::string_view hex;
  };
  for (const Case& c :
       {Case{0, "a3817f04ba25a8e66df67214c7550293"}, Case{1, "da87c1d86b99af44347659119b22fc45"},
        Case{2, "8177228da4a45dc7fca38bdef60affe4"}}) {
    const auto out = hash(Ascending(c.bytes));
    EXPECT_EQ(HexEncode({out.data(), out.size()}), c.hex) << c.bytes;
  }
}

TEST(SipHash, DependsOnEveryByteAndOnTheKey) {
  std::set<std::string> seen;
  for (const char key : {'a', 'b'}) {
    const SipHash hash(std::string(kSipKeyBytes, key));
    for (size_t size = 0; size < 40; ++size) {
      const auto out = hash(Ascending(size));
      EXPECT_TRUE(seen.insert(std::string(out.data(), out.size())).second);
      std::string changed = Ascending(size);
      for (char& c : changed) {
        c ^= 1;
        const auto other = hash(changed);
        EXPECT_TRUE(seen.insert(std::string(other.data(), other.size())).second);
        c ^= 1;
      }
    }
  }
}

}  // namespace
}  // namespace tarn::crypto
