"""The benchmarks. Each is a function of a Run that checks what it measured and adds figures."""
import concurrent.futures
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time

import datasets
import writes
from clients import Connection, HealthLake, S3
from harness import BUILD, Folder, Meter, Server, TARN, check, folder_bytes, note, rss_mb, spread
from images import bench_images
from shapes import bench_shapes

BUCKET = "bench"
JOB_DEADLINE_S = 900
READ_IDS = 20_000
READ_SECONDS = 10
READ_QUICK_SECONDS = 3
READ_PAUSE_MS = 8  # Each connection waits between 0 and this, at random.
READ_WARM_SECONDS = 2
READ_CONNECTIONS = 64
SETTLE_DEADLINE_S = 60
WORKFLOW_STARTS = 21
WORKFLOW_RUNS = 3
WORKFLOW_POLLS = 20_000
WORKFLOW_QUICK_POLLS = 2_000
WORKFLOW_DEADLINE_S = 600
S3_OBJECT_BYTES = 64 << 20


class Run:
    """What benchmarks share: the server, the data sets, the store that was loaded last."""

    def __init__(self, options, figures, folder):
        self.options = options
        self.figures = figures
        self.folder = folder
        self._server = None
        self._clients = {}
        self._uploaded = {}
        self._synthea = self._synthetic = None
        self.loaded = None  # (store id, FHIR path, data set) after an import.

    def server(self):
        if self._server is None:
            if self.options.url:
                self._server = Server(self.options.url, self.options.s3, self.options.pid,
                                      self.options.data)
            else:
                self._server = Server.start(self.folder / "data")
                note(f"server {self._server.url}, s3 {self._server.s3_url}")
        return self._server

    def start_again(self, data):
        """A server on a folder that one of ours has left."""
        self._server = Server.start(data)
        return self._server

    def stop(self):
        for client in self._clients.values():
            client.connection.close()
        self._clients = {}
        if self._server is not None:
            self._server.stop()
            self._server = None

    def synthea(self):
        if self._synthea is None:
            self._synthea = datasets.synthea(self.folder)
        return self._synthea

    def synthetic(self):
        if self._synthetic is None:
            self._synthetic = datasets.synthetic(self.folder, self.options.patients, 1)
        return self._synthetic

    def _client(self, kind, url):
        if kind not in self._clients:
            self._clients[kind] = kind(url)
        return self._clients[kind]

    def healthlake(self):
        return self._client(HealthLake, self.server().url)

    def s3(self):
        check(self.server().s3_url, "--s3 URL is needed with --url")
        return self._client(S3, self.server().s3_url)

    def upload(self, data):
        """Puts the set's files below s3://bench/<name>/in/, once."""
        prefix = f"{data.name}/in/"
        if data.name not in self._uploaded:
            s3 = self.s3()
            s3.make_bucket(BUCKET)
            for file in data.files:
                with file.open("rb") as body:
                    s3.put(BUCKET, prefix + file.name, body, file.stat().st_size)
            self._uploaded[data.name] = f"s3://{BUCKET}/{prefix}"
        return self._uploaded[data.name]

    def load(self, data):
        """Imports the set into a new data store and returns the meter and the job's report."""
        healthlake = self.healthlake()
        uri = self.upload(data)
        store, path = healthlake.create_store(f"bench-{data.name}")
        meter = Meter(self.server())
        job = healthlake.import_from(store, uri, f"s3://{BUCKET}/{data.name}/out/", JOB_DEADLINE_S)
        meter.stop()
        report = job.get("JobProgressReport", {})
        check(job["JobStatus"] == "COMPLETED", f"the import ended as {job['JobStatus']}: {job}")
        check(report.get("TotalNumberOfResourcesImported") == data.resources,
              f"{data.resources} resources went in, {report} came out")
        self.check_reads(path, data, 200)
        self.loaded = (store, path, data)
        return meter

    def check_reads(self, path, data, count):
        """Resources of the set read back as they were, but for what the server adds to meta."""
        with Connection(self.server().url) as connection:
            for resource in data.sample(count, seed=random.randrange(1 << 30)):
                where = f"{resource['resourceType']}/{resource['id']}"
                status, _, body = connection.request("GET", f"{path}/{where}")
                check(status == 200, f"read of {where}: status {status}")
                stored = datasets.parse(body)
                check(stored["meta"].keys() >= {"versionId", "lastUpdated"},
                      f"{where}: meta is bare")
                check(datasets.fingerprint(stored) == datasets.fingerprint(resource),
                      f"{where} is not what was imported")

    def need_loaded(self):
        if self.loaded is None:
            self.load(self.synthea())
        return self.loaded


