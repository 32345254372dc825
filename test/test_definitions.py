"""What tools/definitions.py refuses."""
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("definitions", ROOT / "tools/definitions.py")
definitions = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(definitions)


class Numbers(unittest.TestCase):
    def refusal(self, call, *arguments):
        with self.assertRaises(SystemExit) as caught:
            call(*arguments)
        return str(caught.exception)

    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            definitions.NUMBERS = pathlib.Path(folder) / "numbers.txt"
            definitions.NUMBERS.write_text(text)
            return definitions.read_numbers()

    def test_reads_lines_and_passes_over_comments(self):
        self.assertEqual(self.read("# c\n1 a\n2 b\n"), {"a": 1, "b": 2})

    def test_refuses_gaps_and_repetitions(self):
        for text in ("1 a\n3 b\n", "2 a\n", "1 a\n2 a\n"):
            self.assertIn("numbers go up by one", self.refusal(self.read, text))

    def test_refuses_a_parameter_without_a_number(self):
        said = self.refusal(definitions.check_numbers, {"a": 1}, [{"url": "a"}, {"url": "b"}])
        self.assertIn("1 search parameters have no number", said)
        self.assertIn("the first is b", said)

    def test_refuses_a_number_without_a_parameter(self):
        said = self.refusal(definitions.check_numbers, {"a": 1, "b": 2}, [{"url": "a"}])
        self.assertIn("the package lacks", said)

    def test_says_how_to_install_a_missing_package(self):
        done = subprocess.run(
            [sys.executable, ROOT / "tools/definitions.py", "tables", "nowhere", "nothing.cc"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("run tools/setup.sh", done.stderr)


if __name__ == "__main__":
    unittest.main()
