#include "image_store/internal/records.h"

#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "image_store/internal/keys.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

constexpr uint8_t kFormat = 1;

Error Corrupt(const char* what) {
  return {ErrorKind::kCorrupt, std::string("image store: ") + what + " does not decode"};
}

void PutU8(std::string* out, uint8_t value) { *out += static_cast<char>(value); }
void PutTime(std::string* out, int64_t unix_ms) { AppendBe64(out, static_cast<uint64_t>(unix_ms)); }
void PutText(std::string* out, std::string_view text) {
  CHECK(text.size() <= UINT32_MAX);
  AppendBe32(out, static_cast<uint32_t>(text.size()));
  out->append(text);
}

bool TakeBool(ByteReader* in, bool* ok) {
  const uint8_t value = in->U8();
  if (value > 1) *ok = false;
  return value == 1;
}
int64_t TakeTime(ByteReader* in) { return static_cast<int64_t>(in->Be64()); }
std::string TakeText(ByteReader* in) {
  const uint32_t size = in->Be32();
  return std::string(in->Take(size));
}
// How many items may follow, of at least `item_bytes` each; so that a forged count allocates
// nothing that is not there.
size_t TakeCount(ByteReader* in, size_t bytes_left_max, size_t item_bytes, bool* ok) {
  const uint32_t count = in->Be32();
  if (uint64_t{count} * item_bytes > bytes_left_max) {
    *ok = false;
    return 0;
  }
  return count;
}

void PutProperties(std::string* out, const ImageSetProperties& p) {
  AppendBe32(out, p.version);
  PutU8(out, static_cast<uint8_t>(p.state));
  PutU8(out, static_cast<uint8_t>(p.status));
  PutU8(out, p.forced ? 1 : 0);
  PutU8(out, p.is_primary ? 1 : 0);
  PutTime(out, p.created_unix_ms);
  PutTime(out, p.updated_unix_ms);
  PutTime(out, p.deleted_unix_ms);
  PutText(out, p.message);
}

ImageSetProperties TakeProperties(ByteReader* in, bool* ok) {
  ImageSetProperties p;
  p.version = in->Be32();
  const uint8_t state = in->U8();
  const uint8_t status = in->U8();
  if (state >= kImageSetStateCount || status >= kWorkflowStatusCount) {
    *ok = false;
    return p;
  }
  p.state = static_cast<ImageSetState>(state);
  p.status = static_cast<WorkflowStatus>(status);
  p.forced = TakeBool(in, ok);
  p.is_primary = TakeBool(in, ok);
  p.created_unix_ms = TakeTime(in);
  p.updated_unix_ms = TakeTime(in);
  p.deleted_unix_ms = TakeTime(in);
  p.message = TakeText(in);
  return p;
}

// The texts of a struct in their order: one list for writing and reading.
template <typename Group>
auto GroupTexts(Group& g) {
  return std::array{&g.study_date, &g.accession_number,    &g.patient_id,   &g.study_instance_uid,
                    &g.study_id,   &g.series_instance_uid, &g.series_number};
}
template <typename Tags>
auto TagTexts(Tags& t) {
  return std::array{&t.patient_id,        &t.patient_name,        &t.patient_birth_date,
                    &t.patient_sex,       &t.study_instance_uid,  &t.study_id,
                    &t.study_description, &t.accession_number,    &t.study_date,
                    &t.study_time,        &t.series_instance_uid, &t.series_modality,
                    &t.series_body_part};
}
template <typename Texts>
void PutTexts(std::string* out, const Texts& texts) {
  for (const auto* text : texts) PutText(out, *text);
}
template <typename Texts>
void TakeTexts(ByteReader* in, const Texts& texts) {
  for (auto* text : texts) *text = TakeText(in);
}

template <typename Metadata>
auto MetadataTexts(Metadata& m) {
  return std::array{&m.sop_instance_uid, &m.series_instance_uid, &m.study_instance_uid, &m.dicom,
                    &m.dicom_vrs};
}
template <typename Metadata>
auto MetadataLevels(Metadata& m) {
  return std::array{&m.patient, &m.study, &m.series};
}

void PutNumber(std::string* out, std::optional<int64_t> number) {
  PutU8(out, number.has_value() ? 1 : 0);
  AppendBe64(out, static_cast<uint64_t>(number.value_or(0)));
}
std::optional<int64_t> TakeNumber(ByteReader* in, bool* ok) {
  const bool there = TakeBool(in, ok);
  const auto number = static_cast<int64_t>(in->Be64());
  if (!there && number != 0) *ok = false;  // Each record has one encoding.
  return there ? std::optional<int64_t>(number) : std::nullopt;
}

