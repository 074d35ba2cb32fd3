"""What becomes of a training's rows when somebody steers it: callables for one transaction each.

What a run is told of it is ``core.jobs.steering``'s; here stands what must be true after a crash.
"""

from core.errors import Conflict
from core.jobs import ending
from core.jobs.admission import balance
from core.store import line, trainings
from core.store.trainings import ACTIVE, Run
from core.store.transaction import Transaction


def pause(tx: Transaction, training: str, owner: str | None) -> Run:
    """Let a training wait: between two steps, or in its line until it is resumed.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``training_ended``.
    """
    run = _active(tx, training, owner)
    trainings.wish(tx, run, "paused")
    if line.get(tx.connection, run.shown.job).status == "queued":
        trainings.pauses(tx, run, run.shown.step, paused=True)
        balance(tx)
    return trainings.run(tx.connection, training)


def unpause(tx: Transaction, training: str, owner: str | None) -> Run:
    """Let a paused training go on; one that goes on already does.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``training_ended``.
    """
    run = _active(tx, training, owner)
    trainings.wish(tx, run, None)
    if line.get(tx.connection, run.shown.job).status == "queued" and run.wish == "paused":
        trainings.waits_again(tx, run)
        balance(tx)
    return trainings.run(tx.connection, training)


def stop(tx: Transaction, training: str, owner: str | None) -> Run:
    """End a training with all that it did: after its step, or at once while it waits.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``training_ended``.
    """
    run = _active(tx, training, owner)
    trainings.wish(tx, run, "stopped")
    job = line.get(tx.connection, run.shown.job)
    if job.status == "queued":
        ending.end(tx, job, "canceled")
    return trainings.run(tx.connection, training)


def _active(tx: Transaction, training: str, owner: str | None) -> Run:
    run = trainings.run(tx.connection, training, owner)
    if run.shown.status not in ACTIVE:
        raise Conflict("training_ended", status=run.shown.status)
    return run
