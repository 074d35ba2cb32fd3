"""The axes of a request laid out beside its fields, so that both can be checked. Writes no job."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from core.errors import Invalid, Problem
from core.graph import axes as flat
from core.graph.axes import Placed
from core.records.graph import Json
from core.records.job import Sweep
from server.actions import drawn, pictured
from server.principal import Principal
from server.state import State

_PICTURES = ("init_image", "mask_image")
_FILLED = ("prompt", "model", *_PICTURES)  # by the first value of their axis, if left open


class Laid(Struct, frozen=True, kw_only=True):
    """A request with its axes, and what is wrong with those."""

    fields: dict[str, Json]
    axes: list[Placed] = []
    problems: list[Problem] = []
    filled: dict[str, str] = {}  # field → pointer of the value that stands for it

    @property
    def has_pictures(self) -> bool:
        """Say whether pictures or masks are swept."""
        return any(axis.sweeps(name) for axis in self.axes for name in _PICTURES)

    def pointed(self, problems: Iterable[Problem], pointer: str) -> tuple[Problem, ...]:
        """Point problems of a field that an axis filled at the axis.

        :param pointer: of the fields.
        """
        at = {f"{pointer}/{field}": value for field, value in self.filled.items()}
        return tuple(
            msgspec.structs.replace(one, pointer=at.get(one.pointer, one.pointer))
            for one in problems
        )


async def placed(state: State, principal: Principal, wanted: Sweep) -> list[Placed]:
    """Lay the axes of a sweep flat, with ids and settled names as their values.

    :raises Invalid: with every problem found.
    """
    axes = flat.placed(await pictured.resolved(state, principal, wanted))
    return await drawn.in_axes(state, principal, axes)


async def out(
    state: State, principal: Principal, fields: Mapping[str, Json], wanted: Sweep | None
) -> Laid:
    """Lay the axes of a request out.

    A field that is open and swept has the first value of its axis, so that a request needs to
    name it once.
    """
    given = await drawn.in_fields(state, principal, fields)
    if wanted is None:
        return Laid(fields=given)
    try:
        axes = await placed(state, principal, wanted)
    except Invalid as error:
        return Laid(fields=given, problems=list(error.problems))
    filled = {}
    for axis in axes:
        name = axis.setting
        if name in _FILLED and axis.sweeps(name) and given.get(name) is None:
            given[name] = axis.values[0]
            filled[name] = f"{axis.at}/values/0"
    return Laid(fields=given, axes=axes, filled=filled)
