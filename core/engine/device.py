"""The device: which one, in which number format, and how full. The only file that says cuda.

Knows no models and no jobs.
"""

import gc
import os
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch

from core.engine.carrier import Carrier
from core.engine.memory import machine_free, machine_memory, resident, trim
from core.errors import JobError

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class DeviceMissing(JobError):
    """Raised when the configured device is not there; params: device."""

    code = "device_missing"


class Usage(Protocol):
    """The bytes that work done inside of it took at most, over what there was; 0 if unknown."""

    peak: int

    def __enter__(self) -> "Usage": ...

    def __exit__(self, *_: object) -> None: ...


class Unwatched:
    """The usage of work that nobody measures."""

    peak = 0

    def __enter__(self) -> "Unwatched":
        """Begin the work."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""


class Device:
    """Where models run: ``torch`` (a ``torch.device``) and ``dtype`` of their weights there.

    :param limit: bytes of a GPU's memory this process may take at most; 0 means all. The CPU's
        cannot be capped.
    :raises DeviceMissing: when ``name`` asks for a device this machine does not have.
    """

    def __init__(self, name: str = "auto", dtype: str = "auto", limit: int = 0) -> None:
        self.torch = _choose(name)
        self.dtype = _DTYPES[dtype] if dtype != "auto" else _fitting(self.torch)
        self.is_cpu = self.torch.type == "cpu"
        self.counts = self.torch.type == "cuda"  # whether it knows what tensors take
        self.carrier = Carrier(self.torch)
        self._limit = 0 if self.is_cpu else limit
        self._highest = 0
        if self._limit:
            _cap(self.torch, limit)

    def title(self) -> str:
        """Name the hardware for people: "NVIDIA H100", "Apple M3", a processor."""
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return _processor()

    def total(self) -> int:
        """Count the bytes this process may use: the device's, the machine's for CPU and mps."""
        if self.torch.type == "cuda":
            whole = int(torch.cuda.mem_get_info(self.torch)[1])
        else:
            whole = machine_memory()
        return min(whole, self._limit or whole)

    def used(self) -> int:
        """Count the bytes in use on the device; by this process for the CPU."""
        if self.torch.type == "cuda":
            if self._limit:  # others of the card are no part of what is ours
                return _figures(self.torch)("reserved_bytes", "current")
            free, total = torch.cuda.mem_get_info(self.torch)
            return int(total - free)
        if self.torch.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return resident()

    def free(self) -> int:
        """Count the bytes that can be allocated: free ones and those torch keeps in reserve."""
        if self.torch.type == "cuda":
            figures = _figures(self.torch)
            own = figures("allocated_bytes", "current")
            free = torch.cuda.mem_get_info(self.torch)[0] - own
            free += figures("reserved_bytes", "current")
        else:
            free, own = machine_free(), self.used() if self._limit else 0
        return max(0, int(min(free, self._limit - own) if self._limit else free))

    def allocated(self) -> int:
        """Count the bytes that tensors take on the device; 0 if unknown."""
        return _figures(self.torch)("allocated_bytes", "current") if self.counts else 0

    def peak(self) -> int:
        """Count the most bytes that tensors have taken since ``reset_peak``; 0 if unknown."""
        self.note_peak()
        return self._highest

    def reset_peak(self) -> None:
        """Start a new count of the peak."""
        self._highest = 0
        if self.torch.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.torch)

    def note_peak(self) -> int:
        """Keep the allocator's peak for ``peak``, and give it, before a measurement resets it."""
        highest = _figures(self.torch)("allocated_bytes", "peak") if self.counts else 0
        self._highest = max(self._highest, highest)
        return highest

    def measure(self, watch: bool = True) -> Usage:
        """Measure what the work inside takes, unless nobody wants to know.

        One at a time: whoever measures holds the baton.
        """
        return _Measure(self) if watch and self.torch.type == "cuda" else Unwatched()

    def fetch(self, tensor: torch.Tensor) -> torch.Tensor:
        """Give what the device made, in RAM."""
        return tensor.to("cpu")

    def prove(self) -> None:
        """Let the device add two numbers, and wait for the sum: what is lost shows here.

        :raises RuntimeError: when it cannot; then it is lost to this process.
        """
        one = torch.ones(1, device=self.torch)
        if float((one + one).item()) != 2.0:
            raise RuntimeError("CUDA error: one and one are not two")

    def empty_cache(self) -> None:
        """Give memory that torch keeps in reserve back to the device."""
        if self.torch.type == "cuda":
            # Workspaces of cuBLAS, one for each thread that ever multiplied, count as tensors.
            torch._C._cuda_clearCublasWorkspaces()
            torch.cuda.empty_cache()
        elif self.torch.type == "mps":
            torch.mps.empty_cache()


def give_back(device: Device) -> None:
    """Give all memory back that nothing needs: the device's, and the machine's."""
    gc.collect()
    device.empty_cache()
    if device.torch.type == "cuda":
        torch._C._host_emptyCache()  # what was pinned
    trim()


def count(device: Device) -> int:
    """Count the devices of one's kind that a training may share: of CPUs the cores."""
    if device.torch.type == "cuda":
        return torch.cuda.device_count()
    return _cores() if device.is_cpu else 1


def has_bfloat16() -> bool:
    """Say whether a GPU of this machine computes in bfloat16."""
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def set_threads(count: int) -> None:
    """Let CPU work use ``count`` threads.

    0 means as many as ``OMP_NUM_THREADS`` says, without it one for each core we may run on.
    """
    if not count and os.environ.get("OMP_NUM_THREADS"):
        return  # torch has read it
    wanted = count or _cores()
    # Never said again what holds already: once it is called, every other thread's operations
    # take twice as long on two cores (its own OpenMP team beside this thread's; 0.65 s a picture
    # against 0.30 s).
    if wanted != torch.get_num_threads():
        torch.set_num_threads(wanted)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Measure:
    """Reads the allocator's peak before and after."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._before = 0
        self.peak = 0

    def __enter__(self) -> "_Measure":
        self._device.note_peak()
        torch.cuda.reset_peak_memory_stats(self._device.torch)
        self._before = self._device.allocated()
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = max(0, self._device.note_peak() - self._before)


def _figures(device: torch.device) -> Callable[[str, str], int]:
    """Ask the allocator once; give what looks up its figures: of what, and "current" or "peak"."""
    # Nested, as torch counts them: the flat form sorts some two hundred keys at each call.
    figures = torch.cuda.memory_stats_as_nested_dict(device)
    return lambda name, which: int(figures[name]["all"][which]) if figures else 0


def _cap(device: torch.device, limit: int) -> None:
    """Let this process take at most ``limit`` bytes of a device, where torch can see to it."""
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), device)
    elif device.type == "mps":
        recommended = torch.mps.recommended_max_memory()
        torch.mps.set_per_process_memory_fraction(min(2.0, limit / recommended))


def _choose(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        index = device.index or 0
        if index >= torch.cuda.device_count():
            raise DeviceMissing(device=name)
        return torch.device("cuda", index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceMissing(device=name)
    return device


def _fitting(device: torch.device) -> torch.dtype:
    """Choose float16 on GPUs (float32 where it is slow), float32 on the CPU.

    float16 and not bfloat16: the sd1 and sdxl families were trained and are published in it.
    """
    if device.type == "cuda":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            major, _ = torch.cuda.get_device_capability(device)
        return torch.float16 if major >= 6 else torch.float32
    return torch.float16 if device.type == "mps" else torch.float32


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "CPU"
