"""A shelf: small sets of tensors on disk, found by what they are made from.

An address is the hash of facts, so what is found is what would be made. An entry is written beside
and renamed; a damaged one is as good as none. Knows no models and no pictures.
"""

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

log = logging.getLogger(__name__)

BOUND = 8 << 30  # bytes of all entries of one shelf
_STRAY = 3600.0  # seconds after which what was never renamed is removed
_LARGEST = 256 << 20  # bytes of an entry

Entry = dict[str, torch.Tensor]


def address(*facts: object) -> str:
    """Give the address of what is made from ``facts``, which must be JSON: 64 hexadecimal digits.

    Tuples and lists are the same, keys have no order.
    """
    told = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()


class Shelf:
    """The entries of one folder: ``<first two digits>/<address>.safetensors``.

    :param bound: bytes that ``trim`` leaves at most, but for what is kept.
    """

    def __init__(self, folder: Path, bound: int = BOUND) -> None:
        self.folder = folder
        self._bound = bound
        self._written = False

    def get(self, key: str) -> Entry | None:
        """Read an entry; nothing where there is none, or none that is whole.

        What is read counts as used: it is the last to go.
        """
        path = self._path(key)
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError("too large")
            with safe_open(path, framework="pt") as opened:
                entry = {name: opened.get_tensor(name) for name in sorted(opened.keys())}
                told = (opened.metadata() or {}).get("sha256")
            if told != _digest(entry):
                raise ValueError("its tensors are not those that were written")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            log.warning("%s is damaged and made anew: %s", path.name, error)
            return None
        with suppress(OSError):
            os.utime(path)
        return entry

    def put(self, key: str, entry: Mapping[str, torch.Tensor]) -> bool:
        """Write an entry; say whether the disk took it. A cache that cannot is only slower."""
        kept = {name: tensor.contiguous() for name, tensor in entry.items()}
        data = save(kept, {"sha256": _digest(kept)})
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, data)
        except OSError as error:
            log.warning("%s was not kept: %s", path.name, error)
            return False
        self._written = True
        return True

    def trim(self, kept: Collection[str]) -> int:
        """Remove what was not used for longest until the rest is small enough; count it.

        Looks only where something was written since the last time.

        :param kept: addresses that a run needs.
        """
        if not self._written:
            return 0
        self._written = False
        entries, taken, removed = [], 0, 0
        for path, found in self._files():
            if stray(path, found):
                continue
            taken += found.st_size
            if path.stem not in kept:
                entries.append((found.st_mtime, found.st_size, path))
        for _, size, path in sorted(entries):
            if taken <= self._bound:
                break
            with suppress(OSError):
                path.unlink()
                taken, removed = taken - size, removed + 1
        return removed

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self.folder.glob("??/*"):
            with suppress(OSError):
                yield path, path.stat()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def write(path: Path, data: bytes) -> None:
    """Write beside, and rename: whoever reads finds all of it or nothing.

    Not synced: what a power cut takes of a cache is found to be damaged, and made anew.
    """
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def stray(path: Path, found: os.stat_result) -> bool:
    """Say whether a file was never renamed; one of long ago, whose writer is gone, is removed."""
    if path.suffix != ".tmp":
        return False
    if found.st_mtime < time.time() - _STRAY:
        with suppress(OSError):
            path.unlink()
    return True


def _digest(entry: Mapping[str, torch.Tensor]) -> str:
    """Hash names, formats, shapes and numbers."""
    told = hashlib.sha256()
    for name, tensor in sorted(entry.items()):
        told.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        told.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return told.hexdigest()
