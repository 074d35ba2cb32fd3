"""How jobs enter the queue: the callable of ``Queue.add``."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from core.errors import Conflict, Invalid, QueueFull
from core.graph.sweep import MAX_JOBS
from core.ids import new_id
from core.jobs import share
from core.records.events import BatchQueued, JobQueued
from core.store import batches, clients, counters, designs, line, turns
from core.store.clients import Client
from core.store.transaction import Transaction
from core.store.work import Added, NewBatch

CLOCK = "clock"  # a setting of the database: the fair share's virtual time


class Room(Struct, frozen=True):
    """How many jobs may wait."""

    total: int
    of_one: int  # client


def accept(tx: Transaction, new: NewBatch, cells: Sequence[str], room: Room) -> Added:
    """Store a batch with all its jobs, or find the one that its idempotency key made before.

    :param cells: as ``designs.indices`` writes them.
    :raises QueueFull: for all, or ``client_queue_full`` for this client.
    """
    tx.hit("accept.begin")
    connection = tx.connection
    if new.idempotency is not None:
        known = batches.known(tx, new.owner, new.idempotency[0])
        if known is not None:
            return _again(tx, known, new.idempotency[1])
    client = clients.enter(connection, new.client or new.owner)
    make_sure(tx, client, len(cells), room)
    batch = new_id()
    row = batches.insert(tx, new, batch, client.row, len(cells))
    if new.idempotency is not None:
        batches.remember(tx, new.owner, *new.idempotency, row)
    ids = line.insert(tx, new, row, client.row, cells)
    line_up(tx, client)
    if new.kind == "training":
        balance(tx)
    if len(cells) > 1:
        tx.fact(BatchQueued(owner=new.owner, batch=batch, count=len(cells), priority=new.priority))
    else:
        tx.fact(
            JobQueued(
                owner=new.owner, job=ids[0], batch=batch, kind=new.kind, priority=new.priority
            )
        )
    tx.hit("accept.row")
    return Added(batch=batch, count=len(cells), jobs=ids)


def make_sure(tx: Transaction, client: Client, count: int, room: Room) -> None:
    """See that so many more jobs of a client may wait.

    :raises QueueFull: for all, or ``client_queue_full`` for this client.
    """
    waiting = counters.value(tx.connection, "jobs.queued")
    if waiting + count > room.total:
        raise QueueFull(waiting=waiting, limit=room.total)
    if client.queued + count > room.of_one:
        raise QueueFull("client_queue_full", waiting=client.queued, limit=room.of_one)


def line_up(tx: Transaction, client: Client) -> None:
    """Give a client whose jobs were just added its place among the others.

    :param client: as it was before.
    """
    if client.queued > 0:
        settle(tx, client.row)
        return
    clock = counters.setting(tx.connection, CLOCK, float) or 0.0
    settle(tx, client.row, lambda start: share.entered(start, clock))


def balance(tx: Transaction) -> None:
    """See that trainings wait while one runs, and that the next may start once none does.

    To be called with each change of a training's job: jobs of other kinds go beside it.
    """
    for client in turns.hold_trainings(tx):
        settle(tx, client)


def checked(new: NewBatch) -> list[str]:
    """Write the cells of a batch as they are stored, before any transaction.

    :raises Invalid: ``too_many_jobs`` as soon as there is one too many, ``no_jobs``.
    """
    drawn = []
    for cell in new.cells:
        drawn.append(cell)
        if len(drawn) > MAX_JOBS:
            raise Invalid("too_many_jobs", count=len(drawn), limit=MAX_JOBS)
    if not drawn:
        raise Invalid("no_jobs")
    return designs.indices(new.axes, drawn)


def settle(
    tx: Transaction, client: int, move: Callable[[float], float] = lambda start: start
) -> float:
    """Move a client's start, and store the rank that its first job then gives it.

    :param move: start → its new start.
    :returns: the start before.
    """
    start, priority = clients.standing(tx.connection, client)
    moved = move(start)
    clients.place(tx.connection, client, moved, share.rank(moved, priority))
    return start


def _again(tx: Transaction, known: tuple[str, int], body: str) -> Added:
    if known[0] != body:
        raise Conflict("idempotency_mismatch")
    head = batches.head(tx.connection, known[1])
    jobs = line.first_of(tx.connection, known[1])
    return Added(batch=head.id, count=head.count, jobs=jobs, repeated=True)
