"""Small DICOM Part 10 files of invented patients, with Python's standard library only.

As a program: python3 test/dicom_files.py FOLDER [SERIES [INSTANCES]] writes SERIES series of INSTANCES
CT slices each, all of one study, and a file that is no DICOM.
"""
import pathlib
import struct
import sys
import zlib

ROOT_UID = "2.25.1"  # UIDs below it are made from numbers: PS3.5 B.2.
EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
LONG = {"OB", "OW", "SQ", "UN", "UT"}
ROWS = COLUMNS = 96  # Two resolution levels at least: the smallest has at most 64.


def element(group, number, vr, value):
    """One element in explicit little endian (PS3.5 7.1.2). `value`: bytes, or text."""
    if isinstance(value, str):
        value = value.encode()
        value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH", group, number) + vr.encode()
    if vr in LONG:
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def us(value):
    return struct.pack("<H", value)


def pixels(number):
    """16-bit samples of a slice: a ramp with a pattern that no codec finds trivial."""
    return b"".join(us((row * 7 + column * 3 + (row * column * (number + 1)) % 17) & 0x0FFF)
                    for row in range(ROWS) for column in range(COLUMNS))


def slice_file(series=1, number=1, patient="P1", study=1, more=()):
    """The bytes of one CT slice. `more`: further elements as (group, number, vr, value)."""
    study_uid = f"{ROOT_UID}.{study}"
    instance_uid = f"{study_uid}.{series}.{number}"
    meta = (element(2, 1, "OB", b"\0\1") + element(2, 2, "UI", CT) + element(2, 3, "UI", instance_uid) +
            element(2, 0x10, "UI", EXPLICIT) + element(2, 0x12, "UI", ROOT_UID))
    elements = [
        (0x0008, 0x0005, "CS", "ISO_IR 192"), (0x0008, 0x0016, "UI", CT), (0x0008, 0x0018, "UI", instance_uid),
        (0x0008, 0x0020, "DA", "20240102"), (0x0008, 0x0030, "TM", "101112"), (0x0008, 0x0050, "SH", "A1"),
        (0x0008, 0x0060, "CS", "CT"), (0x0008, 0x1030, "LO", "Invented study"),
        (0x0010, 0x0010, "PN", "Nobody^Nora"), (0x0010, 0x0020, "LO", patient), (0x0010, 0x0030, "DA", "19700101"),
        (0x0010, 0x0040, "CS", "O"), (0x0018, 0x0015, "CS", "HEAD"),
        (0x0020, 0x000D, "UI", study_uid), (0x0020, 0x000E, "UI", f"{study_uid}.{series}"),
        (0x0020, 0x0010, "SH", "S1"), (0x0020, 0x0011, "IS", str(series)), (0x0020, 0x0013, "IS", str(number)),
        (0x0028, 0x0002, "US", us(1)), (0x0028, 0x0004, "CS", "MONOCHROME2"), (0x0028, 0x0010, "US", us(ROWS)),
        (0x0028, 0x0011, "US", us(COLUMNS)), (0x0028, 0x0100, "US", us(16)), (0x0028, 0x0101, "US", us(12)),
        (0x0028, 0x0102, "US", us(11)), (0x0028, 0x0103, "US", us(0)),
        (0x7FE0, 0x0010, "OW", pixels(number)), *more,
    ]
    body = b"".join(element(*item) for item in sorted(elements, key=lambda item: item[:2]))
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta + body


def pixel_crc(number):
    return zlib.crc32(pixels(number))


def write_study(folder, series=1, instances=2, **more):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(1, series + 1):
        for number in range(1, instances + 1):
            (folder / f"{index}-{number}.dcm").write_bytes(slice_file(index, number, **more))


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:4]]
    write_study(sys.argv[1], *numbers)
    (pathlib.Path(sys.argv[1]) / "notes.txt").write_text("no DICOM\n")
