#!/usr/bin/env python3
"""The tables of src/dicom: the data dictionary of PS3.6 and the character sets of PS3.3 C.12.1.1.2.

usage: tools/dicom_tables.py LEVELS OUTPUT

LEVELS is src/dicom/levels.txt. The dictionary is read from DCMTK's dicom.dic, which Debian's
package libdcmtk17 installs (tools/setup.sh); the character sets come from Python's own codecs, so
that the server needs neither a locale nor conversion modules on the machine it runs on.
"""
import glob
import pathlib
import re
import sys

VRS = ("AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
       "UR US UT UV").split()
# dicom.dic's own names for what PS3.6 leaves open, and the VR that implicit VR then has (PS3.5 A.1):
# "US or SS", "OB or OW", "US or SS or OW", pixel data, offsets of a DICOMDIR.
OPEN_VRS = {"xs": "US", "ox": "OW", "lt": "OW", "px": "OW", "up": "UL"}
LEVELS = {"instance": 0, "patient": 1, "study": 2, "series": 3}
SIGNED, RETIRED = 1, 2
SLOTS = 16384
MANY = 255


def fail(text):
    sys.exit(f"dicom_tables: {text}")


def dictionary_path():
    paths = sorted(glob.glob("/usr/share/libdcmtk*/dicom.dic") + glob.glob("/usr/share/dcmtk*/dicom.dic"))
    if not paths:
        fail("DCMTK's dicom.dic is missing; run tools/setup.sh (./dev setup), which installs libdcmtk17")
    return paths[-1]


def vm_range(text):
    match = re.fullmatch(r"(\d+)(?:-(\d*n|\d+))?", text)
    if not match:
        fail(f"a value multiplicity that is none: {text!r}")
    low = int(match.group(1))
    high = match.group(2) or match.group(1)
    return min(low, MANY - 1), MANY if high.endswith("n") else min(int(high), MANY - 1)


def read_dictionary(levels):
    rows, names, retired = {}, {}, []
    for line in pathlib.Path(dictionary_path()).read_text(errors="replace").splitlines():
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 4:
            continue
        tag, vr, name, vm = (field.strip() for field in fields[:4])
        # Overlays and curves repeat in even groups; the lookup maps them to the first one.
        match = re.fullmatch(r"\((50|60)00-(?:50|60)[Ff][Ff],([0-9A-Fa-f]{4})\)", tag)
        if match:
            number = int(match.group(1), 16) << 24 | int(match.group(2), 16)
        else:
            match = re.fullmatch(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)", tag)
            if not match:
                continue
            number = int(match.group(1), 16) << 16 | int(match.group(2), 16)
        if number >> 16 in (0, 0xFFFE) or number >> 16 & 1 or number & 0xFFFF == 0 and number != 0x20000:
            continue
        flags = SIGNED if vr == "xs" else 0
        vr = OPEN_VRS.get(vr, vr)
        if vr not in VRS:
            continue
        row = (vr, *vm_range(vm), flags)
        if name.startswith(("RETIRED_", "ACR_NEMA_", "GENERIC_")):
            retired.append((number, name.split("_", 1)[1].removeprefix("NEMA_"), row))
        elif name.isalnum():
            rows[number] = (name, row)
            names[name] = number
    for number, name, row in retired:
        if number not in rows and name not in names and name.isalnum():
            rows[number] = (name, (*row[:3], row[3] | RETIRED))
            names[name] = number
    for name in levels:
        if name not in names:
            fail(f"levels.txt names {name}, which the dictionary lacks")
    return [(number, *rows[number]) for number in sorted(rows)]


def read_levels(path):
    levels = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            level, name = line.split()
            if name in levels:
                fail(f"levels.txt names {name} twice")
            levels[name] = LEVELS[level]
    return levels


def tag_slot(tag):
    return (tag * 0x9E3779B1 & 0xFFFFFFFF) >> 18


def name_slot(name):
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return (value * 0x9E3779B1 & 0xFFFFFFFF) >> 18


def slots(rows, slot_of):
    """Open addressing with linear probing; 0 is free, else the row's index + 1."""
    table = [0] * SLOTS
    for index, row in enumerate(rows):
        at = slot_of(row)
        while table[at]:
            at = (at + 1) % SLOTS
        table[at] = index + 1
    return table


def array(type_name, name, values, per_line=16):
    lines = [", ".join(str(v) for v in values[i:i + per_line]) for i in range(0, len(values), per_line)]
    return f"const {type_name} {name}[{len(values)}] = {{\n" + ",\n".join(lines) + "};\n"


