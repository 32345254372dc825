#include "runner_host/aws_settings.h"

#include <array>
#include <map>
#include <string_view>

#include "base/file.h"
#include "runner_host/limits.h"

namespace tarn::runner_host {
namespace {

using Section = std::map<std::string, std::string, std::less<>>;
using IniFile = std::map<std::string, Section, std::less<>>;

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Indented lines are members of the key above (s3 =\n  max_queue = 1): nothing here needs them.
Status ReadLine(std::string_view line, IniFile* file, std::string* section) {
  const bool indented = !line.empty() && (line[0] == ' ' || line[0] == '\t');
  const std::string_view text = Trim(line);
  if (text.empty() || text[0] == '#' || text[0] == ';' || indented) return Ok();
  if (text[0] == '[') {
    const size_t end = text.find(']');
    if (end == text.npos) return Invalid("a section without ]");
    *section = Trim(text.substr(1, end - 1));
    file->try_emplace(*section);
    return Ok();
  }
  const size_t equals = text.find('=');
  if (equals == text.npos || section->empty()) return Invalid("neither [section] nor key = value");
  (*file)[*section][std::string(Trim(text.substr(0, equals)))] = Trim(text.substr(equals + 1));
  return Ok();
}

// A missing file is an empty one.
Result<IniFile> ReadIni(const std::string& path) {
  IniFile out;
  if (path.empty()) return out;
  const auto bytes = ReadFile(path, kSettingsBytesMax);
  if (!bytes.ok() && bytes.error().kind == ErrorKind::kNotFound) return out;
  if (!bytes.ok()) return bytes.error();
  std::string_view rest = bytes.value();
  std::string section;
  for (uint32_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const Status read = ReadLine(rest.substr(0, end), &out, &section);
    if (!read.ok()) {
      return Invalid(path + ":" + std::to_string(number) + ": " + read.error().detail);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::string Get(const Section& section, std::string_view key) {
  const auto found = section.find(key);
  return found == section.end() ? "" : found->second;
}

std::optional<crypto::Credentials> KeysOf(const Section& section) {
  crypto::Credentials keys{Get(section, "aws_access_key_id"), Get(section, "aws_secret_access_key"),
                           Get(section, "aws_session_token")};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return keys;
}

Status RefuseOtherWays(const Section& section, const std::string& name) {
  for (const std::string_view key : {"credential_process", "sso_session", "sso_start_url",
                                     "role_arn", "web_identity_token_file"}) {
    if (!section.contains(key)) continue;
    return Error{ErrorKind::kUnsupported,
                 "the AWS profile " + name + " gets its credentials by " + std::string(key) +
                     ", which is not supported; run: eval \"$(aws configure export-credentials "
                     "--profile " +
                     name + " --format env)\""};
  }
  return Ok();
}

std::string FilePath(const Environment& environment, const std::string& variable,
                     std::string_view below_home) {
  if (auto path = environment(variable)) return *path;
  const auto home = environment("HOME");
  return home.has_value() ? *home + std::string(below_home) : "";
}

}  // namespace

Result<AwsSettings> FindAwsSettings(const Environment& environment) {
  AwsSettings out;
  const auto key_id = environment("AWS_ACCESS_KEY_ID");
  const auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (key_id.has_value() != secret.has_value()) {
    return Invalid("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together; only one is set");
  }
  if (key_id.has_value()) {
    out.credentials =
        crypto::Credentials{*key_id, *secret, environment("AWS_SESSION_TOKEN").value_or("")};
  }
  out.region = environment("AWS_REGION").value_or(environment("AWS_DEFAULT_REGION").value_or(""));
  if (out.credentials.has_value() && !out.region.empty()) return out;

  const auto named = environment("AWS_PROFILE").has_value() ? environment("AWS_PROFILE")
                                                            : environment("AWS_DEFAULT_PROFILE");
  const std::string name = named.value_or("default");
  const std::string credentials_path =
      FilePath(environment, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  const std::string config_path = FilePath(environment, "AWS_CONFIG_FILE", "/.aws/config");
  TRY(const IniFile credentials, ReadIni(credentials_path));
  TRY(const IniFile config, ReadIni(config_path));
  const auto in_credentials = credentials.find(name);
  const auto in_config = config.find(name == "default" ? name : "profile " + name);
  const bool found = in_credentials != credentials.end() || in_config != config.end();
  if (!found && named.has_value() && !out.credentials.has_value()) {
    return Invalid("the AWS profile " + name + " is neither in " + credentials_path + " nor in " +
                   config_path);
  }
  for (const Section* section :
       {in_credentials == credentials.end() ? nullptr : &in_credentials->second,
        in_config == config.end() ? nullptr : &in_config->second}) {
    if (section == nullptr) continue;
    if (!out.credentials.has_value()) out.credentials = KeysOf(*section);
    if (out.region.empty()) out.region = Get(*section, "region");
  }
  if (!out.credentials.has_value()) {
    if (in_config != config.end()) TRY(RefuseOtherWays(in_config->second, name));
    out.missing = "neither AWS_ACCESS_KEY_ID is set nor has the profile " + name + " keys in " +
                  credentials_path + " or " + config_path;
  }
  return out;
}

}  // namespace tarn::runner_host
