"""What an adapter adds is what peft's own layers, or the formula written out, would add."""

from typing import Any

import peft
import pytest
import torch
from torch import nn

from core.engine.adapters import deltas
from tests.engine.adapter_files import draw

KINDS = {"linear": (12, 8), "convolution": (12, 8, 3, 3), "point": (12, 8, 1, 1)}


def layer(shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(1)
    if len(shape) == 2:
        return nn.Linear(shape[1], shape[0])
    return nn.Conv2d(shape[1], shape[0], shape[2])


def config(kind: str, **more: Any) -> Any:
    if kind == "loha":
        return peft.LoHaConfig(target_modules=["0"], r=4, alpha=8, init_weights=False, **more)
    if kind == "lokr":
        return peft.LoKrConfig(target_modules=["0"], r=2, alpha=4, init_weights=False, **more)
    return peft.LoraConfig(
        target_modules=["0"], r=4, lora_alpha=8, init_lora_weights=False,
        use_dora=kind == "dora", **more,
    )  # fmt: skip


ROLES = {"lora_A.weight": "down", "lora_B.weight": "up", "lora_magnitude_vector": "magnitude"}


@pytest.mark.parametrize("shape", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("lora", {}),
        ("dora", {}),
        ("loha", {}),
        ("loha", {"use_effective_conv2d": True}),
        ("lokr", {}),
        ("lokr", {"use_effective_conv2d": True}),
        ("lokr", {"decompose_both": True}),
    ],
)
def test_a_change_is_the_one_of_peft(kind: str, more: dict[str, Any], shape: tuple[int]) -> None:
    base = nn.Sequential(layer(shape))
    weight = base[0].weight.detach().clone()
    torch.manual_seed(2)
    model = peft.get_peft_model(base, config(kind, **more))
    if kind == "dora":
        for name, one in model.named_parameters():
            if "magnitude" in name:
                one.data.mul_(1.5)
    saved = peft.get_peft_model_state_dict(model)
    tensors = {}
    for name, one in saved.items():
        tail = name.removeprefix("base_model.model.0.")
        tensors[ROLES.get(tail.removesuffix(".weight") if "magn" in tail else tail, tail)] = one
    scale = 2.0 if kind in ("lora", "dora") else model.base_model.model[0].scaling["default"]
    added = deltas.changed(weight, tensors, scale)
    assert added is not None
    merged = model.merge_and_unload()[0].weight
    assert (merged - weight).abs().max() > 1e-3
    assert torch.allclose(weight + added, merged, atol=1e-5)


@pytest.mark.parametrize("half", [0.0, 0.5])
def test_a_learned_length_of_inputs_is_taken_as_trainers_store_it(half: float) -> None:
    weight, factors = draw(6, 4, seed=1), {"up": draw(6, 2), "down": draw(2, 4)}
    length = draw(1, 4, seed=3).abs() + 1
    added = deltas.changed(weight, {**factors, "dora_scale": length}, 0.5)
    assert added is not None
    moved = weight + 0.5 * factors["up"] @ factors["down"]
    whole = moved * length / moved.norm(dim=0, keepdim=True)
    assert torch.allclose(weight + added, whole, atol=1e-6)
    assert torch.allclose(weight + half * added, weight + half * (whole - weight), atol=1e-6)


def test_convolutions_with_a_core_are_multiplied_out() -> None:
    up, core, down = draw(6, 2, 1, 1), draw(2, 2, 3, 3), draw(2, 4, 1, 1)
    made = deltas.changed(torch.zeros(6, 4, 3, 3), {"up": up, "mid": core, "down": down}, 1.0)
    assert made is not None
    for row in range(6):
        for column in range(4):
            expected = sum(
                up[row, a, 0, 0] * core[a, b] * down[b, column, 0, 0]
                for a in range(2)
                for b in range(2)
            )
            assert torch.allclose(made[row, column], expected, atol=1e-6)


def test_whole_changes_of_weight_and_bias_are_taken_as_they_are() -> None:
    change, bias = draw(6), draw(6, seed=1)
    made = deltas.changed(torch.ones(6), {"diff": change}, 3.0)
    assert made is not None
    assert torch.equal(made, change * 3.0)
    assert deltas.changed(torch.ones(6), {"diff_b": bias}, 3.0) is None
    found = deltas.changed_bias({"diff_b": bias}, 3.0)
    assert found is not None
    assert torch.equal(found, bias)


@pytest.mark.parametrize(
    "tensors",
    [
        {"up": draw(6, 2)},
        {"up": draw(6, 2), "down": draw(3, 4)},
        {"up": draw(5, 2), "down": draw(2, 4)},
        {"up": draw(4, 2), "down": draw(2, 6)},
        {"lokr_w1": draw(2, 2)},
        {"lokr_w1": torch.tensor(1.0), "lokr_w2": torch.tensor(1.0)},
        {"hada_w1_a": draw(6, 2), "hada_w1_b": draw(2, 4)},
        {"up": draw(6, 2), "down": draw(2, 4), "dora_scale": draw(1, 5)},
        {"up": draw(6, 2), "down": draw(2, 4), "dora_scale": torch.tensor(1.0)},
        {"up": torch.tensor(1.0), "down": torch.tensor(1.0)},
        {"diff": torch.tensor(1.0)},
    ],
)
def test_tensors_that_do_not_fit_are_a_misfit(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(deltas.Misfit):
        deltas.changed(draw(6, 4), tensors, 1.0)
