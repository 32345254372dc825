#include "objects/folder_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "objects/internal/key_path.h"

namespace tarn::objects {
namespace {

namespace fs = std::filesystem;

class FolderStoreTest : public testing::Test {
 protected:
  FolderStoreTest() {
    std::string pattern = (fs::temp_directory_path() / "tarn-objects-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    Reopen();
  }
  ~FolderStoreTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }
  void Reopen() {
    store_.reset();
    Result<std::unique_ptr<ObjectStore>> opened = OpenFolderStore(folder_, clock_, random_);
    ASSERT_TRUE(opened.ok()) << opened.error().detail;
    store_ = std::move(opened).value();
  }
  void MakeBucket(const std::string& name = "demo") {
    ASSERT_TRUE(store_->CreateBucket(name).ok());
  }
  Result<ObjectInfo> Put(const std::string& key, std::string_view bytes,
                         const PutRequest& request = {}) {
    TRY(std::unique_ptr<ObjectWriter> writer, store_->Put("demo", key, request));
    TRY(writer->Write(bytes));
    return writer->Finish();
  }
  std::string Get(const std::string& key) {
    Result<std::string> bytes = ReadObject(*store_, S3Uri{"demo", key}, 1 << 20);
    return bytes.ok() ? bytes.value() : "error: " + bytes.error().detail;
  }
  ErrorKind HeadError(const std::string& key) {
    const Result<ObjectInfo> info = store_->Head("demo", key);
    EXPECT_FALSE(info.ok());
    return info.ok() ? ErrorKind::kInternal : info.error().kind;
  }
  void WriteByHand(const std::string& path, std::string_view bytes) {
    fs::create_directories(fs::path(folder_ + "/demo/" + path).parent_path());
    std::ofstream(folder_ + "/demo/" + path, std::ios::trunc) << bytes;
  }
  std::vector<std::string> ListAll(ListRequest request = {}) {
    std::vector<std::string> keys;
    for (;;) {
      Result<ListPage> page = store_->List("demo", request);
      EXPECT_TRUE(page.ok()) << page.error().detail;
      if (!page.ok()) return keys;
      std::vector<std::string> both = page.value().common_prefixes;
      for (const ObjectInfo& info : page.value().objects) both.push_back(info.key);
      std::sort(both.begin(), both.end());
      EXPECT_LE(both.size(), request.max);
      keys.insert(keys.end(), both.begin(), both.end());
      if (page.value().next_start_after.empty()) return keys;
      EXPECT_EQ(both.size(), request.max);
      EXPECT_EQ(both.back(), page.value().next_start_after);
      request.start_after = page.value().next_start_after;
    }
  }

