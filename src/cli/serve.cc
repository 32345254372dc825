// `tarn serve`: the server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/log.h"
#include "cli/serve_options.h"
#include "cli/services.h"
#include "cli/verbs.h"

namespace tarn::cli {
namespace {

constexpr uint64_t kConfigBytesMax = 1u << 20;

int Serve(const ServeOptions& options) {
  MakeNewFilesPrivate();
  BlockStopSignals();
  auto services = Services::Start(options);
  if (!services.ok()) return Fail(services.error());
  // One write, so that a reader of the first line knows that both listeners serve.
  std::printf("ready %s\ns3 %s\n", services.value()->api_url().c_str(),
              services.value()->s3_url().c_str());
  std::fflush(stdout);
  WaitForStopSignal();
  LogInfo("stopping");
  return 0;
}

// The file first, then what the command line says over it.
Result<ServeOptions> Merge(const CLI::App& serve, const std::string& config,
                           const ServeOptions& given) {
  ServeOptions options;
  if (!config.empty()) {
    TRY(const std::string text, ReadFile(config, kConfigBytesMax));
    const Status read = ReadServeConfig(text, &options);
    if (!read.ok()) return Invalid(config + ": " + read.error().detail);
  }
  for (const ServeOption& option : ServeOptionTable()) {
    if (serve.count("--" + std::string(option.name)) == 0) continue;
    if (option.flag != nullptr) {
      options.*option.flag = given.*option.flag;
    } else if (option.list != nullptr) {
      options.*option.list = given.*option.list;
    } else {
      options.*option.text = given.*option.text;
    }
  }
  TRY(CheckServeOptions(options));
  return options;
}

}  // namespace

void AddServe(CLI::App* app, Action* action) {
  auto given = std::make_shared<ServeOptions>();
  auto config = std::make_shared<std::string>();
  CLI::App* serve =
      app->add_subcommand("serve", "Serve HealthLake, FHIR, HealthImaging and S3 on this machine");
  for (const ServeOption& option : ServeOptionTable()) {
    const std::string name = "--" + std::string(option.name);
    const std::string help(option.help);
    if (option.flag != nullptr) {
      serve->add_flag(name, (*given).*option.flag, help);
    } else if (option.list != nullptr) {
      serve->add_option(name, (*given).*option.list, help)
          ->allow_extra_args(false)
          ->option_text(std::string(option.value) + " ...");
    } else {
      serve->add_option(name, (*given).*option.text, help)
          ->option_text(std::string(option.value) +
                        ((*given).*option.text == "" ? "" : " [" + (*given).*option.text + "]"));
    }
  }
  serve->add_option("--config", *config, "TOML file with the same options")->option_text("FILE");
  serve->footer(
      "Prints `ready http://HOST:PORT` and `s3 http://HOST:PORT` when it serves.\n"
      "Examples:\n"
      "  tarn serve --dev\n"
      "  tarn serve --data /srv/tarn --listen 127.0.0.1:8443 --log-format json\n"
      "  tarn serve --dev --listen 127.0.0.1:0 --s3-listen 127.0.0.1:0 --data \"$(mktemp -d)\"");
  serve->callback([=] {
    *action = [=] {
      const Result<ServeOptions> options = Merge(*serve, *config, *given);
      if (!options.ok()) {
        Fail(options.error());
        return 2;
      }
      return Serve(options.value());
    };
  });
}

}  // namespace tarn::cli
