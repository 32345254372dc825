// A JSON text laid out for people: two spaces a level, one member or item a line.
#pragma once

#include <string>
#include <string_view>

namespace tarn::json {

// `text` must be one JSON value, as a Parser accepts it or a Writer makes it. Only white space
// outside strings changes: numbers, escapes and the order of members stay as they were written.
// Ends with a line break.
std::string Pretty(std::string_view text);

}  // namespace tarn::json
