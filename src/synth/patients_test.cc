#include "synth/patients.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <unordered_set>

#include "base/clock.h"
#include "json/document.h"
#include "synth/internal/r4_structure_test.h"
#include "synth/ndjson_files.h"

namespace tarn::synth {
namespace {

struct Line {
  std::string type;
  std::string json;
};

std::vector<Line> Generate(const PatientsOptions& options) {
  std::vector<Line> lines;
  PatientGenerator generator(options);
  while (generator.Next([&lines](std::string_view type, std::string_view json) {
    lines.push_back({std::string(type), std::string(json)});
  })) {
  }
  EXPECT_EQ(generator.patients_done(), options.patients);
  return lines;
}

// FNV-1a over all lines.
uint64_t HashOf(const std::vector<Line>& lines) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const Line& line : lines) {
    for (const char c : line.json + "\n") {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
  }
  return hash;
}

// If this fails after a change that was meant to change the data, take the new number over and say
// so in the commit: stores that were preloaded before will differ from those preloaded after.
TEST(PatientGenerator, SameBytesForEver) {
  EXPECT_EQ(HashOf(Generate({.seed = 1, .patients = 25})), 14490466498409804315u);
}

TEST(PatientGenerator, SameSeedSameBytes) {
  rc::check("two generators of one seed agree", [] {
    const auto seed = *rc::gen::arbitrary<uint64_t>();
    const auto patients = *rc::gen::inRange<uint64_t>(0, 3);
    const PatientsOptions options{.seed = seed, .patients = patients};
    RC_ASSERT(HashOf(Generate(options)) == HashOf(Generate(options)));
  });
}

TEST(PatientGenerator, PatientDoesNotDependOnTheirNumber) {
  const std::vector<Line> all = Generate({.seed = 7, .patients = 12});
  std::vector<Line> parts = Generate({.seed = 7, .patients = 5});
  const std::vector<Line> rest = Generate({.seed = 7, .patients = 7, .first_patient = 5});
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(HashOf(all), HashOf(parts));
  EXPECT_EQ(all.size(), parts.size());
}

TEST(PatientGenerator, SeedsDoNotShareIds) {
  std::set<std::string> ids;
  size_t lines = 0;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{2}, UINT64_MAX}) {
    for (const Line& line : Generate({.seed = seed, .patients = 2})) {
      ids.insert(line.json.substr(line.json.find("\"id\":\""), 42));
      ++lines;
    }
  }
  EXPECT_EQ(ids.size(), lines);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The checker itself: each of these is one defect.
TEST(R4Structure, FindsDefects) {
  R4Structure structure(ReadAll(std::string(TARN_TESTDATA) + "/r4_structure.txt"));
  json::Parser parser;
  const std::string head =
      R"({"resourceType":"Immunization","id":"a","meta":{"security":[{"code":"x"}]},)"
      R"("vaccineCode":{"text":"x"},)";
  const std::string patient = R"("patient":{"reference":"Patient/1"},)";
  const std::string status = R"("status":"completed",)";
  const std::string date = R"("occurrenceDateTime":"2020-01-01"})";
  struct Case {
    std::string json;
    size_t problems;
  };
  for (const Case& c :
       {Case{head + patient + status + date, 0}, Case{head + status + date, 1},
        Case{head + patient + R"("status":"done",)" + date, 1},
        Case{head + patient + status + R"("colour":"red",)" + date, 1},
        Case{head + patient + status + R"("occurrenceDateTime":"2020-13-01"})", 1},
        Case{head + patient + status + R"("occurrenceDateTime":["2020-01-01"]})", 1},
        Case{head + R"("patient":{"reference":"Group/1"},)" + status + date, 1},
        Case{head + patient + status + R"("primarySource":"true",)" + date, 1},
        Case{head + patient + status + R"("encounter":{},)" + date, 1}}) {
    SCOPED_TRACE(c.json);
    auto document = parser.Parse(c.json);
    ASSERT_TRUE(document.ok());
    EXPECT_EQ(structure.Check(document.value()).size(), c.problems);
  }
}

void CollectReferences(const json::Document& document, std::vector<std::string>* references) {
  for (uint32_t node = 0; node < document.nodes().size(); ++node) {
    if (!document.at(node).in_object || !document.KeyIs(node, "reference")) continue;
    const std::string target = document.String(node);
    if (target[0] != '#') references->push_back(target);
  }
}

