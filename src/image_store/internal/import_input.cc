#include "image_store/internal/import_input.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

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

// Appends the next `bytes` bytes of the object.
Status Append(objects::ObjectReader& reader, uint64_t bytes, std::string* out) {
  const size_t before = out->size();
  out->resize(before + bytes);
  for (uint64_t done = 0; done < bytes;) {
    TRY(const size_t count, reader.Read({out->data() + before + done, bytes - done}));
    if (count == 0) return Error{ErrorKind::kPreconditionFailed, "the object became shorter"};
    done += count;
  }
  return Ok();
}

// Ranges of an object. They mostly follow each other, so a reader is kept, and opened again when
// the next range is elsewhere; its ETag says that it is still the same object.
class ObjectSource final : public dicom::ByteSource {
 public:
  ObjectSource(objects::ObjectStore& objects, std::string bucket, const InputObject& object)
      : objects_(objects), bucket_(std::move(bucket)), object_(object) {}

  uint64_t size() const override { return object_.bytes; }

  Status Read(uint64_t offset, uint64_t bytes, std::string* out) override {
    CHECK(offset <= object_.bytes && bytes <= object_.bytes - offset);
    if (reader_ != nullptr && offset > next_ && offset - next_ <= kGapBytesMax) {
      const uint64_t gap = offset - next_;
      std::string dropped;
      next_ = UINT64_MAX;  // Until it succeeds.
      TRY(Append(*reader_, gap, &dropped));
      next_ = offset;
    }
    if (reader_ == nullptr || offset != next_) {
      TRY(reader_, objects_.Open(bucket_, object_.key, {.offset = offset}, object_.etag));
    }
    next_ = UINT64_MAX;
    TRY(Append(*reader_, bytes, out));
    next_ = offset + bytes;
    return Ok();
  }

 private:
  static constexpr uint64_t kGapBytesMax = 4096;  // Read and dropped rather than opened again.

  objects::ObjectStore& objects_;
  const std::string bucket_;
  const InputObject object_;
  std::unique_ptr<objects::ObjectReader> reader_;
  uint64_t next_ = 0;  // Where the reader is.
};

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
      if (single.value().bytes > state.options.import_job_bytes_max) {
        return TooMany("FILE_SIZES_LIMIT_EXCEEDED: the input has more bytes than ",
                       state.options.import_job_bytes_max);
      }
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

Result<Input> OpenInput(const ImageStoreState& state, const std::string& bucket,
                        const InputObject& object) {
  if (object.bytes > state.options.import_file_bytes_max) {
    return Error{ErrorKind::kTooLarge, "the file is larger than an import takes"};
  }
  Input input;
  if (object.bytes > kInputInMemoryMax) {
    input.source_ = std::make_unique<ObjectSource>(state.objects, bucket, object);
    return input;
  }
  TRY(const auto reader, state.objects.Open(bucket, object.key, {}, object.etag));
  TRY(Append(*reader, object.bytes, &input.memory_));
  return input;
}

}  // namespace tarn::image_store
