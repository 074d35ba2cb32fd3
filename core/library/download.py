"""One file from the network to the disk: resumed, verified, bounded, stopped at any byte.

``huggingface_hub`` says which files there are (``core.library.hub``). Its own downloads are not
used for the bytes: they ask proxies, follow redirects to anywhere, check no hash, know no cap, no
floor of free space, and end by nothing but an exception out of a progress bar. Knows no database.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from msgspec import Struct

from core import failpoint
from core.errors import DiskFull, HeliographError, Invalid, TooLarge, Unreachable
from core.library import answer, sniffing, transport
from core.library.addresses import Guard
from core.library.stopping import Stop
from core.library.transport import Reply

log = logging.getLogger(__name__)
CHUNK = 1 << 20  # bytes of one write
_LOOK = 64 << 20  # bytes between two looks at the free space


class Limits(Struct, frozen=True, kw_only=True):
    """What a download may take."""

    most: int  # bytes of this file
    floor: int = 0  # bytes that stay free on the disk
    pauses: tuple[float, ...] = (1, 2, 4, 8, 15)  # seconds before each try that nothing came of


class Learned(Struct, frozen=True, kw_only=True):
    """What an answer says of a file."""

    bytes: int | None = None
    etag: str | None = None  # a strong one, by which the file is known to be the same
    name: str | None = None  # that the server gives it, as it is


class Wanted(Struct, frozen=True, kw_only=True):
    """A file, and where it is put while it comes."""

    url: str
    part: Path
    headers: Mapping[str, str] = {}
    bytes: int | None = None  # what it must have, where that is known
    sha256: str | None = None  # hex
    git: str | None = None  # hex: SHA-1 of git's blob
    etag: str | None = None  # of what lies in the part
    weights: bool = True  # look whether it is a pickle


class Fetched(Struct, frozen=True, kw_only=True):
    """A whole file, synced."""

    bytes: int
    sha256: str


class Download:
    """A file that comes.

    :param learn: told on the downloading thread what the server says, before the first byte is
        kept, and whenever that changes.
    """

    def __init__(
        self, wanted: Wanted, guard: Guard, stop: Stop, limits: Limits,
        learn: Callable[[Learned], None] = lambda learned: None,
    ) -> None:  # fmt: skip
        self._wanted, self._guard, self._stop, self._limits = wanted, guard, stop, limits
        self._learn = learn
        self._etag, self._total = wanted.etag, wanted.bytes
        self._digest = hashlib.sha256()
        self._looked = 0
        self._joined = False  # of pieces of several answers
        self._spoiled = False  # what lies here is of no use
        self.bytes = 0  # that lie in the part; read from other threads

    def fetch(self) -> Fetched:
        """Fetch it, going on from what lies in the part. Runs on a thread of its own.

        :raises Stopped: when asked; the part stays.
        :raises DiskFull: below the floor or when a write has no room; the part stays.
        :raises Invalid: ``download_corrupt`` for another size or hash; as ``sniffing``, after the
            first bytes. The part is gone where its bytes are to blame.
        :raises UnsupportedType: as ``sniffing``; the part is gone.
        :raises TooLarge: ``install_too_large``.
        :raises HeliographError: ``download_refused`` (status, why) for an answer without the file.
        :raises Unreachable: when trying again did not help either.
        """
        part = self._wanted.part
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._begin(part)
            with open(part, "r+b" if part.exists() else "w+b") as file:
                self._come(file)
                if not self._matches(file) and self._joined:
                    self._restart(file)  # the beginning was of another file
                    self._come(file)
                if not self._matches(file):
                    raise self._worthless()
                failpoint.hit("install.sync")
                os.fsync(file.fileno())
        except OSError as error:
            if DiskFull.caused(error):
                raise DiskFull from error
            raise
        finally:
            if self._spoiled:
                part.unlink(missing_ok=True)
        return Fetched(bytes=self.bytes, sha256=self._digest.hexdigest())

    def _begin(self, part: Path) -> None:
        """Hash what lies here already, if it can be told whether it is of the same file."""
        if not part.is_file() or (self._etag is None and self._wanted.sha256 is None):
            part.unlink(missing_ok=True)
            return
        with open(part, "rb") as file:
            while chunk := file.read(CHUNK):
                self._stop.check()
                self._digest.update(chunk)
                self.bytes += len(chunk)

    def _come(self, file: BinaryIO) -> None:
        """Ask until all of it is here; a try that brought something starts the pauses anew."""
        tries = 0
        while self._total is None or self.bytes < self._total or self.bytes == 0:
            before = self.bytes
            try:
                if self._ask(file):
                    return
                error = Unreachable(host=self._host(), reason="ended early")
            except Unreachable as unreachable:
                error = unreachable
            self._stop.check()
            tries = 0 if self.bytes > before else tries + 1
            if tries > len(self._limits.pauses):
                raise error
            pause = self._limits.pauses[tries - 1] if tries else 0.0
            log.info("a download breaks off: %s", error, extra={"action": "install.retry"})
            self._stop.wait(max(pause, float(error.params.get("after") or 0)))

    def _ask(self, file: BinaryIO) -> bool:
        """Ask once, and keep what comes; say whether that is all."""
        headers = dict(self._wanted.headers)
        if self.bytes:
            headers["Range"] = f"bytes={self.bytes}-"
            if self._etag is not None:
                headers["If-Range"] = self._etag
        reply = transport.get(self._wanted.url, headers, self._guard, self._stop)
        try:
            if reply.status == 416:
                return self._is_whole(reply, file)
            if not self._accept(reply, file):
                return False
            self._refuse_large()
            self._read(reply, file)
        finally:
            reply.close()
        self._stop.check()
        if self._total is None:  # it ended by closing, and nobody said where the end is
            self._total = self.bytes
        return self.bytes >= self._total

    def _is_whole(self, reply: Reply, file: BinaryIO) -> bool:
        """Read from a refused range whether all of it lies here; else it is begun anew."""
        if reply.headers.get("Content-Range", "") == f"bytes */{self.bytes}":
            self._total = self.bytes
            return True
        self._restart(file)
        return False

    def _accept(self, reply: Reply, file: BinaryIO) -> bool:
        """Look at an answer's head; False where it is to be asked anew, from the start."""
        if reply.status in (408, 425, 429) or reply.status >= 500:
            raise Unreachable(
                host=self._host(), reason=str(reply.status), after=answer.after(reply)
            )
        if reply.status not in (200, 206):
            why = reply.headers.get("X-Error-Code", "")
            raise HeliographError(
                "download_refused", status=reply.status, why=why, host=self._host()
            )
        if reply.headers.get("Content-Encoding", "identity") != "identity":
            raise Unreachable(host=self._host(), reason="encoded")
        total = answer.length(reply)
        if reply.status == 206:
            span = answer.span(reply)
            if span is None or span[0] != self.bytes:
                self._restart(file)
                return False
            total = span[1]
            self._joined = True
        if self._wanted.bytes is not None and total not in (None, self._wanted.bytes):
            raise Invalid("download_corrupt", file=self._wanted.part.name)
        if reply.status == 200 and self.bytes:
            self._restart(file)
        self._note(reply, total)
        return True

    def _note(self, reply: Reply, total: int | None) -> None:
        etag = answer.validator(reply)
        if total is None:
            total = self._wanted.bytes
        if (etag, total) != (self._etag, self._total) or self.bytes == 0:
            self._etag, self._total = etag, total
            self._learn(Learned(bytes=total, etag=etag, name=answer.name(reply)))

    def _read(self, reply: Reply, file: BinaryIO) -> None:
        start = self._read_start(file)
        while chunk := reply.read(CHUNK):
            self._stop.check()
            if len(start) < sniffing.ENOUGH:
                start += chunk[: sniffing.ENOUGH]
                self._sniff(start)
            if self._total is not None and self.bytes + len(chunk) > self._total:
                raise self._worthless()
            self._write(file, chunk)

    def _sniff(self, start: bytes) -> None:
        if self._wanted.weights and len(start) >= sniffing.ENOUGH:
            try:
                sniffing.suffix_of(start)
            except HeliographError:
                self._spoiled = True
                raise

    def _read_start(self, file: BinaryIO) -> bytes:
        file.seek(0)
        start = file.read(min(sniffing.ENOUGH, self.bytes))
        file.seek(self.bytes)
        return start

    def _write(self, file: BinaryIO, chunk: bytes) -> None:
        if self.bytes + len(chunk) > self._limits.most:
            raise TooLarge("install_too_large", limit=self._limits.most)
        if self.bytes >= self._looked:
            self._looked = self.bytes + _LOOK
            refuse_full(self._wanted.part.parent, self._limits.floor)
        failpoint.hit("install.write")
        file.write(chunk)
        self._digest.update(chunk)
        self.bytes += len(chunk)

    def _refuse_large(self) -> None:
        """Refuse before the first byte what has no room."""
        if self._total is None:
            return
        if self._total > self._limits.most:
            raise TooLarge("install_too_large", limit=self._limits.most)
        refuse_full(self._wanted.part.parent, self._limits.floor, self._total - self.bytes)

    def _restart(self, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        self._digest = hashlib.sha256()
        self.bytes, self._looked, self._etag = 0, 0, None

    def _worthless(self) -> Invalid:
        self._spoiled = True
        return Invalid("download_corrupt", file=self._wanted.part.name)

    def _matches(self, file: BinaryIO) -> bool:
        wanted = self._wanted
        file.flush()
        if wanted.bytes is not None and self.bytes != wanted.bytes:
            return False
        if wanted.sha256 is not None and self._digest.hexdigest() != wanted.sha256.lower():
            return False
        return wanted.git is None or git_hash(wanted.part) == wanted.git

    def _host(self) -> str:
        return urlsplit(self._wanted.url).hostname or ""


def refuse_full(folder: Path, floor: int, coming: int = 0) -> None:
    """Keep a disk from being filled below its floor.

    :raises DiskFull: when fewer bytes would stay free.
    """
    if shutil.disk_usage(folder).free - coming < floor:
        raise DiskFull


def git_hash(path: Path) -> str:
    """Hash a small file as git does: SHA-1 of ``blob <size>``, a zero byte, the content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
