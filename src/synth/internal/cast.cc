// The organisations and practitioners that all patients of a seed share. Their number is fixed, so
// that no patient depends on how many are made.
#include "synth/internal/chart.h"
#include "synth/internal/systems.h"

namespace tarn::synth {
namespace {

// Counters of the ids; types are a thousand apart, so that no list can grow into another.
enum : uint64_t {
  kProviderId = 1'000,
  kLocationId = 2'000,
  kPayerId = 3'000,
  kPractitionerId = 4'000,
  kRoleId = 5'000
};

template <size_t kCount>
void FillIds(uint64_t key, uint64_t first, std::array<Id, kCount>* ids) {
  for (size_t i = 0; i < kCount; ++i) (*ids)[i] = MakeId(key, first + i);
}

bool IsFemale(const Cast& cast, size_t practitioner) {
  return (Mix2(cast.key, kPractitionerId + practitioner) >> 63) != 0;
}

struct Out {
  Text* text;
  const PatientGenerator::Sink* sink;

  void Open(Type type, const Id& id) const {
    text->Clear();
    text->Add(R"({"resourceType":")", NameOf(type), R"(","id":")", id,
              R"(","meta":{"security":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/v3-ActReason")"
              R"(,"code":"HTEST","display":"test health data"}]})");
  }
  void Close(Type type) const {
    text->Add("}");
    (*sink)(NameOf(type), text->view());
  }
  // Where the provider with that number is: the same in Organization, Location and Practitioner.
  void AddAddress(size_t provider) const {
    text->Add(R"({"line":[")", int64_t{1} + static_cast<int64_t>(provider) * 7, " ",
              kStreets[provider % kStreets.size()], R"("],"city":")",
              kTowns[provider % kTowns.size()], R"(","state":"MA","postalCode":"00)",
              static_cast<int64_t>(100 + provider * 31), R"(","country":"US"})");
  }
  void AddPhone(size_t provider) const {
    text->Add(R"(,"telecom":[{"system":"phone","value":"555-01)",
              static_cast<int64_t>(10 + provider), R"("}])");
  }
};

void WriteOrganization(const Out& out, const Id& id, std::string_view name, size_t number,
                       const Code& type) {
  out.Open(Type::kOrganization, id);
  out.text->Add(R"(,"identifier":[{"system":"https://example.org/organization","value":")", id,
                R"("}],"active":true,"type":[{"coding":[{"system":)"
                R"("http://terminology.hl7.org/CodeSystem/organization-type","code":")",
                type.code, R"(","display":")", type.display, R"("}],"text":")", type.display,
                R"("}],"name":")", name, R"(")");
  out.AddPhone(number);
  out.text->Add(R"(,"address":[)");
  out.AddAddress(number);
  out.text->Add("]");
  out.Close(Type::kOrganization);
}

void WriteLocation(const Out& out, const Cast& cast, size_t number) {
  out.Open(Type::kLocation, cast.locations[number]);
  out.text->Add(R"(,"identifier":[{"system":"https://example.org/location","value":")",
                cast.locations[number], R"("}],"status":"active","name":")", kProviders[number],
                R"(","mode":"instance")");
  out.AddPhone(number);
  out.text->Add(R"(,"address":)");
  out.AddAddress(number);
  const auto east = static_cast<int64_t>(Mix2(cast.key, kLocationId + number) % 900'000);
  out.text->Add(R"(,"position":{"longitude":)", Decimal{-71'900'000 + east, 6}, R"(,"latitude":)",
                Decimal{42'000'000 + east / 2, 6},
                R"(},"managingOrganization":{"reference":"Organization/)", cast.providers[number],
                R"(","display":")", kProviders[number], R"("})");
  out.Close(Type::kLocation);
}

