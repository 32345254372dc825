"""DICOM files that are broken or lie, through an import: each costs one record, none the server."""
import json
import struct
import unittest
import zlib

import dicom_files
from harness import Server
from test_healthimaging import HealthImaging

PREFIX = "1.2.840.10008.1.2"
RLE = PREFIX + ".5"
JPEG = PREFIX + ".4.50"
JPEG2000 = PREFIX + ".4.90"
DEFLATED = PREFIX + ".1.99"
MEMORY_KB_MAX = 300_000
BOMB_MB = 1024
DEPTH = 20_000
ITEMS = 3_000_000
UNDEFINED = b"\xff\xff\xff\xff"
ITEM = b"\xfe\xff\0\xe0"
SEQUENCE = b"\x40\0\x75\xa3SQ\0\0" + UNDEFINED
PIXELS = dicom_files.element(0x7FE0, 0x0010, "OW", b"\1\0" * 16)


def header(uid, syntax=dicom_files.EXPLICIT):
    meta = (dicom_files.element(2, 1, "OB", b"\0\1") + dicom_files.element(2, 2, "UI", dicom_files.CT) +
            dicom_files.element(2, 3, "UI", uid) + dicom_files.element(2, 0x10, "UI", syntax))
    return b"\0" * 128 + b"DICM" + dicom_files.element(2, 0, "UL", struct.pack("<I", len(meta))) + meta


def data_set(uid, **changes):
    """A picture of 4 x 4, without its pixels. `changes`: (vr, value) by "GGGGEEEE"."""
    us = dicom_files.us
    elements = {
        "00080016": ("UI", dicom_files.CT), "00080018": ("UI", uid), "00100020": ("LO", "BAD"),
        "0020000D": ("UI", "2.25.1.9"), "0020000E": ("UI", "2.25.1.9.1"), "00280002": ("US", us(1)),
        "00280004": ("CS", "MONOCHROME2"), "00280010": ("US", us(4)), "00280011": ("US", us(4)),
        "00280100": ("US", us(16)), "00280101": ("US", us(16)), "00280102": ("US", us(15)),
        "00280103": ("US", us(0)), **{tag.removeprefix("x"): change for tag, change in changes.items()}}
    return b"".join(dicom_files.element(int(tag[:4], 16), int(tag[4:], 16), *elements[tag]) for tag in sorted(elements))


def encapsulated(fragment):
    return (b"\xe0\x7f\x10\0OB\0\0" + UNDEFINED + ITEM + b"\0\0\0\0" + ITEM + struct.pack("<I", len(fragment)) +
            fragment + b"\xfe\xff\xdd\xe0\0\0\0\0")


def bomb(uid):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data_set(uid) + b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", BOMB_MB << 20))
    for _ in range(BOMB_MB):
        packed += packer.compress(bytes(1 << 20))
    return header(uid, DEFLATED) + packed + packer.flush()


HUGE = {"x00280010": ("US", dicom_files.us(65535)), "x00280011": ("US", dicom_files.us(65535))}
# A header that promises 65535 x 65535 samples.
HUGE_CODESTREAM = bytes.fromhex("ff4fff51002900000000ffff0000ffff00000000000000000000ffff0000ffff"
                                "0000000000000000000110010100")
