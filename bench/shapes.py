"""Search shapes (shapes.json): each is verified against the tables of shapes_data.py and then
measured. Works with any FHIR server; one of our own is filled by import, others by batches of PUT.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from clients import Connection
from harness import (Folder, Meter, Server, check, folder_bytes, note, rss_mb)
from shapes_data import Tables, generate

SHAPES = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())
CLIENTS = 8
SECONDS = 4
QUICK_SECONDS = 1
MIX_SECONDS = 10
COUNT_RUNS = 15
PART_BYTES = 256 << 20  # Of one import job's input, which is removed afterwards.
BATCH_ENTRIES = 200
JOB_DEADLINE_S = 3600
SETTLE_DEADLINE_S = 900
STREAM_PAGE = 1000
STREAM_PAGES = 200
LARGE_RESOURCES = 10_000_000
RESOURCES_A_PATIENT = 376
TYPES_STREAMED = ("Observation", "Encounter")


def path_text(query):
    """The query as it goes over the wire; shapes.json has it as people read it."""
    return urllib.parse.quote(query, safe="?&=:,$/._-*")


class Target:
    """A FHIR server with a loaded set, and what the set says of each query."""

    def __init__(self, url, path, tables):
        self.url, self.path, self.tables = url, path, tables
        self.connection = Connection(url)

    def close(self):
        self.connection.close()

    def get(self, where):
        status, _, body = self.connection.request("GET", where,
                                                  headers={"Accept": "application/fhir+json"})
        check(status == 200, f"{where}: status {status}: {body[:400]!r}")
        return json.loads(body)

    def search(self, query):
        return self.get(f"{self.path}/{path_text(query)}")

    def next_path(self, bundle):
        for link in bundle.get("link", ()):
            if link["relation"] == "next":
                parts = urllib.parse.urlsplit(link["url"])
                return f"{parts.path}?{parts.query}"
        return None


def ids_of(bundle, mode):
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())
            if entry.get("search", {}).get("mode", "match") == mode]


def quoted(ids):
    check(all(re.fullmatch(r"[A-Za-z0-9.-]{1,64}", value) for value in ids), "ids of another form")
    return ",".join(f"'{value}'" for value in ids)


def instances(shape, tables):
    """(query, values) for every row of values."""
    rows = tables.rows(shape["values"]) if "values" in shape else [{}]
    check(rows, f"{shape['name']}: nothing to ask for")
    return [(shape["query"].format(**row), row) for row in rows]


def check_total(target, shape, query, values):
    """`_summary=count` against the tables; returns the number."""
    counted = "&".join(part for part in query.split("&")
                       if not part.startswith(("_include", "_revinclude", "_sort", "_count")))
    total = target.search(counted + "&_summary=count").get("total")
    expected = target.tables.rows(f"SELECT count(*) n FROM ({shape['answer']})", values)[0]["n"]
    check(total == expected, f"{shape['name']}: {query}: {total} found, {expected} are there")
    return expected


def check_page(target, shape, values, bundle, expected):
    """Every match belongs there, includes are complete, and sorted ones are the first of all.
    `expected`: how many matches come up to the end of this page, at most."""
    tables, name = target.tables, shape["name"]
    matches = ids_of(bundle, "match")
    check(len(set(matches)) == len(matches), f"{name}: a match twice")
    belong = tables.rows(f"SELECT count(*) n FROM ({shape['answer']}) WHERE id IN "
                         f"({quoted(matches)})", values)[0]["n"]
    check(belong == len(matches), f"{name}: {len(matches) - belong} matches do not belong there")
    if "included" in shape:
        sql = shape["included"].replace("{ids}", quoted(matches))
        wanted = {next(iter(row.values())) for row in tables.rows(sql)} - {None}
        check(set(ids_of(bundle, "include")) == wanted, f"{name}: other includes than expected")
    if "order" in shape and matches:
        keys = {row["id"]: row["k"] for row in tables.rows(
            f"SELECT id, {shape['order']} k FROM ({shape['answer']}) WHERE id IN "
            f"({quoted(matches)})", values)}
        order = [keys[match] for match in matches]
        check(order == sorted(order, reverse=shape.get("descending", False)), f"{name}: order")
        beyond = ">" if shape.get("descending") else "<"
        before = tables.rows(f"SELECT count(*) n FROM ({shape['answer']}) WHERE {shape['order']} "
                             f"{beyond} :last", {**values, "last": order[-1]})[0]["n"]
        check(before < expected, f"{name}: {before} should come before the last of {expected}")
    return len(matches)


def verify(target, shape):
    """Checks every instance; returns their paths and how many matches they have altogether."""
    paths, totals, seen = [], [], []
    for query, values in instances(shape, target.tables):
        total = check_total(target, shape, query, values)
        where, before = f"{target.path}/{path_text(query)}", 0
        bundle = target.get(where)
        earlier = set()
        for _ in range(1, shape.get("page", 1)):
            following = target.next_path(bundle)
            if following is None:
                break
            matches = ids_of(bundle, "match")
            earlier.update(matches)
            before += len(matches)
            where, bundle = following, target.get(following)
            check(earlier.isdisjoint(ids_of(bundle, "match")),
                  f"{shape['name']}: a match on two pages")
        count = check_page(target, shape, values, bundle, before + len(ids_of(bundle, "match")))
        whole = target.next_path(bundle) is None
        check(not whole or before + count == total,
              f"{shape['name']}: {before + count} of {total} matches on all pages")
        check(count > 0 or total == 0, f"{shape['name']}: an empty page of {total} matches")
        paths.append(where)
        totals.append(total)
        seen.append(count)
    check(any(seen), f"{shape['name']}: finds nothing: the shape measures nothing")
    return paths, totals


def load(url, paths, seconds, folder):
    """Latency and rate of the paths with 8 clients (wrk, one thread)."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=folder) as file, \
            tempfile.NamedTemporaryFile("r", suffix=".json", dir=folder) as result:
        file.write("".join(f"{path}\n" for path in paths))
        file.flush()
        script = pathlib.Path(__file__).parent / "shapes.lua"
        subprocess.run(["wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds}s", "--timeout", "30s",
                        "-s", str(script), url, "--", file.name, result.name],
                       check=True, stdout=subprocess.DEVNULL, timeout=seconds + 120)
        answer = json.load(result)
    check(answer["wrong_status"] == 0, f"{answer['wrong_status']} answers were not 200")
    check(answer["socket_errors"] == 0, f"{answer['socket_errors']} socket errors")
    check(answer["wrong"] == 0, f"{answer['wrong']} of {answer['looked_at']} bodies were wrong")
    check(answer["requests"] > 0, "no answer came")
    answer["rate"] = answer["requests"] / (answer["duration_us"] / 1e6)
    return answer


