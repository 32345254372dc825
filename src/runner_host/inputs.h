// The inputs of a run, from where they are given: flags, a file, the environment, the schema's
// defaults, and questions on a terminal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/program.h"
#include "base/result.h"
#include "json/value.h"
#include "runner_host/environment.h"

namespace tarn::runner_host {

// An input that the workflow's schema names.
struct DeclaredInput {
  std::string name;
  std::string description;
  std::vector<std::string> types;  // Of JSON Schema; empty: any.
  bool required = false;
  bool has_default = false;
  bool secret = false;  // format: password, or x-secret: true
};
// The properties of the schema, also through $ref and allOf, in their order.
std::vector<DeclaredInput> DeclaredInputs(const arazzo::Document& document,
                                          const arazzo::Workflow& workflow);

struct InputFlags {
  std::vector<std::string> pairs;  // --input name=value
  std::string file;                // --inputs FILE (JSON or YAML); "-" is standard input.
};

// Asks for one input; nothing: there is nobody to ask.
using AskInput = std::function<std::optional<std::string>(const DeclaredInput&)>;

// The inputs by precedence: --input, --inputs, `known` (a resumed run's), the environment
// (TARN_INPUT_<name>, other characters than letters and digits as '_'), then `ask` for required
// ones that are still missing and have no default. Texts become what their schema wants: numbers,
// booleans, null, objects and arrays are read as JSON where no string is allowed.
// Errors: kInvalid (a pair without '=', a text that is not of its type, a file that is no object),
// kNotFound, kTooLarge. What is missing or breaks the schema is for ListViolations to say.
Result<json::Value> GatherInputs(const std::vector<DeclaredInput>& declared,
                                 const InputFlags& flags, const json::Value& known,
                                 const Environment& environment, const AskInput& ask);

// Everything that is wrong with the inputs, one line each; empty when they are right.
std::vector<std::string> ListViolations(const arazzo::LoadedWorkflow& workflow,
                                        const std::vector<DeclaredInput>& declared,
                                        const json::Value& inputs);

// "TARN_INPUT_Datastore_Name"
std::string InputVariable(std::string_view name);

}  // namespace tarn::runner_host
