"""A twin shares what does not differ, down to the tensor, and no hook of the other."""

import pytest
import torch
from torch import nn

from core.engine.adapters.twin import twin
from tests.engine.tiny import Tiny


class Holder(nn.Module):
    """Holds a tensor of its own beside its children."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.ones(3))
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.second(self.first(given)) + self.shift
        return made


def test_what_is_not_changed_is_the_same_tensor() -> None:
    base = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    made, own = twin(base, {"1.0": {"weight": torch.zeros(3, 3)}})
    assert made[0] is base[0]  # type: ignore[index]
    assert {name for name, one in made.named_parameters() if one not in set(base.parameters())} == {
        "1.0.weight", "1.0.bias",
    }  # fmt: skip
    assert sum(one.numel() for one in own.parameters()) == 12
    assert not base.get_submodule("1.0").weight.eq(0).any()


def test_a_module_with_tensors_is_copied_whole_where_something_in_it_changes() -> None:
    base = nn.Sequential(Holder(), Holder())
    made, own = twin(base, {"0.first": {"weight": torch.zeros(3, 3)}})
    shared = {id(one) for one in base.parameters()}
    assert {name for name, one in made.named_parameters() if id(one) in shared} == {
        name for name, _ in base.named_parameters() if name.startswith("1.")
    }
    assert [type(one) for one in own] == [Holder]  # type: ignore[attr-defined]
    given = torch.rand((2, 3))
    expected = base[0].second(base[0].first.bias.expand(2, 3)) + base[0].shift
    assert torch.equal(made[0](given), expected)  # type: ignore[index]


def test_hooks_of_either_are_not_of_both() -> None:
    base = nn.Sequential(nn.Sequential(nn.Linear(3, 3)))
    made, _ = twin(base, {"0.0": {"weight": torch.zeros(3, 3)}})
    called = []
    base[0].register_forward_hook(lambda *_: called.append("base"))
    made[0].register_forward_hook(lambda *_: called.append("made"))  # type: ignore[index]
    made(torch.rand((1, 3)))
    assert called == ["made"]


@pytest.mark.parametrize("changed", ["encoder.layers.0.self_attn.q_proj", "final_layer_norm"])
@torch.inference_mode()
def test_hidden_states_are_told_once_for_each_layer(tiny: Tiny, changed: str) -> None:
    module = tiny.encoder.get_submodule(changed)
    made, _ = twin(tiny.encoder, {changed: {"weight": module.weight.detach().clone()}})
    ids = torch.tensor([[188, 5, 189]])
    plain = tiny.encoder(ids, output_hidden_states=True).hidden_states
    for one in (made, tiny.encoder, made):
        states = one(ids, output_hidden_states=True).hidden_states
        assert len(states) == len(plain) == 3
        assert all(torch.equal(a, b) for a, b in zip(states, plain, strict=True))
