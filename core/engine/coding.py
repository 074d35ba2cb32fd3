"""Coding: pictures to latents and back, one at a time, within memory and within what numbers hold.

One by one takes no more memory for many than for one. Where free memory does not suffice a picture
is coded in tiles, and where float16 overflows once more in float32. Knows jobs and autoencoders.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from core.engine import phase
from core.engine.context import Context, Engine
from core.engine.ladder import sized
from core.engine.models import load
from core.engine.models import vae as autoencoder
from core.engine.part import dtype_of
from core.engine.values import Vae, placed
from core.errors import ModelNotFinite, ModelUnreadable

UPCAST = "vae_upcast"  # in a job's ``degraded``
_BOUND = 256  # autoencoders that are remembered

Work = Callable[[Any, torch.Tensor], torch.Tensor]


class Overflows:
    """The autoencoders whose numbers do not fit; they work in float32 from then on."""

    def __init__(self, engine: Engine) -> None:
        self._seen: dict[str, None] = {}  # identities, the oldest first
        self._lock = threading.Lock()

    def add(self, identity: str) -> None:
        """Remember one."""
        with self._lock:
            self._seen[identity] = None
            while len(self._seen) > _BOUND:
                del self._seen[next(iter(self._seen))]

    def has(self, identity: str) -> bool:
        """Say whether one was seen."""
        return identity in self._seen


def each(ctx: Context, vae: Vae, batch: torch.Tensor, work: Work, name: str) -> torch.Tensor:
    """Do ``work`` on one picture after another, each under the baton; give them on the CPU."""
    done = []
    for index in range(len(batch)):
        done.append(coded(ctx, vae, batch[index : index + 1], work, name))
        ctx.progress(index + 1, len(batch), name)
    return torch.cat(done)


def coded(ctx: Context, vae: Vae, one: torch.Tensor, work: Work, name: str) -> torch.Tensor:
    """Encode or decode one picture: as a whole, or in tiles when memory is short.

    :param name: "encode" or "decode".
    :raises ModelNotFinite: when what comes out is no number in float32 either.
    """
    vae = placed(vae)
    check_finite(vae, one)
    overflows = ctx.engine.get(Overflows)
    precise = msgspec.structs.replace(vae, precise=True)
    if overflows.has(vae.identity):
        ctx.job.note(UPCAST)
        vae = precise
    try:
        return _within_memory(ctx, vae, one, work, name)
    except (ModelNotFinite, ModelUnreadable) as error:  # weights may not fit either
        fits = dtype_of(vae, ctx.engine.device.dtype) == torch.float32
        if fits or error.name != ModelNotFinite.code:
            raise
    overflows.add(vae.identity)
    ctx.job.note(UPCAST)
    return _within_memory(ctx, precise, one, work, name)


def check_finite(model: Any, latents: torch.Tensor) -> None:
    """Refuse what is no number.

    :param model: the handle of what made it, or is to read it.
    :raises ModelNotFinite: likewise.
    """
    if not bool(latents.isfinite().all()):
        raise _nonfinite(model)


def _nonfinite(model: Any) -> ModelNotFinite:
    return ModelNotFinite(model=Path(model.path).name, tensor=model.part)


def _within_memory(
    ctx: Context, vae: Vae, one: torch.Tensor, work: Work, name: str
) -> torch.Tensor:
    longest, latent = max(one.shape[-2:]), name == "decode"
    tiling = phase.Tiling(
        "tile_vae",
        lambda part: autoencoder.tiles(part, longest, latent=latent),
        autoencoder.tiled,
        lambda part: autoencoder.least(part, one.shape, latent=latent),
    )

    def size() -> tuple[int, int]:
        height, width = one.shape[-2:]
        factor = load.latent_size(load.config_of(vae))[1] if latent else 1
        return width * factor, height * factor

    try:
        with sized(size):
            return phase.run(
                ctx, vae, name, one.shape, lambda part: work(part, one), tiling, pauses=True
            )
    except ModelNotFinite as error:  # who it was is not known where it is found out
        raise _nonfinite(vae) from error
