"""A real engine process, spoken to over its two pipes."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from queue import Queue
from typing import TypeVar

import msgspec

from core.ipc import frames
from core.ipc.commands import AnyCommand, EngineOptions, RunGraph
from core.ipc.reports import AnyReport
from core.records.graph import Graph

R = TypeVar("R")
PATIENCE = 60  # seconds: the machine may be busy


class EngineProcess:
    """A child engine: ``send`` a command, ``wait`` for a report of a kind."""

    def __init__(
        self, options: EngineOptions, program: Sequence[str] = ("-m", "core.engine")
    ) -> None:
        self.options = options
        self.child = subprocess.Popen(
            [
                sys.executable, "-X", "faulthandler", *program,
                msgspec.json.encode(options).decode(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )  # fmt: skip
        self.seen: list[AnyReport] = []
        self._reports: Queue[AnyReport | None] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, command: AnyCommand) -> None:
        assert self.child.stdin is not None
        frames.write(self.child.stdin, command)  # type: ignore[arg-type]

    def wait(self, kind: type[R] | tuple[type[R], ...], job: str | None = None) -> R:
        """Take reports until one of ``kind`` comes; those before it are in ``seen``."""
        while True:
            report = self._reports.get(timeout=PATIENCE)
            assert report is not None, "the engine ended"
            self.seen.append(report)
            if isinstance(report, kind) and job in (None, getattr(report, "job", None)):
                return report

    def run(self, name: str, graph: Graph, kind: type[R], **fields: object) -> R:
        self.send(RunGraph(job=name, graph=graph, **fields))  # type: ignore[arg-type]
        return self.wait(kind, name)

    def end(self) -> int:
        """Close the engine's stdin and wait for its exit code."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        code = self.child.wait(PATIENCE)
        self.child.stdout.close()
        return code

    def _read(self) -> None:
        assert self.child.stdout is not None
        try:
            while (report := frames.read_report(self.child.stdout)) is not None:  # type: ignore[arg-type]
                self._reports.put(report)
        except (frames.FrameError, OSError, ValueError):
            pass
        self._reports.put(None)
