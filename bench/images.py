"""Benchmarks of HealthImaging over HTTP: import of CT slices, frames, metadata, searches. By URL, so
that another server of that surface, or the service itself through a proxy, is measured in the same
way; --s3 is where the input is put."""
import concurrent.futures
import functools
import gzip
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

from clients import ROLE, Client, Connection, S3
from harness import ROOT, TARN, Meter, check, note, rss_peak_mb

sys.path.append(str(ROOT / "test"))
import dicom_files

CT_SERIES = ROOT.parent / "shared" / "data" / "dicom" / "ct-series-ge"
BUCKET = "bench-images"
INSTANCES = 300
INSTANCES_QUICK = 60
SEARCH_SETS = 20_000
SEARCH_SETS_QUICK = 1_000
JOB_FILES = 5_000  # The service's quota of files a job.
SEARCHES = 1_000
SETS_A_PATIENT = 10
UPLOADS = 8  # Connections that put the input.
READ_SECONDS = 10
READ_QUICK_SECONDS = 3
READ_WARM_SECONDS = 2
READ_CONNECTIONS = 16
JOB_DEADLINE_S = 1800
SLICE_RAW_BYTES = 512 * 512 * 2


class HealthImaging(Client):
    def call(self, method, path, body=None):
        text = None if body is None else json.dumps(body).encode()
        status, _, answer = self.connection.request(method, path, text)
        check(status == 200, f"{method} {path}: {status} {answer[:500]!r}")
        return json.loads(answer)

    def _wait(self, path, member, state, passing, deadline_s):
        deadline = time.monotonic() + deadline_s
        while True:
            properties = self.call("GET", path)[member]
            if properties[state] not in passing:
                return properties
            check(time.monotonic() < deadline, f"still {properties[state]} after {deadline_s} s")
            time.sleep(0.05)

    def create_store(self):
        store = self.call("POST", "/datastore", {"clientToken": uuid.uuid4().hex})["datastoreId"]
        properties = self._wait(f"/datastore/{store}", "datastoreProperties", "datastoreStatus",
                                {"CREATING"}, 60)
        check(properties["datastoreStatus"] == "ACTIVE", f"the store is {properties}")
        return store

    def import_from(self, store, prefix):
        job = self.call("POST", f"/startDICOMImportJob/datastore/{store}", {
            "dataAccessRoleArn": ROLE, "clientToken": uuid.uuid4().hex,
            "inputS3Uri": f"s3://{BUCKET}/{prefix}/", "outputS3Uri": f"s3://{BUCKET}/out/"})["jobId"]
        properties = self._wait(f"/getDICOMImportJob/datastore/{store}/job/{job}", "jobProperties",
                                "jobStatus", {"SUBMITTED", "IN_PROGRESS"}, JOB_DEADLINE_S)
        check(properties["jobStatus"] == "COMPLETED", f"the import ended as {properties}")
        return properties

    def search(self, store, criteria, token=""):
        path = f"/datastore/{store}/searchImageSets?maxResults=50{token and '&nextToken=' + token}"
        return self.call("POST", path, criteria)

    def image_sets(self, store):
        sets, token = [], ""
        while True:
            page = self.search(store, {}, token)
            sets += [one["imageSetId"] for one in page["imageSetsMetadataSummaries"]]
            token = page.get("nextToken", "")
            if not token:
                return sets

    def metadata(self, store, image_set):
        """(bytes as sent, the document)."""
        path = f"/datastore/{store}/imageSet/{image_set}/getImageSetMetadata"
        status, _, body = self.connection.request("POST", path)
        check(status == 200, f"metadata of {image_set}: {status} {body[:300]!r}")
        return path, body, json.loads(gzip.decompress(body))


def with_instance(file, number):
    """The file as another instance: its SOPInstanceUID ends in other digits of the same number."""
    uid = re.search(rb"\x08\x00\x18\x00UI..([0-9.]+)", file, re.DOTALL).group(1)
    other = uid[:-6] + b"1%05d" % number
    check(b"." not in uid[-6:], "the last component of the UID is too short for a number")
    return file.replace(uid, other)


def ct_slices(folder, count):
    """(name, bytes) of `count` CT slices of 512 x 512 and 16 bits, and the name of the set."""
    name, files = "ct-series-ge", [file.read_bytes() for file in sorted(CT_SERIES.glob("*.dcm"))]
    if not files:
        name = "synth"
        subprocess.run([str(TARN), "synth", "dicom", "--studies", "1", "--modality", "CT", "--slices",
                        str(count), "--out", str(folder / "ct")], check=True, stdout=subprocess.DEVNULL)
        return name, [file.read_bytes() for file in sorted((folder / "ct").rglob("*.dcm"))]
    return name, [with_instance(files[n % len(files)], n) for n in range(count)]


def upload(run, prefix, files):
    run.s3().make_bucket(BUCKET)

    def put(part):
        with S3(run.server().s3_url) as s3:
            for number, body in part:
                s3.put(BUCKET, f"{prefix}/{number:06}.dcm", body, len(body))
    numbered = list(enumerate(files))
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(put, [numbered[i::UPLOADS] for i in range(UPLOADS)]))


def add_cpu(run, name, meter, count, unit, **detail):
    if meter.cpu_seconds:
        run.figures.add(name, count / meter.cpu_seconds, unit, **detail)


