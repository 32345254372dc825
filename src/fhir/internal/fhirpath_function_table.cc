// Every function, its arguments and what the checker may say about its result.
#include "fhir/internal/fhirpath_program.h"

namespace tarn::fhir::internal {
namespace {

constexpr ArgumentMode kNo = ArgumentMode::kNone;
constexpr ArgumentMode kValue = ArgumentMode::kValue;
constexpr ArgumentMode kEach = ArgumentMode::kEach;
constexpr ArgumentMode kType = ArgumentMode::kType;
using Id = FunctionId;
using Rule = ResultRule;

constexpr FunctionRow kFunctions[] = {
    {"empty", Id::kEmpty, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"exists", Id::kExists, 0, 1, {kEach}, Rule::kSystem, "Boolean"},
    {"all", Id::kAll, 1, 1, {kEach}, Rule::kSystem, "Boolean"},
    {"allTrue", Id::kAllTrue, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"anyTrue", Id::kAnyTrue, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"allFalse", Id::kAllFalse, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"anyFalse", Id::kAnyFalse, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"subsetOf", Id::kSubsetOf, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"supersetOf", Id::kSupersetOf, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"count", Id::kCount, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"distinct", Id::kDistinct, 0, 0, {kNo}, Rule::kInput, ""},
    {"isDistinct", Id::kIsDistinct, 0, 0, {kNo}, Rule::kSystem, "Boolean"},

    {"where", Id::kWhere, 1, 1, {kEach}, Rule::kInput, ""},
    {"select", Id::kSelect, 1, 1, {kEach}, Rule::kFirstEach, ""},
    {"repeat", Id::kRepeat, 1, 1, {kEach}, Rule::kUnknown, ""},
    {"single", Id::kSingle, 0, 0, {kNo}, Rule::kInputSingle, ""},
    {"first", Id::kFirst, 0, 0, {kNo}, Rule::kInputSingle, ""},
    {"last", Id::kLast, 0, 0, {kNo}, Rule::kInputSingle, ""},
    {"tail", Id::kTail, 0, 0, {kNo}, Rule::kInput, ""},
    {"skip", Id::kSkip, 1, 1, {kValue}, Rule::kInput, ""},
    {"take", Id::kTake, 1, 1, {kValue}, Rule::kInput, ""},
    {"intersect", Id::kIntersect, 1, 1, {kValue}, Rule::kInput, ""},
    {"exclude", Id::kExclude, 1, 1, {kValue}, Rule::kInput, ""},
    {"union", Id::kUnion, 1, 1, {kValue}, Rule::kInputAndValue, ""},
    {"combine", Id::kCombine, 1, 1, {kValue}, Rule::kInputAndValue, ""},
    {"sort", Id::kSort, 0, 3, {kEach, kEach, kEach}, Rule::kInput, ""},

    {"iif", Id::kIif, 2, 3, {kEach, kEach, kEach}, Rule::kUnknown, ""},
    {"toBoolean", Id::kToBoolean, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"convertsToBoolean", Id::kConvertsToBoolean, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toInteger", Id::kToInteger, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"convertsToInteger", Id::kConvertsToInteger, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toDecimal", Id::kToDecimal, 0, 0, {kNo}, Rule::kSystem, "Decimal"},
    {"convertsToDecimal", Id::kConvertsToDecimal, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toString", Id::kToString, 0, 0, {kNo}, Rule::kSystem, "String"},
    {"convertsToString", Id::kConvertsToString, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toDate", Id::kToDate, 0, 0, {kNo}, Rule::kSystem, "Date"},
    {"convertsToDate", Id::kConvertsToDate, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toDateTime", Id::kToDateTime, 0, 0, {kNo}, Rule::kSystem, "DateTime"},
    {"convertsToDateTime", Id::kConvertsToDateTime, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toTime", Id::kToTime, 0, 0, {kNo}, Rule::kSystem, "Time"},
    {"convertsToTime", Id::kConvertsToTime, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"toQuantity", Id::kToQuantity, 0, 1, {kValue}, Rule::kSystem, "Quantity"},
    {"convertsToQuantity", Id::kConvertsToQuantity, 0, 1, {kValue}, Rule::kSystem, "Boolean"},

    {"indexOf", Id::kIndexOf, 1, 1, {kValue}, Rule::kSystem, "Integer"},
    {"lastIndexOf", Id::kLastIndexOf, 1, 1, {kValue}, Rule::kSystem, "Integer"},
    {"substring", Id::kSubstring, 1, 2, {kValue, kValue}, Rule::kSystem, "String"},
    {"startsWith", Id::kStartsWith, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"endsWith", Id::kEndsWith, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"contains", Id::kContains, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"upper", Id::kUpper, 0, 0, {kNo}, Rule::kSystem, "String"},
    {"lower", Id::kLower, 0, 0, {kNo}, Rule::kSystem, "String"},
    {"replace", Id::kReplace, 2, 2, {kValue, kValue}, Rule::kSystem, "String"},
    {"matches", Id::kMatches, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"matchesFull", Id::kMatchesFull, 1, 1, {kValue}, Rule::kSystem, "Boolean"},
    {"replaceMatches", Id::kReplaceMatches, 2, 2, {kValue, kValue}, Rule::kSystem, "String"},
    {"length", Id::kLength, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"toChars", Id::kToChars, 0, 0, {kNo}, Rule::kSystemMany, "String"},
    {"split", Id::kSplit, 1, 1, {kValue}, Rule::kSystemMany, "String"},
    {"join", Id::kJoin, 0, 1, {kValue}, Rule::kSystem, "String"},
    {"trim", Id::kTrim, 0, 0, {kNo}, Rule::kSystem, "String"},
    {"encode", Id::kEncode, 1, 1, {kValue}, Rule::kSystem, "String"},
    {"decode", Id::kDecode, 1, 1, {kValue}, Rule::kSystem, "String"},
    {"escape", Id::kEscape, 1, 1, {kValue}, Rule::kSystem, "String"},
    {"unescape", Id::kUnescape, 1, 1, {kValue}, Rule::kSystem, "String"},

    {"abs", Id::kAbs, 0, 0, {kNo}, Rule::kUnknown, ""},
    {"ceiling", Id::kCeiling, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"exp", Id::kExp, 0, 0, {kNo}, Rule::kSystem, "Decimal"},
    {"floor", Id::kFloor, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"ln", Id::kLn, 0, 0, {kNo}, Rule::kSystem, "Decimal"},
    {"log", Id::kLog, 1, 1, {kValue}, Rule::kSystem, "Decimal"},
    {"power", Id::kPower, 1, 1, {kValue}, Rule::kUnknown, ""},
    {"round", Id::kRound, 0, 1, {kValue}, Rule::kSystem, "Decimal"},
    {"sqrt", Id::kSqrt, 0, 0, {kNo}, Rule::kSystem, "Decimal"},
    {"truncate", Id::kTruncate, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"lowBoundary", Id::kLowBoundary, 0, 1, {kValue}, Rule::kUnknown, ""},
    {"highBoundary", Id::kHighBoundary, 0, 1, {kValue}, Rule::kUnknown, ""},
    {"precision", Id::kPrecision, 0, 0, {kNo}, Rule::kSystem, "Integer"},
    {"comparable", Id::kComparable, 1, 1, {kValue}, Rule::kSystem, "Boolean"},

    {"children", Id::kChildren, 0, 0, {kNo}, Rule::kUnordered, ""},
    {"descendants", Id::kDescendants, 0, 0, {kNo}, Rule::kUnordered, ""},
    {"trace", Id::kTrace, 1, 2, {kValue, kEach}, Rule::kInput, ""},
    {"now", Id::kNow, 0, 0, {kNo}, Rule::kSystem, "DateTime"},
    {"timeOfDay", Id::kTimeOfDay, 0, 0, {kNo}, Rule::kSystem, "Time"},
    {"today", Id::kToday, 0, 0, {kNo}, Rule::kSystem, "Date"},
    {"not", Id::kNot, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"aggregate", Id::kAggregate, 1, 2, {kEach, kValue}, Rule::kUnknown, ""},
    {"type", Id::kType, 0, 0, {kNo}, Rule::kUnknown, ""},

    {"extension", Id::kExtension, 1, 1, {kValue}, Rule::kExtension, ""},
    {"hasValue", Id::kHasValue, 0, 0, {kNo}, Rule::kSystem, "Boolean"},
    {"getValue", Id::kGetValue, 0, 0, {kNo}, Rule::kUnknown, ""},
    {"resolve", Id::kResolve, 0, 0, {kNo}, Rule::kUnknown, ""},
    {"conformsTo", Id::kConformsTo, 1, 1, {kValue}, Rule::kSystem, "Boolean"},

    {"is", Id::kIs, 1, 1, {kType}, Rule::kSystem, "Boolean"},
    {"as", Id::kAs, 1, 1, {kType}, Rule::kUnknown, ""},
    {"ofType", Id::kOfType, 1, 1, {kType}, Rule::kUnknown, ""},
};

struct UnsupportedRow {
  std::string_view name;
  std::string_view needs;
};
constexpr UnsupportedRow kUnsupported[] = {
    {"memberOf", "a terminology service"},
    {"subsumes", "a terminology service"},
    {"subsumedBy", "a terminology service"},
    {"elementDefinition", "profiles"},
    {"slice", "profiles"},
    {"checkModifiers", "profiles"},
    {"htmlChecks", "a check of XHTML"},
};

}  // namespace

const FunctionRow* FindFunction(std::string_view name) {
  for (const FunctionRow& row : kFunctions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string_view WhatFunctionNeeds(std::string_view name) {
  for (const UnsupportedRow& row : kUnsupported) {
    if (row.name == name) return row.needs;
  }
  return {};
}

}  // namespace tarn::fhir::internal
