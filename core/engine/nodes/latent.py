"""Latents: where pictures start, how they are denoised, and how they become pixels."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import torch
from msgspec import Meta

from core.engine import coding, masks
from core.engine.adapters import image_prompt
from core.engine.context import Context
from core.engine.diffusion import inpaint, noise, preview, rows, samplers
from core.engine.diffusion.begun import begun
from core.engine.diffusion.control import Use
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.regions import Regions
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.diffusion.seamless import Seamless
from core.engine.diffusion.turns import Turn, turns_of
from core.engine.ladder import sized
from core.engine.models import fit, load
from core.engine.models import vae as autoencoder
from core.engine.models.families import family_of
from core.engine.node import Node, Sampler, Schedule, Seed
from core.engine.nodes import prompt
from core.engine.nodes.control import pixels_of, steering
from core.engine.nodes.model import sibling
from core.engine.telling import Telling
from core.engine.values import (
    Conditioning,
    Control,
    Image,
    Latent,
    Model,
    TextEncoder,
    Vae,
    placed,
)
from core.errors import Invalid

Side = Annotated[int, Meta(ge=8, le=4096, multiple_of=8, description="Pixels, a multiple of 8.")]
Tiling = Annotated[
    Seamless,
    Meta(description="Where the picture goes on at its other side: x at left and right."),
]


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
    guidance_rescale: Annotated[
        float, Meta(ge=0, le=1, description="How far the washed-out look of a high guidance goes.")
    ] = 0.0
    guidance_start: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps before which nothing is guided.")
    ] = 0.0
    guidance_end: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps after which nothing is guided.")
    ] = 1.0

    variation_seed: Annotated[Seed, Meta(description="Seed that the noise is turned towards.")] = 0
    variation_strength: Annotated[
        float, Meta(ge=0, le=1, description="How far: 0 is the seed alone, 1 is the other one.")
    ] = 0.0

    seamless: Tiling = "off"

    true_cfg_scale: Annotated[
        float,
        Meta(
            ge=0, le=100,
            description="guidance_scale of models that are told theirs: above 1 the negative prompt"
            " counts, at twice the work.",
        ),
    ] = 1.0  # fmt: skip

    def _guidance(self, scale: float) -> Guidance:
        return Guidance(scale, self.guidance_rescale, self.guidance_start, self.guidance_end)

    def run(
        self,
        ctx: Context,
        model: Model,
        positive: Conditioning,
        latent: Latent,
        negative: Conditioning | None = None,
        control: Control | None = None,
    ) -> Latent:
        """Denoise every picture of the batch, each with a seed of its own."""
        if negative is not None and negative.regions:
            raise Invalid("regions_negative")
        if negative is None and self._guidance(max(self.guidance_scale, self.true_cfg_scale)).ever:
            negative = prompt.encode(ctx, sibling(model, TextEncoder), "", negative=True)
        table = _latent_map(ctx, model)
        with (
            ctx.engine.residency.use(model, ctx.job) as network,
            steering(ctx, control, model, network, latent) as controls,
        ):
            fit.check(family_of(model.family), network, latent)
            if (most := fit.longest_side(network)) is not None:
                size = pixels_of(model, latent)
                fit.check_side(most * size[0] // latent.samples.shape[-2], self._seen(size))
            image_prompt.check(network, positive, negative)
            prompt.check(network, positive, negative)
            telling = Telling(ctx, table, len(latent.samples))
            batch = [
                self._row(ctx, model, network, latent, positive, negative, controls, telling, index)
                for index in range(len(latent.samples))
            ]
            ready = [row for row in batch if row is not None]
            done, fetch = iter(self._denoised(ctx, model, ready)), ctx.engine.device.fetch
            samples = [
                latent.samples[index : index + 1] if row is None else fetch(next(done))
                for index, row in enumerate(batch)
            ]
        made = torch.cat(samples)
        coding.check_finite(model, made)
        return Latent(samples=made)

    def _denoised(self, ctx: Context, model: Model, ready: list[rows.Row]) -> list[torch.Tensor]:
        """Denoise rows to their end; give their latents on the device."""

        def size() -> tuple[int, int]:
            _, factor = load.latent_size(load.config_of(sibling(model, Vae)))
            height, width = ready[0].latents.shape[-2:]
            return width * factor, height * factor

        with sized(size):
            return ctx.engine.get(SamplingLoop).sample(ready)

    def _seen(self, pixels: tuple[int, int]) -> tuple[int, int]:
        """Give height and width of what the network sees at once of a picture."""
        return pixels

    def _row(
        self,
        ctx: Context,
        model: Model,
        network: Any,
        latent: Latent,
        positive: Conditioning,
        negative: Conditioning | None,
        controls: Callable[[int], tuple[Use, ...]],
        telling: Telling,
        index: int,
    ) -> rows.Row | None:
        """Make the row of one picture; ``None`` when ``strength`` leaves it as it is."""
        family = family_of(model.family)
        scheduler = samplers.make(
            self.sampler, self.schedule, network.scheduler_config, self.steps,
            family=family.aligned,
            flow=family.flow and family.flow.sized(*latent.samples.shape[-2:]),
        )  # fmt: skip
        told = family.told(network.config, self.guidance_scale)
        start = latent.samples[index : index + 1]
        variation = noise.Variation(self.variation_seed, self.variation_strength)
        first = begun(scheduler, latent, index, self.steps, self.strength, self.seed, variation)
        if not first.steps:
            return None
        turns = turns_of(positive, negative, index, first.steps)
        mask = None if latent.mask is None else _one(latent.mask, index)
        return rows.Row(
            network=network,
            call=family.call,
            scheduler=scheduler,
            latents=first.latents,
            positive=turns[0].positive,
            negative=turns[0].negative,
            regions=_regions(positive, turns[0], start, index),
            turns=turns[1:],
            guidance=self._guidance(self.guidance_scale if told is None else self.true_cfg_scale),
            told_guidance=told,
            pixels=pixels_of(model, latent) if family.sized else (0, 0),
            kept=None if mask is None else inpaint.Kept(mask, start, first.drawn),
            channels=None if latent.channels is None else _one(latent.channels, index),
            controls=controls(index),
            seamless=self.seamless,
            source=first.source,
            begin=first.begin,
            steps=first.steps,
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

    seamless: Tiling = "off"

    def run(self, ctx: Context, vae: Vae, latent: Latent) -> Image:
        """Decode each picture of the batch."""
        work = partial(autoencoder.decode, seamless=self.seamless)
        return Image(pixels=coding.each(ctx, vae, latent.samples, work, "decode"))


def encode_pixels(ctx: Context, vae: Vae, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures (B, 3, H, W) one by one: scaled latents (B, C, h, w) on the CPU."""
    return coding.each(ctx, vae, pixels, autoencoder.encode, "encode")


