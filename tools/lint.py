#!/usr/bin/env python3
"""Checks what a tool can check: format, layers, sizes, words, links, clang-tidy, and that each
header compiles alone.

usage: tools/lint.py [--all] [--fix]
  --all  the last two over every file, not only over what changed since TARN_LINT_BASE
         (default: HEAD~1, plus what is not committed)
  --fix  rewrite files with clang-format instead of complaining
Exit status 1 when anything is found; each finding is one line: file:line: what.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER_LINES_MAX = 400
SOURCE_LINES_MAX = 800

# Each third-party library appears in one module (and in tests that use it as an oracle).
HOMES = [
    (re.compile(r"#include [<\"]rocksdb/"), {"kv"}),
    (re.compile(r"#include [<\"]simdjson"), {"json"}),
    (re.compile(r"#include [<\"]boost/"), {"http"}),
    (re.compile(r"#include [<\"]curl/"), {"http"}),
    # base draws random bytes; http needs TLS contexts.
    (re.compile(r"#include [<\"]openssl/"), {"crypto", "base", "http"}),
    # crypto and pixels use zlib's CRC-32, fhir_store and synth read and write gzip, dicom deflated
    # data sets.
    (re.compile(r"#include [<\"]zlib\.h"), {"crypto", "pixels", "fhir_store", "cli", "dicom"}),
    (re.compile(r"#include [<\"]z(std|dict)\.h"), {"fhir_store"}),
    (re.compile(r"#include [<\"]openjph/"), {"pixels"}),
    (re.compile(r"#include [<\"]openjpeg\.h"), {"pixels"}),
    (re.compile(r"#include [<\"]dcmtk/"), {"codec_worker"}),
    (re.compile(r"#include [<\"]seccomp\.h"), {"codec_worker"}),
    # XPath in arazzo, S3's XML requests in s3_endpoint.
    (re.compile(r"#include [<\"]libxml/"), {"arazzo", "s3_endpoint"}),
    (re.compile(r"#include [<\"]libfyaml"), {"arazzo"}),
    (re.compile(r"#include [<\"]utf8proc"), {"fhir"}),
    # Service models' patterns are matched in service_model, FHIRPath's matches() in fhir.
    (re.compile(r"#include [<\"]re2/"), {"arazzo", "service_model", "fhir"}),
    (re.compile(r"#include [<\"]CLI/"), {"cli"}),
    (re.compile(r"#include [<\"]toml\+\+/"), {"cli"}),
    (re.compile(r"#include [<\"]spdlog/"), {"base"}),
]
WORDS = [
    (re.compile(r"\bco_(await|return|yield)\b"), "coroutines are not used (g++ 12.2 miscompiles them)"),
    (re.compile(r"\bstd::regex\b"), "std::regex is not used: RE2"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "finish it or file it; no notes in the code"),
    (re.compile(r"^\s*throw\b"), "errors are values"),
    (re.compile(r"\busing namespace std;"), "no using namespace std"),
]
# A path of somebody's machine, in any tracked text file.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|root|work|farm|Users)/[\w.-]+")


class Lint:
    def __init__(self):
        self.findings = []
        files = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.split("\n")
        self.files = sorted({f for f in files if f and (ROOT / f).is_file()})
        self.cxx = [f for f in self.files if f.endswith((".cc", ".h")) and "/testdata/" not in f]

    def find(self, file, line, what):
        self.findings.append(f"{file}:{line}: {what}")

    def text(self, file):
        return (ROOT / file).read_text(encoding="utf-8", errors="replace")

    def allowed(self):
        """tools/lint_allow.txt: "file  lines  reason"; may only shrink."""
        out = {}
        path = ROOT / "tools/lint_allow.txt"
        for line in path.read_text().splitlines() if path.exists() else []:
            if line.strip() and not line.startswith("#"):
                name, count = line.split()[:2]
                out[name] = int(count)
        return out

    def check_sizes(self):
        allowed = self.allowed()
        for file in self.cxx:
            limit = HEADER_LINES_MAX if file.endswith(".h") else SOURCE_LINES_MAX
            limit = allowed.get(file, limit)
            lines = self.text(file).count("\n")
            if lines > limit:
                self.find(file, lines, f"{lines} lines; the limit is {limit}: split it")

    def layers(self):
        out = {}
        for line in self.text("src/LAYERS").splitlines():
            match = re.match(r"^([a-z_0-9]+):(.*)$", line)
            if match:
                module = match.group(1)
                for below in match.group(2).split():
                    if below not in out:
                        self.find("src/LAYERS", 1, f"{module} is listed before {below}")
                out[module] = set(match.group(2).split()) | {module}
        return out

    def check_includes(self):
        layers = self.layers()
        for file in self.cxx:
            parts = file.split("/")
            if parts[0] != "src":
                continue
            module = parts[1]
            if module not in layers:
                self.find(file, 1, f"module {module} is not in src/LAYERS")
                continue
            for number, line in enumerate(self.text(file).splitlines(), 1):
                match = re.match(r'#include "([a-z_0-9]+)/(.*)"', line)
                if match and match.group(1) in layers:
                    other = match.group(1)
                    if other not in layers[module]:
                        self.find(file, number, f"{module} must not include {other} (src/LAYERS)")
                    if other != module and match.group(2).startswith("internal/"):
                        self.find(file, number, f"{other}/internal is private to {other}")
                for pattern, homes in HOMES:
                    if pattern.search(line) and module not in homes:
                        self.find(file, number, f"this library lives in {'/'.join(sorted(homes))} only")

    def check_words(self):
        for file in self.cxx:
            for number, line in enumerate(self.text(file).splitlines(), 1):
                for pattern, what in WORDS:
                    if pattern.search(line):
                        self.find(file, number, what)
            if file.endswith(".h") and "#pragma once" not in self.text(file):
                self.find(file, 1, "no #pragma once")

    def check_texts(self):
        for file in self.files:
            if file.endswith((".zst", ".gz", ".png", ".bin")) or "/testdata/" in file:
                continue
            for number, line in enumerate(self.text(file).splitlines(), 1):
                if MACHINE_PATHS.search(line):
                    self.find(file, number, "a path of one machine")
            if file.endswith("package-lock.json") and '"resolved"' in self.text(file):
                self.find(file, 1, 'registry addresses in a lock file: use the .npmrc beside it')
            if file.endswith(".md"):
                self.check_links(file)

    def check_links(self, file):
        for number, line in enumerate(self.text(file).splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not ((ROOT / file).parent / target).exists():
                    self.find(file, number, f"dangling link: {target}")

    def check_scripts(self):
        for file in self.files:
            head = (ROOT / file).open("rb").readline()
            if head.startswith(b"#!") and b"bash" in head:
                result = subprocess.run(["bash", "-n", file], cwd=ROOT, capture_output=True, text=True)
                if result.returncode != 0:
                    self.find(file, 1, result.stderr.strip())

    def check_format(self, fix):
        for start in range(0, len(self.cxx), 50):
            chunk = self.cxx[start:start + 50]
            command = ["clang-format-14", "-i"] if fix else ["clang-format-14", "--dry-run"]
            result = subprocess.run(command + chunk, cwd=ROOT, capture_output=True, text=True)
            for line in result.stderr.splitlines():
                match = re.match(r"^(\S+?):(\d+):\d+: warning: ", line)
                if match:
                    self.find(match.group(1), match.group(2), "not formatted: ./dev lint --fix")

    def changed(self):
        base = os.environ.get("TARN_LINT_BASE", "HEAD~1")
        result = subprocess.run(["git", "diff", "--name-only", base], cwd=ROOT, capture_output=True, text=True)
        if result.returncode != 0:  # The first commit has no parent.
            return set(self.cxx)
        untracked = subprocess.run(
            ["git", "ls-files", "-o", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
        return set(result.stdout.split()) | set(untracked.stdout.split())

    def clang_commands(self):
        """A copy of the compile commands without gcc's precompiled headers, which clang cannot read."""
        entries = json.loads((ROOT / "build/release/compile_commands.json").read_text())
        for entry in entries:
            entry["command"] = re.sub(r" -Winvalid-pch -include \S+/cmake_pch\.hxx| -fpch-preprocess", "",
                                      entry["command"])
        folder = ROOT / "build/lint"
        folder.mkdir(exist_ok=True)
        (folder / "compile_commands.json").write_text(json.dumps(entries))
        return folder, entries

    def check_headers(self, entries, everything):
        """Each changed header compiles alone: precompiled headers hide what it does not include."""
        of_module = {}
        for entry in entries:
            of_module.setdefault(pathlib.Path(os.path.relpath(entry["file"], ROOT)).parts[:2], entry)
        headers = [file for file in self.cxx if file.endswith(".h") and (everything or file in self.changed())]

        def run(file):
            entry = of_module.get(pathlib.Path(file).parts[:2])
            if entry is None:
                return file, None
            options = re.sub(r"^\S+| -o \S+| -c \S+", "", entry["command"])
            return file, subprocess.run(
                ["clang++-14", *shlex.split(options), "-w", "-fsyntax-only", "-x", "c++", str(ROOT / file)],
                cwd=entry["directory"], capture_output=True, text=True)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for file, result in pool.map(run, headers):
                if result is not None and result.returncode != 0:
                    match = re.search(r"^\S+?:(\d+):\d+: (?:fatal )?error: (.*)$", result.stderr, re.M)
                    line, what = match.groups() if match else (1, result.stderr.strip()[:200])
                    self.find(file, line, f"does not compile alone: {what}")

    def check_tidy(self, everything):
        database, entries = self.clang_commands()
        self.check_headers(entries, everything)
        known = {os.path.relpath(entry["file"], ROOT) for entry in entries}
        sources = sorted(known & (set(self.cxx) if everything else self.changed()))

        def run(file):
            # -w: gcc's warning options are not clang's; only the checks count here.
            return file, subprocess.run(
                ["clang-tidy-14", "-p", str(database), "--quiet", "--extra-arg=-w", file],
                cwd=ROOT, capture_output=True, text=True)

        done = 0
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for file, result in pool.map(run, sources):
                done += 1
                if sys.stderr.isatty():
                    print(f"\rclang-tidy {done}/{len(sources)} ", end="", file=sys.stderr)
                for line in result.stdout.splitlines():
                    match = re.match(rf"^{re.escape(str(ROOT))}/(\S+?):(\d+):\d+: (?:error|warning): (.*)$", line)
                    if match:
                        self.find(match.group(1), match.group(2), match.group(3))
                if result.returncode != 0 and "error" in result.stderr:
                    self.find(file, 1, result.stderr.strip().splitlines()[0])
        return len(sources)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--fix", action="store_true")
    args = parser.parse_args()
    lint = Lint()
    lint.check_sizes()
    lint.check_includes()
    lint.check_words()
    lint.check_texts()
    lint.check_scripts()
    lint.check_format(args.fix)
    # Generated headers must exist before clang-tidy reads the sources that include them.
    subprocess.run(["./dev", "build", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tidied = lint.check_tidy(args.all)
    for finding in sorted(set(lint.findings)):
        print(finding)
    print(f"lint: {len(lint.files)} files, clang-tidy over {tidied} sources, "
          f"{len(set(lint.findings))} findings")
    return 1 if lint.findings else 0


if __name__ == "__main__":
    sys.exit(main())