// Ten digits under the prefix 80840 of US health identifiers, the last by the Luhn formula
// (45 CFR 162.406). They begin with 9, which is not issued.
int64_t Npi(size_t practitioner) {
  const int64_t body = 999'000'000 + static_cast<int64_t>(practitioner);
  int64_t sum = 24;  // What the prefix 80840 adds.
  int64_t rest = body;
  for (int place = 0; place < 9; ++place, rest /= 10) {
    const int64_t digit = rest % 10;
    const int64_t doubled = digit * 2;
    sum += place % 2 == 0 ? doubled / 10 + doubled % 10 : digit;
  }
  return body * 10 + (10 - sum % 10) % 10;
}

void WritePractitioner(const Out& out, const Cast& cast, size_t number) {
  const PersonName& name = cast.names[number];
  out.Open(Type::kPractitioner, cast.practitioners[number]);
  out.text->Add(R"(,"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":")",
                Npi(number), R"("}],"active":true,"name":[{"family":")", name.family_start,
                name.family_end, R"(","given":[")", name.given, R"("],"prefix":["Dr."]}])",
                R"(,"telecom":[{"system":"email","value":"practitioner)",
                static_cast<int64_t>(number), R"(@example.org","use":"work"}],"address":[)");
  out.AddAddress(number / kPractitionersPerProvider);
  out.text->Add(R"(],"gender":")",
                IsFemale(cast, number) ? std::string_view("female") : std::string_view("male"),
                R"(")");
  out.Close(Type::kPractitioner);
}

void WriteRole(const Out& out, const Cast& cast, size_t number) {
  const size_t provider = number / kPractitionersPerProvider;
  const PersonName& name = cast.names[number];
  out.Open(Type::kPractitionerRole, cast.roles[number]);
  out.text->Add(R"(,"active":true,"practitioner":{"reference":"Practitioner/)",
                cast.practitioners[number], R"(","display":"Dr. )", name.given, " ",
                name.family_start, name.family_end,
                R"("},"organization":{"reference":"Organization/)", cast.providers[provider],
                R"(","display":")", kProviders[provider],
                R"("},"code":[{"coding":[{"system":"http://nucc.org/provider-taxonomy",)"
                R"("code":"208D00000X","display":"General Practice Physician"}],)"
                R"("text":"General Practice Physician"}],"specialty":[{"coding":[{"system":)"
                R"("http://nucc.org/provider-taxonomy","code":"208D00000X",)"
                R"("display":"General Practice Physician"}],"text":"General Practice Physician"}])"
                R"(,"location":[{"reference":"Location/)",
                cast.locations[provider], R"(","display":")", kProviders[provider],
                R"("}],"telecom":[{"system":"email","value":"practitioner)",
                static_cast<int64_t>(number), R"(@example.org","use":"work"}])");
  out.Close(Type::kPractitionerRole);
}

}  // namespace

Cast::Cast(uint64_t seed) : key(Mix2(seed, 0xca57)) {
  FillIds(key, kProviderId, &providers);
  FillIds(key, kLocationId, &locations);
  FillIds(key, kPayerId, &payers);
  FillIds(key, kPractitionerId, &practitioners);
  FillIds(key, kRoleId, &roles);
  for (size_t i = 0; i < kPractitionerCount; ++i) {
    names[i] = NameOf(Mix2(key, kRoleId + i), IsFemale(*this, i));
  }
}

void WriteCast(const Cast& cast, Text* text, const PatientGenerator::Sink& sink) {
  const Out out{text, &sink};
  for (size_t i = 0; i < kProviders.size(); ++i) {
    WriteOrganization(out, cast.providers[i], kProviders[i], i, {"prov", "Healthcare Provider"});
  }
  for (size_t i = 0; i < kPayers.size(); ++i) {
    WriteOrganization(out, cast.payers[i], kPayers[i], i, {"ins", "Insurance Company"});
  }
  for (size_t i = 0; i < kProviders.size(); ++i) WriteLocation(out, cast, i);
  for (size_t i = 0; i < kPractitionerCount; ++i) WritePractitioner(out, cast, i);
  for (size_t i = 0; i < kPractitionerCount; ++i) WriteRole(out, cast, i);
}

}  // namespace tarn::synth
