"""A graph's way through the runner, in this process."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import anyio
import pytest
import torch
from torch import nn

from core.engine.baton import Baton
from core.engine.cache import Cache
from core.engine.context import Context, Engine, Job
from core.engine.device import Device
from core.engine.node import Node, spec_of, type_of
from core.engine.outbox import Outbox
from core.engine.registry import Nodes, built_in
from core.engine.residency import Residency
from core.engine.runner import Runner, perform
from core.engine.values import Handle, Image, Model
from core.graph.catalogue import Catalogue
from core.ipc.commands import EngineOptions
from core.ipc.reports import Fatal, JobCanceled, JobDone, JobFailed
from core.records.graph import Graph, GraphNode
from core.records.job import MAX_CACHED

N = GraphNode


class Gray(Node, tag="test.gray"):
    level: float = 0.5
    calls: ClassVar[list[float]] = []

    def run(self, ctx: Context) -> Image:
        ctx.check()
        Gray.calls.append(self.level)
        return Image(pixels=torch.full((1, 3, 8, 8), self.level))


class Rough(Image, frozen=True, kw_only=True):
    def remarks(self) -> tuple[str, ...]:
        return ("rough",)


class Sketch(Node, tag="test.sketch"):
    def run(self, ctx: Context) -> Image:
        return Rough(pixels=torch.zeros((1, 3, 8, 8)))


class Pair(NamedTuple):
    low: float
    high: float


class Split(Node, tag="test.split"):
    def run(self, ctx: Context, a: float, spread: float = 1.0) -> Pair:
        return Pair(a - spread, a + spread)


class Sink(Node, tag="test.sink"):
    got: ClassVar[list[Any]] = []

    def run(self, ctx: Context, a: float | Image) -> None:
        Sink.got.append(a)


class Clock(Node, tag="test.clock"):
    pure: ClassVar[bool] = False

    def run(self, ctx: Context) -> float:
        return time.perf_counter()


class Sleeper(Node, tag="test.sleeper"):
    seconds: float
    begun: ClassVar[threading.Event] = threading.Event()

    async def run(self, ctx: Context) -> float:
        Sleeper.begun.set()
        await anyio.sleep(self.seconds)
        return self.seconds


class Trouble(Node, tag="test.trouble"):
    kind: str
    left: ClassVar[int] = 0

    def run(self, ctx: Context) -> float:
        if self.kind == "lie":
            return "no number"  # type: ignore[return-value]
        if self.kind == "memory":
            Trouble.left -= 1
            if Trouble.left < 0:
                return 1.0
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        if self.kind == "poison":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if self.kind.startswith("CUDA"):
            raise RuntimeError(self.kind)
        raise ValueError(self.kind)


class Hoarder(Node, tag="test.hoarder"):
    """Save a picture, and then ask for more memory than there is."""

    def run(self, ctx: Context) -> None:
        ctx.save(Image(pixels=torch.zeros((1, 3, 8, 8))))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


class Lost(Device):
    """A device that an error before has broken, to nobody's notice."""

    def __init__(self) -> None:
        super().__init__("cpu")

    def prove(self) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


class OneLayer:
    """A loader of the smallest model there is."""

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        return 0

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        return nn.Linear(4, 4)


