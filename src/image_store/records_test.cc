// Stored values: what is written reads back, and what is cut or changed is refused or reads as
// something else, never crashes.
#include "image_store/internal/records.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace tarn::image_store {
namespace {

ImageSetProperties Properties() {
  ImageSetProperties p;
  p.version = 7;
  p.state = ImageSetState::kLocked;
  p.status = WorkflowStatus::kUpdatingForStudyConsistency;
  p.created_unix_ms = 1'700'000'000'123;
  p.updated_unix_ms = 1'700'000'000'456;
  p.deleted_unix_ms = 1;
  p.message = "INVALID_REQUEST: no";
  p.forced = true;
  p.is_primary = true;
  return p;
}

SetRecord Set() {
  SetRecord set;
  set.revision = 99;
  set.latest = Properties();
  set.metadata_version = 6;
  set.group.patient_id = "P";
  set.group.series_number = "3";
  set.tags.patient_name = "N^M";
  set.tags.series_number = -4;
  set.tags.study_related_instances = 12;
  return set;
}

FrameRecord Frame() {
  FrameRecord frame;
  frame.pack = "12345678";
  frame.offset = 1u << 30;
  frame.bytes = 150'000;
  frame.transfer_syntax_uid = "1.2";
  frame.resolution_end_bytes = {10, 20, 149'998};
  frame.block_crc32c = {1, 2, 3};
  return frame;
}

StagedFile Staged() {
  StagedFile file;
  file.key = "in/1";
  file.group.study_id = "S";
  file.metadata.sop_instance_uid = "1.2.3";
  file.metadata.patient = {{"PatientID", "\"P\""}};
  file.metadata.dicom = "{}";
  file.metadata.pixels.stored_transfer_syntax_uid = "1.2";
  file.metadata.pixels.frames = {{.id = "f",
                                  .width = 1,
                                  .height = 2,
                                  .checksum = 3,
                                  .min_pixel_value = -4,
                                  .max_pixel_value = std::nullopt,
                                  .frame_bytes = 5}};
  file.warnings = {{dicom::WarningCode::kOffsetTable, "table"}};
  file.unit = "123456789012";
  return file;
}

TEST(Records, ReadBackAsWritten) {
  const std::string set = EncodeSet(Set());
  EXPECT_EQ(EncodeSet(DecodeSet(set).value()), set);
  EXPECT_EQ(DecodeSet(set).value().tags, Set().tags);
  EXPECT_EQ(DecodeSet(set).value().group, Set().group);
  EXPECT_EQ(DecodeSet(set).value().latest.message, Properties().message);
  const std::string version = EncodeVersion({Properties(), 3});
  EXPECT_EQ(EncodeVersion(DecodeVersion(version).value()), version);
  const std::string frame = EncodeFrame(Frame());
  EXPECT_EQ(EncodeFrame(DecodeFrame(frame).value()), frame);
  EXPECT_EQ(DecodeFrame(frame).value().block_crc32c, Frame().block_crc32c);
  const std::string staged = EncodeStaged(Staged());
  const StagedFile read = DecodeStaged(staged).value();
  EXPECT_EQ(EncodeStaged(read), staged);
  EXPECT_EQ(read.metadata.pixels, Staged().metadata.pixels);
  UnitRecord unit;
  unit.pack = "abcdefgh";
  unit.form = pixels::FrameForm::kBlob;
  unit.fragment_bytes = {1, 2};
  EXPECT_EQ(EncodeUnit(DecodeUnit(EncodeUnit(unit)).value()), EncodeUnit(unit));
  GroupOutcome outcome;
  outcome.set = std::string(16, 's');
  outcome.notes = {{.number = 3, .kind = NoteKind::kServerFailure, .message = "m"}};
  EXPECT_EQ(EncodeOutcome(DecodeOutcome(EncodeOutcome(outcome)).value()), EncodeOutcome(outcome));
  ChangeRecord change;
  change.kind = ChangeKind::kCopy;
  change.sets = {std::string(16, 'a'), std::string(16, 'b')};
  change.copiable_attributes = "{}";
  EXPECT_EQ(EncodeChange(DecodeChange(EncodeChange(change)).value()), EncodeChange(change));
  const std::string pack = EncodePack({.revision = 1, .file_bytes = 10, .live_bytes = 10});
  EXPECT_EQ(EncodePack(DecodePack(pack).value()), pack);
}

TEST(Records, CutOrLongerBytesAreCorrupt) {
  const auto check = [](const std::string& whole, const auto& decode) {
    for (size_t length = 0; length < whole.size(); ++length) {
      const auto read = decode(std::string_view(whole).substr(0, length));
      ASSERT_FALSE(read.ok()) << length;
      ASSERT_EQ(read.error().kind, ErrorKind::kCorrupt);
    }
    ASSERT_FALSE(decode(whole + "x").ok());
  };
  check(EncodeSet(Set()), DecodeSet);
  check(EncodeVersion({Properties(), 3}), DecodeVersion);
  check(EncodeFrame(Frame()), DecodeFrame);
  check(EncodeStaged(Staged()), DecodeStaged);
}

TEST(Records, ChangedBytesNeverCrash) {
  SeededRandom random(5);
  const std::string whole = EncodeStaged(Staged());
  const std::string frame = EncodeFrame(Frame());
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    const auto staged = DecodeStaged(bytes);
    if (staged.ok()) {
      EXPECT_EQ(EncodeStaged(staged.value()).size(), bytes.size());
    }
    bytes = frame;
    bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    const auto read = DecodeFrame(bytes);
    if (read.ok()) {
      EXPECT_EQ(EncodeFrame(read.value()), bytes);
    }
  }
}

}  // namespace
}  // namespace tarn::image_store
