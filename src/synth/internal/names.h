// Names of people and places that do not exist. Family names and towns are put together from
// halves, given names are common ones; telephone numbers are of the range 555-0100 to 555-0199 that
// is set aside for fiction, and social security numbers begin with 999, which is never issued.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::synth {

inline constexpr std::array<std::string_view, 40> kFemaleNames = {
    "Ada",   "Agnes", "Alma",   "Amara", "Beatriz", "Brina", "Carla", "Celia", "Dalia", "Edith",
    "Elif",  "Emma",  "Fatima", "Flora", "Greta",   "Hana",  "Ida",   "Ines",  "Irene", "Jana",
    "Joana", "Kira",  "Lea",    "Lin",   "Lucia",   "Maja",  "Marta", "Mina",  "Nadia", "Nora",
    "Olga",  "Paula", "Rosa",   "Ruth",  "Sofia",   "Tala",  "Uma",   "Vera",  "Yara",  "Zoë"};
inline constexpr std::array<std::string_view, 40> kMaleNames = {
    "Adam",  "Aldo", "Amir",  "Anton", "Arne",   "Basil", "Bruno", "Carl",  "Dario",  "David",
    "Emil",  "Enzo", "Felix", "Finn",  "George", "Hugo",  "Ivan",  "Jakob", "Jonas",  "José",
    "Karim", "Lars", "Leo",   "Luca",  "Marco",  "Milan", "Nils",  "Noah",  "Omar",   "Oscar",
    "Pablo", "Paul", "Rafe",  "Remy",  "Samir",  "Simon", "Theo",  "Tomas", "Victor", "Yusuf"};
inline constexpr std::array<std::string_view, 32> kFamilyStarts = {
    "Alder", "Amber", "Ash",  "Barn",  "Birch", "Black", "Bram", "Bright",
    "Brook", "Cald",  "Clay", "Cold",  "Dray",  "Elm",   "Fair", "Fen",
    "Glen",  "Grey",  "Hart", "Hazel", "Holm",  "Kel",   "Lang", "Lind",
    "Marsh", "Oak",   "Pen",  "Rain",  "Stone", "Thorn", "West", "Winter"};
inline constexpr std::array<std::string_view, 24> kFamilyEnds = {
    "acre", "beck",  "bourne", "by",   "croft", "dale", "den",  "field",
    "ford", "gate",  "grove",  "ham",  "hurst", "ley",  "low",  "mere",
    "more", "ridge", "rick",   "shaw", "ton",   "well", "wick", "wood"};
inline constexpr std::array<std::string_view, 20> kTowns = {
    "Lakemere",   "Upper Tarnby", "Fellside",   "Otterford",   "Graywater",
    "Heronsgate", "Millbeck",     "Coldspring", "Stillpond",   "Northcove",
    "Easterdale", "Pinehollow",   "Saltmarsh",  "Wrenfield",   "Kestrel Hill",
    "Moorend",    "Larkrise",     "Foxglove",   "Brackenside", "Silverbeck"};
inline constexpr std::array<std::string_view, 16> kStreets = {
    "Alder Street", "Beacon Road", "Canal Row",     "Dove Lane",  "Elder Way",     "Ferry Road",
    "Garden Court", "Harbor View", "Juniper Close", "Kiln Lane",  "Linden Avenue", "Meadow Walk",
    "Orchard Lane", "Quarry Road", "Rowan Drive",   "Willow Bank"};
inline constexpr std::array<std::string_view, 20> kProviders = {
    "Lakemere General Hospital",   "Upper Tarnby Clinic",         "Fellside Family Practice",
    "Otterford Medical Center",    "Graywater Health Center",     "Heronsgate Hospital",
    "Millbeck Primary Care",       "Coldspring Community Clinic", "Stillpond Medical Group",
    "Northcove Regional Hospital", "Easterdale Family Medicine",  "Pinehollow Clinic",
    "Saltmarsh Urgent Care",       "Wrenfield Physicians",        "Kestrel Hill Hospital",
    "Moorend Health Center",       "Larkrise Pediatrics",         "Foxglove Internal Medicine",
    "Brackenside Clinic",          "Silverbeck Medical Center"};
inline constexpr std::array<std::string_view, 5> kPayers = {
    "Heron Mutual Health Plan", "Fellside Benefit Fund", "Northern Lakes Insurance",
    "Otter Public Health Cover", "Graywater Employees Trust"};

inline constexpr uint32_t kPractitionersPerProvider = 3;
inline constexpr uint32_t kPractitionerCount =
    static_cast<uint32_t>(kProviders.size()) * kPractitionersPerProvider;

struct PersonName {
  std::string_view given;
  std::string_view family_start;
  std::string_view family_end;
};

// The name that `bits` choose. The same bits give the same name.
inline PersonName NameOf(uint64_t bits, bool female) {
  const auto& given = female ? kFemaleNames : kMaleNames;
  return {.given = given[bits % given.size()],
          .family_start = kFamilyStarts[(bits >> 16) % kFamilyStarts.size()],
          .family_end = kFamilyEnds[(bits >> 32) % kFamilyEnds.size()]};
}

}  // namespace tarn::synth
