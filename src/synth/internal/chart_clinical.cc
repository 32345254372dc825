// What is found, given and planned during a visit.
#include "synth/internal/chart.h"
#include "synth/internal/systems.h"

namespace tarn::synth {
namespace {

constexpr std::string_view kCategorySystem =
    "http://terminology.hl7.org/CodeSystem/observation-category";

std::string_view CategoryDisplay(std::string_view category) {
  struct Row {
    std::string_view code, display;
  };
  static constexpr std::array<Row, 5> kRows = {{{"laboratory", "Laboratory"},
                                                {"vital-signs", "Vital Signs"},
                                                {"social-history", "Social History"},
                                                {"survey", "Survey"},
                                                {"procedure", "Procedure"}}};
  for (const Row& row : kRows) {
    if (row.code == category) return row.display;
  }
  return category;
}

}  // namespace

Id Chart::AddCondition(const Diagnosis& diagnosis) {
  const Id id = NewId(Type::kCondition);
  const bool active = diagnosis.abated_s > person_->end_s;
  Open(Type::kCondition, id);
  text_.Add(R"(,"clinicalStatus":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/condition-clinical","code":")",
            active ? std::string_view("active") : std::string_view("resolved"),
            R"("}]},"verificationStatus":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},)"
            R"("category":[)");
  constexpr std::string_view kSystem = "http://terminology.hl7.org/CodeSystem/condition-category";
  if (diagnosis.problem) {
    AddConceptOnly(kSystem, {"problem-list-item", "Problem List Item"});
  } else {
    AddConceptOnly(kSystem, {"encounter-diagnosis", "Encounter Diagnosis"});
  }
  text_.Add(R"(],"code":{"coding":[{"system":")", kSnomed, R"(","code":")", diagnosis.snomed->code,
            R"(","display":")", diagnosis.snomed->display, R"("},{"system":")", kIcd10,
            R"(","code":")", diagnosis.icd10->code, R"(","display":")", diagnosis.icd10->display,
            R"("}],"text":")", diagnosis.snomed->display, R"("})");
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"onsetDateTime":")", DateTime{visit_.start_s}, R"(")");
  if (!active) text_.Add(R"(,"abatementDateTime":")", DateTime{diagnosis.abated_s}, R"(")");
  text_.Add(R"(,"recordedDate":")", DateTime{visit_.start_s}, R"(")");
  AddPractitioner("recorder");
  Close(Type::kCondition);
  items_.push_back({ItemKind::kDiagnosis, kSnomed, *diagnosis.snomed, 0, id});
  return id;
}

void Chart::OpenObservation(const Id& id, const Code& loinc, std::string_view category) {
  Open(Type::kObservation, id);
  text_.Add(R"(,"status":"final","category":[)");
  AddConceptOnly(kCategorySystem, {category, CategoryDisplay(category)});
  text_.Add(R"(],"code":)");
  AddConcept(kLoinc, loinc);
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"effectiveDateTime":")", DateTime{visit_.start_s}, R"(","issued":")",
            Instant{visit_.start_s, static_cast<uint32_t>(ids_ * 37 % 1000)}, R"(")");
}

Id Chart::AddObservation(const Quantity& quantity) {
  const Id id = NewId(Type::kObservation);
  OpenObservation(id, quantity.loinc, quantity.category);
  text_.Add(R"(,"valueQuantity":{"value":)", quantity.value, R"(,"unit":")", quantity.unit,
            R"(","system":"http://unitsofmeasure.org","code":")", quantity.unit, R"("})");
  Close(Type::kObservation);
  return id;
}

Id Chart::AddObservation(const CodedObservation& coded) {
  const Id id = NewId(Type::kObservation);
  OpenObservation(id, coded.loinc, coded.category);
  text_.Add(R"(,"valueCodeableConcept":)");
  AddConcept(kSnomed, coded.snomed);
  Close(Type::kObservation);
  return id;
}

Id Chart::AddBloodPressure(int64_t systolic, int64_t diastolic) {
  const Id id = NewId(Type::kObservation);
  OpenObservation(id, {"85354-9", "Blood pressure panel with all children optional"},
                  "vital-signs");
  const auto component = [&](const Code& code, int64_t value) {
    text_.Add(R"({"code":)");
    AddConcept(kLoinc, code);
    text_.Add(R"(,"valueQuantity":{"value":)", value,
              R"(,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}})");
  };
  text_.Add(R"(,"component":[)");
  component({"8462-4", "Diastolic blood pressure"}, diastolic);
  text_.Add(",");
  component({"8480-6", "Systolic blood pressure"}, systolic);
  text_.Add("]");
  Close(Type::kObservation);
  return id;
}