def _latent_map(ctx: Context, model: Model) -> preview.LatentMap | None:
    """Give the map for previews, fitted to the checkpoint's autoencoder when first needed."""
    vae = sibling(model, Vae)

    def make() -> preview.LatentMap:
        return autoencoder.latent_map(
            load.latent_size(load.config_of(vae))[1],
            lambda pixels: coding.coded(ctx, vae, pixels, autoencoder.encode, "encode"),
            lambda latents: coding.coded(ctx, vae, latents, autoencoder.decode, "decode"),
        )

    if not ctx.engine.options.preview_rate:
        return None
    return ctx.engine.get(preview.LatentMaps).of(placed(vae).identity, make)


def _regions(positive: Conditioning, turn: Turn, start: torch.Tensor, index: int) -> Regions | None:
    """Bring the regions of a picture's prompt to the size of its latents (1, C, h, w)."""
    if not positive.regions:
        return None
    size = tuple(start.shape[-2:])
    weights = [
        region.weight * masks.resize(_one(region.mask, index), *size) for region in positive.regions
    ]
    return Regions(torch.cat(weights), turn.regions)


def _one(batch: torch.Tensor, index: int) -> torch.Tensor:
    """Take what is of one picture (a mask): there is one for each, or one for all."""
    return batch[index : index + 1] if len(batch) > index > 0 else batch[:1]
