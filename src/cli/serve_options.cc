#include "cli/serve_options.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "base/uri.h"
#include "http/server.h"

namespace tarn::cli {
namespace {

constexpr std::array kTable = {
    ServeOption{"data", "DIR", "Folder for everything that is stored.", &ServeOptions::data},
    ServeOption{"listen", "HOST:PORT", "Where the API listens; port 0 picks a free one.",
                &ServeOptions::listen},
    ServeOption{"s3-listen", "HOST:PORT", "Where the S3-compatible object endpoint listens.",
                &ServeOptions::s3_listen},
    ServeOption{"dev", "",
                "Development: accept any credentials, make unknown KMS keys on first use, serve "
                "SMART data stores without tokens.",
                nullptr, &ServeOptions::dev},
    ServeOption{"region", "NAME", "The region that ARNs name.", &ServeOptions::region},
    ServeOption{"account", "DIGITS", "The 12-digit account that ARNs name.",
                &ServeOptions::account},
    ServeOption{"endpoint-url", "URL",
                "What DatastoreEndpoint begins with, when clients reach the server under another "
                "address than the one it listens on.",
                &ServeOptions::endpoint_url},
    ServeOption{"allowed-host", "NAME",
                "A host name or address under which clients may reach the server, beside "
                "loopback's and that of --endpoint-url. May be given several times.",
                nullptr, nullptr, &ServeOptions::allowed_hosts},
    ServeOption{"allow-origin", "ORIGIN",
                "An origin such as http://localhost:3000 whose web pages may call the server. May "
                "be given several times.",
                nullptr, nullptr, &ServeOptions::allowed_origins},
    ServeOption{"peer-connections", "COUNT",
                "Connections that one address may have on each listener, loopback's included. "
                "Without it 2,500, and for loopback addresses, which all programs of this machine "
                "and a proxy in front share, all 10,000.",
                &ServeOptions::peer_connections},
    ServeOption{"event-webhook", "URL", "Receives each event as an HTTP POST of JSON.",
                &ServeOptions::event_webhook},
    ServeOption{"preload-patients", "COUNT", "Patients in a data store made with SYNTHEA preload.",
                &ServeOptions::preload_patients},
    ServeOption{"image-data-stores", "COUNT",
                "HealthImaging data stores that there may be; more are refused with "
                "ServiceQuotaExceededException.",
                &ServeOptions::image_data_stores},
    ServeOption{
        "image-imports", "COUNT",
        "DICOM import jobs of one data store that have not ended; more are refused likewise.",
        &ServeOptions::image_imports},
    ServeOption{"image-import-files", "COUNT", "Files of one DICOM import job; with more it fails.",
                &ServeOptions::image_import_files},
    ServeOption{"image-import-bytes", "BYTES",
                "All files of one DICOM import job together; with more it fails.",
                &ServeOptions::image_import_bytes},
    ServeOption{"image-file-bytes", "BYTES",
                "One file of a DICOM import job; a larger one is listed as a failure.",
                &ServeOptions::image_file_bytes},
    ServeOption{"image-copy-frames", "COUNT",
                "Frames that one CopyImageSet may copy; with more it ends as COPY_FAILED.",
                &ServeOptions::image_copy_frames},
    ServeOption{"tls-certificate", "FILE", "PEM certificate chain; the API then speaks HTTPS.",
                &ServeOptions::tls_certificate},
    ServeOption{"tls-key", "FILE", "PEM private key of the certificate.", &ServeOptions::tls_key},
    ServeOption{"log-level", "LEVEL", "debug, info, warning, error or off.",
                &ServeOptions::log_level},
    ServeOption{"log-format", "FORMAT", "text or json.", &ServeOptions::log_format},
    ServeOption{"access-log", "",
                "One log line a request: id, route, status, bytes, time; no paths, no content.",
                nullptr, &ServeOptions::access_log},
};

std::string LineOf(const toml::node& node) {
  return "line " + std::to_string(node.source().begin.line) + ": ";
}

bool IsOneOf(std::string_view value, std::initializer_list<std::string_view> allowed) {
  return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

Status CheckListener(std::string_view option, const std::string& address) {
  const Result<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) {
    return Invalid("--" + std::string(option) + ": " + parsed.error().detail +
                   "; write for example 127.0.0.1:8080");
  }
  if (!http::IsLoopbackHost(parsed.value().host)) {
    return Invalid("--" + std::string(option) + ": " + parsed.value().host +
                   " is not a loopback address. This version has no authentication yet, so it "
                   "listens on loopback only: use 127.0.0.1, or put a proxy that authenticates in "
                   "front of it");
  }
  return Ok();
}

// A string, or an array of strings.
Status ReadList(const toml::node& node, std::vector<std::string>* list) {
  list->clear();
  if (node.is_string()) {
    list->push_back(node.as_string()->get());
    return Ok();
  }
  if (!node.is_array()) return Invalid(LineOf(node) + "expected an array of strings");
  for (const toml::node& item : *node.as_array()) {
    if (!item.is_string()) return Invalid(LineOf(node) + "expected an array of strings");
    list->push_back(item.as_string()->get());
  }
  return Ok();
}

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 9 && AllDigits(text);
}

// At least 1; with so few digits it fits 64 bits.
bool IsByteCount(std::string_view text) {
  return !text.empty() && text.size() <= 18 && AllDigits(text) &&
         text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::span<const ServeOption> ServeOptionTable() { return kTable; }

Status ReadServeConfig(std::string_view toml_text, ServeOptions* options) {
  toml::table table;
  try {
    table = toml::parse(toml_text);
  } catch (const toml::parse_error& error) {  // The adapter around a throwing library.
    return Invalid("line " + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()));
  }
  for (const auto& [key, node] : table) {
    const auto* option = std::find_if(kTable.begin(), kTable.end(),
                                      [&key = key](const auto& o) { return o.name == key.str(); });
    if (option == kTable.end()) {
      return Invalid(LineOf(node) + "unknown option " + std::string(key.str()) +
                     "; see tarn serve --help");
    }
    if (option->flag != nullptr) {
      if (!node.is_boolean()) return Invalid(LineOf(node) + "expected true or false");
      options->*option->flag = node.as_boolean()->get();
    } else if (option->list != nullptr) {
      TRY(ReadList(node, &(options->*option->list)));
    } else if (node.is_string()) {
      options->*option->text = node.as_string()->get();
    } else if (node.is_integer()) {
      options->*option->text = std::to_string(node.as_integer()->get());
    } else {
      return Invalid(LineOf(node) + "expected a string");
    }
  }
  return Ok();
}

Status CheckServeOptions(const ServeOptions& options) {
  TRY(CheckListener("listen", options.listen));
  TRY(CheckListener("s3-listen", options.s3_listen));
  if (options.account.size() != 12 || !AllDigits(options.account)) {
    return Invalid("--account: 12 digits are needed, for example 123456789012");
  }
  if (options.region.empty() || options.region.find_first_not_of(
                                    "abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
    return Invalid("--region: a name such as us-east-1 is needed");
  }
  if (!options.endpoint_url.empty()) TRY(ParseUrl(options.endpoint_url));
  const auto sites = http::SitePolicy::Create(SitesOf(options));
  if (!sites.ok()) return Invalid("--allowed-host, --allow-origin: " + sites.error().detail);
  if (!options.event_webhook.empty()) TRY(ParseUrl(options.event_webhook));
  if (!options.peer_connections.empty() &&
      (!IsNumber(options.peer_connections) || std::stoul(options.peer_connections) == 0)) {
    return Invalid("--peer-connections: a number of at least 1 is needed");
  }
  if (!IsNumber(options.preload_patients)) {
    return Invalid("--preload-patients: a number is needed");
  }
  for (const auto& [name, value] :
       {std::pair<std::string, const std::string&>{"image-data-stores", options.image_data_stores},
        {"image-imports", options.image_imports},
        {"image-import-files", options.image_import_files},
        {"image-copy-frames", options.image_copy_frames}}) {
    if (!IsNumber(value) || std::stoul(value) == 0) {
      return Invalid("--" + name + ": a number of at least 1 is needed");
    }
  }
  for (const auto& [name, value] : {std::pair<std::string, const std::string&>{
                                        "image-import-bytes", options.image_import_bytes},
                                    {"image-file-bytes", options.image_file_bytes}}) {
    if (!IsByteCount(value)) {
      return Invalid("--" + name + ": a number of bytes of at least 1 is needed");
    }
  }
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return Invalid("--tls-certificate and --tls-key go together");
  }
  if (!IsOneOf(options.log_level, {"debug", "info", "warning", "error", "off"})) {
    return Invalid("--log-level: one of debug, info, warning, error, off");
  }
  if (!IsOneOf(options.log_format, {"text", "json"})) {
    return Invalid("--log-format: text or json");
  }
  return Ok();
}

http::SitePolicyOptions SitesOf(const ServeOptions& options) {
  return {options.allowed_hosts, options.allowed_origins, options.endpoint_url};
}

std::string ServeReferencePage() {
  const ServeOptions defaults;
  std::string page =
      "# tarn serve\n\n"
      "Serves the HealthLake API, FHIR, the HealthImaging API and the S3-compatible object "
      "endpoint. Every option can be "
      "given on the command line (`--name value`) or in a TOML file named by `--config` (`name = "
      "\"value\"`); the command line wins.\n\n"
      "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const ServeOption& option : kTable) {
    std::string value = option.flag != nullptr ? "no" : "";
    if (option.text != nullptr) value = defaults.*option.text;
    page += "| `--" + std::string(option.name) + "` | " + std::string(option.value) + " | " +
            (value.empty() ? "" : "`" + value + "`") + " | " + std::string(option.help) + " |\n";
  }
  page +=
      "\nStandard output gets two lines once both listeners serve: `ready http://HOST:PORT` and "
      "`s3 http://HOST:PORT`. The log goes to standard error. SIGTERM and SIGINT stop the server "
      "after running requests are done; jobs stop at their last checkpoint and go on at the next "
      "start.\n\n"
      "`GET /openapi/amazon-healthlake-openapi.yaml` and `GET "
      "/openapi/amazon-healthimaging-openapi.yaml` answer with OpenAPI 3.1 descriptions of the two "
      "services (with an `ETag`); their server is the one that they are read from.\n\n"
      "The data folder holds patients' data, so only the user that runs the server can read it: "
      "what the server makes is 0700 and 0600 whatever the umask, and `kv`, `s3`, `frames` and "
      "`events` in it are closed to others at every start (the folder that `--data` names is left "
      "as it is "
      "when it exists). Files that somebody else copies into `s3` must be readable by that "
      "user.\n\n"
      "Authentication is not built yet. Until it is, both listeners refuse any address but "
      "loopback, and requests are served whatever their credentials.\n\n"
      "## Web pages\n\n"
      "A web page that is open in a browser on this machine can send requests to loopback too. "
      "Both listeners therefore look at every request, `/health` and `/metrics` included, before "
      "anything else:\n\n"
      "- `Host` must be `localhost`, a name below `.localhost`, a loopback address "
      "(`127.0.0.0/8`, `[::1]`), one of these or the host of `--endpoint-url` with `runtime-` "
      "before it (AWS SDKs put it there), the host of `--endpoint-url`, or an `--allowed-host`; "
      "the port does not matter. Else the answer is 421 (Misdirected Request), so that a page "
      "cannot read data by letting its own name point to 127.0.0.1.\n"
      "- An `Origin` must be the server's own (scheme, host and port as the request names them), "
      "that of `--endpoint-url`, or an `--allow-origin`. Else, `null` included, the answer is 403. "
      "So it is for requests that may change something and say `Sec-Fetch-Site: cross-site` "
      "without an origin.\n\n"
      "Programs send no `Origin` and are not concerned. Pages of an `--allow-origin` get CORS "
      "answers: preflight requests are answered for every method and for the header fields that "
      "are asked for, and responses expose `ETag`, `Location`, `X-Request-Id` and what else the "
      "APIs use. Requests with credentials mode `include` are not allowed; a page signs its "
      "requests or sends an `Authorization` field itself. Neither option takes wildcards.\n\n"
      "Behind a proxy that serves under another name, tell the server that name: "
      "`--endpoint-url https://tarn.example` or `--allowed-host tarn.example`.\n";
  return page;
}

}  // namespace tarn::cli
