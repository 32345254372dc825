#!/usr/bin/env python3
"""Builds and runs the tests, and ends with the line "N passed, N failed, N skipped".

usage: ./dev test [--slow] [--no-asan] [NAME]
  NAME      only test programs and files whose name contains it
  --slow    also the long crash, power-cut and memory tests (TARN_SLOW=1)
  --no-asan without the second run of the unit tests under the sanitizers

Three kinds of tests: unit tests (src/*/*_test.cc, GoogleTest; release, then asan+ubsan), programs
against the built server in Python (test/**/test_*.py, unittest) and real clients (test/clients/
*.test.mjs, Node's test runner).
"""
import argparse
import atexit
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM_TIMEOUT_S = 900
SLOW_TIMEOUT_S = 7200
MEMORY_FOLDER = "/dev/shm/"
MEMORY_BYTES_MIN = 2 << 30


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []
        self.seconds = {}
        self.lock = threading.Lock()

    def add(self, name, passed, failed, skipped, seconds, output=""):
        with self.lock:
            self._add(name, passed, failed, skipped, seconds, output)

    def _add(self, name, passed, failed, skipped, seconds, output):
        self.seconds[name] = seconds
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        mark = "ok  " if failed == 0 else "FAIL"
        print(f"{mark} {name}: {passed} passed, {failed} failed, {skipped} skipped, {seconds:.1f} s",
              flush=True)
        if failed:
            print(output[-20000:], flush=True)


def run(command, timeout, env=None):
    """Returns (exit status, output, seconds); a program that hangs is ended and has failed."""
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        output += f"\nended after {timeout} s without a result\n"
        status = 124
    return status, output, time.monotonic() - begin


def free_bytes(folder):
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def gtest_programs(preset):
    listing = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return [(t["name"], t["command"]) for t in json.loads(listing)["tests"] if "command" in t]


def run_gtest(totals, preset, name, command, slow):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                   UBSAN_OPTIONS="print_stacktrace=1")
        # The first run has a disk with real syncs; the second one asks about memory, and they are
        # most of its time.
        if preset != "release" and free_bytes(MEMORY_FOLDER) > MEMORY_BYTES_MIN:
            env.setdefault("TEST_TMPDIR", MEMORY_FOLDER)
        if not slow:  # A fixed seed: what a change did not break does not fail. --slow explores.
            env.setdefault("RC_PARAMS", "seed=20261")
        status, output, seconds = run(command + [f"--gtest_output=json:{report.name}"],
                                      SLOW_TIMEOUT_S if slow else PROGRAM_TIMEOUT_S, env)
        try:
            result = json.load(open(report.name))
        except ValueError:
            totals.add(f"{preset} {name}", 0, 1, 0, seconds, output)
            return
    cases = [case for suite in result["testsuites"] for case in suite["testsuite"]]
    skipped = sum(1 for case in cases if case["result"] == "SKIPPED")
    failed = sum(1 for case in cases if case.get("failures"))
    for message in sorted(set(re.findall(r"Skipped\n(.+)", output))):
        totals.notes.append(f"{name}: {message.strip()}")
    passed = len(cases) - failed - skipped
    if status != 0 and failed == 0:
        failed = 1  # It crashed or leaked after its last test.
    totals.add(f"{preset} {name}", passed, failed, skipped, seconds, output)


def run_gtests(totals, preset, args, at_once):
    programs = [program for program in gtest_programs(preset) if args.name in program[0]]
    if at_once > 1:  # The longest first, as the release run knows them: no core waits for the last.
        programs.sort(key=lambda program: -totals.seconds.get(f"release {program[0]}", 0))
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        runs = [pool.submit(run_gtest, totals, preset, name, command, args.slow)
                for name, command in programs]
        for one in runs:
            one.result()


def run_python(totals, path, slow):
    env = dict(os.environ, PYTHONPATH=str(ROOT / "test"), **({"TARN_SLOW": "1"} if slow else {}))
    status, output, seconds = run([sys.executable, "-m", "unittest", "-v", str(path.relative_to(ROOT))],
                                  SLOW_TIMEOUT_S if slow else PROGRAM_TIMEOUT_S, env)
    ran = int((re.search(r"^Ran (\d+) tests?", output, re.M) or [0, 0])[1])
    def count(word):
        match = re.search(rf"\b{word}=(\d+)", output)
        return int(match[1]) if match else 0
    failed = count("failures") + count("errors")
    if status != 0 and failed == 0:
        failed = 1
    skipped = count("skipped")
    totals.add(str(path.relative_to(ROOT)), max(0, ran - failed - skipped), failed, skipped, seconds, output)


def run_node(totals, path, slow):
    env = dict(os.environ, **({"TARN_SLOW": "1"} if slow else {}))
    status, output, seconds = run(["node", "--test", "--test-reporter=tap", str(path.relative_to(ROOT))],
                                  SLOW_TIMEOUT_S if slow else PROGRAM_TIMEOUT_S, env)
    def count(word):
        match = re.search(rf"^# {word} (\d+)$", output, re.M)
        return int(match[1]) if match else 0
    passed, failed, skipped = count("pass"), count("fail") + count("cancelled"), count("skipped")
    if (status != 0 or passed == 0) and failed == 0:
        failed = 1
    totals.add(str(path.relative_to(ROOT)), passed, failed, skipped, seconds, output)


def report_build(preset, status, begin, output=""):
    if status != 0:
        print(output[-20000:])
        print(f"{preset} does not build")
        print("0 passed, 1 failed")
        return False
    print(f"built {preset} in {time.monotonic() - begin:.0f} s", flush=True)
    return True


def build(preset):
    print(f"building {preset}", flush=True)
    begin = time.monotonic()
    return report_build(preset, subprocess.run(["./dev", "build", preset], cwd=ROOT).returncode, begin)


class BackgroundBuild:
    """A build at the lowest priority, beside the tests of another one. Ends with this program."""

    def __init__(self, preset):
        print(f"building {preset} beside the tests", flush=True)
        self.preset = preset
        self.begin = time.monotonic()
        self.output = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.process = subprocess.Popen(["nice", "-n", "19", "./dev", "build", preset], cwd=ROOT,
                                        stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        atexit.register(self.stop)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()

    def wait(self):
        status = self.process.wait()
        self.output.seek(0)
        return report_build(self.preset, status, self.begin, self.output.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--no-asan", action="store_true")
    parser.add_argument("name", nargs="?", default="")
    args = parser.parse_args()
    totals = Totals()
    if not build("release"):
        return 1
    # The second build uses the core that tests leave idle while they wait for disks and servers.
    sanitized = None if args.no_asan else BackgroundBuild("asan")
    run_gtests(totals, "release", args, 1)
    for path in sorted((ROOT / "test").glob("**/test_*.py")):
        if "node_modules" not in path.parts and args.name in str(path):
            run_python(totals, path, args.slow)
    for path in sorted((ROOT / "test" / "clients").glob("*.test.mjs")):
        if args.name in str(path):
            run_node(totals, path, args.slow)
    if sanitized:
        if not sanitized.wait():
            return 1
        run_gtests(totals, "asan", args, os.cpu_count() or 1)
    for note in totals.notes:
        print(f"skipped: {note}")
    if totals.passed + totals.failed == 0:
        print(f'no test matches "{args.name}"')
        totals.failed = 1
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
