// Text as search compares it: without case, accents, punctuation and repeated white space.
// Spec: FHIR R4 "Search", section string; Unicode 15 case folding and compatibility decomposition.
//
// Folded text is UTF-8 whose byte order is the order of its code points, so it can be a key as it
// is.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tarn::fhir {

// Appends `text` folded: compatibility decomposition, marks (accents) dropped, case folded,
// apostrophes dropped, every run of white space and other punctuation one space, none at the ends.
// "  O'Brien-Müller " gives "obrien muller". May append nothing ("--"). Ill-formed UTF-8 is
// taken as U+FFFD. Output is at most 18 times the input (U+FDFA), usually not longer.
void AppendFolded(std::string* out, std::string_view text);
std::string Folded(std::string_view text);

// Appends `text` with case folded and nothing else changed: tokens ("HA125" and "ha125").
void AppendCaseFolded(std::string* out, std::string_view text);
std::string CaseFolded(std::string_view text);

// The words of a folded text, in order: its parts between spaces; ideographs and kana, which are
// written without spaces, one by one. Words longer than `bytes_max` are cut at a character.
inline constexpr size_t kWordBytesMax = 64;
void ForEachWord(std::string_view folded, const std::function<void(std::string_view)>& word);

}  // namespace tarn::fhir
