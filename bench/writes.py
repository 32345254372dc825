"""Benchmarks of writes over HTTP: single creations, transactions, and both beside an import. By URL,
so that other FHIR servers are measured in the same way."""
import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

import datasets
from clients import Connection
from harness import Meter, check, note, spread

FHIR_JSON = {"Content-Type": "application/fhir+json"}
CREATE_LINES = 4_000
CREATE_SECONDS = 10
CREATE_QUICK_SECONDS = 3
CREATE_CONNECTIONS = 64
CHECKED_CREATIONS = 100
SYNCS = 200
PATIENTS = 60
PATIENTS_QUICK = 10
LARGE_ENTRIES = 5_000
LARGE_TRANSACTIONS = 6
LARGE_TRANSACTIONS_QUICK = 2
PAUSE_S = 0.002  # Between two single writes of one client.


def base_path(run, name):
    """A new, empty data store, or what --fhir-path names."""
    if run.options.fhir_path is not None:
        return run.options.fhir_path.rstrip("/")
    return run.healthlake().create_store(name)[1]


def count_of(connection, path):
    """All resources, by the server's own count; None where it does not count over all types."""
    status, _, body = connection.request("GET", f"{path}?_summary=count")
    return json.loads(body).get("total") if status == 200 else None


def sync_times(run):
    """Milliseconds that 4 KiB appended to a file on the server's disk take to be safe."""
    folder = run.server().data or run.folder
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return times


