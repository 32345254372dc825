#!/usr/bin/env python3
"""A server for workflow runners, and what a runner needs to reach the end against it.

usage: bench/workflow_mock.py [--polls N] -- COMMAND ...

Writes a workflow and its OpenAPI description into a temporary folder, runs COMMAND with {document}
replaced by the workflow's path, and prints one JSON line: milliseconds from launch to the first
request, poll steps a second between the first and the last answer, the largest resident memory of
the command's processes, and CPU time. The workflow creates a job and polls it by a goto to its own
step, N times; a wrong request or a wrong count of them ends with status 1 and without figures.

examples:
  bench/workflow_mock.py --polls 5000 -- build/release/tarn run {document} --poll 0 --json
  bench/workflow_mock.py --polls 500 -- npx @redocly/cli respect {document}
"""
import argparse
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE_S = 600
OPENAPI = """openapi: 3.0.3
info: {{title: Jobs, version: '1'}}
servers: [{{url: '{url}'}}]
paths:
  /jobs:
    post:
      operationId: createJob
      requestBody: {{content: {{application/json: {{schema: {{type: object}}}}}}}}
      responses: {{'200': {{description: made}}}}
  /jobs/{{id}}:
    get:
      operationId: describeJob
      parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
      responses: {{'200': {{description: its state}}}}
"""
WORKFLOW = """arazzo: 1.0.1
info: {title: Create a job and wait for it, version: '1'}
sourceDescriptions: [{name: jobs, url: ./jobs-openapi.yaml, type: openapi}]
workflows:
- workflowId: create-and-wait
  steps:
  - stepId: create
    operationId: createJob
    requestBody: {contentType: application/json, payload: {name: bench, clientToken: one}}
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {id: $response.body#/id}
  - stepId: poll
    operationId: describeJob
    parameters: [{name: id, in: path, value: $steps.create.outputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {state: $response.body#/state}
    onSuccess:
    - {name: done, type: end, criteria: [{condition: "$response.body#/state == 'DONE'"}]}
    - {name: again, type: goto, stepId: poll, criteria: [{condition: "$response.body#/state == 'BUSY'"}]}
  outputs: {state: $steps.poll.outputs.state}
"""


def answer(body):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


CREATED = answer(b'{"id":"job-1","state":"BUSY"}')
BUSY = answer(b'{"id":"job-1","state":"BUSY","progress":{"files":12,"bytes":34567}}')
DONE = answer(b'{"id":"job-1","state":"DONE","progress":{"files":12,"bytes":34567}}')


class Jobs:
    """What was asked, and when."""

    def __init__(self, polls):
        self.polls = polls
        self.seen = self.created = 0
        self.first = self.first_poll = self.last_poll = None
        self.wrong = []
        self.on_done = lambda: None

    def reply(self, head):
        now = time.monotonic()
        self.first = self.first or now
        if head.startswith(b"POST /jobs "):
            self.created += 1
            return CREATED
        if not head.startswith(b"GET /jobs/job-1 "):
            self.wrong.append(head[:100].decode("latin-1"))
            return answer(b"{}").replace(b"200 OK", b"404 Not Found")
        self.seen += 1
        self.first_poll = self.first_poll or now
        self.last_poll = now
        if self.seen == self.polls:
            self.on_done()
        return DONE if self.seen >= self.polls else BUSY


def serve(jobs, listener):
    """Answers every connection from a thread of its own, with blocking reads: an event loop would
    cost as much as the runner that is measured."""
    while True:
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=converse, args=(jobs, connection), daemon=True).start()


def converse(jobs, connection):
    buffer = b""
    with connection:
        while True:
            data = connection.recv(65536)
            if not data:
                return
            buffer += data
            while True:
                head, mark, rest = buffer.partition(b"\r\n\r\n")
                if not mark:
                    break
                length = 0
                if not head.startswith(b"GET "):
                    at = head.lower().find(b"content-length:")
                    length = int(head[at + 15:].split(b"\r\n", 1)[0]) if at >= 0 else 0
                if len(rest) < length:
                    break
                buffer = rest[length:]
                connection.sendall(jobs.reply(head))


def tree_peak_mb(root):
    """The sum of the largest resident sizes of a process and its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, todo = 0, [root]
    while todo:
        process = todo.pop()
        todo += children.get(process, [])
        try:
            status = pathlib.Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return total / 1024


def measure(polls, command):
    """Returns the figures, or a text that says what went wrong."""
    jobs = Jobs(polls)
    listener = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d" % listener.getsockname()[1]
    threading.Thread(target=serve, args=(jobs, listener), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="tarn-mock-") as folder:
        (pathlib.Path(folder) / "jobs-openapi.yaml").write_text(OPENAPI.format(url=url))
        document = pathlib.Path(folder) / "jobs-workflow.yaml"
        document.write_text(WORKFLOW)
        command = [word.replace("{document}", str(document)) for word in command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Into a file: reading a pipe would take time from answering.
        output = open(pathlib.Path(folder) / "output", "w+b")
        environment = {**os.environ, "TARN_RUNS_DIR": folder + "/runs"}
        peak = []
        root = []
        jobs.on_done = lambda: peak.append(tree_peak_mb(root[0]))
        launched = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env=environment)
        root.append(process.pid)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"the command took more than {DEADLINE_S} s"
        finally:
            listener.close()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with output:
            output.seek(0)
            last = output.read().decode(errors="replace")[-500:]
    if process.returncode != 0:
        return f"the command ended with status {process.returncode}: {last}"
    if jobs.wrong:
        return f"a request that the workflow does not have: {jobs.wrong[0]}"
    if (jobs.created, jobs.seen) != (1, polls):
        return f"{jobs.created} jobs and {jobs.seen} polls instead of 1 and {polls}: {last}"
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return {"first_request_ms": round((jobs.first - launched) * 1000, 3),
            "steps_per_second": round((polls - 1) / max(jobs.last_poll - jobs.first_poll, 1e-9), 1),
            "peak_mb": round(peak[0], 2), "cpu_ms": round(cpu * 1000, 1), "polls": polls}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=1000, help="until the job is done (at least 2)")
    parser.add_argument("command", nargs="+", help="the runner; {document} is the workflow's path")
    options = parser.parse_args()
    if options.polls < 2:
        parser.error("--polls: at least 2")
    result = measure(options.polls, options.command)
    if isinstance(result, str):
        print(f"workflow_mock: {result}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
