#include "crypto/digest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <thread>

#include "base/bytes.h"

namespace tarn::crypto {
namespace {

TEST(Digest, KnownAnswers) {
  // FIPS 180-4 examples, RFC 1321 A.5.
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(HexEncode(Md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Digest, Hmac) {
  // RFC 4231 4.2, 4.3 and 4.7 (a key longer than a block).
  EXPECT_EQ(HexEncode(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(std::string(131, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HexEncode(HmacSha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Digest, PiecesGiveTheSameAsTheWhole) {
  EXPECT_TRUE(rc::check("pieces", [](const std::string& a, const std::string& b) {
    for (const DigestKind kind : {DigestKind::kSha256, DigestKind::kSha1, DigestKind::kMd5}) {
      Digest whole(kind);
      whole.Update(a + b);
      Digest pieces(kind);
      pieces.Update(a);
      pieces.Update(b);
      RC_ASSERT(whole.Finish() == pieces.Finish());
    }
    RC_ASSERT(Crc32(Crc32(0, a), b) == Crc32(0, a + b));
    RC_ASSERT(Crc32c(Crc32c(0, a), b) == Crc32c(0, a + b));
    RC_ASSERT(Crc64Nvme(Crc64Nvme(0, a), b) == Crc64Nvme(0, a + b));
    RC_ASSERT(CombineCrc32(Crc32(0, a), Crc32(0, b), b.size()) == Crc32(0, a + b));
    RC_ASSERT(CombineCrc32c(Crc32c(0, a), Crc32c(0, b), b.size()) == Crc32c(0, a + b));
    RC_ASSERT(CombineCrc64Nvme(Crc64Nvme(0, a), Crc64Nvme(0, b), b.size()) == Crc64Nvme(0, a + b));
  }));
}

TEST(Digest, ThreadsDoNotShareContexts) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      const std::string key(static_cast<size_t>(i), 'k');
      const std::string expected = HmacSha256(key, "x");
      for (int round = 0; round < 1000; ++round) {
        ASSERT_EQ(HmacSha256(key, "x"), expected);
        ASSERT_EQ(Sha256("abc").size(), 32u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Crc, KnownAnswers) {
  // The check values of the catalogue of parametrised CRC algorithms, over "123456789".
  EXPECT_EQ(Crc32(0, "123456789"), 0xcbf43926u);
  EXPECT_EQ(Crc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(Crc64Nvme(0, "123456789"), 0xae8b14860a799888u);
  // RFC 3720 B.4: 32 bytes of zeros, of ones, and counting up.
  EXPECT_EQ(Crc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(0, std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising.push_back(c);
  EXPECT_EQ(Crc32c(0, rising), 0x46dd794eu);
  EXPECT_EQ(Crc64Nvme(0, std::string(4096, '\0')), 0x6482d367eb22b64eu);
  EXPECT_EQ(Crc32(0, ""), 0u);
  EXPECT_EQ(Crc32c(0, ""), 0u);
  EXPECT_EQ(Crc64Nvme(0, ""), 0u);
}

// Long texts are summed in lanes; a text byte by byte is not.
TEST(Crc, LanesGiveTheSameAsBytes) {
  std::string text;
  uint32_t state = 1;
  for (int i = 0; i < 7000; ++i) {
    state = state * 1'664'525u + 1'013'904'223u;
    text.push_back(static_cast<char>(state >> 24));
  }
  const auto by_bytes = [](uint32_t start, std::string_view bytes) {
    for (const char& byte : bytes) start = Crc32c(start, {&byte, 1});
    return start;
  };
  for (const size_t length : {1535u, 1536u, 1537u, 1543u, 1544u, 3071u, 3072u, 4609u, 7000u}) {
    for (const uint32_t start : {0u, 0x12345678u}) {
      const std::string_view bytes = std::string_view(text).substr(text.size() - length);
      EXPECT_EQ(Crc32c(start, bytes), by_bytes(start, bytes)) << length;
    }
  }
}

TEST(ConstantTimeEquals, Compares) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
}

}  // namespace
}  // namespace tarn::crypto
