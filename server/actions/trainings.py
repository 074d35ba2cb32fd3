"""Verbs of trainings: ask for one, plan it, look at it, name it, delete it.

What is asked of one that runs or has ended stands in ``steering``.
"""

import hashlib
import shutil
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.ids import new_id
from core.jobs.trainings import cost_of
from core.log import request_id
from core.records.graph import Graph
from core.records.recipe import Recipe
from core.records.training import (
    Checkpoint,
    CheckpointKind,
    LossPoint,
    Plan,
    Sample,
    Training,
    TrainingStatus,
)
from core.store import checkpoints, training_points, trainings
from core.store.page import Page
from core.store.trainings import NewTraining, Taught
from core.store.transaction import Transaction
from core.store.work import Added, NewBatch
from server.actions import courses, hooks, warned
from server.actions.courses import Course
from server.actions.jobs import Cursor, Id, Limit
from server.actions.queue import Nothing
from server.actions.taught import Lesson, Name, Train
from server.principal import Principal
from server.state import State

_canonical = msgspec.json.Encoder(order="sorted")


class TrainingId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training."""

    training: Id


class ListTrainings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which trainings."""

    status: TrainingStatus | None = None
    sweep: Id | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class ListLosses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the curve."""

    training: Id
    after: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Steps beyond this one.")] = 0
    limit: Annotated[int, Meta(ge=1, le=training_points.MAX_POINTS)] = 1_000
    max: (
        Annotated[
            int,
            Meta(
                ge=2, le=training_points.MAX_POINTS,
                description="So many points evenly over the whole curve, in place of a page.",
            ),
        ]
        | None
    ) = None  # fmt: skip


class Losses(Struct, frozen=True, kw_only=True):
    """A part of the curve, in order of the steps."""

    items: list[LossPoint]
    next: Annotated[int | None, Meta(description="`after` of the points that follow.")] = None


class ListSamples(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of the pictures that a run drew."""

    training: Id
    cursor: Cursor | None = None
    limit: Limit = 50


