// The catalogue: the key-value store of the server itself, beside those of its data stores. It
// holds what describes them, and is the home of the event log. Keys: docs/internals/jobs.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "jobs/queue.h"
#include "jobs/tags.h"
#include "json/value.h"
#include "kv/store.h"

namespace tarn::jobs {

// The families of the catalogue; the order is part of the stored format.
kv::Schema CatalogueSchema();
inline constexpr kv::Family kCatalogueDocuments = 0;
inline constexpr kv::Family kCatalogueEvents = 1;

// The life of a data store, of either service. Stored as numbers: never renumber.
enum class DataStoreStatus : uint8_t {
  kCreating = 0,
  kActive = 1,
  kDeleting = 2,
  kDeleted = 3,
  kCreateFailed = 4,
};
inline constexpr int kDataStoreStatusCount = 5;
std::string_view DataStoreStatusName(DataStoreStatus status);  // "CREATING", ...
std::optional<DataStoreStatus> ParseDataStoreStatus(std::string_view name);

// A document: 8 bytes of revision and then JSON, so that a person can read a catalogue.
std::string EncodeDocument(uint64_t revision, const json::Value& value);
struct StoredDocument {
  uint64_t revision = 0;
  json::Value value;  // An object.
};
// Errors: kCorrupt. `what`: "a data store", for the message.
Result<StoredDocument> DecodeDocument(std::string_view bytes, std::string_view what);

// Reads members of a document's object and remembers whether all were there and of their kind. The
// JSON is ours, yet everything is checked. The object must outlive the reader.
class DocumentMembers {
 public:
  explicit DocumentMembers(const json::Value& object) : object_(object) {}
  std::string Text(std::string_view name);
  bool Flag(std::string_view name);
  int64_t Number(std::string_view name);
  bool Has(std::string_view name) const { return object_.Find(name) != nullptr; }
  bool ok() const { return ok_; }

 private:
  bool Check(bool good) {
    ok_ = ok_ && good;
    return good;
  }
  const json::Value& object_;
  bool ok_ = true;
};

// Tags as a document holds them: [["key","value"], ...].
json::Value TagsToJson(const std::vector<Tag>& tags);
// False when the value is anything else.
bool TagsFromJson(const json::Value* value, std::vector<Tag>* tags);

// Whether what failed so may have happened all the same (kv::Store::Commit).
bool MayBeWritten(const Error& error);

// A request's idempotency token. The same token with the same parameters gives the first answer
// again, also after a restart; with other parameters it is kInvalid.
struct ClientToken {
  std::string token;        // Empty: none was given.
  std::string fingerprint;  // Of all other parameters.
};
Error TokenUsedOtherwise();

// What a token made: for a data store its own id, for a job the store's and the job's.
struct TokenRecord {
  std::string fingerprint;
  std::string store_id;
  std::string job_id;
  uint64_t revision = 0;
};

// Client tokens of one service, as documents of the catalogue.
// Threads: every method may be called from any thread.
class ClientTokens {
 public:
  // Keys begin with `prefix` ("fhir/token/"). The store must outlive the object.
  ClientTokens(kv::Store& catalogue, std::string prefix)
      : catalogue_(catalogue), prefix_(std::move(prefix)) {}

  // Empty when the token was never used. `operation`: "create", "import".
  // Errors: kCorrupt, kUnavailable.
  Result<std::optional<TokenRecord>> Read(std::string_view operation, std::string_view token) const;
  // Adds to `batch` a record over the one that was read (`previous`), if any.
  void Add(std::string_view operation, std::string_view token, const TokenRecord& record,
           const std::optional<TokenRecord>& previous, kv::Batch* batch) const;
  void Remove(std::string_view operation, std::string_view token, const TokenRecord& record,
              kv::Batch* batch) const;

  struct JobStart {
    std::string operation;
    std::string store_id;
    ClientToken token;
    // The job that a record names. Empty: it was never made. A store that is gone took its jobs
    // along: they were made, and a Job without an id stands for them.
    std::function<Result<std::optional<Job>>(const TokenRecord&)> find;
    std::function<Result<Job>(const std::string& job_id)> submit;
  };
  // Makes one job for a token, although token and job are in different stores: the token is
  // reserved together with the id that the job will have, and the job is submitted under that id.
  // After a crash in between, the repeated request submits it. A request that was refused gives its
  // token free. One call at a time for one operation and token. Errors: kInvalid (other
  // parameters), those of `find` and `submit`.
  Result<Job> StartJobOnce(const JobStart& start, RandomSource& random) const;

 private:
  std::string KeyOf(std::string_view operation, std::string_view token) const;

  kv::Store& catalogue_;
  const std::string prefix_;
};

}  // namespace tarn::jobs