void PutMetadata(std::string* out, const dicom::InstanceMetadata& metadata) {
  PutTexts(out, MetadataTexts(metadata));
  for (const dicom::Attributes* level : MetadataLevels(metadata)) {
    AppendBe32(out, static_cast<uint32_t>(level->size()));
    for (const dicom::Attribute& attribute : *level) {
      PutText(out, attribute.name);
      PutText(out, attribute.json);
    }
  }
  PutText(out, metadata.pixels.stored_transfer_syntax_uid);
  PutText(out, metadata.pixels.checksum_type);
  AppendBe32(out, static_cast<uint32_t>(metadata.pixels.frames.size()));
  for (const dicom::FrameRecord& frame : metadata.pixels.frames) {
    PutText(out, frame.id);
    AppendBe32(out, frame.width);
    AppendBe32(out, frame.height);
    AppendBe32(out, frame.checksum);
    PutNumber(out, frame.min_pixel_value);
    PutNumber(out, frame.max_pixel_value);
    AppendBe64(out, frame.frame_bytes);
  }
}

void TakeMetadata(ByteReader* in, size_t bytes_max, dicom::InstanceMetadata* metadata, bool* ok) {
  TakeTexts(in, MetadataTexts(*metadata));
  for (dicom::Attributes* level : MetadataLevels(*metadata)) {
    level->resize(TakeCount(in, bytes_max, 8, ok));
    for (dicom::Attribute& attribute : *level) {
      attribute.name = TakeText(in);
      attribute.json = TakeText(in);
    }
  }
  metadata->pixels.stored_transfer_syntax_uid = TakeText(in);
  metadata->pixels.checksum_type = TakeText(in);
  metadata->pixels.frames.resize(TakeCount(in, bytes_max, 42, ok));
  for (dicom::FrameRecord& frame : metadata->pixels.frames) {
    frame.id = TakeText(in);
    frame.width = in->Be32();
    frame.height = in->Be32();
    frame.checksum = in->Be32();
    frame.min_pixel_value = TakeNumber(in, ok);
    frame.max_pixel_value = TakeNumber(in, ok);
    frame.frame_bytes = in->Be64();
  }
}

}  // namespace

std::string EncodeSet(const SetRecord& record) {
  std::string out;
  out.reserve(512);
  AppendBe64(&out, record.revision);
  PutU8(&out, kFormat);
  PutProperties(&out, record.latest);
  AppendBe32(&out, record.metadata_version);
  PutTexts(&out, GroupTexts(record.group));
  PutTexts(&out, TagTexts(record.tags));
  PutU8(&out, record.tags.series_number.has_value() ? 1 : 0);
  AppendBe32(&out, static_cast<uint32_t>(record.tags.series_number.value_or(0)));
  AppendBe32(&out, record.tags.study_related_series);
  AppendBe32(&out, record.tags.study_related_instances);
  return out;
}

Result<SetRecord> DecodeSet(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  SetRecord record;
  record.revision = in.Be64();
  if (in.U8() != kFormat) return Corrupt("a set's format");
  record.latest = TakeProperties(&in, &ok);
  record.metadata_version = in.Be32();
  TakeTexts(&in, GroupTexts(record.group));
  TakeTexts(&in, TagTexts(record.tags));
  const bool numbered = TakeBool(&in, &ok);
  const auto number = static_cast<int32_t>(in.Be32());
  if (numbered) {
    record.tags.series_number = number;
  } else if (number != 0) {
    ok = false;  // Each record has one encoding.
  }
  record.tags.study_related_series = in.Be32();
  record.tags.study_related_instances = in.Be32();
  if (!ok || !in.AtEnd()) return Corrupt("a set");
  return record;
}

std::string EncodeVersion(const VersionRecord& record) {
  std::string out;
  PutU8(&out, kFormat);
  PutProperties(&out, record.properties);
  AppendBe32(&out, record.metadata_version);
  return out;
}

Result<VersionRecord> DecodeVersion(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  VersionRecord record;
  if (in.U8() != kFormat) return Corrupt("a version's format");
  record.properties = TakeProperties(&in, &ok);
  record.metadata_version = in.Be32();
  if (!ok || !in.AtEnd()) return Corrupt("a version");
  return record;
}

uint32_t BlockBytesOf(uint64_t frame_bytes) {
  return frame_bytes > kLargeFrameBytes ? kLargeBlockBytes : kBlockBytes;
}

