// Files of frames: what is finished is there, what is not leaves nothing.
#include "image_store/internal/pack_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "image_store/internal/keys.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

class PackFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pack_files_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { ASSERT_TRUE(RemoveFolder(folder_).ok()); }
  size_t CountFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
  std::string folder_;
  SeededRandom random_{7};
};

TEST_F(PackFiles, FinishedPackIsReadAndUnfinishedOneIsGone) {
  const PackFolder packs = PackFolder::Open(folder_).value();
  const std::string id = NewPackId(random_);
  {
    auto writer = packs.NewPack(id).value();
    EXPECT_EQ(writer->bytes(), kPackMagic.size());
    ASSERT_TRUE(writer->Append("frame one").ok());
    EXPECT_FALSE(packs.OpenPack(id).ok());  // It has no name yet.
    ASSERT_TRUE(writer->Finish().ok());
  }
  const UniqueFd fd = packs.OpenPack(id).value();
  std::string bytes(17, '\0');
  ASSERT_EQ(pread(fd.get(), bytes.data(), bytes.size(), 0), 17);
  EXPECT_EQ(bytes, "TARNPAK1frame one");
  { auto writer = packs.NewPack(NewPackId(random_)).value(); }
  EXPECT_EQ(CountFiles(), 1u);
}

TEST_F(PackFiles, OrphansAreRemovedAndKnownPacksStay) {
  const PackFolder packs = PackFolder::Open(folder_).value();
  const std::string known = NewPackId(random_);
  const std::string orphan = NewPackId(random_);
  for (const std::string& id : {known, orphan}) {
    ASSERT_TRUE(packs.NewPack(id).value()->Finish().ok());
  }
  ASSERT_TRUE(WriteFileAtomic(folder_ + "/.tmp-0011223344556677", "cut off").ok());
  ASSERT_TRUE(WriteFileAtomic(folder_ + "/README", "a person's file").ok());
  ASSERT_TRUE(packs.RemoveOrphans([&](std::string_view id) { return id == known; }).ok());
  EXPECT_TRUE(packs.OpenPack(known).ok());
  EXPECT_EQ(packs.OpenPack(orphan).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(CountFiles(), 2u);
}

TEST_F(PackFiles, PunchedRangeReadsAsZeros) {
  const PackFolder packs = PackFolder::Open(folder_).value();
  const std::string id = NewPackId(random_);
  auto writer = packs.NewPack(id).value();
  ASSERT_TRUE(writer->Append(std::string(64 << 10, 'x')).ok());
  ASSERT_TRUE(writer->Finish().ok());
  ASSERT_TRUE(packs.Punch(id, 8, 32 << 10).ok());
  const UniqueFd fd = packs.OpenPack(id).value();
  char byte = '?';
  ASSERT_EQ(pread(fd.get(), &byte, 1, (32 << 10) + 8), 1);
  EXPECT_EQ(byte, 'x');
  // A file system without holes keeps the bytes.
  ASSERT_EQ(pread(fd.get(), &byte, 1, 8 << 10), 1);
  EXPECT_TRUE(byte == '\0' || byte == 'x');
  EXPECT_TRUE(packs.Punch(NewPackId(random_), 0, 10).ok());
}

TEST(Keys, IdsHaveOneSpelling) {
  SeededRandom random(9);
  const std::string unit = NewUnit(random);
  const std::string id = FrameIdText(unit, 258);
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(FrameKeyOf(id).value(), FrameKey(unit, 258));
  for (const std::string bad :
       {"", "0123", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdeg"}) {
    EXPECT_EQ(FrameKeyOf(bad).error().kind, ErrorKind::kNotFound) << bad;
    EXPECT_EQ(PackSetId(bad).error().kind, ErrorKind::kNotFound) << bad;
  }
  EXPECT_EQ(SetIdText(PackSetId(id).value()), id);
}

TEST_F(PackFiles, OpenOnesAreFewAndForgotten) {
  const PackFolder packs = PackFolder::Open(folder_).value();
  OpenPacks open(packs);
  std::vector<std::string> ids;
  for (size_t i = 0; i <= kOpenPacksMax; ++i) {
    ids.push_back(NewPackId(random_));
    ASSERT_TRUE(packs.NewPack(ids.back()).value()->Finish().ok());
  }
  EXPECT_EQ(open.Find(ids[0]), nullptr);
  EXPECT_EQ(open.Open(NewPackId(random_)).error().kind, ErrorKind::kNotFound);
  for (size_t i = 0; i < kOpenPacksMax; ++i) ASSERT_TRUE(open.Open(ids[i]).ok());
  const auto first = open.Find(ids[0]);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(open.Open(ids[0]).value(), first);
  // One more: the one that was not used for longest goes.
  ASSERT_TRUE(open.Open(ids.back()).ok());
  EXPECT_NE(open.Find(ids[0]), nullptr);
  EXPECT_EQ(open.Find(ids[1]), nullptr);
  // A reader keeps its file, though it has no name any more.
  ASSERT_TRUE(packs.Remove(ids[0]).ok());
  open.Forget(ids[0]);
  EXPECT_EQ(open.Find(ids[0]), nullptr);
  char byte = 0;
  EXPECT_EQ(pread(first->get(), &byte, 1, 0), 1);
  EXPECT_EQ(open.Open(ids[0]).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace tarn::image_store
