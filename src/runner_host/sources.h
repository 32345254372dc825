// Where the documents of a run come from: files beside the document, what --source names (a file,
// a folder indexed by operationId, an http(s) URL), http(s) URLs, and the copies that a run keeps.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/program.h"
#include "base/result.h"

namespace tarn::runner_host {

// A document as it was asked for and found. Together these are all that a resumed run reads.
struct KeptDocument {
  std::string name;
  std::string asked_url;
  arazzo::FetchedDocument found;
};

// An http(s) URL's bytes and the way back to them. Errors: as http::Client::Send; kNotFound.
using FetchUrl = std::function<Result<std::string>(const std::string& url)>;

struct SourceFlags {
  std::map<std::string, std::string> sources;  // Of --source: a file, a folder or a URL by name.
  std::map<std::string, std::string> servers;  // Of --server name=URL.
};

class SourceFetcher final : public arazzo::DocumentFetcher {
 public:
  // `root_text` is the document that is run: a folder is searched for what it uses.
  SourceFetcher(SourceFlags flags, std::string_view root_text, FetchUrl fetch_url);

  // Errors: kNotFound, kTooLarge, kUnavailable, kTimeout, kUnsupported (other schemes).
  Result<arazzo::FetchedDocument> Fetch(const std::string& name, const std::string& url) override;

  const std::vector<KeptDocument>& kept() const { return kept_; }
  // Names of flags that no document has asked for: misspelt, most likely.
  std::vector<std::string> UnusedNames() const;

 private:
  Result<arazzo::FetchedDocument> Find(const std::string& name, const std::string& url);
  Result<arazzo::FetchedDocument> ReadPath(const std::string& path);
  Result<arazzo::FetchedDocument> ReadFolder(const std::string& folder);

  SourceFlags flags_;
  FetchUrl fetch_url_;
  std::set<std::string> wanted_;  // operationIds of all Arazzo documents read so far.
  bool wants_paths_ = false;      // One of them uses operationPath.
  std::set<std::string> asked_;
  std::vector<KeptDocument> kept_;
};

// Answers from what a run has kept.
class KeptFetcher final : public arazzo::DocumentFetcher {
 public:
  explicit KeptFetcher(std::vector<KeptDocument> kept) : kept_(std::move(kept)) {}
  Result<arazzo::FetchedDocument> Fetch(const std::string& name, const std::string& url) override;

 private:
  std::vector<KeptDocument> kept_;
};

// A path as the URL that its document has: absolute, with %, # and ? escaped; and back. Nothing
// for URLs of other schemes than file.
std::string UrlOfPath(const std::string& path);
std::optional<std::string> PathOfUrl(const std::string& url);

// The operationIds that a text names, without their sources.
std::set<std::string> OperationIdsIn(std::string_view text);

}  // namespace tarn::runner_host
