// Reading frames: the record says where, the reference whether the image set has it, the checksums
// whether the bytes are what was stored.
#include <errno.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"
#include "image_store/image_sets.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/records.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {
namespace {

Error NoSuchFrame() { return NotFound("there is no such image frame in the image set"); }

// [begin, end) of a frame.
struct Span {
  uint64_t begin = 0;
  uint64_t end = 0;
};

Result<Span> LevelSpan(const FrameRecord& frame, const std::pair<uint32_t, uint32_t>& levels) {
  const auto& ends = frame.resolution_end_bytes;
  if (levels.first > levels.second || levels.second >= ends.size()) {
    return Invalid(ends.empty() ? "the frame has no resolution levels"
                                : "the frame has levels 0 to " + std::to_string(ends.size() - 1));
  }
  Span span;
  span.begin = levels.first == 0 ? 0 : ends[levels.first - 1];
  // The end of the codestream belongs to the last level.
  span.end = levels.second + 1 == ends.size() ? frame.bytes : ends[levels.second];
  return span;
}

Result<Span> SpanOf(const FrameRecord& frame, const FrameRange& range) {
  const int given = (range.bytes.has_value() ? 1 : 0) + (range.suffix_bytes.has_value() ? 1 : 0) +
                    (range.levels.has_value() ? 1 : 0);
  if (given > 1) return Invalid("one range at a time");
  if (range.levels.has_value()) return LevelSpan(frame, *range.levels);
  Span span{0, frame.bytes};
  if (range.suffix_bytes.has_value()) {
    if (*range.suffix_bytes == 0) {
      return Error{ErrorKind::kPreconditionFailed, "the range is empty"};
    }
    span.begin = frame.bytes - std::min(frame.bytes, *range.suffix_bytes);
  }
  if (range.bytes.has_value()) {
    if (range.bytes->first > range.bytes->second) return Invalid("the range ends before it begins");
    if (range.bytes->first >= frame.bytes) {
      return Error{ErrorKind::kPreconditionFailed, "the range begins behind the frame's end"};
    }
    span.begin = range.bytes->first;
    span.end = std::min(frame.bytes, range.bytes->second < UINT64_MAX ? range.bytes->second + 1
                                                                      : range.bytes->second);
  }
  return span;
}

Error WouldWait() { return {ErrorKind::kBusy, "the frame is not in memory"}; }

// Fills `out` from the file. Errors: kUnavailable, kCorrupt (the file is shorter), kBusy.
Status ReadAt(int fd, uint64_t offset, Waiting waiting, std::span<char> out) {
  const int flags = waiting == Waiting::kRefused ? RWF_NOWAIT : 0;
  while (!out.empty()) {
    const iovec part{out.data(), out.size()};
    const ssize_t count = preadv2(fd, &part, 1, static_cast<off_t>(offset), flags);
    if (count < 0 && errno == EINTR) continue;
    // Some file systems cannot say whether they would wait.
    if (count < 0 && flags != 0 && (errno == EAGAIN || errno == EOPNOTSUPP)) return WouldWait();
    if (count < 0) return ErrnoError("cannot read a frame", errno);
    if (count == 0) return Error{ErrorKind::kCorrupt, "a file of frames is too short"};
    out = out.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return Ok();
}

class PackFrameReader final : public FrameReader {
 public:
  PackFrameReader(const ImageStoreState& state, std::string reference_key, FrameRecord frame,
                  FrameInfo info, std::shared_ptr<const UniqueFd> fd, Waiting waiting)
      : state_(state),
        reference_key_(std::move(reference_key)),
        frame_(std::move(frame)),
        info_(std::move(info)),
        fd_(std::move(fd)),
        waiting_(waiting),
        next_(info_.offset) {}

  const FrameInfo& info() const override { return info_; }

  Result<size_t> Read(std::span<char> out) override {
    const uint64_t end = info_.offset + info_.bytes;
    const uint64_t count = std::min<uint64_t>(out.size(), end - next_);
    if (count == 0) return size_t{0};
    const uint32_t block = BlockBytesOf(frame_.bytes);
    // Whole blocks go straight to the caller; what begins or ends within one goes through a buffer.
    size_t given = 0;
    while (given < count) {
      const uint64_t index = next_ / block;
      const Span whole{index * block, std::min<uint64_t>((index + 1) * block, frame_.bytes)};
      const size_t bytes = static_cast<size_t>(whole.end - whole.begin);
      const std::span<char> rest = out.subspan(given, static_cast<size_t>(count) - given);
      if (next_ == whole.begin && rest.size() >= bytes) {
        TRY(ReadBlock(index, whole, rest.first(bytes)));
        given += bytes;
        next_ += bytes;
        continue;
      }
      if (buffered_ != index || buffer_.empty()) {
        buffer_.resize(bytes);
        buffered_ = index;
        const Status read = ReadBlock(index, whole, {buffer_.data(), buffer_.size()});
        if (!read.ok()) {
          buffer_.clear();
          return read.error();
        }
      }
      const size_t begin = static_cast<size_t>(next_ - whole.begin);
      const size_t step = std::min(rest.size(), bytes - begin);
      std::memcpy(rest.data(), buffer_.data() + begin, step);
      given += step;
      next_ += step;
    }
    return given;
  }

 private:
  Status ReadBlock(uint64_t index, const Span& whole, std::span<char> out) const {
    TRY(ReadAt(fd_->get(), frame_.offset + whole.begin, waiting_, out));
    if (crypto::Crc32c(0, {out.data(), out.size()}) == frame_.block_crc32c[index]) return Ok();
    // The space of a frame that nothing refers to any more is given back while readers have it
    // open.
    std::string value;
    TRY(const bool referred, state_.kv.GetSnapshot()->Get(kReference, reference_key_, &value));
    if (!referred) return NoSuchFrame();
    return Error{ErrorKind::kCorrupt, "a stored frame does not match its checksum"};
  }

  const ImageStoreState& state_;
  const std::string reference_key_;
  const FrameRecord frame_;
  const FrameInfo info_;
  const std::shared_ptr<const UniqueFd> fd_;
  const Waiting waiting_;
  uint64_t next_;  // Of the frame.
  std::string buffer_;
  uint64_t buffered_ = 0;
};

}  // namespace

Result<std::unique_ptr<FrameReader>> ImageSets::OpenFrame(std::string_view id,
                                                          std::string_view frame_id,
                                                          const FrameRange& range,
                                                          Waiting waiting) const {
  TRY(const std::string set, PackSetId(id));
  TRY(const std::string key, FrameKeyOf(frame_id));
  const auto snapshot = state_->kv.GetSnapshot();
  std::string reference_key = HeldKey(set, std::string_view(key).substr(0, kUnitBytes));
  std::string value;
  TRY(const bool referred, snapshot->Get(kReference, reference_key, &value));
  if (!referred) return NoSuchFrame();
  TRY(const bool found, snapshot->Get(kFrame, key, &value));
  if (!found) return NoSuchFrame();
  TRY(FrameRecord frame, DecodeFrame(value));
  TRY(const Span span, SpanOf(frame, range));
  std::shared_ptr<const UniqueFd> fd = state_->open_packs.Find(frame.pack);
  if (fd == nullptr) {
    if (waiting == Waiting::kRefused) return WouldWait();
    auto opened = state_->open_packs.Open(frame.pack);
    if (!opened.ok() && opened.error().kind == ErrorKind::kNotFound) {
      // Deleted between the two looks, or lost.
      TRY(const bool still, state_->kv.GetSnapshot()->Get(kReference, reference_key, &value));
      if (!still) return NoSuchFrame();
      return Error{ErrorKind::kCorrupt, "a file of frames is missing"};
    }
    TRY(fd, std::move(opened));
  }
  state_->access_times.Touch(set, state_->clock.UnixMs());
  FrameInfo info;
  info.stored_transfer_syntax_uid = frame.transfer_syntax_uid;
  info.frame_bytes = frame.bytes;
  info.offset = span.begin;
  info.bytes = span.end - span.begin;
  info.etag = std::string(frame_id);  // A frame never changes under its id.
  info.resolution_end_bytes = frame.resolution_end_bytes;
  return std::unique_ptr<FrameReader>(
      std::make_unique<PackFrameReader>(*state_, std::move(reference_key), std::move(frame),
                                        std::move(info), std::move(fd), waiting));
}

}  // namespace tarn::image_store
