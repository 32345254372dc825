// The frame of a chart: Patient, Encounter, Provenance and what every resource begins and ends
// with.
#include "synth/internal/chart.h"

#include <algorithm>

#include "synth/internal/systems.h"

namespace tarn::synth {
namespace {

// Targets of one Provenance. Synthea writes a single one per patient; a long life would make that
// a resource of 60 KB and more, so ours are split.
constexpr size_t kTargetsMax = 100;

// The OMB categories of the CDC race and ethnicity code system.
constexpr std::array<Code, kRaceCount> kRaces = {{
    {"2106-3", "White"},
    {"2054-5", "Black or African American"},
    {"2028-9", "Asian"},
    {"1002-5", "American Indian or Alaska Native"},
    {"2076-8", "Native Hawaiian or Other Pacific Islander"},
}};

// v3-ActCode.
Code ClassOf(Care care) {
  switch (care) {
    case Care::kAmbulatory:
      return {"AMB", "ambulatory"};
    case Care::kEmergency:
      return {"EMER", "emergency"};
    case Care::kInpatient:
      return {"IMP", "inpatient encounter"};
    case Care::kVirtual:
      return {"VR", "virtual"};
  }
  return {};
}

}  // namespace

void Chart::Open(Type type, const Id& id) {
  text_.Clear();
  // Every resource is labelled as test data: FHIR R4 "Security Labels", v3-ActReason HTEST.
  text_.Add(
      R"({"resourceType":")", NameOf(type), R"(","id":")", id,
      R"(","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason")"
      R"(,"code":"HTEST","display":"test health data"}]})");
}

void Chart::Close(Type type) {
  text_.Add("}");
  (*sink_)(NameOf(type), text_.view());
}

Id Chart::NewId(Type type) {
  const Id id = MakeId(person_->key, ++ids_);
  targets_.push_back({type, id});
  return id;
}

void Chart::AddConcept(std::string_view system, const Code& code) {
  text_.Add(R"({"coding":[{"system":")", system, R"(","code":")", code.code, R"(","display":")",
            code.display, R"("}],"text":")", code.display, R"("})");
}

void Chart::AddConceptOnly(std::string_view system, const Code& code) {
  text_.Add(R"({"coding":[{"system":")", system, R"(","code":")", code.code, R"(","display":")",
            code.display, R"("}]})");
}

void Chart::AddSubject() { text_.Add(R"(,"subject":{"reference":"Patient/)", patient_, R"("})"); }

void Chart::AddEncounter() {
  text_.Add(R"(,"encounter":{"reference":"Encounter/)", encounter_, R"("})");
}

void Chart::AddPractitioner(std::string_view member) {
  const PersonName& name = cast_.names[person_->practitioner];
  text_.Add(R"(,")", member, R"(":{"reference":"Practitioner/)",
            cast_.practitioners[person_->practitioner], R"(","display":"Dr. )", name.given, " ",
            name.family_start, name.family_end, R"("})");
}

void Chart::WriteIdentifiers() {
  Random random(Mix2(person_->key, 0x1d));
  const int64_t record = random.Between(100'000'000, 999'999'999);
  const int64_t area = random.Between(10, 99);
  const int64_t serial = random.Between(1'000, 9'999);
  text_.Add(R"(,"identifier":[{"system":"https://example.org/synthetic-person","value":")",
            patient_,
            R"("},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203",)"
            R"("code":"MR","display":"Medical record number"}],"text":"Medical record number"},)"
            R"("system":"https://example.org/medical-record","value":"MR)",
            record,
            R"("},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203",)"
            R"("code":"SS","display":"Social Security number"}],"text":"Social Security number"},)"
            R"("system":"http://hl7.org/fhir/sid/us-ssn","value":"999-)",
            area, "-", serial, R"("}])");
}

void Chart::WriteOrigin() {
  const Code& race = kRaces[person_->race];
  const Code ethnicity = person_->hispanic ? Code{"2135-2", "Hispanic or Latino"}
                                           : Code{"2186-5", "Not Hispanic or Latino"};
  text_.Add(R"(,"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race")"
            R"(,"extension":[{"url":"ombCategory","valueCoding":{"system":)"
            R"("urn:oid:2.16.840.1.113883.6.238","code":")",
            race.code, R"(","display":")", race.display, R"("}},{"url":"text","valueString":")",
            race.display, R"("}]})");
  text_.Add(R"(,{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",)"
            R"("extension":[{"url":"ombCategory","valueCoding":{"system":)"
            R"("urn:oid:2.16.840.1.113883.6.238","code":")",
            ethnicity.code, R"(","display":")", ethnicity.display,
            R"("}},{"url":"text","valueString":")", ethnicity.display,
            R"("}]},{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex",)"
            R"("valueCode":")",
            person_->female ? std::string_view("F") : std::string_view("M"), R"("}])");
}