  SystemClock clock_;
  SystemRandom random_;
  std::string folder_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(FolderStoreTest, Buckets) {
  EXPECT_TRUE(store_->ListBuckets().value().empty());
  MakeBucket("one");
  MakeBucket("two");
  EXPECT_EQ(store_->CreateBucket("one").error().kind, ErrorKind::kConflict);
  EXPECT_EQ(store_->CreateBucket("No").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store_->CreateBucket("../x").error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(store_->HeadBucket("one").ok());
  EXPECT_EQ(store_->HeadBucket("three").error().kind, ErrorKind::kNotFound);
  // A folder that a person makes is a bucket too; one with another kind of name is none.
  fs::create_directories(folder_ + "/three");
  fs::create_directories(folder_ + "/Not_A_Bucket");
  std::vector<std::string> names;
  const std::vector<BucketInfo> buckets = store_->ListBuckets().value();
  names.reserve(buckets.size());
  for (const BucketInfo& info : buckets) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"one", "three", "two"}));
  EXPECT_GT(store_->ListBuckets().value()[0].created_unix_ms, 1'600'000'000'000);
  EXPECT_TRUE(store_->DeleteBucket("one").ok());
  EXPECT_EQ(store_->DeleteBucket("one").error().kind, ErrorKind::kNotFound);
  fs::create_directories(folder_ + "/two/empty/folders");
  EXPECT_TRUE(store_->DeleteBucket("two").ok());
}

TEST_F(FolderStoreTest, BucketWithObjectsIsNotDeleted) {
  MakeBucket();
  ASSERT_TRUE(Put("a/b/c", "x").ok());
  fs::create_directories(folder_ + "/demo/empty/folder");
  EXPECT_EQ(store_->DeleteBucket("demo").error().kind, ErrorKind::kConflict);
  EXPECT_EQ(Get("a/b/c"), "x");
  EXPECT_TRUE(fs::exists(folder_ + "/demo/empty/folder"));
  ASSERT_TRUE(store_->Delete("demo", "a/b/c").ok());
  EXPECT_FALSE(fs::exists(folder_ + "/demo/a"));  // Folders that became empty went with it.
  EXPECT_TRUE(store_->DeleteBucket("demo").ok());
}

TEST_F(FolderStoreTest, PutGetHeadDelete) {
  MakeBucket();
  PutRequest request;
  request.metadata.content_type = "application/fhir+ndjson";
  request.metadata.content_encoding = "gzip";
  request.metadata.headers = {{"cache-control", "no-cache"}};
  request.metadata.user = {{"origin", "test"}};
  request.metadata.checksums = {{"crc32", "AAAAAA=="}};
  const Result<ObjectInfo> put = Put("a/b.ndjson", "hello", request);
  ASSERT_TRUE(put.ok()) << put.error().detail;
  EXPECT_EQ(put.value().etag, HexEncode(crypto::Md5("hello")));
  EXPECT_EQ(ReadFile(folder_ + "/demo/a/b.ndjson", 100).value(), "hello");
  for (int round = 0; round < 2; ++round) {
    const ObjectInfo info = store_->Head("demo", "a/b.ndjson").value();
    EXPECT_EQ(info.bytes, 5u);
    EXPECT_EQ(info.etag, put.value().etag);
    EXPECT_EQ(info.modified_unix_ms, put.value().modified_unix_ms);
    EXPECT_EQ(info.metadata.content_type, "application/fhir+ndjson");
    EXPECT_EQ(info.metadata.content_encoding, "gzip");
    EXPECT_EQ(info.metadata.headers, request.metadata.headers);
    EXPECT_EQ(info.metadata.user, request.metadata.user);
    EXPECT_EQ(info.metadata.checksums, request.metadata.checksums);
    Reopen();
  }
  ASSERT_TRUE(Put("a/b.ndjson", "other").ok());
  EXPECT_EQ(Get("a/b.ndjson"), "other");
  EXPECT_EQ(store_->Head("demo", "a/b.ndjson").value().metadata.content_type, "");
  ASSERT_TRUE(store_->Delete("demo", "a/b.ndjson").ok());
  ASSERT_TRUE(store_->Delete("demo", "a/b.ndjson").ok());
  EXPECT_EQ(HeadError("a/b.ndjson"), ErrorKind::kNotFound);
  EXPECT_EQ(store_->Put("other", "k", {}).error().kind, ErrorKind::kNotFound);
}

TEST_F(FolderStoreTest, NothingIsVisibleBeforeFinish) {
  MakeBucket();
  {
    std::unique_ptr<ObjectWriter> writer = store_->Put("demo", "k", {}).value();
    ASSERT_TRUE(writer->Write("half").ok());
    EXPECT_EQ(HeadError("k"), ErrorKind::kNotFound);
    EXPECT_FALSE(fs::is_empty(folder_ + "/.tarn/tmp"));
  }
  EXPECT_TRUE(fs::is_empty(folder_ + "/.tarn/tmp"));
  EXPECT_EQ(HeadError("k"), ErrorKind::kNotFound);
}

TEST_F(FolderStoreTest, LeftoversGoAtOpen) {
  MakeBucket();
  ASSERT_TRUE(Put("k", "x").ok());
  std::ofstream(folder_ + "/.tarn/tmp/0123") << "half";
  fs::create_directories(folder_ + "/.tarn/uploads/demo/0123456789abcdef0123456789abcdef");
  Reopen();
  EXPECT_TRUE(fs::is_empty(folder_ + "/.tarn/tmp"));
  EXPECT_TRUE(fs::is_empty(folder_ + "/.tarn/uploads/demo"));
  EXPECT_EQ(Get("k"), "x");
}

TEST_F(FolderStoreTest, OneStoreAFolder) {
  Result<std::unique_ptr<ObjectStore>> second = OpenFolderStore(folder_, clock_, random_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
}

TEST_F(FolderStoreTest, ConditionalPut) {
  MakeBucket();
  PutRequest absent;
  absent.condition = PutCondition::kAbsent;
  ASSERT_TRUE(Put("k", "1", absent).ok());
  EXPECT_EQ(Put("k", "2", absent).error().kind, ErrorKind::kPreconditionFailed);
  EXPECT_EQ(Get("k"), "1");
  ASSERT_TRUE(Put("k/below", "3", absent).ok());
  EXPECT_EQ(Put("k", "4", absent).error().kind, ErrorKind::kPreconditionFailed);
  ASSERT_TRUE(store_->Delete("demo", "k").ok());
  ASSERT_TRUE(Put("k", "5", absent).ok());  // Beside the folder k.
  EXPECT_EQ(Get("k"), "5");
  EXPECT_EQ(Get("k/below"), "3");
}

TEST_F(FolderStoreTest, ConcurrentConditionalPutsHaveOneWinner) {
  MakeBucket();
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> won{0};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        PutRequest absent;
        absent.condition = PutCondition::kAbsent;
        if (Put("k" + std::to_string(round), "x", absent).ok()) ++won;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
  }
}

TEST_F(FolderStoreTest, OddKeys) {
  MakeBucket();
  const std::vector<std::string> keys = {"a",
                                         "a/b",
                                         "a/b/c",
                                         "a/",
                                         "a//b",
                                         "a//",
                                         "/",
                                         "//",
                                         ".",
                                         "..",
                                         "./x",
                                         "../x",
                                         "../../../../etc/passwd",
                                         "with space",
                                         "\xc3\xbc\xe2\x82\xac",
                                         "a+b",
                                         "a%2Fb",
                                         "%file~a",
                                         "%folder~a/b",
                                         "%more~x",
                                         std::string(255, 'l'),
                                         std::string(256, 'l'),
                                         std::string(300, 'l') + "/" + std::string(300, 'm'),
                                         std::string(1024, 'z'),
                                         std::string(1024, '/'),
                                         "line\nend",
                                         "tab\t",
                                         "back\\slash",
                                         "\x7f",
                                         "q?x=1&y=2#z"};
  for (const std::string& key : keys) {
    SCOPED_TRACE(key);
    const Result<ObjectInfo> put = Put(key, "is " + key);
    ASSERT_TRUE(put.ok()) << put.error().detail;
  }
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(ListAll(), sorted);
  ListRequest small;
  small.max = 3;
  EXPECT_EQ(ListAll(small), sorted);
  Reopen();
  for (const std::string& key : keys) {
    EXPECT_EQ(Get(key), "is " + key);
    EXPECT_EQ(store_->Head("demo", key).value().etag, HexEncode(crypto::Md5("is " + key)));
  }
  // Nothing left the bucket's folder.
  std::set<std::string> top;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    top.insert(entry.path().filename());
  }
  EXPECT_EQ(top, (std::set<std::string>{".tarn", "demo"}));
  for (const std::string& key : keys) EXPECT_TRUE(store_->Delete("demo", key).ok());
  EXPECT_TRUE(ListAll().empty());
  EXPECT_TRUE(fs::is_empty(folder_ + "/demo"));
}

