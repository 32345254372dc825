// Parameters by OpenAPI's styles (OpenAPI 3.1 "Style Values", RFC 6570 for path and query) and
// payloads by media type.
#include <algorithm>

#include "arazzo/internal/text.h"
#include "arazzo/openapi.h"
#include "base/bytes.h"
#include "base/uri.h"
#include "crypto/digest.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using Style = ApiParameter::Style;

// RFC 3986 reserved characters stay when the parameter allows them.
std::string Encode(const std::string& text, bool allow_reserved) {
  if (!allow_reserved) return PercentEncode(text);
  static constexpr std::string_view kReserved = ":/?#[]@!$&'()*+,;=";
  std::string out;
  for (const char c : text) {
    out += kReserved.find(c) != kReserved.npos ? std::string(1, c)
                                               : PercentEncode(std::string_view(&c, 1));
  }
  return out;
}

using Pieces = std::vector<std::pair<std::string, std::string>>;

// A value's leaves, encoded: items without names, members with theirs.
Pieces PiecesOf(const Value& value, const ApiParameter& parameter) {
  const bool raw = parameter.in == ParameterIn::kHeader;
  const auto encode = [&](const std::string& text) {
    return raw ? text : Encode(text, parameter.allow_reserved);
  };
  Pieces out;
  if (value.IsArray()) {
    for (const Value& item : value.items()) out.emplace_back("", encode(AsText(item)));
  } else if (value.IsObject()) {
    for (const Value::Member& member : value.members()) {
      out.emplace_back(encode(member.first), encode(AsText(member.second)));
    }
  } else {
    out.emplace_back("", encode(AsText(value)));
  }
  return out;
}

// a,b or k,v,k,v; with `pairs` k=v,k=v.
std::string Join(const Pieces& pieces, std::string_view separator, bool pairs) {
  std::string out;
  for (const auto& [name, value] : pieces) {
    if (!out.empty()) out += separator;
    if (!name.empty()) out += name + (pairs ? "=" : std::string(separator));
    out += value;
  }
  return out;
}

std::string InPathOrHeader(const ApiParameter& parameter, const Value& value) {
  const Pieces pieces = PiecesOf(value, parameter);
  const bool composite = value.IsArray() || value.IsObject();
  const bool explode = parameter.explode;
  switch (parameter.style) {
    case Style::kLabel:
      return "." + Join(pieces, explode ? "." : ",", explode);
    case Style::kMatrix: {
      if (!composite || !explode) return ";" + parameter.name + "=" + Join(pieces, ",", false);
      std::string out;
      for (const auto& [name, text] : pieces) {
        out += ";" + (name.empty() ? parameter.name : name) + "=" + text;
      }
      return out;
    }
    default:
      return Join(pieces, ",", explode);
  }
}

// name=value pairs, encoded.
std::vector<std::string> InQuery(const ApiParameter& parameter, const Value& value) {
  const Pieces pieces = PiecesOf(value, parameter);
  const std::string name = PercentEncode(parameter.name);
  std::vector<std::string> out;
  if (parameter.style == Style::kDeepObject && value.IsObject()) {
    for (const auto& [key, text] : pieces) out.push_back(name + "%5B" + key + "%5D=" + text);
    return out;
  }
  const bool composite = value.IsArray() || value.IsObject();
  if (composite && parameter.explode) {
    for (const auto& [key, text] : pieces) out.push_back((key.empty() ? name : key) + "=" + text);
    return out;
  }
  const std::string_view separator = parameter.style == Style::kSpaceDelimited  ? "%20"
                                     : parameter.style == Style::kPipeDelimited ? "%7C"
                                                                                : ",";
  out.push_back(name + "=" + Join(pieces, separator, false));
  return out;
}

