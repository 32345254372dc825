// kill -9 at random moments: a child imports, updates, copies and deletes, and reports each
// acknowledgement over a pipe; the parent kills it, opens the store and compares. Every
// acknowledged state is there, every version that there is is whole, and no file of frames is left
// that nothing refers to.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/records.h"
#include "image_store/internal/test_store.h"

namespace tarn::image_store {
namespace {

constexpr int kPipe = 3;  // Of the child: where acknowledgements go.
constexpr const char* kFolderVariable = "TARN_IMAGE_STORE_CRASH_FOLDER";
constexpr const char* kSeedVariable = "TARN_IMAGE_STORE_CRASH_SEED";
constexpr int kKillsShort = 10;
constexpr int kKillsSlow = 200;

// What is left between processes: a folder with everything.
struct Home {
  explicit Home(const std::string& folder_in)
      : folder(folder_in),
        engine(kv::OpenRocksDbEngine(folder + "/kv",
                                     {.block_cache_bytes = 8u << 20, .memtable_bytes = 8u << 20})
                   .value()),
        objects(objects::OpenFolderStore(folder + "/s3", clock, random).value()) {
    for (const char* bucket : {"in-bucket", "out-bucket"}) {
      if (!objects->HeadBucket(bucket).ok()) CHECK(objects->CreateBucket(bucket).ok());
    }
    kv = engine->Open("image-store", ImageStoreSchema()).value();
    ImageSetsOptions options;
    options.data_store_id = kStoreId;
    options.frames_folder = folder + "/frames";
    options.import_pack_bytes_max = 20'000;  // Several commits an import.
    store = ImageSets::Open(options, {.kv = *kv,
                                      .objects = *objects,
                                      .clock = clock,
                                      .random = random,
                                      .metrics = metrics,
                                      .reader = reader})
                .value();
  }
  const std::string folder;
  SystemClock clock;
  SystemRandom random;
  MetricsRegistry metrics;
  TextReader reader;
  std::unique_ptr<kv::Engine> engine;
  std::unique_ptr<objects::ObjectStore> objects;
  std::unique_ptr<kv::Store> kv;
  std::unique_ptr<ImageSets> store;
};

// A line that the parent reads; small enough that a pipe write is atomic.
void Say(const std::string& line) {
  const std::string text = line + "\n";
  CHECK(write(kPipe, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string FrameText(uint64_t round, int instance) {
  return "r" + std::to_string(round) + "i" + std::to_string(instance) + "-*700";
}

void PutRound(Home& home, uint64_t round) {
  for (int i = 0; i < 12; ++i) {
    const std::string series = "1.2." + std::to_string((round + i) % 5 + 1);
    const std::string text =
        Text(series, series + "." + std::to_string(round % 7) + "." + std::to_string(i),
             FrameText(round, i));
    const objects::S3Uri uri{"in-bucket", "r" + std::to_string(round) + "/" + std::to_string(i)};
    CHECK(objects::WriteObject(*home.objects, uri, text, "").ok());
  }
}

// Picks an image set that is ACTIVE.
std::string AnyActive(Home& home, SeededRandom& random) {
  SearchRequest request;
  request.sort = SortField::kCreatedAt;
  const SearchPage page = home.store->Search(request).value();
  if (page.image_sets.empty()) return {};
  const auto& one = page.image_sets[random.Below(page.image_sets.size())];
  return one.properties.state == ImageSetState::kActive ? one.properties.image_set_id : "";
}

void ChangeOne(Home& home, SeededRandom& random, uint64_t count) {
  const std::string id = AnyActive(home, random);
  if (id.empty()) return;
  const uint32_t version = home.store->Get(id).value().version;
  const uint64_t what = random.Below(4);
  if (what == 0) {
    CopyRequest copy;
    copy.source_id = id;
    copy.source_latest_version = version;
    const auto made = home.store->Copy(copy);
    if (made.ok()) Say("made " + made.value().destination.image_set_id + " 1");
    return;
  }
  if (what == 1) {
    if (home.store->Delete(id).ok()) Say("deleted " + id);
    return;
  }
  UpdateRequest update;
  update.latest_version = version;
  const std::string name = "N" + std::to_string(count);
  update.updatable_attributes =
      R"({"SchemaVersion":"1.1","Patient":{"DICOM":{"PatientName":")" + name + R"("}}})";
  const auto updated = home.store->Update(id, update);
  if (updated.ok()) {
    Say("updated " + id + " " + std::to_string(updated.value().version) + " " + name);
  }
}

// The child: works until it is killed.
[[noreturn]] void Work(const std::string& folder, uint64_t seed) {
  Home home(folder);
  SeededRandom random(seed);
  for (uint64_t count = seed * 1000;; ++count) {
    home.store->RunImportJobs([] { return false; },
                              [](const jobs::Job& job) {
                                if (IsFinal(job.state)) Say("imported " + job.id);
                              });
    PutRound(home, count);
    ImportRequest request;
    request.job_name = std::to_string(count);
    request.input = {"in-bucket", "r" + std::to_string(count)};
    request.output = {"out-bucket", ""};
    const auto job = home.store->SubmitImport(request, {});
    if (job.ok()) Say("submitted " + job.value().id);
    std::thread changes([&] {
      for (int i = 0; i < 4; ++i) ChangeOne(home, random, count * 10 + i);
    });
    home.store->RunImportJobs([] { return false; },
                              [](const jobs::Job& ended) {
                                if (IsFinal(ended.state)) Say("imported " + ended.id);
                              });
    changes.join();
  }
}

// What was acknowledged over all children.
struct Ledger {
  std::set<std::string> submitted;
  std::set<std::string> imported;
  std::set<std::string> deleted;
  std::map<std::string, std::map<uint32_t, std::string>> names;  // Image set, version, name.
  std::set<std::string> made;
  uint64_t lines = 0;

  void Take(const std::string& line) {
    std::vector<std::string> words;
    size_t at = 0;
    while (at < line.size()) {
      const size_t space = std::min(line.find(' ', at), line.size());
      words.push_back(line.substr(at, space - at));
      at = space + 1;
    }
    ASSERT_GE(words.size(), 2u) << line;
    ++lines;
    if (words[0] == "submitted") submitted.insert(words[1]);
    if (words[0] == "imported") imported.insert(words[1]);
    if (words[0] == "deleted") deleted.insert(words[1]);
    if (words[0] == "made") made.insert(words[1]);
    if (words[0] == "updated") {
      names[words[1]][static_cast<uint32_t>(std::stoul(words[2]))] = words[3];
    }
  }
};

// Runs a child for a while and kills it.
void RunAndKill(const std::string& folder, uint64_t seed, int64_t milliseconds, Ledger* ledger) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), kPipe);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // This program again, not a fork: RocksDB's threads would be missing in a fork.
  std::string name = "image_store_test";
  std::string filter = "--gtest_filter=Crash.Child";
  std::string folder_text = std::string(kFolderVariable) + "=" + folder;
  std::string seed_text = std::string(kSeedVariable) + "=" + std::to_string(seed);
  char* argv[] = {name.data(), filter.data(), nullptr};
  char* variables[] = {folder_text.data(), seed_text.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv, variables), 0);
  posix_spawn_file_actions_destroy(&actions);
  writing.Reset();
  std::thread killer([&] {
    const timespec pause{milliseconds / 1000, (milliseconds % 1000) * 1'000'000};
    nanosleep(&pause, nullptr);
    kill(child, SIGKILL);
  });
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = read(reading.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  killer.join();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself";
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    ledger->Take(text.substr(at, end - at));
    at = end + 1;
  }
}

// Every version has metadata that reads, and frames that match their checksums.
void CheckImageSet(Home& home, const std::string& id, const SetRecord& record,
                   const Ledger& ledger) {
  SCOPED_TRACE(id);
  if (record.latest.state == ImageSetState::kDeleted) return;
  ASSERT_NE(record.latest.state, ImageSetState::kLocked);
  const auto named = ledger.names.find(id);
  for (uint32_t version = 1; version <= record.latest.version; ++version) {
    const auto metadata = home.store->GetMetadata(id, version);
    ASSERT_TRUE(metadata.ok()) << version << " " << metadata.error().detail;
    const auto tree = dicom::MetadataTree::FromGzip(metadata.value().gzip);
    ASSERT_TRUE(tree.ok());
    const auto properties = home.store->Get(id, version).value();
    // A later copy of this version changes its status, not its content.
    if (named != ledger.names.end() && named->second.contains(version) &&
        properties.status != WorkflowStatus::kUpdateFailed) {
      ASSERT_EQ(dicom::AttributeText(tree.value().patient(), "PatientName"),
                named->second.at(version));
    }
    if (version != record.latest.version) continue;
    for (const auto& [series, content] : tree.value().series()) {
      for (const auto& [sop, json] : content.instances) {
        const auto pixels = tree.value().Pixels(series, sop).value();
        for (const auto& frame : pixels.frames) {
          auto reader = home.store->OpenFrame(id, frame.id, {});
          ASSERT_TRUE(reader.ok()) << reader.error().detail;
          ASSERT_EQ(crypto::Crc32(0, TestStore::ReadAll(*reader.value())), frame.checksum);
        }
      }
    }
  }
}

void CheckHome(Home& home, const Ledger& ledger) {
  home.store->RunImportJobs([] { return false; }, [](const jobs::Job&) {});
  home.store->WaitUntilIdle();
  for (const std::string& id : ledger.submitted) {
    const auto job = home.store->queue().Get(kImportKind, id);
    ASSERT_TRUE(job.ok()) << id;
    ASSERT_EQ(job.value().state, jobs::JobState::kCompleted) << job.value().message;
    ASSERT_EQ(ParseImportProgress(job.value()).value().files_imported, 12u);
  }
  for (const std::string& id : ledger.imported) ASSERT_TRUE(ledger.submitted.contains(id));
  for (const std::string& id : ledger.deleted) {
    ASSERT_EQ(home.store->Get(id).value().state, ImageSetState::kDeleted);
  }
  for (const std::string& id : ledger.made) ASSERT_TRUE(home.store->Get(id).ok());
  for (const auto& [id, versions] : ledger.names) {
    ASSERT_GE(home.store->Get(id).value().version, versions.rbegin()->first);
  }
  const auto snapshot = home.kv->GetSnapshot();
  for (auto cursor = snapshot->Scan(kSet, {}); cursor->Valid(); cursor->Next()) {
    ASSERT_NO_FATAL_FAILURE(
        CheckImageSet(home, SetIdText(cursor->key()), DecodeSet(cursor->value()).value(), ledger));
  }
  // Frames without a reference, and files without a record.
  for (auto cursor = snapshot->Scan(kUnit, {}); cursor->Valid(); cursor->Next()) {
    ASSERT_TRUE(snapshot->Scan(kReference, kv::PrefixRange(HolderPrefix(cursor->key())))->Valid());
  }
  std::set<std::string> packs;
  for (auto cursor = snapshot->Scan(kPack, {}); cursor->Valid(); cursor->Next()) {
    packs.insert(HexEncode(cursor->key()) + ".pack");
  }
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(home.folder + "/frames")) {
    files.insert(entry.path().filename());
  }
  ASSERT_EQ(files, packs);
}

