"""A trained checkpoint as a folder in diffusers' layout, of which only what changed is new.

Files of the base that stay as they are become hard links; where the file system has none, or the
base is a single file, they are written.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from core.blobs import sync_folder
from core.engine.tasks import parts, tensors
from core.engine.tasks.blueprint import blueprint
from core.engine.tasks.tensors import Lazy, Tick
from core.engine.train.export import metadata
from core.engine.train.export.metadata import About
from core.errors import DiskFull
from core.library import folder as folders
from core.library.made import KEY
from core.records.recipe import Recipe
from core.records.task import MadeFile, MadeModel

_SCHEDULER = "scheduler/scheduler_config.json"
_CARDS = ("README.md", "LICENSE", "LICENSE.md", "LICENSE.txt")  # what a licence asks to be kept
_PIECE = 8 << 20  # bytes


def write(
    networks: Mapping[str, Mapping[str, torch.Tensor]], told: About, path: Path, tick: Tick
) -> MadeModel:
    """Write the folder of a checkpoint with some networks trained, synced to disk.

    :param networks: tensors by the folder of their part and by diffusers' names.
    :raises KeyError: when the base has no such part.
    :raises ValueError: when its tensors have other names or shapes.
    :raises OSError: when the disk refuses, or the base is gone.
    """
    base = told.base
    checkpoint = parts.opened(base.path, base.format, told.family, tick)
    whole = base.format == "diffusers"
    small = dict(checkpoint.small) if whole else blueprint(base)
    small = _of_schedule(small, told.recipe) | {folders.OWN: _own(told)}
    found = {one.folder: one for one in checkpoint.parts}
    made: list[MadeFile] = []
    for name in sorted(networks):
        part = found.pop(name)
        content = networks[name]
        _agrees(part, content)
        file = f"{name}/{part.file}"
        made.append(tensors.write(path / file, file, lazy(content), {"format": "pt"}, tick))
    for name, part in found.items():
        if whole:
            made += _linked(Path(base.path, name), path / name, name, tick)
        else:
            file = f"{name}/{part.file}"
            made.append(tensors.write(path / file, file, part.tensors, {"format": "pt"}, tick))
    for name, data in small.items():
        made.append(tensors.copy(path / name, name, data))
    for name in _CARDS if whole else ():
        if Path(base.path, name).is_file() and name not in small:
            made.append(_link(Path(base.path, name), path / name, name, tick))
    for below in [path, *(one for one in path.rglob("*") if one.is_dir())]:
        sync_folder(below)
    return MadeModel(path=path.name, name=told.name, files=made)


def _agrees(part: parts.Component, content: Mapping[str, torch.Tensor]) -> None:
    """See that what was trained is what the base has, since all else of it is the base's."""
    inner = "text_model."  # transformers saves without it today
    known = {name.removeprefix(inner): lazy.shape for name, lazy in part.tensors.items()}
    given = {name.removeprefix(inner): tuple(one.shape) for name, one in content.items()}
    known = {name: shape for name, shape in known.items() if not name.endswith("position_ids")}
    if given != known:
        strange = min(name for name in known.keys() | given.keys()
                      if known.get(name) != given.get(name))  # fmt: skip
        raise ValueError(f"{part.folder} has another {strange}")


def _linked(source: Path, target: Path, name: str, tick: Tick) -> list[MadeFile]:
    """Link the weights of a part that stays as it is; its configurations are small files."""
    weights = parts.weights_of(source)
    shards = [*source.glob("*.safetensors.index.json")] if len(weights) > 1 else []
    made = []
    for file in [*weights, *shards]:
        own = file.name.replace(".fp16.", ".")  # what is trained has no variant
        made.append(_link(file, target / own, f"{name}/{own}", tick))
    return made


def _link(source: Path, target: Path, name: str, tick: Tick) -> MadeFile:
    """Link a file, or copy it where that cannot be; a link of the source's is followed."""
    real = source.resolve(strict=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(real, target)
    except OSError as error:
        if DiskFull.caused(error):
            raise
        _copied(real, target, tick)
    return MadeFile(name=name, size=target.stat().st_size, sha256=tensors.digest_of(target, tick))


def _copied(source: Path, target: Path, tick: Tick) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        while piece := old.read(_PIECE):
            new.write(piece)
            tick(len(piece))
        new.flush()
        os.fsync(new.fileno())


def _of_schedule(small: dict[str, bytes], recipe: Recipe) -> dict[str, bytes]:
    """Let the scheduler know what a run has changed of the noise that is predicted."""
    if not recipe.ztsnr or _SCHEDULER not in small:
        return small
    config = json.loads(small[_SCHEDULER])
    config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return small | {_SCHEDULER: json.dumps(config, indent=2, sort_keys=True).encode()}


def _own(told: About) -> bytes:
    """Make the folder's own file: what the base's says, less its name; origin and run."""
    own: dict[str, Any] = {}
    before = Path(told.base.path, folders.OWN)
    if before.is_file() and before.stat().st_size < 1 << 20:
        decoded = json.loads(before.read_text("utf-8"))
        own = decoded if isinstance(decoded, dict) else {}
    own.pop("name", None)
    own |= {
        "family": told.family,
        KEY: msgspec.to_builtins(metadata.origin(told)),
        metadata.TRAINED: metadata.training(told) | {"trigger": told.trigger},
    }
    return json.dumps(own, indent=2, ensure_ascii=False).encode()


def lazy(content: Mapping[str, torch.Tensor]) -> dict[str, Lazy]:
    """Give tensors in RAM as files are written of them."""

    def given(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        return lambda: tensor

    return {name: Lazy(one.dtype, tuple(one.shape), given(one)) for name, one in content.items()}