std::string EncodeFrame(const FrameRecord& record) {
  CHECK(record.pack.size() == kPackIdBytes);
  std::string out;
  out.reserve(64 + 8 * record.resolution_end_bytes.size() + 4 * record.block_crc32c.size());
  PutU8(&out, kFormat);
  out.append(record.pack);
  AppendBe64(&out, record.offset);
  AppendBe64(&out, record.bytes);
  PutText(&out, record.transfer_syntax_uid);
  AppendBe32(&out, static_cast<uint32_t>(record.resolution_end_bytes.size()));
  for (const uint64_t end : record.resolution_end_bytes) AppendBe64(&out, end);
  for (const uint32_t crc : record.block_crc32c) AppendBe32(&out, crc);
  return out;
}

Result<FrameRecord> DecodeFrame(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  FrameRecord record;
  if (in.U8() != kFormat) return Corrupt("a frame's format");
  record.pack = std::string(in.Take(kPackIdBytes));
  record.offset = in.Be64();
  record.bytes = in.Be64();
  record.transfer_syntax_uid = TakeText(&in);
  record.resolution_end_bytes.resize(TakeCount(&in, bytes.size(), 8, &ok));
  uint64_t before = 0;
  for (uint64_t& end : record.resolution_end_bytes) {
    end = in.Be64();
    if (end < before || end > record.bytes) return Corrupt("a frame's resolutions");
    before = end;
  }
  const uint32_t block = BlockBytesOf(record.bytes);
  const uint64_t blocks = record.bytes / block + (record.bytes % block != 0 ? 1 : 0);
  if (blocks > bytes.size() / 4) return Corrupt("a frame's checksums");
  record.block_crc32c.resize(blocks);
  for (uint32_t& crc : record.block_crc32c) crc = in.Be32();
  if (!ok || !in.AtEnd()) return Corrupt("a frame");
  return record;
}

std::string EncodeUnit(const UnitRecord& record) {
  CHECK(record.pack.size() == kPackIdBytes);
  std::string out;
  PutU8(&out, kFormat);
  out.append(record.pack);
  AppendBe64(&out, record.offset);
  AppendBe64(&out, record.bytes);
  AppendBe32(&out, record.frames);
  PutU8(&out, static_cast<uint8_t>(record.form));
  PutText(&out, record.photometric_interpretation);
  AppendBe32(&out, static_cast<uint32_t>(record.fragment_bytes.size()));
  for (const uint64_t one : record.fragment_bytes) AppendBe64(&out, one);
  return out;
}

Result<UnitRecord> DecodeUnit(std::string_view bytes) {
  ByteReader in(bytes);
  UnitRecord record;
  if (in.U8() != kFormat) return Corrupt("a unit's format");
  record.pack = std::string(in.Take(kPackIdBytes));
  record.offset = in.Be64();
  record.bytes = in.Be64();
  record.frames = in.Be32();
  const uint8_t form = in.U8();
  if (form > static_cast<uint8_t>(pixels::FrameForm::kBlob)) return Corrupt("a unit's form");
  record.form = static_cast<pixels::FrameForm>(form);
  record.photometric_interpretation = TakeText(&in);
  bool ok = true;
  record.fragment_bytes.resize(TakeCount(&in, bytes.size(), 8, &ok));
  for (uint64_t& one : record.fragment_bytes) one = in.Be64();
  if (!ok || !in.AtEnd()) return Corrupt("a unit");
  return record;
}

std::string EncodePack(const PackRecord& record) {
  std::string out;
  AppendBe64(&out, record.revision);
  PutU8(&out, kFormat);
  AppendBe64(&out, record.file_bytes);
  AppendBe64(&out, record.live_bytes);
  return out;
}

Result<PackRecord> DecodePack(std::string_view bytes) {
  ByteReader in(bytes);
  PackRecord record;
  record.revision = in.Be64();
  if (in.U8() != kFormat) return Corrupt("a pack's format");
  record.file_bytes = in.Be64();
  record.live_bytes = in.Be64();
  if (!in.AtEnd() || record.live_bytes > record.file_bytes) return Corrupt("a pack");
  return record;
}

std::string EncodeStaged(const StagedFile& file) {
  std::string out;
  out.reserve(2048 + file.metadata.dicom.size());
  PutU8(&out, kFormat);
  PutText(&out, file.key);
  PutText(&out, file.exception_type);
  PutText(&out, file.message);
  PutU8(&out, file.server_error ? 1 : 0);
  PutTexts(&out, GroupTexts(file.group));
  PutMetadata(&out, file.metadata);
  AppendBe32(&out, static_cast<uint32_t>(file.warnings.size()));
  for (const dicom::Warning& warning : file.warnings) {
    AppendBe16(&out, static_cast<uint16_t>(warning.code));
    PutText(&out, warning.message);
  }
  PutText(&out, file.unit);
  return out;
}

