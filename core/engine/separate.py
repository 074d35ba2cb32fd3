"""Separate parts: those of a checkpoint that are taken from files or folders of their own.

Knows what a graph names for which part; loads nothing.
"""

from collections.abc import Iterator, Mapping

from core.engine.context import Context
from core.engine.models.families import family_of
from core.engine.values import Place
from core.errors import Invalid
from core.graph.catalogue import Resource
from core.graph.separate import FORMATS, fits


def places(
    ctx: Context, checkpoint: Resource, named: Mapping[str, str | None]
) -> tuple[Place, ...]:
    """Give where the parts lie that a graph names apart from their checkpoint.

    :param named: part → name of what it is taken from; ``None``: from the checkpoint.
    :raises Invalid: model_part_unused for a part that models of the family do not have,
        model_wrong_family for one of another family.
    """
    return tuple(_places(ctx, checkpoint, named))


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
