"""Verbs of a training that waits, runs or has ended: pause, resume, stop, checkpoint.

What must outlive a crash is a row before the engine is told.
"""

import hashlib
import re
import sqlite3
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from core.errors import Conflict, Invalid, NotFound, Problem
from core.ipc.commands import Steering
from core.jobs import steered
from core.jobs.trainings import cost_of
from core.log import request_id
from core.records.graph import Graph
from core.records.training import Plan, Training
from core.store import batches, checkpoints, training_points, trainings
from core.store.checkpoints import Kept
from core.store.trainings import ACTIVE, Begin, Run
from core.store.transaction import Transaction
from core.store.work import Added, NewBatch
from core.training.epochs import last_step
from server.actions.jobs import Id
from server.actions.trainings import TrainingId, live, run_of
from server.principal import Principal
from server.state import State

_canonical = msgspec.json.Encoder(order="sorted")
_EPOCH = re.compile(r"epoch:([1-9][0-9]{0,6})")
Which = Annotated[str, Meta(min_length=1, max_length=64)] | Annotated[int, Meta(ge=0)]


class Epoch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest state as of the end of a pass over the pictures, or before it."""

    epoch: Annotated[int, Meta(ge=1, le=1_000_000)]


class ResumeTraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a training goes on; what has ended goes on by a new job."""

    training: Id
    from_: Annotated[
        Which | Epoch | None,
        Meta(
            description="Step or id of a checkpoint, `best`, `last`, or the end of a pass over the"
            ' pictures (`{"epoch": 3}` or `epoch:3`: the checkpoint there or the last one before);'
            " null: the last."
        ),
    ] = field(default=None, name="from")
    max_steps: (
        Annotated[int, Meta(ge=1, le=1_000_000, description="In place of what it had.")] | None
    ) = None
    allow_changed: Annotated[
        bool, Meta(description="Go on although dataset or recipe are others by now.")
    ] = False
    trust: Annotated[
        bool, Meta(description="Go on from a checkpoint that another install made.")
    ] = False


async def pause(state: State, principal: Principal, ask: TrainingId) -> Training:
    """Let a training wait between two steps; its state is saved, and pictures have the device."""
    return await _steered(state, principal, ask.training, "pause")


async def stop(state: State, principal: Principal, ask: TrainingId) -> Training:
    """End a training after its step, with a checkpoint and a snapshot; resume goes on from it."""
    return await _steered(state, principal, ask.training, "stop")


async def resume(
    state: State, principal: Principal, ask: ResumeTraining, idempotency: str | None = None
) -> Training:
    """Let a paused training go on, or one that has ended, from a checkpoint, by a new job."""
    state.refuse_when_stopping()
    run = await run_of(state, principal, ask.training)
    if run.shown.status in ACTIVE:
        if ask != ResumeTraining(training=ask.training):
            raise Conflict("training_active", training=ask.training)
        return await _steered(state, principal, ask.training, "resume")
    begin, plan, step = await _begin(state, run, ask)
    key = None
    if idempotency is not None:
        body = hashlib.sha256(_canonical.encode(["resume", ask])).hexdigest()
        key = (f"{principal.owner}:{idempotency}", body)

    def also(tx: Transaction, added: Added) -> None:
        now = trainings.run(tx.connection, ask.training)
        trainings.again(tx, now, added.jobs[0], begin, plan)
        if begin.start is not None:
            training_points.forget_after(tx, now, step)

    left = plan.steps - step
    hook = await state.db.read(partial(batches.webhook_of, job=run.shown.job))
    await state.queue.add(
        NewBatch(
            owner=run.shown.owner, client=principal.client, kind="training", graph=Graph(nodes=[]),
            request_id=request_id.get() or "", idempotency=key, cost=cost_of(plan.recipe, left),
            webhook=hook,
        ),
        also,
    )  # fmt: skip
    return live(state, (await run_of(state, principal, ask.training)).shown)


async def checkpoint(state: State, principal: Principal, ask: TrainingId) -> Training:
    """Keep a checkpoint and a snapshot of a running training after its step."""
    return await told(state, principal, ask.training, "checkpoint")


async def _steered(
    state: State, principal: Principal, training: str, steering: Steering
) -> Training:
    """Write down what is asked, then tell the engine, if it has the run."""
    changes = {"pause": steered.pause, "resume": steered.unpause, "stop": steered.stop}
    change = partial(changes[steering], training=training, owner=principal.sees)
    run = await state.db.write(change, urgent=steering != "resume")
    state.queue.wake()
    state.dispatcher.steering.steer(run.shown.job, steering)
    return live(state, run.shown)


async def told(
    state: State,
    principal: Principal,
    training: str,
    steering: Steering,
    prompts: list[str] | None = None,
) -> Training:
    """Ask something of a run that is gone by the next step.

    :raises Conflict: ``training_not_running`` where no engine has it.
    """
    run = await run_of(state, principal, training)
    if not state.dispatcher.steering.steer(run.shown.job, steering, prompts or ()):
        raise Conflict("training_not_running", status=run.shown.status)
    return live(state, run.shown)


async def _begin(state: State, run: Run, ask: ResumeTraining) -> tuple[Begin, Plan, int]:
    """Find where an ended run goes on, and to which step.

    :raises Invalid: with every problem.
    """
    problems: list[Problem] = []
    start, step = None, run.shown.step
    try:
        wanted = "last" if ask.from_ is None else ask.from_
        kept = await state.db.read(partial(_kept, run=run, wanted=wanted))
        step = kept.shown.step
        start = None if wanted == "last" else kept.name
    except NotFound:
        if ask.from_ is None:
            step = 0  # it had none yet, and begins anew
        else:
            problems.append(Problem(code="unknown_checkpoint", pointer="/from"))
    plan = run.shown.plan
    assert plan is not None  # every training has one
    steps = ask.max_steps or plan.steps
    if steps <= step:
        params: dict[str, str | int | float | None] = {"done": step}
        problems.append(Problem(code="training_no_steps", pointer="/max_steps", params=params))
    if problems:
        raise Invalid(problems=tuple(problems))
    recipe = msgspec.structs.replace(plan.recipe, max_steps=steps)
    begin = Begin(start=start, allow_changed=ask.allow_changed, trusted=ask.trust)
    return begin, msgspec.structs.replace(plan, steps=steps, recipe=recipe), step


def _kept(connection: sqlite3.Connection, run: Run, wanted: str | int | Epoch) -> Kept:
    """Find a checkpoint.

    :raises NotFound: ``checkpoint``.
    """
    if isinstance(wanted, str) and (named := _EPOCH.fullmatch(wanted)):
        wanted = Epoch(epoch=int(named[1]))
    if not isinstance(wanted, Epoch):
        return checkpoints.find(connection, run, "checkpoint", wanted)
    assert run.shown.plan is not None  # every training has one
    step = last_step(run.shown.plan, wanted.epoch)
    return checkpoints.up_to(connection, run, "checkpoint", step)
