// Result<T>: a value or an Error. Expected failures are values; bugs CHECK; nothing of ours throws.
//
// `TRY` unwraps a Result or returns its Error from the calling function:
//
//   Result<Page> ParsePage(std::string_view text) {
//     TRY(uint32_t count, ParseCount(text));
//     TRY(CheckBounds(count));  // A Status: nothing to name.
//     return Page{count};
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace tarn {

// What went wrong, in the terms that every surface maps to its own wire form. The set is closed:
// each surface owns one total table over it. Numbers may be stored: never renumber.
enum class ErrorKind : uint8_t {
  kInvalid = 0,             // The input breaks a rule; the caller must change it.
  kUnauthenticated = 1,     // Who calls is unknown.
  kForbidden = 2,           // Who calls is known and may not.
  kNotFound = 3,            // It never existed, or is not visible.
  kGone = 4,                // It existed and was deleted.
  kConflict = 5,            // The present state does not allow it.
  kPreconditionFailed = 6,  // A condition that the caller stated does not hold (If-Match).
  kTooLarge = 7,            // A limit was passed; the detail names it.
  kUnsupported = 8,         // Understood, and not built or not allowed here.
  kBusy = 9,                // A bounded queue is full; try again later.
  kUnavailable = 10,        // Something outside us failed (network, disk full); try again later.
  kTimeout = 11,            // A deadline passed.
  kCorrupt = 12,            // Stored bytes fail their check.
  kInternal = 13,           // A fault of ours.
};
inline constexpr int kErrorKindCount = 14;

// The kind's name in lower case, for logs and tests ("not-found").
std::string_view ErrorKindName(ErrorKind kind);

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string detail;  // For people: what, where and what to do. Never patient data.
};

struct Unit {};  // The value of a Result that has none.

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }

  // The value; only when ok().
  const T& value() const& {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T& value() & {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  // By value: what a temporary result holds may be looped over, or bound to a reference.
  T value() && {
    CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }

  // The error; only when !ok().
  const Error& error() const& {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Error error() && {
    CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

// A Result without a value.
using Status = Result<Unit>;
inline Status Ok() { return Unit{}; }

inline Error Invalid(std::string detail) { return {ErrorKind::kInvalid, std::move(detail)}; }
inline Error NotFound(std::string detail) { return {ErrorKind::kNotFound, std::move(detail)}; }
inline Error Internal(std::string detail) { return {ErrorKind::kInternal, std::move(detail)}; }

// The error of a failed system call: "<what>: <strerror>". ENOENT is kNotFound, EACCES and EPERM
// kForbidden, EEXIST kConflict, everything else (ENOSPC among it) kUnavailable.
Error ErrnoError(std::string_view what, int error_number);

}  // namespace tarn

#define TARN_CONCAT_INNER(a, b) a##b
#define TARN_CONCAT(a, b) TARN_CONCAT_INNER(a, b)

#define TARN_TRY_1(expression)                                            \
  do {                                                                    \
    auto&& tarn_try_result = (expression);                                \
    if (!tarn_try_result.ok()) return std::move(tarn_try_result).error(); \
  } while (false)

#define TARN_TRY_2_INNER(name, declaration, ...)  \
  auto&& name = (__VA_ARGS__);                    \
  if (!name.ok()) return std::move(name).error(); \
  declaration = std::move(name).value()
#define TARN_TRY_2(declaration, ...) \
  TARN_TRY_2_INNER(TARN_CONCAT(tarn_try_, __LINE__), declaration, __VA_ARGS__)

#define TARN_TRY_PICK(_1, _2, _3, _4, _5, _6, _7, _8, name, ...) name
#define TRY(...)                                                                         \
  TARN_TRY_PICK(__VA_ARGS__, TARN_TRY_2, TARN_TRY_2, TARN_TRY_2, TARN_TRY_2, TARN_TRY_2, \
                TARN_TRY_2, TARN_TRY_2, TARN_TRY_1, 0)                                   \
  (__VA_ARGS__)
