"""Sweeps within lists of a recipe: what of their values does not go together. Writes nothing."""

from collections.abc import Mapping, Sequence

import msgspec
from anyio.lowlevel import checkpoint

from core.errors import Problem
from core.graph import listed, sweep
from core.graph.fields import MAX_PROBLEMS, join, pointer_of
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Json


async def misfits(
    fields: Mapping[str, Json],
    axes: Sequence[BoundAxis],
    pointers: Sequence[str],
    cells: Sequence[Cell],
) -> list[Problem]:
    """List starts that are not before their ends, and thresholds that cross, each at its value.

    :param fields: complete ones of the recipe, for what is not swept.
    :param pointers: of each axis.
    """
    places = [place for place, axis in enumerate(axes) if listed.bounding(axis.field or "")]
    some = [axes[place] for place in places]
    found: dict[str, Problem] = {}  # by pointer
    seen = dict.fromkeys(tuple(cell[place] for place in places) for cell in cells) if some else ()
    for values in seen:
        await checkpoint()
        for problem in listed.problems(sweep.asked(fields, some, values), ""):
            blamed = _blamed(some, problem)
            number = some[blamed].values.index(values[blamed])
            at = join(pointers[places[blamed]], "values", number)
            found.setdefault(at, msgspec.structs.replace(problem, pointer=at))
        if len(found) >= MAX_PROBLEMS:
            break
    return [*found.values()][:MAX_PROBLEMS]


def _blamed(axes: Sequence[BoundAxis], problem: Problem) -> int:
    """Give the axis of the place that a problem is told at, or of the one that bounds it."""
    own = [pointer_of(f".{axis.field}") for axis in axes]
    if problem.pointer in own:
        return own.index(problem.pointer)
    beside = [pointer_of(f".{listed.bounding(axis.field or '')}") for axis in axes]
    return beside.index(problem.pointer)
