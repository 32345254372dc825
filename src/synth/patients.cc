#include "synth/patients.h"

#include <algorithm>

#include "synth/internal/chart.h"
#include "synth/internal/life.h"

namespace tarn::synth {

struct PatientGenerator::State {
  explicit State(const PatientsOptions& given)
      : options(given),
        people_key(Mix2(given.seed, 0x9e09)),
        until_s(std::clamp(given.until_unix_ms, kUntilUnixMsMin, kUntilUnixMsMax) / 1000),
        cast(given.seed),
        life(cast, &text) {}

  const PatientsOptions options;
  const uint64_t people_key;
  const int64_t until_s;
  const Cast cast;
  Text text;
  Life life;
  bool cast_done = false;
  uint64_t done = 0;
};

PatientGenerator::PatientGenerator(const PatientsOptions& options)
    : state_(std::make_unique<State>(options)) {
  state_->cast_done = options.first_patient != 0;
}

PatientGenerator::~PatientGenerator() = default;

bool PatientGenerator::Next(const Sink& sink) {
  State& state = *state_;
  if (!state.cast_done) {
    state.cast_done = true;
    WriteCast(state.cast, &state.text, sink);
    return true;
  }
  if (state.done == state.options.patients) return false;
  const uint64_t number = state.options.first_patient + state.done;
  ++state.done;
  state.life.Write(Mix2(state.people_key, number), state.until_s, sink);
  return true;
}

uint64_t PatientGenerator::patients_done() const { return state_->done; }

}  // namespace tarn::synth