TEST_F(FolderStoreTest, BadKeys) {
  MakeBucket();
  for (const std::string& key : {std::string(), std::string(1025, 'x'), std::string("a\0b", 3),
                                 std::string("\xff"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(HeadError(key), ErrorKind::kInvalid);
    EXPECT_EQ(Put(key, "x").error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->Delete("demo", key).error().kind, ErrorKind::kInvalid);
  }
}

TEST_F(FolderStoreTest, FilesPutByHand) {
  MakeBucket();
  WriteByHand("in/Patient.ndjson", "{}\n");
  const ObjectInfo first = store_->Head("demo", "in/Patient.ndjson").value();
  EXPECT_EQ(first.bytes, 3u);
  EXPECT_TRUE(first.etag.ends_with("-1"));
  EXPECT_EQ(store_->Head("demo", "in/Patient.ndjson").value().etag, first.etag);
  EXPECT_EQ(store_->List("demo", {}).value().objects.at(0).etag, first.etag);
  EXPECT_EQ(Get("in/Patient.ndjson"), "{}\n");
  // The same size again, but another file: another ETag.
  fs::remove(folder_ + "/demo/in/Patient.ndjson");
  WriteByHand("in/Patient.ndjson", "[]\n");
  EXPECT_NE(store_->Head("demo", "in/Patient.ndjson").value().etag, first.etag);
}

TEST_F(FolderStoreTest, OverwritingByHandDropsWhatWasKnown) {
  MakeBucket();
  PutRequest request;
  request.metadata.content_type = "text/plain";
  const std::string etag = Put("k", "hello", request).value().etag;
  WriteByHand("k", "HELLO");
  const ObjectInfo info = store_->Head("demo", "k").value();
  EXPECT_NE(info.etag, etag);
  EXPECT_EQ(info.metadata.content_type, "");
  EXPECT_EQ(Get("k"), "HELLO");
}

TEST_F(FolderStoreTest, CopyOfTheTreeKeepsWhatIsKnown) {
  MakeBucket();
  const std::string etag = Put("a/k", "hello").value().etag;
  store_.reset();
  const std::string command = "cp -a " + folder_ + " " + folder_ + ".copy";
  ASSERT_EQ(system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
  fs::remove_all(folder_);
  fs::rename(folder_ + ".copy", folder_);
  Reopen();
  EXPECT_EQ(store_->Head("demo", "a/k").value().etag, etag);
}

TEST_F(FolderStoreTest, FileStandsWhereAFolderIsNeeded) {
  MakeBucket();
  WriteByHand("a", "by hand");
  ASSERT_TRUE(Put("a/b/c", "below").ok());
  EXPECT_EQ(Get("a"), "by hand");
  EXPECT_EQ(Get("a/b/c"), "below");
  EXPECT_EQ(ListAll(), (std::vector<std::string>{"a", "a/b/c"}));
  ASSERT_TRUE(Put("a", "again").ok());
  EXPECT_EQ(Get("a"), "again");
  ASSERT_TRUE(store_->Delete("demo", "a/b/c").ok());
  ASSERT_TRUE(Put("a", "plain").ok());
  EXPECT_EQ(ReadFile(folder_ + "/demo/a", 10).value(), "plain");
  EXPECT_FALSE(fs::exists(folder_ + "/demo/%file~a"));
}

TEST_F(FolderStoreTest, LinksAndOthersAreNotObjects) {
  MakeBucket();
  const std::string bucket = folder_ + "/demo";
  fs::create_directories(folder_ + "/outside");
  std::ofstream(folder_ + "/outside/secret") << "secret";
  fs::create_symlink(folder_ + "/outside", bucket + "/link");
  fs::create_symlink(folder_ + "/outside/secret", bucket + "/file");
  fs::create_symlink("../outside", folder_ + "/bucket-link");
  ASSERT_EQ(mkfifo((bucket + "/pipe").c_str(), 0600), 0);
  WriteByHand("real", "x");
  EXPECT_EQ(ListAll(), (std::vector<std::string>{"real"}));
  EXPECT_EQ(HeadError("link/secret"), ErrorKind::kForbidden);
  EXPECT_EQ(HeadError("file"), ErrorKind::kForbidden);
  EXPECT_EQ(HeadError("pipe"), ErrorKind::kNotFound);
  EXPECT_EQ(Put("link/new", "x").error().kind, ErrorKind::kForbidden);
  EXPECT_TRUE(store_->Delete("demo", "link/secret").ok());
  EXPECT_EQ(store_->HeadBucket("bucket-link").error().kind, ErrorKind::kForbidden);
  EXPECT_TRUE(fs::exists(folder_ + "/outside/secret"));
  EXPECT_FALSE(fs::exists(folder_ + "/outside/new"));
  // A put replaces a link itself, not what it points to.
  ASSERT_TRUE(Put("file", "mine").ok());
  EXPECT_EQ(Get("file"), "mine");
  EXPECT_EQ(ReadFile(folder_ + "/outside/secret", 10).value(), "secret");
  // Wherever the link lies and whatever it points to.
  ASSERT_TRUE(Put("link", "mine").ok());
  EXPECT_EQ(Get("link"), "mine");
  fs::create_symlink("nowhere", bucket + "/dangling");
  ASSERT_TRUE(Put("dangling", "mine").ok());
  EXPECT_EQ(Get("dangling"), "mine");
  ASSERT_TRUE(Put("folder/below", "x").ok());
  fs::create_symlink(folder_ + "/outside/secret", bucket + "/%file~folder");
  ASSERT_TRUE(Put("folder", "mine").ok());
  EXPECT_EQ(Get("folder"), "mine");
  EXPECT_EQ(ReadFile(folder_ + "/outside/secret", 10).value(), "secret");
  // A put that may replace nothing does not replace a link or a pipe either, and says so at once.
  fs::create_symlink(folder_ + "/outside/secret", bucket + "/other");
  PutRequest absent;
  absent.condition = PutCondition::kAbsent;
  EXPECT_EQ(Put("other", "x", absent).error().kind, ErrorKind::kForbidden);
  EXPECT_EQ(Put("pipe", "x", absent).error().kind, ErrorKind::kConflict);
}

TEST_F(FolderStoreTest, Ranges) {
  MakeBucket();
  ASSERT_TRUE(Put("k", "0123456789").ok());
  struct Case {
    ByteRange range;
    std::string_view expected;
  };
  for (const Case& c :
       {Case{{0, 3}, "012"}, Case{{8, 100}, "89"}, Case{{10, 1}, ""}, Case{{99, UINT64_MAX}, ""},
        Case{{3, UINT64_MAX}, "3456789"}, Case{{3, 0}, ""}}) {
    std::unique_ptr<ObjectReader> reader = store_->Open("demo", "k", c.range, "").value();
    std::string bytes(100, '\0');
    const size_t count = reader->Read(bytes).value();
    EXPECT_EQ(bytes.substr(0, count), c.expected);
    EXPECT_EQ(reader->Read(bytes).value(), 0u);
  }
  EXPECT_EQ(store_->Open("demo", "k", {}, "wrong").error().kind, ErrorKind::kPreconditionFailed);
}

TEST_F(FolderStoreTest, ReaderSeesOneState) {
  MakeBucket();
  ASSERT_TRUE(Put("k", std::string(100, 'a')).ok());
  std::string bytes(10, '\0');
  {
    std::unique_ptr<ObjectReader> reader = store_->Open("demo", "k", {}, "").value();
    ASSERT_TRUE(reader->Read(bytes).ok());
    ASSERT_TRUE(Put("k", std::string(100, 'b')).ok());
    ASSERT_TRUE(reader->Read(bytes).ok());  // A put leaves the old state to its readers.
    EXPECT_EQ(bytes, "aaaaaaaaaa");
  }
  {
    std::unique_ptr<ObjectReader> reader = store_->Open("demo", "k", {}, "").value();
    ASSERT_TRUE(reader->Read(bytes).ok());
    WriteByHand("k", std::string(100, 'c'));
    EXPECT_EQ(reader->Read(bytes).error().kind, ErrorKind::kPreconditionFailed);
  }
  {
    std::unique_ptr<ObjectReader> reader = store_->Open("demo", "k", {}, "").value();
    fs::resize_file(folder_ + "/demo/k", 5);
    EXPECT_EQ(reader->Read(bytes).error().kind, ErrorKind::kPreconditionFailed);
  }
}

TEST_F(FolderStoreTest, DamagedRecordIsReported) {
  MakeBucket();
  ASSERT_TRUE(Put("k", "x").ok());
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(folder_ + "/.tarn/meta")) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out);
    file.seekp(20);
    file.put('!');
  }
  EXPECT_EQ(HeadError("k"), ErrorKind::kCorrupt);
  EXPECT_EQ(ListAll(), (std::vector<std::string>{"k"}));
  ASSERT_TRUE(Put("k", "y").ok());  // Replacing the object repairs it.
  EXPECT_EQ(Get("k"), "y");
}

