"""Sharing: two processes take the steps that one would take with a batch twice as large."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

from core.records.recipe import Recipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STEPS = 3


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def shared(folder: Path, recipe: Recipe, devices: int, out: Path) -> list[list[float]]:
    """Run in processes of their own; give the losses that each knows."""
    told = msgspec.json.encode(recipe).decode()
    port = str(free_port())
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.engine.train.sharing", str(folder), told, str(devices),
             str(STEPS), str(out / f"{devices}-{rank}.pt")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {
                "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(devices)
    ]  # fmt: skip
    losses = []
    for child in children:
        said, wrong = child.communicate(timeout=250)
        assert child.returncode == 0, wrong[-3000:]
        losses.append(json.loads(said.splitlines()[-1]))
    return losses


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_are_one_with_the_same_batch(
    sd1: Path, tmp_path: Path, accumulate: int
) -> None:
    fields = {"method": "full", "prior": "images", "precision": "float32", "accumulate": accumulate}
    (one,) = shared(sd1, Recipe(**fields, batch=2), 1, tmp_path)  # type: ignore[arg-type]
    two, other = shared(sd1, Recipe(**fields, batch=1), 2, tmp_path)  # type: ignore[arg-type]
    assert two == other
    assert two == pytest.approx(one, rel=1e-6)
    alone, first, second = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1")
    )
    for name, tensor in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - tensor).abs().max() < 1e-6, name
