// Options, configuration and the texts that people see.
#include <gtest/gtest.h>

#include <cstdlib>

#include "arazzo/limits.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/serve_options.h"

namespace tarn::cli {
namespace {

TEST(RunOptions, Durations) {
  struct Case {
    std::string_view text;
    double seconds;
  };
  for (const Case& c : {Case{"90", 90}, Case{"90s", 90}, Case{"1.5h", 5400}, Case{"15m", 900},
                        Case{"250ms", 0.25}, Case{"0", 0}, Case{"720h", arazzo::kSecondsMax}}) {
    const auto seconds = ParseDuration(std::string(c.text));
    ASSERT_TRUE(seconds.ok()) << c.text;
    EXPECT_DOUBLE_EQ(seconds.value(), c.seconds) << c.text;
  }
  for (const char* wrong : {"", "x", "-1", "1d", "721h", "nan", "inf", "1e300h"}) {
    EXPECT_FALSE(ParseDuration(wrong).ok()) << wrong;
  }
}

TEST(RunOptions, FlagsSayWhatIsWrongAndKeepWhatIsKnown) {
  RunFlags flags;
  flags.servers = {"http://all/", "api=https://one/x/", "https://h/?a=b"};
  flags.sources = {"api=/some/folder"};
  flags.server_variables = {"stage=test"};
  flags.region = "eu-west-1";
  runner_host::RunChoices known;
  known.timeout_s = 7;
  known.wait_on = {"PAUSED"};
  flags.wait_on = {"PAUSED", "HELD"};
  const auto settings = CheckRunFlags(flags, known);
  ASSERT_TRUE(settings.ok()) << settings.error().detail;
  EXPECT_EQ(settings.value().choices.server, "https://h/?a=b");
  EXPECT_EQ(settings.value().sources.servers.at("api"), "https://one/x");
  EXPECT_EQ(settings.value().sources.sources.at("api"), "/some/folder");
  EXPECT_EQ(settings.value().choices.server_variables.at("region"), "eu-west-1");
  EXPECT_EQ(settings.value().choices.timeout_s, 7);
  EXPECT_EQ(settings.value().choices.wait_on, (std::vector<std::string>{"PAUSED", "HELD"}));
  for (const auto& [member, value] :
       {std::pair(&RunFlags::servers, "ftp://h"), std::pair(&RunFlags::servers, "h"),
        std::pair(&RunFlags::sources, "path"), std::pair(&RunFlags::sources, "=path"),
        std::pair(&RunFlags::server_variables, "x")}) {
    RunFlags wrong;
    wrong.*member = {value};
    EXPECT_FALSE(CheckRunFlags(wrong, {}).ok()) << value;
  }
}

TEST(ServeOptions, EachOptionSetsExactlyOneMember) {
  for (const ServeOption& option : ServeOptionTable()) {
    const int members =
        (option.text != nullptr) + (option.flag != nullptr) + (option.list != nullptr);
    EXPECT_EQ(members, 1) << option.name;
    EXPECT_EQ(option.value.empty(), option.flag != nullptr) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
  }
}

TEST(ServeOptions, ReadsAConfigurationFile) {
  ServeOptions options;
  const Status read = ReadServeConfig(
      "data = \"/srv/tarn\"\ndev = true\npreload-patients = 7\n# comment\naccess-log = true\n"
      "allowed-host = [\"tarn.example\", \"192.0.2.1\"]\nallow-origin = \"http://a.example\"\n",
      &options);
  ASSERT_TRUE(read.ok()) << read.error().detail;
  EXPECT_EQ(options.data, "/srv/tarn");
  EXPECT_TRUE(options.dev);
  EXPECT_TRUE(options.access_log);
  EXPECT_EQ(options.allowed_hosts, (std::vector<std::string>{"tarn.example", "192.0.2.1"}));
  EXPECT_EQ(options.allowed_origins, std::vector<std::string>{"http://a.example"});
  EXPECT_EQ(options.preload_patients, "7");
  EXPECT_EQ(options.listen, ServeOptions().listen);
}

TEST(ServeOptions, RefusesAFileWithLineAndReason) {
  struct Case {
    std::string_view text, expected;
  };
  for (const Case& c :
       {Case{"data = \"a\"\ncolour = 1\n", "line 2: unknown option colour"},
        Case{"dev = \"yes\"\n", "line 1: expected true or false"},
        Case{"data = [1]\n", "line 1: expected a string"},
        Case{"allowed-host = [1]\n", "line 1: expected an array of strings"},
        Case{"allow-origin = 3\n", "line 1: expected an array of strings"},
        Case{"\n\ndata = \n", "line 3"}, Case{"data = \"a\"\ndata = \"b\"\n", "line 2"}}) {
    SCOPED_TRACE(c.text);
    ServeOptions options;
    const Status read = ReadServeConfig(c.text, &options);
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.error().detail.find(c.expected), std::string::npos) << read.error().detail;
  }
}

TEST(ServeOptions, ChecksRulesAcrossOptions) {
  EXPECT_TRUE(CheckServeOptions(ServeOptions()).ok());
  struct Case {
    std::string ServeOptions::*member;
    std::string_view value, expected;
  };
  for (const Case& c : {Case{&ServeOptions::listen, "0.0.0.0:80", "loopback"},
                        Case{&ServeOptions::listen, "example.org:80", "loopback"},
                        Case{&ServeOptions::s3_listen, "[::]:80", "loopback"},
                        Case{&ServeOptions::listen, "80", "HOST:PORT"},
                        Case{&ServeOptions::account, "12345678901", "12 digits"},
                        Case{&ServeOptions::account, "12345678901x", "12 digits"},
                        Case{&ServeOptions::region, "", "us-east-1"},
                        Case{&ServeOptions::region, "US", "us-east-1"},
                        Case{&ServeOptions::endpoint_url, "tarn", "URL"},
                        Case{&ServeOptions::event_webhook, "ftp://x/", "http"},
                        Case{&ServeOptions::preload_patients, "many", "number"},
                        Case{&ServeOptions::image_import_files, "0", "at least 1"},
                        Case{&ServeOptions::image_copy_frames, "", "at least 1"},
                        Case{&ServeOptions::image_import_bytes, "10 GB", "bytes"},
                        Case{&ServeOptions::image_file_bytes, "000", "bytes"},
                        Case{&ServeOptions::image_file_bytes, "9999999999999999999", "bytes"},
                        Case{&ServeOptions::peer_connections, "0", "at least 1"},
                        Case{&ServeOptions::peer_connections, "1e3", "at least 1"},
                        Case{&ServeOptions::peer_connections, "-1", "at least 1"},
                        Case{&ServeOptions::tls_key, "key.pem", "go together"},
                        Case{&ServeOptions::log_level, "loud", "one of"},
                        Case{&ServeOptions::log_format, "xml", "text or json"}}) {
    ServeOptions options;
    options.*c.member = c.value;
    SCOPED_TRACE(c.value);
    const Status checked = CheckServeOptions(options);
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(checked.error().detail.find(c.expected), std::string::npos) << checked.error().detail;
  }
  ServeOptions any_page;
  any_page.allowed_origins = {"*"};
  EXPECT_FALSE(CheckServeOptions(any_page).ok());
  ServeOptions any_host;
  any_host.allowed_hosts = {"*.example"};
  EXPECT_FALSE(CheckServeOptions(any_host).ok());
  for (const std::string_view address :
       {"127.0.0.1:0", "127.1.2.3:80", "[::1]:80", "localhost:1"}) {
    ServeOptions options;
    options.listen = address;
    EXPECT_TRUE(CheckServeOptions(options).ok()) << address;
  }
}

TEST(ServeOptions, TheReferencePageIsUpToDate) {
  const std::string path = TARN_SOURCE_DIR "/docs/reference/serve.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(WriteFileAtomic(path, ServeReferencePage()).ok());
  }
  const auto page = ReadFile(path, 1u << 20);
  ASSERT_TRUE(page.ok()) << page.error().detail;
  EXPECT_EQ(page.value(), ServeReferencePage()) << "UPDATE_GOLDEN=1 rewrites it";
}

TEST(Progress, DrawsWithinALine) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(12345678), "12,345,678");
  EXPECT_EQ(RenderProgress("import", 50, 100),
            "import       [################................] 50 of 100");
  EXPECT_EQ(RenderProgress("import", 200, 100),
            "import       [################################] 100 of 100");
  EXPECT_EQ(RenderProgress("import", 1234, 0), "import       1,234");
  EXPECT_LE(RenderProgress("upload", UINT64_MAX, UINT64_MAX).size(), 110u);
}

}  // namespace
}  // namespace tarn::cli
