"""An engine without a process, whose models are made and not read; its jobs run the real node."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from core.engine.baton import Baton
from core.engine.context import Context, Engine, Job
from core.engine.device import Device
from core.engine.diffusion import preview
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.nodes.latent import LatentSample
from core.engine.outbox import Outbox
from core.engine.residency import Residency, size_of
from core.engine.values import Conditioning, Handle, Latent, Model
from core.ipc.commands import EngineOptions
from core.ipc.reports import JobCanceled
from tests.bench import shapes
from tests.bench.shapes import Shape

GUIDANCE = 7.5
RATE = 8.0  # previews a second, while somebody watches


class Made:
    """A loader that gives what was made."""

    def __init__(self) -> None:
        self.networks: dict[str, nn.Module] = {}

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        """Count the bytes it takes."""
        return size_of(self.networks[handle.identity])

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        """Give it."""
        return self.networks[handle.identity]


class Studio:
    """Draws latents as jobs do."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._made = Made()
        self._count = itertools.count()
        self._pipe = open(os.devnull, "wb", buffering=0)
        self._outbox = Outbox(self._pipe, rate=RATE)
        self._outbox.start()
        baton = Baton()
        self._residency = Residency(device, baton, self._made)
        options = EngineOptions(staging="", nodes="", preview_rate=RATE)
        self._engine = Engine(options, device, baton, self._residency, self._outbox)

    def close(self) -> None:
        """Forget the models, and end the outbox."""
        self._made.networks.clear()
        self._residency.unload()
        self._outbox.drain(2)
        self._outbox.close()
        self._pipe.close()

    def take(self, name: str, network: nn.Module) -> None:
        """Let ``draw`` know a denoiser by a name."""
        self._made.networks[name] = network
        latents = torch.randn((8, 4, 8, 8), generator=torch.Generator().manual_seed(0))
        maps = self._engine.get(preview.LatentMaps)
        maps.of(name, lambda: preview.fit(latents, preview.practice(8)))

    def draw(
        self, name: str, shape: Shape, count: int, *, steps: int, seed: int = 0,
        exact: bool = False, watched: bool = False,
    ) -> torch.Tensor:  # fmt: skip
        """Denoise ``count`` pictures in one job; give them, (count, 4, h, w), in RAM."""
        _, words = shapes.examples(shape, torch.device("cpu"), self.device.dtype)
        network, side = self._made.networks[name], shape.side // 8
        # Told what it wants by itself; that there is a pooled prompt is checked all the same.
        told = [one for known, one in network.named_buffers() if known.endswith("pooled")]
        pooled = told[0].cpu() if told else None
        node = LatentSample(seed=seed, steps=steps, guidance_scale=GUIDANCE, sampler="euler")
        with self._job(exact, watched) as context, torch.inference_mode():
            done = node.run(
                context,
                Model(identity=name, path=name, family="sd1"),
                Conditioning(tokens=words, pooled=pooled),
                Latent(samples=torch.zeros((count, 4, side, side)), empty=True),
                Conditioning(tokens=0.9 * words, pooled=pooled),
            )
        return done.samples

    def turns(self) -> tuple[int, float]:
        """Give the turns that were taken since the engine began, and the rows in them."""
        tally = self._engine.get(SamplingLoop).counts.tally()
        return sum(tally.counts), tally.sum

    @contextmanager
    def _job(self, exact: bool, watched: bool) -> Iterator[Any]:
        name = f"job{next(self._count)}"
        self._outbox.begin(name)
        self._outbox.watch([name] if watched else [])
        try:
            yield Context(self._engine, Job(name, exact=exact), "sample")
        finally:
            self._outbox.send(JobCanceled(job=name))  # no more of it
