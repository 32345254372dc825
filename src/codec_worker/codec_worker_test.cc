// The whole way of a file's pixels, with real worker processes: what the shared samples decode to,
// and what a worker that crashes, hangs or misbehaves costs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "codec_worker/internal/sandbox.h"
#include "crypto/digest.h"
#include "dicom/instance.h"
#include "pixels/codec_pool.h"
#include "pixels/htj2k.h"
#include "pixels/jpeg2000.h"
#include "pixels/test_frames.h"
#include "pixels/test_instance.h"
#include "pixels/transcode.h"

namespace tarn::codec_worker {
namespace {

using dicom::ImagePixel;
using pixels::CodecPool;
using pixels::FrameForm;
using pixels::StoredFrame;
using pixels::StoredFrames;

const std::string kSamples = TARN_SOURCE_DIR "/../shared/data/dicom/";

// Programs are in the build's root, tests are in src/<module> of it.
std::string Sibling(const char* name) {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) return {};
  std::string out = path;
  for (int up = 0; up < 3; ++up) out.resize(out.rfind('/'));
  return out + "/" + name;
}

std::string WorkerPath() { return Sibling("tarn-codec"); }

class Frames : public pixels::FrameSink {
 public:
  Status Add(StoredFrame frame) override {
    frames.push_back(std::move(frame));
    return Ok();
  }
  Status AddPiece(std::string_view, uint64_t) override {
    return Internal("no frame of these tests is so large");
  }
  Status Restart() override {
    frames.clear();
    return Ok();
  }
  std::vector<StoredFrame> frames;
};

struct Stored {
  Result<StoredFrames> result = StoredFrames{};
  std::vector<StoredFrame> frames;
  std::string file;
};

Stored Store(std::string file, pixels::ForeignDecoder& decoder,
             pixels::LosslessFormat format = pixels::LosslessFormat::kHtj2k) {
  Stored out;
  out.file = std::move(file);
  auto instance = dicom::Instance::Parse(out.file);
  if (!instance.ok()) {
    out.result = std::move(instance).error();
    return out;
  }
  Frames sink;
  out.result = Transcode(instance.value(), {.format = format}, decoder, sink);
  out.frames = std::move(sink.frames);
  return out;
}

class CodecWorker : public testing::Test {
 protected:
  SystemClock clock_;
  CodecPool pool_{{.executable = WorkerPath()}, clock_};
};

struct Row {
  std::string file;
  std::string sha256;
};

// pixels.tsv: file, frames, samples, bits, signed, sha256, agree.
std::vector<Row> HashedSamples() {
  std::vector<Row> out;
  auto table = ReadFile(kSamples + "pixels.tsv", 1 << 20);
  if (!table.ok()) return out;
  std::istringstream lines(table.value());
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::vector<std::string> columns;
    for (std::string field; std::getline(fields, field, '\t');) columns.push_back(field);
    if (columns.size() == 7) out.push_back({columns[0], columns[5]});
  }
  return out;
}

