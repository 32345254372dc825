"""The workflows of workflows/, run by `tarn run` against `tarn serve --dev`."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import dicom_files
from harness import ROLE, ROOT, TARN, HealthLake, Server, exported_lines

WORKFLOWS = ROOT / "workflows"
KEY = "alias/test"
PATIENTS = ['{"resourceType":"Patient","id":"p%d"}' % number for number in range(20)]


class Workflows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.lake = HealthLake(cls.server.url)
        cls.runs = pathlib.Path(tempfile.mkdtemp(prefix="tarn-runs-"))

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        shutil.rmtree(cls.runs, ignore_errors=True)

    def tarn(self, verb, file, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment["HOME"] = str(self.runs)
        return subprocess.run([str(TARN), verb, str(WORKFLOWS / file), "--server", self.server.url, *arguments],
                              capture_output=True, text=True, timeout=300, env=environment)

    def run_workflow(self, file, inputs, workflow=None, status=0):
        """The outputs of a run that ends with `status`."""
        given = self.runs / "inputs.json"
        given.write_text(json.dumps(inputs))
        done = self.tarn("run", file, *([workflow] if workflow else []), "--inputs", str(given), "--json",
                         "--poll", "50ms", "--runs-dir", str(self.runs))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        end = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(end["event"], "end")
        return end["outputs"]

    def job(self, **more):
        return {"KmsKeyId": KEY, "DataAccessRoleArn": ROLE, **more}

    def files_of(self, uri):
        properties = {"OutputDataConfig": {"S3Configuration": {"S3Uri": uri}}}
        return [json.loads(line)["id"] for _, line in exported_lines(self.server, properties)]

    def test_a_life_of_a_data_store(self):
        made = self.run_workflow("healthlake-provision-datastore.yaml",
                                 {"DatastoreName": "life", "Tags": [{"Key": "a", "Value": "1"}]})
        store = made["DatastoreId"]
        self.assertEqual(made["DatastoreStatus"], "ACTIVE")
        self.assertIn(store, made["DatastoreEndpoint"])

        (self.server.data / "s3/export").mkdir(parents=True)
        folder = self.server.data / "s3/import/life"
        folder.mkdir(parents=True)
        (folder / "patients.ndjson").write_text("\n".join(PATIENTS + ["not a resource"]) + "\n")
        read = self.run_workflow("healthlake-import.yaml", self.job(
            DatastoreId=store, InputS3Uri="s3://import/life/", OutputS3Uri="s3://export/life/",
            ValidationLevel="minimal", JobName="first"))
        self.assertEqual(read["JobStatus"], "COMPLETED_WITH_ERRORS")
        self.assertEqual(read["JobProgressReport"]["TotalNumberOfResourcesImported"], 20)
        self.assertEqual(self.lake.describe_import(store, read["JobId"])["JobName"], "first")

        written = self.run_workflow("healthlake-export.yaml",
                                    self.job(DatastoreId=store, OutputS3Uri="s3://export/export/"))
        self.assertEqual(written["JobStatus"], "COMPLETED")
        self.assertEqual(len(self.files_of(written["OutputS3Uri"])), 20)

        nights = [self.run_workflow("healthlake-nightly-export.yaml", self.job(
            DatastoreName="life", Date=date, OutputS3Uri="s3://export/nights/"))
            for date in ("2026-01-30", "2026-01-31", "2026-01-31")]
        self.assertEqual({night["DatastoreId"] for night in nights}, {store})
        self.assertEqual(nights[1]["JobId"], nights[2]["JobId"])
        self.assertNotEqual(nights[0]["JobId"], nights[1]["JobId"])
        self.assertIn("2026-01-31", nights[1]["OutputS3Uri"])
        self.assertEqual(len(self.files_of(nights[1]["OutputS3Uri"])), 20)

        tags = self.run_workflow("healthlake-tag-datastore.yaml", {
            "DatastoreArn": made["DatastoreArn"], "Tags": [{"Key": "b", "Value": "2"}], "RemoveKeys": ["a"]})
        self.assertEqual(tags["Tags"], [{"Key": "b", "Value": "2"}])

        gone = self.run_workflow("healthlake-delete-datastore.yaml", {"DatastoreId": store})
        self.assertIn(gone.get("DatastoreStatus"), (None, "DELETED"))

    def test_failures_are_failures(self):
        self.run_workflow("healthlake-import.yaml", self.job(
            DatastoreId="0" * 32, InputS3Uri="s3://import/x/", OutputS3Uri="s3://export/x/"), status=1)
        self.run_workflow("healthlake-nightly-export.yaml", self.job(
            DatastoreName="nobody", Date="2026-01-31", OutputS3Uri="s3://export/nights/"), status=1)
        self.run_workflow("healthlake-nightly-export.yaml", self.job(
            DatastoreName="nobody", Date="today", OutputS3Uri="s3://export/nights/"), status=2)
        self.run_workflow("healthimaging-import.yaml", {"datastoreName": "not a name"}, "provision-datastore",
                          status=1)

    def test_dicom_files(self):
        folder = self.server.data / "s3/import/dicom"
        dicom_files.write_study(folder, instances=2)
        (self.server.data / "s3/export").mkdir(parents=True, exist_ok=True)
        read = self.run_workflow("healthimaging-import.yaml", {
            "datastoreName": "images", "dataAccessRoleArn": ROLE, "inputS3Uri": "s3://import/dicom/",
            "outputS3Uri": "s3://export/dicom/"}, "onboard")
        self.assertEqual(read["jobStatus"], "COMPLETED")

    def test_independent_workflows_are_branches_of_one_journal(self):
        step = ("  - stepId: s\n    operationId: ListFHIRDatastores\n"
                "    parameters: [{name: X-Amz-Target, in: header, value: HealthLake.ListFHIRDatastores}]\n"
                "    requestBody: {payload: {}}\n    outputs: {status: $statusCode}\n")
        text = ("arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions:\n"
                "- {name: api, url: amazon-healthlake-openapi.yaml, type: openapi}\nworkflows:\n"
                "- workflowId: all\n  dependsOn: [a, b, c]\n  steps:\n" + step +
                "  outputs: {a: $workflows.a.outputs.status, c: $workflows.c.outputs.status}\n")
        for name, needs in (("a", ""), ("b", ""), ("c", "a, b")):
            text += f"- workflowId: {name}\n  dependsOn: [{needs}]\n  steps:\n{step}  outputs: {{status: $steps.s.outputs.status}}\n"
        # Beside no description: the built-in one is taken, with a warning.
        document = self.runs / "branches.yaml"
        document.write_text(text)
        done = self.tarn("run", document, "--json", "--runs-dir", str(self.runs))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(events[-1]["outputs"], {"a": 200, "c": 200})
        sent = [event.get("branch", "") for event in events if event["event"] == "send"]
        self.assertEqual(sorted(sent), ["", "all/a", "all/b", "all/c"])
        self.assertEqual(sent[2:], ["all/c", ""])
        self.assertIn("built-in", done.stderr + done.stdout)

    def test_check_finds_nothing_but_missing_inputs(self):
        files = sorted(path.name for path in WORKFLOWS.glob("*.yaml"))
        self.assertGreaterEqual(len(files), 7)
        for file in files:
            done = self.tarn("check", file, "--json")
            findings = json.loads(done.stdout)["findings"]
            for finding in findings:
                self.assertIn("missing", json.dumps(finding), (file, finding))


if __name__ == "__main__":
    unittest.main()