TEST_F(FolderStoreTest, MetadataLimits) {
  MakeBucket();
  PutRequest request;
  request.metadata.user = {{"a", std::string(kUserMetadataBytesMax - 1, 'x')}};
  EXPECT_TRUE(Put("k", "x", request).ok());
  request.metadata.user[0].second.push_back('x');
  EXPECT_EQ(Put("k", "x", request).error().kind, ErrorKind::kTooLarge);
  request.metadata.user = {{"a", "x\r\ny: z"}};
  EXPECT_EQ(Put("k", "x", request).error().kind, ErrorKind::kInvalid);
}

TEST_F(FolderStoreTest, DeletesOfEmptyFoldersDoNotDisturbPuts) {
  MakeBucket();
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> failed{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 150; ++i) {
        const std::string key = "a/b/c/" + std::to_string(thread);
        if (!Put(key, "x").ok() || Get(key) != "x" || !store_->Delete("demo", key).ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(fs::is_empty(folder_ + "/demo"));
}

TEST_F(FolderStoreTest, OneKeyPutAndReadAtOnce) {
  MakeBucket();
  ASSERT_TRUE(Put("k", "0").ok());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> writers;
  writers.reserve(4);
  for (int thread = 0; thread < 2; ++thread) {
    writers.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const std::string bytes = std::to_string(thread * 1000 + i);
        if (!Put("k", bytes).ok()) ++wrong;
        // Now and then a folder of the same name comes and goes.
        if (i % 10 == 0 && !Put("k/" + bytes, "x").ok()) ++wrong;
        if (i % 10 == 5) (void)store_->Delete("demo", "k/" + std::to_string(thread * 1000 + i - 5));
      }
    });
  }
  std::thread reader([&] {
    while (!stop) {
      Result<std::unique_ptr<ObjectReader>> opened = store_->Open("demo", "k", {}, "");
      if (!opened.ok()) {
        ++wrong;
        continue;
      }
      std::string bytes(100, '\0');
      bytes.resize(opened.value()->Read(bytes).value());
      if (opened.value()->info().etag != HexEncode(crypto::Md5(bytes))) ++wrong;
      const ListPage page = store_->List("demo", {}).value();
      if (page.objects.empty() || page.objects[0].key != "k") ++wrong;
    }
  });
  for (std::thread& writer : writers) writer.join();
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