TEST(PatientGenerator, WritesValidLinkedR4) {
  R4Structure structure(ReadAll(std::string(TARN_TESTDATA) + "/r4_structure.txt"));
  json::Parser parser;
  for (const uint64_t seed : {1, 2}) {
    std::unordered_set<std::string> ids;
    std::vector<std::string> references;
    std::map<std::string, size_t> of_type;
    for (const Line& line : Generate({.seed = seed, .patients = 150})) {
      ASSERT_EQ(line.json.find_first_of("\n\r"), std::string::npos);
      auto document = parser.Parse(line.json);
      ASSERT_TRUE(document.ok()) << document.error().detail << line.json;
      const std::vector<std::string> problems = structure.Check(document.value());
      ASSERT_TRUE(problems.empty()) << problems[0] << "\n" << line.json;
      ASSERT_EQ(document.value().String(document.value().Find(0, "resourceType")), line.type);
      ASSERT_NE(line.json.find("\"code\":\"HTEST\""), std::string::npos);
      const std::string id = document.value().String(document.value().Find(0, "id"));
      ASSERT_TRUE(ids.insert(line.type + "/" + id).second) << id;
      CollectReferences(document.value(), &references);
      ++of_type[line.type];
    }
    for (const std::string& target : references) ASSERT_TRUE(ids.contains(target)) << target;
    EXPECT_EQ(of_type.size(), kPatientTypes.size());
    for (const std::string_view type : kPatientTypes) {
      EXPECT_GT(of_type[std::string(type)], 0u) << type;
    }
    EXPECT_EQ(of_type["Patient"], 150u);
    EXPECT_EQ(of_type["Encounter"], of_type["ExplanationOfBenefit"]);
    EXPECT_GT(of_type["Observation"], of_type["Encounter"] * 3);
  }
}

// FHIR R4 Condition, con-4: what is abated is not active. Dates run forward.
TEST(PatientGenerator, DatesAndStatesAgree) {
  json::Parser parser;
  constexpr int64_t kUntil = 1'700'000'000'000;
  const auto time_of = [](const json::Document& document, uint32_t node) {
    auto time = ParseRfc3339(document.String(node));
    EXPECT_TRUE(time.ok());
    return time.ok() ? time.value() : 0;
  };
  for (const Line& line : Generate({.seed = 3, .patients = 60, .until_unix_ms = kUntil})) {
    auto parsed = parser.Parse(line.json);
    ASSERT_TRUE(parsed.ok());
    const json::Document& document = parsed.value();
    if (line.type == "Encounter") {
      const uint32_t period = document.Find(0, "period");
      const int64_t end = time_of(document, document.Find(period, "end"));
      EXPECT_LT(time_of(document, document.Find(period, "start")), end);
      EXPECT_LE(end, kUntil);
    }
    if (line.type == "Condition") {
      const uint32_t abated = document.Find(0, "abatementDateTime");
      const bool active =
          line.json.find("condition-clinical\",\"code\":\"active") != line.json.npos;
      EXPECT_EQ(active, abated == json::kNoNode);
      if (abated != json::kNoNode) {
        EXPECT_LE(time_of(document, abated), kUntil);
      }
    }
    if (line.type == "Patient") {
      const uint32_t death = document.Find(0, "deceasedDateTime");
      if (death != json::kNoNode) {
        EXPECT_LE(time_of(document, death), kUntil);
      }
    }
  }
}

// The number after `"code":"<loinc>"`'s value; vital signs stay in the range of the living.
TEST(PatientGenerator, ValuesArePlausible) {
  struct Range {
    std::string_view loinc;
    double low, high;
  };
  const std::vector<Range> ranges = {{"8302-2", 40, 205},  {"29463-7", 2, 200}, {"39156-5", 11, 56},
                                     {"8867-4", 45, 165},  {"9279-1", 12, 36},  {"8310-5", 36, 41},
                                     {"4548-4", 4, 13},    {"2339-0", 60, 320}, {"55758-7", 0, 6},
                                     {"38265-5", -5, 1.1}, {"2708-6", 84, 100}, {"9843-4", 33, 52}};
  std::map<std::string_view, size_t> seen;
  for (const Line& line : Generate({.seed = 5, .patients = 300})) {
    if (line.type != "Observation") continue;
    for (const Range& range : ranges) {
      if (line.json.find("\"" + std::string(range.loinc) + "\"") == line.json.npos) continue;
      const size_t at = line.json.find("\"value\":");
      ASSERT_NE(at, line.json.npos);
      const double value = std::stod(line.json.substr(at + 8, 20));
      EXPECT_GE(value, range.low) << line.json;
      EXPECT_LE(value, range.high) << line.json;
      ++seen[range.loinc];
    }
  }
  EXPECT_EQ(seen.size(), ranges.size());
}

TEST(PatientGenerator, TakesAnyEndOfHistory) {
  for (const int64_t until :
       {INT64_MIN, int64_t{-1}, kUntilUnixMsMin, kUntilUnixMsMax, INT64_MAX}) {
    SCOPED_TRACE(until);
    EXPECT_GT(Generate({.patients = 20, .until_unix_ms = until}).size(), 200u);
  }
}

TEST(NdjsonBlocks, KeepsLinesWholeAndInOrder) {
  const std::vector<Line> lines = Generate({.seed = 4, .patients = 6});
  std::map<std::string, std::string> expected, got;
  for (const Line& line : lines) expected[line.type] += line.json + "\n";
  for (const size_t block_bytes : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 20}) {
    got.clear();
    NdjsonBlocks blocks(block_bytes);
    const NdjsonBlocks::BlockSink sink = [&](std::string_view type, std::string_view block) {
      EXPECT_EQ(block.back(), '\n');
      const bool one_line = block.find('\n') == block.size() - 1;
      EXPECT_TRUE(one_line || block.size() <= block_bytes);
      got[std::string(type)] += block;
    };
    for (const Line& line : lines) blocks.Add(line.type, line.json, sink);
    blocks.Flush(sink);
    EXPECT_EQ(got, expected) << block_bytes;
  }
}

}  // namespace
}  // namespace tarn::synth
