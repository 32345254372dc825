// The families of an image store; their numbers are those of docs/internals/image-storage.md.
#pragma once

#include "kv/store.h"

namespace tarn::image_store {

inline constexpr kv::Family kDocument = 0;
inline constexpr kv::Family kJob = 1;
inline constexpr kv::Family kSet = 2;
inline constexpr kv::Family kVersion = 3;
inline constexpr kv::Family kMetadata = 4;
inline constexpr kv::Family kFrame = 5;
inline constexpr kv::Family kUnit = 6;
inline constexpr kv::Family kReference = 7;
inline constexpr kv::Family kPack = 8;
inline constexpr kv::Family kIndex = 9;
inline constexpr kv::Family kPrimary = 10;
inline constexpr kv::Family kStaging = 11;
inline constexpr kv::Family kWork = 12;
inline constexpr kv::Family kAccess = 13;

}  // namespace tarn::image_store
