"""What the jobs of a batch have in common, and each job's cell of it.

A cell is stored as the index of each axis' value, so long prompts cost their bytes once; values
stay raw text until a job asks for its own. Knows nothing of statuses.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from core.graph.sweep import BoundAxis, Cell, Target
from core.records.graph import Graph, Json

_ENCODER = msgspec.json.Encoder()
_JSON = msgspec.json.Decoder()
_GRAPH = msgspec.json.Decoder(Graph)
_RECIPE = msgspec.json.Decoder(dict[str, Json])


class StoredAxis(Struct, frozen=True, kw_only=True):
    """An axis whose values stay raw text until one of them is asked for."""

    label: str
    targets: tuple[Target, ...]
    values: list[msgspec.Raw]
    group: int | None = None
    replace: str | None = None


class Design(Struct, frozen=True, kw_only=True):
    """What all jobs of a batch have in common."""

    row: int
    id: str
    graph: Graph
    axes: list[StoredAxis]
    recipe: dict[str, Json] | None
    request_id: str
    exact: bool
    board: str | None

    def bound(self) -> tuple[BoundAxis, ...]:
        """Give the axes without their values."""
        return tuple(
            BoundAxis(
                label=axis.label,
                targets=axis.targets,
                values=(),
                group=axis.group,
                replace=axis.replace,
            )
            for axis in self.axes
        )


_AXES = msgspec.json.Decoder(list[StoredAxis])


def decode_axes(text: str) -> list[StoredAxis]:
    """Read the axes of a batch."""
    return _AXES.decode(text)


def indices(axes: Sequence[BoundAxis], cells: Iterable[Cell]) -> list[str]:
    """Write each cell as it is stored: for every axis the index of the cell's value.

    :raises ValueError: for a cell with a value that its axis does not have.
    """
    same = [{id(value): i for i, value in enumerate(axis.values)} for axis in axes]
    equal: dict[int, dict[bytes, int]] = {}  # built only if a cell holds copies of the values
    found = []
    for cell in cells:
        if len(cell) != len(axes):
            raise ValueError("a cell has one value for each axis")
        places = []
        for axis, value in enumerate(cell):
            place = same[axis].get(id(value))
            if place is None:
                if axis not in equal:
                    equal[axis] = {_ENCODER.encode(v): i for i, v in enumerate(axes[axis].values)}
                place = equal[axis].get(_ENCODER.encode(value))
            if place is None:
                raise ValueError(f"a value that axis {axes[axis].label} does not have")
            places.append(place)
        found.append(f"[{','.join(map(str, places))}]")
    return found


def places(cell: str) -> tuple[int, ...]:
    """Read a stored cell: for each axis the index of the value."""
    return tuple(_JSON.decode(cell))


def values(axes: Sequence[StoredAxis], cell: str) -> Cell:
    """Read the values of a stored cell."""
    places = _JSON.decode(cell)
    return tuple(_JSON.decode(axis.values[place]) for axis, place in zip(axes, places, strict=True))


def overrides(axes: Sequence[StoredAxis], cell: str) -> dict[str, Json]:
    """Read a stored cell by the labels of its axes."""
    return {axis.label: value for axis, value in zip(axes, values(axes, cell), strict=True)}


def get(connection: sqlite3.Connection, row: int) -> Design:
    """Read what the jobs of a batch have in common."""
    found = connection.execute(
        """
        SELECT id, graph, axes, recipe, request_id, exact, board
        FROM batches
        WHERE row = :row
        """,
        {"row": row},
    ).fetchone()
    batch, graph, axes, recipe, request_id, exact, board = found
    return Design(
        row=row,
        id=batch,
        graph=_GRAPH.decode(graph),
        axes=decode_axes(axes),
        recipe=None if recipe is None else _RECIPE.decode(recipe),
        request_id=request_id,
        exact=bool(exact),
        board=board,
    )


def of_job(connection: sqlite3.Connection, job: str) -> tuple[Design, str]:
    """Read the design and the stored cell of a job; it must exist."""
    batch, cell = connection.execute(
        "SELECT batch, cell FROM jobs WHERE id = :id", {"id": job}
    ).fetchone()
    return get(connection, batch), cell


def axes_of(
    connection: sqlite3.Connection, rows: Iterable[int]
) -> dict[int, tuple[str, list[StoredAxis]]]:
    """Read ids and axes of several batches, by row."""
    found = connection.execute(
        """
        SELECT row, id, axes
        FROM batches
        WHERE row IN (SELECT value FROM json_each(:rows))
        """,
        {"rows": _ENCODER.encode(sorted(set(rows))).decode()},
    )
    return {row: (batch, decode_axes(axes)) for row, batch, axes in found}
