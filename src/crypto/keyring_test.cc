#include "crypto/keyring.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"

namespace tarn::crypto {
namespace {

namespace fs = std::filesystem;

class KeyringTest : public testing::Test {
 protected:
  KeyringTest() {
    std::string pattern = (fs::temp_directory_path() / "tarn-keyring-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/keyring";
  }
  ~KeyringTest() override { fs::remove_all(folder_); }
  std::unique_ptr<Keyring> Open() {
    Result<std::unique_ptr<Keyring>> opened = Keyring::Open(path_, clock_, random_);
    EXPECT_TRUE(opened.ok());
    return std::move(opened).value();
  }

  SystemClock clock_;
  SystemRandom random_;
  std::string folder_;
  std::string path_;
};

TEST_F(KeyringTest, CreateFindAndStates) {
  std::unique_ptr<Keyring> keyring = Open();
  EXPECT_TRUE(keyring->List().value().empty());
  const KeyInfo key = keyring->Create("clinic").value();
  EXPECT_EQ(key.key_id.size(), 36u);
  EXPECT_EQ(key.state, KeyState::kEnabled);
  EXPECT_GT(key.created_unix_ms, 0);
  for (const std::string& name : {key.key_id, std::string("alias/clinic"), "key/" + key.key_id,
                                  "arn:aws:kms:us-east-1:123456789012:key/" + key.key_id,
                                  std::string("arn:aws:kms:us-east-1:123456789012:alias/clinic")}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(keyring->Find(name).value().key_id, key.key_id);
  }
  EXPECT_EQ(keyring->Find("clinic").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(keyring->Find("alias/other").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(keyring->Create("clinic").error().kind, ErrorKind::kConflict);
  EXPECT_EQ(keyring->Create("a b").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(keyring->Find("").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(keyring->Find("a\n").error().kind, ErrorKind::kInvalid);

  EXPECT_EQ(keyring->Disable("alias/clinic").value().state, KeyState::kDisabled);
  EXPECT_EQ(Open()->Find(key.key_id).value().state, KeyState::kDisabled);
  EXPECT_EQ(keyring->Enable(key.key_id).value().state, KeyState::kEnabled);
  EXPECT_EQ(keyring->Destroy(key.key_id).value().state, KeyState::kDestroyed);
  EXPECT_EQ(keyring->Enable(key.key_id).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(keyring->Disable(key.key_id).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(keyring->Destroy(key.key_id).ok());
  EXPECT_EQ(keyring->Disable("none").error().kind, ErrorKind::kNotFound);
}

TEST_F(KeyringTest, FindOrCreate) {
  std::unique_ptr<Keyring> keyring = Open();
  for (const char* name : {"my-key", "alias/x/y", "arn:aws:kms:us-east-1:123456789012:key/mrk-1",
                           "key/other", "arn:aws:kms:eu-west-1:123456789012:alias/z"}) {
    SCOPED_TRACE(name);
    const KeyInfo made = keyring->FindOrCreate(name).value();
    EXPECT_EQ(keyring->FindOrCreate(name).value().key_id, made.key_id);
    EXPECT_EQ(keyring->Find(name).value().key_id, made.key_id);
  }
  EXPECT_EQ(keyring->List().value().size(), 5u);
  // A destroyed key is not made again under its name.
  ASSERT_TRUE(keyring->Destroy("my-key").ok());
  EXPECT_EQ(keyring->FindOrCreate("my-key").value().state, KeyState::kDestroyed);
}

TEST_F(KeyringTest, OnlyItsOwnerReadsTheFile) {
  std::unique_ptr<Keyring> keyring = Open();
  ASSERT_TRUE(keyring->Create("").ok());
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyringTest, SeesWhatOthersChange) {
  std::unique_ptr<Keyring> one = Open();
  std::unique_ptr<Keyring> two = Open();
  const std::string id = one->Create("a").value().key_id;
  EXPECT_EQ(two->Find(id).value().state, KeyState::kEnabled);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(two->Disable(id).ok());
    EXPECT_EQ(one->Find(id).value().state, KeyState::kDisabled);
    ASSERT_TRUE(one->Enable(id).ok());
    EXPECT_EQ(two->Find(id).value().state, KeyState::kEnabled);
  }
}

TEST_F(KeyringTest, ManyWritersLoseNothing) {
  constexpr int kWriters = 4;
  constexpr int kEach = 10;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([this] {
      std::unique_ptr<Keyring> keyring = Open();
      for (int n = 0; n < kEach; ++n) EXPECT_TRUE(keyring->Create("").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Open()->List().value().size(), size_t{kWriters * kEach});
}

TEST_F(KeyringTest, DestroyLeavesNoMaterial) {
  class CountingRandom final : public RandomSource {
   public:
    void Fill(std::span<char> out) override { std::fill(out.begin(), out.end(), 'S'); }
  } random;
  std::unique_ptr<Keyring> keyring = Keyring::Open(path_, clock_, random).value();
  ASSERT_TRUE(keyring->FindOrCreate("k").ok());
  // A second name for the file as it is now, to see what becomes of it.
  fs::create_hard_link(path_, folder_ + "/old");
  EXPECT_NE(ReadFile(folder_ + "/old", 4096).value().find(std::string(32, 'S')), std::string::npos);
  ASSERT_TRUE(keyring->Destroy("k").ok());
  EXPECT_EQ(ReadFile(path_, 4096).value().find("SSSS"), std::string::npos);
  EXPECT_EQ(ReadFile(folder_ + "/old", 4096).value().find("SSSS"), std::string::npos);
}

TEST_F(KeyringTest, WhatAKilledProcessLeftIsErased) {
  const std::string left = path_ + std::string(kTemporarySuffix) + "1-0";
  ASSERT_TRUE(WriteFileAtomic(left, "material").ok());
  fs::create_hard_link(left, folder_ + "/seen");
  ASSERT_TRUE(Open()->Create("").ok());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(ReadFile(folder_ + "/seen", 100).value().find("material"), std::string::npos);
}

TEST_F(KeyringTest, DamageIsNoticed) {
  ASSERT_TRUE(Open()->Create("a").ok());
  const std::string good = ReadFile(path_, 4096).value();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    std::ofstream(path_, std::ios::trunc) << bad;
    const Result<std::unique_ptr<Keyring>> opened = Keyring::Open(path_, clock_, random_);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt);
  }
  std::ofstream(path_, std::ios::trunc) << good.substr(0, good.size() - 1);
  EXPECT_FALSE(Keyring::Open(path_, clock_, random_).ok());
}

TEST(KeyStateName, Names) {
  EXPECT_EQ(KeyStateName(KeyState::kEnabled), "ENABLED");
  EXPECT_EQ(KeyStateName(KeyState::kDisabled), "DISABLED");
  EXPECT_EQ(KeyStateName(KeyState::kDestroyed), "DESTROYED");
}

}  // namespace
}  // namespace tarn::crypto
