"""Verbs of what a training made: publish a snapshot as a model, export a model as a file.

Each is a task, a job of its own in the queue.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct, field

from core.errors import Conflict, Invalid, NotFound, Params, Problem
from core.jobs.making import is_taken
from core.log import request_id
from core.naming import safe
from core.records.graph import Graph
from core.records.job import ENDED
from core.records.model import Model
from core.records.task import AnyTask, Export, Publish
from core.store import drawable, jobs, models
from core.store.checkpoints import Kept
from core.store.trainings import Run
from core.store.work import NewBatch
from server.actions.jobs import Id
from server.actions.steering import Which
from server.actions.tasks import Asked
from server.actions.taught import Name
from server.actions.trainings import run_of
from server.principal import Principal
from server.state import State

EXPORTS = "exports"  # folder of a run
Format = Literal["diffusers", "kohya", "single"]
_UNIT = 100  # bytes that count as one pixel of one step in the queue's guess of times
_canonical = msgspec.json.Encoder(order="sorted")


class PublishTraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which snapshot becomes a model, and what it is called."""

    training: Id
    from_: Annotated[
        Which | None,
        Meta(description="Step or id of a snapshot, `best` or `last`; null: the last."),
    ] = field(default=None, name="from")
    name: Annotated[Name | None, Meta(description="Null: the training's, and the step.")] = None


class ExportTraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which form the model is wanted."""

    training: Id
    format: Format


class Exported(Struct, frozen=True, kw_only=True):
    """A file that is there, or the job that makes it."""

    path: Path | None
    name: str
    is_folder: bool = False
    asked: Asked | None = None


async def publish(
    state: State, principal: Principal, ask: PublishTraining, idempotency: str | None = None
) -> Asked:
    """Make a model of a snapshot; nothing is trained again. `result.model` of the job is its id."""
    state.refuse_when_stopping()
    run = await run_of(state, principal, ask.training)
    problems: list[Problem] = []
    kept: Kept | None = None
    try:
        kept = await _snapshot(state, run, "last" if ask.from_ is None else ask.from_)
    except NotFound:
        problems.append(Problem(code="unknown_checkpoint", pointer="/from"))
    if ask.name is not None:
        problems += await _unnamed(state, ask.name, run)
    if problems or kept is None:
        raise Invalid(problems=tuple(problems))
    task = Publish(
        training=ask.training, model=run.shown.base_model, snapshot=kept.name,
        step=kept.shown.step, name=ask.name or safe(f"{run.shown.name} {kept.shown.step}", "model"),
    )  # fmt: skip
    cost = max(1, kept.shown.bytes // _UNIT)
    return await _add(state, principal, task, cost, _key(principal, ask, idempotency))


async def export(
    state: State, principal: Principal, ask: ExportTraining, makes: bool = True
) -> Exported:
    """Find a training's model in a form for other programs, or let a job make that.

    :param makes: whether the caller may let a job make it.
    :raises Conflict: ``training_unpublished`` where no model was made, or it is gone.
    :raises Invalid: ``export_unsupported`` for a form that the model has not.
    """
    run = await run_of(state, principal, ask.training)
    model, path = await _model(state, run)
    whole = model.format == "diffusers"
    if whole != (ask.format == "single") and not (whole and ask.format == "diffusers"):
        params: Params = {"model": model.name, "format": ask.format}
        problem = Problem(code="export_unsupported", pointer="/format", params=params)
        raise Invalid(problems=(problem,))
    if (ask.format == "kohya" and not whole) or (ask.format == "diffusers" and whole):
        name = safe(model.name, "model") + ("" if whole else path.suffix)
        return Exported(path=path, name=name, is_folder=whole)
    file = f"{model.id}-{ask.format}.safetensors"
    made = state.layout.trainings / ask.training / EXPORTS / file
    name = f"{safe(model.name, 'model')} {ask.format}.safetensors"
    if await anyio.to_thread.run_sync(made.is_file):
        return Exported(path=made, name=name)
    if not makes:
        return Exported(path=None, name=name)
    state.refuse_when_stopping()
    task = Export(
        training=ask.training, model=run.shown.base_model, made=model.id, format=ask.format,
        file=file,
    )  # fmt: skip
    cost = max(1, model.bytes // _UNIT)
    # Asking again while it is made makes no second job; one that failed is asked for anew.
    key = (f"{principal.owner}:export:{file}", hashlib.sha256(file.encode()).hexdigest())
    asked = await _add(state, principal, task, cost, key)
    job = await state.db.read(lambda connection: jobs.get(connection, asked.job))
    if job.status in ENDED:
        asked = await _add(state, principal, task, cost, None)
    return Exported(path=None, name=name, asked=asked)


async def _snapshot(state: State, run: Run, which: str | int) -> Kept:
    """Find a snapshot; the best is that of the best checkpoint's step."""
    return await state.db.read(lambda connection: drawable.snapshot(connection, run, which))


async def _model(state: State, run: Run) -> tuple[Model, Path]:
    if run.shown.model is None:
        raise Conflict("training_unpublished")
    made = run.shown.model
    try:
        model = await state.db.read(lambda connection: models.get(connection, made))
        held = await state.db.read(lambda connection: models.file(connection, made))
    except NotFound as error:
        raise Conflict("training_unpublished") from error
    root = state.roots.get(held.root)
    if root is None or held.missing:
        raise Conflict("training_unpublished")
    return model, root / held.file


async def _unnamed(state: State, name: str, run: Run) -> list[Problem]:
    params: Params = {"name": name}
    if safe(name, "") != name:
        return [Problem(code="model_name_unsafe", pointer="/name", params=params)]
    single = run.shown.method != "full"
    if await anyio.to_thread.run_sync(is_taken, state.layout, name, single):
        return [Problem(code="model_name_taken", pointer="/name", params=params)]
    return []


def _key(principal: Principal, ask: Struct, idempotency: str | None) -> tuple[str, str] | None:
    if idempotency is None:
        return None
    body = hashlib.sha256(_canonical.encode([type(ask).__name__, ask])).hexdigest()
    return f"{principal.owner}:{idempotency}", body


async def _add(
    state: State, principal: Principal, task: AnyTask, cost: int, key: tuple[str, str] | None
) -> Asked:
    added = await state.queue.add(
        NewBatch(
            owner=principal.owner, client=principal.client, kind="task", graph=Graph(nodes=[]),
            recipe=msgspec.to_builtins(task), request_id=request_id.get() or "", idempotency=key,
            cost=cost,
        )
    )  # fmt: skip
    return Asked(batch=added.batch, job=added.jobs[0])
