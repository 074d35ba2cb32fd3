"""Jobs and batches, as clients see them, and the table of allowed transitions."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Problem
from core.records.graph import Graph, Json

JobKind = Literal["graph", "training", "task"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "canceled", "quarantined"]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "canceled", "quarantined"})
TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"running", "canceled"}),
    "running": frozenset({"queued", "succeeded", "failed", "canceled", "quarantined"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
    "quarantined": frozenset(),
}  # running → queued only by recovery


MAX_AXES = 8  # of one sweep
MAX_CACHED = 200  # ids of nodes that are told to come from the cache

CachedNodes = Annotated[
    list[str],
    Meta(
        max_length=MAX_CACHED,
        description="Ids of nodes whose outputs came from the cache: the first 200.",
    ),
]


class Progress(Struct, frozen=True, kw_only=True):
    """How far a running job is."""

    step: int = 0
    steps: int = 0
    phase: str = ""
    cached: CachedNodes = []


class Job(Struct, frozen=True, kw_only=True):
    """One unit of work in the queue."""

    id: str
    batch: str
    kind: JobKind = "graph"
    owner: str
    status: JobStatus
    priority: int = 0
    position: Annotated[
        int | None, Meta(description="Place in the queue, 0 first; null once claimed.")
    ] = None
    attempt: int = 0
    created: str
    started: str | None = None
    ended: str | None = None
    seconds: Annotated[float | None, Meta(description="Engine time of the last attempt.")] = None
    progress: Progress = Progress()
    eta_seconds: float | None = None
    overrides: Annotated[
        dict[str, Json], Meta(description="This job's cell: axis label → value.")
    ] = {}
    images: list[str] = []
    error: Problem | None = None
    successor: Annotated[
        str | None, Meta(description="Job that was asked for in its place, once it had ended.")
    ] = None
    result: Annotated[
        dict[str, Json] | None,
        Meta(description="What a task found or made: `model` is the id of a new one."),
    ] = None
    degraded: Annotated[
        list[str],
        Meta(
            description="What is not as asked: rungs of the memory ladder taken; prompt_cut,"
            " prompt_literal, loras_unused, subject_unknown."
        ),
    ] = []
    cached: CachedNodes = []  # once it has ended; until then `progress` tells them


class Axis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One swept setting and its values; or, with ``zip`` alone, axes that advance together."""

    setting: Annotated[str, Meta(max_length=128)] = ""
    node: Annotated[str | None, Meta(description="Node id; null for a recipe's field.")] = None
    values: "list[Json] | Span" = []
    replace: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=1024,
                description="A part of the setting's text: the values take the place of it alone.",
            ),
        ]
        | None
    ) = None
    zip: Annotated[
        list["Axis"],
        Meta(max_length=MAX_AXES, description="Axes whose values are taken side by side."),
    ] = []


Count = Annotated[int, Meta(ge=1, le=10_000)]
BoardId = Annotated[
    str, Meta(min_length=1, max_length=64, description="Id of a board: its pictures, oldest first.")
]
Folder = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        description="Path on the server, below one of `picture_dirs`: its pictures by name.",
    ),
]


class Span(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values by rule: a run of numbers, seeds drawn by chance, pictures of a board or a folder."""

    start: float | int | None = None
    count: Count | None = None
    stop: Annotated[float | int | None, Meta(description="The last, in place of count.")] = None
    step: float | int = 1
    random: Annotated[Count | None, Meta(description="How many seeds are drawn.")] = None
    board: BoardId | None = None
    folder: Folder | None = None


class Sweep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Axes and how they combine."""

    axes: Annotated[list[Axis], Meta(max_length=MAX_AXES)]
    mode: Literal["product", "zip"] = "product"


class Batch(Struct, frozen=True, kw_only=True):
    """Jobs that were asked for together; the graph is stored here, once."""

    id: str
    count: int
    counts: Annotated[
        dict[str, int], Meta(description="Jobs by status; of a cell that was retried, the newest.")
    ]
    retried: Annotated[int, Meta(description="Jobs in whose place another was asked for.")] = 0
    max_rows: Annotated[
        int | None, Meta(description="How many of its jobs may run at once; null for no bound.")
    ] = None
    axes: list[Axis] = []
    recipe: dict[str, Json] | None = None
    graph: Graph
    created: str
    ended: str | None = None
    eta_seconds: float | None = None
    owner: str
