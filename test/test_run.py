"""`tarn run` and its kin as programs: seeds end to end, crashes, terminals, refusals."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

from harness import ROLE, ROOT, SHARED, TARN, HealthLake, Server, exported_lines, synthetic_folder
from scripted import Scripted

SEEDS = SHARED / "seeds"
DEADLINE_S = 120


class Runs(unittest.TestCase):
    """A folder for the runs, documents and files of one test, and an environment without secrets."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tarn-run-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "xterm",
                            "TARN_RUNS_DIR": str(self.folder / "runs")}

    def tarn(self, *arguments, **environment):
        return subprocess.run([str(TARN), *map(str, arguments)], capture_output=True, text=True,
                              timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
                              env={**self.environment, **environment})

    def run_json(self, *arguments, exit_status=0, **environment):
        """Runs with --json; returns the events, of which the last must be the end."""
        result = self.tarn(*arguments, "--json", **environment)
        self.assertEqual(result.returncode, exit_status, result.stdout[-2000:] + result.stderr[-2000:])
        events = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(events[-1]["event"], "end")
        return events

    def write(self, name, value):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def journal(self):
        return b"".join(path.read_bytes() for path in (self.folder / "runs").glob("*/journal"))


def inputs(**values):
    return [text for name, value in values.items() for text in ("--input", f"{name}={value}")]


def api(url, *operations, **more):
    """An OpenAPI description: operations are (id, method, path)."""
    paths = {}
    for name, method, path in operations:
        paths.setdefault(path, {})[method] = {"operationId": name, "responses": {}, "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
            for part in re.findall(r"{(\w+)}", path)]}
    return {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "servers": [{"url": url}],
            "paths": paths, **more}


def document(*steps, **workflow):
    return {"arazzo": "1.0.1", "info": {"title": "t", "version": "1"},
            "sourceDescriptions": [{"name": "api", "url": "api.json", "type": "openapi"}],
            "workflows": [{"workflowId": "main", "steps": list(steps), **workflow}]}


def poll(step, operation, member, done, busy="BUSY", **more):
    """A step that loops to itself while the body's member says `busy`."""
    def when(name, state, **action):
        return {"name": name, **action, "criteria": [
            {"context": "$response.body", "type": "jsonpath", "condition": f'$.{member} == "{state}"'}]}
    return {"stepId": step, "operationId": operation,
            "outputs": {"state": f"$response.body#/{member}"},
            "onSuccess": [when("done", done, type="end"), when("busy", busy, type="goto", stepId=step)], **more}


@unittest.skipUnless(SEEDS.exists(), "the seed workflows (../shared/seeds) are not there")
class HealthLakeSeeds(Runs):
    EXPORT = SEEDS / "amazon-healthlake-provision-datastore-and-export-workflow.yml"
    IMPORT = SEEDS / "amazon-healthlake-start-import-and-wait-completed-workflow.yml"

    def export(self, server, **more):
        values = {"DatastoreName": "seed", "DatastoreTypeVersion": "R4", "OutputS3Uri": "s3://test/export/",
                  "OutputKmsKeyId": "alias/test", "DataAccessRoleArn": ROLE, "ExportClientToken": "export-1",
                  **more}
        return self.run_json("run", self.EXPORT, "--server", server.url, "--poll", "50ms", *inputs(**values))

    def test_import_then_export_of_the_same_store(self):
        with Server() as server:
            lake = HealthLake(server.url)
            synthetic_folder(server.data / "s3/test/in", 3)
            # The export workflow creates its store; with the same token it gets this one.
            store = lake.call("CreateFHIRDatastore", {"DatastoreName": "seed", "DatastoreTypeVersion": "R4",
                                                      "ClientToken": "create-1"})["DatastoreId"]
            lake.wait_store(store)
            events = self.run_json(
                "run", self.IMPORT, "--server", server.url, "--poll", "50ms",
                *inputs(DatastoreId=store, InputS3Uri="s3://test/in/", OutputS3Uri="s3://test/out/",
                        OutputKmsKeyId="alias/test", DataAccessRoleArn=ROLE, ClientToken="import-1"))
            self.assertEqual(events[-1]["status"], "ended")
            self.assertEqual(events[-1]["outputs"]["jobStatus"], "COMPLETED")

            events = self.export(server, CreateClientToken="create-1")
            outputs = events[-1]["outputs"]
            self.assertEqual((outputs["datastoreId"], outputs["jobStatus"]), (store, "COMPLETED"))
            given = sum(len(path.read_bytes().splitlines())
                        for path in (server.data / "s3/test/in").glob("*.ndjson"))
            got = list(exported_lines(server, lake.describe_export(store, outputs["jobId"])))
            self.assertGreater(given, 0)
            self.assertEqual(len(got), given)

    def test_an_empty_store_exports_no_files_and_polls_as_often_as_needed(self):
        with Server() as server:
            (server.data / "s3/test").mkdir(parents=True)
            events = self.export(server)
            outputs = events[-1]["outputs"]
            self.assertEqual(outputs["jobStatus"], "COMPLETED")
            properties = HealthLake(server.url).describe_export(outputs["datastoreId"], outputs["jobId"])
            self.assertEqual(list(exported_lines(server, properties)), [])
            # Nothing was taken for done while it was not.
            answers = [event["observed"] for event in events if event["event"] == "action"]
            self.assertEqual(answers[-1], "COMPLETED")
            self.assertIn("ACTIVE", answers)
            # The token that nobody gave was filled in.
            create = next(event for event in events if event["event"] == "send")
            self.assertEqual(create["step"], "createDatastore")