Result<StagedFile> DecodeStaged(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  StagedFile file;
  if (in.U8() != kFormat) return Corrupt("a staged file's format");
  file.key = TakeText(&in);
  file.exception_type = TakeText(&in);
  file.message = TakeText(&in);
  file.server_error = TakeBool(&in, &ok);
  TakeTexts(&in, GroupTexts(file.group));
  TakeMetadata(&in, bytes.size(), &file.metadata, &ok);
  file.warnings.resize(TakeCount(&in, bytes.size(), 6, &ok));
  for (dicom::Warning& warning : file.warnings) {
    warning.code = static_cast<dicom::WarningCode>(in.Be16());
    if (dicom::WarningType(warning.code).empty()) ok = false;
    warning.message = TakeText(&in);
  }
  file.unit = TakeText(&in);
  if (!ok || !in.AtEnd() || (!file.unit.empty() && file.unit.size() != kUnitBytes)) {
    return Corrupt("a staged file");
  }
  return file;
}

std::string EncodeOutcome(const GroupOutcome& outcome) {
  std::string out;
  PutU8(&out, kFormat);
  PutText(&out, outcome.set);
  AppendBe32(&out, outcome.version);
  PutU8(&out, outcome.is_primary ? 1 : 0);
  AppendBe32(&out, outcome.instances);
  AppendBe32(&out, static_cast<uint32_t>(outcome.notes.size()));
  for (const GroupOutcome::Note& note : outcome.notes) {
    AppendBe32(&out, note.number);
    PutU8(&out, static_cast<uint8_t>(note.kind));
    PutText(&out, note.message);
  }
  return out;
}

Result<GroupOutcome> DecodeOutcome(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  GroupOutcome outcome;
  if (in.U8() != kFormat) return Corrupt("a group's format");
  outcome.set = TakeText(&in);
  outcome.version = in.Be32();
  outcome.is_primary = TakeBool(&in, &ok);
  outcome.instances = in.Be32();
  outcome.notes.resize(TakeCount(&in, bytes.size(), 9, &ok));
  for (GroupOutcome::Note& note : outcome.notes) {
    note.number = in.Be32();
    const uint8_t kind = in.U8();
    ok = ok && kind <= static_cast<uint8_t>(NoteKind::kServerFailure);
    note.kind = static_cast<NoteKind>(kind);
    note.message = TakeText(&in);
  }
  if (!ok || !in.AtEnd() || (!outcome.set.empty() && outcome.set.size() != kSetIdBytes)) {
    return Corrupt("a group");
  }
  return outcome;
}

std::string EncodeChange(const ChangeRecord& record) {
  std::string out;
  PutU8(&out, kFormat);
  PutU8(&out, static_cast<uint8_t>(record.kind));
  AppendBe32(&out, static_cast<uint32_t>(record.sets.size()));
  for (const std::string& set : record.sets) {
    CHECK(set.size() == kSetIdBytes);
    out.append(set);
  }
  PutU8(&out, record.force ? 1 : 0);
  AppendBe32(&out, record.revert_to_version);
  PutText(&out, record.updatable_attributes);
  PutText(&out, record.removable_attributes);
  PutText(&out, record.copiable_attributes);
  PutU8(&out, record.new_destination ? 1 : 0);
  PutText(&out, record.job);
  return out;
}

Result<ChangeRecord> DecodeChange(std::string_view bytes) {
  ByteReader in(bytes);
  bool ok = true;
  ChangeRecord record;
  if (in.U8() != kFormat) return Corrupt("a change's format");
  const uint8_t kind = in.U8();
  if (kind < static_cast<uint8_t>(ChangeKind::kUpdate) ||
      kind > static_cast<uint8_t>(ChangeKind::kImport)) {
    return Corrupt("a change's kind");
  }
  record.kind = static_cast<ChangeKind>(kind);
  record.sets.resize(TakeCount(&in, bytes.size(), kSetIdBytes, &ok));
  for (std::string& set : record.sets) set = std::string(in.Take(kSetIdBytes));
  record.force = TakeBool(&in, &ok);
  record.revert_to_version = in.Be32();
  record.updatable_attributes = TakeText(&in);
  record.removable_attributes = TakeText(&in);
  record.copiable_attributes = TakeText(&in);
  record.new_destination = TakeBool(&in, &ok);
  record.job = TakeText(&in);
  const size_t sets_min = record.kind == ChangeKind::kCopy ? 2 : 1;
  if (!ok || !in.AtEnd() || record.sets.size() < sets_min) return Corrupt("a change");
  return record;
}

}  // namespace tarn::image_store
