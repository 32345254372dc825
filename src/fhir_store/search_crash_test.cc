// kill -9 while transactions, imports and single writes run: what was acknowledged is there,
// transactions are there as a whole or not at all, and the index answers as a look at every
// resource does. Short form: a few kills; TARN_SLOW: many.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "fhir/search_query.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/search_model.h"
#include "fhir_store/internal/search_words.h"
#include "fhir_store/limits.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"

namespace tarn::fhir_store {
namespace {

constexpr int kKills = 6;
constexpr int kKillsSlow = 100;
constexpr int kQueries = 60;  // After each kill.
constexpr size_t kTransactionMax = 40;
// Queries with chains compare every resource with every other one.
constexpr size_t kChainedMax = 400;

// One store in a folder, as the server has it.
struct World {
  explicit World(const std::string& folder)
      : definitions(SearchDefinitions::Make().value()),
        engine(kv::OpenRocksDbEngine(folder + "/kv", {.memtable_bytes = 1u << 20}).value()),
        objects(objects::OpenFolderStore(folder + "/s3", clock, random).value()),
        kv(engine->Open("store", DataStoreSchema()).value()) {
    FhirStoreOptions options;
    options.data_store_id = "0123456789abcdef0123456789abcdef";
    options.search = definitions;
    store = FhirStore::Open(options, *kv, *objects, clock, random, metrics).value();
  }
  ~World() {
    store.reset();
    kv.reset();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  SystemClock clock;
  SystemRandom random;
  MetricsRegistry metrics;
  std::shared_ptr<const SearchDefinitions> definitions;
  std::unique_ptr<kv::Engine> engine;
  std::unique_ptr<objects::ObjectStore> objects;
  std::unique_ptr<kv::Store> kv;
  std::unique_ptr<FhirStore> store;
};

// What the child says after each acknowledgement; small enough that a pipe write is atomic.
struct Acknowledgement {
  char name[40];  // "Patient/p1", ends in a zero.
  uint64_t version;
};

void Say(int pipe, const Version& version) {
  Acknowledgement said = {};
  const std::string name = std::string(fhir::TypeName(version.type)) + "/" + version.id;
  CHECK(name.size() < sizeof said.name);
  std::memcpy(said.name, name.data(), name.size());
  said.version = version.version_id;
  CHECK(write(pipe, &said, sizeof said) == sizeof said);
}

// A writer of the child, with words of its own.
class Writer {
 public:
  Writer(FhirStore& store, int pipe, uint64_t seed)
      : store_(store), pipe_(pipe), random_(seed), words_(random_) {}

  void WriteSingles() {
    for (;;) {
      const std::string_view type_name = kModelTypes[random_.Below(std::size(kModelTypes))];
      const fhir::TypeId type = fhir::FindType(type_name);
      const std::string id = IdOf(type_name);
      const auto written = random_.Below(4) == 0
                               ? store_.Delete(type, id, {})
                               : store_.Update(type, id, RandomResource(type_name, id, words_), {});
      if (!written.ok()) {
        CHECK(written.error().kind == ErrorKind::kNotFound);
      } else if (!written.value().unchanged) {
        Say(pipe_, written.value().version);
      }
    }
  }

  // Each has resources of its own beside those that others write too: "t<number>-<place>-<size>".
  void WriteTransactions() {
    for (;;) {
      const std::string start = "t" + std::to_string(random_.Next() >> 40) + "-";
      // Some are so large that parts go ahead of the commit.
      const size_t size =
          random_.Below(4) == 0 ? kAheadWritesMin + 10 : 1 + random_.Below(kTransactionMax);
      std::map<std::string, std::string> texts;
      for (size_t i = 0; i < size; ++i) {
        const std::string id = start + std::to_string(i) + "-" + std::to_string(size);
        texts[id] = RandomResource("Observation", id, words_);
      }
      for (uint64_t i = random_.Below(4); i > 0; --i) {
        const std::string id = IdOf("Observation");
        texts[id] = RandomResource("Observation", id, words_);
      }
      std::vector<ResourceWrite> writes;
      for (const auto& [id, text] : texts) {
        writes.push_back({.type = fhir::FindType("Observation"), .id = id, .text = text});
      }
      size_t failed = 0;
      const auto written = store_.WriteAll(writes, &failed);
      CHECK(written.ok());
      for (const WriteOutcome& outcome : written.value()) Say(pipe_, outcome.version);
    }
  }

  // Small ones, committed as batches, and such that go as files.
  void Import() {
    for (;;) {
      const uint64_t lines = random_.Below(3) == 0 ? kImportIngestMin + 50 : 1 + random_.Below(300);
      std::string block;
      std::vector<std::string> names;
      const std::string start = "i" + std::to_string(random_.Next() >> 40) + "-";
      for (uint64_t i = 0; i < lines; ++i) {
        const std::string id =
            lines > 300 || random_.Below(2) == 0 ? start + std::to_string(i) : IdOf("Patient");
        names.push_back(id);
        block += RandomResource("Patient", id, words_) + "\n";
      }
      bool more = true;
      const Status loaded = store_.Load([&](std::string* out) {
        *out = std::exchange(block, {});
        return std::exchange(more, false);
      });
      CHECK(loaded.ok());
      Version version;
      version.type = fhir::FindType("Patient");
      version.version_id = 1;
      for (size_t i = 0; i < names.size(); i += 1 + names.size() / 20) {
        version.id = names[i];
        Say(pipe_, version);
      }
    }
  }