def fill_by_import(run, patients, tables, path, store):
    """Imports the set in parts; returns CPU seconds of the jobs, of compaction after them, and the
    resources."""
    server, healthlake = run.server(), run.healthlake()
    cpu = seconds = 0.0
    jobs = resources = 0

    def import_part(blocks):
        nonlocal cpu, seconds, jobs, resources
        key = f"shapes/{patients}-{jobs}"
        local = None
        if server.data is not None and server.process is not None:
            local = server.data / "s3" / "bench" / key
            local.mkdir(parents=True)
            with (local / "part.ndjson").open("wb") as out:
                out.writelines(blocks)
        else:
            body = b"".join(blocks)
            run.s3().put("bench", f"{key}/part.ndjson", body, len(body))
        lines = sum(block.count(b"\n") for block in blocks)
        meter = Meter(server)
        job = healthlake.import_from(store, f"s3://bench/{key}/", f"s3://bench/{key}-out/",
                                     JOB_DEADLINE_S)
        meter.stop()
        report = job.get("JobProgressReport", {})
        check(job["JobStatus"] == "COMPLETED", f"the import ended as {job['JobStatus']}: {job}")
        check(report.get("TotalNumberOfResourcesImported") == lines, f"{lines} lines, {report}")
        cpu += meter.cpu_seconds or 0
        seconds += meter.seconds
        jobs += 1
        resources += lines
        if local is not None:  # Room for the next part.
            for folder in (local, local.with_name(local.name + "-out")):
                subprocess.run(["rm", "-rf", str(folder)], check=True)
        if jobs % 8 == 0:
            note(f"{resources:,} resources loaded")

    run.s3().make_bucket("bench")
    blocks, size = [], 0
    for block in generate(patients):
        for line in block.splitlines():
            tables.add(line)
        blocks.append(block)
        size += len(block)
        if size >= PART_BYTES:
            import_part(blocks)
            blocks, size = [], 0
    if blocks:
        import_part(blocks)
    tables.finish()
    meter = Meter(server)
    settle(server)
    meter.stop()
    return {"import_cpu": cpu, "import_seconds": seconds, "compaction_cpu": meter.cpu_seconds,
            "resources": resources, "jobs": jobs}


