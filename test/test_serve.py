"""`tarn serve` as a program: start, stop, options, the data folder."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import TARN, Endpoint, HealthLake, Server


def run(*arguments):
    return subprocess.run([str(TARN), *arguments], capture_output=True, text=True, timeout=60)


class Serve(unittest.TestCase):
    def test_every_verb_shows_examples(self):
        for verb in ([], ["serve"], ["demo"], ["synth"], ["synth", "patients"], ["kms"], ["kms", "create"],
                     ["kms", "list"], ["kms", "disable"], ["kms", "destroy"]):
            with self.subTest(verb=verb):
                result = run(*verb, "--help")
                self.assertEqual(result.returncode, 0)
                # Its own examples: a verb without any shows those of the program.
                self.assertRegex(result.stdout, rf"Examples?:\n +tarn {' '.join(verb[:1])}")

    def test_wrong_usage_is_refused_with_a_reason(self):
        for arguments, expected in (
                (["serve", "--listen", "0.0.0.0:8080"], "loopback"),
                (["serve", "--s3-listen", "192.0.2.1:9000"], "loopback"),
                (["serve", "--listen", "nonsense"], "HOST:PORT"),
                (["serve", "--account", "12"], "12 digits"),
                (["serve", "--allow-origin", "*"], "is not an origin"),
                (["serve", "--allowed-host", "*.example"], "is not a host name"),
                (["serve", "--nonsense"], "nonsense"),
                (["nonsense"], "--help"),
                ([], "--help")):
            with self.subTest(arguments=arguments):
                result = run(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(expected, result.stderr + result.stdout)

    def test_demo_says_what_was_done_and_reuses_what_is_there(self):
        with tempfile.TemporaryDirectory() as folder:
            demo = ("demo", "--patients", "40", "--studies", "3", "--data", folder, "--listen", "127.0.0.1:0",
                    "--s3-listen", "127.0.0.1:0")
            first = run(*demo, "--once")
            self.assertEqual(first.returncode, 0, first.stderr)
            generated = re.search(r"generated +40 synthetic patients: ([\d,]+) resources", first.stdout).group(1)
            imported = re.search(r"imported +([\d,]+) resources, ([\d.]+) MB in [\d.]+ s: [\d,]+ resources/s",
                                 first.stdout)
            exported = re.search(r"exported +([\d,]+) resources, (\d+) files in [\d.]+ s: [\d,]+ resources/s",
                                 first.stdout)
            self.assertEqual((imported.group(1), exported.group(1)), (generated, generated), first.stdout)
            files = list(pathlib.Path(folder, "s3/demo/export").glob("*/*/*.ndjson"))
            self.assertEqual(len(files), int(exported.group(2)))
            # The patients went up in pieces, so that their number does not show in memory.
            pieces = list(pathlib.Path(folder, "s3/demo/patients").iterdir())
            self.assertLessEqual(max(piece.stat().st_size for piece in pieces), 4 << 20)
            self.assertAlmostEqual(sum(piece.stat().st_size for piece in pieces) / 1e6, float(imported.group(2)),
                                   delta=0.1)
            # A CT of 24 slices, an MR of two series of as many, a CR.
            self.assertRegex(first.stdout, r"generated +3 synthetic studies: 73 instances, \d+\.\d MB")
            images = re.search(r"imported +73 instances, 4 image sets in [\d.]+ s: [\d,]+ instances/s", first.stdout)
            self.assertTrue(images, first.stdout)
            second = self.serve_and_try(demo)
            for line in ("patients are in s3://demo/ already", exported.group(0),
                         "studies are in s3://demo/ already", "image store demo is there already", images.group(0)):
                self.assertIn(line, second)

    def serve_and_try(self, demo):
        """Serves the session, does what it says to try next with curl, and returns all that it said."""
        process = subprocess.Popen([str(TARN), *demo], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("Serving"):
                    break
            tried = [line.strip() for line in said.splitlines() if line.startswith("  curl ")]
            self.assertEqual(len(tried), 3, said)
            with tempfile.TemporaryDirectory() as folder:
                answers = [subprocess.run(command, shell=True, cwd=folder, capture_output=True, timeout=60).stdout
                           for command in tried]
                frame = pathlib.Path(folder, "CT.j2k").read_bytes()
            self.assertEqual(json.loads(answers[0])["resourceType"], "Patient")
            self.assertIn(b'"SchemaVersion":"1.1"', answers[1])
            self.assertIn(b'"SYN-', answers[1])
            # SOC and SIZ: one component of 512 x 512.
            self.assertEqual(frame[:4], b"\xff\x4f\xff\x51")
            self.assertEqual(frame[8:16], (512).to_bytes(4, "big") * 2)
            self.assertEqual(frame[-2:], b"\xff\xd9")
            process.send_signal(signal.SIGTERM)
            said += process.stdout.read()
            self.assertEqual(process.wait(timeout=60), 0)
            return said
        finally:
            process.kill()
            process.communicate()

    def test_configuration_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('region = "eu-west-1"\naccount = "123456789012"\n')
            file.flush()
            with Server(arguments=["--config", file.name]) as server:
                answer = HealthLake(server.url).call("CreateFHIRDatastore", {"DatastoreTypeVersion": "R4"})
                self.assertTrue(answer["DatastoreArn"].startswith(
                    "arn:aws:healthlake:eu-west-1:123456789012:datastore/fhir/"), answer)
            file.write("colour = 3\n")
            file.flush()
            result = run("serve", "--config", file.name)
            self.assertEqual(result.returncode, 2)
            self.assertIn("line 3: unknown option colour", result.stderr)

    def test_a_data_folder_has_one_server(self):
        with Server() as server:
            result = run("serve", "--data", str(server.data), "--listen", "127.0.0.1:0", "--s3-listen",
                         "127.0.0.1:0")
            self.assertEqual(result.returncode, 1)
            self.assertIn("in use", result.stderr)

    def test_a_port_in_use_is_named(self):
        with Server() as server, tempfile.TemporaryDirectory() as folder:
            port = server.url.rsplit(":", 1)[1]
            result = run("serve", "--data", folder, "--listen", f"127.0.0.1:{port}", "--s3-listen", "127.0.0.1:0")
            self.assertEqual(result.returncode, 1)
            self.assertIn(port, result.stderr)

    def test_health_metrics_and_unknown_paths(self):
        with Server() as server:
            endpoint = Endpoint(server.url)
            status, headers, body = endpoint.request("GET", "/health")
            self.assertEqual((status, json.loads(body)["status"]), (200, "ok"))
            self.assertTrue(headers["X-Request-Id"])
            status, _, body = endpoint.request("GET", "/metrics")
            self.assertEqual(status, 200)
            self.assertIn(b"# TYPE tarn_", body)
            self.assertEqual(endpoint.request("GET", "/nowhere")[0], 404)

    def test_sigterm_ends_cleanly(self):
        with Server() as server:
            host, port = server.url.removeprefix("http://").split(":")
            idle = socket.create_connection((host, int(port)), timeout=30)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(idle.recv(1), b"")
            idle.close()
            with self.assertRaises(OSError):
                socket.create_connection((host, int(port)), timeout=5)

    def test_what_was_written_is_there_after_a_restart(self):
        with Server() as server:
            lake = HealthLake(server.url)
            store = lake.create_store(DatastoreName="kept")
            status, _, _ = lake.fhir("PUT", store, "Patient/p1", {"resourceType": "Patient", "id": "p1"})
            self.assertEqual(status, 201)
            self.assertEqual(server.stop(), 0)
            server.start()
            lake = HealthLake(server.url)
            status, headers, body = lake.fhir("GET", store, "Patient/p1")
            self.assertEqual((status, headers["ETag"], json.loads(body)["id"]), (200, 'W/"1"', "p1"))

    def test_what_is_stored_is_the_owners_alone(self):
        with tempfile.TemporaryDirectory() as parent:
            os.chmod(parent, 0o755)
            data = pathlib.Path(parent) / "data"
            (data / "s3").mkdir(parents=True)  # An older server left it open.
            os.chmod(data / "s3", 0o755)
            with contextlib.ExitStack() as stack:
                mask = os.umask(0)
                try:
                    server = stack.enter_context(Server(data=data))
                finally:
                    os.umask(mask)
                lake = HealthLake(server.url)
                store = lake.create_store(PreloadDataConfig={"PreloadDataType": "SYNTHEA"})
                self.assertEqual(lake.fhir("PUT", store, "Patient/a", {"resourceType": "Patient", "id": "a"})[0], 201)
                objects = Endpoint(server.s3_url)
                self.assertEqual(objects.request("PUT", "/test")[0], 200)
                line = b'{"resourceType":"Patient","id":"b"}\n'
                self.assertEqual(objects.request("PUT", "/test/in/a.ndjson", line)[0], 200)
                self.assertEqual(objects.request("POST", "/test/parts?uploads")[0], 200)
                self.assertEqual(lake.wait_import(store, lake.start_import(store, "s3://test/in/"))["JobStatus"],
                                 "COMPLETED")
                self.assertEqual(lake.wait_export(store, lake.start_export(store))["JobStatus"], "COMPLETED")
                deadline = time.monotonic() + 60
                while not list((data / "events").glob("*.jsonl")) and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.assertEqual(server.stop(), 0)
            made = [path for path in data.rglob("*")]
            for name in ("lock", "keyring.json", "page-token.key", "kv", "s3/.tarn/meta", "s3/test/in/a.ndjson",
                         "events"):
                self.assertIn(data / name, made)
            self.assertTrue([path for path in made if path.suffix == ".jsonl"])
            open_to_others = [str(path) for path in made if path.lstat().st_mode & 0o077]
            self.assertEqual(open_to_others, [])

    def test_one_peer_has_so_many_connections(self):
        with Server(arguments=["--peer-connections", "3"]) as server:
            for url in (server.url, server.s3_url):
                host, port = url.removeprefix("http://").split(":")
                held = []
                try:
                    for _ in range(3):
                        held.append(socket.create_connection((host, int(port)), timeout=30))
                        held[-1].sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        self.assertTrue(held[-1].recv(1))
                    refused = socket.create_connection((host, int(port)), timeout=30)
                    held.append(refused)
                    self.assertEqual(refused.recv(1), b"")
                    other = socket.create_connection((host, int(port)), timeout=30, source_address=("127.0.0.2", 0))
                    held.append(other)
                    other.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertTrue(other.recv(1))
                finally:
                    for client in held:
                        client.close()

    def test_connections_leave_descriptors_to_storage(self):
        with Server(prefix=["prlimit", "--nofile=100:400"]) as server:
            limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
            self.assertRegex(limits, r"Max open files +400 +400 ")
            host, port = server.url.removeprefix("http://").split(":")
            lake = HealthLake(server.url)
            lake.create_store()
            held = [socket.create_connection((host, int(port)), timeout=30) for _ in range(300)]
            # The first connection is the lake's own, and still there; a new store needs new files.
            self.assertTrue(lake.create_store())
            for client in held:
                client.close()

    def test_slow_clients_do_not_hold_others(self):
        with Server() as server:
            host, port = server.url.removeprefix("http://").split(":")
            slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(200)]
            for client in slow:
                client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{")
            for _ in range(20):
                connection = http.client.HTTPConnection(host, int(port), timeout=10)
                connection.request("GET", "/health")
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
            for client in slow:
                client.close()


if __name__ == "__main__":
    unittest.main()
