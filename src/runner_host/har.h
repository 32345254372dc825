// Writes the exchanges of a run as an HTTP Archive (HAR 1.2), secrets masked. The file is whole
// after every exchange, so that a run which is killed leaves what it has done.
// Threads: Add may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arazzo/secrets.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/result.h"

namespace tarn::runner_host {

struct HarExchange {
  int64_t started_unix_ms = 0;
  int64_t duration_ms = 0;
  std::string step;  // The operation, as a comment.
  std::string method, url;
  std::vector<std::pair<std::string, std::string>> request_headers;
  std::string_view request_body;
  int status = 0;  // 0: no answer, and `failure` says why.
  std::vector<std::pair<std::string, std::string>> response_headers;
  std::string_view response_body;
  std::string failure;
};

class HarFile {
 public:
  // Replaces the file. `masker` must outlive the object. Errors: kForbidden, kUnavailable.
  static Result<std::unique_ptr<HarFile>> Create(const std::string& path,
                                                 const arazzo::SecretMask* masker);
  Status Add(const HarExchange& exchange);

 private:
  HarFile(std::string path, UniqueFd fd, const arazzo::SecretMask* masker)
      : path_(std::move(path)), masker_(*masker), fd_(std::move(fd)) {}

  const std::string path_;
  const arazzo::SecretMask& masker_;
  Mutex mutex_;
  UniqueFd fd_ GUARDED_BY(mutex_);
  uint64_t end_ GUARDED_BY(mutex_) = 0;  // Where the closing brackets begin.
  bool first_ GUARDED_BY(mutex_) = true;
};

}  // namespace tarn::runner_host
