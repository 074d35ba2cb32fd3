"""From claimed jobs to graphs that an engine can run: cells applied, checked, names looked up.

All jobs of a claim are looked up in one visit to the database. Knows no engine and no flights.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from anyio.lowlevel import checkpoint
from msgspec import Struct

from core.errors import Problem
from core.graph import check, sweep
from core.graph.catalogue import Catalogue, Resources
from core.jobs import tasks
from core.jobs.resolve import Resolver
from core.records.graph import Graph
from core.records.task import AnyTask
from core.store.database import Database
from core.store.work import Claimed


class Prepared(Struct, frozen=True, kw_only=True):
    """A job's own graph and what its settings name."""

    graph: Graph
    resources: Resources = {}
    task: AnyTask | None = None
    hashes: dict[str, str] = {}  # of the models that the task names, by id
    problem: Problem | None = None  # the first thing that keeps it from running


async def prepare(
    database: Database, resolver: Resolver, catalogue: Catalogue, claimed: Sequence[Claimed]
) -> dict[str, Prepared]:
    """Apply cells, check against the engine's present catalogue, find what is named; by job.

    :raises Unavailable: when the database is too slow, or is being closed.
    """
    found: dict[str, Prepared] = {}
    for one in claimed:
        await checkpoint()  # a large graph takes its time
        graph, task = sweep.apply(one.graph, one.axes, one.cell), tasks.read(one)
        # A task that draws no picture has no node.
        problems = check.check(graph, catalogue) if graph.nodes or task is None else []
        found[one.job] = Prepared(graph=graph, task=task, problem=problems[0] if problems else None)
    sound = {job: made for job, made in found.items() if made.problem is None}
    return found | await database.read(
        lambda connection: {
            job: _resolved(connection, resolver, catalogue, made) for job, made in sound.items()
        }
    )


def _resolved(
    connection: sqlite3.Connection, resolver: Resolver, catalogue: Catalogue, made: Prepared
) -> Prepared:
    resources, problems = resolver.resolve(connection, made.graph, catalogue)
    hashes: dict[str, str] = {}
    if made.task is not None:
        own, hashes, missing = tasks.resolve(connection, resolver, made.task)
        resources, problems = {**resources, **own}, [*problems, *missing]
    problem = problems[0] if problems else None
    return msgspec.structs.replace(made, resources=resources, hashes=hashes, problem=problem)
