// The visits of a life: what is measured, found, given and written down in each kind.
#include <algorithm>

#include "synth/internal/life.h"

namespace tarn::synth {
namespace {

constexpr Code kWellChild = {"410620009", "Well child visit"};
constexpr Code kCheckupType = {"185349003", "Encounter for check up"};
constexpr Code kProblemType = {"185347001", "Encounter for problem"};
constexpr Code kSymptomType = {"185345009", "Encounter for symptom"};
constexpr Code kEmergencyType = {"50849002", "Emergency room admission"};
constexpr Code kAdmissionType = {"183452005", "Emergency hospital admission"};
constexpr Code kVirtualType = {"448337001", "Telemedicine consultation with patient"};
constexpr Code kFollowUpType = {"390906007", "Follow-up encounter"};

constexpr uint32_t kOfficePriceCents = 12'915;
constexpr uint32_t kEmergencyPriceCents = 48'240;
constexpr uint32_t kHospitalDayPriceCents = 187'600;

// Growth: means at whole years of age. Heights in millimetres.
constexpr std::array<int32_t, 19> kGirlHeights = {491,  740,  860,  940,  1010, 1080, 1150,
                                                  1210, 1270, 1330, 1380, 1440, 1510, 1570,
                                                  1600, 1620, 1625, 1630, 1632};
constexpr std::array<int32_t, 19> kBoyHeights = {499,  757,  870,  955,  1025, 1092, 1155,
                                                 1218, 1275, 1330, 1382, 1435, 1492, 1562,
                                                 1640, 1700, 1738, 1758, 1766};
// Body mass index in hundredths, at these ages.
struct MassPoint {
  int32_t years, index;
};
constexpr std::array<MassPoint, 8> kMassIndexes = {
    {{0, 1350}, {1, 1690}, {3, 1590}, {6, 1540}, {18, 2160}, {35, 2580}, {60, 2760}, {100, 2480}}};

// What an illness does to a laboratory value.
struct Shift {
  ChronicIndex chronic;
  LabIndex lab;
  int32_t by;
};
constexpr std::array<Shift, 19> kShifts = {{
    {kDiabetes, kGlucose, 520},
    {kDiabetes, kHba1c, 18},
    {kDiabetes, kTriglycerides, 500},
    {kDiabetes, kMicroalbumin, 320},
    {kPrediabetes, kGlucose, 190},
    {kPrediabetes, kHba1c, 6},
    {kHyperlipidemia, kCholesterol, 460},
    {kHyperlipidemia, kLdl, 420},
    {kObesity, kTriglycerides, 280},
    {kObesity, kHdl, -70},
    {kKidneyDisease, kCreatinine, 75},
    {kKidneyDisease, kEgfr, -460},
    {kKidneyDisease, kUreaNitrogen, 110},
    {kHypothyroidism, kTsh, 260},
    {kHeartFailure, kNtProBnp, 1450},
    {kCopd, kOxygen, -4},
    {kCopd, kFev1, -230},
    {kAsthma, kOxygen, -1},
    {kDepression, kPhq2, 2},
}};

int32_t HeightMeanMm(bool female, int64_t age_s) {
  const auto& table = female ? kGirlHeights : kBoyHeights;
  const int64_t years = age_s / kYearS;
  if (years >= 18) return table[18];
  const int64_t part = age_s % kYearS * 1000 / kYearS;
  return static_cast<int32_t>(table[years] + (table[years + 1] - table[years]) * part / 1000);
}

int32_t MassIndexMean(int64_t age_s) {
  for (size_t i = 1; i < kMassIndexes.size(); ++i) {
    const MassPoint& left = kMassIndexes[i - 1];
    const MassPoint& right = kMassIndexes[i];
    if (age_s >= right.years * kYearS) continue;
    const int64_t span = (right.years - left.years) * kYearS;
    return static_cast<int32_t>(left.index + (right.index - left.index) *
                                                 ((age_s - left.years * kYearS) / kDayS) /
                                                 (span / kDayS));
  }
  return kMassIndexes.back().index;
}

// Before 1985 most vaccines of the catalogue did not exist.
constexpr int64_t kVaccinesFromS = 473'385'600;

int64_t InRange(int64_t value, int64_t low, int64_t high) {
  return std::min(std::max(value, low), high);
}

}  // namespace

void Life::Checkup(int64_t at_s) {
  const bool child = at_s - person_.birth_s < 18 * kYearS;
  chart_.BeginVisit({.type = child ? kWellChild : kCheckupType,
                     .start_s = at_s,
                     .end_s = at_s + (20 + random_.Below(35)) * kMinuteS,
                     .price_cents = kOfficePriceCents});
  MeasureBody();
  MeasureSigns();
  AskQuestions();
  GiveVaccines();
  if (age_s() >= 35 * kYearS && random_.Permille(550)) MeasurePanel(kMetabolic);
  if (age_s() >= 35 * kYearS && random_.Permille(450)) MeasurePanel(kLipid);
  if (random_.Permille(child ? 40 : 200)) MeasurePanel(kBloodCount);
  if (!child && random_.Permille(150)) MeasurePanel(kHepatic);
  for (uint8_t i = 0; i < kChronicCount; ++i) {
    if (HasNow(static_cast<ChronicIndex>(i))) MeasureChronic(i);
  }
  RenewOneMedication();
  ScreenForAge();
  if (age_s() < 3 * kYearS && random_.Permille(60)) {
    chart_.AddAllergy(kAllergies[random_.Below(kAllergies.size())]);
  }
  if (!child && random_.Permille(20)) {
    chart_.AddAllergy(kAllergies[random_.Below(kAllergies.size())]);
  }
  chart_.EndVisit();
}

void Life::Onset(int64_t at_s, uint8_t index) {
  const Chronic& chronic = kChronics[index];
  const bool surgery =
      chronic.treatment == kCoronaryIntervention || chronic.treatment == kPacemakerInsertion;
  const int64_t days = surgery ? 2 + random_.Below(4) : 0;
  const int64_t end_s = at_s + days * kDayS + (25 + random_.Below(30)) * kMinuteS;
  chart_.BeginVisit({.care = surgery ? Care::kInpatient : Care::kAmbulatory,
                     .type = surgery ? kAdmissionType : kProblemType,
                     .reason = &chronic.snomed,
                     .start_s = at_s,
                     .end_s = end_s,
                     .price_cents = surgery ? static_cast<uint32_t>(days) * kHospitalDayPriceCents
                                            : kOfficePriceCents});
  const Diagnosis diagnosis{.snomed = &chronic.snomed, .icd10 = &chronic.icd10, .problem = true};
  conditions_[index] = chart_.AddCondition(diagnosis);
  const Id& condition = conditions_[index];
  MeasureSigns();
  MeasurePanel(kMetabolic);
  MeasureChronic(index);
  if (chronic.treatment != kNoTreatment) {
    chart_.AddProcedure(kTreatments[chronic.treatment], &chronic.snomed, &condition);
  }
  AddImage(chronic.imaging);
  if (chronic.device != kNoDevice && (surgery || random_.Permille(550))) {
    chart_.AddDevice(kDevices[chronic.device]);
  }
  if (chronic.plan != kNoPlan) chart_.AddCarePlan(kPlans[chronic.plan], diagnosis, condition);
  for (const uint8_t medication : chronic.medications) Prescribe(medication, &condition, true);
  if (surgery) GiveInHospital(condition, end_s);
  chart_.EndVisit();
}

void Life::AcuteVisit(int64_t at_s, uint8_t index) {
  const Acute& acute = kAcutes[index];
  const bool inpatient = acute.care == Care::kInpatient;
  const int64_t days = inpatient ? 2 + random_.Below(4) : 0;
  const int64_t end_s = at_s + days * kDayS + (15 + random_.Below(90)) * kMinuteS;
  chart_.BeginVisit({.care = acute.care,
                     .type = inpatient                        ? kAdmissionType
                             : acute.care == Care::kEmergency ? kEmergencyType
                             : acute.care == Care::kVirtual   ? kVirtualType
                                                              : kSymptomType,
                     .reason = &acute.snomed,
                     .start_s = at_s,
                     .end_s = end_s,
                     .price_cents = inpatient ? static_cast<uint32_t>(days) * kHospitalDayPriceCents
                                    : acute.care == Care::kEmergency ? kEmergencyPriceCents
                                                                     : kOfficePriceCents});
  const Diagnosis diagnosis{
      .snomed = &acute.snomed, .icd10 = &acute.icd10, .abated_s = at_s + acute.days * kDayS};
  const Id condition = chart_.AddCondition(diagnosis);
  if (acute.care != Care::kVirtual) MeasureSigns();
  if (acute.fever) {
    AddVital({"8310-5", "Body temperature"}, "Cel", {370 + random_.Below(28), 1});
  }
  if (inpatient) {
    MeasurePanel(kMetabolic);
    MeasurePanel(kBloodCount);
  }
  if (acute.treatment != kNoTreatment) {
    chart_.AddProcedure(kTreatments[acute.treatment], &acute.snomed, &condition);
  }
  AddImage(acute.imaging);
  if (acute.plan != kNoPlan) chart_.AddCarePlan(kPlans[acute.plan], diagnosis, condition);
  Prescribe(acute.medication, &condition, diagnosis.abated_s > person_.end_s);
  if (inpatient) GiveInHospital(condition, end_s);
  chart_.EndVisit();
}

void Life::FollowUp(const Event& event) {
  chart_.BeginVisit(
      {.type = kFollowUpType,
       .reason = event.of_chronic ? &kChronics[event.index].snomed : &kAcutes[event.index].snomed,
       .start_s = event.at_s,
       .end_s = event.at_s + (15 + random_.Below(20)) * kMinuteS,
       .price_cents = kOfficePriceCents});
  MeasureSigns();
  if (event.of_chronic) {
    MeasureChronic(event.index);
    chart_.AddProcedure(kTreatments[kMedicationReview], nullptr, nullptr);
  }
  chart_.EndVisit();
}

void Life::AddVital(const Code& loinc, std::string_view unit, Decimal value) {
  chart_.AddObservation(
      Quantity{.loinc = loinc, .unit = unit, .value = value, .category = "vital-signs"});
}

void Life::MeasureBody() {
  const int64_t mean_mm = HeightMeanMm(person_.female, age_s());
  const int64_t height_mm = mean_mm + mean_mm * person_.height * 38 / 1'000'000;
  const int64_t obese = HasNow(kObesity) ? 550 : 0;
  const int64_t mean_index = MassIndexMean(age_s());
  const int64_t index = InRange(
      mean_index + obese + mean_index * (person_.weight * 9 + random_.Normal() * 2) / 100'000,
      1'150, 5'500);
  // Hundredths of kg/m2 times square millimetres, to tenths of a kilogram.
  const int64_t weight = index * height_mm * height_mm / 10'000'000;
  AddVital({"8302-2", "Body height"}, "cm", {height_mm, 1});
  AddVital({"29463-7", "Body weight"}, "kg", {weight, 1});
  if (age_s() >= 2 * kYearS) {
    AddVital({"39156-5", "Body mass index (BMI) [Ratio]"}, "kg/m2", {index, 2});
  } else {
    const int64_t months = age_s() / kMonthS;
    AddVital({"9843-4", "Head Occipital-frontal circumference"}, "cm",
             {350 + months * 5 + random_.Below(20), 1});
  }
}

void Life::MeasureSigns() {
  const int64_t years = age_s() / kYearS;
  if (years >= 3) {
    const int64_t high = HasNow(kHypertension) ? 19 : 0;
    const int64_t systolic = 96 + std::min<int64_t>(years, 18) +
                             std::max<int64_t>(years - 18, 0) / 4 + high +
                             (person_.pressure * 8 + random_.Normal() * 5) / 1000;
    const int64_t diastolic = systolic * 64 / 100 + random_.Below(7);
    chart_.AddBloodPressure(systolic, diastolic);
  }
  const int64_t resting = years < 1 ? 128 : years < 6 ? 102 : years < 14 ? 84 : 72;
  AddVital({"8867-4", "Heart rate"}, "/min", {resting + random_.Normal() * 8 / 1000, 0});
  AddVital({"9279-1", "Respiratory rate"}, "/min",
           {(years < 2    ? 31
             : years < 12 ? 20
                          : 14) +
                random_.Below(4),
            0});
}

void Life::AskQuestions() {
  AddVital({"72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported"}, "{score}",
           {HasNow(kArthrosis) || HasNow(kMigraine) ? 1 + random_.Below(6) : random_.Below(3), 0});
  if (age_s() < 14 * kYearS) return;
  const Code never = {"266919005", "Never smoked tobacco"};
  const Code daily = {"449868002", "Smokes tobacco daily"};
  chart_.AddObservation(CodedObservation{.loinc = {"72166-2", "Tobacco smoking status"},
                                         .category = "social-history",
                                         .snomed = person_.smoker ? daily : never});
  if (random_.Permille(250)) MeasureLab(kPhq2);
}

void Life::GiveVaccines() {
  if (chart_.visit_start_s() < kVaccinesFromS) return;
  const int64_t months = age_s() / kMonthS + 1;
  for (size_t i = 0; i < kVaccines.size(); ++i) {
    const Vaccine& vaccine = kVaccines[i];
    while (doses_[i] < vaccine.due_months.size() && vaccine.due_months[doses_[i]] <= months) {
      ++doses_[i];
      // Doses that fell due long ago were missed.
      if (vaccine.due_months[doses_[i] - 1] + 48 < months) continue;
      chart_.AddImmunization(vaccine.cvx);
      break;
    }
  }
  if (months >= 6 && random_.Permille(450)) chart_.AddImmunization(kInfluenzaVaccine);
}

void Life::ScreenForAge() {
  const int64_t years = age_s() / kYearS;
  if (years >= 12 && random_.Permille(450)) {
    chart_.AddProcedure(kTreatments[kMedicationReview], nullptr, nullptr);
  }
  if (years >= 12 && random_.Permille(300)) {
    chart_.AddProcedure(kTreatments[kDepressionScreening], nullptr, nullptr);
  }
  if (years >= 50 && years < 76 && random_.Permille(120)) {
    chart_.AddProcedure(kTreatments[kColonoscopy], nullptr, nullptr);
  }
  if (person_.female && years >= 50 && years < 75 && random_.Permille(250)) {
    chart_.AddProcedure(kTreatments[kMammography], nullptr, nullptr);
    AddImage(kBreastImage);
  }
  if (HasNow(kDiabetes)) {
    chart_.AddProcedure(kTreatments[kEyeExam], &kChronics[kDiabetes].snomed,
                        &conditions_[kDiabetes]);
  }
}

void Life::MeasureChronic(uint8_t index) {
  for (const uint8_t lab : kChronics[index].labs) {
    if (lab < kLabCount) MeasureLab(lab);
  }
}

void Life::RenewOneMedication() {
  std::array<uint8_t, kChronicCount> treated;
  uint32_t count = 0;
  for (uint8_t i = 0; i < kChronicCount; ++i) {
    const bool medicated = kChronics[i].medications[0] != kNoMedication;
    if (medicated && HasNow(static_cast<ChronicIndex>(i))) treated[count++] = i;
  }
  if (count == 0) return;
  const uint8_t index = treated[random_.Below(count)];
  Prescribe(kChronics[index].medications[0], &conditions_[index],
            chart_.visit_start_s() + kYearS > person_.end_s);
}

void Life::Prescribe(uint8_t medication, const Id* condition, bool ongoing) {
  if (medication == kNoMedication) return;
  const bool active = ongoing && !person_.dead;
  chart_.AddMedicationRequest({.medication = &kMedications[medication],
                               .condition = condition,
                               .status = active ? "active" : "stopped"});
}

void Life::GiveInHospital(const Id& condition, int64_t end_s) {
  const int64_t start_s = chart_.visit_start_s() + kHourS;
  chart_.AddMedicationAdministration(kMedications[kSodiumChloride], &condition, start_s);
  for (int64_t at_s = start_s + 2 * kHourS; at_s < end_s; at_s += 12 * kHourS) {
    chart_.AddMedicationAdministration(kMedications[kHeparin], &condition, at_s);
  }
}

int64_t Life::LabValue(uint8_t lab) {
  const Lab& row = kLabs[lab];
  const int64_t own = NormalOf(Mix2(person_.key, 0x1ab0 + lab));
  int64_t value = row.mean + row.deviation * (own * 7 + random_.Normal() * 5) / 10'000;
  for (const Shift& shift : kShifts) {
    if (shift.lab == lab && HasNow(shift.chronic)) value += shift.by;
  }
  return InRange(value, row.min, row.max);
}

Id Life::MeasureLab(uint8_t lab) {
  const Lab& row = kLabs[lab];
  const std::string_view category = lab == kPhq2                          ? "survey"
                                    : lab == kOxygen                      ? "vital-signs"
                                    : lab == kFev1 || lab == kBoneDensity ? "procedure"
                                                                          : "laboratory";
  return chart_.AddObservation(Quantity{.loinc = row.loinc,
                                        .unit = row.unit,
                                        .value = {LabValue(lab), row.places},
                                        .category = category});
}

void Life::MeasurePanel(PanelIndex panel) {
  const Panel& row = kPanels[panel];
  std::array<ReportItem, 8> items;
  for (uint8_t i = 0; i < row.count; ++i) {
    const auto lab = static_cast<uint8_t>(row.first + i);
    items[i] = {MeasureLab(lab), kLabs[lab].loinc.display};
  }
  chart_.AddReport(row, items.data(), row.count);
}

void Life::AddImage(uint8_t imaging) {
  if (imaging == kNoImaging) return;
  const Imaging& row = kImagings[imaging];
  chart_.AddImagingStudy(row, 1 + random_.Below(row.instances_max));
}

}  // namespace tarn::synth
