// `tarn synth`: writes deterministic synthetic data: patients, one file per resource type; imaging
// studies, one file per instance.
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "synth/patients.h"
#include "synth/studies.h"

namespace tarn::cli {
namespace {

constexpr size_t kBufferBytes = 1u << 20;

struct SynthOptions {
  uint64_t patients = 100;
  uint64_t seed = 1;
  std::string out = "-";
  bool gzip = false;
  bool json = false;
};

// One output file, plain or gzip, written in large pieces.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Open(const std::string& path, bool gzip) {
    // "T": no compression but the same calls.
    gzFile file = gzopen(path.c_str(), gzip ? "wb1" : "wbT");
    if (file == nullptr) return ErrnoError(path, errno);
    gzbuffer(file, kBufferBytes);
    return std::unique_ptr<OutputFile>(new OutputFile(path, file));
  }
  ~OutputFile() {
    if (file_ != nullptr) gzclose(file_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  Status WriteLine(std::string_view line) {
    if (gzwrite(file_, line.data(), static_cast<unsigned>(line.size())) <= 0 ||
        gzputc(file_, '\n') < 0) {
      return ErrnoError(path_, errno);
    }
    return Ok();
  }
  Status Close() {
    const int result = gzclose(file_);
    file_ = nullptr;
    if (result != Z_OK) return ErrnoError(path_, errno);
    return Ok();
  }

 private:
  OutputFile(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  gzFile file_;
};

struct Counts {
  uint64_t resources = 0;
  uint64_t bytes = 0;
};

Status WriteFiles(const SynthOptions& options, synth::PatientGenerator* generator, Counts* counts) {
  TRY(MakeFolders(options.out));
  std::map<std::string, std::unique_ptr<OutputFile>, std::less<>> files;
  Status status = Ok();
  ProgressBar bar("patients", options.patients);
  while (status.ok() && generator->Next([&](std::string_view type, std::string_view line) {
    if (!status.ok()) return;
    auto file = files.find(type);
    if (file == files.end()) {
      const std::string path =
          options.out + "/" + std::string(type) + (options.gzip ? ".ndjson.gz" : ".ndjson");
      auto opened = OutputFile::Open(path, options.gzip);
      if (!opened.ok()) {
        status = std::move(opened).error();
        return;
      }
      file = files.emplace(type, std::move(opened).value()).first;
    }
    status = file->second->WriteLine(line);
    ++counts->resources;
    counts->bytes += line.size() + 1;
  })) {
    bar.Update(generator->patients_done());
  }
  for (auto& [type, file] : files) {
    const Status closed = file->Close();
    if (status.ok()) status = closed;
  }
  return status;
}

Status WriteStandardOutput(synth::PatientGenerator* generator, Counts* counts) {
  std::string buffer;
  bool more = true;
  while (more) {
    more = generator->Next([&](std::string_view, std::string_view line) {
      buffer.append(line).push_back('\n');
      ++counts->resources;
      counts->bytes += line.size() + 1;
    });
    if (buffer.size() >= kBufferBytes || !more) {
      TRY(WriteAll(STDOUT_FILENO, buffer));
      buffer.clear();
    }
  }
  return Ok();
}

int Run(const SynthOptions& options) {
  const SystemClock clock;
  synth::PatientGenerator generator({.seed = options.seed, .patients = options.patients});
  Counts counts;
  const int64_t begin_ns = clock.MonotonicNs();
  const Status status = options.out == "-" ? WriteStandardOutput(&generator, &counts)
                                           : WriteFiles(options, &generator, &counts);
  if (!status.ok()) return Fail(status.error());
  const double seconds = static_cast<double>(clock.MonotonicNs() - begin_ns) / 1e9;
  const double megabytes = static_cast<double>(counts.bytes) / 1e6;
  std::fprintf(stderr,
               options.json ? "{\"resources\":%llu,\"megabytes\":%.1f,\"seconds\":%.3f}\n"
                            : "%llu resources, %.1f MB in %.2f s\n",
               static_cast<unsigned long long>(counts.resources), megabytes, seconds);
  return 0;
}

struct DicomOptions {
  uint64_t studies = 4;
  uint32_t slices = 24;
  uint64_t seed = 1;
  std::string out = "dicom";
  std::vector<std::string> modalities;
};

Status WriteStudies(const DicomOptions& options, Counts* counts) {
  uint32_t modalities = 0;
  for (const std::string& name : options.modalities) {
    for (uint32_t i = 0; i < synth::kModalityCount; ++i) {
      if (name == synth::ModalityName(static_cast<synth::Modality>(i))) modalities |= 1u << i;
    }
  }
  synth::StudyGenerator generator({.seed = options.seed,
                                   .studies = options.studies,
                                   .slices = options.slices,
                                   .modalities = modalities});
  ProgressBar bar("studies", options.studies);
  Status status = Ok();
  while (generator.Next([&](std::string_view path, std::string_view file) {
    const std::string target = options.out + "/" + std::string(path);
    status = MakeFolders(target.substr(0, target.rfind('/')));
    if (status.ok()) status = WriteFileAtomic(target, file);
    ++counts->resources;
    counts->bytes += file.size();
    return status.ok();
  })) {
    bar.Update(generator.studies_done());
  }
  return status;
}

int RunDicom(const DicomOptions& options) {
  Counts counts;
  const Status status = WriteStudies(options, &counts);
  if (!status.ok()) return Fail(status.error());
  std::fprintf(stderr, "%llu files, %.1f MB\n", static_cast<unsigned long long>(counts.resources),
               static_cast<double>(counts.bytes) / 1e6);
  return 0;
}

void AddDicom(CLI::App* synth, Action* action) {
  auto options = std::make_shared<DicomOptions>();
  CLI::App* dicom = synth->add_subcommand(
      "dicom", "Imaging studies (CT, MR, CR, US) as DICOM files, one per instance");
  dicom->add_option("--studies", options->studies, "How many studies, each of another patient")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000}));
  dicom->add_option("--slices", options->slices, "Instances of a CT or MR series")
      ->capture_default_str()
      ->check(CLI::Range(uint32_t{1}, synth::kSlicesMax));
  dicom->add_option("--modality", options->modalities, "Only these, in turn; repeatable")
      ->check(CLI::IsMember({"CT", "MR", "CR", "US"}));
  dicom->add_option("--seed", options->seed, "The same seed gives the same bytes")
      ->capture_default_str();
  dicom->add_option("--out", options->out, "Folder for the files")->capture_default_str();
  dicom->footer(
      "Examples:\n"
      "  tarn synth dicom --out tarn-data/s3/demo/dicom\n"
      "  tarn synth dicom --studies 1 --modality CT --slices 200 --out ct/");
  dicom->callback([=] { *action = [=] { return RunDicom(*options); }; });
}

}  // namespace

