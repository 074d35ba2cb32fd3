"""Sketches of latents on their way: estimates, packed layouts, and maps of autoencoders."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from core.engine.pipelines import load, sketch
from core.engine.pipelines.whole import Pipeline
from core.library import folder
from tests.engine.pipelines.conftest import Written

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


def test_a_straight_flow_is_followed_to_its_end() -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(6)
    source = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(1, 4, 8, 8, generator=source) for _ in range(2))
    latents, before = noise, None
    for timestep in scheduler.timesteps:
        after = scheduler.step(noise - clean, timestep, latents, return_dict=False)[0]
        guess = sketch.estimate(scheduler, before, after)
        if before is not None:
            assert torch.allclose(guess, clean, atol=1e-4)
        before = latents = after
    assert torch.allclose(latents, clean, atol=1e-4)


def test_a_multistep_solver_has_kept_its_guess() -> None:
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler()
    scheduler.set_timesteps(4)
    source = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(1, 4, 8, 8, generator=source) for _ in range(2))
    timestep = scheduler.timesteps[0]
    noised = scheduler.add_noise(clean, noise, timestep[None])
    after = scheduler.step(noise, timestep, noised, return_dict=False)[0]
    assert torch.allclose(sketch.estimate(scheduler, None, after), clean, atol=1e-2)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_packed_latents_are_laid_out_again(channels: int, high: int, wide: int) -> None:
    from diffusers import FluxPipeline

    grid = torch.randn(1, channels, high * 2, wide * 2)
    packed = FluxPipeline._pack_latents(grid, 1, channels, high * 2, wide * 2)
    back = sketch.unpacked(packed, channels, (high * 2, wide * 2))
    assert back is not None
    assert torch.equal(back, grid)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_patches_are_laid_out_as_the_pipeline_does(channels: int, high: int, wide: int) -> None:
    from diffusers import Flux2KleinPipeline

    grid = torch.randn(1, channels, high * 2, wide * 2)
    patches = Flux2KleinPipeline._patchify_latents(grid)
    assert torch.equal(patches, functional.pixel_unshuffle(grid, 2))
    back = sketch.unpacked(Flux2KleinPipeline._pack_latents(patches), channels * 4, (high, wide))
    assert back is not None
    assert torch.equal(back, patches)


@pytest.mark.parametrize("shape", [(1, 5, 4, 4), (1, 3, 16), (1, 4), (1, 4, 2, 4, 4)])
def test_a_layout_that_is_not_known_is_not_shown(shape: tuple[int, ...]) -> None:
    assert sketch.unpacked(torch.zeros(shape), 4, (4, 4)) is None


@pytest.mark.parametrize(
    ("name", "channels", "cells"),
    [("aura", 4, 1), ("sana", 4, 1), ("qwen", 4, 1), ("flux2", 16, 2)],
)
def test_a_map_is_fitted_to_each_kind_of_autoencoder(
    name: str, channels: int, cells: int, written: Written
) -> None:
    path: Path = written(name)
    handle = Pipeline(identity=name, path=str(path), family="generic")
    whole = load.load(handle, torch.float32)
    facts = folder.facts(path)
    assert facts is not None
    assert sketch.known(whole)
    with torch.inference_mode():
        table = sketch.fit(whole, facts.factor)
    assert (table.weight.shape[1], table.scale) == (channels, facts.factor * cells)
    assert torch.isfinite(table.weight).all()


class Strange:
    """An autoencoder of a kind that nobody fitted a map to."""


def test_an_unknown_autoencoder_shows_nothing(written: Written) -> None:
    handle = Pipeline(identity="aura", path=str(written("aura")), family="generic")
    whole: Any = load.load(handle, torch.float32)
    whole.parts["vae"] = Strange()
    assert not sketch.known(whole)
