// run.json: the form of a run's record.
#include <algorithm>

#include "runner_host/limits.h"
#include "runner_host/run_folder.h"

namespace tarn::runner_host {
namespace {

using json::Value;

Value FromStrings(const std::vector<std::string>& items) {
  Value out = Value::MakeArray();
  for (const std::string& item : items) out.Append(Value::String(item));
  return out;
}

Value FromMap(const std::map<std::string, std::string>& map) {
  Value out = Value::MakeObject();
  for (const auto& [name, value] : map) out.Set(name, Value::String(value));
  return out;
}

Value FromFetched(const arazzo::FetchedDocument& document) {
  Value out = Value::MakeObject();
  out.Set("url", Value::String(document.url)).Set("server", Value::String(document.server));
  out.Set("text", Value::String(document.bytes));
  Value others = Value::MakeArray();
  for (const auto& other : document.others) others.Append(FromFetched(other));
  if (!document.others.empty()) out.Set("others", std::move(others));
  return out;
}

Value FromKept(const KeptDocument& kept) {
  Value out = Value::MakeObject();
  out.Set("name", Value::String(kept.name)).Set("asked", Value::String(kept.asked_url));
  out.Set("found", FromFetched(kept.found));
  return out;
}

Value FromChoices(const RunChoices& choices) {
  Value out = Value::MakeObject();
  out.Set("strict", Value::Bool(choices.strict));
  out.Set("fallthrough_next", Value::Bool(choices.fallthrough_next));
  out.Set("server", Value::String(choices.server));
  out.Set("server_variables", FromMap(choices.server_variables));
  if (choices.poll_s.has_value()) out.Set("poll_s", Value::Double(*choices.poll_s));
  out.Set("timeout_s", Value::Double(choices.timeout_s));
  out.Set("wait_on", FromStrings(choices.wait_on));
  out.Set("aws_profile", Value::Bool(choices.aws_profile));
  return out;
}

// Reading: what is missing or of another type is empty; DecodeRecord checks what must be there.
std::string Text(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value != nullptr && value->IsString() ? value->AsString() : "";
}

bool Flag(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value != nullptr && value->IsBool() && value->AsBool();
}

std::vector<std::string> Strings(const Value& object, std::string_view name) {
  std::vector<std::string> out;
  const Value* value = object.Find(name);
  if (value == nullptr || !value->IsArray()) return out;
  for (const Value& item : value->items()) {
    if (item.IsString()) out.push_back(item.AsString());
  }
  return out;
}

arazzo::FetchedDocument ToFetched(const Value& value) {
  arazzo::FetchedDocument out{Text(value, "url"), Text(value, "text")};
  out.server = Text(value, "server");
  const Value* others = value.Find("others");
  if (others == nullptr || !others->IsArray()) return out;
  // One level: a folder's files have no folders of their own.
  for (const Value& other : others->items()) {
    out.others.push_back({Text(other, "url"), Text(other, "text")});
  }
  return out;
}

KeptDocument ToKept(const Value& value) {
  KeptDocument out{Text(value, "name"), Text(value, "asked"), {}};
  if (const Value* found = value.Find("found")) out.found = ToFetched(*found);
  return out;
}

RunChoices ToChoices(const Value& value) {
  RunChoices out;
  out.strict = Flag(value, "strict");
  out.fallthrough_next = Flag(value, "fallthrough_next");
  out.server = Text(value, "server");
  if (const Value* map = value.Find("server_variables"); map != nullptr && map->IsObject()) {
    for (const auto& [name, text] : map->members()) {
      if (text.IsString()) out.server_variables[name] = text.AsString();
    }
  }
  const Value* poll = value.Find("poll_s");
  if (poll != nullptr && poll->IsNumber()) out.poll_s = poll->AsDouble();
  const Value* timeout = value.Find("timeout_s");
  if (timeout != nullptr && timeout->IsNumber()) out.timeout_s = timeout->AsDouble();
  out.wait_on = Strings(value, "wait_on");
  out.aws_profile = Flag(value, "aws_profile");
  return out;
}

}  // namespace

std::string EncodeRecord(const RunRecord& record) {
  Value out = Value::MakeObject();
  out.Set("run", Value::String(record.id)).Set("started", Value::Int(record.started_unix_ms));
  out.Set("file", Value::String(record.file)).Set("workflow", Value::String(record.workflow));
  out.Set("choices", FromChoices(record.choices));
  Value sources = Value::MakeArray();
  for (const KeptDocument& source : record.sources) sources.Append(FromKept(source));
  out.Set("document", FromKept(record.root)).Set("sources", std::move(sources));
  return json::ToText(out) + "\n";
}

Result<RunRecord> DecodeRecord(std::string_view text) {
  const auto parsed = json::ParseValue(
      text, json::Limits{.text_bytes_max = static_cast<uint32_t>(kRecordBytesMax)});
  const auto damaged = [] { return Error{ErrorKind::kCorrupt, "the run's record is damaged"}; };
  if (!parsed.ok()) return damaged();
  const Value& value = parsed.value();
  RunRecord out;
  out.id = Text(value, "run");
  out.file = Text(value, "file");
  out.workflow = Text(value, "workflow");
  const Value* started = value.Find("started");
  const Value* choices = value.Find("choices");
  const Value* root = value.Find("document");
  const Value* sources = value.Find("sources");
  if (out.id.empty() || started == nullptr || !started->IsNumber() || choices == nullptr ||
      root == nullptr || sources == nullptr || !sources->IsArray()) {
    return damaged();
  }
  out.started_unix_ms = started->AsInt().value_or(0);
  out.choices = ToChoices(*choices);
  out.root = ToKept(*root);
  for (const Value& source : sources->items()) out.sources.push_back(ToKept(source));
  return out;
}

}  // namespace tarn::runner_host