TEST_F(CodecWorker, SharedSamplesKeepTheirPixels) {
  const std::vector<Row> rows = HashedSamples();
  if (rows.empty()) GTEST_SKIP() << "no ../shared/data/dicom";
  int transcoded = 0;
  int kept = 0;
  std::map<std::string, std::string> others;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.file);
    auto file = ReadFile(kSamples + row.file, 64 << 20);
    ASSERT_TRUE(file.ok());
    const Stored stored = Store(std::move(file).value(), pool_);
    if (!stored.result.ok()) {
      others[row.file] = stored.result.error().detail;
      continue;
    }
    const StoredFrames& result = stored.result.value();
    if (result.form == FrameForm::kTranscoded) {
      ++transcoded;
      std::string samples;
      for (const StoredFrame& frame : stored.frames) {
        const auto decoded = pixels::DecodeOwnHtj2k(frame.bytes);
        ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
        EXPECT_EQ(frame.checksum, pixels::Crc32(decoded.value().samples));
        samples += decoded.value().samples;
        const auto other = pixels::DecodeJpeg2000(frame.bytes);
        ASSERT_TRUE(other.ok()) << other.error().detail;
        EXPECT_TRUE(other.value().samples == decoded.value().samples);
      }
      EXPECT_EQ(HexEncode(crypto::Sha256(samples)), row.sha256);
    } else if (result.form == FrameForm::kKept) {
      ++kept;
      for (const StoredFrame& frame : stored.frames) {
        EXPECT_NE(stored.file.find(frame.bytes), std::string::npos);
        EXPECT_EQ(frame.checksum, pixels::Crc32(frame.bytes));
      }
    } else {
      others[row.file] = result.warnings.empty() ? "no pixels" : result.warnings[0].message;
    }
  }
  EXPECT_EQ(transcoded, 145);
  EXPECT_EQ(kept, 14);  // .50 and .91
  // Retired JPEG processes, and a file without meta information.
  EXPECT_THAT(others, testing::UnorderedElementsAre(
                          testing::Pair("cr-dx/CR-MONO1-10-chest", testing::_),
                          testing::Pair(testing::EndsWith(".4.53.dcm"), testing::_),
                          testing::Pair(testing::EndsWith(".4.55.dcm"), testing::_)));
  EXPECT_EQ(pool_.counters().crashed, 0u);
  EXPECT_EQ(pool_.counters().timed_out, 0u);
}

// A few frames of foreign syntaxes, small, to be changed by the tests.
std::vector<std::string> SmallForeignFiles() {
  std::vector<std::string> out;
  for (const char* name :
       {"mr-small-syntaxes/MR_small_RLE.dcm", "mr-small-syntaxes/MR_small_jp2klossless.dcm",
        "mr-small-syntaxes/MR_small_jpeg_ls_lossless.dcm", "htj2k/HTJ2KLossless_08_RGB.dcm",
        "sc-colour/SC_rgb_jpeg_gdcm.dcm", "sc-colour/SC_rgb_rle_2frame.dcm",
        "ct-one-image-all-syntaxes/ct-1.2.840.10008.1.2.4.51.dcm"}) {
    auto file = ReadFile(kSamples + name, 1 << 22);
    if (file.ok()) out.push_back(std::move(file).value());
  }
  return out;
}

bool WriteProc(const char* path, std::string_view text) {
  const UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd.valid() && WriteAll(fd.get(), text).ok();
}

// Kilobytes of this process from /proc/self/status: "VmRSS:", "VmHWM:".
int64_t MemoryKb(std::string_view field) {
  const auto status = ReadFile("/proc/self/status", 1 << 20);
  const size_t at = status.ok() ? status.value().find(field) : std::string::npos;
  return at == std::string::npos ? 0 : std::atoll(status.value().c_str() + at + field.size());
}

