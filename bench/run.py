#!/usr/bin/env python3
"""Measures Tarn, or another server, and prints one JSON line per figure.

usage: ./dev bench [NAME ...] [options]

Every benchmark checks the answers that it measures; a wrong one ends the run with status 1 and no
figure. Without --url a server of our own is started on free loopback ports, with a temporary data
folder that is removed afterwards. docs/performance/methods.md says how figures are taken.

examples:
  ./dev bench                                  everything but shapes and the micro benchmarks
  ./dev bench read export --quick              two of them, short
  ./dev bench import_large --patients 5000
  ./dev bench shapes --sizes 1000,64000        thirty kinds of searches at two sizes
  ./dev bench shapes --large                   the same at ten million resources
  ./dev bench read --url http://127.0.0.1:8090 --fhir-path /fhir --pid 4711    another FHIR server
"""
import argparse
import signal
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True  # The source tree stays as it is.

import benchmarks
from harness import BenchError, Figures, Folder, note


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="one of " + ", ".join(benchmarks.ALL))
    parser.add_argument("--micro", action="store_true", help="the micro benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--patients", type=int, default=2000,
                        help="size of the large synthetic set (default 2000)")
    parser.add_argument("--sizes", default="1000",
                        help="patients of the sets that shapes loads (default 1000)")
    parser.add_argument("--large", action="store_true",
                        help="shapes: also with ten million resources (15 GB of room, an hour)")
    parser.add_argument("--shape", action="append", help="shapes: this one only; may be repeated")
    parser.add_argument("--url", help="measure the server that runs there")
    parser.add_argument("--s3", help="its S3 endpoint")
    parser.add_argument("--pid", type=int, help="its process, for CPU time and memory")
    parser.add_argument("--data", help="its data folder, for the size on disk")
    parser.add_argument("--fhir-path",
                        help="base path of a plain FHIR server: read fills it with PUT")
    parser.add_argument("--work", help="where the temporary folder is made (default: the system's)")
    parser.add_argument("--out", help="file that receives the same JSON lines")
    options = parser.parse_args()
    unknown = [name for name in options.name if name not in benchmarks.ALL]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(benchmarks.ALL)}")
    if options.url and urllib.parse.urlsplit(options.url).scheme != "http":
        parser.error("--url: an http:// address is needed")
    if options.fhir_path is not None and not options.url:
        parser.error("--fhir-path goes with --url")
    return options


def main():
    options = parse()
    # Ends as an exception does: the server is stopped and the folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = set(options.name) | ({"micro"} if options.micro else set())
    names = [name for name in benchmarks.ALL
             if (name in chosen if chosen else name not in benchmarks.ON_DEMAND)]
    figures = Figures(options.out)
    failed = []
    with Folder(options.work) as folder:
        run = benchmarks.Run(options, figures, folder)
        try:
            for name in names:
                begin = time.monotonic()
                try:
                    benchmarks.ALL[name](run)
                    note(f"{name}: {time.monotonic() - begin:.1f} s")
                except (BenchError, OSError) as error:
                    note(f"{name}: FAILED: {error}")
                    failed.append(name)
        finally:
            run.stop()
    if failed:
        note(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
