#include "runner_host/sources.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "arazzo/limits.h"
#include "base/file.h"
#include "base/uri.h"
#include "runner_host/limits.h"

namespace tarn::runner_host {
namespace {

using arazzo::FetchedDocument;

bool IsHttp(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

// Letters that may go on an identifier, so that `Get` is not found inside `GetDatastore`.
bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool NamesWord(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !IsNameChar(text[at - 1]);
    if (begins && (end == text.size() || !IsNameChar(text[end]))) return true;
  }
  return false;
}

// By its text: parsing every file of a large folder would take seconds.
bool LooksLikeOpenApi(std::string_view text) {
  return text.starts_with("openapi:") || text.find("\nopenapi:") != text.npos ||
         text.find("\"openapi\"") != text.npos;
}

bool HasDocumentName(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

// In the order of their names, so that a folder gives the same on every machine.
Result<std::vector<std::string>> DocumentsBelow(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file(error) || !HasDocumentName(at->path())) continue;
    if (out.size() == kFolderFilesMax) {
      return Error{ErrorKind::kTooLarge,
                   folder + ": more than " + std::to_string(kFolderFilesMax) + " files"};
    }
    out.push_back(at->path().string());
  }
  if (error) return Error{ErrorKind::kUnavailable, folder + ": " + error.message()};
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::string UrlOfPath(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::string text =
      (error ? std::filesystem::path(path) : absolute).lexically_normal().string();
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '#' || c == '?') {
      out += PercentEncode(std::string_view(&c, 1));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::optional<std::string> PathOfUrl(const std::string& url) {
  std::string_view rest = url;
  if (rest.starts_with("file://")) {
    rest.remove_prefix(7);
    if (rest.starts_with("localhost/")) rest.remove_prefix(9);
  } else if (rest.find("://") != rest.npos) {
    return std::nullopt;
  }
  auto path = PercentDecode(rest.substr(0, rest.find('#')));
  if (!path.ok() || path.value().find('\0') != std::string::npos) return std::nullopt;
  return std::move(path).value();
}

std::set<std::string> OperationIdsIn(std::string_view text) {
  constexpr std::string_view kField = "operationId";
  constexpr std::string_view kSources = "$sourceDescriptions.";
  std::set<std::string> out;
  for (size_t at = text.find(kField); at != text.npos; at = text.find(kField, at + 1)) {
    const size_t begin = text.find_first_not_of("\"' \t:", at + kField.size());
    if (begin == text.npos) break;
    const size_t end = std::min(text.find_first_of("\"' \t\r\n,}", begin), text.size());
    std::string_view id = text.substr(begin, end - begin);
    if (id.starts_with(kSources)) {
      const size_t dot = id.find('.', kSources.size());
      id = dot == id.npos ? std::string_view() : id.substr(dot + 1);
    }
    if (!id.empty()) out.emplace(id);
  }
  return out;
}

SourceFetcher::SourceFetcher(SourceFlags flags, std::string_view root_text, FetchUrl fetch_url)
    : flags_(std::move(flags)),
      fetch_url_(std::move(fetch_url)),
      wanted_(OperationIdsIn(root_text)),
      wants_paths_(root_text.find("operationPath") != root_text.npos) {}

Result<FetchedDocument> SourceFetcher::Fetch(const std::string& name, const std::string& url) {
  asked_.insert(name);
  TRY(FetchedDocument found, Find(name, url));
  const auto server = flags_.servers.find(name);
  if (server != flags_.servers.end()) found.server = server->second;
  // Another Arazzo document may use operations of a folder that comes after it.
  wanted_.merge(OperationIdsIn(found.bytes));
  wants_paths_ = wants_paths_ || found.bytes.find("operationPath") != std::string::npos;
  kept_.push_back({name, url, found});
  return found;
}

Result<FetchedDocument> SourceFetcher::Find(const std::string& name, const std::string& url) {
  const auto flag = flags_.sources.find(name);
  const std::string place = flag == flags_.sources.end() ? url : flag->second;
  if (IsHttp(place)) {
    TRY(std::string bytes, fetch_url_(place));
    return FetchedDocument{place, std::move(bytes)};
  }
  // A flag's path is the user's own; a document's is a URL.
  const std::optional<std::string> path =
      flag == flags_.sources.end() ? PathOfUrl(place) : std::optional<std::string>(place);
  if (!path.has_value()) {
    return Error{ErrorKind::kUnsupported, place + ": only files, http and https are read"};
  }
  auto found = ReadPath(*path);
  if (found.ok() || flag != flags_.sources.end()) return found;
  return Error{found.error().kind, found.error().detail + "; if it is elsewhere, give --source " +
                                       name + "=PATH-OR-FOLDER"};
}

Result<FetchedDocument> SourceFetcher::ReadPath(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ReadFolder(path);
  TRY(std::string bytes, ReadFile(path, arazzo::kYamlBytesMax));
  return FetchedDocument{UrlOfPath(path), std::move(bytes)};
}

// The files of a folder that hold an operation which is used; several act as one description.
Result<FetchedDocument> SourceFetcher::ReadFolder(const std::string& folder) {
  std::vector<FetchedDocument> matches;
  TRY(const std::vector<std::string> paths, DocumentsBelow(folder));
  for (const std::string& path : paths) {
    auto bytes = ReadFile(path, arazzo::kYamlBytesMax);
    if (!bytes.ok() || !LooksLikeOpenApi(bytes.value())) continue;
    const bool matching = wants_paths_ || std::ranges::any_of(wanted_, [&](const std::string& id) {
                            return NamesWord(bytes.value(), id);
                          });
    if (!matching) continue;
    if (matches.size() == kFolderMatchesMax) {
      return Error{ErrorKind::kTooLarge, folder + ": more than " +
                                             std::to_string(kFolderMatchesMax) +
                                             " files have operations of these names; name one"};
    }
    matches.push_back({UrlOfPath(path), std::move(bytes).value()});
  }
  if (matches.empty()) {
    std::string names;
    for (const std::string& id : wanted_) names += (names.empty() ? "" : ", ") + id;
    return NotFound("no OpenAPI file below " + folder + " has any of " + names);
  }
  FetchedDocument out = std::move(matches.front());
  out.others.assign(std::make_move_iterator(matches.begin() + 1),
                    std::make_move_iterator(matches.end()));
  return out;
}

std::vector<std::string> SourceFetcher::UnusedNames() const {
  std::vector<std::string> out;
  for (const auto* flags : {&flags_.sources, &flags_.servers}) {
    for (const auto& [name, value] : *flags) {
      if (!asked_.contains(name)) out.push_back(name);
    }
  }
  return out;
}

Result<FetchedDocument> KeptFetcher::Fetch(const std::string& name, const std::string& url) {
  for (const KeptDocument& document : kept_) {
    if (document.name == name && document.asked_url == url) return document.found;
  }
  return NotFound("the run has kept no document " + name + " (" + url + ")");
}

}  // namespace tarn::runner_host
