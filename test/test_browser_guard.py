"""What web pages can send to a server on loopback, and what comes of it, on both listeners.

Requests are written as browsers send them, over plain sockets: http.client would add its own Host.
"""
import json
import socket
import unittest
import urllib.parse
import xml.etree.ElementTree

from harness import Endpoint, HealthLake, Server

ALLOWED = "http://app.example:3000"
EVIL = "https://evil.example"


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value


def ask(url, method, target, headers, body=b""):
    """One request on a connection of its own. `headers` are exactly those that are sent."""
    address = urllib.parse.urlsplit(url)
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        head.append(f"Content-Length: {len(body)}")
    head.append("Connection: close")
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        raw = b""
        while block := client.recv(65536):
            raw += block
    return Answer(raw)


class BrowserGuard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(arguments=["--allow-origin", ALLOWED, "--allowed-host", "tarn.example",
                                       "--allowed-host", "192.0.2.1", "--endpoint-url", "https://health.example"])
        cls.server.start()
        cls.addClassCleanup(cls.server.__exit__)
        cls.lake = HealthLake(cls.server.url)
        cls.store = cls.lake.create_store()
        assert cls.lake.fhir("PUT", cls.store, "Patient/p", {"resourceType": "Patient", "id": "p"})[0] == 201
        objects = Endpoint(cls.server.s3_url)
        assert objects.request("PUT", "/kept")[0] == 200
        assert objects.request("PUT", "/kept/key", b"secret")[0] == 200
        cls.read = f"/datastore/{cls.store}/r4/Patient/p"

    def host(self, url):
        return urllib.parse.urlsplit(url).netloc

    def test_a_rebound_name_reads_nothing(self):
        port = self.server.url.rsplit(":", 1)[1]
        for host in ("evil.example", f"evil.example:{port}", f"localhost.evil.example:{port}", f"0.0.0.0:{port}", ""):
            for url, target in ((self.server.url, self.read), (self.server.url, "/metrics"),
                                (self.server.url, "/health"), (self.server.url, "/"),
                                (self.server.s3_url, "/"), (self.server.s3_url, "/kept/key")):
                with self.subTest(host=host, target=target):
                    answer = ask(url, "GET", target, {"Host": host})
                    self.assertEqual(answer.status, 421)
                    self.assertIn(b"--allowed-host", answer.body)
                    self.assertNotIn(b"secret", answer.body)

    def test_each_surface_refuses_in_its_own_words(self):
        outcome = json.loads(ask(self.server.url, "GET", self.read, {"Host": "evil.example"}).body)
        self.assertEqual(outcome["resourceType"], "OperationOutcome")
        refused = ask(self.server.url, "POST", "/", {"Host": self.host(self.server.url), "Origin": EVIL}, b"{}")
        self.assertEqual((refused.status, json.loads(refused.body)["__type"]), (403, "AccessDeniedException"))
        error = xml.etree.ElementTree.fromstring(
            ask(self.server.s3_url, "GET", "/kept/key", {"Host": self.host(self.server.s3_url), "Origin": EVIL}).body)
        self.assertEqual(error.findtext("Code"), "AccessDenied")

    def test_names_that_clients_use_are_served(self):
        port = self.server.url.rsplit(":", 1)[1]
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}", "localhost",
                     f"runtime-localhost:{port}", f"runtime-127.0.0.1:{port}", f"x.localhost:{port}",
                     "tarn.example", "tarn.example:443", "192.0.2.1", "health.example", "runtime-health.example"):
            with self.subTest(host=host):
                self.assertEqual(ask(self.server.url, "GET", self.read, {"Host": host}).status, 200)
                self.assertEqual(ask(self.server.s3_url, "GET", "/kept/key", {"Host": host}).status, 200)

    def test_simple_requests_of_foreign_pages_change_nothing(self):
        """What needs no preflight: text/plain, form and multipart POSTs, with and without an origin."""
        api, s3 = self.host(self.server.url), self.host(self.server.s3_url)
        create = json.dumps({"DatastoreTypeVersion": "R4", "DatastoreName": "made-by-a-page"}).encode()
        batch = b"<Delete><Object><Key>key</Key></Object></Delete>"
        stores = len(self.lake.call("ListFHIRDatastores", {})["DatastorePropertiesList"])
        for origin in (EVIL, "null", "http://localhost:1", f"https://{api}"):
            for kind in ("text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
                         "multipart/form-data; boundary=x", "application/json"):
                browser = {"Origin": origin, "Content-Type": kind, "Sec-Fetch-Site": "cross-site",
                           "Sec-Fetch-Mode": "no-cors", "User-Agent": "Mozilla/5.0"}
                with self.subTest(origin=origin, kind=kind):
                    for url, target, body in (
                            (self.server.url, "/", create),
                            (self.server.url, f"/datastore/{self.store}/r4/Patient", b'{"resourceType":"Patient"}'),
                            (self.server.s3_url, "/kept?delete", batch)):
                        host = api if url == self.server.url else s3
                        answer = ask(url, "POST", target, {"Host": host, **browser,
                                                           "X-Amz-Target": "HealthLake.CreateFHIRDatastore"}, body)
                        self.assertEqual(answer.status, 403)
                        self.assertNotIn("access-control-allow-origin", answer.headers)
        # Privacy settings and old browsers keep the origin back.
        answer = ask(self.server.s3_url, "POST", "/kept?delete", {"Host": s3, "Sec-Fetch-Site": "cross-site"}, batch)
        self.assertEqual(answer.status, 403)
        self.assertEqual(ask(self.server.s3_url, "GET", "/kept/key", {"Host": s3}).body, b"secret")
        self.assertEqual(len(self.lake.call("ListFHIRDatastores", {})["DatastorePropertiesList"]), stores)

    def test_preflight_of_a_foreign_page_is_refused(self):
        for url in (self.server.url, self.server.s3_url):
            answer = ask(url, "OPTIONS", "/kept/key", {
                "Host": self.host(url), "Origin": EVIL, "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "content-type"})
            self.assertEqual(answer.status, 403)
            self.assertFalse([name for name in answer.headers if name.startswith("access-control")])

    def test_pages_of_an_allowed_origin_may_call_and_read(self):
        for url, target in ((self.server.url, self.read), (self.server.s3_url, "/kept/key")):
            with self.subTest(target=target):
                page = {"Host": self.host(url), "Origin": ALLOWED}
                asked = ask(url, "OPTIONS", target, {
                    **page, "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "authorization,x-amz-content-sha256,x-amz-date"})
                self.assertEqual(asked.status, 204)
                self.assertEqual(asked.headers["access-control-allow-origin"], ALLOWED)
                self.assertIn("GET", asked.headers["access-control-allow-methods"])
                self.assertIn("x-amz-date", asked.headers["access-control-allow-headers"])
                self.assertIn("Origin", asked.headers["vary"])
                answer = ask(url, "GET", target, page)
                self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (200, ALLOWED))
                for name in ("ETag", "Location", "X-Request-Id"):
                    self.assertIn(name, answer.headers["access-control-expose-headers"])
                self.assertNotIn("access-control-allow-credentials", answer.headers)

    def test_the_servers_own_pages_and_programs_are_served(self):
        for url, target in ((self.server.url, self.read), (self.server.s3_url, "/kept/key")):
            host = self.host(url)
            self.assertEqual(ask(url, "GET", target, {"Host": host, "Origin": f"http://{host}"}).status, 200)
            self.assertEqual(ask(url, "GET", target, {"Host": host, "Sec-Fetch-Site": "none"}).status, 200)

    def test_the_target_counts_and_not_host(self):
        host = self.host(self.server.url)
        self.assertEqual(ask(self.server.url, "GET", f"http://evil.example{self.read}", {"Host": host}).status, 421)
        self.assertEqual(ask(self.server.url, "GET", f"http://{host}{self.read}", {"Host": host}).status, 200)

    def test_without_host_there_is_no_answer(self):
        self.assertEqual(ask(self.server.url, "GET", "/health", {}).status, 400)


if __name__ == "__main__":
    unittest.main()
