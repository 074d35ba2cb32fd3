"""Latents: where pictures start, how they are denoised, and how they become pixels."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import torch
from msgspec import Meta

from core.engine import phase
from core.engine.adapters import image_prompt
from core.engine.context import Context
from core.engine.diffusion import inpaint, noise, preview, rows, samplers
from core.engine.diffusion.guidance import guided
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.diffusion.turns import turns_of
from core.engine.models import load
from core.engine.models import vae as autoencoder
from core.engine.node import Node, Sampler, Schedule, Seed
from core.engine.nodes.model import sibling
from core.engine.nodes.prompt import encode
from core.engine.values import Conditioning, Image, Latent, Model, TextEncoder, Vae
from core.errors import Invalid

Side = Annotated[int, Meta(ge=8, le=4096, multiple_of=8, description="Pixels, a multiple of 8.")]


class LatentEmpty(Node, tag="latent.empty"):
    """Start from nothing but noise, at a size."""

    width: Side
    height: Side

    def run(self, ctx: Context, vae: Vae) -> Latent:
        """Give zeros of the right shape; the sampler draws the noise."""
        channels, factor = load.latent_size(load.config_of(vae))
        if self.width % factor or self.height % factor:
            raise Invalid("size_not_multiple", multiple=factor)
        shape = (1, channels, self.height // factor, self.width // factor)
        return Latent(samples=torch.zeros(shape), empty=True)


class LatentEncode(Node, tag="latent.encode"):
    """Turn a picture into latents, to start from it."""

    def run(self, ctx: Context, vae: Vae, image: Image) -> Latent:
        """Encode each picture of the batch; sides are cut to what the autoencoder takes."""
        return Latent(samples=encode_pixels(ctx, vae, image.pixels))


class LatentSample(Node, tag="latent.sample"):
    """Denoise latents as a prompt says; pictures of all jobs share the work."""

    seed: Annotated[Seed, Meta(description="Same seed, same picture.")] = 0
    steps: Annotated[int, Meta(ge=1, le=500, description="More steps are finer and slower.")] = 20
    guidance_scale: Annotated[
        float, Meta(ge=0, le=100, description="How closely to follow the prompt; off up to 1.")
    ] = 7.5
    sampler: Annotated[Sampler, Meta(description="How noise is taken away.")] = "default"
    schedule: Annotated[Schedule, Meta(description="How steps are spread.")] = "default"
    strength: Annotated[
        float, Meta(ge=0, le=1, description="How much of a given picture is painted anew.")
    ] = 1.0

    def run(
        self,
        ctx: Context,
        model: Model,
        positive: Conditioning,
        latent: Latent,
        negative: Conditioning | None = None,
    ) -> Latent:
        """Denoise every picture of the batch, each with a seed of its own."""
        if negative is None and guided(self.guidance_scale):
            negative = encode(ctx, sibling(model, TextEncoder), "")
        table = _latent_map(ctx, model)
        with ctx.engine.residency.use(model, ctx.job) as network:
            _check_channels(network, latent)
            image_prompt.check(network, positive, negative)
            telling = _Telling(ctx, table, len(latent.samples))
            batch = [
                self._row(ctx, model, network, latent, positive, negative, telling, index)
                for index in range(len(latent.samples))
            ]
            ready = [row for row in batch if row is not None]
            done, fetch = iter(ctx.engine.get(SamplingLoop).sample(ready)), ctx.engine.device.fetch
            samples = [
                latent.samples[index : index + 1] if row is None else fetch(next(done))
                for index, row in enumerate(batch)
            ]
        return Latent(samples=torch.cat(samples))

    def _row(
        self,
        ctx: Context,
        model: Model,
        network: Any,
        latent: Latent,
        positive: Conditioning,
        negative: Conditioning | None,
        telling: "_Telling",
        index: int,
    ) -> rows.Row | None:
        """Make the row of one picture; ``None`` when ``strength`` leaves it as it is."""
        scheduler = samplers.make(self.sampler, self.schedule, network.scheduler_config, self.steps)
        source = noise.generator(self.seed, index)
        start = latent.samples[index : index + 1]
        drawn = noise.draw(tuple(start.shape), source)
        begin, steps = 0, self.steps
        if latent.empty:
            latents = rows.from_noise(scheduler, drawn)
        else:
            begin, steps = rows.begin_index(self.steps, self.strength, scheduler.order)
            if not steps:
                return None
            latents = rows.from_picture(scheduler, start, drawn, begin)
            if not begin and (latent.mask is not None or latent.channels is not None):
                latents = rows.from_noise(scheduler, drawn)  # nothing of the free part stays
        turns = turns_of(positive, negative, index, steps)
        mask = None if latent.mask is None else _one(latent.mask, index)
        return rows.Row(
            network=network,
            scheduler=scheduler,
            latents=latents,
            positive=turns[0].positive,
            negative=turns[0].negative,
            turns=turns[1:],
            guidance_scale=self.guidance_scale,
            kept=None if mask is None else inpaint.Kept(mask, start, drawn),
            channels=None if latent.channels is None else _one(latent.channels, index),
            source=source,
            begin=begin,
            steps=steps,
            model=(model.identity, model.adapters),
            device=ctx.engine.device.torch,
            job=ctx.job.id,
            check=ctx.check,
            on_step=telling.of(index),
            on_rung=ctx.job.degrade,
            exact=ctx.job.exact,
        )


class LatentDecode(Node, tag="latent.decode"):
    """Turn latents into a picture."""

    def run(self, ctx: Context, vae: Vae, latent: Latent) -> Image:
        """Decode each picture of the batch."""
        return Image(pixels=_each(ctx, vae, latent.samples, autoencoder.decode, "decode"))


class _Telling:
    """Tells the progress of a node whose pictures are denoised as rows of their own.

    The slowest row counts, and the first one is shown.
    """

    def __init__(self, ctx: Context, table: preview.LatentMap | None, count: int) -> None:
        self._ctx = ctx
        self._table = table
        self._done = [0] * count
        self._lock = threading.Lock()

    def of(self, index: int) -> Callable[[rows.Stepped], None]:
        """Give what the row ``index`` calls after each step."""

        def tell(stepped: rows.Stepped) -> None:
            with self._lock:
                self._done[index] = stepped.step
                slowest = min(self._done)
            show = partial(self._show, stepped) if self._table and not index else None
            self._ctx.progress(slowest, stepped.steps, "step", preview=show)

        return tell

    def _show(self, stepped: rows.Stepped) -> torch.Tensor:
        assert self._table is not None
        longest = self._ctx.engine.options.preview_size
        return preview.draw(stepped.denoised(), self._table, longest)


def encode_pixels(ctx: Context, vae: Vae, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures (B, 3, H, W) one by one: scaled latents (B, C, h, w) on the CPU."""
    return _each(ctx, vae, pixels, autoencoder.encode, "encode")


