"""Pipelines: pictures by any pipeline of diffusers that has no family of its own here."""

from pathlib import Path
from typing import Annotated

import torch
from msgspec import Meta

from core.engine import calling, masks
from core.engine.context import Context
from core.engine.node import Checkpoint, Node, Prompt, Seed
from core.engine.pipelines.asking import Wish
from core.engine.pipelines.whole import Pipeline
from core.engine.values import Image, Mask
from core.errors import Invalid, ModelUnreadable
from core.graph import ways
from core.library import folder, pipelines

Side = Annotated[int, Meta(ge=8, le=4096, multiple_of=8)]
_SEEDS = 2**53  # seeds stay exact in a browser's numbers


class Drawn(Image, frozen=True, kw_only=True):
    """Pictures of a pipeline; ``remarked`` says what of the wish it had no place for."""

    remarked: tuple[str, ...] = ()

    def remarks(self) -> tuple[str, ...]:
        """Tell it of every job that uses them."""
        return self.remarked


class PipelineGenerate(Node, tag="pipeline.generate"):
    """Draw by a pipeline's own way, from words alone or from a picture, perhaps a part of it."""

    checkpoint: Annotated[Checkpoint, Meta(description="Id or name of a checkpoint.")]
    prompt: Annotated[Prompt, Meta(description="What the picture shows.")]
    negative_prompt: Annotated[Prompt, Meta(description="What to keep away from.")] = ""
    width: Annotated[Side, Meta(description="Pixels; a given picture keeps its own.")] = 1024
    height: Annotated[Side, Meta(description="Pixels; a given picture keeps its own.")] = 1024
    steps: Annotated[
        Annotated[int, Meta(ge=1, le=500)] | None,
        Meta(description="More steps are finer and slower; null: the pipeline's own."),
    ] = None
    guidance_scale: Annotated[
        Annotated[float, Meta(ge=0, le=100)] | None,
        Meta(description="How closely to follow the prompt; off up to 1; null: its own."),
    ] = None
    seed: Annotated[Seed, Meta(description="Same seed, same picture.")] = 0
    strength: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="How much of a given picture is painted anew; null: its own."),
    ] = None

    def run(self, ctx: Context, image: Image | None = None, mask: Mask | None = None) -> Image:
        """Draw every picture of the batch, one after the other, each with a seed of its own."""
        found = ctx.resource(self.checkpoint, "checkpoint")
        own = ways.node_of(found.family or "") == ways.WHOLE
        facts = folder.facts(Path(found.path)) if own else None
        name, family = found.name or self.checkpoint, found.family or ""
        if not own:
            raise ModelUnreadable("family_unsupported", model=name, family=family)
        if facts is None:
            raise ModelUnreadable(model=name, reason=f"{folder.INDEX} names no such pipeline")
        kind = facts.kind(picture=image is not None, mask=mask is not None)
        if not kind:
            raise Invalid("way_unsupported", pipeline=facts.pipeline, family=pipelines.GENERIC)
        if image is not None and mask is not None:
            masks.check_fit(mask.values, image.pixels)
        handle = Pipeline(
            identity=found.identity, path=found.path, family=pipelines.GENERIC,
            format=found.format or "diffusers",
        )  # fmt: skip
        made, remarked = [], dict[str, None]()
        for index in range(1 if image is None else len(image.pixels)):
            wish = self._wish(index, image, mask)
            if wish.height % facts.multiple or wish.width % facts.multiple:
                raise Invalid("size_not_multiple", multiple=facts.multiple)
            if wish.pixels is not None and self._leaves_it(facts.row.steps):
                made.append(wish.pixels)
                continue
            picture, remarks = calling.draw(ctx, handle, wish, kind, facts.factor)
            made.append(picture)
            remarked |= dict.fromkeys(remarks)
        return Drawn(pixels=torch.cat(made), remarked=tuple(remarked))

    def _wish(self, index: int, image: Image | None, mask: Mask | None) -> Wish:
        pixels = None if image is None else image.pixels[index : index + 1]
        height, width = (self.height, self.width) if pixels is None else pixels.shape[-2:]
        return Wish(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=int(width),
            height=int(height),
            seed=(self.seed + index) % _SEEDS,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            strength=self.strength,
            pixels=pixels,
            mask=None if mask is None else _one(mask.values, index),
        )

    def _leaves_it(self, steps: int) -> bool:
        """Say whether a picture stays as it is, as no step is taken on it."""
        strength = 1.0 if self.strength is None else self.strength
        return int((self.steps or steps) * strength) < 1


def _one(batch: torch.Tensor, index: int) -> torch.Tensor:
    """Take the mask of one picture: there is one for each, or one for all."""
    return batch[index : index + 1] if len(batch) > index > 0 else batch[:1]
