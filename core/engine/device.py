"""The device: which one, in which number format, and how full. The only file that says cuda.

Knows no models and no jobs.
"""

import os
import platform
import warnings
from pathlib import Path

import torch

from core.engine.memory import machine_free, machine_memory, resident
from core.errors import JobError

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class DeviceMissing(JobError):
    """Raised when the configured device is not there; params: device."""

    code = "device_missing"


class Device:
    """Where models run: ``torch`` (a ``torch.device``) and ``dtype`` of their weights there.

    :raises DeviceMissing: when ``name`` asks for a device this machine does not have.
    """

    def __init__(self, name: str = "auto", dtype: str = "auto") -> None:
        self.torch = _choose(name)
        self.dtype = _DTYPES[dtype] if dtype != "auto" else _fitting(self.torch)
        self.is_cpu = self.torch.type == "cpu"

    def title(self) -> str:
        """Name the hardware for people: "NVIDIA H100", "Apple M3", a processor."""
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return _processor()

    def total(self) -> int:
        """Count the bytes of the device's memory; of the machine for the CPU and mps."""
        if self.torch.type == "cuda":
            return int(torch.cuda.mem_get_info(self.torch)[1])
        return machine_memory()

    def used(self) -> int:
        """Count the bytes in use on the device; by this process for the CPU."""
        if self.torch.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch)
            return int(total - free)
        if self.torch.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return resident()

    def free(self) -> int:
        """Count the bytes that can be allocated: free ones and those torch keeps in reserve."""
        if self.torch.type == "cuda":
            free = torch.cuda.mem_get_info(self.torch)[0]
            reserve = torch.cuda.memory_reserved(self.torch)
            return int(free + reserve - torch.cuda.memory_allocated(self.torch))
        return max(0, machine_free())

    def peak(self) -> int:
        """Count the most bytes that tensors have taken since ``reset_peak``; 0 if unknown."""
        return torch.cuda.max_memory_allocated(self.torch) if self.torch.type == "cuda" else 0

    def reset_peak(self) -> None:
        """Start a new measurement of the peak."""
        if self.torch.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.torch)

    def synchronize(self) -> None:
        """Wait until the device has done everything it was given."""
        if self.torch.type == "cuda":
            torch.cuda.synchronize(self.torch)
        elif self.torch.type == "mps":
            torch.mps.synchronize()

    def empty_cache(self) -> None:
        """Give memory that torch keeps in reserve back to the device."""
        if self.torch.type == "cuda":
            torch.cuda.empty_cache()
        elif self.torch.type == "mps":
            torch.mps.empty_cache()


def set_threads(count: int) -> None:
    """Let CPU work use ``count`` threads; 0 means one for each core we may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wanted = count or cores or 1
    # Never said again what holds already: once it is called, every other thread's operations
    # take twice as long on two cores (its own OpenMP team beside this thread's; 0.65 s a picture
    # against 0.30 s).
    if wanted != torch.get_num_threads():
        torch.set_num_threads(wanted)


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory, of device or machine, was not enough."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # torch raises a plain RuntimeError when the CPU's allocator fails, and on mps.
    text = str(error) if isinstance(error, RuntimeError) else ""
    return "can't allocate memory" in text or "out of memory" in text


def poisoned(error: BaseException) -> bool:
    """Say whether an error leaves the device unusable for this process."""
    if out_of_memory(error):
        return False
    if isinstance(error, torch.AcceleratorError):
        return True
    text = str(error) if isinstance(error, RuntimeError) else ""
    return "CUDA error" in text or "cuDNN error" in text or "CUBLAS_STATUS" in text


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
