"""What clients were told: answers, and facts and frames in the order they came.

The other half of the story is on the disk; ``invariants`` holds the two together.
"""

import json
import random
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import ClientConnection, connect

_GONE = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, TimeoutError)


@dataclass
class History:
    """Everything that was promised to anybody."""

    jobs: dict[str, None] = field(default_factory=dict)  # accepted, in order
    batches: dict[str, str] = field(default_factory=dict)  # idempotency key → batch
    uploads: set[str] = field(default_factory=set)
    taught: dict[str, str] = field(default_factory=dict)  # picture of a dataset → dataset
    deleted: set[str] = field(default_factory=set)  # pictures whose deletion was asked for
    canceled: set[str] = field(default_factory=set)  # jobs of which a cancel was accepted

    def accepted(self, key: str, answer: dict[str, Any]) -> None:
        """Note an answer to a request for jobs; the same key must always name the same batch."""
        before = self.batches.setdefault(key, answer["batch"])
        assert before == answer["batch"], f"{key} became two batches"
        jobs = answer["jobs"]
        self.jobs.update(dict.fromkeys(job if isinstance(job, str) else job["id"] for job in jobs))


class Listener:
    """A client that follows every fact and every preview, over any number of connections.

    :param url: asks for the address anew for each connection.
    :param patience: draws how many messages a connection takes before it is dropped; ``None``
        stays as long as it can.
    """

    def __init__(
        self,
        url: Callable[[], str],
        patience: Callable[[random.Random], int] | None = None,
        seed: int = 5,
    ) -> None:
        self._url = url
        self._patience = patience
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="listener", daemon=True)
        self.facts: list[dict[str, Any]] = []
        self.connections = 0
        self.unresumed = 0  # connections whose ``since`` was too old
        self.late: list[dict[str, Any]] = []  # frames that came after the end of their job
        self._ended: set[str] = set()

    def start(self) -> "Listener":
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Hear no more."""
        self._over.set()
        self._thread.join(20)

    @property
    def seq(self) -> int:
        """Number of the last fact."""
        return self.facts[-1]["seq"] if self.facts else 0

    def _follow(self) -> None:
        while not self._over.is_set():
            topics = "jobs,previews,training,gallery,models,system"
            url = f"{self._url()}/api/v1/ws?since={self.seq}&topics={topics}"
            try:
                with connect(url, proxy=None, open_timeout=5, close_timeout=0.2) as socket:
                    self._hear(socket)
            except _GONE:
                self._over.wait(0.01)

    def _hear(self, socket: ClientConnection) -> None:
        hello = json.loads(socket.recv(5))
        assert hello["type"] == "hello", hello
        self.connections += 1
        self.unresumed += not hello["resumed"]
        left = self._patience(self._chance) if self._patience else -1
        rude = self._patience is not None and self._chance.random() < 0.5
        while left != 0 and not self._over.is_set():
            try:
                message = socket.recv(0.1)
            except TimeoutError:
                continue
            left -= 1
            self._note(message)
        if rude:
            socket.close_socket()  # no goodbye

    def _note(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            (size,) = struct.unpack_from(">I", message)
            told = json.loads(message[4 : 4 + size])
        else:
            told = json.loads(message)
        if "seq" in told:
            self.facts.append(told)
            if told["type"] == "job.ended":
                self._ended.add(told["job"])
        elif told.get("job") in self._ended:
            self.late.append(told)
