"""What the server remembers of a client between its calls: options it set, tasks it started.

A1111 keeps one set for everybody; here each client has its own, so that none changes or stops
another's. In memory alone: what matters is in the queue. Knows no HTTP.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

CLIENTS = 1000  # that are remembered; who was away longest is forgotten
TASKS = 64  # of a client


@dataclass(frozen=True, kw_only=True)
class Task:
    """One request: its jobs, in order, and what is echoed of it."""

    id: str
    kind: str  # txt2img, img2img
    jobs: list[str]
    parameters: dict[str, Any]
    warnings: list[str]
    seen: bool = True  # whether pictures are sent
    begun: float = field(default_factory=time.time)  # seconds since 1970


@dataclass
class Session:
    """One client."""

    options: dict[str, Any] = field(default_factory=dict)
    tasks: OrderedDict[str, Task] = field(default_factory=OrderedDict)

    def begin(self, task: Task) -> None:
        """Remember a task; the oldest is forgotten."""
        self.tasks[task.id] = task
        while len(self.tasks) > TASKS:
            self.tasks.popitem(last=False)

    def newest(self) -> list[Task]:
        """List tasks, the newest first."""
        return list(reversed(self.tasks.values()))


class Sessions:
    """All clients."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Session] = OrderedDict()

    def of(self, client: str) -> Session:
        """Give a client's session."""
        found = self._held.pop(client, None) or Session()
        self._held[client] = found
        while len(self._held) > CLIENTS:
            self._held.popitem(last=False)
        return found
