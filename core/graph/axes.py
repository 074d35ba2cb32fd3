"""The axes of a sweep, one after another: what each is called, where it stands, its values.

Groups of zipped axes are laid flat: axes of one group advance together. Knows neither graphs nor
what a value means. Boards and folders are looked up by whoever can, before.
"""

import math
import random
from collections.abc import Iterator, Sequence

from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph import fields
from core.records.graph import Json
from core.records.job import MAX_AXES, Axis, Span, Sweep

MAX_JOBS = 10_000
_SEEDS = 2**32  # drawn ones are below: short enough to be typed again
_system_random = random.SystemRandom()


class Placed(Struct, frozen=True, kw_only=True):
    """An axis with its values, and the pointer at which it was asked for."""

    setting: str
    node: str | None = None
    replace: str | None = None
    values: tuple[Json, ...]
    group: int | None = None  # axes of one number stand side by side and advance together
    at: str

    @property
    def label(self) -> str:
        """Name the axis: by its setting, and by the text that it replaces."""
        name = self.setting if self.node is None else f"{self.node}.{self.setting}"
        return name if self.replace is None else f"{name}:{self.replace}"

    def sweeps(self, field: str) -> bool:
        """Say whether the axis gives a recipe's field its whole value."""
        return self.node is None and self.replace is None and self.setting == field


def placed(sweep: Sweep, pointer: str = "/sweep") -> list[Placed]:
    """Lay the axes of a sweep flat, with their values.

    :raises Invalid: with every problem found; ``expansion_too_large`` before a value is made.
    """
    count(sweep, pointer)
    found: list[Placed] = []
    problems: list[Problem] = []
    for axis, group, at in _flat(sweep, pointer):
        wrong = [*_faults(axis, at)]
        values = () if wrong else _values(axis.values)
        if not values and not wrong:
            wrong.append(Problem(code="axis_empty", pointer=f"{at}/values"))
        problems += wrong
        found.append(
            Placed(
                setting=axis.setting, node=axis.node, replace=axis.replace, values=values,
                group=group, at=at,
            )
        )  # fmt: skip
    if len(found) > MAX_AXES:
        params: Params = {"max": MAX_AXES}
        problems.append(Problem(code="too_long", pointer=f"{pointer}/axes", params=params))
    problems += _unequal(found)
    if problems:
        raise Invalid(problems=tuple(problems[: fields.MAX_PROBLEMS]))
    return found


def count(sweep: Sweep, pointer: str = "/sweep") -> int:
    """Count the cells of a sweep before anything is expanded; of an empty axis as of one value.

    :raises Invalid: ``expansion_too_large`` for more than 10,000.
    """
    sizes: dict[object, int] = {}
    for number, (axis, group, _) in enumerate(_flat(sweep, pointer)):
        side: object = ("alone", number) if group is None else group
        sizes[side] = max(sizes.get(side, 1), _size(axis.values))
    return within(math.prod(sizes.values()), pointer)


def within(total: int, pointer: str) -> int:
    """Refuse more jobs than one request may make.

    :raises Invalid: ``expansion_too_large`` for more than 10,000.
    """
    if total > MAX_JOBS:
        params: Params = {"count": total if total < 2**53 else None, "limit": MAX_JOBS}
        problem = Problem(code="expansion_too_large", pointer=pointer, params=params)
        raise Invalid("expansion_too_large", problems=(problem,), **params)
    return total


def sides(groups: Sequence[int | None]) -> list[list[int]]:
    """List the places of axes that advance together; an axis of no group is alone."""
    found: list[list[int]] = []
    for place, group in enumerate(groups):
        if group is not None and place > 0 and groups[place - 1] == group:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def beside(axes: Sequence[Placed], place: int, *others: Placed) -> list[Placed]:
    """Let further axes advance together with the one at a place; they follow it."""
    group = axes[place].group
    if group is None:
        group = max((axis.group for axis in axes if axis.group is not None), default=-1) + 1
    one = _grouped(axes[place], group)
    joined = [_grouped(other, group) for other in others]
    return [*axes[:place], one, *joined, *axes[place + 1 :]]


def _grouped(axis: Placed, group: int) -> Placed:
    return Placed(
        setting=axis.setting, node=axis.node, replace=axis.replace, values=axis.values,
        group=group, at=axis.at,
    )  # fmt: skip


def _flat(sweep: Sweep, pointer: str) -> Iterator[tuple[Axis, int | None, str]]:
    for place, axis in enumerate(sweep.axes):
        at = fields.join(pointer, "axes", place)
        if not axis.zip:
            yield axis, 0 if sweep.mode == "zip" else None, at
            continue
        if axis.setting or axis.values or axis.node or axis.replace:
            yield axis, None, at  # ``_faults`` says so
            continue
        for inner, each in enumerate(axis.zip):
            group = 0 if sweep.mode == "zip" else place
            yield each, group, fields.join(at, "zip", inner)


def _faults(axis: Axis, at: str) -> Iterator[Problem]:
    if axis.zip:
        yield Problem(code="axis_nested", pointer=f"{at}/zip")
        return
    if not axis.setting:
        params: Params = {"field": "setting"}
        yield Problem(code="missing_field", pointer=f"{at}/setting", params=params)
    if isinstance(axis.values, Span) and not _is_sound(axis.values):
        yield Problem(code="span_invalid", pointer=f"{at}/values")


def _is_sound(span: Span) -> bool:
    """Say whether a span is of numbers or of seeds, and of one of them alone."""
    if span.board is not None or span.folder is not None:
        return False
    if span.random is not None:
        return span == Span(random=span.random)
    return span.start is not None and (span.count is None) != (span.stop is None)


def _size(values: list[Json] | Span) -> int:
    if not isinstance(values, Span):
        return len(values)
    if values.stop is None or values.start is None:
        return values.random or values.count or 1
    if values.step == 0:
        return 1 if values.start == values.stop else 0
    try:
        steps = (values.stop - values.start) / values.step
    except OverflowError:  # whole numbers that no float holds
        return MAX_JOBS + 1
    if not steps < MAX_JOBS:
        return MAX_JOBS + 1
    return max(0, math.floor(steps + 1e-9) + 1)


def _values(values: list[Json] | Span) -> tuple[Json, ...]:
    if not isinstance(values, Span):
        return tuple(values)
    if values.random is not None:
        return tuple(_system_random.sample(range(_SEEDS), values.random))
    start, step = values.start, values.step
    assert start is not None  # the span is sound
    run = range(_size(values))
    if isinstance(start, int) and isinstance(step, int):
        return tuple(start + index * step for index in run)
    return tuple(_clean(start + index * step) for index in run)


def _clean(number: float) -> float:
    """Drop the last digits, where 3 × 0.1 is not 0.3."""
    return float(f"{number:.12g}")


def _unequal(axes: Sequence[Placed]) -> Iterator[Problem]:
    for side in sides([axis.group for axis in axes]):
        lengths = [len(axes[place].values) for place in side]
        if len(set(lengths)) > 1 and 0 not in lengths:
            params: Params = {"lengths": ", ".join(map(str, lengths))}
            at = axes[side[0]].at.rpartition("/")[0]
            yield Problem(code="zip_lengths", pointer=at, params=params)
