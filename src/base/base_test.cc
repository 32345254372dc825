// The small pieces of base that everything else leans on.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory_limit.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "base/uri.h"
#include "base/worker_pool.h"

namespace tarn {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/tarn-base-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { (void)RemoveFolder(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<int> Half(int value) {
  if (value % 2 != 0) return Invalid("odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  TRY(const int half, Half(value));
  TRY(Half(half));
  return half / 2;
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().detail, "odd");
  EXPECT_EQ(Quarter(7).error().kind, ErrorKind::kInvalid);
}

TEST(Result, EveryKindHasAName) {
  for (int kind = 0; kind < kErrorKindCount; ++kind) {
    EXPECT_FALSE(ErrorKindName(static_cast<ErrorKind>(kind)).empty()) << kind;
  }
}

TEST(Check, StopsTheProcessAndNamesThePlace) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "base_test.cc:[0-9]+: CHECK failed: 1 \\+ 1 == 3");
}

TEST(Clock, FormatsTheTimesOfOurProtocols) {
  const int64_t ms = 1'767'323'045'678;  // 2026-01-02T03:04:05.678Z, a Friday.
  EXPECT_EQ(FormatFhirInstant(ms), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(FormatIso8601Seconds(ms), "2026-01-02T03:04:05Z");
  EXPECT_EQ(FormatHttpDate(ms), "Fri, 02 Jan 2026 03:04:05 GMT");
  EXPECT_EQ(FormatAwsBasicTime(ms), "20260102T030405Z");
  EXPECT_EQ(FormatEpochSeconds(ms), "1767323045.678");
  EXPECT_EQ(FormatEpochSeconds(1'000), "1");
  EXPECT_EQ(FormatFhirInstant(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Clock, ReadsRfc3339) {
  struct Case {
    std::string_view text;
    int64_t unix_ms;
  };
  for (const Case& c : {Case{"1970-01-01T00:00:00Z", 0}, Case{"1970-01-01T00:00:00.5Z", 500},
                        Case{"1970-01-01T02:00:00+02:00", 0}, Case{"1969-12-31T19:00:00-05:00", 0},
                        Case{"2024-02-29T12:00:00.123456789Z", 1'709'208'000'123}}) {
    SCOPED_TRACE(c.text);
    ASSERT_TRUE(ParseRfc3339(c.text).ok());
    EXPECT_EQ(ParseRfc3339(c.text).value(), c.unix_ms);
  }
  for (const std::string_view text :
       {"", "2024", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00Zx", "2024-01-01 00:00:00Z", "0000-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
  }
}

RC_GTEST_PROP(Clock, ReadsBackWhatItWrites, ()) {
  const auto ms = *rc::gen::inRange<int64_t>(0, 253'402'300'799'999);
  RC_ASSERT(ParseRfc3339(FormatFhirInstant(ms)).value() == ms);
  RC_ASSERT(ParseHttpDate(FormatHttpDate(ms)).value() == ms / 1000 * 1000);
  RC_ASSERT(ParseAwsBasicTime(FormatAwsBasicTime(ms)).value() == ms / 1000 * 1000);
}

RC_GTEST_PROP(Bytes, EncodingsRoundTrip, (const std::string& bytes)) {
  RC_ASSERT(HexDecode(HexEncode(bytes)).value() == bytes);
  RC_ASSERT(Base64Decode(Base64Encode(bytes)).value() == bytes);
  RC_ASSERT(Base64UrlDecode(Base64UrlEncode(bytes)).value() == bytes);
  RC_ASSERT(PercentDecode(PercentEncode(bytes)).value() == bytes);
}

RC_GTEST_PROP(Bytes, BigEndianKeepsOrder, (uint64_t a, uint64_t b)) {
  std::string key_a;
  std::string key_b;
  AppendBe64(&key_a, a);
  AppendBe64(&key_b, b);
  RC_ASSERT((a < b) == (key_a < key_b));
  RC_ASSERT(LoadBe64(key_a) == a);
}

TEST(Bytes, OneValueHasOneSpelling) {
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8");
  for (const std::string_view text : {"Zh==", "Zg=", "Zg", "Z===", "Zg==Zg==", "Zg= =", "===="}) {
    EXPECT_FALSE(Base64Decode(text).ok()) << text;
  }
  EXPECT_FALSE(HexDecode("0").ok());
  EXPECT_FALSE(HexDecode("0g").ok());
}

TEST(Bytes, ReaderStopsAtTheEnd) {
  ByteReader reader(std::string_view("\x01\x00\x02tail", 7));
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.Be16(), 2);
  EXPECT_EQ(reader.Take(4), "tail");
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(reader.Be64(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Uri, EncodesAsSigV4Does) {
  EXPECT_EQ(PercentEncode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(PercentEncode("a b/c", Slash::kKeep), "a%20b/c");
  for (const std::string_view text : {"%", "%4", "%zz", "a%2"}) {
    EXPECT_FALSE(PercentDecode(text).ok()) << text;
  }
  EXPECT_EQ(PercentDecode("%41%42").value(), "AB");
}

TEST(Uri, ParsesQueries) {
  const auto parsed = ParseQuery("a=1&b=x%20y+z&a=2&&flag&c=%3D");
  ASSERT_TRUE(parsed.ok());
  const QueryParameters expected = {
      {"a", "1"}, {"b", "x y z"}, {"a", "2"}, {"flag", ""}, {"c", "="}};
  EXPECT_EQ(parsed.value(), expected);
  EXPECT_EQ(*FindParameter(parsed.value(), "a"), "1");
  EXPECT_EQ(FindParameter(parsed.value(), "z"), nullptr);
  std::string many;
  for (size_t i = 0; i < kQueryParametersMax; ++i) many += "a&";
  EXPECT_TRUE(ParseQuery(many).ok());
  EXPECT_EQ(ParseQuery(many + "a").error().kind, ErrorKind::kTooLarge);
}

TEST(Uri, ParsesUrls) {
  const auto url = ParseUrl("HTTP://[::1]:8080/a%20b?c=d#e");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url.value().scheme, "http");
  EXPECT_EQ(url.value().host, "::1");
  EXPECT_EQ(url.value().port, 8080);
  EXPECT_EQ(url.value().path, "/a%20b");
  EXPECT_EQ(url.value().query, "c=d");
  EXPECT_EQ(ParseUrl("https://h").value().port, 443);
  EXPECT_EQ(ParseUrl("https://h?x").value().path, "/");
  for (const std::string_view text : {"", "h", "ftp://h/", "http://", "http://u@h/", "http://h:x/",
                                      "http://h:65536/", "http://:1/"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
}

TEST(Uri, ParsesHostPort) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:0").value().port, 0);
  EXPECT_EQ(ParseHostPort("[::1]:8080").value().host, "::1");
  for (const std::string_view text : {"", "h", ":1", "h:", "h:-1", "h:65536", "::1:80", "[::1]"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(Random, IdsHaveTheirForm) {
  SystemRandom random;
  EXPECT_EQ(NewHexId(random).size(), 32u);
  const std::string uuid = NewUuid(random);
  EXPECT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(NewHexId(random), NewHexId(random));
  SeededRandom seeded(42);
  SeededRandom again(42);
  EXPECT_EQ(NewUuid(seeded), NewUuid(again));
}

// A machine of 1 GiB as /proc and /sys show it.
void WriteMachine(const std::string& root, const std::string& groups) {
  ASSERT_TRUE(MakeFolders(root + "/proc/self").ok());
  ASSERT_TRUE(WriteFileAtomic(root + "/proc/meminfo", "MemTotal:  1048576 kB\n").ok());
  ASSERT_TRUE(WriteFileAtomic(root + "/proc/self/cgroup", groups).ok());
}

TEST(MemoryLimit, IsTheSmallestOfGroupsAndMachine) {
  TemporaryFolder folder;
  const std::string& root = folder.path();
  EXPECT_EQ(MemoryLimitBytes(root), UINT64_MAX);
  WriteMachine(root, "0::/service/tarn\n");
  EXPECT_EQ(MemoryLimitBytes(root), 1u << 30);
  const std::string groups = root + "/sys/fs/cgroup";
  ASSERT_TRUE(MakeFolders(groups + "/service/tarn").ok());
  ASSERT_TRUE(WriteFileAtomic(groups + "/service/tarn/memory.max", "max\n").ok());
  EXPECT_EQ(MemoryLimitBytes(root), 1u << 30);
  ASSERT_TRUE(WriteFileAtomic(groups + "/service/memory.max", "4096\n").ok());
  EXPECT_EQ(MemoryLimitBytes(root), 4096u);
}

TEST(MemoryLimit, ReadsVersionOneToo) {
  TemporaryFolder folder;
  const std::string& root = folder.path();
  WriteMachine(root, "9:pids:/\n4:memory:/a\nnonsense\n0::/\n");
  const std::string group = root + "/sys/fs/cgroup/memory/a";
  ASSERT_TRUE(MakeFolders(group).ok());
  ASSERT_TRUE(WriteFileAtomic(group + "/memory.limit_in_bytes", "8192").ok());
  EXPECT_EQ(MemoryLimitBytes(root), 8192u);
}

TEST(File, ReplacesAtomicallyAndKeepsTheOldOnError) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomic(path, "two").ok());
  EXPECT_EQ(ReadFile(path, 3).value(), "two");
  EXPECT_EQ(ReadFile(path, 2).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(ReadFile(path + "x", 2).error().kind, ErrorKind::kNotFound);
  // The target is a folder: the rename fails and no temporary file stays behind.
  const std::string target = folder.path() + "/folder";
  ASSERT_TRUE(MakeFolders(target + "/inside").ok());
  EXPECT_FALSE(WriteFileAtomic(target, "x").ok());
  size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_TRUE(entry.path() == path || entry.path() == target) << entry.path();
    ++entries;
  }
  EXPECT_EQ(entries, 2u);
}

// As a killed process of the same id leaves it.
TEST(File, LeftTemporaryFilesAreNotInTheWay) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  for (int i = 0; i < 100; ++i) {
    std::ofstream(path + std::string(kTemporarySuffix) + std::to_string(getpid()) + "-" +
                  std::to_string(i))
        << "left";
  }
  ASSERT_TRUE(WriteFileAtomic(path, "one").ok());
  EXPECT_EQ(ReadFile(path, 3).value(), "one");
}

TEST(File, FoldersAreMadeAndRemovedWhole) {
  TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder.path() + "/a/b/c").ok());
  ASSERT_TRUE(MakeFolders(folder.path() + "/a/b/c").ok());
  ASSERT_TRUE(WriteFileAtomic(folder.path() + "/a/b/file", "x").ok());
  EXPECT_EQ(MakeFolders(folder.path() + "/a/b/file").error().kind, ErrorKind::kConflict);
  ASSERT_TRUE(RemoveFolder(folder.path() + "/a").ok());
  EXPECT_EQ(access((folder.path() + "/a").c_str(), F_OK), -1);
  EXPECT_TRUE(RemoveFolder(folder.path() + "/a").ok());
}

TEST(File, PrivateFoldersAreMadeOrClosed) {
  const TemporaryFolder folder;
  const auto mode_of = [](const std::string& path) {
    struct stat status;
    CHECK(stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
  };
  const mode_t mask = umask(0);
  const Status made = MakePrivateFolder(folder.path() + "/above/new");
  CHECK(mkdir((folder.path() + "/old").c_str(), 0755) == 0);
  umask(mask);
  ASSERT_TRUE(made.ok()) << made.error().detail;
  EXPECT_EQ(mode_of(folder.path() + "/above/new"), 0700u);
  ASSERT_TRUE(MakePrivateFolder(folder.path() + "/old").ok());
  EXPECT_EQ(mode_of(folder.path() + "/old"), 0700u);
  ASSERT_TRUE(WriteFileAtomic(folder.path() + "/file", "x").ok());
  EXPECT_EQ(MakePrivateFolder(folder.path() + "/file").error().kind, ErrorKind::kNotFound);
}

TEST(File, ALockIsExclusiveUntilItsOwnerDies) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/lock";
  {
    const auto first = FileLock::Acquire(path);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(FileLock::Acquire(path).error().kind, ErrorKind::kConflict);
  }
  EXPECT_TRUE(FileLock::Acquire(path).ok());
}

TEST(WorkerPool, RefusesBeyondItsBoundAndRunsTheRest) {
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::promise<void> running;
  std::atomic<int> done{0};
  {
    WorkerPool pool({.name = "test", .threads = 1, .queued_max = 2});
    ASSERT_TRUE(pool.TrySubmit([&] {
      running.set_value();
      open.wait();
      ++done;
    }));
    running.get_future().wait();
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_TRUE(pool.TrySubmit([&] { ++done; }));
    EXPECT_FALSE(pool.TrySubmit([&] { ++done; }));
    EXPECT_EQ(pool.queued(), 2u);
    gate.set_value();
  }
  EXPECT_EQ(done, 3);
}

TEST(Metrics, WritesPrometheusText) {
  MetricsRegistry metrics;
  metrics.GetCounter("tarn_requests_total", "Requests.", {{"route", "a\"b"}}).Add(3);
  metrics.GetGauge("tarn_open", "Open.").Set(-2);
  metrics.GetHistogram("tarn_request_seconds", "Time.").ObserveNs(200'000);
  metrics.AddCallback("tarn_asked", "Asked.", [] { return 7; });
  const std::string text = metrics.PrometheusText();
  EXPECT_NE(text.find("tarn_requests_total{route=\"a\\\"b\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE tarn_open gauge\ntarn_open -2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tarn_request_seconds_bucket{le=\"0.0001\"} 0\n"), std::string::npos);
  EXPECT_NE(text.find("tarn_request_seconds_bucket{le=\"0.00025\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("tarn_request_seconds_bucket{le=\"+Inf\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("tarn_asked 7\n"), std::string::npos) << text;
  EXPECT_EQ(&metrics.GetGauge("tarn_open", "Open."), &metrics.GetGauge("tarn_open", "Open."));
}

}  // namespace
}  // namespace tarn
