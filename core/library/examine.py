"""One file or folder: what model it is. Reads headers and notes, never weights."""

import hashlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from core.errors import Invalid, UnsupportedType
from core.library import detect, folder, gguf, header, sidecars, summary
from core.library.header import Header
from core.library.summary import Said
from core.records.model import ModelDefaults, ModelKind

Format = Literal["diffusers", "single", "gguf", "spandrel"]

SUFFIXES = frozenset({".safetensors", ".sft", ".gguf"})
PICKLES = frozenset({".ckpt", ".pt", ".pth", ".bin"})
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.(safetensors|gguf)")
_MAX_SHARDS = 1000


class Seen(Struct, frozen=True, kw_only=True):
    """A model's place before anything in it is read: what tells whether it changed."""

    path: Path
    is_folder: bool
    bytes: int
    mtime: float  # seconds, of the newest file
    identity: str  # changes with names, sizes and times; stands in until the SHA-256 is known
    stamp: str  # changes with the identity, with the notes beside it, and with what we can tell
    inode: str  # stays when the file is renamed; empty for a folder
    files: tuple[tuple[str, int, int], ...]  # of a folder: name, bytes, nanoseconds
    notes: tuple[Path, ...] = ()  # beside a file
    shards: tuple[Path, ...] = ()


class Found(Struct, frozen=True, kw_only=True):
    """A model on disk."""

    path: Path  # absolute
    label: str  # of the root it lies below
    file: str  # name inside that root, with forward slashes
    name: str
    kind: ModelKind
    family: str
    edition: str = ""
    variant: str = ""
    format: Format
    bytes: int
    mtime: float
    defaults: ModelDefaults = ModelDefaults()
    identity: str
    stamp: str = ""
    inode: str = ""
    said: Said = Said()


def is_later_shard(name: str) -> bool:
    """Say whether a file is a part of a model whose first part stands for it."""
    found = _SHARD.fullmatch(name)
    return found is not None and int(found[2]) != 1


def beside(path: Path) -> list[Path]:
    """List what belongs to a model's file: its other parts, notes and previews.

    :raises OSError: when its folder cannot be read.
    """
    names = {one.name for one in path.parent.glob(f"{_escaped(path.stem)}*")}
    notes = sidecars.beside(path, names)
    found = _SHARD.fullmatch(path.name)
    if found is None:
        return notes
    parts = path.parent.glob(f"{_escaped(found[1])}-*-of-{found[3]}.{found[4]}")
    return [*notes, *(part for part in parts if is_later_shard(part.name))]


def see(path: Path, names: Collection[str] | None = None) -> Seen:
    """Look at a model's place; reads no file.

    :param names: of everything beside a file; without it, what lies there is looked for.
    :raises Invalid: ``model_incomplete`` where a part of several is not there.
    :raises OSError: when it cannot be read.
    """
    if path.is_dir():
        files = folder.files_of(path)
        identity = _digest("stat", files)
        return Seen(
            path=path, is_folder=True, bytes=sum(size for _, size, _ in files),
            mtime=max((mtime for *_, mtime in files), default=0) / 1e9, identity=identity,
            stamp=_digest(str(detect.VERSION), files), inode="", files=files,
        )  # fmt: skip
    if names is None:
        names = {one.name for one in path.parent.glob(f"{_escaped(path.stem)}*")}
    shards, notes = _shards(path), sidecars.beside(path, names)
    main = [_stat(one) for one in shards or (path,)]
    status = path.stat()
    beside = []
    for note in notes:
        try:
            beside.append(_stat(note))
        except OSError:
            continue
    return Seen(
        path=path, is_folder=False, bytes=sum(size for _, size, _ in main),
        mtime=max(mtime for *_, mtime in main) / 1e9, identity=_digest("stat", main),
        stamp=_digest(str(detect.VERSION), [*main, *beside]),
        inode=f"{status.st_dev}:{status.st_ino}", files=(), notes=tuple(notes), shards=shards,
    )  # fmt: skip