@unittest.skipUnless(SEEDS.exists(), "the seed workflows (../shared/seeds) are not there")
class HealthImagingSeeds(Runs):
    PROVISION = SEEDS / "amazon-healthimaging-provision-datastore-workflow.yml"
    ONBOARD = SEEDS / "amazon-healthimaging-onboard-datastore-and-import-workflow.yml"
    INPUTS = inputs(datastoreName="d", datastoreClientToken="t1", dataAccessRoleArn=ROLE, importClientToken="t2",
                    inputS3Uri="s3://a/in/", outputS3Uri="s3://a/out/")

    def script(self, stores, jobs=("COMPLETED",)):
        """Answers each describe with the next state; the last one stays."""
        stores, jobs = list(stores), list(jobs)

        def following(states):
            return states.pop(0) if len(states) > 1 else states[0]

        def answer(method, path, _, body):
            if (method, path) == ("POST", "/datastore"):
                self.assertEqual(body["clientToken"], "t1")
                return 200, {"datastoreId": "ds1", "datastoreStatus": "CREATING"}
            if (method, path) == ("GET", "/datastore/ds1"):
                return 200, {"datastoreProperties": {"datastoreId": "ds1", "datastoreArn": "arn:1",
                                                     "datastoreStatus": following(stores)}}
            if (method, path) == ("POST", "/startDICOMImportJob/datastore/ds1"):
                self.assertEqual(body["inputS3Uri"], "s3://a/in/")
                return 200, {"datastoreId": "ds1", "jobId": "j1", "jobStatus": "SUBMITTED"}
            if (method, path) == ("GET", "/getDICOMImportJob/datastore/ds1/job/j1"):
                return 200, {"jobProperties": {"jobId": "j1", "jobStatus": following(jobs)}}
            return 404, {"message": f"{method} {path}"}
        return Scripted(answer)

    def provision(self, server, **more):
        return self.run_json("run", self.PROVISION, "--server", server.url, "--poll", "0",
                             *inputs(datastoreName="d", clientToken="t1"), **more)

    def onboard(self, server, *arguments, **more):
        return self.run_json("run", self.ONBOARD, "--server", server.url, "--poll", "0", *self.INPUTS,
                             *arguments, **more)

    def test_provision(self):
        with self.script(["CREATING"] * 3 + ["ACTIVE"]) as server:
            end = self.provision(server)[-1]
            self.assertEqual(end["outputs"], {"datastoreId": "ds1", "datastoreStatus": "ACTIVE",
                                              "datastoreArn": "arn:1"})
            self.assertEqual(server.paths(), ["POST /datastore"] + ["GET /datastore/ds1"] * 4)

    def test_provision_that_fails_takes_its_own_branch(self):
        with self.script(["CREATING", "CREATE_FAILED"]) as server:
            events = self.provision(server)
            steps = [event["step"] for event in events if event["event"] == "send"]
            self.assertEqual(steps, ["createDatastore", "pollDatastore", "pollDatastore", "provisioningFailed"])
            self.assertEqual(events[-1]["outputs"]["datastoreStatus"], "CREATE_FAILED")

    def test_onboard(self):
        with self.script(["CREATING", "ACTIVE"], ["SUBMITTED", "IN_PROGRESS", "COMPLETED"]) as server:
            end = self.onboard(server)[-1]
            self.assertEqual(end["outputs"], {"datastoreId": "ds1", "jobId": "j1", "jobStatus": "COMPLETED"})
            self.assertEqual(len(server.requests), 7)

    def test_onboard_ends_where_the_store_or_the_job_failed(self):
        with self.script(["CREATING", "CREATE_FAILED"]) as server:
            end = self.onboard(server)[-1]
            self.assertEqual((end["status"], end["outputs"]), ("ended", {"datastoreId": "ds1"}))
            self.assertNotIn("POST /startDICOMImportJob/datastore/ds1", server.paths())
        with self.script(["ACTIVE"], ["IN_PROGRESS", "FAILED"]) as server:
            self.assertEqual(self.onboard(server)[-1]["outputs"]["jobStatus"], "FAILED")

    def test_states_that_the_document_does_not_know(self):
        with self.script(["ACTIVE"], ["QUEUED", "QUEUED", "COMPLETED"]) as server:
            events = self.onboard(server)
            warnings = [event["message"] for event in events if event["event"] == "warning"]
            self.assertEqual(len([text for text in warnings if "QUEUED" in text]), 1, warnings)
            self.assertEqual(events[-1]["outputs"]["jobStatus"], "COMPLETED")
        with self.script(["ACTIVE"], ["PAUSED", "COMPLETED"]) as server:
            end = self.onboard(server, exit_status=3)[-1]
            self.assertEqual(end["status"], "unhandled-state")
            self.assertIn("PAUSED", end["message"])
            self.assertEqual(end["outputs"]["jobStatus"], "PAUSED")  # What there is is printed.
            # The user knows better, and the same run goes on.
            end = self.run_json("resume", "last", "--wait-on", "PAUSED", "--poll", "0")[-1]
            self.assertEqual(end["outputs"]["jobStatus"], "COMPLETED")
            self.assertEqual(server.paths().count("POST /datastore"), 1)
        with self.script(["ACTIVE"], ["PAUSED"]) as server:
            self.assertEqual(self.onboard(server, "--fallthrough=next")[-1]["status"], "ended")


