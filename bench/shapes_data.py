"""Synthetic patients as a second, independent store: tables in SQLite that say what the searches of
shapes.json must find. Only what those searches ask about is kept of a resource.
"""
import datetime
import json
import sqlite3
import subprocess
import unicodedata

from harness import TARN, check

TABLES = {
    "patient": "id, mrn, gender, family, folded_given, organization",
    "observation": "id, patient, encounter, category, code, folded_display, at, value, unit, systolic",
    "encounter": 'id, patient, class, "start", "end", provider',
    "condition": "id, patient, encounter, code, category, abated",
    "medicationrequest": "id, patient, encounter, status, requester",
    "diagnosticreport": "id, patient, code",
    "report_result": "report, observation",
    "organization": "id, name",
}
BATCH = 20_000
BLOCK_BYTES = 4 << 20
SYSTOLIC = "8480-6"


def folded(text):
    """Without case and accents, as FHIR compares strings."""
    return "".join(c for c in unicodedata.normalize("NFKD", text)
                   if not unicodedata.combining(c)).casefold()


def target(resource, member):
    return resource[member]["reference"].split("/")[1] if member in resource else None


def first_code(concept):
    return concept["coding"][0]["code"]


class Tables:
    """Threads: one."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = OFF")
        self.db.execute("PRAGMA synchronous = OFF")
        self.waiting = {name: [] for name in TABLES}
        self.inserts = {}
        for name, columns in TABLES.items():
            self.db.execute(f"CREATE TABLE {name} ({columns})")
            marks = ",".join("?" * (columns.count(",") + 1))
            self.inserts[name] = f"INSERT INTO {name} VALUES ({marks})"
        self.readers = {"Patient": self.patient, "Observation": self.observation,
                        "Encounter": self.encounter, "Condition": self.condition,
                        "MedicationRequest": self.medication_request,
                        "DiagnosticReport": self.report, "Organization": self.organization}
        self.prefixes = {}
        self.time_text = self.time_utc = None
        self.resources = 0

    def add(self, line):
        """One line of NDJSON, as bytes."""
        self.resources += 1
        head = line[:45]
        name = head[17:head.index(b'"', 17)].decode()
        reader = self.readers.get(name)
        if reader is not None:
            reader(json.loads(line))

    def utc(self, text):
        """Of one visit come many equal times."""
        if text != self.time_text:
            self.time_text = text
            moment = datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)
            self.time_utc = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return self.time_utc

    def put(self, table, *row):
        rows = self.waiting[table]
        rows.append(row)
        if len(rows) >= BATCH:
            self.db.executemany(self.inserts[table], rows)
            rows.clear()

    def finish(self):
        for table, rows in self.waiting.items():
            self.db.executemany(self.inserts[table], rows)
            rows.clear()
        for table, column in (("patient", "id"), ("encounter", "id"), ("observation", "id"),
                              ("medicationrequest", "id"), ("report_result", "report"),
                              ("condition", "encounter"), ("medicationrequest", "encounter")):
            self.db.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")
        self.db.commit()

    def rows(self, sql, values=None):
        """Rows as dictionaries."""
        cursor = self.db.execute(sql, values or {})
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor]

    def patient(self, r):
        name = r["name"][0]
        mrn = next(i["value"] for i in r["identifier"] if i["system"].endswith("medical-record"))
        self.put("patient", r["id"], mrn, r["gender"], name["family"], folded(name["given"][0]),
                 target(r, "managingOrganization"))

    def observation(self, r):
        quantity = r.get("valueQuantity", {})
        systolic = None
        for component in r.get("component", ()):
            if first_code(component["code"]) == SYSTOLIC:
                systolic = component["valueQuantity"]["value"]
        coding = r["code"]["coding"][0]
        self.put("observation", r["id"], target(r, "subject"), target(r, "encounter"),
                 first_code(r["category"][0]), coding["code"], coding["display"].casefold(),
                 self.utc(r["effectiveDateTime"]), quantity.get("value"), quantity.get("code"),
                 systolic)

    def encounter(self, r):
        self.put("encounter", r["id"], target(r, "subject"), r["class"]["code"],
                 self.utc(r["period"]["start"]), self.utc(r["period"]["end"]),
                 target(r, "serviceProvider"))

    def condition(self, r):
        self.put("condition", r["id"], target(r, "subject"), target(r, "encounter"),
                 first_code(r["code"]), first_code(r["category"][0]), r.get("abatementDateTime"))

    def medication_request(self, r):
        self.put("medicationrequest", r["id"], target(r, "subject"), target(r, "encounter"),
                 r["status"], target(r, "requester"))

    def report(self, r):
        self.put("diagnosticreport", r["id"], target(r, "subject"), first_code(r["code"]))
        for result in r["result"]:
            self.put("report_result", r["id"], result["reference"].split("/")[1])

    def organization(self, r):
        self.put("organization", r["id"], r["name"])


def generate(patients, seed=1):
    """Yields blocks of whole lines, a patient after the other, as `tarn synth` makes them."""
    command = [str(TARN), "synth", "patients", "--patients", str(patients), "--seed", str(seed),
               "--out", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        rest = b""
        while block := process.stdout.read(BLOCK_BYTES):
            end = block.rfind(b"\n") + 1
            yield rest + block[:end]
            rest = block[end:]
        check(rest == b"", "the generator ended within a line")
    check(process.returncode == 0, f"tarn synth ended with status {process.returncode}")
