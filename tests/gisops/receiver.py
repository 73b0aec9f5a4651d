"""Another system, as a real server on this machine: what it was sent, and what it answers, is the test's to say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Keeps every message (headers by lower-case name, body); answers by ``statuses``, then ``status``, and 400 to the
    ids that are ``unwanted``.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.status = 200
        self.unwanted: set[str] = set()
        self.headers_back: dict[str, str] = {}
        self.hold: threading.Event | None = None
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def ids(self) -> list[str]:
        """The key of each message that was taken, in order."""
        return [headers["webhook-id"] for headers, _ in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hold is not None:
            self.server.hold.wait(20)
        status = self.server.statuses.pop(0) if self.server.statuses else self.server.status
        if self.headers["webhook-id"] in self.server.unwanted:
            status = 400
        if status < 300:
            self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(status)
        for name, value in self.server.headers_back.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver that answers until the end of the block."""
    server = Receiver(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
