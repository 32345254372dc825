// Events about state changes, in the shape of EventBridge's: a durable outbox, a log of JSON lines,
// and an optional webhook.
//
// Whoever changes a state puts the event into the batch that changes it (AddEvent), so that there
// is an event exactly when there is a change. The EventLog moves events on afterwards: from the
// outbox into today's file of the log (synced), and from there, when a webhook is set, into a queue
// that is posted one event a request. Both steps happen at least once: after a crash a line or a
// request may come again, with the same id. Nothing that changes state waits for any of this.
//
// Files: <folder>/events-YYYYMMDD.jsonl, by the UTC day of writing. Stored form: docs/internals/
// jobs.md. Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "http/client.h"
#include "kv/store.h"

namespace tarn::jobs {

struct Event {
  std::string id;           // A UUID; the same whenever the event is delivered again.
  std::string detail_type;  // "Data Store Active"
  std::string source;       // "aws.healthlake"
  std::string account;
  std::string region;
  int64_t unix_ms = 0;
  std::vector<std::string> resources;  // ARNs.
  std::string detail;                  // A JSON object.
};

// The event as one line of JSON, without line feed. Spec: Amazon EventBridge User Guide, "AWS
// service event metadata".
std::string EventText(const Event& event);

// Adds the event to the outbox in `family`; keys begin with "event/".
void AddEvent(const Event& event, kv::Family family, kv::Batch* batch);

class EventLog {
 public:
  struct Options {
    std::string folder;                     // Made when it is missing.
    std::string webhook_url;                // http or https; empty: no webhook.
    uint32_t webhook_waiting_max = 10'000;  // Beyond it an event is in the log only.
    uint32_t webhook_timeout_ms = 5'000;
    // A failed request is repeated after a pause that doubles from `first` to `max`, with jitter,
    // until the event is `give_up` old. Statuses 4xx other than 408 and 429 are not repeated.
    uint32_t retry_first_ms = 1'000;
    uint32_t retry_max_ms = 5 * 60'000;
    int64_t give_up_after_ms = 24 * 3'600'000;
  };

  // `home` holds the webhook's queue and is a source itself. The references must outlive the log.
  // Errors: kInvalid (URL), kUnavailable.
  static Result<std::unique_ptr<EventLog>> Open(Options options, kv::Store& home,
                                                kv::Family home_family, const Clock& clock,
                                                RandomSource& random, MetricsRegistry& metrics);
  // Ends both threads; what was not moved on is, after the next start.
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // Adds an outbox to read from; `name` is unique and not empty.
  void Watch(const std::string& name, std::shared_ptr<kv::Store> store, kv::Family family);
  // Moves what waits in that outbox into the log and lets it go. On an error it is still watched.
  Status DrainAndForget(const std::string& name);
  // Lets it go with what waits in it. After either of the two the log holds the store no more.
  void Forget(const std::string& name);
  // Says that an outbox may have got events.
  void Wake();

 private:
  struct Source {
    std::shared_ptr<kv::Store> store;
    kv::Family family = 0;
  };

  EventLog(Options options, kv::Store& home, kv::Family home_family, const Clock& clock,
           RandomSource& random, MetricsRegistry& metrics);
  void RunPump();
  Status PumpSource(const std::string& name) EXCLUDES(mutex_);
  void RunWebhook();
  // Moves all waiting events of one source. One call at a time writes to the file.
  Status Drain(const Source& source) EXCLUDES(mutex_);
  Result<bool> DrainPage(const Source& source);
  Status AppendLines(std::string_view lines);
  // Posts the oldest waiting event; false when there is none.
  Result<bool> PostOldest();
  Status DeleteWaiting(std::string_view key);
  // Waits for the pause after `failures` failures in a row; false when the log is closing.
  bool Pause(uint32_t failures) EXCLUDES(mutex_);

  const Options options_;
  kv::Store& home_;
  const kv::Family home_family_;
  const Clock& clock_;
  RandomSource& random_;
  http::Client client_;
  Counter& logged_total_;
  Counter& delivered_total_;
  Counter& dropped_total_;
  Gauge& waiting_;

  // Used by whoever holds `writing_`.
  std::string file_day_;
  UniqueFd file_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool pump_due_ GUARDED_BY(mutex_) = true;
  std::optional<std::string> pumping_ GUARDED_BY(mutex_);  // The source that the pump works on.
  bool webhook_due_ GUARDED_BY(mutex_) = true;
  std::map<std::string, Source> sources_ GUARDED_BY(mutex_);
  std::thread pump_;
  std::thread webhook_;
};

}  // namespace tarn::jobs
