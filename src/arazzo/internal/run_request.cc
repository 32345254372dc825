// From a step to its request and from the answer to values.
#include <algorithm>
#include <array>
#include <charconv>

#include "arazzo/internal/run_context.h"
#include "arazzo/internal/schema_compiled.h"
#include "arazzo/internal/text.h"
#include "arazzo/internal/xpath.h"
#include "arazzo/jsonpath.h"
#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "crypto/digest.h"

namespace tarn::arazzo {
namespace {

using json::Value;

const std::string* HeaderOf(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (EqualsIgnoreAsciiCase(key, name)) return &value;
  }
  return nullptr;
}

bool IsTokenName(std::string_view name) {
  return EqualsIgnoreAsciiCase(name, "ClientToken") ||
         EqualsIgnoreAsciiCase(name, "Idempotency-Key");
}

// The same for each attempt of one visit of a step in one run, and different for all others.
std::string TokenFor(const Step& step, const WorkflowRun& run, const RunContext& context) {
  const auto visits = run.visits.find(step.id);
  const std::string seed = context.options.run_id + "\n" + context.branch + "\n" + run.path + "\n" +
                           step.id + "\n" +
                           std::to_string(visits == run.visits.end() ? 0 : visits->second);
  return "tarn-" + HexEncode(crypto::Sha256(seed)).substr(0, 32);
}

// A payload member written for an idempotency token whose input is absent gets one of ours.
void FillToken(const Value& written, const std::string& token, Value* resolved) {
  if (!written.IsObject() || !resolved->IsObject()) return;
  for (const Value::Member& member : written.members()) {
    if (IsTokenName(member.first) && resolved->Find(member.first) == nullptr) {
      resolved->Set(member.first, Value::String(token));
    }
  }
}

bool HasToken(const Exchange& exchange) {
  if (HeaderOf(exchange.request_headers, "Idempotency-Key") != nullptr) return true;
  if (!exchange.request_body.has_value() || !exchange.request_body->IsObject()) return false;
  return std::ranges::any_of(exchange.request_body->members(), [](const Value::Member& member) {
    return IsTokenName(member.first) && member.second.IsString() &&
           !member.second.AsString().empty();
  });
}

// Sets the value at a JSON Pointer whose parent exists; "-" and the length append to arrays.
Status ReplaceAt(Value* root, std::string_view pointer, Value value) {
  if (pointer.empty()) {
    *root = std::move(value);
    return Ok();
  }
  const size_t slash = pointer.rfind('/');
  const auto missing = [&] {
    return Invalid("the replacement target " + std::string(pointer) + " leads nowhere");
  };
  if (slash == pointer.npos) return missing();
  // AtPointer is const; the payload is ours to change.
  auto* parent = const_cast<Value*>(schema::AtPointer(*root, pointer.substr(0, slash)));
  if (parent == nullptr) return missing();
  if (auto* target = const_cast<Value*>(schema::AtPointer(*root, pointer))) {
    *target = std::move(value);
    return Ok();
  }
  std::string name;
  const std::string_view token = pointer.substr(slash + 1);
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    name.push_back(!escape ? token[i] : token[++i] == '1' ? '/' : '~');
  }
  if (parent->IsObject()) {
    parent->Set(name, std::move(value));
  } else if (parent->IsArray() && (name == "-" || name == std::to_string(parent->items().size()))) {
    parent->Append(std::move(value));
  } else {
    return missing();
  }
  return Ok();
}

// A target without a type is what the content type wants: XPath in XML, else a JSON Pointer.
bool IsXPath(const Replacement& replacement, const std::string& media_type) {
  using Selector = OutputRule::Selector;
  if (replacement.kind != Selector::kNone) return replacement.kind == Selector::kXPath;
  return IsXmlType(media_type);
}

Status Replace(const Replacement& replacement, const Scope& scope, const std::string& media_type,
               Value* payload) {
  TRY(std::optional<Value> value, ResolveValue(replacement.value, scope));
  if (!value.has_value()) return Ok();  // An absent optional value changes nothing.
  if (IsXPath(replacement, media_type)) {
    if (!payload->IsString()) return Invalid("an XPath target needs an XML payload");
    TRY(std::string xml, ReplaceAtXPath(payload->AsString(), replacement.target, AsText(*value)));
    *payload = Value::String(std::move(xml));
    return Ok();
  }
  if (replacement.kind != OutputRule::Selector::kJsonPath) {
    return ReplaceAt(payload, replacement.target, std::move(*value));
  }
  TRY(const JsonPathQuery query, JsonPathQuery::Parse(replacement.target));
  TRY(const std::vector<Path> paths, query.Locate(*payload));
  for (const Path& path : paths) TRY(ReplaceAt(payload, ToJsonPointer(path), *value));
  return Ok();
}

