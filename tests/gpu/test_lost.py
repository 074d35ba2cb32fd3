"""A card that is lost to its process: the process ends, and the next one works."""

import os
import signal
import time
from typing import Any

import pytest
import torch

from core.graph.catalogue import Resource
from core.ipc import exits
from core.ipc.commands import RunGraph
from core.ipc.reports import Fatal, JobDone, JobProgressed
from core.records.graph import Graph
from tests.engine.pictures import draw, node
from tests.engine.process import PATIENCE

pytestmark = [pytest.mark.gpu, pytest.mark.slow, pytest.mark.timeout(300)]

FREED = 5.0  # seconds after a kill within which the card's memory is back
NEAR = 64 << 20  # bytes


@pytest.mark.parametrize("noticed", [True, False])
def test_an_assert_on_the_device_ends_the_process_and_the_next_one_works(
    start: Any, resources: dict[str, Resource], noticed: bool
) -> None:
    engine = start()
    graph = Graph(nodes=[node("it", "mine.assert", noticed=noticed)])
    engine.send(RunGraph(job="assert", graph=graph))
    assert "CUDA error" in engine.wait(Fatal).reason
    assert engine.child.wait(PATIENCE) == exits.POISON
    assert start().run("next", draw(64), JobDone, resources=resources).images


def test_a_kill_in_the_middle_of_a_kernel_frees_the_cards_memory(
    start: Any, card: torch.device
) -> None:
    torch.zeros(1, device=card)  # this process's own context is there before the first look
    before = torch.cuda.mem_get_info(card)[0]
    engine = start()
    engine.send(RunGraph(job="busy", graph=Graph(nodes=[node("it", "mine.busy")])))
    engine.wait(JobProgressed, "busy")
    while torch.cuda.mem_get_info(card)[0] > before - (2 << 30):
        assert engine.child.poll() is None
    os.kill(engine.child.pid, signal.SIGKILL)
    since = time.monotonic()
    while torch.cuda.mem_get_info(card)[0] < before - NEAR:
        assert time.monotonic() - since < FREED
    assert engine.child.wait(PATIENCE) == -signal.SIGKILL