void Chart::AddReport(const Panel& panel, const ReportItem* items, size_t count) {
  const Id id = NewId(Type::kDiagnosticReport);
  Open(Type::kDiagnosticReport, id);
  text_.Add(R"(,"status":"final","category":[)");
  AddConceptOnly("http://terminology.hl7.org/CodeSystem/v2-0074", {"LAB", "Laboratory"});
  text_.Add(R"(],"code":)");
  AddConcept(kLoinc, panel.loinc);
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"effectiveDateTime":")", DateTime{visit_.start_s}, R"(","issued":")",
            Instant{visit_.start_s + kHourS, 500}, R"(","performer":[{"reference":"Organization/)",
            cast_.providers[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("}],"result":[)");
  for (size_t i = 0; i < count; ++i) {
    text_.Add(i == 0 ? std::string_view(R"({"reference":"Observation/)")
                     : std::string_view(R"(,{"reference":"Observation/)"),
              items[i].id, R"(","display":")", items[i].display, R"("})");
  }
  text_.Add("]");
  Close(Type::kDiagnosticReport);
  items_.push_back({ItemKind::kService, kLoinc, panel.loinc, panel.price_cents, id});
}

void Chart::AddProcedure(const Treatment& treatment, const Code* reason, const Id* condition) {
  const Id id = NewId(Type::kProcedure);
  Open(Type::kProcedure, id);
  text_.Add(R"(,"status":"completed","code":)");
  AddConcept(kSnomed, treatment.snomed);
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"performedPeriod":{"start":")", DateTime{visit_.start_s}, R"(","end":")",
            DateTime{visit_.start_s + treatment.minutes * kMinuteS},
            R"("},"location":{"reference":"Location/)", cast_.locations[person_->provider],
            R"(","display":")", kProviders[person_->provider], R"("})");
  if (condition != nullptr) {
    text_.Add(R"(,"reasonReference":[{"reference":"Condition/)", *condition, R"(","display":")",
              reason->display, R"("}])");
  }
  Close(Type::kProcedure);
  items_.push_back({ItemKind::kProcedure, kSnomed, treatment.snomed, treatment.price_cents, id});
}

void Chart::AddImmunization(const Code& cvx) {
  const Id id = NewId(Type::kImmunization);
  Open(Type::kImmunization, id);
  text_.Add(R"(,"status":"completed","vaccineCode":)");
  AddConcept(kCvx, cvx);
  text_.Add(R"(,"patient":{"reference":"Patient/)", patient_, R"("})");
  AddEncounter();
  text_.Add(R"(,"occurrenceDateTime":")", DateTime{visit_.start_s},
            R"(","primarySource":true,"location":{"reference":"Location/)",
            cast_.locations[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("})");
  Close(Type::kImmunization);
  items_.push_back({ItemKind::kImmunization, kCvx, cvx, 14'052, id});
}

void Chart::AddAllergy(const Allergy& allergy) {
  const Id id = NewId(Type::kAllergyIntolerance);
  Open(Type::kAllergyIntolerance, id);
  text_.Add(R"(,"clinicalStatus":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active")"
            R"(}]},"verificationStatus":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification","code":)"
            R"("confirmed"}]},"type":"allergy","category":[")",
            allergy.category, R"("],"criticality":"low","code":)");
  AddConcept(kSnomed, allergy.snomed);
  text_.Add(R"(,"patient":{"reference":"Patient/)", patient_, R"("})");
  AddEncounter();
  text_.Add(R"(,"recordedDate":")", DateTime{visit_.start_s},
            R"(","reaction":[{"manifestation":[)");
  AddConcept(kSnomed, allergy.reaction);
  text_.Add(R"(],"severity":"mild"}])");
  Close(Type::kAllergyIntolerance);
}

void Chart::AddMedicationRequest(const Prescription& prescription) {
  const Medication& medication = *prescription.medication;
  const Id id = NewId(Type::kMedicationRequest);
  Open(Type::kMedicationRequest, id);
  text_.Add(R"(,"status":")", prescription.status,
            R"(","intent":"order","medicationCodeableConcept":)");
  AddConcept(kRxNorm, medication.rxnorm);
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"authoredOn":")", DateTime{visit_.start_s}, R"(")");
  AddPractitioner("requester");
  if (prescription.condition != nullptr) {
    text_.Add(R"(,"reasonReference":[{"reference":"Condition/)", *prescription.condition, R"("}])");
  }
  text_.Add(R"(,"dosageInstruction":[{"sequence":1,"text":"Take as directed","timing":{"repeat":)"
            R"({"frequency":)",
            int64_t{medication.doses_a_day},
            R"(,"period":1.0,"periodUnit":"d"}},"asNeededBoolean":false,"doseAndRate":[{"type":)"
            R"({"coding":[{"system":"http://terminology.hl7.org/CodeSystem/dose-rate-type",)"
            R"("code":"ordered","display":"Ordered"}]},"doseQuantity":{"value":1.0}}]}])");
  Close(Type::kMedicationRequest);
  WritePharmacyClaim(id, medication);
}

