// XPath 1.0 over libxml2, complete, with those functions of XPath 3.1 that documents use and whose
// values 1.0 has: see kLaterFunctions. Functions may have the prefix `fn:`; other prefixes are
// those that the XML declares. What else 2.0 and later have (if, for, sequences, eq, ||) is an
// error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

inline constexpr std::string_view kLaterFunctions =
    "abs, avg, compare, contains-token, empty, ends-with, exists, lower-case, matches, max, min, "
    "replace, string-join, upper-case";

// The effective boolean value of `expression` with the document node of `xml` as context.
// Errors: kInvalid (no XML, a DTD, not an XPath expression), kTooLarge.
Result<bool> EvaluateXPath(std::string_view xml, const std::string& expression);

// What `expression` selects: the text of one node, an array of the texts of several, nothing for
// none; a number, text or truth for what is one. Errors: as EvaluateXPath; kInvalid for NaN.
Result<std::optional<json::Value>> SelectXPath(std::string_view xml, const std::string& expression);

// Whether `expression` compiles and calls known functions only. Errors: kInvalid, kTooLarge.
Status CheckXPath(const std::string& expression);

// `xml` with the text of each selected element, attribute or text node replaced; of nodes inside
// each other the outermost. Errors: as EvaluateXPath; kNotFound when nothing is selected.
Result<std::string> ReplaceAtXPath(std::string_view xml, const std::string& expression,
                                   const std::string& replacement);

}  // namespace tarn::arazzo
