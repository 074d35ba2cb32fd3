"""Folders of other programs, used in place: which of them hold models, and what these are called.

Knows AUTOMATIC1111 and its relatives, ComfyUI, InvokeAI and the Hugging Face cache by the folders
that they make. Everything else is looked through as it is.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

Program = Literal["plain", "automatic1111", "comfyui", "invokeai", "huggingface"]

HUB = "https://huggingface.co/"
_MAX_REPOSITORIES = 10_000
_REPOSITORY = re.compile(r"models--([A-Za-z0-9._-]+?)--([A-Za-z0-9._-]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAMELESS = frozenset(
    {"diffusion_pytorch_model", "pytorch_lora_weights", "adapter_model", "model", "learned_embeds",
     "diffusion_pytorch_model.fp16", "model.fp16", "ip_adapter", "pytorch_model"}
)  # fmt: skip
_AUTOMATIC = ("models", "embeddings", "extensions/sd-webui-controlnet/models")


class Place(Struct, frozen=True):
    """A folder that is looked through, and the repository that it is a copy of."""

    path: Path
    repository: str = ""  # owner/name on the hub


class Laid(Struct, frozen=True, kw_only=True):
    """How a folder of models is laid out."""

    program: Program
    places: tuple[Place, ...]


def of(root: Path) -> Laid:
    """Recognise a folder by those inside it.

    :raises OSError: when it cannot be read.
    """
    if (root / "models" / "Stable-diffusion").is_dir():
        return _laid("automatic1111", root, _AUTOMATIC)
    if (root / "invokeai.yaml").is_file() or (root / "databases" / "invokeai.db").is_file():
        return _laid("invokeai", root, ("models",))
    if (root / "models" / "checkpoints").is_dir() or (
        root / "models" / "diffusion_models"
    ).is_dir():
        return _laid("comfyui", root, ("models",))
    hub = root / "hub" if (root / "hub").is_dir() else root
    snapshots = tuple(_snapshots(hub))
    if snapshots:
        return Laid(program="huggingface", places=snapshots)
    return Laid(program="plain", places=(Place(root),))


def name_of(name: str, path: Path, place: Place) -> str:
    """Name a model as its file or folder is named; by what it lies in where that says nothing."""
    while name in _NAMELESS and path not in (place.path, place.path.parent):
        path = path.parent
        name = path.name
    if path == place.path and place.repository:
        return place.repository
    if _KEY.fullmatch(name):
        inside = sorted(one.stem for one in path.glob("*.safetensors")) if path.is_dir() else []
        return inside[0] if len(inside) == 1 and inside[0] not in _NAMELESS else name
    return name


def _laid(program: Program, root: Path, folders: tuple[str, ...]) -> Laid:
    places = tuple(Place(root / folder) for folder in folders if (root / folder).is_dir())
    return Laid(program=program, places=places)


def _snapshots(hub: Path) -> Iterator[Place]:
    """Find the newest copy of each repository: the one that its main branch names, if it is there.

    The files are links to blobs, which have no names of their own.
    """
    with os.scandir(hub) as entries:
        names = sorted(entry.name for entry, _ in zip(entries, range(_MAX_REPOSITORIES)))  # noqa: B905
    for name in names:
        found = _REPOSITORY.fullmatch(name)
        if found is None:
            continue
        copies = hub / name / "snapshots"
        chosen = copies / _main(hub / name)
        if chosen == copies or not chosen.is_dir():
            there = [one for one in _folders(copies) if _COMMIT.fullmatch(one.name)]
            if not there:
                continue
            chosen = max(there, key=lambda one: (one.stat().st_mtime, one.name))
        yield Place(chosen, f"{found[1]}/{found[2]}")


def _main(repository: Path) -> str:
    try:
        with open(repository / "refs" / "main", "rb") as file:
            text = file.read(64).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if _COMMIT.fullmatch(text) else ""


def _folders(path: Path) -> list[Path]:
    try:
        return [one for one in path.iterdir() if one.is_dir()]
    except OSError:
        return []
