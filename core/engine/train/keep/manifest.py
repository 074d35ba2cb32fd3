"""What a checkpoint or a snapshot says of its files: sizes, hashes, and the seal of this install.

It is written last, so a folder that has one was whole. The seal is a keyed hash (HMAC, RFC 2104)
over the rest, made with a secret beside the runs; a folder from another install has none that
fits. Knows files; nothing of what they hold.
"""

import hashlib
import hmac
import os
import re
import stat
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import msgspec
from msgspec import Meta, Struct, structs

from core.engine.tasks import tensors
from core.errors import CheckpointUnreadable, JobError
from core.records.task import MadeFile

NAME = "manifest.json"
MAX_MANIFEST = 1 << 20  # bytes
FORMAT = 1
_SECRET = ".seal"
_FILE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,100}")
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Entry(Struct, frozen=True):
    """One file."""

    size: Annotated[int, Meta(ge=0)]  # bytes
    sha256: Digest


class Manifest(Struct, frozen=True, kw_only=True):
    """The files of one folder."""

    format: int
    kind: Literal["checkpoint", "snapshot"]
    step: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    files: Annotated[dict[str, Entry], Meta(max_length=64)]
    metric: float | None = None  # validation loss at this step
    seal: str = ""

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(entry.size for entry in self.files.values())


_decoder = msgspec.json.Decoder(Manifest)


def secret(folder: Path) -> bytes:
    """Read the secret of the runs in ``folder``; the first one to ask makes it.

    :raises OSError: when the disk refuses.
    """
    path = folder / _SECRET
    if not path.exists():
        made = folder / f"{_SECRET}.{uuid4().hex}"
        try:
            with os.fdopen(
                os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(os.urandom(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(made, path)
            except FileExistsError:
                pass  # another engine was first
            except OSError:  # a file system without links
                made.replace(path)
        finally:
            made.unlink(missing_ok=True)
    return path.read_bytes()


def write(folder: Path, manifest: Manifest, key: bytes) -> None:
    """Seal and write it, and bring it to the disk.

    :raises OSError: when the disk refuses.
    """
    sealed = structs.replace(manifest, seal=_seal(manifest, key))
    tensors.copy(folder / NAME, NAME, msgspec.json.encode(sealed))


def read(folder: Path) -> Manifest:
    """Read the manifest of a folder, and see that each file is there and of its size.

    :raises CheckpointUnreadable: when it is not whole.
    """
    try:
        manifest = _decoder.decode(content(folder, NAME, MAX_MANIFEST))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise broken(folder, f"{NAME}: {error}") from error
    if manifest.format != FORMAT:
        raise broken(folder, f"format {manifest.format}")
    for name, entry in manifest.files.items():
        if not _FILE.fullmatch(name):
            raise broken(folder, "a name of a file")
        try:
            status = (folder / name).lstat()
        except OSError as error:
            raise broken(folder, f"{name} is missing") from error
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            raise broken(folder, f"{name} is of another size")
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """See that each file holds what the manifest says.

    :raises CheckpointUnreadable: when one does not.
    """
    for name, entry in manifest.files.items():
        try:
            found = tensors.digest_of(folder / name, lambda count: None)
        except OSError as error:
            raise broken(folder, f"{name}: {error.strerror}") from error
        if found != entry.sha256:
            raise broken(folder, f"{name} was changed")


def trusted(folder: Path, manifest: Manifest, key: bytes) -> None:
    """See that this install wrote the manifest.

    :raises JobError: ``resume_untrusted``.
    """
    if not hmac.compare_digest(_seal(manifest, key).encode(), manifest.seal.encode()):
        raise JobError("resume_untrusted", checkpoint=folder.name)


def content(folder: Path, name: str, limit: int) -> bytes:
    """Read a small file of a folder whole. A symbolic link is not followed.

    :raises CheckpointUnreadable: when it cannot be read, or holds more than ``limit`` bytes.
    """
    try:
        with os.fdopen(os.open(folder / name, _READ), "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise broken(folder, f"{name}: {error.strerror}") from error
    if len(data) > limit:
        raise broken(folder, f"{name} is too large")
    return data


def listed(files: list[MadeFile]) -> dict[str, Entry]:
    """Give the entries of files that were written."""
    return {file.name: Entry(file.size, file.sha256) for file in files}


def broken(folder: Path, reason: str) -> CheckpointUnreadable:
    """Make the error of a folder that is not whole."""
    return CheckpointUnreadable(checkpoint=folder.name, reason=reason)


def _seal(manifest: Manifest, key: bytes) -> str:
    plain = msgspec.json.encode(structs.replace(manifest, seal=""), order="sorted")
    return hmac.new(key, plain, hashlib.sha256).hexdigest()
