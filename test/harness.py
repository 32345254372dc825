"""Starts `tarn serve` and speaks to it, with Python's standard library only."""
import http.client
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARN = pathlib.Path(os.environ.get("TARN_BINARY", ROOT / "build/release/tarn"))
SHARED = ROOT.parent / "shared"
SLOW = os.environ.get("TARN_SLOW") == "1"
START_TIMEOUT_S = 60
ROLE = "arn:aws:iam::000000000000:role/import"


class Failed(Exception):
    """An answer that was not the expected one."""

    def __init__(self, status, body):
        super().__init__(f"status {status}: {body[:500]!r}")
        self.status = status
        self.body = body


class Endpoint:
    """One connection to one listener; reconnects when the server closed it. One thread."""

    connection = None

    def __init__(self, url, timeout=120):
        self.host = urllib.parse.urlsplit(url).netloc
        self.timeout = timeout

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, body). Raises OSError or HTTPException when the server is gone."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, timeout=self.timeout)
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            response = self.connection.getresponse()
            return response.status, response.headers, response.read()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    __del__ = close


class Server:
    """A `tarn serve --dev` of its own on free ports. Use as a context manager, or kill and start."""

    def __init__(self, data=None, arguments=(), environment=None, prefix=()):
        self.own_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="tarn-test-"))
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.prefix = list(prefix)
        self.process = None
        self.log = open(self.data.parent / (self.data.name + ".log"), "ab")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self.remove()

    def start(self):
        begin = time.monotonic()
        self.process = subprocess.Popen(
            self.prefix + [str(TARN), "serve", "--dev", "--data", str(self.data), "--listen", "127.0.0.1:0",
                           "--s3-listen", "127.0.0.1:0", *self.arguments],
            stdout=subprocess.PIPE, stderr=self.log, env=dict(os.environ, **self.environment))
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, lines), daemon=True).start()
        found = {}
        while len(found) < 2:
            try:
                line = lines.get(timeout=START_TIMEOUT_S)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"tarn serve did not start; its log: {self.log.name}")
            word, _, url = line.partition(" ")
            found[word] = url
        self.ready_s = time.monotonic() - begin
        self.url, self.s3_url = found["ready"], found["s3"]
        return self

    @staticmethod
    def _read(stream, lines):
        with stream:
            for line in stream:
                lines.put(line.decode().strip())
        lines.put(None)

    def kill(self):
        """kill -9, and waits."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def remove(self):
        self.log.close()
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
            os.unlink(self.log.name)

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def memory_kb(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(field + ":")), 0)

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class HealthLake:
    """The control plane and FHIR data plane of one server. One thread."""

    def __init__(self, url):
        self.endpoint = Endpoint(url)

    def call(self, operation, request):
        status, _, body = self.endpoint.request(
            "POST", "/", json.dumps(request),
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"HealthLake.{operation}"})
        if status != 200:
            raise Failed(status, body)
        return json.loads(body)

    def create_store(self, **members):
        store = self.call("CreateFHIRDatastore", {"DatastoreTypeVersion": "R4", **members})["DatastoreId"]
        properties = self.wait_store(store)
        if properties["DatastoreStatus"] != "ACTIVE":
            raise RuntimeError(f"the data store is {properties}")
        return store

    def wait_store(self, store, passing=("CREATING", "DELETING")):
        return self._wait(lambda: self.call("DescribeFHIRDatastore", {"DatastoreId": store})[
            "DatastoreProperties"], "DatastoreStatus", passing)

    def delete_store(self, store):
        self.call("DeleteFHIRDatastore", {"DatastoreId": store})
        return self.wait_store(store)

    def start_import(self, store, uri, output="s3://test/out/", **members):
        return self.call("StartFHIRImportJob", {
            "DatastoreId": store, "InputDataConfig": {"S3Uri": uri}, "DataAccessRoleArn": ROLE,
            "JobOutputDataConfig": {"S3Configuration": {"S3Uri": output, "KmsKeyId": "alias/test"}},
            **members})["JobId"]

    def start_export(self, store, output="s3://test/export/"):
        return self.call("StartFHIRExportJob", {
            "DatastoreId": store, "DataAccessRoleArn": ROLE,
            "OutputDataConfig": {"S3Configuration": {"S3Uri": output, "KmsKeyId": "alias/test"}}})["JobId"]

    def describe_import(self, store, job):
        return self.call("DescribeFHIRImportJob", {"DatastoreId": store, "JobId": job})["ImportJobProperties"]

    def describe_export(self, store, job):
        return self.call("DescribeFHIRExportJob", {"DatastoreId": store, "JobId": job})["ExportJobProperties"]

    def wait_import(self, store, job):
        return self._wait(lambda: self.describe_import(store, job), "JobStatus",
                          ("SUBMITTED", "QUEUED", "IN_PROGRESS"))

    def wait_export(self, store, job):
        return self._wait(lambda: self.describe_export(store, job), "JobStatus",
                          ("SUBMITTED", "QUEUED", "IN_PROGRESS"))

    @staticmethod
    def _wait(describe, member, passing, timeout_s=1200):
        deadline = time.monotonic() + timeout_s
        while True:
            properties = describe()
            if properties[member] not in passing:
                return properties
            if time.monotonic() > deadline:
                raise RuntimeError(f"still {properties}")
            time.sleep(0.02)

    def fhir(self, method, store, path, resource=None, headers=None):
        body = None if resource is None else json.dumps(resource)
        return self.endpoint.request(method, f"/datastore/{store}/r4/{path}", body,
                                     {"Content-Type": "application/fhir+json", **(headers or {})})


def exported_lines(server, properties):
    """Yields (type, line) of every file of an export, read from the object folder."""
    uri = properties["OutputDataConfig"]["S3Configuration"]["S3Uri"]
    folder = server.data / "s3" / uri.removeprefix("s3://")
    for path in sorted(folder.glob("*/*.ndjson")):
        with open(path, "rb") as file:
            for line in file:
                yield path.parent.name, line


def without_stamp(resource):
    """A resource as content: without meta.versionId and meta.lastUpdated."""
    resource = dict(resource)
    meta = {k: v for k, v in resource.pop("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    if meta:
        resource["meta"] = meta
    return resource


def synthea_lines():
    """The 92,057 Synthea resources as {type: bytes}, or None when they are not there."""
    archive = SHARED / "data/synthea/ndjson.tar.zst"
    if not archive.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(f"zstd -dc '{archive}' | tar x -C '{folder}'", shell=True, check=True)
        return {path.stem: path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*.ndjson"))}


def synthetic_folder(folder, patients, seed=1):
    """Writes synthetic patients into `folder`, one file per type."""
    subprocess.run([str(TARN), "synth", "patients", "--patients", str(patients), "--seed", str(seed), "--out",
                    str(folder)], check=True, stderr=subprocess.DEVNULL)
