"""The engine as the server meets it: a process, two pipes, an exit code."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image as Pillow

from core.graph.catalogue import Resource
from core.ipc import exits
from core.ipc.commands import PROTOCOL, Cancel, EngineOptions, Rescan, RunGraph, Stop, Watch
from core.ipc.reports import (
    CatalogueChanged,
    Fatal,
    Heartbeat,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Previewed,
)
from core.records.graph import Graph, GraphNode
from tests.engine.process import PATIENCE, EngineProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

SOON = 10  # seconds: half of what a slow node takes; ``tests.bench.kills`` measures how soon
N = GraphNode
NODES = '''
import sys, time
import torch
from core.engine import Context, Node, Image

class Loud(Node, tag="mine.loud"):
    """Print, and read stdin, where a frame could be."""

    def run(self, ctx: Context) -> Image:
        print("x" * 100_000)
        assert sys.stdin.read() == ""
        return Image(pixels=torch.zeros(2, 3, 8, 8))

class Slow(Node, tag="mine.slow"):
    """Take many steps, and show each."""

    steps: int = 2000
    deaf: bool = False
    pure = False

    def run(self, ctx: Context) -> Image:
        for step in range(self.steps):
            if not self.deaf:
                ctx.check()
            ctx.progress(step, self.steps, preview=lambda: torch.zeros(8, 8, 3, dtype=torch.uint8))
            time.sleep(0.01)
        return Image(pixels=torch.zeros(1, 3, 8, 8))

class Poison(Node, tag="mine.poison"):
    """Lose the device."""

    def run(self, ctx: Context) -> Image:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
'''


@pytest.fixture(scope="module", autouse=True)
def written(nodes_folder: Path) -> None:
    (nodes_folder / "mine.py").write_text(NODES, "utf-8")


@pytest.fixture(scope="module")
def engine(options: EngineOptions, written: None) -> Iterator[EngineProcess]:
    process = EngineProcess(options)
    yield process
    assert process.child.poll() is None
    assert process.end() == exits.ORPHAN


@pytest.fixture(scope="module")
def hello(engine: EngineProcess) -> Hello:
    return engine.wait(Hello)


def graph(kind: str, **settings: object) -> Graph:
    save = N(id="save", type="image.save", inputs={"image": ("it", "out")})
    return Graph(nodes=[N(id="it", type=kind, settings=settings), save])


def test_the_engine_introduces_itself(engine: EngineProcess, hello: Hello) -> None:
    assert (hello.protocol, hello.pid, hello.device) == (PROTOCOL, engine.child.pid, "cpu")
    assert hello.memory_total > 1 << 28
    assert {"mine.loud", "image.save"} <= hello.catalogue.nodes.keys()
    assert hello.catalogue.problems == []


def test_a_picture_goes_in_and_comes_out(
    engine: EngineProcess, hello: Hello, tmp_path: Path
) -> None:
    Pillow.new("RGB", (100, 60), (255, 0, 0)).save(tmp_path / "red.png")
    red = Resource(id="R", kind="image", path=str(tmp_path / "red.png"), identity="1")
    nodes = [
        N(id="load", type="image.load", settings={"image": "R"}),
        N(
            id="small", type="image.resize", settings={"width": 32, "height": 16},
            inputs={"image": ("load", "out")},
        ),
        N(id="save", type="image.save", inputs={"image": ("small", "out")}),
    ]  # fmt: skip
    done = engine.run(
        "P", Graph(nodes=nodes), JobDone, resources={"R": red}, metadata={"heliograph": "{}"}
    )
    (saved,) = done.images
    assert (saved.width, saved.height, saved.node, done.ran) == (32, 16, "save", 3)
    with Pillow.open(Path(engine.options.staging, saved.path)) as opened:
        assert opened.getpixel((5, 5)) == (255, 0, 0)
        assert opened.info["heliograph"] == "{}"


def test_what_a_node_prints_corrupts_nothing(engine: EngineProcess, hello: Hello) -> None:
    assert len(engine.run("L", graph("mine.loud"), JobDone).images) == 2


def test_a_cancel_is_heard_at_once_and_leaves_no_file(engine: EngineProcess, hello: Hello) -> None:
    engine.send(RunGraph(job="C", graph=graph("mine.slow")))
    engine.wait(JobProgressed, "C")
    since = time.perf_counter()
    engine.send(Cancel(job="C"))
    engine.wait(JobCanceled, "C")
    assert time.perf_counter() - since < SOON
    assert not list(Path(engine.options.staging).glob("C-*"))


def test_a_cancel_of_one_job_leaves_the_others_alone(engine: EngineProcess, hello: Hello) -> None:
    for name in ("A1", "A2", "A3"):
        engine.send(RunGraph(job=name, graph=graph("mine.slow", steps=40)))
    engine.send(Cancel(job="A2"))
    engine.wait(JobCanceled, "A2")
    ended = [report.job for report in (engine.wait(JobDone), engine.wait(JobDone))]
    assert sorted(ended) == ["A1", "A3"]


def test_previews_come_while_watched_and_never_after_the_end(
    engine: EngineProcess, hello: Hello
) -> None:
    engine.send(Watch(jobs=["W"]))
    engine.run("W", graph("mine.slow", steps=40), JobDone)
    engine.run("U", graph("mine.slow", steps=40), JobDone)
    engine.send(Watch(jobs=[]))
    previews = [report for report in engine.seen if isinstance(report, Previewed)]
    assert 2 <= len(previews) <= 8
    assert {report.job for report in previews} == {"W"}
    place = next(i for i, r in enumerate(engine.seen) if isinstance(r, JobDone) and r.job == "W")
    later = [r for r in engine.seen[place + 1 :] if isinstance(r, Previewed | JobProgressed)]
    assert "W" not in {report.job for report in later}


def test_more_jobs_than_places_all_come_to_an_end(engine: EngineProcess, hello: Hello) -> None:
    names = {f"M{index}" for index in range(40)}
    for name in names:
        engine.send(RunGraph(job=name, graph=graph("mine.slow", steps=1)))
    assert {engine.wait(JobDone).job for _ in names} == names


def test_a_broken_graph_fails_and_the_engine_goes_on(engine: EngineProcess, hello: Hello) -> None:
    failed = engine.run("X", graph("no.such"), JobFailed)
    assert (failed.code, failed.params["node"]) == ("unknown_node", "it")
    assert engine.run("Y", graph("mine.loud"), JobDone)


def test_a_users_file_is_noticed_when_it_appears_breaks_and_goes(
    engine: EngineProcess, hello: Hello, nodes_folder: Path
) -> None:
    path = nodes_folder / "late.py"
    text = "from core.engine import Node, Context\nclass T(Node, tag='mine.late'):\n"
    path.write_text(text + "    def run(self, ctx: Context) -> int:\n        return 1\n", "utf-8")
    assert "mine.late" in engine.wait(CatalogueChanged).catalogue.nodes
    path.write_text(text + "    def run(self:\n", "utf-8")
    changed = engine.wait(CatalogueChanged).catalogue
    assert [(p.code, p.params["line"]) for p in changed.problems] == [("node_broken", 3)]
    path.unlink()
    engine.send(Rescan())
    assert engine.wait(CatalogueChanged).catalogue == hello.catalogue


def test_the_heart_beats_while_a_job_runs(engine: EngineProcess, hello: Hello) -> None:
    engine.send(RunGraph(job="H", graph=graph("mine.slow", steps=400)))
    engine.wait(JobProgressed, "H")
    beats = [engine.wait(Heartbeat) for _ in range(2)]
    engine.send(Cancel(job="H"))
    engine.wait(JobCanceled, "H")
    assert beats[-1].jobs == ["H"]
    assert beats[-1].progress_age < 1
    assert beats[-1].rss > 1 << 26


def test_an_engine_whose_server_is_gone_ends_though_a_node_is_deaf(
    start: Callable[[], EngineProcess],
) -> None:
    process = start()
    process.wait(Hello)
    process.send(RunGraph(job="D", graph=graph("mine.slow", deaf=True)))
    process.wait(JobProgressed)
    since = time.perf_counter()
    assert process.end() == exits.ORPHAN
    assert time.perf_counter() - since < SOON


def test_a_stop_waits_for_what_runs(start: Callable[[], EngineProcess]) -> None:
    process = start()
    process.wait(Hello)
    process.send(RunGraph(job="S", graph=graph("mine.slow", steps=30)))
    process.send(Stop(grace=30))
    process.wait(JobDone, "S")
    assert process.child.wait(PATIENCE) == exits.PLANNED


def test_a_stop_out_of_patience_cancels_what_runs(start: Callable[[], EngineProcess]) -> None:
    process = start()
    process.wait(Hello)
    process.send(RunGraph(job="S", graph=graph("mine.slow")))
    process.send(RunGraph(job="T", graph=graph("mine.slow", deaf=True)))
    process.wait(JobProgressed)
    since = time.perf_counter()
    process.send(Stop(grace=0.1))
    process.wait(JobCanceled, "S")
    assert process.child.wait(PATIENCE) == exits.PLANNED
    assert time.perf_counter() - since < 6


def test_a_poisoned_device_ends_the_process_with_its_own_code(
    start: Callable[[], EngineProcess],
) -> None:
    process = start()
    process.wait(Hello)
    process.send(RunGraph(job="F", graph=graph("mine.poison")))
    assert "illegal memory access" in process.wait(Fatal).reason
    assert process.child.wait(PATIENCE) == exits.POISON


def test_a_device_that_is_not_there_is_told_and_ends_it(options: EngineOptions) -> None:
    process = EngineProcess(msgspec.structs.replace(options, device="cuda:7"))
    assert "device_missing" in process.wait(Fatal).reason
    assert process.child.wait(PATIENCE) == exits.UNUSABLE
    process.end()


def test_arguments_that_are_no_options_end_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "core.engine", "nonsense"],
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert ended.returncode == exits.UNUSABLE
    assert b"options" in ended.stderr


def test_junk_on_the_pipe_ends_it(start: Callable[[], EngineProcess]) -> None:
    process = start()
    process.wait(Hello)
    assert process.child.stdin is not None
    process.child.stdin.write(b"\xff" * 16)
    assert process.child.wait(PATIENCE) == exits.ORPHAN


def test_hello_needs_neither_diffusers_nor_transformers() -> None:
    code = """
        import sys
        from core.engine.loop import Loop
        from core.engine.registry import built_in
        built_in()
        print([name for name in ("diffusers", "transformers", "peft") if name in sys.modules])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, check=True, timeout=PATIENCE, text=True,
    )  # fmt: skip
    assert ended.stdout.strip() == "[]"


def test_the_pipes_are_held_before_torch_is_imported() -> None:
    code = """
        import sys
        import core.engine.__main__, core.engine.heart, core.engine.inbox, core.engine.outbox
        print([name for name in ("torch", "numpy", "PIL") if name in sys.modules])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, check=True, timeout=PATIENCE, text=True,
    )  # fmt: skip
    assert ended.stdout.strip() == "[]"
