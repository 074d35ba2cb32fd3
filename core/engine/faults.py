"""Faults: what an error of torch means, and what is read from it. Knows no device and no job.

Two kinds matter. A lack of memory is mended by making room. Poison leaves the device unusable
for this process, and only a new one mends it.
"""

import re
import traceback

import torch

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 1 << 10,
          "MB": 1 << 20, "GB": 1 << 30}  # fmt: skip
# "Tried to allocate 20.00 MiB" of the allocators for CUDA and mps, "you tried to allocate 512
# bytes" of the one for the CPU.
_ASKED = re.compile(rf"[Tt]ried to allocate (\d+(?:\.\d+)?) ({'|'.join(_UNITS)})\b")
# The last is what is left of an error when no workspace that cuDNN proposes can be allocated.
_LACKING = (
    "can't allocate memory", "not enough memory", "out of memory", "unable to find an engine",
)  # fmt: skip
_POISON = ("CUDA error", "cuDNN error", "CUBLAS_STATUS")


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory, of device or machine, was not enough.

    "CUDA error: out of memory" is not such an error but poison: it comes from beside torch's
    allocator, and the calls that follow it fail as well.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError) or poisoned(error):
        return False
    # torch raises a plain RuntimeError when the CPU's allocator fails, and on mps.
    text = str(error)
    return any(words in text for words in _LACKING)


def poisoned(error: BaseException) -> bool:
    """Say whether an error leaves the device unusable for this process."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return False
    text = str(error)
    return isinstance(error, torch.AcceleratorError) or any(words in text for words in _POISON)


def requested(error: BaseException) -> int:
    """Read how many bytes were asked for in vain; 0 where the error does not say."""
    found = _ASKED.search(str(error))
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def forget(error: BaseException) -> None:
    """Let go of all that an error keeps alive: the locals of every frame it passed, its causes."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        one.__traceback__ = None
        pending += (one.__cause__, one.__context__)
