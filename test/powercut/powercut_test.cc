// Shows that the power-cut shim drops what was not synced and nothing else. Each case is a child
// process under the shim: this program itself, started with the number of the case.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace {

// Path below the folder to content; folders end with a slash.
using Tree = std::map<std::string, std::string>;

#define MUST(condition)        \
  do {                         \
    if (!(condition)) {        \
      std::perror(#condition); \
      _exit(3);                \
    }                          \
  } while (false)

// What a child does; its working directory is the folder.
void Put(const char* path, std::string_view text, int flags = O_CREAT | O_TRUNC) {
  const int fd = open(path, O_WRONLY | flags, 0666);
  MUST(fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
}

void Overwrite(const char* path, std::string_view text, off_t offset) {
  const int fd = open(path, O_WRONLY);
  MUST(pwrite(fd, text.data(), text.size(), offset) == static_cast<ssize_t>(text.size()));
  close(fd);
}

void SyncPath(const char* path) {
  const int fd = open(path, O_RDONLY);
  MUST(fd >= 0 && fsync(fd) == 0);
  close(fd);
}

void PutSynced(const char* path, std::string_view text) {
  Put(path, text);
  SyncPath(path);
  SyncPath(".");
}

struct Case {
  const char* name;
  Tree before;
  void (*run)();
  Tree strict;  // What is left after the cut.
  Tree ext4;    // The same when not empty; else as `strict`.
};

// NOLINTNEXTLINE(readability-function-size): a table.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"synced content and name survive", {}, [] { PutSynced("a", "one"); }, {{"a", "one"}}, {}},
      {"unsynced name",
       {},
       [] {
         Put("a", "one");
         SyncPath("a");
       },
       {},
       {{"a", "one"}}},
      {"unsynced content",
       {},
       [] {
         Put("a", "one");
         SyncPath(".");
       },
       {{"a", ""}},
       {}},
      {"file from before is durable", {{"a", "one"}}, [] {}, {{"a", "one"}}, {}},
      {"unsynced append", {{"a", "one"}}, [] { Put("a", "two", O_APPEND); }, {{"a", "one"}}, {}},
      {"synced append, then unsynced",
       {{"a", "one"}},
       [] {
         Put("a", "two", O_APPEND);
         SyncPath("a");
         Put("a", "three", O_APPEND);
       },
       {{"a", "onetwo"}},
       {}},
      {"overwritten ranges that overlap",
       {{"a", "0123456789"}},
       [] {
         Overwrite("a", "xx", 2);
         Overwrite("a", "yyyy", 1);
         Overwrite("a", "zzzzzzzzzzzz", 0);
       },
       {{"a", "0123456789"}},
       {}},
      {"overwritten and synced, then again",
       {{"a", "0123456789"}},
       [] {
         Overwrite("a", "xx", 2);
         SyncPath("a");
         Overwrite("a", "yyyy", 1);
       },
       {{"a", "01xx456789"}},
       {}},
      {"writev and pwritev",
       {{"a", "0123456789"}},
       [] {
         char text[] = "xyz";
         const iovec pieces[] = {{text, 1}, {text + 1, 2}};
         const int fd = open("a", O_WRONLY);
         MUST(writev(fd, pieces, 2) == 3 && pwritev(fd, pieces, 2, 9) == 3);
       },
       {{"a", "0123456789"}},
       {}},
      {"cut short and written again",
       {{"a", "0123456789"}},
       [] {
         MUST(truncate("a", 4) == 0);
         Put("a", "abcdefgh", O_APPEND);
         Overwrite("a", "zz", 3);
       },
       {{"a", "0123456789"}},
       {}},
      {"cut short and synced",
       {{"a", "0123456789"}},
       [] {
         MUST(truncate("a", 4) == 0);
         SyncPath("a");
       },
       {{"a", "0123"}},
       {}},
      {"emptied by open",
       {{"a", "0123456789"}},
       [] { Put("a", "new"); },
       {{"a", "0123456789"}},
       {}},
      {"reserved space",
       {{"a", "one"}},
       [] {
         const int fd = open("a", O_RDWR);
         MUST(posix_fallocate(fd, 0, 100) == 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 900) == 0);
         MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2) == 0);
       },
       {{"a", "one"}},
       {}},
      {"copied descriptor",
       {{"a", "one"}},
       [] {
         const int fd = open("a", O_RDWR);
         const int other = fcntl(dup(fd), F_DUPFD_CLOEXEC, 100);
         close(fd);
         MUST(other >= 100 && write(other, "two", 3) == 3);
       },
       {{"a", "one"}},
       {}},
      {"copy_file_range",
       {{"a", "one"}, {"b", "0123"}},
       [] {
         const int from = open("a", O_RDONLY);
         const int to = open("b", O_WRONLY);
         MUST(copy_file_range(from, nullptr, to, nullptr, 3, 0) == 3);
       },
       {{"a", "one"}, {"b", "0123"}},
       {}},
      {"unsynced unlink", {{"a", "one"}}, [] { MUST(unlink("a") == 0); }, {{"a", "one"}}, {}},
      {"unsynced remove", {{"a", "one"}}, [] { MUST(std::remove("a") == 0); }, {{"a", "one"}}, {}},
      {"synced unlink",
       {{"a", "one"}},
       [] {
         MUST(unlink("a") == 0);
         SyncPath(".");
       },
       {},
       {}},
      {"unlinked and created anew",
       {{"a", "one"}},
       [] {
         MUST(unlink("a") == 0);
         Put("a", "two");
         SyncPath("a");
       },
       {{"a", "one"}},
       {{"a", "two"}}},
      {"unsynced rename over a file",
       {{"a", "old"}},
       [] {
         PutSynced("b", "new");
         MUST(rename("b", "a") == 0);
       },
       {{"a", "old"}, {"b", "new"}},
       {}},
      {"synced rename over a file",
       {{"a", "old"}},
       [] {
         PutSynced("b", "new");
         MUST(rename("b", "a") == 0);
         SyncPath(".");
       },
       {{"a", "new"}},
       {}},
      {"rename before the content is synced",
       {{"a", "old"}},
       [] {
         Put("b", "new");
         MUST(rename("b", "a") == 0);
         SyncPath(".");
       },
       {{"a", ""}},
       {}},
      {"chain of renames",
       {{"a", "1"}, {"b", "2"}},
       [] { MUST(rename("a", "c") == 0 && rename("b", "a") == 0 && rename("c", "b") == 0); },
       {{"a", "1"}, {"b", "2"}},
       {}},
      {"renameat2 as a system call",
       {{"a", "1"}, {"b", "2"}},
       [] { MUST(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* exchange */) == 0); },
       {{"a", "1"}, {"b", "2"}},
       {}},
      {"failed rename",
       {{"a", "1"}, {"b", "2"}},
       [] {
         MUST(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 1 /* no replace */) != 0);
         MUST(rename("missing", "b") != 0);
       },
       {{"a", "1"}, {"b", "2"}},
       {}},
      {"unsynced link", {{"a", "1"}}, [] { MUST(link("a", "b") == 0); }, {{"a", "1"}}, {}},
      {"synced link",
       {{"a", "1"}},
       [] {
         MUST(link("a", "b") == 0);
         SyncPath(".");
       },
       {{"a", "1"}, {"b", "1"}},
       {}},
      {"openat2 creates",
       {},
       [] {
         open_how how{};
         how.flags = O_CREAT | O_WRONLY;
         how.mode = 0666;
         const long fd = syscall(SYS_openat2, AT_FDCWD, "a", &how, sizeof how);
         MUST(fd >= 0 && write(static_cast<int>(fd), "x", 1) == 1);
       },
       {},
       {}},
      {"unsynced folder takes synced content along",
       {},
       [] {
         MUST(mkdir("d", 0777) == 0);
         Put("d/a", "1");
         SyncPath("d/a");
         SyncPath("d");
       },
       {},
       {}},
      {"synced folder",
       {},
       [] {
         MUST(mkdir("d", 0777) == 0);
         SyncPath(".");
         Put("d/a", "1");
         SyncPath("d/a");
       },
       {{"d/", ""}},
       {{"d/", ""}, {"d/a", "1"}}},
      {"removed folder comes back with its files",
       {{"d/", ""}, {"d/e/", ""}, {"d/e/a", "1"}},
       [] { std::filesystem::remove_all("d"); },
       {{"d/", ""}, {"d/e/", ""}, {"d/e/a", "1"}},
       {}},
      {"removal synced from the inside only",
       {{"d/", ""}, {"d/a", "1"}},
       [] {
         MUST(unlink("d/a") == 0);
         SyncPath("d");
         MUST(rmdir("d") == 0);
       },
       {{"d/", ""}},
       {}},
      {"synced removal of a folder",
       {{"d/", ""}, {"d/e/", ""}, {"d/e/a", "1"}},
       [] {
         std::filesystem::remove_all("d");
         SyncPath(".");
       },
       {},
       {}},
      {"folder with content is not removed",
       {{"d/", ""}, {"d/a", "1"}},
       [] { MUST(rmdir("d") != 0); },
       {{"d/", ""}, {"d/a", "1"}},
       {}},
      {"unsynced rename of a folder",
       {{"d/", ""}, {"d/a", "1"}},
       [] {
         MUST(rename("d", "e") == 0);
         Put("e/b", "2");
         SyncPath("e/b");
         SyncPath("e");
         MUST(unlink("e/a") == 0);
       },
       {{"d/", ""}, {"d/a", "1"}, {"d/b", "2"}},
       {}},
      {"rename across folders, old one synced",
       {{"d/", ""}, {"d/a", "1"}, {"e/", ""}},
       [] {
         MUST(rename("d/a", "e/a") == 0);
         SyncPath("d");
       },
       {{"d/", ""}, {"e/", ""}},
       {}},
      {"rename across folders, new one synced",
       {{"d/", ""}, {"d/a", "1"}, {"e/", ""}},
       [] {
         MUST(rename("d/a", "e/a") == 0);
         SyncPath("e");
       },
       {{"d/", ""}, {"d/a", "1"}, {"e/", ""}, {"e/a", "1"}},
       {}},
      {"rename across folders",
       {{"d/", ""}, {"d/a", "1"}, {"e/", ""}},
       [] {
         MUST(rename("d/a", "e/a") == 0);
         SyncPath("d");
         SyncPath("e");
       },
       {{"d/", ""}, {"e/", ""}, {"e/a", "1"}},
       {}},
      {"sync of everything",
       {{"b", "2"}},
       [] {
         Put("a", "1");
         MUST(unlink("b") == 0);
         sync();
         Put("a", "3");
       },
       {{"a", "1"}},
       {}},
      {"written after it was removed",
       {{"a", "one"}},
       [] {
         const int fd = open("a", O_RDWR);
         MUST(unlink("a") == 0 && write(fd, "two", 3) == 3);
       },
       {{"a", "one"}},
       {}},
  };
  return cases;
}