TEST(Crash, Child) {
  const char* const folder = getenv(kFolderVariable);  // NOLINT(concurrency-mt-unsafe): one thread.
  const char* const seed = getenv(kSeedVariable);      // NOLINT(concurrency-mt-unsafe): one thread.
  if (folder == nullptr || seed == nullptr) GTEST_SKIP() << "runs as a child of the next test only";
  Work(folder, std::stoull(seed));
}

TEST(Crash, KilledAtRandomMoments) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread.
  const int kills = getenv("TARN_SLOW") != nullptr ? kKillsSlow : kKillsShort;
  std::string folder = testing::TempDir() + "image_crash_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  Ledger ledger;
  SeededRandom random(static_cast<uint64_t>(kills));
  for (int kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    ASSERT_NO_FATAL_FAILURE(RunAndKill(folder, static_cast<uint64_t>(kill) + 1,
                                       static_cast<int64_t>(100 + random.Below(900)), &ledger));
    Home home(folder);
    ASSERT_NO_FATAL_FAILURE(CheckHome(home, ledger));
  }
  EXPECT_GT(ledger.lines, static_cast<uint64_t>(kills));
  std::cout << kills << " kills, " << ledger.lines << " acknowledgements, "
            << ledger.submitted.size() << " imports\n";
  ASSERT_TRUE(RemoveFolder(folder).ok());
}

}  // namespace
}  // namespace tarn::image_store
