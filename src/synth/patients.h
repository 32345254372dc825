// Deterministic synthetic patients: linked FHIR R4 resources of the 21 types that HealthLake
// preloads, with plausible codes, ages and distributions. Nobody real. Pure: the same seed gives
// the same bytes on every machine, and patient n does not depend on how many are made.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tarn::synth {

// Histories end between 1990-01-01 and 2200-01-01; what lies outside is moved to the nearer end.
inline constexpr int64_t kUntilUnixMsMin = 631'152'000'000;
inline constexpr int64_t kUntilUnixMsMax = 7'258'118'400'000;

struct PatientsOptions {
  uint64_t seed = 1;
  uint64_t patients = 100;
  int64_t until_unix_ms = 1'767'225'600'000;  // Histories end here (2026-01-01).
  // The number of the first patient. Several generators can so share one population: only the one
  // that begins at 0 emits the shared resources.
  uint64_t first_patient = 0;
};

// The types of all resources that come out, in alphabetical order: the 21 that HealthLake preloads.
inline constexpr std::array<std::string_view, 21> kPatientTypes = {"AllergyIntolerance",
                                                                   "CarePlan",
                                                                   "CareTeam",
                                                                   "Claim",
                                                                   "Condition",
                                                                   "Device",
                                                                   "DiagnosticReport",
                                                                   "Encounter",
                                                                   "ExplanationOfBenefit",
                                                                   "ImagingStudy",
                                                                   "Immunization",
                                                                   "Location",
                                                                   "MedicationAdministration",
                                                                   "MedicationRequest",
                                                                   "Observation",
                                                                   "Organization",
                                                                   "Patient",
                                                                   "Practitioner",
                                                                   "PractitionerRole",
                                                                   "Procedure",
                                                                   "Provenance"};

// Generates shared resources (Organization, Location, Practitioner, PractitionerRole) first, then
// patient after patient, each with its whole history. Needs memory for one patient only. Threads:
// one at a time.
class PatientGenerator {
 public:
  explicit PatientGenerator(const PatientsOptions& options);
  ~PatientGenerator();

  // Receives one resource: its type's name (of kPatientTypes, valid for ever) and its JSON in one
  // line, without line feed (valid during the call). Every resource is labelled as test data
  // (meta.security HTEST). Must not call back.
  using Sink = std::function<void(std::string_view type, std::string_view json)>;
  // Emits the shared resources or the next patient; false when all are out.
  bool Next(const Sink& sink);
  uint64_t patients_done() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::synth
