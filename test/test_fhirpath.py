"""`tarn fhirpath`: what it prints and how it ends."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import harness

PATIENTS = [
    {"resourceType": "Patient", "id": "a", "name": [{"use": "official", "given": ["Ann", "Bo"]}]},
    {"resourceType": "Patient", "id": "b", "birthDate": "1970-01-02"},
]


class FhirPath(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.lines = self.folder / "Patient.ndjson"
        self.lines.write_text("".join(json.dumps(p) + "\n" for p in PATIENTS))
        self.one = self.folder / "patient.json"
        self.one.write_text(json.dumps(PATIENTS[0], indent=2))

    def run_verb(self, *arguments, text=None):
        return subprocess.run([harness.TARN, "fhirpath", *map(str, arguments)], input=text,
                              capture_output=True, text=True, timeout=60)

    def test_prints_an_item_a_line(self):
        done = self.run_verb("name.where(use = 'official').given", self.one)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Ann\nBo\n", ""))

    def test_evaluates_every_line_of_ndjson(self):
        done = self.run_verb("--json", "Patient.id", self.lines)
        self.assertEqual(done.returncode, 0)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], [
            {"line": 1, "items": [{"type": "FHIR.string", "value": "a"}]},
            {"line": 2, "items": [{"type": "FHIR.string", "value": "b"}]},
        ])

    def test_reads_standard_input(self):
        done = self.run_verb("birthDate", "-", text=json.dumps(PATIENTS[1]))
        self.assertEqual((done.returncode, done.stdout), (0, "1970-01-02\n"))

    def test_an_error_in_one_line_does_not_stop_the_others(self):
        self.lines.write_text('{"resourceType":"Nope"}\n' + json.dumps(PATIENTS[0]) + "\n")
        done = self.run_verb("--json", "id", self.lines)
        self.assertEqual(done.returncode, 1)
        first, second = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn("no resource of FHIR R4", first["error"])
        self.assertEqual(second["items"][0]["value"], "a")
        self.assertIn("line 1: ", done.stderr)

    def test_says_where_the_expression_is_wrong(self):
        done = self.run_verb("name.given1", self.one)
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 1, column 6: HumanName has no element 'given1'", done.stderr)
        self.assertEqual(self.run_verb("1 +", self.folder / "missing").returncode, 1)

    def test_shows_the_program(self):
        done = self.run_verb("--program", "Patient.name.given", self.one)
        self.assertIn("2 member given #1", done.stderr)

    def test_a_missing_file_and_wrong_usage_fail(self):
        done = self.run_verb("id", self.folder / "missing")
        self.assertEqual(done.returncode, 1)
        self.assertIn("missing", done.stderr)
        self.assertEqual(self.run_verb("id").returncode, 2)


if __name__ == "__main__":
    unittest.main()
