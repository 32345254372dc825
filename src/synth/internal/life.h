// Decides what happens in a synthetic life: who the person is, which illnesses they get and when
// they see a doctor. Writes it all through a Chart.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "synth/internal/chart.h"
#include "synth/internal/random.h"

namespace tarn::synth {

class Life {
 public:
  // `cast` and `text` must outlive the object.
  Life(const Cast& cast, Text* text) : chart_(cast, text), random_(0) {}

  // Writes the whole history of the person of that key, up to `until_s`.
  void Write(uint64_t key, int64_t until_s, const PatientGenerator::Sink& sink);

 private:
  enum class Kind : uint8_t { kCheckup, kOnset, kAcute, kFollowUp };
  struct Event {
    int64_t at_s;
    Kind kind;
    uint8_t index;    // Of kChronics or kAcutes.
    bool of_chronic;  // For kFollowUp: what `index` means.
  };

  void DrawPerson(uint64_t key, int64_t until_s);
  void DrawIllnesses();
  void PlanCheckups();
  void PlanIllnesses();
  // A moment in the office hours of the day that begins at `midnight_s`.
  int64_t InOfficeHours(int64_t midnight_s);
  void Plan(int64_t midnight_s, Kind kind, uint8_t index, bool of_chronic = false);

  void Checkup(int64_t at_s);
  void Onset(int64_t at_s, uint8_t index);
  void AcuteVisit(int64_t at_s, uint8_t index);
  void FollowUp(const Event& event);

  void MeasureBody();
  void MeasureSigns();
  void AskQuestions();
  void GiveVaccines();
  void ScreenForAge();
  void MeasureChronic(uint8_t index);
  void RenewOneMedication();
  void Prescribe(uint8_t medication, const Id* condition, bool ongoing);
  void GiveInHospital(const Id& condition, int64_t end_s);
  Id MeasureLab(uint8_t lab);
  void MeasurePanel(PanelIndex panel);
  int64_t LabValue(uint8_t lab);
  void AddVital(const Code& loinc, std::string_view unit, Decimal value);
  void AddImage(uint8_t imaging);

  int64_t age_s() const { return chart_.visit_start_s() - person_.birth_s; }
  bool HasNow(ChronicIndex chronic) const { return person_.Has(chronic, chart_.visit_start_s()); }

  Chart chart_;
  Random random_;
  Person person_;
  std::vector<Event> events_;
  std::array<Id, kChronicCount> conditions_;  // Valid from the onset on.
  std::array<uint8_t, kVaccines.size()> doses_{};
};

}  // namespace tarn::synth
