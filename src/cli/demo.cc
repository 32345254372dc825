// `tarn demo`: a first session against a server of its own, over the same wire as any client: its
// steps (demo_patients.cc, demo_images.cc) and what to try next.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/demo_session.h"
#include "cli/demo_steps.h"
#include "cli/serve_options.h"
#include "cli/services.h"
#include "cli/verbs.h"

namespace tarn::cli {
namespace {

struct DemoOptions {
  ServeOptions serve;
  uint64_t patients = 200;
  uint64_t studies = 4;
  bool once = false;
};

void PrintNextSteps(const Services& services, const DemoPatients& patients,
                    const DemoImages& images, const DemoOptions& options) {
  std::printf(
      "\nTry next:\n"
      "  aws healthlake list-fhir-datastores --endpoint-url %s --region %s --no-sign-request\n"
      "  curl %sPatient/%s\n"
      "  curl -s --compressed -X POST %s/getImageSetMetadata | head -c 800\n"
      "  curl -s -o %s.j2k '%s/getImageFrame?imageFrameId=%s'\n"
      "  build/release/tarn synth patients --patients 1000 --out %s/s3/demo/more\n",
      services.api_url().c_str(), options.serve.region.c_str(), patients.endpoint.c_str(),
      patients.first_patient_id.c_str(), images.image_set_url.c_str(), images.modality.c_str(),
      images.image_set_url.c_str(), images.frame_id.c_str(), options.serve.data.c_str());
  std::fflush(stdout);
}

Status RunSession(const Services& services, const DemoOptions& options) {
  DemoSession session(services.api_url(), services.s3_url());
  TRY(const DemoPatients patients, RunPatientSteps(&session, options.patients));
  TRY(const DemoImages images, RunImageSteps(&session, options.studies));
  PrintNextSteps(services, patients, images, options);
  return Ok();
}

int Run(const DemoOptions& options) {
  MakeNewFilesPrivate();
  BlockStopSignals();
  auto services = Services::Start(options.serve);
  if (!services.ok()) return Fail(services.error());
  std::printf("ready %s\ns3 %s\n", services.value()->api_url().c_str(),
              services.value()->s3_url().c_str());
  std::fflush(stdout);
  const Status done = RunSession(*services.value(), options);
  if (!done.ok()) return Fail(done.error());
  if (options.once) return 0;
  std::printf("\nServing; press Ctrl-C to stop.\n");
  std::fflush(stdout);
  WaitForStopSignal();
  return 0;
}

}  // namespace

void AddDemo(CLI::App* app, Action* action) {
  auto options = std::make_shared<DemoOptions>();
  options->serve.dev = true;
  options->serve.log_level = "warning";
  CLI::App* demo =
      app->add_subcommand("demo", "Serve, and walk through a first session with synthetic data");
  demo->add_option("--data", options->serve.data, "Data folder")->capture_default_str();
  demo->add_option("--listen", options->serve.listen, "Where the API listens")
      ->capture_default_str();
  demo->add_option("--s3-listen", options->serve.s3_listen, "Where the object endpoint listens")
      ->capture_default_str();
  demo->add_option("--patients", options->patients, "How many patients to make")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{10'000}));
  demo->add_option("--studies", options->studies, "How many imaging studies to make")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{200}));
  demo->add_flag("--once", options->once, "End after the summary");
  demo->footer(
      "What an earlier session left in the data folder is used again.\n"
      "Examples:\n"
      "  tarn demo\n"
      "  tarn demo --once --patients 1000 --data /tmp/tarn-try");
  demo->callback([=] {
    *action = [=] {
      const Status checked = CheckServeOptions(options->serve);
      if (!checked.ok()) {
        Fail(checked.error());
        return 2;
      }
      return Run(*options);
    };
  });
}

}  // namespace tarn::cli
