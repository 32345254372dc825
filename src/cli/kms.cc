// `tarn kms`: the local keyring, which stands where AWS KMS stands. Works while a server runs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "cli/data_folder.h"
#include "cli/services.h"
#include "cli/verbs.h"
#include "crypto/keyring.h"
#include "json/value.h"

namespace tarn::cli {
namespace {

struct KmsOptions {
  std::string data = "./tarn-data";
  std::string alias;
  std::string key;
  bool json = false;
  bool yes = false;
};

void Print(const crypto::KeyInfo& key, const KmsOptions& options) {
  const std::string created = FormatIso8601Seconds(key.created_unix_ms);
  if (options.json) {
    json::Value value = json::Value::MakeObject();
    value.Set("keyId", json::Value::String(key.key_id))
        .Set("alias", json::Value::String(key.alias))
        .Set("state", json::Value::String(std::string(crypto::KeyStateName(key.state))))
        .Set("created", json::Value::String(created));
    std::printf("%s\n", json::ToText(value).c_str());
    return;
  }
  std::printf("%s  %-9s  %s  %s\n", key.key_id.c_str(),
              std::string(crypto::KeyStateName(key.state)).c_str(), created.c_str(),
              key.alias.empty() ? "-" : ("alias/" + key.alias).c_str());
}

int WithKeyring(const KmsOptions& options, const std::function<Status(crypto::Keyring&)>& work) {
  const SystemClock clock;
  SystemRandom random;
  MakeNewFilesPrivate();
  if (const Status made = MakeFolders(options.data); !made.ok()) return Fail(made.error());
  auto keyring = crypto::Keyring::Open(KeyringFile(options.data), clock, random);
  if (!keyring.ok()) return Fail(keyring.error());
  const Status done = work(*keyring.value());
  return done.ok() ? 0 : Fail(done.error());
}

using KeyChange = Result<crypto::KeyInfo> (crypto::Keyring::*)(std::string_view);

int Change(const KmsOptions& options, KeyChange change) {
  return WithKeyring(options, [&](crypto::Keyring& keyring) -> Status {
    TRY(const crypto::KeyInfo key, (keyring.*change)(options.key));
    Print(key, options);
    return Ok();
  });
}

CLI::App* AddVerb(CLI::App* kms, const std::shared_ptr<KmsOptions>& options, const char* name,
                  const char* description, const char* example) {
  CLI::App* verb = kms->add_subcommand(name, description);
  verb->add_option("--data", options->data, "The server's data folder")->capture_default_str();
  verb->add_flag("--json", options->json, "One JSON object a key");
  verb->footer(std::string("Example:\n  ") + example);
  return verb;
}

}  // namespace

void AddKms(CLI::App* app, Action* action) {
  auto options = std::make_shared<KmsOptions>();
  CLI::App* kms = app->add_subcommand("kms", "Keys that data stores are bound to");
  kms->require_subcommand(1);
  kms->footer("Examples:\n  tarn kms create --alias hospital\n  tarn kms list --json");

  CLI::App* create =
      AddVerb(kms, options, "create", "Make a key", "tarn kms create --alias hospital");
  create->add_option("--alias", options->alias, "A name for it, without alias/");
  create->callback([=] {
    *action = [=] {
      return WithKeyring(*options, [&](crypto::Keyring& keyring) -> Status {
        TRY(const crypto::KeyInfo key, keyring.Create(options->alias));
        Print(key, *options);
        return Ok();
      });
    };
  });

  AddVerb(kms, options, "list", "List all keys", "tarn kms list --json")->callback([=] {
    *action = [=] {
      return WithKeyring(*options, [&](crypto::Keyring& keyring) -> Status {
        TRY(const std::vector<crypto::KeyInfo> keys, keyring.List());
        for (const crypto::KeyInfo& key : keys) Print(key, *options);
        return Ok();
      });
    };
  });

  struct Verb {
    const char* name;
    const char* description;
    const char* example;
    KeyChange change;
  };
  for (const Verb& verb : {Verb{"disable", "Refuse new uses of a key; can be undone",
                                "tarn kms disable alias/hospital", &crypto::Keyring::Disable},
                           Verb{"enable", "Allow a disabled key again",
                                "tarn kms enable alias/hospital", &crypto::Keyring::Enable}}) {
    CLI::App* command = AddVerb(kms, options, verb.name, verb.description, verb.example);
    command->add_option("KEY", options->key, "Key id, alias/NAME or ARN")->required();
    command->callback(
        [=, change = verb.change] { *action = [=] { return Change(*options, change); }; });
  }

  CLI::App* destroy = AddVerb(kms, options, "destroy", "Destroy a key's material; no way back",
                              "tarn kms destroy alias/hospital --yes");
  destroy->add_option("KEY", options->key, "Key id, alias/NAME or ARN")->required();
  destroy->add_flag("--yes", options->yes, "Really do it");
  destroy->callback([=] {
    *action = [=] {
      if (!options->yes) {
        return Fail("destroying " + options->key +
                    " cannot be undone, and data stores bound to it become useless; add --yes");
      }
      return Change(*options, &crypto::Keyring::Destroy);
    };
  });
}

}  // namespace tarn::cli