def examine(
    path: Path, label: str = "", root: Path | None = None, seen: Seen | None = None
) -> Found | None:
    """Tell what one file or folder is; None for no model.

    :raises UnsupportedType: ``model_format_unsafe`` for a pickle, whatever its name says.
    :raises HeliographError: for a file that is broken or not allowed.
    :raises OSError: when it cannot be read.
    """
    file = path.relative_to(root).as_posix() if root and root != path else path.name
    if path.is_dir():
        if not folder.is_model(path):
            return None
        seen = seen or see(path)
        read = folder.read_folder(path, seen.files)
        if read is None:
            return None
        return Found(
            path=path, label=label, file=file, name=read.name, kind=read.kind, family=read.family,
            edition=read.edition, variant=read.variant, format="diffusers", bytes=read.bytes,
            mtime=read.mtime, defaults=read.defaults, identity=seen.identity, stamp=seen.stamp,
        )  # fmt: skip
    if not _is_weights(path):
        return None
    seen = seen or see(path)
    format_, head = _head(path, seen)
    told = detect.detect(head)
    notes = sidecars.notes(seen.notes)
    return Found(
        path=path, label=label, file=file, name=_name(path, seen), kind=told.kind,
        family=told.family, edition=told.edition, variant=detect.variant(head),
        format="spandrel" if told.kind in ("upscaler", "restorer") else format_,
        bytes=seen.bytes, mtime=seen.mtime, identity=seen.identity, stamp=seen.stamp,
        inode=seen.inode, said=summary.read(head, notes),
    )  # fmt: skip


def _is_weights(path: Path) -> bool:
    """Say whether a file is one that we read.

    :raises UnsupportedType: ``model_format_unsafe`` for a pickle.
    """
    with open(path, "rb") as file:
        start = file.read(9)
    if start.startswith(gguf.MAGIC) or path.suffix.lower() in SUFFIXES:
        return True
    if start.startswith(header.PICKLES):
        raise UnsupportedType("model_format_unsafe")
    return path.suffix.lower() in PICKLES and start[8:] == b"{"


def _head(path: Path, seen: Seen) -> tuple[Format, Header]:
    if gguf.is_gguf(path):
        return "gguf", gguf.read_gguf(path)
    if path.suffix.lower() == ".gguf":
        raise Invalid("gguf_invalid", reason="magic")
    heads = [header.read_header(one) for one in seen.shards or (path,)]
    if len(heads) == 1:
        return "single", heads[0]
    tensors = {name: tensor for head in heads for name, tensor in head.tensors.items()}
    return "single", Header(tensors=tensors, metadata=heads[0].metadata)


def _name(path: Path, seen: Seen) -> str:
    found = _SHARD.fullmatch(path.name) if seen.shards else None
    return found[1] if found else path.stem


def _shards(path: Path) -> tuple[Path, ...]:
    """List the parts of a model of which a file is the first; none for a whole one."""
    found = _SHARD.fullmatch(path.name)
    if found is None or int(found[3]) < 2:
        return ()
    count = int(found[3])
    if count > _MAX_SHARDS:
        raise Invalid("model_incomplete", missing=count)
    parts = tuple(
        path.with_name(f"{found[1]}-{number:05}-of-{found[3]}.{found[4]}")
        for number in range(1, count + 1)
    )
    missing = sum(not part.is_file() for part in parts)
    if missing:
        raise Invalid("model_incomplete", missing=missing)
    return parts


def _stat(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns


def _digest(start: str, files: Iterable[tuple[str, int, int]]) -> str:
    content = "\n".join(f"{name}\0{size}\0{mtime}" for name, size, mtime in files)
    name = content.encode(errors="surrogateescape")
    return f"{start}:" + hashlib.blake2b(name, digest_size=20).hexdigest()


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
