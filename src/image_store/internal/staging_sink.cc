#include "image_store/internal/staging_sink.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crypto/digest.h"
#include "image_store/internal/keys.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

std::vector<uint32_t> BlockChecksums(std::string_view bytes) {
  const size_t block = BlockBytesOf(bytes.size());
  std::vector<uint32_t> checksums;
  checksums.reserve(bytes.size() / block + 1);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(block, bytes.size()))) {
    checksums.push_back(crypto::Crc32c(0, bytes.substr(0, block)));
  }
  return checksums;
}

}  // namespace

StagingSink::StagingSink(ImageStoreState& state) : state_(state), unit_(NewUnit(state.random)) {}

Status StagingSink::Describe(FrameRecord record, pixels::StoredFrame frame) {
  if (frames_.size() >= kFramesPerInstanceMax) {
    return Error{ErrorKind::kTooLarge, "the instance has too many frames"};
  }
  record.resolution_end_bytes = std::move(frame.resolution_ends);
  described_.push_back({.id = FrameIdText(unit_, static_cast<uint32_t>(frames_.size())),
                        .width = frame.width,
                        .height = frame.height,
                        .checksum = frame.checksum,
                        .min_pixel_value = frame.min_pixel_value,
                        .max_pixel_value = frame.max_pixel_value,
                        .frame_bytes = record.bytes});
  frames_.push_back(std::move(record));
  return Ok();
}

Status StagingSink::AddPiece(std::string_view piece, uint64_t frame_bytes) {
  if (own_pack_ == nullptr) TRY(MoveToPack());
  if (!incoming_.has_value()) {
    incoming_.emplace();
    incoming_->record.offset = total_bytes_;
    incoming_->record.bytes = frame_bytes;
  }
  IncomingFrame& frame = *incoming_;
  CHECK(frame.record.bytes == frame_bytes && piece.size() <= frame_bytes - frame.received_bytes);
  TRY(own_pack_->Append(piece));
  frame.received_bytes += piece.size();
  total_bytes_ += piece.size();
  const uint64_t block = BlockBytesOf(frame_bytes);
  while (!piece.empty()) {
    const std::string_view part = piece.substr(0, block - frame.block_bytes);
    frame.block_crc32c = crypto::Crc32c(frame.block_crc32c, part);
    frame.block_bytes += part.size();
    piece.remove_prefix(part.size());
    if (frame.block_bytes < block) break;
    frame.record.block_crc32c.push_back(std::exchange(frame.block_crc32c, 0));
    frame.block_bytes = 0;
  }
  return Ok();
}

Status StagingSink::Add(pixels::StoredFrame frame) {
  if (incoming_.has_value()) {
    IncomingFrame whole = *std::exchange(incoming_, std::nullopt);
    CHECK(frame.bytes.empty() && whole.received_bytes == whole.record.bytes);
    if (whole.block_bytes > 0) whole.record.block_crc32c.push_back(whole.block_crc32c);
    return Describe(std::move(whole.record), std::move(frame));
  }
  FrameRecord record;
  record.offset = total_bytes_;
  record.bytes = frame.bytes.size();
  record.block_crc32c = BlockChecksums(frame.bytes);
  std::string bytes = std::move(frame.bytes);
  TRY(Describe(std::move(record), std::move(frame)));
  total_bytes_ += bytes.size();
  if (own_pack_ == nullptr && total_bytes_ > kInstanceFramesInMemoryMax) TRY(MoveToPack());
  if (own_pack_ != nullptr) return own_pack_->Append(bytes);
  if (bytes_.empty()) {
    bytes_ = std::move(bytes);
  } else {
    bytes_ += bytes;
  }
  return Ok();
}

Status StagingSink::MoveToPack() {
  TRY(own_pack_, state_.packs.NewPack(NewPackId(state_.random)));
  TRY(own_pack_->Append(bytes_));
  bytes_ = std::string();  // Gives the memory back.
  return Ok();
}

Status StagingSink::Restart() {
  frames_.clear();
  described_.clear();
  bytes_.clear();
  total_bytes_ = 0;
  incoming_.reset();
  own_pack_.reset();
  return Ok();
}

Status StagingSink::Finish(InstanceContent* content) {
  if (content->frames.frames != frames_.size()) return Internal("frames were lost on the way");
  if (frames_.empty()) {
    unit_.clear();
    return Ok();
  }
  for (FrameRecord& frame : frames_) {
    frame.transfer_syntax_uid = content->frames.stored_transfer_syntax_uid;
  }
  content->metadata.pixels.frames = std::move(described_);
  unit_record_.bytes = total_bytes_;
  unit_record_.frames = static_cast<uint32_t>(frames_.size());
  unit_record_.form = content->frames.form;
  unit_record_.photometric_interpretation = content->frames.photometric_interpretation;
  unit_record_.fragment_bytes = content->frames.fragment_bytes;
  return Ok();
}

}  // namespace tarn::image_store
