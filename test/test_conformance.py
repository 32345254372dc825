"""docs/reference/fhir-conformance.md is what the tests give, and tools/conformance.py refuses what it should."""
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("conformance", ROOT / "tools/conformance.py")
conformance = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(conformance)


class Conformance(unittest.TestCase):
    def test_the_page_is_current(self):
        done = subprocess.run([sys.executable, ROOT / "tools/conformance.py", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def read(self, text):
        with tempfile.TemporaryDirectory(dir=ROOT / "build" if (ROOT / "build").is_dir() else ROOT) as folder:
            path = pathlib.Path(folder) / "x_test.cc"
            path.write_text(text)
            found = {}
            conformance.read_file(path, found)
            return found

    def test_reads_rows_with_commas_and_further_lines(self):
        found = self.read("// Shows: interaction read, vread; refused\n//   _contained with sort, compartments, _query\n"
                          "TEST_F(A, B) {\n")
        self.assertEqual(found, {("interaction", "read"): ["A.B"], ("interaction", "vread"): ["A.B"],
                                 ("refused", "_contained with sort, compartments"): ["A.B"],
                                 ("refused", "_query"): ["A.B"]})

    def test_refuses_unknown_rows_and_loose_annotations(self):
        for text in ("// Shows: interaction fly\nTEST(A, B) {\n", "// Shows: nothing x\nTEST(A, B) {\n",
                     "// Shows: interaction read\nint x;\n"):
            with self.assertRaises(SystemExit):
                self.read(text)

    def test_refuses_rows_without_a_test(self):
        with self.assertRaises(SystemExit) as caught:
            conformance.page_text({})
        self.assertIn("no test shows: interaction read", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