// The resolved payload and whether it is a text of the document.
struct Payload {
  Value value;
  bool is_text = false;
  std::string media_type;
};

Result<std::optional<Payload>> BuildPayload(const Step& step, const ApiOperation& operation,
                                            const WorkflowRun& run, const RunContext& context,
                                            const Scope& scope) {
  if (!step.body.has_value() || !step.body->payload.has_value()) return std::optional<Payload>();
  const Value& written = *step.body->payload;
  TRY(std::optional<Value> resolved, ResolveValue(written, scope));
  if (!resolved.has_value()) return std::optional<Payload>();
  Payload out;
  out.value = std::move(*resolved);
  out.is_text = written.IsString() && !LooksLikeExpression(written.AsString());
  FillToken(written, TokenFor(step, run, context), &out.value);
  out.media_type = step.body->content_type.empty() ? DefaultRequestType(operation, out.value)
                                                   : step.body->content_type;
  const auto& replacements = step.body->replacements;
  const bool by_pointer = std::ranges::any_of(
      replacements, [&](const Replacement& one) { return !IsXPath(one, out.media_type); });
  // JSON that the document has as text is a value from here on.
  if (by_pointer && out.value.IsString()) {
    auto parsed = json::ParseValue(out.value.AsString());
    if (!parsed.ok()) {
      return Invalid("a replacement by JSON Pointer needs a JSON payload, and this text is none");
    }
    out.value = std::move(parsed).value();
    out.is_text = false;
  }
  for (const Replacement& replacement : replacements) {
    TRY(Replace(replacement, scope, out.media_type, &out.value));
  }
  return std::optional<Payload>(std::move(out));
}

Result<OutgoingRequest> Build(const Step& step, const ApiOperation& operation,
                              const WorkflowRun& run, const RunContext& context,
                              Exchange* exchange) {
  const Scope scope = ScopeOf(run, context, nullptr);
  std::vector<ParameterValue> values;
  for (const Parameter& parameter : step.parameters) {
    TRY(std::optional<Value> value, ResolveValue(parameter.value, scope));
    if (!value.has_value()) continue;  // Path parameters without a value fail below.
    NoteSecret(parameter, *value, run.path + "/" + step.id, context);
    if (parameter.in == ParameterIn::kPath) {
      exchange->path_parameters.emplace_back(parameter.name, AsText(*value));
    } else if (parameter.in == ParameterIn::kQuery) {
      exchange->query_parameters.emplace_back(parameter.name, AsText(*value));
    }
    values.push_back({parameter.name, parameter.in, std::move(*value)});
  }
  std::string server = context.options.server;
  if (server.empty()) {
    TRY(server, ChooseServer(operation.servers, context.options.server_variables));
  }
  TRY(OutgoingRequest request, BuildRequest(operation, server, values));
  TRY(std::optional<Payload> payload, BuildPayload(step, operation, run, context, scope));
  if (payload.has_value()) {
    std::string type = payload->media_type;
    TRY(request.body, EncodeBody(payload->value, payload->is_text, &type, [&](const Value& value) {
          const MutexLock lock(context.shared.events_mutex);
          return context.ports.events.ReadBinary(value);
        }));
    request.has_body = true;
    const std::string* own = HeaderOf(request.headers, "Content-Type");
    if (own == nullptr) request.headers.emplace_back("Content-Type", type);
    exchange->request_body = std::move(payload->value);
  }
  exchange->method = request.method;
  exchange->url = request.url;
  exchange->request_headers = request.headers;
  return request;
}

// Seconds, or the time until a date (RFC 9110 10.2.3); dates need a clock, so only the response's
// own Date header is compared with.
std::optional<double> RetryAfter(const HttpReply& reply) {
  const std::string* text = HeaderOf(reply.headers, "Retry-After");
  if (text == nullptr) return std::nullopt;
  uint32_t seconds = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (result.ec == std::errc() && result.ptr == text->data() + text->size()) {
    return std::min<double>(seconds, kSecondsMax);
  }
  const std::string* date = HeaderOf(reply.headers, "Date");
  const auto until = ParseHttpDate(*text);
  if (date == nullptr || !until.ok()) return std::nullopt;
  const auto now = ParseHttpDate(*date);
  if (!now.ok()) return std::nullopt;
  return std::clamp(static_cast<double>(until.value() - now.value()) / 1000, 0.0, kSecondsMax);
}

