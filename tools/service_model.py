#!/usr/bin/env python3
"""The facts of the two services' models that requests and responses are checked by.

usage: tools/service_model.py derive healthlake BASE NEWEST   print its model.json
       tools/service_model.py derive healthimaging MODEL      the same
       tools/service_model.py check SERVICE ...               compare src/SERVICE/model.json with it
       tools/service_model.py tables SERVICE OUTPUT           write the C++ tables of the build

BASE, NEWEST and MODEL are botocore service-2.json files. HealthLake's BASE is the version that Tarn
speaks (2025-01-24) and NEWEST the newest one known. model.json holds names, types, constraints and
HTTP bindings only, no text. What a service has and Tarn lacks is listed as "later": it is refused
by name, never ignored.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What tables say beside the facts: C++ namespace is the service's name.
SERVICES = {
    "healthlake": {"lower_first": True, "later": "Member belongs to a newer version of the API and is not supported"},
    "healthimaging": {"lower_first": False, "later": "Member is not supported by this server"},
}
# Members of HealthImaging's requests that are not built, and of its responses that are never sent.
NOT_BUILT = {("StartDICOMImportJobRequest", "importConfiguration")}
NEVER_SENT = {("DICOMImportJobProperties", "importConfiguration")}

# Members of HealthLake's NEWEST that are built although BASE lacks them.
BUILT = {("StartFHIRImportJobRequest", "ValidationLevel"), ("ImportJobProperties", "ValidationLevel")}
RE2_REPEAT_MAX = 1000


def fact(shape):
    kept = {key: shape[key] for key in ("type", "min", "max", "pattern", "enum", "required", "union")
            if key in shape}
    if "members" in shape:
        kept["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    if "member" in shape:
        kept["member"] = shape["member"]["shape"]
    if "value" in shape:
        kept.update(key=shape["key"]["shape"], value=shape["value"]["shape"])
    if shape.get("exception"):
        kept["status"] = shape.get("error", {}).get("httpStatusCode", 500 if shape.get("fault") else 400)
    return kept


def model_path(service):
    return ROOT / "src" / service / "model.json"


def read(service):
    return json.loads(model_path(service).read_text())


def places(shape):
    """Where members are that are not in the body: {member: [place, name there]}."""
    words = {"uri": "path", "querystring": "query", "header": "header"}
    out = {name: [words[member["location"]], member["locationName"]]
           for name, member in shape.get("members", {}).items() if "location" in member}
    if "payload" in shape:
        out[shape["payload"]] = ["payload", shape["payload"]]
    return out


def reachable(shapes, roots):
    seen, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = shapes[name]
        waiting += shape.get("members", {}).values()
        waiting += [shape[part] for part in ("member", "key", "value") if part in shape]
    return seen


def derive_healthimaging(path):
    source = json.loads(pathlib.Path(path).read_text())
    shapes = {}
    for name, shape in source["shapes"].items():
        shapes[name] = fact(shape)
        if found := places(shape):
            shapes[name]["places"] = found
        for member in list(shapes[name].get("members", {})):
            if (name, member) in NOT_BUILT | NEVER_SENT:
                del shapes[name]["members"][member]
            if (name, member) in NOT_BUILT:
                shapes[name].setdefault("later", []).append(member)
    operations = {}
    for name, operation in source["operations"].items():
        operations[name] = {"method": operation["http"]["method"], "path": operation["http"]["requestUri"],
                            "input": operation["input"]["shape"], "output": operation["output"]["shape"],
                            "errors": [error["shape"] for error in operation["errors"]]}
        if prefix := operation.get("endpoint", {}).get("hostPrefix"):
            operations[name]["host_prefix"] = prefix
    roots = [operation[side] for operation in operations.values() for side in ("input", "output")]
    roots += [error for operation in operations.values() for error in operation["errors"]]
    kept = reachable(shapes, roots)
    return {"target_prefix": "", "operations": operations, "later_operations": [],
            "shapes": {name: shapes[name] for name in sorted(kept)}}


def derive(service, paths):
    return derive_healthimaging(*paths) if service == "healthimaging" else derive_healthlake(*paths)


def derive_healthlake(base_path, newest_path):
    base = json.loads(pathlib.Path(base_path).read_text())
    newest = json.loads(pathlib.Path(newest_path).read_text())
    shapes = {name: fact(shape) for name, shape in base["shapes"].items()}
    for name, shape in list(shapes.items()):
        if shape["type"] != "structure":
            continue
        for member, target in newest["shapes"].get(name, {}).get("members", {}).items():
            if member in shape["members"]:
                continue
            if (name, member) in BUILT:
                shape["members"][member] = target["shape"]
                shapes.setdefault(target["shape"], None)
            else:
                shape.setdefault("later", []).append(member)
    for name in [name for name, shape in shapes.items() if shape is None]:
        shapes[name] = fact(newest["shapes"][name])
    operations = {}
    for name, operation in base["operations"].items():
        operations[name] = {"input": operation["input"]["shape"], "output": operation["output"]["shape"],
                            "errors": [error["shape"] for error in operation["errors"]]}
    return {
        "target_prefix": base["metadata"]["targetPrefix"],
        "operations": operations,
        "later_operations": sorted(set(newest["operations"]) - set(operations)),
        "shapes": dict(sorted(shapes.items())),
    }


def render(model):
    """One operation and one shape a line, so that a difference shows what changed."""
    lines = ["{", f' "target_prefix": {json.dumps(model["target_prefix"])},']
    for part in ("operations", "shapes"):
        lines.append(f' "{part}": {{')
        items = list(model[part].items())
        for index, (name, value) in enumerate(items):
            comma = "," if index + 1 < len(items) else ""
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}{comma}")
        lines.append(" },")
    lines.append(f' "later_operations": {json.dumps(model["later_operations"])}')
    lines.append("}")
    return "\n".join(lines) + "\n"


def refused_prefix(shape):
    """What `(?!text)` at a pattern's begin refuses: RE2 has no lookahead."""
    found = re.match(r"\^?\(\?!([a-z:]+)\)", shape.get("pattern", ""))
    return found[1] if found else ""