void Chart::WriteContact() {
  Random random(Mix2(person_->key, 0xbe));
  const int64_t phone = random.Between(10, 99);
  const int64_t house = random.Between(1, 240);
  const std::string_view street = kStreets[random.Below(kStreets.size())];
  const int64_t postal = random.Between(100, 999);
  text_.Add(R"(,"telecom":[{"system":"phone","value":"555-01)", phone,
            R"(","use":"home"}],"gender":")",
            person_->female ? std::string_view("female") : std::string_view("male"),
            R"(","birthDate":")", Day{person_->birth_s}, R"(")");
  if (person_->dead) text_.Add(R"(,"deceasedDateTime":")", DateTime{person_->end_s}, R"(")");
  text_.Add(R"(,"address":[{"use":"home","line":[")", house, " ", street, R"("],"city":")",
            kTowns[person_->provider % kTowns.size()], R"(","state":"MA","postalCode":"00)", postal,
            R"(","country":"US"}],"maritalStatus":)");
  const bool married = person_->end_s - person_->birth_s > 25 * kYearS && random.Permille(600);
  AddConcept("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
             married ? Code{"M", "Married"} : Code{"S", "Never Married"});
  const bool twin = random.Permille(30);
  text_.Add(
      R"(,"multipleBirthBoolean":)", twin ? std::string_view("true") : std::string_view("false"),
      R"(,"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en-US",)"
      R"("display":"English"}],"text":"English"},"preferred":true}])");
}

void Chart::Begin(const Person& person, const PatientGenerator::Sink& sink) {
  person_ = &person;
  sink_ = &sink;
  ids_ = 0;
  targets_.clear();
  patient_ = NewId(Type::kPatient);
  const PersonName& name = person.name;
  Open(Type::kPatient, patient_);
  text_.Add(R"(,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">)",
            R"(<p>)", name.given, " ", name.family_start, name.family_end,
            R"(: a made-up person. Born )", Day{person.birth_s}, R"(.</p></div>"})");
  WriteOrigin();
  WriteIdentifiers();
  text_.Add(R"(,"active":true,"name":[{"use":"official","family":")", name.family_start,
            name.family_end, R"(","given":[")", name.given, R"("]}])");
  WriteContact();
  text_.Add(R"(,"generalPractitioner":[{"reference":"Practitioner/)",
            cast_.practitioners[person.practitioner],
            R"("}],"managingOrganization":{"reference":"Organization/)",
            cast_.providers[person.provider], R"("})");
  Close(Type::kPatient);
}

void Chart::BeginVisit(const VisitKind& kind) {
  visit_ = kind;
  items_.clear();
  encounter_ = NewId(Type::kEncounter);
  const PersonName& doctor = cast_.names[person_->practitioner];
  Open(Type::kEncounter, encounter_);
  const Code care = ClassOf(kind.care);
  text_.Add(R"(,"status":"finished","class":{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/v3-ActCode","code":")",
            care.code, R"(","display":")", care.display, R"("},"type":[)");
  AddConcept(kSnomed, kind.type);
  text_.Add(R"(],"subject":{"reference":"Patient/)", patient_, R"(","display":")",
            person_->name.given, " ", person_->name.family_start, person_->name.family_end,
            R"("},"participant":[{"type":[{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PPRF",)"
            R"("display":"primary performer"}]}],"individual":{"reference":"Practitioner/)",
            cast_.practitioners[person_->practitioner], R"(","display":"Dr. )", doctor.given, " ",
            doctor.family_start, doctor.family_end, R"("}}],"period":{"start":")",
            DateTime{kind.start_s}, R"(","end":")", DateTime{kind.end_s}, R"("})");
  if (kind.reason != nullptr) {
    text_.Add(R"(,"reasonCode":[)");
    AddConcept(kSnomed, *kind.reason);
    text_.Add("]");
  }
  if (kind.care == Care::kInpatient) {
    text_.Add(R"(,"hospitalization":{"dischargeDisposition":{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/discharge-disposition","code":"home",)"
              R"("display":"Home"}],"text":"Discharge to home"}})");
  }
  text_.Add(R"(,"location":[{"location":{"reference":"Location/)",
            cast_.locations[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("}}],"serviceProvider":{"reference":"Organization/)",
            cast_.providers[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("})");
  Close(Type::kEncounter);
  items_.push_back({ItemKind::kService, kSnomed, kind.type, kind.price_cents, encounter_});
}

void Chart::End() {
  const size_t count = targets_.size();
  for (size_t first = 0; first < count; first += kTargetsMax) {
    const Id id = MakeId(person_->key, ++ids_);
    Open(Type::kProvenance, id);
    text_.Add(R"(,"target":[)");
    const size_t end = std::min(first + kTargetsMax, count);
    for (size_t i = first; i < end; ++i) {
      text_.Add(i == first ? std::string_view(R"({"reference":")")
                           : std::string_view(R"(,{"reference":")"),
                NameOf(targets_[i].type), "/", targets_[i].id, R"("})");
    }
    text_.Add(R"(],"recorded":")", Instant{person_->end_s, 250},
              R"(","activity":{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/v3-DataOperation","code":"CREATE",)"
              R"("display":"create"}]},"agent":[{"type":{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/provenance-participant-type",)"
              R"("code":"author","display":"Author"}],"text":"Author"},"who":{"reference":)"
              R"("Practitioner/)",
              cast_.practitioners[person_->practitioner],
              R"("},"onBehalfOf":{"reference":"Organization/)", cast_.providers[person_->provider],
              R"("}}])");
    Close(Type::kProvenance);
  }
  person_ = nullptr;
  sink_ = nullptr;
}

}  // namespace tarn::synth
