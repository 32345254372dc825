"""The server within bounds that a machine sets: little memory, a full disk.

Short form: 256 MB of NDJSON. TARN_SLOW=1: 4 GB. Both in a memory limit of 512 MB.
"""
import errno
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

from harness import SLOW, TARN, HealthLake, Server

INPUT_BYTES = (4 << 30) if SLOW else (256 << 20)
MEMORY_BYTES = 512 << 20
RESIDENT_KB_MAX = 448 << 10  # The rest is the system's own, for pages of files.


class MemoryGroup:
    """A control group with a memory limit, or None when this machine does not let us make one."""

    def __init__(self, limit):
        self.folder = None
        for base, member in ((pathlib.Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                             (pathlib.Path("/sys/fs/cgroup"), "memory.max")):
            folder = base / f"tarn-test-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                (folder / member).write_text(str(limit))
                self.folder = folder
                return
            except OSError:
                folder.rmdir()

    def prefix(self):
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def remove(self):
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)


def write_input(path, size):
    """Whole lines of synthetic resources, about `size` bytes in one file. Returns their number."""
    written = lines = 0
    seed = 0
    with open(path, "wb") as out:
        while written < size:
            seed += 1
            process = subprocess.Popen([str(TARN), "synth", "patients", "--patients", "1000000", "--seed", str(seed)],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            rest = b""
            while written < size:
                block = process.stdout.read(1 << 20)
                if not block:
                    break
                whole, _, rest = (rest + block).rpartition(b"\n")
                out.write(whole + b"\n")
                written += len(whole) + 1
                lines += whole.count(b"\n") + 1
            process.kill()
            process.wait()
            process.stdout.close()
    return lines


class Sampler(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.samples = []
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            try:
                self.samples.append(self.server.memory_kb())
            except OSError:
                return


class Memory(unittest.TestCase):
    def test_a_file_larger_than_memory(self):
        group = MemoryGroup(MEMORY_BYTES)
        if group.folder is None:
            self.skipTest("no control group with a memory limit can be made here")
        self.addCleanup(group.remove)
        with Server(prefix=group.prefix()) as server:
            folder = server.data / "s3/test/in"
            folder.mkdir(parents=True)
            lines = write_input(folder / "all.ndjson", INPUT_BYTES)
            lake = HealthLake(server.url)
            store = lake.create_store()
            sampler = Sampler(server)
            sampler.start()
            begin = time.monotonic()
            properties = lake.wait_import(store, lake.start_import(store, "s3://test/in/"))
            seconds = time.monotonic() - begin
            sampler.done.set()
            sampler.join()
            self.assertEqual(properties["JobStatus"], "COMPLETED", properties)
            self.assertEqual(properties["JobProgressReport"]["TotalNumberOfResourcesImported"], lines)
            quarter = max(1, len(sampler.samples) // 4)
            early = max(sampler.samples[:2 * quarter])
            late = max(sampler.samples[2 * quarter:])
            print(f"{INPUT_BYTES >> 20} MB, {lines} resources in {seconds:.1f} s; resident memory at most "
                  f"{early >> 10} MB in the first half, {late >> 10} MB in the second", flush=True)
            self.assertLess(max(early, late), RESIDENT_KB_MAX)
            if SLOW:  # The short form ends while caches still fill.
                self.assertLess(late, early * 1.25, "resident memory grows with the input")


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tarn-full-")
        self.addCleanup(os.rmdir, self.folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=250m,nr_inodes=5000", "tmpfs", self.folder],
                          capture_output=True).returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.folder])

    def test_writes_fail_cleanly_reads_go_on_the_job_resumes(self):
        server = Server(data=self.folder + "/data")
        with server:
            lake = HealthLake(server.url)
            store = lake.create_store()
            self.assertEqual(lake.fhir("PUT", store, "Patient/a", {"resourceType": "Patient", "id": "a"})[0], 201)
            folder = server.data / "s3/test/in"
            folder.mkdir(parents=True)
            lines = write_input(folder / "all.ndjson", 40 << 20)
            filler = pathlib.Path(self.folder) / "filler"
            free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
            with open(filler, "wb") as file:
                file.truncate(0)
                os.posix_fallocate(file.fileno(), 0, max(0, free - (1 << 20)))
            job = lake.start_import(store, "s3://test/in/")
            refused = self.write_until_refused(lake, store)
            self.assertIn(refused, (500, 503, 507))
            status, _, body = lake.fhir("GET", store, "Patient/a")
            self.assertEqual((status, json.loads(body)["id"]), (200, "a"))
            self.assertIn(lake.describe_import(store, job)["JobStatus"], ("SUBMITTED", "IN_PROGRESS"))
            filler.unlink()
            subprocess.run(["mount", "-o", "remount,size=800m", self.folder], check=True)
            properties = lake.wait_import(store, job)
            self.assertEqual(properties["JobStatus"], "COMPLETED", properties)
            self.assertEqual(properties["JobProgressReport"]["TotalNumberOfResourcesImported"], lines)
            self.assertEqual(lake.fhir("PUT", store, "Patient/b", {"resourceType": "Patient", "id": "b"})[0], 201)

    def test_a_data_store_that_finds_no_room_can_be_tried_again(self):
        """No more files can be made, but those of the catalogue still take what is written to them."""
        server = Server(data=self.folder + "/data")
        with server:
            lake = HealthLake(server.url)
            lake.create_store()
            fillers = []
            try:
                while True:
                    fillers.append(pathlib.Path(self.folder) / f"filler-{len(fillers)}")
                    fillers[-1].touch()
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
                fillers.pop()
            token = {"DatastoreTypeVersion": "R4", "ClientToken": "first"}
            failed = lake.call("CreateFHIRDatastore", token)["DatastoreId"]
            properties = lake.wait_store(failed)
            self.assertEqual(properties["DatastoreStatus"], "CREATE_FAILED", properties)
            self.assertEqual(properties["ErrorCause"]["ErrorCategory"], "RETRYABLE_ERROR", properties)
            self.assertTrue(properties["ErrorCause"]["ErrorMessage"])
            for filler in fillers:
                filler.unlink()
            self.assertTrue(lake.create_store())
            # The failed one is described as before, and what was begun for it is gone.
            self.assertEqual(lake.wait_store(failed)["DatastoreStatus"], "CREATE_FAILED")
            self.assertEqual(list((server.data / "kv").glob(f"*{failed}*")), [])

    @staticmethod
    def write_until_refused(lake, store):
        for n in range(100_000):
            status, _, _ = lake.fhir("PUT", store, f"Basic/{n}", {
                "resourceType": "Basic", "id": str(n), "code": {"text": os.urandom(4000).hex()}})
            if status != 201:
                return status
        return None


if __name__ == "__main__":
    unittest.main()