std::string MakeFolder() {
  std::string pattern = testing::TempDir() + "powercut_XXXXXX";
  return mkdtemp(pattern.data()) == nullptr ? "" : pattern;
}

void Build(const std::string& folder, const Tree& tree) {
  for (const auto& [path, content] : tree) {
    if (path.ends_with('/')) {
      std::filesystem::create_directory(folder + "/" + path);
    } else {
      std::ofstream(folder + "/" + path) << content;
    }
  }
}

Tree TreeOf(const std::string& folder) {
  Tree tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().string().substr(folder.size() + 1);
    if (entry.is_directory()) {
      tree[path + "/"] = "";
    } else {
      std::ifstream in(entry.path());
      tree[path] = std::string(std::istreambuf_iterator<char>(in), {});
    }
  }
  return tree;
}

using Environment = std::map<std::string, std::string>;

// Runs the program `action` as a child in the folder under the shim; returns its exit status.
int RunChild(const std::string& folder, const std::string& action, const Environment& more = {}) {
  const pid_t pid = fork();
  if (pid == 0) {
    // NOLINTBEGIN(concurrency-mt-unsafe): this process has one thread.
    setenv("LD_PRELOAD", TARN_POWERCUT, 1);
    setenv("TARN_POWERCUT_FOLDER", folder.c_str(), 1);
    setenv("TARN_POWERCUT_SYNC_US", "0", 1);
    for (const auto& [name, value] : more) setenv(name.c_str(), value.c_str(), 1);
    // NOLINTEND(concurrency-mt-unsafe)
    execl("/proc/self/exe", "powercut_test", "child", folder.c_str(), action.c_str(), nullptr);
    _exit(4);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// One acknowledged line per synced append, on standard output, by several threads.
void AppendForever(int out) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i, out] {
      const std::string path = "log" + std::to_string(i);
      const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0666);
      SyncPath(".");
      for (int count = 0;; ++count) {
        const std::string line = path + " " + std::to_string(count) + "\n";
        MUST(write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
        MUST(fdatasync(fd) == 0);
        MUST(write(out, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int Child(const std::string& folder, const std::string& action) {
  MUST(chdir(folder.c_str()) == 0);
  if (action == "append") {
    const int out = open("../acknowledged", O_WRONLY | O_APPEND);
    MUST(out >= 0);
    AppendForever(out);
  }
  const bool stays = action.starts_with("stay");
  Cases().at(std::stoul(action.substr(stays ? 4 : 0))).run();
  if (stays) return 0;
  raise(SIGUSR2);
  for (;;) pause();
}

class PowerCut : public testing::TestWithParam<size_t> {
 protected:
  ~PowerCut() override { std::filesystem::remove_all(root_); }

  const std::string root_ = MakeFolder();
  const std::string folder_ = root_ + "/data";
};

TEST_P(PowerCut, LeavesWhatIsDurable) {
  const Case& test = Cases()[GetParam()];
  for (const std::string model : {"strict", "ext4"}) {
    SCOPED_TRACE(std::string(test.name) + ", " + model);
    std::filesystem::create_directory(folder_);
    Build(folder_, test.before);
    EXPECT_EQ(RunChild(folder_, std::to_string(GetParam()), {{"TARN_POWERCUT_MODEL", model}}), 137);
    EXPECT_EQ(TreeOf(folder_), model == "ext4" && !test.ext4.empty() ? test.ext4 : test.strict);
    EXPECT_FALSE(std::filesystem::exists(folder_ + ".powercut"));
    std::filesystem::remove_all(folder_);
  }
}

// The control: it is the cut that drops, not the shim's calls.
TEST_P(PowerCut, WithoutACutAllIsAsWithoutTheShim) {
  const Case& test = Cases()[GetParam()];
  SCOPED_TRACE(test.name);
  Tree trees[2];
  for (const bool with_shim : {false, true}) {
    std::filesystem::create_directory(folder_);
    Build(folder_, test.before);
    const Environment plain = {{"LD_PRELOAD", ""}};
    EXPECT_EQ(
        RunChild(folder_, "stay" + std::to_string(GetParam()), with_shim ? Environment{} : plain),
        0);
    trees[with_shim ? 1 : 0] = TreeOf(folder_);
    std::filesystem::remove_all(folder_);
  }
  EXPECT_EQ(trees[0], trees[1]);
}

INSTANTIATE_TEST_SUITE_P(Cases, PowerCut, testing::Range(size_t{0}, Cases().size()));

class PowerCutOfThreads : public PowerCut {};
INSTANTIATE_TEST_SUITE_P(Calls, PowerCutOfThreads, testing::Values(5, 40, 41, 97, 200, 333));

// Returns how many acknowledged lines are missing after a cut before call number `after`.
size_t LinesLost(const std::string& root, const std::string& folder, size_t after,
                 const std::string& model, size_t tear = 0) {
  std::filesystem::create_directory(folder);
  std::ofstream(root + "/acknowledged").flush();
  EXPECT_EQ(RunChild(folder, "append",
                     {{"TARN_POWERCUT_AFTER", std::to_string(after)},
                      {"TARN_POWERCUT_SYNC_US", "100"},
                      {"TARN_POWERCUT_MODEL", model},
                      {"TARN_POWERCUT_TEAR", std::to_string(tear)}}),
            137);
  std::string kept;
  for (const auto& [path, content] : TreeOf(folder)) kept += content + "\n";  // Torn ends.
  std::ifstream in(root + "/acknowledged");
  size_t lost = 0;
  for (std::string line; std::getline(in, line);) {
    if (("\n" + kept).find("\n" + line + "\n") == std::string::npos) ++lost;
  }
  return lost;
}

TEST_P(PowerCutOfThreads, LosesNothingAcknowledged) {
  EXPECT_EQ(LinesLost(root_, folder_, GetParam(), "strict"), 0U);
}

TEST_P(PowerCutOfThreads, LosesNothingAcknowledgedOnATornDisk) {
  EXPECT_EQ(LinesLost(root_, folder_, GetParam(), "strict", GetParam()), 0U);
}

// Of an unsynced append a part survives: for some numbers none of it, for some all, for some less.
TEST_F(PowerCut, TearsWhatWasNotSynced) {
  size_t index = 0;
  while (std::string_view(Cases()[index].name) != "unsynced append") ++index;
  std::set<std::string> left;
  for (int tear = 1; tear <= 40; ++tear) {
    std::filesystem::create_directory(folder_);
    Build(folder_, Cases()[index].before);
    EXPECT_EQ(
        RunChild(folder_, std::to_string(index), {{"TARN_POWERCUT_TEAR", std::to_string(tear)}}),
        137);
    const std::string content = TreeOf(folder_)["a"];
    EXPECT_EQ(content.substr(0, 3), "one");
    left.insert(content);
    std::filesystem::remove_all(folder_);
  }
  EXPECT_TRUE(left.contains("one"));
  EXPECT_TRUE(left.contains("onetwo"));
  EXPECT_TRUE(left.contains("onet"));
  EXPECT_GT(left.size(), 4U);
}

// The control: the same count sees losses when syncs do nothing.
TEST_F(PowerCut, LosesWhatALyingDiskAcknowledged) {
  EXPECT_GT(LinesLost(root_, folder_, 200, "lying"), 0U);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "child") return Child(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
