"""Beginning: from where a run goes on, and whether it may.

Knows the folders of a run and what its command asks for; loads no network.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch

from core.engine.train.keep import capture, fingerprint, folders, manifest, state
from core.engine.train.keep.fingerprint import Fingerprint
from core.engine.train.keep.keeping import CHECKPOINTS
from core.engine.train.keep.state import Loaded
from core.errors import JobError
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe

FINGERPRINT = "fingerprint"  # where it stands among what is kept with a state
_OF_MEMORY = ("batch", "accumulate", "optimizer", "grad_checkpoint")
_NARROWED = "narrowed.json"  # in the folder of a run that lacked memory: two recipes


def secret_of(command: RunTraining) -> bytes:
    """Read the secret that the runs beside this one are sealed with."""
    return manifest.secret(Path(command.folder).parent)


def print_of(command: RunTraining, recipe: Recipe) -> Fingerprint:
    """Say what the run is made of."""
    base = command.resources[command.base]
    known = command.hashes.get(command.base) or base.identity
    return fingerprint.taken(recipe, command.subjects, known)


def narrowed(command: RunTraining) -> Recipe:
    """Give the recipe that a run goes on with: as asked, or as it was narrowed before.

    Losses depend on it, so a run that once lacked memory stays as it became.
    """
    path = Path(command.folder) / _NARROWED
    if command.fresh or not newest_step(command) or not path.exists():
        return command.recipe
    try:
        asked, taken = msgspec.json.decode(path.read_bytes(), type=tuple[Recipe, Recipe])
    except (OSError, msgspec.DecodeError):  # as if it had never lacked any
        return command.recipe
    same = {name: getattr(command.recipe, name) for name in _OF_MEMORY}
    if same != {name: getattr(asked, name) for name in _OF_MEMORY}:
        return command.recipe  # somebody chose anew
    change = {name: getattr(taken, name) for name in _OF_MEMORY}
    return msgspec.structs.replace(command.recipe, **change)


def narrow(command: RunTraining, recipe: Recipe) -> None:
    """Note what became of a recipe for want of memory."""
    path = Path(command.folder) / _NARROWED
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode((command.recipe, recipe)))
    part.replace(path)


def newest_step(command: RunTraining) -> int:
    """Give the step of the newest whole checkpoint; 0 where there is none."""
    found = state.newest(Path(command.folder) / CHECKPOINTS)
    return 0 if found is None else folders.step_of(found.name) or 0


def begun(command: RunTraining, recipe: Recipe) -> tuple[Loaded | None, list[str]]:
    """Read the state that a run goes on from; ``None``: it begins. And what changed since.

    Its own newest one, or the one it is told; where it has none, that of the run it is a branch of.

    :raises JobError: checkpoint_missing, resume_mismatch, resume_untrusted.
    :raises CheckpointUnreadable: when it is not whole.
    """
    if command.fresh:
        return None, []
    found = state.chosen(Path(command.folder) / CHECKPOINTS, command.start)
    if found is None and command.branch is None:
        return None, []
    path = found or Path(command.branch or "")
    if not command.trusted:
        manifest.trusted(path, manifest.read(path), secret_of(command))
    loaded = state.read(path)
    if found is None:
        return capture.restarted(loaded), []
    old = fingerprint.unpacked(loaded.extra.get(FINGERPRINT))
    new = print_of(command, recipe)
    return loaded, fingerprint.compare(old, new, allowed=command.allow_changed)


def fits(loaded: Loaded, trainable: Mapping[str, torch.Tensor]) -> None:
    """See that a state is of what is trained now.

    :raises JobError: resume_mismatch.
    """
    was = {name: tuple(tensor.shape) for name, tensor in loaded.trainable.items()}
    now = {name: tuple(tensor.shape) for name, tensor in trainable.items()}
    if was != now:
        odd = sorted(name for name, _ in was.items() ^ now.items())
        raise JobError("resume_mismatch", changes=fingerprint.joined(odd))
