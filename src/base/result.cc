#include "base/result.h"

#include <array>
#include <cerrno>
#include <system_error>

namespace tarn {

std::string_view ErrorKindName(ErrorKind kind) {
  static constexpr std::array<std::string_view, kErrorKindCount> kNames = {"invalid",
                                                                           "unauthenticated",
                                                                           "forbidden",
                                                                           "not-found",
                                                                           "gone",
                                                                           "conflict",
                                                                           "precondition-failed",
                                                                           "too-large",
                                                                           "unsupported",
                                                                           "busy",
                                                                           "unavailable",
                                                                           "timeout",
                                                                           "corrupt",
                                                                           "internal"};
  const auto index = static_cast<size_t>(kind);
  CHECK(index < kNames.size());
  return kNames[index];
}

Error ErrnoError(std::string_view what, int error_number) {
  ErrorKind kind = ErrorKind::kUnavailable;
  if (error_number == ENOENT || error_number == ENOTDIR) kind = ErrorKind::kNotFound;
  if (error_number == EACCES || error_number == EPERM) kind = ErrorKind::kForbidden;
  if (error_number == EEXIST) kind = ErrorKind::kConflict;
  return {kind, std::string(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace tarn
