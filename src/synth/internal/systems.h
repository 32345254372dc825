// The code systems that several resource types name.
#pragma once

#include <string_view>

namespace tarn::synth {

inline constexpr std::string_view kSnomed = "http://snomed.info/sct";
inline constexpr std::string_view kLoinc = "http://loinc.org";
inline constexpr std::string_view kRxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm";
inline constexpr std::string_view kCvx = "http://hl7.org/fhir/sid/cvx";
inline constexpr std::string_view kIcd10 = "http://hl7.org/fhir/sid/icd-10-cm";

}  // namespace tarn::synth
