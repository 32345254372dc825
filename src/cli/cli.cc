#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string_view>

#include "cli/verbs.h"
#include "http/client.h"

namespace tarn::cli {

int Fail(std::string_view message) {
  std::fprintf(stderr, "tarn: %.*s\n", static_cast<int>(message.size()), message.data());
  return 1;
}

int Fail(const Error& error) { return Fail(error.detail); }

int Main(int argc, char** argv) {
  // Verbs that send: what that takes is loaded beside reading the command line and the document.
  const std::string_view verb = argc > 1 ? argv[1] : "";
  std::optional<http::ClientSetup> setup;
  if (verb == "run" || verb == "resume") setup.emplace();
  CLI::App app(
      "Tarn: a health data lake that you own. It speaks Amazon HealthLake, FHIR and S3, "
      "and runs Arazzo workflows.",
      "tarn");
  app.set_version_flag("--version", std::string("tarn 0.1.0"));
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  tarn serve --dev                 serve on 127.0.0.1:8080, data in ./tarn-data\n"
      "  tarn demo --once                 a first session: create, import, export, summary\n"
      "  tarn synth patients --patients 1000 --out patients/\n"
      "  tarn run workflow.yml --input DatastoreName=mine\n"
      "  tarn fhirpath 'Patient.name.given' patient.json\n"
      "  tarn VERB --help                 options and examples of one verb");
  Action action;
  AddServe(&app, &action);
  AddDemo(&app, &action);
  AddSynth(&app, &action);
  AddFhirPath(&app, &action);
  AddKms(&app, &action);
  AddRun(&app, &action);
  AddResume(&app, &action);
  AddRuns(&app, &action);
  AddShow(&app, &action);
  AddCheck(&app, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // The adapter around a throwing library.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return action();
}

}  // namespace tarn::cli
