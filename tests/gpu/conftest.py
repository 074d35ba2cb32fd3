"""A card, engines on it, and the model that ships with us."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.graph.catalogue import Resource
from core.ipc.commands import EngineOptions
from core.ipc.reports import Hello
from core.paths import Layout, shipped
from tests.engine.process import EngineProcess

NODES = '''
import time
import torch
from core.engine import Context, Node

class Level(Node, tag="mine.level"):
    """Count the bytes that tensors take."""

    pure = False

    def run(self, ctx: Context) -> int:
        ctx.engine.residency.unload()
        return torch.cuda.memory_allocated(ctx.engine.device.torch)

class End(Node, tag="mine.end"):
    """Be where a number goes."""

    def run(self, ctx: Context, number: int) -> None:
        return None

class Assert(Node, tag="mine.assert"):
    """Look up what is not there, on the device."""

    noticed: bool = True
    pure = False

    def run(self, ctx: Context) -> None:
        place = ctx.engine.device.torch
        torch.zeros(4, device=place)[torch.tensor([10], device=place)]
        if self.noticed:
            torch.cuda.synchronize(place)
        raise ValueError("the picture is empty")

class Busy(Node, tag="mine.busy"):
    """Keep the device busy for a minute, with two gigabytes in its hands."""

    pure = False

    def run(self, ctx: Context) -> None:
        place = ctx.engine.device.torch
        a = torch.rand((16384, 16384), device=place)
        b = torch.empty_like(a)
        until = time.monotonic() + 60
        ctx.progress(0, 1)
        while time.monotonic() < until:
            for _ in range(20):
                torch.mm(a, a, out=b)
            torch.cuda.synchronize(place)
'''
Start = Callable[..., EngineProcess]


@pytest.fixture(scope="session")
def card() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    return torch.device("cuda", 0)


@pytest.fixture
def start(card: torch.device, tmp_path: Path) -> Iterator[Start]:
    """Start engines on the card; what still runs at the end is killed."""
    layout = Layout(tmp_path)
    layout.make()
    (layout.nodes / "mine.py").write_text(NODES, "utf-8")
    started: list[EngineProcess] = []

    def start_one(**options: Any) -> EngineProcess:
        made = EngineOptions(
            staging=str(layout.staging), nodes=str(layout.nodes), device=str(card),
            preview_rate=0.0, cache_mb=0, **options,
        )  # fmt: skip
        started.append(EngineProcess(made))
        assert started[-1].wait(Hello).device == str(card)
        return started[-1]

    yield start_one
    for process in started:
        if process.child.poll() is None:
            process.child.kill()
        process.end()


@pytest.fixture(scope="session")
def resources() -> dict[str, Resource]:
    found = Resource(
        id="m", kind="checkpoint", path=str(shipped("starter")), identity="starter", family="sd1",
        name="starter", format="diffusers",
    )  # fmt: skip
    return {"m": found}
