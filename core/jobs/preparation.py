"""From claimed jobs to graphs that an engine can run: cells applied, checked, names looked up.

All jobs of a claim are looked up in one visit to the database. Knows no engine and no flights.
"""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint
from msgspec import Struct

from core.errors import Problem
from core.graph import check, sweep
from core.graph.catalogue import Catalogue, Resources
from core.jobs.resolve import Resolver
from core.records.graph import Graph
from core.store.database import Database
from core.store.work import Claimed


class Prepared(Struct, frozen=True, kw_only=True):
    """A job's own graph and what its settings name."""

    graph: Graph
    resources: Resources = {}
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
        graph = sweep.apply(one.graph, one.axes, one.cell)
        problems = check.check(graph, catalogue)
        found[one.job] = Prepared(graph=graph, problem=problems[0] if problems else None)
    sound = {job: made.graph for job, made in found.items() if made.problem is None}
    resolved = await database.read(
        lambda connection: {
            job: resolver.resolve(connection, graph, catalogue) for job, graph in sound.items()
        }
    )
    for job, (resources, problems) in resolved.items():
        found[job] = Prepared(
            graph=sound[job], resources=resources, problem=problems[0] if problems else None
        )
    return found
