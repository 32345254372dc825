// tarn-frames [--jpeg2000] [--out FOLDER] FILE...: what the image store would keep of each Part 10
// file. Prints one JSON line per file. With --out, frame n of file m is written to
// FOLDER/m-n.stored and, when it was transcoded to HTJ2K, its decoded samples to FOLDER/m-n.raw.
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "dicom/instance.h"
#include "json/writer.h"
#include "pixels/codec_pool.h"
#include "pixels/htj2k.h"
#include "pixels/transcode.h"

namespace tarn {
namespace {

constexpr uint64_t kFileBytesMax = 1ull << 30;

struct Frames : pixels::FrameSink {
  Status Add(pixels::StoredFrame frame) override {
    if (frame.bytes.empty()) frame.bytes = std::exchange(pieces, {});
    frames.push_back(std::move(frame));
    return Ok();
  }
  Status AddPiece(std::string_view piece, uint64_t) override {
    pieces += piece;
    return Ok();
  }
  Status Restart() override {
    pieces.clear();
    frames.clear();
    return Ok();
  }
  std::string pieces;
  std::vector<pixels::StoredFrame> frames;
};

void WriteFrame(const pixels::StoredFrame& frame, json::Writer* out) {
  out->BeginObject().Key("width").Int(frame.width).Key("height").Int(frame.height);
  out->Key("bytes").Int(static_cast<int64_t>(frame.bytes.size()));
  out->Key("checksum").Int(frame.checksum);
  if (frame.min_pixel_value) out->Key("min").Int(*frame.min_pixel_value);
  if (frame.max_pixel_value) out->Key("max").Int(*frame.max_pixel_value);
  out->Key("resolutionEnds").BeginArray();
  for (const uint64_t end : frame.resolution_ends) out->Int(static_cast<int64_t>(end));
  out->EndArray().EndObject();
}

Status Save(const std::string& stem, const pixels::StoredFrame& frame) {
  TRY(WriteFileAtomic(stem + ".stored", frame.bytes));
  const auto decoded = pixels::DecodeOwnHtj2k(frame.bytes);
  if (decoded.ok()) TRY(WriteFileAtomic(stem + ".raw", decoded.value().samples));
  return Ok();
}

Status Run(const std::string& path, const std::string& stem, pixels::LosslessFormat format,
           pixels::ForeignDecoder& decoder, json::Writer* out) {
  TRY(const std::string file, ReadFile(path, kFileBytesMax));
  TRY(const dicom::Instance instance, dicom::Instance::Parse(file));
  Frames sink;
  TRY(const pixels::StoredFrames stored, Transcode(instance, {.format = format}, decoder, sink));
  static constexpr std::string_view kForms[] = {"none", "transcoded", "kept", "blob"};
  out->Key("form").String(kForms[static_cast<size_t>(stored.form)]);
  out->Key("from").String(instance.transfer_syntax_uid());
  out->Key("stored").String(stored.stored_transfer_syntax_uid);
  out->Key("contentType").String(pixels::ContentTypeOf(stored.stored_transfer_syntax_uid));
  out->Key("warnings").BeginArray();
  for (const dicom::Warning& warning : stored.warnings) {
    out->String(std::to_string(static_cast<int>(warning.code)) + " " + warning.message);
  }
  out->EndArray().Key("frames").BeginArray();
  for (const pixels::StoredFrame& frame : sink.frames) WriteFrame(frame, out);
  out->EndArray();
  if (stem.empty()) return Ok();
  for (size_t i = 0; i < sink.frames.size(); ++i) {
    TRY(Save(stem + "-" + std::to_string(i), sink.frames[i]));
  }
  return Ok();
}

int Main(const std::vector<std::string>& arguments) {
  std::string folder;
  auto format = pixels::LosslessFormat::kHtj2k;
  std::vector<std::string> files;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--jpeg2000") {
      format = pixels::LosslessFormat::kJpeg2000Lossless;
    } else if (arguments[i] == "--out" && i + 1 < arguments.size()) {
      folder = arguments[++i];
    } else {
      files.push_back(arguments[i]);
    }
  }
  const auto executable = pixels::CodecExecutable();
  if (!executable.ok()) {
    std::fprintf(stderr, "tarn-frames: %s\n", executable.error().detail.c_str());
    return 1;
  }
  const SystemClock clock;
  pixels::CodecPool pool({.executable = executable.value(), .workers_max = 1}, clock);
  for (size_t i = 0; i < files.size(); ++i) {
    std::string line;
    json::Writer out(&line);
    out.BeginObject().Key("file").String(files[i]);
    const std::string stem = folder.empty() ? "" : folder + "/" + std::to_string(i);
    const Status status = Run(files[i], stem, format, pool, &out);
    if (!status.ok()) out.Key("error").String(status.error().detail);
    out.EndObject().Finish();
    std::printf("%s\n", line.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::Main(std::vector<std::string>(argv + 1, argv + argc));
}
