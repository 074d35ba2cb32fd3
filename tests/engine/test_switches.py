"""Models come and go in a real engine, and what they took is given back."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.graph.catalogue import Resource
from core.ipc.reports import JobDone
from tests.bench import memory
from tests.bench.memory import FLAT, SETTLED, SWITCHES, Models, resident, started, switch, unload
from tests.engine.pictures import draw
from tests.engine.process import EngineProcess
from tests.engine.tiny import SIZE, write_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
MIB = 1 << 20
LARGE = 300 * MIB  # bytes of the weights of a model that is worth giving back
ROUNDS = 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return memory.write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    with started(tmp_path, threads=1) as made:
        yield made


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def write_large(folder: Path) -> Resource:
    """Write a model whose denoiser has random weights of 300 MB and more."""
    import torch
    from diffusers import UNet2DConditionModel

    write_model(folder)
    torch.manual_seed(0)
    network = UNet2DConditionModel(
        sample_size=SIZE // 4, in_channels=6, out_channels=6, block_out_channels=(256, 768),
        layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=24,
        attention_head_dim=4, norm_num_groups=8,
    )  # fmt: skip
    network.save_pretrained(folder / "unet")
    assert sum(one.nbytes for one in network.parameters()) >= LARGE
    return Resource(
        id="m", kind="checkpoint", path=str(folder), identity="large", family="sd1", name="large",
        format="diffusers",
    )  # fmt: skip


def test_unloading_gives_everything_back(
    engine: EngineProcess, models: Models, tmp_path: Path
) -> None:
    large = write_large(tmp_path / "large")
    levels: list[int] = []
    for turn in range(ROUNDS):
        engine.run(f"starter-{turn}", draw(64, steps=1), JobDone, resources={"m": models.one})
        engine.run(f"large-{turn}", draw(32, steps=1), JobDone, resources={"m": large})
        loaded = resident(engine)
        levels.append(unload(engine))
        say(f"loaded {loaded / MIB:.0f} MiB, unloaded {levels[-1] / MIB:.0f}")
        assert loaded - levels[-1] >= LARGE
    # What the first round leaves is the libraries' own, and a pool more or less stays with each
    # thread: what a model left behind would be there once for every round.
    assert min(levels[-2:]) - min(levels[1:3]) <= FLAT


@pytest.mark.parametrize("room", [0, 32], ids=["for both", "for one"])
def test_a_hundred_switches_leave_memory_flat(models: Models, tmp_path: Path, room: int) -> None:
    with started(tmp_path, threads=1, ram_budget_mb=room) as engine:
        made = switch(engine, models, SWITCHES)
    say(f"{made.levels[SETTLED - 1] / MIB:.0f} MiB, in the end {made.levels[-1] / MIB:.0f}")
    assert abs(made.rise()) <= FLAT


def test_a_model_that_is_resident_is_at_hand_at_once(models: Models) -> None:
    assert max(memory.again(models)[2:]) <= memory.SOON