# What is behind the data set, the transfer syntax, changes; the code of the warning with which it is kept.
KEPT = {
    "dimensions": (PIXELS, dicom_files.EXPLICIT, HUGE, 45328),
    "dimensions-rle": (encapsulated(struct.pack("<16I", 1, 64, *[0] * 14) + b"\0\0"), RLE, HUGE, 45328),
    "dimensions-jpeg2000": (encapsulated(HUGE_CODESTREAM), JPEG2000, HUGE, 45328),
    "codestream": (encapsulated(HUGE_CODESTREAM), JPEG2000, {}, 45312),
    "length": (b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", 0xFFFFFFF0) + b"abc", dicom_files.EXPLICIT, {}, 45328),
    "frames": (PIXELS, dicom_files.EXPLICIT, {"x00280008": ("IS", "2147483647")}, 45328),
    "frames-of-jpeg": (encapsulated(b"\xff\xd8\xff\xd9"), JPEG, {"x00280008": ("IS", "2000000000")}, 45328),
    "no-rows": (PIXELS, dicom_files.EXPLICIT, {"x00280010": ("US", dicom_files.us(0))}, 45328),
    "syntax": (PIXELS, "1.2.3.4.5", {}, 45344),
}
# The same without a code; what the message says.
REFUSED = {
    "depth": ((SEQUENCE + ITEM + UNDEFINED) * DEPTH, {}, "CurrentRequestedProcedureEvidenceSequence is nested deeper"),
    "items": (SEQUENCE + (ITEM + b"\0\0\0\0") * ITEMS, {}, "more than 2000000 elements"),
    "length-of-header": (b"\x43\0\x01\x10UN\0\0" + struct.pack("<I", 0x7FFFFFF0), {}, r"attribute \(0043,1001\)"),
    "path": (PIXELS, {"x00080018": ("UI", "../../../etc/passwd")}, "SOPInstanceUID is no UID"),
    "path-of-series": (PIXELS, {"x0020000E": ("UI", "../../x")}, "SeriesInstanceUID is no UID"),
    "name": (PIXELS, {"x00100010": ("PN", "x" * 257)}, "PatientName is longer than 256"),
    "no-instance": (PIXELS, {"x00080018": ("UI", "")}, "SOPInstanceUID does not exist"),
}


def make_files():
    files = {"empty": (b"", "not a DICOM Part 10 file"),
             "bare": (b"\0" * 128 + b"DICM", "TransferSyntaxUID does not exist"),
             "good": (header("2.25.1.9.1.1") + data_set("2.25.1.9.1.1") + PIXELS, None)}
    for number, (name, (rest, syntax, changes, code)) in enumerate(KEPT.items(), 100):
        uid = f"2.25.1.9.1.{number}"
        files[name] = (header(uid, syntax) + data_set(uid, **changes) + rest, code)
    for number, (name, (rest, changes, message)) in enumerate(REFUSED.items(), 200):
        uid = f"2.25.1.9.1.{number}"
        files[name] = (header(uid) + data_set(uid, **changes) + rest, message)
    one_bomb = bomb("2.25.1.9.1.300")
    for number in range(4):  # Several at once.
        files[f"bomb-{number}"] = (one_bomb, "too large when inflated")
    return files


class HostileFiles(unittest.TestCase):
    def test_each_costs_one_record(self):
        files = make_files()
        with Server() as server:
            folder = server.data / "s3/images/bad"
            folder.mkdir(parents=True)
            for name, (content, _) in files.items():
                (folder / name).write_bytes(content)
            imaging = HealthImaging(server.url)
            store, _ = imaging.create_store()
            job = imaging.import_folder(store, "s3://images/bad/")
            self.assertEqual(job["jobStatus"], "COMPLETED", job)
            out = server.data / "s3" / job["outputS3Uri"].removeprefix("s3://")
            told = {kind: {record["inputFile"].removeprefix("bad/"): record for record in map(
                json.loads, (out / kind / f"{kind.lower()}.ndjson").read_text().splitlines())}
                for kind in ("SUCCESS", "FAILURE", "WARNING")}
            for name, (_, expected) in files.items():
                with self.subTest(name):
                    if isinstance(expected, str):
                        exception = told["FAILURE"][name]["exception"]
                        self.assertEqual(exception["exceptionType"], "ValidationException")
                        self.assertRegex(exception["message"], expected)
                        self.assertNotIn(name, told["SUCCESS"])
                        continue
                    self.assertIn(name, told["SUCCESS"])
                    warnings = told["WARNING"].get(name, {"importResponse": {"warnings": []}})["importResponse"]
                    self.assertEqual([warning["warning_reason_code"] for warning in warnings["warnings"]],
                                     [expected] if expected else [])
            self.assertEqual(len(told["SUCCESS"]) + len(told["FAILURE"]), len(files))
            self.assertLess(server.memory_kb("VmHWM"), MEMORY_KB_MAX)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
