#include "cli/services.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory_limit.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/uri.h"
#include "cli/data_folder.h"
#include "cli/openapi_routes.h"
#include "crypto/keyring.h"
#include "fhir_api/fhir_api.h"
#include "fhir_store/data_stores.h"
#include "healthimaging/healthimaging.h"
#include "healthlake/healthlake.h"
#include "http/server.h"
#include "image_store/data_stores.h"
#include "image_store/p10_reader.h"
#include "jobs/events.h"
#include "json/value.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"
#include "pixels/codec_pool.h"
#include "s3_endpoint/s3_endpoint.h"
#include "service_model/request.h"

namespace tarn::cli {
namespace {

// Of each listener. A write waits for the disk, and those that wait together share one sync and one
// change of each set: far more than there are cores.
constexpr size_t kWorkers = 96;
constexpr std::string_view kVersion = "0.1.0";
constexpr uint64_t kPreloadSeed = 1;
constexpr uint64_t kBlockCacheBytesMin = 16u << 20;
// Of all searches together: a quarter of the memory that there is, and no more than this.
constexpr uint64_t kSearchMemoryBytesMax = 1u << 30;
constexpr uint64_t kDescriptorsWanted = 65'536;
// A listener takes this part of the descriptors at most: both together leave half to storage.
constexpr uint64_t kDescriptorsPerListener = 4;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// An import's run and its blocks take up to 250 MB beside the cache, whatever its size: in a
// control group of 512 MB there is room for an eighth of it.
kv::RocksDbOptions EngineOptions() {
  kv::RocksDbOptions options;
  options.block_cache_bytes =
      std::clamp(MemoryLimitBytes() / 8, kBlockCacheBytesMin, options.block_cache_bytes);
  options.memtable_bytes = options.block_cache_bytes / 2;
  return options;
}

// Sockets and the files of data stores share the process's descriptors, of which many systems
// allow 1,024 at first and far more on request. Returns how many there are then.
uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, kDescriptorsWanted);
  if (limit.rlim_cur < wanted) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  }
  return limit.rlim_cur;
}

LogLevel LevelOf(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return LogLevel::kInfo;
}

