"""What an engine process does when its device is full, leaks, or is lost: as the server sees it.

The processor plays the device, with a budget; ``tests/gpu`` asks the same of a card.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from core.graph.catalogue import Resource
from core.ipc import exits
from core.ipc.commands import EngineOptions, RunGraph
from core.ipc.reports import Degraded, Fatal, Hello, JobDone, JobFailed, JobProgressed
from core.records.graph import Graph, GraphNode
from tests.engine.pictures import draw
from tests.engine.process import PATIENCE, EngineProcess
from tests.engine.tiny import write_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PROGRAM = ("-m", "tests.engine.capped")
NODES = '''
from core.engine import Context, Node

class Leak(Node, tag="mine.leak"):
    """Take memory, and never give it back."""

    pure = False

    def run(self, ctx: Context) -> None:
        ctx.engine.device.budget.take(257 << 20)

class Break(Node, tag="mine.break"):
    """Lose the device, and fail of something else."""

    def run(self, ctx: Context) -> None:
        ctx.engine.device.broken = True
        raise ValueError("the picture is empty")
'''
Start = Callable[[int], EngineProcess]


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_model(folder)
    found = Resource(
        id="m", kind="checkpoint", path=str(folder), identity="tiny", family="sd1", name="tiny",
        format="diffusers",
    )  # fmt: skip
    return {"m": found}


@pytest.fixture
def capped(options: EngineOptions) -> Iterator[Start]:
    """Start engines on devices of so many bytes; what still runs at the end is killed."""
    started: list[EngineProcess] = []
    Path(options.nodes, "mine.py").write_text(NODES, "utf-8")

    def start(limit: int) -> EngineProcess:
        quiet = msgspec.structs.replace(options, preview_rate=0.0, cache_mb=0)
        started.append(EngineProcess(quiet, (*PROGRAM, str(limit))))
        started[-1].wait(Hello)
        return started[-1]

    yield start
    for process in started:
        if process.child.poll() is None:
            process.child.kill()
        process.end()


def one(kind: str) -> Graph:
    return Graph(nodes=[GraphNode(id="it", type=kind)])


def test_a_picture_too_large_for_the_device_succeeds_and_each_rung_is_told(
    capped: Start, resources: dict[str, Resource]
) -> None:
    engine = capped(3_900_000)
    assert next(r for r in engine.seen if isinstance(r, Hello)).memory_total == 3_900_000
    done = engine.run("large", draw(128), JobDone, resources=resources)
    assert done.degraded == ["evict_idle", "offload"]
    told = [report for report in engine.seen if isinstance(report, Degraded)]
    assert [(report.job, report.rung) for report in told] == [
        ("large", "evict_idle"), ("large", "offload"),
    ]  # fmt: skip
    assert all(report.needed > 0 for report in told)
    assert 0 < done.peak_bytes <= 3_900_000
    assert engine.run("small", draw(64), JobDone, resources=resources).degraded == []


def test_what_fits_by_no_means_fails_alone_in_an_engine_that_goes_on(
    capped: Start, resources: dict[str, Resource]
) -> None:
    engine = capped(2_300_000)
    engine.send(RunGraph(job="beside", graph=draw(32, steps=30), resources=resources))
    while engine.wait(JobProgressed, "beside").phase != "step":
        pass
    failed = engine.run("large", draw(128), JobFailed, resources=resources)
    assert failed.code == "out_of_memory"
    assert int(str(failed.params["needed"])) > int(str(failed.params["free"])) >= 0
    if not any(isinstance(r, JobDone) for r in engine.seen):
        engine.wait(JobDone, "beside")
    assert engine.run("after", draw(32), JobDone, resources=resources).degraded == []


def test_a_leak_that_goes_on_ends_the_engine_between_two_jobs(capped: Start) -> None:
    engine = capped(1 << 40)
    for index in range(3):
        engine.run(f"leak{index}", one("mine.leak"), JobDone)
    assert engine.child.wait(PATIENCE) == exits.STALE


def test_a_device_that_is_lost_unnoticed_is_found_out_when_its_job_fails(capped: Start) -> None:
    engine = capped(1 << 40)
    engine.send(RunGraph(job="break", graph=one("mine.break")))
    assert "device-side assert" in engine.wait(Fatal).reason
    assert engine.child.wait(PATIENCE) == exits.POISON


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="Linux only")
def test_the_kernel_is_asked_to_end_the_engine_before_others(capped: Start) -> None:
    engine = capped(1 << 40)
    asked = Path(f"/proc/{engine.child.pid}/oom_score_adj").read_text("ascii")
    assert int(asked) == 500
