// A life is drawn before it is written: traits, illnesses and the dates of all visits first, then
// the visits in order of time. Everything comes from the person's key, so a person is the same
// however many others are made, and from integers, so they are the same on every machine.
#include "synth/internal/life.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace tarn::synth {
namespace {

// Ages in months of the first check-ups; later ones follow from the age and the illnesses.
constexpr std::array<uint16_t, 11> kChildCheckups = {0, 2, 4, 6, 12, 18, 24, 36, 48, 60, 72};
constexpr uint32_t kVisitsMax = 400;

constexpr int64_t kPaperAgeS = 18 * kYearS;
constexpr uint32_t kTypedInPermille = 300;

// How long after a check-up at that age the next one is due, with so many chronic illnesses.
int64_t CheckupIntervalMonths(int64_t age_months, int64_t ill) {
  const bool child = age_months < 18 * 12;
  if (!child && (ill > 2 || age_months >= 65 * 12)) return 12;
  return child || ill > 0 || age_months >= 50 * 12 ? 24 : 36;
}

// An acute illness that fits the age, or nothing.
std::optional<uint8_t> DrawAcute(int64_t years, Random* random) {
  const auto fits = [years](const Acute& row) {
    return years >= row.age_min && years <= row.age_max;
  };
  uint32_t weight = 0;
  for (const Acute& row : kAcutes) weight += fits(row) ? row.weight : 0;
  if (weight == 0) return std::nullopt;
  uint32_t left = random->Below(weight);
  uint8_t index = 0;
  for (const Acute& row : kAcutes) {
    const uint32_t own = fits(row) ? row.weight : 0;
    if (left < own) return index;
    left -= own;
    ++index;
  }
  return std::nullopt;
}

}  // namespace

void Life::Write(uint64_t key, int64_t until_s, const PatientGenerator::Sink& sink) {
  DrawPerson(key, until_s);
  DrawIllnesses();
  events_.clear();
  doses_.fill(0);
  PlanCheckups();
  PlanIllnesses();
  std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    return std::tie(a.at_s, a.kind, a.index) < std::tie(b.at_s, b.kind, b.index);
  });
  chart_.Begin(person_, sink);
  for (const Event& event : events_) {
    switch (event.kind) {
      case Kind::kCheckup:
        Checkup(event.at_s);
        break;
      case Kind::kOnset:
        Onset(event.at_s, event.index);
        break;
      case Kind::kAcute:
        AcuteVisit(event.at_s, event.index);
        break;
      case Kind::kFollowUp:
        FollowUp(event);
        break;
    }
  }
  chart_.End();
}

void Life::DrawPerson(uint64_t key, int64_t until_s) {
  random_ = Random(key);
  person_.key = key;
  person_.female = random_.Permille(508);
  person_.name = NameOf(random_.Next(), person_.female);
  const uint32_t race = random_.Below(1000);
  person_.race = race < 700 ? 0 : race < 840 ? 1 : race < 950 ? 2 : race < 980 ? 3 : 4;
  person_.hispanic = random_.Permille(170);
  person_.smoker = random_.Permille(180);
  person_.height = random_.Normal();
  person_.weight = random_.Normal();
  person_.pressure = random_.Normal();
  person_.provider = random_.Below(kProviders.size());
  person_.practitioner =
      person_.provider * kPractitionersPerProvider + random_.Below(kPractitionersPerProvider);
  person_.payer = random_.Below(kPayers.size());
  // Ages are even up to 75 and thin out to 95.
  const int64_t years = random_.Permille(880) ? random_.Below(75) : 75 + random_.Below(20);
  const int64_t days = years * 365 + years / 4 + 1 + random_.Below(365);
  // Births are at midnight of the patients' time zone, five hours behind UTC.
  person_.birth_s = (until_s / kDayS - days) * kDayS + 5 * kHourS;
  const int64_t lifespan_days = std::max<int64_t>(40, 29'900 + 4'200 * random_.Normal() / 1000);
  const int64_t death_s = person_.birth_s + lifespan_days * kDayS + random_.Below(kDayS);
  person_.dead = death_s <= until_s;
  person_.end_s = person_.dead ? death_s : until_s;
}

