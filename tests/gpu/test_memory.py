"""A card that is full: its jobs succeed all the same, or fail alone, and nothing stays behind.

The same promises are kept on the processor by ``tests/engine/diffusion/test_pressure.py`` and
``tests/engine/test_full_process.py``, with a budget in the place of the card.
"""

from typing import Any

import pytest
import torch

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.ladder import Shortage
from core.engine.loader import LazyLoader
from core.engine.residency import Residency, size_of
from core.engine.values import Model
from core.graph.catalogue import Resource
from core.ipc.commands import RunGraph
from core.ipc.reports import Degraded, Hello, JobDone, JobFailed, JobProgressed
from core.paths import shipped
from core.records.graph import Graph
from tests.engine.pictures import draw, node
from tests.engine.process import EngineProcess

pytestmark = [pytest.mark.gpu, pytest.mark.slow, pytest.mark.timeout(300)]

MIB = 1 << 20
LEFT = 64 * MIB  # bytes that may stay: workspaces of libraries
SMALL, LARGE, HUGE = 64, 1536, 4096  # pixels
# MiB. Decoding LARGE takes 651 of tensors, and denoising it without guidance 245; weights are 27,
# and the workspaces of cuBLAS 32 a thread on Hopper. One tensor of HUGE's takes 144 and more.
TIGHT, FULL = 544, 320


def level(engine: EngineProcess, name: str) -> int:
    nodes = [node("it", "mine.level"), node("end", "mine.end", number=("it", "out"))]
    done = engine.run(name, Graph(nodes=nodes), JobDone)
    return int(done.outputs["it.out"])


def test_a_picture_too_large_for_the_cap_succeeds_and_gives_everything_back(
    start: Any, resources: dict[str, Resource]
) -> None:
    free = start()
    large = draw(LARGE, guidance_scale=1.0)
    whole = free.run("whole", large, JobDone, resources=resources)
    assert whole.degraded == []
    assert whole.peak_bytes > TIGHT * MIB

    full = start(memory_mb=TIGHT)
    assert next(r for r in full.seen if isinstance(r, Hello)).memory_total == TIGHT * MIB
    full.run("small", draw(SMALL), JobDone, resources=resources)
    before = level(full, "before")
    tight = full.run("tight", large, JobDone, resources=resources)
    assert 1 <= len(tight.degraded) <= 4
    told = [report for report in full.seen if isinstance(report, Degraded)]
    assert [report.rung for report in told] == tight.degraded
    assert tight.peak_bytes <= TIGHT * MIB
    assert level(full, "after") - before <= LEFT
    assert full.run("again", draw(SMALL), JobDone, resources=resources).degraded == []


def test_what_fits_by_no_means_fails_and_the_job_beside_it_succeeds(
    start: Any, resources: dict[str, Resource]
) -> None:
    engine = start(memory_mb=FULL)
    engine.send(RunGraph(job="beside", graph=draw(SMALL, steps=150), resources=resources))
    while engine.wait(JobProgressed, "beside").phase != "step":
        pass
    failed = engine.run("large", draw(HUGE), JobFailed, resources=resources)
    assert failed.code == "out_of_memory"
    assert int(str(failed.params["needed"])) > 0
    if not any(isinstance(r, JobDone) for r in engine.seen):
        engine.wait(JobDone, "beside")
    assert engine.run("after", draw(SMALL), JobDone, resources=resources).degraded == []


class Asker:
    id = "job"

    def check(self) -> None:
        return None

    def tell(self, phase: str) -> None:
        return None

    def degrade(self, rung: str, shortage: Shortage) -> None:
        return None


def test_a_network_with_its_weights_in_ram_predicts_the_same(card: torch.device) -> None:
    device = Device(str(card), "float32")
    residency = Residency(device, Baton(), LazyLoader())
    handle = Model(identity="starter", path=str(shipped("starter")), family="sd1")
    with residency.use(handle, Asker()) as network, torch.inference_mode():
        latents = torch.rand((2, network.config.in_channels, 8, 8), device=card)
        words = torch.rand((2, 16, network.config.cross_attention_dim), device=card)
        time = torch.tensor([500, 500], device=card)
        expected = network(latents, time, encoder_hidden_states=words)[0]
        before = device.allocated()
        assert residency.offload(network)
        assert before - device.allocated() >= LazyLoader().size(handle, torch.float32) * 0.9
        assert torch.equal(network(latents, time, encoder_hidden_states=words)[0], expected)
    with residency.use(handle, Asker()) as network, torch.inference_mode():
        assert residency.figures()[0] == size_of(network)
        assert torch.equal(network(latents, time, encoder_hidden_states=words)[0], expected)


def test_the_card_measures_what_work_takes(card: torch.device) -> None:
    device = Device(str(card))
    device.prove()
    with device.measure() as usage:
        working = torch.empty(64 * MIB, dtype=torch.uint8, device=card)
        del working
    assert usage.peak == 64 * MIB
    assert device.peak() >= 64 * MIB
    assert 0 < device.free() <= device.total()


def test_the_cards_own_refusal_is_read_for_what_was_lacking(card: torch.device) -> None:
    from core.engine.faults import out_of_memory, requested

    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8, device=card)
    assert out_of_memory(caught.value)
    assert requested(caught.value) == 1 << 50
