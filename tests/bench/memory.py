"""Switching between models: what it costs, and that nothing of it stays behind.

A real engine on the processor with the starter, a copy of it with other weights, and a LoRA.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.ladder import Shortage
from core.engine.loader import LazyLoader
from core.engine.residency import Residency
from core.engine.values import Model, TextEncoder, Vae
from core.graph.catalogue import Resource
from core.ipc.commands import EngineOptions, Ping, Unload
from core.ipc.reports import Hello, JobDone, Pong
from core.paths import Layout, shipped
from core.records.graph import Graph
from tests.bench.report import Row
from tests.engine.pictures import draw, node
from tests.engine.process import EngineProcess

SWITCHES = 100
SETTLED = 20  # switches after which the level is taken
SPAN = 20  # switches whose least is the level: what waits to be let go of comes and goes
LOADS = 20  # of two models that are both resident
FLAT = 50 << 20  # bytes that the level may move by
SOON = 0.05  # seconds that the second use of a resident model may take
_PAGE = 4096


class Models(NamedTuple):
    """Two checkpoints of the same size, and a LoRA for either; as the server resolves them."""

    one: Resource
    other: Resource
    ink: Resource


class Switches(NamedTuple):
    """What switching took: resident bytes and seconds after each switch."""

    levels: list[int]
    seconds: list[float]

    def rise(self) -> int:
        """Count the bytes by which the level moved, from where it had settled to the end.

        Each job has a thread, and the allocator's pools fill up until each was used by some: their
        first use is no leak. A leak goes on, and is seen between two spans of the later switches.
        """
        return min(self.levels[-SPAN:]) - min(self.levels[SETTLED : SETTLED + SPAN])


def write_models(folder: Path) -> Models:
    """Put the starter's copy and the LoRA into a folder."""
    copy = folder / "copy"
    shutil.copytree(shipped("starter"), copy)
    lora: dict[str, torch.Tensor] = {}
    for file in sorted((copy / "unet").glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
        for name, weight in tensors.items():
            if name.endswith(("to_q.weight", "to_v.weight")):
                stem = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
                lora[f"{stem}.lora_down.weight"] = torch.randn(4, weight.shape[1]) * 0.1
                lora[f"{stem}.lora_up.weight"] = torch.randn(weight.shape[0], 4) * 0.1
        save_file({name: weight * 1.01 for name, weight in tensors.items()}, file, {"format": "pt"})
    save_file(lora, folder / "ink.safetensors")
    one = Resource(
        id="m", kind="checkpoint", path=str(shipped("starter")), identity="starter", family="sd1",
        name="starter", format="diffusers",
    )  # fmt: skip
    other = msgspec.structs.replace(one, path=str(copy), identity="copy", name="copy")
    ink = Resource(
        id="ink", kind="lora", path=str(folder / "ink.safetensors"), identity="ink", family="sd1",
        name="ink", format="single",
    )  # fmt: skip
    return Models(one, other, ink)


@contextmanager
def started(folder: Path, **options: Any) -> Iterator[EngineProcess]:
    """Start an engine that keeps no outputs and shows no previews."""
    layout = Layout(folder / "data")
    layout.make()
    engine = EngineProcess(
        EngineOptions(
            staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", cache_mb=0,
            preview_rate=0, **options,
        )
    )  # fmt: skip
    try:
        engine.wait(Hello)
        yield engine
    finally:
        engine.end()


def switch(engine: EngineProcess, models: Models, count: int) -> Switches:
    """Draw with the one model, the other, and the LoRA on it, in turn, ``count`` times in all."""
    turns = [(models.one, False), (models.other, False), (models.other, True)]
    levels, seconds = [], []
    for number in range(count):
        model, adapted = turns[number % len(turns)]
        began = time.perf_counter()
        engine.run(
            f"switch-{number}", inked() if adapted else draw(64, steps=1), JobDone,
            resources={"m": model, "lora:ink": models.ink},
        )  # fmt: skip
        seconds.append(time.perf_counter() - began)
        levels.append(resident(engine))
    return Switches(levels, seconds)


def inked() -> Graph:
    """Draw a picture with the LoRA."""
    adapt = node(
        "adapt", "model.adapt", loras=[{"model": "ink"}], model=("model", "model"),
        text_encoder=("model", "text_encoder"),
    )  # fmt: skip
    nodes = [
        msgspec.structs.replace(one, inputs={
            port: ("adapt", wire[1]) if wire in (("model", "model"), ("model", "text_encoder"))
            else wire for port, wire in one.inputs.items()
        })
        for one in draw(64, steps=1).nodes
    ]  # fmt: skip
    return Graph(nodes=[*nodes, adapt])


def resident(engine: EngineProcess) -> int:
    """Count the bytes of an engine's process in the machine's memory."""
    statm = Path(f"/proc/{engine.child.pid}/statm").read_text("ascii")
    return int(statm.split()[1]) * _PAGE


def unload(engine: EngineProcess) -> int:
    """Let an engine give everything back; give the bytes it has then."""
    engine.send(Unload())
    engine.send(Ping(number=1))
    engine.wait(Pong)
    return resident(engine)


class _Asker:
    id = "job"

    def check(self) -> None:
        """Go on."""

    def tell(self, phase: str) -> None:
        """Say nothing."""

    def degrade(self, rung: str, shortage: Shortage) -> None:
        """Say nothing."""


def again(models: Models) -> list[float]:
    """Load two models, and switch between them; give the seconds until each is at hand."""
    residency = Residency(Device("cpu"), Baton(), LazyLoader())
    seconds = []
    for number in range(LOADS):
        found = (models.one, models.other)[number % 2]
        began = time.perf_counter()
        for kind in (Model, TextEncoder, Vae):
            handle = kind(identity=found.identity, path=found.path, family="sd1")
            with residency.use(handle, _Asker()):
                pass
        seconds.append(time.perf_counter() - began)
    return seconds


def measure() -> list[Row]:
    """Switch where both models stay in memory, and where each makes way for the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = write_models(folder)
        used = again(models)
        with started(folder) as engine:
            engine.run("warm", draw(64, steps=1), JobDone, resources={"m": models.one})
            before = unload(engine)
            staying = switch(engine, models, SWITCHES)
            left = unload(engine) - before
        with started(folder, ram_budget_mb=32) as engine:
            changing = switch(engine, models, SWITCHES)
    return [
        Row(what="second use of a resident model, most", value=max(used[2:]) * 1e3, unit="ms",
            target=SOON * 1e3, beside=f"the first {used[1] * 1e3:.0f} ms, read from disk"),
        Row(what=f"memory from switch {SETTLED} to {SWITCHES}, both models resident, moves by",
            value=abs(staying.rise()) / 1e6, unit="MB", target=FLAT / 1e6),
        Row(what=f"memory from switch {SETTLED} to {SWITCHES}, room for one, moves by",
            value=abs(changing.rise()) / 1e6, unit="MB", target=FLAT / 1e6),
        Row(what="left in memory after `POST /models/unload`", value=max(0, left) / 1e6, unit="MB",
            target=FLAT / 1e6),
        Row(what="a picture of 64 pixels and one step, room for one ÷ both resident",
            value=statistics.median(changing.seconds) / statistics.median(staying.seconds),
            beside="what reading a model from disk at each switch costs"),
    ]  # fmt: skip
