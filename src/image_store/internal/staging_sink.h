// Takes the frames of one instance while it is read: in memory as long as they are few, in a pack
// of their own beyond that.
// Threads: belongs to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image_store/internal/pack_files.h"
#include "image_store/internal/records.h"
#include "image_store/internal/state.h"
#include "pixels/transcode.h"

namespace tarn::image_store {

// A frame that comes in pieces.
struct IncomingFrame {
  FrameRecord record;
  uint64_t received_bytes = 0;
  uint32_t block_crc32c = 0;  // Of the block in the making.
  uint64_t block_bytes = 0;
};

class StagingSink final : public pixels::FrameSink {
 public:
  explicit StagingSink(ImageStoreState& state);
  Status Add(pixels::StoredFrame frame) override;
  Status AddPiece(std::string_view piece, uint64_t frame_bytes) override;
  Status Restart() override;

  // After reading. Ends the frames: their syntax, their records in the metadata, and the unit's.
  Status Finish(InstanceContent* content);

  // Everything below: after Finish.
  const std::string& unit() const { return unit_; }  // Empty: there were no frames.
  const UnitRecord& unit_record() const { return unit_record_; }
  std::vector<FrameRecord>& frames() { return frames_; }  // Offsets from the unit's begin.
  std::string& bytes() { return bytes_; }                 // Empty with a pack of its own.
  std::unique_ptr<PackWriter>& own_pack() { return own_pack_; }

 private:
  Status MoveToPack();
  Status Describe(FrameRecord record, pixels::StoredFrame frame);

  ImageStoreState& state_;
  std::string unit_;
  UnitRecord unit_record_;
  std::vector<FrameRecord> frames_;
  std::vector<dicom::FrameRecord> described_;
  std::string bytes_;
  uint64_t total_bytes_ = 0;
  std::optional<IncomingFrame> incoming_;
  std::unique_ptr<PackWriter> own_pack_;
};

}  // namespace tarn::image_store
