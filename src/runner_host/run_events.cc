#include "runner_host/run_events.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "runner_host/stop_signal.h"

namespace tarn::runner_host {
namespace {

constexpr int64_t kTickMs = 1000;

std::string_view ExtensionOf(std::string_view media_type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kKnown = {{
      {"application/json", ".json.gz"},  // What is JSON and no text is compressed.
      {"application/dicom", ".dcm"},
      {"application/gzip", ".gz"},
      {"application/zip", ".zip"},
      {"application/pdf", ".pdf"},
      {"image/jph", ".jph"},
      {"image/jpeg", ".jpg"},
      {"image/png", ".png"},
      {"text/", ".txt"},
  }};
  for (const auto& [type, extension] : kKnown) {
    if (media_type.starts_with(type)) return extension;
  }
  return ".bin";
}

}  // namespace

Status RunEvents::Take(const arazzo::RunEvent& event, arazzo::Durability durability) {
  arazzo::RunEvent timed = event;
  timed.data.Set("at", json::Value::Int(parts_.clock->UnixMs()));
  // One order in the journal and on the screen is the point of the lock, so it is held meanwhile.
  MutexLock lock(mutex_);
  TRY(parts_.journal->Append(timed, durability));
  parts_.view->Show(timed);
  return Ok();
}

Result<json::Value> RunEvents::KeepBinary(std::string_view bytes, std::string_view media_type) {
  const std::string& folder = parts_.files_folder;
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError(folder, errno);
  // Named by content, so that a run which is resumed finds the same names. Not synced: the journal
  // holds the bytes too.
  const std::string path = folder + "/" + HexEncode(crypto::Sha256(bytes)).substr(0, 24) +
                           std::string(ExtensionOf(media_type));
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, errno);
  TRY(WriteAll(fd.get(), bytes));
  if (!parts_.aws_profile) return json::Value::String(path);
  json::Value out = json::Value::MakeObject();
  out.Set("file", json::Value::String(path));
  out.Set("bytes", json::Value::Int(static_cast<int64_t>(bytes.size())));
  out.Set("mediaType", json::Value::String(std::string(media_type)));
  for (const std::string_view member : {"imageFrameBlob", "imageSetMetadataBlob"}) {
    out.Set(member, json::Value::String(path));
  }
  return out;
}

Result<std::optional<std::string>> RunEvents::ReadBinary(const json::Value& value) {
  const json::Value* file = value.IsString() ? &value : value.Find("file");
  if (file == nullptr || !file->IsString()) return std::optional<std::string>();
  const std::string& path = file->AsString();
  const std::string begin = parts_.files_folder + "/";
  // A name of ours holds no slash: nothing outside the folder can be named.
  if (!path.starts_with(begin) || path.find('/', begin.size()) != std::string::npos) {
    return std::optional<std::string>();
  }
  TRY(std::string bytes, ReadFile(path, arazzo::kOutputBytesMax));
  return std::optional<std::string>(std::move(bytes));
}

bool RunEvents::MaySendAgain(std::string_view description) {
  {
    MutexLock lock(mutex_);
    parts_.view->Clear();
  }
  return parts_.decide(std::string(description));
}

void RunEvents::Tick() {
  MutexLock lock(mutex_);
  parts_.view->Tick(parts_.clock->UnixMs());
}

Status RealTime::SleepMs(int64_t ms) {
  const int64_t until_ms = NowMs() + ms;
  for (;;) {
    const int64_t left_ms = until_ms - NowMs();
    if (StopSignal::WaitFor(std::clamp<int64_t>(left_ms, 0, kTickMs))) {
      return Error{ErrorKind::kTimeout, "stopped by the user"};
    }
    if (NowMs() >= until_ms) return Ok();
    events_.Tick();
  }
}

bool RealTime::StopWanted() { return StopSignal::Wanted(); }

double RealTime::Jitter() {
  uint64_t bits = 0;
  random_.Fill({reinterpret_cast<char*>(&bits), sizeof bits});
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace tarn::runner_host
