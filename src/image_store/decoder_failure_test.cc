// Imports over a decoder that really crashes, hangs and lies (test/frames/fake_codec.cc).
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "dicom/test_files.h"
#include "dicom/transfer_syntax.h"
#include "image_store/internal/test_store.h"
#include "image_store/p10_reader.h"
#include "pixels/codec_pool.h"
#include "pixels/htj2k.h"

namespace tarn::image_store {
namespace {

// A monochrome picture of 4 x 4 whose only fragment is `fragment`; SOP Instance UID 1.2.3.4.<n>.
std::string RleFile(int n, const std::string& fragment) {
  dicom::test::DataSet data = dicom::test::Identity();
  dicom::test::AddImage({4, 4, 8, 8}, &data);
  data.Header(dicom::kPixelData, "OB", dicom::test::DataSet::kUndefined).Item("");
  data.Item(fragment).Header(dicom::kSequenceDelimitation, "", 0);
  std::string file = dicom::test::File(dicom::uid::kRleLossless, data);
  const std::string uid = "1.2.3.4.5";
  for (size_t at = 0; (at = file.find(uid, at)) != std::string::npos; at += uid.size()) {
    file[at + uid.size() - 1] = static_cast<char>('0' + n);
  }
  return file;
}

// Each decoder that crashes, hangs or answers nonsense costs the frames of its own file, which is
// kept as one blob; all others are transcoded, and the job comes to its end.
TEST(Decoders, FailureCostsOneFile) {
  // In the build's root, two folders above the test program.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string program = self.parent_path().parent_path().parent_path() / "tarn-codec-fails";
  const std::vector<std::string> fragments = {"good", "segv", "hang", "abrt",
                                              "open", "what", "good"};
  const SystemClock clock;
  // Long enough for a frame on a busy machine, and for what a sanitizer says of a crash.
  pixels::CodecPool pool({.executable = program, .frame_ms_max = 3'000}, clock);
  P10Reader reader(pixels::LosslessFormat::kHtj2k, pool);
  TestStore store(reader);
  for (size_t i = 0; i < fragments.size(); ++i) {
    store.PutObject("in/" + std::to_string(i),
                    RleFile(static_cast<int>(i), fragments[i] + "............"));
  }
  const jobs::Job job = store.Import("in");
  ASSERT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
  EXPECT_EQ(ParseImportProgress(job).value().files_imported, fragments.size());
  EXPECT_EQ(store.OutputOf(job, "FAILURE/failure.ndjson"), "");
  const auto sets = store.SetsOf(job);
  ASSERT_EQ(sets.size(), 1u);
  uint64_t faults = 0;
  const std::string warnings = store.OutputOf(job, "WARNING/warning.ndjson");
  for (size_t i = 0; i < fragments.size(); ++i) {
    SCOPED_TRACE(fragments[i]);
    if (fragments[i] != "good") ++faults;
    const auto pixels =
        store.Tree(sets[0].id).Pixels("1.2.3.4", "1.2.3.4." + std::to_string(i)).value();
    ASSERT_EQ(pixels.frames.size(), 1u);
    const std::string stored = store.ReadFrame(sets[0].id, pixels.frames[0].id, {});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (fragments[i] == "open") {  // Sanitizers run without the filter.
      --faults;
      continue;
    }
#endif
    const std::string record = R"({"inputFile":"in/)" + std::to_string(i) + R"(","importResponse")";
    const size_t line = warnings.find(record);
    if (fragments[i] == "good") {
      EXPECT_EQ(line, std::string::npos);
      EXPECT_EQ(pixels.stored_transfer_syntax_uid, dicom::uid::kHtj2kLosslessRpcl);
      EXPECT_EQ(pixels::DecodeOwnHtj2k(stored).value().samples, "good............");
    } else {
      ASSERT_NE(line, std::string::npos) << warnings;
      const std::string text = warnings.substr(line, warnings.find('\n', line) - line);
      EXPECT_NE(text.find("45312"), std::string::npos) << text;
      EXPECT_EQ(pixels.stored_transfer_syntax_uid, dicom::uid::kRleLossless);
      EXPECT_EQ(stored, fragments[i] + "............");
    }
  }
  EXPECT_GE(pool.counters().timed_out, 1u);
  EXPECT_EQ(pool.counters().crashed + pool.counters().timed_out, faults);
}

}  // namespace
}  // namespace tarn::image_store
