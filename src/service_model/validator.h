// Checks JSON values against the service model, in the words that AWS uses.
// Threads: immutable after construction; every method may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "service_model/model.h"

namespace re2 {
class RE2;
}

namespace tarn::service_model {

// Why a value was refused: the exception's name and a message that names the members.
struct Refusal {
  std::string_view exception;  // "SerializationException" or "ValidationException"
  std::string message;
};

// What happens to members that no version of the model knows. AWS ignores them in requests; our own
// responses must not have any.
enum class UnknownMembers : uint8_t { kIgnore, kRefuse };

class Validator {
 public:
  explicit Validator(const Model& model);  // Tables live for ever.
  ~Validator();
  Validator(const Validator&) = delete;
  Validator& operator=(const Validator&) = delete;

  // Values of a wrong JSON type give a SerializationException that names the first one; broken
  // constraints a ValidationException that lists up to kViolationsMax of them.
  std::optional<Refusal> Check(uint16_t shape, const json::Value& value,
                               UnknownMembers unknown = UnknownMembers::kIgnore) const;
  // Whether a text keeps to a string shape's length and pattern.
  bool Accepts(std::string_view shape_name, std::string_view text) const;
  // The text made to fit a string shape, for what we write ourselves: characters that its pattern
  // does not allow become a space, several in a row one; it is cut at its length, and spaces at its
  // end are dropped. May come out empty.
  std::string Fit(std::string_view shape_name, std::string_view text) const;

 private:
  uint16_t StringShape(std::string_view name) const;

  const Model& model_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;  // By shape; null where there is none.
};

inline constexpr size_t kViolationsMax = 20;

// Milliseconds since 1970 of a timestamp member: epoch seconds, or RFC 3339 text. Errors: kInvalid.
Result<int64_t> TimestampMs(const json::Value& value);

}  // namespace tarn::service_model