def bench_create(run):
    """Single creations over 64 connections, each durable when it is answered."""
    data, path = run.synthea(), base_path(run, "bench-create")
    lines = list(data.sample_lines(CREATE_LINES, seed=7))
    contents = {datasets.fingerprint({**datasets.parse(line), "id": ""}) for line in lines}
    seconds = CREATE_QUICK_SECONDS if run.options.quick else CREATE_SECONDS
    with Connection(run.server().url) as connection, \
            tempfile.NamedTemporaryFile("wb", dir=run.folder) as bodies, \
            tempfile.NamedTemporaryFile("r", dir=run.folder) as result:
        bodies.write(b"\n".join(lines) + b"\n")
        bodies.flush()
        before = count_of(connection, path)
        meter = Meter(run.server())
        subprocess.run(["wrk", "-t", "2", "-c", str(CREATE_CONNECTIONS), "-d", f"{seconds}s",
                        "--timeout", "30s", "-s", str(datasets.ROOT / "bench" / "create.lua"),
                        run.server().url, "--", path, bodies.name, result.name],
                       check=True, stdout=subprocess.DEVNULL, timeout=seconds + 60)
        meter.stop()
        answer = json.load(result)
        check(answer["wrong_status"] == 0, f"{answer['wrong_status']} answers were not 201")
        check(answer["socket_errors"] == 0, f"{answer['socket_errors']} socket errors")
        # Requests that were under way at the end may have been done without being counted.
        after = count_of(connection, path)
        if after is not None:
            made = after - (before or 0)
            check(answer["answers"] <= made <= answer["answers"] + CREATE_CONNECTIONS,
                  f"{answer['answers']} creations were acknowledged, {made} are there")
        for location in answer["locations"][:CHECKED_CREATIONS]:
            where = urllib.parse.urlsplit(location).path.split("/_history")[0]
            status, _, body = connection.request("GET", where)
            check(status == 200, f"read of {where}: status {status}")
            check(datasets.fingerprint({**datasets.parse(body), "id": ""}) in contents,
                  f"{where} is not what was sent")
    syncs = sorted(sync_times(run))
    detail = {"connections": CREATE_CONNECTIONS, "seconds": seconds, "data": data.name,
              "sync_ms_p50": round(statistics.median(syncs), 3),
              "sync_ms_p99": round(syncs[len(syncs) * 99 // 100], 3)}
    run.figures.add("create.rate", answer["answers"] / (answer["duration_us"] / 1e6), "creations/s",
                    **detail)
    if meter.cpu_seconds:
        run.figures.add("create.cpu", answer["answers"] / meter.cpu_seconds, "creations/CPU-s",
                        **detail)
    for part in ("p50", "p99"):
        run.figures.add(f"create.{part}", answer[f"{part}_us"] / 1000, "ms", **detail)


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
LITERAL = re.compile(rf'"[A-Z][A-Za-z]+/({UUID})"')


def bundle_of(lines):
    """A transaction as Synthea writes them: creations that name each other by urn:uuid."""
    ids = {re.search(rf'"id":"({UUID})"', line).group(1) for line in lines}

    def linked(match):
        return f'"urn:uuid:{match.group(1)}"' if match.group(1) in ids else match.group(0)
    entries = []
    for line in lines:
        kind = re.search(r'"resourceType":"(\w+)"', line).group(1)
        name = re.search(rf'"id":"({UUID})"', line).group(1)
        entries.append(f'{{"fullUrl":"urn:uuid:{name}","resource":{LITERAL.sub(linked, line)},'
                       f'"request":{{"method":"POST","url":"{kind}"}}}}')
    return ('{"resourceType":"Bundle","type":"transaction","entry":[' + ",".join(entries) +
            "]}").encode()


def patients_of(data, count):
    """Lines by patient: the patient and what refers to it, at most LARGE_ENTRIES; the largest."""
    subject = re.compile(rf'"Patient/({UUID})"')
    patients = {}
    for file in data.files:
        with file.open() as lines:
            for line in lines:
                line = line.rstrip("\n")
                match = subject.search(line)
                own = re.search(rf'"id":"({UUID})"', line) if file.stem == "Patient" else None
                owner = own or match
                if owner:
                    patients.setdefault(owner.group(1), []).append(line)
    chosen = sorted(patients.values(), key=len, reverse=True)[:count]
    check(chosen, "the data set has no patients with UUIDs")
    return [lines[:LARGE_ENTRIES] for lines in chosen]


def send(connection, path, body, entries):
    status, _, answer = connection.request("POST", path, body, FHIR_JSON)
    check(status == 200, f"transaction: {status} {answer[:300]!r}")
    responses = [entry["response"] for entry in json.loads(answer)["entry"]]
    check(len(responses) == entries, f"{len(responses)} answers to {entries} entries")
    wrong = [one["status"] for one in responses if not one["status"].startswith("201")]
    check(not wrong, f"{len(wrong)} entries were not created: {wrong[:3]}")
    return responses


class Beside(threading.Thread):
    """Single creations, one after the other, until it is stopped; how long each took."""

    def __init__(self, run, path, line):
        super().__init__(daemon=True)
        self.url, self.path, self.line = run.server().url, path, line
        self.stopping = threading.Event()
        self.times, self.wrong = [], []

    def run(self):
        where = f"{self.path}/{json.loads(self.line)['resourceType']}"
        with Connection(self.url) as connection:
            while not self.stopping.is_set():
                begin = time.perf_counter()
                status, _, _ = connection.request("POST", where, self.line, FHIR_JSON)
                self.times.append((time.perf_counter() - begin) * 1000)
                if status != 201:
                    self.wrong.append(status)
                time.sleep(PAUSE_S)

    def stop(self):
        self.stopping.set()
        self.join(timeout=60)
        check(self.times and not self.wrong, f"single writes failed: {self.wrong[:3]}")

    def add(self, run, name, **detail):
        times = sorted(self.times)
        run.figures.add(f"{name}.p50", statistics.median(times), "ms", **detail)
        run.figures.add(f"{name}.p99", times[len(times) * 99 // 100], "ms", **detail)
        run.figures.add(f"{name}.max", times[-1], "ms", writes=len(times), **detail)


def bench_transaction(run):
    """Transactions of one patient each; then single writes beside large ones and beside an import."""
    data, path = run.synthea(), base_path(run, "bench-transaction")
    patients = patients_of(data, PATIENTS_QUICK if run.options.quick else PATIENTS)
    bodies = [(bundle_of(lines), len(lines)) for lines in patients]
    resources = sum(count for _, count in bodies)
    single = patients[0][-1].encode()
    with Connection(run.server().url) as connection:
        before = count_of(connection, path)
        meter = Meter(run.server())
        for number, (body, count) in enumerate(bodies):
            responses = send(connection, path, body, count)
            if number % 10 == 0:
                where = responses[0]["location"].split("/_history")[0].split("/")[-2:]
                status, _, stored = connection.request("GET", f"{path}/{'/'.join(where)}")
                check(status == 200, f"read of a created resource: {status}")
                check(b"urn:uuid" not in stored or b'"identifier"' in stored, "links are unchanged")
        meter.stop()
        after = count_of(connection, path)
        if after is not None:
            check(after - (before or 0) == resources, f"{resources} were created, {after} are there")
        detail = {"data": data.name, "transactions": len(bodies), "resources": resources}
        run.figures.add("transaction.rate", resources / meter.seconds, "resources/s", **detail)
        if meter.cpu_seconds:
            run.figures.add("transaction.cpu", resources / meter.cpu_seconds, "resources/CPU-s",
                            **detail)
        quiet = Beside(run, path, single)
        quiet.start()
        time.sleep(3)
        quiet.stop()
        quiet.add(run, "single.alone")
        lines = [line for patient in patients for line in patient]
        large, entries = bundle_of(lines[:LARGE_ENTRIES]), len(lines[:LARGE_ENTRIES])
        beside = Beside(run, path, single)
        beside.start()
        for _ in range(LARGE_TRANSACTIONS_QUICK if run.options.quick else LARGE_TRANSACTIONS):
            send(connection, path, large, entries)
        beside.stop()
        beside.add(run, "single.beside_transactions", entries=entries)
    if run.options.fhir_path is not None:
        return note("single writes beside an import: only where HealthLake's jobs are")
    beside_import(run, data, single)


def beside_import(run, data, single):
    healthlake, uri = run.healthlake(), run.upload(data)
    store, path = healthlake.create_store("bench-beside")
    beside = Beside(run, path, single)
    beside.start()
    job = healthlake.import_from(store, uri, "s3://bench/beside/out/", 900)
    beside.stop()
    check(job["JobStatus"] == "COMPLETED", f"the import ended as {job['JobStatus']}")
    beside.add(run, "single.beside_import", data=data.name)
    healthlake.delete_store(store)


ALL = {"create": bench_create, "transaction": bench_transaction}
