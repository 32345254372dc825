// What every control plane reads from a request that keeps to its model, and what identifies one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::service_model {

// The member of that name, or nullptr; null is the same as none.
const json::Value* Present(const json::Value& object, std::string_view name);
// The string member of that name, or empty.
std::string TextOf(const json::Value& object, std::string_view name);
// The boolean member of that name, or false.
bool FlagOf(const json::Value& object, std::string_view name);

// A broken rule that the model states in words only, in the form of a validation error. `member` is
// a path, `constraint` follows "Member ". kInvalid.
Error Violation(std::string_view member, std::string_view constraint);
Error MissingMember(std::string_view member, std::string_view constraint);

// A request's members but those named, in one order and without nulls: the same text for requests
// that ask for the same.
std::string CanonicalText(const json::Value& request, const std::vector<std::string_view>& without);
// What a client token is bound to: the operation and all members but `token_member`. 64 hex digits.
std::string Fingerprint(std::string_view operation, const json::Value& request,
                        std::string_view token_member);

inline constexpr size_t kSecretBytes = 32;
// The secret in the file at `path`, for page tokens; a missing file is made, readable by its owner
// only. Errors: kCorrupt (wrong size), kUnavailable.
Result<std::string> ReadOrMakeSecret(const std::string& path, RandomSource& random);

}  // namespace tarn::service_model
