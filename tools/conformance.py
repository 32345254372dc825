#!/usr/bin/env python3
"""The conformance table of docs/reference: what of FHIR R4 is served, and the test that shows it.

usage: tools/conformance.py          write docs/reference/fhir-conformance.md
       tools/conformance.py --check  exit 1 when the page is not what the tests give

A test says what it shows in comment lines right before it, and nothing after that:

    // Shows: interaction read, vread; result parameter _summary=text
    TEST_F(ViewTest, ReadsGiveWhatIsAskedFor) {

with `#` in Python and `//` in JavaScript. Parts are separated by ";" and begin with the name of a
table of ROWS; a row that is not in its table, and a row that no test shows, are refused. What is not
served stands in the table `refused`: the test shows that it is refused by name.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/fhir-conformance.md"

# Name in annotations -> (heading, rows in the order of the specification).
ROWS = {
    "interaction": ("Interactions", [
        "read", "vread", "conditional read", "update", "update with If-Match", "update as create", "delete", "create",
        "search-type", "search-system", "search of a compartment", "search by POST", "history-instance", "capabilities",
        "conditional create", "conditional update", "conditional delete of one",
        "batch", "transaction", "conditional create in a Bundle", "conditional update in a Bundle",
        "conditional delete in a Bundle", "conditional references", "search in a Bundle",
        "read and history in a Bundle"]),
    "parameter type": ("Parameter types", [
        "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special (near)"]),
    "prefix": ("Prefixes", ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]),
    "modifier": ("Modifiers", [
        ":missing", ":exact", ":contains", ":not", ":text", ":in", ":not-in", ":below of tokens", ":above of tokens",
        ":below of MIME types", ":of-type", ":below of uris", ":above of uris", ":[type]", ":identifier",
        ":below of references", ":above of references", ":below of canonicals"]),
    "parameter": ("Parameters of all resources", [
        "_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_text", "_content", "_list", "_has",
        "_filter", "_type", "createdAt", "every parameter of R4", "chains", "chains into contained resources",
        "references by this server's address"]),
    "result parameter": ("Result parameters", [
        "_sort", "_count", "_total", "_summary=true", "_summary=text", "_summary=data", "_summary=count",
        "_summary=false", "_elements", "_include", "_include=*", "_include:iterate", "_revinclude", "_contained",
        "_containedType", "page", "_explain"]),
    "general": ("General parameters and headers", [
        "_format", "_pretty", "Accept", "Content-Type", "Prefer: handling=strict", "Prefer: handling=lenient",
        "Prefer: return", "x-amz-fhir-idempotency-key", "too-costly with the plan"]),
    "refused": ("Refused by name", [
        "_query", "functional lists of _list", "phrases of _text", "sorting by a composite", "sorting by relevance",
        "modifiers of chains", "unknown parameters", "unknown modifiers", "unknown value sets and code systems",
        "hierarchies that R4 does not define", "_contained with sort, compartments",
        "_containedType=contained with totals and includes", "formats other than JSON"]),
    "healthlake": ("As HealthLake (tag tarn:compat)", [
        "strings with case and accents", "_count 1 to 100", "no ap", "modifiers", "parameters left out",
        "sort keys", "next link", "entries of Bundles", "steps of chains", "tag changes at once"]),
}
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)|^\s*def (test_\w+)\(|^\s*(?:test|it)\([\"'`](.+?)[\"'`]")
SHOWS = re.compile(r"^\s*(?://|#) Shows: (.*)$")
MORE = re.compile(r"^\s*(?://|#) +(.*)$")


def fail(text):
    sys.exit(f"conformance: {text}")


def sources():
    for folder, pattern in (("src", "*_test.cc"), ("test", "test_*.py"), ("test/clients", "*.test.mjs")):
        yield from sorted((ROOT / folder).rglob(pattern) if folder == "src" else (ROOT / folder).glob(pattern))


def split_rows(text, name):
    """ "read, vread" as rows of the table; commas within a row's own name stay."""
    rows, rest = [], text.strip()
    known = sorted(ROWS[name][1], key=len, reverse=True)
    while rest:
        row = next((k for k in known if rest == k or rest.startswith(k + ",")), None)
        if row is None:
            return rows, rest
        rows.append(row)
        rest = rest[len(row) + 1:].strip()
    return rows, ""


def read_shows(text, where, found, test):
    for part in text.split(";"):
        part = part.strip()
        name = next((n for n in sorted(ROWS, key=len, reverse=True) if part.startswith(n + " ")), None)
        if name is None:
            fail(f"{where}: no table is named in {part!r}; there are {', '.join(ROWS)}")
        rows, rest = split_rows(part[len(name):], name)
        if rest:
            fail(f"{where}: {name} has no row {rest!r}")
        for row in rows:
            found.setdefault((name, row), []).append(test)


def read_file(path, found):
    pending, first = None, 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        shows, more, test = SHOWS.match(line), MORE.match(line), TEST.match(line)
        if shows:
            pending, first = shows.group(1), number
        elif pending is not None and more and not test:
            pending += " " + more.group(1)
        elif pending is not None:
            where = f"{path.relative_to(ROOT)}:{first}"
            if not test:
                fail(f"{where}: no test follows")
            name = f"{test.group(1)}.{test.group(2)}" if test.group(1) else test.group(3) or test.group(4)
            read_shows(pending, where, found, name)
            pending = None


def page_text(found):
    out = ["# What of FHIR R4 is served",
           "",
           "Made by `tools/conformance.py` from the tests themselves; a test keeps it current. Each row names the tests "
           "that show it. How searches are written: [fhir-search.md](fhir-search.md); the interactions: "
           "[fhir-api.md](fhir-api.md).",
           ""]
    for name, (heading, rows) in ROWS.items():
        out += [f"## {heading}", "", "| | Tests |", "|---|---|"]
        for row in rows:
            tests = sorted(set(found.get((name, row), [])))
            if not tests:
                fail(f"no test shows: {name} {row}")
            out.append(f"| `{row}` | {', '.join(f'`{test}`' for test in tests)} |")
        out.append("")
    return "\n".join(out)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    found = {}
    for path in sources():
        read_file(path, found)
    text = page_text(found)
    if not arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        fail(f"{PAGE.relative_to(ROOT)} is not what the tests give; run tools/conformance.py")


if __name__ == "__main__":
    main(sys.argv[1:])
