"""How jobs leave the queue for an engine: the callable of ``Queue.claim``."""

from functools import partial

import msgspec

from core.jobs import share
from core.jobs.admission import CLOCK, balance, settle
from core.jobs.eta import Pace
from core.jobs.switch import PAUSED
from core.records.events import JobStarted
from core.store import clients, counters, designs, line, trainings
from core.store.clients import Waiting
from core.store.designs import Design
from core.store.place import PACE
from core.store.transaction import Transaction
from core.store.work import Claimed


def take(tx: Transaction, boot: str, generation: int, limit: int, *, alone: bool) -> list[Claimed]:
    """Claim up to ``limit`` jobs, in the order of the fair share; a suspect only by itself."""
    held = counters.settings(tx.connection, PAUSED, PACE)
    if PAUSED in held:
        return []
    pace = (msgspec.json.decode(held[PACE], type=Pace) if PACE in held else Pace()).guess
    head = clients.suspect(tx.connection)
    if head is not None:
        limit = 1 if alone else 0
    elif line.suspect_runs(tx.connection, boot, generation):
        return []
    known: dict[int, Design] = {}
    claimed: list[Claimed] = []
    clock = 0.0
    while len(claimed) < limit:
        head = head or clients.following(tx.connection)
        if head is None:
            break
        expected = head.cost * pace
        claimed.append(_start(tx, head, boot, generation, expected, known))
        clock = settle(tx, head.client, partial(share.claimed, expected=expected))
        head = None
    if claimed:
        counters.set_setting(tx.connection, CLOCK, clock)
    return claimed


def _start(
    tx: Transaction,
    head: Waiting,
    boot: str,
    generation: int,
    expected: float,
    known: dict[int, Design],
) -> Claimed:
    job = line.take(tx, head.row, boot, generation, expected)
    assert job is not None  # read in this very transaction
    if job.kind == "training":
        trainings.taken(tx, job.id)
        balance(tx)
    design = known.get(job.batch)
    if design is None:
        design = known[job.batch] = designs.get(tx.connection, job.batch)
    tx.fact(JobStarted(owner=job.owner, job=job.id, batch=design.id, attempt=job.attempt))
    tx.hit("claim.row")
    return Claimed(
        job=job.id,
        batch=design.id,
        kind=job.kind,
        owner=job.owner,
        graph=design.graph,
        axes=design.bound(),
        cell=designs.values(design.axes, job.cell),
        attempt=job.attempt,
        request_id=design.request_id,
        exact=design.exact,
        alone=job.suspect,
        cost=job.cost,
        recipe=design.recipe,
        board=design.board,
        waited=max(0, tx.now - job.created) / 1000,
    )