def _each(
    ctx: Context,
    vae: Vae,
    batch: torch.Tensor,
    work: Callable[[Any, torch.Tensor], torch.Tensor],
    name: str,
) -> torch.Tensor:
    """Do ``work`` on one picture after another, each under the baton; give them on the CPU."""
    done = []
    for index in range(len(batch)):
        done.append(_coded(ctx, vae, batch[index : index + 1], work, name))
        ctx.progress(index + 1, len(batch), name)
    return torch.cat(done)


def _coded(
    ctx: Context,
    vae: Vae,
    one: torch.Tensor,
    work: Callable[[Any, torch.Tensor], torch.Tensor],
    name: str,
) -> torch.Tensor:
    """Encode or decode one picture: as a whole, or in tiles when memory is short."""
    longest, latent = max(one.shape[-2:]), work is autoencoder.decode
    tiling = phase.Tiling(
        "tile_vae", lambda part: autoencoder.tiles(part, longest, latent=latent), autoencoder.tiled
    )
    return phase.run(ctx, vae, name, one.shape, lambda part: work(part, one), tiling)


def _latent_map(ctx: Context, model: Model) -> preview.LatentMap | None:
    """Give the map for previews, fitted to the checkpoint's autoencoder when first needed."""
    vae = sibling(model, Vae)

    def make() -> preview.LatentMap:
        return autoencoder.latent_map(
            load.latent_size(load.config_of(vae))[1],
            lambda pixels: _coded(ctx, vae, pixels, autoencoder.encode, "encode"),
            lambda latents: _coded(ctx, vae, latents, autoencoder.decode, "decode"),
        )

    if not ctx.engine.options.preview_rate:
        return None
    return ctx.engine.get(preview.LatentMaps).of(model.identity, make)


def _check_channels(network: Any, latent: Latent) -> None:
    wanted, got = int(network.config.in_channels), latent.samples.shape[1]
    if latent.channels is not None:
        got += latent.channels.shape[1]
    elif wanted == inpaint.width(got):
        raise Invalid("mask_needed")
    if wanted != got:
        raise Invalid("latent_mismatch", wanted=wanted, got=got)


def _one(batch: torch.Tensor, index: int) -> torch.Tensor:
    """Take what is of one picture (a mask): there is one for each, or one for all."""
    return batch[index : index + 1] if len(batch) > index > 0 else batch[:1]
