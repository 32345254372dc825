// What a run needs of an OpenAPI description (3.0 and 3.1): operations by id and by path, how
// their parameters are written, servers, and whether requests are signed.
//
// References inside the document are followed; references to other documents are errors of the
// operations that use them. A path key may carry a `#...` suffix that tells operations on one path
// apart (`/#X-Amz-Target=A.B`); it is never sent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arazzo/document.h"
#include "arazzo/expression.h"
#include "arazzo/yaml.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct ApiParameter {
  enum class Style : uint8_t {
    kSimple,
    kLabel,
    kMatrix,
    kForm,
    kSpaceDelimited,
    kPipeDelimited,
    kDeepObject
  };
  std::string name;
  ParameterIn in = ParameterIn::kQuery;
  Style style = Style::kForm;
  bool explode = true;
  bool required = false;
  bool allow_reserved = false;
  bool as_json = false;  // Described by `content` rather than by `schema`.
};

struct ApiServer {
  struct Variable {
    std::string name;
    std::string fallback;              // `default`
    std::vector<std::string> allowed;  // `enum`; empty: anything.
  };
  std::string url;  // Absolute once resolved against the description's own URL; with {variables}.
  std::vector<Variable> variables;
};

// Where a security scheme wants its credentials.
struct ApiCredential {
  std::string scheme;  // As the description names it.
  ParameterIn in = ParameterIn::kHeader;
  std::string name;  // Of the header, query parameter or cookie; empty: not known.
};

struct ApiOperation {
  std::string id;      // Empty when the description gives none.
  std::string method;  // "POST"
  std::string path;    // "/datastore/{id}", without the key's suffix.
  std::string path_key;
  std::vector<ApiParameter> parameters;
  std::vector<std::string> request_types;  // Media types of the request body.
  bool body_required = false;
  std::vector<ApiServer> servers;
  bool sigv4 = false;                       // Signed with AWS Signature Version 4,
  std::string signing_name;                 // for this service.
  std::vector<std::string> other_security;  // Names of schemes that are not SigV4.
  // Alternatives, each a set of schemes that are wanted together; empty: no security.
  std::vector<std::vector<ApiCredential>> security;
  std::string problem;  // Not empty: why the operation cannot be used.
  Place place;
};

class OpenApi {
 public:
  // `url` is where the text came from. Errors: kInvalid and kTooLarge, "line:column: ..." first.
  static Result<OpenApi> Parse(std::string_view text, std::string_view url);

  // Takes the operations of another description in. An id that both have is a problem of the
  // operation, said when it is used.
  void Add(OpenApi other);
  // Replaces the servers of every operation.
  void UseServer(const std::string& url);

  const std::string& url() const { return url_; }
  const std::vector<ApiOperation>& operations() const { return operations_; }
  // nullptr when there is none.
  const ApiOperation* FindById(std::string_view id) const;
  // By the key as it stands under `paths` and the method in lower case.
  const ApiOperation* FindByPath(std::string_view path_key, std::string_view method) const;
  // "; nearest: ..." for messages.
  std::string NearestIds(std::string_view id) const;

 private:
  std::string url_;
  std::vector<ApiOperation> operations_;
};

// Whether `text` is an OpenAPI, an Arazzo or another document.
Source::Type ClassifyDocument(const YamlNode& root);

// The server to use: https before http, else the first; variables from `values`, else their
// defaults. Errors: kNotFound (the server is a path: it names no host), kInvalid (no server, a
// value that is not allowed, no absolute http(s) URL).
Result<std::string> ChooseServer(const std::vector<ApiServer>& servers,
                                 const std::map<std::string, std::string>& values);

struct ParameterValue {
  std::string name;
  ParameterIn in = ParameterIn::kQuery;
  json::Value value;
};

struct OutgoingRequest {
  std::string method;
  std::string url;
  Fields headers;
  std::string body;
  bool has_body = false;
};

// The request line and headers: parameters written in the style that the operation declares for
// them. The caller adds the body. Errors: kInvalid (a path parameter without a value, a header
// value with a line break, a value that the style cannot carry).
Result<OutgoingRequest> BuildRequest(const ApiOperation& operation, std::string_view server,
                                     const std::vector<ParameterValue>& parameters);

bool IsJsonType(std::string_view media_type);  // application/json, +json, application/x-amz-json-*
bool IsXmlType(std::string_view media_type);
bool IsTextType(std::string_view media_type);

// The media type to send when the step names none: JSON when offered, else the first.
std::string DefaultRequestType(const ApiOperation& operation, const json::Value& payload);

// The bytes behind a value that stands for binary content, or nothing when it is no such value.
using BinaryOf = std::function<Result<std::optional<std::string>>(const json::Value&)>;

// A payload as bytes of that media type; for multipart/form-data *media_type gets its boundary.
// `is_text`: the payload is a text of the document rather than a value, and is sent as it stands.
// `binary`: turns references to binary content into it, where the media type can hold bytes: parts
// of multipart/form-data, and whatever is neither JSON nor XML nor text. May be empty.
// Errors: kInvalid, kUnsupported, those of `binary`.
Result<std::string> EncodeBody(const json::Value& payload, bool is_text, std::string* media_type,
                               const BinaryOf& binary = {});

}  // namespace tarn::arazzo