// The declaration of a parameter, or what OpenAPI's defaults make of an undeclared one.
ApiParameter DeclarationOf(const ApiOperation& operation, const ParameterValue& value) {
  for (const ApiParameter& parameter : operation.parameters) {
    const bool same_name = parameter.in == ParameterIn::kHeader
                               ? EqualsIgnoreAsciiCase(parameter.name, value.name)
                               : parameter.name == value.name;
    if (same_name && parameter.in == value.in) return parameter;
  }
  ApiParameter out;
  out.name = value.name;
  out.in = value.in;
  const bool form = value.in == ParameterIn::kQuery || value.in == ParameterIn::kCookie;
  out.style = form ? Style::kForm : Style::kSimple;
  out.explode = form;
  return out;
}

Status AddHeader(const std::string& name, const std::string& value, OutgoingRequest* request) {
  const auto is_token = [](char c) {
    return std::isalnum(static_cast<uint8_t>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::ranges::all_of(name, is_token)) {
    return Invalid("the header name " + name + " is malformed");
  }
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
    return Invalid("the value of the header " + name + " has a line break");
  }
  request->headers.emplace_back(name, value);
  return Ok();
}

std::string_view EssenceOf(std::string_view media_type) {
  std::string_view essence = media_type.substr(0, media_type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  return essence;
}

// The URL standard's form encoding: a space is '+'.
std::string FormEncode(const std::string& text) {
  std::string out = PercentEncode(text);
  for (size_t at = out.find("%20"); at != out.npos; at = out.find("%20", at)) {
    out.replace(at, 3, "+");
  }
  return out;
}

std::vector<std::pair<std::string, const Value*>> FormFields(const Value& payload) {
  std::vector<std::pair<std::string, const Value*>> out;
  for (const Value::Member& member : payload.members()) {
    if (!member.second.IsArray()) {
      out.emplace_back(member.first, &member.second);
      continue;
    }
    for (const Value& item : member.second.items()) out.emplace_back(member.first, &item);
  }
  return out;
}

Result<std::optional<std::string>> BytesOf(const Value& value, const BinaryOf& binary) {
  if (!binary) return std::optional<std::string>();
  return binary(value);
}

Result<std::string> Multipart(const Value& payload, const BinaryOf& binary,
                              std::string* media_type) {
  // A boundary from the content: stable for a replay, and not to be found in what it separates.
  const std::string boundary =
      "tarn-" + HexEncode(crypto::Sha256(json::ToText(payload))).substr(0, 32);
  std::string out;
  for (const auto& [name, value] : FormFields(payload)) {
    std::string quoted;
    for (const char c : name) {
      quoted += c == '"' ? "%22" : c == '\r' ? "%0D" : c == '\n' ? "%0A" : std::string(1, c);
    }
    TRY(const std::optional<std::string> bytes, BytesOf(*value, binary));
    out += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + quoted + "\"";
    if (bytes.has_value()) {
      out += "; filename=\"" + quoted + "\"\r\nContent-Type: application/octet-stream\r\n";
    } else {
      out += value->IsObject() ? "\r\nContent-Type: application/json\r\n" : "\r\n";
    }
    out += "\r\n" + (bytes.has_value() ? *bytes : AsText(*value)) + "\r\n";
  }
  *media_type = "multipart/form-data; boundary=" + boundary;
  return out + "--" + boundary + "--\r\n";
}

}  // namespace

