"""Weights visit the device for the turn of their block, and lie in RAM before and after."""

from typing import Any

import pytest
import torch
from diffusers.hooks import apply_layerwise_casting
from torch import nn

from core.engine.carrier import Carrier, _groups, place_of

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


@torch.inference_mode()
def test_streamed_it_computes_the_same_and_is_an_ordinary_module_afterwards() -> None:
    block = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(288, 2))
    given, carrier = torch.rand((1, 3, 8, 8)), Carrier(torch.device("cpu"), streams=True)
    expected = block(given)
    carrier.offload(block)
    assert carrier.streamed(block)
    assert place_of(block) == torch.device("cpu")
    assert torch.equal(block(given), expected)
    assert torch.equal(block(given), expected)
    carrier.restore(block)
    assert not carrier.streamed(block)
    assert torch.equal(block(given), expected)
    for one in block.modules():
        assert not {"_diffusers_hook", "forward", "_offloaded"} & one.__dict__.keys()


def test_streamed_weights_move_outside_of_inference_mode() -> None:
    """Inside of it they could not take each other's place, nor be trained afterwards."""
    block, carrier = nn.Sequential(nn.Linear(2, 2)), Carrier(torch.device("cpu"), streams=True)
    carrier.offload(block)
    (group,) = _groups(block)
    inside: list[bool] = []
    hooked = block[0]._diffusers_hook.get_hook("group_offloading")
    moved = group._onload_from_memory
    group._onload_from_memory = lambda: (inside.append(torch.is_inference_mode_enabled()), moved())
    assert hooked.group is group
    with torch.inference_mode():
        block(torch.ones((1, 2)))
    assert inside == [False]


def test_hooks_of_others_stay_when_streaming_ends() -> None:
    """Such as those that keep weights in a smaller number format than they work in."""
    block = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    apply_layerwise_casting(block, torch.bfloat16, torch.float32)
    given = torch.rand((1, 4))
    expected = block(given)
    carrier = Carrier(torch.device("cpu"), streams=True)
    with torch.inference_mode():
        carrier.offload(block)
        assert torch.equal(block(given), expected)
        carrier.restore(block)
        assert torch.equal(block(given), expected)
    assert block[0].weight.dtype == torch.bfloat16


def test_alone_it_is_streamed_and_shared_it_is_not() -> None:
    block, carrier = nn.Sequential(nn.Linear(2, 2)), Carrier(torch.device("cpu"), streams=True)
    carrier.offload(block, shared=True)
    assert not carrier.streamed(block)
    assert not list(_groups(block))


class Packed(nn.Parameter):
    """A weight that is more than its numbers, as those in fewer bits are."""

    def __new__(cls, data: torch.Tensor, scale: float = 1.0) -> "Packed":
        made = torch.Tensor._make_subclass(cls, data, False)
        made.scale = scale  # type: ignore[attr-defined]
        return made

    def to(self, *args: Any, **kwargs: Any) -> "Packed":  # type: ignore[override]
        return Packed(self.data.to(*args, **kwargs), self.scale)  # type: ignore[attr-defined]


class Scaling(nn.Module):
    """Multiplies by what its weight knows beside its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Packed(torch.ones(2), scale=3.0)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given * self.weight.as_subclass(torch.Tensor) * self.weight.scale  # type: ignore[attr-defined]


@torch.inference_mode()
def test_packed_weights_keep_what_they_know_and_are_not_streamed() -> None:
    block, carrier = nn.Sequential(Scaling()), Carrier(torch.device("cpu"), streams=True)
    carrier.offload(block)
    assert not carrier.streamed(block)
    assert torch.equal(block(torch.ones(2)), torch.full((2,), 3.0))
    carrier.restore(block)
    assert torch.equal(block(torch.ones(2)), torch.full((2,), 3.0))


class Coder(nn.Module):
    """Works by another way than its forward, as autoencoders do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.decode(given)

    def decode(self, given: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.inner(given)
        return made


@pytest.mark.parametrize("block", [Coder(), nn.ModuleDict({"network": nn.Linear(2, 2)})])
def test_what_is_not_called_itself_is_not_streamed(block: nn.Module) -> None:
    """The order of its layers would never be learned."""
    carrier = Carrier(torch.device("cpu"), streams=True)
    carrier.offload(block)
    assert not carrier.streamed(block)
    carrier.restore(block)