def dictionary(rows, levels):
    pool, offsets = "", []
    for _, name, _ in rows:
        offsets.append(len(pool))
        pool += name
    text = "const char kKeywordPool[] =\n"
    text += "\n".join(f'    "{pool[i:i + 90]}"' for i in range(0, len(pool), 90)) + ";\n"
    entries = [f"{{{number}u, {offsets[i]}u, {len(name)}, {VRS.index(row[0])}, {row[1]}, {row[2]}, "
               f"{levels.get(name, 0)}, {row[3]}}}" for i, (number, name, row) in enumerate(rows)]
    text += f"const uint32_t kDictionaryCount = {len(rows)};\n"
    text += array("DictionaryRow", "kDictionaryRows", entries, 2)
    text += array("uint16_t", "kTagSlots", slots(rows, lambda row: tag_slot(row[0])), 24)
    text += array("uint16_t", "kKeywordSlots", slots(rows, lambda row: name_slot(row[1])), 24)
    return text


def decoded(raw, codec):
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return 0
    return ord(text) if len(text) == 1 and ord(text) < 0x10000 else 0


def character_sets():
    singles = [("Latin1", "iso8859_1"), ("Latin2", "iso8859_2"), ("Latin3", "iso8859_3"),
               ("Latin4", "iso8859_4"), ("Cyrillic", "iso8859_5"), ("Arabic", "iso8859_6"),
               ("Greek", "iso8859_7"), ("Hebrew", "iso8859_8"), ("Latin5", "iso8859_9"),
               ("Latin9", "iso8859_15"), ("Tis620", "tis_620")]
    text = "// The upper halves (0xA0 to 0xFF) of the single-byte sets; 0 is no character.\n"
    for name, codec in singles:
        text += array("uint16_t", f"kUpper{name}",
                      [decoded(bytes([b]), codec) for b in range(0xA0, 0x100)])
    text += "// Rows and cells (0x21 to 0x7E) of the sets of 94 by 94 characters.\n"
    for name, codec, prefix in [("JisX0208", "euc_jp", b""), ("JisX0212", "euc_jp", b"\x8f"),
                                ("KsX1001", "euc_kr", b""), ("Gb2312", "gb2312", b"")]:
        text += array("uint16_t", f"k{name}", [decoded(prefix + bytes([row | 0x80, cell | 0x80]), codec)
                                               for row in range(0x21, 0x7F) for cell in range(0x21, 0x7F)])
    text += "// GBK and GB18030: lead 0x81 to 0xFE, trail 0x40 to 0xFE.\n"
    for name, codec in [("Gbk", "gbk"), ("Gb18030", "gb18030")]:
        text += array("uint16_t", f"k{name}", [decoded(bytes([lead, trail]), codec)
                                               for lead in range(0x81, 0xFF) for trail in range(0x40, 0xFF)])
    return text + gb18030_ranges()


def gb18030_ranges():
    """Runs of four-byte sequences, by linear index, that map to runs of the basic plane."""
    pairs = []
    for code in range(0x80, 0x10000):
        if 0xD800 <= code < 0xE000:
            continue
        raw = chr(code).encode("gb18030")
        if len(raw) == 4:
            index = ((raw[0] - 0x81) * 10 + raw[1] - 0x30) * 1260 + (raw[2] - 0x81) * 10 + raw[3] - 0x30
            pairs.append((index, code))
    pairs.sort()
    ranges = []
    for index, code in pairs:
        if ranges and index - ranges[-1][0] == code - ranges[-1][1] == ranges[-1][2]:
            ranges[-1][2] += 1
        else:
            ranges.append([index, code, 1])
    rows = [f"{{{index}, {code}, {count}}}" for index, code, count in ranges]
    return (f"const uint32_t kGb18030RangeCount = {len(rows)};\n" +
            array("Gb18030Range", "kGb18030Ranges", rows, 4))


def main():
    if len(sys.argv) != 3:
        fail(__doc__)
    levels = read_levels(sys.argv[1])
    rows = read_dictionary(levels)
    pathlib.Path(sys.argv[2]).write_text(
        "// Made by tools/dicom_tables.py.\n#include \"dicom/internal/tables.h\"\n\n"
        "namespace tarn::dicom::internal {\n\n" + dictionary(rows, levels) + character_sets() +
        "\n}  // namespace tarn::dicom::internal\n")


if __name__ == "__main__":
    main()