class Crash(Runs):
    """kill -9 at every write of the journal of a workflow with twelve steps."""

    def jobs(self):
        """A server of jobs: created once for each token, busy for one look."""
        state = {"tokens": {}, "looks": {}}

        def answer(method, path, _, body):
            if method == "POST":
                job = state["tokens"].setdefault(body["ClientToken"], f"job-{len(state['tokens'])}")
                return 200, {"id": job}
            job = path.rsplit("/", 1)[1]
            state["looks"][job] = state["looks"].get(job, 0) + 1
            return 200, {"state": "BUSY" if state["looks"][job] == 1 else "DONE", "id": job}
        server = Scripted(answer)
        server.state = state
        return server

    def twelve_steps(self, url):
        self.write("api.json", api(url, ("Create", "post", "/jobs"), ("Look", "get", "/jobs/{id}")))
        steps, outputs = [], {}
        for i in range(6):
            steps.append({"stepId": f"make{i}", "operationId": "Create", "requestBody": {
                "contentType": "application/json",
                "payload": {"name": f"n{i}", "ClientToken": "$inputs.token"}},
                "outputs": {"id": "$response.body#/id"}})
            wait = poll(f"wait{i}", "Look", "state", "DONE", parameters=[
                {"name": "id", "in": "path", "value": f"$steps.make{i}.outputs.id"}])
            if i < 5:
                wait["onSuccess"][0].update(type="goto", stepId=f"make{i + 1}")
            steps.append(wait)
            outputs[f"id{i}"] = f"$steps.make{i}.outputs.id"
            outputs[f"state{i}"] = f"$steps.wait{i}.outputs.state"
        return self.write("twelve.json", document(*steps, outputs=outputs))

    def test_resume_after_kill_at_every_write(self):
        with self.jobs() as server:
            path = self.twelve_steps(server.url)
            expected = self.run_json("run", path, "--poll", "0")[-1]["outputs"]
            self.assertEqual(expected["id5"], "job-5")
            writes = len(self.journal().splitlines())
        self.assertGreater(writes, 12 * 3)
        for n in range(1, writes + 1):
            # Whole lines, and for every third the line torn in half.
            for fault in [str(n)] + ([f"{n}torn"] if n % 3 == 0 else []):
                with self.subTest(fault=fault), self.jobs() as server:
                    path = self.twelve_steps(server.url)
                    runs = str(self.folder / f"runs-{fault}")
                    killed = self.tarn("run", path, "--poll", "0", TARN_FAULT_JOURNAL_WRITE=fault,
                                       TARN_RUNS_DIR=runs)
                    self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
                    listed = json.loads(self.tarn("runs", "--json", TARN_RUNS_DIR=runs).stdout)[0]
                    # Killed after the last write: nothing was lost.
                    self.assertEqual(listed["status"], "ended" if fault == str(writes) else "interrupted")
                    events = self.run_json("resume", "last", "--poll", "0", TARN_RUNS_DIR=runs)
                    self.assertEqual(events[-1]["status"], "ended")
                    self.assertEqual(events[-1]["outputs"], expected)
                    self.assertEqual(len(server.state["tokens"]), 6)  # No job twice.

    def test_kill_twice(self):
        with self.jobs() as server:
            path = self.twelve_steps(server.url)
            self.tarn("run", path, "--poll", "0", TARN_FAULT_JOURNAL_WRITE="9")
            again = self.tarn("resume", "last", "--poll", "0", TARN_FAULT_JOURNAL_WRITE="7torn")
            self.assertEqual(again.returncode, -signal.SIGKILL)
            end = self.run_json("resume", "last", "--poll", "0")[-1]
            self.assertEqual((end["outputs"]["id5"], end["outputs"]["state5"]), ("job-5", "DONE"))
            self.assertEqual(len(server.state["tokens"]), 6)


