"""Models that lie on this machine: which may be named, what is in them, and copies of them.

Knows no rows. What may not be named and what is not there get the same words.
"""

import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from core import failpoint
from core.errors import DiskFull, Invalid, Malformed
from core.library import choosing, folder
from core.library.choosing import Chosen, RepoFile
from core.library.download import CHUNK, Limits, refuse_full
from core.library.scan import MAX_DEPTH
from core.library.stopping import Stop

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_LOOK = 64 << 20  # bytes between two looks at the free space
_ENTRIES = 4096  # names of a folder that are looked at


def locate(text: str, roots: Sequence[Path], *, anywhere: bool) -> Path:
    """Find what a path names, links followed.

    :param anywhere: not only below the roots.
    :raises Malformed: ``model_path_refused`` for what is elsewhere, is not there, or is neither a
        file nor a folder.
    """
    try:
        real = Path(text).resolve(strict=True)
        held = real.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise Malformed("model_path_refused") from error
    if not anywhere and not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Malformed("model_path_refused")
    if not (stat.S_ISREG(held.st_mode) or stat.S_ISDIR(held.st_mode)):
        raise Malformed("model_path_refused")
    return real


def contents(path: Path) -> list[Chosen]:
    """List the files of a model: the file itself, or what ``choosing`` takes of a folder.

    :raises HeliographError: as ``choosing.choose``.
    :raises OSError: when the folder cannot be read.
    """
    if not path.is_dir():
        one = RepoFile(name=path.name, bytes=path.stat().st_size)
        return [Chosen(file=one, target=path.name)]
    found: list[RepoFile] = []
    for place, folders, names in os.walk(path):
        deep = len(Path(place).relative_to(path).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            file = Path(place, name)
            if len(found) < _ENTRIES and file.is_file():
                relative = file.relative_to(path).as_posix()
                found.append(RepoFile(name=relative, bytes=file.stat().st_size))
    own = [one for one in found if one.name == folder.OWN]
    chosen = choosing.choose(found)
    kept = {each.file.name for each in chosen}
    return chosen + [Chosen(file=one, target=one.name) for one in own if one.name not in kept]


class Copy:
    """A file that is copied.

    :param roots: where it must lie once links are followed; empty for anywhere.
    """

    def __init__(
        self, source: Path, part: Path, stop: Stop, limits: Limits, roots: Sequence[Path] = ()
    ) -> None:
        self._source, self._part, self._stop, self._limits = source, part, stop, limits
        self._roots = roots
        self.bytes = 0  # that lie in the part; read from other threads

    def run(self, sha256: str | None = None) -> str:
        """Copy it, from the start, and sync it; give its SHA-256. Runs on a thread of its own.

        :param sha256: what it must be, if anything.
        :raises Stopped: when asked.
        :raises Invalid: ``download_corrupt`` for another hash.
        :raises DiskFull: below the floor, or when a write has no room.
        :raises Malformed: ``model_path_refused`` for what is no plain file below the roots.
        :raises OSError: when it cannot be read.
        """
        locate(str(self._source), self._roots, anywhere=not self._roots)
        self._part.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(self._source, _READ), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Malformed("model_path_refused")
                size = os.fstat(file.fileno()).st_size
                refuse_full(self._part.parent, self._limits.floor, size)
                with open(self._part, "wb") as out:
                    found = self._copy(file.fileno(), out.fileno())
                    failpoint.hit("install.sync")
                    os.fsync(out.fileno())
        except OSError as error:
            if DiskFull.caused(error):
                raise DiskFull from error
            raise
        if sha256 is not None and not hmac.compare_digest(found, sha256.lower()):
            raise Invalid("download_corrupt", file=self._source.name)
        return found

    def _copy(self, source: int, target: int) -> str:
        looked, digest = _LOOK, hashlib.sha256()
        while chunk := os.read(source, CHUNK):
            self._stop.check()
            if self.bytes >= looked:
                looked = self.bytes + _LOOK
                refuse_full(self._part.parent, self._limits.floor)
            failpoint.hit("install.write")
            digest.update(chunk)
            while chunk:
                chunk = chunk[os.write(target, chunk) :]
            self.bytes = os.lseek(target, 0, os.SEEK_CUR)
        return digest.hexdigest()
