"""Errors are sorted by what mends them, and read for what was lacking, in torch's own words."""

import gc
import weakref

import pytest
import torch

from core.engine.faults import forget, out_of_memory, poisoned, requested

CUDA = (
    "CUDA out of memory. Tried to allocate {}. GPU 0 has a total capacity of 23.65 GiB of which "
    "11.06 MiB is free. Including non-PyTorch memory, this process has 23.60 GiB memory in use."
)
CAPPED = (
    "CUDA out of memory. Tried to allocate 6.24 GiB. GPU 0 has a total capacity of 79.25 GiB of "
    "which 70.10 GiB is free. 4.75 GiB allowed; Of the allocated memory 3.10 GiB is allocated by "
    "PyTorch, and 61.44 MiB is reserved by PyTorch but unallocated."
)
OLD = (
    "CUDA out of memory. Tried to allocate 12.50 MiB (GPU 0; 10.92 GiB total capacity; 8.57 MiB "
    "already allocated; 9.28 GiB free; 4.68 MiB cached)"
)
MPS = (
    "MPS backend out of memory (MPS allocated: 17.83 GB, other allocations: 384.00 KB, max "
    "allowed: 18.13 GB). Tried to allocate 1.50 GB on private pool."
)
CPU = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)"
)
CUDNN = "GET was unable to find an engine to execute this computation"
WINDOWS = (
    "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to "
    "allocate 123 bytes."
)


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError(CUDA.format("20.00 MiB")), True, False),
        (MemoryError(), True, False),
        (RuntimeError(MPS), True, False),
        (RuntimeError(CPU), True, False),
        (RuntimeError(WINDOWS), True, False),
        (RuntimeError(CUDNN), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (RuntimeError("CUDA error: out of memory"), False, True),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), False, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False, False),
        (ValueError("CUDA error: out of memory"), False, False),
    ],
)
def test_errors_are_sorted_by_what_mends_them(error: Exception, memory: bool, lost: bool) -> None:
    assert (out_of_memory(error), poisoned(error)) == (memory, lost)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (CUDA.format("20.00 MiB"), 20 << 20),
        (CUDA.format("2.50 GiB"), 5 << 29),
        (CUDA.format("512.00 KiB"), 512 << 10),
        (CUDA.format("512 bytes"), 512),
        (CAPPED, int(6.24 * (1 << 30))),
        (OLD, 25 << 19),
        (MPS, 3 << 29),
        (CPU, 1 << 32),
        (WINDOWS, 123),
        ("out of memory", 0),
    ],
)
def test_what_was_asked_for_in_vain_is_read_from_the_error(words: str, size: int) -> None:
    assert requested(RuntimeError(words)) == size


def test_the_allocator_of_this_machine_speaks_as_we_read_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert out_of_memory(caught.value)
    assert requested(caught.value) == 1 << 50


def test_a_forgotten_error_keeps_nothing_alive_nor_do_its_causes() -> None:
    gone: list[weakref.ref[torch.Tensor]] = []

    def inner() -> None:
        working = torch.zeros(8)
        gone.append(weakref.ref(working))
        raise RuntimeError("first")

    def outer() -> None:
        working = torch.zeros(8)
        gone.append(weakref.ref(working))
        try:
            inner()
        except RuntimeError as error:
            raise RuntimeError("second") from error

    kept: list[RuntimeError] = []
    try:
        outer()
    except RuntimeError as error:
        kept.append(error)
    gc.collect()
    assert all(ref() is not None for ref in gone)
    forget(kept[0])
    assert [ref() for ref in gone] == [None, None]