def import_ct(run, imaging):
    """Imports the CT slices; returns the store and what was read back: [(frame path, size)]."""
    count = INSTANCES_QUICK if run.options.quick else INSTANCES
    name, files = ct_slices(run.folder, count)
    upload(run, "ct", files)
    store = imaging.create_store()
    meter = Meter(run.server())
    imaging.import_from(store, "ct")
    meter.stop()
    frames, metadata = [], []
    for image_set in imaging.image_sets(store):
        path, body, document = imaging.metadata(store, image_set)
        metadata.append((path, len(body)))
        for series in document["Study"]["Series"].values():
            for instance in series["Instances"].values():
                for frame in instance["ImageFrames"]:
                    frames.append((f"/datastore/{store}/imageSet/{image_set}/getImageFrame?imageFrameId="
                                   f"{frame['ID']}", frame["FrameSizeInBytes"]))
    check(len(frames) == count, f"{count} slices went in, {len(frames)} frames came out")
    for path, size in random.sample(frames, min(50, count)):
        status, headers, body = imaging.connection.request("GET", path)
        check(status == 200 and len(body) == size, f"{path}: {status}, {len(body)} of {size} bytes")
        # A raw codestream begins with SOC and SIZ and ends with EOC (T.800 A.4).
        check(body[:4] == b"\xff\x4f\xff\x51" and body[-2:] == b"\xff\xd9", f"{path} is no codestream")
    detail = {"data": name, "instances": count}
    run.figures.add("images.import.rate", count / meter.seconds, "instances/s", **detail)
    add_cpu(run, "images.import.cpu", meter, count, "instances/CPU-s", **detail)
    run.figures.add("images.stored", sum(size for _, size in frames) / (count * SLICE_RAW_BYTES), "of raw",
                    **detail)
    return frames, metadata


def load(run, lines, seconds):
    with tempfile.NamedTemporaryFile("w", dir=run.folder) as paths, \
            tempfile.NamedTemporaryFile("r", dir=run.folder) as result:
        paths.write("".join(f"{method} {path} {size}\n" for method, path, size in lines))
        paths.flush()
        meter = Meter(run.server())
        subprocess.run(["wrk", "-t", "1", "-c", str(READ_CONNECTIONS), "-d", f"{seconds}s", "--timeout", "10s",
                        "-s", str(ROOT / "bench" / "images.lua"), run.server().url, "--", paths.name,
                        result.name], check=True, stdout=subprocess.DEVNULL, timeout=seconds + 60)
        meter.stop()
        answer = json.load(result)
    for wrong in ("wrong_status", "wrong", "socket_errors"):
        check(answer[wrong] == 0, f"{answer[wrong]} answers: {wrong}")
    return answer, meter


def read(run, name, lines):
    """CPU time of the server for each answer, at full load."""
    load(run, lines, READ_WARM_SECONDS)
    answer, meter = load(run, lines, READ_QUICK_SECONDS if run.options.quick else READ_SECONDS)
    detail = {"connections": READ_CONNECTIONS, "bytes_per_answer": round(answer["bytes"] / answer["answers"])}
    run.figures.add(f"{name}.rate", answer["answers"] / (answer["duration_us"] / 1e6), "requests/s", **detail)
    if meter.cpu_seconds:
        run.figures.add(f"{name}.cpu", meter.cpu_seconds / answer["answers"] * 1000, "CPU ms", **detail)
    run.figures.add(f"{name}.p50", answer["p50_us"] / 1000, "ms", **detail)
    run.figures.add(f"{name}.p99", answer["p99_us"] / 1000, "ms", **detail)


def search(run, imaging):
    """Searches by patient over one connection, in a store of 20,000 image sets of 2,000 patients."""
    sets = SEARCH_SETS_QUICK if run.options.quick else SEARCH_SETS
    dicom_files.pixels = functools.cache(dicom_files.pixels)
    store, seconds = imaging.create_store(), 0.0
    for first in range(0, sets, JOB_FILES):
        upload(run, f"many-{first}", [
            dicom_files.slice_file(series=n, study=n // SETS_A_PATIENT, patient=f"P{n // SETS_A_PATIENT}")
            for n in range(first, min(first + JOB_FILES, sets))])
        meter = Meter(run.server())
        imaging.import_from(store, f"many-{first}")
        seconds += meter.stop().seconds
    run.figures.add("images.many.rate", sets / seconds, "image sets/s", sets=sets)
    times = []
    meter = Meter(run.server())
    for _ in range(SEARCHES):
        patient = f"P{random.randrange(sets // SETS_A_PATIENT)}"
        begin = time.perf_counter()
        found = imaging.search(store, {"filters": [{"operator": "EQUAL", "values": [{"DICOMPatientId": patient}]}]})
        times.append((time.perf_counter() - begin) * 1000)
        ids = {one["DICOMTags"]["DICOMPatientId"] for one in found["imageSetsMetadataSummaries"]}
        check(ids == {patient} and len(found["imageSetsMetadataSummaries"]) == SETS_A_PATIENT,
              f"search for {patient}: {found}")
    meter.stop()
    times.sort()
    run.figures.add("images.search.p50", statistics.median(times), "ms", sets=sets)
    run.figures.add("images.search.p99", times[len(times) * 99 // 100], "ms", sets=sets)
    if meter.cpu_seconds:
        run.figures.add("images.search.cpu", meter.cpu_seconds / SEARCHES * 1000, "CPU ms", sets=sets)


def bench_images(run):
    with HealthImaging(run.server().url) as imaging:
        frames, metadata = import_ct(run, imaging)
        read(run, "images.frame", [("GET", path, size) for path, size in frames])
        read(run, "images.metadata", [("POST", path, size) for path, size in metadata])
        search(run, imaging)
    if run.server().pid:
        run.figures.add("images.memory", rss_peak_mb(run.server().pid), "MiB")
    else:
        note("memory: --pid is not given")
