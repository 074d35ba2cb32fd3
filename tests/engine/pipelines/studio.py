"""An engine without a process, whose checkpoints are tiny pipelines and a tiny Stable Diffusion."""

import io
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch

from core.engine.baton import Baton
from core.engine.cache import Cache
from core.engine.context import Context, Engine, Job
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.node import Node, spec_of, type_of
from core.engine.outbox import Outbox
from core.engine.registry import Nodes, built_in
from core.engine.residency import Residency
from core.engine.runner import Runner, perform
from core.engine.values import Image, Mask
from core.graph.catalogue import Catalogue, Resource
from core.ipc import frames
from core.ipc.commands import EngineOptions
from core.records.graph import Graph, GraphNode
from tests.engine.pictures import node

PATIENCE = 60  # seconds


class Gradient(Node, tag="test.gradient"):
    """Give a picture."""

    side: int

    def run(self, ctx: Context) -> Image:
        ramp = torch.linspace(0, 1, self.side)
        return Image(pixels=(ramp[:, None] * ramp).expand(1, 3, -1, -1))


class Veil(Node, tag="test.veil"):
    """Give a mask: the lower right is painted anew."""

    side: int

    def run(self, ctx: Context) -> Mask:
        ramp = torch.linspace(0, 1, self.side)
        return Mask(values=(ramp[:, None] * ramp).expand(1, 1, -1, -1))


class Keep(Node, tag="test.keep"):
    """Keep a picture for the test to see."""

    kept: ClassVar[dict[str, torch.Tensor]] = {}

    def run(self, ctx: Context, image: Image) -> None:
        Keep.kept[ctx.job.id] = image.pixels


class Studio:
    """Runs graphs; ``reports`` are what a server would have been told."""

    def __init__(self, folder: Path, models: Mapping[str, Path], device: Device | None = None,
                 rate: float = 0) -> None:  # fmt: skip
        self.device = device or Device("cpu")
        self._pipe = io.BytesIO()
        options = EngineOptions(staging=str(folder), nodes=str(folder), preview_rate=rate)
        baton, self.outbox = Baton(), Outbox(self._pipe, rate=rate or 8.0)
        self.residency = Residency(self.device, baton, LazyLoader())
        self.engine = Engine(options, self.device, baton, self.residency, self.outbox)
        ours = built_in()
        classes = {type_of(kind): kind for kind in (Gradient, Keep, Veil)}
        specs = {name: spec_of(kind) for name, kind in classes.items()}
        self._nodes = Nodes(
            classes={**ours.classes, **classes},
            catalogue=Catalogue(nodes={**ours.catalogue.nodes, **specs}),
        )
        self.resources = {
            name: Resource(
                id=name, kind="checkpoint", path=str(path), identity=name, name=name,
                family="sd1" if name == "sd" else "generic", format="diffusers",
            )
            for name, path in models.items()
        }  # fmt: skip

    def run(self, name: str, *nodes: GraphNode, canceled: threading.Event | None = None) -> Any:
        """Run a graph as the job ``name`` to whatever end it comes to."""
        job = Job(name, resources=self.resources, canceled=canceled)
        self.outbox.begin(name)
        runner = Runner(self.engine, Cache(1 << 20), self._nodes, job)
        return perform(runner, Graph(nodes=list(nodes)))

    def picture(self, name: str) -> torch.Tensor:
        """Give what the job kept."""
        return Keep.kept[name]

    @property
    def reports(self) -> list[Any]:
        """Give all that was reported; the outbox takes nothing more."""
        self.outbox.drain(PATIENCE)
        self.outbox.close()
        self._pipe.seek(0)
        return list(iter(lambda: frames.read_report(self._pipe), None))


def drawn(checkpoint: str, *before: GraphNode, **settings: Any) -> tuple[GraphNode, ...]:
    """Draw by a pipeline, and keep what comes of it."""
    wished = {"prompt": "a red fox", "width": 32, "height": 32, "steps": 3, "seed": 5} | settings
    return (
        *before,
        node("draw", "pipeline.generate", checkpoint=checkpoint, **wished),
        node("end", "test.keep", image=("draw", "out")),
    )
