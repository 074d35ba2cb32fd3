"""How jobs end, or go back to where they waited: the other callables of ``Queue``."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from core.errors import Conflict, Problem
from core.jobs import share
from core.jobs.admission import balance, settle
from core.jobs.eta import Pace
from core.jobs.hooked import tell, wants
from core.records.events import BatchEnded, JobEnded, JobRetried
from core.records.graph import Json
from core.records.job import ENDED
from core.store import (
    batches,
    cells,
    counters,
    designs,
    images,
    line,
    models,
    trainings,
    turns,
)
from core.store.batches import Head
from core.store.line import Row
from core.store.place import PACE
from core.store.transaction import Transaction
from core.store.work import Finished, Requeued

Reason = Literal["engine_lost", "server_restart", "disk_full", "memory"]
Terminal = Literal["succeeded", "failed", "canceled", "quarantined"]
_APART = 60.0  # seconds that the clock of the wall and the engine's may differ over one job
CRASHES = 2  # alone in the engine: then the job is quarantined
# A server that is killed tells nothing of who did it, so its jobs are only tried again; but a
# job that was found running this often is tried alone, and in the end no more.
STARTS_UNTIL_ALONE = 4
STARTS_UNTIL_QUARANTINE = 8


def finish(tx: Transaction, boot: str, finished: Finished) -> bool:
    """Store pictures, status and facts of a job that still runs under (boot, generation)."""
    job = line.get(tx.connection, finished.job)
    if (job.status, job.boot, job.generation) != ("running", boot, finished.generation):
        return False
    head = batches.head(tx.connection, job.batch)
    drawn = [
        images.insert(tx, new, owner=job.owner, job=job.id, batch=head.id, board=head.board).id
        for new in finished.images
    ]
    result = dict(finished.result or {})
    if finished.models:  # the first is what was asked for
        result["model"], *_ = [models.upsert(tx, new).id for new in finished.models]
        _note_published(tx, job, result)
    _measure(tx, job, finished)
    end(
        tx,
        job,
        finished.status,
        seconds=finished.seconds,
        drawn=drawn,
        error=finished.error,
        degraded=finished.degraded,
        cached=finished.cached,
        batch=head,
        result=result or None,
    )
    tx.hit("save.row")
    return True


def end(
    tx: Transaction,
    job: Row,
    status: Terminal,
    *,
    seconds: float | None = None,
    drawn: Sequence[str] = (),
    error: Problem | None = None,
    degraded: Sequence[str] = (),
    cached: Sequence[str] = (),
    batch: Head | None = None,
    result: dict[str, Json] | None = None,
) -> None:
    """End one job, with the fact of it, and of its batch if that was the last of several.

    :param batch: its batch, if that is known.
    """
    changed = line.end(
        tx, job, status, seconds=seconds, error=error, degraded=degraded, cached=cached,
        result=result,
    )  # fmt: skip
    assert changed  # read in this very transaction
    batch = batch or batches.head(tx.connection, job.batch)
    if batch.max_rows is not None and not job.held:
        cells.let_go(tx, job.batch, 1)
    settle(tx, job.client, partial(share.ended, expected=job.charge, seconds=seconds or 0.0))
    if job.kind == "training":
        _end_training(tx, job, status, error, result or {}, batch)
    told = tx.fact(
        JobEnded(
            owner=job.owner,
            job=job.id,
            batch=batch.id,
            status=status,
            seconds=seconds,
            images=list(drawn),
            error=error,
            degraded=list(degraded),
            result=result,
            cached=list(cached),
        )
    )
    tell(tx, job, batch, "job.ended", job.id, told)
    counts = batches.end(tx, job.batch)
    if counts is not None and (batch.count > 1 or wants(job, batch, "batch.ended")):
        told = tx.fact(BatchEnded(owner=job.owner, batch=batch.id, counts=counts))
        tell(tx, job, batch, "batch.ended", batch.id, told)


def back(
    tx: Transaction,
    job: Row,
    reason: Reason,
    *,
    suspect: bool = False,
    crashes: int | None = None,
    counted: bool = True,
    seconds: float = 0.0,
) -> None:
    """Put a running job back into the queue, where it stood.

    A training that was asked to stop has stopped with that.

    :param counted: whether the attempt stays counted.
    :param seconds: engine time that was not in vain, since what it did is saved.
    """
    if job.kind == "training" and trainings.is_stopping(tx.connection, job.id):
        end(tx, job, "canceled")
        return
    changed = line.back(
        tx,
        job,
        suspect=suspect or job.suspect,
        crashes=job.crashes if crashes is None else crashes,
        attempt=job.attempt if counted else job.attempt - 1,
    )
    assert changed  # read in this very transaction
    settle(tx, job.client, partial(share.ended, expected=job.charge, seconds=seconds))
    if job.kind == "training":
        trainings.requeued(tx, job.id)
        turns.rest(tx, job.id) if reason == "memory" else balance(tx)
    batch = batches.head(tx.connection, job.batch)
    tx.fact(JobRetried(owner=job.owner, job=job.id, batch=batch.id, reason=reason))


def _note_published(tx: Transaction, job: Row, result: dict[str, Json]) -> None:
    """Tell a training of the model that a task made of one of its snapshots."""
    recipe = designs.get(tx.connection, job.batch).recipe if job.kind == "task" else None
    if recipe is not None and recipe.get("task") == "publish":
        trainings.published(tx, str(recipe["training"]), str(result["model"]))


def _end_training(
    tx: Transaction,
    job: Row,
    status: Terminal,
    error: Problem | None,
    result: dict[str, Json],
    batch: Head,
) -> None:
    """End the training that a job worked on, and let the next one start."""
    step, model = result.get("step"), result.get("model")
    told: trainings.Ended = "failed" if status == "quarantined" else status
    if result.get("stopped") is True:
        told = "stopped"
    fact = trainings.ended(
        tx,
        job.id,
        told,
        step=step if isinstance(step, int) else None,
        model=model if isinstance(model, str) else None,
        error=error,
    )
    if fact is not None:
        found = trainings.of_job(tx.connection, job.id)
        assert found is not None  # it has just ended
        tell(tx, job, batch, "training.ended", found[0].shown.id, fact)
    balance(tx)


def crashed(tx: Transaction, boot: str, generation: int, error: Problem) -> Requeued:
    """Take back what ran in an engine that died; blame a job that was alone."""
    jobs = line.running(tx.connection, boot, generation)
    done = _Sorted()
    for job in jobs:
        crashes = job.crashes + (len(jobs) == 1)
        if job.canceling:
            end(tx, job, "canceled")
            done.canceled.append(job.id)
        elif crashes >= CRASHES:
            end(tx, job, "quarantined", error=error)
            done.quarantined.append(job.id)
        else:
            back(tx, job, "engine_lost", suspect=True, crashes=crashes)
            done.queued.append(job.id)
    return done.requeued()


def release(
    tx: Transaction,
    boot: str,
    generation: int,
    only: Sequence[str] | None,
    reason: Reason,
    seconds: float = 0.0,
) -> Requeued:
    """Take back jobs that are not to blame; their attempt does not count."""
    done = _Sorted()
    for job in line.running(tx.connection, boot, generation):
        if only is not None and job.id not in only:
            continue
        if job.canceling:
            end(tx, job, "canceled")
            done.canceled.append(job.id)
        else:
            back(tx, job, reason, counted=False, seconds=seconds)
            done.queued.append(job.id)
    return done.requeued()


def recover(tx: Transaction, boot: str) -> Requeued:
    """Take back what an earlier run of the server left running."""
    done = _Sorted()
    for job in line.stray(tx.connection, boot):
        if job.canceling:
            end(tx, job, "canceled")
            done.canceled.append(job.id)
        elif job.attempt >= STARTS_UNTIL_QUARANTINE:
            end(tx, job, "quarantined", error=Problem(code="engine_lost", params={"exit": None}))
            done.quarantined.append(job.id)
        else:
            back(tx, job, "server_restart", suspect=job.attempt >= STARTS_UNTIL_ALONE)
            done.queued.append(job.id)
    balance(tx)  # what rested when the server ended
    return done.requeued()


def cancel(tx: Transaction, job: str, owner: str | None) -> Literal["canceled", "canceling"]:
    """End a waiting job; note it of a running one."""
    found = line.get(tx.connection, job, owner)
    if found.status in ENDED:
        raise Conflict("job_ended", status=found.status)
    running = found.status == "running"
    if running:
        line.mark_canceling(tx, found.row)
    else:
        end(tx, found, "canceled")
    tx.hit("cancel.row")
    return "canceling" if running else "canceled"


class _Sorted:
    """Ids of jobs by what became of them."""

    def __init__(self) -> None:
        self.queued: list[str] = []
        self.canceled: list[str] = []
        self.quarantined: list[str] = []

    def requeued(self) -> Requeued:
        return Requeued(queued=self.queued, canceled=self.canceled, quarantined=self.quarantined)


def _measure(tx: Transaction, job: Row, finished: Finished) -> None:
    pace = counters.setting(tx.connection, PACE, Pace) or Pace()
    if (
        finished.status == "succeeded"
        and job.kind == "graph"  # the pace of pictures says nothing of other work
        and job.started is not None
        and not _jumped(tx, job, finished)
    ):
        pace = pace.measured(started=job.started, ended=tx.now, cost=job.cost)
    else:
        pace = pace.passed(tx.now)
    counters.set_setting(tx.connection, PACE, pace)


def _jumped(tx: Transaction, job: Row, finished: Finished) -> bool:
    """Say whether the clock was set while a job ran: the engine's own clock only runs."""
    wall = (tx.now - (job.started or tx.now)) / 1000
    return abs(wall - (finished.seconds or 0.0)) > _APART
