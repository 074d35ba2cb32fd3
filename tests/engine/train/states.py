"""Small nets that truly train, their states, and what tells two states apart."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.engine.train.keep import structure
from core.engine.train.keep.state import State

KEY = b"k" * 32


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def step(module: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> float:
    """Take a step whose data are a function of its number."""
    drawn = torch.Generator().manual_seed(number)
    loss = module(torch.randn(4, 6, generator=drawn)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def state(number: int = 3, metric: float | None = None, *, ema: bool = True, **extra: Any) -> State:
    """Give a state after so many steps of a small net under AdamW."""
    module = net()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    for at in range(number):
        step(module, optimizer, at)
    weights = structure.copied(module.state_dict())
    return State(
        step=number, position=number * 2, trainable=weights,
        optimizer=structure.copied(optimizer.state_dict()),
        ema={name: one * 0.5 for name, one in weights.items()} if ema else {},
        extra=extra, metric=metric,
    )  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Say whether two trees are equal to the bit, types of containers and numbers included."""
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.reshape(-1).view(torch.uint8).equal(other.reshape(-1).view(torch.uint8))
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (one != one and other != other))


def equal(one: State, other: State) -> bool:
    """Say whether two states are equal to the bit."""
    parts = ("step", "position", "trainable", "optimizer", "ema", "extra", "metric")
    return all(same(getattr(one, part), getattr(other, part)) for part in parts)


def names(folder: Path) -> set[str]:
    """List a folder; nothing where there is none."""
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