// A process that is killed at any moment leaves each key in the last acknowledged state or the one
// after it, and its ETag always that of its bytes.
TEST_F(FolderStoreTest, KillsLoseNothing) {
  MakeBucket();
  constexpr int kKeys = 3;
  const auto key_of = [](int n) { return n % kKeys == 0 ? "a" : "a/" + std::to_string(n % kKeys); };
  std::array<int, kKeys> acknowledged = {-1, -1, -1};
  int next = 0;
  SeededRandom random(7);
  for (int round = 0; round < 20; ++round) {
    store_.reset();
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      store_ = OpenFolderStore(folder_, clock_, random_).value();
      for (int n = next;; ++n) {
        if (!Put(key_of(n), std::to_string(n)).ok()) _exit(1);
        if (write(pipe_fds[1], &n, sizeof n) != sizeof n) _exit(1);
        if (n % 7 == 6 && !store_->Delete("demo", "gone/" + std::to_string(n)).ok()) _exit(1);
      }
    }
    close(pipe_fds[1]);
    // Killed a random time after its first acknowledgement.
    int n = 0;
    for (uint64_t left = 1 + random.Below(8); left > 0; --left) {
      ASSERT_EQ(read(pipe_fds[0], &n, sizeof n), static_cast<ssize_t>(sizeof n));
      acknowledged[static_cast<size_t>(n % kKeys)] = n;
    }
    usleep(static_cast<useconds_t>(random.Below(3000)));
    kill(child, SIGKILL);
    while (read(pipe_fds[0], &n, sizeof n) == static_cast<ssize_t>(sizeof n)) {
      acknowledged[static_cast<size_t>(n % kKeys)] = n;
    }
    close(pipe_fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    Reopen();
    EXPECT_TRUE(fs::is_empty(folder_ + "/.tarn/tmp"));
    for (int k = 0; k < kKeys; ++k) {
      const int last = acknowledged[static_cast<size_t>(k)];
      if (last < 0) continue;
      const std::string bytes = Get(key_of(k));
      const int found = std::atoi(bytes.c_str());
      EXPECT_TRUE(found == last || found == n + 1) << found << " " << last << " " << n;
      EXPECT_EQ(store_->Head("demo", key_of(k)).value().etag, HexEncode(crypto::Md5(bytes)));
      next = std::max({next, found + 1, last + 1});
      acknowledged[static_cast<size_t>(k)] = found;  // It was read, so it stays.
    }
  }
}