def settle(server):
    """Until the files have not changed for five seconds."""
    if server.data is None:
        return
    deadline = time.monotonic() + SETTLE_DEADLINE_S
    sizes = []
    while time.monotonic() < deadline and not (len(sizes) > 5 and len(set(sizes[-5:])) == 1):
        time.sleep(1)
        sizes.append(folder_bytes(server.data, without=("s3",)))


def fill_by_batches(run, patients, tables, path):
    """Batches of PUT, 8 at a time, for servers that cannot import."""
    def send(lines):
        entries = []
        for line in lines:
            resource = json.loads(line)
            where = f"{resource['resourceType']}/{resource['id']}"
            entries.append({"resource": resource, "request": {"method": "PUT", "url": where}})
        bundle = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
        with Connection(run.server().url) as connection:
            status, _, body = connection.request(
                "POST", path, bundle, {"Content-Type": "application/fhir+json"})
        check(status == 200, f"batch: status {status}: {body[:300]!r}")
        for entry in json.loads(body)["entry"]:
            check(entry["response"]["status"][:3] in ("200", "201"), f"PUT: {entry['response']}")

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        waiting, lines = [], []
        for block in generate(patients):
            for line in block.splitlines():
                tables.add(line)
                lines.append(line)
                if len(lines) == BATCH_ENTRIES:
                    waiting.append(pool.submit(send, lines))
                    lines = []
            while len(waiting) > 4 * CLIENTS:
                waiting.pop(0).result()
        waiting.append(pool.submit(send, lines))
        for done in waiting:
            done.result()
    tables.finish()
    return {"resources": tables.resources}


def timed_counts(target, figures, detail, kind, queries, runs):
    """Median and largest of each count, one request at a time."""
    for count in SHAPES["counts"]:
        times = []
        for query in queries[count["name"]][:runs]:
            begin = time.perf_counter()
            target.search(query + "&_summary=count")
            times.append((time.perf_counter() - begin) * 1000)
        figures.add(f"counts.{count['name']}.{kind}", statistics.median(times), "ms",
                    max=round(max(times), 2), requests=len(times), **detail)


def forget_files(folder):
    """Drops the files from the system's cache."""
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                file = os.open(os.path.join(path, name), os.O_RDONLY)
            except FileNotFoundError:
                continue
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def measure_counts(run, target, detail):
    queries = {}
    for count in SHAPES["counts"]:
        queries[count["name"]] = []
        for query, values in instances(count, target.tables):
            check_total(target, count, query, values)
            queries[count["name"]].append(query)
    warm = {name: (some * COUNT_RUNS)[:COUNT_RUNS] for name, some in queries.items()}
    timed_counts(target, run.figures, detail, "warm", warm, COUNT_RUNS)
    server = run.server()
    if server.process is None:
        return target
    # Cold: a server that was just started, its files not in memory; each count is the first one.
    data = server.data
    times = {}
    for count in SHAPES["counts"]:
        run.stop()
        forget_files(data)
        target.close()
        target.url = run.start_again(data).url
        target.connection = Connection(target.url)
        target.get(f"{target.path}/metadata")
        # Opens the data store, which is not the count's.
        target.search("Basic?_summary=count")
        begin = time.perf_counter()
        target.search(queries[count["name"]][0] + "&_summary=count")
        times[count["name"]] = (time.perf_counter() - begin) * 1000
    for name, value in times.items():
        run.figures.add(f"counts.{name}.cold", value, "ms", **detail)
    return target


def measure_stream(run, target, detail):
    """Page after page of a type, as long as they last."""
    for kind in TYPES_STREAMED:
        meter = Meter(run.server())
        where, ids, pages = f"{target.path}/{kind}?_count={STREAM_PAGE}", set(), 0
        resources = size = 0
        client = 0.0
        while where is not None and pages < STREAM_PAGES:
            status, _, body = target.connection.request("GET", where)
            check(status == 200, f"{where}: status {status}")
            begin = time.perf_counter()
            bundle = json.loads(body)
            page = ids_of(bundle, "match")
            ids.update(page)
            resources += len(page)
            size += len(body)
            pages += 1
            where = target.next_path(bundle)
            client += time.perf_counter() - begin
        meter.stop()
        check(len(ids) == resources, f"stream of {kind}: {resources - len(ids)} came twice")
        if where is None:
            there = target.search(f"{kind}?_summary=count")["total"]
            check(resources == there, f"stream of {kind}: {resources} of {there}")
        about = {"pages": pages, "resources": resources, "bytes": size, **detail}
        run.figures.add(f"stream.{kind}.rate", resources / (meter.seconds - client), "resources/s",
                        **about)
        if meter.cpu_seconds:
            run.figures.add(f"stream.{kind}.cpu", resources / meter.cpu_seconds,
                            "resources/CPU-s", **about)


