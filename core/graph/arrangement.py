"""The cells of a batch in rows, columns and blocks. Pure; knows no pictures.

Axes that were zipped advance together, so they are one *side*; jobs of one cell, of several runs,
make a side of their own. Two sides become the columns and the rows, all others the blocks.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from core.errors import Invalid, Params, Problem

RUN = "run"  # the name of the side that repetitions make
_LINE = 10  # cells of a single side that stand in one row

Key = tuple[int, ...]  # for each axis of a side the index of its value


class Side(Struct, frozen=True, kw_only=True):
    """Axes that advance together, with what each of their places is called."""

    names: tuple[str, ...]  # labels of the axes
    keys: tuple[Key, ...]
    axes: tuple[int, ...]  # places of the axes; none for the side of the runs


class Arrangement(Struct, frozen=True, kw_only=True):
    """Which cell goes where."""

    x: Side | None
    y: Side | None
    blocks: tuple[tuple[tuple[Side, Key], ...], ...]  # of each block what its cells have in common
    places: Mapping[int, tuple[int, int, int]]  # number of a cell → (block, row, column)
    alike: tuple[tuple[Side, Key], ...]  # what all cells have in common


def arrange(
    labels: Sequence[str],
    groups: Sequence[int | None],
    cells: Sequence[Key],
    x: str | None = None,
    y: str | None = None,
    z: str | None = None,
) -> Arrangement:
    """Choose sides, and give every cell its place.

    :param groups: of each axis; axes of one number advance together.
    :param cells: of each the index of every axis' value.
    :param x: label of an axis; without one the longest side. ``y`` likewise, and ``z`` is the
        side whose blocks come first.
    :raises Invalid: ``unknown_axis``, ``axis_twice``.
    """
    sides = [*_sides(labels, groups, cells)]
    keys = [tuple(_key(side, cell) for side in sides) for cell in cells]
    runs = _runs(keys)
    if max(runs, default=0) > 0:
        turns = tuple((turn,) for turn in range(max(runs) + 1))
        sides.append(Side(names=(RUN,), keys=turns, axes=()))
        keys = [(*key, (run,)) for key, run in zip(keys, runs, strict=True)]
    chosen = _named(sides, {"x": x, "y": y, "z": z})
    free = [n for n, side in enumerate(sides) if len(side.keys) > 1 and n not in chosen.values()]
    free.sort(key=lambda n: (-len(sides[n].keys), n))
    if not chosen and len(free) == 1 and len(sides[free[0]].keys) > _LINE:
        across = down = None  # one long side is broken into lines: each cell a block
    else:
        across = chosen.get("x") if "x" in chosen else _next(free)
        down = chosen.get("y") if "y" in chosen else _next(free)
    rest = [*([chosen["z"]] if "z" in chosen else []), *sorted(free)]
    return _placed(sides, keys, across, down, rest)


def _placed(
    sides: Sequence[Side],
    keys: Sequence[tuple[Key, ...]],
    across: int | None,
    down: int | None,
    rest: Sequence[int],
) -> Arrangement:
    order = {n: {key: place for place, key in enumerate(sides[n].keys)} for n in range(len(sides))}
    named = sorted(
        {tuple(key[n] for n in rest) for key in keys},
        key=lambda block: [order[n][part] for n, part in zip(rest, block, strict=True)],
    )
    number = {block: place for place, block in enumerate(named)}
    places = {
        cell: (
            number[tuple(key[n] for n in rest)],
            0 if down is None else order[down][key[down]],
            0 if across is None else order[across][key[across]],
        )
        for cell, key in enumerate(keys)
    }
    taken = {across, down, *rest}
    return Arrangement(
        x=None if across is None else sides[across],
        y=None if down is None else sides[down],
        blocks=tuple(
            tuple((sides[n], part) for n, part in zip(rest, block, strict=True)) for block in named
        ),
        places=places,
        alike=tuple((side, side.keys[0]) for n, side in enumerate(sides) if n not in taken),
    )


def _sides(labels: Sequence[str], groups: Sequence[int | None], cells: Sequence[Key]) -> list[Side]:
    members: dict[tuple[str, int], list[int]] = {}
    for place, group in enumerate(groups):
        name = ("alone", place) if group is None else ("group", group)
        members.setdefault(name, []).append(place)
    return [
        Side(
            names=tuple(labels[place] for place in axes),
            keys=tuple(sorted({tuple(cell[place] for place in axes) for cell in cells})),
            axes=tuple(axes),
        )
        for axes in members.values()
    ]


def _key(side: Side, cell: Key) -> Key:
    return tuple(cell[place] for place in side.axes)


def _runs(keys: Sequence[tuple[Key, ...]]) -> list[int]:
    """Number the cells that are alike."""
    seen: dict[tuple[Key, ...], int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, -1) + 1
        found.append(seen[key])
    return found


def _named(sides: Sequence[Side], wanted: Mapping[str, str | None]) -> dict[str, int]:
    """Find the sides that are asked for."""
    chosen: dict[str, int] = {}
    problems = []
    for name, label in wanted.items():
        if label is None:
            continue
        params: Params = {"setting": label[:200]}
        at = next((n for n, side in enumerate(sides) if label in side.names), None)
        if at is None:
            problems.append(Problem(code="unknown_axis", pointer=f"/{name}", params=params))
        elif at in chosen.values():
            problems.append(Problem(code="axis_twice", pointer=f"/{name}", params=params))
        else:
            chosen[name] = at
    if problems:
        raise Invalid(problems=tuple(problems))
    return chosen


def _next(free: list[int]) -> int | None:
    return free.pop(0) if free else None


def spaces(arrangement: Arrangement) -> int:
    """Count the cells that there is room for, full or not."""
    sides = (arrangement.x, arrangement.y)
    return len(arrangement.blocks) * math.prod(len(side.keys) for side in sides if side)
