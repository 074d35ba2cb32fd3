"""The state of a run as a folder on the disk: everything that the next step depends on.

``step-000400/`` holds ``trainable``, ``optimizer`` and ``ema`` as safetensors, ``optimizer.json``
and ``state.json`` beside them, and ``manifest.json``, written last. It is made under another name,
every file synced, renamed, and the folder above synced: at any moment it is whole or not there.
No pickle. Knows tensors and plain values; nothing of what trains or when it is saved.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch

from core import failpoint
from core.engine.tasks import tensors
from core.engine.train.keep import folders, manifest, structure
from core.engine.train.keep.folders import name_of, step_of, steps, whole
from core.engine.train.keep.manifest import Manifest
from core.errors import HeliographError, JobError
from core.records.task import MadeFile

TRAINABLE, OPTIMIZER, EMA = "trainable.safetensors", "optimizer.safetensors", "ema.safetensors"
STRUCTURE, STATE = "optimizer.json", "state.json"
MAX_JSON = 32 << 20  # bytes of each of those two


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a run stands after an optimizer step. The tensors lie in RAM and belong to nobody."""

    step: int  # optimizer steps done
    position: int  # forwards done, over all accumulation
    trainable: dict[str, torch.Tensor]
    optimizer: dict[str, Any] = field(default_factory=dict)  # a state_dict of torch.optim
    ema: dict[str, torch.Tensor] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # plain values: seeds, rates, recipe, …
    metric: float | None = None  # validation loss at this step


@dataclass(frozen=True, kw_only=True)
class Loaded(State):
    """A state that was read."""

    path: Path


def write(
    folder: Path, state: State, key: bytes, tick: Callable[[int], None] = lambda count: None
) -> Manifest:
    """Write a state into a folder of its own inside ``folder``; one of the same step gives way.

    :param key: ``manifest.secret``.
    :param tick: called with bytes that were written; may raise, which leaves nothing.
    :raises DiskFull: when there is no room; nothing of it is left.
    :raises OSError: when the disk fails.
    """

    def piece(count: int) -> None:
        failpoint.hit("train.write")
        tick(count)

    def fill(made: Path) -> Manifest:
        packed: dict[str, torch.Tensor] = {}
        told = structure.split(state.optimizer, packed)
        head = {"step": state.step, "position": state.position}
        extra = structure.split(state.extra, packed, "extra")
        files = [
            weights(made, TRAINABLE, state.trainable, piece),
            weights(made, OPTIMIZER, packed, piece),
            _small(made, STRUCTURE, told),
            _small(made, STATE, {**head, "extra": extra}),
        ]
        if state.ema:
            files.append(weights(made, EMA, state.ema, piece))
        return Manifest(
            format=manifest.FORMAT, kind="checkpoint", step=state.step, metric=state.metric,
            files=manifest.listed(files),
        )  # fmt: skip

    return folders.placed(folder, name_of(state.step), fill, key)


def read(path: Path, *, verify: bool = True) -> Loaded:
    """Read a state into RAM.

    :param verify: compare what is read with the hashes.
    :raises CheckpointUnreadable: when it is not whole.
    """
    told = manifest.read(path)
    if told.kind != "checkpoint" or not {TRAINABLE, OPTIMIZER, STRUCTURE, STATE} <= set(told.files):
        raise manifest.broken(path, "no checkpoint")
    if verify:
        manifest.verify(path, told)
    head = _json(path, STATE)
    packed = read_weights(path, OPTIMIZER)
    try:
        optimizer = structure.join(_json(path, STRUCTURE), packed)
        extra = structure.join(head["extra"], packed)
        step, position = int(head["step"]), int(head["position"])
    except (LookupError, TypeError, ValueError) as error:
        raise manifest.broken(path, f"its structure: {error}") from error
    if not isinstance(optimizer, dict) or not isinstance(extra, dict) or step != told.step:
        raise manifest.broken(path, "its structure")
    return Loaded(
        step=step, position=position, trainable=read_weights(path, TRAINABLE),
        optimizer=optimizer, ema=read_weights(path, EMA) if EMA in told.files else {},
        extra=extra, metric=told.metric, path=path,
    )  # fmt: skip


def newest(folder: Path, *, verify: bool = False) -> Path | None:
    """Find the newest whole checkpoint."""
    return next((path for path in steps(folder) if whole(path, verify=verify)), None)


def best(folder: Path) -> Path | None:
    """Find the whole checkpoint of the least validation loss; the older of two equal ones."""
    known = [(path, told) for path in steps(folder) if (told := whole(path))]
    rated = [(told.metric, told.step, path) for path, told in known if told.metric is not None]
    return min(rated)[2] if rated else None


def chosen(folder: Path, start: str | None) -> Path | None:
    """Find the checkpoint that somebody names: ``last`` or None, ``best``, a step, or its name.

    Of the last ones it is the newest whose files hold what they should.

    :raises JobError: ``checkpoint_missing`` when a named one is not there or not whole.
    """
    if start is None or start == "last":
        return newest(folder, verify=True)
    if start == "best":
        found = best(folder)
    else:
        step = int(start) if re.fullmatch(r"\d{1,9}", start) else step_of(start)
        found = None if step is None else folder / name_of(step)
    if found is None or whole(found) is None:
        raise JobError("checkpoint_missing", checkpoint=start)
    return found


def weights(
    folder: Path, name: str, given: Mapping[str, torch.Tensor], tick: tensors.Tick
) -> MadeFile:
    """Write tensors of the CPU as one file.

    :raises ValueError: for a number format that safetensors has not.
    """
    if strange := {one.dtype for one in given.values()} - set(tensors.DTYPES.values()):
        raise ValueError(f"{name}: {', '.join(map(str, strange))}")
    lazies = {
        key: tensors.Lazy(one.dtype, tuple(one.shape), lambda one=one: one)  # type: ignore[misc]  # bound now
        for key, one in given.items()
    }
    return tensors.write(folder / name, name, lazies, {"format": "pt"}, tick)


def read_weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """Read all tensors of a file into RAM of their own.

    :raises CheckpointUnreadable: when it is no sound file of tensors.
    """
    try:
        file = tensors.WeightFile(folder / name, lambda count: None)
        return {key: file.read(key) for key in file.header.tensors}
    except (HeliographError, OSError, ValueError) as error:
        raise manifest.broken(folder, f"{name}: {error}") from error


def _small(folder: Path, name: str, told: Any) -> MadeFile:
    data = msgspec.json.encode(told)
    if len(data) > MAX_JSON:
        raise ValueError(f"{name} would be too large")
    return tensors.copy(folder / name, name, data)


def _json(folder: Path, name: str) -> Any:
    try:
        return msgspec.json.decode(manifest.content(folder, name, MAX_JSON))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise manifest.broken(folder, f"{name}: {error}") from error
