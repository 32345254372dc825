"""Import and export of real files through the wire, and what bad input comes to."""
import gzip
import json
import random
import unittest

from harness import (SLOW, Failed, HealthLake, Server, exported_lines, synthea_lines, synthetic_folder,
                     without_stamp)

BROKEN = [b"{", b"[]", b"1", b'{"resourceType":"Patient"}', b'{"id":"a"}', b'{"resourceType":"Nothing","id":"a"}',
          b'{"resourceType":"Patient","id":"a/b"}', b'{"resourceType":"Patient","id":"x","id":"y"}',
          b'{"resourceType":"Patient","id":"x","a":01}', b'{"resourceType":"Patient","id":"x","a":"\xff"}',
          b'{"resourceType":"Patient","id":7}', b'{"resourceType":"Patient","id":"x","meta":[]}',
          b'{"resourceType":"Patient","id":"x","a":' + b"[" * 100 + b"]" * 100 + b"}"]


class ImportExport(unittest.TestCase):
    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.remove)
        self.addCleanup(self.server.kill)
        self.lake = HealthLake(self.server.url)
        self.store = self.lake.create_store()
        (self.server.data / "s3/test/in").mkdir(parents=True)

    def put(self, name, content):
        path = self.server.data / "s3/test" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def run_import(self, uri="s3://test/in/"):
        job = self.lake.start_import(self.store, uri)
        return self.lake.wait_import(self.store, job)

    def output(self, properties, name):
        path = self.server.data / "s3/test/out" / f"{self.store}-FHIR_IMPORT-{properties['JobId']}" / name
        return path.read_bytes() if path.exists() else None

    def exported(self):
        properties = self.lake.wait_export(self.store, self.lake.start_export(self.store))
        self.assertEqual(properties["JobStatus"], "COMPLETED", properties)
        return [(kind, line) for kind, line in exported_lines(self.server, properties)]

    def test_all_resources_come_back_equal(self):
        files = synthea_lines()
        if files is None:
            synthetic_folder(self.server.data / "s3/test/in", 200)
            files = {p.stem: p.read_bytes() for p in (self.server.data / "s3/test/in").iterdir()}
        chance = random.Random(7)
        expected = {}
        broken = {}
        for name, content in files.items():
            out = []
            for line in content.splitlines():
                resource = json.loads(line)
                expected[(resource["resourceType"], resource["id"])] = without_stamp(resource)
                out.append(line)
                if chance.random() < 0.01:
                    out.append(chance.choice(BROKEN))
                    broken.setdefault(name, []).append(len(out))
            self.put(f"in/{name}.ndjson", b"\n".join(out) + b"\n")
        total_broken = sum(map(len, broken.values()))
        properties = self.run_import()
        self.assertEqual(properties["JobStatus"], "COMPLETED_WITH_ERRORS", properties)
        report = properties["JobProgressReport"]
        self.assertEqual(report["TotalNumberOfResourcesImported"], len(expected))
        self.assertEqual(report["TotalNumberOfResourcesWithCustomerError"], total_broken)
        self.assertEqual(report["TotalNumberOfResourcesScanned"], len(expected) + total_broken)
        for name, lines in broken.items():
            records = [json.loads(line) for line in self.output(properties, f"FAILURE/{name}.ndjson").splitlines()]
            self.assertEqual([record["lineId"] for record in records], lines, name)
            for record in records:
                answer = record["UpdateResourceResponse"]
                self.assertEqual(answer["statusCode"], 400)
                self.assertEqual(answer["jsonBlob"]["resourceType"], "OperationOutcome")
        manifest = json.loads(self.output(properties, "Manifest.json"))
        self.assertEqual(manifest["numberOfResourcesImportedSuccessfully"], len(expected))
        self.assertEqual(manifest["numberOfResourcesWithCustomerError"], total_broken)
        seen = {}
        for kind, line in self.exported():
            resource = json.loads(line)
            self.assertEqual(resource["resourceType"], kind)
            seen[(kind, resource["id"])] = without_stamp(resource)
        self.assertEqual(len(seen), len(expected))
        self.assertTrue(seen == expected, "content differs")
        for kind, key in chance.sample(sorted(expected), 200):
            status, headers, body = self.lake.fhir("GET", self.store, f"{kind}/{key}")
            self.assertEqual((status, headers["ETag"]), (200, 'W/"1"'))
            self.assertEqual(without_stamp(json.loads(body)), expected[(kind, key)])

    def test_bytes_survive(self):
        line = b'{"resourceType":"Observation",  "id":"n" ,"valueQuantity":{"value":1.00,"x":1e400,"y":-0.0},"z":"\\u00e9\xc3\xa9"}'
        self.put("in/a.ndjson", line + b"\r\n\r\n")
        self.assertEqual(self.run_import()["JobStatus"], "COMPLETED")
        body = self.lake.fhir("GET", self.store, "Observation/n")[2]
        for piece in (b'"value":1.00,"x":1e400,"y":-0.0', b'"z":"\\u00e9\xc3\xa9"'):
            self.assertIn(piece, body)

    def test_a_new_version_only_if_the_content_differs(self):
        one = b'{"resourceType":"Patient","id":"a","active":true}\n'
        two = b'{"resourceType":"Patient","id":"a","active":false}\n'
        for content, version in ((one, '1'), (one, '1'), (two, '2'), (two, '2'), (one, '3')):
            self.put("in/a.ndjson", content)
            self.assertEqual(self.run_import()["JobStatus"], "COMPLETED")
            self.assertEqual(self.lake.fhir("GET", self.store, "Patient/a")[1]["ETag"], f'W/"{version}"')

    def test_the_last_line_of_one_id_wins(self):
        for name in ("b", "a"):
            self.put(f"in/{name}.ndjson", b"".join(
                json.dumps({"resourceType": "Patient", "id": "same", "language": f"{name}{n}"}).encode() + b"\n"
                for n in range(500)))
        self.assertEqual(self.run_import()["JobStatus"], "COMPLETED")
        body = json.loads(self.lake.fhir("GET", self.store, "Patient/same")[2])
        self.assertEqual(body["language"], "b499")
        self.assertEqual(len(self.exported()), 1)

    def test_gzip_and_single_objects(self):
        content = b"".join(b'{"resourceType":"Patient","id":"p%d"}\n' % n for n in range(1000))
        self.put("other/a.ndjson.gz", gzip.compress(content))
        self.put("other/b.ndjson", b'{"resourceType":"Patient","id":"b"}\n')
        self.assertEqual(self.run_import("s3://test/other/a.ndjson.gz")["JobStatus"], "COMPLETED")
        self.assertEqual(len(self.exported()), 1000)

    def test_what_cannot_be_read_is_named(self):
        properties = self.run_import("s3://nothing-here/in/")
        self.assertEqual(properties["JobStatus"], "FAILED")
        self.assertIn("nothing-here", properties["Message"])
        self.put("in/ok.ndjson", b'{"resourceType":"Patient","id":"ok"}\n')
        self.put("in/broken.ndjson.gz", gzip.compress(b'{"resourceType":"Patient","id":"gz"}\n' * 5000)[:-30])
        properties = self.run_import()
        self.assertEqual(properties["JobStatus"], "COMPLETED_WITH_ERRORS")
        self.assertEqual(self.lake.fhir("GET", self.store, "Patient/ok")[0], 200)
        self.assertTrue(self.output(properties, "FAILURE/broken.ndjson.gz"))

    def test_an_empty_store_exports_nothing(self):
        self.assertEqual(self.exported(), [])

    def test_deletes_and_old_versions_are_not_exported(self):
        for n in range(3):
            self.lake.fhir("PUT", self.store, "Patient/a", {"resourceType": "Patient", "id": "a", "language": str(n)})
        self.lake.fhir("PUT", self.store, "Patient/b", {"resourceType": "Patient", "id": "b"})
        self.assertEqual(self.lake.fhir("DELETE", self.store, "Patient/b")[0], 204)
        lines = [json.loads(line) for _, line in self.exported()]
        self.assertEqual([(r["id"], r["meta"]["versionId"], r["language"]) for r in lines], [("a", "3", "2")])

    def test_jobs_of_one_store_wait_in_line(self):
        self.put("in/a.ndjson", b"".join(
            json.dumps({"resourceType": "Patient", "id": f"p{n}", "language": "x" * 500}).encode() + b"\n"
            for n in range(100_000)))
        jobs = [self.lake.start_import(self.store, "s3://test/in/") for _ in range(5)]
        states = [self.lake.describe_import(self.store, job)["JobStatus"] for job in jobs]
        self.assertIn("QUEUED", states)
        with self.assertRaises(Failed):
            for _ in range(40):
                self.lake.start_import(self.store, "s3://test/in/")
        ends = [self.lake.wait_import(self.store, job)["EndTime"] for job in jobs]
        self.assertEqual(ends, sorted(ends))


if __name__ == "__main__":
    unittest.main()
