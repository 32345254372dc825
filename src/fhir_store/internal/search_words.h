// For tests: random resources and random queries about them, of small vocabularies, so that queries
// find something.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace tarn::fhir_store {

class RandomWords {
 public:
  explicit RandomWords(SeededRandom& random) : random_(random) {}

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }
  std::string Of(std::initializer_list<const char*> words) {
    return *(words.begin() + random_.Below(words.size()));
  }
  std::string Id(std::string_view prefix, uint64_t count) {
    return std::string(prefix) + std::to_string(random_.Below(count));
  }
  std::string Number() {
    return Of({"0", "1", "1.0", "5", "5.4", "5.40", "7.25", "72", "72.5", "99.95", "100", "100.5",
               "120", "0.005", "-3", "12345.678", "1e2"});
  }
  std::string Date() {
    std::string date = Of({"2019", "2020", "2021"});
    if (OneIn(5)) return date;
    date += Of({"-01", "-02", "-03", "-12"});
    if (OneIn(5)) return date;
    date += Of({"-01", "-02", "-15", "-28"});
    if (OneIn(3)) return date;
    date += Of({"T00:00:00", "T10:30:12", "T10:30:00.5", "T10:31:00", "T23:59:59.999"});
    return date + Of({"Z", "+02:00", "-05:00"});
  }
  std::string Name() {
    return Of({"Müller", "Muller", "muller", "O'Brien", "Smith", "SMITH", "Smythe", "García Lorca",
               "van der Berg-Hansen of the very long name that goes on and on and on and on",
               "van der Berg-Hansen of the very long name that goes on and on and on and Off"});
  }
  std::string Code() {
    return Of({R"({"system":"http://loinc.org","code":"8480-6","display":"Systolic pressure"})",
               R"({"system":"http://loinc.org","code":"8462-4","display":"Diastolic pressure"})",
               R"({"system":"http://snomed.info/sct","code":"8480-6"})", R"({"code":"local"})",
               R"({"system":"http://loinc.org","code":"LOCAL","display":"Own code"})"});
  }
  std::string Concept() {
    std::string text = R"({"coding":[)" + Code();
    if (OneIn(3)) text += "," + Code();
    text += "]";
    if (OneIn(3)) text += R"(,"text":")" + Of({"Blood pressure", "systolic", "Übel"}) + "\"";
    return text + "}";
  }
  std::string Quantity() {
    std::string text = R"({"value":)" + Number();
    if (OneIn(8)) text += R"(,"comparator":")" + Of({"<", ">=", ">"}) + "\"";
    switch (Below(5)) {
      case 0:
        break;
      case 1:
        text += R"(,"unit":"mg")";
        break;
      default: {
        const std::string unit = Of({"mg", "g", "kg", "mm[Hg]"});
        text += R"(,"unit":")" + unit + R"(","system":"http://unitsofmeasure.org","code":")" +
                unit + "\"";
      }
    }
    return text + "}";
  }
  std::string Period() {
    std::string text = "{";
    if (!OneIn(4)) text += R"("start":")" + Date() + "\"";
    if (!OneIn(4)) text += (text.size() > 1 ? "," : "") + (R"("end":")" + Date() + "\"");
    return text + "}";
  }
  std::string Reference(std::string_view type, uint64_t count) {
    std::string prefix(1, static_cast<char>(type[0] + 32));
    if (OneIn(12))
      return R"({"reference":"http://elsewhere.org/fhir/)" + std::string(type) + "/1\"}";
    if (OneIn(12)) return R"({"identifier":{"system":"urn:a","value":"1"}})";
    // What the resource may contain, or the one that it is contained in.
    if (OneIn(6)) return R"({"reference":")" + Of({"#c0", "#c1", "#"}) + "\"}";
    // Of this data store, under an address that it may have had.
    const std::string base =
        OneIn(8) ? "http://once.example/x/datastore/0123456789abcdef0123456789abcdef/r4/" : "";
    return R"({"reference":")" + base + std::string(type) + "/" + Id(prefix, count) + "\"}";
  }

 private:
  SeededRandom& random_;
};

inline constexpr uint64_t kModelIds = 24;  // Of each type.
inline constexpr std::string_view kModelTypes[] = {"Patient", "Observation", "Encounter",
                                                   "RiskAssessment"};

using AddMember = std::function<void(std::string_view name, const std::string& value)>;

inline std::string Quoted(const std::string& value) { return "\"" + value + "\""; }

