// What `tarn serve` can be told. Options are declared once, in a table that yields the command
// line, the configuration file (TOML, same names), --help and docs/reference/serve.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/site_policy.h"

namespace tarn::cli {

struct ServeOptions {
  std::string data = "./tarn-data";
  std::string listen = "127.0.0.1:8080";
  std::string s3_listen = "127.0.0.1:9000";
  bool dev = false;
  std::string region = "us-east-1";
  std::string account = "000000000000";
  std::string endpoint_url;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::string event_webhook;
  std::string peer_connections;
  std::string preload_patients = "100";
  std::string image_data_stores = "10";
  std::string image_imports = "100";
  std::string image_import_files = "5000";
  std::string image_import_bytes = "10737418240";
  std::string image_file_bytes = "4294967296";
  std::string image_copy_frames = "1000";
  std::string tls_certificate;
  std::string tls_key;
  std::string log_level = "info";
  std::string log_format = "text";
  bool access_log = false;
};

struct ServeOption {
  std::string_view name;   // "s3-listen": --s3-listen on the command line, s3-listen = in the file.
  std::string_view value;  // What the help shows for its value; empty for a flag.
  std::string_view help;
  std::string ServeOptions::*text = nullptr;  // Exactly one of these three is set.
  bool ServeOptions::*flag = nullptr;
  // Given once for each value on the command line, as an array in the file.
  std::vector<std::string> ServeOptions::*list = nullptr;
};
std::span<const ServeOption> ServeOptionTable();

// Sets what the TOML text says. Errors: kInvalid with line and key (unknown keys are refused).
Status ReadServeConfig(std::string_view toml, ServeOptions* options);

// Rules across options: addresses, account, region, loopback only. Errors: kInvalid, naming the
// option and what to write instead.
Status CheckServeOptions(const ServeOptions& options);

// For whom both listeners answer.
http::SitePolicyOptions SitesOf(const ServeOptions& options);

// docs/reference/serve.md.
std::string ServeReferencePage();

}  // namespace tarn::cli
