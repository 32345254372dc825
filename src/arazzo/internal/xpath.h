// XPath 1.0 over libxml2, with the functions of later versions that documents use: matches,
// ends-with, lower-case, upper-case, exists, empty, abs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tarn::arazzo {

// The effective boolean value of `expression` with the document node of `xml` as context.
// Errors: kInvalid (no XML, a DTD, not an XPath expression), kTooLarge.
Result<bool> EvaluateXPath(std::string_view xml, const std::string& expression);

// Whether `expression` compiles. Errors: kInvalid.
Status CheckXPath(const std::string& expression);

// `xml` with the text of each selected element, attribute or text node replaced.
// Errors: as EvaluateXPath; kNotFound when nothing is selected.
Result<std::string> ReplaceAtXPath(std::string_view xml, const std::string& expression,
                                   const std::string& replacement);

}  // namespace tarn::arazzo
