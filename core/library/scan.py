"""The scan: every model below some folders. Runs in a thread; knows no database.

What cannot be read is passed over with a line in the log, never an error: one broken download
must not hide the other models.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from core.errors import HeliographError
from core.library import detect, folder, header
from core.records.model import ModelDefaults, ModelKind

MAX_DEPTH = 8
MAX_ENTRIES = 100_000  # names looked at below one root
_CHUNK = 1 << 20  # bytes
_SUFFIXES = {".safetensors": "single", ".gguf": "gguf"}

log = logging.getLogger(__name__)

Format = Literal["diffusers", "single", "gguf", "spandrel"]


class Found(Struct, frozen=True, kw_only=True):
    """A model on disk."""

    path: Path  # absolute
    label: str  # of the root it lies below
    file: str  # name inside that root, with forward slashes
    name: str
    kind: ModelKind
    family: str
    format: Format
    bytes: int
    mtime: float  # seconds
    defaults: ModelDefaults = ModelDefaults()
    identity: str  # changes with names, sizes and times; stands in until the SHA-256 is known


def scan(roots: Sequence[tuple[str, Path]]) -> list[Found]:
    """Find the models below each (label, folder), sorted by label and file.

    At most eight folders deep and 100,000 names a root; a folder reached twice, through links or
    an overlapping root, is looked at once.
    """
    found: list[Found] = []
    seen: set[tuple[int, int]] = set()
    for label, root in roots:
        left = [MAX_ENTRIES]
        found += _below(label, root.absolute(), root.absolute(), 0, seen, left)
    return sorted(found, key=lambda one: (one.label, one.file))


def examine(path: Path, label: str = "", root: Path | None = None) -> Found | None:
    """Tell what one file or folder is; None for no model.

    :raises HeliographError: for a file that is broken, unsafe or not allowed.
    :raises OSError: when it cannot be read.
    """
    file = path.relative_to(root).as_posix() if root and root != path else path.name
    if path.is_dir():
        if not folder.is_model(path):
            return None
        read = folder.read_folder(path)
        if read is None:
            return None
        return Found(
            path=path, label=label, file=file, name=read.name, kind=read.kind, family=read.family,
            format="diffusers", bytes=read.bytes, mtime=read.mtime, defaults=read.defaults,
            identity=_identity(read.files),
        )  # fmt: skip
    format_ = _SUFFIXES.get(path.suffix.lower())
    if format_ is None:
        return None
    status = path.stat()
    told = detect.Detected("other", detect.UNKNOWN)
    if format_ == "single":
        told = detect.detect(header.read_header(path))
    return Found(
        path=path, label=label, file=file, name=path.stem, kind=told.kind, family=told.family,
        format="gguf" if format_ == "gguf" else _format(told.kind),
        bytes=status.st_size, mtime=status.st_mtime,
        identity=_identity([(path.name, status.st_size, status.st_mtime_ns)]),
    )  # fmt: skip


def sha256_of(path: Path) -> str:
    """Hash a file, or a folder as the sorted names and hashes of its files. Slow: whole content.

    :raises OSError: when something cannot be read.
    """
    if not path.is_dir():
        return _hash_file(path)
    lines = hashlib.sha256()
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.parts[len(path.parts) :])
    )
    for name in names:
        lines.update(f"{name}\0{_hash_file(path / name)}\n".encode())
    return lines.hexdigest()


def _below(
    label: str,
    root: Path,
    place: Path,
    depth: int,
    seen: set[tuple[int, int]],
    left: list[int],
) -> Iterator[Found]:
    try:
        status = place.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError as error:
        log.info("cannot read a model folder: %s", error.strerror, extra={"folder": str(place)})
        return
    if folder.is_model(place):
        yield from _examined(place, label, root)
        return
    for entry in entries:
        left[0] -= 1
        if left[0] < 0:
            log.warning("too many files below a model folder", extra={"folder": str(root)})
            return
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if _is_dir(entry):
            if depth < MAX_DEPTH:
                yield from _below(label, root, path, depth + 1, seen, left)
        elif path.suffix.lower() in _SUFFIXES:
            yield from _examined(path, label, root)


def _examined(path: Path, label: str, root: Path) -> Iterator[Found]:
    try:
        found = examine(path, label, root)
    except (HeliographError, OSError) as error:
        log.warning("passed over a model: %s", error, extra={"file": str(path)})
        return
    if found is not None:
        yield found


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _format(kind: ModelKind) -> Format:
    return "spandrel" if kind == "upscaler" else "single"


def _identity(files: Iterable[tuple[str, int, int]]) -> str:
    content = "\n".join(f"{name}\0{size}\0{mtime}" for name, size, mtime in files)
    return "stat:" + hashlib.blake2b(content.encode(), digest_size=20).hexdigest()


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