TEST_F(FolderStoreTest, ListOrderAndDelimiter) {
  MakeBucket();
  for (const char* key : {"a-b", "a.b", "a/x", "a/y/z", "a0", "b/", "b/1", "c"}) {
    ASSERT_TRUE(Put(key, "x").ok());
  }
  fs::create_directories(folder_ + "/demo/empty/inside");
  struct Case {
    std::string prefix, delimiter, start_after;
    std::vector<std::string> expected;
  };
  for (const Case& c : {
           Case{"", "", "", {"a-b", "a.b", "a/x", "a/y/z", "a0", "b/", "b/1", "c"}},
           Case{"", "/", "", {"a-b", "a.b", "a/", "a0", "b/", "c"}},
           Case{"a", "/", "", {"a-b", "a.b", "a/", "a0"}},
           Case{"a/", "/", "", {"a/x", "a/y/"}},
           Case{"a/y", "/", "", {"a/y/"}},
           Case{"a/y/", "/", "", {"a/y/z"}},
           Case{"b/", "/", "", {"b/", "b/1"}},
           Case{"", "/", "a/", {"a0", "b/", "c"}},
           Case{"", "/", "a/x", {"a/", "a0", "b/", "c"}},
           Case{"", "/", "a/y/z", {"a0", "b/", "c"}},
           Case{"", "", "a/", {"a/x", "a/y/z", "a0", "b/", "b/1", "c"}},
           Case{"zz", "", "", {}},
           Case{"c", "/", "", {"c"}},
           Case{"c/", "/", "", {}},
           Case{"e", "/", "", {}},
       }) {
    SCOPED_TRACE(c.prefix + "|" + c.delimiter + "|" + c.start_after);
    for (const uint32_t max : {1000u, 1u, 2u, 3u}) {
      ListRequest request;
      request.prefix = c.prefix;
      request.delimiter = c.delimiter;
      request.start_after = c.start_after;
      request.max = max;
      EXPECT_EQ(ListAll(request), c.expected);
    }
  }
  ListRequest request;
  request.delimiter = "|";
  EXPECT_EQ(store_->List("demo", request).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(store_->List("none", {}).error().kind, ErrorKind::kNotFound);
  request.delimiter = "";
  request.max = 0;
  EXPECT_TRUE(store_->List("demo", request).value().objects.empty());
  EXPECT_EQ(store_->List("demo", request).value().next_start_after, "");
}

// What List must give, over a plain set of keys.
std::vector<std::string> Expected(const std::set<std::string>& keys, const ListRequest& request) {
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    if (!key.starts_with(request.prefix) || key <= request.start_after) continue;
    std::string shown = key;
    if (!request.delimiter.empty()) {
      const size_t end = key.find('/', request.prefix.size());
      if (end != std::string::npos) shown = key.substr(0, end + 1);
      if (end != std::string::npos && shown == request.start_after) continue;
    }
    if (out.empty() || out.back() != shown) out.push_back(shown);
  }
  return out;
}