def re2_pattern(shape):
    """The pattern in RE2's words. Repeats over RE2's limit become `*`: the length is checked alone."""
    pattern = re.sub(r"\(\?![a-z:]+\)", "", shape["pattern"]).replace(r"\p{ASCII}", r"[\x00-\x7F]")

    def repeat(match):
        low, high = int(match[1]), int(match[2])
        if high <= RE2_REPEAT_MAX:
            return match[0]
        if not (shape.get("max", 1 << 60) <= high and shape.get("min", 0) >= low):
            raise SystemExit(f"{shape}: a repeat that the length does not cover")
        return "*"

    return re.sub(r"\{(\d+),(\d+)\}", repeat, pattern)


def text(value):
    return "nullptr" if value is None else 'R"~(' + value + ')~"'


def strings(id, values, out):
    """An array of strings; its name, or `{}` when there are none."""
    if not values:
        return "{}"
    out.append(f"constexpr std::string_view {id}[] = {{" + ", ".join(f'"{value}"' for value in values) + "};")
    return id


def members_table(id, shape, index, out):
    if not shape.get("members"):
        return "{}"
    required = set(shape.get("required", []))
    out.append(f"constexpr Member {id}Members[] = {{")
    for member, target in shape["members"].items():
        place, wire = shape.get("places", {}).get(member, ["body", member])
        out.append(f'    {{"{member}", {index[target]}, {"true" if member in required else "false"}, '
                   f'Place::k{place.capitalize()}, "{wire}"}},')
    out.append("};")
    return f"{id}Members"


def tables(service, output):
    model = read(service)
    index = {name: number for number, name in enumerate(model["shapes"])}
    out = [f"// Made by tools/service_model.py from src/{service}/model.json.",
           f'#include "{service}/internal/model.h"', "", f"namespace tarn::{service}::internal {{", "namespace {",
           "using namespace service_model;"]
    rows = []
    for name, shape in model["shapes"].items():
        id = f"k{name}"
        members = members_table(id, shape, index, out)
        enums = strings(f"{id}Enum", shape.get("enum"), out)
        later = strings(f"{id}Later", shape.get("later"), out)
        kind = "kUnion" if shape.get("union") else "k" + shape["type"].capitalize()
        pattern = re2_pattern(shape) if "pattern" in shape else None
        item = shape.get("member", shape.get("value"))
        rows.append(f'    {{"{name}", ShapeType::{kind}, {shape.get("min", "kNoBound")}, '
                    f'{shape.get("max", "kNoBound")}, {text(pattern)}, {text(shape.get("pattern"))}, '
                    f'"{refused_prefix(shape)}", {members}, {enums}, {later}, '
                    f'{index[item] if item else 0}, {index[shape["key"]] if "key" in shape else 0}, '
                    f'{shape.get("status", 0)}}},')
    operations = []
    for name, operation in model["operations"].items():
        errors = strings(f"k{name}Errors", operation["errors"], out)
        operations.append(f'    {{"{name}", {index[operation["input"]]}, {index[operation["output"]]}, {errors}, '
                          f'"{operation.get("method", "")}", "{operation.get("path", "")}"}},')
    later = strings("kLaterOperations", model["later_operations"], out)
    out += ["constexpr Shape kShapes[] = {"] + rows + ["};"]
    out += ["constexpr Operation kOperations[] = {"] + operations + ["};", "}  // namespace", ""]
    facts = SERVICES[service]
    out += ["const Model& ServiceModel() {",
            f'  static constexpr Model kModel = {{"{model["target_prefix"]}", kShapes, kOperations, {later}, '
            f'{"true" if facts["lower_first"] else "false"}, "{facts["later"]}"}};',
            "  return kModel;", "}", "", f"}}  // namespace tarn::{service}::internal"]
    pathlib.Path(output).write_text("\n".join(out) + "\n")


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("derive", "check", "tables") or sys.argv[2] not in SERVICES:
        print(__doc__, file=sys.stderr)
        return 2
    verb, service, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if verb == "derive":
        sys.stdout.write(render(derive(service, rest)))
    elif verb == "tables":
        tables(service, rest[0])
    elif read(service) != derive(service, rest):
        print(f"src/{service}/model.json differs from the service model: run derive", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
