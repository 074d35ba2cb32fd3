"""What pictures are drawn with: models of the library, and snapshots of trainings by their names.

``training:<id>@<step>`` names what a run knew at a step, as a checkpoint: its base with all that
was learned. ``training:<id>@best``, ``@last`` and the run alone stand for a step, and are settled
when they are asked for, so that a picture says for good what drew it. Knows rows; no files.
"""

import re
import sqlite3
from typing import NamedTuple

import msgspec

from core.errors import NotFound
from core.records.model import Model, ModelKind
from core.store import checkpoints, models, training_reads
from core.store.checkpoints import Kept
from core.store.training_reads import Run

_NAMED = re.compile(r"training:([0-9A-Z]{26})(?:@(best|last|[0-9]{1,9}))?")
_SETTLED = re.compile(r"training:([0-9A-Z]{26})@([0-9]{1,9})")
_SMALL = frozenset({"lora", "dora", "lokr", "pivotal"})  # methods that make small matrices


class Snapshot(NamedTuple):
    """A run, and what it kept at a step."""

    run: Run
    kept: Kept


def is_named(text: str) -> bool:
    """Say whether a text has the form of a snapshot's name, settled or not."""
    return _NAMED.fullmatch(text) is not None


def settled(connection: sqlite3.Connection, text: str, owner: str | None) -> str:
    """Name the step that a snapshot's name stands for; what is no such name stays.

    :returns: for an unknown run or step, or somebody else's, a name that is not settled, by which
        nothing is found.
    """
    match = _NAMED.fullmatch(text)
    if match is None:
        return text
    training, which = match[1], match[2] or "last"
    try:
        run = training_reads.run(connection, training, owner)
        kept = snapshot(connection, run, int(which) if which.isdigit() else which)
    except NotFound:
        return f"training:{training}" if which.isdigit() else text
    return f"training:{training}@{kept.shown.step}"


def snapshot(connection: sqlite3.Connection, run: Run, which: str | int) -> Kept:
    """Find a snapshot by step, id, ``last`` or ``best``: that of the best checkpoint's step.

    :raises NotFound: ``checkpoint``.
    """
    if which == "best":
        which = checkpoints.find(connection, run, "checkpoint", "best").shown.step
    return checkpoints.find(connection, run, "snapshot", which)


def of(connection: sqlite3.Connection, text: str) -> Snapshot | None:
    """Find the snapshot that a settled name means."""
    match = _SETTLED.fullmatch(text)
    if match is None:
        return None
    try:
        run = training_reads.run(connection, match[1])
        return Snapshot(run, checkpoints.find(connection, run, "snapshot", int(match[2])))
    except NotFound:
        return None


def find(connection: sqlite3.Connection, text: str, kind: ModelKind | None = None) -> Model | None:
    """Find a model as ``models.find`` does, or a snapshot by its settled name.

    A snapshot is a checkpoint; of small matrices, a LoRA as well.
    """
    if not is_named(text):
        return models.find(connection, text, kind)
    found = of(connection, text)
    if found is None or kind not in (None, "checkpoint", "lora"):
        return None
    run, kept = found
    if kind == "lora" and run.recipe.method not in _SMALL:
        return None
    base = models.find(connection, run.shown.base_model, "checkpoint")
    if base is None:
        return None
    return msgspec.structs.replace(
        base, id=text, name=text, kind=kind or "checkpoint", bytes=kept.shown.bytes, sha256=None,
        format="single" if kind == "lora" else base.format, token=run.shown.token,
        class_word=run.shown.class_word, trigger=None, created=kept.shown.created,
    )  # fmt: skip
