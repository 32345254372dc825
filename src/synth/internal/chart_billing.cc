// The money side of a visit: one Claim and one ExplanationOfBenefit for all that was charged, and a
// pharmacy Claim for each prescription. Amounts are US cents.
#include "synth/internal/chart.h"
#include "synth/internal/systems.h"

namespace tarn::synth {
namespace {

constexpr std::string_view kInfoCategory =
    R"("category":{"coding":[{"system":)"
    R"("http://terminology.hl7.org/CodeSystem/claiminformationcategory","code":"info",)"
    R"("display":"Information"}]})";

Decimal Dollars(int64_t cents) { return {cents, 2}; }

// The code system "adjudication": amounts that the payer accepts, subtracts and pays.
struct Share {
  Code code;
  uint32_t percent;
};
constexpr std::array<Share, 5> kShares = {{
    {{"submitted", "Submitted Amount"}, 100},
    {{"eligible", "Eligible Amount"}, 100},
    {{"deductible", "Deductible"}, 5},
    {{"copay", "CoPay"}, 15},
    {{"benefit", "Benefit Amount"}, 80},
}};
constexpr uint32_t kPaidPercent = 80;

}  // namespace

void Chart::EndVisit() {
  Total total{NewId(Type::kClaim), 0};
  for (const Item& item : items_) total.cents += item.price_cents;
  WriteClaim(total);
  WriteBenefit(NewId(Type::kExplanationOfBenefit), total);
}

void Chart::WriteClaim(const Total& total) {
  const bool inpatient = visit_.care == Care::kInpatient || visit_.care == Care::kEmergency;
  Open(Type::kClaim, total.claim);
  text_.Add(R"(,"status":"active","type":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/claim-type","code":")",
            inpatient ? std::string_view("institutional") : std::string_view("professional"),
            R"("}]},"use":"claim","patient":{"reference":"Patient/)", patient_, R"(","display":")",
            person_->name.given, " ", person_->name.family_start, person_->name.family_end,
            R"("},"billablePeriod":{"start":")", DateTime{visit_.start_s}, R"(","end":")",
            DateTime{visit_.end_s}, R"("},"created":")", DateTime{visit_.end_s},
            R"(","provider":{"reference":"Organization/)", cast_.providers[person_->provider],
            R"(","display":")", kProviders[person_->provider],
            R"("},"priority":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/processpriority","code":"normal"}]},)"
            R"("facility":{"reference":"Location/)",
            cast_.locations[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("})");
  WriteClaimItems();
  text_.Add(R"(,"total":{"value":)", Dollars(total.cents), R"(,"currency":"USD"})");
  Close(Type::kClaim);
}

void Chart::WriteClaimItems() {
  struct List {
    ItemKind kind;
    std::string_view open, reference;
  };
  static constexpr std::array<List, 3> kLists = {{
      {ItemKind::kImmunization, R"(,"supportingInfo":[)",
       R"(,"valueReference":{"reference":"Immunization/)"},
      {ItemKind::kDiagnosis, R"(,"diagnosis":[)",
       R"(,"diagnosisReference":{"reference":"Condition/)"},
      {ItemKind::kProcedure, R"(,"procedure":[)",
       R"(,"procedureReference":{"reference":"Procedure/)"},
  }};
  for (const List& list : kLists) {
    int64_t sequence = 0;
    for (const Item& item : items_) {
      if (item.kind != list.kind) continue;
      text_.Add(sequence == 0 ? list.open : std::string_view(","), R"({"sequence":)", sequence + 1);
      ++sequence;
      if (list.kind == ItemKind::kImmunization) text_.Add(",", kInfoCategory);
      text_.Add(list.reference, item.id, R"("}})");
    }
    if (sequence != 0) text_.Add("]");
  }
  text_.Add(R"(,"insurance":[{"sequence":1,"focal":true,"coverage":{"display":")",
            kPayers[person_->payer], R"("}}],"item":[)");
  std::array<int64_t, 5> of_kind{};
  int64_t sequence = 0;
  for (const Item& item : items_) {
    const int64_t in_list = ++of_kind[static_cast<size_t>(item.kind)];
    text_.Add(sequence == 0 ? std::string_view("") : std::string_view(","), R"({"sequence":)",
              sequence + 1);
    switch (item.kind) {
      case ItemKind::kDiagnosis:
        text_.Add(R"(,"diagnosisSequence":[)", in_list, "]");
        break;
      case ItemKind::kProcedure:
        text_.Add(R"(,"procedureSequence":[)", in_list, "]");
        break;
      case ItemKind::kImmunization:
        text_.Add(R"(,"informationSequence":[)", in_list, "]");
        break;
      case ItemKind::kService:
      case ItemKind::kMedication:
        break;
    }
    text_.Add(R"(,"productOrService":)");
    AddConcept(item.system, item.code);
    if (item.price_cents != 0) {
      text_.Add(R"(,"net":{"value":)", Dollars(item.price_cents), R"(,"currency":"USD"})");
    }
    if (sequence == 0) text_.Add(R"(,"encounter":[{"reference":"Encounter/)", encounter_, R"("}])");
    text_.Add("}");
    ++sequence;
  }
  text_.Add("]");
}

