"""Tasks on their way to the engine: read from their batch, looked up, made a command.

Knows the library's rows; what a task does is the engine's knowledge.
"""

import sqlite3
from pathlib import Path

import msgspec

from core.errors import Problem
from core.graph.catalogue import Resources
from core.ipc.commands import RunTask
from core.jobs.flight import Flight
from core.jobs.imprint import imprint
from core.jobs.resolve import Resolver
from core.records.task import AnyTask, Convert, Export
from core.store import models
from core.store.work import Claimed


def read(claimed: Claimed) -> AnyTask | None:
    """Give the task of a claimed job; ``None`` for a job of another kind."""
    if claimed.kind != "task":
        return None
    task: AnyTask = msgspec.convert(claimed.recipe, AnyTask)
    return task


def named(task: AnyTask) -> dict[str, tuple[str, str]]:
    """Name the models of a task: pointer into it → (id, kind)."""
    found = {"/model": (task.model, "checkpoint")}
    if isinstance(task, Export):
        found["/made"] = (task.made, "")
    if isinstance(task, Convert):
        found |= {
            f"/to/loras/{place}/model": (lora.model, "lora")
            for place, lora in enumerate(task.to.loras)
        }
    return found


def resolve(
    connection: sqlite3.Connection, resolver: Resolver, task: AnyTask
) -> tuple[Resources, dict[str, str], list[Problem]]:
    """Find the models of a task, by id, with the hashes that are known; list what is gone."""
    found: Resources = {}
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    for pointer, (model, kind) in named(task).items():
        resource = resolver.model(connection, model, kind or _kind(connection, model))
        if resource is None:
            params: dict[str, str | int | float | None] = {"name": model, "kind": kind}
            problems.append(Problem(code="unknown_model", pointer=pointer, params=params))
            continue
        found[model] = resource
        hashes[model] = models.file(connection, resource.id).sha256 or ""
    return found, hashes, problems


def _kind(connection: sqlite3.Connection, model: str) -> str:
    """Read of which kind a model is; one that is gone is of any."""
    found = models.find(connection, model)
    return "checkpoint" if found is None else found.kind


def command(claimed: Claimed, flight: Flight, folder: Path) -> RunTask:
    """Make the command that runs a task."""
    assert flight.task is not None
    assert flight.graph is not None
    return RunTask(
        job=claimed.job,
        task=flight.task,
        folder=str(folder),
        graph=flight.graph if flight.graph.nodes else None,
        resources=flight.resources,
        hashes=flight.hashes,
        training=flight.training,
        metadata=imprint(msgspec.structs.replace(claimed, recipe=None), flight),
        request_id=claimed.request_id,
        alone=claimed.alone,
    )