def add_import(run, name, data, meters):
    seconds = [meter.seconds for meter in meters]
    detail = {"data": data.name, "resources": data.resources, "bytes": data.bytes}

    def add(part, values, unit):
        run.figures.add(f"{name}.{part}", statistics.median(values), unit, **detail,
                        spread=spread(values))
    add("rate", [data.resources / value for value in seconds], "resources/s")
    add("bytes", [data.bytes / 1e6 / value for value in seconds], "MB/s")
    if meters[0].cpu_seconds:
        add("cpu", [data.resources / meter.cpu_seconds for meter in meters], "resources/CPU-s")


def bench_synth(run):
    """Speed of the generator, and that one seed gives the same bytes twice."""
    def make(patients):
        command = [str(TARN), "synth", "patients", "--patients", str(patients), "--seed", "1",
                   "--out", "-", "--json"]
        return subprocess.run(command, capture_output=True, check=True)
    first, second = make(20), make(20)
    check(first.stdout == second.stdout, "two runs of one seed differ")
    lines = first.stdout.splitlines()
    keys = {(value["resourceType"], value["id"]) for value in map(json.loads, lines)}
    check(len(keys) == len(lines), "ids repeat")
    check(len({kind for kind, _ in keys}) == 21, "not all 21 types are there")
    program = BUILD / "src" / "synth" / "synth_bench"
    result = json.loads(subprocess.run(
        [str(program), "--benchmark_format=json", "--benchmark_min_time=0.5",
         "--benchmark_repetitions=3"], capture_output=True, check=True).stdout)
    for name in ("GeneratePatients", "GenerateBlocks"):
        rates = [entry["bytes_per_second"] / 1e6 for entry in result["benchmarks"]
                 if entry["run_name"] == name and entry["run_type"] == "iteration"]
        run.figures.add(f"synth.{name}", statistics.median(rates), "MB/s", threads=1,
                        spread=spread(rates))
    summaries = [json.loads(make(300).stderr.splitlines()[-1]) for _ in range(3)]
    rates = [summary["megabytes"] / summary["seconds"] for summary in summaries]
    run.figures.add("synth.cli", statistics.median(rates), "MB/s", to="pipe", spread=spread(rates),
                    **{key: summaries[0][key] for key in ("resources", "megabytes")})


def bench_start(run):
    """Process start to the line `ready`, on an empty folder and on one that holds a data set."""
    if run.options.url:
        return note("start: needs a server of its own")
    run.stop()

    def measure(name, data, count):
        times = []
        for _ in range(count):
            server = Server.start(data)
            try:
                with HealthLake(server.url) as client:
                    client.call("ListFHIRDatastores")
                times.append(server.ready_ms)
            finally:
                server.stop()
        run.figures.add(f"start.{name}", statistics.median(times), "ms", spread=spread(times))
    with Folder(run.folder) as empty:
        measure("empty", empty, 10)
    if (run.folder / "data").exists():
        measure("loaded", run.folder / "data", 10)


def bench_idle_rss(run):
    """Resident memory of a server that was just started on an empty folder."""
    if run.options.url:
        return note("idle_rss: needs a server of its own")
    with Folder(run.folder) as empty:
        server = Server.start(empty)
        try:
            with HealthLake(server.url) as client:
                client.call("ListFHIRDatastores")
            time.sleep(1)
            run.figures.add("idle_rss", rss_mb(server.pid), "MiB")
        finally:
            server.stop()


def bench_s3(run):
    """Large objects in and out of the S3 endpoint; the bytes must come back."""
    s3 = run.s3()
    s3.make_bucket(BUCKET)
    body = random.Random(3).randbytes(1 << 20) * (S3_OBJECT_BYTES >> 20)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    puts, gets, put_cpu, get_cpu = [], [], [], []
    for number in range(5):
        key = f"large/{number}"
        meter = Meter(run.server())
        etag = s3.put(BUCKET, key, body, len(body))
        meter.stop()
        check(etag == digest, f"ETag {etag} is not the MD5 of the bytes")
        puts.append(len(body) / 1e6 / meter.seconds)
        put_cpu.append(meter.cpu_seconds)
        meter = Meter(run.server())
        back = s3.get(BUCKET, key)
        meter.stop()
        check(back == body, f"{key} came back changed")
        gets.append(len(body) / 1e6 / meter.seconds)
        get_cpu.append(meter.cpu_seconds)
        s3.delete(BUCKET, key)
    for name, rates, cpu in (("put", puts, put_cpu), ("get", gets, get_cpu)):
        detail = {"object_bytes": len(body), "spread": spread(rates)}
        if cpu[0] is not None:
            detail["cpu_ms_per_object"] = round(1000 * statistics.median(cpu), 1)
        run.figures.add(f"s3.{name}", statistics.median(rates), "MB/s", **detail)


