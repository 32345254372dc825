"""Requests that mean something else to the next program on the way: paths and framing, on both listeners."""
import unittest
import urllib.parse
import socket

from harness import Endpoint, HealthLake, Server


def send(url, data):
    """Sends bytes on a connection of its own and returns the statuses of all answers."""
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        raw = b""
        while block := client.recv(65536):
            raw += block
    return [int(part[2:5]) for part in raw.split(b"HTTP/1.")[1:]], raw


def get(url, target):
    return send(url, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(arguments=["--access-log"]).start()
        cls.addClassCleanup(cls.server.__exit__)
        lake = HealthLake(cls.server.url)
        cls.store = lake.create_store()
        assert lake.fhir("PUT", cls.store, "Patient/a", {"resourceType": "Patient", "id": "a"})[0] == 201
        objects = Endpoint(cls.server.s3_url)
        assert objects.request("PUT", "/demo")[0] == 200
        assert objects.request("PUT", "/demo/k", b"0123456789")[0] == 200

    def test_paths_of_objects_have_one_meaning(self):
        for target, expected in (
                ("/demo/k", 200), ("/%64emo/%6b", 200),  # RFC 3986 2.3: the same as unescaped.
                ("/demo//k", 404), ("//demo/k", 404), ("/demo/../demo/k", 404), ("/demo/./k", 404),
                ("/demo/%2e%2e/demo/k", 404), ("/demo%2Fk", 400), ("/demo%2fk", 400), ("/..%2fdemo/k", 400),
                ("/.tarn/lock", 400), ("/%2etarn/lock", 400), ("/demo/..%2f.tarn%2flock", 404),
                ("/demo/%00", 400), ("/demo/k%00", 400), ("/demo/%zz", 400), ("/demo/%", 400), ("/demo/%ff", 400),
                ("/DEMO/k", 400), ("/demo/k%0d%0aX-Evil:%201", 404), ("/demo/%5c..%5c..", 404)):
            with self.subTest(target=target):
                statuses, raw = get(self.server.s3_url, target)
                self.assertEqual(statuses, [expected])
                self.assertNotIn(b"\nX-Evil", raw)

    def test_paths_of_resources_have_one_meaning(self):
        base = f"/datastore/{self.store}/r4"
        for target, expected in (
                (f"{base}/Patient/a", 200), (f"{base}/%50atient/a", 200), (f"{base}/Patient%2Fa", 405),
                (f"/datastore/{self.store}%2Fr4/Patient/a", 404), (f"{base}//Patient/a", 404),
                (f"/datastore/..%2f{self.store}/r4/Patient/a", 404), (f"{base}/Patient/a%00", 400),
                (f"{base}/Patient/a%0d%0aX-Evil:1", 404), (f"{base}/Patient/a/_history/99999999999999999999999", 404),
                (f"{base}/Patient/a/_history/01", 404), (f"{base}/Patient/a/_history/-1", 404),
                ("/health", 200), ("/health/", 404), ("//health", 404), ("/./health", 404), ("/x/../health", 404),
                ("/health%2f", 404), ("/health%00", 400)):
            with self.subTest(target=target):
                statuses, raw = get(self.server.url, target)
                self.assertEqual(statuses, [expected])
                self.assertNotIn(b"\nX-Evil", raw)

    def test_one_request_is_not_two(self):
        hidden = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        length = str(len(hidden)).encode()
        for fields in (
                b"Content-Length: " + length + b"\r\nTransfer-Encoding: chunked\r\n",
                b"Transfer-Encoding: chunked\r\nContent-Length: " + length + b"\r\n",
                b"Content-Length: 0\r\nContent-Length: " + length + b"\r\n",
                b"Content-Length: 0, " + length + b"\r\n", b"Content-Length: +0\r\n", b"Content-Length: 0x0\r\n",
                b"Content-Length : 0\r\n", b"Content-Length:\x0b0\r\n", b"X: y\nContent-Length: 0\r\n",
                b"X: y\rContent-Length: 0\r\n", b" Content-Length: 0\r\n",
                b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
                b"Transfer-Encoding: identity, chunked\r\n", b"Transfer-Encoding : chunked\r\n",
                b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                b"Transfer-Encoding:\x0bchunked\r\n", b"Host: localhost\r\n"):
            for url, target in ((self.server.url, b"/"), (self.server.s3_url, b"/demo/k2")):
                with self.subTest(fields=fields, url=url):
                    statuses, _ = send(url, b"PUT " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + fields +
                                       b"\r\n0\r\n\r\n" + hidden)
                    self.assertEqual(len(statuses), 1)
                    self.assertIn(statuses[0], (400, 501))

    def test_the_log_has_one_line_a_request(self):
        get(self.server.url, "/nowhere%0a2026-01-01T00:00:00.000Z%20error%20forged")
        send(self.server.url, b"FORGED\xff /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        send(self.server.url, b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: forged\r\nX-Request-Id: forged\r\n\r\n")
        Endpoint(self.server.url).request("GET", "/health")
        self.assertNotIn("forged", self.server.log_text().lower())


if __name__ == "__main__":
    unittest.main()
