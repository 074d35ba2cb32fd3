"""What a model that was made here says of its origin: the job, what it was made from, and how.

In the metadata of a single file, in ``heliograph.json`` of a folder. Read without weights.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from core.errors import HeliographError
from core.library import folder, header
from core.records.task import MadeFile

KEY = "heliograph"  # of the metadata, and of a folder's own file
_MAX_JSON = 1 << 20  # bytes


class Source(Struct, frozen=True, kw_only=True):
    """A model that another was made from."""

    name: str
    sha256: str = ""
    weight: float | None = None  # of a LoRA


class Origin(Struct, frozen=True, kw_only=True):
    """How a model came to be."""

    job: str
    task: str  # "convert"
    version: str  # of Heliograph
    sources: list[Source] = []  # the checkpoint, then LoRAs
    dtype: str = ""


class _Told(Struct, frozen=True, kw_only=True):
    heliograph: Origin | None = None


def made_by(path: Path) -> str | None:
    """Give the job that made a model; ``None`` where it does not say, or cannot be read."""
    try:
        if path.is_dir():
            with open(path / folder.OWN, "rb") as file:
                told = msgspec.json.decode(file.read(_MAX_JSON), type=_Told).heliograph
        else:
            text = header.read_header(path).metadata.get(KEY, "null")
            told = msgspec.json.decode(text, type=Origin | None)
    except (OSError, HeliographError, msgspec.MsgspecError):
        return None
    return told.job if told else None


def digest(files: Sequence[MadeFile]) -> str:
    """Give the hash of a model as ``scan.sha256_of`` does, from the hashes of its files."""
    if len(files) == 1 and not files[0].name:
        return files[0].sha256
    lines = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        lines.update(f"{file.name}\0{file.sha256}\n".encode())
    return lines.hexdigest()
