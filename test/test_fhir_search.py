"""Forms of FHIR searches over the wire: tags that change them, addresses, views, value sets, a restart."""
import json
import unittest
import urllib.parse

from harness import Failed, HealthLake, Server


def query(**parameters):
    return urllib.parse.urlencode(parameters)


class Searches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.lake = HealthLake(cls.server.url)
        cls.store = cls.lake.create_store()

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.remove()

    def put(self, path, **members):
        kind, resource_id = path.split("/")
        status, _, body = self.lake.fhir("PUT", self.store, path,
                                         {"resourceType": kind, "id": resource_id, **members})
        self.assertIn(status, (200, 201), body)

    def get(self, path, status=200, headers=None):
        found, _, body = self.lake.fhir("GET", self.store, path, headers=headers)
        self.assertEqual(found, status, body)
        return json.loads(body)

    def found(self, path):
        return sorted(e["resource"]["id"] for e in self.get(path).get("entry", []))

    def arn(self):
        return self.lake.call("DescribeFHIRDatastore", {"DatastoreId": self.store})["DatastoreProperties"][
            "DatastoreArn"]

    def test_a_tag_changes_the_next_search(self):
        self.put("Patient/tag-1", name=[{"family": "Éclair"}])
        self.assertEqual(self.found("Patient?family=eclair"), ["tag-1"])
        self.lake.call("TagResource", {"ResourceARN": self.arn(),
                                       "Tags": [{"Key": "tarn:compat", "Value": "healthlake"}]})
        try:
            self.assertEqual(self.found("Patient?family=eclair"), [])
            self.assertEqual(self.found("Patient?" + query(family="Éclair")), ["tag-1"])
            said = self.get("Patient?_count=101", 400)
            self.assertEqual(said["issue"][0]["expression"], ["http._count"])
            with self.assertRaises(Failed):
                self.lake.call("TagResource", {"ResourceARN": self.arn(),
                                               "Tags": [{"Key": "tarn:compat", "Value": "other"}]})
        finally:
            self.lake.call("UntagResource", {"ResourceARN": self.arn(), "TagKeys": ["tarn:compat"]})
        self.assertEqual(self.found("Patient?family=eclair"), ["tag-1"])

    def test_its_own_address_is_local_also_after_it_moved(self):
        self.put("Patient/own-1", gender="other")
        base = f"{self.server.url}/datastore/{self.store}/r4/"
        self.put("Observation/own-2", status="final", code={"text": "x"},
                 subject={"reference": base + "Patient/own-1"})

        def check():
            self.assertEqual(self.found("Observation?subject=Patient/own-1"), ["own-2"])
            self.assertEqual(self.found("Observation?" + query(subject=base + "Patient/own-1")), ["own-2"])
            self.assertEqual(self.found("Observation?subject:Patient.gender=other"), ["own-2"])
            self.assertEqual(self.found("Observation?_id=own-2&_include=Observation:subject"), ["own-1", "own-2"])
            self.assertEqual(self.found("Patient?_id=own-1&_revinclude=Observation:subject"), ["own-1", "own-2"])

        check()
        self.assertEqual(self.server.stop(), 0)
        self.server.start()  # On another port.
        type(self).lake = HealthLake(self.server.url)
        check()

    def test_views_and_layout(self):
        self.put("Patient/view-1", gender="male", photo=[{"title": "x"}], birthDate="2020-01-02")
        summary = self.get("Patient/view-1?_summary=true")
        self.assertNotIn("photo", summary)
        self.assertEqual(summary["meta"]["tag"][0]["code"], "SUBSETTED")
        entry = self.get("Patient?_id=view-1&_elements=photo")["entry"][0]["resource"]
        self.assertEqual(set(entry), {"resourceType", "id", "meta", "photo"})
        _, _, body = self.lake.fhir("GET", self.store, "Patient/view-1?_pretty=true")
        self.assertTrue(body.startswith(b'{\n  "resourceType": "Patient"'), body[:60])
        for path in ("Patient/view-1", "Patient", "Patient/view-1/_history", "metadata"):
            self.assertEqual(self.get(path + "?_format=xml", 406)["resourceType"], "OperationOutcome")

    def test_value_sets_and_contained_resources(self):
        self.put("CodeSystem/vs-1", url="urn:vs-1", status="active", content="complete",
                 concept=[{"code": "a", "concept": [{"code": "b"}]}])
        self.put("Observation/vs-2", status="final", code={"coding": [{"system": "urn:vs-1", "code": "b"}]},
                 contained=[{"resourceType": "Patient", "id": "c", "gender": "unknown"}])
        self.assertEqual(self.found("Observation?" + query(**{"code:below": "urn:vs-1|a"})), ["vs-2"])
        self.assertEqual(self.get("Observation?" + query(**{"code:in": "urn:none"}), 400)["issue"][0]["code"],
                         "not-found")
        self.assertEqual(self.found("Patient?gender=unknown&_contained=true"), ["vs-2"])
        bundle = self.get("Patient?gender=unknown&_contained=true&_containedType=contained")
        self.assertTrue(bundle["entry"][0]["fullUrl"].endswith("/Observation/vs-2#c"))

    def test_the_statement_lists_what_searches_take(self):
        rest = self.get("metadata")["rest"][0]
        patient = next(r for r in rest["resource"] if r["type"] == "Patient")
        self.assertIn("Observation:subject", patient["searchRevInclude"])
        self.assertIn("Patient:organization", patient["searchInclude"])
        self.assertIn("createdAt", [p["name"] for p in patient["searchParam"]])


if __name__ == "__main__":
    unittest.main()