TEST_F(FolderStoreTest, ListsAsAModelDoes) {
  MakeBucket();
  const std::vector<std::string> pieces = {"/",
                                           "/",
                                           "//",
                                           "a",
                                           "a",
                                           "b",
                                           "-",
                                           ".",
                                           "0",
                                           "%file~",
                                           "%folder~",
                                           "\xc3\xbc",
                                           std::string(200, 'l'),
                                           std::string(240, 'l'),
                                           std::string(60, 'l')};
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const auto any_key = [&] {
      std::string key;
      for (uint64_t i = 1 + random.Below(8); i > 0; --i) {
        const std::string& piece = pieces[random.Below(pieces.size())];
        if (key.size() + piece.size() <= kKeyBytesMax) key += piece;
      }
      return key;
    };
    std::set<std::string> keys;
    for (uint64_t i = random.Below(50); i > 0; --i) {
      const std::string key = any_key();
      // Without the syncs of a put. Keys below an object that is a plain file are left out.
      const std::string bucket = folder_ + "/demo/";
      const KeyPath path = PathOfKey(key);
      const bool plain = !path.plain.empty() && !fs::is_directory(bucket + path.plain);
      const std::string place = bucket + (plain ? path.plain : path.escaped);
      std::error_code error;
      fs::create_directories(fs::path(place).parent_path(), error);
      if (!error) std::ofstream(place) << "x";
      if (!error && fs::exists(place, error)) keys.insert(key);
    }
    for (int i = 0; i < 60; ++i) {
      ListRequest request;
      if (random.Below(2) == 0) request.prefix = any_key();
      if (random.Below(2) == 0) request.prefix = request.prefix.substr(0, 1);
      if (!CheckKey(request.prefix).ok()) request.prefix.clear();
      if (random.Below(2) == 0) request.delimiter = "/";
      if (random.Below(2) == 0) request.start_after = any_key();
      request.max = static_cast<uint32_t>(1 + random.Below(12));
      EXPECT_EQ(ListAll(request), Expected(keys, request));
    }
    fs::remove_all(folder_ + "/demo");
    fs::create_directories(folder_ + "/demo");
  }
}

