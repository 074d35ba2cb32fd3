"""Weights: tensors of safetensors files by name, each read alone into memory of its own.

Files are not mapped: a mapped file that somebody cuts short ends the process, and what is read of
it is counted as ours for as long as the weights live. So a part takes its own bytes and those of
one tensor while it is read. Knows files; neither models nor layouts.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch

from core.errors import Invalid, ModelUnreadable, UnsupportedType
from core.library.header import Header, Tensor, read_header

Tensors = dict[str, torch.Tensor]

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
_SCALE = ".scale_weight"  # beside a weight of 8 bits: what it is to be multiplied by


class Weights:
    """The tensors of some files as if they lay in one.

    :raises ModelUnreadable: model_pickle for a pickle; for a header that is not sound, which is
        also that of a file that was cut short.
    """

    def __init__(self, files: Sequence[Path], model: str) -> None:
        self._model = model
        self._of: dict[str, tuple[Path, Tensor]] = {}
        self._begins: dict[Path, int] = {}
        self.metadata: dict[str, str] = {}
        for file in files:
            header = self._header(file)
            self.metadata |= header.metadata
            self._of |= {name: (file, tensor) for name, tensor in header.tensors.items()}
            ends = max((tensor.end for tensor in header.tensors.values()), default=0)
            self._begins[file] = file.stat().st_size - ends

    def __contains__(self, name: str) -> bool:
        """Say whether there is a tensor of this name."""
        return name in self._of

    @property
    def names(self) -> Iterable[str]:
        """List the tensors' names."""
        return self._of.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        """Give a tensor's shape."""
        return self._of[name][1].shape

    def bytes(self, names: Iterable[str], dtype: torch.dtype) -> int:
        """Count the bytes that tensors will take once they are read."""
        return sum(self._empty(name, dtype).nbytes for name in names)

    def outlines(self, names: Mapping[str, str]) -> Tensors:
        """Give tensors of the right shapes that hold nothing, by new names: old → new."""
        return {new: self._empty(name, torch.float32) for name, new in names.items()}

    def read(self, names: Mapping[str, str], dtype: torch.dtype) -> Tensors:
        """Read tensors and give them new names: old → new. What is no integer comes in ``dtype``.

        :raises ModelUnreadable: model_nonfinite for a weight that is not a number or infinite.
        :raises ValueError: for a number format that torch does not have.
        :raises OSError: when the file cannot be read.
        """
        made: Tensors = {}
        for file in self._begins:
            own = [name for name in names if self._of[name][0] == file]
            if not own:
                continue
            with open(file, "rb", buffering=0) as opened:
                for name in sorted(own, key=lambda each: self._of[each][1].start):
                    made[names[name]] = self._one(opened, name, dtype)
        return made

    def prove(self, name: str, tensor: torch.Tensor) -> None:
        """Look whether every number of a weight is one.

        :raises ModelUnreadable: model_nonfinite.
        """
        # A sum is finite where all are, and costs no memory; one of huge numbers is looked at.
        if not tensor.sum(dtype=torch.float32).isfinite() and not tensor.isfinite().all():
            raise ModelUnreadable("model_nonfinite", model=self._model, tensor=name[:200])

    def _one(self, opened: BinaryIO, name: str, dtype: torch.dtype) -> torch.Tensor:
        stored = self._raw(opened, name)
        if not stored.is_floating_point():
            return stored
        tensor = stored.to(dtype)
        stem = name.removesuffix(".weight")
        if stored.itemsize == 1 and stem != name and stem + _SCALE in self._of:
            file, _ = self._of[stem + _SCALE]
            with open(file, "rb", buffering=0) as beside:
                tensor = tensor * self._raw(beside, stem + _SCALE).to(dtype)
        self.prove(name, tensor)
        return tensor

    def _raw(self, opened: BinaryIO, name: str) -> torch.Tensor:
        file, entry = self._of[name]
        kind = _kind(entry)
        flat = torch.empty(entry.end - entry.start, dtype=torch.uint8)
        opened.seek(self._begins[file] + entry.start)
        view, read = memoryview(flat.numpy().data), 0
        while read < len(view):
            # A system reads 2 GiB at once at most.
            taken = opened.readinto(view[read : read + (1 << 30)])  # type: ignore[attr-defined]
            if not taken:
                raise ModelUnreadable("model_changed", model=self._model)
            read += taken
        return flat.view(kind).reshape(entry.shape)

    def _empty(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        entry = self._of[name][1]
        kind = _kind(entry)
        return torch.empty(
            entry.shape, dtype=dtype if kind.is_floating_point else kind, device="meta"
        )

    def _header(self, file: Path) -> Header:
        try:
            return read_header(file)
        except UnsupportedType as error:
            raise ModelUnreadable("model_pickle", model=self._model) from error
        except (Invalid, OSError) as error:
            reason: Any = error.params.get("reason") if isinstance(error, Invalid) else error
            raise ModelUnreadable(model=self._model, reason=str(reason)[:500]) from error


def _kind(entry: Tensor) -> torch.dtype:
    kind = _DTYPES.get(entry.dtype)
    if kind is None:
        raise ValueError(f"weights of the number format {entry.dtype}")
    return kind
