// Our OpenAPI descriptions (openapi/ in the source tree), carried inside the program: served by
// `tarn serve`, and read in place of a source of the same file name that cannot be found.
#pragma once

#include <span>
#include <string_view>

namespace tarn::arazzo {

struct EmbeddedDescription {
  std::string_view name;  // "amazon-healthlake-openapi.yaml"
  std::string_view text;
};

std::span<const EmbeddedDescription> EmbeddedDescriptions();

// By the last part of a URL or path; nullptr when there is none of that name. The URL under which
// it is loaded is "embedded:/<name>".
const EmbeddedDescription* FindEmbeddedDescription(std::string_view url);

}  // namespace tarn::arazzo