void Chart::WritePharmacyClaim(const Id& request, const Medication& medication) {
  const Id id = NewId(Type::kClaim);
  Open(Type::kClaim, id);
  text_.Add(R"(,"status":"active","type":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/claim-type","code":"pharmacy"}]},)"
            R"("use":"claim","patient":{"reference":"Patient/)",
            patient_, R"(","display":")", person_->name.given, " ", person_->name.family_start,
            person_->name.family_end, R"("},"billablePeriod":{"start":")", DateTime{visit_.start_s},
            R"(","end":")", DateTime{visit_.end_s}, R"("},"created":")", DateTime{visit_.end_s},
            R"(","provider":{"reference":"Organization/)", cast_.providers[person_->provider],
            R"(","display":")", kProviders[person_->provider],
            R"("},"priority":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/processpriority","code":"normal"}]},)"
            R"("prescription":{"reference":"MedicationRequest/)",
            request, R"("},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":")",
            kPayers[person_->payer], R"("}}],"item":[{"sequence":1,"productOrService":)");
  AddConcept(kRxNorm, medication.rxnorm);
  text_.Add(R"(,"encounter":[{"reference":"Encounter/)", encounter_, R"("}]}],"total":{"value":)",
            Dollars(medication.price_cents), R"(,"currency":"USD"})");
  Close(Type::kClaim);
}

void Chart::WriteBenefit(const Id& id, const Total& total) {
  const Id& doctor = cast_.practitioners[person_->practitioner];
  const bool inpatient = visit_.care == Care::kInpatient || visit_.care == Care::kEmergency;
  const std::string_view payer = kPayers[person_->payer];
  Open(Type::kExplanationOfBenefit, id);
  text_.Add(R"(,"contained":[{"resourceType":"ServiceRequest","id":"referral","status":"completed")"
            R"(,"intent":"order","subject":{"reference":"Patient/)",
            patient_, R"("},"requester":{"reference":"Practitioner/)", doctor,
            R"("},"performer":[{"reference":"Practitioner/)", doctor,
            R"("}]},{"resourceType":"Coverage","id":"coverage","status":"active","type":{"text":")",
            payer, R"("},"beneficiary":{"reference":"Patient/)", patient_,
            R"("},"payor":[{"display":")", payer, R"("}]}])");
  text_.Add(R"(,"identifier":[{"system":"https://example.org/claim","value":")", total.claim,
            R"("},{"system":"https://example.org/claim-group","value":"99999999999"}])");
  text_.Add(R"(,"status":"active","type":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/claim-type","code":")",
            inpatient ? std::string_view("institutional") : std::string_view("professional"),
            R"("}]},"use":"claim","patient":{"reference":"Patient/)", patient_,
            R"("},"billablePeriod":{"start":")", DateTime{visit_.end_s}, R"(","end":")",
            DateTime{visit_.end_s + kYearS}, R"("},"created":")", DateTime{visit_.end_s},
            R"(","insurer":{"reference":"Organization/)", cast_.payers[person_->payer],
            R"(","display":")", payer, R"("},"provider":{"reference":"Practitioner/)", doctor,
            R"("},"referral":{"reference":"#referral"},"facility":{"reference":"Location/)",
            cast_.locations[person_->provider], R"(","display":")", kProviders[person_->provider],
            R"("},"claim":{"reference":"Claim/)", total.claim,
            R"("},"outcome":"complete",)"
            R"("careTeam":[{"sequence":1,"provider":{"reference":"Practitioner/)",
            doctor,
            R"("},"role":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/claimcareteamrole","code":"primary",)"
            R"("display":"Primary provider"}]}}])");
  int64_t paid_cents = 0;
  WriteBenefitItems(&paid_cents);
  text_.Add(R"(,"total":[{"category":{"coding":[{"system":)"
            R"("http://terminology.hl7.org/CodeSystem/adjudication","code":"submitted",)"
            R"("display":"Submitted Amount"}],"text":"Submitted Amount"},"amount":{"value":)",
            Dollars(total.cents), R"(,"currency":"USD"}}],"payment":{"amount":{"value":)",
            Dollars(paid_cents), R"(,"currency":"USD"}})");
  Close(Type::kExplanationOfBenefit);
}

