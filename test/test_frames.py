"""What becomes of whole DICOM files' pixels (tarn-frames): synthetic studies, and every shared sample."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from test.harness import SHARED, TARN

FRAMES = TARN.parent / "tarn-frames"
SAMPLES = SHARED / "data/dicom"

RPCL = "1.2.840.10008.1.2.4.202"
EXPLICIT = "1.2.840.10008.1.2.1"
# Transfer syntax (without "1.2.840.10008.1.2") and what a file in it is stored as, by HealthImaging's
# table. The exceptions: src/image_store/testdata/expected_outcomes.tsv says why of each.
LOSSLESS = ["", ".1", ".1.99", ".2", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90", ".4.92",
            ".4.93", ".4.201", ".4.202", ".5"]
KEPT = [".4.50", ".4.91", ".4.203", ".4.112"]
# Files that are not what their syntax alone would say: the form, and the warning's code.
SPECIAL = {
    # No lossless codec takes 32 bits, floating point, one bit or subsampled chroma: native is kept.
    "sc-colour/SC_ybr_full_422_uncompressed.dcm": ("kept", None),
    "seg-float-rt/liver.dcm": ("kept", None),
    "seg-float-rt/liver_expb.dcm": ("kept", None),
    "seg-float-rt/liver_nonbyte_aligned.dcm": ("kept", None),
    "seg-float-rt/parametric_map_double_float.dcm": ("kept", None),
    "seg-float-rt/parametric_map_float.dcm": ("kept", None),
    "seg-float-rt/rtdose.dcm": ("kept", None),
    "seg-float-rt/rtdose_expb.dcm": ("kept", None),
    # The same, encoded: one blob.
    "sc-colour/SC_rgb_rle_32bit.dcm": ("blob", 45312),
    "sc-colour/SC_rgb_rle_32bit_2frame.dcm": ("blob", 45312),
    "seg-float-rt/liver_rle.dcm": ("blob", 45312),
    "seg-float-rt/rtdose_rle.dcm": ("blob", 45312),
    # DCMTK refuses JPEG-LS of 7 bits in 8.
    "jpegls/JLSL_08_07_0_1F.dcm": ("blob", 45312),
    # Frames that are not there, or cannot be told apart.
    "malformed/GH1146.dcm": ("none", 45329),  # An empty value.
    "malformed/MR_truncated.dcm": ("blob", 45328),
    "malformed/badVR.dcm": ("blob", 45328),
    "malformed/emri_small_jpeg_2k_lossless_too_short.dcm": ("blob", 45328),
    "odd-but-valid/nested_priv_SQ.dcm": ("blob", 45328),
}
NOT_READABLE = {
    "cr-dx/CR-MONO1-10-chest", "malformed/ExplVR_BigEndNoMeta.dcm",
    "malformed/ExplVR_LitEndNoMeta.dcm", "malformed/GH179B.dcm", "malformed/SC_rgb_jpeg.dcm",
    "malformed/meta_missing_tsyntax.dcm", "malformed/no_meta.dcm", "malformed/rtplan_truncated.dcm",
    "seg-float-rt/rtstruct.dcm",
}


def store(files, *arguments):
    """What tarn-frames says of each file."""
    done = subprocess.run([FRAMES, *arguments, *files], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(name, syntax):
    """The form, the stored transfer syntax and the warning's code."""
    form, code = SPECIAL.get(name, (None, None))
    tail = syntax.removeprefix("1.2.840.10008.1.2")
    if form == "none":
        return form, "", code
    if form == "kept":
        return form, EXPLICIT, None
    if form == "blob":
        return form, syntax, code
    if tail in LOSSLESS:
        return "transcoded", RPCL, None
    if tail in KEPT:
        return "kept", syntax, None
    return "blob", syntax, 45344


class SyntheticStudies(unittest.TestCase):
    def test_every_instance_is_stored_lossless(self):
        with tempfile.TemporaryDirectory(prefix="tarn-frames-") as folder:
            subprocess.run([TARN, "synth", "dicom", "--slices", "3", "--out", folder], check=True,
                           capture_output=True)
            files = sorted(pathlib.Path(folder).rglob("*.dcm"))
            self.assertEqual(len(files), 3 + 2 * 3 + 1 + 1)
            for formats, syntax in (([], RPCL), (["--jpeg2000"], "1.2.840.10008.1.2.4.90")):
                for told in store(files, *formats):
                    self.assertEqual(told.get("form"), "transcoded", told)
                    self.assertEqual(told["stored"], syntax)
                    self.assertEqual(told["warnings"], [])
                    frames = told["frames"]
                    self.assertEqual(len(frames), 8 if "-US/" in told["file"] else 1)
                    for frame in frames:
                        self.assertEqual(frame["resolutionEnds"][-1], frame["bytes"] - 2)
                        self.assertLessEqual(frame["min"], frame["max"])
                    if "-CT/" in told["file"]:
                        self.assertLess(frames[0]["min"], -900)
                        self.assertLess(frames[0]["bytes"], 0.35 * 512 * 512 * 2)


@unittest.skipUnless(SAMPLES.exists(), "no ../shared/data/dicom")
class SharedSamples(unittest.TestCase):
    def test_each_is_stored_as_its_syntax_wants(self):
        notes = {"MANIFEST.sha256", "SOURCES.md", "pixels.tsv"}
        files = sorted(path for path in SAMPLES.rglob("*")
                       if path.is_file() and path.name not in notes and "licences" not in path.parts)
        self.assertEqual(len(files), 209)
        forms = {}
        for told in store(files):
            name = str(pathlib.Path(told["file"]).relative_to(SAMPLES))
            with self.subTest(name):
                if "error" in told:
                    self.assertIn(name, NOT_READABLE, told["error"])
                    continue
                self.assertNotIn(name, NOT_READABLE)
                forms[told["form"]] = forms.get(told["form"], 0) + 1
                if told["form"] == "none":
                    self.assertEqual(told["frames"], [])
                    if name not in SPECIAL:  # No pixel data at all.
                        self.assertEqual(told["warnings"], [])
                        continue
                form, syntax, code = expected(name, told["from"])
                codes = [int(warning.split()[0]) for warning in told["warnings"]]
                self.assertEqual((told["form"], told["stored"], codes),
                                 (form, syntax, [code] if code else []))
        # Reports, plans, waveforms, a DICOMDIR and character set samples have no pixels.
        self.assertEqual(forms, {"transcoded": 146, "kept": 24, "blob": 12, "none": 18})


if __name__ == "__main__":
    unittest.main()