Status Decode(const HttpReply& reply, RunContext& context, Exchange* exchange) {
  exchange->status = reply.status;
  exchange->response_headers = reply.headers;
  if (reply.body.empty()) return Ok();
  const std::string* header = HeaderOf(reply.headers, "Content-Type");
  const std::string type = header == nullptr ? "" : *header;
  const bool looks_like_json = type.empty() && (reply.body[0] == '{' || reply.body[0] == '[');
  if (IsJsonType(type) || looks_like_json) {
    auto value = json::ParseValue(reply.body);
    if (value.ok()) {
      exchange->response_body = std::move(value).value();
      return Ok();
    }
  }
  const bool text = type.empty() || IsJsonType(type) || IsXmlType(type) || IsTextType(type);
  if (text && IsUtf8(reply.body)) {
    exchange->response_body = Value::String(reply.body);
    return Ok();
  }
  const MutexLock lock(context.shared.events_mutex);
  TRY(exchange->response_body, context.ports.events.KeepBinary(reply.body, type));
  return Ok();
}

Value HeadersAsValue(const Fields& fields, const SecretMask& secrets) {
  Value::Array out;
  for (const auto& [name, value] : fields) {
    out.push_back(
        Value::MakeArray({Value::String(secrets.Seal(name)), Value::String(secrets.Seal(value))}));
  }
  return Value::MakeArray(std::move(out));
}

// What `send` and `answer` begin with.
Value RequestData(const Step& step, const WorkflowRun& run, const RunContext& context,
                  uint64_t number) {
  Value data = Value::MakeObject();
  data.Set("request", Value::Int(static_cast<int64_t>(number)));
  if (!context.branch.empty()) data.Set("branch", Value::String(context.branch));
  data.Set("workflow", Value::String(run.path)).Set("step", Value::String(step.id));
  return data;
}

void AddAnswer(const HttpReply& reply, const SecretMask& secrets, Value* data) {
  data->Set("status", Value::Int(reply.status));
  data->Set("headers", HeadersAsValue(reply.headers, secrets));
  std::string body = secrets.Seal(reply.body);
  if (IsUtf8(body)) {
    data->Set("body", Value::String(std::move(body)));
  } else {
    data->Set("body_base64", Value::String(Base64Encode(body)));
  }
}

HttpReply Unsealed(const HttpReply& sealed, const SecretMask& secrets) {
  HttpReply out;
  out.status = sealed.status;
  for (const auto& [name, value] : sealed.headers) {
    out.headers.emplace_back(secrets.Unseal(name), secrets.Unseal(value));
  }
  out.body = secrets.Unseal(sealed.body);
  return out;
}

// Sends for real: journalled before and after. A transport error is an answer with status 0, so
// that a resumed run takes the same way when the document knew one; else it asks again.
struct Sent {
  HttpReply reply;
  bool may_be_done = false;  // Of status 0.
};
Result<Sent> SendNow(const Step& step, const ApiOperation& operation,
                     const OutgoingRequest& request, const WorkflowRun& run, RunContext* context) {
  const Durability durability = IsSafe(step, operation) ? Durability::kLazy : Durability::kSynced;
  const uint64_t number = context->requests;
  Value data = RequestData(step, run, *context, number);
  data.Set("method", Value::String(request.method));
  data.Set("url", Value::String(request.url));
  data.Set("safe", Value::Bool(durability == Durability::kLazy));
  if (request.has_body && IsUtf8(request.body)) {
    data.Set("body", Value::String(request.body));
  }
  TRY(context->Emit("send", std::move(data), durability));
  Sent out;
  auto sent = context->ports.http.Send(request, operation, step.timeout_ms);
  ++context->requests;
  Value answer = RequestData(step, run, *context, number);
  if (sent.ok()) {
    out.reply = std::move(sent).value();
  } else {
    const ErrorKind kind = sent.error().kind;
    out.may_be_done = kind == ErrorKind::kTimeout || kind == ErrorKind::kTooLarge;
    out.reply.body = sent.error().detail;
    answer.Set("in_doubt", Value::Bool(out.may_be_done));
  }
  AddAnswer(out.reply, *context->shared.secrets, &answer);
  TRY(context->Emit("answer", std::move(answer), durability));
  return out;
}

// The next recorded answer. Errors: kCorrupt when it is another step's, as after a change of the
// run's files.
Result<HttpReply> Replay(const Step& step, const WorkflowRun& run, RunContext* context) {
  const RecordedAnswer& next = (*context->recorded)[context->requests];
  if (next.workflow != run.path || next.step != step.id) {
    return Error{ErrorKind::kCorrupt, "the journal does not fit the run: its answer " +
                                          std::to_string(context->requests) +
                                          " is that of the step " + next.step + " of " +
                                          next.workflow + ", and the step " + step.id + " of " +
                                          run.path + " asks for it"};
  }
  ++context->requests;
  return Unsealed(next.reply, *context->shared.secrets);
}

}  // namespace

bool IsSafe(const Step& step, const ApiOperation& operation) {
  if (step.safe.has_value()) return *step.safe;
  if (operation.method == "GET" || operation.method == "HEAD") return true;
  for (const std::string_view prefix : {"Describe", "Get", "List", "Search"}) {
    if (operation.sigv4 && operation.id.starts_with(prefix)) return true;
  }
  return false;
}

