"""Beginning: from where a run goes on, and whether it may.

Knows the folders of a run and what its command asks for; loads no network.
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from core.engine.train import capture, fingerprint, folders, manifest, state
from core.engine.train.fingerprint import Fingerprint
from core.engine.train.keeping import CHECKPOINTS
from core.engine.train.state import Loaded
from core.errors import JobError
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe

FINGERPRINT = "fingerprint"  # where it stands among what is kept with a state


def secret_of(command: RunTraining) -> bytes:
    """Read the secret that the runs beside this one are sealed with."""
    return manifest.secret(Path(command.folder).parent)


def print_of(command: RunTraining, recipe: Recipe) -> Fingerprint:
    """Say what the run is made of."""
    base = command.resources[command.base]
    known = command.hashes.get(command.base) or base.identity
    return fingerprint.taken(recipe, command.subjects, known)


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