 private:
  std::string IdOf(std::string_view type_name) {
    return words_.Id(std::string(1, static_cast<char>(type_name[0] + 32)), kModelIds);
  }

  FhirStore& store_;
  const int pipe_;
  SeededRandom random_;
  RandomWords words_;
};

// The child is this program again, not a fork: RocksDB's threads would be missing in a fork.
constexpr const char* kFolderVariable = "TARN_SEARCH_CRASH_FOLDER";
constexpr int kPipe = 3;

[[noreturn]] void RunChild(const std::string& folder, int pipe) {
  World world(folder);
  SystemRandom random;
  uint64_t seeds[3];
  random.Fill({reinterpret_cast<char*>(seeds), sizeof seeds});
  Writer singles(*world.store, pipe, seeds[0]);
  Writer transactions(*world.store, pipe, seeds[1]);
  Writer imports(*world.store, pipe, seeds[2]);
  std::thread first([&] { singles.WriteSingles(); });
  std::thread second([&] { transactions.WriteTransactions(); });
  imports.Import();
  abort();
}

TEST(SearchCrash, ChildOfKillsLoseNothing) {
  const char* const folder = getenv(kFolderVariable);  // NOLINT(concurrency-mt-unsafe): one thread.
  if (folder == nullptr) GTEST_SKIP() << "runs only as a child of the next test";
  RunChild(folder, kPipe);
}

// Returns the child and the end of the pipe to read from.
std::pair<pid_t, int> StartChild(const std::string& folder) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const std::string variable = std::string(kFolderVariable) + "=" + folder;
  const char* const arguments[] = {"fhir_store_test", "--gtest_filter=SearchCrash.ChildOf*",
                                   nullptr};
  const char* const environment[] = {variable.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], kPipe) == 0);
  CHECK(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
  pid_t child = 0;
  CHECK(posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                    const_cast<char* const*>(arguments),
                    const_cast<char* const*>(environment)) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  return {child, ends[0]};
}

// The newest acknowledged version by name.
using Ledger = std::map<std::string, uint64_t>;

// Reads until the child is gone, killing it some time after so many acknowledgements.
void KillAfter(pid_t child, int pipe, uint64_t acknowledgements, uint64_t delay_ns,
               Ledger* ledger) {
  Acknowledgement said;
  uint64_t heard = 0;
  while (read(pipe, &said, sizeof said) == sizeof said) {
    uint64_t& version = (*ledger)[said.name];
    version = std::max(version, said.version);
    if (++heard == acknowledgements) {
      const timespec delay{0, static_cast<long>(delay_ns)};
      nanosleep(&delay, nullptr);
      kill(child, SIGKILL);
    }
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void CheckAcknowledged(const World& world, const Ledger& ledger) {
  for (const auto& [name, version] : ledger) {
    const size_t slash = name.find('/');
    const auto read = world.store->ReadVersion(fhir::FindType(name.substr(0, slash)),
                                               name.substr(slash + 1), version);
    ASSERT_TRUE(read.ok() || read.error().kind == ErrorKind::kGone)
        << name << " version " << version << ": " << read.error().detail;
  }
}

// Every live resource of the store, found without the index. Fills the ids of transactions: how
// many of each there are.
SearchModel ReadEverything(const World& world, size_t* count,
                           std::map<std::string, size_t>* transactions) {
  SearchModel model(*world.definitions, std::string(world.store->own_path()));
  *count = 0;
  const auto snapshot = world.kv->GetSnapshot();
  for (const auto cursor = snapshot->Scan(kCurrent, {}); cursor->Valid(); cursor->Next()) {
    const CurrentRecord record = DecodeCurrent(cursor->value()).value();
    const auto type = static_cast<fhir::TypeId>(static_cast<uint8_t>(cursor->key()[0]) << 8 |
                                                static_cast<uint8_t>(cursor->key()[1]));
    const std::string id = UnpackId(cursor->key().substr(2)).value();
    if (id[0] == 't') ++(*transactions)[id.substr(0, id.find('-')) + id.substr(id.rfind('-'))];
    if (record.deleted) continue;
    const Version version = world.store->Read(type, id).value();
    model.Put(version, world.store->ReadVersion(type, id, 1).ok()
                           ? world.store->ReadVersion(type, id, 1).value().last_updated_unix_ms
                           : version.last_updated_unix_ms);
    ++*count;
  }
  return model;
}

void CheckTransactions(const std::map<std::string, size_t>& transactions) {
  for (const auto& [name, count] : transactions) {
    EXPECT_EQ(count, std::stoul(name.substr(name.find('-') + 1))) << "half of " << name;
  }
}

// Nothing is left of transactions that did not happen: as many idents and first versions as
// resources, and no set with a member that is not live.
void CheckKeys(const World& world) {
  const auto snapshot = world.kv->GetSnapshot();
  const auto count = [&](kv::Family family, const auto& counts) {
    size_t keys = 0;
    for (const auto cursor = snapshot->Scan(family, {}); cursor->Valid(); cursor->Next()) {
      keys += counts(cursor->key()) ? 1 : 0;
    }
    return keys;
  };
  const auto any = [](std::string_view) { return true; };
  const size_t resources = count(kCurrent, any);
  EXPECT_EQ(count(kIdent, any), resources);
  EXPECT_EQ(count(kVersion,
                  [](std::string_view key) { return ParseVersionKey(key).value().version == 1; }),
            resources);
  EXPECT_EQ(count(kDocument, [](std::string_view key) { return key.starts_with("ahead/"); }), 0u);
  // By type and chunk: a posting's key begins and ends as that of its `live` chunk.
  std::map<std::string, kv::Bits> live;
  for (const auto cursor = snapshot->Scan(kLive, {}); cursor->Valid(); cursor->Next()) {
    live.emplace(cursor->key(), kv::Bits::Decode(cursor->value()).value());
  }
  for (const auto cursor = snapshot->Scan(kPosting, {}); cursor->Valid(); cursor->Next()) {
    const std::string_view key = cursor->key();
    const kv::Bits members = kv::Bits::Decode(cursor->value()).value();
    const auto found = live.find(std::string(key.substr(0, 2)).append(key.substr(key.size() - 2)));
    const uint64_t seen = found == live.end() ? 0 : members.IntersectionCount(found->second);
    ASSERT_EQ(members.Count(), seen);
  }
}

void CheckQueries(const World& world, const SearchModel& model, size_t resources,
                  SeededRandom& random) {
  RandomWords words(random);
  for (int i = 0; i < kQueries; ++i) {
    const std::string_view type_name = kModelTypes[random.Below(std::size(kModelTypes))];
    std::string text = RandomCriterion(type_name, words);
    while (random.Below(2) == 0) text += "&" + RandomCriterion(type_name, words);
    const bool chained = text.find('.') != text.npos || text.find("_has") != text.npos;
    if (chained && resources > kChainedMax) continue;
    // These stores have no value sets and code systems.
    const bool terminology =
        text.find("in=urn:vs:") != text.npos || text.find("in=ValueSet/") != text.npos ||
        text.find("code:below") != text.npos || text.find("code:above") != text.npos;
    if (terminology) continue;
    SCOPED_TRACE(std::string(type_name) + "?" + text);
    const auto parsed = fhir::ParseSearch(text + "&_count=1000", "",
                                          {.type = fhir::FindType(type_name), .compartment = {}},
                                          {.parameters = &world.definitions->parameters,
                                           .now_us = 1'767'323'045'000'000,
                                           .own_path = std::string(world.store->own_path())});
    ASSERT_TRUE(parsed.errors.empty());
    std::vector<std::string> found;
    fhir::SearchQuery query = parsed.query;
    for (;;) {
      const auto page = world.store->Search({.query = &query});
      ASSERT_TRUE(page.ok()) << page.error().detail;
      for (const Version& match : page.value().matches) {
        found.push_back(std::string(fhir::TypeName(match.type)) + "/" + match.id + "/" +
                        std::to_string(match.version_id));
      }
      if (page.value().next_token.empty()) break;
      query.page_token = page.value().next_token;
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> expected = model.Search(parsed.query);
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found, expected);
  }
}

TEST(SearchCrash, KillsLoseNothing) {
  std::string folder = testing::TempDir() + "tarn-search-crash-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const bool slow = getenv("TARN_SLOW") != nullptr;  // NOLINT(concurrency-mt-unsafe): one thread.
  const uint64_t seed = slow ? static_cast<uint64_t>(getpid()) : 20260105;
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  Ledger ledger;
  size_t resources = 0;
  for (int round = 0; round < (slow ? kKillsSlow : kKills); ++round) {
    SCOPED_TRACE(round);
    const auto [child, pipe] = StartChild(folder);
    KillAfter(child, pipe, 1 + random.Below(300), random.Below(30'000'000), &ledger);
    close(pipe);
    const World world(folder);
    CheckAcknowledged(world, ledger);
    std::map<std::string, size_t> transactions;
    const SearchModel model = ReadEverything(world, &resources, &transactions);
    CheckTransactions(transactions);
    CheckKeys(world);
    CheckQueries(world, model, resources, random);
    if (HasFailure()) break;
  }
  EXPECT_GT(ledger.size(), 20u);
  RecordProperty("acknowledged", static_cast<int>(ledger.size()));
  RecordProperty("resources", static_cast<int>(resources));
  EXPECT_TRUE(RemoveFolder(folder).ok());
}

}  // namespace
}  // namespace tarn::fhir_store
