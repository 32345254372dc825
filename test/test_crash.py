"""kill -9 at random moments during imports and single writes: nothing acknowledged is lost, nothing
is there twice, and an interrupted job ends as an uninterrupted one does.

Short form: 8 kills. TARN_SLOW=1: 200. The seed is printed; TARN_SEED repeats it.
"""
import json
import os
import random
import re
import shutil
import time
import unittest

import ledger
from harness import SLOW, HealthLake, Server, exported_lines, synthetic_folder, without_stamp

SEED = int(os.environ.get("TARN_SEED", time.time_ns() % 1_000_000))
PATIENTS = int(os.environ.get("TARN_CRASH_PATIENTS", 60))
WRITERS = 4


def make_input(server):
    """Synthetic patients in s3://test/in/ with 1 % broken lines; returns the expected content."""
    folder = server.data / "s3/test/in"
    folder.mkdir(parents=True)
    synthetic_folder(folder, PATIENTS)
    expected = {}
    broken = 0
    shuffle = random.Random(1)
    for path in sorted(folder.iterdir()):
        out = []
        for line in path.read_bytes().splitlines():
            resource = json.loads(line)
            expected[(resource["resourceType"], resource["id"])] = without_stamp(resource)
            out.append(line)
            if shuffle.random() < 0.01:
                out.append(shuffle.choice([b'{"resourceType":"Patient"}', b"{", b'{"resourceType":"Nothing","id":"1"}',
                                           b'{"resourceType":"Patient","id":"x","x":01}', b"\xff\xfe"]))
                broken += 1
        path.write_bytes(b"\n".join(out) + b"\n")
    return expected, broken


def outputs_of(server, store, job):
    """The job's output files with everything that differs between runs taken out."""
    folder = server.data / "s3/test/out" / f"{store}-FHIR_IMPORT-{job}"
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            text = path.read_text()
            text = text.replace(store, "STORE").replace(job, "JOB")
            text = re.sub(r'\d{4}-\d\d-\d\dT[\d:.]+Z', "TIME", text)
            files[str(path.relative_to(folder))] = text
    return files


def report_of(properties):
    report = dict(properties["JobProgressReport"])
    report.pop("Throughput", None)
    return report


class Interrupted:
    """What must hold however the server ends. A subclass says how it does, and how often."""
    maxDiff = 2000
    deaths = 0

    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.random = random.Random(SEED)

    def check_import(self, server, lake, store, properties, baseline):
        self.assertEqual(properties["JobStatus"], "COMPLETED_WITH_ERRORS", properties)
        self.assertEqual(report_of(properties), baseline["report"])
        self.assertEqual(outputs_of(server, store, properties["JobId"]), baseline["outputs"])
        export = lake.wait_export(store, lake.start_export(store))
        self.assertEqual(export["JobStatus"], "COMPLETED", export)
        seen = {}
        for type_name, line in exported_lines(server, export):
            resource = json.loads(line)
            key = (type_name, resource["id"])
            self.assertNotIn(key, seen, "there twice")
            self.assertEqual(resource["meta"]["versionId"], "1", "written twice")
            seen[key] = without_stamp(resource)
        self.assertEqual(len(seen), len(baseline["content"]))
        self.assertTrue(seen == baseline["content"], "content differs")
        shutil.rmtree(server.data / "s3/test/export", ignore_errors=True)
        shutil.rmtree(server.data / "s3/test/out", ignore_errors=True)

    def uninterrupted(self, server, lake, content, broken):
        store = lake.create_store()
        begin = time.monotonic()
        properties = lake.wait_import(store, lake.start_import(store, "s3://test/in/"))
        seconds = time.monotonic() - begin
        report = report_of(properties)
        self.assertEqual(report["TotalNumberOfResourcesImported"], len(content))
        self.assertEqual(report["TotalNumberOfResourcesWithCustomerError"], broken)
        baseline = {"content": content, "report": report,
                    "outputs": outputs_of(server, store, properties["JobId"])}
        self.check_import(server, lake, store, properties, baseline)
        lake.delete_store(store)
        return baseline, seconds

    def prepare(self, server):
        """Before the server starts for the first time."""

    def die(self, server):
        raise NotImplementedError

    def test_nothing_acknowledged_is_lost(self):
        records = [{} for _ in range(WRITERS)]
        acknowledged = kills = rounds = 0
        server = Server()
        self.prepare(server)
        with server:
            lake = HealthLake(server.url)
            content, broken = make_input(server)
            baseline, import_s = self.uninterrupted(server, lake, content, broken)
            ledger_store = lake.create_store(DatastoreName="ledger")
            while kills < self.deaths:
                rounds += 1
                store = lake.create_store()
                job = lake.start_import(store, "s3://test/in/")
                while True:
                    writers = [ledger.Writer(server.url, ledger_store, f"w{i}", records[i],
                                             self.random.random()) for i in range(WRITERS)]
                    for writer in writers:
                        writer.start()
                    time.sleep(self.random.uniform(0, import_s * 1.5))
                    if kills < self.deaths:
                        self.die(server)
                        kills += 1
                        killed = True
                    else:
                        killed = False
                    for writer in writers:
                        writer.stop()
                        self.assertEqual(writer.unexpected, [])
                        acknowledged += writer.acknowledged
                    if killed:
                        server.start()
                        lake = HealthLake(server.url)
                    for record in records:
                        self.assertEqual(ledger.settle(lake, ledger_store, record, sample=3), [])
                    if not killed or lake.describe_import(store, job)["JobStatus"] not in (
                            "SUBMITTED", "QUEUED", "IN_PROGRESS"):
                        break
                self.check_import(server, lake, store, lake.wait_import(store, job), baseline)
                lake.delete_store(store)
        print(f"{kills} ends in {rounds} imports of {len(content)} resources, "
              f"{acknowledged} acknowledged writes, 0 lost, 0 twice", flush=True)


class Crash(Interrupted, unittest.TestCase):
    deaths = int(os.environ.get("TARN_KILLS", 200 if SLOW else 8))

    def die(self, server):
        server.kill()


if __name__ == "__main__":
    unittest.main()
