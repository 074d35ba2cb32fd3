"""A receiver of webhooks on this machine: takes them, refuses them, hangs up, or never answers."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any

Answer = tuple[int, dict[str, str]]
WAIT = 30.0  # seconds for what must come in the end


@dataclass(frozen=True)
class Posted:
    """A request as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


class Receiver:
    """A server on a port of its own. Whoever waits for several is told of each.

    :param answers: statuses of the first answers, with headers; 0 hangs up; afterwards 204.
    """

    changed = threading.Condition()

    def __init__(self, *answers: int | Answer) -> None:
        given = (one if isinstance(one, tuple) else (one, {}) for one in answers)
        self.answers: Iterator[Answer] = chain(given, repeat((204, {})))
        self.posted: list[Posted] = []
        self.open = threading.Event()  # while it is not set, nothing is answered
        self.open.set()
        self.endless = False  # its answers have no end
        self._server = _Server(self)

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def wait(self, count: int) -> list[Posted]:
        """Wait until so many have come, and give them."""
        together([self], count)
        return list(self.posted)


def together(receivers: Sequence[Receiver], count: int) -> None:
    """Wait until so many have come to all of them."""
    until = time.monotonic() + WAIT
    with Receiver.changed:
        while (there := sum(len(one.posted) for one in receivers)) < count:
            left = until - time.monotonic()
            assert left > 0, f"{there} of {count} came"
            Receiver.changed.wait(left)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: hanging up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with receiver.changed:
            receiver.posted.append(Posted(self.path, headers, body))
            status, more = next(receiver.answers)
            receiver.changed.notify_all()
        receiver.open.wait()
        self.close_connection = True
        if status == 0:
            return
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        if receiver.endless:
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
