"""Writers that keep an account, outside the server, of everything it acknowledged."""
import http.client
import json
import random
import threading

from harness import HealthLake


class Record:
    """What is known of one resource: the acknowledged versions, and the write that is in doubt."""

    def __init__(self):
        self.versions = []  # Counter written, or None for a deletion, by version from 1.
        self.doubt = None   # A counter, or "delete", whose answer never came.


class Writer(threading.Thread):
    """Creates, updates and deletes resources of its own until it is stopped or the server is gone."""

    def __init__(self, url, store, name, records, seed):
        super().__init__(daemon=True)
        self.lake = HealthLake(url)
        self.store = store
        self.name_prefix = name
        self.records = records
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.acknowledged = 0
        self.unexpected = []

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
        except (OSError, http.client.HTTPException):
            pass  # The server was killed: what was under way stays in doubt.

    def step(self):
        if self.records and self.random.random() < 0.7:
            key = self.random.choice(list(self.records))
        else:
            key = f"{self.name_prefix}-{len(self.records)}"
        record = self.records.setdefault(key, Record())
        exists = bool(record.versions) and record.versions[-1] is not None
        if exists and self.random.random() < 0.2:
            record.doubt = "delete"
            status, _, body = self.lake.fhir("DELETE", self.store, f"Basic/{key}")
            expected = (200, 204)
        else:
            counter = self.random.getrandbits(48)
            record.doubt = counter
            status, _, body = self.lake.fhir("PUT", self.store, f"Basic/{key}", resource_of(key, counter))
            expected = (200,) if exists else (201,)
        if status >= 500:
            return  # Not acknowledged: it stays in doubt.
        if status not in expected:
            self.unexpected.append((key, record.doubt, status, body[:300]))
        record.versions.append(None if record.doubt == "delete" else record.doubt)
        record.doubt = None
        self.acknowledged += 1

    def stop(self):
        self.stopping.set()
        self.join(timeout=60)


def resource_of(key, counter):
    return {"resourceType": "Basic", "id": key, "code": {"text": "ledger"},
            "identifier": [{"system": "urn:counter", "value": str(counter)}]}


def state_of(status, body):
    """(version, counter or None): what a read shows. (0, None): it never existed."""
    if status == 404:
        return 0, None
    if status == 410:
        return -1, None  # Deleted; the version is not shown.
    resource = json.loads(body)
    return int(resource["meta"]["versionId"]), int(resource["identifier"][0]["value"])


def settle(lake, store, records, sample):
    """Compares every record with the server, resolves what was in doubt, and returns what is wrong."""
    wrong = []
    for key, record in records.items():
        status, _, body = lake.fhir("GET", store, f"Basic/{key}")
        if status not in (200, 404, 410):
            wrong.append((key, "status", status, body[:200]))
            continue
        version, counter = state_of(status, body)
        known = len(record.versions)
        allowed = {(known, record.versions[-1]) if record.versions else (0, None)}
        if record.doubt is not None:
            allowed.add((known + 1, None if record.doubt == "delete" else record.doubt))
        allowed = {(-1, None) if c is None and v > 0 else (v, c) for v, c in allowed}
        if (version, counter) not in allowed:
            wrong.append((key, "read", (version, counter), "allowed", allowed))
            continue
        if record.doubt is not None:
            acknowledged = (known, record.versions[-1]) if record.versions else (0, None)
            if acknowledged[1] is None and acknowledged[0] > 0:
                acknowledged = (-1, None)
            applied = (version, counter) != acknowledged
            if applied:
                record.versions.append(None if record.doubt == "delete" else record.doubt)
            record.doubt = None
    for key in random.sample(sorted(records), min(sample, len(records))):
        for number, counter in enumerate(records[key].versions, 1):
            status, _, body = lake.fhir("GET", store, f"Basic/{key}/_history/{number}")
            seen = (status, None) if counter is None else (status, state_of(status, body)[1] if status == 200 else None)
            if seen != ((410, None) if counter is None else (200, counter)):
                wrong.append((key, f"version {number}", seen, "expected", counter))
    return wrong