def bench_import(run):
    """The Synthea set, three times into a new data store each."""
    data = run.synthea()
    meters = []
    for number in range(1 if run.options.quick else 3):
        if number:
            run.healthlake().delete_store(run.loaded[0])
        meters.append(run.load(data))
    add_import(run, "import", data, meters)


def bench_disk(run):
    """Bytes on disk per resource, indexes included, once compaction has come to rest."""
    server = run.server()
    if server.data is None:
        return note("disk: --data FOLDER is needed with --url")
    _, _, data = run.need_loaded()
    deadline = time.monotonic() + SETTLE_DEADLINE_S
    sizes = [folder_bytes(server.data, without=("s3",))]
    while time.monotonic() < deadline and not (len(sizes) > 5 and len(set(sizes[-5:])) == 1):
        time.sleep(1)
        sizes.append(folder_bytes(server.data, without=("s3",)))
    held, taken = sizes[-1]
    run.figures.add("disk", held / data.resources, "bytes/resource", data=data.name, bytes=held,
                    bytes_allocated=taken,
                    raw_bytes_per_resource=round(data.bytes / data.resources),
                    at_rest=len(set(sizes[-5:])) == 1, seconds=len(sizes) - 1)
    if server.pid:
        run.figures.add("rss_after_import", rss_mb(server.pid), "MiB", data=data.name)


def bench_import_large(run):
    """A synthetic set several times the size of Synthea's, and the server's memory after it."""
    data = run.synthetic()
    before = run.loaded
    meter = run.load(data)
    add_import(run, "import_large", data, [meter])
    if run.server().pid:
        run.figures.add("import_large.rss", rss_mb(run.server().pid), "MiB",
                        resources=data.resources)
    store = run.loaded[0]
    run.loaded = before
    run.healthlake().delete_store(store)


def bench_export(run):
    """All resources out again; every one must be there once, as it was imported."""
    store, _, data = run.need_loaded()
    healthlake, s3 = run.healthlake(), run.s3()
    expected = data.fingerprints()
    meters = []
    for number in range(1 if run.options.quick else 3):
        meter = Meter(run.server())
        job = healthlake.export_to(store, f"s3://{BUCKET}/{data.name}/export{number}/",
                                   JOB_DEADLINE_S)
        meters.append(meter.stop())
        check(job["JobStatus"] == "COMPLETED", f"the export ended as {job['JobStatus']}: {job}")
        uri = job["OutputDataConfig"]["S3Configuration"]["S3Uri"]
        prefix = uri.split("/", 3)[3]
        seen, lines = {}, 0
        for key, _ in s3.list(BUCKET, prefix):
            if key.endswith(".ndjson"):
                for line in s3.get(BUCKET, key).splitlines():
                    resource = datasets.parse(line)
                    where = f"{resource['resourceType']}/{resource['id']}"
                    seen[where] = datasets.fingerprint(resource)
                    lines += 1
        check(lines == data.resources, f"{lines} of {data.resources} lines were exported")
        check(seen == expected, "the exported resources are not the imported ones")
    add_import(run, "export", data, meters)


def fill_by_put(run, path, data):
    """For servers without import: PUTs the first resources of the set, eight at a time."""
    lines = list(data.sample_lines(min(READ_IDS, data.resources)))

    where = [f"{value['resourceType']}/{value['id']}" for value in map(json.loads, lines)]

    def put(part):
        with Connection(run.server().url) as connection:
            for name, line in part:
                status, _, body = connection.request("PUT", f"{path}/{name}", line,
                                                     {"Content-Type": "application/fhir+json"})
                check(status in (200, 201), f"put {name}: {status} {body[:300]!r}")
    pairs = list(zip(where, lines))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [pairs[i::8] for i in range(8)]))
    return where


