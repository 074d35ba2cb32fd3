"""Separate parts: those of a checkpoint that are taken from files or folders of their own.

Knows what a graph names for which part; reads headers at most.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from core.engine.context import Context
from core.engine.models import load
from core.engine.models.families import VAE, family_of
from core.engine.values import Model, Place, Vae
from core.errors import Invalid
from core.graph.catalogue import Resource
from core.graph.separate import FORMATS, fits


def places(
    ctx: Context, checkpoint: Resource, named: Mapping[str, str | None]
) -> tuple[Place, ...]:
    """Give where the parts lie that a graph names apart from their checkpoint, or that changed.

    :param named: part → name of what it is taken from; ``None``: from the checkpoint.
    :raises Invalid: model_part_unused for a part that models of the family do not have,
        model_wrong_family for one of another family.
    """
    return (*_places(ctx, checkpoint, named), *_changed(checkpoint, named))


def prove(model: Model, vae: Vae) -> None:
    """Look whether an autoencoder of its own makes what the denoiser takes; reads no weights.

    :raises Invalid: vae_misfit.
    :raises ModelUnreadable: when the configuration of either cannot be read.
    """
    own = next((one for one in model.elsewhere if one.part == VAE), None)
    if own is None:
        return
    channels, _ = load.latent_size(load.config_of(vae))
    config = load.config_of(model)
    wanted = int(config.get("out_channels") or config.get("in_channels", channels))
    wanted //= family_of(model.family).packed
    if channels != wanted:
        name = Path(own.path).stem
        raise Invalid("vae_misfit", name=name, channels=channels, wanted=wanted)


def _changed(checkpoint: Resource, named: Mapping[str, str | None]) -> Iterator[Place]:
    """Give the parts whose weights are others than those of the checkpoint's files."""
    on_top = checkpoint.on_top
    if on_top is None or not on_top.weights:
        return
    for part, row in family_of(checkpoint.family or "", checkpoint.name).parts.items():
        file = on_top.weights.get(row.folder)
        if file is not None and named.get(part) is None:
            yield Place(
                part=part, identity=checkpoint.identity, path=checkpoint.path,
                format=checkpoint.format or "diffusers", stamp=checkpoint.stamp, weights=file,
            )  # fmt: skip


def _places(ctx: Context, checkpoint: Resource, named: Mapping[str, str | None]) -> Iterator[Place]:
    family = checkpoint.family or ""
    parts = family_of(family, checkpoint.name).parts
    for part, name in named.items():
        if name is None:
            continue
        if part not in parts:
            raise Invalid("model_part_unused", family=family, part=part)
        found = ctx.resource(name, FORMATS[part])
        if not fits(found.kind, found.family or "", family):
            raise Invalid("model_wrong_family", name=found.name, family=found.family, wanted=family)
        yield Place(
            part=part, identity=found.identity, path=found.path, format=found.format or "diffusers",
            stamp=found.stamp,
        )  # fmt: skip
