"""From claimed jobs to graphs that an engine can run: cells applied, checked, names looked up.

All jobs of a claim are looked up in one visit to the database. Knows no engine and no flights.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from anyio.lowlevel import checkpoint
from msgspec import Struct

from core.errors import NotFound, Problem
from core.graph import check, sweep
from core.graph.catalogue import Catalogue, Resources
from core.ipc.commands import RunTraining
from core.jobs import tasks, trainings
from core.jobs.resolve import Resolver
from core.paths import Layout
from core.records.graph import Graph
from core.records.task import AnyTask, Export, Publish
from core.store.database import Database
from core.store.work import Claimed


class Prepared(Struct, frozen=True, kw_only=True):
    """A job's own graph and what its settings name."""

    graph: Graph
    resources: Resources = {}
    task: AnyTask | None = None
    training: RunTraining | None = None
    hashes: dict[str, str] = {}  # of the models that the task names, by id
    problem: Problem | None = None  # the first thing that keeps it from running


async def prepare(
    database: Database,
    resolver: Resolver,
    layout: Layout,
    catalogue: Catalogue,
    claimed: Sequence[Claimed],
) -> dict[str, Prepared]:
    """Apply cells, check against the engine's present catalogue, find what is named; by job.

    :raises Unavailable: when the database is too slow, or is being closed.
    """
    found: dict[str, Prepared] = {}
    for one in claimed:
        await checkpoint()  # a large graph takes its time
        graph, task = sweep.apply(one.graph, one.axes, one.cell), tasks.read(one)
        # A task that draws no picture has no node, and so has a training.
        drawn = graph.nodes or one.kind == "graph"
        problems = check.check(graph, catalogue) if drawn else []
        found[one.job] = Prepared(graph=graph, task=task, problem=problems[0] if problems else None)
    sound = [one for one in claimed if found[one.job].problem is None]

    def read(connection: sqlite3.Connection) -> dict[str, Prepared]:
        made = {}
        for one in sound:
            if one.kind == "training":
                made[one.job] = _trained(connection, resolver, layout, one, found[one.job])
            else:
                made[one.job] = _resolved(connection, resolver, catalogue, found[one.job])
                task = made[one.job].task
                if isinstance(task, Publish | Export) and made[one.job].problem is None:
                    made[one.job] = _of_run(connection, resolver, layout, one, made[one.job], task)
        return made

    return found | await database.read(read)


def _of_run(
    connection: sqlite3.Connection,
    resolver: Resolver,
    layout: Layout,
    claimed: Claimed,
    made: Prepared,
    task: Publish | Export,
) -> Prepared:
    """Add the run that a task is about."""
    try:
        run = trainings.run_of(connection, task.training)
    except NotFound:
        return msgspec.structs.replace(made, problem=Problem(code="training_gone"))
    command, problems = trainings.command_of(connection, resolver, layout, run, claimed.job)
    if command is not None and isinstance(task, Publish):
        command = msgspec.structs.replace(command, name=task.name)
    problem = problems[0] if problems else None
    return msgspec.structs.replace(made, training=command, problem=problem)


def _trained(
    connection: sqlite3.Connection,
    resolver: Resolver,
    layout: Layout,
    claimed: Claimed,
    made: Prepared,
) -> Prepared:
    command, problems = trainings.prepare(connection, resolver, layout, claimed)
    return msgspec.structs.replace(
        made,
        training=command,
        resources={} if command is None else command.resources,
        problem=problems[0] if problems else None,
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
