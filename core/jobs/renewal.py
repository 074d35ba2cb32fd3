"""How ended jobs are asked for again: the callables of ``Queue.retry`` and ``Queue.retry_batch``.

What ended is ended for good, so each is a new job.
"""

import msgspec

from core.errors import Conflict
from core.jobs.admission import Room, accept, balance, checked, line_up, make_sure
from core.records.events import BatchRetried
from core.records.job import ENDED
from core.store import batches, cells, clients, designs, line, trainings
from core.store.transaction import Transaction
from core.store.work import Added, NewBatch


def again(tx: Transaction, job: str, owner: str | None, room: Room) -> Added:
    """Ask for an ended job again: a new batch of one, with its graph and its one cell."""
    old = line.get(tx.connection, job, owner)
    if old.status not in ENDED:
        raise Conflict("job_not_ended", status=old.status)
    design = designs.get(tx.connection, old.batch)
    cell = designs.values(design.axes, old.cell)
    new = NewBatch(
        owner=old.owner,
        client=clients.name(tx.connection, old.client),
        kind=old.kind,
        graph=design.graph,
        recipe=design.recipe,
        axes=[
            msgspec.structs.replace(axis, values=(value,))
            for axis, value in zip(design.bound(), cell, strict=True)
        ],
        cells=[cell],
        priority=old.priority,
        board=design.board,
        request_id=design.request_id,
        exact=design.exact,
        cost=old.cost,
        webhook=batches.head(tx.connection, old.batch).webhook,
    )
    added = accept(tx, new, checked(new), room)
    if old.kind == "training":
        trainings.follow(tx, old.id, added.jobs[0])
    return added


def renew(tx: Transaction, batch: str, owner: str | None, room: Room) -> Added:
    """Give a new job to each cell of a batch that has none that succeeded, waits or runs."""
    row = batches.row_of(tx.connection, batch, owner)
    old = cells.lost(tx.connection, row)
    if not old:
        raise Conflict("nothing_to_retry")
    whose, client = batches.belongs(tx.connection, row)
    waits = clients.get(tx.connection, client)
    make_sure(tx, waits, len(old), room)
    bounded = batches.head(tx.connection, row).max_rows is not None
    jobs = cells.replace(tx, row, client, whose, old, held=bounded)
    if bounded:
        cells.fill(tx, row)
    if old[0].kind == "training":
        for before, after in trainings.successors(tx.connection, row):
            trainings.follow(tx, before, after)
        balance(tx)
    line_up(tx, waits)
    tx.fact(BatchRetried(owner=whose, batch=batch, count=len(old), jobs=jobs))
    return Added(batch=batch, count=len(old), jobs=jobs)
