"""Snapshots: weights of a step that pictures are drawn with, or a model is published from.

``step-000400/`` holds a safetensors file for each part, ``snapshot.json`` and a manifest. Knows
files; what a part is, and what its names mean, is the method's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from core import failpoint
from core.engine.tasks import tensors
from core.engine.train.keep import folders, manifest
from core.engine.train.keep import state as states
from core.engine.train.keep.manifest import Manifest

ABOUT = "snapshot.json"
MAX_ABOUT = 1 << 20  # bytes
_SUFFIX = ".safetensors"


def write(
    folder: Path,
    step: int,
    weights: Mapping[str, Mapping[str, torch.Tensor]],
    about: Mapping[str, Any],
    key: bytes,
    metric: float | None = None,
) -> Manifest:
    """Write the weights of each part, of the CPU, into a folder of the step inside ``folder``.

    :param about: plain values.
    :raises DiskFull: when there is no room; nothing of it is left.
    :raises OSError: when the disk fails.
    """

    def piece(count: int) -> None:
        failpoint.hit("train.write")

    def fill(made: Path) -> Manifest:
        files = [
            states.weights(made, f"{part}{_SUFFIX}", given, piece)
            for part, given in sorted(weights.items())
        ]
        files.append(tensors.copy(made / ABOUT, ABOUT, msgspec.json.encode(about)))
        return Manifest(
            format=manifest.FORMAT, kind="snapshot", step=step, metric=metric,
            files=manifest.listed(files),
        )  # fmt: skip

    return folders.placed(folder, folders.name_of(step), fill, key)


def read(
    path: Path, *, verify: bool = True
) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """Read the weights of each part into RAM, and what is said about them.

    :raises CheckpointUnreadable: when it is not whole.
    """
    told = manifest.read(path)
    if told.kind != "snapshot" or ABOUT not in told.files:
        raise manifest.broken(path, "no snapshot")
    if verify:
        manifest.verify(path, told)
    try:
        about = msgspec.json.decode(manifest.content(path, ABOUT, MAX_ABOUT), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise manifest.broken(path, f"{ABOUT}: {error}") from error
    names = [name for name in told.files if name.endswith(_SUFFIX)]
    return {name.removesuffix(_SUFFIX): states.read_weights(path, name) for name in names}, about
