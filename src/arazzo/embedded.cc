// The assembler copies the files, so that no tool has to turn them into C++ first. A zero byte
// ends each; it is not part of the text.
#include "arazzo/embedded.h"

#include <algorithm>
#include <array>
#include <cstddef>

// NOLINTBEGIN(hicpp-no-assembler): there is no other way to include bytes in C++20.
#define TARN_EMBED(symbol, file)             \
  asm(".section .rodata\n"                   \
      ".balign 16\n"                         \
      ".global " #symbol "\n" #symbol        \
      ":\n"                                  \
      ".incbin \"" TARN_OPENAPI_DIR "/" file \
      "\"\n"                                 \
      ".global " #symbol "_end\n" #symbol    \
      "_end:\n"                              \
      ".byte 0\n"                            \
      ".previous\n");                        \
  extern "C" const char symbol[];            \
  extern "C" const char symbol##_end[]

TARN_EMBED(tarn_openapi_healthlake, "amazon-healthlake-openapi.yaml");
TARN_EMBED(tarn_openapi_healthimaging, "amazon-healthimaging-openapi.yaml");
// NOLINTEND(hicpp-no-assembler)

namespace tarn::arazzo {
namespace {

std::string_view Text(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::span<const EmbeddedDescription> EmbeddedDescriptions() {
  static const std::array<EmbeddedDescription, 2> kDescriptions = {
      {{"amazon-healthlake-openapi.yaml",
        Text(tarn_openapi_healthlake, tarn_openapi_healthlake_end)},
       {"amazon-healthimaging-openapi.yaml",
        Text(tarn_openapi_healthimaging, tarn_openapi_healthimaging_end)}}};
  return kDescriptions;
}

const EmbeddedDescription* FindEmbeddedDescription(std::string_view url) {
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto all = EmbeddedDescriptions();
  const auto found = std::ranges::find(all, name, &EmbeddedDescription::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace tarn::arazzo
