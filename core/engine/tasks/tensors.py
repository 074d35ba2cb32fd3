"""Tensors of safetensors files, one at a time, in and out: memory for one, never for the model.

Reads by offset and writes as it goes, so what is resident does not grow with the file. Knows files;
nothing of models.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from core import failpoint
from core.library.header import Header, read_header
from core.records.task import MadeFile

_CHUNK = 8 << 20  # bytes between two looks at the job
DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32,
    "F64": torch.float64, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items()}

Tick = Callable[[int], None]  # called with bytes that were read or written; may raise


class Lazy(NamedTuple):
    """A tensor that is not made yet."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    make: Callable[[], torch.Tensor]  # on the CPU, as dtype and shape say

    @property
    def bytes(self) -> int:
        """Count the bytes that it takes in a file."""
        count = self.dtype.itemsize
        for side in self.shape:
            count *= side
        return count


class WeightFile:
    """A safetensors file, its header read and checked.

    :raises HeliographError: when it is none, or broken.
    :raises OSError: when it cannot be read.
    :raises ValueError: for a number format that torch has not.
    """

    def __init__(self, path: Path, tick: Tick) -> None:
        self.path = path
        self._tick = tick
        self.header: Header = read_header(path)
        if strange := {one.dtype for one in self.header.tensors.values()} - DTYPES.keys():
            raise ValueError(f"holds {', '.join(sorted(strange))}")
        with path.open("rb") as file:
            self._start = 8 + struct.unpack("<Q", file.read(8))[0]
            self._status = _stamp(file.fileno())

    def lazy(self, name: str) -> Lazy:
        """Give a tensor of the file, not read yet."""
        told = self.header.tensors[name]
        return Lazy(DTYPES[told.dtype], told.shape, lambda: self.read(name))

    def read(self, name: str) -> torch.Tensor:
        """Read one tensor into memory of its own.

        :raises ValueError: when the file is another one by now.
        """
        told = self.header.tensors[name]
        data = bytearray(told.end - told.start)
        view = memoryview(data)
        with self.path.open("rb", buffering=0) as file:
            if _stamp(file.fileno()) != self._status:
                raise ValueError(f"{self.path.name} was changed meanwhile")
            file.seek(self._start + told.start)
            place = 0
            while place < len(data):
                count = file.readinto(view[place : place + _CHUNK])
                if not count:
                    raise ValueError(f"{self.path.name} ends early")
                place += count
                self._tick(0)
        dtype = DTYPES[told.dtype]
        if not data:
            return torch.empty(told.shape, dtype=dtype)
        return torch.frombuffer(data, dtype=dtype).reshape(told.shape)


def write(
    path: Path, name: str, tensors: Mapping[str, Lazy], metadata: Mapping[str, str], tick: Tick
) -> MadeFile:
    """Write a file, tensor by tensor, and bring it to the disk; when that fails it is removed.

    :param name: of the file in what is reported.
    :raises OSError: when the disk refuses.
    """
    ordered = sorted(tensors, key=lambda one: (-tensors[one].dtype.itemsize, one))
    head = _head([(one, tensors[one]) for one in ordered], metadata)
    digest, size = hashlib.sha256(head), len(head)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            file.write(head)
            for place, one in enumerate(ordered):
                if place == len(ordered) // 2:
                    failpoint.hit("save.write")
                for chunk in _chunks(tensors[one]):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    tick(len(chunk))
            file.flush()
            failpoint.hit("save.sync")
            os.fsync(file.fileno())
    except BaseException:  # a cancel, too, leaves nothing
        path.unlink(missing_ok=True)
        raise
    return MadeFile(name=name, size=size, sha256=digest.hexdigest())


def copy(path: Path, name: str, data: bytes) -> MadeFile:
    """Write a small file whole, and bring it to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return MadeFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def digest_of(path: Path, tick: Tick) -> str:
    """Hash a file, looking at the job meanwhile."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            tick(0)
    return digest.hexdigest()


def _chunks(lazy: Lazy) -> Sequence[memoryview]:
    tensor = lazy.make()
    assert (tensor.dtype, tuple(tensor.shape)) == (lazy.dtype, lazy.shape)
    if not tensor.numel():
        return []
    flat = tensor.contiguous().reshape(-1).view(torch.uint8)
    data = memoryview(flat.numpy())  # type: ignore[arg-type]  # numpy's stubs of Python < 3.12
    return [data[place : place + _CHUNK] for place in range(0, len(data), _CHUNK)]


def _head(tensors: Sequence[tuple[str, Lazy]], metadata: Mapping[str, str]) -> bytes:
    """Make the header, with its length before it; padded, so that the data is aligned."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, lazy in tensors:
        end = place + lazy.bytes
        entries[name] = {
            "dtype": _NAMES[lazy.dtype], "shape": list(lazy.shape), "data_offsets": [place, end],
        }  # fmt: skip
        place = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _stamp(file: int) -> tuple[int, int, int]:
    status = os.fstat(file)
    return status.st_ino, status.st_size, status.st_mtime_ns