def bench_read(run):
    """Reads by id over 64 keep-alive connections, at least 10,000 ids in random order."""
    if run.options.fhir_path is not None:
        path, data = run.options.fhir_path.rstrip("/"), run.synthea()
        ids = fill_by_put(run, path, data)
    else:
        _, path, data = run.need_loaded()
        ids = sorted(data.ids())
        random.Random(5).shuffle(ids)
        ids = ids[:READ_IDS]
    check(len(ids) >= 10_000 or run.options.quick, f"only {len(ids)} ids to read")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=run.folder) as paths, \
            tempfile.NamedTemporaryFile("r", suffix=".json", dir=run.folder) as result:
        paths.write("".join(f"{path}/{name}\n" for name in ids))
        paths.flush()
        seconds = READ_QUICK_SECONDS if run.options.quick else READ_SECONDS

        def load(duration, pause_ms=0):
            subprocess.run(["wrk", "-t", "2", "-c", str(READ_CONNECTIONS), "-d", f"{duration}s",
                            "--timeout", "10s", "-s", str(datasets.ROOT / "bench" / "read.lua"),
                            run.server().url, "--", paths.name, result.name, str(pause_ms)],
                           check=True, stdout=subprocess.DEVNULL, timeout=duration + 60)
            result.seek(0)
            answer = json.load(result)
            check(answer["wrong_status"] == 0, f"{answer['wrong_status']} answers were not 200")
            check(answer["socket_errors"] == 0, f"{answer['socket_errors']} socket errors")
            check(answer["wrong"] == 0,
                  f"{answer['wrong']} of {answer['looked_at']} bodies were wrong")
            check(answer["looked_at"] > 0, "no body was looked at")
            answer["rate"] = answer["requests"] / (answer["duration_us"] / 1e6)
            return answer
        load(READ_WARM_SECONDS)  # Warms caches; not counted.
        meter = Meter(run.server())
        full = load(seconds)
        meter.stop()
        paced = load(seconds, READ_PAUSE_MS)
    detail = {"connections": READ_CONNECTIONS, "ids": len(ids), "seconds": seconds,
              "bodies_checked": full["looked_at"], "data": data.name,
              "bytes_per_answer": round(full["bytes"] / max(full["requests"], 1))}
    run.figures.add("read.rate", full["rate"], "requests/s", **detail)
    if meter.cpu_seconds:
        run.figures.add("read.cpu", full["requests"] / meter.cpu_seconds, "requests/CPU-s",
                        **detail)
    # At full load the generator takes half of the machine and times itself waiting for a core, so
    # latency is also taken below that.
    for name, answer, pause_ms in (("full", full, 0), ("paced", paced, READ_PAUSE_MS)):
        detail = {"connections": READ_CONNECTIONS, "ids": len(ids), "pause_ms": [0, pause_ms],
                  "requests_per_second": round(answer["rate"]), "data": data.name}
        run.figures.add(f"read.{name}.p50", answer["p50_us"] / 1000, "ms", **detail)
        run.figures.add(f"read.{name}.p99", answer["p99_us"] / 1000, "ms", **detail)


def run_mock(polls):
    """One run of `tarn run` against the mock, which checks that the right requests were made."""
    done = subprocess.run(
        [sys.executable, str(datasets.ROOT / "bench" / "workflow_mock.py"), "--polls", str(polls), "--",
         str(TARN), "run", "{document}", "--poll", "0", "--json"],
        capture_output=True, text=True, timeout=WORKFLOW_DEADLINE_S)
    check(done.returncode == 0, done.stderr.strip())
    return json.loads(done.stdout)


def bench_workflow(run):
    """`tarn run`: launch to first request, poll steps with pacing off, memory."""
    starts = [run_mock(2)["first_request_ms"] for _ in range(WORKFLOW_STARTS)]
    run.figures.add("workflow.first_request", statistics.median(starts), "ms", **spread(starts))
    polls = WORKFLOW_QUICK_POLLS if run.options.quick else WORKFLOW_POLLS
    results = [run_mock(polls) for _ in range(WORKFLOW_RUNS)]
    rates = [result["steps_per_second"] for result in results]
    run.figures.add("workflow.polls", statistics.median(rates), "steps/s", polls=polls, **spread(rates))
    costs = [result["polls"] / (result["cpu_ms"] / 1000) for result in results]
    run.figures.add("workflow.cpu", statistics.median(costs), "steps/CPU-s", polls=polls, **spread(costs))
    peaks = [result["peak_mb"] for result in results]
    run.figures.add("workflow.memory", max(peaks), "MB", polls=polls, **spread(peaks))


def bench_micro(run):
    """Every micro benchmark of the modules (src/*/*_bench.cc), short."""
    for program in sorted(BUILD.glob("src/*/*_bench")):
        result = json.loads(subprocess.run(
            [str(program), "--benchmark_format=json", "--benchmark_min_time=0.2"],
            capture_output=True, check=True, timeout=600).stdout)
        for entry in result["benchmarks"]:
            detail = {key: round(entry[key]) for key in ("bytes_per_second", "items_per_second")
                      if key in entry}
            run.figures.add(f"micro.{program.name}.{entry['name']}", entry["cpu_time"],
                            entry["time_unit"], **detail)


# In the order in which they run: later ones use the store that `import` filled, and `start`, which
# stops the server, comes last.
ALL = {"synth": bench_synth, "idle_rss": bench_idle_rss, "s3": bench_s3, "import": bench_import,
       "disk": bench_disk, "workflow": bench_workflow, "read": bench_read, "export": bench_export,
       **writes.ALL, "import_large": bench_import_large, "images": bench_images, "start": bench_start,
       "shapes": bench_shapes, "micro": bench_micro}
# Left out unless named.
ON_DEMAND = {"shapes", "micro"}