void Chart::AddMedicationAdministration(const Medication& medication, const Id* condition,
                                        int64_t at_s) {
  const Id id = NewId(Type::kMedicationAdministration);
  Open(Type::kMedicationAdministration, id);
  text_.Add(R"(,"status":"completed","medicationCodeableConcept":)");
  AddConcept(kRxNorm, medication.rxnorm);
  AddSubject();
  text_.Add(R"(,"context":{"reference":"Encounter/)", encounter_, R"("},"effectiveDateTime":")",
            DateTime{at_s}, R"(")");
  if (condition != nullptr) {
    text_.Add(R"(,"reasonReference":[{"reference":"Condition/)", *condition, R"("}])");
  }
  text_.Add(R"(,"dosage":{"dose":{"value":1,"unit":"{dose}","system":)"
            R"("http://unitsofmeasure.org","code":"{dose}"}})");
  Close(Type::kMedicationAdministration);
  items_.push_back({ItemKind::kMedication, kRxNorm, medication.rxnorm, medication.price_cents, id});
}

void Chart::AddImagingStudy(const Imaging& imaging, uint32_t instances) {
  const Id id = NewId(Type::kImagingStudy);
  // PS3.5 B.2: a UID under 2.25 is a UUID as a number; 63 bits of one of ours are unique enough.
  const auto root = static_cast<int64_t>(Mix2(person_->key, ids_) >> 1);
  Open(Type::kImagingStudy, id);
  text_.Add(R"(,"identifier":[{"use":"official","system":"urn:dicom:uid","value":"urn:oid:2.25.)",
            root, R"("}],"status":"available")");
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"started":")", DateTime{visit_.start_s},
            R"(","numberOfSeries":1,"numberOfInstances":)", int64_t{instances},
            R"(,"location":{"reference":"Location/)", cast_.locations[person_->provider],
            R"("},"series":[{"uid":"2.25.)", root,
            R"(.1","number":1,"modality":{"system":)"
            R"("http://dicom.nema.org/resources/ontology/DCM","code":")",
            imaging.modality.code, R"(","display":")", imaging.modality.display,
            R"("},"numberOfInstances":)", int64_t{instances}, R"(,"bodySite":{"system":")", kSnomed,
            R"(","code":")", imaging.body_site.code, R"(","display":")", imaging.body_site.display,
            R"("},"started":")", DateTime{visit_.start_s}, R"(","instance":[)");
  for (uint32_t i = 1; i <= instances; ++i) {
    text_.Add(i == 1 ? std::string_view(R"({"uid":"2.25.)") : std::string_view(R"(,{"uid":"2.25.)"),
              root, ".1.", int64_t{i},
              R"(","sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:)", imaging.sop_class,
              R"("},"number":)", int64_t{i}, R"(,"title":")", imaging.title, R"("})");
  }
  text_.Add("]}]");
  Close(Type::kImagingStudy);
}