Result<OutgoingRequest> BuildRequest(const ApiOperation& operation, std::string_view server,
                                     const std::vector<ParameterValue>& parameters) {
  OutgoingRequest out;
  out.method = operation.method;
  std::string path = operation.path;
  std::string query;
  std::string cookies;
  for (const ParameterValue& value : parameters) {
    const ApiParameter declared = DeclarationOf(operation, value);
    Value written = value.value;
    if (declared.as_json) written = Value::String(json::ToText(value.value));
    if (value.in == ParameterIn::kPath) {
      const std::string hole = "{" + value.name + "}";
      const size_t at = path.find(hole);
      if (at == path.npos) return Invalid("the path " + operation.path + " has no " + hole);
      const std::string text = InPathOrHeader(declared, written);
      // A segment that is empty or made of dots would be another path.
      if (text.empty() || text == "." || text == "..") {
        return Invalid("the path parameter " + value.name + " must not be empty, '.' or '..'");
      }
      path.replace(at, hole.size(), text);
    } else if (value.in == ParameterIn::kQueryString) {
      query += (query.empty() ? "" : "&") + AsText(written);
    } else if (value.in == ParameterIn::kQuery) {
      for (const std::string& pair : InQuery(declared, written)) {
        query += (query.empty() ? "" : "&") + pair;
      }
    } else if (value.in == ParameterIn::kHeader) {
      TRY(AddHeader(value.name, InPathOrHeader(declared, written), &out));
    } else {
      for (const std::string& pair : InQuery(declared, written)) {
        cookies += (cookies.empty() ? "" : "; ") + pair;
      }
    }
  }
  if (!cookies.empty()) TRY(AddHeader("Cookie", cookies, &out));
  if (const size_t hole = path.find('{'); hole != path.npos) {
    return Invalid("the path parameter " + path.substr(hole, path.find('}', hole) - hole + 1) +
                   " of " + operation.path + " has no value");
  }
  if (!path.starts_with('/')) path.insert(path.begin(), '/');
  out.url = std::string(server) + path + (query.empty() ? "" : "?" + query);
  return out;
}

bool IsJsonType(std::string_view media_type) {
  const std::string essence = AsciiLower(EssenceOf(media_type));
  return essence == "application/json" || essence == "text/json" || essence.ends_with("+json") ||
         essence.starts_with("application/x-amz-json-");
}

bool IsXmlType(std::string_view media_type) {
  const std::string essence = AsciiLower(EssenceOf(media_type));
  return essence == "application/xml" || essence == "text/xml" || essence.ends_with("+xml");
}

bool IsTextType(std::string_view media_type) {
  const std::string essence = AsciiLower(EssenceOf(media_type));
  return essence.starts_with("text/") || essence == "application/x-www-form-urlencoded" ||
         essence == "application/x-ndjson" || essence == "application/yaml";
}

std::string DefaultRequestType(const ApiOperation& operation, const Value& payload) {
  const auto& types = operation.request_types;
  const auto json_type = std::ranges::find_if(types, IsJsonType);
  if (json_type != types.end()) return *json_type;
  // Ranges such as */* name no type.
  const auto exact =
      std::ranges::find_if(types, [](const std::string& t) { return t.find('*') == t.npos; });
  if (exact != types.end()) return *exact;
  return payload.IsString() ? "text/plain" : "application/json";
}

Result<std::string> EncodeBody(const Value& payload, bool is_text, std::string* media_type,
                               const BinaryOf& binary) {
  if (is_text) return AsText(payload);
  const std::string essence = AsciiLower(EssenceOf(*media_type));
  if (IsJsonType(*media_type)) return json::ToText(payload);
  const bool form = essence == "application/x-www-form-urlencoded";
  if (form || essence == "multipart/form-data") {
    if (payload.IsString()) return payload.AsString();
    if (!payload.IsObject()) return Invalid("a form's payload must be an object");
    if (!form) return Multipart(payload, binary, media_type);
    std::string out;
    for (const auto& [name, value] : FormFields(payload)) {
      out += (out.empty() ? "" : "&") + FormEncode(name) + "=" + FormEncode(AsText(*value));
    }
    return out;
  }
  if (IsXmlType(*media_type) && !payload.IsString()) {
    return Error{ErrorKind::kUnsupported, "an XML payload must be written as text"};
  }
  if (!IsXmlType(*media_type) && !IsTextType(*media_type)) {
    TRY(std::optional<std::string> bytes, BytesOf(payload, binary));
    if (bytes.has_value()) return std::move(*bytes);
  }
  return AsText(payload);
}

}  // namespace tarn::arazzo
