#include "arazzo/openapi.h"

#include <algorithm>
#include <array>

#include "arazzo/internal/text.h"
#include "arazzo/internal/uri_reference.h"
#include "arazzo/limits.h"
#include "arazzo/names.h"
#include "base/uri.h"

namespace tarn::arazzo {
namespace {

using Style = ApiParameter::Style;

std::string TextOf(const YamlNode& node, std::string_view field) {
  const YamlNode* value = node.Find(field);
  return value != nullptr && value->IsString() ? value->text() : std::string();
}

std::optional<bool> BoolOf(const YamlNode& node, std::string_view field) {
  const YamlNode* value = node.Find(field);
  if (value == nullptr || !value->scalar.IsBool()) return std::nullopt;
  return value->scalar.AsBool();
}

class Reader {
 public:
  Reader(const YamlNode& root, std::string_view url) : root_(root), url_(url) {}

  Result<std::vector<ApiOperation>> Run() {
    if (ClassifyDocument(root_) != Source::Type::kOpenApi) {
      return Invalid(At(root_) + "not an OpenAPI 3 document");
    }
    const std::string version = TextOf(root_, "openapi");
    if (!version.starts_with("3.0") && !version.starts_with("3.1")) {
      return Invalid(At(root_) + "OpenAPI 3.0 and 3.1 are known; this says " + version);
    }
    const YamlNode* paths = root_.Find("paths");
    if (paths == nullptr) return std::move(operations_);
    if (!paths->IsObject()) return Invalid(At(*paths) + "paths must be an object");
    for (const YamlMember& path : paths->members) {
      if (path.key.starts_with("x-")) continue;
      TRY(ReadPath(path));
    }
    return std::move(operations_);
  }

 private:
  static std::string At(const YamlNode& node) {
    return std::to_string(node.place.line) + ":" + std::to_string(node.place.column) + ": ";
  }

  // Follows `$ref` inside the document. nullptr with *problem when it cannot be followed.
  const YamlNode* Follow(const YamlNode& node, std::string* problem) const {
    const YamlNode* at = &node;
    std::string way;
    for (uint32_t hops = 0; hops <= kReferenceHopsMax; ++hops) {
      const YamlNode* reference = at->Find("$ref");
      if (reference == nullptr) return at;
      if (!reference->IsString() || !reference->text().starts_with('#')) {
        *problem = At(*at) + "the reference leads to another document, which is not followed";
        return nullptr;
      }
      // A circle is told when it closes, with its members.
      if (const size_t before = way.find(reference->text() + " -> "); before != way.npos) {
        *problem =
            At(node) + "the reference runs in a circle: " + way.substr(before) + reference->text();
        return nullptr;
      }
      way += reference->text() + " -> ";
      const auto pointer = PercentDecode(std::string_view(reference->text()).substr(1));
      at = pointer.ok() ? root_.At(pointer.value()) : nullptr;
      if (at == nullptr) {
        *problem = At(*reference) + "the reference " + reference->text() + " leads nowhere";
        return nullptr;
      }
    }
    *problem = At(node) + "more than " + std::to_string(kReferenceHopsMax) +
               " references follow one another";
    return nullptr;
  }

  Status ReadPath(const YamlMember& path) {
    static constexpr std::array<std::string_view, 8> kMethods = {
        "get", "put", "post", "delete", "options", "head", "patch", "trace"};
    std::string problem;
    const YamlNode* item = Follow(path.value, &problem);
    if (item == nullptr) return Ok();  // Its operations are unknown, and so unusable.
    for (const std::string_view method : kMethods) {
      const YamlNode* node = item->Find(method);
      if (node == nullptr) continue;
      if (operations_.size() >= kOperationsMax) {
        return Error{ErrorKind::kTooLarge, At(*node) + "a description may have " +
                                               std::to_string(kOperationsMax) + " operations"};
      }
      ApiOperation operation;
      operation.place = node->place;
      operation.id = TextOf(*node, "operationId");
      operation.method = method;
      for (char& c : operation.method) c = static_cast<char>(c - 32);
      operation.path_key = path.key;
      operation.path = path.key.substr(0, path.key.find('#'));
      ReadParameters(*item, &operation);
      ReadParameters(*node, &operation);
      ReadBody(*node, &operation);
      ReadServers(*item, *node, &operation);
      ReadSecurity(*node, &operation);
      operations_.push_back(std::move(operation));
    }
    return Ok();
  }

  // Called for the path and then for the operation, whose parameters replace the path's.
  void ReadParameters(const YamlNode& owner, ApiOperation* operation) const {
    const YamlNode* list = owner.Find("parameters");
    if (list == nullptr) return;
    for (const YamlNode& item : list->items) {
      const YamlNode* node = Follow(item, &operation->problem);
      if (node == nullptr) continue;
      auto parameter = ReadParameter(*node);
      if (!parameter.has_value()) continue;
      std::erase_if(operation->parameters, [&](const ApiParameter& other) {
        return other.name == parameter->name && other.in == parameter->in;
      });
      operation->parameters.push_back(std::move(*parameter));
    }
  }