class InDoubt(Runs):
    def setUp(self):
        super().setUp()
        self.server = Scripted(lambda *_: (200, {"id": "made"}))
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.write("api.json", api(self.server.url, ("Make", "post", "/things")))
        self.path = self.write("one.json", document(
            {"stepId": "make", "operationId": "Make", "requestBody": {"payload": {"name": "x"}},
             "outputs": {"id": "$response.body#/id"}},
            outputs={"id": "$steps.make.outputs.id"}))
        # Writes: run, workflow, send, answer. Killed with the answer on the way to the disk.
        killed = self.tarn("run", self.path, TARN_FAULT_JOURNAL_WRITE="4torn")
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        self.assertEqual(len(self.server.requests), 1)

    def test_nobody_to_ask_is_status_5_and_nothing_is_sent(self):
        for _ in range(2):
            end = self.run_json("resume", "last", exit_status=5)[-1]
            self.assertEqual(end["status"], "in-doubt")
        self.assertEqual(len(self.server.requests), 1)
        self.assertIn("it may have been done", self.tarn("show", "last").stdout)

    def test_repeat(self):
        self.assertEqual(self.run_json("resume", "last", "--repeat")[-1]["outputs"], {"id": "made"})
        self.assertEqual(len(self.server.requests), 2)

    def test_skip(self):
        answer = self.write("answer.json", {"id": "known"})
        end = self.run_json("resume", "last", "--skip", "--answer", answer)[-1]
        self.assertEqual((end["status"], end["outputs"]), ("ended", {"id": "known"}))
        self.assertEqual(len(self.server.requests), 1)

    def test_skip_without_an_answer_leaves_outputs_unset(self):
        end = self.run_json("resume", "last", "--skip")[-1]
        self.assertEqual((end["status"], end["outputs"]), ("ended", {}))

    def test_the_user_is_asked_on_a_terminal(self):
        terminal = Terminal(self, "resume", "last")
        terminal.wait_for("Send it again? [y/N] ")
        terminal.type("y\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(len(self.server.requests), 2)


class ResumeInputs(Runs):
    """What a resumed run takes as inputs: its secrets again, and what it began with."""

    def test_only_what_the_run_began_with(self):
        with Scripted(lambda *_: (200, {"state": "PAUSED"})) as server:
            self.write("api.json", api(server.url, ("Look", "get", "/look")))
            path = self.write("look.json", document(
                poll("look", "Look", "state", "DONE"),
                inputs={"type": "object", "properties": {
                    "count": {"type": "integer"}, "region": {"type": "string"},
                    "password": {"type": "string", "format": "password"}}}))
            self.run_json("run", path, *inputs(count=3, password="hush-hush"), exit_status=3)
            secret = inputs(password="hush-hush")
            for given, said in ((inputs(cuont=3), "there is no input cuont; nearest: count"),
                                (inputs(count=4), "another value of the input count"),
                                (inputs(region="x"), "another value of the input region")):
                end = self.run_json("resume", "last", *secret, *given, exit_status=2)[-1]
                self.assertIn(said, end["message"])
            self.run_json("resume", "last", *secret, *inputs(count=3), exit_status=3, TARN_INPUT_count="9")
            end = self.run_json("resume", "last", exit_status=2)[-1]
            self.assertIn("TARN_INPUT_password", end["message"])


class NoAnswer(Runs):
    """Requests that get no answer, and what a resumed run makes of them."""

    def test_what_was_refused_is_sent_when_resumed(self):
        with Scripted(lambda *_: (200, {"id": "made"})) as server:
            url = server.url
        # Nobody listens there any more.
        self.write("api.json", api(url, ("Make", "post", "/things")))
        path = self.write("one.json", document({"stepId": "make", "operationId": "Make"}))
        end = self.run_json("run", path, exit_status=1)[-1]
        self.assertIn("no answer", end["message"])
        again = self.run_json("resume", "last", exit_status=1)
        self.assertIn("send", [event["event"] for event in again])

    def test_a_timeout_of_what_may_have_been_done_is_in_doubt(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def answer(*_):
            release.wait(DEADLINE_S)
            return 200, {"id": "made"}
        with Scripted(answer) as server:
            self.write("api.json", api(server.url, ("Make", "post", "/things")))
            path = self.write("one.json", {**document(
                {"stepId": "make", "operationId": "Make", "timeout": 100,
                 "outputs": {"id": "$response.body#/id"}}, outputs={"id": "$steps.make.outputs.id"}),
                "arazzo": "1.1.0"})
            end = self.run_json("run", path, exit_status=5)[-1]
            self.assertEqual(end["status"], "in-doubt")
            self.assertRegex(end["message"], r"one\.json:\d+:\d+: .*no answer")
            self.run_json("resume", "last", exit_status=5)
            self.assertEqual(len(server.requests), 1)
            release.set()
            known = self.write("answer.json", {"id": "known"})
            end = self.run_json("resume", "last", "--skip", "--answer", known)[-1]
            self.assertEqual(end["outputs"], {"id": "known"})
            self.assertEqual(len(server.requests), 1)


class Terminal:
    """A run on a pseudo-terminal of 80 columns."""

    def __init__(self, test, *arguments, **environment):
        self.test = test
        self.text = ""
        self.process_id, self.fd = pty.fork()
        if self.process_id == 0:
            os.execve(str(TARN), [str(TARN), *map(str, arguments)], {**test.environment, **environment})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        test.addCleanup(self._kill)

    def _kill(self):
        if self.process_id:
            os.kill(self.process_id, signal.SIGKILL)
            os.waitpid(self.process_id, 0)
        os.close(self.fd)

    def _read(self, deadline):
        left = deadline - time.monotonic()
        self.test.assertGreater(left, 0, f"seen so far: {self.text!r}")
        if not select.select([self.fd], [], [], left)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # The other side is closed.
            return False
        self.text += data.decode()
        return bool(data)

    def wait_for(self, text):
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.text:
            self.test.assertTrue(self._read(deadline), f"ended without {text!r}: {self.text!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Reads to the end; returns the exit status."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        _, status = os.waitpid(self.process_id, 0)
        self.process_id = 0
        return os.waitstatus_to_exitcode(status)


class Views(Runs):
    def setUp(self):
        super().setUp()
        self.looks = 0

        def answer(method, path, headers, body):
            if method == "POST":
                return 200, {"token": body["password"], "id": "a"}
            self.looks += 1
            return 200, {"state": "BUSY" if self.looks % 3 else "DONE"}
        self.server = Scripted(answer)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.write("api.json", api(self.server.url, ("Log", "post", "/log"), ("Look", "get", "/look")))
        self.path = self.write("views.json", document(
            {"stepId": "log", "operationId": "Log", "requestBody": {"payload": {
                "user": "$inputs.user", "password": "$inputs.password", "count": "$inputs.count"}},
             "outputs": {"token": "$response.body#/token"}},
            poll("look", "Look", "state", "DONE"),
            inputs={"type": "object", "required": ["user", "password"], "properties": {
                "user": {"type": "string", "description": "Who you are."},
                "password": {"type": "string", "format": "password"}, "count": {"type": "integer", "default": 3}}},
            outputs={"state": "$steps.look.outputs.state", "token": "$steps.log.outputs.token"}))
        self.inputs = inputs(user="me", password="hush-hush", count="7")

    def test_pipes_get_plain_lines(self):
        result = self.tarn("run", self.path, *self.inputs, "--poll", "10ms", "-v")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"look +BUSY, again in 10 ms, 2nd poll, \d+ m?s of 60 min")
        self.assertRegex(result.stdout, r"log +POST http://127.0.0.1:\d+/log -> 200")
        self.assertRegex(result.stdout, r"ended after .*, 4 requests")
        self.assertRegex(result.stdout, r"state +DONE")
        self.assertEqual(self.server.requests[0][3], {"user": "me", "password": "hush-hush", "count": 7})

    def test_a_secret_is_nowhere_but_in_the_request(self):
        har = self.folder / "x.har"
        plain = self.tarn("run", self.path, *self.inputs, "--poll", "0", "-v", "--har", har)
        events = self.tarn("run", self.path, *self.inputs, "--poll", "0", "-v", "--json")
        shown = self.tarn("show", "last", "-v")
        seen = plain.stdout + plain.stderr + events.stdout + events.stderr + shown.stdout + har.read_text()
        for path in (self.folder / "runs").rglob("*"):
            if path.is_file():
                seen += path.read_text()
        self.assertNotIn("hush-hush", seen)
        self.assertIn("***", plain.stdout)

    def test_json_and_har(self):
        har = self.folder / "x.har"
        events = self.run_json("run", self.path, *self.inputs, "--poll", "0", "--har", har)
        self.assertEqual([event["event"] for event in events if event["event"] != "diagnostic"][0], "run")
        self.assertEqual(events[-1]["status"], "ended")
        self.assertEqual(events[-1]["outputs"]["state"], "DONE")
        log = json.loads(har.read_text())["log"]
        self.assertEqual(log["version"], "1.2")
        self.assertEqual([entry["request"]["method"] for entry in log["entries"]], ["POST", "GET", "GET", "GET"])
        for entry in log["entries"]:
            self.assertEqual(entry["response"]["status"], 200)
            self.assertEqual(entry["response"]["content"]["mimeType"], "application/json")
            self.assertRegex(entry["startedDateTime"], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertIn("BUSY", log["entries"][1]["response"]["content"]["text"])

    def test_runs_and_show(self):
        self.tarn("run", self.path, *self.inputs, "--poll", "0")
        listed = json.loads(self.tarn("runs", "--json").stdout)
        self.assertEqual([(run["status"], run["workflow"]) for run in listed], [("ended", "main")])
        self.assertIn(listed[0]["run"], self.tarn("runs").stdout)
        shown = self.tarn("show", listed[0]["run"][:10])
        self.assertRegex(shown.stdout, r"look +GET .* -> 200")
        self.assertRegex(shown.stdout, r"ended after")
        self.assertEqual(self.tarn("show", "nonsense").returncode, 2)

    def test_missing_inputs_are_listed_at_once(self):
        result = self.tarn("run", self.path, "--input", "count=many")
        self.assertEqual(result.returncode, 2)
        self.assertIn("the input count is no integer: many", result.stderr)
        result = self.tarn("run", self.path)
        self.assertEqual(result.returncode, 2)
        self.assertIn("the input user is missing: Who you are.", result.stderr)
        self.assertIn("the input password is missing", result.stderr)
        self.assertEqual(self.server.requests, [])

    def test_wrong_inputs_are_shown_but_no_secrets(self):
        path = self.write("strict.json", document(
            {"stepId": "log", "operationId": "Log"},
            inputs={"type": "object", "properties": {
                "count": {"type": "integer", "minimum": 3}, "name": {"maxLength": 5},
                "password": {"type": "string", "format": "password", "minLength": 40}}}))
        result = self.tarn("run", path, *inputs(count=2, name="much longer", password="hush-hush"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("the input count: must be at least 3, not 2", result.stderr)
        self.assertIn(', not "much longer"', result.stderr)
        self.assertRegex(result.stderr, r'the input password: .*, not "\*\*\*"')
        self.assertNotIn("hush", result.stderr)

    def test_inputs_of_file_and_environment(self):
        file = self.write("inputs.yaml", "user: of-file\ncount: 5\n")
        self.run_json("run", self.path, "--inputs", file, "--input", "count=6", "--poll", "0",
                      TARN_INPUT_password="of-environment", TARN_INPUT_user="no")
        self.assertEqual(self.server.requests[0][3],
                         {"user": "of-file", "password": "of-environment", "count": 6})

    def test_a_terminal_is_asked_and_does_not_show_the_password(self):
        terminal = Terminal(self, "run", self.path, "--poll", "300ms")
        terminal.wait_for("Who you are.\r\nuser: ")
        terminal.type("me\n")
        terminal.wait_for("password: ")
        terminal.type("hush-hush\n")
        self.assertEqual(terminal.end(), 0, terminal.text)
        self.assertNotIn("hush-hush", terminal.text)
        self.assertEqual(self.server.requests[0][3]["password"], "hush-hush")
        # Drawn over itself while it waits, one line for the step in the end.
        self.assertRegex(terminal.text, r"BUSY, again in 300 ms, 1st poll")
        self.assertRegex(terminal.text, r"look .* -> 200.*; DONE after 3 polls")
        self.assertIn("\x1b[32mended", terminal.text)
        for line in re.split(r"[\r\n]+|\x1b\[[A-Z0-9]+", terminal.text):
            if "again in" in line:
                self.assertLess(len(line), 80)

    def test_no_color(self):
        terminal = Terminal(self, "run", self.path, *self.inputs, "--poll", "0", NO_COLOR="1")
        self.assertEqual(terminal.end(), 0)
        self.assertNotRegex(terminal.text, r"\x1b\[\d*m")


class Time(Runs):
    def busy_server(self):
        state = {"state": "BUSY"}
        server = Scripted(lambda *_: (200, dict(state)))
        server.state = state
        return server

    def looking(self, server):
        self.write("api.json", api(server.url, ("Look", "get", "/look")))
        return self.write("look.json", document(poll("look", "Look", "state", "DONE"),
                                                outputs={"state": "$steps.look.outputs.state"}))

    def test_out_of_time_then_resumed(self):
        with self.busy_server() as server:
            path = self.looking(server)
            end = self.run_json("run", path, "--timeout", "300ms", "--poll", "20ms", exit_status=4)[-1]
            self.assertEqual((end["status"], end["outputs"]), ("out-of-time", {"state": "BUSY"}))
            self.assertGreater(len(server.requests), 1)
            server.state["state"] = "DONE"
            before = len(server.requests)
            self.assertEqual(self.run_json("resume", "last", "--timeout", "1h")[-1]["outputs"], {"state": "DONE"})
            self.assertEqual(len(server.requests), before + 1)
            self.assertEqual(self.tarn("resume", "last").returncode, 0)  # Nothing is left to do.
            self.assertEqual(len(server.requests), before + 1)

    def test_an_interrupt_stops_and_a_lock_keeps_others_away(self):
        with self.busy_server() as server:
            process = subprocess.Popen([str(TARN), "run", str(self.looking(server)), "--poll", "20ms"],
                                       stdout=subprocess.PIPE, env=self.environment, text=True)
            self.addCleanup(process.stdout.close)
            for line in process.stdout:
                if "again in" in line:
                    break
            busy = self.tarn("resume", "last")
            self.assertEqual(busy.returncode, 2)
            self.assertIn("another process", busy.stderr)
            self.assertIn("running", self.tarn("runs").stdout)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            self.assertEqual(process.wait(timeout=DEADLINE_S), 4)
            self.assertIn("can be resumed", rest)
            server.state["state"] = "DONE"
            self.assertEqual(self.run_json("resume", "last")[-1]["status"], "ended")

    def test_an_interrupt_during_a_request_keeps_answer_and_outputs(self):
        asked, release = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def answer(*_):
            asked.set()
            release.wait(DEADLINE_S)
            return 200, {"state": "BUSY"}
        with Scripted(answer) as server:
            process = subprocess.Popen([str(TARN), "run", str(self.looking(server)), "--json"],
                                       stdout=subprocess.PIPE, env=self.environment, text=True)
            self.addCleanup(process.stdout.close)
            self.assertTrue(asked.wait(DEADLINE_S))
            process.send_signal(signal.SIGINT)
            release.set()
            end = json.loads(process.stdout.read().splitlines()[-1])
            self.assertEqual(process.wait(timeout=DEADLINE_S), 4)
            self.assertEqual((end["status"], end["outputs"]), ("out-of-time", {"state": "BUSY"}))
            self.assertEqual(len(server.requests), 1)
            self.assertIn("out-of-time", self.tarn("runs").stdout)

    def test_retry_after_wins(self):
        looks = []

        def answer(*_):
            looks.append(time.monotonic())
            return 200, {"state": "BUSY" if len(looks) == 1 else "DONE"}, {"Retry-After": "1"}
        with Scripted(answer) as server:
            events = self.run_json("run", self.looking(server))
            waits = [event["wait_ms"] for event in events if event["event"] == "wait"]
            self.assertEqual(waits, [1000])
            self.assertGreaterEqual(looks[1] - looks[0], 1)

    def test_a_response_may_have_64_mib_and_no_more(self):
        limit = 64 << 20
        sizes = [limit, limit + 1]
        with Scripted(lambda *_: (200, b"x" * sizes.pop(0), {"Content-Type": "text/plain"})) as server:
            self.write("api.json", api(server.url, ("Get", "get", "/")))
            path = self.write("large.json", document({"stepId": "get", "operationId": "Get"}))
            self.run_json("run", path)
            self.assertEqual(self.tarn("show", "last").returncode, 0)  # What was written can be read.
            end = self.run_json("run", path, exit_status=1)[-1]
            self.assertIn("no answer", end["message"])
            self.assertRegex(end["message"], r"[Mm]aximum file size exceeded|larger than")

    def test_a_step_has_its_own_time(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def answer(*_):
            release.wait(DEADLINE_S)
            return 200, {}
        with Scripted(answer) as server:
            self.write("api.json", api(server.url, ("Look", "get", "/look")))
            path = self.write("slow.json", {**document({"stepId": "look", "operationId": "Look", "timeout": 100}),
                                            "arazzo": "1.1.0"})
            end = self.run_json("run", path, exit_status=1)[-1]
            release.set()
            self.assertIn("no answer", end["message"])


class Reach(Runs):
    SIGV4 = {"security": [{"hmac": []}], "components": {"securitySchemes": {"hmac": {
        "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}}},
        "info": {"title": "t", "version": "1", "x-aws-signingName": "healthlake"}}
    KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG", "AWS_REGION": "eu-west-1"}

    def one(self, url, **more):
        self.write("api.json", api(url, ("DescribeIt", "post", "/"), **more))
        return self.write("one.json", document({"stepId": "s", "operationId": "DescribeIt", "parameters": [
            {"name": "X-Amz-Target", "in": "header", "value": "HealthLake.DescribeIt"}],
            "requestBody": {"contentType": "application/json", "payload": {"a": 1}}}))

    def test_a_redirect_is_not_followed(self):
        with Scripted(lambda *_: (200, {})) as other:
            with Scripted(lambda *_: (307, None, {"Location": other.url})) as server:
                end = self.run_json("run", self.one(server.url), exit_status=1)[-1]
                self.assertIn("307", end["message"])
            self.assertEqual(other.requests, [])

    def test_loopback_without_credentials_goes_unsigned(self):
        with Scripted(lambda *_: (200, {})) as server:
            self.run_json("run", self.one(server.url, **self.SIGV4))
            self.assertNotIn("Authorization", server.requests[0][2])

    def test_signed_with_keys_of_environment_and_profile(self):
        with Scripted(lambda *_: (200, {})) as server:
            path = self.one(server.url, **self.SIGV4)
            self.run_json("run", path, **self.KEYS)
            self.write(".aws/credentials", "[other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = s3cret-s3cret\n"
                                           "aws_session_token = t0ken-t0ken\n")
            self.write(".aws/config", "[profile other]\nregion = ap-south-1\n")
            har = self.folder / "x.har"
            self.run_json("run", path, "--har", har, "--profile", "aws", AWS_PROFILE="other")
            first, second = (request[2] for request in server.requests)
            self.assertRegex(first["authorization"],
                             r"^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/healthlake/aws4_request, ")
            self.assertIn("Credential=AKIDOTHER/", second["authorization"])
            self.assertIn("/ap-south-1/healthlake/", second["authorization"])
            self.assertEqual(second["x-amz-security-token"], "t0ken-t0ken")
            self.assertEqual(first["Content-Type"], "application/json")
            self.assertEqual(second["Content-Type"], "application/x-amz-json-1.0")
            self.assertNotIn("AWS4-HMAC", har.read_text())
            self.assertNotIn("t0ken", har.read_text())
        missing = self.tarn("run", path, AWS_PROFILE="nowhere")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("the AWS profile nowhere is neither in", missing.stderr)

    def test_credentials_never_go_over_plain_http(self):
        path = self.one("http://192.0.2.1:1", **self.SIGV4)
        result = self.tarn("run", path, **self.KEYS)
        self.assertEqual(result.returncode, 2)
        self.assertIn("never sent over plain http to 192.0.2.1", result.stderr)
        # Not by a header or a secret input either.
        for place in ({"name": "Authorization", "in": "header", "value": "Bearer x"},
                      {"name": "q", "in": "query", "value": "$inputs.password"}):
            self.write("api.json", api("http://192.0.2.1:1", ("Get", "get", "/")))
            path = self.write("one.json", document(
                {"stepId": "s", "operationId": "Get", "parameters": [place]},
                inputs={"type": "object", "properties": {"password": {"type": "string", "format": "password"}}}))
            end = self.run_json("run", path, *inputs(password="hush-hush"), exit_status=1)[-1]
            self.assertIn("may not go over plain http", end["message"])

    def test_missing_credentials_are_said_before_anything_is_sent(self):
        result = self.tarn("run", self.one("https://healthlake.us-east-1.amazonaws.com", **self.SIGV4))
        self.assertEqual(result.returncode, 2)
        self.assertIn("there are no AWS credentials", result.stderr)

    def test_a_source_elsewhere(self):
        with Scripted(lambda method, path, *_: (200, api(server.url, ("DescribeIt", "post", "/")))
                      if method == "GET" else (200, {})) as server:
            path = self.one(server.url)
            (self.folder / "api.json").unlink()
            result = self.tarn("run", path)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--source api=PATH-OR-FOLDER", result.stderr)
            # A folder: only the files with operations that are used are read.
            self.write("many/a/one.json", api(server.url, ("DescribeIt", "post", "/")))
            self.write("many/b/other.json", api(server.url, ("DescribeItNot", "get", "/x")))
            self.write("many/c/broken.yaml", "openapi: [")
            self.run_json("run", path, "--source", f"api={self.folder}/many")
            self.run_json("run", path, "--source", f"api={server.url}/openapi.json")
            self.assertIn("GET /openapi.json", server.paths())
            misspelt = self.tarn("run", path, "--source", f"apj={self.folder}/many", "--source", f"api={self.folder}/many")
            self.assertEqual(misspelt.returncode, 2)
            self.assertIn("no source is called apj; the document has api", misspelt.stderr)

    def test_server_of_one_source(self):
        with Scripted(lambda *_: (200, {})) as server:
            path = self.one("https://nowhere.invalid")
            self.run_json("run", path, "--server", f"api={server.url}")
            self.assertEqual(len(server.requests), 1)


class Check(Runs):
    def test_findings_have_places(self):
        self.write("api.json", api("http://127.0.0.1:1", ("CreateThing", "post", "/")))
        path = self.write("bad.yml", "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
                          "sourceDescriptions: [{name: api, url: api.json, type: openapi}]\n"
                          "workflows:\n- workflowId: w\n  steps:\n  - stepId: s\n    operationId: CreateThink\n")
        result = self.tarn("check", path)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stdout, r"bad\.yml:7:\d+: error: .*CreateThink.*CreateThing")
        report = json.loads(self.tarn("check", path, "--json").stdout)
        self.assertFalse(report["valid"])
        self.assertEqual((report["findings"][0]["line"], report["findings"][0]["severity"]), (7, "error"))
        run = self.tarn("run", path, "--json")
        self.assertEqual(run.returncode, 2)
        self.assertEqual(json.loads(run.stdout.splitlines()[-1])["event"], "end")

    def test_a_good_document(self):
        self.write("api.json", api("http://127.0.0.1:1", ("CreateThing", "post", "/")))
        path = self.write("good.json", document({"stepId": "s", "operationId": "CreateThing"}))
        result = self.tarn("check", path)
        self.assertEqual((result.returncode, "nothing found" in result.stdout), (0, True), result.stdout)

    def test_a_missing_host_is_for_the_run_to_give(self):
        self.write("api.json", api("/", ("CreateThing", "post", "/")))
        path = self.write("hostless.json", document({"stepId": "s", "operationId": "CreateThing"}))
        result = self.tarn("check", path)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("warning: the operation CreateThing: the description names no host", result.stdout)
        self.assertIn("nothing found", self.tarn("check", path, "--server", "http://127.0.0.1:1").stdout)
        self.assertEqual(self.tarn("run", path).returncode, 2)

    def test_missing_inputs_are_findings(self):
        self.write("api.json", api("http://127.0.0.1:1", ("CreateThing", "post", "/")))
        path = self.write("needs.json", document(
            {"stepId": "s", "operationId": "CreateThing"},
            inputs={"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}))
        self.assertIn("the input a is missing", self.tarn("check", path).stdout)
        self.assertNotIn("is missing", self.tarn("check", path, "--input", "a=1").stdout)

    def test_every_verb_shows_examples(self):
        for verb in ("run", "resume", "runs", "show", "check"):
            result = self.tarn(verb, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout, rf"Examples:\n +tarn {verb}")


class Mock(Runs):
    """The benchmark's mock gives figures only for a runner that did what the workflow says."""

    def mock(self, *command):
        return subprocess.run([sys.executable, str(ROOT / "bench/workflow_mock.py"), "--polls", "20", "--", *command],
                              capture_output=True, text=True, timeout=DEADLINE_S, env=self.environment)

    def test_right_and_wrong_runners(self):
        result = self.mock(str(TARN), "run", "{document}", "--poll", "0")
        self.assertEqual(result.returncode, 0, result.stderr)
        figures = json.loads(result.stdout)
        self.assertEqual(figures.pop("polls"), 20)
        self.assertEqual(set(figures), {"first_request_ms", "steps_per_second", "peak_mb", "cpu_ms"})
        self.assertTrue(all(value > 0 for value in figures.values()), figures)
        for command, expected in ((["true"], "0 jobs and 0 polls instead of 1 and 20"),
                                  ([str(TARN), "check", "{document}"], "0 jobs"),
                                  ([str(TARN), "run", "{document}", "--timeout", "1ms"], "status 4")):
            result = self.mock(*command)
            self.assertEqual((result.returncode, result.stdout), (1, ""), command)
            self.assertIn(expected, result.stderr)


if __name__ == "__main__":
    unittest.main()
