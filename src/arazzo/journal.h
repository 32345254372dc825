// The form of a run's journal: one line an event, "crc32c json\n". Only the form: cli owns the
// file and its syncs.
//
//   8a3f01c2 {"type":"send","data":{"request":0,"step":"create",...}}
//   ^ CRC-32C of the JSON text, eight lower-case hexadecimal digits
//
// A crash may tear the last line; everything up to the first line that does not check is valid,
// and a journal that is continued is first cut there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/runner.h"
#include "base/result.h"

namespace tarn::arazzo {

std::string EncodeJournalLine(const RunEvent& event);

struct JournalContent {
  std::vector<RunEvent> events;  // As written: answers are sealed (secrets.h).
  uint64_t valid_bytes = 0;      // Where to cut before appending.
  // What RunOptions needs to resume.
  std::string run_id;
  std::string workflow_id;
  json::Value inputs = json::Value::MakeObject();  // Without secrets.
  std::vector<std::string> secret_inputs;          // Where they were; needed again to resume.
  // A request that got no answer, and that nothing of its branch follows, is not among them: it is
  // sent again, and is in doubt when it may have been done.
  std::map<std::string, std::vector<RecordedAnswer>> recorded;
  std::set<std::string> in_doubt;
  std::optional<std::string> status;  // Of the last end, when nothing was sent after it.
};

// Errors: kCorrupt (an answer without its request, a line that checks but is no event), kTooLarge.
Result<JournalContent> ReadJournal(std::string_view bytes);

}  // namespace tarn::arazzo
