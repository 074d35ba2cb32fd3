"""The device: chosen by itself, and what its errors mean."""

import pytest
import torch

from core.engine.device import Device, DeviceMissing, out_of_memory, poisoned, set_threads
from core.engine.memory import machine_free, machine_memory, resident


def test_the_processor_works_in_float32_unless_asked_otherwise() -> None:
    assert Device("cpu").dtype is torch.float32
    assert Device("cpu", "bfloat16").dtype is torch.bfloat16
    assert Device("cpu").is_cpu
    assert Device("cpu").title()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    assert Device("auto").torch.type in ("cpu", "mps")
    with pytest.raises(DeviceMissing, match="cuda:1"):
        Device("cuda:1")


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), True, False),
        (MemoryError(), True, False),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False, False),
        (ValueError("CUDA error"), False, False),
    ],
)
def test_errors_are_sorted_by_what_mends_them(error: Exception, memory: bool, lost: bool) -> None:
    assert (out_of_memory(error), poisoned(error)) == (memory, lost)


def test_figures_of_memory_are_plausible() -> None:
    assert 1 << 24 < resident() < machine_memory()
    assert 0 < machine_free() <= machine_memory()
    assert Device("cpu").free() > 0
    assert Device("cpu").used() > 1 << 24


def test_threads_are_as_many_as_asked_for() -> None:
    before = torch.get_num_threads()
    set_threads(1)
    assert torch.get_num_threads() == 1
    set_threads(0)
    assert torch.get_num_threads() >= 1
    torch.set_num_threads(before)
