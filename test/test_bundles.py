"""Bundles, histories and searches over HTTP: routes, paging, a restart."""
import concurrent.futures
import json
import unittest
import urllib.parse

from harness import HealthLake, Server


def put(resource_id, **members):
    return {"resource": {"resourceType": "Patient", "id": resource_id, **members},
            "request": {"method": "PUT", "url": f"Patient/{resource_id}"}}


def bundle(kind, entries):
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


class Bundles(unittest.TestCase):
    def test_a_transaction_is_there_after_a_restart(self):
        with Server() as server:
            lake = HealthLake(server.url)
            store = lake.create_store()
            entries = [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{i:012}",
                        "resource": {"resourceType": "Observation", "status": "final", "code": {"text": str(i)},
                                     "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-999999999999"}},
                        "request": {"method": "POST", "url": "Observation"}} for i in range(500)]
            entries.append({"fullUrl": "urn:uuid:00000000-0000-4000-8000-999999999999",
                            "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}})
            # With and without the slash at the end.
            for path in ("r4", "r4/"):
                status, headers, body = lake.endpoint.request(
                    "POST", f"/datastore/{store}/{path}", json.dumps(bundle("transaction", entries)),
                    {"Content-Type": "application/fhir+json"})
                self.assertEqual(status, 200, body)
                self.assertTrue(headers["Content-Type"].startswith("application/fhir+json"))
            answers = json.loads(body)["entry"]
            self.assertEqual({a["response"]["status"] for a in answers}, {"201 Created"})
            patient = answers[500]["response"]["location"].split("/_history")[0]
            self.assertEqual(server.stop(), 0)
            server.start()
            lake = HealthLake(server.url)
            for answer in answers[:500:50]:
                status, _, body = lake.fhir("GET", store, answer["response"]["location"].split("/_history")[0])
                self.assertEqual((status, json.loads(body)["subject"]["reference"]), (200, patient))

    def test_transactions_of_several_clients_do_not_mix(self):
        """Each writes one value to the same resources: whoever is last, all resources say the same."""
        with Server() as server:
            store = HealthLake(server.url).create_store()
            ids = [f"p{i}" for i in range(20)]

            def client(number):
                lake = HealthLake(server.url)
                turned = ids[number:] + ids[:number]
                for round_number in range(5):
                    entries = [put(i, language=f"{number}-{round_number}") for i in turned]
                    status, _, body = lake.fhir("POST", store, "", bundle("transaction", entries))
                    self.assertEqual(status, 200, body)

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(client, range(4)))
            lake = HealthLake(server.url)
            read = [json.loads(lake.fhir("GET", store, f"Patient/{i}")[2]) for i in ids]
            self.assertEqual(len({patient["language"] for patient in read}), 1)
            self.assertEqual({patient["meta"]["versionId"] for patient in read}, {"20"})

    def test_history_is_read_page_by_page(self):
        with Server() as server:
            lake = HealthLake(server.url)
            store = lake.create_store()
            for _ in range(7):
                self.assertLess(lake.fhir("PUT", store, "Patient/p", {"resourceType": "Patient", "id": "p"})[0], 300)
            self.assertEqual(lake.fhir("DELETE", store, "Patient/p")[0], 204)
            versions = []
            path = f"/datastore/{store}/r4/Patient/p/_history?_count=3"
            while path:
                status, _, body = lake.endpoint.request("GET", path)
                self.assertEqual(status, 200, body)
                page = json.loads(body)
                versions += [entry["response"]["etag"] for entry in page["entry"]]
                links = {link["relation"]: link["url"] for link in page["link"]}
                url = urllib.parse.urlsplit(links.get("next", ""))
                path = url.path and f"{url.path}?{url.query}"
            self.assertEqual(versions, [f'W/"{i}"' for i in range(8, 0, -1)])
            status, _, body = lake.fhir("HEAD", store, "Patient/p/_history")
            self.assertEqual((status, body), (200, b""))

    def test_a_transaction_is_found_at_once(self):
        with Server() as server:
            lake = HealthLake(server.url)
            store = lake.create_store()
            entries = [put(f"p{i}", identifier=[{"system": "urn:s", "value": str(i)}]) for i in range(5)]
            self.assertEqual(lake.fhir("POST", store, "", bundle("transaction", entries))[0], 200)
            # By query, by form, over all types: each route is there.
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            base = f"/datastore/{store}/r4"
            for method, path, body in (("GET", "/Patient?identifier=urn:s|3", None),
                                       ("GET", "?_type=Patient&identifier=urn:s|3", None),
                                       ("GET", "/?_type=Patient&identifier=urn:s|3", None),
                                       ("GET", "/Patient/p3/Patient?identifier=urn:s|3", None),
                                       ("POST", "/Patient/_search", "identifier=urn:s|3"),
                                       ("POST", "/_search", "_type=Patient&identifier=urn:s|3")):
                with self.subTest(method=method, path=path):
                    status, _, answer = lake.endpoint.request(method, base + path, body, form if body else None)
                    self.assertEqual(status, 200, answer)
                    found = [entry["resource"]["id"] for entry in json.loads(answer)["entry"]]
                    self.assertEqual(found, ["p3"])
            once = {"resource": {"resourceType": "Patient"},
                    "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:s|3"}}
            status, _, body = lake.fhir("POST", store, "", bundle("transaction", [once]))
            self.assertEqual((status, json.loads(body)["entry"][0]["response"]["location"]),
                             (200, "Patient/p3/_history/1"))

    def test_of_many_clients_one_creates(self):
        with Server() as server:
            store = HealthLake(server.url).create_store()
            base = f"/datastore/{store}/r4/Patient"
            form = {"Content-Type": "application/fhir+json"}

            def client(_):
                lake = HealthLake(server.url)
                answers = []
                for number in range(10):
                    body = json.dumps({"resourceType": "Patient",
                                       "identifier": [{"system": "urn:s", "value": str(number)}]})
                    status, headers, answer = lake.endpoint.request(
                        "POST", base, body, {**form, "If-None-Exist": f"identifier=urn:s%7C{number}"})
                    self.assertIn(status, (200, 201), answer)
                    answers.append((status, headers["Location"]))
                return answers

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                clients = list(pool.map(client, range(8)))
            for number in range(10):
                answers = [answers[number] for answers in clients]
                self.assertEqual(sorted(status for status, _ in answers), [200] * 7 + [201])
                self.assertEqual(len({location for _, location in answers}), 1)
            lake = HealthLake(server.url)
            # The routes of the others.
            query = "?identifier=urn:s%7C3"
            status, _, body = lake.endpoint.request("PUT", base + query, '{"resourceType":"Patient"}', form)
            self.assertEqual((status, json.loads(body)["meta"]["versionId"]), (200, "2"), body)
            self.assertEqual(lake.endpoint.request("DELETE", base + "?identifier=urn:s%7C4")[0], 204)
            self.assertEqual(lake.endpoint.request("DELETE", base + query)[0], 404)
            status, headers, _ = lake.endpoint.request("OPTIONS", base)
            self.assertEqual((status, headers["Allow"]), (204, "GET, HEAD, POST, PUT, DELETE"))

    def test_what_is_refused_says_where(self):
        with Server() as server:
            lake = HealthLake(server.url)
            store = lake.create_store()
            status, _, body = lake.fhir("POST", store, "", bundle("transaction", [put("a"), put("a")]))
            issue = json.loads(body)["issue"][0]
            self.assertEqual((status, issue["expression"]), (400, ["Bundle.entry[1]"]))
            self.assertEqual(lake.fhir("GET", store, "Patient/a")[0], 404)
            status, _, body = lake.fhir("POST", store, "", {"resourceType": "Patient"})
            self.assertEqual((status, json.loads(body)["resourceType"]), (400, "OperationOutcome"))


if __name__ == "__main__":
    unittest.main()
