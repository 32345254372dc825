// Why two queues and not one: the log must not wait for a webhook that is down, and a data store's
// outbox must be empty before the store is dropped. So the pump moves events out of whichever store
// they were committed in, and those for the webhook into one queue in `home`.
#include "jobs/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/bytes.h"
#include "base/log.h"
#include "base/uri.h"
#include "json/writer.h"

namespace tarn::jobs {
namespace {

constexpr std::string_view kOutboxPrefix = "event/";
constexpr std::string_view kWebhookPrefix = "webhook/";
constexpr size_t kPageEvents = 256;
constexpr uint64_t kTailBytesMax = 1u << 20;  // Longer than any line of ours.

std::string DayOf(int64_t unix_ms) { return FormatAwsBasicTime(unix_ms).substr(0, 8); }

// The order of delivery is that of the events' times.
std::string WebhookKey(int64_t unix_ms, std::string_view id) {
  std::string key(kWebhookPrefix);
  AppendBe64(&key, static_cast<uint64_t>(unix_ms));
  return key.append(id);
}

// A crash may have cut the last line; its event is still in the outbox and comes again.
Status DropPartialLine(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return ErrnoError("event log", errno);
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  if (size == 0) return Ok();
  std::string tail(std::min(size, kTailBytesMax), '\0');
  const ssize_t got = pread(fd, tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
  if (got != static_cast<ssize_t>(tail.size())) return ErrnoError("event log", errno);
  const size_t line_end = tail.rfind('\n');
  const uint64_t keep =
      line_end == std::string::npos ? size - tail.size() : size - tail.size() + line_end + 1;
  if (keep == size) return Ok();
  if (ftruncate(fd, static_cast<off_t>(keep)) != 0) return ErrnoError("event log", errno);
  return Ok();
}

}  // namespace

std::string EventText(const Event& event) {
  std::string out;
  json::Writer writer(&out);
  writer.BeginObject();
  writer.Key("version").String("0");
  writer.Key("id").String(event.id);
  writer.Key("detail-type").String(event.detail_type);
  writer.Key("source").String(event.source);
  writer.Key("account").String(event.account);
  writer.Key("time").String(FormatIso8601Seconds(event.unix_ms));
  writer.Key("region").String(event.region);
  writer.Key("resources").BeginArray();
  for (const std::string& resource : event.resources) writer.String(resource);
  writer.EndArray();
  writer.Key("detail").Raw(event.detail);
  writer.EndObject();
  writer.Finish();
  return out;
}

// An outbox entry: key "event/", commit sequence, id; value: time, id's length, id, line.
void AddEvent(const Event& event, kv::Family family, kv::Batch* batch) {
  std::string key(kOutboxPrefix);
  key += kv::kSequenceBytes;
  key += event.id;
  std::string value;
  AppendBe64(&value, static_cast<uint64_t>(event.unix_ms));
  AppendBe16(&value, static_cast<uint16_t>(event.id.size()));
  value += event.id;
  value += EventText(event);
  batch->PutSequenced(family, key, value, {.key_offset = kOutboxPrefix.size()});
}

EventLog::EventLog(Options options, kv::Store& home, kv::Family home_family, const Clock& clock,
                   RandomSource& random, MetricsRegistry& metrics)
    : options_(std::move(options)),
      home_(home),
      home_family_(home_family),
      clock_(clock),
      random_(random),
      client_(http::Client::Options{.egress = http::Egress::kAny}),
      logged_total_(metrics.GetCounter("tarn_events_logged_total", "Events written to the log.")),
      delivered_total_(
          metrics.GetCounter("tarn_webhook_delivered_total", "Events that the webhook accepted.")),
      dropped_total_(metrics.GetCounter(
          "tarn_webhook_dropped_total",
          "Events that are in the log only: refused by the webhook, too old, or queue full.")),
      waiting_(metrics.GetGauge("tarn_webhook_waiting", "Events that wait for the webhook.")) {}

Result<std::unique_ptr<EventLog>> EventLog::Open(Options options, kv::Store& home,
                                                 kv::Family home_family, const Clock& clock,
                                                 RandomSource& random, MetricsRegistry& metrics) {
  TRY(MakeFolders(options.folder));
  if (!options.webhook_url.empty()) TRY(ParseUrl(options.webhook_url));
  std::unique_ptr<EventLog> log(
      new EventLog(std::move(options), home, home_family, clock, random, metrics));
  {
    const auto snapshot = home.GetSnapshot();
    auto cursor = snapshot->Scan(home_family, kv::PrefixRange(kWebhookPrefix));
    for (; cursor->Valid(); cursor->Next()) log->waiting_.Add(1);
    TRY(cursor->status());
  }
  {
    const MutexLock lock(log->mutex_);
    // Not owned: `home` outlives the log.
    log->sources_[""] = {std::shared_ptr<kv::Store>(std::shared_ptr<void>(), &home), home_family};
  }
  log->pump_ = std::thread([raw = log.get()] { raw->RunPump(); });
  if (!log->options_.webhook_url.empty()) {
    log->webhook_ = std::thread([raw = log.get()] { raw->RunWebhook(); });
  }
  return log;
}

EventLog::~EventLog() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (pump_.joinable()) pump_.join();
  if (webhook_.joinable()) webhook_.join();
}

void EventLog::Watch(const std::string& name, std::shared_ptr<kv::Store> store, kv::Family family) {
  CHECK(!name.empty());
  {
    const MutexLock lock(mutex_);
    CHECK(sources_.emplace(name, Source{std::move(store), family}).second);
    pump_due_ = true;
  }
  changed_.NotifyAll();
}

Status EventLog::DrainAndForget(const std::string& name) {
  Source source;
  {
    const MutexLock lock(mutex_);
    const auto found = sources_.find(name);
    if (found == sources_.end()) return Ok();
    source = found->second;
  }
  TRY(Drain(source));
  Forget(name);
  return Ok();
}

void EventLog::Forget(const std::string& name) {
  Source source;  // Ends after the lock: it may be the last owner of its store.
  const MutexLock lock(mutex_);
  while (pumping_ == name) changed_.Wait(mutex_);
  const auto found = sources_.find(name);
  if (found == sources_.end()) return;
  source = std::move(found->second);
  sources_.erase(found);
}

void EventLog::Wake() {
  {
    const MutexLock lock(mutex_);
    pump_due_ = true;
  }
  changed_.NotifyAll();
}

void EventLog::RunPump() {
  uint32_t failures = 0;
  for (;;) {
    std::vector<std::string> names;
    {
      const MutexLock lock(mutex_);
      while (!pump_due_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      pump_due_ = false;
      for (const auto& [name, source] : sources_) names.push_back(name);
    }
    bool failed = false;
    for (const std::string& name : names) {
      const Status drained = PumpSource(name);
      if (drained.ok()) continue;
      failed = true;
      LogError("events_not_logged", {{"error", drained.error().detail}, {"failures", failures}});
    }
    failures = failed ? failures + 1 : 0;
    if (!failed) continue;
    if (!Pause(failures)) return;
    Wake();
  }
}

Status EventLog::PumpSource(const std::string& name) {
  Source source;
  {
    const MutexLock lock(mutex_);
    const auto found = sources_.find(name);
    if (found == sources_.end()) return Ok();
    source = found->second;
    pumping_ = name;
  }
  Status drained = Drain(source);
  source = {};  // Before Forget may return.
  {
    const MutexLock lock(mutex_);
    pumping_.reset();
  }
  changed_.NotifyAll();
  return drained;
}

Status EventLog::Drain(const Source& source) {
  {
    const MutexLock lock(mutex_);
    while (writing_) changed_.Wait(mutex_);
    writing_ = true;
  }
  Result<bool> more = true;
  while (more.ok() && more.value()) more = DrainPage(source);
  {
    const MutexLock lock(mutex_);
    writing_ = false;
    webhook_due_ = true;
  }
  changed_.NotifyAll();
  if (!more.ok()) return more.error();
  return Ok();
}

Result<bool> EventLog::DrainPage(const Source& source) {
  const auto snapshot = source.store->GetSnapshot();
  auto cursor = snapshot->Scan(source.family, kv::PrefixRange(kOutboxPrefix));
  std::string lines;
  kv::Batch remove;
  kv::Batch queue;
  int64_t queued = 0;
  size_t events = 0;
  for (; cursor->Valid() && events < kPageEvents; cursor->Next(), ++events) {
    ByteReader reader(cursor->value());
    const int64_t unix_ms = static_cast<int64_t>(reader.Be64());
    const std::string_view id = reader.Take(reader.Be16());
    const std::string_view line = reader.Rest();
    if (!reader.ok()) return Error{ErrorKind::kCorrupt, "event outbox: an entry does not decode"};
    lines.append(line).append("\n");
    remove.Delete(source.family, cursor->key());
    if (options_.webhook_url.empty()) continue;
    if (waiting_.Value() + queued >= options_.webhook_waiting_max) {
      dropped_total_.Add();
      LogWarning("webhook_queue_full", {{"event", id}});
      continue;
    }
    queue.Put(home_family_, WebhookKey(unix_ms, id), line);
    ++queued;
  }
  TRY(cursor->status());
  if (events == 0) return false;
  TRY(AppendLines(lines));
  if (source.store.get() == &home_) {
    queue.Append(remove);
    TRY(home_.Commit(queue));
  } else {
    // In this order a crash between the two repeats a delivery instead of losing one.
    if (!queue.IsEmpty()) TRY(home_.Commit(queue));
    TRY(source.store->Commit(remove));
  }
  logged_total_.Add(events);
  waiting_.Add(queued);
  return events == kPageEvents;
}

Status EventLog::AppendLines(std::string_view lines) {
  const std::string day = DayOf(clock_.UnixMs());
  if (!file_.valid() || day != file_day_) {
    const std::string path = options_.folder + "/events-" + day + ".jsonl";
    UniqueFd file(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!file.valid()) return ErrnoError("event log", errno);
    TRY(DropPartialLine(file.get()));
    TRY(SyncFolder(options_.folder));
    file_ = std::move(file);
    file_day_ = day;
  }
  struct stat before {};
  if (fstat(file_.get(), &before) != 0) return ErrnoError("event log", errno);
  Status written = WriteAll(file_.get(), lines);
  if (written.ok() && fdatasync(file_.get()) != 0) written = ErrnoError("event log", errno);
  if (!written.ok()) {
    // The kernel takes pages whose sync failed for clean, so a later sync would not write them:
    // what is not sure to be on the disk is cut off, and comes again in a new place of memory.
    if (ftruncate(file_.get(), before.st_size) != 0) {
      LogError("event_log_not_cut", {{"error", ErrnoError("event log", errno).detail}});
    }
    file_.Reset();  // Opened again, which cuts off half a line.
  }
  return written;
}

void EventLog::RunWebhook() {
  uint32_t failures = 0;
  for (;;) {
    {
      const MutexLock lock(mutex_);
      while (!webhook_due_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      webhook_due_ = false;
    }
    for (;;) {
      const Result<bool> posted = PostOldest();
      if (posted.ok()) {
        failures = 0;
        if (!posted.value()) break;
        const MutexLock lock(mutex_);
        if (stopping_) return;
        continue;
      }
      ++failures;
      LogWarning("webhook_failed", {{"error", posted.error().detail}, {"failures", failures}});
      if (!Pause(failures)) return;
    }
  }
}

Result<bool> EventLog::PostOldest() {
  std::string key;
  http::ClientRequest request;
  {
    const auto snapshot = home_.GetSnapshot();
    auto cursor = snapshot->Scan(home_family_, kv::PrefixRange(kWebhookPrefix));
    TRY(cursor->status());
    if (!cursor->Valid()) return false;
    key = cursor->key();
    request.body = cursor->value();
  }
  if (key.size() < kWebhookPrefix.size() + 8) {
    return Error{ErrorKind::kCorrupt, "webhook queue: a key does not decode"};
  }
  const std::string_view rest = std::string_view(key).substr(kWebhookPrefix.size());
  const int64_t unix_ms = static_cast<int64_t>(LoadBe64(rest));
  const std::string id(rest.substr(8));
  request.method = http::Method::kPost;
  request.url = options_.webhook_url;
  request.headers.Add("Content-Type", "application/json");
  request.headers.Add("X-Tarn-Event-Id", id);
  request.timeout_ms = options_.webhook_timeout_ms;
  request.response_bytes_max = 64 * 1024;

  const auto response = client_.Send(request);
  const int status = response.ok() ? response.value().status : 0;
  if (status >= 200 && status < 300) {
    delivered_total_.Add();
    TRY(DeleteWaiting(key));
    return true;
  }
  const bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
  const bool too_old = clock_.UnixMs() - unix_ms > options_.give_up_after_ms;
  if (refused || too_old) {
    dropped_total_.Add();
    LogWarning("webhook_gave_up", {{"event", id}, {"status", status}});
    TRY(DeleteWaiting(key));
    return true;
  }
  if (!response.ok()) return response.error();
  return Error{ErrorKind::kUnavailable, "the webhook answered " + std::to_string(status)};
}

Status EventLog::DeleteWaiting(std::string_view key) {
  kv::Batch batch;
  batch.Delete(home_family_, key);
  TRY(home_.Commit(batch));
  waiting_.Add(-1);
  return Ok();
}

bool EventLog::Pause(uint32_t failures) {
  const uint32_t doublings = std::min<uint32_t>(failures > 0 ? failures - 1 : 0, 20);
  const uint64_t cap = std::min<uint64_t>(
      static_cast<uint64_t>(options_.retry_first_ms) << doublings, options_.retry_max_ms);
  // Half of the pause is random, so that many servers do not come back at once.
  char random[4];
  random_.Fill(random);
  const uint64_t pause_ms = cap / 2 + LoadBe32(std::string_view(random, 4)) % (cap / 2 + 1);
  const int64_t until_ns = clock_.MonotonicNs() + static_cast<int64_t>(pause_ms) * 1'000'000;
  const MutexLock lock(mutex_);
  while (!stopping_) {
    const int64_t left_ms = (until_ns - clock_.MonotonicNs() + 999'999) / 1'000'000;
    if (left_ms <= 0) break;
    if (!changed_.WaitFor(mutex_, std::chrono::milliseconds(left_ms))) break;
  }
  return !stopping_;
}

}  // namespace tarn::jobs