  static std::optional<ApiParameter> ReadParameter(const YamlNode& node) {
    struct In {
      std::string_view text;
      ParameterIn in;
      Style style;
    };
    static constexpr In kIns[] = {{"path", ParameterIn::kPath, Style::kSimple},
                                  {"query", ParameterIn::kQuery, Style::kForm},
                                  {"header", ParameterIn::kHeader, Style::kSimple},
                                  {"cookie", ParameterIn::kCookie, Style::kForm}};
    struct Name {
      std::string_view text;
      Style style;
    };
    static constexpr Name kStyles[] = {{"simple", Style::kSimple},
                                       {"label", Style::kLabel},
                                       {"matrix", Style::kMatrix},
                                       {"form", Style::kForm},
                                       {"spaceDelimited", Style::kSpaceDelimited},
                                       {"pipeDelimited", Style::kPipeDelimited},
                                       {"deepObject", Style::kDeepObject}};
    const std::string in = TextOf(node, "in");
    const auto* row = std::ranges::find(kIns, std::string_view(in), &In::text);
    if (row == std::end(kIns)) return std::nullopt;
    ApiParameter out;
    out.name = TextOf(node, "name");
    out.in = row->in;
    out.style = row->style;
    const std::string style = TextOf(node, "style");
    const auto* named = std::ranges::find(kStyles, std::string_view(style), &Name::text);
    if (named != std::end(kStyles)) out.style = named->style;
    out.explode = BoolOf(node, "explode").value_or(out.style == Style::kForm);
    out.required = BoolOf(node, "required").value_or(false);
    out.allow_reserved = BoolOf(node, "allowReserved").value_or(false);
    out.as_json = node.Find("schema") == nullptr && node.Find("content") != nullptr;
    return out;
  }

  void ReadBody(const YamlNode& node, ApiOperation* operation) const {
    const YamlNode* body = node.Find("requestBody");
    if (body == nullptr) return;
    body = Follow(*body, &operation->problem);
    if (body != nullptr) operation->body_required = BoolOf(*body, "required").value_or(false);
    const YamlNode* content = body == nullptr ? nullptr : body->Find("content");
    if (content == nullptr) return;
    for (const YamlMember& type : content->members) operation->request_types.push_back(type.key);
  }

  // The operation's servers replace the path's, those the document's.
  void ReadServers(const YamlNode& item, const YamlNode& node, ApiOperation* operation) const {
    for (const YamlNode* owner : {&node, &item, &root_}) {
      const YamlNode* list = owner->Find("servers");
      if (list == nullptr || list->items.empty()) continue;
      for (const YamlNode& server : list->items) operation->servers.push_back(ReadServer(server));
      return;
    }
    operation->servers.push_back({ResolveUri(url_, "/"), {}});
  }

  ApiServer ReadServer(const YamlNode& node) const {
    ApiServer out;
    out.url = TextOf(node, "url");
    // A relative server belongs to where the description came from. Variables in braces are no
    // URI characters but survive resolution, which looks at slashes only.
    if (out.url.find("://") == out.url.npos && !out.url.starts_with('{')) {
      out.url = ResolveUri(url_, out.url);
    }
    const YamlNode* variables = node.Find("variables");
    if (variables == nullptr) return out;
    for (const YamlMember& member : variables->members) {
      ApiServer::Variable variable;
      variable.name = member.key;
      variable.fallback = TextOf(member.value, "default");
      if (const YamlNode* allowed = member.value.Find("enum")) {
        for (const YamlNode& choice : allowed->items) {
          if (choice.IsString()) variable.allowed.push_back(choice.text());
        }
      }
      out.variables.push_back(std::move(variable));
    }
    return out;
  }

  void ReadSecurity(const YamlNode& node, ApiOperation* operation) const {
    const YamlNode* requirements = node.Find("security");
    if (requirements == nullptr) requirements = root_.Find("security");
    if (requirements == nullptr) return;
    for (const YamlNode& requirement : requirements->items) {
      std::vector<ApiCredential> together;
      for (const YamlMember& scheme : requirement.members) {
        together.push_back(ReadScheme(scheme.key, operation));
      }
      operation->security.push_back(std::move(together));
    }
  }

