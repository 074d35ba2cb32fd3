from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from starter.diffusion import DiffusionStage, encode_captions, encode_scenes
from starter.loop import Stage, Stopped, load_checkpoint, save_checkpoint, train, trapezoid
from starter.material import Material
from starter.plan import count_steps
from starter.vae import VaeStage, make_vae

pytestmark = pytest.mark.timeout(120)


def make_vae_stage(material: Material) -> VaeStage:
    pool = material.make_pool(1, material.plan.recipe.pool)
    return VaeStage(pool, size=16, seed=0, total=8, device="cpu")


def make_diffusion_stage(material: Material) -> DiffusionStage:
    torch.manual_seed(0)
    latents = encode_scenes(make_vae(16), len(material.scenes), material.draw, "cpu")
    words = encode_captions(material.scenes, material.subjects, material.tokenizer, 0, 2)
    return DiffusionStage(latents, words, material.tokenizer, size=16, seed=0, device="cpu")


def flatten(state: Any) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state
    kept = (part for part in parts if isinstance(part, dict | list | torch.Tensor))
    return [leaf for part in kept for leaf in flatten(part)]


@pytest.mark.parametrize("make", [make_vae_stage, make_diffusion_stage])
@pytest.mark.slow
def test_a_resumed_run_is_bit_equal_to_one_that_was_never_stopped(
    make: Any, material: Material, tmp_path: Path
) -> None:
    whole: Stage = make(material)
    losses = train(whole, total=8, rate=1e-3, path=tmp_path / "whole")
    begun: Stage = make(material)
    first = train(begun, total=8, rate=1e-3, path=tmp_path / "parts", stop_at=3)
    resumed: Stage = make(material)
    torch.manual_seed(12345)  # whatever else was drawn in between
    rest = train(resumed, total=8, rate=1e-3, path=tmp_path / "parts")
    assert [*first, *rest] == losses
    pairs = zip(flatten(whole.collect()), flatten(resumed.collect()), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_a_finished_run_does_no_more_steps(material: Material, tmp_path: Path) -> None:
    stage = make_vae_stage(material)
    train(stage, total=2, rate=1e-3, path=tmp_path / "a")
    assert train(stage, total=2, rate=1e-3, path=tmp_path / "a") == []


@pytest.mark.slow
def test_the_vae_gets_better(material: Material, tmp_path: Path) -> None:
    stage = make_vae_stage(material)
    losses = train(stage, total=60, rate=3e-3, path=tmp_path / "a", warm_up=5)
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_the_rate_goes_up_stays_and_goes_down_to_nothing() -> None:
    rates = [trapezoid(step, 100, warm_up=10, flat=0.6) for step in range(101)]
    assert rates[:3] == [0.1, 0.2, 0.3]
    assert rates[10:60] == [1.0] * 50
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert rates[100] == 0.0


def test_a_checkpoint_comes_back_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none") is None
    save_checkpoint(tmp_path / "a" / "b.ckpt", {"step": 3, "x": torch.ones(2)})
    state = load_checkpoint(tmp_path / "a" / "b.ckpt")
    assert state is not None
    assert state["step"] == 3
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.ckpt"]


@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_keeps_the_step_it_did(
    material: Material, tmp_path: Path
) -> None:
    path, shown = tmp_path / "a", []
    with pytest.raises(Stopped, match="vae at step 1"):
        train(
            make_vae_stage(material),
            total=4,
            rate=1e-3,
            path=path,
            show=shown.append,
            stopping=lambda: True,
        )
    assert shown == [1]
    assert len(train(make_vae_stage(material), total=4, rate=1e-3, path=path)) == 3


@pytest.mark.parametrize("make", [make_vae_stage, make_diffusion_stage])
@pytest.mark.slow
def test_timing_a_stage_leaves_it_as_it_was(make: Any, material: Material) -> None:
    stage: Stage = make(material)
    before = deepcopy(flatten(stage.collect()))
    assert count_steps(stage, 1.0) > 1
    pairs = zip(flatten(stage.collect()), before, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