class House:
    """An engine without its process: a cache, nodes and an outbox that nobody reads."""

    def __init__(self, folder: Path, cache: int = 1 << 20) -> None:
        options = EngineOptions(staging=str(folder), nodes=str(folder))
        device, baton = Device("cpu"), Baton()
        self.stream = (folder / "reports").open("wb", buffering=0)
        self.outbox = Outbox(self.stream)
        residency = Residency(device, baton, OneLayer())
        self.engine = Engine(options, device, baton, residency, self.outbox)
        self.cache = Cache(cache)
        ours = built_in()
        classes = {
            type_of(kind): kind
            for kind in (Gray, Sketch, Split, Sink, Clock, Sleeper, Trouble, Hoarder)
        }
        specs = {name: spec_of(kind) for name, kind in classes.items()}
        self.nodes = Nodes(
            classes={**ours.classes, **classes},
            catalogue=Catalogue(nodes={**ours.catalogue.nodes, **specs}),
        )
        self.job = Job("J")

    def keep_idle_model(self) -> None:
        handle = Model(identity="idle", path="/models/idle", family="sd1")
        with self.engine.residency.use(handle, self.job):
            pass

    def run(self, *nodes: GraphNode, exact: bool = False) -> Any:
        self.job = Job("J", exact=exact)
        return perform(
            Runner(self.engine, self.cache, self.nodes, self.job), Graph(nodes=list(nodes))
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    Gray.calls.clear()
    Sink.got.clear()
    made = House(tmp_path)
    yield made
    made.stream.close()


def value(name: str, number: float) -> GraphNode:
    return N(id=name, type="number.value", settings={"value": number})


def test_values_flow_along_wires_and_plain_ones_are_reported(house: House) -> None:
    report = house.run(
        value("v", 3),
        N(id="s", type="test.split", inputs={"a": ("v", "out")}),
        N(id="t", type="number.add", inputs={"a": ("s", "low"), "b": ("s", "high")}),
        N(id="end", type="test.sink", inputs={"a": ("t", "out")}),
    )
    assert isinstance(report, JobDone)
    assert report.outputs == {"v.out": 3.0, "s.low": 2.0, "s.high": 4.0, "t.out": 6.0}
    assert Sink.got == [6.0]
    assert (report.ran, report.cached) == (4, 0)


def test_the_same_graph_again_runs_only_its_sinks(house: House) -> None:
    nodes = (N(id="g", type="test.gray"), N(id="e", type="test.sink", inputs={"a": ("g", "out")}))
    house.run(*nodes)
    report = house.run(*nodes)
    assert (report.ran, report.cached) == (1, 1)
    assert len(Gray.calls) == 1


def gray(name: str, level: float) -> GraphNode:
    return N(id=name, type="test.gray", settings={"level": level})


def switched(condition: Any) -> tuple[GraphNode, ...]:
    settings = {"condition": condition} if isinstance(condition, bool) else {}
    wires = {"on_true": ("a", "out"), "on_false": ("b", "out")}
    if not settings:
        wires["condition"] = condition
    end = N(id="end", type="test.sink", inputs={"a": ("s", "out")})
    return (
        gray("a", 0.25),
        gray("b", 0.75),
        N(id="s", type="logic.switch", settings=settings, inputs=wires),
        end,
    )


@pytest.mark.parametrize(("condition", "level"), [(True, 0.25), (False, 0.75)])
def test_the_branch_that_is_not_taken_never_runs(
    house: House, condition: bool, level: float
) -> None:
    report = house.run(*switched(condition))
    assert isinstance(report, JobDone)
    assert Gray.calls == [level]
    assert float(Sink.got[0].pixels.mean()) == level
    assert report.ran == 2


def test_a_condition_that_is_worked_out_decides_and_its_nodes_run_once(house: House) -> None:
    condition = (
        N(id="now", type="test.clock"), value("zero", 0),
        N(id="c", type="logic.compare", inputs={"a": ("now", "out"), "b": ("zero", "out")}),
    )  # fmt: skip
    shown = N(id="shown", type="test.sink", inputs={"a": ("now", "out")})
    report = house.run(*switched(("c", "out")), *condition, shown)
    assert isinstance(report, JobDone)
    assert Gray.calls == [0.25]
    assert report.outputs["c.out"] is True
    assert Sink.got[-1] == report.outputs["now.out"]
    assert report.ran == 6  # clock, zero, comparison, grey, two sinks


def test_a_failure_in_the_branch_that_is_not_taken_is_none(house: House) -> None:
    trouble = N(id="b", type="test.trouble", settings={"kind": "x"})
    first, _, switch, end = switched(True)
    assert isinstance(house.run(value("a", 1), trouble, switch, end), JobDone)
    assert isinstance(house.run(first, trouble, switched(False)[2], end), JobFailed)


def test_what_a_value_remarks_is_told_of_every_job_that_uses_it(house: House) -> None:
    sink = N(id="e", type="test.sink", inputs={"a": ("s", "out")})
    for cached in (0, 1):
        report = house.run(N(id="s", type="test.sketch"), sink)
        assert (report.degraded, report.cached) == (["rough"], cached)
    assert house.run(N(id="s", type="test.gray"), sink).degraded == []


def test_a_node_put_into_a_graph_runs_only_what_lies_below_it(house: House) -> None:
    def chain(source: str) -> list[GraphNode]:
        return [
            value("a", 1),
            value("b", 2),
            N(id="c", type="number.add", inputs={"a": ("a", "out"), "b": ("b", "out")}),
            N(id="d", type="number.add", inputs={"a": (source, "out"), "b": ("b", "out")}),
            N(id="end", type="test.sink", inputs={"a": ("d", "out")}),
        ]

    assert house.run(*chain("c")).ran == 5
    middle = N(id="m", type="number.add", inputs={"a": ("c", "out"), "b": ("a", "out")})
    report = house.run(*chain("m"), middle)
    assert (report.ran, report.cached) == (3, 3)  # m, d and the sink ran; a, b and c did not
    assert sorted(report.cached_nodes) == ["a", "b", "c"]
    assert Sink.got == [5.0, 6.0]


def test_a_job_that_fails_tells_what_came_from_the_cache(house: House) -> None:
    gray = N(id="g", type="test.gray")
    house.run(gray, N(id="e", type="test.sink", inputs={"a": ("g", "out")}))
    bad = N(id="bad", type="test.trouble", settings={"kind": "x"})
    both = N(id="both", type="number.add", inputs={"a": ("v", "out"), "b": ("bad", "out")})
    shown = N(id="shown", type="test.sink", inputs={"a": ("g", "out")})
    end = N(id="end", type="test.sink", inputs={"a": ("both", "out")})
    report = house.run(gray, shown, value("v", 1), bad, both, end)
    assert isinstance(report, JobFailed)
    assert (report.node, report.cached_nodes) == ("bad", ("g",))


def test_of_many_nodes_from_the_cache_the_first_are_told(house: House) -> None:
    numbers = [value(f"v{place}", place) for place in range(MAX_CACHED + 5)]
    ends = [
        N(id=f"e{place}", type="test.sink", inputs={"a": (f"v{place}", "out")})
        for place in range(MAX_CACHED + 5)
    ]
    assert house.run(*numbers, *ends).cached_nodes == ()
    report = house.run(*numbers, *ends)
    assert report.cached == MAX_CACHED + 5
    assert report.cached_nodes == tuple(f"v{place}" for place in range(MAX_CACHED))


def test_a_plain_output_wired_into_a_setting_is_that_setting(house: House) -> None:
    house.run(
        value("v", 0.25),
        N(id="g", type="test.gray", settings={"level": 1}, inputs={"level": ("v", "out")}),
        N(id="e", type="test.sink", inputs={"a": ("g", "out")}),
    )
    assert Gray.calls == [0.25]


def test_a_node_that_is_not_pure_runs_again_and_so_does_what_follows(house: House) -> None:
    nodes = (
        N(id="c", type="test.clock"),
        N(id="s", type="test.split", inputs={"a": ("c", "out")}),
        N(id="e", type="test.sink", inputs={"a": ("s", "low")}),
    )
    house.run(*nodes)
    assert house.run(*nodes).cached == 0
    assert Sink.got[0] != Sink.got[1]


def test_an_exact_job_takes_no_picture_made_in_company(house: House) -> None:
    nodes = (N(id="g", type="test.gray"), N(id="e", type="test.sink", inputs={"a": ("g", "out")}))
    house.run(*nodes)
    assert house.run(*nodes, exact=True).cached == 0
    assert house.run(*nodes, exact=True).cached == 1


def test_an_async_node_is_driven_to_its_end(house: House) -> None:
    house.run(
        N(id="s", type="test.sleeper", settings={"seconds": 0.001}),
        N(id="e", type="test.sink", inputs={"a": ("s", "out")}),
    )
    assert Sink.got == [0.001]


def test_a_cancel_stops_an_async_node_where_it_waits(house: House) -> None:
    reports: list[Any] = []
    Sleeper.begun.clear()
    nodes = (
        N(id="s", type="test.sleeper", settings={"seconds": 60}),
        N(id="e", type="test.sink", inputs={"a": ("s", "out")}),
    )
    thread = threading.Thread(target=lambda: reports.append(house.run(*nodes)))
    thread.start()
    assert Sleeper.begun.wait(10)
    house.job.canceled.set()
    thread.join(30)  # half of what it would sleep
    assert reports == [JobCanceled(job="J")]


def trouble(kind: str) -> tuple[GraphNode, ...]:
    return (
        N(id="bad", type="test.trouble", settings={"kind": kind}),
        N(id="e", type="test.sink", inputs={"a": ("bad", "out")}),
    )


def test_what_a_node_raises_fails_the_job_with_its_node(house: House) -> None:
    report = house.run(*trouble("oh no"))
    assert isinstance(report, JobFailed)
    assert (report.code, report.node) == ("node_failed", "bad")
    assert report.params == {"node": "bad", "type": "test.trouble", "error": "ValueError: oh no"}
    assert "in run" in report.detail


def test_a_node_that_breaks_its_promise_is_told_so(house: House) -> None:
    report = house.run(*trouble("lie"))
    assert (report.code, report.node) == ("bad_output", "bad")
    assert (report.params["got"], report.params["expected"]) == ("str", "float")


def test_a_node_that_lacks_memory_runs_again_once_idle_models_are_sent_away(
    house: House,
) -> None:
    Trouble.left = 1
    house.keep_idle_model()
    report = house.run(*trouble("memory"))
    assert isinstance(report, JobDone)
    assert report.degraded == ["evict_idle"]
    assert house.engine.residency.identities() == []


def test_a_node_that_lacks_memory_all_the_same_fails_this_one_job(house: House) -> None:
    Trouble.left = 2
    house.keep_idle_model()
    report = house.run(*trouble("memory"))
    assert isinstance(report, JobFailed)
    assert (report.code, report.degraded) == ("out_of_memory", ["evict_idle"])
    free = report.params["free"]
    assert isinstance(free, int)
    assert report.params["needed"] == max(20 << 20, free + 1)  # room in pieces is none


def test_a_node_is_not_run_again_where_that_makes_no_room(house: House) -> None:
    Trouble.left = 1
    report = house.run(*trouble("memory"))
    assert (report.code, report.degraded) == ("out_of_memory", [])


def test_a_node_that_saved_pictures_is_not_run_again(house: House) -> None:
    house.keep_idle_model()
    report = house.run(N(id="bad", type="test.hoarder"))
    assert (report.code, report.degraded) == ("out_of_memory", [])
    assert len(house.job.images) == 1


def test_a_failed_job_asks_whether_the_device_is_well(house: House) -> None:
    house.engine.device = Lost()
    report = house.run(*trouble("oh no"))
    assert isinstance(report, Fatal)
    assert "illegal memory access" in report.reason


def test_memory_that_came_short_beside_the_allocator_is_fatal(house: House) -> None:
    assert isinstance(house.run(*trouble("CUDA error: out of memory")), Fatal)


def test_an_error_that_poisons_the_device_is_fatal(house: House) -> None:
    assert isinstance(house.run(*trouble("poison")), Fatal)


def test_a_graph_that_does_not_fit_the_nodes_fails_before_anything_runs(house: House) -> None:
    report = house.run(value("v", 1), N(id="e", type="test.sink", inputs={"a": ("v", "nowhere")}))
    assert (report.code, report.ran if hasattr(report, "ran") else 0) == ("unknown_port", 0)


def chore() -> float:
    """Time fifty calls of a function, in seconds: how fast this machine runs Python."""
    since = time.process_time()
    for _ in range(200):
        sum(map(abs, range(50)))
    return (time.process_time() - since) / 200


@pytest.mark.parametrize("cache", [1 << 20, 0])
def test_each_of_two_hundred_trivial_nodes_costs_no_more_than_sixty_chores(
    tmp_path: Path, cache: int
) -> None:
    house = House(tmp_path, cache)
    best = measure = 1.0  # seconds of this process: others may have the machine
    for attempt in range(25):
        measure = min(measure, chore())
        nodes = [value("v", attempt)]
        nodes += [
            N(
                id=f"n{index}",
                type="number.add",
                inputs={
                    "a": (nodes[-1].id if index < 1 else f"n{index - 1}", "out"),
                    "b": ("v", "out"),
                },
            )
            for index in range(200)
        ]
        nodes.append(N(id="e", type="test.sink", inputs={"a": ("n199", "out")}))
        since = time.process_time()
        assert isinstance(house.run(*nodes), JobDone)
        best = min(best, time.process_time() - since)
    house.stream.close()
    assert best / 202 < 60 * measure  # 39 when it was written: 0.10 ms and 2.65 µs
