// Objects as a plain folder tree: `folder`/BUCKET/KEY, which a person can fill with `cp`. Paths are
// resolved beneath the folder by the kernel (openat2, RESOLVE_BENEATH without symbolic links), so
// no name can leave it. How keys map to files: docs/internals/objects.md.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "objects/object_store.h"

namespace tarn::objects {

// Makes `folder` when it is missing, and removes what interrupted writes left behind. The clock and
// the random source must outlive the store. Errors: kConflict (another store has the folder open),
// kUnavailable, kUnsupported (a kernel without openat2).
Result<std::unique_ptr<ObjectStore>> OpenFolderStore(const std::string& folder, const Clock& clock,
                                                     RandomSource& random);

}  // namespace tarn::objects
