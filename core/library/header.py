"""The header of a safetensors file: names, types and shapes, read without the weights.

Bounded and strict, for files from anywhere: nothing is trusted, nothing is unpickled. Knows
nothing of models.
"""

import json
import math
import os
import re
import struct
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.errors import Invalid, UnsupportedType

MAX_HEADER = 25 * 1000 * 1000  # bytes
MAX_TENSORS = 32_768
_MAX_WIDE = 4 * 1000 * 1000  # bytes of a header that is not ASCII
_SMALL = 1000 * 1000  # bytes
_PIECE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|,', re.DOTALL)  # a text, or a comma outside of one
_MAX_PIECES = 20 * MAX_TENSORS  # a tensor has ten, and one for each side
_ENTRY = {"dtype", "shape", "data_offsets"}
_MAX_RANK = 16
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
    "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
PICKLES = (b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(1, 6)))


class Tensor(Struct, frozen=True):
    """One tensor: its type, its shape, its bytes in the data after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Header(Struct, frozen=True, kw_only=True):
    """What a safetensors file says of itself."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape; empty where there is none of that name."""
        tensor = self.tensors.get(name)
        return tensor.shape if tensor else ()


def read_header(path: Path) -> Header:
    """Read and check a header; the weights stay on disk.

    :raises UnsupportedType: ``model_format_unsafe`` for a pickle, whatever its name says.
    :raises Invalid: ``safetensors_invalid`` with the reason.
    :raises OSError: when the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(9)
        if len(start) < 9:
            raise _invalid("too short")
        (length,) = struct.unpack("<Q", start[:8])
        if length == 0 or length > MAX_HEADER or 8 + length > size or start[8:] != b"{":
            if start.startswith(PICKLES):
                raise UnsupportedType("model_format_unsafe")
            raise _invalid("header length")
        file.seek(8)
        return parse_header(file.read(length), size - 8 - length)


def parse_header(text: bytes, data_size: int) -> Header:
    """Check a header's JSON against the number of bytes that follow it.

    :raises Invalid: ``safetensors_invalid`` with the reason.
    """
    if len(text) > _MAX_WIDE and not text.isascii():
        raise _invalid("header length")  # one wide character makes all four bytes wide
    if len(text) > _SMALL:
        _count(text)
    try:
        plain = text.decode()
    except UnicodeDecodeError as error:
        raise _invalid("not JSON") from error
    del text  # so that it is not in memory twice
    entries = _json(plain)
    metadata = entries.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise _invalid("metadata")
    place = 0
    tensors: dict[str, Tensor] = entries
    if not all(isinstance(entry, Tensor) for entry in tensors.values()):
        raise _invalid("entry")
    for tensor in sorted(tensors.values(), key=lambda one: (one.start, one.end)):
        if tensor.start != place:
            raise _invalid("hole" if tensor.start > place else "overlap")
        place = tensor.end
    if place != data_size:
        raise _invalid("data size")
    return Header(tensors=tensors, metadata=metadata)


def _count(text: bytes) -> None:
    """Refuse JSON of too many values before they are objects, which are fifty times as large."""
    for number, _ in enumerate(_PIECE.finditer(text)):
        if number > _MAX_PIECES:
            raise _invalid("too many tensors")


def _json(text: str) -> dict[str, Any]:
    """Read an object of entries; each becomes a tensor at once, which takes a fifth of the room."""
    seen = 0

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Tensor:
        nonlocal seen
        seen += 1
        if seen > MAX_TENSORS + 2 or len(pairs) > MAX_TENSORS + 1:
            raise _invalid("too many tensors")
        made = dict(pairs)
        if len(made) != len(pairs):
            raise _invalid("duplicate name")
        if made.keys() == _ENTRY and not any(isinstance(one, Tensor) for one in made.values()):
            return _tensor(made)
        return made

    try:
        entries = json.loads(text, object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _invalid("not JSON") from error
    if not isinstance(entries, dict):
        raise _invalid("not an object")
    return entries


def _tensor(entry: dict[str, Any]) -> Tensor:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _invalid("dtype")
    if not _counts(shape) or len(shape) > _MAX_RANK:
        raise _invalid("shape")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _invalid("offsets")
    if math.prod(shape) * BITS[dtype] != (offsets[1] - offsets[0]) * 8:
        raise _invalid("size of a tensor")
    return Tensor(sys.intern(dtype), tuple(shape), offsets[0], offsets[1])


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 2**63 for number in value
    )


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _invalid(reason: str) -> Invalid:
    return Invalid("safetensors_invalid", reason=reason)