void Chart::AddDevice(const Code& device) {
  const Id id = NewId(Type::kDevice);
  Random random(Mix2(person_->key, ids_));
  const int64_t serial = random.Between(1'000'000, 999'999'999);
  const int64_t lot = random.Between(100'000, 999'999);
  Open(Type::kDevice, id);
  text_.Add(R"(,"udiCarrier":[{"deviceIdentifier":"00000000)", serial, R"(","carrierHRF":"(01))",
            "00000000", serial, "(10)", lot, "(21)", serial,
            R"("}],"status":"active","distinctIdentifier":"00000000)", serial,
            R"(","manufactureDate":")", DateTime{visit_.start_s - 90 * kDayS},
            R"(","expirationDate":")", DateTime{visit_.start_s + 25 * kYearS}, R"(","lotNumber":")",
            lot, R"(","serialNumber":")", serial, R"(","deviceName":[{"name":")", device.display,
            R"(","type":"user-friendly-name"}],"type":)");
  AddConcept(kSnomed, device);
  text_.Add(R"(,"patient":{"reference":"Patient/)", patient_, R"("})");
  Close(Type::kDevice);
}

void Chart::WriteCareTeam(const Id& team, const Diagnosis& diagnosis, bool active) {
  const PersonName& doctor = cast_.names[person_->practitioner];
  Open(Type::kCareTeam, team);
  text_.Add(R"(,"status":")", active ? std::string_view("active") : std::string_view("inactive"),
            R"(")");
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"period":{"start":")", DateTime{visit_.start_s}, R"(")");
  if (!active) text_.Add(R"(,"end":")", DateTime{diagnosis.abated_s}, R"(")");
  text_.Add(R"(},"participant":[{"role":[)");
  AddConcept(kSnomed, {"116154003", "Patient"});
  text_.Add(R"(],"member":{"reference":"Patient/)", patient_, R"(","display":")",
            person_->name.given, " ", person_->name.family_start, person_->name.family_end,
            R"("}},{"role":[)");
  AddConcept(kSnomed, {"223366009", "Healthcare professional"});
  text_.Add(R"(],"member":{"reference":"Practitioner/)", cast_.practitioners[person_->practitioner],
            R"(","display":"Dr. )", doctor.given, " ", doctor.family_start, doctor.family_end,
            R"("}},{"role":[)");
  AddConcept(kSnomed, {"224891009", "Healthcare services"});
  text_.Add(R"(],"member":{"reference":"Organization/)", cast_.providers[person_->provider],
            R"(","display":")", kProviders[person_->provider], R"("}}],"reasonCode":[)");
  AddConcept(kSnomed, *diagnosis.snomed);
  text_.Add(R"(],"managingOrganization":[{"reference":"Organization/)",
            cast_.providers[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("}])");
  Close(Type::kCareTeam);
}

void Chart::AddCarePlan(const Plan& plan, const Diagnosis& diagnosis, const Id& condition) {
  const bool active = diagnosis.abated_s > person_->end_s;
  const Id team = NewId(Type::kCareTeam);
  const Id id = NewId(Type::kCarePlan);
  WriteCareTeam(team, diagnosis, active);
  Open(Type::kCarePlan, id);
  text_.Add(R"(,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">)",
            plan.snomed.display, R"(<br/>For: )", diagnosis.snomed->display,
            R"(</div>"},"status":")",
            active ? std::string_view("active") : std::string_view("completed"),
            R"(","intent":"order","category":[{"coding":[{"system":)"
            R"("http://hl7.org/fhir/us/core/CodeSystem/careplan-category","code":"assess-plan")"
            R"(}]},)");
  AddConcept(kSnomed, plan.snomed);
  text_.Add("]");
  AddSubject();
  AddEncounter();
  text_.Add(R"(,"period":{"start":")", DateTime{visit_.start_s}, R"(")");
  if (!active) text_.Add(R"(,"end":")", DateTime{diagnosis.abated_s}, R"(")");
  text_.Add(R"(},"careTeam":[{"reference":"CareTeam/)", team,
            R"("}],"addresses":[{"reference":"Condition/)", condition, R"("}],"activity":[)");
  for (size_t i = 0; i < plan.activities.size(); ++i) {
    text_.Add(i == 0 ? std::string_view(R"({"detail":{"code":)")
                     : std::string_view(R"(,{"detail":{"code":)"));
    AddConcept(kSnomed, plan.activities[i]);
    text_.Add(R"(,"status":")",
              active ? std::string_view("in-progress") : std::string_view("completed"),
              R"(","location":{"display":")", kProviders[person_->provider], R"("}}})");
  }
  text_.Add("]");
  Close(Type::kCarePlan);
}

}  // namespace tarn::synth
