"""A small HTTP server whose answers a test scripts, and which remembers what it was asked."""
import http.server
import json
import threading


class Scripted:
    """Serves on a free loopback port. `answer(method, path, headers, body)` gives a status and a value
    (JSON, bytes as they are, or None), or these with a dictionary of headers."""

    def __init__(self, answer):
        self.requests = []  # (method, path, headers, decoded body)
        lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    value = json.loads(body) if body else None
                except ValueError:
                    value = body
                with lock:
                    outer.requests.append((self.command, self.path, dict(self.headers), value))
                    got = answer(self.command, self.path, self.headers, value)
                status, content, headers = got if len(got) == 3 else (*got, {})
                data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(
                    content).encode()
                self.send_response(status)
                headers = {"Content-Type": "application/json", **headers}
                for name, text in headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # Clients are killed in the middle of exchanges on purpose.

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def paths(self):
        return [f"{method} {path}" for method, path, _, _ in self.requests]