http::Response TextResponse(int status, std::string content_type, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.Add("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

// What the API listener answers where no surface does.
http::Response ApiError(int status, const http::Request& head, std::string_view message) {
  if (fhir_api::IsFhirPath(head.path)) return fhir_api::ErrorResponse(status, message);
  if (head.path == "/") return healthlake::ErrorResponse(status, head, message);
  if (healthimaging::IsImagingPath(head.path)) {
    return healthimaging::ErrorResponse(status, head, message);
  }
  json::Value body = json::Value::MakeObject();
  body.Set("message", json::Value::String(std::string(message)));
  return TextResponse(status, "application/json", json::ToText(body));
}

std::string UrlOf(const HostPort& listen, uint16_t port, bool tls) {
  const bool is_ipv6 = listen.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + listen.host + "]" : listen.host;
  return (tls ? "https://" : "http://") + host + ":" + std::to_string(port);
}

}  // namespace

// In the order of construction; destroyed in reverse, so that nothing outlives what it uses.
struct Services::State {
  explicit State(ServeOptions serve_options) : options(std::move(serve_options)) {}

  Status OpenData();
  Status OpenDataStores();
  Status OpenImageStores();
  Status StartApi();
  Status StartS3();
  void AddOperationRoutes(http::Router* router);
  Result<std::shared_ptr<const fhir_api::DataStore>> FindForFhir(std::string_view id) const;
  Result<std::unique_ptr<http::Server>> Listen(const std::string& address, const std::string& name,
                                               bool tls, http::Router router, std::string* url);

  const ServeOptions options;
  const uint64_t descriptors = RaiseDescriptorLimit();
  const SystemClock clock;
  SystemRandom random;
  MetricsRegistry metrics;
  std::optional<FileLock> lock;
  std::unique_ptr<kv::Engine> engine;
  std::unique_ptr<kv::Store> catalogue;
  std::unique_ptr<objects::ObjectStore> objects;
  std::unique_ptr<crypto::Keyring> keyring;
  std::unique_ptr<jobs::EventLog> events;
  std::unique_ptr<fhir_store::DataStores> data_stores;
  std::unique_ptr<pixels::CodecPool> codecs;
  std::unique_ptr<image_store::DataStores> image_stores;
  std::unique_ptr<healthlake::ControlPlane> control_plane;
  std::unique_ptr<healthimaging::HealthImaging> imaging;
  std::unique_ptr<fhir_api::FhirApi> fhir;
  std::unique_ptr<s3_endpoint::S3Endpoint> s3;
  std::unique_ptr<http::Server> api_server;
  std::unique_ptr<http::Server> s3_server;
  std::string api_url;
  std::string s3_url;
};

Status Services::State::OpenData() {
  TRY(MakeFolders(options.data));
  for (const std::string& folder :
       {KvFolder(options.data), ObjectFolder(options.data), EventFolder(options.data)}) {
    TRY(MakePrivateFolder(folder));
  }
  Result<FileLock> locked = FileLock::Acquire(LockFile(options.data));
  if (!locked.ok() && locked.error().kind == ErrorKind::kConflict) {
    return Error{ErrorKind::kConflict,
                 options.data + " is in use by another server; stop it or name another --data"};
  }
  TRY(lock, std::move(locked));
  TRY(engine, kv::OpenRocksDbEngine(KvFolder(options.data), EngineOptions()));
  TRY(catalogue, engine->Open("catalogue", jobs::CatalogueSchema()));
  TRY(objects, objects::OpenFolderStore(ObjectFolder(options.data), clock, random));
  TRY(keyring, crypto::Keyring::Open(KeyringFile(options.data), clock, random));
  return Ok();
}

Status Services::State::OpenDataStores() {
  jobs::EventLog::Options event_options;
  event_options.folder = EventFolder(options.data);
  event_options.webhook_url = options.event_webhook;
  TRY(events, jobs::EventLog::Open(event_options, *catalogue, jobs::kCatalogueEvents, clock, random,
                                   metrics));
  fhir_store::DataStoresOptions store_options;
  store_options.fhir.search_memory = std::make_shared<fhir_store::SearchMemory>(
      std::min(MemoryLimitBytes() / 4, kSearchMemoryBytesMax));
  store_options.region = options.region;
  store_options.account = options.account;
  store_options.make_unknown_keys = options.dev;
  const uint64_t patients = std::stoull(options.preload_patients);  // Digits only: checked.
  store_options.preload = [patients] {
    return fhir_store::SyntheticPatients(kPreloadSeed, patients);
  };
  TRY(data_stores,
      fhir_store::DataStores::Open(store_options, {*engine, *catalogue, *objects, *keyring, *events,
                                                   clock, random, metrics}));
  return Ok();
}

Status Services::State::OpenImageStores() {
  pixels::CodecPool::Options codec_options;
  Result<std::string> executable = pixels::CodecExecutable();
  if (executable.ok()) {
    codec_options.executable = std::move(executable).value();
  } else {
    // All but imports of compressed images goes on without it.
    LogWarning("codec_worker_missing", {{"error", executable.error().detail}});
  }
  codecs = std::make_unique<pixels::CodecPool>(codec_options, clock);
  image_store::DataStoresOptions store_options;
  store_options.region = options.region;
  store_options.account = options.account;
  store_options.make_unknown_keys = options.dev;
  store_options.frames_folder = FrameFolder(options.data);
  // Digits only: checked.
  store_options.data_stores_max = static_cast<uint32_t>(std::stoul(options.image_data_stores));
  store_options.imports_max = static_cast<uint32_t>(std::stoul(options.image_imports));
  store_options.images.import_files_max =
      static_cast<uint32_t>(std::stoul(options.image_import_files));
  store_options.images.import_job_bytes_max = std::stoull(options.image_import_bytes);
  store_options.images.import_file_bytes_max = std::stoull(options.image_file_bytes);
  store_options.images.copy_frames_max =
      static_cast<uint32_t>(std::stoul(options.image_copy_frames));
  store_options.make_reader =
      [this](
          pixels::LosslessFormat format) -> Result<std::unique_ptr<image_store::InstanceReader>> {
    return std::unique_ptr<image_store::InstanceReader>(
        std::make_unique<image_store::P10Reader>(format, *codecs));
  };
  TRY(image_stores, image_store::DataStores::Open(std::move(store_options),
                                                  {*engine, *catalogue, *objects, *keyring, *events,
                                                   clock, random, metrics}));
  return Ok();
}

Result<std::shared_ptr<const fhir_api::DataStore>> Services::State::FindForFhir(
    std::string_view id) const {
  TRY(const std::shared_ptr<const fhir_store::OpenDataStore> open, data_stores->Use(id));
  auto found = std::make_shared<fhir_api::DataStore>();
  // Shares ownership with `open`: the data store stays while the request runs.
  found->store = std::shared_ptr<fhir_store::FhirStore>(open, open->fhir);
  found->endpoint = data_stores->EndpointOf(id);
  found->compatibility = open->compatibility();
  if (open->identity_provider && open->identity_provider->IsSmart()) {
    found->smart = true;
    found->smart_configuration = open->identity_provider->metadata.value_or("");
  }
  return std::shared_ptr<const fhir_api::DataStore>(std::move(found));
}

void Services::State::AddOperationRoutes(http::Router* router) {
  router->Add(http::Method::kGet, "/health",
              {.run_on = http::RunOn::kLoop, .body_bytes_max = 0, .name = "health"},
              [](http::Request&) {
                return TextResponse(200, "application/json", "{\"status\":\"ok\"}\n");
              });
  router->Add(http::Method::kGet, "/metrics",
              {.run_on = http::RunOn::kWorkers, .body_bytes_max = 0, .name = "metrics"},
              [this](http::Request&) {
                return TextResponse(200, "text/plain; version=0.0.4", metrics.PrometheusText());
              });
}

Result<std::unique_ptr<http::Server>> Services::State::Listen(const std::string& address,
                                                              const std::string& name, bool tls,
                                                              http::Router router,
                                                              std::string* url) {
  TRY(const HostPort listen, ParseHostPort(address));
  http::ServerOptions server_options;
  server_options.host = listen.host;
  server_options.port = listen.port;
  server_options.name = name;
  server_options.workers = kWorkers;
  server_options.access_log = options.access_log;
  server_options.sites = SitesOf(options);
  server_options.limits.connections_max = static_cast<uint32_t>(std::min<uint64_t>(
      server_options.limits.connections_max, descriptors / kDescriptorsPerListener));
  if (!options.peer_connections.empty()) {
    const auto most = static_cast<uint32_t>(std::stoul(options.peer_connections));  // Checked.
    server_options.limits.peer_connections_max = most;
    server_options.limits.loopback_connections_max = most;
  }
  if (tls) {
    server_options.tls_certificate_file = options.tls_certificate;
    server_options.tls_key_file = options.tls_key;
  }
  Result<std::unique_ptr<http::Server>> started =
      http::Server::Start(server_options, std::move(router), metrics, clock, random);
  if (!started.ok()) return Error{started.error().kind, address + ": " + started.error().detail};
  std::unique_ptr<http::Server> server = std::move(started).value();
  *url = UrlOf(listen, server->port(), tls && !options.tls_certificate.empty());
  return server;
}

Status Services::State::StartApi() {
  healthlake::ControlPlaneOptions control_options;
  TRY(control_options.page_token_secret,
      service_model::ReadOrMakeSecret(PageTokenFile(options.data), random));
  control_plane = std::make_unique<healthlake::ControlPlane>(control_options, *data_stores);
  imaging = std::make_unique<healthimaging::HealthImaging>(
      healthimaging::HealthImagingOptions{.page_token_secret = control_options.page_token_secret},
      *image_stores, clock);
  fhir_api::FhirApiOptions fhir_options;
  fhir_options.find = [this](std::string_view id) { return FindForFhir(id); };
  fhir_options.finds_at_once = [this](std::string_view id) { return data_stores->IsOpen(id); };
  fhir_options.clock = &clock;
  fhir_options.dev = options.dev;
  fhir_options.software_version = kVersion;
  fhir = std::make_unique<fhir_api::FhirApi>(std::move(fhir_options));
  http::Router router;
  router.SetErrorFormatter(ApiError);
  AddOperationRoutes(&router);
  AddOpenApiRoutes(&router);
  control_plane->AddRoutes(&router);
  imaging->AddRoutes(&router);
  fhir->AddRoutes(&router);
  TRY(api_server, Listen(options.listen, "api", true, std::move(router), &api_url));
  data_stores->SetEndpointBase(options.endpoint_url.empty() ? api_url : options.endpoint_url);
  data_stores->Start();
  image_stores->Start();
  return Ok();
}

Status Services::State::StartS3() {
  s3 = std::make_unique<s3_endpoint::S3Endpoint>(
      *objects, s3_endpoint::S3EndpointOptions{.region = options.region});
  http::Router router;
  s3->AddRoutes(&router);
  TRY(s3_server, Listen(options.s3_listen, "s3", false, std::move(router), &s3_url));
  return Ok();
}

Services::Services(std::unique_ptr<State> state) : state_(std::move(state)) {}

Services::~Services() {
  if (state_->api_server) state_->api_server->Stop();
  if (state_->s3_server) state_->s3_server->Stop();
  if (state_->data_stores) state_->data_stores->Stop();
  if (state_->image_stores) state_->image_stores->Stop();
}

Result<std::unique_ptr<Services>> Services::Start(const ServeOptions& options) {
  ConfigureLog(LevelOf(options.log_level),
               options.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  std::unique_ptr<Services> services(new Services(std::make_unique<State>(options)));
  State& state = *services->state_;
  TRY(state.OpenData());
  TRY(state.OpenDataStores());
  TRY(state.OpenImageStores());
  TRY(state.StartS3());
  TRY(state.StartApi());
  return services;
}

const std::string& Services::api_url() const { return state_->api_url; }
const std::string& Services::s3_url() const { return state_->s3_url; }

void MakeNewFilesPrivate() { umask(S_IRWXG | S_IRWXO); }

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
}

void WaitForStopSignal() {
  const sigset_t signals = StopSignals();
  int received = 0;
  CHECK(sigwait(&signals, &received) == 0);
}

}  // namespace tarn::cli
