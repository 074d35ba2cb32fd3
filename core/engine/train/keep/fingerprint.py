"""What a run is made of, so that it goes on as what it was: recipe, pictures, base, versions.

Two of them are compared into lines that people read. Fields of a recipe that say when something is
saved, drawn or told bind nothing; those that change numbers at most in their last bits, and
versions of libraries, are remarks. Knows no files of checkpoints.
"""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import JobError
from core.ipc.commands import TaughtSubject
from core.records.recipe import Recipe

FREE = frozenset(
    {
        "checkpoint_every", "checkpoint_minutes", "keep_last", "snapshot_every", "sample_every",
        "sample_prompts", "validate_every", "trackers", "on_nan",
    }
)  # fmt: skip
NEAR = frozenset({"grad_checkpoint", "compile", "deterministic"})
LIBRARIES = ("torch", "diffusers", "transformers", "peft", "pytorch-lightning")
MAX_LINES = 12
_MAX_VALUE = 60  # characters of a value in a line


class Shown(Struct, frozen=True):
    """A picture that is trained on."""

    sha256: str
    caption: str | None = None
    held_out: bool = False


class Taught(Struct, frozen=True):
    """A subject: its words, and its pictures in their order."""

    words: list[str]
    pictures: list[Shown]


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What a run is made of."""

    recipe: dict[str, Any]
    subjects: list[Taught]
    base: str  # SHA-256 of the checkpoint where it is known, else its id
    versions: dict[str, str] = {}

    @property
    def dataset(self) -> str:
        """Give one hash for all pictures and words, in their order."""
        return hashlib.sha256(msgspec.json.encode(self.subjects)).hexdigest()


def taken(recipe: Recipe, subjects: Sequence[TaughtSubject], base: str) -> Fingerprint:
    """Take the fingerprint of a run that is to be."""
    return Fingerprint(
        recipe=msgspec.json.decode(msgspec.json.encode(recipe)),
        subjects=[
            Taught(
                [one.token, one.class_word, one.instance_prompt, one.class_prompt],
                [Shown(seen.sha256, seen.caption, seen.held_out) for seen in one.pictures],
            )
            for one in subjects
        ],
        base=base,
        versions={name: _version(name) for name in LIBRARIES}
        | {"python": platform.python_version()},
    )


def packed(fingerprint: Fingerprint) -> dict[str, Any]:
    """Give it as plain values, to be kept with a state."""
    made: dict[str, Any] = msgspec.to_builtins(fingerprint)
    return made


def unpacked(told: Any) -> Fingerprint | None:
    """Read what was kept; None where it is none."""
    try:
        return msgspec.convert(told, Fingerprint)
    except msgspec.ValidationError:
        return None


def differences(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Say what makes the one run another than the other, a line each; none where nothing does."""
    lines = [
        f"{name}: {_short(was)} → {_short(now)}"
        for name, was, now in _changed(old.recipe, new.recipe)
        if name not in FREE | NEAR | {"max_steps"}
    ]
    before, after = old.recipe.get("max_steps"), new.recipe.get("max_steps")
    if isinstance(before, int) and isinstance(after, int) and after < before:
        lines.append(f"max_steps: {before} → {after}")
    if old.base != new.base:
        lines.append(f"base model: {_short(old.base)} → {_short(new.base)}")
    if len(old.subjects) != len(new.subjects):
        lines.append(f"subjects: {len(old.subjects)} → {len(new.subjects)}")
    for number, (was, now) in enumerate(zip(old.subjects, new.subjects, strict=False), 1):
        lines += [f"subject {number}: {line}" for line in _of_subject(was, now)]
    return lines


def remarks(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Say what may change last bits: a run goes on all the same."""
    return [
        f"{name}: {_short(was)} → {_short(now)}"
        for name, was, now in (
            *(one for one in _changed(old.recipe, new.recipe) if one[0] in NEAR),
            *_changed(old.versions, new.versions),
        )
    ]


def compare(old: Fingerprint | None, new: Fingerprint, *, allowed: bool = False) -> list[str]:
    """See whether a run may go on as ``new``; give what is to be told of it.

    :param old: of the state that it goes on from; None where that says nothing.
    :param allowed: go on whatever has changed.
    :raises JobError: ``resume_mismatch``; params: changes.
    """
    if old is None:
        changes = ["unknown"]
        near: list[str] = []
    else:
        changes, near = differences(old, new), remarks(old, new)
    if changes and not allowed:
        raise JobError("resume_mismatch", changes=joined(changes))
    return changes + near


def joined(lines: Sequence[str]) -> str:
    """Put lines into one parameter, the first dozen of them."""
    rest = len(lines) - MAX_LINES
    return "; ".join([*lines[:MAX_LINES], *([f"… +{rest}"] if rest > 0 else [])])


def _of_subject(was: Taught, now: Taught) -> list[str]:
    lines = [
        f"{_short(old)} → {_short(new)}"
        for old, new in zip(was.words, now.words, strict=False)
        if old != new
    ]
    before = {one.sha256: one for one in was.pictures}
    after = {one.sha256: one for one in now.pictures}
    added, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    both = before.keys() & after.keys()
    captions = sum(before[one].caption != after[one].caption for one in both)
    held = sum(before[one].held_out != after[one].held_out for one in both)
    lines += [
        f"{what}: {count}"
        for what, count in (
            ("pictures added", added), ("pictures gone", gone), ("captions changed", captions),
            ("pictures held out or no more", held),
        )
        if count
    ]  # fmt: skip
    if not lines and was.pictures != now.pictures:
        lines.append("pictures in another order")
    return lines


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """List what differs; a name that one of them has not is of another version, and no change."""
    return [(name, old[name], new[name]) for name in old if name in new and old[name] != new[name]]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
