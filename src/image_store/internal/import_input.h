// The input of an import job: which objects, and the bytes of one.
// Threads: functions may be called from any thread; an Input belongs to one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image_store/import.h"
#include "image_store/instance_reader.h"
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

// One object: in memory when it is small, else read by ranges from where it lies.
class Input {
 public:
  FileBytes bytes() const { return {memory_, source_.get()}; }  // Valid as long as this object.

 private:
  friend Result<Input> OpenInput(const ImageStoreState& state, const std::string& bucket,
                                 const InputObject& object);
  std::string memory_;
  std::unique_ptr<dicom::ByteSource> source_;
};
// `state` must outlive the input. Errors, also of the source: kTooLarge, kPreconditionFailed (it is
// another one than was listed), kNotFound, kUnavailable.
Result<Input> OpenInput(const ImageStoreState& state, const std::string& bucket,
                        const InputObject& object);

}  // namespace tarn::image_store
