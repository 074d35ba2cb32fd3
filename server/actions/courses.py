"""The trainings of one request: one, or one for each cell of a sweep. Writes nothing."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph import axes, sweep
from core.graph.axes import Placed
from core.graph.fields import MAX_PROBLEMS, decode_all
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Json
from server.actions.taught import Lesson, Teacher, Train
from server.principal import Principal
from server.state import State

MAX_SWEEP = 100  # trainings of one request
_FIXED = frozenset({"sweep", "branch_from", "priority", "webhook"})  # fields that no axis may name


class Course(Struct, frozen=True, kw_only=True):
    """What is to be done: lessons, and the axes that they differ by."""

    lessons: list[Lesson]
    axes: tuple[BoundAxis, ...] = ()
    cells: Sequence[Cell] = ((),)


async def planned(state: State, principal: Principal, ask: Train) -> Course:
    """Check and plan every training of a request.

    :raises Invalid: with every problem, each with a pointer.
    """
    teacher = Teacher(state, principal)
    if ask.sweep is None:
        return Course(lessons=[await teacher.lesson(ask)])
    placed = _placed(ask)
    bound = tuple(
        BoundAxis(label=axis.setting, targets=(), values=axis.values, group=axis.group)
        for axis in placed
    )
    cells = [*sweep.cells(bound, ask.sweep.mode)]
    lessons: list[Lesson] = []
    problems: list[Problem] = []
    for cell in cells:
        try:
            lessons.append(await teacher.lesson(_filled(ask, placed, cell)))
        except Invalid as error:
            told = [_pointed(one, placed, cell) for one in error.problems]
            problems += [one for one in told if one not in problems]
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    return Course(lessons=lessons, axes=bound, cells=cells)


def _placed(ask: Train) -> list[Placed]:
    """Lay the axes flat; each names a field of the request, and none is named twice."""
    assert ask.sweep is not None
    count = axes.count(ask.sweep)
    if count > MAX_SWEEP:
        params: Params = {"count": count, "limit": MAX_SWEEP}
        raise Invalid(problems=(
            Problem(code="expansion_too_large", pointer="/sweep", params=params),
        ))  # fmt: skip
    placed = axes.placed(ask.sweep)
    problems = []
    seen: set[str] = set()
    for axis in placed:
        named: Params = {"setting": axis.setting, "field": axis.setting}
        if axis.node is not None or axis.replace is not None or not _is_field(axis.setting):
            code, at = "unknown_field", f"{axis.at}/setting"
            problems.append(Problem(code=code, pointer=at, params=named))
        elif axis.setting in seen:
            problems.append(Problem(code="axis_twice", pointer=axis.at, params=named))
        seen.add(axis.setting)
    if problems:
        raise Invalid(problems=tuple(problems))
    return placed


def _is_field(name: str) -> bool:
    return name in Train.__struct_fields__ and name not in _FIXED


def _filled(ask: Train, placed: Sequence[Placed], cell: Cell) -> Train:
    """Give the request of one cell.

    :raises Invalid: for a value that its field does not take.
    """
    values: dict[str, Json] = {
        axis.setting: value for axis, value in zip(placed, cell, strict=True)
    }
    fields = {**msgspec.to_builtins(ask), "sweep": None, **values}
    if "name" not in values:
        words = [f"{axis.setting} {value}" for axis, value in zip(placed, cell, strict=True)]
        first = ask.name or f"{ask.token} {ask.class_word}"
        fields["name"] = ", ".join([first, *words])[:100]
    return decode_all(fields, Train)


def _pointed(problem: Problem, placed: Sequence[Placed], cell: Cell) -> Problem:
    """Point at the value of an axis where that is what is wrong."""
    field = problem.pointer.split("/")[1] if problem.pointer else ""
    for axis, value in zip(placed, cell, strict=True):
        if axis.setting == field:
            place = axis.values.index(value)
            return msgspec.structs.replace(problem, pointer=f"{axis.at}/values/{place}")
    return problem