inline void AddPatientMembers(RandomWords& words, const AddMember& add) {
  std::string names;
  for (uint64_t i = words.Below(3); i > 0; --i) {
    names += (names.empty() ? "" : ",") + (R"({"family":")" + words.Name()) + R"(","given":[")" +
             words.Of({"Ann", "anna", "Bob", "Zoë"}) + "\"]}";
  }
  if (!names.empty()) add("name", "[" + names + "]");
  if (!words.OneIn(4)) add("gender", Quoted(words.Of({"male", "female"})));
  if (!words.OneIn(4)) add("birthDate", Quoted(words.Date().substr(0, 10)));
  if (words.OneIn(2)) {
    add("identifier",
        R"([{"system":")" + words.Of({"urn:a", "urn:b"}) + R"(","value":")" +
            words.Of({"1", "2", "A7", "a7"}) +
            R"("},{"type":{"coding":[{"system":"urn:y","code":"MR"}]},"value":"9"}])");
  }
  if (words.OneIn(3)) add("active", words.Of({"true", "false"}));
  if (words.OneIn(4)) add("deceasedDateTime", Quoted(words.Date()));
  if (words.OneIn(3)) {
    add("link", R"([{"type":"seealso","other":)" + words.Reference("Patient", kModelIds) + "}]");
  }
}

inline std::string RandomContained(RandomWords& words) {
  std::string text = "[";
  for (uint64_t i = 0; i <= words.Below(2); ++i) {
    text +=
        (i == 0 ? "" : ",") + (R"({"resourceType":"Patient","id":"c)" + std::to_string(i)) + "\"";
    AddPatientMembers(words, [&text](std::string_view name, const std::string& value) {
      text.append(",\"").append(name).append("\":").append(value);
    });
    text += "}";
  }
  return text + "]";
}

inline void AddObservationMembers(RandomWords& words, const AddMember& add) {
  add("status", Quoted(words.Of({"final", "amended"})));
  if (!words.OneIn(8)) add("code", words.Concept());
  if (!words.OneIn(6)) add("subject", words.Reference("Patient", kModelIds));
  if (words.OneIn(2)) add("encounter", words.Reference("Encounter", kModelIds));
  if (words.OneIn(2)) {
    add("effectiveDateTime", Quoted(words.Date()));
  } else if (words.OneIn(2)) {
    add("effectivePeriod", words.Period());
  }
  switch (words.Below(4)) {
    case 0:
      add("valueQuantity", words.Quantity());
      break;
    case 1:
      add("valueString", Quoted(words.Name()));
      break;
    case 2:
      add("component", R"([{"code":)" + words.Concept() + R"(,"valueQuantity":)" +
                           words.Quantity() + R"(},{"code":)" + words.Concept() +
                           R"(,"valueQuantity":)" + words.Quantity() + "}]");
      break;
    default:
      break;
  }
}

inline void AddEncounterMembers(RandomWords& words, const AddMember& add) {
  add("status", Quoted(words.Of({"finished", "planned"})));
  if (!words.OneIn(4)) add("subject", words.Reference("Patient", kModelIds));
  if (!words.OneIn(4)) add("period", words.Period());
  if (words.OneIn(3)) add("partOf", words.Reference("Encounter", kModelIds));
}

inline void AddRiskMembers(RandomWords& words, const AddMember& add) {
  add("status", Quoted("final"));
  add("subject", words.Reference("Patient", kModelIds));
  if (words.OneIn(5)) return;
  add("prediction", R"([{"probabilityDecimal":)" + words.Number() +
                        (words.OneIn(3) ? R"(},{"probabilityDecimal":0.5)" : "") + "}]");
}

inline std::string RandomResource(std::string_view type, std::string_view id, RandomWords& words) {
  std::string text =
      R"({"resourceType":")" + std::string(type) + R"(","id":")" + std::string(id) + "\"";
  const AddMember add = [&](std::string_view name, const std::string& value) {
    text.append(",\"").append(name).append("\":").append(value);
  };
  if (words.OneIn(4)) add("contained", RandomContained(words));
  if (words.OneIn(3)) {
    add("meta", R"({"tag":[{"system":"urn:t","code":")" + words.Of({"a", "b"}) + "\"}]}");
  }
  if (type == "Patient") AddPatientMembers(words, add);
  if (type == "Observation") AddObservationMembers(words, add);
  if (type == "Encounter") AddEncounterMembers(words, add);
  if (type == "RiskAssessment") AddRiskMembers(words, add);
  return text + "}";
}

// Parts of a criterion, percent-encoded.
class RandomTerms {
 public:
  explicit RandomTerms(RandomWords& words) : words_(words) {}