void AddSynth(CLI::App* app, Action* action) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* synth = app->add_subcommand("synth", "Make synthetic data; nobody in it is real");
  synth->require_subcommand(1);
  // Without a footer of its own CLI11 shows the program's.
  synth->footer(
      "Examples:\n"
      "  tarn synth patients --patients 1000 --out patients/\n"
      "  tarn synth dicom --out dicom/");
  CLI::App* patients = synth->add_subcommand(
      "patients", "FHIR R4 patients with linked histories, as NDJSON, one file per resource type");
  patients->add_option("--patients", options->patients, "How many patients")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000'000}));
  patients->add_option("--seed", options->seed, "The same seed gives the same bytes")
      ->capture_default_str();
  patients->add_option("--out", options->out, "Folder for the files, or - for standard output")
      ->capture_default_str();
  patients->add_flag("--gzip", options->gzip, "Compress the files");
  patients->add_flag("--json", options->json, "Summary as JSON");
  patients->footer(
      "Examples:\n"
      "  tarn synth patients --patients 1000 --out patients/\n"
      "  tarn synth patients --patients 10 | head -n 1\n"
      "  tarn synth patients --out tarn-data/s3/demo/in --gzip");
  patients->callback([=] { *action = [=] { return Run(*options); }; });
  AddDicom(synth, action);
}

}  // namespace tarn::cli
