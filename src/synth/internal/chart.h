// The chart of one patient while it is being written: one method per resource, each of which emits
// the resource as one line and returns its id, so that later resources can refer to it.
// What happens to the patient is decided in life.cc; how it looks in FHIR is decided here.
// Spec: FHIR R4 (4.0.1), the page of each resource type; US Core for which elements are filled.
// Threads: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "synth/internal/catalog.h"
#include "synth/internal/names.h"
#include "synth/internal/random.h"
#include "synth/internal/text.h"
#include "synth/patients.h"

namespace tarn::synth {

inline constexpr int64_t kMinuteS = 60;
inline constexpr int64_t kHourS = 3'600;
inline constexpr int64_t kDayS = 86'400;
inline constexpr int64_t kYearS = 31'557'600;  // 365.25 days.
inline constexpr int64_t kMonthS = kYearS / 12;
inline constexpr int64_t kNever = INT64_MAX;

enum class Type : uint8_t {
  kAllergyIntolerance,
  kCarePlan,
  kCareTeam,
  kClaim,
  kCondition,
  kDevice,
  kDiagnosticReport,
  kEncounter,
  kExplanationOfBenefit,
  kImagingStudy,
  kImmunization,
  kLocation,
  kMedicationAdministration,
  kMedicationRequest,
  kObservation,
  kOrganization,
  kPatient,
  kPractitioner,
  kPractitionerRole,
  kProcedure,
  kProvenance
};
inline std::string_view NameOf(Type type) { return kPatientTypes[static_cast<size_t>(type)]; }

// The fixed cast that all patients of a seed share. Computed from the seed alone.
struct Cast {
  explicit Cast(uint64_t seed);
  uint64_t key;
  std::array<Id, kProviders.size()> providers;
  std::array<Id, kProviders.size()> locations;
  std::array<Id, kPayers.size()> payers;
  std::array<Id, kPractitionerCount> practitioners;
  std::array<Id, kPractitionerCount> roles;
  std::array<PersonName, kPractitionerCount> names;
};

// Emits the cast: Organization, Location, Practitioner, PractitionerRole.
void WriteCast(const Cast& cast, Text* text, const PatientGenerator::Sink& sink);

inline constexpr uint8_t kRaceCount = 5;

struct Person {
  uint64_t key = 0;  // Every id and every trait of the patient comes from it.
  bool female = false;
  PersonName name;
  uint8_t race = 0;
  bool hispanic = false;
  bool smoker = false;
  int64_t birth_s = 0;
  int64_t end_s = 0;  // Death, or when the history ends.
  bool dead = false;
  uint32_t provider = 0;
  uint32_t practitioner = 0;
  uint32_t payer = 0;
  int32_t height = 0;  // Deviations from the mean of age and sex, in thousandths.
  int32_t weight = 0;
  int32_t pressure = 0;
  std::array<int64_t, kChronicCount> onset_s{};  // kNever: does not get it.

  bool Has(ChronicIndex chronic, int64_t at_s) const { return onset_s[chronic] <= at_s; }
};

struct VisitKind {
  Care care = Care::kAmbulatory;
  Code type;
  const Code* reason = nullptr;  // May be null.
  int64_t start_s = 0;
  int64_t end_s = 0;
  uint32_t price_cents = 0;
};

struct Diagnosis {
  const Code* snomed;
  const Code* icd10;
  int64_t abated_s = kNever;
  bool problem = false;  // On the problem list, rather than a diagnosis of one encounter.
};

struct Quantity {
  Code loinc;
  std::string_view unit;
  Decimal value;
  std::string_view category;  // Of the code system observation-category.
};

struct CodedObservation {
  Code loinc;
  std::string_view category;
  Code snomed;
};

struct ReportItem {
  Id id;
  std::string_view display;
};

class Chart {
 public:
  // `cast` and `text` must outlive the chart.
  Chart(const Cast& cast, Text* text) : cast_(cast), text_(*text) {}
  Chart(const Chart&) = delete;
  Chart& operator=(const Chart&) = delete;

  // Writes the Patient; what follows, until End(), is about them. `person` and `sink` must live
  // until then.
  void Begin(const Person& person, const PatientGenerator::Sink& sink);
  // Writes Provenance over everything since Begin().
  void End();

  void BeginVisit(const VisitKind& kind);
  // Writes the Claim and the ExplanationOfBenefit of all that was charged since BeginVisit().
  void EndVisit();
  int64_t visit_start_s() const { return visit_.start_s; }

  Id AddCondition(const Diagnosis& diagnosis);
  Id AddObservation(const Quantity& quantity);
  Id AddObservation(const CodedObservation& coded);
  Id AddBloodPressure(int64_t systolic, int64_t diastolic);
  void AddReport(const Panel& panel, const ReportItem* items, size_t count);
  void AddProcedure(const Treatment& treatment, const Code* reason, const Id* condition);
  void AddImmunization(const Code& cvx);
  void AddAllergy(const Allergy& allergy);
  struct Prescription {
    const Medication* medication;
    const Id* condition;  // May be null.
    std::string_view status;
  };
  void AddMedicationRequest(const Prescription& prescription);
  void AddMedicationAdministration(const Medication& medication, const Id* condition, int64_t at_s);
  void AddImagingStudy(const Imaging& imaging, uint32_t instances);
  void AddDevice(const Code& device);
  // A CarePlan and its CareTeam.
  void AddCarePlan(const Plan& plan, const Diagnosis& diagnosis, const Id& condition);

 private:
  enum class ItemKind : uint8_t { kService, kDiagnosis, kProcedure, kImmunization, kMedication };
  struct Item {
    ItemKind kind;
    std::string_view system;
    Code code;
    uint32_t price_cents;
    Id id;
  };
  struct Total {
    Id claim;
    int64_t cents;
  };

  void Open(Type type, const Id& id);
  void Close(Type type);
  Id NewId(Type type);
  void AddConcept(std::string_view system, const Code& code);
  void AddConceptOnly(std::string_view system, const Code& code);
  void AddSubject();
  void AddEncounter();
  void AddPractitioner(std::string_view member);
  void OpenObservation(const Id& id, const Code& loinc, std::string_view category);
  void AddPerformer();
  void WriteIdentifiers();
  void WriteOrigin();
  void WriteContact();
  void WriteClaim(const Total& total);
  void WriteClaimItems();
  void WriteBenefit(const Id& id, const Total& total);
  void WriteBenefitItems(int64_t* paid_cents);
  void WritePharmacyClaim(const Id& request, const Medication& medication);
  void WriteCareTeam(const Id& team, const Diagnosis& diagnosis, bool active);

  struct Target {
    Type type;
    Id id;
  };

  const Cast& cast_;
  Text& text_;
  const Person* person_ = nullptr;                // The caller's, from Begin() to End().
  const PatientGenerator::Sink* sink_ = nullptr;  // Likewise.
  Id patient_;
  uint64_t ids_ = 0;
  VisitKind visit_;
  Id encounter_;
  std::vector<Item> items_;
  std::vector<Target> targets_;
};

}  // namespace tarn::synth