  std::string Prefix() {
    return words_.Of({"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"});
  }
  std::string Date() {
    std::string text = words_.Date();
    for (size_t at; (at = text.find('+')) != text.npos;) text.replace(at, 1, "%2B");
    return Prefix() + text;
  }
  std::string Code() {
    return words_.Of({"8480-6", "http://loinc.org|8480-6", "http://loinc.org|local", "|local",
                      "local", "http://loinc.org|", "http://snomed.info/sct|8480-6", "none"});
  }
  std::string Quantity() {
    return Prefix() + words_.Number() +
           words_.Of({"", "", "|http://unitsofmeasure.org|mg", "|http://unitsofmeasure.org|g",
                      "||mg", "||kg", "|http://unitsofmeasure.org|mm[Hg]"});
  }
  std::string Name() {
    return words_.Of({"m", "mull", "M%C3%BCller", "obrien", "smith", "smyth", "lorca", "van%20der",
                      "van%20der%20Berg-Hansen%20of%20the%20very%20long%20name%20that%20goes%20on"
                      "%20and%20on%20and%20on%20and%20on",
                      "zo", "x"});
  }
  std::string Id(const char* of) { return words_.Id(of, kModelIds + 2); }
  std::string Missing() { return words_.Of({"true", "false"}); }

 private:
  RandomWords& words_;
};

inline std::string AnyTypeCriterion(RandomWords& words, RandomTerms terms) {
  switch (words.Below(4)) {
    case 0:
      return "_id=" + terms.Id("p") + "," + terms.Id("o") + "," + terms.Id("e");
    case 1:
      return "_lastUpdated=" + terms.Prefix() +
             words.Of({"2023", "2023-11-14", "2023-11-14T22:13:20Z"});
    case 2:
      return "_tag=" + words.Of({"a", "urn:t|b", "|a", "urn:t|"});
    default:
      return "_tag:missing=" + terms.Missing();
  }
}

inline std::string PatientCriterion(RandomWords& words, RandomTerms terms) {
  switch (words.Below(16)) {
    case 13:
      return words.Of({"link:Patient.name=", "link:Patient.link:Patient.name="}) + terms.Name();
    case 14:
      return "_has:Patient:link:name=" + terms.Name();
    case 15:
      return "link:Patient._has:Observation:subject:code=" + terms.Code();
    case 0:
      return "name=" + terms.Name();
    case 1:
      return "family:exact=" + words.Of({"Smith", "M%C3%BCller", "muller", "Garc%C3%ADa%20Lorca"});
    case 2:
      return "name:contains=" + words.Of({"ull", "it", "ann", "and%20off", "berg"});
    case 3:
      return "gender=" + words.Of({"male", "female,male", "unknown"});
    case 4:
      return "gender:not=" + words.Of({"male", "female"});
    case 5:
      return "birthdate=" + terms.Prefix() + words.Date().substr(0, 10);
    case 6:
      return "identifier=" + words.Of({"urn:a|1", "urn:b|", "|9", "a7", "urn:a|A7,2", "9"});
    case 7:
      return "identifier:of-type=" + words.Of({"urn:y|MR|9", "urn:y|MR|8"});
    case 8:
      return words.Of({"birthdate", "name", "identifier"}) + ":missing=" + terms.Missing();
    case 9:
      return "_has:Observation:subject:code=" + terms.Code();
    case 10:
      return "_has:Encounter:subject:date=" + terms.Date();
    case 11:
      return "death-date=" + terms.Date();
    default:
      return "active=" + words.Of({"true", "false"});
  }
}

// Code systems and value sets that a store must have for RandomCriterion.
struct Definition {
  std::string_view type, id, text;
};
inline constexpr Definition kModelDefinitions[] = {
    {"CodeSystem", "loinc", R"({"resourceType":"CodeSystem","id":"loinc","url":"http://loinc.org",
        "content":"complete","concept":[{"code":"8480-6","concept":[{"code":"8462-4"}]},
        {"code":"LOCAL"}]})"},
    {"ValueSet", "one", R"({"resourceType":"ValueSet","id":"one","url":"urn:vs:one","compose":{
        "include":[{"system":"http://loinc.org","filter":[{"property":"concept","op":"is-a",
        "value":"8480-6"}]}],"exclude":[{"system":"http://loinc.org","concept":[
        {"code":"8462-4"}]}]}})"},
    {"ValueSet", "two", R"({"resourceType":"ValueSet","id":"two","url":"urn:vs:two","compose":{
        "include":[{"valueSet":["urn:vs:one"]},{"system":"http://snomed.info/sct"}]}})"},
    {"ValueSet", "three",
     R"({"resourceType":"ValueSet","id":"three","url":"urn:vs:three","compose":{
        "include":[{"system":"http://loinc.org","filter":[{"property":"code","op":"regex",
        "value":"84.*|L.*"},{"property":"parent","op":"exists","value":"false"}]}]}})"}};

