#include "runner_host/har.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/uri.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "runner_host/limits.h"
#include "runner_host/masker.h"

namespace tarn::runner_host {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kHead =
    R"({"log":{"version":"1.2","creator":{"name":"tarn","version":"0.1.0"},"entries":[)"
    "\n";
constexpr std::string_view kTail = "\n]}}\n";

void AppendFields(const Fields& fields, const arazzo::SecretMask& masker, json::Writer* out) {
  out->Key("headers").BeginArray();
  for (const auto& [name, value] : fields) {
    out->BeginObject().Key("name").String(name);
    out->Key("value").String(MaskHeader(masker, name, value)).EndObject();
  }
  out->EndArray();
  out->Key("cookies").BeginArray().EndArray().Key("headersSize").Int(-1);
}

std::string TypeOf(const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (SameIgnoringCase(name, "Content-Type")) return value;
  }
  return "";
}

// Long bodies are cut, and say so; bytes that are no text are Base64 where HAR allows it. Secrets
// are masked before either: half of one, or one in Base64, would not be found.
void AppendText(std::string_view bytes, const arazzo::SecretMask& masker, json::Writer* out) {
  const std::string body = masker.Mask(std::string(bytes));
  const bool is_text = IsUtf8(body);
  const std::string_view kept = std::string_view(body).substr(
      0, is_text ? Utf8PrefixBytes(body, kHarBodyBytesMax) : kHarBodyBytesMax);
  if (is_text) {
    out->Key("text").String(kept);
  } else {
    out->Key("text").String(Base64Encode(kept)).Key("encoding").String("base64");
  }
  if (kept.size() < body.size()) out->Key("comment").String("cut at 1 MiB");
}

std::string Entry(const HarExchange& exchange, const arazzo::SecretMask& masker) {
  std::string text;
  json::Writer out(&text);
  out.BeginObject();
  out.Key("startedDateTime").String(FormatFhirInstant(exchange.started_unix_ms));
  out.Key("time").Int(exchange.duration_ms).Key("comment").String(exchange.step);
  out.Key("request").BeginObject();
  out.Key("method").String(exchange.method).Key("url").String(masker.Mask(exchange.url));
  out.Key("httpVersion").String("HTTP/1.1");
  AppendFields(exchange.request_headers, masker, &out);
  out.Key("queryString").BeginArray();
  const size_t question = exchange.url.find('?');
  if (question != std::string::npos) {
    const auto query = ParseQuery(std::string_view(exchange.url).substr(question + 1));
    for (const auto& [name, value] : query.ok() ? query.value() : QueryParameters{}) {
      out.BeginObject()
          .Key("name")
          .String(name)
          .Key("value")
          .String(masker.Mask(value))
          .EndObject();
    }
  }
  out.EndArray().Key("bodySize").Int(static_cast<int64_t>(exchange.request_body.size()));
  if (!exchange.request_body.empty()) {
    out.Key("postData")
        .BeginObject()
        .Key("mimeType")
        .String(masker.Mask(TypeOf(exchange.request_headers)));
    AppendText(exchange.request_body, masker, &out);
    out.EndObject();
  }
  out.EndObject().Key("response").BeginObject();
  out.Key("status").Int(exchange.status).Key("statusText").String("");
  out.Key("httpVersion").String("HTTP/1.1");
  AppendFields(exchange.response_headers, masker, &out);
  out.Key("redirectURL").String("");
  out.Key("bodySize").Int(static_cast<int64_t>(exchange.response_body.size()));
  out.Key("content").BeginObject();
  out.Key("size").Int(static_cast<int64_t>(exchange.response_body.size()));
  out.Key("mimeType").String(masker.Mask(TypeOf(exchange.response_headers)));
  if (!exchange.response_body.empty()) AppendText(exchange.response_body, masker, &out);
  out.EndObject();
  if (!exchange.failure.empty()) out.Key("comment").String(masker.Mask(exchange.failure));
  out.EndObject().Key("cache").BeginObject().EndObject();
  out.Key("timings").BeginObject().Key("send").Int(0).Key("wait").Int(exchange.duration_ms);
  out.Key("receive").Int(0).EndObject().EndObject();
  out.Finish();
  return text;
}

}  // namespace

Result<std::unique_ptr<HarFile>> HarFile::Create(const std::string& path,
                                                 const arazzo::SecretMask* masker) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, errno);
  TRY(WriteAll(fd.get(), std::string(kHead) + std::string(kTail)));
  std::unique_ptr<HarFile> out(new HarFile(path, std::move(fd), masker));
  MutexLock lock(out->mutex_);
  out->end_ = kHead.size();
  return out;
}

Status HarFile::Add(const HarExchange& exchange) {
  const std::string entry = Entry(exchange, masker_);
  // The order of entries is the point of the lock, so it is held while writing.
  MutexLock lock(mutex_);
  const std::string text = (first_ ? "" : ",\n") + entry;
  if (lseek(fd_.get(), static_cast<off_t>(end_), SEEK_SET) < 0) return ErrnoError(path_, errno);
  TRY(WriteAll(fd_.get(), text + std::string(kTail)));
  end_ += text.size();
  first_ = false;
  return Ok();
}

}  // namespace tarn::runner_host
