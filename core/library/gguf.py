"""The header of a GGUF file: names, types and shapes, read without the weights.

GGUF versions 2 and 3 (ggml's docs/gguf.md), little-endian: magic, version, counts, then key and
value pairs, then one entry a tensor. As bounded and strict as ``header``. Sides stand in the file
with the innermost first, and are turned around here, so that shapes read as those of torch.
"""

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.errors import Invalid
from core.library.header import MAX_HEADER, MAX_TENSORS, Header, Tensor

T = TypeVar("T")
MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_PAIRS = 4096
_MAX_RANK = 4
_MAX_NAME = 65_535  # bytes, of keys and names
_MAX_ITEMS = 1_000_000  # texts in all lists: a vocabulary has some 300,000
_SHOWN = 4096  # bytes of a text value that are kept
_NUMBERS = {  # number of a value's type → struct's code
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9
_TYPES = {  # ggml's number of a type → name, values a block, bytes a block
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4),
    27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
}  # fmt: skip
_FILES = {  # general.file_type → how people call it
    0: "fp32", 1: "fp16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 32: "bf16",
}  # fmt: skip


def is_gguf(path: Path) -> bool:
    """Say whether a file begins as one.

    :raises OSError: when it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(4) == MAGIC


def read_gguf(path: Path) -> Header:
    """Read and check a header; the weights stay on disk.

    ``metadata`` holds the numbers and texts as text, and ``general.variant`` for its quantisation.

    :raises Invalid: ``gguf_invalid`` with the reason.
    :raises OSError: when the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        text = file.read(min(size, MAX_HEADER))
    return parse_gguf(text, size)


def parse_gguf(text: bytes, size: int) -> Header:
    """Check a header against the size of its file.

    :param text: the file's start, 25 MB of it at most.
    :raises Invalid: ``gguf_invalid`` with the reason.
    """
    reader = _Reader(text)
    if reader.take(4) != MAGIC:
        raise _invalid("magic")
    if reader.number("I") not in _VERSIONS:
        raise _invalid("version")
    tensors, pairs = int(reader.number("Q")), int(reader.number("Q"))
    if tensors > MAX_TENSORS or pairs > _MAX_PAIRS:
        raise _invalid("too many entries")
    metadata = _named(reader, pairs, _Reader.value)
    found = _named(reader, tensors, _Reader.tensor)
    place = 0
    for _, _, offset, length in sorted(found.values(), key=lambda one: one[2:]):
        if offset < place:
            raise _invalid("overlap")
        place = offset + length
    if _aligned(reader.place, metadata) + place > size and found:
        raise _invalid("data size")
    metadata.pop("general.variant", None)  # it is ours
    number = metadata.get("general.file_type", "")
    if number.isdigit() and int(number) in _FILES:
        metadata["general.variant"] = _FILES[int(number)]
    return Header(
        tensors={
            name: Tensor(dtype, shape, offset, offset + length)
            for name, (dtype, shape, offset, length) in found.items()
        },
        metadata=metadata,
    )


def _named(reader: "_Reader", count: int, take: Callable[["_Reader"], T]) -> dict[str, T]:
    """Take entries that each have their name before them."""
    found: dict[str, T] = {}
    for _ in range(count):
        name = reader.text()
        if name in found:
            raise _invalid("duplicate name")
        found[name] = take(reader)
    return found


def _aligned(place: int, metadata: dict[str, str]) -> int:
    told = metadata.get("general.alignment", "32")
    alignment = int(told) if told.isdigit() else 0
    if alignment not in (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096):
        raise _invalid("alignment")
    return -(-place // alignment) * alignment


class _Reader:
    """Takes values off the start of a file, never past its end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._items = 0
        self.place = 0

    def take(self, count: int) -> bytes:
        """Take so many bytes."""
        if count > len(self._content) - self.place:
            raise _invalid("too short")
        self.place += count
        return self._content[self.place - count : self.place]

    def number(self, code: str) -> int | float:
        """Take a number of one of ``struct``'s codes."""
        found: int | float = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return found

    def text(self, most: int = _MAX_NAME) -> str:
        """Take a text with its length before it."""
        length = int(self.number("Q"))
        if length > most:
            raise _invalid("text length")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise _invalid("not UTF-8") from error

    def value(self) -> str:
        """Take a value; a number or a text as text, a list as nothing."""
        kind = int(self.number("I"))
        if kind == _TEXT:
            return self.text(MAX_HEADER)[:_SHOWN]
        if kind in _NUMBERS:
            return str(self.number(_NUMBERS[kind]))
        if kind != _ARRAY:
            raise _invalid("type of a value")
        inner, count = int(self.number("I")), int(self.number("Q"))
        if inner in _NUMBERS:
            self.take(count * struct.calcsize("<" + _NUMBERS[inner]))
        elif inner == _TEXT:
            self._items += count
            if self._items > _MAX_ITEMS:
                raise _invalid("too many entries")
            self._pass_texts(count)
        else:
            raise _invalid("type of a value")
        return ""

    def _pass_texts(self, count: int) -> None:
        content, place, last = self._content, self.place, len(self._content) - 8
        for _ in range(count):
            if place > last:
                raise _invalid("too short")
            place += 8 + int.from_bytes(content[place : place + 8], "little")
        self.place = place
        self.take(0)

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """Take a tensor's entry: type, shape, offset in the data, bytes."""
        rank = int(self.number("I"))
        if rank > _MAX_RANK:
            raise _invalid("shape")
        sides = tuple(int(self.number("Q")) for _ in range(rank))
        if any(side >= 2**63 for side in sides):
            raise _invalid("shape")
        kind, offset = int(self.number("I")), int(self.number("Q"))
        if kind not in _TYPES:
            raise _invalid("dtype")
        dtype, values, size = _TYPES[kind]
        if sides and sides[0] % values:
            raise _invalid("size of a tensor")
        return dtype, sides[::-1], offset, math.prod(sides) // values * size


def _invalid(reason: str) -> Invalid:
    return Invalid("gguf_invalid", reason=reason)
