"""What is asked of the queue, read into checked work; and what it would come to. Writes no jobs."""

from typing import Annotated

from msgspec import Meta, Struct

from core.errors import Invalid, Params, Problem
from core.graph.bounds import MaxRows
from core.records.graph import Graph, Json
from core.records.job import Sweep
from core.records.webhook import Webhook
from core.store import jobs
from server.actions import work
from server.principal import Principal
from server.state import State

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Cursor = Annotated[str, Meta(max_length=512, description="`next` of the page before.")]
Limit = Annotated[int, Meta(ge=1, le=200, description="Items of a page.")]


class Enqueue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Jobs from a graph or a recipe, and how they vary."""

    graph: Graph | None = None
    recipe: Annotated[
        dict[str, Json] | None, Meta(description="`name`, and the fields of `Generate`.")
    ] = None
    sweep: Sweep | None = None
    runs: Annotated[int, Meta(ge=1, le=10_000, description="How often each cell is run.")] = 1
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    board: Id | None = None
    exact: bool = False
    max_rows: MaxRows | None = None
    webhook: Webhook | None = None


class Planned(Struct, frozen=True, kw_only=True):
    """What a request for jobs would come to."""

    count: Annotated[int, Meta(description="Jobs, and so pictures.")]
    seconds: Annotated[
        float | None, Meta(description="That they take by themselves; null: not measured yet.")
    ]
    eta_seconds: Annotated[
        float | None, Meta(description="Until they were done, with all that waits already.")
    ]


async def plan(state: State, principal: Principal, ask: Enqueue) -> Planned:
    """Say how many jobs a request makes and how long they take; nothing is put into the queue."""
    made, _ = await work_of(state, principal, ask)
    count = len(made.cells)
    seconds, before = await state.db.read(lambda db: jobs.foreseen(db, made.cost * count))
    eta = None if seconds is None or before is None else round(before + seconds, 1)
    return Planned(count=count, seconds=seconds, eta_seconds=eta)


async def work_of(
    state: State, principal: Principal, ask: Enqueue
) -> tuple[work.Work, work.Extras]:
    """Check a graph or a recipe, times a sweep, times runs; read what belongs to the job.

    :raises Invalid: with every problem.
    """
    if (ask.graph is None) == (ask.recipe is None):
        raise Invalid(problems=(Problem(code="graph_or_recipe"),))
    own = work.Extras()
    if ask.graph is not None:
        made = await work.of_graph(
            state, principal, ask.graph, wanted=ask.sweep, runs=ask.runs, board=ask.board
        )
    else:
        fields = dict(ask.recipe or {})
        name = fields.pop("name", None)
        if not isinstance(name, str):
            at = "/recipe/name"
            params: Params = {"field": "name", "expected": "str"}
            code = "missing_field" if name is None else "wrong_type"
            raise Invalid(problems=(Problem(code=code, pointer=at, params=params),))
        made = await work.of_recipe(
            state, principal, name, fields, wanted=ask.sweep, runs=ask.runs, pointer="/recipe",
            board=ask.board,
        )  # fmt: skip
        own = work.extras(fields)
    return made, work.Extras(
        priority=ask.priority or own.priority, board=ask.board or own.board,
        exact=ask.exact or own.exact, max_rows=ask.max_rows or own.max_rows,
        webhook=ask.webhook or own.webhook,
    )  # fmt: skip
