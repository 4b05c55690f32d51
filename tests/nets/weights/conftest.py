"""A server on this machine that can cut, resume, redirect and refuse."""

import dataclasses
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclasses.dataclass
class Shelf:
    """What the server holds and how it behaves; ``ranges`` records what was asked for."""

    address: str = ""
    content: bytes = b""
    etag: str = '"one"'
    cuts: list[int] = dataclasses.field(default_factory=list)
    ranges: list[str] = dataclasses.field(default_factory=list)
    resumes: bool = True
    status: int = 200
    location: str = ""
    linked: str = ""
    retry_after: str = ""
    shift: int = 0
    wait: threading.Event | None = None
    paths: list[str] = dataclasses.field(default_factory=list)


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            shelf.ranges.append(asked)
            shelf.paths.append(self.path)
            if shelf.wait is not None:
                shelf.wait.wait(timeout=20)
            if shelf.location and self.path != "/moved":
                self.send_response(302)
                self.send_header("Location", shelf.location)
                self.send_header("X-Linked-ETag", f'"{shelf.linked}"')
                self.end_headers()
                return
            if shelf.status != 200:
                self.send_response(shelf.status)
                self.send_header("Content-Length", "0")
                if shelf.retry_after:
                    self.send_header("Retry-After", shelf.retry_after)
                self.end_headers()
                return
            start = 0
            if asked and shelf.resumes and self.headers.get("If-Range") == shelf.etag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(shelf.content):
                    self.send_error(416)
                    return
            start += shelf.shift if start else 0
            body = shelf.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", shelf.etag)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(shelf.content) - 1}/{len(shelf.content)}")
            self.end_headers()
            self.wfile.write(body[: shelf.cuts.pop(0)] if shelf.cuts else body)

    return Handler


@pytest.fixture
def shelf():
    shelf = Shelf()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shelf))
    shelf.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
