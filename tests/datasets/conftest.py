import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer:
    """Serves bytes on loopback; each path can be told to misbehave."""

    def __init__(self):
        self.files = {}
        self.ranges = True
        self.break_after = []  # bytes to send before hanging up, one a request
        self.status = None
        self.delay = None
        self.requests = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # a client may hang up
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked))
        if self.delay is not None:
            self.delay.wait(10)
        content = self.files.get(handler.path.lstrip("/"))
        if self.status or content is None:
            handler.send_error(self.status or 404)
            return
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if start and start >= len(content):
            handler.send_error(416)
            return
        body = content[start:]
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header(
                "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
            )
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.break_after:
            body = body[: self.break_after.pop(0)]
        handler.wfile.write(body)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server():
    server = FileServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _no_data_root(monkeypatch):
    monkeypatch.delenv("GRAPHLLM_DATA", raising=False)


@pytest.fixture
def write(tmp_path):
    """Writes text files into one folder and returns the folder."""

    def _write(**files):
        folder = tmp_path / "graph"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            stem, _, suffix = name.rpartition("_")
            raw = content.encode() if isinstance(content, str) else content
            (folder / f"{stem}.{suffix}").write_bytes(raw)
        return folder

    return _write
