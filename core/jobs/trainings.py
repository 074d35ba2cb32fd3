"""Trainings on their way to the engine: read from their rows, looked up, made a command.

Knows the library's rows and where files lie; what a run does is the engine's knowledge.
"""

import sqlite3

from core.blobs import Blobs
from core.errors import NotFound, Params, Problem
from core.graph.catalogue import Resources
from core.ipc.commands import RunTraining, TaughtPicture, TaughtSubject
from core.jobs.resolve import Resolver
from core.paths import Layout
from core.records.model import ModelDefaults
from core.records.recipe import Recipe
from core.records.training import Subject
from core.store import models, trainings
from core.store.training_reads import Run, Taught
from core.store.work import Claimed
from core.training import memory, words

_MOST = 1 << 45  # of a cost: ten thousand of them still add up to a number of 64 bits
CHECKPOINTS, SNAPSHOTS = "checkpoints", "snapshots"  # folders of a run


def prepare(
    connection: sqlite3.Connection, resolver: Resolver, layout: Layout, claimed: Claimed
) -> tuple[RunTraining | None, list[Problem]]:
    """Make the command of a claimed job, or say what keeps it from running."""
    found = trainings.of_job(connection, claimed.job)
    if found is None:
        return None, [Problem(code="training_gone")]
    run, begin = found
    command, problems = command_of(connection, resolver, layout, run, claimed.job)
    if command is None:
        return None, problems
    branch = None
    if run.branch is not None and begin.start is None:
        folder = layout.trainings / run.branch.training / CHECKPOINTS / run.branch.name
        branch = str(folder)
    made = RunTraining(
        job=command.job, training=command.training, name=command.name, recipe=command.recipe,
        subjects=command.subjects, base=command.base, resources=command.resources,
        hashes=command.hashes, folder=command.folder, cache=command.cache, making=command.making,
        start=begin.start, branch=branch, allow_changed=begin.allow_changed,
        trusted=begin.trusted, paused=run.wish == "paused", request_id=claimed.request_id,
        alone=claimed.alone, defaults=command.defaults,
    )  # fmt: skip
    return made, problems


def run_of(connection: sqlite3.Connection, training: str) -> Run:
    """Read a training.

    :raises NotFound: for an unknown one.
    """
    return trainings.run(connection, training)


def command_of(
    connection: sqlite3.Connection, resolver: Resolver, layout: Layout, run: Run, job: str
) -> tuple[RunTraining | None, list[Problem]]:
    """Make the command that runs a training from its newest state; list what is gone."""
    resources, hashes, problems = _models(connection, resolver, run)
    if problems:
        return None, problems
    taught = trainings.pictures(connection, run.row)
    taught += [[] for _ in run.shown.subjects[len(taught) :]]
    blobs = Blobs(layout.blobs)
    base = models.find(connection, run.shown.base_model, "checkpoint")
    return RunTraining(
        job=job,
        training=run.shown.id,
        name=run.shown.name,
        recipe=run.recipe,
        subjects=[
            _subject(subject, pictures, blobs)
            for subject, pictures in zip(run.shown.subjects, taught, strict=True)
        ],
        base=run.shown.base_model,
        resources=resources,
        hashes=hashes,
        folder=str(layout.trainings / run.shown.id),
        cache=str(layout.training_cache),
        making=str(layout.making),
        defaults=ModelDefaults() if base is None else base.defaults,
    ), []


def _models(
    connection: sqlite3.Connection, resolver: Resolver, run: Run
) -> tuple[Resources, dict[str, str], list[Problem]]:
    named = {"/base_model": (run.shown.base_model, "checkpoint")}
    if run.recipe.start_lora is not None:
        named["/start_lora"] = (run.recipe.start_lora, "lora")
    found: Resources = {}
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    for pointer, (model, kind) in named.items():
        resource = resolver.model(connection, model, kind)
        if resource is None:
            params: Params = {"name": model, "kind": kind}
            problems.append(Problem(code="unknown_model", pointer=pointer, params=params))
            continue
        found[model] = resource
        try:
            hashes[model] = models.file(connection, resource.id).sha256 or ""
        except NotFound:  # not while one snapshot is read
            hashes[model] = ""
    return found, hashes, problems


def _subject(subject: Subject, pictures: list[Taught], blobs: Blobs) -> TaughtSubject:
    return TaughtSubject(
        token=subject.token,
        class_word=subject.class_word,
        instance_prompt=words.instance_prompt(subject),
        class_prompt=words.class_prompt(subject),
        pictures=[
            TaughtPicture(
                path=str(blobs.path(one.sha256)), sha256=one.sha256, caption=one.caption,
                held_out=one.held_out, file=one.file,
            )
            for one in pictures
        ],
    )  # fmt: skip


def cost_of(recipe: Recipe, steps: int) -> int:
    """Say what a run costs the queue: rows x steps x pixels, three passes each (two go back)."""
    rows = memory.rows_of(recipe) * recipe.accumulate
    return max(1, min(_MOST, int(3 * rows * steps * (recipe.resolution or 512) ** 2)))
