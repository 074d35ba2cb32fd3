"""Recipes that make pictures larger, as they are asked for: upscalers there, results not too large.

Writes nothing.
"""

from collections.abc import Mapping, Sequence

from core.errors import Problem
from core.graph import enlarging, recipes
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Json
from server.actions import named
from server.principal import Principal
from server.state import State

_SWEPT = frozenset({"factor", "width", "height", "hires_factor", "init_image"})  # change a size
_UPSCALERS = ("upscaler", "hires_upscaler")  # fields that name one


async def unknown(state: State, fields: Mapping[str, Json], pointer: str) -> list[Problem]:
    """List the fields that name an upscaler which is not there."""
    problems: list[Problem] = []
    for field in _UPSCALERS:
        name = fields.get(field)
        if isinstance(name, str) and await named.model(state, name, "upscaler") is None:
            problems.append(
                named.missing(
                    await named.absent(state, name), f"{pointer}/{field}", name, kind="upscaler"
                )
            )
    return problems


def too_large(
    state: State,
    name: str,
    fields: Mapping[str, Json],
    source: tuple[int, int] | None,
    pointer: str,
) -> list[Problem]:
    """Say that a recipe's result has more pixels than the server makes.

    :param fields: of the built recipe.
    :param source: width and height of ``init_image``.
    """
    size = enlarging.target(name, fields, source)
    if size is None:
        return []
    side = next((side for side in ("width", "height") if fields.get(side)), "factor")
    at = "hires_factor" if "hires_factor" in fields else side
    found = named.too_many(state, *size, f"{pointer}/{at}")
    return [] if found is None else [found]


def room(
    state: State, fields: Mapping[str, Json], source: tuple[int, int] | None, pointer: str
) -> list[Problem]:
    """Say that a picture with its new room would be larger than the server makes."""
    if source is None or not any(fields.get(side) for side in recipes.ROOM):
        return []
    wide, high = recipes.extended(fields, source)
    too_many = named.too_many(state, wide, high, f"{pointer}/{recipes.ROOM[0]}")
    return [too_many] if too_many else []


def beyond(
    state: State,
    name: str,
    built: recipes.Built,
    source: tuple[int, int] | None,
    pointer: str,
) -> list[Problem]:
    """Say that a built recipe makes more pixels than the server does, on its way or in the end."""
    return [
        *named.too_large(state, built.graph, f"{pointer}/width"),
        *room(state, built.fields, source, pointer),
        *too_large(state, name, built.fields, source, pointer),
    ]


async def too_large_in(
    state: State,
    principal: Principal,
    name: str,
    fields: Mapping[str, Json],
    source: tuple[int, int] | None,
    axes: Sequence[BoundAxis],
    cells: Sequence[Cell],
    pointer: str,
) -> list[Problem]:
    """Say the same of the first cell of a sweep that asks for too much."""
    labels = [axis.label for axis in axes]
    if not _SWEPT.intersection(labels):
        return []
    pictures = [value for axis in axes if axis.label == "init_image" for value in axis.values]
    sizes = await named.sizes(state, principal, pictures) if pictures else {}
    for cell in cells:
        swept = dict(zip(labels, cell, strict=True))
        own = sizes.get(str(swept.get("init_image")), source)
        found = too_large(state, name, {**fields, **swept}, own, pointer)
        if found:
            return found
    return []
