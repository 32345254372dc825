// arazzo/limits.h: every bound of this module and what happens beyond it.
#pragma once

#include <cstdint>

namespace tarn::arazzo {

// JSONPath (jsonpath.h).
inline constexpr uint32_t kJsonPathBytesMax = 16u << 10;  // kTooLarge: one query's text.
inline constexpr uint32_t kJsonPathDepthMax = 32;         // kTooLarge: nested filters, parentheses.
inline constexpr uint32_t kJsonPathVisitsMax =
    5'000'000;  // kTooLarge: values looked at by a query.

// Regular expressions (regex.h).
inline constexpr uint32_t kRegexBytesMax = 8u << 10;     // kTooLarge: one pattern's text.
inline constexpr uint32_t kRegexDepthMax = 64;           // kTooLarge: nested groups.
inline constexpr uint32_t kRegexMemoryMax = 8u << 20;    // kTooLarge: the compiled automaton.
inline constexpr uint32_t kRegexSubjectMax = 16u << 20;  // Longer subjects never match.

// JSON Schema (json_schema.h).
inline constexpr uint32_t kSchemaDepthMax = 192;  // kTooLarge: nested schemas and references.
inline constexpr uint32_t kSchemaVisitsMax = 2'000'000;   // kTooLarge: subschemas applied.
inline constexpr uint32_t kSchemaResourcesMax = 100'000;  // kTooLarge: subschemas in one document.
inline constexpr uint32_t kViolationsMax = 100;  // Further violations are counted, not kept.

// Expressions and criteria (expression.h, criterion.h).
inline constexpr uint32_t kExpressionBytesMax = 4u << 10;  // kTooLarge: one expression's text.
inline constexpr uint32_t kRenderedBytesMax = 16u << 20;   // kTooLarge: a template, filled in.
inline constexpr uint32_t kPayloadDepthMax = 64;           // kTooLarge: nested payload values.
inline constexpr uint32_t kConditionBytesMax = 16u << 10;  // kTooLarge: one condition's text.
inline constexpr uint32_t kConditionDepthMax = 64;         // kTooLarge: nested ! and parentheses.
inline constexpr uint32_t kXmlBytesMax = 16u << 20;        // kTooLarge: one XML text.
inline constexpr uint32_t kXPathStepsMax = 1'000'000;      // kTooLarge: libxml2's operations.

// YAML and JSON texts (yaml.h).
inline constexpr uint32_t kYamlBytesMax = 16u << 20;  // kTooLarge: one text.
inline constexpr uint32_t kYamlDepthMax = 64;         // kTooLarge: nested values.
inline constexpr uint32_t kYamlNodesMax = 500'000;    // kTooLarge: values, aliases expanded.

// Documents (document.h). Beyond each: an error with its place.
inline constexpr uint32_t kWorkflowsMax = 1000;    // Workflows of one document.
inline constexpr uint32_t kStepsMax = 1000;        // Steps of one workflow.
inline constexpr uint32_t kRetriesMax = 100'000;   // retryLimit.
inline constexpr double kSecondsMax = 30 * 86400;  // retryAfter, x-poll-interval, timeout.
inline constexpr uint32_t kDiagnosticsMax = 500;   // Further ones are not kept.

// OpenAPI descriptions (openapi.h).
inline constexpr uint32_t kReferenceHopsMax = 32;   // References that follow one another.
inline constexpr uint32_t kOperationsMax = 20'000;  // kTooLarge: of one description.

// Secrets (secrets.h).
inline constexpr uint32_t kSecretBytesMin = 4;  // Shorter ones are masked only as whole values.

// Journals (journal.h).
inline constexpr uint64_t kJournalBytesMax = 1ull << 30;  // kTooLarge: one run.
// kTooLarge: a request that begins beyond it, so that its answer has room.
inline constexpr uint64_t kJournalRequestBytesMax = kJournalBytesMax / 2;

// Programs and runs (program.h, runner.h).
inline constexpr uint32_t kDocumentsMax = 64;        // Documents that a program refers to.
inline constexpr uint32_t kCallDepthMax = 32;        // kTooLarge: workflows calling workflows.
inline constexpr uint32_t kRunStepsMax = 1'000'000;  // Steps of one run, repetitions included.
inline constexpr uint32_t kOutputBytesMax = 64u
                                            << 20;  // kTooLarge: a response body kept in memory.
inline constexpr uint32_t kParallelMax = 64;        // Threads of one run; more are not used.

}  // namespace tarn::arazzo
