// Keys of the image store. Layout: docs/internals/image-storage.md, "Families".
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "kv/store.h"

namespace tarn::image_store {

inline constexpr size_t kSetIdBytes = 16;
inline constexpr size_t kUnitBytes = 12;
inline constexpr size_t kPackIdBytes = 8;

// An image set's id as it is stored. Errors: kNotFound when it is not 32 hexadecimal digits of
// ours.
Result<std::string> PackSetId(std::string_view id);
std::string SetIdText(std::string_view packed);

std::string NewUnit(RandomSource& random);    // kUnitBytes
std::string NewPackId(RandomSource& random);  // kPackIdBytes

// The id of a frame as clients see it, and back. Errors: kNotFound.
std::string FrameIdText(std::string_view unit, uint32_t index);
Result<std::string> FrameKeyOf(std::string_view frame_id);
std::string FrameKey(std::string_view unit, uint32_t index);

std::string VersionKey(std::string_view set, uint32_t version);

// "The image set refers to the unit", from either side.
std::string HeldKey(std::string_view set, std::string_view unit);
std::string HolderKey(std::string_view unit, std::string_view set);
std::string HeldPrefix(std::string_view set);
std::string HolderPrefix(std::string_view unit);

std::string PrimaryOfSeriesKey(std::string_view series_uid);
std::string PrimaryOfStudyKey(std::string_view study_uid, std::string_view series_uid);
std::string PrimaryOfStudyPrefix(std::string_view study_uid);

// `job`: 32 hexadecimal digits.
std::string StagingPrefix(std::string_view job);
std::string StagingKey(std::string_view job, uint32_t number);
// Of the group whose first file has that number.
std::string OutcomeKey(std::string_view job, uint32_t first_number);
kv::KeyRange StagedFiles(std::string_view job);
kv::KeyRange StagedOutcomes(std::string_view job);
uint32_t NumberOfStagingKey(std::string_view key);

std::string ChangeKey(std::string_view set);
std::string ChangePrefix();
std::string DeadUnitKey(std::string_view unit);
std::string DeadUnitPrefix();
std::string HoleKey(std::string_view pack, uint64_t offset);
std::string HolePrefix();

}  // namespace tarn::image_store
