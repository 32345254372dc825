#!/usr/bin/env python3
"""Runs every fuzz target for a while and reports findings.

usage: ./dev fuzz [SECONDS] [NAME]
  SECONDS  for each target; 60 by default
  NAME     only targets whose name contains it

Corpora grow under build/fuzz-corpus/TARGET; seeds come from src/MODULE/testdata/fuzz/NAME when
there are any. A finding is left as build/fuzz-findings/TARGET-*; add it to the seeds with its fix.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    arguments = sys.argv[1:]
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 60
    name = arguments.pop(0) if arguments else ""
    if subprocess.run(["./dev", "build", "fuzz"], cwd=ROOT).returncode != 0:
        return 1
    findings = ROOT / "build/fuzz-findings"
    findings.mkdir(parents=True, exist_ok=True)
    targets = sorted(p for p in (ROOT / "build/fuzz/src").glob("*/*_fuzz") if p.is_file() and name in p.name)
    failed = 0
    for target in targets:
        corpus = ROOT / "build/fuzz-corpus" / target.name
        corpus.mkdir(parents=True, exist_ok=True)
        folder = target.parent.name
        seeds = ROOT / "src" / folder / "testdata/fuzz" / target.name.removeprefix(folder + "_").removesuffix("_fuzz")
        command = [str(target), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                   f"-artifact_prefix={findings}/{target.name}-", "-print_final_stats=1", str(corpus)]
        result = subprocess.run(command + ([str(seeds)] if seeds.is_dir() else []), cwd=ROOT,
                                capture_output=True, text=True, errors="replace")
        executed = next((line.split()[-1] for line in result.stderr.splitlines()
                         if "number_of_executed_units" in line), "?")
        ok = result.returncode == 0
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {target.name}: {executed} runs in {seconds} s", flush=True)
        if not ok:
            print(result.stderr[-6000:], flush=True)
    print(f"{len(targets) - failed} passed, {failed} failed")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
