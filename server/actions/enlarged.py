"""Recipes that make pictures larger, as they are asked for: upscalers there, results not too large.

Writes nothing.
"""

from collections.abc import Mapping, Sequence

from core.errors import Problem
from core.graph import enlarging
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Json
from server.actions import named
from server.state import State

_UPSCALERS = ("upscaler", "hires_upscaler")  # fields that name one


async def unknown(state: State, fields: Mapping[str, Json], pointer: str) -> list[Problem]:
    """List the fields that name an upscaler which is not there."""
    problems: list[Problem] = []
    for field in _UPSCALERS:
        name = fields.get(field)
        if isinstance(name, str) and await named.model(state, name, "upscaler") is None:
            problems.append(
                named.missing("unknown_model", f"{pointer}/{field}", name, kind="upscaler")
            )
    return problems


def too_large(
    state: State,
    name: str,
    fields: Mapping[str, Json],
    source: tuple[int, int] | None,
    axes: Sequence[BoundAxis] = (),
    cells: Sequence[Cell] = ((),),
    pointer: str = "",
) -> list[Problem]:
    """Say that a recipe's result, in any of its cells, has more pixels than the server makes.

    :param fields: of the built recipe.
    :param source: width and height of ``init_image``.
    """
    factor = "hires_factor" if "hires_factor" in fields else "factor"
    for cell in cells:
        swept = {axis.label: value for axis, value in zip(axes, cell, strict=True)}
        size = enlarging.target(name, {**fields, **swept}, source)
        if size is None:
            return []
        given = next((side for side in ("width", "height") if fields.get(side)), factor)
        at = factor if factor == "hires_factor" else given
        found = named.too_many(state, *size, f"{pointer}/{at}")
        if found is not None:
            return [found]
    return []