inline std::string TerminologyCriterion(RandomWords& words) {
  const std::string code = words.Of({"code", "combo-code"});
  if (words.OneIn(2)) {
    return code + words.Of({":in=", ":not-in="}) +
           words.Of({"urn:vs:one", "urn:vs:two", "urn:vs:three", "ValueSet/one",
                     "urn:vs:one,urn:vs:two"});
  }
  return code + words.Of({":below=", ":above="}) +
         words.Of({"http://loinc.org|8480-6", "http://loinc.org|8462-4", "http://loinc.org|none",
                   "|local"});
}

inline std::string ObservationCriterion(RandomWords& words, RandomTerms terms) {
  switch (words.Below(15)) {
    case 13:
      return TerminologyCriterion(words);
    case 14:
      return "encounter" + words.Of({":below=", ":above=Encounter/"}) + terms.Id("e");
    case 0:
      return "code=" + terms.Code();
    case 1:
      return "code:text=" + words.Of({"blood", "sys", "ubel", "own"});
    case 2:
      return words.Of({"code", "combo-code"}) + ":not=" + terms.Code();
    case 3:
    case 4:
      return "date=" + terms.Date();
    case 5:
    case 6:
      return words.Of({"value-quantity=", "combo-value-quantity="}) + terms.Quantity();
    case 7:
      return words.Of({"code-value-quantity=", "component-code-value-quantity=",
                       "combo-code-value-quantity="}) +
             words.Of({"8480-6", "http://loinc.org|8462-4", "local"}) + "$" + terms.Quantity();
    case 8:
      return words.Of({"subject=Patient/", "patient=", "subject:Patient=",
                       "subject=https://here.example/datastore/0123456789abcdef0123456789abcdef/r4/"
                       "Patient/"}) +
             terms.Id("p");
    case 9:
      return words.Of({"subject", "date", "value-quantity", "encounter"}) +
             ":missing=" + terms.Missing();
    case 10:
      return words.Of({"subject:Patient.name=", "patient.name=", "value-string="}) + terms.Name();
    case 11:
      return words.OneIn(2)
                 ? "encounter.date=" + terms.Date()
                 : "encounter:Encounter.subject:Patient.gender=" + words.Of({"male", "female"});
    default:
      return "subject:identifier=" + words.Of({"urn:a|1", "1", "urn:b|1"});
  }
}

inline std::string EncounterCriterion(RandomWords& words, RandomTerms terms) {
  switch (words.Below(7)) {
    case 6:
      return "part-of" + words.Of({":below=", ":above="}) + terms.Id("e");
    case 0:
    case 1:
      return "date=" + terms.Date();
    case 2:
      return "status=" + words.Of({"finished", "planned,finished"});
    case 3:
      return "_has:Observation:encounter:value-quantity=" + terms.Quantity();
    case 4:
      return "part-of.status=" + words.Of({"finished", "planned"});
    default:
      return "subject:Patient.birthdate=" + terms.Prefix() + words.Date().substr(0, 10);
  }
}

// One criterion as a query has it, "name=value".
inline std::string RandomCriterion(std::string_view type, RandomWords& words) {
  const RandomTerms terms(words);
  if (words.OneIn(10)) return AnyTypeCriterion(words, terms);
  if (type == "Patient") return PatientCriterion(words, terms);
  if (type == "Observation") return ObservationCriterion(words, terms);
  if (type == "Encounter") return EncounterCriterion(words, terms);
  if (words.OneIn(3)) return "subject:Patient._has:Observation:subject:status=final";
  return "probability=" + RandomTerms(words).Prefix() + words.Number();
}

inline std::string RandomSort(std::string_view type, RandomWords& words) {
  const auto one = [&]() -> std::string {
    const std::string sign = words.Of({"", "-"});
    if (words.OneIn(4)) return sign + words.Of({"_id", "_lastUpdated"});
    if (type == "Patient") return sign + words.Of({"birthdate", "family", "gender", "identifier"});
    if (type == "Observation")
      return sign + words.Of({"date", "value-quantity", "code", "subject"});
    return sign + (type == "Encounter" ? "date" : "probability");
  };
  std::string sort = one();
  if (words.OneIn(3)) sort += "," + one();
  return sort;
}

}  // namespace tarn::fhir_store
