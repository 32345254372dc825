// Deterministic synthetic patients: linked FHIR R4 resources of the 21 types that HealthLake
// preloads, with plausible codes, ages and distributions. Nobody real. Pure: the same seed gives
// the same bytes on every machine, and patient n does not depend on how many are made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tarn::synth {

struct PatientsOptions {
  uint64_t seed = 1;
  uint64_t patients = 100;
  int64_t until_unix_ms = 1'767'225'600'000;  // Histories end here (2026-01-01).
};

// Generates shared resources (Organization, Location, Practitioner, PractitionerRole) first, then
// patient after patient, each with its whole history. Needs memory for one patient only.
class PatientGenerator {
 public:
  explicit PatientGenerator(const PatientsOptions& options);
  ~PatientGenerator();

  // Receives one resource: its type's name and its JSON in one line, without line feed.
  using Sink = std::function<void(std::string_view type, std::string_view json)>;
  // Emits the shared resources or the next patient; false when all are out.
  bool Next(const Sink& sink);
  uint64_t patients_done() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::synth