void Life::DrawIllnesses() {
  for (size_t i = 0; i < kChronicCount; ++i) {
    const Chronic& chronic = kChronics[i];
    const bool gets_it = random_.Permille(chronic.permille);
    const int64_t age_days = chronic.onset_min * kYearS / kDayS +
                             static_cast<int64_t>(random_.Below(chronic.onset_span * 365u));
    const int64_t at_s = InOfficeHours(person_.birth_s + age_days * kDayS);
    const bool possible = i != kOsteoporosis || person_.female;
    const bool seen = at_s + 8 * kDayS <= person_.end_s;
    person_.onset_s[i] = gets_it && possible && seen ? at_s : kNever;
  }
}

// One statement for each draw here and elsewhere: the order in which C++ evaluates operands and
// arguments is not fixed, and the bytes must not depend on it.
int64_t Life::InOfficeHours(int64_t midnight_s) {
  const int64_t hour = 8 + random_.Below(9);
  return midnight_s + hour * kHourS + random_.Below(kHourS);
}

void Life::Plan(int64_t midnight_s, Kind kind, uint8_t index, bool of_chronic) {
  const int64_t at_s = InOfficeHours(midnight_s);
  // No visit lasts longer than a week, so all of it lies within the life.
  if (at_s + 7 * kDayS > person_.end_s || events_.size() >= kVisitsMax) return;
  events_.push_back({at_s, kind, index, of_chronic});
}

void Life::PlanCheckups() {
  const auto plan = [this](int64_t months) {
    const int64_t late_days = months == 0 ? 0 : random_.Below(20);
    const int64_t day_s = person_.birth_s + (months * kMonthS / kDayS + late_days) * kDayS;
    // Of the years on paper only some visits were ever typed in.
    const bool on_paper = day_s < person_.end_s - kPaperAgeS;
    if (on_paper && !random_.Permille(kTypedInPermille)) return;
    Plan(day_s, Kind::kCheckup, 0);
  };
  for (const uint16_t months : kChildCheckups) plan(months);
  const int64_t end_months = (person_.end_s - person_.birth_s) / kMonthS;
  int64_t months = kChildCheckups.back();
  while (true) {
    const int64_t at_s = person_.birth_s + months * kMonthS;
    const auto ill = std::count_if(person_.onset_s.begin(), person_.onset_s.end(),
                                   [at_s](int64_t onset_s) { return onset_s <= at_s; });
    months += CheckupIntervalMonths(months, ill);
    if (months > end_months) return;
    plan(months);
  }
}

void Life::PlanIllnesses() {
  for (uint8_t i = 0; i < kChronicCount; ++i) {
    const int64_t onset_s = person_.onset_s[i];
    if (onset_s == kNever) continue;
    events_.push_back({onset_s, Kind::kOnset, i, true});
    if (kChronics[i].medications[0] == kNoMedication) continue;
    const int64_t days = (onset_s - person_.birth_s) / kDayS + 80 + random_.Below(30);
    Plan(person_.birth_s + days * kDayS, Kind::kFollowUp, i, true);
  }
  const int64_t life_days = (person_.end_s - person_.birth_s) / kDayS;
  const int64_t count = life_days / 365 * 19 / 100 + random_.Below(3);
  for (int64_t n = 0; n < count; ++n) {
    const auto day = static_cast<int64_t>(random_.Below(static_cast<uint32_t>(life_days)));
    const std::optional<uint8_t> index = DrawAcute(day / 365, &random_);
    if (!index) continue;
    Plan(person_.birth_s + day * kDayS, Kind::kAcute, *index);
    const Acute& acute = kAcutes[*index];
    if (acute.plan == kNoPlan) continue;
    Plan(person_.birth_s + (day + acute.days) * kDayS, Kind::kFollowUp, *index);
  }
}

}  // namespace tarn::synth
