"""Content-addressed files: the same bytes twice are one file, named by its SHA-256.

A blob is whole or absent: it is written beside, synced, renamed, and its folder synced. Knows
nothing of what the bytes mean or who refers to them.
"""

import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from msgspec import Struct

from core.errors import NotFound, TooLarge

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20  # bytes
GRACE = 3600.0  # seconds a blob may lie unreferenced: its row may be on its way
_SWEEPING = threading.Lock()  # a sweep and a put of the same content, whoever's they are
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Swept(Struct, frozen=True):
    """What a sweep removed."""

    files: int
    bytes: int


class Blobs:
    """The blobs of one folder. Every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Name the file of a blob.

        :raises NotFound: for a text that is not a SHA-256; nothing else ever reaches a path.
        """
        if not _DIGEST.fullmatch(digest):
            raise NotFound("blob_not_found")
        return self.root / digest[:2] / digest

    def exists(self, digest: str) -> bool:
        """Say whether there is such a blob."""
        return _DIGEST.fullmatch(digest) is not None and self.path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading. A symbolic link is not followed.

        :raises NotFound: for an unknown digest.
        """
        try:
            return os.fdopen(os.open(self.path(digest), _READ), "rb")
        except OSError as error:
            raise NotFound("blob_not_found") from error

    def read(self, digest: str) -> bytes:
        """Read a whole blob.

        :raises NotFound: for an unknown digest.
        """
        with self.open(digest) as file:
            return file.read()

    def put(self, data: bytes | BinaryIO | Iterable[bytes], limit: int | None = None) -> str:
        """Store bytes, or a stream of them, and return their SHA-256.

        On return they are on disk. Any number of threads and processes may put the same content
        at once.

        :param limit: most bytes to take.
        :raises TooLarge: for more than ``limit``; nothing is kept.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.root / f"{uuid4().hex}.part"
        digest, size = hashlib.sha256(), 0
        try:
            with open(part, "xb") as file:
                for chunk in _chunks(data):
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise TooLarge("too_large", limit=limit)
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self._keep(part, digest.hexdigest(), size)
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    def delete(self, digest: str) -> bool:
        """Remove a blob; say whether there was one."""
        try:
            self.path(digest).unlink()
        except FileNotFoundError:
            return False
        return True

    def pieces(self, count: int = 500) -> Iterator[list[Path]]:
        """Walk the files of all blobs and the parts of broken puts, some hundred at a time."""
        piece = []
        for entry in self._entries():
            piece.append(Path(entry.path))
            if len(piece) >= count:
                yield piece
                piece = []
        if piece:
            yield piece

    def sweep(
        self,
        files: Iterable[Path],
        grace: float = GRACE,
        spared: tuple[float, float] = (0.0, 0.0),
    ) -> Swept:
        """Remove files of ``pieces`` that nobody needs.

        :param grace: seconds; what was put later than that ago stays.
        :param spared: seconds since 1970; what was put between these stays, too.
        """
        before = time.time() - grace
        count = size = 0
        for file in files:
            with _SWEEPING, contextlib.suppress(FileNotFoundError):
                status = file.lstat()
                put = status.st_mtime
                if put <= before and not spared[0] <= put < spared[1]:
                    file.unlink()
                    count, size = count + 1, size + status.st_size
        return Swept(count, size)

    def _keep(self, part: Path, digest: str, size: int) -> None:
        target = self.path(digest)
        with _SWEEPING:
            try:
                if target.stat().st_size == size:
                    os.utime(target)  # young again: the next sweep leaves it to its new row
                    return
            except FileNotFoundError:
                target.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.root)
            try:
                os.replace(part, target)
            except PermissionError:  # Windows: somebody reads the same content there
                if not target.is_file():
                    raise
        sync_folder(target.parent)

    def _entries(self) -> Iterator["os.DirEntry[str]"]:
        if not self.root.is_dir():
            return
        for entry in sorted(os.scandir(self.root), key=lambda entry: entry.name):
            if entry.name.endswith(".part"):
                yield entry
            elif len(entry.name) == 2 and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry.path) as blobs:
                    yield from (blob for blob in blobs if _DIGEST.fullmatch(blob.name))


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut; does nothing where folders cannot be synced.

    :raises OSError: when the disk fails.
    """
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _chunks(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
    elif hasattr(data, "read"):
        while chunk := data.read(_CHUNK):
            yield chunk
    else:
        yield from data
