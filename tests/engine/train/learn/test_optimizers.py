"""Optimizers: rows of groups, decay only where it belongs, and libraries that may be missing."""

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from torch import nn

from core.engine.train.learn.optimizers import made
from core.errors import Invalid
from core.records.recipe import Optimizer, Recipe

LIBRARIES = {"adamw8bit": "bitsandbytes", "prodigy": "prodigyopt", "came": "came_pytorch"}


def groups(*, decay: bool = True) -> list[Any]:
    torch.manual_seed(0)
    net = nn.Linear(4, 4)
    rows = nn.Parameter(torch.randn(2, 4))
    return [
        SimpleNamespace(name="unet", params=[net.weight], lr=1e-2, decay=decay),
        SimpleNamespace(name="unet", params=[net.bias], lr=1e-2, decay=False),
        SimpleNamespace(name="te", params=[], lr=1e-2, decay=True),
        SimpleNamespace(name="emb", params=[rows], lr=1e-1, decay=False),
    ]


def test_only_groups_that_decay_do_and_empty_ones_are_left_out() -> None:
    rows = made(groups(), Recipe(weight_decay=0.5)).param_groups
    assert [(row["name"], row["lr"], row["weight_decay"]) for row in rows] == [
        ("unet", 1e-2, 0.5),
        ("unet", 1e-2, 0.0),
        ("emb", 1e-1, 0.0),
    ]


@pytest.mark.parametrize("name", get_args(Optimizer))
def test_an_optimizer_moves_every_group_or_says_which_library_it_lacks(name: Any) -> None:
    some = groups()
    before = [one.detach().clone() for group in some for one in group.params]
    if name in LIBRARIES and find_spec(LIBRARIES[name]) is None:
        with pytest.raises(Invalid) as caught:
            made(some, Recipe(optimizer=name))
        assert caught.value.name == "optimizer_unavailable"
        assert caught.value.params == {"optimizer": name, "library": LIBRARIES[name]}
        return
    optimizer = made(some, Recipe(optimizer=name))
    params = [one for group in some for one in group.params]
    for one in params:
        one.grad = torch.ones_like(one)
    optimizer.step()
    assert all(not torch.equal(was, one) for was, one in zip(before, params, strict=True))


def test_a_step_of_ours_is_a_step_of_torchs_own() -> None:
    ours, theirs = groups(decay=False), groups(decay=False)
    mine = made(ours, Recipe())
    plain = torch.optim.AdamW(
        [{"params": group.params, "lr": group.lr} for group in theirs],
        weight_decay=0.0, fused=False, foreach=False,
    )  # fmt: skip
    for optimizer, some in ((mine, ours), (plain, theirs)):
        for _ in range(3):
            for group in some:
                for one in group.params:
                    one.grad = one.detach() * 2
            optimizer.step()
    for mine_group, plain_group in zip(ours, theirs, strict=True):
        for one, other in zip(mine_group.params, plain_group.params, strict=True):
            assert torch.allclose(one, other, atol=1e-6)


def test_gradients_of_half_precision_can_be_clipped_before_the_step() -> None:
    assert made(groups(), Recipe(precision="float16")).defaults["fused"] is False
    assert made(groups(), Recipe(precision="bfloat16")).defaults["fused"] is True
