"""What every benchmark needs: figures as JSON lines, a server of its own, its CPU time and memory.

Only the Python standard library is used, so that the benchmarks run wherever the server does.
"""
import json
import os
import pathlib
import platform
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
TARN = BUILD / "tarn"
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A wrong answer or a broken setup: the figure must not be printed."""


def check(condition, message):
    if not condition:
        raise BenchError(message)


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def machine():
    model = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return (f"{os.cpu_count()} x {model}, {memory_kb / 2**20:.0f} GiB, "
            f"{platform.system()} {platform.release()}")


def commit():
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True,
                              text=True).stdout.strip()
    name = git("rev-parse", "--short=10", "HEAD") or "unknown"
    return name + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


class Figures:
    """Prints one JSON line per figure, and keeps them for --out."""

    def __init__(self, out=None):
        self.machine = machine()
        self.commit = commit()
        self.lines = []
        self.out = out

    def add(self, bench, value, unit, **detail):
        line = json.dumps({"bench": bench, "value": round(value, 3), "unit": unit,
                           "machine": self.machine, "commit": self.commit, "detail": detail})
        print(line, flush=True)
        self.lines.append(line)
        if self.out:
            pathlib.Path(self.out).write_text("\n".join(self.lines) + "\n")


def spread(values):
    """Median, smallest and largest: what a published figure names."""
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3), "runs": len(values)}


def cpu_seconds(pid):
    """User and system time of all threads of the process, ended ones included (proc(5), stat)."""
    if pid is None:
        return None
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _status_mb(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise BenchError("the server is gone")


def rss_mb(pid):
    return _status_mb(pid, "VmRSS")


def rss_peak_mb(pid):
    """The most that was resident since the process began."""
    return _status_mb(pid, "VmHWM")


def folder_bytes(folder, without=()):
    """What the files below `folder` hold and what they take on disk, in bytes, leaving out the
    named sub-folders. The two differ by what is reserved: write-ahead logs grow into space that
    was allocated before."""
    held = taken = 0
    for path, folders, files in os.walk(folder):
        if path == str(folder):
            folders[:] = [name for name in folders if name not in without]
        for name in files:
            try:
                status = os.lstat(os.path.join(path, name))
            except FileNotFoundError:
                continue  # A compaction removed it meanwhile.
            held += status.st_size
            taken += status.st_blocks * 512
    return held, taken


class Server:
    """A running server: one of our own on free loopback ports, or one that runs already."""

    def __init__(self, url, s3_url, pid=None, data=None, process=None, ready_ms=None):
        self.url = url.rstrip("/")
        self.s3_url = s3_url.rstrip("/") if s3_url else None
        self.pid = pid
        self.data = pathlib.Path(data) if data else None
        self.process = process
        self.ready_ms = ready_ms

    @classmethod
    def start(cls, data, log=None):
        check(TARN.exists(), f"{TARN.relative_to(ROOT)} is missing; run ./dev build")
        command = [str(TARN), "serve", "--dev", "--data", str(data), "--listen", "127.0.0.1:0",
                   "--s3-listen", "127.0.0.1:0", "--log-level", "warning"]
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log or sys.stderr)
        try:
            lines = cls._read_lines(process, 2)
        except BenchError:
            process.kill()
            process.wait()
            raise
        ready_ms = (lines[0][1] - begin) * 1000
        words = [line.split() for line, _ in lines]
        check(words[0][0] == "ready" and words[1][0] == "s3", f"unexpected first lines: {lines}")
        return cls(words[0][1], words[1][1], process.pid, data, process, ready_ms)

    @staticmethod
    def _read_lines(process, count):
        """The first lines of standard output with the moment when each was there."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        text, lines = b"", []
        while len(lines) < count:
            left = deadline - time.monotonic()
            check(left > 0, f"the server was not ready after {READY_TIMEOUT_S} s")
            if not select.select([process.stdout], [], [], left)[0]:
                continue
            piece = os.read(process.stdout.fileno(), 4096)
            now = time.perf_counter()
            if not piece:
                raise BenchError(f"the server ended before it was ready: status {process.wait()}")
            *whole, text = (text + piece).split(b"\n")
            lines += [(line.decode(), now) for line in whole]
        return lines

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"the server did not stop within {STOP_TIMEOUT_S} s")
        finally:
            self.process.stdout.close()
            self.process = None
        check(status == 0, f"the server ended with status {status}")

    def cpu(self):
        return cpu_seconds(self.pid)

    def host_port(self, url):
        parts = urllib.parse.urlsplit(url)
        return parts.hostname, parts.port or 80


class Folder:
    """A temporary folder that is gone afterwards."""

    def __init__(self, parent=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tarn-bench-", dir=parent))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Meter:
    """Wall time and, where the server's process is known, its CPU time between two moments."""

    def __init__(self, server):
        self.server = server
        self.cpu_begin = server.cpu()
        self.begin = time.perf_counter()

    def stop(self):
        self.seconds = time.perf_counter() - self.begin
        cpu = self.server.cpu()
        self.cpu_seconds = None if cpu is None else cpu - self.cpu_begin
        return self
