"""How jobs leave the queue for an engine: the callable of ``Queue.claim``."""

from core.jobs import share
from core.jobs.admission import CLOCK, settle
from core.jobs.eta import Pace
from core.jobs.switch import PAUSED
from core.records.events import JobStarted
from core.store import clients, counters, designs, line
from core.store.clients import Waiting
from core.store.designs import Design
from core.store.place import PACE
from core.store.transaction import Transaction
from core.store.work import Claimed


def take(tx: Transaction, boot: str, generation: int, limit: int, *, alone: bool) -> list[Claimed]:
    """Claim up to ``limit`` jobs, in the order of the fair share; a suspect only by itself."""
    if counters.setting(tx.connection, PAUSED, str) is not None:
        return []
    pace = (counters.setting(tx.connection, PACE, Pace) or Pace()).guess
    suspect = clients.suspect(tx.connection)
    if suspect is not None:
        return [_start(tx, suspect, boot, generation, pace, {})] if alone else []
    if any(job.suspect for job in line.running(tx.connection, boot, generation)):
        return []
    known: dict[int, Design] = {}
    claimed: list[Claimed] = []
    while len(claimed) < limit:
        next_client = clients.waiting(tx.connection, 1)
        if not next_client:
            break
        head = clients.first(tx.connection, next_client[0].row)
        assert head is not None  # ``queued`` is kept by the schema
        claimed.append(_start(tx, head, boot, generation, pace, known))
    return claimed


def _start(
    tx: Transaction,
    head: Waiting,
    boot: str,
    generation: int,
    pace: float,
    known: dict[int, Design],
) -> Claimed:
    expected = head.cost * pace
    job = line.take(tx, head.row, boot, generation, expected)
    assert job is not None  # read in this very transaction
    client = clients.get(tx.connection, head.client)
    counters.set_setting(tx.connection, CLOCK, client.start)
    settle(tx, client.row, share.claimed(client.start, expected))
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
