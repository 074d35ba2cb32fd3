"""Checkpoints and snapshots of the fake engine: folders that hold a step and no weights."""

import json
import re
import shutil
from pathlib import Path

import msgspec

from core import staged
from core.errors import JobError
from core.records.recipe import Recipe
from core.records.training import CheckpointKind

_STEP = re.compile(r"step-(\d{6,})")


def write(
    folder: Path, kind: CheckpointKind, step: int, recipe: Recipe
) -> tuple[str, int, list[str]]:
    """Write one beside its place and rename it; give name, bytes, and which ones gave way.

    :param folder: of the run.
    """
    home, name = folder / f"{kind}s", f"step-{step:06d}"
    making = home / f".{name}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    data = json.dumps({"step": step, "seed": recipe.seed}).encode()
    staged.write(making / "state.json", data)
    if kind == "snapshot" and recipe.method not in ("full", "embedding"):
        staged.write(making / "lora.safetensors", b"")
    shutil.rmtree(home / name, ignore_errors=True)
    making.rename(home / name)
    removed: list[str] = []
    if kind == "checkpoint":
        kept = sorted(path for path in home.iterdir() if _is_whole(path))
        for path in kept[: -recipe.keep_last]:
            shutil.rmtree(path)
            removed.append(path.name)
    return name, len(data), removed


def newest(folder: Path) -> int | None:
    """Give the step of the newest whole checkpoint."""
    return max((step_of(path) for path in folder.iterdir() if _is_whole(path)), default=None)


def step_of(path: Path) -> int:
    """Read the step of a checkpoint.

    :raises JobError: ``checkpoint_gone`` when there is none.
    """
    try:
        told = msgspec.json.decode((path / "state.json").read_bytes(), type=dict[str, int])
    except (OSError, msgspec.MsgspecError) as error:
        raise JobError("checkpoint_gone", name=path.name) from error
    return told["step"]


def _is_whole(path: Path) -> bool:
    return _STEP.fullmatch(path.name) is not None and (path / "state.json").is_file()
