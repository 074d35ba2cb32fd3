"""An engine's own loop in this process, spoken to over two pipes as the server does."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar

from core.engine.device import Device
from core.engine.heart import Heart
from core.engine.inbox import Inbox
from core.engine.loop import Loop
from core.engine.outbox import Outbox
from core.graph.catalogue import Resource
from core.graph.recipes import build
from core.ipc import frames
from core.ipc.commands import AnyCommand, EngineOptions, RunGraph, Steer, Steering, Stop
from core.ipc.reports import (
    AnyReport,
    JobCanceled,
    JobDone,
    JobFailed,
    TrainingLosses,
    TrainingParked,
)
from core.paths import Layout
from core.records.model import ModelDefaults
from core.records.training import LossPoint

R = TypeVar("R")
ENDS = (JobDone, JobFailed, JobCanceled, TrainingParked)
PATIENCE = 120  # seconds: the machine may be busy


class Studio:
    """A loop on a thread: ``send`` a command, ``wait`` for a report."""

    def __init__(self, folder: Path, device: Device | None = None, **options: Any) -> None:
        layout = Layout(folder)
        layout.make()
        given = EngineOptions(
            staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", threads=1,
            cache_mb=16, **options,
        )  # fmt: skip
        # Both ends stay open: an inbox whose pipe closes ends the process.
        ours, self._commands = _pipe()
        reading, theirs = _pipe()
        outbox, inbox = Outbox(theirs), Inbox(ours)
        for part in (outbox, inbox):
            part.start()
        self.staging = layout.staging
        self.loop = Loop(given, inbox, outbox, Heart(outbox), device)
        self.engine = self.loop._engine
        self.seen: list[AnyReport] = []
        self._reports: Queue[AnyReport] = Queue()
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()
        threading.Thread(target=self._read, args=(reading,), daemon=True).start()

    def send(self, command: AnyCommand) -> None:
        frames.write(self._commands, command)

    def steer(self, steering: Steering, *prompts: str, job: str = "T") -> None:
        self.send(Steer(job=job, steering=steering, prompts=list(prompts)))

    def wait(self, kind: type[R] | tuple[type[R], ...], job: str | None = "T") -> R:
        """Take reports until one of a kind comes; all that came are in ``seen``."""
        while True:
            report = self._reports.get(timeout=PATIENCE)
            self.seen.append(report)
            if isinstance(report, kind) and job in (None, getattr(report, "job", None)):
                return report
            assert not isinstance(report, ENDS) or job != report.job, report

    def until(self, step: int) -> None:
        """Wait until a step was told."""
        while not any(point.step >= step for point in self.wait(TrainingLosses).points):
            pass

    def told(self, kind: type[R], job: str = "T") -> list[R]:
        found = [one for one in self.seen if isinstance(one, kind)]
        return [one for one in found if getattr(one, "job", job) == job]

    def losses(self, job: str = "T") -> list[tuple[int, float, float | None]]:
        """Give what each step lost; of one that was told again the newest."""
        points: dict[int, LossPoint] = {}
        for report in self.told(TrainingLosses, job):
            points |= {point.step: point for point in report.points}
        return [(step, points[step].loss, points[step].grad_norm) for step in sorted(points)]

    def picture(self, source: Resource, job: str, seed: int = 3) -> None:
        """Ask for a picture."""
        self.send(graph(source, job, seed))

    def end(self, grace: float = 0.0) -> None:
        self.send(Stop(grace=grace))
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _read(self, stream: Any) -> None:
        while (report := frames.read_report(stream)) is not None:
            self._reports.put(report)


@contextmanager
def studio(folder: Path, device: Device | None = None, **options: Any) -> Iterator[Studio]:
    made = Studio(folder, device, **options)
    try:
        yield made
    finally:
        if made._thread.is_alive():
            made.end()


def graph(source: Resource, job: str, seed: int = 3, **more: Any) -> RunGraph:
    fields: dict[str, Any] = {
        "model": "m", "prompt": "a red fox", "width": 32, "height": 32, "steps": 4,
        "guidance_scale": 2.0, "sampler": "euler", "seed": seed, **more,
    }  # fmt: skip
    made = build("txt2img", fields, ModelDefaults()).graph
    return RunGraph(job=job, graph=made, resources={"m": source}, exact=True)


def _pipe() -> tuple[Any, Any]:
    ours, theirs = os.pipe()
    return (
        os.fdopen(ours, "rb", buffering=0, closefd=False),
        os.fdopen(theirs, "wb", buffering=0, closefd=False),
    )