  // AWS descriptions say `apiKey` in the Authorization header, and mean SigV4 by an extension.
  ApiCredential ReadScheme(const std::string& name, ApiOperation* operation) const {
    ApiCredential out;
    out.scheme = name;
    const YamlNode* components = root_.Find("components");
    const YamlNode* schemes = components == nullptr ? nullptr : components->Find("securitySchemes");
    const YamlNode* scheme = schemes == nullptr ? nullptr : schemes->Find(name);
    if (scheme == nullptr || TextOf(*scheme, "x-amazon-apigateway-authtype") != "awsSigv4") {
      operation->other_security.push_back(name);
      if (scheme != nullptr) ReadCredential(*scheme, &out);
      return out;
    }
    operation->sigv4 = true;
    operation->signing_name = TextOf(*scheme, "x-aws-signingName");
    const YamlNode* info = root_.Find("info");
    for (const std::string_view field : {"x-aws-signingName", "x-serviceName"}) {
      if (operation->signing_name.empty() && info != nullptr) {
        operation->signing_name = TextOf(*info, field);
      }
    }
    return out;
  }

  static void ReadCredential(const YamlNode& scheme, ApiCredential* out) {
    const std::string type = TextOf(scheme, "type");
    if (type == "apiKey") {
      const std::string in = TextOf(scheme, "in");
      out->in = in == "query"    ? ParameterIn::kQuery
                : in == "cookie" ? ParameterIn::kCookie
                                 : ParameterIn::kHeader;
      out->name = TextOf(scheme, "name");
    } else if (type == "http" || type == "oauth2" || type == "openIdConnect") {
      out->name = "Authorization";
    }
  }

  const YamlNode& root_;
  std::string url_;
  std::vector<ApiOperation> operations_;
};

}  // namespace

Source::Type ClassifyDocument(const YamlNode& root) {
  if (root.Find("openapi") != nullptr) return Source::Type::kOpenApi;
  if (root.Find("arazzo") != nullptr) return Source::Type::kArazzo;
  if (root.Find("asyncapi") != nullptr) return Source::Type::kAsyncApi;
  return Source::Type::kUnknown;
}

Result<OpenApi> OpenApi::Parse(std::string_view text, std::string_view url) {
  TRY(const YamlNode root, ParseYaml(text));
  OpenApi out;
  out.url_ = url;
  TRY(out.operations_, Reader(root, url).Run());
  return out;
}

void OpenApi::Add(OpenApi other) {
  for (ApiOperation& operation : other.operations_) {
    const auto same = std::ranges::find(operations_, operation.id, &ApiOperation::id);
    if (!operation.id.empty() && same != operations_.end()) {
      same->problem = "both " + url_ + " and " + other.url_ + " have it";
    }
    operations_.push_back(std::move(operation));
  }
}

void OpenApi::UseServer(const std::string& url) {
  for (ApiOperation& operation : operations_) operation.servers.assign(1, ApiServer{url, {}});
}

const ApiOperation* OpenApi::FindById(std::string_view id) const {
  const auto found = std::ranges::find(operations_, id, &ApiOperation::id);
  return id.empty() || found == operations_.end() ? nullptr : &*found;
}

const ApiOperation* OpenApi::FindByPath(std::string_view path_key, std::string_view method) const {
  for (const ApiOperation& operation : operations_) {
    if (operation.path_key == path_key && EqualsIgnoreAsciiCase(operation.method, method)) {
      return &operation;
    }
  }
  return nullptr;
}

std::string OpenApi::NearestIds(std::string_view id) const {
  std::vector<std::string> names;
  for (const ApiOperation& operation : operations_) names.push_back(operation.id);
  return NearestNames(id, names);
}

Result<std::string> ChooseServer(const std::vector<ApiServer>& servers,
                                 const std::map<std::string, std::string>& values) {
  if (servers.empty()) return Invalid("the description names no server: give --server");
  const auto secure = std::ranges::find_if(
      servers, [](const ApiServer& server) { return server.url.starts_with("https://"); });
  const ApiServer& server = secure == servers.end() ? servers[0] : *secure;
  std::string url = server.url;
  for (const ApiServer::Variable& variable : server.variables) {
    const auto given = values.find(variable.name);
    const std::string& value = given == values.end() ? variable.fallback : given->second;
    if (!variable.allowed.empty() &&
        std::ranges::find(variable.allowed, value) == variable.allowed.end()) {
      return Invalid("the server variable " + variable.name + " may not be " + value +
                     NearestNames(value, variable.allowed));
    }
    const std::string hole = "{" + variable.name + "}";
    for (size_t at = url.find(hole); at != url.npos; at = url.find(hole, at + value.size())) {
      url.replace(at, hole.size(), value);
    }
  }
  while (url.ends_with('/')) url.pop_back();
  // Read from a file, or built in: a server beside it is no server.
  if (url.find("://") == url.npos) {
    return Error{ErrorKind::kNotFound, "the description names no host: give --server"};
  }
  const auto parsed = ParseUrl(url);
  if (!parsed.ok()) {
    return Invalid("the server " + url + " is no absolute http or https URL: give --server");
  }
  return url;
}

}  // namespace tarn::arazzo
