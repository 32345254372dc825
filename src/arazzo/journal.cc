#include "arazzo/journal.h"

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "crypto/digest.h"

namespace tarn::arazzo {
namespace {

using json::Value;

constexpr size_t kChecksumDigits = 8;

std::string ChecksumOf(std::string_view text) {
  std::string bytes;
  AppendBe32(&bytes, crypto::Crc32c(0, text));
  return HexEncode(bytes);
}

const std::string* TextOf(const Value& data, std::string_view name) {
  const Value* value = data.Find(name);
  return value != nullptr && value->IsString() ? &value->AsString() : nullptr;
}

std::optional<int64_t> NumberOf(const Value& data, std::string_view name) {
  const Value* value = data.Find(name);
  return value == nullptr || !value->IsNumber() ? std::nullopt : value->AsInt();
}

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, "the journal is damaged: " + std::string(what)};
}

Result<HttpReply> ReplyOf(const Value& data) {
  HttpReply reply;
  const auto status = NumberOf(data, "status");
  const Value* headers = data.Find("headers");
  if (!status.has_value() || *status < 0 || *status > 999 || headers == nullptr ||
      !headers->IsArray()) {
    return Corrupt("an answer has no status or no headers");
  }
  reply.status = static_cast<int>(*status);
  for (const Value& header : headers->items()) {
    const bool pair = header.IsArray() && header.items().size() == 2 &&
                      header.items()[0].IsString() && header.items()[1].IsString();
    if (!pair) return Corrupt("an answer's header is no pair");
    reply.headers.emplace_back(header.items()[0].AsString(), header.items()[1].AsString());
  }
  if (const std::string* body = TextOf(data, "body")) {
    reply.body = *body;
  } else if (const std::string* encoded = TextOf(data, "body_base64")) {
    TRY(reply.body, Base64Decode(*encoded));
  }
  return reply;
}

// Requests are numbered from 0 in each branch and answered in order; a resumed run may repeat the
// send that was in doubt, under its number.
Status ApplyRequest(const RunEvent& event, JournalContent* out) {
  const std::string* name = TextOf(event.data, "branch");
  const std::string branch = name == nullptr ? "" : *name;
  std::vector<HttpReply>& recorded = out->recorded[branch];
  if (NumberOf(event.data, "request") != static_cast<int64_t>(recorded.size())) {
    return Corrupt("a request is out of order");
  }
  if (event.type == "send") {
    out->in_doubt.insert(branch);
    out->status.reset();
    return Ok();
  }
  if (!out->in_doubt.contains(branch)) return Corrupt("an answer has no request");
  TRY(HttpReply reply, ReplyOf(event.data));
  recorded.push_back(std::move(reply));
  out->in_doubt.erase(branch);
  return Ok();
}

void ApplyStart(const Value& data, JournalContent* out) {
  if (const std::string* id = TextOf(data, "run")) out->run_id = *id;
  if (const std::string* id = TextOf(data, "workflow")) out->workflow_id = *id;
  if (const Value* inputs = data.Find("inputs"); inputs != nullptr && inputs->IsObject()) {
    out->inputs = *inputs;
  }
  out->secret_inputs.clear();
  const Value* secrets = data.Find("secrets");
  if (secrets != nullptr && secrets->IsArray()) {
    for (const Value& pointer : secrets->items()) {
      if (pointer.IsString()) out->secret_inputs.push_back(pointer.AsString());
    }
  }
  out->status.reset();
}

Status Apply(const RunEvent& event, JournalContent* out) {
  if (event.type == "run") {
    ApplyStart(event.data, out);
  } else if (event.type == "send" || event.type == "answer") {
    return ApplyRequest(event, out);
  } else if (event.type == "end") {
    if (const std::string* status = TextOf(event.data, "status")) out->status = *status;
  }
  return Ok();
}

}  // namespace

std::string EncodeJournalLine(const RunEvent& event) {
  Value line = Value::MakeObject();
  line.Set("type", Value::String(event.type)).Set("data", event.data);
  const std::string text = json::ToText(line);
  return ChecksumOf(text) + " " + text + "\n";
}

Result<JournalContent> ReadJournal(std::string_view bytes) {
  if (bytes.size() > kJournalBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "a journal may have " + std::to_string(kJournalBytesMax) + " bytes"};
  }
  JournalContent out;
  std::string_view rest = bytes;
  for (;;) {
    const size_t end = rest.find('\n');
    if (end == rest.npos || end <= kChecksumDigits) break;
    const std::string_view text = rest.substr(kChecksumDigits + 1, end - kChecksumDigits - 1);
    if (rest[kChecksumDigits] != ' ' || rest.substr(0, kChecksumDigits) != ChecksumOf(text)) break;
    // A body of kOutputBytesMax takes six times as much when all of it has to be escaped.
    auto line = json::ParseValue(
        text, json::Limits{.depth_max = 128, .text_bytes_max = kOutputBytesMax * 6 + (1u << 20)});
    const std::string* type = line.ok() ? TextOf(line.value(), "type") : nullptr;
    const Value* data = line.ok() ? line.value().Find("data") : nullptr;
    if (type == nullptr || data == nullptr || !data->IsObject()) {
      return Corrupt("a line is no event");
    }
    out.events.push_back({*type, *data});
    TRY(Apply(out.events.back(), &out));
    rest.remove_prefix(end + 1);
    out.valid_bytes = bytes.size() - rest.size();
  }
  return out;
}

}  // namespace tarn::arazzo
