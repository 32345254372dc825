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

// The events in order.
class Reader {
 public:
  Status Apply(const RunEvent& event) {
    if (event.type == "run") {
      ApplyStart(event.data, &out_);
    } else if (event.type == "send") {
      return ApplySend(event.data);
    } else if (event.type == "answer") {
      return ApplyAnswer(event.data);
    } else if (event.type == "end") {
      if (const std::string* status = TextOf(event.data, "status")) out_.status = *status;
    }
    return Ok();
  }

  // What was not answered in the end is asked for again.
  JournalContent Take() {
    for (const auto& [branch, may_be_done] : unanswered_) {
      out_.recorded[branch].pop_back();
      if (may_be_done) out_.in_doubt.insert(branch);
    }
    return std::move(out_);
  }

  JournalContent& out() { return out_; }

 private:
  // Requests are numbered from 0 in each branch and answered in order; a resumed run may repeat the
  // last one, in doubt or without an answer, under its number.
  Status ApplySend(const Value& data) {
    const std::string branch = BranchOf(data);
    TRY(CheckNumber(data, branch));
    out_.in_doubt.insert(branch);
    out_.status.reset();
    return Ok();
  }

  Status ApplyAnswer(const Value& data) {
    const std::string branch = BranchOf(data);
    TRY(CheckNumber(data, branch));
    if (!out_.in_doubt.contains(branch)) return Corrupt("an answer has no request");
    const std::string* workflow = TextOf(data, "workflow");
    const std::string* step = TextOf(data, "step");
    if (workflow == nullptr || step == nullptr) return Corrupt("an answer is of no step");
    TRY(HttpReply reply, ReplyOf(data));
    if (reply.status == 0) {
      const Value* may_be_done = data.Find("in_doubt");
      unanswered_[branch] =
          may_be_done == nullptr || !may_be_done->IsBool() || may_be_done->AsBool();
    }
    out_.recorded[branch].push_back({std::move(reply), *workflow, *step});
    out_.in_doubt.erase(branch);
    return Ok();
  }

  Status CheckNumber(const Value& data, const std::string& branch) {
    std::vector<RecordedAnswer>& recorded = out_.recorded[branch];
    const auto number = NumberOf(data, "request");
    const auto last = unanswered_.find(branch);
    if (last != unanswered_.end()) {
      if (number == static_cast<int64_t>(recorded.size()) - 1) {
        recorded.pop_back();
        out_.in_doubt.insert(branch);
      }
      unanswered_.erase(last);
    }
    if (number == static_cast<int64_t>(recorded.size())) return Ok();
    return Corrupt("a request is out of order");
  }

  static std::string BranchOf(const Value& data) {
    const std::string* name = TextOf(data, "branch");
    return name == nullptr ? "" : *name;
  }

  JournalContent out_;
  // Branches whose last request got no answer, and whether it may have been done.
  std::map<std::string, bool> unanswered_;
};

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
  Reader reader;
  JournalContent& out = reader.out();
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
    TRY(reader.Apply(out.events.back()));
    rest.remove_prefix(end + 1);
    out.valid_bytes = bytes.size() - rest.size();
  }
  return reader.Take();
}

}  // namespace tarn::arazzo
