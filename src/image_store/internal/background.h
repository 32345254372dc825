// The thread of an ImageSets: does the changes that calls have asked for, collects frames, writes
// access times down.
#pragma once

#include "base/result.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {

// Until state.stopping.
void RunBackground(ImageStoreState& state);

// Does every change that waits (`c` keys), but for those of imports. Errors: kUnavailable,
// kCorrupt.
Status DoChanges(ImageStoreState& state);

// Removes the units of `d` keys that nothing refers to, and gives their space back (`p` keys).
Status CollectFrames(ImageStoreState& state);

}  // namespace tarn::image_store
