#include "image_store/internal/import_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

constexpr size_t kStepBytes = 1u << 20;

// What an import job has written is no input of another one.
bool IsJobOutput(std::string_view key) {
  return key.find("-DicomImport-") != std::string_view::npos;
}

std::string FolderPrefix(const std::string& key) {
  return key.empty() || key.ends_with('/') ? key : key + "/";
}

Error TooMany(std::string_view what, uint64_t max) {
  return {ErrorKind::kTooLarge, std::string(what) + std::to_string(max)};
}

// Copies the object through `take`.
template <typename Take>
Status Copy(objects::ObjectReader& reader, uint64_t bytes, const Take& take) {
  std::string step(std::min<uint64_t>(bytes, kStepBytes), '\0');
  for (uint64_t left = bytes; left > 0;) {
    TRY(const size_t count, reader.Read({step.data(), std::min<uint64_t>(left, step.size())}));
    if (count == 0) return Error{ErrorKind::kPreconditionFailed, "the object became shorter"};
    TRY(take(std::string_view(step).substr(0, count)));
    left -= count;
  }
  return Ok();
}

// A file that is gone as soon as it is closed.
Result<UniqueFd> UnnamedFile(const std::string& folder) {
  std::string pattern = folder + "/.tmp-input-XXXXXX";
  UniqueFd fd(mkostemp(pattern.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("cannot make a temporary file", errno);
  unlink(pattern.c_str());
  return fd;
}

}  // namespace

Result<std::vector<InputObject>> ListInput(const ImageStoreState& state,
                                           const ImportRequest& request,
                                           std::string_view after_key) {
  std::vector<InputObject> input;
  const auto& [bucket, key] = request.input;
  TRY(state.objects.HeadBucket(bucket));
  if (!key.empty() && !key.ends_with('/')) {
    const auto single = state.objects.Head(bucket, key);
    if (single.ok()) {
      if (key > after_key) input.push_back({key, single.value().etag, single.value().bytes});
      return input;
    }
    if (single.error().kind != ErrorKind::kNotFound) return single.error();
  }
  objects::ListRequest list{
      .prefix = FolderPrefix(key), .delimiter = {}, .start_after = std::string(after_key)};
  uint64_t bytes = 0;
  do {
    TRY(const objects::ListPage page, state.objects.List(bucket, list));
    for (const objects::ObjectInfo& object : page.objects) {
      if ((object.key.ends_with('/') && object.bytes == 0) || IsJobOutput(object.key)) continue;
      input.push_back({object.key, object.etag, object.bytes});
      bytes += object.bytes;
      if (input.size() > state.options.import_files_max) {
        return TooMany("FILE_COUNTS_LIMIT_EXCEEDED: the input has more files than ",
                       state.options.import_files_max);
      }
      if (bytes > state.options.import_job_bytes_max) {
        return TooMany("FILE_SIZES_LIMIT_EXCEEDED: the input has more bytes than ",
                       state.options.import_job_bytes_max);
      }
    }
    list.start_after = page.next_start_after;
  } while (!list.start_after.empty());
  return input;
}

InputBytes::~InputBytes() {
  if (mapped_ != nullptr) munmap(mapped_, mapped_bytes_);
}

InputBytes::InputBytes(InputBytes&& other) noexcept
    : memory_(std::move(other.memory_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_bytes_(other.mapped_bytes_) {}

std::string_view InputBytes::bytes() const {
  return mapped_ == nullptr ? std::string_view(memory_)
                            : std::string_view(static_cast<const char*>(mapped_), mapped_bytes_);
}

Result<InputBytes> ReadInput(const ImageStoreState& state, const std::string& bucket,
                             const InputObject& object) {
  if (object.bytes > state.options.import_file_bytes_max) {
    return Error{ErrorKind::kTooLarge, "the file is larger than an import takes"};
  }
  TRY(const auto reader, state.objects.Open(bucket, object.key, {}, object.etag));
  InputBytes input;
  if (object.bytes <= kInputInMemoryMax) {
    input.memory_.reserve(object.bytes);
    TRY(Copy(*reader, object.bytes, [&input](std::string_view bytes) -> Status {
      input.memory_ += bytes;
      return Ok();
    }));
    return input;
  }
  TRY(const UniqueFd fd, UnnamedFile(state.options.frames_folder));
  TRY(Copy(*reader, object.bytes,
           [&fd](std::string_view bytes) { return WriteAll(fd.get(), bytes); }));
  void* mapped = mmap(nullptr, object.bytes, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return ErrnoError("cannot map a temporary file", errno);
  input.mapped_ = mapped;
  input.mapped_bytes_ = object.bytes;
  return input;
}

}  // namespace tarn::image_store