class ListCheckpoints(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of what a run keeps."""

    training: Id
    kind: CheckpointKind | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class ChangeTraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name for a training."""

    training: Id
    name: Name


class AskedTraining(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The training and its job; of a sweep all of them, and what they share."""

    training: str
    job: str
    batch: str
    trainings: list[str] = []
    jobs: list[str] = []
    sweep: str | None = None


async def train(
    state: State, principal: Principal, ask: Train, idempotency: str | None = None
) -> AskedTraining:
    """Teach a model a subject, as a job of the queue: `training.*` tell how it goes on."""
    state.refuse_when_stopping()
    state.db.refuse_when_full()
    with hooks.checked(state, ask.webhook):
        course = await courses.planned(state, principal, ask)
    key = None
    if idempotency is not None:
        body = _canonical.encode([type(ask).__name__, ask])
        key = (f"{principal.owner}:{idempotency}", hashlib.sha256(body).hexdigest())
    shared = new_id() if ask.sweep is not None else None
    new = [_new(one, principal.owner, shared) for one in course.lessons]

    def also(tx: Transaction, added: Added) -> None:
        for one, job in zip(new, added.jobs, strict=True):
            trainings.add(tx, one, job)

    added = await state.queue.add(_batch(course, principal, ask, key), also)
    return await state.db.read(partial(_asked, added=added))


async def plan(state: State, principal: Principal, ask: Train) -> Plan:
    """Say what a training would do and take, without starting it; of a sweep, its first."""
    course = await courses.planned(state, principal, ask)
    return warned.of(state, course.lessons[0].plan)


async def schema(state: State, principal: Principal, ask: Nothing) -> dict[str, Any]:
    """Give the JSON Schema of a recipe: every field with its default and what it means."""
    return msgspec.json.schema(Recipe)


async def page(state: State, principal: Principal, ask: ListTrainings) -> Page[Training]:
    """List trainings, newest first."""
    found = await state.db.read(
        lambda connection: trainings.page(
            connection, principal.sees, status=ask.status, sweep=ask.sweep, cursor=ask.cursor,
            limit=ask.limit,
        )
    )  # fmt: skip
    return Page(items=[live(state, one) for one in found.items], next=found.next)


async def get(state: State, principal: Principal, ask: TrainingId) -> Training:
    """Read one training."""
    return live(state, (await run_of(state, principal, ask.training)).shown)


async def losses(state: State, principal: Principal, ask: ListLosses) -> Losses:
    """Read the losses of a training: the points beyond a step, or some over the whole curve."""
    run = await run_of(state, principal, ask.training)
    if ask.max is not None:
        most = ask.max
        thin = await state.db.read(
            lambda connection: training_points.thinned(connection, run, most, ask.after)
        )
        return Losses(items=thin)
    found = await state.db.read(
        lambda connection: training_points.losses(connection, run, ask.after, ask.limit)
    )
    more = len(found) == ask.limit
    return Losses(items=found, next=found[-1].step if more else None)


async def samples(state: State, principal: Principal, ask: ListSamples) -> Page[Sample]:
    """List the pictures that a training drew of what it knew, newest first."""
    run = await run_of(state, principal, ask.training)
    return await state.db.read(
        lambda connection: training_points.samples(connection, run, ask.cursor, ask.limit)
    )


async def kept(state: State, principal: Principal, ask: ListCheckpoints) -> Page[Checkpoint]:
    """List what a training keeps: checkpoints to resume from, snapshots to try and publish."""
    run = await run_of(state, principal, ask.training)
    return await state.db.read(
        lambda connection: checkpoints.page(connection, run, ask.kind, ask.cursor, ask.limit)
    )


async def change(state: State, principal: Principal, ask: ChangeTraining) -> Training:
    """Give a training another name; models that it made keep theirs."""
    owner = principal.sees
    changed = await state.db.write(
        lambda tx: trainings.rename(tx, ask.training, ask.name.strip(), owner)
    )
    return live(state, changed)


async def delete(state: State, principal: Principal, ask: TrainingId) -> None:
    """Delete a training that ended, with its checkpoints; its models and pictures stay."""
    owner = principal.sees
    await state.db.write(lambda tx: trainings.delete(tx, ask.training, owner))
    await anyio.to_thread.run_sync(_remove, state.layout.trainings / ask.training)


async def run_of(state: State, principal: Principal, training: str) -> trainings.Run:
    """Find a training that the caller may see.

    :raises NotFound: unknown, or somebody else's.
    """
    owner = principal.sees
    return await state.db.read(lambda connection: trainings.run(connection, training, owner))


def live(state: State, shown: Training) -> Training:
    """Lay over a training what the engine last said of it."""
    left = state.dispatcher.eta(shown.job) if shown.status == "running" else None
    shown = warned.of(state, shown)
    return shown if left is None else msgspec.structs.replace(shown, eta_seconds=left)


def _batch(
    course: Course, principal: Principal, ask: Train, key: tuple[str, str] | None
) -> NewBatch:
    return NewBatch(
        owner=principal.owner,
        client=principal.client,
        kind="training",
        graph=Graph(nodes=[]),
        axes=course.axes,
        cells=course.cells,
        priority=ask.priority,
        request_id=request_id.get() or "",
        idempotency=key,
        webhook=ask.webhook,
        cost=max(cost_of(one.plan.recipe, one.plan.steps) for one in course.lessons),
    )


def _new(lesson: Lesson, owner: str, sweep: str | None) -> NewTraining:
    recipe = lesson.ask.recipe
    return NewTraining(
        id=new_id(),
        owner=owner,
        name=lesson.name,
        base_model=lesson.model.id,
        subjects=lesson.subjects,
        pictures=[
            [
                Taught(sha256=one.sha256, file=one.file, caption=one.caption, held_out=one.held_out)
                for one in some
            ]
            for some in lesson.pictures
        ],
        recipe=recipe,
        plan=lesson.plan,
        steps=lesson.plan.steps,
        branch=lesson.branch,
        sweep=sweep,
        trusted=lesson.ask.branch_from is not None and lesson.ask.branch_from.trust,
    )


def _asked(connection: Any, added: Added) -> AskedTraining:
    found = [trainings.of_job(connection, job) for job in added.jobs]
    ids = [one[0].shown.id for one in found if one is not None]
    sweep = next((one[0].shown.sweep for one in found if one is not None), None)
    first = ids[0] if ids else ""  # deleted since its key was used
    if sweep is None:
        return AskedTraining(training=first, job=added.jobs[0], batch=added.batch)
    return AskedTraining(
        training=first, job=added.jobs[0], batch=added.batch, trainings=ids, jobs=added.jobs,
        sweep=sweep,
    )  # fmt: skip


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
