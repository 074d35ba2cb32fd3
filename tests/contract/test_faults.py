"""What an engine process may do to the server: nothing. A torn, mute, deaf or hung child."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from core.errors import EngineUnavailable
from core.ipc.commands import Cancel, EngineOptions, RunGraph, Tune
from core.ipc.reports import JobCanceled, JobDone, JobProgressed, Previewed
from core.jobs.executor import Changed, Item, Lost, Stamped
from core.jobs.liveness import Limits
from core.jobs.process import ProcessExecutor, environment
from core.records.graph import Graph, GraphNode

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("child.py")
FAST = Limits(
    hello=10.0,
    beat=1.0,
    phases={"step": 0.2},
    tick=0.02,
    terminate=0.3,
    kill=5.0,
    back_off=(0.01,),
    probe=30.0,
)


def job(name: str, **settings: object) -> RunGraph:
    node = GraphNode(id="n", type="test.play", settings=settings)
    return RunGraph(job=name, graph=Graph(nodes=[node]))


class Listener:
    """Reads an executor's reports up to what a test waits for."""

    def __init__(self, executor: ProcessExecutor) -> None:
        self.executor = executor
        self.items = executor.reports()
        self.heard: list[Item] = []

    async def until(self, kind: type, **fields: object) -> Item:
        with anyio.fail_after(15):
            async for item in self.items:
                self.heard.append(item)
                body = item.report if isinstance(item, Stamped) else item
                if isinstance(body, kind) and all(
                    getattr(body, name) == value for name, value in fields.items()
                ):
                    return body
        raise AssertionError(f"ended without {kind.__name__} {fields}: {self.heard[-3:]}")

    async def ready(self) -> None:
        await self.until(Changed, state="ready")


@asynccontextmanager
async def engine(mode: str = "good", limits: Limits = FAST) -> AsyncIterator[Listener]:
    options = EngineOptions(staging="", nodes="")
    executor = ProcessExecutor(
        options,
        argv=[sys.executable, "-X", "faulthandler", str(CHILD), mode, json.dumps({})],
        limits=limits,
    )
    async with anyio.create_task_group() as group:
        await group.start(executor.run)
        yield Listener(executor)
        group.cancel_scope.cancel()


async def test_a_job_is_answered_and_its_frames_come_in_order() -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.send(job("a", steps=3, value=7))
        done = await heard.until(JobDone)
        assert done.outputs == {"n.out": 7}
        moved = [i.report for i in heard.heard if isinstance(i, Stamped)]
        assert [r.step for r in moved if isinstance(r, JobProgressed)] == [1, 2, 3]
        assert [r.step for r in moved if isinstance(r, Previewed)] == [1, 2, 3]


async def test_settings_are_kept_for_the_engines_that_follow() -> None:
    async with engine() as heard:
        with pytest.raises(EngineUnavailable):
            heard.executor.send(Tune(preview_rate=3.0))
        for generation in (1, 2):
            await heard.ready()
            heard.executor.send(job("a", do="exit"))
            lost = await heard.until(Lost, generation=generation)
            assert lost.log_tail.splitlines()[0] == "tuned to 3.0"


async def test_nothing_is_sent_before_the_hello() -> None:
    async with engine("mute") as heard:
        await heard.until(Changed, state="starting")
        with pytest.raises(EngineUnavailable):
            heard.executor.send(job("a"))


@pytest.mark.parametrize(
    ("fault", "exit_code", "reason"),
    [
        ("crash", -11, "exit"),
        ("exit", 3, "exit"),
        ("torn", None, "junk"),
        ("junk", None, "junk"),
        ("huge", None, "junk"),
        ("fatal", 86, "cuda_poisoned"),
        ("stale", 90, "renewed"),
        ("hang", None, "no_progress"),
    ],
)
async def test_a_fault_ends_the_generation_and_the_next_one_works(
    fault: str, exit_code: int | None, reason: str
) -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.send(job("bad", do=fault))
        lost = await heard.until(Lost)
        assert (lost.generation, lost.reason) == (1, reason)
        if exit_code is not None:
            assert lost.exit_code == exit_code
        await heard.ready()
        heard.executor.send(job("good"))
        await heard.until(JobDone, job="good")
        assert heard.executor.generation == 2