bool MaySendAgain(const Step& step, const ApiOperation& operation, RunContext* context) {
  const MutexLock lock(context->shared.events_mutex);
  return context->ports.events.MaySendAgain("the step " + step.id + " (" + operation.method + " " +
                                            operation.path_key + ")");
}

Result<StepExchange> Perform(const Step& step, const ApiOperation& operation,
                             const WorkflowRun& run, RunContext* context) {
  StepExchange out;
  const auto request = Build(step, operation, run, *context, &out.exchange);
  if (!request.ok()) {
    out.failure = request.error().detail;
    return out;
  }
  HttpReply reply;
  if (context->replaying()) {
    TRY(reply, Replay(step, run, context));
    out.sent = true;
  } else {
    const bool repeatable = IsSafe(step, operation) || HasToken(out.exchange);
    if (context->in_doubt() && !repeatable && !MaySendAgain(step, operation, context)) {
      out.in_doubt = true;
      return out;
    }
    TRY(Sent sent, SendNow(step, operation, request.value(), run, context));
    reply = std::move(sent.reply);
    out.sent = true;
    out.in_doubt = sent.may_be_done && !repeatable;
  }
  if (reply.status == 0) {
    out.failure = "no answer: " + reply.body;
    return out;
  }
  if (reply.body.size() > kOutputBytesMax) {
    out.failure = "the response is longer than " + std::to_string(kOutputBytesMax) + " bytes";
    return out;
  }
  TRY(Decode(reply, *context, &out.exchange));
  out.retry_after_s = RetryAfter(reply);
  return out;
}

void NoteSecret(const Parameter& parameter, const Value& value, const std::string& where,
                const RunContext& context) {
  static constexpr std::array<std::string_view, 4> kCredentials = {
      "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"};
  const bool credential = parameter.in == ParameterIn::kCookie ||
                          (parameter.in == ParameterIn::kHeader &&
                           std::ranges::any_of(kCredentials, [&](std::string_view name) {
                             return EqualsIgnoreAsciiCase(parameter.name, name);
                           }));
  if (!parameter.secret && !credential) return;
  const std::string text = AsText(value);
  const std::string name = where + "." + parameter.name;
  context.shared.secrets->Add(name, text);
  // "Bearer TOKEN": the token is the secret.
  const size_t blank = text.find(' ');
  if (credential && blank != text.npos) {
    context.shared.secrets->Add(name, std::string_view(text).substr(blank + 1));
  }
}

Scope ScopeOf(const WorkflowRun& run, const RunContext& context, const Exchange* exchange) {
  Scope scope;
  scope.inputs = &run.inputs;
  scope.outputs = &run.outputs;
  scope.steps = &run.steps;
  scope.workflows = context.history.Of(*run.document);
  scope.exchange = exchange;
  scope.sources = &run.document->source_records;
  scope.components = &run.document->document.components;
  scope.self = run.document->document.self;
  scope.secrets = context.shared.secrets;
  return scope;
}

Found EvaluateOutput(const OutputRule& rule, const Scope& scope) {
  const auto expression = ParseExpression(rule.expression);
  if (!expression.ok()) return Found::Nothing(expression.error().detail);
  Found context = Evaluate(expression.value(), scope);
  if (!context.present() || rule.selector == OutputRule::Selector::kNone) return context;
  const auto nothing = [&] {
    return Found::Nothing(rule.selection + " selects nothing in " + rule.expression);
  };
  if (rule.selector == OutputRule::Selector::kJsonPointer) {
    const Value* value = schema::AtPointer(context.value(), rule.selection);
    return value == nullptr ? nothing() : Found::Made(*value);
  }
  if (rule.selector == OutputRule::Selector::kXPath) {
    if (!context.value().IsString()) {
      return Found::Nothing(rule.expression +
                            " is no text, so no XML that XPath could select from");
    }
    auto selected = SelectXPath(context.value().AsString(), rule.selection);
    if (!selected.ok()) return Found::Nothing(selected.error().detail);
    return selected.value().has_value() ? Found::Made(std::move(*selected.value())) : nothing();
  }
  const auto query = JsonPathQuery::Parse(rule.selection);
  if (!query.ok()) return Found::Nothing(query.error().detail);
  const auto nodes = query.value().Select(context.value());
  if (!nodes.ok() || nodes.value().empty()) return nothing();
  if (query.value().IsSingular()) return Found::Made(*nodes.value()[0]);
  Value::Array all;
  for (const Value* node : nodes.value()) all.push_back(*node);
  return Found::Made(Value::MakeArray(std::move(all)));
}

}  // namespace tarn::arazzo
