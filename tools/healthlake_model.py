#!/usr/bin/env python3
"""The facts of the HealthLake service model that requests and responses are checked by.

usage: tools/healthlake_model.py derive BASE NEWEST   print model.json from two service models
       tools/healthlake_model.py check BASE NEWEST    compare src/healthlake/model.json with them
       tools/healthlake_model.py tables MODEL OUTPUT  write the C++ tables that the build compiles

BASE and NEWEST are botocore service-2.json files: the version that Tarn speaks (2025-01-24) and
the newest one known. src/healthlake/model.json holds names, types and constraints only, no text.
What NEWEST has and BASE lacks is listed as "later": it is refused by name, never ignored.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "src/healthlake/model.json"

# Members of NEWEST that are built although BASE lacks them.
BUILT = {("StartFHIRImportJobRequest", "ValidationLevel"), ("ImportJobProperties", "ValidationLevel")}
RE2_REPEAT_MAX = 1000


def fact(shape):
    kept = {key: shape[key] for key in ("type", "min", "max", "pattern", "enum", "required", "union")
            if key in shape}
    if "members" in shape:
        kept["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    if "member" in shape:
        kept["member"] = shape["member"]["shape"]
    if shape.get("exception"):
        kept["status"] = 500 if shape.get("fault") else 400
    return kept


def derive(base_path, newest_path):
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


def re2_pattern(shape):
    """The pattern in RE2's words. Repeats over RE2's limit become `*`: the length is checked alone."""
    pattern = shape["pattern"].replace(r"\p{ASCII}", r"[\x00-\x7F]")

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


def tables(model_path, output):
    model = json.loads(pathlib.Path(model_path).read_text())
    names = list(model["shapes"])
    index = {name: number for number, name in enumerate(names)}
    out = ["// Made by tools/healthlake_model.py from src/healthlake/model.json.",
           '#include "healthlake/internal/model.h"', "", "namespace tarn::healthlake::internal {", "namespace {"]
    rows = []
    for name, shape in model["shapes"].items():
        id = f"k{name}"
        members = enums = later = "{}"
        if shape.get("members"):
            required = set(shape.get("required", []))
            out.append(f"constexpr Member {id}Members[] = {{")
            for member, target in shape["members"].items():
                out.append(f'    {{"{member}", {index[target]}, {"true" if member in required else "false"}}},')
            out.append("};")
            members = f"{id}Members"
        if "enum" in shape:
            out.append(f"constexpr std::string_view {id}Enum[] = {{" +
                       ", ".join(f'"{value}"' for value in shape["enum"]) + "};")
            enums = f"{id}Enum"
        if "later" in shape:
            out.append(f"constexpr std::string_view {id}Later[] = {{" +
                       ", ".join(f'"{value}"' for value in shape["later"]) + "};")
            later = f"{id}Later"
        kind = "kUnion" if shape.get("union") else "k" + shape["type"].capitalize()
        pattern = re2_pattern(shape) if "pattern" in shape else None
        rows.append(f'    {{"{name}", ShapeType::{kind}, {shape.get("min", "kNoBound")}, '
                    f'{shape.get("max", "kNoBound")}, {text(pattern)}, {text(shape.get("pattern"))}, {members}, '
                    f'{enums}, {later}, {index[shape["member"]] if "member" in shape else 0}, '
                    f'{shape.get("status", 0)}}},')
    out += ["constexpr Shape kShapes[] = {"] + rows + ["};", "constexpr Operation kOperations[] = {"]
    for name, operation in model["operations"].items():
        out.append(f'    {{"{name}", {index[operation["input"]]}, {index[operation["output"]]}}},')
    out += ["};", "constexpr std::string_view kLater[] = {"]
    out += [f'    "{name}",' for name in model["later_operations"]]
    out += ["};", "}  // namespace", "", "const Model& ServiceModel() {",
            f'  static constexpr Model kModel = {{"{model["target_prefix"]}", kShapes, kOperations, kLater}};',
            "  return kModel;", "}", "", "}  // namespace tarn::healthlake::internal"]
    pathlib.Path(output).write_text("\n".join(out) + "\n")


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("derive", "check", "tables"):
        print(__doc__, file=sys.stderr)
        return 2
    verb, first, second = sys.argv[1:]
    if verb == "derive":
        sys.stdout.write(render(derive(first, second)))
    elif verb == "tables":
        tables(first, second)
    elif json.loads(MODEL.read_text()) != derive(first, second):
        print("src/healthlake/model.json differs from the service models: run derive", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
