#include "healthlake/internal/responses.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"

namespace tarn::healthlake::internal {
namespace {

TEST(ErrorMessage, IsCutBetweenCharacters) {
  const std::string full(kErrorMessageBytesMax, 'x');
  EXPECT_EQ(ErrorMessageOf(full), full);
  EXPECT_EQ(ErrorMessageOf(full + "y"), full);
  EXPECT_EQ(ErrorMessageOf(""), "");
  const std::string euro = "\xe2\x82\xac";
  for (size_t inside : {1u, 2u}) {
    const std::string head(kErrorMessageBytesMax - inside, 'x');
    EXPECT_EQ(ErrorMessageOf(head + euro), head);
  }
  const std::string fits(kErrorMessageBytesMax - euro.size(), 'x');
  EXPECT_EQ(ErrorMessageOf(fits + euro + euro), fits + euro);
}

}  // namespace
}  // namespace tarn::healthlake::internal
