"""All official examples of R4 (npm hl7.fhir.r4.examples) are imported, read back equal and found."""
import collections
import json
import pathlib
import unittest
import urllib.parse

from test import harness

FOLDER = pathlib.Path(__file__).parent / "examples" / "node_modules" / "hl7.fhir.r4.examples"
RESOURCES = 5306
# One example's id has more characters than R4 allows: it is stored under an id of the server's.
TOO_LONG = "questionnaireresponse-extensions-QuestionnaireResponse-item-subject"
SEARCHED = RESOURCES if harness.SLOW else 300


def examples():
    for file in sorted(FOLDER.glob("*.json")):
        if file.name == "package.json" or file.name.startswith("."):
            continue
        # Numbers stay as they are written.
        yield json.loads(file.read_text(), parse_float=str)


def without_stamp(resource):
    meta = {name: value for name, value in resource.get("meta", {}).items()
            if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("meta", "id")}
    return rest, meta


@unittest.skipUnless(FOLDER.is_dir(), "test/examples is not installed")
class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server().start()
        cls.addClassCleanup(cls.server.__exit__)
        cls.lake = harness.HealthLake(cls.server.url)
        cls.store = cls.lake.create_store()
        cls.path = f"/datastore/{cls.store}/r4"

    def request(self, method, where, body=None):
        status, headers, answer = self.lake.endpoint.request(
            method, f"{self.path}/{where}", body, {"Content-Type": "application/fhir+json"})
        return status, headers, json.loads(answer, parse_float=str)

    def test_stored_read_back_and_found(self):
        resources = list(examples())
        self.assertEqual(len(resources), RESOURCES)
        folder = self.server.data / "s3" / "test" / "in"
        folder.mkdir(parents=True)
        texts = [file.read_bytes() for file in sorted(FOLDER.glob("*.json"))
                 if file.name != "package.json" and not file.name.startswith(".")]
        # A line is the file's own text: line feeds in JSON are white space.
        lines = [b" ".join(text.lstrip(b"\xef\xbb\xbf").splitlines()) for text in texts]
        (folder / "all.ndjson").write_bytes(b"\n".join(lines) + b"\n")
        job = self.lake.wait_import(self.store, self.lake.start_import(self.store, "s3://test/in/"))
        report = job["JobProgressReport"]
        self.assertEqual(report["TotalNumberOfResourcesImported"], RESOURCES - 1)
        self.assertEqual(report["TotalNumberOfResourcesWithCustomerError"], 1)
        names = set()  # One is there twice.
        for number, resource in enumerate(resources):
            kind, id = resource["resourceType"], resource["id"]
            if id == TOO_LONG:
                continue
            status, _, stored = self.request("GET", f"{kind}/{id}")
            self.assertEqual(status, 200, f"{kind}/{id}")
            names.add((kind, id))
            self.assertEqual(stored["id"], id)
            self.assertEqual(without_stamp(stored), without_stamp(resource), f"{kind}/{id}")
            if number % (RESOURCES // SEARCHED) == 0:
                self.check_found(kind, id, resource)
        self.assertGreaterEqual(len(names), RESOURCES - 2)
        for kind, count in collections.Counter(kind for kind, _ in names).items():
            self.assertEqual(self.request("GET", f"{kind}?_summary=count")[2]["total"], count, kind)

    def check_found(self, kind, id, resource):
        """By its id, and by what most resources have."""
        asked = [("_id", id)]
        if isinstance(resource.get("url"), str) and kind != "Subscription":
            asked.append(("url", resource["url"]))
        identifiers = resource.get("identifier", [])
        for identifier in identifiers if isinstance(identifiers, list) else []:
            if "value" in identifier and kind not in ("NutritionOrder",):
                value = identifier["value"].replace("\\", "\\\\").replace("|", "\\|")
                for special in ("$", ","):
                    value = value.replace(special, "\\" + special)
                asked.append(("identifier", value))
        for name, value in asked:
            query = urllib.parse.urlencode({name: value, "_count": 1000})
            status, _, bundle = self.request("GET", f"{kind}?{query}")
            if status == 400 and name != "_id":  # The type has no such parameter.
                self.assertIn("not-supported", json.dumps(bundle))
                continue
            self.assertEqual(status, 200, f"{kind}?{query}")
            found = {entry["resource"]["id"] for entry in bundle.get("entry", [])}
            self.assertIn(id, found, f"{kind}?{query}")

    def test_an_id_that_r4_does_not_allow(self):
        resource = next(value for value in examples() if value["id"] == TOO_LONG)
        text = json.dumps(resource)
        self.assertEqual(self.request("PUT", f"SearchParameter/{TOO_LONG}", text)[0], 404)
        # A creation does not look at the id.
        status, headers, stored = self.request("POST", "SearchParameter", text)
        self.assertEqual(status, 201, stored)
        self.assertEqual(without_stamp(stored), without_stamp(resource))
        self.assertTrue(headers["Location"].endswith(f"/SearchParameter/{stored['id']}/_history/1"))
        found = self.request("GET", f"SearchParameter?url={resource['url']}")[2]
        self.assertIn(stored["id"], [entry["resource"]["id"] for entry in found["entry"]])
        status, _, _ = self.lake.endpoint.request(
            "DELETE", f"{self.path}/SearchParameter/{stored['id']}")
        self.assertEqual(status, 204)


if __name__ == "__main__":
    unittest.main()
