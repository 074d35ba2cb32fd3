"""The engine by itself: how long the device idles between jobs, and how soon a cancel is obeyed."""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from core.graph import recipes
from core.graph.catalogue import Resource
from core.ipc.commands import Cancel, EngineOptions, RunGraph
from core.ipc.reports import JobCanceled, JobDone, JobProgressed
from core.paths import Layout, shipped
from core.records.model import ModelDefaults
from tests.bench.report import Row, quantile
from tests.engine.process import EngineProcess

JOBS = 12
CANCELS = 12
LARGE = 256  # pixels: long enough steps and decodes to be canceled in
_GRACE = 0.05  # seconds that a cancel may take beyond what cannot be stopped


class Held(NamedTuple):
    """A time for which the device was had, in seconds."""

    begun: float
    ended: float
    phase: str
    job: str


class Engine:
    """An engine of the starter, and the times for which its device was had."""

    def __init__(self, folder: Path) -> None:
        layout = Layout(folder / "data")
        layout.make()
        self._log = folder / "held"
        options = EngineOptions(
            staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", cache_mb=0
        )
        self.process = EngineProcess(options, ("-m", "tests.bench.held", str(self._log)))
        self._resource = Resource(
            id="starter", kind="checkpoint", path=str(shipped("starter")), identity="starter",
            family="sd1", name="starter", format="diffusers",
        )  # fmt: skip

    def send(self, name: str, **fields: Any) -> None:
        """Send a job that draws on its own; nothing of it comes from a cache."""
        ask = {"prompt": "a red fox", "model": "starter", "seed": 1, **fields}
        graph = recipes.build("txt2img", ask, ModelDefaults()).graph
        self.process.send(
            RunGraph(job=name, graph=graph, resources={"starter": self._resource}, exact=True)
        )

    def held(self, jobs: Sequence[str]) -> list[Held]:
        """Give the times of some jobs, in order."""
        found = []
        for line in self._log.read_text("utf-8").splitlines():
            begun, ended, phase, job = line.split(" ")
            if job in jobs:
                found.append(Held(float(begun), float(ended), phase, job))
        return sorted(found)


@contextmanager
def started() -> Iterator[Engine]:
    """Start an engine that has drawn a picture of each size."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        try:
            for size in (64, LARGE):
                name = f"warm-{size}"
                engine.send(name, width=size, height=size, steps=2)
                engine.process.wait(JobDone, name)
            yield engine
        finally:
            engine.process.end()


def measure() -> list[Row]:
    """Run jobs that queue, then cancel some in the middle of a step and of a decode."""
    with started() as engine:
        gaps, share = _gaps(engine)
        step = _cancels(engine, "step", steps=400)
        decode = _cancels(engine, "decode", steps=1)
    return [
        Row(what=f"device idle between two holds while {JOBS} jobs wait, p99", unit="ms",
            value=quantile(gaps, 0.99) * 1e3, target=5,
            beside=f"p50 {statistics.median(gaps) * 1e3:.2f} ms, most {max(gaps) * 1e3:.1f} ms, "
            f"{share:.1%} of the time"),
        Row(what="cancel in a step, beyond one step, most", value=max(step) * 1e3,
            unit="ms", target=_GRACE * 1e3, beside=f"{len(step)} cancels at {LARGE} pixels"),
        Row(what="cancel in a decode, beyond one decode, most", value=max(decode) * 1e3,
            unit="ms", target=_GRACE * 1e3, beside=f"{len(decode)} cancels at {LARGE} pixels"),
    ]  # fmt: skip


def _gaps(engine: Engine) -> tuple[list[float], float]:
    """Give the gaps between holds while jobs wait, and their share of the time."""
    names = [f"queued-{number}" for number in range(JOBS)]
    for number, name in enumerate(names):
        engine.send(name, width=64, height=64, steps=10, seed=number)
    for _ in names:
        engine.process.wait(JobDone)
    held = engine.held(names)
    gaps = [max(0.0, b.begun - a.ended) for a, b in itertools.pairwise(held)]
    return gaps, sum(gaps) / (held[-1].ended - held[0].begun)


def _cancels(engine: Engine, phase: str, steps: int) -> list[float]:
    """Cancel jobs in a phase; give the seconds until each said so, beyond one step or decode."""
    beyond = []
    for number in range(CANCELS):
        name = f"{phase}-{number}"
        engine.send(name, width=LARGE, height=LARGE, steps=steps, seed=number)
        _see(engine.process, lambda at, name=name: at.job == name and at.phase == "step")
        engine.process.send(Cancel(job=name))  # after the last step what runs is the decode
        sent = time.monotonic()
        engine.process.wait((JobCanceled, JobDone), name)  # it may be too late to cancel
        took = time.monotonic() - sent
        longest = max(one.ended - one.begun for one in engine.held([name]))
        beyond.append(max(0.0, took - longest))
    return beyond


def _see(process: EngineProcess, wanted: Callable[[JobProgressed], bool]) -> None:
    while not wanted(process.wait(JobProgressed)):
        pass
