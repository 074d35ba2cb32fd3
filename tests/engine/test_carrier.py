"""Weights visit the device for the turn of their block, and lie in RAM before and after."""

import pytest
import torch
from torch import nn

from core.engine.carrier import Carrier, place_of

ELSEWHERE = torch.device("meta")  # a device that every machine has


class Watched(nn.Linear):
    """Notes where its weights are while it runs; fails when told to."""

    seen: str = ""
    fails = False

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        self.seen = self.weight.device.type
        if self.fails:
            raise RuntimeError("out of memory")
        return super().forward(given)


@pytest.fixture
def module() -> nn.Sequential:
    return nn.Sequential(Watched(2, 3), Watched(3, 2))


def places(module: nn.Module) -> set[str]:
    return {parameter.device.type for parameter in module.parameters()}


@torch.inference_mode()
def test_each_block_has_its_weights_on_the_device_for_its_turn(module: nn.Sequential) -> None:
    before = [parameter.data_ptr() for parameter in module.parameters()]
    Carrier(ELSEWHERE).offload(module)
    assert place_of(module) == ELSEWHERE
    assert module(torch.ones((1, 2), device=ELSEWHERE)).device == ELSEWHERE
    assert [block.seen for block in module] == ["meta", "meta"]
    assert [parameter.data_ptr() for parameter in module.parameters()] == before


@torch.inference_mode()
def test_a_block_that_fails_leaves_nothing_on_the_device(module: nn.Sequential) -> None:
    Carrier(ELSEWHERE).offload(module)
    module[1].fails = True  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="out of memory"):
        module(torch.ones((1, 2), device=ELSEWHERE))
    assert module[1].seen == "meta"
    assert places(module) == {"cpu"}


@torch.inference_mode()
def test_restored_it_is_an_ordinary_module(module: nn.Sequential) -> None:
    carrier = Carrier(ELSEWHERE)
    carrier.offload(module)
    carrier.restore(module)
    assert place_of(module) == torch.device("cpu")
    assert module(torch.ones((1, 2))).device == torch.device("cpu")
    assert [block.seen for block in module] == ["cpu", "cpu"]
    carrier.restore(module)
