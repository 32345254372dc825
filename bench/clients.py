"""Plain clients of the wire protocols: HealthLake (awsJson1_0), S3, FHIR reads.

Not signed: the server under test runs with --dev, and a signature would measure Python.
"""
import http.client
import json
import time
import urllib.parse
import uuid

from harness import BenchError, check

ROLE = "arn:aws:iam::000000000000:role/bench"
WAITING = {"CREATING", "SUBMITTED", "QUEUED", "IN_PROGRESS"}
REQUEST_TIMEOUT_S = 120


class Connection:
    """One keep-alive connection that is opened again when the server closed it."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 80,
                                                     timeout=REQUEST_TIMEOUT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, body). An idle connection that is gone is tried once more."""
        for attempt in (1, 2):
            try:
                if attempt == 2 and hasattr(body, "seek"):
                    body.seek(0)
                self.connection.request(method, path, body=body, headers=headers or {})
                response = self.connection.getresponse()
                return response.status, response.headers, response.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.connection.close()
                if attempt == 2:
                    raise


class Client:
    def __init__(self, url):
        self.connection = Connection(url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


class HealthLake(Client):
    def call(self, operation, **request):
        status, _, body = self.connection.request(
            "POST", "/", json.dumps(request).encode(),
            {"Content-Type": "application/x-amz-json-1.0",
             "X-Amz-Target": f"HealthLake.{operation}"})
        check(status == 200, f"{operation}: {status} {body[:500]!r}")
        return json.loads(body)

    def _wait(self, operation, member, state, deadline_s, **request):
        deadline = time.monotonic() + deadline_s
        while True:
            properties = self.call(operation, **request)[member]
            if properties[state] not in WAITING:
                return properties
            check(time.monotonic() < deadline, f"{operation}: still {properties[state]} after "
                                               f"{deadline_s} s")
            time.sleep(0.02)

    def create_store(self, name):
        """Returns (id, path of the FHIR endpoint without the trailing slash)."""
        created = self.call("CreateFHIRDatastore", DatastoreTypeVersion="R4", DatastoreName=name,
                            ClientToken=str(uuid.uuid4()))
        properties = self._wait("DescribeFHIRDatastore", "DatastoreProperties", "DatastoreStatus",
                                60, DatastoreId=created["DatastoreId"])
        check(properties["DatastoreStatus"] == "ACTIVE", f"store is {properties}")
        endpoint = urllib.parse.urlsplit(properties["DatastoreEndpoint"]).path.rstrip("/")
        return created["DatastoreId"], endpoint

    def delete_store(self, store):
        self.call("DeleteFHIRDatastore", DatastoreId=store)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            properties = self.call("DescribeFHIRDatastore", DatastoreId=store)
            if properties["DatastoreProperties"]["DatastoreStatus"] == "DELETED":
                return
            time.sleep(0.05)
        raise BenchError("the data store was not deleted in 60 s")

    def import_from(self, store, uri, output, deadline_s):
        started = self.call(
            "StartFHIRImportJob", DatastoreId=store, JobName="bench",
            InputDataConfig={"S3Uri": uri}, ClientToken=str(uuid.uuid4()),
            JobOutputDataConfig={"S3Configuration": {"S3Uri": output, "KmsKeyId": "alias/bench"}},
            DataAccessRoleArn=ROLE)
        return self._wait("DescribeFHIRImportJob", "ImportJobProperties", "JobStatus", deadline_s,
                          DatastoreId=store, JobId=started["JobId"])

    def export_to(self, store, output, deadline_s):
        started = self.call(
            "StartFHIRExportJob", DatastoreId=store, JobName="bench", ClientToken=str(uuid.uuid4()),
            OutputDataConfig={"S3Configuration": {"S3Uri": output, "KmsKeyId": "alias/bench"}},
            DataAccessRoleArn=ROLE)
        return self._wait("DescribeFHIRExportJob", "ExportJobProperties", "JobStatus", deadline_s,
                          DatastoreId=store, JobId=started["JobId"])


class S3(Client):
    def make_bucket(self, bucket):
        status, _, body = self.connection.request("PUT", f"/{bucket}")
        check(status in (200, 409), f"make bucket: {status} {body[:300]!r}")

    def put(self, bucket, key, body, size):
        """`body` is bytes or a file opened for reading bytes."""
        status, headers, answer = self.connection.request(
            "PUT", f"/{bucket}/{key}", body, {"Content-Length": str(size)})
        check(status == 200, f"put {key}: {status} {answer[:300]!r}")
        return headers.get("ETag", "").strip('"')

    def get(self, bucket, key):
        status, _, body = self.connection.request("GET", f"/{bucket}/{key}")
        check(status == 200, f"get {key}: {status} {body[:300]!r}")
        return body

    def delete(self, bucket, key):
        status, _, _ = self.connection.request("DELETE", f"/{bucket}/{key}")
        check(status in (200, 204), f"delete {key}: {status}")

    def list(self, bucket, prefix):
        """Keys and sizes, all pages."""
        import xml.etree.ElementTree as tree  # Answers of the server that we started.
        keys, token = [], None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            status, _, body = self.connection.request(
                "GET", f"/{bucket}?" + urllib.parse.urlencode(query))
            check(status == 200, f"list: {status} {body[:300]!r}")
            page = tree.fromstring(body)
            space = page.tag[:page.tag.index("}") + 1] if page.tag.startswith("{") else ""
            for entry in page.iter(space + "Contents"):
                keys.append((entry.findtext(space + "Key"), int(entry.findtext(space + "Size"))))
            token = page.findtext(space + "NextContinuationToken")
            if not token:
                return keys
