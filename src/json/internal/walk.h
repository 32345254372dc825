// One pass over the structural index that simdjson's first stage made of a text, building nodes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/document.h"

namespace tarn::json::internal {

struct WalkFault {
  size_t offset = 0;
  std::string_view what;  // Empty: the text is valid. Static storage.
};

// Buffers that live from text to text.
struct WalkBuffers {
  struct Frame {
    uint32_t node = 0;
    uint32_t members = 0;
    uint64_t names_seen = 0;  // A bit per hash of a member name: a clear bit proves it new.
    bool is_object = false;
    bool escaped_names = false;
  };
  struct Name {
    uint64_t hash = 0;
    std::string_view name;
    uint32_t node = 0;
  };
  std::vector<Node> nodes;
  std::vector<Frame> frames;
  std::vector<Name> names;
  std::string unescaped;
};

// `index` holds the offset of every structural character and every scalar's first byte, ascending,
// then text.size() once more; `count` does not count that. simdjson's first stage guarantees that
// the text is UTF-8, that every string ends and holds no control character, and that whatever
// follows white space or one of ,:[]{}" outside strings is in the index.
WalkFault Walk(std::string_view text, const uint32_t* index, uint32_t count, const Limits& limits,
               WalkBuffers* buffers);

}  // namespace tarn::json::internal
