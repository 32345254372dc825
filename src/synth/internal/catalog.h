// The codes that synthetic histories are made of: public codes of LOINC, SNOMED CT, RxNorm, CVX and
// ICD-10-CM with short displays, and the rates, ages and values that go with them. The rates are
// round numbers of our own that give plausible records; they are not epidemiology.
// Codes and displays hold no character that JSON must escape (a test parses all of them).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tarn::synth {

struct Code {
  std::string_view code;
  std::string_view display;
};

// A numeric observation. Values are in units of 10^-places.
struct Lab {
  Code loinc;
  std::string_view unit;
  uint32_t places;
  int32_t mean;
  int32_t deviation;
  int32_t min;
  int32_t max;
};

enum LabIndex : uint8_t {
  kGlucose,
  kUreaNitrogen,
  kCreatinine,
  kCalcium,
  kSodium,
  kPotassium,
  kChloride,
  kCarbonDioxide,
  kCholesterol,
  kTriglycerides,
  kLdl,
  kHdl,
  kLeukocytes,
  kErythrocytes,
  kHemoglobin,
  kHematocrit,
  kMcv,
  kMch,
  kMchc,
  kPlatelets,
  kProtein,
  kAlbumin,
  kBilirubin,
  kAlkalinePhosphatase,
  kAlt,
  kAst,
  kHba1c,
  kEgfr,
  kMicroalbumin,
  kTsh,
  kNtProBnp,
  kBoneDensity,
  kPhq2,
  kOxygen,
  kFev1,
  kLabCount
};

extern const std::array<Lab, kLabCount> kLabs;

// A laboratory report over neighbouring rows of kLabs.
struct Panel {
  Code loinc;
  uint8_t first;
  uint8_t count;
  uint32_t price_cents;
};
enum PanelIndex : uint8_t { kMetabolic, kLipid, kBloodCount, kHepatic, kPanelCount };
extern const std::array<Panel, kPanelCount> kPanels;

struct Medication {
  Code rxnorm;
  uint8_t doses_a_day;
  uint32_t price_cents;
};
enum MedicationIndex : uint8_t {
  kLisinopril,
  kHydrochlorothiazide,
  kAmlodipine,
  kMetformin,
  kInsulin,
  kSimvastatin,
  kAlbuterol,
  kFluticasone,
  kClopidogrel,
  kWarfarin,
  kNaproxen,
  kFluoxetine,
  kFurosemide,
  kCarvedilol,
  kLevothyroxine,
  kIbuprofen,
  kAlendronate,
  kAcetaminophen,
  kAmoxicillin,
  kPenicillin,
  kNitrofurantoin,
  kHeparin,
  kSodiumChloride,
  kMedicationCount,
  kNoMedication = 255
};
extern const std::array<Medication, kMedicationCount> kMedications;

struct Treatment {
  Code snomed;
  uint32_t minutes;
  uint32_t price_cents;
};
enum TreatmentIndex : uint8_t {
  kMedicationReview,
  kDepressionScreening,
  kColonoscopy,
  kSpirometry,
  kThroatCulture,
  kXray,
  kSuture,
  kSplint,
  kAppendectomy,
  kCoronaryIntervention,
  kEchocardiography,
  kPacemakerInsertion,
  kEcg,
  kBoneScan,
  kMammography,
  kFootExam,
  kEyeExam,
  kTreatmentCount,
  kNoTreatment = 255
};
extern const std::array<Treatment, kTreatmentCount> kTreatments;

struct Imaging {
  Code modality;   // DICOM Context Group 29.
  Code body_site;  // SNOMED CT.
  std::string_view sop_class;
  std::string_view title;
  uint8_t instances_max;
};
enum ImagingIndex : uint8_t {
  kForearmImage,
  kAnkleImage,
  kChestImage,
  kHeadImage,
  kHeartImage,
  kBreastImage,
  kImagingCount,
  kNoImaging = 255
};
extern const std::array<Imaging, kImagingCount> kImagings;

enum DeviceIndex : uint8_t {
  kGlucoseMeter,
  kNebulizer,
  kPacemaker,
  kStent,
  kWheelchair,
  kDeviceCount,
  kNoDevice = 255
};
extern const std::array<Code, kDeviceCount> kDevices;

struct Plan {
  Code snomed;
  std::array<Code, 2> activities;
};
enum PlanIndex : uint8_t {
  kDiabetesPlan,
  kLifestylePlan,
  kRespiratoryPlan,
  kHeartPlan,
  kInjuryPlan,
  kMindPlan,
  kPlanCount,
  kNoPlan = 255
};
extern const std::array<Plan, kPlanCount> kPlans;

// A condition that stays. `permille` is the chance to get it in a long life; onset is between
// `onset_min` and `onset_min + onset_span` years.
struct Chronic {
  Code snomed;
  Code icd10;
  uint32_t permille;
  uint8_t onset_min;
  uint8_t onset_span;
  std::array<uint8_t, 2> medications;
  uint8_t plan;
  uint8_t treatment;
  uint8_t imaging;
  uint8_t device;
  std::array<uint8_t, 2> labs;  // Measured at every check-up; kLabCount: none.
};
enum ChronicIndex : uint8_t {
  kHypertension,
  kDiabetes,
  kPrediabetes,
  kHyperlipidemia,
  kAsthma,
  kObesity,
  kCoronary,
  kKidneyDisease,
  kCopd,
  kFibrillation,
  kArthrosis,
  kDepression,
  kHeartFailure,
  kHypothyroidism,
  kMigraine,
  kOsteoporosis,
  kChronicCount
};
extern const std::array<Chronic, kChronicCount> kChronics;

enum class Care : uint8_t { kAmbulatory, kEmergency, kInpatient, kVirtual };

// A condition that passes.
struct Acute {
  Code snomed;
  Code icd10;
  Care care;
  uint8_t age_min;
  uint8_t age_max;
  uint8_t weight;  // Relative frequency among those of the right age.
  uint8_t days;
  uint8_t medication;
  uint8_t treatment;
  uint8_t imaging;
  uint8_t plan;
  bool fever;
};
extern const std::array<Acute, 14> kAcutes;

struct Vaccine {
  Code cvx;
  std::array<uint16_t, 6> due_months;  // Ages; 0xffff: no further dose.
};
inline constexpr uint16_t kNoDose = 0xffff;
extern const std::array<Vaccine, 15> kVaccines;
inline constexpr Code kInfluenzaVaccine = {"140",
                                           "Influenza, seasonal, injectable, preservative free"};

struct Allergy {
  Code snomed;
  std::string_view category;  // AllergyIntoleranceCategory.
  Code reaction;
};
extern const std::array<Allergy, 8> kAllergies;

}  // namespace tarn::synth
