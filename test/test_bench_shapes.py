"""The shapes benchmark refuses wrong answers: what it compares with comes from SQL over the same
resources, and every kind of wrong page must be found."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
sys.dont_write_bytecode = True

import shapes  # noqa: E402
from harness import BenchError  # noqa: E402
from shapes_data import Tables  # noqa: E402

CODE = "85354-9"


def observation(number, year):
    return {"resourceType": "Observation", "id": f"o{number}", "status": "final",
            "category": [{"coding": [{"code": "vital-signs"}]}],
            "code": {"coding": [{"code": CODE, "display": "Blood pressure"}]},
            "subject": {"reference": "Patient/p1"}, "encounter": {"reference": f"Encounter/e{number}"},
            "effectiveDateTime": f"{year}-03-04T23:30:00-05:00"}


class Answers:
    """A FHIR server that has its answers ready."""

    def __init__(self, tables, total, pages):
        self.tables, self.path = tables, "/r4"
        self.total, self.pages = total, pages

    def search(self, _):
        return {"total": self.total}

    def get(self, where):
        return self.pages[where]

    next_path = shapes.Target.next_path


def page(ids, includes=(), following=None):
    def entry(id, mode):
        return {"resource": {"id": id}, "search": {"mode": mode}}
    links = [{"relation": "next", "url": "http://x" + following}] if following else []
    return {"entry": [entry(id, "match") for id in ids] + [entry(id, "include") for id in includes],
            "link": links}


class ShapesTest(unittest.TestCase):
    def setUp(self):
        self.tables = Tables(":memory:")
        for number, year in enumerate((2011, 2013, 2012)):
            self.tables.add(json.dumps(observation(number, year), separators=(",", ":")).encode())
        self.tables.finish()
        self.addCleanup(self.tables.db.close)
        self.shape = {"name": "s", "query": "Observation?code={code}&_sort=date",
                      "values": f"SELECT '{CODE}' code", "order": "at",
                      "answer": "SELECT id, at FROM observation WHERE code = :code",
                      "included": "SELECT encounter FROM observation WHERE id IN ({ids})"}
        self.where = f"/r4/Observation?code={CODE}&_sort=date"

    def verify(self, total, pages, **changes):
        return shapes.verify(Answers(self.tables, total, pages), {**self.shape, **changes})

    def refuses(self, total, pages, **changes):
        with self.assertRaises(BenchError):
            self.verify(total, pages, **changes)

    def test_right_answers_pass(self):
        whole = {self.where: page(["o0", "o2", "o1"], ["e0", "e1", "e2"])}
        self.assertEqual(self.verify(3, whole), ([self.where], [3]))
        first = {self.where: page(["o0"], ["e0"], "/r4/2?p=1"), "/r4/2?p=1": page(["o2", "o1"], ["e1", "e2"])}
        self.assertEqual(self.verify(3, first), ([self.where], [3]))
        self.assertEqual(self.verify(3, first, page=2), (["/r4/2?p=1"], [3]))

    def test_wrong_ones_do_not(self):
        right = page(["o0", "o2", "o1"], ["e0", "e1", "e2"])
        self.refuses(2, {self.where: right})                                            # Total.
        self.refuses(3, {self.where: page(["o0", "o2"], ["e0", "e2"])})                 # Lost.
        self.refuses(3, {self.where: page(["o0", "o2", "x"], ["e0", "e2"])})            # Alien.
        self.refuses(3, {self.where: page(["o0", "o2", "o2"], ["e0", "e2"])})           # Twice.
        self.refuses(3, {self.where: page(["o0", "o1", "o2"], ["e0", "e1", "e2"])})     # Order.
        self.refuses(3, {self.where: page(["o0", "o2", "o1"], ["e0", "e1"])})           # Includes.
        self.refuses(3, {self.where: page(["o2"], ["e2"], "/r4/2?p=1")})                    # Not first.
        self.refuses(3, {self.where: page([], [], "/r4/2?p=1")})                            # Empty.
        self.refuses(3, {self.where: page(["o0"], ["e0"], "/r4/2?p=1"),
                         "/r4/2?p=1": page(["o0", "o1"], ["e0", "e1"])}, page=2)            # On two pages.

    def test_times_are_those_of_utc(self):
        self.assertEqual(self.tables.rows("SELECT at FROM observation LIMIT 1"),
                         [{"at": "2011-03-05T04:30:00"}])

    def test_the_written_shapes(self):
        written = shapes.SHAPES["shapes"]
        self.assertEqual(len({shape["name"] for shape in written}), 30)
        for shape in written + shapes.SHAPES["counts"]:
            with self.subTest(shape["name"]):
                rows = self.tables.rows(shape["values"]) if "values" in shape else [{}]
                for row in rows:
                    shape["query"].format(**row)
                    self.tables.rows(f"SELECT count(*), {shape.get('order', 1)} FROM "
                                     f"({shape['answer']})", row)
                if "included" in shape:
                    self.tables.rows(shape["included"].replace("{ids}", "'a'"))
                self.assertEqual("_sort" in shape["query"], "order" in shape)
                self.assertEqual("include" in shape["query"], "included" in shape)


if __name__ == "__main__":
    unittest.main()