async def test_a_crash_leaves_its_traceback_in_the_log_tail() -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.send(job("bad", do="crash"))
        lost = await heard.until(Lost)
        assert "Segmentation fault" in lost.log_tail


async def test_what_a_node_prints_does_not_reach_the_pipe() -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.send(job("a", do="print"))
        await heard.until(JobDone, job="a")


async def test_a_cancel_reaches_a_running_job() -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.send(job("a", do="wait"))
        heard.executor.send(Cancel(job="a"))
        await heard.until(JobCanceled, job="a")


async def test_a_child_without_hello_is_killed() -> None:
    async with engine("mute", Limits(hello=0.3, tick=0.02, terminate=1.0)) as heard:
        assert (await heard.until(Lost)).reason == "no_hello"


async def test_a_child_of_another_protocol_is_refused() -> None:
    async with engine("old") as heard:
        assert (await heard.until(Lost)).reason == "protocol"


async def test_a_child_that_never_starts_opens_the_circuit_and_says_why() -> None:
    async with engine("dead") as heard:
        changed = await heard.until(Changed, state="unavailable")
        assert changed.generation == 5
        losses = [i for i in heard.heard if isinstance(i, Lost)]
        assert [lost.exit_code for lost in losses] == [1] * 5
        assert "no torch here" in losses[0].log_tail


async def test_a_program_that_does_not_exist_is_a_loss_like_any_other() -> None:
    options = EngineOptions(staging="", nodes="")
    executor = ProcessExecutor(options, argv=["/nonexistent/python"], limits=FAST)
    async with anyio.create_task_group() as group:
        await group.start(executor.run)
        lost = await Listener(executor).until(Lost)
        assert lost.reason == "not_started"
        group.cancel_scope.cancel()


async def test_poison_jobs_do_not_open_the_circuit() -> None:
    async with engine() as heard:
        for name in "abcdef":
            await heard.ready()
            heard.executor.send(job(name, do="exit"))
            await heard.until(Lost)
        await heard.ready()
        assert not [i for i in heard.heard if isinstance(i, Changed) and i.state == "unavailable"]


async def test_a_flood_on_stderr_blocks_nobody_and_keeps_its_end() -> None:
    async with engine("chatty") as heard:
        await heard.ready()
        heard.executor.send(job("a", do="exit"))
        lost = await heard.until(Lost)
        assert len(lost.log_tail) <= 256 * 1024
        assert "last words" in lost.log_tail


async def test_a_child_that_ignores_stop_and_terminate_is_killed() -> None:
    async with engine("deaf") as heard:
        await heard.ready()
        with anyio.fail_after(5):
            await heard.executor.stop(grace=0.05)
        lost = await heard.until(Lost)
        assert (lost.exit_code, lost.reason) == (-9, "stopped")
        assert heard.executor.state == "stopped"


async def test_a_stop_ends_the_reports() -> None:
    async with engine() as heard:
        await heard.ready()
        await heard.executor.stop(grace=1.0)
        rest = [item async for item in heard.items]
        assert isinstance(rest[-1], Changed)
        assert rest[-1].state == "stopped"


async def test_a_kill_from_outside_is_a_loss_with_its_reason() -> None:
    async with engine() as heard:
        await heard.ready()
        heard.executor.kill("cancel_ignored")
        assert (await heard.until(Lost)).reason == "cancel_ignored"


async def test_the_child_sees_no_secret() -> None:
    seen = environment({"HELIOGRAPH_TOKEN": "s", "HF_TOKEN": "s", "PATH": "p", "CUDA_X": "1"})
    assert "s" not in seen.values()
    assert (seen["PATH"], seen["CUDA_X"], seen["HF_HUB_OFFLINE"]) == ("p", "1", "1")


async def test_a_cancelled_run_leaves_no_process() -> None:
    async with engine() as heard:
        await heard.ready()
        hello = heard.executor.hello
        assert hello is not None
    with pytest.raises(ProcessLookupError):
        import os

        os.kill(hello.pid, 0)