def measure_shapes(run, target, detail):
    """Every shape by itself, then all of them mixed; returns the rate of the mix."""
    seconds = QUICK_SECONDS if run.options.quick else SECONDS
    everything = []
    chosen = run.options.shape
    for shape in SHAPES["shapes"]:
        if chosen and shape["name"] not in chosen:
            continue
        paths, totals = verify(target, shape)
        everything += paths
        load(target.url, paths, 1, run.folder)  # Warm; not counted.
        meter = Meter(run.server())
        answer = load(target.url, paths, seconds, run.folder)
        meter.stop()
        about = {"clients": CLIENTS, "matches": totals[:4], "requests": answer["requests"],
                 "bytes_per_answer": round(answer["bytes"] / answer["requests"]), **detail}
        name = f"shapes.{shape['name']}"
        run.figures.add(f"{name}.p50", answer["p50_us"] / 1000, "ms", **about)
        run.figures.add(f"{name}.p99", answer["p99_us"] / 1000, "ms", **about)
        if meter.cpu_seconds:
            run.figures.add(f"{name}.cpu", 1000 * meter.cpu_seconds / answer["requests"],
                            "CPU-ms/request", **about)
    meter = Meter(run.server())
    mix = load(target.url, everything, QUICK_SECONDS if run.options.quick else MIX_SECONDS,
               run.folder)
    meter.stop()
    about = {"clients": CLIENTS, "paths": len(everything), **detail}
    run.figures.add("shapes.mix.rate", mix["rate"], "requests/s", **about)
    run.figures.add("shapes.mix.p99", mix["p99_us"] / 1000, "ms", **about)
    if not meter.cpu_seconds:
        return mix["rate"]
    run.figures.add("shapes.mix.cpu", mix["requests"] / meter.cpu_seconds, "requests/CPU-s", **about)
    return mix["requests"] / meter.cpu_seconds


def measure(run, patients):
    """One size; returns requests of the mix per CPU second, or per second of a foreign server."""
    with Folder(run.folder) as folder:
        tables = Tables(str(folder / "tables.sqlite"))
        if run.options.fhir_path is not None:
            path = run.options.fhir_path.rstrip("/")
            loaded = fill_by_batches(run, patients, tables, path)
        else:
            store, path = run.healthlake().create_store(f"shapes-{patients}")
            loaded = fill_by_import(run, patients, tables, path, store)
        detail = {"patients": patients, "resources": loaded["resources"]}
        if loaded.get("import_cpu"):
            drained = loaded["import_cpu"] + loaded["compaction_cpu"]
            run.figures.add("shapes.import.cpu", loaded["resources"] / loaded["import_cpu"],
                            "resources/CPU-s", seconds=round(loaded["import_seconds"], 1), **detail)
            run.figures.add("shapes.import.drained", loaded["resources"] / drained,
                            "resources/CPU-s", **detail)
            held, _ = folder_bytes(run.server().data, without=("s3",))
            run.figures.add("shapes.disk", held / loaded["resources"], "bytes/resource", bytes=held,
                            **detail)
            run.figures.add("shapes.rss", rss_mb(run.server().pid), "MiB", **detail)
        target = Target(run.server().url, path, tables)
        rate = measure_shapes(run, target, detail)
        if not run.options.shape:
            measure_stream(run, target, detail)
            target = measure_counts(run, target, detail)
        target.close()
        tables.db.close()
        if run.options.fhir_path is None:
            run.healthlake().delete_store(store)
        return rate


def bench_shapes(run):
    """The shapes at each size, and the throughput of the largest over that of the smallest."""
    sizes = [int(size) for size in run.options.sizes.split(",")]
    if run.options.large:
        sizes.append(LARGE_RESOURCES // RESOURCES_A_PATIENT)
    rates = [measure(run, size) for size in sizes]
    if len(sizes) > 1:
        run.figures.add("shapes.ratio", rates[-1] / rates[0], "", sizes=sizes)
