// Listings that keep windows of large folders say what listings without them say, and read a folder
// once for a window, not once for a page.
#include "objects/internal/folder_windows.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/random.h"
#include "objects/internal/listing.h"

namespace tarn::objects {
namespace {

namespace fs = std::filesystem;

class FolderWindowsTest : public testing::Test {
 protected:
  FolderWindowsTest() {
    std::string path = testing::TempDir() + "tarn-windows-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr);
    folder_ = path;
  }
  ~FolderWindowsTest() override { EXPECT_TRUE(RemoveFolder(folder_).ok()); }

  void Make(const std::string& key) const {
    const fs::path path = fs::path(folder_) / key;
    fs::create_directories(path.parent_path());
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    ASSERT_TRUE(fd.valid());
  }
  // As if nothing had changed for an hour.
  void Settle() const {
    const timespec hour_ago{.tv_sec = time(nullptr) - 3600, .tv_nsec = 0};
    const timespec times[2] = {hour_ago, hour_ago};
    ASSERT_EQ(utimensat(AT_FDCWD, folder_.c_str(), times, 0), 0);
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (!entry.is_directory()) continue;
      ASSERT_EQ(utimensat(AT_FDCWD, entry.path().c_str(), times, 0), 0);
    }
  }
  // The pages' keys and common prefixes, one after the other. `between` is called before each page.
  std::vector<std::string> List(
      ListRequest request, FolderWindows* windows, const std::function<void()>& between = [] {}) {
    const UniqueFd fd(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::vector<std::string> names;
    for (;;) {
      between();
      const auto page = ListKeys(
          fd.get(), request,
          [](std::string_view key, const struct stat&) {
            ObjectInfo info;
            info.key = key;
            return info;
          },
          windows);
      EXPECT_TRUE(page.ok());
      if (!page.ok()) return names;
      for (const ObjectInfo& object : page.value().objects) names.push_back(object.key);
      for (const std::string& prefix : page.value().common_prefixes) names.push_back(prefix);
      request.start_after = page.value().next_start_after;
      if (request.start_after.empty()) return names;
    }
  }

  std::string folder_;
};

TEST_F(FolderWindowsTest, AFolderIsReadOnceForManyPages) {
  std::vector<std::string> expected;
  for (int i = 10'000; i < 12'000; ++i) {
    expected.push_back("many/" + std::to_string(i));
    Make(expected.back());
  }
  Settle();
  FolderWindows windows;
  EXPECT_EQ(List({.max = 50}, &windows), expected);
  EXPECT_EQ(windows.kept_total(), 1u);
  // The window went with its last entry; small ones are made as often as they are used up.
  const size_t fifth = 400 * FolderEntry{.order = "10000", .path = "10000"}.bytes();
  FolderWindows small(fifth);
  EXPECT_EQ(List({.max = 50}, &small), expected);
  EXPECT_GE(small.kept_total(), 4u);
  EXPECT_LE(small.kept_total(), 6u);
}

TEST_F(FolderWindowsTest, ChangesAreSeenByTheNextPage) {
  for (int i = 10'000; i < 10'500; ++i) Make("many/" + std::to_string(i));
  Settle();
  FolderWindows windows;
  int page = 0;
  const auto keys = List({.max = 50}, &windows, [&] {
    if (++page != 3) return;
    Make("many/10200-new");
    fs::remove(fs::path(folder_) / "many/10201");
    Make("many/10000-before");  // Behind what was listed already.
  });
  EXPECT_EQ(keys.size(), 500u);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "many/10200-new"), 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "many/10201"), 0);
  // A folder that changed just now is not trusted.
  EXPECT_EQ(windows.kept_total(), 1u);
  EXPECT_EQ(List({.max = 50}, &windows).size(), 501u);
  EXPECT_EQ(windows.kept_total(), 1u);
}

TEST_F(FolderWindowsTest, WindowsChangeNoListing) {
  SeededRandom random(20260721);
  const std::vector<std::string> names = {"a",  "a-b", "a.b", "a0", "b", "%file~c", "%folder~d",
                                          "dd", "e",   "e-",  "f",  "g", "h",       "i"};
  for (int tree = 0; tree < 8; ++tree) {
    for (int file = 0; file < 150; ++file) {
      std::string key = "x";
      for (uint64_t depth = 1 + random.Below(3); depth > 0; --depth) {
        key += "/" + names[random.Below(names.size())] + std::to_string(random.Below(3));
      }
      std::error_code in_the_way;  // A file of this name.
      fs::create_directories(fs::path(folder_) / fs::path(key).parent_path(), in_the_way);
      if (!in_the_way && !fs::exists(fs::path(folder_) / key)) {
        const UniqueFd fd(
            open((folder_ + "/" + key).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      }
      key = "y" + std::to_string(random.Below(40)) + names[random.Below(names.size())];
      if (!fs::exists(fs::path(folder_) / key)) Make(key);
    }
    Settle();
    FolderWindows windows(random.Below(2) == 0 ? FolderWindows::kWindowBytesMax : 2000);
    const std::vector<std::string> all = List({}, nullptr);
    for (int i = 0; i < 20; ++i) {
      ListRequest request;
      request.max = static_cast<uint32_t>(1 + random.Below(30));
      if (random.Below(2) == 0) request.delimiter = "/";
      if (random.Below(2) == 0) request.start_after = all[random.Below(all.size())];
      if (random.Below(2) == 0) {
        const std::string& key = all[random.Below(all.size())];
        request.prefix = key.substr(0, random.Below(key.size() + 1));
      }
      EXPECT_EQ(List(request, &windows), List(request, nullptr))
          << request.prefix << " " << request.start_after << " " << request.max;
    }
    EXPECT_TRUE(RemoveFolder(folder_).ok());
    fs::create_directories(folder_);
  }
}

}  // namespace
}  // namespace tarn::objects
