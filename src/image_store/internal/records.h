// Values of the image store's families. Layout: each struct's fields in their order; integers
// big-endian, texts and lists behind their length (4 bytes), the first byte a format number.
// Decoders check every byte (kCorrupt).
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image_store/import.h"
#include "image_store/instance_reader.h"
#include "image_store/properties.h"

namespace tarn::image_store {

// Family set. The first 8 bytes are the revision, which every change counts up.
struct SetRecord {
  uint64_t revision = 0;
  ImageSetProperties latest;      // Without image_set_id and last_accessed_unix_ms.
  uint32_t metadata_version = 0;  // 0: no content yet.
  GroupAttributes group;
  DicomTags tags;
};
std::string EncodeSet(const SetRecord& record);
Result<SetRecord> DecodeSet(std::string_view bytes);

// Family version.
struct VersionRecord {
  ImageSetProperties properties;  // As above; the version is in the key, and filled in by callers.
  uint32_t metadata_version = 0;
};
std::string EncodeVersion(const VersionRecord& record);
Result<VersionRecord> DecodeVersion(std::string_view bytes);

// Family frame.
struct FrameRecord {
  std::string pack;  // kPackIdBytes
  uint64_t offset = 0;
  uint64_t bytes = 0;
  std::string transfer_syntax_uid;
  std::vector<uint64_t> resolution_end_bytes;
  std::vector<uint32_t> block_crc32c;  // One per block of BlockBytesOf(bytes).
};
uint32_t BlockBytesOf(uint64_t frame_bytes);
std::string EncodeFrame(const FrameRecord& record);
Result<FrameRecord> DecodeFrame(std::string_view bytes);

// Family unit.
struct UnitRecord {
  std::string pack;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t frames = 0;
  pixels::FrameForm form = pixels::FrameForm::kTranscoded;
  std::string photometric_interpretation;  // What the samples of transcoded frames mean.
  std::vector<uint64_t> fragment_bytes;    // Of a blob: how to cut it into fragments again.
};
std::string EncodeUnit(const UnitRecord& record);
Result<UnitRecord> DecodeUnit(std::string_view bytes);

// Family pack; the revision comes first.
struct PackRecord {
  uint64_t revision = 0;
  uint64_t file_bytes = 0;
  uint64_t live_bytes = 0;
};
std::string EncodePack(const PackRecord& record);
Result<PackRecord> DecodePack(std::string_view bytes);

// Family staging: what became of one input file.
struct StagedFile {
  std::string key;  // The object's.
  // A failure, when it has a type; else an instance.
  std::string exception_type;
  std::string message;
  bool server_error = false;
  // An instance.
  GroupAttributes group;
  dicom::InstanceMetadata metadata;
  std::vector<dicom::Warning> warnings;
  std::string unit;  // Empty: no frames.
};
std::string EncodeStaged(const StagedFile& file);
Result<StagedFile> DecodeStaged(std::string_view bytes);

// What a note says: the message of a warning 45056, or why the file failed: for what is in it, or
// for what is stored here.
enum class NoteKind : uint8_t { kCoercion = 0, kFailure = 1, kServerFailure = 2 };
// Family staging, behind the files: where the instances of one group went.
struct GroupOutcome {
  std::string set;  // Packed id; empty: nowhere, all of its files failed.
  uint32_t version = 0;
  bool is_primary = false;
  uint32_t instances = 0;  // Of this job in the version: numberOfMatchedSOPInstances.
  struct Note {            // About one file of the group.
    uint32_t number = 0;
    NoteKind kind = NoteKind::kCoercion;
    std::string message;
  };
  std::vector<Note> notes;  // By number.
};
std::string EncodeOutcome(const GroupOutcome& outcome);
Result<GroupOutcome> DecodeOutcome(std::string_view bytes);

// Family work, `c` keys: a change that waits to be done.
enum class ChangeKind : uint8_t { kUpdate = 1, kCopy = 2, kDelete = 3, kImport = 4 };
struct ChangeRecord {
  ChangeKind kind = ChangeKind::kUpdate;
  std::vector<std::string> sets;  // Packed ids that are locked: the first is the key's own.
                                  // kCopy: destination, source.
  bool force = false;
  uint32_t revert_to_version = 0;
  std::string updatable_attributes;
  std::string removable_attributes;
  std::string copiable_attributes;
  bool new_destination = false;
  std::string job;  // kImport
};
std::string EncodeChange(const ChangeRecord& record);
Result<ChangeRecord> DecodeChange(std::string_view bytes);

}  // namespace tarn::image_store
