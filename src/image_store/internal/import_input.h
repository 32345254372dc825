// The input of an import job: which objects, and the bytes of one.
// Threads: functions and ReadInput may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "image_store/import.h"
#include "image_store/internal/state.h"
#include "objects/object_store.h"

namespace tarn::image_store {

struct InputObject {
  std::string key;
  std::string etag;
  uint64_t bytes = 0;
};

// The objects of a job behind `after_key`, in the order of keys. A URI that names an object means
// this object, else the "folder" of that name. Folder markers and what import jobs have written are
// no input. Errors: kNotFound (bucket), kTooLarge (FILE_COUNTS_LIMIT_EXCEEDED, ...), kUnavailable.
Result<std::vector<InputObject>> ListInput(const ImageStoreState& state,
                                           const ImportRequest& request,
                                           std::string_view after_key);

// A whole object: in memory, or, when it is large, in a file without name that is mapped.
class InputBytes {
 public:
  InputBytes() = default;
  ~InputBytes();
  InputBytes(InputBytes&& other) noexcept;
  InputBytes& operator=(InputBytes&& other) = delete;
  std::string_view bytes() const;

 private:
  friend Result<InputBytes> ReadInput(const ImageStoreState& state, const std::string& bucket,
                                      const InputObject& object);
  std::string memory_;
  void* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
};
// Errors: kTooLarge, kPreconditionFailed (it is another one than was listed), kNotFound,
// kUnavailable.
Result<InputBytes> ReadInput(const ImageStoreState& state, const std::string& bucket,
                             const InputObject& object);

}  // namespace tarn::image_store
