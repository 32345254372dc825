"""The NDJSON sets that benchmarks load: Synthea's where it is at hand, else synthetic patients."""
import collections
import hashlib
import json
import pathlib
import random
import subprocess
import tarfile

from harness import ROOT, TARN, check, note

SYNTHEA = ROOT.parent / "shared" / "data" / "synthea" / "ndjson.tar.zst"
# As many resources as the Synthea set, for machines that do not have it.
PATIENTS_LIKE_SYNTHEA = 240


def parse(line):
    """Numbers with a fraction stay as they are written: 1.00 is not 1.0 in FHIR."""
    return json.loads(line, parse_float=str)


def fingerprint(resource):
    """A hash of the resource without what a server sets: meta.versionId and meta.lastUpdated."""
    meta = {name: value for name, value in resource.get("meta", {}).items()
            if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    text = json.dumps([rest, meta], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class DataSet:
    def __init__(self, name, folder):
        self.name = name
        self.files = sorted(pathlib.Path(folder).glob("*.ndjson"))
        check(self.files, f"no .ndjson files in the data set {name}")
        self.counts = collections.Counter()
        for file in self.files:
            with file.open("rb") as lines:
                self.counts[file.stem] = sum(1 for _ in lines)
        self.resources = sum(self.counts.values())
        self.bytes = sum(file.stat().st_size for file in self.files)

    def sample_lines(self, count, seed=1):
        """`count` lines (or all of them), chosen evenly, without line feeds."""
        wanted = set(random.Random(seed).sample(range(self.resources), min(count, self.resources)))
        number = 0
        for file in self.files:
            with file.open("rb") as lines:
                for line in lines:
                    if number in wanted:
                        yield line.rstrip(b"\n")
                    number += 1

    def sample(self, count, seed=1):
        return map(parse, self.sample_lines(count, seed))

    def fingerprints(self):
        """A hash of every resource, by "Type/id"."""
        prints = {}
        for file in self.files:
            with file.open("rb") as lines:
                for line in lines:
                    resource = parse(line)
                    prints[f"{resource['resourceType']}/{resource['id']}"] = fingerprint(resource)
        return prints

    def ids(self):
        """Every "Type/id" of the set."""
        for file in self.files:
            with file.open("rb") as lines:
                for line in lines:
                    resource = json.loads(line)
                    yield resource["resourceType"] + "/" + resource["id"]


def synthea(folder):
    """The Synthea set, unpacked into `folder`; its place is taken when it is absent."""
    if not SYNTHEA.exists():
        note(f"no Synthea data beside the repository; {PATIENTS_LIKE_SYNTHEA} synthetic patients")
        return synthetic(folder, PATIENTS_LIKE_SYNTHEA, 2)
    target = folder / "synthea"
    target.mkdir()
    with subprocess.Popen(["zstd", "-dc", str(SYNTHEA)], stdout=subprocess.PIPE) as unpack:
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".ndjson"):
                    name = pathlib.PurePosixPath(member.name).name
                    (target / name).write_bytes(archive.extractfile(member).read())
    return DataSet("synthea", target)


def synthetic(folder, patients, seed):
    target = folder / f"synth-{patients}-{seed}"
    subprocess.run([str(TARN), "synth", "patients", "--patients", str(patients), "--seed",
                    str(seed), "--out", str(target)], check=True, stderr=subprocess.DEVNULL)
    return DataSet(f"synth-{patients}", target)
