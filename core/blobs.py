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
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from msgspec import Struct

from core.errors import NotFound, TooLarge

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20  # bytes
_GRACE = 3600.0  # seconds a blob may lie unreferenced: its row may be on its way
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Swept(Struct, frozen=True):
    """What a sweep removed."""

    files: int
    bytes: int


class Blobs:
    """The blobs of one folder. Every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()  # a sweep and a put of the same content

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

    def sweep(self, keep: Container[str], grace: float = _GRACE) -> Swept:
        """Remove the blobs that are not in ``keep`` and the parts of broken puts.

        :param grace: seconds; what was put later than that ago stays.
        """
        before = time.time() - grace
        files = size = 0
        for entry in self._entries():
            if entry.name in keep:
                continue
            with self._lock, contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if status.st_mtime <= before:
                    os.unlink(entry.path)
                    files, size = files + 1, size + status.st_size
        return Swept(files, size)

    def _keep(self, part: Path, digest: str, size: int) -> None:
        target = self.path(digest)
        with self._lock:
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
        for entry in list(os.scandir(self.root)):
            if entry.name.endswith(".part"):
                yield entry
            elif len(entry.name) == 2 and entry.is_dir(follow_symlinks=False):
                for blob in list(os.scandir(entry.path)):
                    if _DIGEST.fullmatch(blob.name):
                        yield blob


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
