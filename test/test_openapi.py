"""The OpenAPI descriptions: up to date with what the server checks, and served."""
import subprocess
import sys
import unittest

from harness import ROOT, SHARED, Endpoint, Server

MODEL = SHARED / "models/medical-imaging/service-2.json"


class Descriptions(unittest.TestCase):
    def test_are_what_the_generator_writes(self):
        done = subprocess.run([sys.executable, str(ROOT / "tools/openapi.py"), "check"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(MODEL.exists(), "no service models beside the repository")
    def test_healthimaging_is_that_of_the_service_model(self):
        done = subprocess.run([sys.executable, str(ROOT / "tools/service_model.py"), "check", "healthimaging",
                               str(MODEL)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_generator_says_what_differs(self):
        path = ROOT / "openapi/amazon-healthlake-openapi.yaml"
        made = subprocess.run([sys.executable, str(ROOT / "tools/openapi.py"), "healthlake"],
                              capture_output=True, text=True, check=True).stdout
        self.assertEqual(made, path.read_text())
        self.assertEqual(subprocess.run([sys.executable, str(ROOT / "tools/openapi.py"), "none"],
                                        capture_output=True).returncode, 2)


class Served(unittest.TestCase):
    def test_with_entity_tags(self):
        with Server() as server:
            endpoint = Endpoint(server.url)
            for path in sorted((ROOT / "openapi").glob("*.yaml")):
                status, headers, body = endpoint.request("GET", f"/openapi/{path.name}")
                self.assertEqual((status, body), (200, path.read_bytes()))
                self.assertEqual(headers["Content-Type"], "application/yaml")
                etag = headers["ETag"]
                for tags, expected in ((etag, 304), (f'"x", W/{etag}', 304), ("*", 304), ('"x"', 200)):
                    status, headers, body = endpoint.request(
                        "GET", f"/openapi/{path.name}", headers={"If-None-Match": tags})
                    self.assertEqual((status, headers["ETag"]), (expected, etag), tags)
                    self.assertEqual(len(body), 0 if expected == 304 else path.stat().st_size)
                status, headers, body = endpoint.request("HEAD", f"/openapi/{path.name}")
                self.assertEqual((status, body, int(headers["Content-Length"])),
                                 (200, b"", path.stat().st_size))
            for name in ("none.yaml", "x%2Famazon-healthlake-openapi.yaml"):
                status, _, body = endpoint.request("GET", f"/openapi/{name}")
                self.assertEqual(status, 404)
                self.assertIn(b"amazon-healthlake-openapi.yaml", body)


if __name__ == "__main__":
    unittest.main()