// Codestreams with bytes changed, cut short or doubled: the server's process goes on, memory and
// time stay bounded, and the next whole frame is decoded.
TEST_F(CodecWorker, HostileCodestreamsCostNoMoreThanAWorker) {
  const std::vector<std::string> files = SmallForeignFiles();
  if (files.empty()) GTEST_SKIP() << "no ../shared/data/dicom";
  const bool slow = std::getenv("TARN_SLOW") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  CodecPool pool({.executable = WorkerPath(), .workers_max = 1, .frame_ms_max = 20'000}, clock_);
  uint32_t state = 12345;
  const auto random = [&](size_t below) {
    state = state * 1'664'525u + 1'013'904'223u;
    return static_cast<size_t>(state >> 8) % below;
  };
  ASSERT_TRUE(WriteProc("/proc/self/clear_refs", "5"));           // VmHWM begins anew: proc(5).
  [[maybe_unused]] const int64_t before_kb = MemoryKb("VmRSS:");  // Not with sanitizers.
  int blobs = 0;
  for (int i = 0; i < (slow ? 2'000 : 150); ++i) {
    SCOPED_TRACE(i);
    std::string file = files[random(files.size())];
    const auto instance = dicom::Instance::Parse(file);
    ASSERT_TRUE(instance.ok());
    const auto& fragments = instance.value().pixel_data().fragments;
    const dicom::ByteRange fragment = fragments[random(fragments.size())];
    // Headers matter more than samples: half of the changes hit the first 200 bytes.
    for (size_t change = 0; change <= random(6); ++change) {
      const size_t within = random(2) == 0 ? std::min<size_t>(fragment.bytes, 200) : fragment.bytes;
      file[fragment.offset + random(within)] = static_cast<char>(random(256));
    }
    const Stored stored = Store(std::move(file), pool);
    ASSERT_TRUE(stored.result.ok()) << stored.result.error().detail;
    if (stored.result.value().form == FrameForm::kBlob) ++blobs;
  }
  EXPECT_GT(blobs, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The files are small, whatever sizes they were made to claim.
  EXPECT_LT(MemoryKb("VmHWM:") - before_kb, 64 << 10);
#endif
  std::printf("%d blobs, %d crashed, %d timed out\n", blobs,
              static_cast<int>(pool.counters().crashed),
              static_cast<int>(pool.counters().timed_out));
  const Stored whole = Store(files[0], pool);
  ASSERT_TRUE(whole.result.ok());
  EXPECT_EQ(whole.result.value().form, FrameForm::kTranscoded);
}

pixels::ForeignFrame AnyFrame(const ImagePixel& pixel) {
  return {.transfer_syntax_uid = "1.2.840.10008.1.2.5", .pixel = pixel, .bytes = "no codestream"};
}

ImagePixel SmallPixel() {
  ImagePixel pixel;
  pixel.rows = pixel.columns = 16;
  pixel.bits_allocated = pixel.bits_stored = 8;
  pixel.high_bit = 7;
  pixel.photometric_interpretation = "MONOCHROME2";
  return pixel;
}

// By itself, by a signal, by the filter of system calls, for want of memory, or by us because what
// it answers cannot be: each costs a process, and the next frame is served by a new one.
TEST_F(CodecWorker, AProcessThatFailsIsAnErrorOfTheFrame) {
  CodecPool pool({.executable = Sibling("tarn-codec-fails")}, clock_);
  const ImagePixel pixel = SmallPixel();
  const auto decode = [&](std::string bytes) {
    bytes.resize(pixel.FrameBytes(), '.');
    return pool.Decode(
        {.transfer_syntax_uid = "1.2.840.10008.1.2.5", .pixel = pixel, .bytes = bytes});
  };
  uint64_t crashed = 0;
  for (const char* fault : {"ends", "segv", "abrt", "open", "memo", "half", "long", "what"}) {
    SCOPED_TRACE(fault);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    // Sanitizers run without the filter and the limit.
    if (std::string_view(fault) == "open" || std::string_view(fault) == "memo") continue;
#endif
    const auto result = decode(fault);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(pool.counters().crashed, ++crashed);
    EXPECT_EQ(pool.counters().started, crashed);
  }
  const auto good = decode("good");
  ASSERT_TRUE(good.ok()) << good.error().detail;
  EXPECT_EQ(good.value().bytes.substr(0, 6), "good..");
  EXPECT_EQ(pool.counters().started, crashed + 1);
  EXPECT_EQ(pool.counters().timed_out, 0u);
}

TEST_F(CodecWorker, AProcessThatHangsIsEnded) {
  CodecPool pool({.executable = Sibling("tarn-codec-fails"), .frame_ms_max = 100}, clock_);
  const ImagePixel pixel = SmallPixel();
  for (uint64_t i = 1; i <= 2; ++i) {
    const auto result = pool.Decode(
        {.transfer_syntax_uid = "1.2.840.10008.1.2.5", .pixel = pixel, .bytes = "hang"});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::kTimeout);
    EXPECT_EQ(pool.counters().timed_out, i);
    EXPECT_EQ(pool.counters().started, i);
  }
}

// It is missing, or it ends at once, as one whose libraries are missing does.
TEST_F(CodecWorker, AProgramThatDoesNotWorkIsOurFault) {
  for (const char* program : {"/nowhere/tarn-codec", "/bin/true"}) {
    SCOPED_TRACE(program);
    CodecPool pool({.executable = program}, clock_);
    const auto result = pool.Decode(AnyFrame(SmallPixel()));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
  }
}

TEST_F(CodecWorker, WaitsNoLongerThanItMay) {
  CodecPool none({.executable = WorkerPath(), .workers_max = 0, .wait_ms_max = 20}, clock_);
  const auto result = none.Decode(AnyFrame(SmallPixel()));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::kBusy);
}

// The same process serves frame after frame, broken ones among them.
TEST_F(CodecWorker, OneProcessServesManyFrames) {
  const pixels::FrameFormat format{.width = 16, .height = 16, .precision = 8};
  const std::string samples = MakeSamples(format, pixels::Texture::kNoise);
  const auto encoded = pixels::EncodeHtj2k(format, samples);
  ASSERT_TRUE(encoded.ok());
  const ImagePixel pixel = SmallPixel();
  for (int i = 0; i < 20; ++i) {
    const auto decoded = pool_.Decode({.transfer_syntax_uid = "1.2.840.10008.1.2.4.202",
                                       .pixel = pixel,
                                       .bytes = encoded.value().codestream});
    ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
    EXPECT_EQ(decoded.value().bytes, samples);
    const auto broken = pool_.Decode(AnyFrame(pixel));
    ASSERT_FALSE(broken.ok());
    EXPECT_EQ(broken.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_EQ(pool_.counters().started, 1u);
  EXPECT_EQ(pool_.counters().crashed, 0u);
}

TEST_F(CodecWorker, ASizeThatIsNotTheDataSetsIsRefused) {
  const pixels::FrameFormat format{.width = 16, .height = 17, .precision = 8};
  const auto encoded = pixels::EncodeHtj2k(format, MakeSamples(format, pixels::Texture::kNoise));
  ASSERT_TRUE(encoded.ok());
  const auto decoded = pool_.Decode({.transfer_syntax_uid = "1.2.840.10008.1.2.4.201",
                                     .pixel = SmallPixel(),
                                     .bytes = encoded.value().codestream});
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(pool_.counters().crashed, 0u);
}

// Runs `act` in a child that has entered the sandbox; returns how the child ended.
template <typename Act>
int InSandbox(Act act) {
  const pid_t child = fork();
  if (child == 0) {
    if (!EnterSandbox(2).ok()) _exit(99);
    _exit(act());
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(Sandbox, LetsCodeComputeAndNothingElse) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers run without the filter";
#endif
  const auto killed = [](int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; };
  EXPECT_EQ(InSandbox([] { return 7; }), 7 << 8);
  EXPECT_EQ(InSandbox([] { return std::string(64 << 20, 'x').size() == 64u << 20 ? 0 : 1; }), 0);
  EXPECT_TRUE(killed(InSandbox([] { return open("/etc/passwd", O_RDONLY); })));
  EXPECT_TRUE(killed(InSandbox([] { return socket(AF_INET, SOCK_STREAM, 0); })));
  EXPECT_TRUE(killed(InSandbox([] { return static_cast<int>(fork()); })));
  EXPECT_TRUE(killed(InSandbox([] { return execl("/bin/true", "true", nullptr); })));
  EXPECT_TRUE(killed(InSandbox([] { return kill(getppid(), SIGTERM); })));
  // Memory above the limit cannot be had.
  EXPECT_EQ(InSandbox([] { return malloc(size_t{3} << 30) == nullptr ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace tarn::codec_worker
