"""An engine without a process, and short ways from a checkpoint to latents on it."""

import io
from pathlib import Path
from typing import Any

from core.engine.baton import Baton
from core.engine.context import Context, Engine, Job
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.nodes.latent import LatentEmpty, LatentSample
from core.engine.nodes.model import ModelLoad, Parts
from core.engine.nodes.prompt import PromptEncode
from core.engine.outbox import Outbox
from core.engine.residency import Residency
from core.engine.values import Conditioning, Control, Latent
from core.graph.catalogue import Resource
from core.ipc import frames
from core.ipc.commands import EngineOptions
from tests.engine.tiny import SIZE, Tiny


class Bench:
    """An engine without a process: contexts of jobs, and what they reported."""

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        self._tiny = tiny
        self._pipe = io.BytesIO()
        options = EngineOptions(staging=str(folder), nodes=str(folder), device="cpu")
        self.outbox = Outbox(self._pipe, rate=30)
        self.outbox.watch(None)
        baton, device = Baton(), Device("cpu")
        residency = Residency(device, baton, LazyLoader())
        self.engine = Engine(options, device, baton, residency, self.outbox)
        self.outbox.start()

    def context(self, name: str = "job", *more: Resource, **fields: Any) -> Context:
        found = Resource(
            id="m", kind="checkpoint", path=str(self._tiny.folder), identity="tiny",
            family=self._tiny.family, format="diffusers",
        )  # fmt: skip
        self.outbox.begin(name)
        resources = {"m": found, **{f"{one.kind}:{one.name}": one for one in more}}
        return Context(self.engine, Job(name, resources=resources, **fields), "node")

    def reports(self) -> list[Any]:
        self.outbox.drain(5)
        self._pipe.seek(0)
        told = []
        while (report := frames.read_report(self._pipe)) is not None:  # type: ignore[arg-type]
            told.append(report)
        return told


def parts(ctx: Context) -> Parts:
    return ModelLoad(checkpoint="m").run(ctx)


def prompt(ctx: Context, words: str) -> Conditioning:
    return PromptEncode(prompt=words).run(ctx, parts(ctx).text_encoder)


def empty(ctx: Context, width: int = SIZE, height: int = SIZE) -> Latent:
    return LatentEmpty(width=width, height=height).run(ctx, parts(ctx).vae)


def sample(
    ctx: Context, latent: Latent, *, control: Control | None = None, **settings: Any
) -> Latent:
    node = LatentSample(**{"seed": 3, "steps": 4, "sampler": "euler"} | settings)
    words = prompt(ctx, "a red fox"), prompt(ctx, "")
    return node.run(ctx, parts(ctx).model, words[0], latent, words[1], control)
