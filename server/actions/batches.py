"""Verbs of batches: reading one with its cells, cancel of all, retry of what failed."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.records.job import Batch, Job, JobStatus
from core.store import batches, jobs
from server.actions.jobs import Cursor, Enqueued, Id, Limit, live
from server.principal import Principal
from server.state import State


class BatchId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One batch."""

    batch: Id


class ReadBatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which batch, and which of its cells."""

    batch: Id
    status: Annotated[JobStatus | None, Meta(description="Cells whose job is there.")] = None
    cursor: Cursor | None = None
    limit: Limit = 50


class BatchCells(Batch, frozen=True, kw_only=True):
    """A batch with a page of its cells, in the order of its axes: the last turns fastest."""

    cells: Annotated[
        list[Job],
        Meta(
            description="Of each cell the job that stands for it: its values are `overrides`, with"
            " its pictures or its error."
        ),
    ]
    next: Annotated[str | None, Meta(description="Cursor of the next cells.")] = None


class BatchCanceled(Struct, frozen=True, kw_only=True):
    """What the cancel of a batch did."""

    canceling: Annotated[list[str], Meta(description="Jobs that run and leave soon.")]


async def get_batch(state: State, principal: Principal, ask: ReadBatch) -> BatchCells:
    """Read a batch: its graph, its axes, how many of its jobs are where, and a page of its cells.

    The cells are in the order of the axes; `status=failed` gives those that have an error.
    """
    owner = principal.sees
    batch, page = await state.db.read(
        lambda connection: (
            batches.get(connection, ask.batch, owner),
            jobs.cells(connection, ask.batch, owner, ask.status, ask.cursor, ask.limit),
        )
    )
    cells = [live(state, job) for job in page.items]
    return BatchCells(**msgspec.structs.asdict(batch), cells=cells, next=page.next)


async def cancel_batch(state: State, principal: Principal, ask: BatchId) -> BatchCanceled:
    """Cancel every job of a batch that has not ended."""
    running = await state.queue.cancel_batch(ask.batch, principal.sees)
    for job in running:
        state.dispatcher.cancel(job)
    return BatchCanceled(canceling=running)


async def retry_batch(state: State, principal: Principal, ask: BatchId) -> Enqueued:
    """Run every cell of a batch again whose job failed, was canceled or was quarantined.

    Each gets a new job in the same batch; the old ones stay as they ended, and name the new one as
    their `successor`.
    """
    state.refuse_when_stopping()
    added = await state.queue.retry_batch(ask.batch, principal.sees)
    return Enqueued(batch=added.batch, count=added.count, jobs=added.jobs)