TEST_F(FolderStoreTest, ListsAFolderOfManyFiles) {
  MakeBucket();
  constexpr int kFiles = 2500;
  std::vector<std::string> expected;
  fs::create_directories(folder_ + "/demo/many");
  for (int i = 0; i < kFiles; ++i) {
    const std::string key = "many/" + std::to_string(i * 7919 % kFiles);
    UniqueFd fd(open((folder_ + "/demo/" + key).c_str(), O_WRONLY | O_CREAT, 0644));
    ASSERT_TRUE(fd.valid());
    expected.push_back(key);
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(ListAll(), expected);
}

TEST_F(FolderStoreTest, DeepFoldersByHand) {
  MakeBucket();
  // 1,000 levels: more entries on the way than one page, and a path near the longest key.
  std::string path;
  for (int i = 0; i < 500; ++i) path += "d/";
  WriteByHand(path + "leaf", "x");
  EXPECT_EQ(ListAll(), (std::vector<std::string>{path + "leaf"}));
  WriteByHand(path + std::string(25, 'y'), "too long for a key");
  EXPECT_EQ(ListAll(), (std::vector<std::string>{path + "leaf"}));
  ASSERT_TRUE(store_->Delete("demo", path + "leaf").ok());
}

TEST_F(FolderStoreTest, Multipart) {
  MakeBucket();
  ObjectMetadata metadata;
  metadata.content_type = "text/plain";
  const UploadInfo upload = store_->CreateUpload("demo", "big/a", metadata).value();
  const auto put_part = [&](uint32_t number, std::string_view bytes) -> Result<ObjectInfo> {
    TRY(std::unique_ptr<ObjectWriter> writer,
        store_->PutPart("demo", "big/a", upload.upload_id, number));
    TRY(writer->Write(bytes));
    writer->SetChecksums({{"crc32", "c" + std::to_string(number)}});
    return writer->Finish();
  };
  const std::string big(3 << 20, 'p');
  ASSERT_TRUE(put_part(2, "second").ok());
  ASSERT_TRUE(put_part(1, "overwritten").ok());
  ASSERT_TRUE(put_part(1, big).ok());
  ASSERT_TRUE(put_part(7, "unused").ok());
  EXPECT_EQ(put_part(0, "x").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(put_part(10'001, "x").error().kind, ErrorKind::kInvalid);
  Reopen();
  const std::vector<PartInfo> parts = store_->ListParts("demo", "big/a", upload.upload_id).value();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].bytes, big.size());
  EXPECT_EQ(parts[1].etag, HexEncode(crypto::Md5("second")));
  EXPECT_EQ(parts[1].checksums.at(0).second, "c2");
  EXPECT_EQ(store_->ListUploads("demo").value().at(0).upload_id, upload.upload_id);
  EXPECT_EQ(store_->UploadMetadata("demo", "big/a", upload.upload_id).value().content_type,
            "text/plain");
  EXPECT_TRUE(ListAll().empty());

  CompleteRequest wrong;
  EXPECT_EQ(store_->CompleteUpload("demo", "big/a", upload.upload_id, wrong).error().kind,
            ErrorKind::kInvalid);
  wrong.parts = {{2, parts[1].etag}, {1, parts[0].etag}};
  EXPECT_EQ(store_->CompleteUpload("demo", "big/a", upload.upload_id, wrong).error().kind,
            ErrorKind::kInvalid);
  wrong.parts = {{1, parts[1].etag}};
  EXPECT_EQ(store_->CompleteUpload("demo", "big/a", upload.upload_id, wrong).error().kind,
            ErrorKind::kInvalid);
  wrong.parts = {{3, parts[1].etag}};
  EXPECT_EQ(store_->CompleteUpload("demo", "big/a", upload.upload_id, wrong).error().kind,
            ErrorKind::kInvalid);
  CompleteRequest right;
  right.parts = {{1, parts[0].etag}, {2, parts[1].etag}};
  EXPECT_EQ(store_->CompleteUpload("demo", "other", upload.upload_id, right).error().kind,
            ErrorKind::kNotFound);
  const Result<ObjectInfo> done = store_->CompleteUpload("demo", "big/a", upload.upload_id, right);
  ASSERT_TRUE(done.ok()) << done.error().detail;
  EXPECT_EQ(done.value().etag,
            HexEncode(crypto::Md5(crypto::Md5(big) + crypto::Md5("second"))) + "-2");
  EXPECT_EQ(ReadObject(*store_, S3Uri{"demo", "big/a"}, 8 << 20).value(), big + "second");
  EXPECT_EQ(store_->Head("demo", "big/a").value().metadata.content_type, "text/plain");
  EXPECT_TRUE(store_->ListUploads("demo").value().empty());
  EXPECT_EQ(store_->AbortUpload("demo", "big/a", upload.upload_id).error().kind,
            ErrorKind::kNotFound);
  EXPECT_TRUE(fs::is_empty(folder_ + "/.tarn/tmp"));
}

TEST_F(FolderStoreTest, AbortedUpload) {
  MakeBucket();
  const UploadInfo upload = store_->CreateUpload("demo", "k", {}).value();
  std::unique_ptr<ObjectWriter> writer = store_->PutPart("demo", "k", upload.upload_id, 1).value();
  ASSERT_TRUE(writer->Write("x").ok());
  ASSERT_TRUE(store_->AbortUpload("demo", "k", upload.upload_id).ok());
  EXPECT_EQ(writer->Finish().error().kind, ErrorKind::kNotFound);
  for (const char* id : {"", "..", "../../demo", "0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(store_->AbortUpload("demo", "k", id).error().kind, ErrorKind::kNotFound);
  }
  // A bucket with uploads but without objects can be deleted, and they go with it.
  ASSERT_TRUE(store_->CreateUpload("demo", "k", {}).ok());
  ASSERT_TRUE(store_->DeleteBucket("demo").ok());
  MakeBucket();
  EXPECT_TRUE(store_->ListUploads("demo").value().empty());
}

}  // namespace
}  // namespace tarn::objects
