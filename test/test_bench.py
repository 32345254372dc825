"""The benchmarks give figures only for right answers: each is run against a server in this process
that answers rightly once, and then with one defect at a time."""
import argparse
import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
sys.dont_write_bytecode = True

import benchmarks  # noqa: E402
import datasets  # noqa: E402
from harness import BenchError, Figures  # noqa: E402

RESOURCES = 300


class Handler(http.server.BaseHTTPRequestHandler):
    """HealthLake, FHIR reads and S3 on one port, just enough for the benchmarks."""
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # Head and body leave together.

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", etag=None):
        self.send_response(status)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def take(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self):
        body = self.take()
        self.server.objects[self.path[1:]] = body
        self.answer(200, etag=hashlib.md5(body, usedforsecurity=False).hexdigest())

    def do_DELETE(self):
        self.server.objects.pop(self.path[1:], None)
        self.answer(204)

    def do_GET(self):
        state = self.server
        store = re.match(r"/datastore/s/r4/(.*)", self.path)
        if store:
            body = state.store.get(store[1])
            if state.defect == "read" and body:
                body = body.replace(b"1.00", b"1.0").replace(b'"id":"', b'"id":"other')
            return self.answer(200 if body else 404, body or b"{}")
        if "?" not in self.path:
            body = state.objects[self.path[1:]]
            return self.answer(200, body[:-1] + b"?" if state.defect == "get" else body)
        bucket, query = self.path[1:].split("?")
        prefix = f"{bucket}/{urllib.parse.parse_qs(query)['prefix'][0]}"
        entries = "".join(f"<Contents><Key>{key[len(bucket) + 1:]}</Key><Size>1</Size></Contents>"
                          for key in state.objects if key.startswith(prefix))
        self.answer(200, f"<ListBucketResult>{entries}</ListBucketResult>".encode())

    def do_POST(self):
        request = json.loads(self.take())
        operation = self.headers["X-Amz-Target"].split(".")[1]
        result = getattr(self, "do_" + operation)(request)
        self.answer(200, json.dumps(result).encode())

    def do_CreateFHIRDatastore(self, _):
        self.server.store = {}
        return {"DatastoreId": "s"}

    def do_DescribeFHIRDatastore(self, _):
        return {"DatastoreProperties": {"DatastoreStatus": "ACTIVE",
                                        "DatastoreEndpoint": "http://x/datastore/s/r4/"}}

    def do_StartFHIRImportJob(self, request):
        prefix = request["InputDataConfig"]["S3Uri"].removeprefix("s3://")
        for key, body in self.server.objects.items():
            if key.startswith(prefix):
                for line in body.splitlines():
                    kind, id = re.match(rb'{"resourceType":"(\w+)","id":"([^"]+)"', line).groups()
                    self.server.store[f"{kind.decode()}/{id.decode()}"] = line.replace(
                        b'"meta":{', b'"meta":{"versionId":"1","lastUpdated":"2020-01-01",')
        imported = len(self.server.store) - (self.server.defect == "report")
        status = "COMPLETED_WITH_ERRORS" if self.server.defect == "import" else "COMPLETED"
        self.server.job = {"JobStatus": status, "JobProgressReport": {
            "TotalNumberOfResourcesImported": imported}}
        return {"JobId": "j"}

    def do_DescribeFHIRImportJob(self, _):
        return {"ImportJobProperties": self.server.job}

    def do_StartFHIRExportJob(self, request):
        where = request["OutputDataConfig"]["S3Configuration"]
        lines = list(self.server.store.values())
        if self.server.defect == "export lost":
            lines.pop()
        if self.server.defect == "export twice":
            lines[0] = lines[1]
        if self.server.defect == "export changed":
            lines[7] = lines[7].replace(b"1.00", b"1.0")
        self.server.objects[where["S3Uri"].removeprefix("s3://") + "a.ndjson"] = b"\n".join(lines)
        self.server.job = {"JobStatus": "COMPLETED",
                           "OutputDataConfig": {"S3Configuration": where}}
        return {"JobId": "j"}

    def do_DescribeFHIRExportJob(self, _):
        return {"ExportJobProperties": self.server.job}


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tarn-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.objects, self.server.store, self.server.defect = {}, {}, None
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        data = self.folder / "set"
        data.mkdir()
        lines = ['{"resourceType":"Observation","id":"o%d","meta":{"tag":[{"code":"t"}]},'
                 '"valueQuantity":{"value":1.00}}\n' % number for number in range(RESOURCES)]
        (data / "Observation.ndjson").write_text("".join(lines))
        url = f"http://127.0.0.1:{self.server.server_port}"
        options = argparse.Namespace(url=url, s3=url, pid=None, data=None, quick=True,
                                     fhir_path=None, patients=1)
        self.out = io.StringIO()
        self.run_ = benchmarks.Run(options, Figures(), self.folder)
        self.addCleanup(self.run_.stop)
        self.run_._synthea = datasets.DataSet("tiny", data)

    def bench(self, name):
        with contextlib.redirect_stdout(self.out):
            benchmarks.ALL[name](self.run_)
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def refuses(self, name, defect):
        with self.subTest(name=name, defect=defect):
            self.server.defect = defect
            self.out = io.StringIO()
            with self.assertRaises(BenchError):
                self.bench(name)
            self.assertEqual(self.out.getvalue(), "")
            self.server.defect = None

    def test_import(self):
        figures = self.bench("import")
        self.assertEqual([figure["bench"] for figure in figures], ["import.rate", "import.bytes"])
        for figure in figures:
            self.assertEqual(set(figure), {"bench", "value", "unit", "machine", "commit", "detail"})
            self.assertGreater(figure["value"], 0)
            self.assertEqual(figure["detail"]["resources"], RESOURCES)
        for defect in ("report", "import", "read"):
            self.refuses("import", defect)

    def test_export(self):
        figures = self.bench("export")
        self.assertEqual([figure["bench"] for figure in figures], ["export.rate", "export.bytes"])
        for defect in ("export lost", "export twice", "export changed"):
            self.refuses("export", defect)

    def test_s3(self):
        size, benchmarks.S3_OBJECT_BYTES = benchmarks.S3_OBJECT_BYTES, 2 << 20
        self.addCleanup(setattr, benchmarks, "S3_OBJECT_BYTES", size)
        self.assertEqual([figure["bench"] for figure in self.bench("s3")], ["s3.put", "s3.get"])
        self.refuses("s3", "get")

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed")
    def test_read(self):
        for name in ("READ_QUICK_SECONDS", "READ_WARM_SECONDS"):
            self.addCleanup(setattr, benchmarks, name, getattr(benchmarks, name))
            setattr(benchmarks, name, 1)
        self.addCleanup(setattr, benchmarks, "READ_CONNECTIONS", benchmarks.READ_CONNECTIONS)
        benchmarks.READ_CONNECTIONS = 4
        self.server.handle_error = lambda *_: None  # wrk resets its connections at the end.
        names = [figure["bench"] for figure in self.bench("read")]
        self.assertEqual(names, ["read.rate", "read.full.p50", "read.full.p99",
                                 "read.paced.p50", "read.paced.p99"])
        self.refuses("read", "read")
        for number in range(RESOURCES // 2):
            self.server.store.pop(f"Observation/o{number}")
        self.refuses("read", None)


if __name__ == "__main__":
    unittest.main()