void Chart::WriteBenefitItems(int64_t* paid_cents) {
  int64_t diagnoses = 0;
  for (const Item& item : items_) {
    if (item.kind != ItemKind::kDiagnosis) continue;
    text_.Add(diagnoses == 0 ? std::string_view(R"(,"diagnosis":[)") : std::string_view(","),
              R"({"sequence":)", diagnoses + 1, R"(,"diagnosisReference":{"reference":"Condition/)",
              item.id,
              R"("},"type":[{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/ex-diagnosistype","code":"principal",)"
              R"("display":"Principal Diagnosis"}]}]})");
    ++diagnoses;
  }
  if (diagnoses != 0) text_.Add("]");
  text_.Add(R"(,"insurance":[{"focal":true,"coverage":{"reference":"#coverage","display":")",
            kPayers[person_->payer], R"("}}],"item":[)");
  const Code place = visit_.care == Care::kInpatient   ? Code{"21", "Inpatient Hospital"}
                     : visit_.care == Care::kEmergency ? Code{"20", "Urgent Care Facility"}
                                                       : Code{"11", "Office"};
  int64_t sequence = 0;
  int64_t diagnosis = 0;
  for (const Item& item : items_) {
    text_.Add(sequence == 0 ? std::string_view("") : std::string_view(","), R"({"sequence":)",
              sequence + 1);
    ++sequence;
    if (item.kind == ItemKind::kDiagnosis) {
      text_.Add(R"(,"diagnosisSequence":[)", ++diagnosis, "]");
    }
    text_.Add(R"(,"category":{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/ex-benefitcategory","code":"1",)"
              R"("display":"Medical Care"}]},"productOrService":)");
    AddConcept(item.system, item.code);
    text_.Add(R"(,"servicedPeriod":{"start":")", DateTime{visit_.start_s}, R"(","end":")",
              DateTime{visit_.end_s},
              R"("},"locationCodeableConcept":{"coding":[{"system":)"
              R"("http://terminology.hl7.org/CodeSystem/ex-serviceplace","code":")",
              place.code, R"(","display":")", place.display, R"("}]})");
    if (item.price_cents != 0) {
      *paid_cents += item.price_cents * int64_t{kPaidPercent} / 100;
      text_.Add(R"(,"net":{"value":)", Dollars(item.price_cents),
                R"(,"currency":"USD"},"adjudication":[)");
      for (size_t i = 0; i < kShares.size(); ++i) {
        text_.Add(i == 0 ? std::string_view("") : std::string_view(","),
                  R"({"category":{"coding":[{"system":)"
                  R"("http://terminology.hl7.org/CodeSystem/adjudication","code":")",
                  kShares[i].code.code, R"(","display":")", kShares[i].code.display,
                  R"("}]},"amount":{"value":)",
                  Dollars(int64_t{item.price_cents} * kShares[i].percent / 100),
                  R"(,"currency":"USD"}})");
      }
      text_.Add("]");
    }
    if (sequence == 1) text_.Add(R"(,"encounter":[{"reference":"Encounter/)", encounter_, R"("}])");
    text_.Add("}");
  }
  text_.Add("]");
}

}  // namespace tarn::synth
